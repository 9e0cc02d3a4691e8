"""Running products and extremes along a dim."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from rushlight.ops.contract import Op, Saved, define
from rushlight.ops.elementwise import exp, log, mask, where
from rushlight.ops.index import scatter_add
from rushlight.ops.reduce import cumsum
from rushlight.ops.shape import flip

__all__ = ["cummax", "cummin", "cumprod", "logcumsumexp"]

Result = tuple[tuple[Any, ...], Saved]
Grads = tuple[Any, ...]
Needs = Sequence[bool]


def _rest(x: Any, f: Any, dim: int) -> Any:
    """Apply a running f from the end."""
    return flip(f(flip(x, dims=(dim,)), dim=dim), dims=(dim,))


# ---- products


def _cumprod_forward(x: Any, dim: int) -> Result:
    y = np.cumprod(x, dim, np.int64 if x.dtype.kind in "biu" else None)
    return (y.astype(x.dtype, copy=False) if x.dtype.kind == "f" else y,), Saved(
        (x,), (y,), constants=dim
    )


def _cumprod_backward(saved: Saved, grads: Grads, needs: Needs) -> Grads:
    """sum of g_i y_i / x_k over i >= k; for the first zero of a line, of the other factors."""
    (x,), (y,), dim, g = saved.inputs, saved.outputs, saved.constants, grads[0]
    zero = mask(x == 0)
    if not zero.any():
        return (_rest(g * y, cumsum, dim) / x,)
    first = zero & (np.cumsum(zero, dim) == 1)
    others = cumprod(where(1.0, x, condition=first), dim=dim)
    plain = _rest(g * y, cumsum, dim) / where(1.0, x, condition=zero)
    at_zero = where(_rest(g * others, cumsum, dim), 0.0, condition=first)
    return (where(at_zero, plain, condition=zero),)


cumprod: Op = define("cumprod", _cumprod_forward, _cumprod_backward, fresh=True)


# ---- extremes and their (last) places


def _running(name: str, f: Any) -> Op:
    def forward(x: Any, dim: int) -> Result:
        y = f.accumulate(x, dim) if x.shape[dim] else x.copy()
        shape = [1] * x.ndim
        shape[dim] = -1
        steps = np.arange(x.shape[dim]).reshape(shape)
        index = np.where((x == y) | (x != x), steps, 0)
        index = np.maximum.accumulate(index, dim) if x.shape[dim] else index
        return (y, index), Saved((None,), (None, index), constants=(dim, x.shape))

    def backward(saved: Saved, grads: Grads, needs: Needs) -> Grads:
        dim, shape = saved.constants
        if grads[0] is None:
            return (None,)
        index = mask(saved.outputs[1])
        return (scatter_add(grads[0], index=index, dim=dim, shape=shape),)

    return define(name, forward, backward, fresh=True)


cummax = _running("cummax", np.maximum)
cummin = _running("cummin", np.minimum)


# ---- logarithms of running sums of exponentials


def _lse_forward(x: Any, dim: int) -> Result:
    y = np.logaddexp.accumulate(x, dim) if x.shape[dim] else x.copy()
    return (y,), Saved((x,), (y,), constants=dim)


def _lse_backward(saved: Saved, grads: Grads, needs: Needs) -> Grads:
    """sum of g_i exp(x_k - y_i) over i >= k, in logarithms, which cannot overflow."""
    (x,), (y,), dim, g = saved.inputs, saved.outputs, saved.constants, grads[0]

    known = mask(y > -np.inf)  # before the first finite element there is nothing to share
    y = where(y, 0.0, condition=known)

    def share(part: Any) -> Any:
        some = mask(part > 0) & known
        logs = where(log(where(part, 1.0, condition=some)) - y, -np.inf, condition=some)
        return exp(_rest(logs, logcumsumexp, dim) + x)

    return (share(g) - share(-g),)


logcumsumexp: Op = define("logcumsumexp", _lse_forward, _lse_backward, casts="float", fresh=True)
