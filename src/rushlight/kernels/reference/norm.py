"""Normalization kernels: statistics by products with ones, deviations kept for the backward pass.

Batch norm works on rows (M, C) of a logical (N, C, *spatial) array: a view where the memory is
channels-last (or 2-d), a copy where it is not. Results are channels-last. Group norm works on
planes (N, C, S) in the layout of its input.

Half precision is computed in single: its sums would leave the range.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache, wraps
from typing import Any, TypeVar

import numpy as np

from rushlight.arrays import (
    Array,
    channel_planes,
    channel_rows,
    from_channel_planes,
    from_channel_rows,
    last_rows,
)
from rushlight.kernels.products import dot, matmul
from rushlight.kernels.reference.activation import relu_forward, relu_grad

__all__ = [
    "batch_moments",
    "batch_norm_eval",
    "batch_norm_eval_grad",
    "batch_norm_grad",
    "batch_norm_through",
    "batch_norm_train",
    "channel_sum",
    "column_sum",
    "follow",
    "group_norm_forward",
    "group_norm_grad",
    "layer_norm_forward",
    "layer_norm_grad",
]

_BLOCK = 1024  # rows that one product sums up in the array's own precision


@lru_cache(maxsize=64)
def _ones(n: int, dtype: Any) -> Array:
    ones = np.ones(n, dtype)
    ones.flags.writeable = False
    return ones


def plane_sum(x: Array) -> Array:
    """(N, C, S) -> (N, C), as products with ones: BLAS beats a strided reduction three times.

    Long lines are summed in blocks and the blocks in float64, so the error does not grow with S.
    """
    n, c, s = x.shape
    dtype = x.dtype
    if s <= _BLOCK and dtype.char in "fd":
        return matmul(x, _ones(s, dtype))
    total: Array
    if dtype.kind != "f" or dtype.itemsize < 4:
        total = np.add.reduce(x, axis=2, dtype=np.float64 if dtype.kind == "f" else dtype)
        return total.astype(dtype, copy=False)
    whole = s - s % _BLOCK
    blocks = x[..., :whole].reshape(n, c, -1, _BLOCK).transpose(0, 2, 1, 3)
    total = np.add.reduce(matmul(blocks, _ones(_BLOCK, dtype)), axis=1, dtype=np.float64)
    if whole < s:
        total += matmul(x[..., whole:], _ones(s - whole, dtype))
    return total.astype(dtype, copy=False)


def column_sum(x: Array) -> Array:
    """(..., C) -> (C,)"""
    rows = last_rows(x)
    m, dtype = rows.shape[0], rows.dtype
    if m <= _BLOCK and dtype.char in "fd":
        return dot(_ones(m, dtype), rows)  # half the time of the way by planes
    total: Array = plane_sum(rows.T[None])[0]
    return total


def channel_sum(x: Array) -> Array:
    """(N, C, *S) -> (C,)"""
    return column_sum(channel_rows(x))


F = TypeVar("F", bound=Callable[..., Any])


def _widened(results: int) -> Callable[[F], F]:
    """Let a kernel compute in float32 where its first argument is float16; so many results are
    float16 again."""

    def decorate(function: F) -> F:
        @wraps(function)
        def run(x: Array, *args: Any, **options: Any) -> Any:
            if x.dtype != np.float16:
                return function(x, *args, **options)
            wide = [_cast(a, np.float16, np.float32) for a in (x, *args)]
            found = function(*wide, **options)
            back = [_cast(a, np.float32, np.float16) for a in found[:results]]
            return (*back, *found[results:])

        return run  # type: ignore[return-value]

    return decorate


def _cast(value: Any, before: Any, after: Any) -> Any:
    fits = isinstance(value, np.ndarray) and value.dtype == before
    return value.astype(after) if fits else value


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
    for running, batch, share in (
        (running_mean, mean, momentum),
        (running_var, var, momentum * factor),
    ):
        if running is not None:
            running *= 1.0 - momentum
            running += batch * share


@_widened(3)
def batch_norm_train(
    x: Array, w: Array | None, b: Array | None, eps: float, relu: bool = False
) -> tuple[Array, Array, Array, tuple[Array, ...]]:
    """Normalize by the batch's own statistics, with relu if asked.

    Returns:
        y, mean (C,), biased variance (C,), and (deviations (M, C), 1 / std (C,), w / std (C,), rows
        of y if relu was applied) for the gradient.
    """
    rows = channel_rows(x)
    m = rows.shape[0] or 1
    mean = column_sum(rows)
    mean /= m
    centred = rows - mean
    var = column_sum(np.square(centred))
    var /= m
    rstd = np.sqrt(var + eps)
    np.reciprocal(rstd, out=rstd)
    scale = rstd if w is None else rstd * w
    y = centred * scale
    if b is not None:
        y += b
    if not relu:
        return from_channel_rows(y, x.shape), mean, var, (centred, rstd, scale)
    y = relu_forward(y)
    return from_channel_rows(y, x.shape), mean, var, (centred, rstd, scale, y)


@_widened(3)
def batch_norm_grad(
    g: Array, cache: tuple[Array, ...], w: Array | None, needs: Sequence[bool]
) -> tuple[Array | None, Array | None, Array | None]:
    """Return the gradients by x, w and b of `batch_norm_train`, those that are needed.

    dx = rstd w (g - mean(g) - deviation rstd^2 mean(g deviation)), means over the rows.
    """
    centred, rstd, scale, *y = cache
    rows = channel_rows(g)
    if y:
        rows = relu_grad(rows, y[0])
    total = column_sum(rows)
    along = column_sum(rows * centred) if needs[0] or needs[1] else None  # for w and for x
    dx = dw = None
    if along is not None:
        along *= rstd
        if needs[1]:
            dw = along
        if needs[0]:
            m = rows.shape[0] or 1
            dx = centred * (along * (rstd / -m))
            dx += rows
            dx -= total / m
            dx *= scale
            dx = from_channel_rows(dx, g.shape)
    return dx, dw, total if needs[2] else None


@_widened(2)
def batch_norm_eval(
    x: Array,
    mean: Array,
    var: Array,
    w: Array | None,
    b: Array | None,
    eps: float,
    relu: bool = False,
) -> tuple[Array, Array]:
    """Normalize by given statistics, as one scale and one shift, with relu if asked.

    Returns:
        y and 1 / std.
    """
    rstd = 1.0 / np.sqrt(var + eps)
    scale = rstd if w is None else rstd * w
    shift = -mean * scale if b is None else b - mean * scale
    y = channel_rows(x) * scale
    y += shift
    return from_channel_rows(relu_forward(y) if relu else y, x.shape), rstd


@_widened(3)
def batch_norm_eval_grad(
    g: Array, x: Array, mean: Array, rstd: Array, w: Array | None, needs: Sequence[bool]
) -> tuple[Array | None, Array | None, Array | None]:
    """Return the gradients by x, w and b of `batch_norm_eval`, those that are needed."""
    rows = channel_rows(g)
    dx = dw = None
    if needs[0]:
        dx = from_channel_rows(rows * (rstd if w is None else rstd * w), g.shape)
    if needs[1]:
        centred = channel_rows(x) - mean
        centred *= rows
        dw = column_sum(centred)
        dw *= rstd
    return dx, dw, column_sum(rows) if needs[2] else None


def batch_moments(x: Array) -> tuple[Array, Array]:
    """(N, C, *S) -> mean (C,) and the sum of squared deviations from it (C,), float64"""
    rows = channel_rows(x)
    mean = column_sum(rows) / (rows.shape[0] or 1)
    square = column_sum(np.square(rows - mean))
    return mean.astype(np.float64), square.astype(np.float64)


def batch_norm_through(
    g: Array, x: Array, mean: Array, scale: Array, slope: Array, shift: Array
) -> Array:
    """Return g scale + (x - mean) slope + shift, each (C,) but g and x (N, C, *S)."""
    scale, slope, shift = (each.astype(g.dtype, copy=False) for each in (scale, slope, shift))
    dx = channel_rows(x) - mean
    dx *= slope
    dx += shift
    dx += channel_rows(g) * scale
    return from_channel_rows(dx, g.shape)


# ---- group norm


def _pooled(sums: Array, groups: int, m: int) -> Array:
    """Means by group of what was summed by channel: (N, C) -> (N, G)"""
    n, c = sums.shape
    total = np.add.reduce(sums.reshape(n, groups, c // groups), axis=2, dtype=np.float64)
    total /= m
    return total.astype(sums.dtype)


def _spread(value: Array, c: int) -> Array:
    """(N, G) -> (N, C)"""
    return value if value.shape[1] == c else np.repeat(value, c // value.shape[1], axis=1)


@_widened(3)
def group_norm_forward(
    x: Array, groups: int, w: Array | None, b: Array | None, eps: float
) -> tuple[Array, Array, Array, tuple[Array, Array]]:
    """Normalize the channels of each group together, in each sample by itself; w and b (C,).

    Returns:
        y, mean (N, G), biased variance (N, G), and (deviations (N, C, S), 1 / std (N, G)) for the
        gradient.
    """
    planes = channel_planes(x)
    _, c, s = planes.shape
    m = c // groups * s or 1
    mean = _pooled(plane_sum(planes), groups, m)
    centred = planes - _spread(mean, c)[..., None]
    var = _pooled(plane_sum(np.square(centred)), groups, m)
    rstd = 1.0 / np.sqrt(var + eps)
    scale = _spread(rstd, c) if w is None else _spread(rstd, c) * w
    y = centred * scale[..., None]
    if b is not None:
        y += b[:, None]
    return from_channel_planes(y, x.shape), mean, var, (centred, rstd)


@_widened(3)
def group_norm_grad(
    g: Array, cache: tuple[Array, Array], w: Array | None, needs: Sequence[bool]
) -> tuple[Array | None, Array | None, Array | None]:
    """Return the gradients by x, w and b of `group_norm_forward`, those that are needed.

    dx = rstd (w g - mean(w g) - normal mean(w g normal)), means over the group.
    """
    centred, rstd = cache
    planes = channel_planes(g)
    if planes.strides != centred.strides:  # g is C-ordered behind a flatten
        planes = np.empty_like(centred)
        planes[...] = channel_planes(g)
    (_, c, s), groups = planes.shape, rstd.shape[1]
    total = plane_sum(planes)
    along = plane_sum(planes * centred) * _spread(rstd, c) if needs[0] or needs[1] else total
    dx = None
    if needs[0]:
        m = c // groups * s or 1
        shift = _pooled(total if w is None else total * w, groups, m) * rstd
        slope = _pooled(along if w is None else along * w, groups, m) * np.square(rstd)
        dx = centred * -_spread(slope, c)[..., None]
        dx += planes * (_spread(rstd, c) if w is None else _spread(rstd, c) * w)[..., None]
        dx -= _spread(shift, c)[..., None]
        dx = from_channel_planes(dx, g.shape)
    return (
        dx,
        column_sum(along) if needs[1] else None,
        column_sum(total) if needs[2] else None,
    )


# ---- layer norm


def _row_mean(rows: Array) -> Array:
    """(M, size) -> (M, 1)"""
    mean: Array = dot(rows, _ones(rows.shape[1], rows.dtype))[:, None]
    mean /= rows.shape[1] or 1
    return mean


@_widened(1)
def layer_norm_forward(
    x: Array, size: int, w: Array | None, b: Array | None, eps: float, centred: bool = True
) -> tuple[Array, tuple[Array, Array]]:
    """Normalize the last `size` elements together, their mean taken for 0 unless `centred`.

    w and b are flat (size,).

    Returns:
        y, and (normalized rows (M, size), 1 / std (M, 1)) for the gradient.
    """
    rows = x.reshape(x.size // size if size else 0, size)
    normal = rows - _row_mean(rows) if centred else rows
    rstd = np.sqrt(_row_mean(np.square(normal)) + eps)
    np.divide(1.0, rstd, out=rstd)
    normal = np.multiply(normal, rstd, out=normal if centred else None)
    y = normal if w is None else normal * w
    if b is not None:
        y = y + b if w is None else np.add(y, b, out=y)
    elif w is None:
        y = y.copy()  # `normal` is kept: an output never shares its memory
    return y.reshape(x.shape), (normal, rstd)


@_widened(3)
def layer_norm_grad(
    g: Array,
    cache: tuple[Array, Array],
    w: Array | None,
    needs: Sequence[bool],
    centred: bool = True,
) -> tuple[Array | None, Array | None, Array | None]:
    """Return the gradients by x, w and b (flat) of `layer_norm_forward`."""
    normal, rstd = cache
    rows = g.reshape(normal.shape)
    dx = along = None
    if needs[1] or (needs[0] and w is None):
        along = rows * normal
    if needs[0]:
        part = rows if w is None else rows * w
        dx = normal * _row_mean(along if w is None and along is not None else part * normal)
        np.subtract(part, dx, out=dx)
        if centred:
            dx -= _row_mean(part)
        dx *= rstd
        dx = dx.reshape(g.shape)
    return (
        dx,
        column_sum(along) if needs[1] and along is not None else None,
        column_sum(rows) if needs[2] else None,
    )
