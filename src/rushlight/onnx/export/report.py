"""What an export tells: its errors, and the report of what was written."""

from __future__ import annotations

from dataclasses import dataclass, field

__all__ = ["ExportError", "Report"]


class ExportError(ValueError):
    """A model that ONNX cannot express, or whose ONNX form computes something else."""


@dataclass
class Report:
    """What was written, and how near its results are to the model's.

    Attributes:
        path: of the file.
        opset: version of the operators.
        errors: for each output, the largest difference between onnxruntime and the model over all
            runs; empty with `check=False`.
        limits: for each output, what the difference may be.
        nodes: how many nodes of each operator there are.
        parameters: how many numbers the parameters and buffers hold.
        size: bytes of all that was written.
        runs: the sizes of the dynamic axes in each run.
    """

    path: str
    opset: int
    errors: dict[str, float] = field(default_factory=dict)
    limits: dict[str, float] = field(default_factory=dict)
    nodes: dict[str, int] = field(default_factory=dict)
    parameters: int = 0
    size: int = 0
    runs: list[dict[str, int]] = field(default_factory=list)

    @property
    def max_error(self) -> float:
        """The largest difference of all outputs; nan if none was computed."""
        return max(self.errors.values(), default=float("nan"))

    def __str__(self) -> str:
        kinds = ", ".join(f"{count} {op}" for op, count in self.nodes.items())
        lines = [
            f"{self.path}: {self.size:,} bytes, opset {self.opset}, {self.parameters:,} parameters",
            f"{sum(self.nodes.values())} nodes: {kinds}",
        ]
        for name, error in self.errors.items():
            limit = self.limits[name]
            lines.append(f"{name}: max error {error:.1e} against onnxruntime (limit {limit:.1e})")
        if not self.errors:
            lines.append("not compared with onnxruntime (check=False)")
        return "\n".join(lines)
