"""Convolution kernels for any number of spatial dimensions, by blocks of columns.

Every kernel sees a convolution as a product of two matrices: the windows of the input, one per
row, and the weight. The window matrix is K = prod(kernel) times the input, so it is never made
whole: blocks of it are copied into one scratch buffer that stays in the cache, and each block is
multiplied straight into its rows of the result. In shape comments G is groups, C and F are the
channels *of one group*, K = prod(kernel) * C, O the output size and M = N * prod(O).

Results are logical (N, C, *S) arrays with channels-last memory; the weight gradient is C-ordered.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from math import gcd, prod
from typing import Any, TypeAlias

import numpy as np
from numpy.lib.stride_tricks import as_strided

from rushlight.arrays import (
    Array,
    channels_from_last,
    channels_last_empty,
    channels_to_last,
)
from rushlight.kernels.products import matmul
from rushlight.kernels.reference.activation import relu_forward

__all__ = ["conv_bias_grad", "conv_forward", "conv_input_grad", "conv_weight_grad"]

Ints: TypeAlias = tuple[int, ...]
Pairs: TypeAlias = tuple[tuple[int, int], ...]

# A product of at most this many multiply-adds runs in BLAS's path for small matrices, which
# neither repacks its operands nor wakes other threads for a block that is in this core's cache.
SMALL_PRODUCT = 1_000_000
# Rows below which a product is too thin to be efficient, and the bytes of columns that fit in L2.
MIN_ROWS, COLUMN_BYTES = 128, 1 << 20
# Bytes of input that are padded at a time.
PADDED_BYTES = 1 << 18
# How many times more features than channels make it cheaper to scatter the input gradient.
SCATTER_RATIO = 4


def out_size(x: Array, w: Array, stride: Ints, padding: Pairs, dilation: Ints) -> Ints:
    """Return the spatial sizes of a convolution."""
    sides = zip(x.shape[2:], w.shape[2:], stride, padding, dilation, strict=True)
    return tuple([(n + lo + hi - d * (k - 1) - 1) // s + 1 for n, k, s, (lo, hi), d in sides])


def conv_forward(
    x: Array,
    w: Array,
    b: Array | None,
    stride: Ints,
    padding: Pairs,
    dilation: Ints,
    groups: int,
    relu: bool = False,
) -> Array:
    """x (N, G*C, *S), w (G*F, C, *kernel), b (G*F,) -> (N, G*F, *O), with relu if asked"""
    if x.dtype == np.float16:  # BLAS has no half precision
        wide = None if b is None else b.astype(np.float32)
        args = (stride, padding, dilation, groups, relu)
        return conv_forward(_single(x), _single(w), wide, *args).astype(np.float16)
    kernel, out = w.shape[2:], out_size(x, w, stride, padding, dilation)
    y = channels_last_empty((x.shape[0], w.shape[0], *out), x)
    if y.size == 0:
        return y
    # The bias is added to whole lines of the last axis: (M, F) -> (M / O[-1], O[-1] * F).
    lines = channels_to_last(y).reshape(-1, out[-1] * w.shape[0])
    line = None if b is None else np.tile(b, out[-1])
    if groups == w.shape[0] and w.shape[1] == 1:
        _depthwise_forward(y, x, w, stride, padding, dilation)
        if line is not None:
            lines += line
        return relu_forward(y) if relu else y
    # maximum takes half the time beside an array
    zeros = np.zeros(lines.shape[1], y.dtype) if relu else None
    result = _rows(y, groups)  # (G, M, F)
    weight = _weight_matrix(w, groups)  # (G, K, F)
    features = w.shape[0] // groups
    for rows, columns in _column_blocks(
        x, kernel, out, stride, padding, dilation, groups, features
    ):
        matmul(columns, weight, out=result[:, rows])
        block = lines[rows.start // out[-1] : rows.stop // out[-1]]
        if line is not None:
            block += line
        if zeros is not None:
            np.maximum(block, zeros, out=block)
    return y


def conv_weight_grad(
    x: Array, g: Array, w_shape: Ints, stride: Ints, padding: Pairs, dilation: Ints, groups: int
) -> Array:
    """x (N, G*C, *S), g (N, G*F, *O) -> w_shape (G*F, C, *kernel)"""
    if x.dtype == np.float16:
        args = (w_shape, stride, padding, dilation, groups)
        return conv_weight_grad(_single(x), _single(g), *args).astype(np.float16)
    total, channels, *kernel = w_shape
    if groups == total and channels == 1 and g.size:
        return _depthwise_weight_grad(x, g, w_shape, stride, padding, dilation)
    features = total // groups
    shape = (groups, prod(kernel) * channels, features)
    sums = np.zeros(shape, g.dtype)
    if g.size:
        grads = _rows(g, groups)  # (G, M, F)
        term = np.empty(shape, g.dtype)
        for rows, columns in _column_blocks(
            x, tuple(kernel), g.shape[2:], stride, padding, dilation, groups, features
        ):
            sums += matmul(columns.swapaxes(1, 2), grads[:, rows], out=term)
    # (G, K, F) -> (G, *kernel, C, F) -> (G, F, C, *kernel) -> (G*F, C, *kernel)
    spread = sums.reshape(groups, *kernel, channels, features)
    order = (0, spread.ndim - 1, spread.ndim - 2, *range(1, spread.ndim - 2))
    return np.ascontiguousarray(spread.transpose(order)).reshape(w_shape)


def conv_input_grad(
    g: Array,
    w: Array,
    x_shape: Ints,
    stride: Ints,
    padding: Pairs,
    dilation: Ints,
    groups: int,
    b: Array | None = None,
    relu: bool = False,
) -> Array:
    """g (N, G*F, *O), w (G*F, C, *kernel) -> x_shape (N, G*C, *S)

    With b (G*C,) added and relu if asked, this is the transposed convolution.
    """
    geometry = (stride, padding, dilation, groups)
    if relu:
        return relu_forward(conv_input_grad(g, w, x_shape, *geometry, b))
    if g.dtype == np.float16:
        wide = None if b is None else _single(b)
        found = conv_input_grad(_single(g), _single(w), x_shape, *geometry, wide)
        return found.astype(np.float16)
    if w.shape[0] // groups > SCATTER_RATIO * w.shape[1] and prod(w.shape[2:]) > 1:
        dx = _scattered_input_grad(g, w, x_shape, *geometry)
        if b is not None:
            dx += per_channel(b, dx.ndim)
        return dx
    # (G*F, C, *kernel) -> (G, F, C, *kernel) -> (G*C, F, *kernel)
    adjoint = w.reshape(groups, -1, *w.shape[1:]).swapaxes(1, 2)
    adjoint = adjoint.reshape(-1, w.shape[0] // groups, *w.shape[2:])
    # Input cells of one phase p = phase (mod stride) meet the same taps of the kernel, so their
    # gradient is an ordinary convolution of g, with stride 1, by those taps in reverse order.
    ones = (1,) * len(stride)
    dx = channels_last_empty(x_shape, g)
    for phase in phases(x_shape[2:], stride):
        cells: Any = (..., *(slice(p, None, s) for p, s in zip(phase, stride, strict=True)))
        sides = [
            _phase(p, size, o, k, s, lo, d)
            for p, size, o, k, s, (lo, _), d in zip(
                phase, x_shape[2:], g.shape[2:], w.shape[2:], stride, padding, dilation, strict=True
            )
        ]
        if not all(taps for taps, _, _ in sides):
            dx[cells] = 0 if b is None else per_channel(b, dx.ndim)
            continue
        index: Any = (..., *np.ix_(*([*reversed(taps)] for taps, _, _ in sides)))
        pads, steps = tuple(pad for _, pad, _ in sides), tuple(step for _, _, step in sides)
        part = conv_forward(g, adjoint[index], b, ones, pads, steps, groups)
        if stride == ones:
            return part
        dx[cells] = part
    return dx


def conv_bias_grad(g: Array) -> Array:
    """g (N, F, *O) -> (F,)"""
    rows = channels_to_last(g)
    if g.dtype == np.float16 or not rows.flags.c_contiguous:
        wide = np.dtype(np.float32) if g.dtype == np.float16 else g.dtype
        total: Array = np.add.reduce(g, axis=(0, *range(2, g.ndim)), dtype=wide)
        return total.astype(g.dtype, copy=False)
    rows = rows.reshape(prod(rows.shape[:-1]), g.shape[1])
    # A product with ones: a BLAS call instead of a strided reduction.
    sums: Array = matmul(np.ones(rows.shape[0], g.dtype), rows)
    return sums


def per_channel(b: Array, ndim: int) -> Array:
    """(C,) -> (C, 1, ...), which broadcasts over (N, C, *S) of ndim dims"""
    return b.reshape(-1, *(1,) * (ndim - 2))


# ---- matrices


def _single(x: Array) -> Array:
    return x.astype(np.float32)


def _rows(x: Array, groups: int) -> Array:
    """(N, G*C, *S) -> (G, N*prod(S), C); a view of an array that lies channels-last."""
    flat = channels_to_last(x).reshape(-1, groups, x.shape[1] // groups)
    return flat.swapaxes(0, 1)


def _weight_matrix(w: Array, groups: int) -> Array:
    """(G*F, C, *kernel) -> (G, F, C, *kernel) -> (G, *kernel, C, F) -> (G, K, F)"""
    split = w.reshape(groups, -1, *w.shape[1:])
    order = (0, *range(3, split.ndim), 2, 1)
    return split.transpose(order).reshape(groups, -1, split.shape[1])


def _column_blocks(
    x: Array,
    kernel: Ints,
    out: Ints,
    stride: Ints,
    padding: Pairs,
    dilation: Ints,
    groups: int,
    features: int,
) -> Iterator[tuple[slice, Array]]:
    """Yield (rows, columns (G, rows, K)): a run of output cells and the windows they see.

    The columns are scratch: they hold until the next block is asked for.
    """
    channels = x.shape[1] // groups
    if prod(kernel) == 1 and not any(map(any, padding)):
        steps: Any = (..., *(slice(None, o * s, s) for o, s in zip(out, stride, strict=True)))
        yield slice(0, x.shape[0] * prod(out)), _rows(x[steps], groups)
        return
    # NumPy copies a contiguous run at a time. The runs are a few taps times the channels of a
    # cell, or with planes of one channel each, the cells of an output line: take the longer.
    run = channels * kernel[-1] if groups == 1 and dilation[-1] == 1 else channels
    planar = out[-1] > run * (1 if stride[-1] == 1 else 4)
    samples, lines = _block_shape(x.shape[0], out, prod(kernel) * channels, features, x.itemsize)
    chunk = samples * max(1, PADDED_BYTES // (samples * prod(x.shape[1:]) * x.itemsize))
    source = _padded(x[:chunk], padding, planar)
    windows = _windows(source, kernel, out, stride, dilation, groups)
    scratch: dict[Ints, tuple[Array, Array]] = {}
    row = 0
    for n in range(0, x.shape[0], samples):
        if n and n % chunk == 0:
            _fill(source[: x.shape[0] - n], x[n : n + chunk], padding)
        first, last = n % chunk, n % chunk + min(samples, x.shape[0] - n)
        for start in range(0, out[0], lines):
            part = windows[first:last, start : start + lines]
            if part.shape not in scratch:
                scratch[part.shape] = _columns(part.shape, len(out), planar, x.dtype)
            spread, columns = scratch[part.shape]
            np.copyto(spread, part)
            yield slice(row, row + columns.shape[1]), columns
            row += columns.shape[1]


def _block_shape(n: int, out: Ints, k: int, features: int, itemsize: int) -> tuple[int, int]:
    """Return (samples, lines) of a block: whole samples, or lines of the first axis of one."""
    most, rows = COLUMN_BYTES // (k * itemsize), SMALL_PRODUCT // (k * features)
    rows = most if rows < MIN_ROWS else min(rows, most)
    line = prod(out[1:])
    if rows >= line * out[0]:
        return min(n, rows // (line * out[0])), out[0]
    return 1, max(1, rows // line)


def _padded(x: Array, padding: Pairs, planar: bool) -> Array:
    """Copy x (N, C, *S) into zeros; memory (N, *S, C), or (C, N, *S) if planar."""
    n, c, *size = x.shape
    full = [s + lo + hi for s, (lo, hi) in zip(size, padding, strict=True)]
    if planar:
        padded = np.zeros((c, n, *full), x.dtype).swapaxes(0, 1)
    else:
        padded = channels_from_last(np.zeros((n, *full, c), x.dtype))
    _fill(padded, x, padding)
    return padded


def _fill(padded: Array, x: Array, padding: Pairs) -> None:
    """Write x into the interior of `padded`; a negative padding crops."""
    inside: list[Any] = [...]
    kept: list[Any] = [...]
    for full, size, (lo, _) in zip(padded.shape[2:], x.shape[2:], padding, strict=True):
        start = max(0, -lo)
        stop = max(start, min(size, full - lo))
        kept.append(slice(start, stop))
        inside.append(slice(start + lo, stop + lo))
    padded[tuple(inside)] = x[tuple(kept)]


def _windows(x: Array, kernel: Ints, out: Ints, stride: Ints, dilation: Ints, groups: int) -> Array:
    """View x (N, G*C, *S) as (N, *O, *kernel, G, C)."""
    n, c, *cell = x.strides
    channels = x.shape[1] // groups
    shape = (x.shape[0], *out, *kernel, groups, channels)
    # a step that nobody takes may be huge
    steps = [a * s if o > 1 else a for a, s, o in zip(cell, stride, out, strict=True)]
    taps = [a * d if k > 1 else a for a, d, k in zip(cell, dilation, kernel, strict=True)]
    return as_strided(x, shape, (n, *steps, *taps, c * channels, c))


def _columns(
    shape: Ints, dims: int, planar: bool, dtype: np.dtype[np.generic]
) -> tuple[Array, Array]:
    """Allocate scratch; return it as windows (N, *O, *kernel, G, C) and as (G, rows, K)."""
    cells, taps, (groups, channels) = shape[: dims + 1], shape[dims + 1 : -2], shape[-2:]
    rows, k = prod(cells), prod(taps) * channels
    # memory (G, *kernel, C, N, *O) or (G, N, *O, *kernel, C), as the windows' memory is
    memory = (groups, *taps, channels, *cells) if planar else (groups, *cells, *taps, channels)
    flat = np.empty(memory, dtype)
    group, *rest = range(len(memory))
    if planar:
        head, tail = rest[: dims + 1], rest[dims + 1 :]
        spread = flat.transpose(*tail, *head[:-1], group, head[-1])
        return spread, flat.reshape(groups, k, rows).swapaxes(1, 2)
    spread = flat.transpose(*rest[:-1], group, rest[-1])
    return spread, flat.reshape(groups, rows, k)


# ---- depthwise: no product of matrices is left, only a sum of scaled slices


def _line_blocks(
    x: Array, kernel: Ints, out: Ints, stride: Ints, padding: Pairs, dilation: Ints
) -> Iterator[tuple[slice, Array]]:
    """Yield (samples, windows (n, *O, *kernel, C)), or (n, *O[:-1], *kernel, O[-1] * C) views.

    With stride 1 a tap meets adjacent cells along a line, so the line counts as one long cell.
    """
    step = max(1, PADDED_BYTES // (prod(x.shape[1:]) * x.itemsize))
    source = _padded(x[:step], padding, planar=False)
    windows = _windows(source, kernel, out, stride, dilation, 1)[..., 0, :]
    if stride[-1] == 1:
        first = windows[(slice(None),) * len(out) + (0,)]
        windows = as_strided(first, (*first.shape[:-1], out[-1] * x.shape[1]), first.strides)
    for n in range(0, x.shape[0], step):
        block = slice(n, min(n + step, x.shape[0]))
        if n:
            _fill(source[: block.stop - n], x[block], padding)
        yield block, windows[: block.stop - n]


def _line_axes(ndim: int, dims: int) -> tuple[list[int], list[int], list[int]]:
    """Return all axes of such windows, those of the weight and those of the output."""
    axes = [*range(ndim)]
    return axes, axes[-1 - dims :], [*axes[: -1 - dims], axes[-1]]


def _depthwise_forward(y: Array, x: Array, w: Array, *geometry: Any) -> None:
    """Fill y (N, C, *O) with the products of x (N, C, *S) and w (C, 1, *kernel)."""
    kernel, out = w.shape[2:], y.shape[2:]
    weight = np.ascontiguousarray(np.moveaxis(w[:, 0], 0, -1))  # (*kernel, C)
    cells = channels_to_last(y)  # (N, *O, C)
    for block, windows in _line_blocks(x, kernel, out, *geometry):
        scale = np.tile(weight, windows.shape[-1] // w.shape[0])  # as long as a line
        axes, taps, kept = _line_axes(windows.ndim, len(kernel))
        target = cells[block].reshape([windows.shape[a] for a in kept])
        np.einsum(windows, axes, scale, taps, kept, out=target)


def _depthwise_weight_grad(x: Array, g: Array, w_shape: Ints, *geometry: Any) -> Array:
    """x (N, C, *S), g (N, C, *O) -> (C, 1, *kernel)"""
    channels, kernel = w_shape[0], w_shape[2:]
    sums = np.zeros((*kernel, channels), g.dtype)
    grads = np.ascontiguousarray(channels_to_last(g))  # (N, *O, C)
    for block, windows in _line_blocks(x, kernel, g.shape[2:], *geometry):
        axes, taps, kept = _line_axes(windows.ndim, len(kernel))
        grad = grads[block].reshape([windows.shape[a] for a in kept])
        lines = np.einsum(windows, axes, grad, kept, taps)
        sums += lines.reshape(*kernel, -1, channels).sum(axis=-2)
    return np.ascontiguousarray(np.moveaxis(sums, -1, 0)).reshape(w_shape)


# ---- the input gradient


def phases(size: Ints, stride: Ints) -> Iterator[Ints]:
    """Yield the first cell of each phase; with a stride beyond the input each has but that one."""
    return product(*[range(min(s, n)) for s, n in zip(stride, size, strict=True)])


def _phase(
    phase: int, size: int, out: int, k: int, stride: int, lo: int, dilation: int
) -> tuple[range, tuple[int, int], int]:
    """Return the taps that reach the cells phase, phase + stride, ...; padding and dilation of g.

    Tap i of output o lies on cell o * stride + i * dilation - lo; along one dimension.
    """
    common = gcd(stride, dilation)
    period, step = stride // common, dilation // common
    first = next((i for i in range(min(k, period)) if (i * dilation - lo - phase) % stride == 0), k)
    taps = range(first, k, period)
    if not taps:
        return taps, (0, 0), step
    cells = -(-(size - phase) // stride)
    before = -((phase + lo - taps[-1] * dilation) // stride)
    return taps, (before, cells - out - before + step * (len(taps) - 1)), step


def _scattered_input_grad(
    g: Array, w: Array, x_shape: Ints, stride: Ints, padding: Pairs, dilation: Ints, groups: int
) -> Array:
    """The input gradient by adding each tap's product: cheaper where C is much smaller than F."""
    kernel, out, size = w.shape[2:], g.shape[2:], x_shape[2:]
    channels = w.shape[1]
    weight = _weight_matrix(w, groups)  # (G, K, F)
    grads = _rows(g, groups).swapaxes(1, 2)  # (G, F, M)
    dx = channels_last_empty(x_shape, g)
    cells, k = prod(out), weight.shape[1]
    cut = [max(0, -lo) for lo, _ in padding]  # cells before the first one that a window sees
    full = [
        c + max(s + lo, (o - 1) * t + (k - 1) * d + 1)
        for c, s, o, k, t, (lo, _), d in zip(
            cut, size, out, kernel, stride, padding, dilation, strict=True
        )
    ]
    inside = tuple(
        slice(max(0, lo), max(0, lo) + s) for s, (lo, _) in zip(size, padding, strict=True)
    )
    samples = max(1, min(x_shape[0], COLUMN_BYTES // (max(1, groups * k * cells) * g.itemsize)))
    scratch = np.empty((groups, k, samples * cells), g.dtype)
    padded = np.empty((groups, channels, samples, *full), g.dtype)
    for n in range(0, x_shape[0], samples):
        count = min(samples, x_shape[0] - n)
        rows = slice(n * cells, (n + count) * cells)
        parts = matmul(weight, grads[:, :, rows], out=scratch[:, :, : count * cells])
        parts = parts.reshape(groups, *kernel, channels, count, *out)
        padded[...] = 0
        for tap in product(*map(range, kernel)):
            reach = tuple(
                slice(c + i * d, c + i * d + (o - 1) * s + 1, s)
                for c, i, d, o, s in zip(cut, tap, dilation, out, stride, strict=True)
            )
            target = padded[(slice(None), slice(None), slice(count), *reach)]
            at: Any = (slice(None), *tap)
            target += parts[at]
        block = padded[(slice(None), slice(None), slice(count), *inside)]
        dx[n : n + count] = block.reshape(-1, count, *size).swapaxes(0, 1)
    return dx
