"""Arrays: which namespace, which dtype, which memory layout.

Everything above works on the arrays of one namespace (NumPy; CuPy where it is installed) and asks
this module for the three things that NumPy would decide differently from torch: the dtype of a
mixed operation, the default dtype, and the strides of a newly allocated array.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from functools import cache
from math import prod
from typing import Any, TypeAlias

import numpy as np

from rushlight.errors import DtypeError, explain

__all__ = [
    "FLOATS",
    "Array",
    "Scalar",
    "as_channels_last",
    "as_dtype",
    "channel_planes",
    "channel_rows",
    "channels_from_last",
    "channels_last_empty",
    "channels_to_last",
    "from_channel_planes",
    "from_channel_rows",
    "get_default_dtype",
    "is_array",
    "is_channels_last",
    "is_float",
    "last_rows",
    "like_layout",
    "namespace",
    "promote",
    "require_float",
    "set_default_dtype",
    "widened",
]

Array: TypeAlias = np.ndarray[Any, Any]
Scalar: TypeAlias = bool | int | float
DType: TypeAlias = np.dtype[Any]

bool_ = np.dtype(np.bool_)
uint8, int8 = np.dtype(np.uint8), np.dtype(np.int8)
int16, int32, int64 = np.dtype(np.int16), np.dtype(np.int32), np.dtype(np.int64)
float16, float32, float64 = np.dtype(np.float16), np.dtype(np.float32), np.dtype(np.float64)

SUPPORTED = frozenset({bool_, uint8, int8, int16, int32, int64, float16, float32, float64})
FLOATS = frozenset({float16, float32, float64})

_default: DType = float32


def get_default_dtype() -> DType:
    """Return the dtype of new floating-point tensors (float32 until it is set)."""
    return _default


def set_default_dtype(dtype: Any) -> None:
    """Set the dtype of new floating-point tensors; it must be a floating dtype."""
    global _default
    dtype = as_dtype(dtype)
    if dtype not in FLOATS:
        raise DtypeError(
            explain("set_default_dtype", got=dtype.name, expected="float16, float32 or float64")
        )
    _default = dtype


def as_dtype(dtype: Any) -> DType:
    """Return `dtype` as one of the supported dtypes (bool, uint8, int8-64, float16-64).

    Raises:
        DtypeError: for anything else, complex and unsigned 16-64 included.
    """
    try:
        found = np.dtype(dtype)
    except TypeError:
        found = None
    if found is None or dtype is None or found not in SUPPORTED:
        raise DtypeError(
            explain(
                "dtype",
                got=repr(dtype),
                expected="bool, uint8, int8, int16, int32, int64, float16, float32 or float64",
                fix="convert the data first",
            )
        )
    return found


class _SetErr:
    """NumPy's floating-point warnings through its public functions."""

    def set(self, how: Any) -> Any:
        return np.seterr(**how)

    def reset(self, before: Any) -> None:
        np.seterr(**before)


def _warning_switch() -> tuple[Any, Any]:
    """Return what turns NumPy's warnings off and on, and the value for off.

    np.errstate costs as much as a small op, the context variable behind it a sixth of that.
    """
    try:
        from numpy._core import umath

        return umath._extobj_contextvar, umath._make_extobj(all="ignore")
    except (ImportError, AttributeError):
        return _SetErr(), {"all": "ignore"}


warning_switch, WARNINGS_OFF = _warning_switch()


def is_float(dtype: DType) -> bool:
    """Tell whether gradients can flow through `dtype`."""
    return dtype.kind == "f"


def require_float(where: str, dtype: DType) -> None:
    """Refuse integers and bools."""
    if dtype not in FLOATS:
        raise DtypeError(
            explain(where, got=dtype.name, expected="a floating dtype", fix="use .float() first")
        )


def widened(x: Any) -> Any:
    """Return float16 as float32, in which sums stay in range and BLAS and SciPy work."""
    return x.astype(float32) if x is not None and x.dtype == float16 else x


def is_array(value: object) -> bool:
    """Tell whether `value` is an array of a known namespace."""
    return isinstance(value, np.ndarray) or type(value).__module__.partition(".")[0] == "cupy"


def namespace(array: Any) -> Any:
    """Return the module (numpy or cupy) whose functions make arrays beside `array`."""
    if isinstance(array, np.ndarray):
        return np
    return sys.modules[type(array).__module__.partition(".")[0]]


_RANK = {"b": 0, "i": 1, "u": 1, "f": 2}


def _join(a: DType | None, b: DType | None) -> DType | None:
    """Promote two dtypes as torch does: a float beats every integer, whatever its width."""
    if a is None or b is None:
        return b if a is None else a
    if a.kind == "f" and b.kind != "f":
        return a
    if b.kind == "f" and a.kind != "f":
        return b
    return np.promote_types(a, b)


