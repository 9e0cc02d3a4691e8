"""Activation kernels whose plain NumPy form takes a slow path, or many."""

from __future__ import annotations

import math

import numpy as np

from rushlight.arrays import Array, channels_to_last
from rushlight.kernels.selection import one_of, select, within

__all__ = [
    "clamp_forward",
    "clamp_grad",
    "elu_forward",
    "elu_grad",
    "erf_forward",
    "gelu_forward",
    "gelu_grad",
    "hardsigmoid_forward",
    "hardsigmoid_grad",
    "hardswish_forward",
    "hardswish_grad",
    "leaky_relu_forward",
    "leaky_relu_grad",
    "logsigmoid_forward",
    "prelu_forward",
    "prelu_input_grad",
    "prelu_weight_grad",
    "relu_forward",
    "relu_grad",
    "softplus_forward",
    "tanh_forward",
]

_BLOCK = 8192  # elements: NumPy's vector loop of maximum wants an array, not a scalar, beside x
_SMALL = 1024  # elements below which the calls cost more than the loop
_BITS = {2: np.uint16, 4: np.uint32, 8: np.uint64}
_ZEROS = {np.dtype(t): np.zeros(_BLOCK, t) for t in (np.float32, np.float64)}


def relu_forward(x: Array) -> Array:
    """max(x, 0), in the memory order of x; NaN stays NaN"""
    zeros = _ZEROS.get(x.dtype) if x.size > _SMALL else None
    if zeros is not None and x.size <= _BLOCK and x.flags.c_contiguous:
        return np.maximum(x, zeros[: x.size].reshape(x.shape))
    flat = None if zeros is None else _flat(x)
    if zeros is None or flat is None:
        return np.asarray(np.maximum(x, 0))
    y = np.empty_like(x)  # K order: the same strides as x
    out, n = _flat(y), flat.size
    assert out is not None
    whole = n - n % _BLOCK
    if whole:
        np.maximum(flat[:whole].reshape(-1, _BLOCK), zeros, out=out[:whole].reshape(-1, _BLOCK))
    if whole < n:
        np.maximum(flat[whole:], zeros[: n - whole], out=out[whole:])
    return y


def _flat(x: Array) -> Array | None:
    """Return a contiguous array of any axis order as a vector in memory order, else None."""
    if x.flags.c_contiguous:
        return x.reshape(-1)
    last = channels_to_last(x) if x.ndim > 2 else x.T
    return last.reshape(-1) if last.flags.c_contiguous else None


def relu_grad(g: Array, y: Array) -> Array:
    """g where y > 0 or y is NaN, else 0, also for infinite g"""
    dx = np.empty_like(y)
    bits = dx.view(_BITS[y.itemsize])
    np.copyto(bits, np.not_equal(y, 0).view(np.uint8))  # a bool takes longer
    bits *= g.view(bits.dtype)  # by 1 or 0; ten times as fast as `where`
    return dx


def erf_forward(x: Array) -> Array:
    """The error function, 2 / sqrt(pi) times the integral of exp(-t^2) from 0 to x"""
    from scipy.special import erf  # SciPy costs 0.4 s to import: only who needs it pays

    return np.asarray(erf(x), x.dtype)  # SciPy computes float16 in float32


def gelu_forward(x: Array) -> Array:
    """x Phi(x), with Phi the distribution function of standard normal numbers"""
    y: Array = x * 0.5 * (1.0 + erf_forward(x * math.sqrt(0.5)))
    return y


def tanh_forward(x: Array) -> Array:
    """The hyperbolic tangent"""
    y: Array = np.tanh(x)
    return y


def _softplus(x: Array) -> Array:
    y: Array = np.maximum(x, 0.0) + np.log1p(np.exp(-np.abs(x)))
    return y


def logsigmoid_forward(x: Array) -> Array:
    """-log(1 + exp(-x))"""
    return -_softplus(-x)


def softplus_forward(x: Array, beta: float, threshold: float) -> Array:
    """log(1 + exp(beta x)) / beta, or x where beta x is above the threshold"""
    z = x * beta
    y = np.asarray(_softplus(z) / beta)
    np.copyto(y, x, where=z > threshold)
    return y


