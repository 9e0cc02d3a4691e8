"""Attention: y = p v for p = softmax(q k^T * scale + bias), and what came of it backward.

q (..., L, E), k (..., S, E) and v (..., S, V) have equal leading dims.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from rushlight.arrays import Array
from rushlight.kernels.products import matmul
from rushlight.kernels.reference.softmax import softmax_forward, softmax_grad

__all__ = ["attention_forward", "attention_grad"]


def _scaled_product(a: Array, b: Array, scale: float) -> Array:
    """Return a b * scale for a that is strided; what is scaled is the smaller or the denser."""
    if b.shape[-1] > 2 * a.shape[-1]:
        return matmul(a * scale, b)
    product = matmul(a, b)
    product *= scale
    return product


def _dropped(p: Array, factor: Array | None) -> Array:
    return p if factor is None else np.multiply(p, factor, out=np.empty_like(p))


def attention_forward(
    q: Array,
    k: Array,
    v: Array,
    bias: Array | None,
    factor: Array | None,
    scale: float,
    blind: bool,
    y: Array,
    softmax: Callable[[Array, int], Array] = softmax_forward,
) -> Array:
    """Write (p factor) v into y and return p.

    Args:
        bias: what is added to the scores, broadcast to them; or None.
        factor: what dropout multiplies p by, broadcast to it; or None.
        blind: a query that sees nothing (scores of -inf) has p = 0, not NaN.
    """
    scores = _scaled_product(q, k.swapaxes(-1, -2), scale)
    if bias is not None:
        scores += bias
    p = softmax(scores, scores.ndim - 1)
    if blind and p.size:
        hidden = np.maximum.reduce(scores, axis=-1, keepdims=True) == -np.inf
        np.copyto(p, 0.0, where=hidden)
    matmul(_dropped(p, factor), v, out=y)
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
    softmax: Callable[[Array, Array, int], Array] = softmax_grad,
) -> tuple[Any, Any, Any, Any]:
    """Return the gradients by q, k, v and the scores, of g and gp, those by y and p (None: zeros).

    Args:
        needs: which of the four are wanted.
        outs: where the first three go, or None.
    """
    dq: Any = None
    dk: Any = None
    dv: Any = None
    ds: Any = None
    if needs[2] and g is not None:
        dv = matmul(_dropped(p, factor).swapaxes(-1, -2), g, out=outs[2])
    elif outs[2] is not None:
        outs[2].fill(0.0)
    if needs[0] or needs[1] or needs[3]:
        ds = softmax(_weights_grad(g, gp, v, factor), p, p.ndim - 1)
        scaled = np.multiply(ds, scale, out=None if needs[3] else ds)
    if needs[0]:
        dq = matmul(scaled, k, out=outs[0])
    if needs[1]:
        dk = matmul(scaled.swapaxes(-1, -2), q, out=outs[1])
    return dq, dk, dv, ds if needs[3] else None


def _weights_grad(g: Array | None, gp: Array | None, v: Array, factor: Array | None) -> Any:
    if g is None:
        return gp
    dp = matmul(g, v.swapaxes(-1, -2))
    if factor is not None:
        dp *= factor
    if gp is not None:
        dp += gp
    return dp
