"""The door of serving: a model becomes a folder that needs NumPy only."""

from __future__ import annotations

import gc
import os
import pathlib
import tempfile
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from rushlight._version import __version__
from rushlight.arrays import Array
from rushlight.errors import explain
from rushlight.graph import (
    Graph,
    Node,
    drop_dead,
    fold_batch_norm,
    fold_constants,
    record,
)
from rushlight.graph.calls import input_names
from rushlight.io import save_file, write_text
from rushlight.nn.module import Module
from rushlight.serve import quantize
from rushlight.serve.checking import (
    ask,
    flat_arrays,
    imported,
    inputs_like,
    rounding,
    tensors_in,
    worst_error,
)
from rushlight.serve.faults import ExportError
from rushlight.serve.folder import new_folder, refuse_existing
from rushlight.serve.passes import fuse_relu, name_folded
from rushlight.serve.quantize import Int8Report
from rushlight.serve.readme import readme
from rushlight.serve.writer import UNKNOWN, unsupported, write
from rushlight.tape import wrap

__all__ = ["Report", "export"]

_ROUNDED = 1e-5  # beyond this an error is no rounding


@dataclass
class Report:
    """What was written, and how near it is to the model.

    Attributes:
        folder: where it lies.
        files: bytes of each file.
        layers: calls in predict, after folding.
        parameters: numbers in the weights.
        max_error: the largest difference from the model's output (relative to outputs above 1)
            over `checked`; with int8 that of float32, before the weights were rounded.
        checked: the inputs that were compared.
        int8: what int8 has changed; None without it.
    """

    folder: str
    files: dict[str, int]
    layers: int
    parameters: int
    max_error: float
    checked: list[str] = field(default_factory=list)
    int8: Int8Report | None = None

    def __str__(self) -> str:
        total = sum(self.files.values())
        lines = [
            f"{self.folder}: {total / 1000:,.0f} KB, code {self.files['model.py'] / 1000:,.0f} KB, "
            f"{self.parameters:,} numbers, {self.layers} calls",
            f"largest error {self.max_error:.2g} ({', '.join(self.checked)})",
        ]
        if self.int8 is not None:
            lines.append(_int8_line(self.int8))
        return "\n".join(lines)


def _int8_line(found: Int8Report) -> str:
    what = "weights and activations" if found.activations else "weights"
    text = f"int8 {what} of {found.layers} layers: outputs change by {found.mean_error:.2g}"
    text += f", at most {found.max_error:.2g}, over {found.samples:,} samples"
    if found.before is not None and found.after is not None:
        text += f"; {found.figure} {found.before:.6g} -> {found.after:.6g}"
    return text


def export(
    model: Module,
    example: Any,
    folder: str | os.PathLike[str],
    *,
    int8: Any = None,
    int8_activations: bool = True,
    percentile: float = 100.0,
    batch_axis: int | Mapping[str, int | None] | None = 0,
    names: Sequence[str] | None = None,
    notes: str = "",
    overwrite: bool = False,
    tolerance: float | None = None,
) -> Report:
    """Write a folder whose `model.py` computes the model with NumPy alone.

    The folder has model.py (`predict(array)`; `python model.py input.npy output.npy`;
    `python model.py --check`), weights.safetensors, README.md and the example's inputs and outputs.
    What does not depend on the inputs is computed beforehand, batch norm is folded into the layers
    before it. The batch may have any size. The folder appears whole, after its outputs have been
    compared with the model's on the example, on batches of other sizes and on random inputs.

    Args:
        model: a module; it is exported in evaluation mode and not changed.
        example: a tensor or array that the model takes, or a tuple of them.
        folder: the folder to write; the one around it must exist.
        int8: a calibration set: an iterable, which is gone through three times, of inputs or of
            pairs (inputs, target). Weights of linear layers and convolutions are then stored in
            one byte each. Default: None, float32.
        int8_activations: with int8, round the inputs of these layers to 8 bits as well, as integer
            hardware does; False: weights only. Default True.
        percentile: of the elements that the range of activations holds, in percent; 100 (the
            default) takes the extremes, 99.9 leaves the outermost out.
        batch_axis: which axis of the inputs counts samples: one for all, or by input name (None:
            the input has none); None: all sizes are the example's. Default 0.
        names: of the inputs; default: those of forward's parameters.
        notes: text for README.md, such as how inputs are to be prepared.
        overwrite: take the place of an earlier export. Default False.
        tolerance: the largest error allowed, as a part of outputs above 1. Default: 1e-6, or, where
            that is more, twice the model's own error beside float64, which rounding has left
            open, but at most 1e-5.

    Returns:
        The report: sizes, errors, what int8 has changed.

    Raises:
        ExportError: calls that NumPy alone cannot do, all of them named, or outputs that are not
            the model's. Nothing is written.
        RecordError: the model's calls depend on the elements of its inputs.
        FileExistsError: the folder is there.

    Example:
        >>> import pathlib, tempfile
        >>> import rushlight as rl
        >>> model = rl.nn.Sequential(rl.nn.Linear(3, 8), rl.nn.ReLU(), rl.nn.Linear(8, 2))
        >>> outside = tempfile.TemporaryDirectory()
        >>> report = export(model, rl.zeros(4, 3), pathlib.Path(outside.name, "served"))
        >>> sorted(report.files)
        ['README.md', 'example_input_0.npy', 'example_output_0.npy', 'model.py',
         'weights.safetensors']
        >>> report.max_error <= 1e-6
        True
        >>> outside.cleanup()
    """
    target = pathlib.Path(folder)
    refuse_existing(target, overwrite)
    if not 50.0 < percentile <= 100.0:
        raise ValueError(explain("export", got=f"percentile={percentile}", expected="50 to 100"))
    job = _Job(model, example, batch_axis, names, tolerance)
    if int8 is not None:
        job.calibrate(int8, int8_activations, percentile)
    with new_folder(target, overwrite) as made:
        report = job.fill(made, notes)
        if os.name == "nt":
            gc.collect()  # there a folder whose weights are mapped cannot be renamed
    report.folder = os.fspath(folder)
    return report


