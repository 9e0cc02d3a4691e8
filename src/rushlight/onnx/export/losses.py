"""Losses, made of elementwise operators and a reduction, as they are computed here.

The losses over classes are not left to NegativeLogLikelihoodLoss and SoftmaxCrossEntropyLoss: they
know no label smoothing, and runtimes only know them as functions of the same operators.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from rushlight.graph import Node
from rushlight.onnx.export.pieces import fixed, known, squeezed, unsqueezed
from rushlight.onnx.export.table import row
from rushlight.onnx.export.writer import Writer

__all__: list[str] = []


def _reduced(to: Writer, node: Node, terms: str) -> str:
    reduction = node.options["reduction"]
    if reduction == "none":
        return terms
    return to.add("ReduceMean" if reduction == "mean" else "ReduceSum", [terms], keepdims=0)


def _number(to: Writer, node: Node, value: float) -> str:
    return to.constant(value, node.outputs[0].dtype)


def _difference(to: Writer, node: Node) -> str:
    x, t = (to.read(value) for value in node.inputs)
    return to.add("Sub", [x, t])


# ---- regression


@row("mse_loss")
def mse_loss(to: Writer, node: Node) -> str:
    d = _difference(to, node)
    return _reduced(to, node, to.add("Mul", [d, d]))


@row("l1_loss")
def l1_loss(to: Writer, node: Node) -> str:
    return _reduced(to, node, to.add("Abs", [_difference(to, node)]))


@row("smooth_l1_loss", "huber_loss")
def clipped(to: Writer, node: Node) -> str:
    """c (d - c / 2), by the width for smooth_l1_loss; c is d cut at +- width"""
    scaled = node.op == "smooth_l1_loss"
    width = node.options["beta" if scaled else "delta"]
    d = _difference(to, node)
    c = to.add("Clip", [d, _number(to, node, -width), _number(to, node, width)])
    half = to.add("Mul", [c, _number(to, node, 0.5)])
    terms = to.add("Mul", [c, to.add("Sub", [d, half])])
    terms = to.add("Div", [terms, _number(to, node, width)]) if scaled else terms
    return _reduced(to, node, terms)


# ---- binary cross-entropy


def _weighted(to: Writer, node: Node, terms: str) -> str:
    weight = node.options.get("weight")
    return (
        terms if weight is None else to.add("Mul", [terms, to.read(weight, node.outputs[0].dtype)])
    )


@row("binary_cross_entropy")
def binary_cross_entropy(to: Writer, node: Node) -> str:
    x, t = (to.read(value) for value in node.inputs)
    one, low = _number(to, node, 1.0), _number(to, node, -100.0)
    yes = to.add("Max", [to.add("Log", [x]), low])
    no = to.add("Max", [to.add("Log", [to.add("Sub", [one, x])]), low])
    terms = to.add("Sub", [to.add("Mul", [to.add("Sub", [t, one]), no]), to.add("Mul", [t, yes])])
    return _reduced(to, node, _weighted(to, node, terms))


@row("binary_cross_entropy_with_logits")
def binary_cross_entropy_with_logits(to: Writer, node: Node) -> str:
    """(1 - t) x + (1 + (pos_weight - 1) t) softplus(-x), softplus by what cannot overflow"""
    x, t = (to.read(value) for value in node.inputs)
    zero, one = _number(to, node, 0.0), _number(to, node, 1.0)
    e = to.add("Exp", [to.add("Neg", [to.add("Abs", [x])])])
    soft = to.add("Sub", [to.add("Log", [to.add("Add", [e, one])]), to.add("Min", [x, zero])])
    pos_weight = node.options.get("pos_weight")
    if pos_weight is not None:
        more = to.add("Mul", [to.add("Sub", [to.read(pos_weight, node.outputs[0].dtype), one]), t])
        soft = to.add("Mul", [soft, to.add("Add", [more, one])])
    terms = to.add("Add", [to.add("Mul", [to.add("Sub", [one, t]), x]), soft])
    return _reduced(to, node, _weighted(to, node, terms))


# ---- over classes


def _axis(node: Node) -> int:
    return min(len(node.inputs[0].shape) - 1, 1)


def _of_classes(to: Writer, node: Node, logs: str) -> str:
    """Return the loss of log-probabilities `logs` and class indices."""
    o, axis = node.options, _axis(node)
    target = to.read(o["target"], np.int64)
    ignored = to.constant(o["ignore_index"], np.int64)
    kept = to.add("Not", [to.add("Equal", [target, ignored])])
    safe = to.add("Where", [kept, target, to.constant(0, np.int64)])
    places = unsqueezed(to, safe, axis)
    picked = squeezed(to, to.add("GatherElements", [logs, places], axis=axis), axis)
    loss, zero = to.add("Neg", [picked]), _number(to, node, 0.0)
    share = to.cast(kept, node.outputs[0].dtype)
    if o.get("weight") is not None:
        per_row = to.add("Gather", [to.read(o["weight"], node.outputs[0].dtype), safe], axis=0)
        loss, share = to.add("Mul", [loss, per_row]), to.add("Mul", [share, per_row])
    if o.get("label_smoothing"):
        loss = _smoothed(to, node, loss, logs)
    loss = to.add("Where", [kept, loss, zero])
    if o["reduction"] != "mean":
        return _reduced(to, node, loss)
    total = to.add("ReduceSum", [loss], keepdims=0)
    return to.add("Div", [total, to.add("ReduceSum", [share], keepdims=0)])


def _smoothed(to: Writer, node: Node, loss: str, logs: str) -> str:
    """(1 - s) loss - s / C * sum of (weighted) logs"""
    o, axis = node.options, _axis(node)
    s, classes = o["label_smoothing"], _classes(node)
    if o.get("weight") is not None:
        logs = to.add("Mul", [logs, _column(to, node, o["weight"])])
    total = to.add("ReduceSum", [logs, to.ints(axis)], keepdims=0)
    loss = to.add("Mul", [loss, _number(to, node, 1.0 - s)])
    return to.add("Sub", [loss, to.add("Mul", [total, _number(to, node, s / classes)])])


def _classes(node: Node) -> int:
    if node.op == "linear_cross_entropy":
        return int(node.inputs[1].shape[0])
    return int(node.inputs[0].shape[_axis(node)])


def _column(to: Writer, node: Node, weight: Any) -> str:
    """(C) -> (C, 1, ...), which broadcasts along the classes"""
    found = to.read(weight, node.outputs[0].dtype)
    dims = len(node.inputs[0].shape) - 2
    return found if dims < 1 else unsqueezed(to, found, *range(1, 1 + dims))


@row("nll_loss")
def nll_loss(to: Writer, node: Node) -> str:
    return _of_classes(to, node, to.read(node.inputs[0]))


@row("cross_entropy")
def cross_entropy(to: Writer, node: Node) -> str:
    logs = to.add("LogSoftmax", [to.read(node.inputs[0])], axis=_axis(node))
    return _of_classes(to, node, logs)


@row("linear_cross_entropy")
def linear_cross_entropy(to: Writer, node: Node) -> str:
    """The cross-entropy of x w^T + b, computed in the op's own dtype."""
    dtype = np.dtype(node.options["dtype"])
    x, weight, b = node.inputs
    turned = to.permute(to.read(weight, dtype), [1, 0])
    scores = to.add("MatMul", [to.read(x, dtype), turned])
    scores = scores if b is None else to.add("Add", [scores, to.read(b, dtype)])
    logs = to.add("LogSoftmax", [scores], axis=1)
    return _of_classes(to, node, logs if x.dtype == dtype else to.cast(logs, x.dtype))


