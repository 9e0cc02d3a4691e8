"""Resampling: a linear map along each of the last dims, whose gradient is the transposed map.

What the modes of interpolation differ in are the maps (`functional/interpolate.py` makes them);
here they are only applied. A map is sparse: an output cell sees a few cells of the input.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from math import prod
from typing import Any, NamedTuple, TypeAlias

import numpy as np

from rushlight.arrays import channels_to_last, is_channels_last, like_layout, require_float
from rushlight.errors import ShapeError, explain
from rushlight.ops.contract import Saved, define

__all__ = ["Rule", "Taps", "resample"]

Result = tuple[tuple[Any, ...], Saved]
Grads = tuple[Any, ...]
Maps: TypeAlias = "tuple[Taps | None, ...]"

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


def _check(x: Any, maps: Maps) -> None:
    size = tuple(n if m is None else m.size_in for n, m in zip(x.shape[2:], maps, strict=False))
    if x.ndim != len(maps) + 2 or x.shape[2:] != size:
        expected = tuple("any" if m is None else m.size_in for m in maps)
        raise ShapeError(
            explain("resample", got=f"input {x.shape}", expected=f"(N, C, *S) with S of {expected}")
        )
    if any(m is not None and m.entries[2] is not None for m in maps):
        require_float("resample", x.dtype)


def _resample_forward(x: Any, maps: Maps) -> Result:
    """(N, C, *S) -> (N, C, *O), in the memory order of x; None leaves a dim as it is"""
    saved = Saved((None,), constants=maps)
    work = [(m.size_out / m.size_in, -i, m) for i, m in enumerate(maps) if m is not None]
    if not work:
        return (x.copy(order="K"),), saved
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
    return (y,), saved


def _planes(x: Any) -> Any:
    """(N, C, *S) -> (N * C, *S)"""
    return x.reshape(x.shape[0] * x.shape[1], *x.shape[2:])


def _resample_backward(saved: Saved, grads: Grads, needs: Sequence[bool]) -> Sequence[Any]:
    maps = tuple(None if m is None else m.transposed for m in saved.constants)
    return (resample(grads[0], maps=maps),)


resample = define("resample", _resample_forward, _resample_backward, fresh=True, check=_check)
