"""Attention of the heads of all samples by the compiled kernels (`native/attention.cpp`)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from rushlight.arrays import Array
from rushlight.compiled import native
from rushlight.kernels.native.activation import softmax_forward, softmax_grad
from rushlight.kernels.reference import attention as reference

__all__ = ["attention_forward", "attention_grad"]


def _takes(*arrays: Array | None) -> bool:
    """Tell whether these are floats of one dtype in heads (..., H, rows, columns), rows dense."""
    first: Any = arrays[0]
    if first.dtype.char not in "fd" or first.ndim > 4:
        return False
    for a in arrays:
        if a is None:
            continue
        size = a.itemsize
        if not (a.size and a.dtype == first.dtype and a.flags.aligned):
            return False
        if a.strides[-1] != size and a.shape[-1] > 1:
            return False
        if [s for s in a.strides if s % size]:
            return False
    return True


def _four(a: Any) -> Any:
    """(..., rows, columns) -> (N, H, rows, columns), a view"""
    return a if a is None or a.ndim == 4 else a[(None,) * (4 - a.ndim)]


def _spread(bias: Array | None, shape: tuple[int, ...]) -> Any:
    """Spread a bias over the scores by strides of 0, its rows dense."""
    if bias is None or bias.shape == shape:
        return bias
    if bias.ndim == 0 or bias.shape[-1] != shape[-1]:
        bias = np.broadcast_to(bias, (*bias.shape[:-1], shape[-1])).copy()
    return np.broadcast_to(bias, shape)


def _factors(factor: Array | None, shape: tuple[int, ...]) -> bool:
    return factor is None or (factor.shape == shape and factor.flags.c_contiguous)


def attention_forward(
    q: Array,
    k: Array,
    v: Array,
    bias: Array | None,
    factor: Array | None,
    scale: float,
    blind: bool,
    y: Array,
) -> Array:
    """See the reference."""
    shape = (*q.shape[:-1], k.shape[-2])
    more = _spread(bias, shape)
    if not (_factors(factor, shape) and _takes(q, k, v, more, factor, y)):
        return reference.attention_forward(q, k, v, bias, factor, scale, blind, y, softmax_forward)
    p = np.empty(shape, q.dtype)
    heads = map(_four, (q, k, v, more, factor))
    native.attention(*heads, scale, blind, _four(p), _four(y))
    return p


def attention_grad(
    g: Array | None,
    gp: Array | None,
    q: Array,
    k: Array,
    v: Array,
    p: Array,
    factor: Array | None,
    scale: float,
    needs: Sequence[bool],
    outs: Sequence[Array | None],
) -> tuple[Any, Any, Any, Any]:
    """See the reference."""
    fits = g is not None and gp is None and not needs[3] and True in needs
    fits = fits and p.flags.c_contiguous and _factors(factor, p.shape)
    if not (fits and _takes(g, q, k, v, p, factor, *outs)):
        return reference.attention_grad(g, gp, q, k, v, p, factor, scale, needs, outs, softmax_grad)
    found: list[Any] = [
        (np.empty(x.shape, x.dtype) if out is None else out) if need else None
        for x, out, need in zip((q, k, v), outs, needs, strict=False)
    ]
    heads = map(_four, (g, q, k, v, p, factor))
    native.attention_grad(*heads, scale, *map(_four, found))
    return found[0], found[1], found[2], None
