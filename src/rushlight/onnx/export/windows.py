"""Rows of what slides over images: convolutions and pooling."""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np

from rushlight.graph import Node, Size, Value
from rushlight.onnx.export.table import Inexpressible, row
from rushlight.onnx.export.writer import Writer
from rushlight.ops import pool

__all__ = ["around_planes", "pads"]


def pads(pairs: Any) -> list[int]:
    """Return (before, behind) of each dim in ONNX's order."""
    return [low for low, _ in pairs] + [high for _, high in pairs]


@row("conv")
def conv(to: Writer, node: Node) -> str:
    options = node.options
    return to.add(
        "Conv",
        [to.read(x) for x in node.inputs],
        strides=options["stride"],
        pads=pads(options["padding"]),
        dilations=options["dilation"],
        group=options["groups"],
    )


@row("max_pool")
def max_pool(to: Writer, node: Node) -> str:
    (value,), options = node.inputs, node.options
    around, ceil = around_planes(value, options, options["dilation"])
    x = to.read(value)
    if any(behind >= k for (_, behind), k in zip(around, options["kernel"], strict=True)):
        # runtimes refuse to pad by a whole kernel, though windows with gaps may reach so far
        wide = [0, 0, *(low for low, _ in around), 0, 0, *(high for _, high in around)]
        lowest = -np.inf if value.dtype.kind == "f" else np.iinfo(value.dtype).min
        x = to.add("Pad", [x, to.ints(*wide), to.constant(lowest, value.dtype)])
        around = [(0, 0)] * len(around)
    return to.add(
        "MaxPool",
        [x],
        kernel_shape=options["kernel"],
        strides=options["stride"],
        dilations=options["dilation"],
        pads=pads(around),
        ceil_mode=ceil or None,
    )


def around_planes(value: Value, options: Any, dilation: Any) -> tuple[list[tuple[int, int]], int]:
    """Return the cells to add around each dim so that as many windows fit as there were.

    ceil_mode is what adds cells behind; where sizes change, ONNX's own rounding up is asked for.
    """
    found, ceil = [], 0
    sizes = zip(value.shape[2:], options["out_size"], strict=True)
    for i, (size, out) in enumerate(sizes):
        reach = dilation[i] * (options["kernel"][i] - 1) + 1
        stride, before = options["stride"][i], options["padding"][i]
        behind = before
        for n, m in zip(_seen(size), _seen(out), strict=False):
            missing = (m - 1) * stride + reach - n - before
            if isinstance(size, Size):
                ceil |= missing > before
            else:
                behind = max(before, missing)
        found.append((before, behind))
    return found, ceil


def _seen(size: int | Size) -> tuple[int, ...]:
    return size.seen if isinstance(size, Size) else (size,)


@row("avg_pool")
def avg_pool(to: Writer, node: Node) -> str:
    (value,), options = node.inputs, node.options
    kernel, dims = options["kernel"], len(options["kernel"])
    around, ceil = around_planes(value, options, (1,) * dims)
    further = ceil or any(before != behind for before, behind in around)
    include, divisor = options["count_include_pad"], options["divisor_override"]
    own = divisor is not None or (further and include)
    y = to.add(
        "AveragePool",
        [to.read(value)],
        kernel_shape=kernel,
        strides=options["stride"],
        pads=pads(around),
        ceil_mode=ceil or None,
        count_include_pad=int(include or own),
    )
    if not own:
        return y
    return to.add("Mul", [y, to.constant(_share(value, options), value.dtype)])


def _share(value: Value, options: Any) -> Any:
    """Return by what each average over a whole window is to be multiplied."""
    if any(isinstance(size, Size) for size in value.shape[2:]):
        raise Inexpressible("with ceil_mode or divisor_override, of images whose sizes change")
    ones = np.ones((1, 1, *map(int, value.shape[2:])))  # type: ignore[arg-type]
    counted = {**options, "divisor_override": 1}
    mean, cells = (pool.avg_pool(ones, **given) for given in (options, counted))
    return prod(options["kernel"]) * mean / cells
