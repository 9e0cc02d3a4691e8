"""Softmax, its logarithm, cross-entropy, the maximum subtracted; and the logistic function."""

from __future__ import annotations

import numpy as np

from rushlight.arrays import Array
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


def cross_entropy_forward(rows: Array, places: Array) -> tuple[Array, tuple[Array, Array]]:
    """rows (M, C) of scores, flat places (M,) of the target classes -> losses (M,)

    Returns:
        the losses, and (e (M, C) = exp(rows - maximum), its sums (M,)) for the gradient.
    """
    z = np.subtract(rows, np.maximum.reduce(rows, axis=1, keepdims=True), order="C")
    e = np.exp(z)
    total = dot(e, np.ones(rows.shape[1], e.dtype))  # (M,)
    return np.log(total) - z.take(places), (e, total)


def cross_entropy_grad(cache: tuple[Array, Array], places: Array, scale: Array) -> Array:
    """Return the gradient (M, C) for the losses' gradient `scale`: (M,), or a scalar for all."""
    e, total = cache
    dx = e * (scale / total)[:, None]
    dx.reshape(-1)[places] -= scale
    return dx
