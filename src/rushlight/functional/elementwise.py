"""Elementwise functions: arithmetic, exponentials, trigonometry, rounding, comparison, logic.

All broadcast and promote dtypes as torch does; integers go in where a float comes out. Each is one
typed line over its row in `rushlight.ops.elementwise`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from rushlight.arrays import promote
from rushlight.errors import DtypeError, explain
from rushlight.ops import elementwise as ew
from rushlight.tape import TensorBase, apply, traced, wrap

if TYPE_CHECKING:
    from rushlight.tensor.tensor import Tensor

__all__ = [
    "abs",
    "acos",
    "acosh",
    "add",
    "asin",
    "asinh",
    "atan",
    "atan2",
    "atanh",
    "ceil",
    "clamp",
    "cos",
    "cosh",
    "div",
    "erf",
    "erfc",
    "exp",
    "exp2",
    "expm1",
    "floor",
    "floor_divide",
    "fmod",
    "hypot",
    "lerp",
    "log",
    "log1p",
    "log2",
    "log10",
    "logaddexp",
    "masked_fill",
    "maximum",
    "minimum",
    "mul",
    "neg",
    "pow",
    "reciprocal",
    "relu",
    "remainder",
    "round",
    "rsqrt",
    "sigmoid",
    "sign",
    "sin",
    "sinh",
    "sqrt",
    "square",
    "sub",
    "tan",
    "tanh",
    "trunc",
    "where",
    "xlogy",
]

# ---- one argument


def neg(input: Tensor) -> Tensor:
    """Return -x, elementwise."""
    return apply(ew.neg, (input,), {})


def exp(input: Tensor) -> Tensor:
    """Return e^x, elementwise."""
    return apply(ew.exp, (input,), {})


def exp2(input: Tensor) -> Tensor:
    """Return 2^x, elementwise."""
    return apply(ew.exp2, (input,), {})


def expm1(input: Tensor) -> Tensor:
    """Return e^x - 1, exact near 0, elementwise."""
    return apply(ew.expm1, (input,), {})


def log(input: Tensor) -> Tensor:
    """Return ln x, elementwise."""
    return apply(ew.log, (input,), {})


def log2(input: Tensor) -> Tensor:
    """Return log2 x, elementwise."""
    return apply(ew.log2, (input,), {})


def log10(input: Tensor) -> Tensor:
    """Return log10 x, elementwise."""
    return apply(ew.log10, (input,), {})


def log1p(input: Tensor) -> Tensor:
    """Return ln(1 + x), exact near 0, elementwise."""
    return apply(ew.log1p, (input,), {})


def sqrt(input: Tensor) -> Tensor:
    """Return x^(1/2), elementwise."""
    return apply(ew.sqrt, (input,), {})


def rsqrt(input: Tensor) -> Tensor:
    """Return x^(-1/2), elementwise."""
    return apply(ew.rsqrt, (input,), {})


def square(input: Tensor) -> Tensor:
    """Return x^2, elementwise."""
    return apply(ew.square, (input,), {})


def reciprocal(input: Tensor) -> Tensor:
    """Return 1 / x, elementwise."""
    return apply(ew.reciprocal, (input,), {})


def sin(input: Tensor) -> Tensor:
    """Return sin x, elementwise."""
    return apply(ew.sin, (input,), {})


def cos(input: Tensor) -> Tensor:
    """Return cos x, elementwise."""
    return apply(ew.cos, (input,), {})


def tan(input: Tensor) -> Tensor:
    """Return tan x, elementwise."""
    return apply(ew.tan, (input,), {})


def asin(input: Tensor) -> Tensor:
    """Return arcsin x, elementwise."""
    return apply(ew.asin, (input,), {})


def acos(input: Tensor) -> Tensor:
    """Return arccos x, elementwise."""
    return apply(ew.acos, (input,), {})


def atan(input: Tensor) -> Tensor:
    """Return arctan x, elementwise."""
    return apply(ew.atan, (input,), {})


def sinh(input: Tensor) -> Tensor:
    """Return sinh x, elementwise."""
    return apply(ew.sinh, (input,), {})


def cosh(input: Tensor) -> Tensor:
    """Return cosh x, elementwise."""
    return apply(ew.cosh, (input,), {})


def tanh(input: Tensor) -> Tensor:
    """Return tanh x, elementwise."""
    return apply(ew.tanh, (input,), {})


def asinh(input: Tensor) -> Tensor:
    """Return arsinh x, elementwise."""
    return apply(ew.asinh, (input,), {})


def acosh(input: Tensor) -> Tensor:
    """Return arcosh x, elementwise."""
    return apply(ew.acosh, (input,), {})


def atanh(input: Tensor) -> Tensor:
    """Return artanh x, elementwise."""
    return apply(ew.atanh, (input,), {})


def erf(input: Tensor) -> Tensor:
    """Return the error function, elementwise."""
    return apply(ew.erf, (input,), {})


def erfc(input: Tensor) -> Tensor:
    """Return 1 - erf(x), exact where that is small, elementwise."""
    return apply(ew.erfc, (input,), {})


def abs(input: Tensor) -> Tensor:
    """Return |x|, with gradient 0 at 0, elementwise."""
    return apply(ew.abs, (input,), {})


def sign(input: Tensor) -> Tensor:
    """Return -1, 0 or 1, elementwise."""
    return apply(ew.sign, (input,), {})


def floor(input: Tensor) -> Tensor:
    """Return the largest integer <= x, elementwise."""
    return apply(ew.floor, (input,), {})


def ceil(input: Tensor) -> Tensor:
    """Return the smallest integer >= x, elementwise."""
    return apply(ew.ceil, (input,), {})


def trunc(input: Tensor) -> Tensor:
    """Return x without its fraction, elementwise."""
    return apply(ew.trunc, (input,), {})


def sigmoid(input: Tensor) -> Tensor:
    """Return 1 / (1 + e^-x), without overflow, elementwise."""
    return apply(ew.sigmoid, (input,), {})


def relu(input: Tensor, inplace: bool = False) -> Tensor:
    """Return max(x, 0), with gradient 0 at 0, elementwise; in a new tensor whatever `inplace`."""
    return apply(ew.relu, (input,), {})


def round(input: Tensor, *, decimals: int = 0) -> Tensor:
    """Return x rounded to the nearest integer (halves to even) or to `decimals` places.

    Example:
        >>> import rushlight as rl
        >>> rl.round(rl.tensor([0.5, 1.5, -2.7]))
        tensor([ 0.,  2., -3.])
    """
    if decimals:
        return round(input * 10.0**decimals) / 10.0**decimals
    return apply(ew.round, (input,), {})


def clamp(
    input: Tensor, min: float | Tensor | None = None, max: float | Tensor | None = None
) -> Tensor:
    """Return x limited to [min, max]; the gradient is 1 inside (limits included), else 0.

    Args:
        min, max: numbers or tensors; at least one must be given.

    Raises:
        RuntimeError: if neither limit is given.

    Example:
        >>> import rushlight as rl
        >>> rl.clamp(rl.tensor([-2.0, 0.5, 9.0]), min=0, max=1)
        tensor([0.0000, 0.5000, 1.0000])
    """
    if min is None and max is None:
        raise RuntimeError(explain("clamp", got="min=None and max=None", expected="a limit"))
    if isinstance(min, TensorBase) or isinstance(max, TensorBase):
        low = input if min is None else where((input < min) | (min != min), min, input)
        return low if max is None else where((low > max) | (max != max), max, low)
    # a number of NumPy counts as Python's: it does not lift the comparison to its dtype
    min, max = (v.item() if isinstance(v, np.generic) else v for v in (min, max))
    dtype = promote(input._array, *[v for v in (min, max) if v is not None])
    return apply(ew.clamp, (input.to(dtype),), {"low": min, "high": max})


# ---- two arguments


def add(input: Tensor, other: Any, *, alpha: float = 1) -> Tensor:
    """Return a + alpha * b."""
    return apply(ew.add, (input, other if alpha == 1 else other * alpha), {})


def sub(input: Tensor, other: Any, *, alpha: float = 1) -> Tensor:
    """Return a - alpha * b."""
    return apply(ew.sub, (input, other if alpha == 1 else other * alpha), {})


def div(input: Tensor, other: Any, *, rounding_mode: str | None = None) -> Tensor:
    """Return a / b, optionally rounded towards zero ("trunc") or down ("floor").

    Raises:
        RuntimeError: for another rounding mode.
    """
    if rounding_mode is None:
        return apply(ew.div, (input, other), {})
    if rounding_mode not in ("trunc", "floor"):
        raise RuntimeError(
            explain("div", got=f"rounding_mode={rounding_mode!r}", expected="'trunc' or 'floor'")
        )
    return apply(
        ew.floor_divide if rounding_mode == "floor" else ew.trunc_divide, (input, other), {}
    )


def floor_divide(input: Tensor, other: Any) -> Tensor:
    """Return floor(a / b)."""
    return div(input, other, rounding_mode="floor")


def mul(input: Tensor, other: Any) -> Tensor:
    """Return a * b, elementwise."""
    return apply(ew.mul, (input, other), {})


def maximum(input: Tensor, other: Any) -> Tensor:
    """Return the larger of a and b; a tie shares the gradient, elementwise."""
    return apply(ew.maximum, (input, other), {})


def minimum(input: Tensor, other: Any) -> Tensor:
    """Return the smaller of a and b; a tie shares the gradient, elementwise."""
    return apply(ew.minimum, (input, other), {})


def atan2(input: Tensor, other: Any) -> Tensor:
    """Return the angle of the point (b, a), elementwise."""
    return apply(ew.atan2, (input, other), {})


def logaddexp(input: Tensor, other: Tensor) -> Tensor:
    """Return ln(e^a + e^b) without overflow, elementwise."""
    return apply(ew.logaddexp, (input, other), {})


def hypot(input: Tensor, other: Tensor) -> Tensor:
    """Return sqrt(a^2 + b^2) without overflow, elementwise."""
    return apply(ew.hypot, (input, other), {})


def xlogy(input: Any, other: Any) -> Tensor:
    """Return a ln b, and 0 where a is 0 (b not nan), elementwise."""
    return apply(ew.xlogy, (input, other), {})


def remainder(input: Tensor, other: Any) -> Tensor:
    """Return a - floor(a / b) * b, with the sign of b, elementwise."""
    return apply(ew.remainder, (input, other), {})


def fmod(input: Tensor, other: Any) -> Tensor:
    """Return a - trunc(a / b) * b, with the sign of a, elementwise."""
    return apply(ew.fmod, (input, other), {})


def pow(input: Tensor, exponent: Any) -> Tensor:
    """Return a^b, elementwise."""
    return apply(ew.pow, (input, exponent), {})


def where(condition: Tensor, input: Any = None, other: Any = None) -> Any:
    """Return `input` where the condition holds and `other` elsewhere.

    Args:
        condition: a bool tensor; no gradient flows through it.
        input, other: tensors or numbers; without them the places where the condition holds, as
            `nonzero(as_tuple=True)` gives them.

    Example:
        >>> import rushlight as rl
        >>> x = rl.tensor([-1.0, 2.0])
        >>> rl.where(x > 0, x, 0.0)
        tensor([0., 2.])
    """
    if input is None and other is None:
        return _places(condition)
    mask = condition._array if isinstance(condition, TensorBase) else np.asarray(condition)
    if mask.dtype != np.bool_:
        raise DtypeError(explain("where", got=f"a condition of {mask.dtype.name}", expected="bool"))
    watch = (condition,)
    if not isinstance(input, TensorBase) and not isinstance(other, TensorBase):
        dtype = promote(input, other)
        input = wrap(np.asarray(input, dtype))
    return apply(ew.where, (input, other), {"condition": mask}, watch)


@traced(name="nonzero")
def _places(condition: Tensor, as_tuple: bool = True) -> tuple[Tensor, ...]:
    return tuple(wrap(i) for i in np.atleast_1d(condition._array).nonzero())


def masked_fill(input: Tensor, mask: Tensor, value: Any) -> Tensor:
    """Return `input` with `value` where `mask` (bool, broadcastable) holds."""
    return where(mask, value, input).to(input.dtype)


def lerp(input: Tensor, end: Tensor, weight: float | Tensor) -> Tensor:
    """Return a + weight * (b - a)."""
    return input + weight * (end - input)
