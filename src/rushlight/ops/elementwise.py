"""Elementwise ops: a row of a table each.

A unary row gives the array function and the derivative as `df(g, x)` or, where it is cheaper in
terms of the output, `df(g, y)`. A binary row gives the array function and the two derivatives
`df(g, a, b, y)`. The derivatives are formulas over operators and other rows, so they serve the
second order too. Scalars stay Python scalars; the tape undoes broadcasting.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from rushlight.errors import DtypeError, ShapeError, explain
from rushlight.kernels import kernel
from rushlight.kernels.selection import select, within
from rushlight.ops.contract import Op, Saved, define

Formula = Callable[..., Any]
Result = tuple[tuple[Any, ...], Saved]


def unary(
    name: str, f: Formula, df: Formula, *, of: str = "x", casts: str = "float", **traits: Any
) -> Op:
    """Define y = f(x) with gradient df(g, x), df(g, y) for `of="y"` or df(g) for `of=""`."""
    by_input, by_output = of == "x", of == "y"

    def forward(x: Any) -> Result:
        y = f(x)
        return (y,), Saved((x if by_input else None,), (y,) if by_output else ())

    def backward(saved: Saved, grads: tuple[Any, ...], needs: Sequence[bool]) -> Sequence[Any]:
        if by_input:
            return (df(grads[0], saved.inputs[0]),)
        return (df(grads[0], saved.outputs[0]) if by_output else df(grads[0]),)

    return define(name, forward, backward, casts=casts, **traits)


def step(name: str, f: Formula, *, casts: str = "promote") -> Op:
    """Define a piecewise constant y = f(x): its gradient is zero."""

    def forward(x: Any) -> Result:
        return (f(x),), Saved((None,))

    def backward(saved: Saved, grads: tuple[Any, ...], needs: Sequence[bool]) -> Sequence[Any]:
        return (_flat(grads[0]),)

    return define(name, forward, backward, casts=casts, fresh=True)


def binary(
    name: str,
    f: Formula,
    da: Formula,
    db: Formula,
    *,
    keep: str = "ab",
    casts: str = "promote",
    **traits: Any,
) -> Op:
    """Define y = f(a, b) with gradients da(g, a, b, y) and db(g, a, b, y).

    `keep` names those of a, b and y that the derivatives read.
    """
    keep_a, keep_b, keep_y = "a" in keep, "b" in keep, "y" in keep

    def forward(a: Any, b: Any) -> Result:
        try:
            y = f(a, b)
        except ValueError:
            raise misfit(name, a, b) from None
        return (y,), Saved((a if keep_a else None, b if keep_b else None), (y,) if keep_y else ())

    def backward(saved: Saved, grads: tuple[Any, ...], needs: Sequence[bool]) -> Sequence[Any]:
        g, (a, b), y = grads[0], saved.inputs, saved.outputs[0] if keep_y else None
        return (
            da(g, a, b, y) if needs[0] else None,
            db(g, a, b, y) if needs[1] else None,
        )

    return define(name, forward, backward, casts=casts, **traits)


def misfit(name: str, *arrays: Any) -> Exception:
    """Return the error of arrays that do not broadcast."""
    shapes = " and ".join(str(np.shape(x)) for x in arrays)
    return ShapeError(
        explain(
            name,
            got=f"shapes {shapes}",
            expected="shapes that broadcast",
            fix="sizes must be equal or 1, counted from the last dim",
        )
    )


# ---- where: the condition is an option, as no gradient flows through it


def _where_forward(a: Any, b: Any, condition: Any) -> Result:
    try:
        y = select(condition, a, b)
    except ValueError:
        raise misfit("where", a, b, condition) from None
    return (y,), Saved((None, None), constants=condition)


def _where_backward(saved: Saved, grads: tuple[Any, ...], needs: Sequence[bool]) -> Sequence[Any]:
    g, condition = grads[0], saved.constants
    return (
        where(g, 0.0, condition=condition) if needs[0] else None,
        where(0.0, g, condition=condition) if needs[1] else None,
    )


where = define("where", _where_forward, _where_backward, casts="promote", fresh=True)


def mask(condition: Any) -> Any:
    """Return a comparison's bare array, whether it compared arrays or Tensors."""
    return getattr(condition, "_array", condition)


