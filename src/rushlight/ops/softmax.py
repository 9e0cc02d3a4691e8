"""Softmax and log-softmax over one axis, with the maximum subtracted."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from rushlight.ops.contract import Saved, define
from rushlight.ops.elementwise import exp
from rushlight.ops.reduce import sum as sum_

Result = tuple[tuple[Any, ...], Saved]
Grads = tuple[Any, ...]


def _softmax_forward(x: Any, dim: int) -> Result:
    if x.ndim == 0:
        y = x * 0.0 + 1.0
        return (y,), Saved((None,), (y,), constants=())
    y = np.exp(x - np.maximum.reduce(x, axis=dim, keepdims=True, initial=-np.inf))
    y /= np.add.reduce(y, axis=dim, keepdims=True)
    return (y,), Saved((None,), (y,), constants=(dim,))


def _softmax_backward(saved: Saved, grads: Grads, needs: Sequence[bool]) -> Sequence[Any]:
    y, gy = saved.outputs[0], grads[0] * saved.outputs[0]
    return (gy - y * sum_(gy, dims=saved.constants, keepdim=True),)


softmax = define("softmax", _softmax_forward, _softmax_backward, casts="float", fresh=True)


def log_softmax_array(x: Any, dim: int) -> Any:
    """Return log(softmax(x)) of an array."""
    y = x - np.maximum.reduce(x, axis=dim, keepdims=True, initial=-np.inf)
    y -= np.log(np.add.reduce(np.exp(y), axis=dim, keepdims=True))
    return y


def _log_softmax_forward(x: Any, dim: int) -> Result:
    if x.ndim == 0:
        y = x - x
        return (y,), Saved((None,), (y,), constants=())
    y = log_softmax_array(x, dim)
    return (y,), Saved((None,), (y,), constants=(dim,))


def _log_softmax_backward(saved: Saved, grads: Grads, needs: Sequence[bool]) -> Sequence[Any]:
    y, g = saved.outputs[0], grads[0]
    return (g - exp(y) * sum_(g, dims=saved.constants, keepdim=True),)


log_softmax = define(
    "log_softmax", _log_softmax_forward, _log_softmax_backward, casts="float", fresh=True
)
