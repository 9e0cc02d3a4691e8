"""The recurrent cells of ONNX that Rushlight's ops do not have, one step at a time.

A cell takes what the input contributes to the gates (N, G * H), the states, the weights and the
activations, and returns the new states.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from rushlight import functional as F
from rushlight.errors import explain
from rushlight.onnx.load.operators.activation import hard_sigmoid
from rushlight.onnx.load.table import Node
from rushlight.tensor import Tensor

__all__ = ["gru_cell", "lstm_cell", "recurrent_activations", "rnn_cell"]

States = tuple[Tensor, ...]
Activation = Callable[[Tensor], Tensor]

# name -> (function of x, alpha, beta; defaults of alpha and beta, None where it takes none)
_ACTIVATIONS: dict[str, tuple[Callable[[Tensor, Any, Any], Tensor], Any, Any]] = {
    "relu": (lambda x, a, b: F.relu(x), None, None),
    "tanh": (lambda x, a, b: F.tanh(x), None, None),
    "sigmoid": (lambda x, a, b: F.sigmoid(x), None, None),
    "softsign": (lambda x, a, b: F.softsign(x), None, None),
    "softplus": (lambda x, a, b: F.softplus(x), None, None),
    "affine": (lambda x, a, b: x * a + b, 1.0, 0.0),
    "leakyrelu": (lambda x, a, b: F.leaky_relu(x, a), 0.01, None),
    "thresholdedrelu": (lambda x, a, b: F.threshold(x, a, 0.0), 1.0, None),
    "scaledtanh": (lambda x, a, b: F.tanh(x * b) * a, 1.0, 1.0),
    "hardsigmoid": (hard_sigmoid, 0.2, 0.5),
    "elu": (lambda x, a, b: F.elu(x, a), 1.0, None),
}


def recurrent_activations(node: Node, names: Sequence[str]) -> list[Activation]:
    """Return the activations of all directions; alphas and betas go to those that take them.

    Raises:
        ValueError: for a name that is unknown.
    """
    alphas, betas = (iter(node.get(f"activation_{k}") or []) for k in ("alpha", "beta"))
    return [_activation(node, name, alphas, betas) for name in names]


def _activation(
    node: Node, name: str, alphas: Iterator[float], betas: Iterator[float]
) -> Activation:
    if name.lower() not in _ACTIVATIONS:
        known = ", ".join(sorted(_ACTIVATIONS))
        where = f"{node.op} ({node.name})"
        raise ValueError(explain(where, got=f"activation {name!r}", expected=known))
    function, alpha, beta = _ACTIVATIONS[name.lower()]
    alpha = alpha if alpha is None else next(alphas, alpha)
    beta = beta if beta is None else next(betas, beta)
    clip = node.get("clip")

    def activation(x: Tensor) -> Tensor:
        return function(F.clamp(x, -clip, clip) if clip else x, alpha, beta)

    return activation


def _columns(x: Tensor, count: int) -> list[Tensor]:
    """(N, count * H) -> count times (N, H)"""
    size = x.shape[-1] // count
    return [x[..., k * size : (k + 1) * size] for k in range(count)]


def _from_state(h: Tensor, weight: Tensor, bias: Any) -> Tensor:
    y = F.matmul(h, F.transpose(weight, 0, 1))
    return y if bias is None else y + bias


def rnn_cell(
    node: Node, from_x: Tensor, states: States, weights: Any, functions: Sequence[Activation]
) -> States:
    """h = f(W x + R h)"""
    return (functions[0](from_x + _from_state(states[0], weights.by_state, weights.state_bias)),)


def lstm_cell(
    node: Node, from_x: Tensor, states: States, weights: Any, functions: Sequence[Activation]
) -> States:
    """The cell with peepholes from c to the gates, and the forget gate 1 - i where they are one."""
    f, g, h_function = functions
    h, c = states
    i, o, forget, new = _columns(from_x + _from_state(h, weights.by_state, weights.state_bias), 4)
    peep = [None] * 3 if weights.peepholes is None else _columns(weights.peepholes, 3)
    i = f(i if peep[0] is None else i + peep[0] * c)
    if node.get("input_forget", 0):
        forget = 1.0 - i
    else:
        forget = f(forget if peep[2] is None else forget + peep[2] * c)
    c = forget * c + i * g(new)
    o = f(o if peep[1] is None else o + peep[1] * c)
    return o * h_function(c), c


def gru_cell(
    node: Node, from_x: Tensor, states: States, weights: Any, functions: Sequence[Activation]
) -> States:
    """The cell whose reset gate stands before the product, or behind it."""
    f, g = functions
    (h,) = states
    x_z, x_r, x_new = _columns(from_x, 3)
    size = h.shape[-1]
    bias = weights.state_bias
    gate_bias, new_bias = (None, None) if bias is None else (bias[: 2 * size], bias[2 * size :])
    from_z, from_r = _columns(_from_state(h, weights.by_state[: 2 * size], gate_bias), 2)
    z, r = f(x_z + from_z), f(x_r + from_r)
    last = weights.by_state[2 * size :]
    if node.get("linear_before_reset", 0):
        new = g(x_new + r * _from_state(h, last, new_bias))
    else:
        new = g(x_new + _from_state(r * h, last, new_bias))
    return ((1.0 - z) * new + z * h,)
