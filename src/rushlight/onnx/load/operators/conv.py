"""Convolutions: plain, transposed, of integers, and columns summed back to images."""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np

from rushlight.errors import ShapeError, explain
from rushlight.functional import reshape
from rushlight.onnx.load.operators.geometry import (
    Pairs,
    groups_of,
    pad_sides,
    pairs_of,
    sizes_of,
    split_padding,
    windows_of,
)
from rushlight.onnx.load.table import Node, operator
from rushlight.onnx.load.values import as_array, ints
from rushlight.ops import conv as ops
from rushlight.ops import fold
from rushlight.tape import apply, wrap
from rushlight.tensor import Tensor

__all__: list[str] = []


def _kernel(node: Node, x: Tensor, w: Tensor) -> tuple[int, ...]:
    """Return the sizes of the kernel, which an attribute may say again."""
    if x.ndim < 3 or w.ndim != x.ndim:
        got, expected = f"input {x.shape} with weight {w.shape}", "(N, C, *S) and (F, C, *K)"
        raise ShapeError(explain(f"{node.op} ({node.name})", got=got, expected=expected))
    kernel = tuple(w.shape[2:])
    said = sizes_of(node, "kernel_shape", len(kernel)) if node.get("kernel_shape") else kernel
    if said != kernel:
        got = f"kernel_shape={list(said)} with weight {w.shape}"
        raise ShapeError(explain(f"{node.op} ({node.name})", got=got, expected=list(kernel)))
    return kernel


@operator("Conv")
def _conv(node: Node, x: Tensor, w: Tensor, b: Tensor | None = None) -> Tensor:
    windows = windows_of(node, tuple(x.shape[2:]), _kernel(node, x, w))
    options = {
        "stride": windows.stride,
        "padding": windows.padding,
        "dilation": windows.dilation,
        "groups": groups_of(node),
    }
    return apply(ops.conv, (x, w, b), options)


# ---- transposed


@operator("ConvTranspose")
def _conv_transpose(node: Node, x: Tensor, w: Tensor, b: Tensor | None = None) -> Tensor:
    kernel = _kernel(node, x, w)
    n, groups = len(kernel), groups_of(node)
    stride, dilation = sizes_of(node, "strides", n), sizes_of(node, "dilations", n)
    more = sizes_of(node, "output_padding", n, 0)
    full = tuple(
        (i - 1) * s + d * (k - 1) + 1 + m
        for i, s, d, k, m in zip(x.shape[2:], stride, dilation, kernel, more, strict=True)
    )
    padding = _cut(node, tuple(x.shape[2:]), stride, full)
    out = tuple(size - lo - hi for size, (lo, hi) in zip(full, padding, strict=True))
    # the cells of the output padding lie behind what the convolution sees, so it crops them
    pairs = tuple((lo, hi - m) for (lo, hi), m in zip(padding, more, strict=True))
    options = {"stride": stride, "padding": pairs, "dilation": dilation, "groups": groups}
    shape = (x.shape[0], w.shape[1] * groups, *out)
    return apply(ops.conv_transpose, (x, w, b), {"x_shape": shape, **options})


def _cut(
    node: Node, size: tuple[int, ...], stride: tuple[int, ...], full: tuple[int, ...]
) -> Pairs:
    """Return how many cells of the full output are cut off on each side."""
    n, wanted = len(size), node.get("output_shape")
    if not wanted and node.get("auto_pad", "NOTSET") in ("NOTSET", ""):
        return pairs_of(node, n)
    if not wanted and node["auto_pad"] == "VALID":
        return ((0, 0),) * n
    if wanted:
        target = list(wanted)[-n:]  # some files give batch and channels, too
    else:
        target = [i * s for i, s in zip(size, stride, strict=True)]
    totals = [size - out for size, out in zip(full, target, strict=True)]
    # where more is wanted than there is, the cells that nothing reaches lie behind
    return tuple(split_padding(node, t) if t >= 0 else (0, t) for t in totals)


# ---- integers


@operator("ConvInteger", since=10)
def _conv_integer(node: Node, x: Any, w: Any, x_zero: Any = None, w_zero: Any = None) -> Tensor:
    """In float64, which holds all sums of products of bytes that an int32 can hold."""
    a, b = (as_array(v).astype(np.float64) for v in (x, w))
    a = a if x_zero is None else a - as_array(x_zero)
    if w_zero is not None:
        zero = as_array(w_zero)
        b = b - zero.reshape(-1, *[1] * (b.ndim - 1)) if zero.size > 1 else b - zero.reshape(())
    return _conv(node, wrap(a), wrap(b)).to(np.int32)


# ---- columns


@operator("Col2Im", since=18)
def _col2im(node: Node, x: Tensor, image_shape: Any, block_shape: Any) -> Tensor:
    """(N, C * prod(block), L) -> (N, C, *image): what several blocks hold is added up."""
    size, kernel = tuple(ints(image_shape)), tuple(ints(block_shape))
    windows = windows_of(node, size, kernel)
    rows, columns = prod(kernel), prod(windows.out)
    if x.ndim != 3 or x.shape[1] % rows or x.shape[2] != columns:
        got, expected = f"input {x.shape}", f"(N, C * {rows}, {columns})"
        raise ShapeError(explain(f"{node.op} ({node.name})", got=got, expected=expected))
    n, d = x.shape[0], len(size)
    cells = reshape(x, (n, x.shape[1] // rows, *kernel, *windows.out))
    cells = cells.permute(0, 1, *range(2 + d, 2 + 2 * d), *range(2, 2 + d))  # (N, C, *O, *K)
    full = tuple(a + lo + hi for a, (lo, hi) in zip(size, windows.padding, strict=True))
    options = {
        "shape": (n, cells.shape[1], *full),
        "dims": tuple(range(2, 2 + d)),
        "size": kernel,
        "step": windows.stride,
        "dilation": windows.dilation,
    }
    y = apply(fold.overlap_add, (cells,), options)
    return pad_sides(y, tuple((-lo, -hi) for lo, hi in windows.padding))