def _outrank(higher: DType | None, lower: DType | None) -> DType | None:
    """Let `lower` count only where its category (bool < integer < float) is above."""
    if higher is None or lower is None:
        return lower if higher is None else higher
    if _RANK[lower.kind] > _RANK[higher.kind]:
        return _join(higher, lower)
    return higher


def promote(*operands: Any) -> DType:
    """Return torch's result dtype for arrays and Python scalars.

    Arrays with dimensions decide; zero-dimensional arrays count only by category (bool < integer
    < float), Python scalars below those.

    Example:
        >>> promote(np.ones(2, "int64"), np.ones(2, "float32")).name
        'float32'
        >>> promote(np.ones(2, "int32"), 1.5).name, promote(np.ones(2, "uint8"), 3).name
        ('float32', 'uint8')

    Source: https://docs.pytorch.org/docs/stable/tensor_attributes.html#type-promotion-doc
    """
    dims = zeros = scalars = None
    for x in operands:
        if isinstance(x, bool):
            scalars = _join(scalars, bool_)
        elif isinstance(x, int):
            scalars = _join(scalars, int64)
        elif isinstance(x, float):
            scalars = _join(scalars, _default)
        elif x.ndim:
            dims = _join(dims, x.dtype)
        else:
            zeros = _join(zeros, x.dtype)
    found = _outrank(dims, _outrank(zeros, scalars))
    assert found is not None, "promote needs an operand"
    return found


# ---- layout: images are logically (N, C, *spatial), kept with the channel stride 1


@cache
def _axes(n: int) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Return how n axes go from (N, C, *spatial) to (N, *spatial, C) and back."""
    return (0, *range(2, n), 1), (0, n - 1, *range(1, n - 1))


def channels_to_last(x: Array) -> Array:
    """(N, C, *spatial) -> (N, *spatial, C), a view; np.moveaxis takes ten times as long"""
    return x.transpose(_axes(x.ndim)[0])


def channels_from_last(x: Array) -> Array:
    """(N, *spatial, C) -> (N, C, *spatial), a view"""
    return x.transpose(_axes(x.ndim)[1])


def is_channels_last(x: Array) -> bool:
    """Tell whether a logical (N, C, *spatial) array lies in memory as (N, *spatial, C)."""
    return x.ndim > 2 and x.shape[1] > 1 and bool(channels_to_last(x).flags.c_contiguous)


def channels_last_empty(shape: Sequence[int], like: Array, dtype: DType | None = None) -> Array:
    """Allocate a logical (N, C, *spatial) array whose memory is (N, *spatial, C)."""
    n, c, *spatial = shape
    flat = namespace(like).empty((n, *spatial, c), dtype=like.dtype if dtype is None else dtype)
    return channels_from_last(flat)


def as_channels_last(x: Array) -> Array:
    """Return x with channels-last strides, a copy only if it must be."""
    if is_channels_last(x):
        return x
    out = channels_last_empty(x.shape, x)
    np.copyto(out, x)
    return out


def last_rows(x: Array) -> Array:
    """(..., K) -> (M, K), one row for each position of the leading axes."""
    return x if x.ndim == 2 else x.reshape(prod(x.shape[:-1]), x.shape[-1])


def channel_rows(x: Array) -> Array:
    """(N, C, *S) -> (M, C), one row for each position: a view of channels-last memory."""
    if x.ndim == 2:
        return x
    n, c, *spatial = x.shape
    return channels_to_last(x).reshape(n * prod(spatial), c)


def from_channel_rows(rows: Array, shape: Sequence[int]) -> Array:
    """(M, C) -> `shape` (N, C, *S), a view with channels-last strides of contiguous rows."""
    if len(shape) == 2:
        return rows
    n, c, *spatial = shape
    return channels_from_last(rows.reshape(n, *spatial, c))


def channel_planes(x: Array) -> Array:
    """(N, C, *S) -> (N, C, prod(S)): a view of channels-last and of C-ordered memory."""
    n, c, *spatial = x.shape
    if not is_channels_last(x):
        return x.reshape(n, c, prod(spatial))
    return channels_to_last(x).reshape(n, prod(spatial), c).transpose(0, 2, 1)


def from_channel_planes(planes: Array, shape: Sequence[int]) -> Array:
    """(N, C, prod(S)) -> `shape` (N, C, *S), a view of memory as `channel_planes` gives it."""
    n, c, *spatial = shape
    if planes.flags.c_contiguous:
        return planes.reshape(n, c, *spatial)
    return channels_from_last(planes.transpose(0, 2, 1).reshape(n, *spatial, c))


def like_layout(shape: Sequence[int], like: Array, dtype: DType | None = None) -> Array:
    """Allocate an array of another shape in the memory order of `like` (channels-last or C)."""
    if len(shape) == like.ndim and is_channels_last(like):
        return channels_last_empty(shape, like, dtype)
    return namespace(like).empty(tuple(shape), dtype=like.dtype if dtype is None else dtype)
