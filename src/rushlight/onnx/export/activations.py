"""Rows of activations."""

from __future__ import annotations

from math import sqrt
from typing import Any

import numpy as np

from rushlight.graph import Node, Value
from rushlight.onnx.export.elementwise import operand
from rushlight.onnx.export.table import row
from rushlight.onnx.export.writer import Writer

__all__: list[str] = []

_PLAIN = {
    "relu": "Relu", "sigmoid": "Sigmoid", "softsign": "Softsign", "mish": "Mish",
    "hardswish": "HardSwish",
}  # fmt: skip


@row(*_PLAIN)
def plain(to: Writer, node: Node) -> str:
    if node.outputs[0].dtype.kind != "f":  # relu of integers
        return to.add("Max", [operand(to, node), to.read(0)])
    return to.add(_PLAIN[node.op], [operand(to, node)])


@row("silu")
def silu(to: Writer, node: Node) -> str:
    x = operand(to, node)
    return to.add("Mul", [x, to.add("Sigmoid", [x])])


@row("tanhshrink")
def tanhshrink(to: Writer, node: Node) -> str:
    x = operand(to, node)
    return to.add("Sub", [x, to.add("Tanh", [x])])


@row("gelu", "gelu_tanh")
def gelu(to: Writer, node: Node) -> str:
    x = operand(to, node)
    exact = node.outputs[0].dtype == np.float64  # onnxruntime's factors are single
    if to.opset >= 20 and not (exact and node.op == "gelu_tanh"):
        return to.add("Gelu", [x], approximate="none" if node.op == "gelu" else "tanh")
    if node.op == "gelu":
        inner = to.add("Erf", [to.add("Mul", [x, to.read(sqrt(0.5))])])
    else:
        cube = to.add("Mul", [to.add("Pow", [x, to.read(3.0)]), to.read(0.044715)])
        sum_ = to.add("Mul", [to.add("Add", [x, cube]), to.read(sqrt(2 / np.pi))])
        inner = to.add("Tanh", [sum_])
    half = to.add("Mul", [x, to.read(0.5)])
    return to.add("Mul", [half, to.add("Add", [inner, to.read(1.0)])])


@row("logsigmoid")
def logsigmoid(to: Writer, node: Node) -> str:
    return to.add("Neg", [to.add("Softplus", [to.add("Neg", [operand(to, node)])])])


@row("softplus")
def softplus(to: Writer, node: Node) -> str:
    x, beta = operand(to, node), node.options["beta"]
    scaled = x if beta == 1 else to.add("Mul", [x, to.read(beta)])
    soft = to.add("Softplus", [scaled])
    soft = soft if beta == 1 else to.add("Div", [soft, to.read(beta)])
    above = to.add("Greater", [scaled, to.read(node.options["threshold"])])
    return to.add("Where", [above, x, soft])


@row("elu")
def elu(to: Writer, node: Node) -> str:
    x, alpha = operand(to, node), node.options["alpha"]
    scale, rate = node.options.get("scale", 1.0), node.options.get("rate", 1.0)
    if rate == 1.0:
        if scale == 1.0:
            return to.add("Elu", [x], alpha=float(alpha))
        return to.add("Selu", [x], alpha=float(alpha), gamma=float(scale))
    below = to.add("Mul", [to.add("Min", [x, to.read(0.0)]), to.read(rate)])
    curve = to.add("Sub", [to.add("Exp", [below]), to.read(1.0)])
    low = to.add("Mul", [curve, to.read(alpha * scale)])
    high = to.add("Mul", [x, to.read(scale)])
    return to.add("Where", [to.add("Greater", [x, to.read(0.0)]), high, low])


@row("leaky_relu")
def leaky_relu(to: Writer, node: Node) -> str:
    x, slope = operand(to, node), node.options["negative_slope"]
    if not isinstance(slope, Value):
        return to.add("LeakyRelu", [x], alpha=float(slope))
    low = to.add("Mul", [x, to.read(slope, node.outputs[0].dtype)])
    return to.add("Where", [to.add("Greater", [x, to.read(0.0)]), x, low])


@row("prelu")
def prelu(to: Writer, node: Node) -> str:
    x, weight = node.inputs
    slope = to.read(weight) if x.shape else to.reshape(to.read(weight), ())
    if len(x.shape) > 2 and weight.shape not in ((), (1,)):  # one slope for each channel, in dim 1
        slope = to.reshape(slope, (weight.shape[0], *[1] * (len(x.shape) - 2)))
    return to.add("PRelu", [to.read(x), slope])


@row("hardtanh")
def hardtanh(to: Writer, node: Node) -> str:
    bounds = (node.options["low"], node.options["high"])
    return to.add("Clip", [operand(to, node), *(to.read(bound) for bound in bounds)])


@row("threshold")
def threshold(to: Writer, node: Node) -> str:
    x = operand(to, node)
    below = to.add("LessOrEqual", [x, to.read(node.options["threshold"])])
    return to.add("Where", [below, to.read(node.options["value"]), x])


@row("hardshrink", "softshrink")
def shrink(to: Writer, node: Node) -> str:
    x, width = operand(to, node), node.options["lambd"]  # Shrink makes 0 of nan
    if node.op == "softshrink":
        return to.add("Sub", [x, to.add("Clip", [x, to.read(-width), to.read(width)])])
    inside = to.add("LessOrEqual", [to.add("Abs", [x]), to.read(width)])
    return to.add("Where", [inside, to.read(0.0), x])


@row("hardsigmoid")
def hardsigmoid(to: Writer, node: Node) -> str:
    return to.add("HardSigmoid", [operand(to, node)], alpha=1 / 6, beta=0.5)


@row("glu")
def glu(to: Writer, node: Node) -> str:
    value, gate = to.several(
        "Split", [operand(to, node)], 2, axis=node.options["dim"], num_outputs=2
    )
    return to.add("Mul", [value, to.add("Sigmoid", [gate])])


@row("softmax", "log_softmax")
def softmax(to: Writer, node: Node) -> str:
    op = "Softmax" if node.op == "softmax" else "LogSoftmax"
    if not node.inputs[0].shape:  # of one element
        x = to.reshape(operand(to, node), (1,))
        return to.reshape(to.add(op, [x], axis=0), ())
    return to.add(op, [operand(to, node)], axis=node.options["dim"])


@row("dropout")
def dropout(to: Writer, node: Node) -> Any:
    factor = node.options["factor"]  # of training: what is drawn once is drawn for all inputs
    return to.add("Mul", [operand(to, node), to.read(factor, node.outputs[0].dtype)])
