"""Losses over classes: nll and cross-entropy, of class indices or of probabilities; and with the
linear layer that makes the scores.

They work on rows (M, C) of an input (C), (N, C) or (N, C, *S), a view of channels-last memory.
Class indices are an option, as no gradient flows to them. `reduction` is 'none', 'mean' or 'sum'; a
mean over class indices divides by the weights of the rows that count, as in torch.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from rushlight.arrays import channel_rows, from_channel_rows, is_array
from rushlight.errors import DtypeError, ShapeError, explain
from rushlight.kernels import kernel
from rushlight.kernels.products import dot
from rushlight.ops import elementwise as ew
from rushlight.ops.contract import Saved, define
from rushlight.ops.linalg import linear
from rushlight.ops.losses import check_floats, check_pair, reduction_factor
from rushlight.ops.reduce import sum as sum_
from rushlight.ops.shape import permute, reshape
from rushlight.ops.softmax import log_softmax

Result = tuple[tuple[Any, ...], Saved]
Grads = tuple[Any, ...]


# ---- rows

_turned = kernel("to_channels_last")  # NumPy takes twice as long


def _rows(x: Any) -> Any:
    """(C), (N, C) or (N, C, *S) -> (M, C), of an array or a Tensor"""
    if x.ndim == 2:
        return x
    if x.ndim == 1:
        return reshape(x, shape=(1, -1))
    if isinstance(x, np.ndarray):
        planes = x.flags.c_contiguous and x.size > x.shape[0] * x.shape[1] > x.shape[0]
        return channel_rows(_turned(x) if planes else x)
    n, c, *spatial = x.shape
    last = permute(x, dims=(0, *range(2, x.ndim), 1))
    return reshape(last, shape=(n * math.prod(spatial), c))


def _unrows(rows: Any, shape: tuple[int, ...]) -> Any:
    """The inverse of `_rows`."""
    if len(shape) == 2:
        return rows
    if len(shape) == 1:
        return reshape(rows, shape=shape)
    if isinstance(rows, np.ndarray):
        return from_channel_rows(rows, shape)
    n, c, *spatial = shape
    last = len(shape) - 1
    return permute(reshape(rows, shape=(n, *spatial, c)), dims=(0, last, *range(1, last)))


def _check_scores(where: str, x: Any) -> int:
    """Return the number of classes of an input of scores."""
    if not x.ndim or (x.shape[1] if x.ndim > 1 else x.shape[0]) == 0:
        raise ShapeError(
            explain(where, got=f"input {x.shape}", expected="(C), (N, C) or (N, C, *), C > 0")
        )
    if x.dtype.kind != "f":
        raise DtypeError(
            explain(where, got=f"input {x.dtype.name}", expected="a floating dtype", fix=".float()")
        )
    return int(x.shape[1] if x.ndim > 1 else x.shape[0])


def _check_indices(where: str, x: Any, t: Any) -> None:
    """Refuse class indices of another dtype than int64 or of a shape that does not fit x."""
    shape = x.shape[:1] + x.shape[2:] if x.ndim > 1 else ()
    if t.dtype != np.int64 and t.dtype != np.uint8:
        what = "int64 class indices"
        if where == "cross_entropy":
            what += f" {shape}, or floating probabilities {x.shape}"
        raise DtypeError(
            explain(
                where,
                got=f"target {t.dtype.name} {t.shape}",
                expected=what,
                fix="target.long() makes class indices",
            )
        )
    if t.shape != shape:
        fix = "one class index for each sample, without the class dim"
        if t.shape == (*shape, 1):
            fix = "target.squeeze(-1) drops the dim that is too many"
        elif t.shape == x.shape:
            fix = "target.argmax(1) makes indices of one-hot rows, target.float() probabilities"
        raise ShapeError(
            explain(
                where,
                got=f"input {x.shape} and target {t.shape}",
                expected=f"target {shape}",
                fix=fix,
            )
        )


def _pick_classes(where: str, x: Any, t: Any, classes: int, ignore: int) -> tuple[Any, Any]:
    """Return the target classes (M,) in new memory, and which rows count.

    The second is None when all rows do. A row that does not count has class 0.
    """
    flat = t.reshape(-1)
    kept = None
    if flat.dtype != np.int64:
        flat = flat.astype(np.int64)
    # as uint64 a negative index is huge: one reduction checks both ends
    if 0 <= ignore < classes or (
        flat.size and not np.maximum.reduce(flat.view(np.uint64)) < classes
    ):
        kept = flat != ignore
        bad = ((flat < 0) | (flat >= classes)) & kept
        if bad.any():
            first = int(bad.argmax())
            place = [int(i) for i in np.unravel_index(first, t.shape)] if t.ndim else ""
            raise IndexError(
                explain(
                    where,
                    got=f"class index {flat[first]} at target{place}",
                    expected=f"0 to {classes - 1} for input {x.shape} of {classes} classes "
                    f"(or ignore_index={ignore})",
                    fix="check the labels, or the size of the last layer",
                )
            )
        return np.where(kept, flat, 0), kept
    return flat.copy(), kept


def _places(labels: Any, classes: int) -> Any:
    """Return the flat places in rows (M, C) of the target classes (M,)."""
    return np.arange(0, labels.size * classes, classes) + labels


def _class_weight(where: str, weight: Any, classes: int, dtype: Any) -> Any:
    if weight is None:
        return None
    if weight.shape != (classes,):
        raise ShapeError(
            explain(where, got=f"weight {weight.shape}", expected=f"({classes},), one per class")
        )
    return weight.astype(dtype, copy=False)


def _row_weights(labels: Any, kept: Any, weight: Any, dtype: Any) -> Any:
    """Return the weight (M,) of each row, 0 where it does not count; None if all weigh 1."""
    if weight is None:
        return None if kept is None else kept.astype(dtype)
    found = weight.take(labels)
    return found if kept is None else np.where(kept, found, 0)


def _weighted(loss: Any, per_row: Any, kept: Any) -> Any:
    """Weigh the losses of the rows; one that does not count is 0, whatever its loss."""
    loss = loss * per_row
    if kept is not None:
        loss[~kept] = 0.0
    return loss


def _row_factor(reduction: str, per_row: Any, rows: int) -> Any:
    """Return 1 / total weight for a mean, else 1: an array where it depends on values."""
    if per_row is None or reduction != "mean":
        return reduction_factor(reduction, rows)
    return share_of(per_row)


def share_of(per_row: Any) -> Any:
    """Return 1 / total weight, without dims, in the dtype of the weights."""
    return np.asarray(reduction_factor("mean", float(np.add.reduce(per_row))), per_row.dtype)


def _nll_forward(x: Any, target: Any, weight: Any, ignore_index: int, reduction: str) -> Result:
    classes = _check_scores("nll_loss", x)
    _check_indices("nll_loss", x, target)
    labels, kept = _pick_classes("nll_loss", x, target, classes, ignore_index)
    weight = _class_weight("nll_loss", weight, classes, x.dtype)
    per_row = _row_weights(labels, kept, weight, x.dtype)
    places = _places(labels, classes)
    loss = -_rows(x).take(places)
    if per_row is not None:
        loss = _weighted(loss, per_row, kept)
    factor = _row_factor(reduction, per_row, places.size)
    constants = (x.shape, places, per_row, kept, reduction, factor)
    return (_sum_rows(loss, reduction, factor, target.shape),), Saved((None,), constants=constants)


def _sum_rows(loss: Any, reduction: str, factor: Any, shape: tuple[int, ...]) -> Any:
    """Reduce the losses (M,) of the rows."""
    if reduction == "none":
        return loss.reshape(shape)
    total = np.add.reduce(loss)
    if is_array(factor):
        return total * factor
    return total * loss.dtype.type(factor) if factor != 1.0 else total


def _row_scale(g: Any, reduction: str, factor: Any, kept: Any) -> Any:
    """Return the gradient of each row's loss: (M,), or a scalar for all.

    That of a row that does not count is 0, whatever g.
    """
    if reduction == "none":
        scale = reshape(g, shape=(-1,))
    else:
        scale = g * (float(factor) if is_array(factor) and not is_array(g) else factor)
    return scale if kept is None else ew.where(scale, 0.0, condition=kept)


def _nll_backward(saved: Saved, grads: Grads, needs: Sequence[bool]) -> Sequence[Any]:
    shape, places, per_row, kept, reduction, factor = saved.constants
    scale = _row_scale(grads[0], reduction, factor, kept)
    classes = shape[1] if len(shape) > 1 else shape[0]
    rows = np.zeros((places.size, classes), grads[0].dtype)
    rows.reshape(-1)[places] = -scale if per_row is None else -scale * per_row
    return (_unrows(rows, shape),)


def _nll_graph_backward(saved: Saved, grads: Grads, needs: Sequence[bool]) -> Sequence[Any]:
    shape, places, per_row, kept, reduction, factor = saved.constants
    scale = -_row_scale(grads[0], reduction, factor, kept)
    classes = shape[1] if len(shape) > 1 else shape[0]
    hot = np.zeros((places.size, classes), bool)
    hot.reshape(-1)[places] = True
    rows = _column(scale if per_row is None else scale * per_row)
    return (_unrows(ew.where(rows, 0.0, condition=hot), shape),)


def _column(scale: Any) -> Any:
    """(M,) -> (M, 1); a scalar stays one"""
    return reshape(scale, shape=(-1, 1)) if scale.ndim else scale


nll_loss = define(
    "nll_loss",
    _nll_forward,
    _nll_backward,
    graph_backward=_nll_graph_backward,
    fresh=True,
)


# ---- cross-entropy of class indices: log-softmax and nll in one

_cross, _cross_grad = kernel("cross_entropy_forward"), kernel("cross_entropy_grad")


def _cross_forward(
    x: Any,
    target: Any,
    weight: Any,
    ignore_index: int,
    reduction: str,
    label_smoothing: float,
) -> Result:
    classes = _check_scores("cross_entropy", x)
    _check_indices("cross_entropy", x, target)
    _check_smoothing(label_smoothing)
    labels, kept = _pick_classes("cross_entropy", x, target, classes, ignore_index)
    weight = _class_weight("cross_entropy", weight, classes, x.dtype)
    per_row = _row_weights(labels, kept, weight, x.dtype)

    loss, (e, total) = _cross(x if x.ndim > 1 else _rows(x), labels)
    if per_row is not None:
        loss = _weighted(loss, per_row, kept)
    if label_smoothing:
        rows = _rows(x)
        z, log_total = rows - np.maximum.reduce(rows, axis=1, keepdims=True), np.log(total)
        if weight is None:
            smooth = log_total * classes - np.add.reduce(z, axis=1)
        else:
            smooth = log_total * np.add.reduce(weight) - dot(z, weight)
        if kept is not None:
            smooth = np.where(kept, smooth, 0)
        loss = loss * (1.0 - label_smoothing) + smooth * (label_smoothing / classes)
    factor = _row_factor(reduction, per_row, labels.size)
    constants = (labels, per_row, kept, weight, reduction, factor, label_smoothing)
    y = _sum_rows(loss, reduction, factor, target.shape)
    return (y,), Saved((x,), constants=constants, cache=(e, total))


def _check_smoothing(label_smoothing: float) -> None:
    if not 0.0 <= label_smoothing <= 1.0:
        raise RuntimeError(
            explain(
                "cross_entropy", got=f"label_smoothing={label_smoothing}", expected="0.0 to 1.0"
            )
        )


def _cross_backward(saved: Saved, grads: Grads, needs: Sequence[bool]) -> Sequence[Any]:
    x, (e, total) = saved.inputs[0], saved.cache
    labels, per_row, kept, weight, reduction, factor, smoothing = saved.constants
    scale = _row_scale(grads[0], reduction, factor, kept)
    if not smoothing:
        scale = scale if weight is None else scale * per_row
        dx = _cross_grad(saved.cache, labels, scale)
        return (dx if x.ndim > 1 else _unrows(dx, x.shape),)
    rows = _rows(e)
    amount, mix = _mixture(saved, rows.shape[1], rows.dtype)
    dx = rows * (amount / total)[:, None]
    dx -= mix
    dx *= _column(scale)
    return (_unrows(dx, x.shape),)


def _mixture(saved: Saved, classes: int, dtype: Any) -> tuple[Any, Any]:
    """Return the target distribution (M, C) of each row, weights and smoothing in it, and its sums.

    With it the loss of a row is -sum(mix * log_softmax) and its gradient sum(mix) softmax - mix.
    """
    labels, per_row, kept, weight, _, _, smoothing = saved.constants
    mix = np.zeros((labels.size, classes), dtype)
    if smoothing:
        mix += (smoothing / classes) if weight is None else weight * (smoothing / classes)
        if kept is not None:
            mix *= kept[:, None]
    own = (1.0 - smoothing) if per_row is None else per_row * (1.0 - smoothing)
    mix.reshape(-1)[_places(labels, classes)] += own
    return np.add.reduce(mix, axis=1), mix


def _cross_graph_backward(saved: Saved, grads: Grads, needs: Sequence[bool]) -> Sequence[Any]:
    x, (_, _, kept, _, reduction, factor, _) = saved.inputs[0], saved.constants
    rows = _rows(x)
    amount, mix = _mixture(saved, rows.shape[1], grads[0].dtype)
    scale = _column(_row_scale(grads[0], reduction, factor, kept))
    dx = (ew.exp(log_softmax(rows, dim=1)) * amount[:, None] - mix) * scale
    return (_unrows(dx, x.shape),)


cross_entropy = define(
    "cross_entropy",
    _cross_forward,
    _cross_backward,
    graph_backward=_cross_graph_backward,
    fresh=True,
)


# ---- cross-entropy of class probabilities, which may need a gradient themselves


def _soft_forward(x: Any, t: Any, weight: Any, reduction: str, label_smoothing: float) -> Result:
    where = "cross_entropy"
    classes = _check_scores(where, x)
    check_pair(where, x, t)
    check_floats(where, x, t, "a distribution over the classes")
    _check_smoothing(label_smoothing)
    weight = _class_weight(where, weight, classes, x.dtype)
    logs = log_softmax(_rows(x), dim=1)
    mix = _softened(_rows(t), weight, label_smoothing)
    loss = -np.add.reduce(mix * logs, axis=1)
    factor = reduction_factor(reduction, loss.size)
    constants = (weight, reduction, factor, label_smoothing)
    shape = x.shape[:1] + x.shape[2:] if x.ndim > 1 else ()
    y = _sum_rows(loss, reduction, factor, shape)
    return (y,), Saved((x, t), constants=constants, cache=(logs, mix))


def _softened(t: Any, weight: Any, smoothing: float) -> Any:
    if smoothing:
        t = t * (1.0 - smoothing) + smoothing / t.shape[1]
    return t if weight is None else t * weight


def _soft_backward(saved: Saved, grads: Grads, needs: Sequence[bool]) -> Sequence[Any]:
    (x, t), (weight, reduction, factor, smoothing) = saved.inputs, saved.constants
    if saved.cache is None:
        logs, mix = log_softmax(_rows(x), dim=1), _softened(_rows(t), weight, smoothing)
    else:
        logs, mix = saved.cache
    scale = _column(_row_scale(grads[0], reduction, factor, None))
    dx = dt = None
    if needs[0]:
        dx = (ew.exp(logs) * sum_(mix, dims=(1,), keepdim=True) - mix) * scale
    if needs[1]:
        dt = logs * (scale * (smoothing - 1.0))
        if weight is not None:
            dt = dt * weight
    return (
        None if dx is None else _unrows(dx, x.shape),
        None if dt is None else _unrows(dt, x.shape),
    )


cross_entropy_probabilities = define(
    "cross_entropy_probabilities", _soft_forward, _soft_backward, fresh=True
)


# ---- cross-entropy of a linear layer's output, so many rows at a time, never all the scores

_input_grad, _weight_grad = kernel("linear_input_grad"), kernel("linear_weight_grad")
_column_sum = kernel("column_sum")


def _linear_cross_check(x: Any, w: Any, b: Any, target: Any, **_: Any) -> None:
    where = "linear_cross_entropy"
    if (
        (x.ndim, w.ndim) != (2, 2)
        or x.shape[1] != w.shape[1]
        or (b is not None and b.shape != w.shape[:1])
    ):
        got = f"input {x.shape}, weight {w.shape}, bias {None if b is None else b.shape}"
        raise ShapeError(explain(where, got=got, expected="(N, F), (C, F), and (C) or None"))
    if x.dtype != w.dtype or (b is not None and b.dtype != w.dtype):
        got = f"input {x.dtype.name}, weight {w.dtype.name}"
        raise DtypeError(explain(where, got=got, expected="one dtype", fix="use .to(...) first"))
    _check_scores(where, w.T)
    _check_indices(where, x, target)


def _linear_cross_forward(
    x: Any,
    w: Any,
    b: Any,
    target: Any,
    weight: Any,
    ignore_index: int,
    reduction: str,
    step: int,
    dtype: Any,
) -> Result:
    """x (N, F), w (C, F), b (C) or None: `step` rows at a time, in `dtype`."""
    where, classes = "linear_cross_entropy", w.shape[0]
    labels, kept = _pick_classes(where, x, target, classes, ignore_index)
    weight = _class_weight(where, weight, classes, dtype)
    per_row = _row_weights(labels, kept, weight, dtype)
    loss = np.empty(labels.size, dtype)
    for part, own, scores in _scores_by_part(x, w, b, labels, step, dtype):
        loss[part], _ = _cross(scores, own)
    if per_row is not None:
        loss = _weighted(loss, per_row, kept)
    factor = _row_factor(reduction, per_row, labels.size)
    y = _sum_rows(loss, reduction, factor, target.shape).astype(x.dtype, copy=False)
    constants = (labels, per_row, kept, reduction, factor, step, dtype)
    return (y,), Saved((x, w, b), constants=constants)


def _scores_by_part(
    x: Any, w: Any, b: Any, labels: Any, step: int, dtype: Any
) -> Iterator[tuple[slice, Any, Any]]:
    """Yield each part of the rows, its target classes and its scores."""
    w = w.astype(dtype, copy=False)
    b = None if b is None else b.astype(dtype, copy=False)
    for start in range(0, labels.size, step):
        part = slice(start, start + step)
        scores = linear(x[part].astype(dtype, copy=False), w, b)
        yield part, labels[part], scores


def _linear_cross_backward(saved: Saved, grads: Grads, needs: Sequence[bool]) -> Sequence[Any]:
    (x, w, b), (labels, per_row, kept, *options) = saved.inputs, saved.constants
    reduction, factor, step, dtype = options
    scale = _row_scale(grads[0].astype(dtype, copy=False), reduction, factor, kept)
    scale = np.broadcast_to(scale if per_row is None else scale * per_row, labels.shape)
    given = (x, w, b)
    sums = [
        np.zeros(a.shape, dtype) if need else None for a, need in zip(given, needs, strict=True)
    ]
    dx, dw, db = sums
    wide = w.astype(dtype, copy=False)
    for part, own, scores in _scores_by_part(x, w, b, labels, step, dtype):
        g = _cross_grad(_cross(scores, own)[1], own, scale[part])
        if dx is not None:
            dx[part] = _input_grad(g, wide)
        if dw is not None:
            dw += _weight_grad(x[part].astype(dtype, copy=False), g)
        if db is not None:
            db += _column_sum(g)
    return [
        None if g is None else g.astype(a.dtype, copy=False)
        for a, g in zip(given, sums, strict=True)
    ]


def _linear_cross_graph_backward(
    saved: Saved, grads: Grads, needs: Sequence[bool]
) -> Sequence[Any]:
    """All rows at once: a graph of the gradient holds all scores anyway."""
    (x, w, b), (labels, per_row, kept, reduction, factor, *_) = saved.inputs, saved.constants
    scale = _row_scale(grads[0], reduction, factor, kept)
    if per_row is not None:
        scale = scale * per_row.astype(grads[0].dtype, copy=False)
    hot = np.zeros((labels.size, w.shape[0]), grads[0].dtype)
    hot.reshape(-1)[_places(labels, w.shape[0])] = 1.0
    g = (ew.exp(log_softmax(linear(x, w, b), dim=1)) - hot) * _column(scale)
    return linear.graph_backward(Saved((x, w, None)), (g,), needs)


linear_cross_entropy = define(
    "linear_cross_entropy",
    _linear_cross_forward,
    _linear_cross_backward,
    graph_backward=_linear_cross_graph_backward,
    fresh=True,
    check=_linear_cross_check,
)
