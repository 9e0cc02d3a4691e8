"""Functions that tensors have beside their ops: comparisons, places, new arrays, on arrays."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from rushlight.ops.embedding import first_largest, without
from rushlight.ops.reduce import _norm_p
from rushlight.serve.pieces.rows import sum_rows

__all__ = ["OUTSIDE"]


# ---- new arrays


def full(size: tuple[int, ...], fill_value: Any, dtype: Any) -> Any:
    """An array of one value."""
    return np.full(size, fill_value, dtype)


def full_like(x: Any, fill_value: Any, dtype: Any = None) -> Any:
    """An array of one value in the shape and memory order of x."""
    return np.full_like(x, fill_value, dtype)


def eye(n: int, m: int | None = None, dtype: Any = None) -> Any:
    """The identity matrix."""
    return np.eye(n, m, dtype=np.float32 if dtype is None else dtype)


def arange(start: Any, end: Any, step: Any, dtype: Any) -> Any:
    """start, start + step, ... below end"""
    return (start + np.arange(int(np.ceil((end - start) / step))) * step).astype(dtype)


def copied(data: Any, dtype: Any = None) -> Any:
    """A copy, in another dtype if one is given."""
    return np.array(data, data.dtype if dtype is None else dtype)


def triangle(rows: int, cols: int, diagonal: int, upper: bool) -> Any:
    """True below a diagonal, or from it on."""
    lower = np.tri(rows, cols, diagonal - 1 if upper else diagonal, dtype=np.bool_)
    return ~lower if upper else lower


# ---- places and counts


def argmax(x: Any, dim: int | None = None, keepdim: bool = False) -> Any:
    """The place of the first maximum."""
    return np.asarray(np.argmax(x, axis=dim, keepdims=keepdim))


def argmin(x: Any, dim: int | None = None, keepdim: bool = False) -> Any:
    """The place of the first minimum."""
    return np.asarray(np.argmin(x, axis=dim, keepdims=keepdim))


def all_of(x: Any, dim: Any = None, keepdim: bool = False) -> Any:
    """Whether all elements are not 0."""
    return np.asarray(np.all(x, axis=dim, keepdims=keepdim))


def any_of(x: Any, dim: Any = None, keepdim: bool = False) -> Any:
    """Whether any element is not 0."""
    return np.asarray(np.any(x, axis=dim, keepdims=keepdim))


def count_nonzero(x: Any, dim: Any = None) -> Any:
    """How many elements are not 0."""
    return np.asarray(np.count_nonzero(x, axis=dim))


def one_hot(x: Any, num_classes: int) -> Any:
    """Rows that are 1 at the class and 0 elsewhere."""
    if num_classes < 1 or (x.size and not 0 <= x.min() <= x.max() < num_classes):
        raise IndexError(f"one_hot: classes {x.min()} to {x.max()} of {num_classes}")
    return np.equal(x[..., None], np.arange(num_classes)).astype(np.int64)


def repeat_interleave(x: Any, repeats: Any, dim: int | None = None) -> Any:
    """Each element, or slice along a dim, several times in a row."""
    return np.repeat(x, repeats, dim)


def index_fill(x: Any, dim: int, index: Any, value: Any) -> Any:
    """A copy of x with a value at some places of a dim."""
    y = x.copy()
    y[(slice(None),) * (dim % x.ndim) + (index,)] = value
    return y


def setitem(x: Any, value: Any, basic: Any, advanced: Any) -> Any:
    """A copy of x with a value at an index."""
    y = x.copy(order="K")
    part, place = (y, basic) if advanced is None else (y if basic is None else y[basic], advanced)
    part[place] = value
    return y


# ---- layers of no op of their own


def cosine_similarity(x1: Any, x2: Any, dim: int = 1, eps: float = 1e-8) -> Any:
    """x1 . x2 / (max(|x1|, eps) max(|x2|, eps)) along a dim"""
    a, b = np.broadcast_arrays(x1, x2)
    axis = (dim % a.ndim,)
    a, b = (x / np.maximum(_norm_p(x, axis, True, 2.0), x.dtype.type(eps)) for x in (a, b))
    return np.add.reduce(a * b, axis=axis)


def embedding_bag(
    index: Any,
    table: Any,
    offsets: Any = None,
    max_norm: None = None,
    norm_type: float = 2,
    scale_grad_by_freq: bool = False,
    mode: str = "mean",
    sparse: bool = False,
    per_sample_weights: Any = None,
    include_last_offset: bool = False,
    padding_idx: int | None = None,
) -> Any:
    """The sum, mean or maximum of the rows of a table that each bag names; 0 for an empty bag."""
    if offsets is None:
        starts = np.arange(len(index) + 1) * index.shape[1]
    else:
        starts = offsets if include_last_offset else np.append(offsets, index.size)
    padding = None if padding_idx is None else padding_idx % len(table)
    named, starts, kept = without(index.ravel()[: int(starts[-1])], starts, padding)
    if mode == "max":
        top = np.take_along_axis(table, first_largest(table, named, starts), 0)
        return np.where((starts[1:] == starts[:-1])[:, None], table.dtype.type(0), top)
    weights = per_sample_weights
    if weights is not None:
        weights = weights.reshape(-1)[: len(index.ravel())]
        weights = weights if kept is None else weights[: len(kept)][kept]
    if mode == "mean":
        counts = np.diff(starts)
        weights = np.repeat(1.0 / np.maximum(counts, 1), counts).astype(table.dtype)
    return sum_rows(table, weights, named, starts)


_NUMPY = {
    "eq": "equal", "ne": "not_equal", "lt": "less", "le": "less_equal", "gt": "greater",
    "ge": "greater_equal", "logical_and": "", "logical_or": "", "logical_xor": "",
    "logical_not": "", "bitwise_and": "", "bitwise_or": "", "bitwise_xor": "",
    "bitwise_not": "invert", "isnan": "", "isinf": "", "isfinite": "", "signbit": "", "gcd": "",
    "lcm": "", "nextafter": "", "heaviside": "", "bitwise_left_shift": "left_shift",
    "bitwise_right_shift": "right_shift",
}  # fmt: skip
_OWN: Sequence[Any] = (
    full, full_like, eye, arange, triangle, argmax, argmin, count_nonzero, one_hot,
    repeat_interleave, index_fill, setitem, cosine_similarity, embedding_bag,
)  # fmt: skip
_RENAMED = {"copy": copied, "all": all_of, "any": any_of}

# name in a trace -> module and name of what computes it on arrays
OUTSIDE: dict[str, tuple[str, str]] = {
    **{name: ("numpy", numpy or name) for name, numpy in _NUMPY.items()},
    **{function.__name__: (__name__, function.__name__) for function in _OWN},
    **{name: (__name__, function.__name__) for name, function in _RENAMED.items()},
}