# ---- arithmetic

add = binary("add", np.add, lambda g, a, b, y: g, lambda g, a, b, y: g, keep="")
sub = binary("sub", np.subtract, lambda g, a, b, y: g, lambda g, a, b, y: -g, keep="")
mul = binary("mul", np.multiply, lambda g, a, b, y: g * b, lambda g, a, b, y: g * a)
div = binary(
    "div",
    np.true_divide,
    lambda g, a, b, y: g / b,
    lambda g, a, b, y: -g * (a / b) / b,
    casts="float",
)


def _pow(a: Any, b: Any) -> Any:
    if isinstance(b, (int, float)) and not isinstance(b, bool):
        if b < 0 and a.dtype.kind in "iu":
            raise _negative_power(a.dtype)
        return a**b  # NumPy turns 2, 0.5 and -1 into square, sqrt and reciprocal
    if np.result_type(a, b).kind == "i" and (b < 0).any():
        return _whole_power(a, b)
    y = np.power(a, b)
    return y.astype(np.bool_) if np.result_type(a, b) == np.bool_ else y  # NumPy makes it int8


def _whole_power(a: Any, b: Any) -> Any:
    """Return a ** b of integers, truncated where b < 0: there 1 and -1 alone are not 0."""
    ones = np.where(a == 1, 1, np.where(a == -1, 1 - 2 * (b & 1), 0))
    return np.where(b < 0, ones, np.power(a, np.maximum(b, 0))).astype(np.result_type(a, b))


def _negative_power(dtype: Any) -> DtypeError:
    return DtypeError(
        explain(
            "pow",
            got=f"{dtype.name} to a negative power",
            expected="a floating dtype",
            fix="use .float()",
        )
    )


def _pow_base(g: Any, a: Any, b: Any, y: Any) -> Any:
    if isinstance(b, (int, float)):
        if b == 0:
            return g * 0.0
        return g * (a if b == 2 else a ** (b - 1)) * b
    return where(0.0, g * b * a ** (b - 1), condition=mask(b == 0))


def _pow_exponent(g: Any, a: Any, b: Any, y: Any) -> Any:
    if isinstance(a, (int, float)):
        if a == 0:
            return where(0.0, g * y * -math.inf, condition=mask(b >= 0))
        return g * y * (math.log(a) if a > 0 else math.nan)
    flat = mask(a == 0) & mask(b >= 0)  # 0 ** b is 0 (or 1) all around
    return where(0.0, g * y * log(a), condition=flat)


pow = binary("pow", _pow, _pow_base, _pow_exponent, keep="aby")
maximum = binary(
    "maximum",
    np.maximum,
    lambda g, a, b, y: _share(g, a, b),
    lambda g, a, b, y: _share(g, b, a),
)
minimum = binary(
    "minimum",
    np.minimum,
    lambda g, a, b, y: _share(g, b, a),
    lambda g, a, b, y: _share(g, a, b),
)
atan2 = binary(
    "atan2",
    np.arctan2,
    lambda g, a, b, y: g * b * _inverse(a * a + b * b),
    lambda g, a, b, y: -g * a * _inverse(a * a + b * b),
    casts="float",
)
hypot = binary(
    "hypot",
    np.hypot,
    lambda g, a, b, y: g * (a / y),
    lambda g, a, b, y: g * (b / y),
    keep="aby",
    casts="float",
)
logaddexp = binary(
    "logaddexp",
    np.logaddexp,
    lambda g, a, b, y: g * sigmoid(a - b),
    lambda g, a, b, y: g * sigmoid(b - a),
    casts="float",
)
floor_divide = binary(
    "floor_divide",
    lambda a, b: np.floor_divide(a, _divisor("floor_divide", a, b)),
    lambda g, a, b, y: _flat(g),
    lambda g, a, b, y: _flat(g),
    keep="",
)
trunc_divide = binary(
    "trunc_divide",
    lambda a, b: _trunc_divide(a, b),
    lambda g, a, b, y: _flat(g),
    lambda g, a, b, y: _flat(g),
    keep="",
)
remainder = binary(
    "remainder",
    lambda a, b: np.remainder(a, _divisor("remainder", a, b)),
    lambda g, a, b, y: g,
    lambda g, a, b, y: -g * floor_divide(a, b),
)
fmod = binary(
    "fmod",
    lambda a, b: np.fmod(a, _divisor("fmod", a, b)),
    lambda g, a, b, y: g,
    lambda g, a, b, y: -g * trunc_divide(a, b),
)


