"""torch's second names for functions, and small functions made of others."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from rushlight.arrays import promote, require_float
from rushlight.errors import DtypeError, explain
from rushlight.functional.comparison import eq, ge, gt, isnan, le, lt, ne
from rushlight.functional.elementwise import (
    abs,
    acos,
    acosh,
    asin,
    asinh,
    atan,
    atan2,
    atanh,
    exp2,
    mul,
    pow,
    sign,
    trunc,
    where,
)
from rushlight.functional.products import outer
from rushlight.tape import TensorBase, traced, wrap

if TYPE_CHECKING:
    from rushlight.tensor.tensor import Tensor

__all__ = [
    "arccos",
    "arccosh",
    "arcsin",
    "arcsinh",
    "arctan",
    "arctan2",
    "arctanh",
    "bitwise_left_shift",
    "bitwise_right_shift",
    "copysign",
    "deg2rad",
    "fix",
    "float_power",
    "fmax",
    "fmin",
    "frexp",
    "gcd",
    "ger",
    "greater",
    "greater_equal",
    "heaviside",
    "isneginf",
    "isposinf",
    "isreal",
    "lcm",
    "ldexp",
    "less",
    "less_equal",
    "nextafter",
    "not_equal",
    "positive",
    "rad2deg",
    "sgn",
    "signbit",
]

arccos, arccosh, arcsin, arcsinh = acos, acosh, asin, asinh
arctan, arctan2, arctanh = atan, atan2, atanh
fix = trunc
ger = outer
greater, greater_equal, less, less_equal, not_equal = gt, ge, lt, le, ne
sgn = sign


class Frexp(NamedTuple):
    """Mantissas in [0.5, 1) and exponents of 2."""

    mantissa: Any
    exponent: Any


def _array(x: Any) -> Any:
    return x._array if isinstance(x, TensorBase) else x


def _tensors(where_: str, *values: Any) -> None:
    for i, value in enumerate(values):
        if not isinstance(value, TensorBase):
            got = f"argument {i + 1} of type {type(value).__name__}"
            fix = "rushlight.tensor(...) makes one"
            raise TypeError(explain(where_, got=got, expected="a Tensor", fix=fix))


def _refuse_bool(where_: str, input: Tensor) -> None:
    if input._array.dtype == np.bool_:
        raise DtypeError(explain(where_, got="bools", expected="numbers"))


def positive(input: Tensor) -> Tensor:
    """Return the tensor itself; bools are refused."""
    _refuse_bool("positive", input)
    return input


def deg2rad(input: Tensor) -> Tensor:
    """Return degrees as radians, elementwise."""
    return mul(input, math.pi / 180)


def rad2deg(input: Tensor) -> Tensor:
    """Return radians as degrees, elementwise."""
    return mul(input, 180 / math.pi)


def fmax(input: Tensor, other: Tensor) -> Tensor:
    """Return the larger of two, elementwise; a number rather than nan."""
    _tensors("fmax", input, other)
    return where((input >= other) | isnan(other), input, other)


def fmin(input: Tensor, other: Tensor) -> Tensor:
    """Return the smaller of two, elementwise; a number rather than nan."""
    _tensors("fmin", input, other)
    return where((input <= other) | isnan(other), input, other)


def copysign(input: Tensor, other: Any) -> Tensor:
    """Return |a| with the sign of b, -0 included, elementwise."""
    _tensors("copysign", input)
    negative = signbit(other if isinstance(other, TensorBase) else wrap(np.asarray(other)))  # type: ignore[arg-type]
    size = abs(input if input._array.dtype.kind == "f" else input.float())
    return where(negative, -size, size)


def float_power(input: Any, exponent: Any) -> Tensor:
    """Return a ** b in float64, elementwise."""
    base, power = (
        x if isinstance(x, TensorBase) else wrap(np.asarray(x)) for x in (input, exponent)
    )
    return pow(base.to(np.float64), power.to(np.float64))  # type: ignore[attr-defined]


@traced(2)
def heaviside(input: Tensor, values: Tensor) -> Tensor:
    """Return 0 below 0, `values` at 0 and 1 above, elementwise; no gradient."""
    _tensors("heaviside", input, values)
    if input._array.dtype != values._array.dtype:
        got = f"{input.dtype} and {values.dtype}"
        raise DtypeError(explain("heaviside", got=got, expected="one dtype"))
    x = input._array
    return wrap(np.where(x == 0, values._array, (x > 0).astype(x.dtype)))


def ldexp(input: Tensor, other: Tensor) -> Tensor:
    """Return a * 2**b, elementwise."""
    return mul(input, exp2(other))


@traced()
def frexp(input: Tensor) -> Frexp:
    """Return mantissas m and exponents e with x = m * 2**e; the gradient of m is 2**-e."""
    require_float("frexp", input._array.dtype)
    exponent = np.frexp(input._array)[1]
    half = exponent // 2  # 2**-e alone may be infinite
    one = input._array.dtype.type(1)
    first, second = (wrap(np.ldexp(one, -part)) for part in (half, exponent - half))
    return Frexp(input * first * second, wrap(exponent))


@traced(2)
def nextafter(input: Tensor, other: Tensor) -> Tensor:
    """Return the next float from a towards b, elementwise; no gradient."""
    _tensors("nextafter", input, other)
    return wrap(np.nextafter(input._array, other._array))


def _whole(where_: str, f: Any, a: Any, b: Any, floats: bool = False) -> Tensor:
    """Apply a function of integers that has no gradient."""
    both = [_array(a), _array(b)]
    dtype = promote(*both)
    if dtype.kind == "b" or (dtype.kind == "f" and not floats):
        raise DtypeError(explain(where_, got=dtype, expected="an integer dtype"))
    return wrap(np.asarray(f(*both)).astype(dtype, copy=False))


@traced(2)
def gcd(input: Tensor, other: Tensor) -> Tensor:
    """Return the greatest common divisor, elementwise."""
    return _whole("gcd", np.gcd, input, other)


@traced(2)
def lcm(input: Tensor, other: Tensor) -> Tensor:
    """Return the least common multiple, elementwise."""
    return _whole("lcm", np.lcm, input, other)


@traced(2)
def bitwise_left_shift(input: Any, other: Any) -> Tensor:
    """Return a * 2**b of integers, elementwise."""
    return _whole("bitwise_left_shift", np.left_shift, input, other)


@traced(2)
def bitwise_right_shift(input: Any, other: Any) -> Tensor:
    """Return a / 2**b, rounded down, of integers, elementwise."""
    return _whole("bitwise_right_shift", np.right_shift, input, other)


@traced()
def signbit(input: Tensor) -> Tensor:
    """Tell which elements are negative, -0 included."""
    array = input._array
    return wrap(np.signbit(array) if array.dtype.kind == "f" else array < 0)


def isposinf(input: Tensor) -> Tensor:
    """Tell which elements are +inf."""
    return eq(input, math.inf)


def isneginf(input: Tensor) -> Tensor:
    """Tell which elements are -inf."""
    return eq(input, -math.inf)


@traced()
def isreal(input: Tensor) -> Tensor:
    """Tell which elements are real numbers: all are, here."""
    return wrap(np.ones(input._array.shape, np.bool_))
