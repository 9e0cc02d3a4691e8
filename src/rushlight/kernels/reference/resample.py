"""Maps along axes: a cell of the result is a weighted sum of a few cells of the input.

Resizing, padding and the gradients of these differ in nothing but the maps.
"""

from __future__ import annotations

from functools import cached_property, lru_cache
from math import prod
from typing import Any, NamedTuple, TypeAlias

import numpy as np

from rushlight.arrays import (
    Array,
    channels_from_last,
    channels_to_last,
    is_channels_last,
    like_layout,
    widened,
)

__all__ = ["pad_forward", "pad_grad", "resample_forward"]  # the kernels

Ints: TypeAlias = tuple[int, ...]
Widths: TypeAlias = tuple[tuple[int, int], ...]

BLOCK_BYTES = 1 << 19  # of the larger of input and output, resampled at a time


class Term(NamedTuple):
    """y[rows] (+)= weight * x[cols], with slices where rows and columns are evenly spaced."""

    rows: Any
    cols: Any
    weight: Any  # None: 1
    first: bool  # these rows were not written to before


class Rule(NamedTuple):
    """What the map of a dim was made of: how `interpolate` was asked to resize it."""

    mode: str
    size_out: int
    size_in: int
    factor: float | None  # that the map goes by; None: the ratio of the sizes
    align_corners: bool
    antialias: bool


class Taps:
    """A sparse matrix (size_out, size_in) as terms that run over many cells at a time.

    Args:
        rows, cols: int64 (E,), output and input cell of each entry; a pair may come twice.
        weights: (E,), or None for ones.
        size_out, size_in: the shape of the matrix.
        rule: what the map was made of, for those who write it down in other words; or None.
    """

    def __init__(
        self,
        rows: Any,
        cols: Any,
        weights: Any,
        size_out: int,
        size_in: int,
        rule: Rule | None = None,
    ) -> None:
        self.size_out, self.size_in, self.rule = size_out, size_in, rule
        if weights is not None:
            rows, cols, weights = _merged(rows, cols, weights, size_in)
        self.entries = rows, cols, weights
        self.terms: list[Term] = []
        seen = np.zeros(size_out, np.bool_)
        for group in _groups(rows, cols, size_out, size_in):
            again = seen[rows[group]]
            seen[rows[group]] = True
            for picked, first in ((group[~again], True), (group[again], False)):
                if picked.size:
                    scale = None if weights is None else _scale(weights[picked])
                    term = Term(_even(rows[picked]), _even(cols[picked]), scale, first)
                    self.terms.append(term)
        self.full = bool(seen.all())

    def __deepcopy__(self, memo: Any) -> Taps:
        return self  # nothing of it changes

    @cached_property
    def transposed(self) -> Taps:
        """The map of the gradients."""
        rows, cols, weights = self.entries
        return Taps(cols, rows, weights, self.size_in, self.size_out)


def _merged(rows: Any, cols: Any, weights: Any, size_in: int) -> tuple[Any, Any, Any]:
    """Add up entries of one place, and drop zeros: 0 * inf of a cell unseen would be nan."""
    places, inverse = np.unique(rows * size_in + cols, return_inverse=True)
    total = np.bincount(inverse, weights, places.size).astype(weights.dtype)
    kept = total != 0
    return places[kept] // size_in, places[kept] % size_in, total[kept]


