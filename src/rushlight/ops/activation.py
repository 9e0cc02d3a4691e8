"""Activations: rows of the table of elementwise ops, some with options; PReLU and GLU.

Those that other ops are made of (sigmoid, logsigmoid, relu, tanh) stand in `elementwise.py`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from rushlight.errors import DtypeError, ShapeError, explain
from rushlight.kernels import kernel
from rushlight.kernels.selection import select
from rushlight.ops import elementwise as ew
from rushlight.ops.contract import Op, Saved, define
from rushlight.ops.elementwise import Formula, mask, unary, where
from rushlight.ops.reduce import sum as sum_
from rushlight.ops.shape import cat, reshape

Result = tuple[tuple[Any, ...], Saved]
Grads = tuple[Any, ...]

_elu_curve, _elu_slopes = kernel("elu_forward"), kernel("elu_grad")
_gelu_slopes = kernel("gelu_grad")
_hardsigmoid_slopes, _hardswish_slopes = kernel("hardsigmoid_grad"), kernel("hardswish_grad")
_leaky, _leaky_slopes = kernel("leaky_relu_forward"), kernel("leaky_relu_grad")
_prelu, _prelu_input_grad = kernel("prelu_forward"), kernel("prelu_input_grad")
_prelu_weight_grad = kernel("prelu_weight_grad")
_sigmoid = kernel("sigmoid_forward")
_tanh = kernel("tanh_forward")


def _bare(g: Any) -> bool:
    """Whether a gradient is an array, or a number of one: that is for the kernels."""
    return isinstance(g, (np.ndarray, np.generic))


# ---- smooth


silu = unary("silu", lambda x: x * _sigmoid(x), lambda g, x: g * _silu_slope(x))


def _silu_slope(x: Any) -> Any:
    s = ew.sigmoid(x)
    return s * (x * (1.0 - s) + 1.0)


_HALF = math.sqrt(0.5)
_DENSITY = 1.0 / math.sqrt(2.0 * math.pi)
_CUBE = 0.044715
_SCALE = math.sqrt(2.0 / math.pi)


def _gelu_grad(g: Any, x: Any) -> Any:
    if _bare(g):
        return _gelu_slopes(g, x)
    return g * _gelu_slope(x)


def _gelu_slope(x: Any) -> Any:
    return (ew.erf(x * _HALF) + 1.0) * 0.5 + x * ew.exp(x * x * -0.5) * _DENSITY


def _gelu_tanh_slope(x: Any) -> Any:
    t = ew.tanh((x + x * x * x * _CUBE) * _SCALE)
    inner = (x * x * (3.0 * _CUBE) + 1.0) * _SCALE
    return (t + 1.0) * 0.5 + x * (1.0 - t * t) * inner * 0.5


gelu = unary("gelu", kernel("gelu_forward"), _gelu_grad)
gelu_tanh = unary(
    "gelu_tanh",
    lambda x: x * 0.5 * (1.0 + _tanh((x + x * x * x * _CUBE) * _SCALE)),
    lambda g, x: g * _gelu_tanh_slope(x),
)


def _mish(x: Any) -> Any:
    e = np.exp(-np.abs(x))  # tanh(ln(1 + e^x)) as a quotient of powers of e that cannot overflow
    up, low = select(x > 0, 1.0 + 2.0 * e, e * (e + 2.0)), select(x > 0, e * e, 1.0)
    return x * (up / (up + 2.0 * low))


def _mish_slope(x: Any) -> Any:
    t = ew.tanh(-ew.logsigmoid(-x))
    return t + x * ew.sigmoid(x) * (1.0 - t * t)


mish = unary("mish", _mish, lambda g, x: g * _mish_slope(x))
softsign = unary(
    "softsign", lambda x: x / (np.abs(x) + 1.0), lambda g, x: g / ew.square(ew.abs(x) + 1.0)
)
tanhshrink = unary("tanhshrink", lambda x: x - _tanh(x), lambda g, x: g * ew.square(ew.tanh(x)))


# ---- with options


def with_slope(name: str, f: Formula, df: Formula, casts: str = "float", fresh: bool = False) -> Op:
    """Define y = f(x, **options) with gradient df(g, x, **options)."""

    def forward(x: Any, **options: Any) -> Result:
        return (f(x, **options),), Saved((x,), constants=options)

    def backward(saved: Saved, grads: Grads, needs: Sequence[bool]) -> Sequence[Any]:
        return (df(grads[0], saved.inputs[0], **saved.constants),)

    return define(name, forward, backward, casts=casts, fresh=fresh)


def _softplus_grad(g: Any, x: Any, beta: float, threshold: float) -> Any:
    return where(g, g * ew.sigmoid(x * beta), condition=mask(x * beta > threshold))


def _elu(x: Any, alpha: float, scale: float = 1.0, rate: float = 1.0) -> Any:
    return _elu_curve(x, alpha * scale, scale, rate)


def _elu_grad(g: Any, x: Any, alpha: float, scale: float = 1.0, rate: float = 1.0) -> Any:
    if _bare(g):
        return _elu_slopes(g, x, alpha * scale, scale, rate)
    above = ~mask(x <= 0)
    below = where(x, 0.0, condition=mask(x < 0))  # at 0 no second derivative, as in torch
    slope = g * ew.exp(below if rate == 1.0 else below * rate) * (alpha * scale * rate)
    return where(g if scale == 1.0 else g * scale, slope, condition=above)


def _leaky_relu(x: Any, negative_slope: Any) -> Any:
    if isinstance(negative_slope, float):
        return _leaky(x, negative_slope)
    return select(x > 0, x, x * negative_slope)


def _leaky_relu_grad(g: Any, x: Any, negative_slope: Any) -> Any:
    if _bare(g) and isinstance(negative_slope, float):
        return _leaky_slopes(g, x, negative_slope)
    return where(g, g * negative_slope, condition=mask(x > 0))


softplus = with_slope("softplus", kernel("softplus_forward"), _softplus_grad)
elu = with_slope("elu", _elu, _elu_grad)  # and, by scale and rate, selu and celu
leaky_relu = with_slope("leaky_relu", _leaky_relu, _leaky_relu_grad)  # of one slope, or one each


# ---- of straight pieces


def _hardtanh_grad(g: Any, x: Any, low: float, high: float) -> Any:
    return ew.between(g, x, low, high, ends=False)  # 0 at the limits, unlike clamp


def _threshold(x: Any, threshold: float, value: float) -> Any:
    return select(x <= threshold, value, x).astype(x.dtype, copy=False)


def _threshold_grad(g: Any, x: Any, threshold: float, value: float) -> Any:
    return where(0.0, g, condition=mask(x <= threshold))


def _softshrink(x: Any, lambd: float) -> Any:
    inner = np.clip(x, -lambd, lambd)
    return np.subtract(x, inner, out=inner) if inner.ndim else x - inner


def _shrink_grad(g: Any, x: Any, lambd: float) -> Any:
    return where(g, 0.0, condition=abs(mask(x)) > lambd)


def _hardsigmoid_grad(g: Any, x: Any) -> Any:
    if _bare(g):
        return _hardsigmoid_slopes(g, x)
    return _hardtanh_grad(g / 6.0, x, low=-3.0, high=3.0)


def _hardswish_grad(g: Any, x: Any) -> Any:
    if _bare(g):
        return _hardswish_slopes(g, x)
    inner = where(0.0, g * (x / 3.0 + 0.5), condition=mask(x <= -3))
    return where(g, inner, condition=mask(x >= 3))


hardtanh = with_slope(
    "hardtanh",
    kernel("clamp_forward"),
    _hardtanh_grad,
    casts="promote",
    fresh=True,
)
threshold = with_slope("threshold", _threshold, _threshold_grad, casts="promote")
hardshrink = with_slope(
    "hardshrink", lambda x, lambd: select(np.abs(x) <= lambd, 0.0, x), _shrink_grad
)
softshrink = with_slope("softshrink", _softshrink, _shrink_grad)
hardsigmoid = unary("hardsigmoid", kernel("hardsigmoid_forward"), _hardsigmoid_grad)
hardswish = unary("hardswish", kernel("hardswish_forward"), _hardswish_grad)


# ---- PReLU: a slope to learn, one for all or one for each channel


def _prelu_check(x: Any, weight: Any) -> None:
    if x.dtype != weight.dtype:
        got = f"input {x.dtype.name} with weight {weight.dtype.name}"
        raise DtypeError(explain("prelu", got=got, expected="one dtype", fix="use .to(...)"))
    channels = x.shape[1] if x.ndim > 1 else 1
    if weight.ndim > 1 or (weight.ndim == 1 and weight.size not in (1, channels)):
        raise ShapeError(
            explain(
                "prelu",
                got=f"weight {weight.shape} for input {x.shape}",
                expected="(1,)" if channels == 1 else f"(1,) or ({channels},), the channels",
                fix="set num_parameters to 1 or to the size of dim 1",
            )
        )


def _beside(weight: Any, ndim: int) -> Any:
    """(C) -> (C, 1, ...), which broadcasts against (N, C, *); one slope for all -> ()."""
    return reshape(weight, shape=() if _single(weight) else (-1, *(1,) * (ndim - 2)))


def _single(weight: Any) -> bool:
    return weight.shape in ((), (1,))


def _prelu_forward(x: Any, weight: Any) -> Result:
    return (_prelu(x, weight),), Saved((x, weight))


def _prelu_backward(saved: Saved, grads: Grads, needs: Sequence[bool]) -> Sequence[Any]:
    (x, weight), g = saved.inputs, grads[0]
    return (
        _prelu_input_grad(g, x, weight) if needs[0] else None,
        _prelu_weight_grad(g, x, weight) if needs[1] else None,
    )


def _prelu_graph_backward(saved: Saved, grads: Grads, needs: Sequence[bool]) -> Sequence[Any]:
    (x, weight), g, gw = saved.inputs, grads[0], None
    if needs[1]:
        dims = tuple(i for i in range(x.ndim) if i != 1 or _single(weight))
        below = where(0.0, g * x, condition=mask(x > 0))
        gw = reshape(sum_(below, dims=dims, keepdim=False), shape=weight.shape)
    return (_leaky_relu_grad(g, x, _beside(weight, x.ndim)) if needs[0] else None, gw)


prelu = define(
    "prelu",
    _prelu_forward,
    _prelu_backward,
    graph_backward=_prelu_graph_backward,
    fresh=True,
    check=_prelu_check,
)


# ---- GLU: one half of a dim gates the other


def _glu_forward(x: Any, dim: int) -> Result:
    if x.shape[dim] % 2:
        raise ShapeError(
            explain("glu", got=f"input {x.shape}", expected=f"an even size in dim {dim}")
        )
    a, b = _halves(x, dim)
    gate = _sigmoid(b)
    return (a * gate,), Saved((x,), constants=dim, cache=gate)


def _halves(x: Any, dim: int) -> tuple[Any, Any]:
    before, half = (slice(None),) * dim, x.shape[dim] // 2
    return x[(*before, slice(0, half))], x[(*before, slice(half, None))]


def _glu_backward(saved: Saved, grads: Grads, needs: Sequence[bool]) -> Sequence[Any]:
    (x,), dim = saved.inputs, saved.constants
    a, b = _halves(x, dim)
    gate = ew.sigmoid(b) if saved.cache is None else saved.cache
    through = grads[0] * gate
    return (cat(through, through * a * (1.0 - gate), dim=dim),)


glu = define("glu", _glu_forward, _glu_backward, casts="float", fresh=True)
