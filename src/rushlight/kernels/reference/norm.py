"""Normalization kernels: statistics by products with ones, deviations kept for the backward pass.

Batch norm works on rows (M, C) of a logical (N, C, *spatial) array: a view where the memory is
channels-last (or 2-d), a copy where it is not. Results are channels-last.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import numpy as np

from rushlight.arrays import Array, channel_rows, from_channel_rows, last_rows
from rushlight.kernels.reference.activation import relu_forward, relu_grad

__all__ = [
    "batch_norm_eval",
    "batch_norm_eval_grad",
    "batch_norm_grad",
    "batch_norm_train",
    "channel_sum",
    "column_sum",
    "follow",
    "layer_norm_forward",
    "layer_norm_grad",
]

_BLOCK = 1024  # rows that one product sums up in the array's own precision


@lru_cache(maxsize=64)
def _ones(n: int, dtype: Any) -> Array:
    ones = np.ones(n, dtype)
    ones.flags.writeable = False
    return ones


def column_sum(x: Array) -> Array:
    """(..., C) -> (C,), as products with ones: BLAS beats a strided reduction three times.

    Long columns are summed in blocks and the blocks in float64, so the error does not grow with M.
    """
    rows = last_rows(x)
    m, dtype = rows.shape[0], rows.dtype
    if m <= _BLOCK and dtype.char in "fd":
        return np.dot(_ones(m, dtype), rows)
    total: Array
    if dtype.kind != "f" or dtype.itemsize < 4:
        total = np.add.reduce(rows, axis=0, dtype=np.float64 if dtype.kind == "f" else dtype)
        return total.astype(dtype, copy=False)
    whole = m - m % _BLOCK
    parts = np.matmul(_ones(_BLOCK, dtype), rows[:whole].reshape(-1, _BLOCK, rows.shape[1]))
    total = np.add.reduce(parts, axis=0, dtype=np.float64)
    if whole < m:
        total += np.dot(_ones(m - whole, dtype), rows[whole:])
    return total.astype(dtype, copy=False)


def channel_sum(x: Array) -> Array:
    """(N, C, *S) -> (C,)"""
    return column_sum(channel_rows(x))


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


def batch_norm_train(
    x: Array, w: Array | None, b: Array | None, eps: float, relu: bool = False
) -> tuple[Array, Array, Array, tuple[Array, ...]]:
    """Normalize by the batch's own statistics, with relu if asked.

    Returns:
        y, mean (C,), biased variance (C,), and (deviations (M, C), 1 / std (C,), rows of y if relu
        was applied) for the gradient.
    """
    rows = channel_rows(x)
    m = rows.shape[0] or 1
    mean = column_sum(rows)
    mean /= m
    centred = rows - mean
    var = column_sum(np.square(centred))
    var /= m
    rstd = np.sqrt(var + eps)
    np.divide(1.0, rstd, out=rstd)
    y = centred * (rstd if w is None else rstd * w)
    if b is not None:
        y += b
    if not relu:
        return from_channel_rows(y, x.shape), mean, var, (centred, rstd)
    y = relu_forward(y)
    return from_channel_rows(y, x.shape), mean, var, (centred, rstd, y)


def batch_norm_grad(
    g: Array, cache: tuple[Array, ...], w: Array | None, needs: Sequence[bool]
) -> tuple[Array | None, Array | None, Array | None]:
    """Return the gradients by x, w and b of `batch_norm_train`, those that are needed.

    dx = rstd w (g - mean(g) - deviation rstd^2 mean(g deviation)), means over the rows.
    """
    centred, rstd, *y = cache
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
            dx *= rstd if w is None else rstd * w
            dx = from_channel_rows(dx, g.shape)
    return dx, dw, total if needs[2] else None


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


# ---- layer norm


def _row_mean(rows: Array) -> Array:
    """(M, size) -> (M, 1)"""
    mean: Array = np.dot(rows, _ones(rows.shape[1], rows.dtype))[:, None]
    mean /= rows.shape[1] or 1
    return mean


def layer_norm_forward(
    x: Array, size: int, w: Array | None, b: Array | None, eps: float
) -> tuple[Array, tuple[Array, Array]]:
    """Normalize the last `size` elements together; w and b are flat (size,).

    Returns:
        y, and (normalized rows (M, size), 1 / std (M, 1)) for the gradient.
    """
    rows = x.reshape(x.size // size if size else 0, size)
    normal = rows - _row_mean(rows)
    rstd = np.sqrt(_row_mean(np.square(normal)) + eps)
    np.divide(1.0, rstd, out=rstd)
    normal *= rstd
    y = normal if w is None else normal * w
    if b is not None:
        y = y + b if w is None else np.add(y, b, out=y)
    elif w is None:
        y = y.copy()  # `normal` is kept: an output never shares its memory
    return y.reshape(x.shape), (normal, rstd)


def layer_norm_grad(
    g: Array, cache: tuple[Array, Array], w: Array | None, needs: Sequence[bool]
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
        dx -= _row_mean(part)
        dx *= rstd
        dx = dx.reshape(g.shape)
    return (
        dx,
        column_sum(along) if needs[1] and along is not None else None,
        column_sum(rows) if needs[2] else None,
    )