class _Job:
    """One export: the graph, what it is compared with, and what int8 makes of it."""

    def __init__(
        self, model: Module, example: Any, batch_axis: Any, names: Any, tolerance: float | None
    ) -> None:
        self.model, self.tolerance = model, tolerance
        self.nested = _nested(example)
        self.arrays = tensors_in(self.nested)
        self.names = list(names) if names is not None else input_names(model, *self.nested)
        self.axes = _batch_axes(batch_axis, self.names, self.arrays)
        self.graph = self._recorded()
        self.labels = _labels(model)
        self.title = f"{type(model).__name__}, exported from Rushlight {__version__}; NumPy only."
        self.how: dict[str, Any] = {}
        self.int8: Int8Report | None = None

    def _recorded(self) -> Graph:
        dynamic = {
            n: {a: "batch"} for n, a in zip(self.names, self.axes, strict=True) if a is not None
        }
        graph = record(self.model, *self.nested, dynamic, names=self.names)
        fold_constants(graph)
        fold_batch_norm(graph)
        drop_dead(graph)
        fuse_relu(graph)
        name_folded(graph)
        lines = unsupported(graph)
        if lines:
            expected = "calls that NumPy alone can do"
            got = f"{len(lines)} that it cannot: {'; '.join(lines)}"
            raise ExportError(explain("export", got=got, expected=expected))
        return graph

    # ---- writing

    def put(self, folder: pathlib.Path, **how: Any) -> Any:
        """Write code and weights into a folder and return the module."""
        found = write(self.graph, self.title, self.labels, **how)
        path = folder / "weights.safetensors"
        save_file(found.weights, path, {"made_for": found.digest})
        with open(path, "rb") as file:
            header = file.read(int.from_bytes(file.read(8), "little"))
        write_text(folder / "model.py", found.code.replace(UNKNOWN, f"{zlib.crc32(header):08x}", 1))
        return imported(folder)

    def fill(self, folder: pathlib.Path, notes: str) -> Report:
        """Write the files of a folder, compared with the model."""
        error, checked = 0.0, list[str]()
        if self.int8 is None:
            module = self.put(folder)
            error, checked = self.compare(module)
        else:
            with tempfile.TemporaryDirectory() as plain:
                error, checked = self.compare(self.put(pathlib.Path(plain)))
            module = self.put(folder, **self.how)
        outputs = flat_arrays(module.predict(*self.arrays))
        for kind, arrays in (("input", self.arrays), ("output", outputs)):
            for i, array in enumerate(arrays):
                np.save(folder / f"example_{kind}_{i}.npy", array)
        numbers = sum(a.size for n, a in module.W.items())
        report = Report("", {}, len(self.graph.nodes), numbers, error, checked, self.int8)
        write_text(folder / "README.md", readme(self.title, self.graph, report, notes))
        report.files = {path.name: path.stat().st_size for path in sorted(folder.iterdir())}
        return report

    def compare(self, module: Any) -> tuple[float, list[str]]:
        """Return the largest error and over what; refuse one that is too large."""
        worst, checked = 0.0, list[str]()
        pairs = zip(self.arrays, self.axes, strict=True)
        batch = next((a.shape[axis] for a, axis in pairs if axis is not None), None)
        for what, arrays in inputs_like(
            self.arrays, self.axes, batch or 1, "batch" in self.graph.ones
        ):
            if batch is None and what.startswith("a batch"):
                continue
            wanted = ask(self.model, self.nested, arrays)
            error = worst_error(flat_arrays(module.predict(*arrays)), wanted)
            self.refuse(error, what, arrays, wanted)
            worst = max(worst, error)
            checked.append(what)
        return worst, checked

    def refuse(self, error: float, what: str, arrays: list[Array], wanted: list[Array]) -> None:
        """Refuse an error that is too large."""
        allowed = 1e-6 if self.tolerance is None else self.tolerance
        if error <= allowed:
            return
        if self.tolerance is None:
            own = rounding(self.model, self.nested, arrays, wanted)
            allowed = max(allowed, min(2 * own, _ROUNDED))
        if not error <= allowed:
            fix = "the model changes from call to call, or computes outside of tensors"
            if error < 1e-3:
                fix = "sums of many numbers are rounded: allow more, or export in float64"
            got, expected = f"an error of {error:.3g} on {what}", f"at most {allowed:.3g}"
            raise ExportError(explain("export", got=got, expected=expected, fix=fix))

    # ---- int8

    def calibrate(self, data: Any, activations: bool, percentile: float) -> None:
        """Choose scales by a calibration set and measure what they change."""
        if iter(data) is data:
            data = list(data)  # it is gone through several times
        nodes = quantize.layers(self.graph)
        if not nodes:
            got, expected = "a model without them", "linear layers or convolutions in float32"
            raise ExportError(explain("int8", got=got, expected=expected))
        labels = {node: f"{i} {node.where}" for i, node in enumerate(nodes)}
        self.how = {"scales": quantize.scales(nodes)}
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder)
            if activations:
                self.how["grids"] = self._seen(path, data, labels, percentile)
            plain = self.put(path)
            with tempfile.TemporaryDirectory() as other:
                rounded = self.put(pathlib.Path(other), **self.how)
                report = Int8Report(len(nodes), activations)
                axis = self.axes[0] or 0
                self.int8 = quantize.compared(
                    plain.predict, rounded.predict, data, len(self.arrays), axis, report
                )
        if not self.int8.samples:
            got, expected = "no samples", "an iterable of inputs, or of (inputs, target)"
            raise ExportError(explain("int8 calibration", got=got, expected=expected))

    def _seen(
        self, folder: pathlib.Path, data: Any, labels: dict[Node, str], percentile: float
    ) -> dict[Node, tuple[float, int, int]]:
        watching = self.put(folder, observe=labels)
        watching.BOUNDS[:] = [100.0 - percentile, percentile]
        for arrays, _ in quantize.batches(data, len(self.arrays)):
            watching.predict(*arrays)
        seen = watching.OBSERVED
        if not seen:
            got, expected = "no samples", "an iterable of inputs, or of (inputs, target)"
            raise ExportError(explain("int8 calibration", got=got, expected=expected))
        return quantize.grids(seen, labels, mean=percentile < 100.0)


