"""Elementwise functions and comparisons against torch, as function and as method."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

pytest.importorskip("torch")  # before the helpers, which need it

from tests.functional.cases import CUBE, HOLES, WILD, B, Cases, N, P, X, Y, each
from tests.functional.parity import both, both_raise

CASES = Cases("comparison", "composed", "elementwise")
case = CASES.add

for _name in (
    *("abs", "absolute", "ceil", "cos", "cosh", "erf", "erfc", "exp", "exp2", "expm1", "floor"),
    *("frac", "neg", "negative", "relu", "round", "sigmoid", "sign", "sin", "sinh", "square"),
    *("tan", "tanh", "trunc", "atan", "asinh"),
):
    case(_name, lambda t, x, n=_name: getattr(t, n)(x), X)
    case(_name, lambda t, x, n=_name: getattr(x, n)(), CUBE)
    if _name not in ("relu", "frac"):
        case(_name, lambda t, x, n=_name: getattr(t, n)(x), N)
for _name in (
    *("acos", "asin", "atanh", "log", "log10", "log1p", "log2", "reciprocal", "rsqrt", "sqrt"),
    "logit",
):
    case(_name, lambda t, x, n=_name: getattr(t, n)(x), P)
    case(_name, lambda t, x, n=_name: getattr(x, n)(), P)
case("acosh", lambda t, x: t.acosh(x + 1), P)
case("acosh", lambda t, x: (x + 1).acosh(), P)
case("round", lambda t, x: t.round(x, decimals=2), X)
case("logit", lambda t, x: t.logit(x, 0.3), P)
for _name in (
    *("add", "sub", "mul", "div", "maximum", "minimum", "atan2", "remainder", "fmod", "subtract"),
    *("multiply", "divide", "true_divide", "hypot", "logaddexp", "xlogy"),
):
    case(_name, lambda t, x, y, n=_name: getattr(t, n)(x, y), P, P[::-1])
    case(_name, lambda t, x, y, n=_name: getattr(x, n)(y), P, P[0])
    if _name not in ("hypot", "logaddexp"):
        case(_name, lambda t, x, y, n=_name: getattr(t, n)(x, y), N, N + 1)
for _name in ("add", "sub", "mul", "div", "remainder", "fmod", "pow"):
    case(_name, lambda t, x, n=_name: (getattr(t, n)(x, 2), getattr(x, n)(1.5)), P)
    case(_name, lambda t, x, n=_name: (getattr(t, n)(x, 2), getattr(x, n)(1.5)), N)
case("floor_divide", lambda t, x, n: (t.floor_divide(x.detach(), 0.3), n.floor_divide(2)), P, N)
case("add", lambda t, x, y: (t.add(x, y, alpha=2), x.add(2, alpha=3)), X, Y)
case("sub", lambda t, x, y: (t.sub(x, y, alpha=0.5), x.sub(2, alpha=3)), X, Y)
for _mode in ("floor", "trunc"):
    case("div", lambda t, x, y, m=_mode: t.div(x, y, rounding_mode=m), X * 5, Y)
    case("div", lambda t, x, y, m=_mode: x.div(y, rounding_mode=m), N - 2, N + 1)
    case("div", lambda t, x, m=_mode: (x.div(2, rounding_mode=m), x.div(0.7, rounding_mode=m)), N)
case("pow", lambda t, x, y: (t.pow(x, y), x.pow(3), x**2, x**0.5, 2**x, x**-1), P, X)
case("pow", lambda t, n: (t.pow(2, n), n**2, n**2.0, t.pow(n, 0)), N)
case("erfc", lambda t, x: t.erfc(x), np.array([5.0, 8.0, 20.0]))
case("logaddexp", lambda t, x: t.logaddexp(x * 1000, -x * 1000), X)
case("xlogy", lambda t, x, y: t.xlogy(x, y), np.array([0.0, 0.0, 1.0]), np.array([2.0, -1.0, 3.0]))
case("clamp", lambda t, x: (t.clamp(x, -0.5, 0.5), x.clamp(min=0.1), x.clamp(max=0.2)), X)
case("clamp", lambda t, x: (t.clamp(x, 1, 3), x.clamp(min=0.5), x.clamp(max=2)), N)
case("clamp", lambda t, x, y: (t.clamp(x, y - 0.3, y + 0.3), x.clamp(min=y), x.clamp(max=y)), X, Y)
case(
    "clamp",
    lambda t, x, y: [t.clamp(a.detach(), b.detach(), t.ones_like(x)) for a, b in ((x, y), (y, x))],
    X,
    HOLES,
)
case("clip", lambda t, x: (t.clip(x, -0.5, 0.5), x.clip(0, 1)), X)
case("clamp_min", lambda t, x: (t.clamp_min(x, 0.1), x.clamp_min(0.2)), X)
case("clamp_max", lambda t, x: (t.clamp_max(x, 0.1), x.clamp_max(0.2)), X)
case("addcmul", lambda t, x, y: (t.addcmul(x, y, x, value=2), x.addcmul(y, y)), X, Y)
case("addcdiv", lambda t, x, y: (t.addcdiv(x, y, x, value=2), x.addcdiv(y, y)), P, P[::-1])
case("lerp", lambda t, x, y: (t.lerp(x, y, 0.3), x.lerp(y, y)), X, Y)
case("nan_to_num", lambda t, x: (t.nan_to_num(x), x.nan_to_num(1.0, 2.0, 3.0)), WILD)
case("nan_to_num", lambda t, x: t.nan_to_num(x), N)
case("where", lambda t, x, y: (t.where(x > 0, x, y), x.where(y > 0, y)), X, Y)
case("where", lambda t, x: (t.where(x > 0, x, 0), t.where(x > 0, 1.0, x)), X)
case("where", lambda t, x: (t.where(x > 2, 1, 0), t.where(x > 2, 1.0, 0.0), t.where(x > 2)), N)
case("where", lambda t, x: (t.where(x > 2, x, 0.5), t.where(x > 2, x, 3)), N)
case("masked_fill", lambda t, x: (t.masked_fill(x, x > 0, 0.5), x.masked_fill(x > 1, -np.inf)), X)
case("masked_fill", lambda t, x, v: x.masked_fill(x > 0, v), X, np.array(2.0))
case("masked_fill", lambda t, x: x.masked_fill(x > 2, 9), N)
for _name in ("eq", "ne", "lt", "le", "gt", "ge", "logical_and", "logical_or", "logical_xor"):
    case(
        _name,
        lambda t, x, y, n=_name: (getattr(t, n)(x, y), getattr(x, n)(y)),
        N,
        N.T[:3].copy()[:, [0, 1, 2, 2]],
    )
    case(_name, lambda t, x, y, n=_name: getattr(t, n)(x, y), X, np.where(B, X, Y))
    case(_name, lambda t, x, y, n=_name: getattr(t, n)(x, y), WILD, WILD[::-1])
for _name in ("eq", "ne", "lt", "le", "gt", "ge"):
    case(_name, lambda t, x, n=_name: (getattr(t, n)(x, 2), getattr(x, n)(2.5)), N)
case("logical_not", lambda t, x: (t.logical_not(x), x.logical_not()), N)
for _name in ("bitwise_and", "bitwise_or", "bitwise_xor"):
    case(_name, lambda t, x, y, n=_name: (getattr(t, n)(x, y), getattr(x, n)(3)), N, N[::-1])
    case(_name, lambda t, x, y, n=_name: getattr(t, n)(x, y), B, N)
case("bitwise_not", lambda t, x, b: (t.bitwise_not(x), x.bitwise_not(), ~b), N, B)
for _name in ("isnan", "isinf", "isfinite"):
    case(_name, lambda t, x, n=_name: (getattr(t, n)(x), getattr(x, n)()), WILD)
    case(_name, lambda t, x, n=_name: getattr(t, n)(x), N)
case("isin", lambda t, x, y: (t.isin(x, y), t.isin(x, y, invert=True), t.isin(x, 2)), N, N[0])
case("isclose", lambda t, x, y: (t.isclose(x, y, rtol=0.5), x.isclose(x)), X, Y)
case("isclose", lambda t, x: (t.isclose(x, x), x.isclose(x, equal_nan=True)), WILD)
case(
    "allclose", lambda t, x, y: (t.allclose(x, y), x.allclose(x), t.allclose(x, y, atol=9.0)), X, Y
)
case("equal", lambda t, x, y: (t.equal(x, y), x.equal(x), t.equal(x, x[:2])), X, Y)


@pytest.mark.parametrize("call", each(CASES))
def test_equals_torch(call: tuple[Any, ...]) -> None:
    both(*call)


ERRORS: list[tuple[Any, ...]] = [
    (lambda t, x: x + t.zeros(5), r"add: got shapes \(3, 4\) and \(5,\)", X),
    (lambda t, x: x < t.zeros(5), "broadcast", X),
    (lambda t, x: x.clamp(), "limit", X),
    (lambda t, x: x.div(x, rounding_mode="up"), "rounding_mode='up'", X),
    (lambda t, n: n // 0, "divisor 0", N),
    (lambda t, n: n % 0, "divisor 0", N),
    (lambda t, n: n**-1, "negative power", N),
    (lambda t, x: ~x, "integers or bools", X),
    (lambda t, x: x & x, "integers or bools", X),
    (lambda t, x: t.where(x, x, x), "where: got a condition of float64", X),
    (lambda t, x: x + None, None, X),
    (lambda t, x: x * "a", None, X),
]


@pytest.mark.parametrize("call", ERRORS)
def test_errors(call: tuple[Any, ...]) -> None:
    both_raise(*call)


def test_every_function_is_exercised() -> None:
    CASES.check()