@row("cross_entropy_probabilities")
def cross_entropy_probabilities(to: Writer, node: Node) -> str:
    x, t = (to.read(value) for value in node.inputs)
    o, axis = node.options, _axis(node)
    logs = to.add("LogSoftmax", [x], axis=axis)
    if o["label_smoothing"]:
        s = o["label_smoothing"]
        t = to.add("Mul", [t, _number(to, node, 1.0 - s)])
        t = to.add("Add", [t, _number(to, node, s / _classes(node))])
    if o.get("weight") is not None:
        t = to.add("Mul", [t, _column(to, node, o["weight"])])
    axes = to.ints(axis)
    loss = to.add("Neg", [to.add("ReduceSum", [to.add("Mul", [t, logs]), axes], keepdims=0)])
    return _reduced(to, node, loss)


# ---- margins


@row("multilabel_margin_loss")
def multilabel_margin_loss(to: Writer, node: Node) -> str:
    """Sum of max(0, 1 - x_t + x_d) over labels t, up to the first -1, and the other classes d."""
    x, target = node.inputs[0], node.options["target"]
    classes = x.shape[-1] if x.shape else 1
    rows, labels = (to.add("Reshape", [to.read(v), to.ints(-1, classes)])
                    for v in (x, target))  # fmt: skip
    zero, one = to.constant(0, np.int64), to.constant(1, np.int64)
    bad = to.cast(to.add("Less", [labels, zero]), np.int64)
    before = to.add("CumSum", [bad, one])
    valid = to.add("Equal", [before, zero])  # (M, K)
    safe = to.add("Where", [valid, labels, zero])
    hot = to.add("Equal", [unsqueezed(to, safe, 2), known(to, np.arange(classes))])  # (M, K, C)
    hot = to.cast(to.add("And", [hot, unsqueezed(to, valid, 2)]), np.int64)
    middle = to.ints(1)
    others = to.add("Equal", [to.add("ReduceMax", [hot, middle], keepdims=1), zero])  # (M, 1, C)
    own = unsqueezed(to, to.add("GatherElements", [rows, safe], axis=1), 2)
    gaps = to.add(
        "Add",
        [to.add("Sub", [_number(to, node, 1.0), own]), unsqueezed(to, rows, 1)],
    )
    counted = to.add("And", [unsqueezed(to, valid, 2), others])
    nought = _number(to, node, 0.0)
    terms = to.add("Where", [counted, to.add("Max", [gaps, nought]), nought])
    axes = to.ints(1, 2)
    loss = to.add("ReduceSum", [terms, axes], keepdims=0)
    loss = to.add("Div", [loss, _number(to, node, classes)])
    if node.options["reduction"] != "none":
        return _reduced(to, node, loss)
    return to.add("Reshape", [loss, to.sizes(x.shape[:-1])])


