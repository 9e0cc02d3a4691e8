"""Rows of ops that rearrange: shapes, order of dims, joining, cutting, padding, repeating."""

from __future__ import annotations

import numpy as np

from rushlight.graph import Node, Size
from rushlight.onnx.export.elementwise import operand
from rushlight.onnx.export.table import Inexpressible, row
from rushlight.onnx.export.writer import Writer
from rushlight.ops import shape as sh

__all__: list[str] = []


@row("reshape")
def reshape(to: Writer, node: Node) -> str:
    return to.reshape(to.read(node.inputs[0]), node.outputs[0].shape)


@row("permute")
def permute(to: Writer, node: Node) -> str:
    return to.permute(to.read(node.inputs[0]), node.options["dims"])


@row("rearrange")
def rearrange(to: Writer, node: Node) -> str:
    apart = to.reshape(to.read(node.inputs[0]), node.options["apart"])
    return to.reshape(to.permute(apart, node.options["order"]), node.options["shape"])


@row("expand")
def expand(to: Writer, node: Node) -> str:
    return to.add("Expand", [to.read(node.inputs[0]), to.sizes(node.outputs[0].shape)])


@row("cat")
def cat(to: Writer, node: Node) -> str:
    dtype = node.outputs[0].dtype
    return to.add("Concat", [to.read(x, dtype) for x in node.inputs], axis=node.options["dim"])


@row("split")
def split(to: Writer, node: Node) -> tuple[str, ...]:
    sizes = to.sizes(node.options["sizes"])
    count = len(node.outputs)
    return to.several("Split", [to.read(node.inputs[0]), sizes], count, axis=node.options["dim"])


@row("flip")
def flip(to: Writer, node: Node) -> str:
    dims = node.options["dims"]
    if not dims:
        return to.add("Identity", [to.read(node.inputs[0])])
    last, before = [-1] * len(dims), [np.iinfo(np.int64).min] * len(dims)
    bounds = [to.ints(*last), to.ints(*before), to.ints(*dims), to.ints(*last)]
    return to.add("Slice", [to.read(node.inputs[0]), *bounds])


_MODES = {"constant": "constant", "reflect": "reflect", "replicate": "edge"}


@row("pad")
def pad(to: Writer, node: Node) -> str:
    mode, dtype = node.options["mode"], node.outputs[0].dtype
    widths = [w for i in (0, 1) for w in (pair[i] for pair in node.options["widths"])]
    if mode == "circular":
        return _circular(to, node)
    as_ints = dtype == np.bool_
    x = to.read(node.inputs[0], np.int32 if as_ints else None)
    if mode != "constant":  # cells are cut off first: the border is that of what is left
        x = _cut(to, node, x)
        widths = [w if isinstance(w, Size) else max(w, 0) for w in widths]
    value = to.constant(node.options["value"], np.int32 if as_ints else dtype)
    given = [x, to.sizes(widths), value if mode == "constant" else ""]
    y = to.add("Pad", given, mode=_MODES[mode])
    return to.cast(y, dtype) if as_ints else y


def _circular(to: Writer, node: Node) -> str:
    """Gather the cells; onnxruntime wraps around only in some cases."""
    x = to.read(node.inputs[0])
    pairs = zip(node.inputs[0].shape, node.options["widths"], strict=True)
    for axis, (size, width) in enumerate(pairs):
        if width == (0, 0):
            continue
        if isinstance(size, Size):
            raise Inexpressible("around an axis whose size changes")
        cells = sh.pad(np.arange(size), widths=(width,), mode="circular", value=0.0)
        x = to.add("Gather", [x, to.constant(cells, np.int64)], axis=axis)
    return x


def _cut(to: Writer, node: Node, x: str) -> str:
    """Cut the cells off that negative widths of a border's mode ask for."""
    for axis, (before, behind) in enumerate(node.options["widths"]):
        if isinstance(before, Size) or isinstance(behind, Size):
            raise Inexpressible("with widths that change, of a border")
        if before < 0 or behind < 0:
            stop = min(behind, 0) or np.iinfo(np.int64).max
            x = to.slice(x, axis, max(-before, 0), int(stop))
    return x


@row("copy")
def copy(to: Writer, node: Node) -> str:
    return to.add("Identity", [operand(to, node)])
