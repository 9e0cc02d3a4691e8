"""Transposed convolutions."""

from __future__ import annotations

from typing import Any

from rushlight.graph import Node, Size
from rushlight.onnx.export.pieces import unsqueezed
from rushlight.onnx.export.table import Inexpressible, row
from rushlight.onnx.export.writer import Writer

__all__: list[str] = []


@row("conv_transpose")
def conv_transpose(to: Writer, node: Node) -> str:
    """The op is told the size of its result, ONNX by how much it goes beyond the least one."""
    g, w, b = node.inputs
    o = node.options
    sides = zip(
        o["x_shape"][2:], g.shape[2:], w.shape[2:], o["stride"], o["padding"], o["dilation"],
        strict=True,
    )  # fmt: skip
    low, high = zip(*o["padding"], strict=True)
    wide = min(*low, *high) < 0  # zeros around the result, which ONNX has no form for
    y = to.add(
        "ConvTranspose",
        [to.read(g), to.read(w), "" if wide else to.read(b)],
        strides=o["stride"],
        pads=[max(p, 0) for p in (*low, *high)],
        dilations=o["dilation"],
        group=o["groups"],
        output_padding=[_beyond(*side) for side in sides],
    )
    if not wide:
        return y
    y = to.add("Pad", [y, to.ints(0, 0, *_around(low), 0, 0, *_around(high))])
    if b is None:
        return y
    return to.add("Add", [y, unsqueezed(to, to.read(b), *range(1, len(low) + 1))])


def _around(padding: tuple[int, ...]) -> list[int]:
    return [max(-p, 0) for p in padding]


def _beyond(size: Any, given: Any, k: int, s: int, padding: tuple[int, int], d: int) -> int:
    """Return by how many cells the result is larger than the least one of such a convolution."""
    count = max(len(n.seen) if isinstance(n, Size) else 1 for n in (size, given))
    sizes, before = (n.seen if isinstance(n, Size) else (n,) * count for n in (size, given))
    found = {
        n - ((m - 1) * s + d * (k - 1) + 1 - sum(padding))
        for n, m in zip(sizes, before, strict=True)
    }
    if len(found) > 1:
        raise Inexpressible(f"an output_size {size} that does not follow the input's")
    return found.pop()
