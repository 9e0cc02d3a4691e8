"""Losses: each one op from its input to the reduced value, with as few passes as it can.

`reduction` is 'none', 'mean' or 'sum'. Regression losses want equal shapes, as broadcasting here is
nearly always a mistake. The losses over classes are in `class_losses.py`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from rushlight.errors import DtypeError, ShapeError, explain
from rushlight.kernels.products import dot
from rushlight.ops import elementwise as ew
from rushlight.ops.contract import Op, Saved, define

Result = tuple[tuple[Any, ...], Saved]
Grads = tuple[Any, ...]


# ---- what all of them share


def reduction_factor(reduction: str, count: float) -> float:
    """Return what the summed loss (or the gradient of each term) is multiplied by."""
    if reduction == "mean":
        return 1.0 / count if count else math.nan
    if reduction == "sum" or reduction == "none":
        return 1.0
    raise ValueError(
        explain("loss", got=f"reduction={reduction!r}", expected="'none', 'mean' or 'sum'")
    )


def _reduced(loss: Any, reduction: str) -> Any:
    """Reduce the terms of a loss."""
    if reduction == "none":
        return loss
    factor = reduction_factor(reduction, loss.size)
    total = np.add.reduce(loss, axis=None)
    return total * loss.dtype.type(factor) if factor != 1.0 else total


def check_pair(where: str, x: Any, t: Any) -> None:
    """Refuse an input and target of unequal shapes, saying how to make them equal."""
    if x.shape == t.shape:
        return
    if x.shape == (*t.shape, 1):
        fix = "target.unsqueeze(-1) adds the missing dim"
    elif t.shape == (*x.shape, 1):
        fix = "target.squeeze(-1) drops the dim that is too many"
    elif x.size == t.size:
        fix = "reshape the target to the input's shape"
    else:
        fix = "losses do not broadcast: expand() the smaller one if that is what is meant"
    raise ShapeError(
        explain(
            where, got=f"input {x.shape} and target {t.shape}", expected="equal shapes", fix=fix
        )
    )


def check_floats(where: str, x: Any, t: Any, what: str) -> None:
    if x.dtype != t.dtype or x.dtype.kind != "f":
        raise DtypeError(
            explain(
                where,
                got=f"input {x.dtype.name} and target {t.dtype.name}",
                expected=f"both of one floating dtype (the target is {what})",
                fix="target.to(input.dtype)",
            )
        )


# ---- regression: the terms are functions of input - target

REGRESSION_FIX = "convert one of them with .float()"


def _difference(where: str, x: Any, t: Any) -> Any:
    if x.shape != t.shape:
        check_pair(where, x, t)
    if x.dtype.kind != "f" and t.dtype.kind != "f":
        raise DtypeError(
            explain(
                where,
                got=f"input {x.dtype.name} and target {t.dtype.name}",
                expected="floating dtypes (at least one)",
                fix=REGRESSION_FIX,
            )
        )
    return x - t


def _sum_product(a: Any, b: Any, factor: float) -> Any:
    """Sum a * b of two dense arrays of the same layout, as one BLAS product."""
    total = dot(a.ravel("K"), b.ravel("K"))
    return total * a.dtype.type(factor) if factor != 1.0 else total


def _both(dx: Any, needs: Sequence[bool]) -> Sequence[Any]:
    """Give dx to the input and -dx to the target."""
    return (dx if needs[0] else None, -dx if needs[1] else None)


def _mse_forward(x: Any, t: Any, reduction: str) -> Result:
    d = _difference("mse_loss", x, t)
    factor = reduction_factor(reduction, d.size)
    y = d * d if reduction == "none" else _sum_product(d, d, factor)
    return (y,), Saved((x, t), constants=2.0 * factor, cache=d)


def _mse_backward(saved: Saved, grads: Grads, needs: Sequence[bool]) -> Sequence[Any]:
    x, t = saved.inputs
    d = x - t if saved.cache is None else saved.cache
    return _both(d * (grads[0] * saved.constants), needs)


mse_loss = define("mse_loss", _mse_forward, _mse_backward, casts="promote", fresh=True)


def _l1_forward(x: Any, t: Any, reduction: str) -> Result:
    d = _difference("l1_loss", x, t)
    factor = reduction_factor(reduction, d.size)
    y = _reduced(np.abs(d), reduction)
    return (y,), Saved((x, t), constants=factor, cache=d)


def _l1_backward(saved: Saved, grads: Grads, needs: Sequence[bool]) -> Sequence[Any]:
    x, t = saved.inputs
    side = ew.sign(x - t if saved.cache is None else saved.cache)  # 0 of nan
    return _both(side * (grads[0] * saved.constants), needs)


l1_loss = define("l1_loss", _l1_forward, _l1_backward, casts="promote", fresh=True)


def _clipped(name: str, option: str, scaled: bool) -> Op:
    """Define a loss quadratic up to |input - target| = width and linear beyond.

    With c = clip(d, -width, width) a term is c (d - c / 2), and its derivative c; `scaled` divides
    both by the width, so that the linear part has slope 1.
    """

    def forward(x: Any, t: Any, reduction: str, **options: float) -> Result:
        width = options[option]
        if not width > 0:
            raise RuntimeError(explain(name, got=f"{option}={width}", expected=f"{option} > 0"))
        d = _difference(name, x, t)
        factor = reduction_factor(reduction, d.size) / (width if scaled else 1.0)
        c = np.minimum(np.maximum(d, -width), width)
        part = d - c * 0.5
        y = c * part * factor if reduction == "none" else _sum_product(c, part, factor)
        return (y,), Saved((x, t), constants=(width, factor), cache=c)

    def backward(saved: Saved, grads: Grads, needs: Sequence[bool]) -> Sequence[Any]:
        (x, t), (width, factor), c = saved.inputs, saved.constants, saved.cache
        if c is None:
            c = ew.clamp(x - t, low=-width, high=width)
        return _both(c * (grads[0] * factor), needs)

    return define(name, forward, backward, casts="promote", fresh=True)


smooth_l1_loss = _clipped("smooth_l1_loss", "beta", True)
huber_loss = _clipped("huber_loss", "delta", False)


# ---- binary cross-entropy


def _check_unit(name: str, x: Any) -> None:
    if x.size and not (np.minimum.reduce(x, None) >= 0 and np.maximum.reduce(x, None) <= 1):
        raise RuntimeError(
            f"binary_cross_entropy: all elements of {name} should be between 0 and 1, got values "
            f"from {np.minimum.reduce(x, None)} to {np.maximum.reduce(x, None)}; "
            "binary_cross_entropy_with_logits takes unbounded inputs"
        )


def _weight_like(where: str, name: str, weight: Any, x: Any) -> Any:
    """Return a weight in the dtype of x; its shape must broadcast to that of x."""
    if weight is None:
        return None
    try:
        fits = np.broadcast_shapes(weight.shape, x.shape) == x.shape
    except ValueError:
        fits = False
    if not fits:
        raise ShapeError(
            explain(
                where,
                got=f"{name} {weight.shape} for input {x.shape}",
                expected=f"a {name} that broadcasts to the input",
            )
        )
    return weight.astype(x.dtype, copy=False)


def _bce_forward(x: Any, t: Any, weight: Any, reduction: str) -> Result:
    where = "binary_cross_entropy"
    check_pair(where, x, t)
    check_floats(where, x, t, "a probability")
    _check_unit("input", x)
    _check_unit("target", t)
    weight = _weight_like(where, "weight", weight, x)
    yes = np.maximum(np.log(x), -100.0)  # torch's bound: no infinite loss
    no = np.maximum(np.log1p(-x), -100.0)
    loss = (t - 1.0) * no - t * yes
    if weight is not None:
        loss *= weight
    factor = reduction_factor(reduction, x.size)
    return (_reduced(loss, reduction),), Saved((x, t), constants=(factor, weight))


def _bce_backward(saved: Saved, grads: Grads, needs: Sequence[bool]) -> Sequence[Any]:
    (x, t), (factor, weight) = saved.inputs, saved.constants
    scale = grads[0] * factor
    if weight is not None:
        scale = scale * weight
    dx = dt = None
    if needs[0]:
        dx = (x - t) / ew.maximum(x * (1.0 - x), 1e-12) * scale
    if needs[1]:
        dt = (ew.log1p(-x) - ew.log(x)) * scale
    return dx, dt


binary_cross_entropy = define("binary_cross_entropy", _bce_forward, _bce_backward, fresh=True)


def _logits_forward(x: Any, t: Any, weight: Any, pos_weight: Any, reduction: str) -> Result:
    where = "binary_cross_entropy_with_logits"
    check_pair(where, x, t)
    check_floats(where, x, t, "a probability")
    weight = _weight_like(where, "weight", weight, x)
    pos_weight = _weight_like(where, "pos_weight", pos_weight, x)
    e = np.exp(-np.abs(x))  # never above 1, so nothing overflows
    soft = np.log1p(e)
    if pos_weight is None:  # softplus(x) - x t, where x may be inf
        loss = (x > 0) - t
        loss *= x
        loss += soft
    else:  # (1 - t) x + (1 + (pos_weight - 1) t) softplus(-x)
        soft -= np.minimum(x, 0.0)
        loss = (1.0 - t) * x + ((pos_weight - 1.0) * t + 1.0) * soft
    if weight is not None:
        loss *= weight
    constants = (reduction_factor(reduction, x.size), weight, pos_weight)
    return (_reduced(loss, reduction),), Saved((x, t), constants=constants, cache=e)


def _logits_backward(saved: Saved, grads: Grads, needs: Sequence[bool]) -> Sequence[Any]:
    (x, t), (factor, weight, pos_weight), e = saved.inputs, saved.constants, saved.cache
    scale = grads[0] * factor
    if weight is not None:
        scale = scale * weight
    dx = dt = None
    if needs[0]:
        p = ew.sigmoid(x) if e is None else np.where(x >= 0, x.dtype.type(1), e) / (e + 1.0)
        if pos_weight is None:
            dx = (p - t) * scale
        else:
            dx = (p * (t * (pos_weight - 1.0) + 1.0) - t * pos_weight) * scale
    if needs[1]:
        down = -x if pos_weight is None else ew.logsigmoid(-x) - ew.logsigmoid(x) * pos_weight
        dt = down * scale
    return dx, dt


binary_cross_entropy_with_logits = define(
    "binary_cross_entropy_with_logits", _logits_forward, _logits_backward, fresh=True
)
