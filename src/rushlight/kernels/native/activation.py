"""Activations, softmax, cross-entropy by the compiled kernels.

`pointwise.cpp`, `pieces.cpp`, `softmax.cpp`.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from rushlight.arrays import Array, is_channels_last
from rushlight.compiled import native
from rushlight.kernels.native.layout import (
    dense,
    empty_image,
    own_image,
    to_channels_first,
    to_channels_last,
)
from rushlight.kernels.reference import activation as reference
from rushlight.kernels.reference import softmax as softmax_reference

__all__ = [
    "clamp_forward",
    "clamp_grad",
    "cross_entropy_forward",
    "cross_entropy_grad",
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
    "log_softmax_forward",
    "log_softmax_grad",
    "logsigmoid_forward",
    "prelu_forward",
    "prelu_input_grad",
    "prelu_weight_grad",
    "relu_forward",
    "relu_grad",
    "sigmoid_forward",
    "softmax_forward",
    "softmax_grad",
    "softplus_forward",
    "tanh_forward",
]


_PLAIN = {float, int, type(None)}  # NumPy's numbers have a dtype of their own


def _takes(x: Array, y: Array) -> bool:
    """Tell whether the numbers of x and of a fresh y correspond in memory order."""
    return x.strides == y.strides and x.dtype.char in "fd" and x.flags.aligned


def _laid(x: Array, y: Array) -> Array:
    """Return x, or where its numbers lie otherwise a copy of it in y, to be written over there.

    NumPy computes halves of a gated layer, say, or with the gradient of a sum, ten times as long.
    """
    if _takes(x, y):
        return x
    np.copyto(y, x)
    return y


def _alike(x: Array, y: Array) -> Array:
    """Return x, or where its numbers lie otherwise than those of y a copy."""
    return x if _takes(x, y) else _laid(x, np.empty_like(y))


def _mapped(run: Any, otherwise: Any, x: Array, *options: float) -> Array:
    """Return y = f(x), in the memory order of x."""
    if x.dtype.char not in "fd":
        return np.asarray(otherwise(x, *options))
    y = np.empty_like(x)
    run(_laid(x, y), y, *options)
    return y


def _through(run: Any, otherwise: Any, g: Array, x: Array, *options: float) -> Array:
    """Return dx = g f'(x), in the memory order of x."""
    g, x = np.asarray(g), np.asarray(x)  # the tape hands over single numbers, too
    if x.dtype.char not in "fd" or g.dtype != x.dtype or g.shape != x.shape:
        return np.asarray(otherwise(g, x, *options))
    dx = np.empty_like(x)
    run(_laid(g, dx), _alike(x, dx), dx, *options)
    return dx


def relu_forward(x: Array) -> Array:
    """max(x, 0), in the memory order of x; NaN stays NaN"""
    return _mapped(native.relu, reference.relu_forward, x)


def relu_grad(g: Array, y: Array) -> Array:
    """g where y > 0 or y is NaN, else 0, also for infinite g"""
    return _through(native.relu_grad, reference.relu_grad, g, y)


def leaky_relu_forward(x: Array, slope: float) -> Array:
    """x, or slope x where x <= 0"""
    return _mapped(native.leaky_relu, reference.leaky_relu_forward, x, slope)


def leaky_relu_grad(g: Array, x: Array, slope: float) -> Array:
    """g, or slope g where x <= 0"""
    return _through(native.leaky_relu_grad, reference.leaky_relu_grad, g, x, slope)


def _limits(low: float | None, high: float | None) -> tuple[float, float] | None:
    """Return plain limits, infinite for None; None where the reference takes them."""
    if type(low) not in _PLAIN or type(high) not in _PLAIN or low != low or high != high:
        return None
    return -math.inf if low is None else float(low), math.inf if high is None else float(high)


def clamp_forward(x: Array, low: float | None, high: float | None) -> Array:
    """min(max(x, low), high), of which one may be None; NaN stays NaN"""
    limits = _limits(low, high) if x.dtype.char in "fd" else None
    if limits is None:
        return reference.clamp_forward(x, low, high)
    y = np.empty_like(x)
    native.clamp(_laid(x, y), y, *limits)
    return y


def clamp_grad(g: Array, x: Array, low: float | None, high: float | None, ends: bool) -> Array:
    """g, 0 where x is not between the limits; whether they count"""
    limits = _limits(low, high) if x.dtype.char in "fd" else None
    if limits is None or (not ends and (low is None or high is None)):  # all beyond is inside
        return reference.clamp_grad(g, x, low, high, ends)
    return _through(native.clamp_grad, reference.clamp_grad, g, x, *limits, ends)