def _divisor(name: str, a: Any, b: Any) -> Any:
    """Return b, which must not hold 0 where integers are divided."""
    if np.result_type(a, b).kind in "iu" and not np.all(b) and np.size(a):
        raise RuntimeError(explain(name, got="an integer divisor 0", expected="divisors != 0"))
    return b


def _trunc_divide(a: Any, b: Any) -> Any:
    if np.result_type(a, b).kind == "f":
        return np.trunc(np.true_divide(a, b))
    q = np.floor_divide(a, _divisor("trunc_divide", a, b))
    return q + ((q < 0) & (q * b != a))


def _flat(g: Any) -> Any:
    """The gradient of what is constant between its jumps; not g * 0, nan for infinite g."""
    return where(0.0, g, condition=True)


def _inverse(square: Any) -> Any:
    """1 / x, and 0 for 0: the angle of the origin has no gradient."""
    return where(0.0, 1.0 / square, condition=mask(square == 0))


def _share(g: Any, a: Any, b: Any) -> Any:
    """0 where a loses, g / 2 where both are equal, else (one of them nan, too) g."""
    a, b = mask(a), mask(b)
    return where(0.0, where(g * 0.5, g, condition=a == b), condition=a < b)


def _xlogy(a: Any, b: Any) -> Any:
    zero = (a == 0) & (b == b)
    return np.where(zero, a * 0, a * _log(b))


def _xlogy_grad(g: Any, a: Any, b: Any, y: Any) -> Any:
    flat = mask(a == 0) & mask(b <= 0)
    return where(0.0, g * _log(b), condition=flat)


def _log(x: Any) -> Any:
    """ln x; of a Python number as one, which does not widen the dtype."""
    if not isinstance(x, (int, float)):
        return log(x)
    return math.log(x) if x > 0 else -math.inf if x == 0 else math.nan


xlogy = binary("xlogy", _xlogy, _xlogy_grad, lambda g, a, b, y: g * (a / b), casts="float")

# ---- smooth functions of one argument


def _square(x: Any) -> Any:
    return np.square(x) if x.dtype.kind != "b" else x.astype(np.int64)


neg = unary("neg", np.negative, lambda g: -g, of="", casts="promote")
exp = unary("exp", np.exp, lambda g, y: g * y, of="y")
exp2 = unary("exp2", np.exp2, lambda g, y: g * y * math.log(2), of="y")
expm1 = unary("expm1", np.expm1, lambda g, y: g * (y + 1.0), of="y")
log = unary("log", np.log, lambda g, x: g / x)
log2 = unary("log2", np.log2, lambda g, x: g / (x * math.log(2)))
log10 = unary("log10", np.log10, lambda g, x: g / (x * math.log(10)))
log1p = unary("log1p", np.log1p, lambda g, x: g / (x + 1.0))
sqrt = unary("sqrt", np.sqrt, lambda g, y: g / (y * 2.0), of="y")
rsqrt = unary("rsqrt", lambda x: 1.0 / np.sqrt(x), lambda g, y: g * (y * y * y) * -0.5, of="y")
square = unary("square", _square, lambda g, x: g * (x * 2.0), casts="promote")
reciprocal = unary("reciprocal", lambda x: 1.0 / x, lambda g, y: -g * (y * y), of="y")
sin = unary("sin", np.sin, lambda g, x: g * cos(x))
cos: Op = unary("cos", np.cos, lambda g, x: -g * sin(x))
tan = unary("tan", np.tan, lambda g, y: g * (y * y + 1.0), of="y")
asin = unary("asin", np.arcsin, lambda g, x: g * rsqrt(1.0 - x * x))
acos = unary("acos", np.arccos, lambda g, x: -g * rsqrt(1.0 - x * x))
atan = unary("atan", np.arctan, lambda g, x: g / (x * x + 1.0))
sinh = unary("sinh", np.sinh, lambda g, x: g * cosh(x))
cosh: Op = unary("cosh", np.cosh, lambda g, x: g * sinh(x))
tanh = unary("tanh", kernel("tanh_forward"), lambda g, y: g * (1.0 - y * y), of="y")
asinh = unary("asinh", np.arcsinh, lambda g, x: g * rsqrt(x * x + 1.0))
acosh = unary("acosh", np.arccosh, lambda g, x: g * rsqrt(x * x - 1.0))
atanh = unary("atanh", np.arctanh, lambda g, x: g / (1.0 - x * x))