def _nested(example: Any) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """Return the example as arguments, arrays as tensors."""

    def tensors(value: Any) -> Any:
        if isinstance(value, np.ndarray):
            return wrap(value)
        if type(value) in (tuple, list):
            return type(value)(tensors(item) for item in value)
        return value

    args = example if isinstance(example, tuple) else (example,)
    nested: Any = tuple(tensors(item) for item in args), {}
    if not tensors_in(nested):
        got = f"an example of type {type(example).__name__}"
        raise TypeError(
            explain("export", got=got, expected="a tensor or array, or a tuple of them")
        )
    return nested


def _batch_axes(given: Any, names: list[str], arrays: list[Array]) -> list[int | None]:
    """Return the axis of the batch for each input, counted from the front."""
    by_name = given if isinstance(given, Mapping) else dict.fromkeys(names, given)
    unknown = [name for name in by_name if name not in names]
    if unknown:
        expected = f"inputs: {', '.join(names)}"
        raise ValueError(explain("batch_axis", got=repr(unknown[0]), expected=expected))
    found: list[int | None] = []
    for name, array in zip(names, arrays, strict=True):
        axis = by_name.get(name)
        if axis is not None and not -array.ndim <= axis < array.ndim:
            got, expected = (
                f"axis {axis} for {name!r} {array.shape}",
                "an axis that it has, or None",
            )
            raise ValueError(explain("batch_axis", got=got, expected=expected))
        found.append(None if axis is None else axis % array.ndim)
    return found


def _labels(model: Module) -> dict[str, str]:
    """Return what each layer without layers of its own is, in a line."""
    return {
        path: " ".join(repr(module).split())
        for path, module in model.named_modules()
        if not list(module.children())
    }