def elu_forward(x: Array, low: float, high: float, rate: float) -> Array:
    """high x, or low (exp(rate x) - 1) where x < 0"""
    below = np.minimum(x, 0.0)
    if rate != 1.0:
        below *= rate
    above = x if high == 1.0 else x * high
    return np.asarray(select(x < 0, np.expm1(below) * low, above))


def elu_grad(g: Array, x: Array, low: float, high: float, rate: float) -> Array:
    """high g for x > 0, else low rate exp(rate x) g"""
    below = np.minimum(x, 0.0)
    if rate != 1.0:
        below = below * rate
    return np.asarray(select(x <= 0, g * np.exp(below) * (low * rate), g * high))


def gelu_grad(g: Array, x: Array) -> Array:
    """g (Phi(x) + x Phi'(x))"""
    density = np.exp(x * x * -0.5) * (1.0 / math.sqrt(2.0 * math.pi))
    y: Array = g * ((erf_forward(x * math.sqrt(0.5)) + 1.0) * 0.5 + x * density)
    return y


def leaky_relu_forward(x: Array, slope: float) -> Array:
    """x, or slope x where x <= 0"""
    if 0 < x.dtype.type(slope) <= 1:  # else max(x, slope x) is not x for x > 0 alone
        return np.asarray(np.maximum(x, x * slope))
    return np.asarray(select(x > 0, x, x * slope))


def leaky_relu_grad(g: Array, x: Array, slope: float) -> Array:
    """g, or slope g where x <= 0"""
    return np.asarray(g * one_of(x > 0, 1.0, slope, g.dtype))


def clamp_forward(x: Array, low: float | None, high: float | None) -> Array:
    """min(max(x, low), high), of which one may be None; NaN stays NaN"""
    return np.asarray(np.clip(x, low, high)).astype(x.dtype, copy=False)


def clamp_grad(g: Array, x: Array, low: float | None, high: float | None, ends: bool) -> Array:
    """g, 0 where x is not between the limits; whether they count"""
    return np.asarray(select(within(x, low, high, ends), g, 0.0))


def _beside(weight: Array, x: Array) -> Array:
    """(C) -> (C, 1, ...), which broadcasts against (N, C, *); one slope for all -> ()."""
    single = weight.shape in ((), (1,))
    return weight.reshape(() if single else (-1, *(1,) * (x.ndim - 2)))


def prelu_forward(x: Array, weight: Array) -> Array:
    """x, or slope x where x <= 0, of one slope () or (1) or one for each channel (dim 1)"""
    return np.asarray(select(x > 0, x, x * _beside(weight, x)))


def prelu_input_grad(g: Array, x: Array, weight: Array) -> Array:
    """g, or slope g where x <= 0"""
    return np.asarray(select(x > 0, g, g * _beside(weight, x)))


def prelu_weight_grad(g: Array, x: Array, weight: Array) -> Array:
    """The sums of g x where x <= 0, over all but the channels"""
    below = np.asarray(select(x > 0, 0.0, g * x))
    dims = tuple(i for i in range(x.ndim) if i != 1 or weight.shape in ((), (1,)))
    wide = np.float32 if x.dtype == np.float16 else None
    total = np.add.reduce(below, axis=dims, dtype=wide)
    return np.asarray(total, x.dtype).reshape(weight.shape)


def hardsigmoid_forward(x: Array) -> Array:
    """min(max(x + 3, 0), 6) / 6"""
    return np.asarray(np.clip(x + 3.0, 0.0, 6.0) / 6.0)


def hardsigmoid_grad(g: Array, x: Array) -> Array:
    """g / 6 between -3 and 3, 0 at these and beyond"""
    return np.asarray(select(within(x, -3.0, 3.0, False), g / 6.0, 0.0))


def hardswish_forward(x: Array) -> Array:
    """x min(max(x + 3, 0), 6) / 6"""
    return np.asarray(x * hardsigmoid_forward(x))


def hardswish_grad(g: Array, x: Array) -> Array:
    """g, 0 where x <= -3, and g (x / 3 + 1 / 2) between -3 and 3"""
    inner = select(x <= -3, 0.0, g * (x / 3.0 + 0.5))
    return np.asarray(select(x >= 3, g, inner))
