"""When two arrays are equal for the checker, where they are not, and a picture of it."""

from __future__ import annotations

from typing import Any

import numpy as np

from rushlight.arrays import Array
from rushlight.check.findings import Picture, Region

__all__ = ["as_array", "close", "first", "largest", "picture", "region"]

TOLERANCE = 1e-5  # wide enough for float32 inside; the tanh formula of GELU is 5e-4 off
SIDE = 10  # rows and columns of a picture


def as_array(value: Any) -> Array | None:
    """Return a value as an array of float64, or None if it is none."""
    if value is None or isinstance(value, str):
        return None
    try:
        array = np.asarray(value)
        return array.astype(np.float64) if array.dtype.kind in "fiub" else None
    except (TypeError, ValueError):
        return None


def tolerance(got: Any) -> float:
    """Return the tolerance that suits the dtype of what the student returned."""
    dtype = getattr(got, "dtype", None)
    if dtype == np.float16:
        return 2e-2
    return 3e-4 if dtype == np.float32 else TOLERANCE


def wrong(got: Array, want: Array, limit: float) -> Array:
    """Return a mask of the elements that differ."""
    scale = min(1.0, float(np.max(np.abs(want), initial=0.0, where=np.isfinite(want))))
    with np.errstate(all="ignore"):
        return ~np.isclose(got, want, rtol=limit, atol=limit * max(scale, 1e-3), equal_nan=True)


def close(got: Any, want: Any) -> bool:
    """Tell whether what the student returned has the shape and the values that it should have."""
    array, right = as_array(got), np.asarray(want, np.float64)
    if array is None or array.shape != right.shape:
        return False
    return not wrong(array, right, tolerance(got)).any()


def first(got: Array, want: Array, limit: float = TOLERANCE) -> tuple[int, ...] | None:
    """Return the index of the first element that differs."""
    places = np.argwhere(wrong(got, want, limit))
    return tuple(int(i) for i in places[0]) if len(places) else None


def largest(got: Array, want: Array) -> float:
    """Return the largest absolute error; inf if a value is not finite."""
    with np.errstate(all="ignore"):
        error = np.abs(got - want)
    error = np.where((got == want) | (np.isnan(got) & np.isnan(want)), 0.0, error)
    return float("inf") if not np.isfinite(error).all() else float(error.max(initial=0.0))


def region(got: Array, want: Array, limit: float = TOLERANCE) -> Region:
    """Say where the wrong elements lie: at the border, in some rows, channels, samples."""
    mask = wrong(got, want, limit)
    count, total = int(mask.sum()), mask.size
    if count == total:
        return Region("all", (), count, total)
    for kind, axis in _axes(mask.ndim):
        others = tuple(a for a in range(mask.ndim) if a != axis)
        hit = np.atleast_1d(mask.any(axis=others))
        if hit.sum() < len(hit) and hit.sum() <= max(1, len(hit) // 2):
            if kind in ("rows", "columns") and mask.ndim == 4 and _border(mask):
                break
            return Region(kind, tuple(int(i) for i in np.flatnonzero(hit)), count, total)
    if mask.ndim == 4:
        edge = _edge(mask.shape)
        if _border(mask):
            return Region("border", (), count, total)
        if not mask[edge].any():
            return Region("interior", (), count, total)
    return Region("some", (), count, total)


def _axes(ndim: int) -> tuple[tuple[str, int], ...]:
    if ndim == 4:
        return (("samples", 0), ("channels", 1), ("rows", 2), ("columns", 3))
    if ndim == 2:
        return (("rows", 0), ("columns", 1))
    return ()


def _edge(shape: tuple[int, ...]) -> Array:
    edge = np.ones(shape, bool)
    edge[..., 1:-1, 1:-1] = False
    return edge


def _border(mask: Array) -> bool:
    return min(mask.shape[2:]) > 2 and not mask[~_edge(mask.shape)].any()


def picture(got: Array, want: Array, limit: float = TOLERANCE) -> Picture | None:
    """Return the two-dimensional cut that holds the first wrong element."""
    at = first(got, want, limit)
    if at is None or not got.ndim >= 1:
        return None
    place = at[:-2]
    start = max(0, at[-2] - SIDE + 1) if got.ndim > 1 else 0
    left = max(0, at[-1] - SIDE + 1)

    def cut(array: Array) -> list[list[float | None]]:
        rows = np.atleast_2d(array[place])[start : start + SIDE, left : left + SIDE]
        return [[float(v) if np.isfinite(v) else None for v in row] for row in rows]

    return Picture(cut(want), cut(got), place)
