"""Linear kernels: y = x w^T + b over the last axis, any number of leading axes.

All products are of two matrices at most, where np.dot costs a microsecond or two less than matmul.
"""

from __future__ import annotations

from rushlight.arrays import Array, last_rows
from rushlight.kernels.products import dot
from rushlight.kernels.reference.activation import relu_forward

__all__ = ["linear_forward", "linear_input_grad", "linear_weight_grad"]


def linear_forward(x: Array, w: Array, b: Array | None, relu: bool = False) -> Array:
    """x (..., K), w (F, K), b (F,) -> (..., F), with relu if asked"""
    y = dot(x if x.ndim < 3 else last_rows(x), w.T)
    if b is not None:
        y += b
    if relu:
        y = relu_forward(y)
    return y if x.ndim < 3 else y.reshape((*x.shape[:-1], w.shape[0]))


def linear_input_grad(g: Array, w: Array) -> Array:
    """g (..., F), w (F, K) -> (..., K)"""
    if g.ndim < 3:
        return dot(g, w)
    return dot(last_rows(g), w).reshape((*g.shape[:-1], w.shape[1]))


def linear_weight_grad(x: Array, g: Array) -> Array:
    """x (..., K), g (..., F) -> (F, K)"""
    return dot(last_rows(g).T, last_rows(x))
