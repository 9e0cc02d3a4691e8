"""The products of the linear layer: convolutions of single cells (`native/conv.cpp`)."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np

from rushlight.arrays import Array, last_rows
from rushlight.compiled import native
from rushlight.kernels.reference import linear as reference

__all__ = ["linear_forward", "linear_input_grad", "linear_weight_grad"]

# Below these the BLAS of NumPy has less to set up; it is slower where the weight is transposed.
ROWS, WORK, FEATURES = 8, 1 << 20, 16
_ONE, _ZERO = [1, 1, 1], [(0,), (0,), (0,)]


@lru_cache(maxsize=512)
def _product(m: int, k: int, f: int, wf: int, wc: int) -> Any:
    """Return what takes (m, k) to (m, f) by a weight whose number (f, k) lies at f wf + k wc."""
    strides = [k, 0, 0, 0], [f, 0, 0, 0]
    return native.Conv(m, 1, k, f, _ONE, _ONE, *strides, _ONE, _ZERO, _ZERO, [wf, wc, 0], 1)


def _takes(work: int, m: int, *arrays: Array | None) -> bool:
    """Tell whether this is a product of dense floats that is large enough, and no mere column."""
    if m < ROWS or work < WORK:
        return False
    dense = [a is None or (a.dtype.char in "fd" and a.flags.c_contiguous) for a in arrays]
    return all(dense)


def linear_forward(x: Array, w: Array, b: Array | None, relu: bool = False) -> Array:
    """x (..., K), w (F, K), b (F,) -> (..., F), with relu if asked"""
    f, k = w.shape
    m = x.size // (k or 1)
    if not _takes(m * k * f * (16 if f >= FEATURES else 1), m, x, w, b):
        return reference.linear_forward(x, w, b, relu)
    y = np.empty((*x.shape[:-1], f), x.dtype)
    _product(m, k, f, k, 1).forward(x, w, b, y, relu)
    return y


def linear_input_grad(g: Array, w: Array) -> Array:
    """g (..., F), w (F, K) -> (..., K)"""
    f, k = w.shape
    m = g.size // (f or 1)
    if not _takes(m * k * f, m, g, w):
        return reference.linear_input_grad(g, w)
    dx = np.empty((*g.shape[:-1], k), g.dtype)
    _product(m, f, k, 1, k).forward(g, w, None, dx, False)
    return dx


def linear_weight_grad(x: Array, g: Array) -> Array:
    """x (..., K), g (..., F) -> (F, K)"""
    k, f = x.shape[-1], g.shape[-1]
    m = x.size // (k or 1)
    if not _takes(m * k * f, m, x, g):
        return reference.linear_weight_grad(x, g)
    dw = np.empty((f, k), x.dtype)
    _product(m, f, k, 0, 0).weight(last_rows(g), last_rows(x), dw)
    return dw
