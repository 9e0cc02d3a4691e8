"""The discrete Fourier transform: ONNX divides by the length where it is inverse, we on demand."""

from __future__ import annotations

import numpy as np

from rushlight.graph import Node
from rushlight.onnx.export.table import row
from rushlight.onnx.export.writer import Writer

__all__: list[str] = []


@row("dft")
def dft(to: Writer, node: Node) -> str:
    (x,) = node.inputs
    inverse, scaled = node.options["inverse"], node.options["scaled"]
    flat = len(x.shape) == 2  # ONNX wants a batch
    name = to.add("Unsqueeze", [to.read(x), to.ints(0)]) if flat else to.read(x)
    if to.opset < 20:  # an attribute until then
        found = to.add("DFT", [name], inverse=int(inverse), axis=len(x.shape) - 2 + flat)
    else:
        found = to.add("DFT", [name, "", to.constant(-2, np.int64)], inverse=int(inverse))
    if flat:
        found = to.add("Squeeze", [found, to.ints(0)])
    if inverse == scaled:
        return found
    length = to.cast(to.size(x.shape[-2]), node.outputs[0].dtype)
    return to.add("Div" if scaled else "Mul", [found, length])
