"""Sampling of images at places: grids, affine grids, and convolutions whose taps are moved."""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np

from rushlight import functional as F
from rushlight.arrays import Array
from rushlight.errors import ShapeError, explain
from rushlight.functional.grid import Side, blend, inside
from rushlight.onnx.load.operators.geometry import groups_of, windows_of
from rushlight.onnx.load.table import Node, operator
from rushlight.onnx.load.values import ints
from rushlight.tape import wrap
from rushlight.tensor import Tensor

__all__ = ["between"]

_MODES = {
    "linear": "bilinear",
    "bilinear": "bilinear",
    "cubic": "bicubic",
    "bicubic": "bicubic",
    "nearest": "nearest",
}


@operator("GridSample", since=16)
def _grid_sample(node: Node, x: Tensor, grid: Tensor) -> Tensor:
    mode = node.get("mode", "linear")
    if mode not in _MODES:
        where = f"{node.op} ({node.name})"
        raise ValueError(explain(where, got=f"mode={mode!r}", expected=tuple(_MODES)))
    image = x if x.dtype.kind == "f" else x.to(np.float32)
    line = x.ndim == 3
    if line:  # an image of one row, met in its middle
        image = F.unsqueeze(image, 2)
        grid = F.pad(F.unsqueeze(grid, 1), (0, 1))
    y = F.grid_sample(
        image,
        grid.to(image.dtype),
        _MODES[mode],
        node.get("padding_mode", "zeros"),
        bool(node.get("align_corners", 0)),
    )
    return (F.squeeze(y, 2) if line else y).to(x.dtype)


@operator("AffineGrid", since=20)
def _affine_grid(node: Node, theta: Tensor, size: Any) -> Tensor:
    return F.affine_grid(theta, ints(size), bool(node.get("align_corners", 0)))


def between(places: Tensor, size: int) -> Side:
    """Return the two cells around places counted in cells, and their linear weights."""
    base = np.floor(places._array)
    t = places - wrap(base)
    return [inside(base, size), inside(base + 1, size)], [1 - t, t]


# ---- deformable convolution


@operator("DeformConv", since=19)
def _deform_conv(
    node: Node,
    x: Tensor,
    w: Tensor,
    offset: Tensor,
    b: Tensor | None = None,
    mask: Tensor | None = None,
) -> Tensor:
    n, c, *size = x.shape
    kernel, d = tuple(w.shape[2:]), len(size)
    windows = windows_of(node, tuple(size), kernel)
    groups, parts = groups_of(node), groups_of(node, "offset_group")
    taps, cells = prod(kernel), prod(windows.out)
    _check(node, x, w, offset, mask, (groups, parts), windows.out)
    moved = F.reshape(offset, (n * parts, taps, d, cells))
    places = [
        F.reshape(moved[:, :, i] + wrap(start.astype(x.dtype)), (n * parts, taps * cells))
        for i, start in enumerate(_starts(windows))
    ]
    sides = [between(place, length) for place, length in zip(places, size, strict=True)]
    planes = F.reshape(x, (n * parts, c // parts, *size))
    columns = blend(planes, sides, (taps * cells,))
    if mask is not None:
        columns = columns * F.reshape(mask, (n * parts, 1, taps * cells))
    columns = F.reshape(columns, (n, groups, c // groups * taps, cells))
    y = F.matmul(F.reshape(w, (groups, w.shape[0] // groups, -1)), columns)
    y = F.reshape(y, (n, w.shape[0], *windows.out))
    return y if b is None else y + F.reshape(b, (-1, *[1] * d))


def _starts(windows: Any) -> list[Array]:
    """Return of each dim where the taps lie before they are moved: d times (K, O)."""
    kernel, stride, padding, dilation, out = windows
    taps = np.indices(kernel).reshape(len(kernel), -1, 1)
    cells = np.indices(out).reshape(len(out), 1, -1)
    return [
        cells[i] * stride[i] - padding[i][0] + taps[i] * dilation[i] for i in range(len(kernel))
    ]


def _check(
    node: Node, x: Tensor, w: Tensor, offset: Tensor, mask: Any, groups: Any, out: Any
) -> None:
    """Refuse shapes that do not go together."""
    (group, parts), taps = groups, prod(w.shape[2:])
    n, c, d = x.shape[0], x.shape[1], x.ndim - 2
    wanted = (n, parts * taps * d, *out)
    masks = (n, parts * taps, *out)
    given = f"input {x.shape}, weight {w.shape}, offset {offset.shape}"
    if mask is not None:
        given += f", mask {mask.shape}"
    if c % parts or w.shape[0] % group or w.shape[1] * group != c:
        expected = f"channels that group={group} and offset_group={parts} divide"
    elif offset.shape != wanted or (mask is not None and mask.shape != masks):
        expected = f"offset {wanted}, mask {masks}"
    else:
        return
    raise ShapeError(explain(f"{node.op} ({node.name})", got=given, expected=expected))
