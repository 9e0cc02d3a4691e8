"""Rows of norms."""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np

from rushlight.graph import Node, Value
from rushlight.onnx.export.table import Inexpressible, row
from rushlight.onnx.export.writer import Writer

__all__: list[str] = []


def _or(to: Writer, value: Value | None, fill: float, like: Value, shape: tuple[int, ...]) -> str:
    """Return the name of a weight, of ones or zeros where there is none."""
    return to.constant(np.full(shape, fill), like.dtype) if value is None else to.read(value)


def _channels(value: Value) -> int:
    size = value.shape[1]
    if not isinstance(size, int):
        raise Inexpressible("over a number of channels that changes")
    return size


@row("batch_norm_eval")
def batch_norm(to: Writer, node: Node) -> str:
    x, w, b = node.inputs
    shape, options = (_channels(x),), node.options
    given = [_or(to, w, 1, x, shape), _or(to, b, 0, x, shape)]
    given += [to.read(options["mean"], x.dtype), to.read(options["var"], x.dtype)]
    if x.dtype == np.float64:  # the operator's epsilon is single
        behind = (*shape, *[1] * (len(x.shape) - 2))
        mean, variance = (to.reshape(name, behind) for name in given[2:])
        std = to.add("Sqrt", [to.add("Add", [variance, to.constant(options["eps"], x.dtype)])])
        normal = to.add("Div", [to.add("Sub", [to.read(x), mean]), std])
        return _affine(to, normal, w, b, len(x.shape) - 2)
    return to.add("BatchNormalization", [to.read(x), *given], epsilon=float(options["eps"]))


@row("batch_norm_train")
def batch_norm_train(to: Writer, node: Node) -> tuple[str | None, ...]:
    """The batch's own statistics: what a layer that keeps none uses in evaluation, too."""
    x, w, b = node.inputs
    dims = (0, *range(2, len(x.shape)))
    normal = _normal(to, x, to.read(x), dims, node.options["eps"])
    return _affine(to, normal, w, b, len(x.shape) - 2), None, None


def _normal(
    to: Writer, x: Value, name: str, dims: tuple[int, ...], eps: float, centre: bool = True
) -> str:
    """Divide by the root of the mean square over dims, after taking the mean off."""
    axes = to.ints(*dims)
    if centre:
        name = to.add("Sub", [name, to.add("ReduceMean", [name, axes])])
    square = to.add("ReduceMean", [to.add("Mul", [name, name]), axes])
    return to.add(
        "Div", [name, to.add("Sqrt", [to.add("Add", [square, to.constant(eps, x.dtype)])])]
    )


def _affine(to: Writer, y: str, w: Value | None, b: Value | None, behind: int) -> str:
    """Scale and shift each channel, `behind` dims standing behind them."""
    for op, value in (("Mul", w), ("Add", b)):
        if value is not None:
            shape = (value.shape[0], *[1] * behind)
            y = to.add(op, [y, to.reshape(to.read(value), shape)])
    return y


@row("group_norm")
def group_norm(to: Writer, node: Node) -> tuple[str | None, ...]:
    x, w, b = node.inputs
    groups, eps = node.options["groups"], float(node.options["eps"])
    channels = _channels(x)
    scale, shift = _or(to, w, 1, x, (channels,)), _or(to, b, 0, x, (channels,))
    if groups == channels and len(x.shape) > 2:
        y = to.add("InstanceNormalization", [to.read(x), scale, shift], epsilon=eps)
        return y, None, None
    if to.opset >= 21:
        given = [to.read(x), scale, shift]
        y = to.add("GroupNormalization", given, num_groups=groups, epsilon=eps)
        return y, None, None
    flat = to.add("Reshape", [to.read(x), to.ints(0, groups, -1)])
    one = to.constant([1.0], x.dtype)
    normal = to.add("LayerNormalization", [flat, one], axis=-1, epsilon=eps)
    y = to.add("Reshape", [normal, to.add("Shape", [to.read(x)])])
    return _affine(to, y, w, b, len(x.shape) - 2), None, None


@row("layer_norm")
def layer_norm(to: Writer, node: Node) -> str:
    x, w, b = node.inputs
    shape, eps = node.options["normalized_shape"], float(node.options["eps"])
    _fixed(shape)
    if x.dtype == np.float64:  # onnxruntime's statistics are single
        y = _normal(to, x, to.read(x), tuple(range(-len(shape), 0)), eps)
        y = y if w is None else to.add("Mul", [y, to.read(w)])
        return y if b is None else to.add("Add", [y, to.read(b)])
    given = [to.read(x), _or(to, w, 1, x, shape), to.read(b)]
    return to.add("LayerNormalization", given, axis=-len(shape), epsilon=eps)


@row("rms_norm")
def rms_norm(to: Writer, node: Node) -> str:
    x, w = node.inputs
    shape, eps = node.options["normalized_shape"], node.options["eps"]
    _fixed(shape)
    if to.opset >= 23 and x.dtype != np.float64:
        given = [to.read(x), _or(to, w, 1, x, shape)]
        return to.add("RMSNormalization", given, axis=-len(shape), epsilon=float(eps))
    y = _normal(to, x, to.read(x), tuple(range(-len(shape), 0)), eps, centre=False)
    return y if w is None else to.add("Mul", [y, to.read(w)])


def _fixed(shape: tuple[Any, ...]) -> None:
    if not all(isinstance(size, int) for size in shape) or not prod(shape):
        raise Inexpressible(f"over dims {shape}")
