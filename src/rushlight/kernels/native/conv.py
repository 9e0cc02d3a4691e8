"""Convolution by the compiled direct kernels (`native/conv.cpp`).

The C++ knows one thing, a sum over taps between channels-last arrays; here forward, input gradient
(one such sum for each phase of the stride) and weight gradient are put in its terms.
"""

from __future__ import annotations

from functools import lru_cache
from math import prod
from typing import Any

import numpy as np

from rushlight.arrays import Array, channels_last_empty
from rushlight.compiled import native
from rushlight.kernels.native.layout import dense, to_channels_last
from rushlight.kernels.reference import conv as reference
from rushlight.kernels.reference.activation import relu_forward

__all__ = ["conv_forward", "conv_input_grad", "conv_weight_grad"]

Ints = tuple[int, ...]
Pairs = tuple[tuple[int, int], ...]


def takes(x: Array, w_ndim: int) -> bool:
    """Tell whether the C++ takes an input for a weight of so many dims."""
    return x.dtype.char in "fd" and 3 <= w_ndim <= 5 and x.size > 0


def _last(x: Array, groups: int = 1, w: Ints = (), dilation: Ints = ()) -> Array:
    """Return x with adjacent channels (or few ones, for a kernel w), a copy only if it must be."""
    few = w and x.shape[1] // groups < native.FEW_CHANNELS and prod(w[2:]) > 1
    if few and groups >= native.FEW_CHANNELS:  # `depthwise_fits` in native/depthwise.cpp
        few = w[:2] != (groups, 1)
    if few:  # as `few_fits` in native/few.cpp has it
        reach = [(k - 1) * d for k, d in zip(w[2:], dilation, strict=True)]
        few = max(reach[-2:]) <= native.FEW_REACH
    odd = [s % x.itemsize for s in x.strides]  # as in a field of records
    fits = x.flags.aligned and not any(odd)
    if fits and (few or x.strides[1] == x.itemsize or x.shape[1] == 1):
        return x
    return to_channels_last(x)


def _three(values: Any, fill: Any) -> list[Any]:
    """Put ones (or so) before the values of one or two spatial dims."""
    return [fill] * (3 - len(values)) + [*values]


