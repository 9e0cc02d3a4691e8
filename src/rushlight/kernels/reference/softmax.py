"""Softmax, its logarithm, cross-entropy, the maximum subtracted; and the logistic function."""

from __future__ import annotations

from typing import Any

import numpy as np

from rushlight.arrays import Array, channel_planes, channel_rows, is_channels_last
from rushlight.kernels.products import dot

__all__ = [
    "cross_entropy_forward",
    "cross_entropy_grad",
    "log_softmax_forward",
    "log_softmax_grad",
    "sigmoid_forward",
    "softmax_forward",
    "softmax_grad",
]


def sigmoid_forward(x: Array) -> Array:
    """1 / (1 + exp(-x))"""
    e = np.exp(-np.abs(x))  # never above 1, so nothing overflows
    return np.where(x >= 0, 1.0, e) / (1.0 + e)


def _sum(x: Array, dim: int) -> Array:
    """Sum along an axis that stays with size 1: float16 in float32."""
    wide = np.float32 if x.dtype == np.float16 else None
    total: Array = np.add.reduce(x, axis=dim, dtype=wide, keepdims=True)
    return total.astype(x.dtype, copy=False)


def softmax_forward(x: Array, dim: int) -> Array:
    """exp(x) / sum(exp(x)) along one axis"""
    y = np.exp(x - np.maximum.reduce(x, axis=dim, keepdims=True, initial=-np.inf))
    y /= np.add.reduce(y, axis=dim, keepdims=True)
    return y


def softmax_grad(g: Array, y: Array, dim: int) -> Array:
    """y (g - sum(g y)) for y = softmax(x)"""
    gy = g * y
    return gy - y * _sum(gy, dim)


def log_softmax_forward(x: Array, dim: int) -> Array:
    """log(softmax(x)) along one axis"""
    y = x - np.maximum.reduce(x, axis=dim, keepdims=True, initial=-np.inf)
    y -= np.log(np.add.reduce(np.exp(y), axis=dim, keepdims=True))
    return y


def log_softmax_grad(g: Array, y: Array, dim: int) -> Array:
    """g - exp(y) sum(g) for y = log_softmax(x)"""
    return g - np.exp(y) * _sum(g, dim)


def cross_entropy_forward(x: Array, classes: Array) -> tuple[Array, tuple[Array, Array]]:
    """Scores x (N, C, *S), target classes (M,) -> losses (M,), for M = N * prod(S)

    Returns:
        the losses, and (e = exp(x - maximum) in the shape of x, its sums (M,)) for the gradient.
    """
    last = is_channels_last(x)
    top = np.maximum.reduce(x, axis=1, keepdims=True)
    z = np.subtract(x, top, order="K" if last else "C")
    e = np.exp(z)
    if last or x.ndim == 2:
        total = dot(channel_rows(e), np.ones(x.shape[1], e.dtype))  # (M,)
    else:
        total = _sum(e, 1).reshape(-1)
    numbers, at = _targets(z, classes)
    return np.log(total) - numbers[at].reshape(-1), (e, total)


def cross_entropy_grad(cache: tuple[Array, Array], classes: Array, scale: Array) -> Array:
    """Return the gradient by x for the losses' gradient `scale`: (M,), or a scalar for all."""
    e, total = cache
    n, _, *spatial = e.shape
    dx = e * (scale / total).reshape(n, 1, *spatial)
    numbers, at = _targets(dx, classes)
    numbers[at] -= scale.reshape(at[1].shape) if spatial and scale.ndim else scale
    return dx


def _targets(x: Array, classes: Array) -> tuple[Array, Any]:
    """Return a view of x, channels last or C-ordered, and the index of its targets."""
    n, c, *spatial = x.shape
    if not spatial:
        return x.reshape(-1), np.arange(0, n * c, c) + classes
    planes = channel_planes(x)
    size = planes.shape[2]
    return planes, (np.arange(n)[:, None], classes.reshape(n, size), np.arange(size))
