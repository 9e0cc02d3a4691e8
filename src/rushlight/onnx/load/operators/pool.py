"""Pools: maxima, averages and norms of windows or of whole planes, and the way back."""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np

from rushlight.errors import ShapeError, explain
from rushlight.functional import norm
from rushlight.functional import sum as total
from rushlight.onnx.load.operators.geometry import (
    Pairs,
    Windows,
    pad_sides,
    pairs_of,
    sizes_of,
    windows_of,
)
from rushlight.onnx.load.operators.reductions import lowest
from rushlight.onnx.load.table import Node, operator
from rushlight.onnx.load.values import as_array, ints
from rushlight.ops import fold
from rushlight.ops import pool as ops
from rushlight.tape import apply, wrap
from rushlight.tensor import Tensor

__all__: list[str] = []

Ints = tuple[int, ...]


def _windows(node: Node, x: Tensor) -> Windows:
    size = _spatial(node, x)
    return windows_of(node, size, sizes_of(node, "kernel_shape", len(size)))


def _spatial(node: Node, x: Tensor) -> Ints:
    if x.ndim < 3:
        where = f"{node.op} ({node.name})"
        raise ShapeError(explain(where, got=f"input {x.shape}", expected="(N, C, *S)"))
    return tuple(x.shape[2:])


def _inner_padding(windows: Windows) -> Ints | None:
    """Return the padding that an op takes itself: as wide on both sides, half a kernel at most."""
    pads = windows.symmetric()
    fits = pads is not None and all(2 * p <= k for p, k in zip(pads, windows.kernel, strict=True))
    return pads if fits else None


def _taps(x: Tensor, windows: Windows) -> Tensor:
    """(N, C, *S) -> (N, C, *O, *K): what each window sees, zeros outside of the input"""
    padded = pad_sides(x, windows.overhang(x.shape[2:]))
    options = {
        "dims": tuple(range(2, x.ndim)),
        "size": windows.kernel,
        "step": windows.stride,
        "dilation": windows.dilation,
    }
    found = apply(fold.windows, (padded,), options)
    return found[(..., *[slice(n) for n in windows.out], *[slice(None)] * len(windows.out))]


# ---- maxima


@operator("MaxPool")
def _max_pool(node: Node, x: Tensor) -> Any:
    windows = _windows(node, x)
    pads, before = _inner_padding(windows), (0,) * len(windows.out)
    source = x
    if pads is None:
        before = tuple(lo for lo, _ in windows.padding)
        source, pads = pad_sides(x, windows.padding, lowest(x.dtype)), (0,) * len(before)
    options = {
        "kernel": windows.kernel,
        "stride": windows.stride,
        "padding": pads,
        "dilation": windows.dilation,
        "out_size": windows.out,
    }
    if not node.wants(1) and x.dtype.kind == "f":
        return apply(ops.max_pool, (source,), options)
    found: Any = apply(ops.max_pool_with_indices, (source,), options)
    if not node.wants(1):
        return found[0]
    flat = found[1]._array
    return found[0], wrap(_everywhere(node, flat, x.shape, source.shape[2:], before))


def _everywhere(node: Node, flat: Any, shape: Ints, padded: Ints, before: Ints) -> Any:
    """Return places in a padded plane as places in the whole input (N, C, *S)."""
    size = shape[2:]
    places = [place - lo for place, lo in zip(np.unravel_index(flat, padded), before, strict=True)]
    if node.get("storage_order", 0):  # column by column
        places, size = places[::-1], size[::-1]
    plane = np.ravel_multi_index(tuple(places), size, mode="clip")
    first = np.arange(shape[0] * shape[1]).reshape(*shape[:2], *[1] * len(size))
    return plane + first * prod(size)


@operator("MaxUnpool", since=9)
def _max_unpool(node: Node, x: Tensor, indices: Any, output_shape: Any = None) -> Tensor:
    """The indices are places in what the windows make, which `output_shape` then enlarges."""
    size = _spatial(node, x)
    n = len(size)
    kernel, stride = sizes_of(node, "kernel_shape", n), sizes_of(node, "strides", n)
    sides = zip(size, kernel, stride, pairs_of(node, n), strict=True)
    out = tuple((i - 1) * s - lo - hi + k for i, k, s, (lo, hi) in sides)
    first = np.arange(x.shape[0] * x.shape[1]).reshape(*x.shape[:2], *[1] * n)
    plane = as_array(indices) - first * prod(out)
    y = apply(ops.max_unpool, (x,), {"indices": plane, "size": out})
    if output_shape is None:
        return y
    return pad_sides(y, tuple((0, a - b) for a, b in zip(ints(output_shape)[2:], out, strict=True)))


# ---- averages


@operator("AveragePool")
def _average_pool(node: Node, x: Tensor) -> Tensor:
    windows, include = _windows(node, x), bool(node.get("count_include_pad", 0))
    pads = _inner_padding(windows)
    wide = x.ndim == 5 and x.dtype.itemsize < 4  # the op takes no volumes of float16
    if pads is not None and set(windows.dilation) == {1} and not wide:
        options = {
            "kernel": windows.kernel,
            "stride": windows.stride,
            "padding": pads,
            "out_size": windows.out,
            "count_include_pad": include,
            "divisor_override": None,
        }
        return apply(ops.avg_pool, (x,), options)
    counts = _counts(x.shape[2:], windows, windows.padding if include else ((0, 0),) * (x.ndim - 2))
    sums = total(_taps(x, windows), tuple(range(x.ndim, 2 * x.ndim - 2)))
    return sums / wrap(counts.astype(x.dtype))


def _counts(size: Ints, windows: Windows, counted: Pairs) -> Any:
    """Return how many cells of each window count: those of the input and of what is `counted`."""
    product: Any = np.ones(())
    for n, k, s, (lo, _), d, o, (a, b) in zip(size, *windows, counted, strict=True):
        taps = np.arange(o)[:, None] * s + np.arange(k) * d - lo
        product = product[..., None] * ((taps >= -a) & (taps < n + b)).sum(1)
    return product


# ---- norms


@operator("LpPool")
def _lp_pool(node: Node, x: Tensor) -> Tensor:
    dims = tuple(range(x.ndim, 2 * x.ndim - 2))
    return norm(_taps(x, _windows(node, x)), float(node.get("p", 2)), dims)


@operator("GlobalLpPool")
def _global_lp_pool(node: Node, x: Tensor) -> Tensor:
    _spatial(node, x)
    return norm(x, float(node.get("p", 2)), tuple(range(2, x.ndim)), keepdim=True)


# ---- whole planes


@operator("GlobalAveragePool")
def _global_average_pool(node: Node, x: Tensor) -> Tensor:
    return apply(ops.adaptive_avg_pool, (x,), {"out_size": (1,) * len(_spatial(node, x))})


@operator("GlobalMaxPool")
def _global_max_pool(node: Node, x: Tensor) -> Tensor:
    found: Any = apply(ops.adaptive_max_pool, (x,), {"out_size": (1,) * len(_spatial(node, x))})
    return found[0]