def _strides(bytes_: Ints, itemsize: int) -> Ints:
    n, _, *rest = (s // itemsize for s in bytes_)
    return (n, *_three(rest, 0))


def _cells(kernel: Ints) -> list[list[int]]:
    """Return where each tap lies in a C-ordered kernel, for each dim."""
    return [[t * prod(kernel[i + 1 :]) for t in range(k)] for i, k in enumerate(kernel)]


# What the C++ runs is made once for each set of arguments: shapes (with those of the memory) and
# options. The caches are small, as a net has few layers.


@lru_cache(maxsize=512)
def _forward_window(
    x: Ints, x_strides: Ints, w: Ints, y: Ints, y_strides: Ints, itemsize: int, *options: Any
) -> Any:
    stride, padding, dilation, groups, *pooled = options
    out, pool = pooled or (y[2:], (1, 1))
    kernel, (total, channels) = w[2:], w[:2]
    taps, features = prod(kernel), total // groups
    offsets = [
        [t * d - lo for t in range(k)]
        for k, (lo, _), d in zip(kernel, padding, dilation, strict=True)
    ]
    return native.Conv(
        *(x[0], groups, channels, features),
        *(_three(x[2:], 1), _three(out, 1)),
        *(_strides(x_strides, itemsize), _strides(y_strides, itemsize)),
        _three(stride, 1),
        _three(offsets, [0]),
        _three(_cells(kernel), [0]),
        [channels * taps, taps, features * channels * taps],
        x_strides[1] // itemsize if channels > 1 or groups > 1 else 1,
        pool,
    )


def _exchanges(x: Ints, g: Ints, channels: int, features: int, stride: Ints) -> bool:
    """Tell whether the weight gradient is faster if x and g change places.

    Sums are then over the cells of x, which are many more than those of g where a kernel without
    padding is about as large as x.
    """
    few = features < native.FEW_CHANNELS <= channels and prod(stride) == 1
    return few and features * prod(x[2:]) <= 2 * native.FEW_CHANNELS * prod(g[2:])


@lru_cache(maxsize=512)
def _exchanged_window(
    x: Ints, x_strides: Ints, w: Ints, g: Ints, g_strides: Ints, itemsize: int, *options: Any
) -> Any:
    """Return the window of the weight gradient, for step 1, in which x and g change places.

    Input cell i meets output cell i + lo - t d by tap t. It sums to (G, taps, F, C), where many
    channels fill the vectors that few features would leave idle.
    """
    _, padding, dilation, groups = options
    kernel, channels, features = w[2:], w[1], w[0] // groups
    offsets = [
        [lo - t * d for t in range(k)]
        for k, (lo, _), d in zip(kernel, padding, dilation, strict=True)
    ]
    return native.Conv(
        *(x[0], groups, features, channels),
        *(_three(g[2:], 1), _three(x[2:], 1)),
        *(_strides(g_strides, itemsize), _strides(x_strides, itemsize)),
        [1, 1, 1],
        _three(offsets, [0]),
        _three(_cells(kernel), [0]),
        [0, 0, 0],
        g_strides[1] // itemsize if features > 1 or groups > 1 else 1,
    )


@lru_cache(maxsize=512)
def _phases(
    g: Ints, g_strides: Ints, w: Ints, x: Ints, x_strides: Ints, itemsize: int, *options: Any
) -> tuple[Any, list[Any]]:
    """Return what gives the gradient of all input cells that meet taps, and which ones meet none.

    Input cells of one phase p = phase (mod stride) meet the same taps: input cell p + s j meets
    output cell j + (p + lo - t d) / s by tap t, where s divides that.
    """
    stride, padding, dilation, groups = options
    kernel, (total, channels) = w[2:], w[:2]
    features, taps = total // groups, prod(kernel)
    windows: list[Any] = []
    starts: list[int] = []
    alone: list[Any] = []
    for phase in reference.phases(x[2:], stride):
        cells: Any = (..., *(slice(p, None, s) for p, s in zip(phase, stride, strict=True)))
        sides = list(zip(phase, kernel, stride, padding, dilation, strict=True))
        met = [[t for t in range(k) if (p + lo - t * d) % s == 0] for p, k, s, (lo, _), d in sides]
        size = [-(-(n - p) // s) for n, p, s in zip(x[2:], phase, stride, strict=True)]
        if not all(met):
            alone.append(cells)
            continue
        offsets = [
            [(p + lo - t * d) // s for t in dim]
            for dim, (p, _, s, (lo, _), d) in zip(met, sides, strict=True)
        ]
        across = [
            a * s if n > 1 else a for a, s, n in zip(x_strides[2:], stride, size, strict=True)
        ]
        steps = (*x_strides[:2], *across)
        window = native.Conv(
            *(g[0], groups, features, channels),
            *(_three(g[2:], 1), _three(size, 1)),
            *(_strides(g_strides, itemsize), _strides(steps, itemsize)),
            [1, 1, 1],
            _three(offsets, [0]),
            _three(
                [[at[t] for t in dim] for at, dim in zip(_cells(kernel), met, strict=True)], [0]
            ),
            [taps, channels * taps, features * channels * taps],
            1,
        )
        windows.append(window)
        starts.append(sum(p * a // itemsize for p, a in zip(phase, x_strides[2:], strict=True)))
    return native.ConvPhases(windows, starts) if windows else None, alone


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
    if not takes(x, w.ndim):
        return reference.conv_forward(x, w, b, stride, padding, dilation, groups, relu)
    y: Array = convolved(x, w, b, stride, padding, dilation, groups, relu)
    return y


def convolved(
    x: Array,
    w: Array,
    b: Array | None,
    stride: Ints,
    padding: Pairs,
    dilation: Ints,
    groups: int,
    relu: bool,
    norm: Any = None,
    pool: Ints = (1, 1),
) -> Any:
    """Return the convolution, or None if the C++ cannot go on to windows `pool`.

    norm: mean, var, w, b, eps of a batch norm. pool: windows of the last two dims, side by side.
    """
    out = reference.out_size(x, w, stride, padding, dilation)
    x, w, b = _last(x, groups, w.shape, dilation), dense(w), dense(b)
    whole = (1, *pool)[-len(out) :]
    size = [n // k for n, k in zip(out, whole, strict=True)]
    y = channels_last_empty((x.shape[0], w.shape[0], *size), x)
    if not y.size:
        return y
    shapes = x.shape, x.strides, w.shape, y.shape, y.strides, x.itemsize
    window = _forward_window(*shapes, stride, padding, dilation, groups, out, pool)
    if not window.pools:
        return None
    if norm is None:
        window.forward(x, w, b, y, relu)
    else:
        window.forward_normed(x, w, b, *norm, y, relu)
    return y


def conv_weight_grad(
    x: Array, g: Array, w_shape: Ints, stride: Ints, padding: Pairs, dilation: Ints, groups: int
) -> Array:
    """x (N, G*C, *S), g (N, G*F, *O) -> w_shape (G*F, C, *kernel)"""
    if not takes(x, len(w_shape)) or not g.size:
        return reference.conv_weight_grad(x, g, w_shape, stride, padding, dilation, groups)
    taps, features, channels = prod(w_shape[2:]), w_shape[0] // groups, w_shape[1]
    options = stride, padding, dilation, groups
    dw = np.empty((groups, taps, channels, features), x.dtype)
    turned = np.empty(w_shape, x.dtype)
    if _exchanges(x.shape, g.shape, channels, features, stride):
        g, x = _last(g, groups, (x.shape[1], features, *w_shape[2:]), dilation), _last(x)
        shapes = x.shape, x.strides, w_shape, g.shape, g.strides, x.itemsize
        _exchanged_window(*shapes, *options).weight(g, x, dw)
        native.turn(dw, turned, groups, taps, features * channels)
        return turned
    x, g = _last(x, groups, w_shape, dilation), _last(g)
    shapes = x.shape, x.strides, w_shape, g.shape, g.strides, x.itemsize
    _forward_window(*shapes, *options).weight(x, g, dw)
    # (G, taps * C, F) -> (G, F, taps * C), then (G*F, taps, C) -> (G*F, C, *kernel)
    native.turn(dw, turned, groups, taps * channels, features)
    if channels == 1:
        return turned
    out = np.empty(w_shape, x.dtype)
    native.turn(turned, out, w_shape[0], taps, channels)
    return out


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
    """g (N, G*F, *O), w (G*F, C, *kernel), b (G*C,) -> x_shape (N, G*C, *S), with relu if asked"""
    if not takes(g, w.ndim):
        return reference.conv_input_grad(g, w, x_shape, stride, padding, dilation, groups, b, relu)
    g, w, b = _last(g), dense(w), dense(b)
    dx = channels_last_empty(x_shape, g)
    shapes = g.shape, g.strides, w.shape, tuple(x_shape), dx.strides, g.itemsize
    phases, alone = _phases(*shapes, stride, padding, dilation, groups)
    if phases is not None:
        phases.forward(g, w, b, dx, relu)
    for cells in alone:
        if b is None:
            dx[cells] = 0
        else:
            shift = reference.per_channel(b, dx.ndim)
            dx[cells] = relu_forward(shift) if relu else shift
    return dx
