"""Padding and cropping of ONNX."""

from __future__ import annotations

from typing import Any

import numpy as np

import rushlight.functional as F
from rushlight.errors import ShapeError, explain
from rushlight.onnx.load.table import Node, operator
from rushlight.onnx.load.values import Value, carried, ints, scalar

__all__: list[str] = []

_MODES = ("reflect", "edge", "wrap")


@operator("Pad", since=11)
@carried
def pad(
    node: Node, x: Any, pads: Value, value: Value | None = None, axes: Value | None = None
) -> Any:
    over = list(range(len(x.shape))) if axes is None else ints(axes)
    return _padded(x, ints(pads), over, node["mode"], scalar(value, 0))


@operator("Pad", since=2)
@carried
def pad_by_attributes(node: Node, x: Any) -> Any:
    over = list(range(len(x.shape)))
    return _padded(x, node["pads"], over, node["mode"], node["value"])


@operator("Pad")
@carried
def pad_by_first_attributes(node: Node, x: Any) -> Any:
    over = list(range(len(x.shape)))
    return _padded(x, node["paddings"], over, node["mode"], node["value"])


def _padded(x: Any, pads: list[int], axes: list[int], mode: str, value: Any) -> Any:
    if len(pads) != 2 * len(axes):
        expected = f"two for each of {len(axes)} axes"
        raise ShapeError(explain("Pad", got=f"{len(pads)} widths", expected=expected))
    widths = {axis % len(x.shape): (pads[i], pads[i + len(axes)]) for i, axis in enumerate(axes)}
    if mode == "constant":
        pairs = [widths.get(axis, (0, 0)) for axis in range(len(x.shape))]
        return F.pad(x, [width for pair in reversed(pairs) for width in pair], value=value)
    if mode not in _MODES:
        expected = f"'constant', {', '.join(map(repr, _MODES))}"
        raise ValueError(explain("Pad", got=f"mode {mode!r}", expected=expected))
    for axis, (before, behind) in sorted(widths.items()):  # each cell of the result is one of x
        kept = np.arange(max(-before, 0), x.shape[axis] - max(-behind, 0))
        more: Any = (max(before, 0), max(behind, 0))
        if any(more):
            places: Any = np.pad(kept, more, mode=mode)  # type: ignore[call-overload]
        else:
            places = kept
        if len(places) != x.shape[axis] or any(more):
            x = F.index_select(x, axis, F.tensor(places))
    return x


@operator("CenterCropPad")
@carried
def center_crop_pad(node: Node, x: Any, shape: Value) -> Any:
    """the middle of x in another shape; where that is larger, zeros around x"""
    axes = node.get("axes") or list(range(len(x.shape)))
    widths = [[0, 0] for _ in x.shape]
    for axis, size in zip(axes, ints(shape), strict=True):
        missing = size - x.shape[axis]
        half = missing // 2 if missing > 0 else -(-missing // 2)
        widths[axis] = [half, missing - half]
    return F.pad(x, [width for pair in reversed(widths) for width in pair])
