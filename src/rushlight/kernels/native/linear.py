"""The products of the linear layer, with bias and ReLU in one call (`native/gemm.cpp`)."""

from __future__ import annotations

import numpy as np

from rushlight.arrays import Array
from rushlight.compiled import native
from rushlight.kernels.reference import linear as reference

__all__ = ["linear_forward", "linear_input_grad", "linear_weight_grad"]  # the kernels

# Multiply-adds, and rows, below which the BLAS of NumPy takes less time for a gradient. A forward
# pass is always faster here: the bias is added and ReLU taken in the same call.
WORK, ROWS = 1 << 15, 16


def takes(a: Array, b: Array, c: Array | None = None) -> bool:
    """Tell whether these are dense floats at whole addresses."""
    return a.dtype.char in "fd" and _dense(a) and _dense(b) and (c is None or _dense(c))


def _dense(a: Array) -> bool:
    flags = a.flags
    return flags.c_contiguous and flags.aligned


def linear_forward(x: Array, w: Array, b: Array | None, relu: bool = False) -> Array:
    """x (..., K), w (F, K), b (F,) -> (..., F), with relu if asked"""
    if not takes(x, w, b):
        return reference.linear_forward(x, w, b, relu)
    y = np.empty((*x.shape[:-1], w.shape[0]), x.dtype)
    native.linear_forward(x, w, b, y, relu)
    return y


def linear_input_grad(g: Array, w: Array) -> Array:
    """g (..., F), w (F, K) -> (..., K)"""
    if g.size * w.shape[1] < WORK or g.size < ROWS * w.shape[0] or not takes(g, w):
        return reference.linear_input_grad(g, w)
    dx = np.empty((*g.shape[:-1], w.shape[1]), g.dtype)
    native.linear_input_grad(g, w, dx)
    return dx


def linear_weight_grad(x: Array, g: Array) -> Array:
    """x (..., K), g (..., F) -> (F, K)"""
    if x.size * g.shape[-1] < WORK or not takes(x, g):
        return reference.linear_weight_grad(x, g)
    dw = np.empty((g.shape[-1], x.shape[-1]), x.dtype)
    native.linear_weight_grad(x, g, dw)
    return dw
