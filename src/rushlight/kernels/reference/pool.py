"""Pooling kernels for any number of spatial dimensions.

Windows are visited tap by tap: tap t of output o lies on input cell o * stride - padding +
t * dilation, so one strided slice of the input holds tap t of every window. Maximum and sum are
separable and go one dimension at a time. Slices are cut where they leave the input, so padding is
never made.

Layout: a channels-last input gives channels-last results, any other input C-ordered ones.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from math import prod
from typing import Any, TypeAlias

import numpy as np

from rushlight.arrays import Array, is_channels_last, like_layout
from rushlight.kernels.reference.activation import relu_forward, relu_grad

__all__ = [
    "adaptive_avg_forward",
    "adaptive_avg_grad",
    "adaptive_max_forward",
    "avg_pool_forward",
    "avg_pool_grad",
    "fractional_cells",
    "max_pool_forward",
    "max_pool_gather",
    "max_pool_grad",
    "max_pool_indices",
    "max_pool_scatter",
    "max_unpool",
]

Ints: TypeAlias = tuple[int, ...]

BLOCK_BYTES = 1 << 22  # of the input: what a block of samples may take so that it stays in cache


# ---- taps


def _reach(tap: int, size: int, out: int, s: int, p: int, d: int) -> tuple[slice, slice]:
    """Return (input cells, outputs) that tap `tap` joins along one dimension, cut to the input."""
    start = tap * d - p
    first = max(0, -(start // s))
    last = max(first, min(out, (size - 1 - start) // s + 1))
    begin = first * s + start
    return slice(begin, begin + (last - first - 1) * s + 1, s) if last > first else slice(0, 0), (
        slice(first, last)
    )


def _taps(size: Ints, out: Ints, kernel: Ints, stride: Ints, padding: Ints, dilation: Ints) -> Any:
    """Return (offsets, input index, output index) of every tap in row-major order."""
    found = []
    for tap in product(*map(range, kernel)):
        reaches = [
            _reach(*side) for side in zip(tap, size, out, stride, padding, dilation, strict=True)
        ]
        found.append((tap, (..., *(r[0] for r in reaches)), (..., *(r[1] for r in reaches))))
    return found


def _along(axis: int, part: Any) -> tuple[Any, ...]:
    return (*(slice(None),) * axis, part)


def _fold(
    combine: np.ufunc, x: Array, axis: int, out: int, k: int, s: int, p: int, d: int, empty: Any
) -> Array:
    """Combine the taps of the windows along one axis; a window without cells gets `empty`."""
    size = x.shape[axis]
    y = like_layout((*x.shape[:axis], out, *x.shape[axis + 1 :]), x)
    if k == size and out == 1 and p == 0 and d == 1 and size:
        combine.reduce(x, axis=axis, keepdims=True, out=y)
        return y
    lines = [_reach(t, size, out, s, p, d) for t in range(k)]
    whole = [t for t, (_, seen) in enumerate(lines) if seen == slice(0, out)]
    reaches = [(_along(axis, cells), _along(axis, seen)) for cells, seen in lines]
    # Begin with two taps that all windows have: that saves a pass over y.
    if len(whole) > 1:
        combine(x[reaches[whole[0]][0]], x[reaches[whole[1]][0]], out=y)
    elif whole:
        y[...] = x[reaches[whole[0]][0]]
    else:
        y.fill(empty)
    for t, (cells, seen) in enumerate(reaches):
        if t not in whole[:2]:
            part = y[seen]
            combine(part, x[cells], out=part)
    return y


def _spread(g: Array, axis: int, size: int, k: int, s: int, p: int) -> Array:
    """Add g to every cell of its window along one axis: the adjoint of folding with np.add."""
    out = g.shape[axis]
    dx = like_layout((*g.shape[:axis], size, *g.shape[axis + 1 :]), g)
    once = k == s and p == 0 and out * s >= size  # every cell lies in exactly one window
    if not once:
        dx.fill(0)
    for t in range(k):
        cells, seen = _reach(t, size, out, s, p, 1)
        part = dx[_along(axis, cells)]
        if once:
            part[...] = g[_along(axis, seen)]
        else:
            part += g[_along(axis, seen)]
    return dx


# ---- maximum


def max_pool_forward(
    x: Array,
    kernel: Ints,
    stride: Ints,
    padding: Ints,
    dilation: Ints,
    out_size: Ints,
    relu: bool = False,
) -> Array:
    """x (N, C, *S) -> (N, C, *out_size), with relu if asked.

    Cells outside the input count as the lowest value.
    """
    if x.dtype.kind == "f":
        lowest: Any = -np.inf
    else:
        lowest = False if x.dtype.kind == "b" else np.iinfo(x.dtype).min
    sides = zip(out_size, kernel, stride, padding, dilation, strict=True)
    # The first dimension first: its lines are the longest contiguous runs.
    for axis, side in enumerate(sides, start=2):
        x = _fold(np.maximum, x, axis, *side, lowest)
    return relu_forward(x) if relu else x


def _winners(
    x: Array, y: Array, taps: Any
) -> Iterator[tuple[Ints, tuple[Any, ...], tuple[Any, ...], Array]]:
    """Yield (tap, input index, output index, mask): where that tap is the window's maximum.

    The first of equal cells wins; among NaNs the last one, as in torch. A window wins once. The
    mask is scratch: it holds until the next one is asked for.
    """
    open_ = np.equal(y, y, out=like_layout(y.shape, y, np.dtype(bool)))
    nan = None if open_.all() else ~open_
    scratch = np.empty_like(open_)
    for tap, cells, seen in taps[:-1]:
        mask, left = scratch[seen], open_[seen]
        np.equal(x[cells], y[seen], out=mask)
        np.logical_and(mask, left, out=mask)
        np.logical_xor(left, mask, out=left)
        yield tap, cells, seen, mask
    tap, cells, seen = taps[-1]  # wins whatever is left: no need to look
    yield tap, cells, seen, open_[seen]
    if nan is not None:
        for tap, cells, seen in reversed(taps):
            mask, left = scratch[seen], nan[seen]
            # x != x, because np.isnan with a strided `out` is wrong in some NumPy versions (2.4.6)
            np.not_equal(x[cells], x[cells], out=mask)
            np.logical_and(mask, left, out=mask)
            np.logical_xor(left, mask, out=left)
            yield tap, cells, seen, mask


def max_pool_indices(
    x: Array, y: Array, kernel: Ints, stride: Ints, padding: Ints, dilation: Ints
) -> Array:
    """x (N, C, *S), y (N, C, *O) -> int64 (N, C, *O): flat cell of each maximum in its plane."""
    size, out = x.shape[2:], y.shape[2:]
    weights = [prod(size[i + 1 :]) for i in range(len(size))]  # cells per step of each dimension
    corner = np.zeros((), np.int64)  # flat index of each window's first tap
    for o, s, p, weight in zip(out, stride, padding, weights, strict=True):
        corner = corner[..., None] + (np.arange(o) * s - p) * weight
    index = like_layout(y.shape, y, np.dtype(np.int64))
    index[...] = corner
    step = np.empty_like(index)
    taps = _taps(size, out, kernel, stride, padding, dilation)
    for tap, _, seen, mask in _winners(x, y, taps):
        offset = sum(t * d * w for t, d, w in zip(tap, dilation, weights, strict=True))
        index[seen] += np.multiply(mask, offset, out=step[seen])
    return index


def max_pool_grad(
    g: Array,
    x: Array,
    y: Array,
    kernel: Ints,
    stride: Ints,
    padding: Ints,
    dilation: Ints,
    relu: bool = False,
) -> Array:
    """g, y (N, C, *O), x (N, C, *S) -> (N, C, *S): each g goes to its window's maximum.

    With relu, which y then has behind it, none goes where y is 0.
    """
    g = relu_grad(g, y) if relu else g
    size, out = x.shape[2:], y.shape[2:]
    sides = list(zip(kernel, stride, dilation, padding, out, size, strict=True))
    apart = all((k - 1) * d < s for k, s, d, _, _, _ in sides)  # no two windows share a cell
    tiled = apart and all(k == s and p == 0 and o * s >= n for k, s, _, p, o, n in sides)
    dx = like_layout(x.shape, x, g.dtype)
    taps = _taps(size, out, kernel, stride, padding, dilation)
    bits = np.dtype(f"i{g.dtype.itemsize}")
    step = max(1, BLOCK_BYTES // max(1, prod(x.shape[1:]) * x.itemsize))
    for n in range(0, x.shape[0], step):
        block = slice(n, n + step)
        part, grad, top = dx[block], g[block], y[block]
        # A NaN makes a second round of winners, which must not overwrite the first.
        once = apart and not np.isnan(top).any()
        if not (tiled and once):
            part.fill(0)
        keep = like_layout(top.shape, top, bits)
        for _, cells, seen, mask in _winners(x[block], top, taps):
            # A mask of all ones or no bits, not a product: 0 * inf would be NaN.
            chosen = keep[seen]
            signs = mask.view(np.int8)
            chosen[...] = np.negative(signs, out=signs)
            target = part[cells]
            if once:
                np.bitwise_and(chosen, grad[seen].view(bits), out=target.view(bits))
            else:
                np.bitwise_and(chosen, grad[seen].view(bits), out=chosen)
                target += chosen.view(g.dtype)
    return dx


def _planes(x: Array, last: bool) -> Array:
    """(N, C, *S) -> (N, prod(S), C) if channels come last, else (N, C, prod(S))"""
    cells = prod(x.shape[2:])
    if last:
        return np.moveaxis(x, 1, -1).reshape(x.shape[0], cells, x.shape[1])
    return x.reshape(*x.shape[:2], cells)


def _unplanes(flat: Array, shape: Ints, last: bool) -> Array:
    """The inverse of `_planes`."""
    if last:
        return np.moveaxis(flat.reshape(shape[0], *shape[2:], shape[1]), -1, 1)
    return flat.reshape(shape)


def _places(indices: Array, shape: Ints, last: bool) -> Array:
    """Flat cells in their planes (N, C, *O) -> flat places in an array of `shape`, laid as told."""
    n, c, *size = shape
    cells = prod(size)
    where = _planes(indices, last)
    corner = np.arange(n)[:, None, None] * (c * cells)
    if last:
        return where * c + corner + np.arange(c)
    return where + corner + (np.arange(c) * cells)[:, None]


def _inside(indices: Array, size: Ints) -> Array:
    """Tell which flat cells are in their plane; the maximum of a window without a cell is not."""
    inside: Array = indices.view(np.uint64) < prod(size)  # a negative one is huge
    return inside


def max_pool_scatter(g: Array, indices: Array, x_shape: Ints) -> Array:
    """Add g (N, C, *O) at its flat cells in zeros of x_shape; sums where cells repeat."""
    last, size = is_channels_last(g), prod(x_shape)
    inside = _planes(_inside(indices, x_shape[2:]), last)
    where = np.where(inside, _places(indices, x_shape, last), size)  # that of no cell is left out
    flat = np.bincount(where.ravel(), _planes(g, last).ravel(), minlength=size + 1)[:size]
    return _unplanes(flat.astype(g.dtype), x_shape, last)


def max_unpool(x: Array, indices: Array, shape: Ints) -> Array:
    """Put x (N, C, *O) at its flat cells in zeros of `shape`; the last stays where cells repeat."""
    last = is_channels_last(x)
    flat = np.zeros(prod(shape), x.dtype)
    flat[_places(indices, shape, last).ravel()] = _planes(x, last).ravel()
    return _unplanes(flat, shape, last)


def max_pool_gather(x: Array, indices: Array) -> Array:
    """x (N, C, *S), indices (N, C, *O) -> x at the flat cells (N, C, *O), 0 where there is none"""
    last = is_channels_last(x)
    axis = 1 if last else 2
    inside = _planes(_inside(indices, x.shape[2:]), last)
    where = np.where(inside, _planes(indices, last), 0)
    where = np.ascontiguousarray(where)  # the values lie as their indices do
    values = np.where(inside, np.take_along_axis(_planes(x, last), where, axis), x.dtype.type(0))
    return _unplanes(values, indices.shape, last)


# ---- average


def _divisor(
    size: Ints,
    out: Ints,
    kernel: Ints,
    stride: Ints,
    padding: Ints,
    count_include_pad: bool,
    override: int | None,
    dtype: np.dtype[Any],
) -> Any:
    """Return what each window's sum is divided by: a number, or an array (*O) if they differ."""
    if override is not None:
        return dtype.type(override)
    counts = np.ones((), dtype)
    for n, o, k, s, p in zip(size, out, kernel, stride, padding, strict=True):
        start = np.arange(o) * s - p
        stop = np.minimum(start + k, n + p)
        if not count_include_pad:
            start, stop = np.maximum(start, 0), np.minimum(stop, n)
        counts = counts[..., None] * (stop - start).astype(dtype)
    first = counts.flat[0]
    return first if (counts == first).all() else counts