def _adjoining(x: Array, y: Array, weight: Array) -> int:
    """Return how many numbers of a channel of y adjoin; 0 where the reference takes x."""
    if x.dtype.char not in "fd" or weight.dtype != x.dtype or not x.size:
        return 0
    if weight.size == 1:
        return 1
    if y.flags.c_contiguous:
        return y.size // (y.shape[0] * y.shape[1])
    return int(is_channels_last(y))


def prelu_forward(x: Array, weight: Array) -> Array:
    """x, or slope x where x <= 0, of one slope () or (1) or one for each channel (dim 1)"""
    y = np.empty_like(x)
    adjoining = _adjoining(x, y, weight)
    if not adjoining:
        return reference.prelu_forward(x, weight)
    x = _laid(x, y)
    native.prelu(x, x, dense(weight), y, adjoining)
    return y


def prelu_input_grad(g: Array, x: Array, weight: Array) -> Array:
    """g, or slope g where x <= 0"""
    dx = np.empty_like(x)
    adjoining = _adjoining(x, dx, weight)
    if not adjoining or g.dtype != x.dtype or g.shape != x.shape:
        return reference.prelu_input_grad(g, x, weight)
    native.prelu(_laid(g, dx), _alike(x, dx), dense(weight), dx, adjoining)
    return dx


def prelu_weight_grad(g: Array, x: Array, weight: Array) -> Array:
    """The sums of g x where x <= 0, over all but the channels"""
    like = np.empty_like(x)
    adjoining = _adjoining(x, like, weight)
    if not adjoining or g.dtype != x.dtype or g.shape != x.shape:
        return reference.prelu_weight_grad(g, x, weight)
    dw = np.empty(weight.shape, x.dtype)
    native.prelu_slopes(_alike(g, like), _laid(x, like), dw, adjoining)
    return dw


def hardsigmoid_forward(x: Array) -> Array:
    """min(max(x + 3, 0), 6) / 6"""
    return _mapped(native.hardsigmoid, reference.hardsigmoid_forward, x)


def hardsigmoid_grad(g: Array, x: Array) -> Array:
    """g / 6 between -3 and 3, 0 at these and beyond"""
    return _through(native.hardsigmoid_grad, reference.hardsigmoid_grad, g, x)


def hardswish_forward(x: Array) -> Array:
    """x min(max(x + 3, 0), 6) / 6"""
    return _mapped(native.hardswish, reference.hardswish_forward, x)


def hardswish_grad(g: Array, x: Array) -> Array:
    """g, 0 where x <= -3, and g (x / 3 + 1 / 2) between -3 and 3"""
    return _through(native.hardswish_grad, reference.hardswish_grad, g, x)


def sigmoid_forward(x: Array) -> Array:
    """1 / (1 + exp(-x))"""
    return _mapped(native.sigmoid, softmax_reference.sigmoid_forward, x)


def tanh_forward(x: Array) -> Array:
    """The hyperbolic tangent"""
    return _mapped(native.tanh, reference.tanh_forward, x)


def logsigmoid_forward(x: Array) -> Array:
    """-log(1 + exp(-x))"""
    return _mapped(native.logsigmoid, reference.logsigmoid_forward, x)


def softplus_forward(x: Array, beta: float, threshold: float) -> Array:
    """log(1 + exp(beta x)) / beta, or x where beta x is above the threshold"""
    return _mapped(native.softplus, reference.softplus_forward, x, beta, threshold)


def elu_forward(x: Array, low: float, high: float, rate: float) -> Array:
    """high x, or low (exp(rate x) - 1) where x < 0"""
    if rate < 0:  # exp may be infinite
        return reference.elu_forward(x, low, high, rate)
    return _mapped(native.elu, reference.elu_forward, x, low, high, rate)


def elu_grad(g: Array, x: Array, low: float, high: float, rate: float) -> Array:
    """high g for x > 0, else low rate exp(rate x) g"""
    return _through(native.elu_grad, reference.elu_grad, g, x, low, high, rate)


# ---- compiled for float32 alone


def erf_forward(x: Array) -> Array:
    """The error function"""
    if x.dtype != np.float32:
        return reference.erf_forward(x)
    return _mapped(native.erf, reference.erf_forward, x)


def gelu_forward(x: Array) -> Array:
    """x Phi(x), with Phi the distribution function of standard normal numbers"""
    if x.dtype != np.float32:
        return reference.gelu_forward(x)
    return _mapped(native.gelu, reference.gelu_forward, x)


