"""int8: which weights become bytes, and to which grid the inputs of their layers are rounded.

Weights are symmetric, one scale for each output channel: w = scale * q, q from -127 to 127.
Activations are affine, one scale for each tensor, over the range that calibration saw, 0 included:
x = scale * (q - zero), q from 0 to 255. This is what integer hardware takes (ONNX QLinearConv, the
int8 kernels of CPUs).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from rushlight.arrays import Array
from rushlight.errors import explain
from rushlight.graph import Graph, Node, Value
from rushlight.serve.checking import differences, flat_arrays
from rushlight.serve.faults import ExportError

__all__ = ["Int8Report", "batches", "compared", "grids", "layers", "scales"]

_OPS = ("linear", "conv")


@dataclass
class Int8Report:
    """What int8 has changed, measured over the calibration set.

    Attributes:
        layers: how many linear layers and convolutions have int8 weights.
        activations: whether their inputs are rounded to 8 bits, too.
        samples: how many samples there were.
        max_error, mean_error: of the outputs, beside those of float32.
        same_class: the share of samples whose largest output is the same; None where the first
            output is no row of scores.
        before, after: accuracy or MSE in float32 and in int8; None without targets.
        figure: what `before` and `after` are: "accuracy", "mse" or "".
    """

    layers: int
    activations: bool
    samples: int = 0
    max_error: float = 0.0
    mean_error: float = 0.0
    same_class: float | None = None
    before: float | None = None
    after: float | None = None
    figure: str = ""


def layers(graph: Graph) -> list[Node]:
    """Return the linear layers and convolutions whose weights can be bytes."""
    users = graph.users()

    def fits(node: Node) -> bool:
        weight = node.inputs[1]
        held = isinstance(weight, Value) and weight.array is not None
        return held and weight.dtype == np.float32 and weight not in graph.outputs

    found = [node for node in graph.nodes if node.op in _OPS and fits(node)]
    alone = set(found)
    return [
        node
        for node in found
        if all(u in alone and u.inputs[1] is node.inputs[1] for u in users[node.inputs[1]])
        and all(u.inputs[0] is not node.inputs[1] for u in users[node.inputs[1]])
    ]


def scales(nodes: Iterable[Node]) -> dict[Value, Array]:
    """Return the scales of the output channels of each weight; 1 for a channel of zeros."""
    found: dict[Value, Array] = {}
    for node in nodes:
        weight = node.inputs[1]
        largest = np.abs(weight.array).reshape(weight.shape[0], -1).max(axis=1)
        found[weight] = np.where(largest > 0, largest / np.float32(127), 1).astype(np.float32)
    return found


def grids(
    seen: Mapping[str, Sequence[tuple[float, float]]], names: Mapping[Node, str], mean: bool
) -> dict[Node, tuple[float, int, int]]:
    """Return for each layer the scale of its input, and the range in steps of it.

    Args:
        seen: by name, the lower and upper bound that each batch had.
        names: of the layers.
        mean: take the mean over batches (of percentiles), not the outermost.
    """
    found: dict[Node, tuple[float, int, int]] = {}
    for node, name in names.items():
        bounds = np.array(seen[name], np.float64)
        low, high = bounds.mean(0) if mean else (bounds[:, 0].min(), bounds[:, 1].max())
        if not np.isfinite([low, high]).all():
            got = f"inputs of {node.where or node.op} from {low} to {high}"
            raise ExportError(explain("int8 calibration", got=got, expected="finite ones"))
        low, high = min(low, 0.0), max(high, 0.0)
        scale = float(np.float32((high - low) / 255)) or 1.0
        zero = round(-low / scale)
        found[node] = (scale, -zero, 255 - zero)
    return found


def batches(data: Any, count: int) -> Iterator[tuple[list[Array], Array | None]]:
    """Yield inputs and target (or None) of each batch of a calibration set.

    Args:
        data: iterable of inputs, or of pairs of inputs and targets.
        count: how many inputs the model takes; several of them are a tuple.

    Raises:
        TypeError: for other items.
    """
    for item in data:
        parts = list(item) if isinstance(item, (tuple, list)) else [item]
        target = None
        paired = len(parts) == count + 1 if count == 1 else len(parts) == 2
        if paired and (count == 1 or isinstance(parts[0], (tuple, list))):
            parts, target = (list(parts[:1]) if count == 1 else list(parts[0])), parts[-1]
        if len(parts) != count:
            got = f"an item of {len(parts)} arrays"
            expected = f"{count} inputs, or a pair (inputs, target)"
            raise TypeError(explain("int8 calibration", got=got, expected=expected))
        arrays = flat_arrays(parts)
        yield arrays, None if target is None else flat_arrays([target])[0]


@dataclass
class _Sums:
    samples: int = 0
    largest: float = 0.0
    total: float = 0.0
    count: int = 0
    same: int = 0
    scored: int = 0
    judged: int = 0
    figures: list[float] = field(default_factory=lambda: [0.0, 0.0])
    kind: str = ""


def compared(
    before: Any, after: Any, data: Any, inputs: int, axis: int, report: Int8Report
) -> Int8Report:
    """Fill in what int8 changes over a calibration set.

    Args:
        before, after: predict in float32 and in int8.
        data: the calibration set.
        inputs: how many inputs there are.
        axis: of the batch in the first input.
        report: what is filled in.
    """
    sums = _Sums()
    for arrays, target in batches(data, inputs):
        plain, rounded = (flat_arrays(f(*arrays)) for f in (before, after))
        largest, total, count = differences(rounded, plain)
        sums.samples += arrays[0].shape[axis]
        sums.largest, sums.total = max(sums.largest, largest), sums.total + total
        sums.count += count
        _classes(sums, plain[0], rounded[0], target)
    report.samples, report.max_error = sums.samples, sums.largest
    report.mean_error = sums.total / max(sums.count, 1)
    report.same_class = sums.same / sums.scored if sums.scored else None
    if sums.judged:
        report.figure = sums.kind
        report.before, report.after = (figure / sums.judged for figure in sums.figures)
    return report


def _classes(sums: _Sums, plain: Array, rounded: Array, target: Array | None) -> None:
    scores = plain.ndim == 2 and plain.shape[1] > 1
    if scores:
        sums.same += int((plain.argmax(1) == rounded.argmax(1)).sum())
        sums.scored += len(plain)
    if target is None:
        return
    if scores and target.dtype.kind in "iu" and target.shape == plain.shape[:1]:
        sums.kind = "accuracy"
        sums.judged += len(target)
        for i, y in enumerate((plain, rounded)):
            sums.figures[i] += float((y.argmax(1) == target).sum())
    elif target.shape == plain.shape:
        sums.kind = "mse"
        sums.judged += target.size
        for i, y in enumerate((plain, rounded)):
            sums.figures[i] += float(np.square(y.astype(np.float64) - target).sum())
    else:
        got = f"targets {target.dtype.name} {target.shape} for outputs {plain.shape}"
        expected = "class numbers, one for each row of scores, or numbers like the outputs"
        raise ExportError(explain("int8 calibration", got=got, expected=expected))
