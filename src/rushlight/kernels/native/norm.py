"""Normalization and sums by the compiled kernels (`native/*_norm.cpp`).

For the gradient the compiled forms keep the rows of the input and two numbers for each channel (or
row), mean and 1 / std, instead of deviations of the input's size.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from rushlight.arrays import (
    Array,
    channel_rows,
    channels_from_last,
    channels_to_last,
    from_channel_rows,
    is_channels_last,
    last_rows,
)
from rushlight.compiled import native
from rushlight.kernels.native.layout import aligned, to_channels_last
from rushlight.kernels.reference import conv as conv_reference
from rushlight.kernels.reference import norm as reference

__all__ = [
    "batch_moments",
    "batch_norm_eval",
    "batch_norm_eval_grad",
    "batch_norm_grad",
    "batch_norm_through",
    "batch_norm_train",
    "channel_sum",
    "column_sum",
    "conv_bias_grad",
    "follow",
    "group_norm_forward",
    "group_norm_grad",
    "layer_norm_forward",
    "layer_norm_grad",
]

Grads = tuple[Array | None, Array | None, Array | None]


def _takes(x: Array) -> bool:
    return x.dtype.char in "fd" and x.size > 0


def _rows(x: Array) -> Array:
    """(N, C, *S) -> (M, C)"""
    turns = x.ndim > 2 and x.shape[1] > 1 and not is_channels_last(x)
    rows: Array = aligned(channel_rows(to_channels_last(x) if turns else x))
    return rows


def column_sum(x: Array) -> Array:
    """(..., C) -> (C,)"""
    if not _takes(x):
        return reference.column_sum(x)
    total = np.empty(x.shape[-1], x.dtype)
    native.column_sum(aligned(last_rows(x)), total)
    return total


def channel_sum(x: Array) -> Array:
    """(N, C, *S) -> (C,)"""
    return column_sum(channel_rows(x))


def conv_bias_grad(g: Array) -> Array:
    """g (N, F, *O) -> (F,)"""
    rows = channels_to_last(g)
    if not rows.flags.c_contiguous:  # its sums run along the planes
        return conv_reference.conv_bias_grad(g)
    return column_sum(rows)


# ---- batch norm


def follow(
    running_mean: Array | None,
    running_var: Array | None,
    mean: Array,
    var: Array,
    momentum: float,
    factor: float,
) -> None:
    """Set running = (1 - momentum) running + momentum batch in place, the variance times `factor`.

    All (C,); a running one may be None.
    """
    mean, var = aligned(mean), aligned(var)
    whole = all(a is None or a.flags.aligned for a in (running_mean, running_var))
    if not (whole and native.follow(running_mean, running_var, mean, var, momentum, factor)):
        reference.follow(running_mean, running_var, mean, var, momentum, factor)


def batch_norm_train(
    x: Array, w: Array | None, b: Array | None, eps: float, relu: bool = False
) -> tuple[Array, Array, Array, tuple[Array, ...]]:
    """Normalize by the batch's own statistics, with relu if asked.

    Returns:
        y, mean (C,), biased variance (C,), and (rows of x (M, C), mean and 1 / std (2, C), rows of
        y if relu was applied) for the gradient.
    """
    if not _takes(x):
        return reference.batch_norm_train(x, w, b, eps, relu)
    rows = _rows(x)
    dtype, c = x.dtype, x.shape[1]
    y, kept = np.empty(rows.shape, dtype), np.empty((2, c), dtype)
    mean, var = np.empty(c, dtype), np.empty(c, dtype)
    native.batch_norm_train(rows, aligned(w), aligned(b), eps, y, mean, var, kept, relu)
    return from_channel_rows(y, x.shape), mean, var, (rows, kept, y) if relu else (rows, kept)


def batch_norm_grad(
    g: Array, cache: tuple[Array, ...], w: Array | None, needs: Sequence[bool]
) -> Grads:
    """Return the gradients by x, w and b of `batch_norm_train`, those that are needed."""
    if not _takes(g):
        return reference.batch_norm_grad(g, cache, w, needs)
    rows = _rows(g)
    dx, dw, db = _wanted(rows.shape, rows.shape[1], g.dtype, needs)
    x, kept, *y = cache
    native.batch_norm_grad(rows, x, kept, aligned(w), y[0] if y else None, dx, dw, db)
    return None if dx is None else from_channel_rows(dx, g.shape), dw, db


def _wanted(shape: tuple[int, ...], c: int, dtype: Any, needs: Sequence[bool]) -> Grads:
    """Allocate the gradients by the rows, by w and by b that are needed."""
    return (
        np.empty(shape, dtype) if needs[0] else None,
        np.empty(c, dtype) if needs[1] else None,
        np.empty(c, dtype) if needs[2] else None,
    )


def batch_norm_eval(
    x: Array,
    mean: Array,
    var: Array,
    w: Array | None,
    b: Array | None,
    eps: float,
    relu: bool = False,
) -> tuple[Array, Array]:
    """Normalize by given statistics, with relu if asked; returns y and 1 / std."""
    if not _takes(x):
        return reference.batch_norm_eval(x, mean, var, w, b, eps, relu)
    rows = _rows(x)
    y, rstd = np.empty(rows.shape, x.dtype), np.empty(x.shape[1], x.dtype)
    mean, var, w, b = map(aligned, (mean, var, w, b))
    native.batch_norm_eval(rows, mean, var, w, b, eps, y, rstd, relu)
    return from_channel_rows(y, x.shape), rstd


def batch_norm_eval_grad(
    g: Array, x: Array, mean: Array, rstd: Array, w: Array | None, needs: Sequence[bool]
) -> Grads:
    """Return the gradients by x, w and b of `batch_norm_eval`, those that are needed."""
    if not _takes(g):
        return reference.batch_norm_eval_grad(g, x, mean, rstd, w, needs)
    rows = _rows(g)
    dx, dw, db = _wanted(rows.shape, rows.shape[1], g.dtype, needs)
    # only the gradient by w reads x
    given = _rows(x) if needs[1] else rows
    native.batch_norm_eval_grad(rows, given, aligned(mean), aligned(rstd), aligned(w), dx, dw, db)
    return None if dx is None else from_channel_rows(dx, g.shape), dw, db


def batch_moments(x: Array) -> tuple[Array, Array]:
    """(N, C, *S) -> mean (C,) and the sum of squared deviations from it (C,), float64"""
    if not _takes(x):
        return reference.batch_moments(x)
    mean, square = np.empty((2, x.shape[1]))
    native.batch_moments(_rows(x), mean, square)
    return mean, square


def batch_norm_through(
    g: Array, x: Array, mean: Array, scale: Array, slope: Array, shift: Array
) -> Array:
    """Return g scale + (x - mean) slope + shift, each (C,) but g and x (N, C, *S)."""
    if not _takes(g):
        return reference.batch_norm_through(g, x, mean, scale, slope, shift)
    rows = _rows(g)
    dx = np.empty(rows.shape, g.dtype)
    p = np.array([scale, mean, slope, shift], g.dtype)
    native.batch_norm_through(rows, _rows(x), p, dx)
    return from_channel_rows(dx, g.shape)


# ---- group norm


def _samples(x: Array, last: bool) -> Array:
    """(N, C, *S) -> (N, size), planes or rows of channels."""
    rows: Array = aligned((channels_to_last(x) if last else x).reshape(len(x), -1))
    return rows


def _unsamples(samples: Array, shape: tuple[int, ...], last: bool) -> Array:
    """The inverse of `_samples`."""
    n, c, *spatial = shape
    return channels_from_last(samples.reshape(n, *spatial, c)) if last else samples.reshape(shape)


def group_norm_forward(
    x: Array, groups: int, w: Array | None, b: Array | None, eps: float
) -> tuple[Array, Array, Array, tuple[Any, ...]]:
    """Normalize the channels of each group together, in each sample by itself; w and b (C,).

    Returns:
        y, mean (N, G), biased variance (N, G), and (x by samples, whether channels are last, mean,
        1 / std) for the gradient.
    """
    if not _takes(x):
        return reference.group_norm_forward(x, groups, w, b, eps)
    (n, c), last = x.shape[:2], is_channels_last(x)
    samples = _samples(x, last)
    y = np.empty(samples.shape, x.dtype)
    mean, var, rstd = (np.empty((n, groups), x.dtype) for _ in range(3))
    w, b = aligned(w), aligned(b)
    native.group_norm(samples, c, last, w, b, eps, y, mean, var, rstd)
    return _unsamples(y, x.shape, last), mean, var, (samples, last, mean, rstd)


def group_norm_grad(
    g: Array, cache: tuple[Any, ...], w: Array | None, needs: Sequence[bool]
) -> Grads:
    """Return the gradients by x, w and b of `group_norm_forward`, those that are needed."""
    if not _takes(g):
        return reference.group_norm_grad(g, cache, w, needs)
    samples, last, *statistics = cache
    c = g.shape[1]
    dx, dw, db = _wanted(samples.shape, c, g.dtype, needs)
    native.group_norm_grad(_samples(g, last), samples, c, last, *statistics, aligned(w), dx, dw, db)
    return None if dx is None else _unsamples(dx, g.shape, last), dw, db


# ---- layer norm


def layer_norm_forward(
    x: Array, size: int, w: Array | None, b: Array | None, eps: float, centred: bool = True
) -> tuple[Array, tuple[Array, Array]]:
    """Normalize the last `size` elements together, their mean taken for 0 unless `centred`.

    w and b are flat (size,).

    Returns:
        y, and (rows of x (M, size), mean and 1 / std (2, M)) for the gradient.
    """
    if not _takes(x):
        return reference.layer_norm_forward(x, size, w, b, eps, centred)
    rows = aligned(x.reshape(-1, size))
    y, kept = np.empty(rows.shape, x.dtype), np.empty((2, rows.shape[0]), x.dtype)
    native.layer_norm(rows, aligned(w), aligned(b), eps, centred, y, kept)
    return y.reshape(x.shape), (rows, kept)


def layer_norm_grad(
    g: Array,
    cache: tuple[Array, Array],
    w: Array | None,
    needs: Sequence[bool],
    centred: bool = True,
) -> Grads:
    """Return the gradients by x, w and b (flat) of `layer_norm_forward`."""
    if not _takes(g):
        return reference.layer_norm_grad(g, cache, w, needs, centred)
    shape = cache[0].shape
    rows = aligned(g.reshape(shape))
    dx, dw, db = _wanted(shape, shape[1], g.dtype, needs)
    native.layer_norm_grad(rows, *cache, aligned(w), centred, dx, dw, db)
    return None if dx is None else dx.reshape(g.shape), dw, db
