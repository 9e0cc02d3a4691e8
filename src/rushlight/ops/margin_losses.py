"""The multi-label margin loss, the one margin loss that is not made of tensor functions.

Its gradient is piecewise constant: forward finds it, and backward scales it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from rushlight.errors import DtypeError, ShapeError, explain
from rushlight.ops.contract import Saved, define
from rushlight.ops.index import scatter_add
from rushlight.ops.losses import reduction_factor
from rushlight.ops.shape import reshape

Result = tuple[tuple[Any, ...], Saved]
Grads = tuple[Any, ...]

_CELLS = 1 << 20  # of the pairs (label, class) that are compared at once


def _check(x: Any, target: Any, reduction: str) -> None:
    where = "multilabel_margin_loss"
    if x.ndim > 2 or (x.ndim and x.shape[-1] == 0):
        raise ShapeError(
            explain(where, got=f"input {x.shape}", expected="(), (C) or (N, C), C > 0")
        )
    one_row = x.ndim < 2 and target.ndim < 2 and x.size == target.size
    if not one_row and x.shape != target.shape:
        raise ShapeError(
            explain(
                where,
                got=f"input {x.shape} and target {target.shape}",
                expected="equal shapes",
                fix="fill the rows of the target up with -1",
            )
        )
    if target.dtype != np.int64:
        got = f"target {target.dtype.name}"
        raise DtypeError(explain(where, got=got, expected="int64 classes", fix="target.long()"))
    if x.dtype.kind != "f":
        got = f"input {x.dtype.name}"
        raise DtypeError(explain(where, got=got, expected="a floating dtype", fix=".float()"))
    classes = x.shape[-1] if x.ndim else 1
    if target.size and not -1 <= target.min() <= target.max() < classes:
        raise RuntimeError(
            explain(
                where,
                got=f"classes from {target.min()} to {target.max()}",
                expected=f"0 to {classes - 1}, or -1 behind the last of a row",
            )
        )
    reduction_factor(reduction, 1)


def _multilabel_forward(x: Any, target: Any, reduction: str) -> Result:
    """Sum of max(0, 1 - x_t + x_d) over the labels t and the other classes d of each row, by C."""
    classes = x.shape[-1] if x.ndim else 1
    rows, labels = x.reshape(-1, classes), target.reshape(-1, classes)
    valid = np.logical_and.accumulate(labels >= 0, axis=1)  # up to the first -1
    most = int(np.add.reduce(valid, axis=1).max(initial=0))
    labels, valid = np.where(valid, labels, 0)[:, :most], valid[:, :most]
    loss, slope = np.empty(len(rows), x.dtype), np.empty(rows.shape, x.dtype)
    step = max(1, _CELLS // (classes * max(most, 1)))
    for start in range(0, len(rows), step):
        part = slice(start, start + step)
        loss[part], slope[part] = _rows_of_labels(rows[part], labels[part], valid[part])
    factor = reduction_factor(reduction, len(rows)) / classes
    if reduction == "none":
        y = (loss * factor).reshape(x.shape[:-1])
    else:
        y = np.add.reduce(loss) * x.dtype.type(factor)
    constants = (slope.reshape(x.shape) * x.dtype.type(factor), reduction)
    return (y,), Saved((None,), constants=constants)


def _rows_of_labels(rows: Any, labels: Any, valid: Any) -> tuple[Any, Any]:
    """rows (M, C), labels and valid (M, K) -> the sums (M,) and their gradients (M, C)"""
    others = np.ones(rows.shape, bool)
    at, _ = np.nonzero(valid)
    others[at, labels[valid]] = False
    gaps = 1.0 - np.take_along_axis(rows, labels, axis=1)[:, :, None] + rows[:, None]  # (M, K, C)
    hot = (valid[:, :, None] & others[:, None]) & ~(gaps <= 0)  # nan counts
    loss = np.add.reduce(np.where(hot, gaps, 0.0), axis=(1, 2))
    pulled = np.add.reduce(hot, axis=2).astype(rows.dtype)  # (M, K)
    pushed = np.add.reduce(hot, axis=1).astype(rows.dtype)  # (M, C)
    return loss, pushed - scatter_add(pulled, index=labels, dim=1, shape=rows.shape)


def _multilabel_backward(saved: Saved, grads: Grads, needs: Sequence[bool]) -> Sequence[Any]:
    slope, reduction = saved.constants
    g = grads[0]
    if reduction == "none" and slope.ndim:
        g = reshape(g, shape=(*g.shape, 1))
    return (g * slope,)


multilabel_margin_loss = define(
    "multilabel_margin_loss",
    _multilabel_forward,
    _multilabel_backward,
    fresh=True,
    check=_check,
)
