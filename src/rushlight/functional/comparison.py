"""Comparison, logic and tests of values: tensors of bools, without a gradient."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from rushlight.arrays import promote
from rushlight.errors import DtypeError, ShapeError, explain
from rushlight.tape import TensorBase, traced, wrap

if TYPE_CHECKING:
    from rushlight.tensor.tensor import Tensor

__all__ = [
    "allclose",
    "bitwise_and",
    "bitwise_not",
    "bitwise_or",
    "bitwise_xor",
    "eq",
    "equal",
    "ge",
    "gt",
    "isclose",
    "isfinite",
    "isin",
    "isinf",
    "isnan",
    "le",
    "logical_and",
    "logical_not",
    "logical_or",
    "logical_xor",
    "lt",
    "ne",
]


def _bare(value: Any) -> Any:
    if isinstance(value, TensorBase):
        return value._array
    return value.item() if isinstance(value, np.generic) else value


def _pair(f: Any, a: Any, b: Any, same_dtype: bool) -> Tensor:
    a, b = _bare(a), _bare(b)
    if same_dtype and getattr(a, "dtype", None) != getattr(b, "dtype", None):
        known = [x for x in (a, b) if hasattr(x, "dtype")]
        if len(known) == 2 or isinstance(b if known[0] is a else a, (bool, int, float)):
            target = promote(a, b)
            a, b = (x.astype(target, copy=False) if hasattr(x, "dtype") else x for x in (a, b))
            a, b = (x if hasattr(x, "dtype") or target.kind == "f" else int(x) for x in (a, b))
    try:
        with np.errstate(all="ignore"):
            return wrap(f(a, b))
    except ValueError:
        raise ShapeError(
            explain(
                f.__name__,
                got=f"shapes {np.shape(a)} and {np.shape(b)}",
                expected="shapes that broadcast",
            )
        ) from None


@traced(2)
def eq(input: Tensor, other: Any) -> Tensor:
    """Return a == b, elementwise, as a bool tensor.

    Example:
        >>> import rushlight as rl
        >>> rl.eq(rl.tensor([1, 2]), 2)
        tensor([False,  True])
    """
    return _pair(np.equal, input, other, True)


@traced(2)
def ne(input: Tensor, other: Any) -> Tensor:
    """Return a != b, elementwise, as a bool tensor."""
    return _pair(np.not_equal, input, other, True)


@traced(2)
def lt(input: Tensor, other: Any) -> Tensor:
    """Return a < b, elementwise, as a bool tensor."""
    return _pair(np.less, input, other, True)


@traced(2)
def le(input: Tensor, other: Any) -> Tensor:
    """Return a <= b, elementwise, as a bool tensor."""
    return _pair(np.less_equal, input, other, True)


@traced(2)
def gt(input: Tensor, other: Any) -> Tensor:
    """Return a > b, elementwise, as a bool tensor."""
    return _pair(np.greater, input, other, True)


@traced(2)
def ge(input: Tensor, other: Any) -> Tensor:
    """Return a >= b, elementwise, as a bool tensor."""
    return _pair(np.greater_equal, input, other, True)


@traced(2)
def logical_and(input: Tensor, other: Any) -> Tensor:
    """Return a and b, elementwise, as a bool tensor."""
    return _pair(np.logical_and, input, other, False)


@traced(2)
def logical_or(input: Tensor, other: Any) -> Tensor:
    """Return a or b, elementwise, as a bool tensor."""
    return _pair(np.logical_or, input, other, False)


@traced(2)
def logical_xor(input: Tensor, other: Any) -> Tensor:
    """Return a xor b, elementwise, as a bool tensor."""
    return _pair(np.logical_xor, input, other, False)


@traced()
def logical_not(input: Tensor) -> Tensor:
    """Return not x, elementwise, as a bool tensor."""
    return wrap(np.logical_not(input._array))


def _bits(f: Any, a: Any, b: Any) -> Tensor:
    a, b = _bare(a), _bare(b)
    target = promote(a, b)
    if target.kind == "f":
        raise DtypeError(explain(f.__name__, got=target.name, expected="integers or bools"))
    return wrap(f(np.asarray(a).astype(target, copy=False), np.asarray(b).astype(target)))


@traced(2)
def bitwise_and(input: Tensor, other: Any) -> Tensor:
    """Return a & b of integers or bools, elementwise."""
    return _bits(np.bitwise_and, input, other)


@traced(2)
def bitwise_or(input: Tensor, other: Any) -> Tensor:
    """Return a | b of integers or bools, elementwise."""
    return _bits(np.bitwise_or, input, other)


@traced(2)
def bitwise_xor(input: Tensor, other: Any) -> Tensor:
    """Return a ^ b of integers or bools, elementwise."""
    return _bits(np.bitwise_xor, input, other)


@traced()
def bitwise_not(input: Tensor) -> Tensor:
    """Return ~x of integers or bools, elementwise."""
    if input._array.dtype.kind == "f":
        raise DtypeError(
            explain("bitwise_not", got=input._array.dtype.name, expected="integers or bools")
        )
    return wrap(np.invert(input._array))


@traced()
def isnan(input: Tensor) -> Tensor:
    """Return whether x is NaN, elementwise, as a bool tensor."""
    return wrap(np.isnan(input._array))


@traced()
def isinf(input: Tensor) -> Tensor:
    """Return whether x is infinite, elementwise, as a bool tensor."""
    return wrap(np.isinf(input._array))


@traced()
def isfinite(input: Tensor) -> Tensor:
    """Return whether x is neither NaN nor infinite, elementwise, as a bool tensor."""
    return wrap(np.isfinite(input._array))


@traced(2)
def isin(elements: Any, test_elements: Any, *, invert: bool = False) -> Tensor:
    """Return whether each element is among `test_elements`, as a bool tensor."""
    return wrap(np.isin(_bare(elements), _bare(test_elements), invert=invert))


@traced(2)
def isclose(
    input: Tensor, other: Tensor, rtol: float = 1e-5, atol: float = 1e-8, equal_nan: bool = False
) -> Tensor:
    """Return |a - b| <= atol + rtol * |b|, elementwise."""
    with np.errstate(all="ignore"):
        return wrap(np.isclose(input._array, other._array, rtol, atol, equal_nan))


@traced(2)
def allclose(
    input: Tensor, other: Tensor, rtol: float = 1e-5, atol: float = 1e-8, equal_nan: bool = False
) -> bool:
    """Tell whether `isclose` holds everywhere."""
    return bool(isclose(input, other, rtol, atol, equal_nan)._array.all())


@traced(2)
def equal(input: Tensor, other: Tensor) -> bool:
    """Tell whether shapes and all elements are equal."""
    return bool(np.array_equal(input._array, other._array))
