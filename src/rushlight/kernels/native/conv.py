"""Convolution by the compiled direct kernels (`native/conv.cpp`).

The C++ knows one thing, a sum over taps between channels-last arrays; here forward, input gradient
(one such sum for each phase of the stride) and weight gradient are put in its terms.
"""

from __future__ import annotations

from functools import lru_cache
from itertools import product
from math import prod
from typing import Any

import numpy as np

from rushlight.arrays import Array, channels_last_empty
from rushlight.compiled import native
from rushlight.kernels.reference import conv as reference

__all__ = ["conv_forward", "conv_input_grad", "conv_weight_grad"]

Ints = tuple[int, ...]
Pairs = tuple[tuple[int, int], ...]


def _takes(x: Array, w_ndim: int) -> bool:
    return x.dtype.char in "fd" and 3 <= w_ndim <= 5 and x.size > 0


def _last(x: Array) -> Array:
    """Return x with adjacent channels, a copy only if it must be."""
    if x.strides[1] == x.itemsize or x.shape[1] == 1:
        return x
    out = channels_last_empty(x.shape, x)
    np.copyto(out, x)
    return out


def _three(values: Any, fill: Any) -> list[Any]:
    """Put ones (or so) before the values of one or two spatial dims."""
    return [fill] * (3 - len(values)) + [*values]


def _strides(x: Array) -> Ints:
    n, _, *rest = (s // x.itemsize for s in x.strides)
    return (n, *_three(rest, 0))


@lru_cache(maxsize=512)
def _window(
    n: int,
    channels: int,
    features: int,
    groups: int,
    sizes: tuple[Ints, Ints],
    strides: tuple[Ints, Ints],
    step: Ints,
    offsets: tuple[Ints, ...],
    weights: tuple[Ints, ...],
    weight: Ints,
) -> Any:
    """Make (once for each set of arguments) what the C++ runs."""
    return native.Conv(
        *(n, groups, channels, features),
        *(_three(size, 1) for size in sizes),
        *strides,
        _three(step, 1),
        _three(offsets, (0,)),
        _three(weights, (0,)),
        weight,
    )


def _out_size(x: Array, kernel: Ints, stride: Ints, padding: Pairs, dilation: Ints) -> Ints:
    return tuple(
        [
            (size + lo + hi - d * (k - 1) - 1) // s + 1
            for size, k, s, (lo, hi), d in zip(
                x.shape[2:], kernel, stride, padding, dilation, strict=True
            )
        ]
    )


def _offsets(kernel: Ints, padding: Pairs, dilation: Ints) -> tuple[Ints, ...]:
    """Return the input cell of each tap for output cell 0."""
    return tuple(
        [
            tuple([t * d - lo for t in range(k)])
            for k, (lo, _), d in zip(kernel, padding, dilation, strict=True)
        ]
    )


def _cells(kernel: Ints) -> tuple[Ints, ...]:
    """Return where each tap lies in a C-ordered kernel, for each dim."""
    return tuple(
        [tuple([t * prod(kernel[i + 1 :]) for t in range(k)]) for i, k in enumerate(kernel)]
    )


def conv_forward(
    x: Array, w: Array, b: Array | None, stride: Ints, padding: Pairs, dilation: Ints, groups: int
) -> Array:
    """x (N, G*C, *S), w (G*F, C, *kernel), b (G*F,) -> (N, G*F, *O)"""
    if not _takes(x, w.ndim):
        return reference.conv_forward(x, w, b, stride, padding, dilation, groups)
    kernel, (total, channels) = w.shape[2:], w.shape[:2]
    out = _out_size(x, kernel, stride, padding, dilation)
    x, w = _last(x), np.ascontiguousarray(w)
    y = channels_last_empty((x.shape[0], total, *out), x)
    if y.size:
        taps, features = prod(kernel), total // groups
        window = _window(
            *(x.shape[0], channels, features, groups),
            (x.shape[2:], out),
            (_strides(x), _strides(y)),
            stride,
            _offsets(kernel, padding, dilation),
            _cells(kernel),
            (channels * taps, taps, features * channels * taps),
        )
        window.forward(x, w, b, y, False)
    return y


def conv_weight_grad(
    x: Array, g: Array, w_shape: Ints, stride: Ints, padding: Pairs, dilation: Ints, groups: int
) -> Array:
    """x (N, G*C, *S), g (N, G*F, *O) -> w_shape (G*F, C, *kernel)"""
    if not _takes(x, len(w_shape)) or not g.size:
        return reference.conv_weight_grad(x, g, w_shape, stride, padding, dilation, groups)
    (total, channels), kernel = w_shape[:2], w_shape[2:]
    x, g = _last(x), _last(g)
    features = total // groups
    dw = np.empty((groups, *kernel, channels, features), x.dtype)
    window = _window(
        *(x.shape[0], channels, features, groups),
        (x.shape[2:], g.shape[2:]),
        (_strides(x), _strides(g)),
        stride,
        _offsets(kernel, padding, dilation),
        _cells(kernel),
        (0, 0, 0),
    )
    window.weight(x, g, dw)
    # (G, *kernel, C, F) -> (G, F, C, *kernel) -> (G*F, C, *kernel)
    order = (0, dw.ndim - 1, dw.ndim - 2, *range(1, dw.ndim - 2))
    return np.ascontiguousarray(dw.transpose(order)).reshape(w_shape)


def conv_input_grad(
    g: Array, w: Array, x_shape: Ints, stride: Ints, padding: Pairs, dilation: Ints, groups: int
) -> Array:
    """g (N, G*F, *O), w (G*F, C, *kernel) -> x_shape (N, G*C, *S); transposed convolution too."""
    if not _takes(g, w.ndim):
        return reference.conv_input_grad(g, w, x_shape, stride, padding, dilation, groups)
    kernel, (total, channels) = w.shape[2:], w.shape[:2]
    features, taps = total // groups, prod(kernel)
    g, w = _last(g), np.ascontiguousarray(w)
    dx = channels_last_empty(x_shape, g)
    cells = _cells(kernel)
    # Input cells of one phase p = phase (mod stride) meet the same taps: input cell p + s j meets
    # output cell j + (p + lo - t d) / s by tap t, where s divides that.
    for phase in product(*map(range, stride)):
        here: Any = (..., *(slice(p, None, s) for p, s in zip(phase, stride, strict=True)))
        part = dx[here]
        if not part.size:
            continue
        met = [
            [t for t in range(k) if (p + lo - t * d) % s == 0]
            for p, k, s, (lo, _), d in zip(phase, kernel, stride, padding, dilation, strict=True)
        ]
        if not all(met):
            part[...] = 0
            continue
        offsets = tuple(
            [
                tuple([(p + lo - t * d) // s for t in dim])
                for dim, p, s, (lo, _), d in zip(met, phase, stride, padding, dilation, strict=True)
            ]
        )
        window = _window(
            *(g.shape[0], features, channels, groups),
            (g.shape[2:], part.shape[2:]),
            (_strides(g), _strides(part)),
            (1,) * len(stride),
            offsets,
            tuple([tuple([at[t] for t in dim]) for at, dim in zip(cells, met, strict=True)]),
            (taps, channels * taps, features * channels * taps),
        )
        window.forward(g, w, None, part, False)
    return dx
