"""Selections of numbers: `np.where` of floats takes a branch for each, and bits take none."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

__all__ = ["one_of", "select", "within"]

_BITS = {2: np.int16, 4: np.int32, 8: np.int64}


def select(condition: Any, a: Any, b: Any) -> Any:
    """Return np.where(condition, a, b) of arrays or numbers.

    Many floats are mixed by their bits: np.where takes a branch for each, which costs ten times as
    much where the condition is random.
    """
    arrays = [x for x in (a, b) if isinstance(x, (np.ndarray, np.generic))]
    dtypes = {x.dtype for x in arrays}
    if len(dtypes) != 1 or max(map(np.size, (condition, *arrays))) < 1024:
        return np.where(condition, a, b)
    dtype = dtypes.pop()
    if dtype.kind != "f" or getattr(condition, "dtype", None) != np.bool_:
        return np.where(condition, a, b)
    bits = _BITS[dtype.itemsize]
    ours, theirs = (np.asarray(x, dtype).view(bits) for x in (a, b))
    if _nought(b):
        return _mixed(np.bitwise_and, ours, _ones(condition, bits)).view(dtype)
    if _nought(a):
        return _mixed(np.bitwise_and, theirs, _ones(~condition, bits)).view(dtype)
    return _mixed(np.bitwise_xor, theirs, (ours ^ theirs) & _ones(condition, bits)).view(dtype)


def _nought(x: Any) -> bool:
    """Whether x is the number +0, which has no bits."""
    return isinstance(x, (int, float)) and x == 0 and math.copysign(1.0, x) > 0


def _ones(condition: Any, bits: Any) -> Any:
    """All bits where the condition holds, else none."""
    return np.negative(condition.view(np.int8)).astype(bits)


def _mixed(f: Any, a: Any, fresh: Any) -> Any:
    """f(a, fresh), written over `fresh` where that has the shape of the result."""
    over = isinstance(fresh, np.ndarray) and a.shape in ((), fresh.shape)
    return f(a, fresh, out=fresh) if over else f(a, fresh)


def within(x: Any, low: float | None, high: float | None, ends: bool) -> Any:
    """Whether numbers lie between two limits, of which one may be None: `ends` belong to it."""
    if low is None:
        return x <= high if ends else x < high
    inside = x >= low if ends else x > low
    if high is not None:
        inside &= x <= high if ends else x < high
    return inside


def one_of(condition: Any, a: float, b: float, dtype: Any) -> Any:
    """Return np.where(condition, a, b) of two numbers, by their bits (see `select`)."""
    if np.size(condition) < 1024 or dtype.kind != "f":
        return np.where(condition, a, b).astype(dtype)
    bits = _BITS[dtype.itemsize]
    ours, theirs = (dtype.type(x).view(bits) for x in (a, b))
    chosen = condition.astype(bits)
    chosen *= ours ^ theirs
    chosen ^= theirs
    return chosen.view(dtype)