def avg_pool_forward(
    x: Array,
    kernel: Ints,
    stride: Ints,
    padding: Ints,
    out_size: Ints,
    count_include_pad: bool,
    divisor_override: int | None,
) -> Array:
    """x (N, C, *S) -> (N, C, *out_size)"""
    if x.dtype == np.float16:  # sums are kept in single precision
        args = (kernel, stride, padding, out_size, count_include_pad, divisor_override)
        return avg_pool_forward(x.astype(np.float32), *args).astype(np.float16)
    size = x.shape[2:]
    for axis, (o, k, s, p) in enumerate(zip(out_size, kernel, stride, padding, strict=True), 2):
        x = _fold(np.add, x, axis, o, k, s, p, 1, 0)
    x /= _divisor(
        size, out_size, kernel, stride, padding, count_include_pad, divisor_override, x.dtype
    )
    return x


def avg_pool_grad(
    g: Array,
    x_shape: Ints,
    kernel: Ints,
    stride: Ints,
    padding: Ints,
    count_include_pad: bool,
    divisor_override: int | None,
) -> Array:
    """g (N, C, *O) -> x_shape (N, C, *S)"""
    if g.dtype == np.float16:
        args = (x_shape, kernel, stride, padding, count_include_pad, divisor_override)
        return avg_pool_grad(g.astype(np.float32), *args).astype(np.float16)
    size = x_shape[2:]
    dx = like_layout(g.shape, g)
    np.divide(
        g,
        _divisor(
            size,
            g.shape[2:],
            kernel,
            stride,
            padding,
            count_include_pad,
            divisor_override,
            g.dtype,
        ),
        out=dx,
    )
    # The last dimension first, while the array is small; the long lines are written at the end.
    for axis in reversed(range(2, g.ndim)):
        dx = _spread(
            dx, axis, size[axis - 2], kernel[axis - 2], stride[axis - 2], padding[axis - 2]
        )
    return dx