@row("multi_margin_loss")
def multi_margin_loss(to: Writer, node: Node) -> str:
    """w_t sum(max(0, margin - x_t + x_d)^p) / C over all classes d but t"""
    x, target = node.inputs
    o, dtype = node.options, node.outputs[0].dtype
    classes = fixed(x.shape[-1], "classes") if x.shape else 1
    rows = to.add("Reshape", [to.read(x), to.ints(-1, classes)])
    labels = to.add("Reshape", [to.read(target), to.ints(-1, 1)])
    own = to.add("GatherElements", [rows, labels], axis=1)
    gaps = to.add("Add", [to.add("Sub", [_number(to, node, o["margin"]), own]), rows])
    nought = _number(to, node, 0.0)
    terms = to.add("Max", [gaps, nought])
    terms = to.add("Mul", [terms, terms]) if o["p"] == 2 else terms
    same = to.add("Equal", [known(to, np.arange(classes)), labels])
    terms = to.add("Where", [same, nought, terms])
    loss = to.add("ReduceSum", [terms, to.ints(1)], keepdims=0)
    loss = to.add("Div", [loss, _number(to, node, classes)])
    if o["weight"] is not None:
        flat = squeezed(to, labels, 1)
        per_row = to.add("Gather", [to.read(o["weight"], dtype), flat], axis=0)
        loss = to.add("Mul", [loss, per_row])
    if o["reduction"] == "none":
        return to.reshape(loss, target.shape)
    return _reduced(to, node, loss)
