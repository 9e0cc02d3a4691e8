"""Rows of what slides over images: convolutions and pooling."""

from __future__ import annotations

from rushlight.graph import Node
from rushlight.onnx.export.table import row
from rushlight.onnx.export.writer import Writer


@row("conv")
def conv(to: Writer, node: Node) -> str:
    options = node.options
    pads = [low for low, _ in options["padding"]] + [high for _, high in options["padding"]]
    y = to.add(
        "Conv",
        [to.read(x) for x in node.inputs],
        strides=options["stride"],
        pads=pads,
        dilations=options["dilation"],
        group=options["groups"],
    )
    return to.add("Relu", [y]) if options.get("relu") else y
