"""Activations: functions of each element, and the softmax family."""

from __future__ import annotations

from functools import partial
from math import prod
from typing import Any

from rushlight import functional as F
from rushlight.onnx.load.table import Node, operator
from rushlight.tensor import Tensor

__all__ = ["hard_sigmoid"]


def _plain(*names: str, function: Any, since: int = 1) -> None:
    """Register an operator without attributes."""
    operator(*names, since=since)(lambda node, x: function(x))


_plain("Relu", function=F.relu)
_plain("Sigmoid", function=F.sigmoid)
_plain("Tanh", function=F.tanh)
_plain("Softplus", function=F.softplus)
_plain("Softsign", function=F.softsign)
_plain("HardSwish", function=F.hardswish, since=14)
_plain("Mish", function=F.mish, since=18)


@operator("LeakyRelu")
def _leaky_relu(node: Node, x: Tensor) -> Tensor:
    return F.leaky_relu(x, float(node.get("alpha", 0.01)))


@operator("Elu")
def _elu(node: Node, x: Tensor) -> Tensor:
    return F.elu(x, float(node.get("alpha", 1.0)))


@operator("Celu", since=12)
def _celu(node: Node, x: Tensor) -> Tensor:
    return F.celu(x, float(node.get("alpha", 1.0)))


_SELU = 1.6732632423543772, 1.0507009873554805


@operator("Selu")
def _selu(node: Node, x: Tensor) -> Tensor:
    alpha, gamma = float(node.get("alpha", _SELU[0])), float(node.get("gamma", _SELU[1]))
    if abs(alpha - _SELU[0]) < 1e-6 and abs(gamma - _SELU[1]) < 1e-6:  # said as floats of 32 bits
        return F.selu(x)
    return F.elu(x, alpha) * gamma


@operator("HardSigmoid")
def _hard_sigmoid(node: Node, x: Tensor) -> Tensor:
    return hard_sigmoid(x, float(node.get("alpha", 0.2)), float(node.get("beta", 0.5)))


def hard_sigmoid(x: Tensor, alpha: float, beta: float) -> Tensor:
    """Return alpha * x + beta between 0 and 1."""
    return F.clamp(x * alpha + beta, 0.0, 1.0)


@operator("ThresholdedRelu", since=10)
def _thresholded_relu(node: Node, x: Tensor) -> Tensor:
    return F.threshold(x, float(node.get("alpha", 1.0)), 0.0)


@operator("Gelu", since=20)
def _gelu(node: Node, x: Tensor) -> Tensor:
    return F.gelu(x, approximate=node.get("approximate", "none"))


@operator("Swish", since=24)
def _swish(node: Node, x: Tensor) -> Tensor:
    return swish(x, float(node.get("alpha", 1.0)))


def swish(x: Tensor, alpha: float) -> Tensor:
    """Return x * sigmoid(alpha * x)."""
    return F.silu(x) if alpha == 1.0 else x * F.sigmoid(x * alpha)


@operator("SwiGLU", since=28)
def _swiglu(node: Node, gate: Tensor, value: Tensor) -> Tensor:
    return swish(gate, float(node.get("alpha", 1.0))) * value


@operator("Shrink", since=9)
def _shrink(node: Node, x: Tensor) -> Tensor:
    limit, bias = float(node.get("lambd", 0.5)), float(node.get("bias", 0.0))
    inner = F.where(x > limit, x - bias, F.zeros_like(x))
    return F.where(x < -limit, x + bias, inner).to(x.dtype)


@operator("PRelu")
def _prelu_of_channels(node: Node, x: Tensor, slope: Tensor) -> Tensor:
    """Before version 7 the slope is one number, or one for each channel."""
    return F.prelu(x, slope.reshape(-1))


@operator("PRelu", since=7)
def _prelu(node: Node, x: Tensor, slope: Tensor) -> Tensor:
    """The slope spreads over x as numbers do."""
    channels = x.ndim > 1 and slope.shape == (x.shape[1], *[1] * (x.ndim - 2))
    if x.dtype.kind == "f" and (slope.numel() == 1 or channels):
        return F.prelu(x, slope.reshape(-1))
    return F.where(x < 0, x * slope, x)


# ---- the softmax family: version 12 and below sees two dims, cut before `axis`


def _flat(function: Any, node: Node, x: Tensor) -> Tensor:
    axis = int(node.get("axis", 1))
    rows = prod(x.shape[: axis if axis >= 0 else axis + x.ndim])
    return function(F.reshape(x, (rows, prod(x.shape) // max(rows, 1))), 1).reshape(x.shape)


def _hardmax(x: Tensor, axis: int) -> Tensor:
    """Return 1 at the first largest element and 0 elsewhere."""
    places = F.argmax(x, axis, keepdim=True)
    return F.scatter(F.zeros_like(x), axis, places, value=1)


def _along(function: Any, node: Node, x: Tensor) -> Tensor:
    found: Tensor = function(x, int(node.get("axis", -1)))
    return found


for _name, _function in (
    ("Softmax", F.softmax),
    ("LogSoftmax", F.log_softmax),
    ("Hardmax", _hardmax),
):
    operator(_name)(partial(_flat, _function))
    operator(_name, since=13)(partial(_along, _function))