def gelu_grad(g: Array, x: Array) -> Array:
    """g (Phi(x) + x Phi'(x))"""
    if x.dtype != np.float32:
        return reference.gelu_grad(g, x)
    return _through(native.gelu_grad, reference.gelu_grad, g, x)


# ---- softmax (`softmax.cpp`): along any axis of numbers that are dense in memory

PLANE, DEEP = 16, 256  # smaller planes are gathered, which takes much memory for many channels


def _too_deep(c: int, apart: int) -> bool:
    return c > DEEP and 1 < apart < PLANE


def _apart(y: Array, dim: int) -> int:
    """Return how far the numbers of the axis lie apart in fresh y; 0 where NumPy does it."""
    if y.dtype.char not in "fd" or not y.size or y.shape[dim] == 1:
        return 0
    apart = y.strides[dim] // y.itemsize
    return 0 if _too_deep(y.shape[dim], apart) else apart


def softmax_forward(x: Array, dim: int) -> Array:
    """exp(x) / sum(exp(x)) along one axis"""
    y = np.empty_like(x)
    apart = _apart(y, dim)
    if not apart:
        return softmax_reference.softmax_forward(x, dim)
    native.softmax(_alike(x, y), y, y.shape[dim], apart)
    return y


def log_softmax_forward(x: Array, dim: int) -> Array:
    """log(softmax(x)) along one axis"""
    y = np.empty_like(x)
    apart = _apart(y, dim)
    if not apart:
        return softmax_reference.log_softmax_forward(x, dim)
    native.log_softmax(_alike(x, y), y, y.shape[dim], apart)
    return y


def _apart_both(g: Array, dx: Array, dim: int) -> int:
    return _apart(dx, dim) if g.dtype == dx.dtype and g.shape == dx.shape else 0


def softmax_grad(g: Array, y: Array, dim: int) -> Array:
    """y (g - sum(g y)) for y = softmax(x)"""
    dx = np.empty_like(y)
    apart = _apart_both(g, dx, dim)
    if not apart:
        return softmax_reference.softmax_grad(g, y, dim)
    native.softmax_grad(_alike(g, dx), _alike(y, dx), dx, y.shape[dim], apart)
    return dx


def log_softmax_grad(g: Array, y: Array, dim: int) -> Array:
    """g - exp(y) sum(g) for y = log_softmax(x)"""
    dx = np.empty_like(y)
    apart = _apart_both(g, dx, dim)
    if not apart:
        return softmax_reference.log_softmax_grad(g, y, dim)
    native.log_softmax_grad(_alike(g, dx), _alike(y, dx), dx, y.shape[dim], apart)
    return dx


# ---- cross-entropy


def cross_entropy_forward(x: Array, classes: Array) -> tuple[Array, tuple[Array, Array]]:
    """Scores x (N, C, *S), target classes (M,) -> losses (M,), for M = N * prod(S)

    Returns:
        the losses, and (e = exp(x - maximum) in the shape of x, its sums (M,)) for the gradient.
    """
    if x.dtype.char not in "fd" or not x.size:
        return softmax_reference.cross_entropy_forward(x, classes)
    x, last = own_image(x)
    n, c = x.shape[:2]
    plane = x.size // (n * c)
    turned = not last and _too_deep(c, plane)
    x, last = (to_channels_last(x), True) if turned else (x, last)
    e = empty_image(x.shape, x, last)
    loss, total = np.empty(classes.shape, x.dtype), np.empty(classes.shape, x.dtype)
    native.cross_entropy(x, classes, loss, e, total, c, 1 if last else plane)
    return loss, (to_channels_first(e) if turned else e, total)


def cross_entropy_grad(cache: tuple[Array, Array], classes: Array, scale: Array) -> Array:
    """Return the gradient by x for the losses' gradient `scale`: (M,), or a scalar for all."""
    e, total = cache
    if e.dtype.char not in "fd" or not e.size or scale.dtype != e.dtype:
        return softmax_reference.cross_entropy_grad(cache, classes, scale)
    last, c = is_channels_last(e), e.shape[1]
    plane = e.size // (e.shape[0] * c)
    turned = not last and _too_deep(c, plane)
    e, last = (to_channels_last(e), True) if turned else (e, last)
    dx = empty_image(e.shape, e, last)
    scales, one = (dense(scale), 0.0) if scale.ndim else (None, float(scale))
    native.cross_entropy_grad(e, total, classes, scales, one, dx, c, 1 if last else plane)
    return to_channels_first(dx) if turned else dx
