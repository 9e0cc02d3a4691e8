"""README.md of an exported folder."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rushlight.graph import Graph, Value

if TYPE_CHECKING:
    from rushlight.serve.export import Report

__all__ = ["readme"]


def readme(title: str, graph: Graph, report: Report, notes: str) -> str:
    """Return the text.

    Args:
        title: the first line of model.py.
        graph: what was exported.
        report: what was found.
        notes: the user's own, in front of the rest.
    """
    arguments = ", ".join(value.name.replace(".", "_") for value in graph.inputs)
    files = " ".join(f"input_{i}.npy" for i in range(len(graph.inputs)))
    made = " ".join(f"output_{i}.npy" for i in range(len(graph.outputs)))
    lines = [f"# {title}", ""]
    lines += [notes.strip(), ""] if notes.strip() else []
    lines += [
        "`model.py` and `weights.safetensors` belong together and need Python 3.11 and NumPy",
        "1.26, or later ones, and a folder on the disk, not in a zip file. A batch is computed as",
        "a whole: pass many samples in batches of some hundreds.",
        "",
        "```python",
        "from model import predict",
        "",
        f"output = predict({arguments})",
        "```",
        "",
        "```sh",
        f"python model.py {files} {made}",
        "python model.py --check   # compare with the example of the export",
        "```",
        "",
        "| | dtype | shape |",
        "|---|---|---|",
        *[_row("input", value) for value in graph.inputs],
        *[_row("output", value) for value in graph.outputs],
        "",
        "A name in a shape stands for any size. Floats of another width are converted, other",
        "kinds of numbers are refused.",
        "",
        f"Largest error beside the model, relative to outputs above 1: {report.max_error:.2g} "
        f"({', '.join(report.checked)}).",
    ]
    return "\n".join([*lines, *_int8(report), ""])


def _row(kind: str, value: Value) -> str:
    sizes = ", ".join(map(str, value.shape)) + ("," if len(value.shape) == 1 else "")
    name = f"{kind} {value.name}" if kind == "input" else kind
    return f"| {name} | {value.dtype.name} | ({sizes}) |"


def _int8(report: Report) -> list[str]:
    found = report.int8
    if found is None:
        return []
    lines = [
        "",
        f"The weights of {found.layers} layers are stored in int8 (symmetric, one scale for each",
        "output channel) and brought to float32 when they are loaded.",
    ]
    if found.activations:
        lines += [
            "The inputs of these layers are rounded to 8 bits (affine, one scale for each tensor),",
            "as integer hardware does. example_output is that of this model.",
        ]
    lines += [
        f"Over {found.samples:,} samples of calibration the outputs differ from float32 by "
        f"{found.mean_error:.2g} on average, at most by {found.max_error:.2g}."
    ]
    if found.before is not None and found.after is not None:
        lines[-1] += f" {found.figure.capitalize()}: {found.before:.6g} -> {found.after:.6g}."
    return lines
