"""Special functions: rows like those of `elementwise`, the values from SciPy."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from rushlight.ops.contract import Op, Saved, define
from rushlight.ops.elementwise import (
    binary,
    cos,
    exp,
    log,
    log1p,
    mask,
    misfit,
    sign,
    sin,
    unary,
    where,
)

__all__ = [
    "digamma",
    "entr",
    "erfcx",
    "erfinv",
    "gammainc",
    "gammaincc",
    "i0",
    "i0e",
    "i1",
    "i1e",
    "lgamma",
    "log_ndtr",
    "ndtri",
    "polygamma",
    "sinc",
    "xlog1py",
    "zeta",
]


def _scipy(name: str) -> Callable[..., Any]:
    """Return SciPy's function of that name, which is imported when it is first called."""

    def call(*arrays: Any) -> Any:
        from scipy import special  # 0.4 s to import: only who needs it pays

        dtype = np.result_type(*[a for a in arrays if isinstance(a, np.ndarray)])
        y = getattr(special, name)(*arrays)
        return np.asarray(y).astype(dtype, copy=False)  # SciPy computes float16 in float32

    return call


_HALF_ROOT = math.sqrt(math.pi) / 2
_ROOT = math.sqrt(2 * math.pi)

# ---- the error function's relatives

erfinv = unary("erfinv", _scipy("erfinv"), lambda g, y: g * (exp(y * y) * _HALF_ROOT), of="y")
erfcx: Op = unary("erfcx", _scipy("erfcx"), lambda g, x: g * (erfcx(x) * x * 2 - 1 / _HALF_ROOT))
ndtri = unary("ndtri", _scipy("ndtri"), lambda g, y: g * (exp(y * y * 0.5) * _ROOT), of="y")
log_ndtr: Op = unary(
    "log_ndtr",
    _scipy("log_ndtr"),
    lambda g, x: g * (exp(x * x * -0.5 - log_ndtr(x)) / _ROOT),
)

# ---- gamma: lgamma' = digamma = polygamma(0), polygamma(n)' = polygamma(n + 1)


def _digamma(x: Any) -> Any:
    y = _scipy("psi")(x)
    poles = (x == np.floor(x)) & (x <= 0)  # torch: infinite at 0, undefined at -1, -2, ...
    return np.where(poles, np.where(x == 0, -np.copysign(np.inf, x), np.nan), y).astype(x.dtype)


def _lgamma(x: Any) -> Any:
    y = np.where(x == -np.inf, np.inf, _scipy("gammaln")(x))
    tiny = (np.abs(x) < np.finfo(x.dtype).tiny) & (x != 0)  # where SciPy's overflows
    return np.where(tiny, -np.log(np.where(tiny, np.abs(x), 1)), y).astype(x.dtype, copy=False)


lgamma: Op = unary("lgamma", _lgamma, lambda g, x: g * digamma(x))
digamma: Op = unary("digamma", _digamma, lambda g, x: g * polygamma(x, n=1))


def _polygamma_forward(x: Any, n: int) -> tuple[tuple[Any, ...], Saved]:
    y = _digamma(x) if n == 0 else _scipy("polygamma")(n, x)
    return (y.astype(x.dtype, copy=False),), Saved((x,), constants=n)


def _polygamma_backward(saved: Saved, grads: tuple[Any, ...], needs: Sequence[bool]) -> Any:
    return (grads[0] * polygamma(saved.inputs[0], n=saved.constants + 1),)


polygamma: Op = define("polygamma", _polygamma_forward, _polygamma_backward, casts="float")


def _parametric(name: str, f: Callable[..., Any], slope: Callable[..., Any]) -> Op:
    """Define y = f(parameter, x) with dy/dx = slope(parameter, x).

    No derivative in the parameter is known in closed form, so it is an option.
    """

    def forward(x: Any, parameter: Any) -> tuple[tuple[Any, ...], Saved]:
        parameter = np.asarray(parameter, x.dtype)
        try:
            y = f(parameter, x)
        except ValueError:
            raise misfit(name, parameter, x) from None
        return (y,), Saved((x,), constants=parameter)

    def backward(saved: Saved, grads: tuple[Any, ...], needs: Sequence[bool]) -> Sequence[Any]:
        return (grads[0] * slope(saved.constants, saved.inputs[0]),)

    return define(name, forward, backward, casts="float")


def _density(a: Any, x: Any) -> Any:
    return exp(log(x) * (a - 1.0) - x - _lgamma(a))


gammainc = _parametric("gammainc", _scipy("gammainc"), _density)
gammaincc = _parametric("gammaincc", _scipy("gammaincc"), lambda a, x: -_density(a, x))
zeta: Op = _parametric("zeta", _scipy("zeta"), lambda s, q: zeta(q, parameter=s + 1.0) * -s)

# ---- Bessel functions: i0' = i1, i1' = i0 - i1 / x, and with the factor e^-|x|


def _per(y: Any, x: Any) -> Any:
    """y / x, and its limit 1/2 at 0, for the odd functions i1 and i1e."""
    flat = mask(x == 0)
    return where(0.5, y / where(1.0, x, condition=flat), condition=flat)


i0: Op = unary("i0", _scipy("i0"), lambda g, x: g * i1(x))
i1: Op = unary("i1", _scipy("i1"), lambda g, x: g * (i0(x) - _per(i1(x), x)))
i0e: Op = unary("i0e", _scipy("i0e"), lambda g, x: g * (i1e(x) - i0e(x) * sign(x)))
i1e: Op = unary(
    "i1e", _scipy("i1e"), lambda g, x: g * (i0e(x) - i1e(x) * sign(x) - _per(i1e(x), x))
)

# ---- others

entr = unary("entr", _scipy("entr"), lambda g, x: g * (-1.0 - log(x)))


def _sinc_slope(g: Any, x: Any) -> Any:
    """By its series near 0, where the closed form is a difference of equal numbers."""
    near = mask(abs(x) < 0.1)
    t = where(1.0, x * math.pi, condition=near)
    far = (cos(t) * t - sin(t)) / (t * t)
    t = where(x * math.pi, 0.0, condition=near)
    u = t * t
    series = ((((u / -88 + 1.0) * u / 54 - 1.0) * u / 28 + 1.0) * u / 10 - 1.0) * t / 3
    return g * where(series, far, condition=near) * math.pi


sinc = unary("sinc", np.sinc, _sinc_slope)


def _xlog1py_grad(g: Any, a: Any, b: Any, y: Any) -> Any:
    flat = mask(a == 0) & mask(b <= -1)
    return where(
        0.0, g * (math.log1p(b) if isinstance(b, (int, float)) else log1p(b)), condition=flat
    )


xlog1py = binary(
    "xlog1py",
    _scipy("xlog1py"),
    _xlog1py_grad,
    lambda g, a, b, y: g * (a / (b + 1.0)),
    casts="float",
)
