"""Softmax and log-softmax over one axis, with the maximum subtracted."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rushlight.kernels import kernel
from rushlight.ops.contract import Saved, define
from rushlight.ops.elementwise import exp
from rushlight.ops.reduce import sum as sum_

Result = tuple[tuple[Any, ...], Saved]
Grads = tuple[Any, ...]


_softmax, _softmax_grad = kernel("softmax_forward"), kernel("softmax_grad")
_log_softmax, _log_softmax_grad = kernel("log_softmax_forward"), kernel("log_softmax_grad")


def _softmax_forward(x: Any, dim: int) -> Result:
    if x.ndim == 0:
        y = x * 0.0 + 1.0
        return (y,), Saved((None,), (y,), constants=())
    y = _softmax(x, dim)
    return (y,), Saved((None,), (y,), constants=(dim,))


def _softmax_backward(saved: Saved, grads: Grads, needs: Sequence[bool]) -> Sequence[Any]:
    if not saved.constants:
        return _softmax_graph_backward(saved, grads, needs)
    return (_softmax_grad(grads[0], saved.outputs[0], *saved.constants),)


def _softmax_graph_backward(saved: Saved, grads: Grads, needs: Sequence[bool]) -> Sequence[Any]:
    y, gy = saved.outputs[0], grads[0] * saved.outputs[0]
    return (gy - y * sum_(gy, dims=saved.constants, keepdim=True),)


softmax = define(
    "softmax",
    _softmax_forward,
    _softmax_backward,
    graph_backward=_softmax_graph_backward,
    casts="float",
    fresh=True,
)


def _log_softmax_forward(x: Any, dim: int) -> Result:
    if x.ndim == 0:
        y = x - x
        return (y,), Saved((None,), (y,), constants=())
    y = _log_softmax(x, dim)
    return (y,), Saved((None,), (y,), constants=(dim,))


def _log_softmax_backward(saved: Saved, grads: Grads, needs: Sequence[bool]) -> Sequence[Any]:
    if not saved.constants:
        return _log_softmax_graph_backward(saved, grads, needs)
    return (_log_softmax_grad(grads[0], saved.outputs[0], *saved.constants),)


def _log_softmax_graph_backward(saved: Saved, grads: Grads, needs: Sequence[bool]) -> Sequence[Any]:
    y, g = saved.outputs[0], grads[0]
    return (g - exp(y) * sum_(g, dims=saved.constants, keepdim=True),)


log_softmax = define(
    "log_softmax",
    _log_softmax_forward,
    _log_softmax_backward,
    graph_backward=_log_softmax_graph_backward,
    casts="float",
    fresh=True,
)
