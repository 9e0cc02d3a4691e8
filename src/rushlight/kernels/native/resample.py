"""Maps along axes by the compiled kernel (`native/resample.cpp`).

The C++ takes dense arrays, the map of an axis, and one of the rows before it, which is that of all
other axes taken together.
"""

from __future__ import annotations

from functools import lru_cache
from math import prod
from typing import Any, TypeAlias

import numpy as np

from rushlight.arrays import Array
from rushlight.compiled import native
from rushlight.kernels.native.layout import empty_image, own_image
from rushlight.kernels.reference import resample as reference
from rushlight.kernels.reference.resample import Ints, Taps, Widths, border, last_place

__all__ = ["pad_forward", "pad_grad", "resample_forward"]

Entries: TypeAlias = tuple[Any, Any, Any]  # rows, columns and weights (None: ones) of a map
Map: TypeAlias = tuple[int, int, Entries]  # of so many cells, from so many

FEW = 16  # numbers behind an axis that fill few vectors: then they are cells of it
MOST = 1 << 13  # cells of a map: to make and to keep a larger one costs more than it saves
KEPT = 128  # maps


# ---- maps


def _same(size: int) -> Map:
    cells = np.arange(size)
    return size, size, (cells, cells, None)


def _both(a: Map, b: Map) -> Map:
    """Return the map of two axes that follow each other as one of their cells taken together."""
    (out, size, (rows, cols, weights)), (outs, sizes, (inner_rows, inner_cols, others)) = a, b
    both = [
        np.add.outer(i * n, j).ravel()
        for i, n, j in ((rows, outs, inner_rows), (cols, sizes, inner_cols))
    ]
    one, other = (
        np.ones(i.size) if w is None else w.astype(np.float64)
        for i, w in ((rows, weights), (inner_rows, others))
    )
    return out * outs, size * sizes, (both[0], both[1], np.multiply.outer(one, other).ravel())


def _entries(mapped: Map) -> Any:
    """Return what the C++ knows of an axis: its size and its entries, sorted by rows."""
    out, size, (rows, cols, weights) = mapped
    order = np.argsort(rows, kind="stable")
    start = np.searchsorted(rows[order], np.arange(out + 1))
    weights = np.ones(rows.size) if weights is None else weights[order].astype(np.float64)
    return size, start.astype(np.int64), cols[order].astype(np.int64), weights


def compiled(shape: Ints, last: bool, maps: dict[int, Map]) -> Any:
    """Return what the C++ runs for inputs of a shape, by the maps of axes; None if too large."""
    if last:  # as it lies in memory
        maps = {last_place(axis, len(shape)): m for axis, m in maps.items()}
        shape = (shape[0], *shape[2:], shape[1])
    begin, end = min(maps), max(maps) + 1
    rows, cells, inner = _same(1), maps[end - 1], prod(shape[end:])
    sizes = [max(maps[a][:2]) if a in maps else shape[a] for a in range(begin, end)]
    few = 1 < inner < FEW
    if prod(sizes[:-1]) + sizes[-1] * (inner if few else 1) > MOST:
        return None
    for axis in range(begin, end - 1):
        rows = _both(rows, maps.get(axis) or _same(shape[axis]))
    if few:
        cells, inner = _both(cells, _same(inner)), 1
    return native.Maps(prod(shape[:begin]), inner, _entries(rows), _entries(cells))


@lru_cache(maxsize=KEPT)
def _resizing(shape: Ints, last: bool, maps: tuple[Taps | None, ...]) -> Any:
    return compiled(
        shape,
        last,
        {i: (m.size_out, m.size_in, m.entries) for i, m in enumerate(maps, 2) if m is not None},
    )


@lru_cache(maxsize=KEPT)
def _padding(shape: Ints, last: bool, widths: Widths, mode: str, back: bool) -> Any:
    """Return the maps of padding arrays of a shape, or those of its gradient."""
    found: dict[int, Map] = {}
    for axis, (size, (before, behind)) in enumerate(zip(shape, widths, strict=True)):
        if not (before or behind):
            continue
        out = size + before + behind
        if max(size, out) > MOST:
            return None
        rows, cols, _ = border(size, before, behind, mode).entries
        found[axis] = (size, out, (cols, rows, None)) if back else (out, size, (rows, cols, None))
    if back:
        shape = tuple([n + a + b for n, (a, b) in zip(shape, widths, strict=True)])
    return compiled(shape, last, found) if found else None


# ---- arrays


def _run(maps: Any, x: Array, last: bool, shape: Any) -> Array:
    y = empty_image(shape, x, last)
    maps.apply(x, y)
    return y


def resample_forward(x: Array, maps: tuple[Taps | None, ...]) -> Array:
    """(N, C, *S) -> (N, C, *O), in the memory order of x; None leaves a dim as it is."""
    size = [n if m is None else m.size_out for n, m in zip(x.shape[2:], maps, strict=True)]
    if x.dtype.char not in "fd" or 0 in x.shape or 0 in size or maps.count(None) == len(maps):
        return reference.resample_forward(x, maps)
    own, last = own_image(x)
    found = _resizing(x.shape, last, maps)
    if found is None:
        return reference.resample_forward(x, maps)
    return _run(found, own, last, (*x.shape[:2], *size))


def pad_forward(x: Array, widths: Widths, mode: str, value: float) -> Array:
    """Add cells around x, in its memory order; `value` is what mode 'constant' fills with."""
    shape = [n + a + b for n, (a, b) in zip(x.shape, widths, strict=True)]
    # NumPy copies a block into another as fast
    if mode == "constant" or x.dtype.char not in "fd" or 0 in x.shape or 0 in shape:
        return reference.pad_forward(x, widths, mode, value)
    own, last = own_image(x)
    maps = _padding(x.shape, last, widths, mode, False)
    if maps is None:
        return reference.pad_forward(x, widths, mode, value)
    return _run(maps, own, last, shape)


def pad_grad(g: Array, x_shape: Ints, widths: Widths, mode: str) -> Array:
    """g, of x_shape padded by a mode but 'constant' -> x_shape: cells sum their copies."""
    if g.dtype.char not in "fd" or 0 in x_shape or 0 in g.shape:
        return reference.pad_grad(g, x_shape, widths, mode)
    own, last = own_image(g)
    maps = _padding(x_shape, last, widths, mode, True)
    if maps is None:
        return reference.pad_grad(g, x_shape, widths, mode)
    return _run(maps, own, last, x_shape)