def _groups(rows: Any, cols: Any, size_out: int, size_in: int) -> list[Any]:
    """Part the entries so that no group has two of one row; large groups first.

    Where one size is a multiple of the other, the entries of a group are evenly spaced.
    """
    if size_out % size_in == 0:
        factor = size_out // size_in
        key = (rows // factor - cols) * factor + rows % factor
    elif size_in % size_out == 0:
        key = cols - rows * (size_in // size_out)
    else:
        order = np.lexsort((cols, rows))
        ordered = rows[order]
        key = np.empty_like(rows)
        key[order] = np.arange(rows.size) - np.searchsorted(ordered, ordered)  # rank in its row
    groups = [np.flatnonzero(key == k) for k in np.unique(key)]
    return sorted(groups, key=len, reverse=True)


def _even(index: Any) -> Any:
    """Return sorted, evenly spaced indices as a slice."""
    if index.size == 1:
        return slice(int(index[0]), int(index[0]) + 1)
    step = int(index[1] - index[0])
    if step > 0 and (np.diff(index) == step).all():
        return slice(int(index[0]), int(index[-1]) + 1, step)
    return index


def _scale(weights: Any) -> Any:
    return float(weights[0]) if (weights == weights[0]).all() else weights


def _along(x: Any, taps: Taps, axis: int) -> Any:
    """Apply a map along one axis."""
    lead, behind = (slice(None),) * axis, (1,) * (x.ndim - axis - 1)
    shape = (*x.shape[:axis], taps.size_out, *x.shape[axis + 1 :])
    y = (np.empty if taps.full else np.zeros)(shape, x.dtype)
    for rows, cols, weight, first in taps.terms:
        part = x[(*lead, cols)] if isinstance(cols, slice) else x.take(cols, axis)
        scale = weight.reshape(-1, *behind) if isinstance(weight, np.ndarray) else weight
        at = (*lead, rows)
        if not first:
            y[at] += part if scale is None else part * scale
        elif scale is None:
            y[at] = part
        elif isinstance(rows, slice):
            np.multiply(part, scale, out=y[at])
        else:
            y[at] = part * scale
    return y


# ---- resizing


def resample_forward(x: Array, maps: tuple[Taps | None, ...]) -> Array:
    """(N, C, *S) -> (N, C, *O), in the memory order of x; None leaves a dim as it is."""
    work = [(m.size_out / m.size_in, -i, m) for i, m in enumerate(maps) if m is not None]
    if not work:
        return x.copy(order="K")
    work.sort(key=lambda item: item[:2])  # what makes it smaller comes first
    size = [n if m is None else m.size_out for n, m in zip(x.shape[2:], maps, strict=True)]
    y = like_layout((*x.shape[:2], *size), x)
    if is_channels_last(x):
        source, target = channels_to_last(x), channels_to_last(y)  # (N, *S, C)
    else:
        source, target = _planes(x), _planes(y)  # (N * C, *S)
    if x.dtype == np.float16:
        source = source.astype(np.float32)
    largest = max(prod(source.shape[1:]), prod(target.shape[1:])) * source.itemsize
    step = max(1, BLOCK_BYTES // max(largest, 1))
    for n in range(0, len(source), step):  # blocks that stay in the cache through all dims
        part = source[n : n + step]
        for _, i, taps in work:
            part = _along(part, taps, 1 - i)
        target[n : n + step] = part
    return y


def _planes(x: Any) -> Any:
    """(N, C, *S) -> (N * C, *S)"""
    return x.reshape(x.shape[0] * x.shape[1], *x.shape[2:])


# ---- padding: how many cells before and behind, per dimension; negative cuts

_NUMPY_MODE = {"reflect": "reflect", "replicate": "edge", "circular": "wrap"}


@lru_cache(maxsize=32)
def border(size: int, before: int, behind: int, mode: str) -> Taps:
    """Return `_border` as a map."""
    cols = _border(size, before, behind, mode)
    return Taps(np.arange(cols.size), cols, None, cols.size, size)


def _border(size: int, before: int, behind: int, mode: str) -> Any:
    """Return which cell of an axis each cell of the padded axis copies."""
    if before < 0 or behind < 0:
        inner = np.arange(max(-before, 0), size - max(-behind, 0))
        return inner[_border(inner.size, max(before, 0), max(behind, 0), mode)]
    return np.pad(np.arange(size), (before, behind), mode=_NUMPY_MODE[mode])  # type: ignore[call-overload]


def pad_forward(x: Array, widths: Widths, mode: str, value: float) -> Array:
    """Add cells around x, in its memory order; `value` is what mode 'constant' fills with."""
    if mode == "constant":
        return _pad_constant(x, widths, value)
    y = x if any(map(any, widths)) else x.copy(order="K")
    for axis, (before, behind) in enumerate(widths):
        if before or behind:
            y = _take(y, _border(x.shape[axis], before, behind, mode), axis)
    return y


def _take(x: Any, index: Any, axis: int) -> Any:
    """Take along one axis, in the memory order of `x`: `take` alone returns C order."""
    if not is_channels_last(x):
        return x.take(index, axis=axis)
    return channels_from_last(channels_to_last(x).take(index, axis=last_place(axis, x.ndim)))


def last_place(axis: int, ndim: int) -> int:
    """Return where an axis of (N, C, *S) is in (N, *S, C)."""
    return axis if axis == 0 else ndim - 1 if axis == 1 else axis - 1


def _pad_constant(x: Array, widths: Widths, value: float) -> Array:
    y = like_layout([n + a + b for n, (a, b) in zip(x.shape, widths, strict=True)], x)
    y.fill(value)
    inner = tuple(
        slice(max(a, 0), max(a, 0) + max(n + min(a, 0) + min(b, 0), 0))
        for n, (a, b) in zip(x.shape, widths, strict=True)
    )
    source = tuple(
        slice(max(-a, 0), max(n - max(-b, 0), max(-a, 0)))
        for n, (a, b) in zip(x.shape, widths, strict=True)
    )
    y[inner] = x[source]
    return y


def pad_grad(g: Array, x_shape: Ints, widths: Widths, mode: str) -> Array:
    """g, of x_shape padded by a mode but 'constant' -> x_shape: cells sum their copies."""
    if not any(map(any, widths)):
        return g.copy(order="K")
    last = is_channels_last(g)
    dx = widened(channels_to_last(g) if last else g)
    for axis, (before, behind) in enumerate(widths):
        if before or behind:
            taps = border(x_shape[axis], before, behind, mode).transposed
            dx = _along(dx, taps, last_place(axis, g.ndim) if last else axis)
    return (channels_from_last(dx) if last else dx).astype(g.dtype, copy=False)
