"""Normalization kernels: statistics by products with ones, deviations kept for the backward pass.

Batch norm works on rows (M, C) of a logical (N, C, *spatial) array: a view where the memory is
channels-last (or 2-d), a copy where it is not. Results are channels-last.
"""

from __future__ import annotations

from functools import lru_cache
from math import prod
from typing import Any

import numpy as np

from rushlight.arrays import Array

__all__ = [
    "batch_norm_eval",
    "batch_norm_grad",
    "batch_norm_train",
    "channel_sum",
    "column_sum",
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
    rows = x if x.ndim == 2 else x.reshape(prod(x.shape[:-1]), x.shape[-1])
    m, dtype = rows.shape[0], rows.dtype
    if dtype.kind != "f" or dtype.itemsize < 4:
        total: Array = np.add.reduce(rows, axis=0, dtype=np.float64 if dtype.kind == "f" else dtype)
        return total.astype(dtype, copy=False)
    if m <= _BLOCK:
        return np.matmul(_ones(m, dtype), rows)
    whole = m - m % _BLOCK
    parts = np.matmul(_ones(_BLOCK, dtype), rows[:whole].reshape(-1, _BLOCK, rows.shape[1]))
    total = np.add.reduce(parts, axis=0, dtype=np.float64)
    if whole < m:
        total += np.matmul(_ones(m - whole, dtype), rows[whole:])
    return total.astype(dtype, copy=False)


def _rows(x: Array) -> Array:
    """(N, C, *S) -> (M, C), a view of channels-last memory"""
    if x.ndim == 2:
        return x
    last = np.moveaxis(x, 1, -1)
    return last.reshape(-1, x.shape[1])


def _image(rows: Array, shape: tuple[int, ...]) -> Array:
    """(M, C) -> (N, C, *S) with channels-last strides"""
    if len(shape) == 2:
        return rows
    n, c, *spatial = shape
    return np.moveaxis(rows.reshape(n, *spatial, c), -1, 1)


def channel_sum(x: Array) -> Array:
    """(N, C, *S) -> (C,)"""
    return column_sum(_rows(x))


def batch_norm_train(
    x: Array, w: Array | None, b: Array | None, eps: float
) -> tuple[Array, Array, Array, tuple[Array, Array]]:
    """Normalize by the batch's own statistics.

    Returns:
        y, mean (C,), biased variance (C,), and (deviations (M, C), 1 / std (C,)) for the gradient.
    """
    rows = _rows(x)
    m = max(rows.shape[0], 1)
    mean = column_sum(rows) / m
    centred = rows - mean
    var = column_sum(centred * centred) / m
    rstd = 1.0 / np.sqrt(var + eps)
    y = centred * (rstd if w is None else rstd * w)
    if b is not None:
        y += b
    return _image(y, x.shape), mean, var, (centred, rstd)


def batch_norm_eval(
    x: Array, mean: Array, var: Array, w: Array | None, b: Array | None, eps: float
) -> tuple[Array, Array]:
    """Normalize by given statistics; returns y and 1 / std."""
    rstd = 1.0 / np.sqrt(var + eps)
    scale = rstd if w is None else rstd * w
    rows = _rows(x)
    y = (rows - mean) * scale
    if b is not None:
        y += b
    return _image(y, x.shape), rstd


def batch_norm_grad(
    g: Array, cache: tuple[Array, Array], w: Array | None, needs: tuple[bool, bool, bool]
) -> tuple[Array | None, Array | None, Array | None]:
    """Return the gradients by x, w and b of `batch_norm_train`, those that are needed."""
    centred, rstd = cache
    rows = _rows(g)
    total = column_sum(rows)
    along = column_sum(rows * centred)  # sum of g times deviation, for w and for x
    dx = None
    if needs[0]:
        scale = rstd if w is None else rstd * w
        m = max(rows.shape[0], 1)
        dx = rows * scale
        dx -= centred * (scale * rstd * rstd * along / m)
        dx -= scale * total / m
        dx = _image(dx, g.shape)
    return dx, along * rstd if needs[1] else None, total if needs[2] else None


def layer_norm_forward(
    x: Array, size: int, w: Array | None, b: Array | None, eps: float
) -> tuple[Array, tuple[Array, Array]]:
    """Normalize the last `size` elements together; w and b are flat (size,).

    Returns:
        y, and (normalized rows (M, size), 1 / std (M, 1)) for the gradient.
    """
    rows = x.reshape(-1, size) if size else x.reshape(prod(x.shape[:1]), 0)
    n = max(size, 1)
    ones = _ones(size, rows.dtype)
    mean = np.matmul(rows, ones)[:, None] / n
    normal = rows - mean
    var = np.matmul(normal * normal, ones)[:, None] / n
    rstd = 1.0 / np.sqrt(var + eps)
    normal *= rstd
    y = normal if w is None else normal * w
    if b is not None:
        y = y + b
    elif w is None:
        y = y.copy()  # `normal` is kept: an output never shares its memory
    return y.reshape(x.shape), (normal, rstd)


def layer_norm_grad(
    g: Array, cache: tuple[Array, Array], w: Array | None, needs: tuple[bool, bool, bool]
) -> tuple[Array | None, Array | None, Array | None]:
    """Return the gradients by x, w and b (flat) of `layer_norm_forward`."""
    normal, rstd = cache
    rows = g.reshape(normal.shape)
    n = max(normal.shape[1], 1)
    dx = None
    if needs[0]:
        ones = _ones(normal.shape[1], normal.dtype)
        part = rows if w is None else rows * w
        mean = np.matmul(part, ones)[:, None] / n
        along = np.matmul(part * normal, ones)[:, None] / n
        dx = ((part - mean - normal * along) * rstd).reshape(g.shape)
    return (
        dx,
        column_sum(rows * normal) if needs[1] else None,
        column_sum(rows) if needs[2] else None,
    )