# ---- adaptive: window o of an axis runs from floor(o * size / out) to ceil((o + 1) * size / out)


def _edges(size: int, out: int) -> tuple[Array, Array]:
    o = np.arange(out)
    return o * size // out, -(-(o + 1) * size // out)


def _divides(size: Ints, out: Ints) -> bool:
    return all(o > 0 and s % o == 0 for s, o in zip(size, out, strict=True))


def _window_sum(x: Array, axis: int, starts: Array, stops: Array) -> Array:
    """Sum x over [start, stop) for each window along an axis."""
    y = like_layout((*x.shape[:axis], len(starts), *x.shape[axis + 1 :]), x)
    y.fill(0)
    lengths = stops - starts
    for t in range(int(lengths.max(initial=0))):
        long = np.flatnonzero(lengths > t)
        y[_along(axis, long)] += x[_along(axis, starts[long] + t)]
    return y


def adaptive_avg_forward(x: Array, out_size: Ints) -> Array:
    """x (N, C, *S) -> (N, C, *out_size)"""
    if x.dtype == np.float16:
        return adaptive_avg_forward(x.astype(np.float32), out_size).astype(np.float16)
    size = x.shape[2:]
    if _divides(size, out_size):
        kernel = tuple(s // o for s, o in zip(size, out_size, strict=True))
        return avg_pool_forward(x, kernel, kernel, (0,) * len(size), out_size, True, None)
    for axis, (s, o) in enumerate(zip(size, out_size, strict=True), start=2):
        starts, stops = _edges(s, o)
        x = _window_sum(x, axis, starts, stops)
        x /= _lengths(starts, stops, axis, x)
    return x


def adaptive_avg_grad(g: Array, x_shape: Ints) -> Array:
    """g (N, C, *O) -> x_shape (N, C, *S)"""
    if g.dtype == np.float16:
        return adaptive_avg_grad(g.astype(np.float32), x_shape).astype(np.float16)
    size, out = x_shape[2:], g.shape[2:]
    if _divides(size, out):
        kernel = tuple(s // o for s, o in zip(size, out, strict=True))
        return avg_pool_grad(g, x_shape, kernel, kernel, (0,) * len(size), True, None)
    for axis in reversed(range(2, g.ndim)):
        starts, stops = _edges(size[axis - 2], out[axis - 2])
        share = like_layout(g.shape, g)
        np.divide(g, _lengths(starts, stops, axis, g), out=share)
        # The windows that hold a cell are consecutive too, so the adjoint is a window sum.
        cells = np.arange(size[axis - 2])
        first, last = (
            np.searchsorted(stops, cells, "right"),
            np.searchsorted(starts, cells, "right"),
        )
        g = _window_sum(share, axis, first, last)
    return g


def _lengths(starts: Array, stops: Array, axis: int, like: Array) -> Array:
    """Window lengths as an array that broadcasts along `axis` of `like`."""
    lengths = (stops - starts).astype(like.dtype)
    return lengths.reshape(-1, *(1,) * (like.ndim - axis - 1))


def adaptive_max_forward(x: Array, out_size: Ints) -> tuple[Array, Array]:
    """x (N, C, *S) -> maxima (N, C, *out_size) and their flat cells, int64"""
    size, zeros, ones = x.shape[2:], (0,) * len(out_size), (1,) * len(out_size)
    if 0 in out_size:
        shape = (*x.shape[:2], *out_size)
        return like_layout(shape, x), like_layout(shape, x, np.dtype(np.int64))
    if _divides(size, out_size):
        kernel = tuple(s // o for s, o in zip(size, out_size, strict=True))
        y = max_pool_forward(x, kernel, kernel, zeros, ones, out_size)
        return y, max_pool_indices(x, y, kernel, kernel, zeros, ones)
    # Lay the windows side by side, each made as long as the longest by repeating its last cell;
    # repeats change neither the maximum nor which cell comes first.
    wide, kernel, cells = x, (), np.zeros((), np.int64)
    for axis, (s, o) in enumerate(zip(size, out_size, strict=True), start=2):
        starts, stops = _edges(s, o)
        longest = int((stops - starts).max(initial=0))
        picks = np.minimum(starts[:, None] + np.arange(longest), stops[:, None] - 1).ravel()
        shape = (*wide.shape[:axis], len(picks), *wide.shape[axis + 1 :])
        wider = like_layout(shape, wide)
        wider[...] = wide[_along(axis, picks)]
        wide, kernel = wider, (*kernel, longest)
        cells = cells[..., None] * s + picks
    y = max_pool_forward(wide, kernel, kernel, zeros, ones, out_size)
    where = max_pool_indices(wide, y, kernel, kernel, zeros, ones)
    index = like_layout(where.shape, where)
    index[...] = cells.ravel()[where]
    return y, index


# ---- fractional: windows of the size of the kernel at random starts


def _starts(sample: Array, size: int, out: int, k: int) -> Array:
    """sample (N, C) from [0, 1) -> the first cells of the windows of one axis, int64 (N, C, out)"""
    starts = np.empty((*sample.shape, out), np.int64)
    if out > 1:  # rounded as torch does, in the dtype of the samples
        step = sample.dtype.type(size - k) / sample.dtype.type(out - 1)
        ahead = (np.arange(out - 1).astype(sample.dtype) + sample[..., None]) * step
        starts[..., :-1] = ahead.astype(np.int64) - (sample * step).astype(np.int64)[..., None]
    starts[..., -1:] = size - k
    return starts


def fractional_cells(samples: Array, size: Ints, kernel: Ints, out_size: Ints) -> Array:
    """samples (N, C, n), one for each axis -> the flat cells of all windows, laid side by side.

    Returns:
        int64 (N, C, *(out_size * kernel))
    """
    n = len(size)
    cells = np.zeros((*samples.shape[:2], *(1,) * n), np.int64)
    for axis, (s, o, k) in enumerate(zip(size, out_size, kernel, strict=True)):
        picks = (_starts(samples[..., axis], s, o, k)[..., None] + np.arange(k)).reshape(
            *samples.shape[:2], *(1,) * axis, o * k, *(1,) * (n - axis - 1)
        )
        cells = cells * s + picks
    return cells