def _erfc(x: Any) -> Any:
    from scipy.special import erfc  # SciPy costs 0.4 s to import: only who needs it pays

    return erfc(x).astype(x.dtype, copy=False)


_BELL = 2.0 / math.sqrt(math.pi)
erf = unary("erf", kernel("erf_forward"), lambda g, x: g * (exp(-x * x) * _BELL))
erfc = unary("erfc", _erfc, lambda g, x: g * (exp(-x * x) * -_BELL))


# ---- pieces: derivative zero, or one on either side of a kink


def _sign(x: Any) -> Any:
    return np.subtract(x > 0, x < 0, dtype=x.dtype) if x.dtype.kind != "b" else x.copy()  # nan: 0


abs = unary("abs", np.abs, lambda g, x: g * sign(x), casts="promote")
sign: Op = step("sign", _sign)


def _to_whole(f: Formula) -> Formula:
    """Return f for floats; integers are whole already (NumPy before 2.1 would make them floats)."""
    return lambda x: f(x) if x.dtype.kind == "f" else x.copy()


floor = step("floor", _to_whole(np.floor))
ceil = step("ceil", _to_whole(np.ceil))
round = step("round", _to_whole(np.rint))
trunc = step("trunc", _to_whole(np.trunc))


_clamp, _clamp_grad = kernel("clamp_forward"), kernel("clamp_grad")


def _clamp_forward(x: Any, low: float | None, high: float | None) -> Result:
    return (_clamp(x, low, high),), Saved((x,), constants=(low, high))


def between(g: Any, x: Any, low: float | None, high: float | None, ends: bool) -> Any:
    """Return g where x is between the limits, else 0; `ends`: whether they are."""
    if isinstance(g, (np.ndarray, np.generic)):
        return _clamp_grad(g, x, low, high, ends)
    return where(g, 0.0, condition=within(mask(x), low, high, ends))


def _clamp_backward(saved: Saved, grads: tuple[Any, ...], needs: Sequence[bool]) -> Sequence[Any]:
    low, high = saved.constants
    return (between(grads[0], saved.inputs[0], low, high, ends=True),)


clamp = define("clamp", _clamp_forward, _clamp_backward, fresh=True)


# ---- activations


_sigmoid = kernel("sigmoid_forward")


sigmoid: Op = unary("sigmoid", _sigmoid, lambda g, y: g * (y * (1.0 - y)), of="y")
logsigmoid = unary("logsigmoid", kernel("logsigmoid_forward"), lambda g, x: g * sigmoid(-x))
_relu, _relu_grad = kernel("relu_forward"), kernel("relu_grad")


def _relu_forward(x: Any) -> Result:
    y = _relu(x)
    return (y,), Saved((None,), (y,))


def relu_gradient(g: Any, y: Any) -> Any:
    """Return g where y = relu(x) is not 0, and else 0; of arrays or Tensors."""
    if isinstance(g, np.ndarray):
        return _relu_grad(g, y)
    return where(0.0, g, condition=mask(y == 0))


def through_relu(saved: Saved, g: Any) -> Any:
    """Return the gradient before the relu that an op's option `relu` applied to its output."""
    return relu_gradient(g, saved.outputs[0]) if saved.outputs else g


def _relu_backward(saved: Saved, grads: tuple[Any, ...], needs: Sequence[bool]) -> Sequence[Any]:
    return (relu_gradient(grads[0], saved.outputs[0]),)


relu = define(
    "relu",
    _relu_forward,
    _relu_backward,
    casts="promote",
    fresh=True,
)
