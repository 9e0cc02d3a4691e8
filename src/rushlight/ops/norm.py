"""Normalization: batch norm with the batch's or given statistics, group norm, layer norm, RMS norm.

Batch norm and group norm (instance norm is one group for each channel) give their statistics out as
results; whoever calls them keeps running averages. They are results like any other, with a
gradient; the functional layer uses their bare arrays.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Any

from rushlight.errors import DtypeError, ShapeError, explain
from rushlight.kernels import kernel
from rushlight.ops import elementwise as ew
from rushlight.ops.contract import Saved, define
from rushlight.ops.elementwise import through_relu
from rushlight.ops.reduce import sum as sum_
from rushlight.ops.shape import expand, reshape

Result = tuple[tuple[Any, ...], Saved]
Grads = tuple[Any, ...]

_train = kernel("batch_norm_train")
_train_grad = kernel("batch_norm_grad")
_eval = kernel("batch_norm_eval")
_eval_grad = kernel("batch_norm_eval_grad")
_group = kernel("group_norm_forward")
_group_grad = kernel("group_norm_grad")
_layer = kernel("layer_norm_forward")
_layer_grad = kernel("layer_norm_grad")


_SIZES = {"batch_norm": "num_features", "group_norm": "num_channels"}  # what layers call C


def _check_float(where: str, x: Any, *others: Any) -> None:
    """Refuse integer inputs and parameters of another dtype."""
    for other in others:
        if other is not None and other.dtype != x.dtype:
            raise DtypeError(
                explain(
                    where,
                    got=f"input {x.dtype.name} with weight or bias {other.dtype.name}",
                    expected="one floating dtype",
                    fix="convert the input or the module with .to(...)",
                )
            )
    if x.dtype.kind != "f":
        raise DtypeError(
            explain(where, got=f"input {x.dtype.name}", expected="a floating dtype", fix=".float()")
        )


def _check_channels(where: str, x: Any, **others: Any) -> None:
    if x.ndim < 2:
        raise ShapeError(
            explain(
                where,
                got=f"input {x.shape}",
                expected="(N, C) or (N, C, *)",
                fix="unsqueeze(0)",
            )
        )
    for name, other in others.items():
        if other is not None and other.shape != x.shape[1:2]:
            raise ShapeError(
                explain(
                    where,
                    got=f"input {x.shape} with {name} {other.shape}",
                    expected=f"{name} ({x.shape[1]},), one value per channel",
                    fix=f"set {_SIZES[where]} to the input's size in dim 1",
                )
            )


# ---- the formulas on Tensors


def _standard(x: Any, mean: Any, eps: float) -> tuple[Any, Any]:
    """Return the deviations and 1 / std, by `mean`, which keeps the dims it goes over."""
    centred = x - mean(x)
    return centred, ew.rsqrt(mean(centred * centred) + eps)


def _through_normal(g: Any, centred: Any, rstd: Any, mean: Any) -> Any:
    """Return the gradient by x of centred * rstd."""
    normal = centred * rstd
    return rstd * (g - mean(g) - normal * mean(g * normal))


def _through_statistics(dx: Any, centred: Any, g_mean: Any, g_var: Any) -> Any:
    """Add the gradients by x of its mean and variance to dx; both divided by the count, or None."""
    if g_mean is not None:
        part = expand(g_mean, shape=centred.shape) * 1.0
        dx = part if dx is None else dx + part
    if g_var is not None:
        part = centred * (g_var * 2.0)
        dx = part if dx is None else dx + part
    return dx


# ---- batch norm by the batch's own statistics


def check_train(x: Any, w: Any, b: Any, **_: Any) -> None:
    _check_channels("batch_norm", x, weight=w, bias=b)
    _check_float("batch_norm", x, w, b)


def _train_forward(x: Any, w: Any, b: Any, eps: float, relu: bool = False) -> Result:
    y, mean, var, cache = _train(x, w, b, eps, relu)
    kept = (y, None, None) if relu else ()
    return (y, mean, var), Saved((x, w, None), kept, constants=eps, cache=cache)


def _train_backward(saved: Saved, grads: Grads, needs: Sequence[bool]) -> Sequence[Any]:
    g, g_mean, g_var = grads
    if g is None or g_mean is not None or g_var is not None:  # statistics in use: rare
        return _train_graph_backward(saved, grads, needs)
    found: Sequence[Any] = _train_grad(g, saved.cache, saved.inputs[1], needs)
    return found


def _train_graph_backward(saved: Saved, grads: Grads, needs: Sequence[bool]) -> Sequence[Any]:
    x, w, _ = saved.inputs
    g, *g_stats = grads
    g = None if g is None else through_relu(saved, g)
    dims = (0, *range(2, x.ndim))
    m = max(prod([x.shape[d] for d in dims]), 1)
    column = (-1, *[1] * (x.ndim - 2))  # (C,) -> (C, 1, ...)

    def mean(value: Any) -> Any:
        return sum_(value, dims=dims, keepdim=True) / m

    centred, rstd = _standard(x, mean, saved.constants)
    dx = dw = db = None
    if g is not None:
        if needs[0]:
            gw = g if w is None else g * reshape(w, shape=column)
            dx = _through_normal(gw, centred, rstd, mean)
        dw = sum_(g * (centred * rstd), dims=dims, keepdim=False) if needs[1] else None
        db = sum_(g, dims=dims, keepdim=False) if needs[2] else None
    if needs[0]:
        g_stats = [None if v is None else reshape(v / m, shape=column) for v in g_stats]
        dx = _through_statistics(dx, centred, *g_stats)
    return dx, dw, db


batch_norm_train = define(
    "batch_norm_train",
    _train_forward,
    _train_backward,
    graph_backward=_train_graph_backward,
    fresh=True,
    takes_relu=True,
    check=check_train,
)


# ---- batch norm by given statistics


def _eval_check(x: Any, w: Any, b: Any, mean: Any, var: Any, **_: Any) -> None:
    _check_channels("batch_norm", x, weight=w, bias=b, running_mean=mean, running_var=var)
    _check_float("batch_norm", x, w, b)


def _eval_forward(
    x: Any, w: Any, b: Any, mean: Any, var: Any, eps: float, relu: bool = False
) -> Result:
    mean = mean.astype(x.dtype)  # a copy: running averages change in place
    y, rstd = _eval(x, mean, var.astype(x.dtype, copy=False), w, b, eps, relu)
    return (y,), Saved((x, w, None), (y,) if relu else (), constants=(mean, rstd))


def _eval_backward(saved: Saved, grads: Grads, needs: Sequence[bool]) -> Sequence[Any]:
    x, w, _ = saved.inputs
    found: Sequence[Any] = _eval_grad(through_relu(saved, grads[0]), x, *saved.constants, w, needs)
    return found


def _eval_graph_backward(saved: Saved, grads: Grads, needs: Sequence[bool]) -> Sequence[Any]:
    (x, w, _), g = saved.inputs, through_relu(saved, grads[0])
    dims = (0, *range(2, x.ndim))
    column = (-1, *[1] * (x.ndim - 2))
    mean, rstd = (value.reshape(column) for value in saved.constants)
    dx = None
    if needs[0]:
        dx = g * rstd if w is None else g * (reshape(w, shape=column) * rstd)
    return (
        dx,
        sum_(g * ((x - mean) * rstd), dims=dims, keepdim=False) if needs[1] else None,
        sum_(g, dims=dims, keepdim=False) if needs[2] else None,
    )


batch_norm_eval = define(
    "batch_norm_eval",
    _eval_forward,
    _eval_backward,
    graph_backward=_eval_graph_backward,
    fresh=True,
    takes_relu=True,
    check=_eval_check,
)


# ---- group norm


def _group_check(x: Any, w: Any, b: Any, groups: int, **_: Any) -> None:
    if groups < 1:
        got = f"num_groups={groups}"
        raise ShapeError(explain("group_norm", got=got, expected="a positive num_groups"))
    _check_channels("group_norm", x, weight=w, bias=b)
    if x.shape[1] % groups:
        raise ShapeError(
            explain(
                "group_norm",
                got=f"input {x.shape} with num_groups={groups}",
                expected=f"channels (dim 1) that {groups} divides",
            )
        )
    _check_float("group_norm", x, w, b)


def _group_forward(x: Any, w: Any, b: Any, groups: int, eps: float) -> Result:
    y, mean, var, cache = _group(x, groups, w, b, eps)
    return (y, mean, var), Saved((x, w, None), constants=(groups, eps), cache=cache)


def _group_backward(saved: Saved, grads: Grads, needs: Sequence[bool]) -> Sequence[Any]:
    g, g_mean, g_var = grads
    if g is None or g_mean is not None or g_var is not None:  # statistics in use: rare
        return _group_graph_backward(saved, grads, needs)
    found: Sequence[Any] = _group_grad(g, saved.cache, saved.inputs[1], needs)
    return found


def _group_graph_backward(saved: Saved, grads: Grads, needs: Sequence[bool]) -> Sequence[Any]:
    (x, w, _), (groups, eps) = saved.inputs, saved.constants
    g, *g_stats = grads
    n, c = x.shape[:2]
    m = max(prod(x.shape[2:]) * c // groups, 1)
    grouped, planes = (n, groups, c // groups, prod(x.shape[2:])), (n, c, prod(x.shape[2:]))

    def mean(value: Any) -> Any:
        return sum_(value, dims=(2, 3), keepdim=True) / m

    centred, rstd = _standard(reshape(x, shape=grouped), mean, eps)
    dx = dw = db = None
    if g is not None:
        g = reshape(g, shape=planes)
        if needs[0]:
            gw = g if w is None else g * reshape(w, shape=(c, 1))
            dx = _through_normal(reshape(gw, shape=grouped), centred, rstd, mean)
        normal = reshape(centred * rstd, shape=planes)
        dw = sum_(g * normal, dims=(0, 2), keepdim=False) if needs[1] else None
        db = sum_(g, dims=(0, 2), keepdim=False) if needs[2] else None
    if needs[0]:
        column = (n, groups, 1, 1)
        g_stats = [None if v is None else reshape(v / m, shape=column) for v in g_stats]
        dx = _through_statistics(dx, centred, *g_stats)
    return None if dx is None else reshape(dx, shape=x.shape), dw, db


group_norm = define(
    "group_norm",
    _group_forward,
    _group_backward,
    graph_backward=_group_graph_backward,
    fresh=True,
    check=_group_check,
)


# ---- layer norm


def _flat(w: Any) -> Any:
    return w if w is None or w.ndim == 1 else w.reshape(-1)


def _layer_check(where: str, x: Any, shape: tuple[int, ...], **others: Any) -> None:
    k = len(shape)
    if x.shape[x.ndim - k :] != shape or not k:
        raise ShapeError(
            explain(
                where,
                got=f"input {x.shape}",
                expected=f"(*, {', '.join(map(str, shape))}), the normalized_shape last",
                fix="normalized_shape must equal the input's last sizes",
            )
        )
    for name, other in others.items():
        if other is not None and other.shape != shape:
            raise ShapeError(explain(where, got=f"{name} {other.shape}", expected=shape))
    _check_float(where, x, *others.values())


def _layer_forward(x: Any, w: Any, b: Any, normalized_shape: tuple[int, ...], eps: float) -> Result:
    _layer_check("layer_norm", x, normalized_shape, weight=w, bias=b)
    y, cache = _layer(x, prod(normalized_shape), _flat(w), _flat(b), eps)
    return (y,), Saved((x, w, None), constants=(normalized_shape, eps), cache=cache)


def _layer_backward(saved: Saved, grads: Grads, needs: Sequence[bool]) -> Sequence[Any]:
    shape = saved.constants[0]
    dx, dw, db = _layer_grad(grads[0], saved.cache, _flat(saved.inputs[1]), needs)
    if len(shape) == 1:
        return dx, dw, db
    return (
        dx,
        None if dw is None else dw.reshape(shape),
        None if db is None else db.reshape(shape),
    )


def _layer_graph_backward(saved: Saved, grads: Grads, needs: Sequence[bool]) -> Sequence[Any]:
    (x, w, _), g = saved.inputs, grads[0]
    shape, eps = saved.constants
    lead = tuple(range(x.ndim - len(shape)))
    dims = tuple(range(len(lead), x.ndim))
    n = max(prod(shape), 1)

    def mean(value: Any) -> Any:
        return sum_(value, dims=dims, keepdim=True) / n

    centred, rstd = _standard(x, mean, eps)
    dx = None
    if needs[0]:
        dx = _through_normal(g if w is None else g * w, centred, rstd, mean)
    return (
        dx,
        sum_(g * (centred * rstd), dims=lead, keepdim=False) if needs[1] else None,
        sum_(g, dims=lead, keepdim=False) if needs[2] else None,
    )


layer_norm = define(
    "layer_norm",
    _layer_forward,
    _layer_backward,
    graph_backward=_layer_graph_backward,
    fresh=True,
)


# ---- RMS norm: layer norm that takes 0 for the mean


def _rms_forward(x: Any, w: Any, normalized_shape: tuple[int, ...], eps: float) -> Result:
    _layer_check("rms_norm", x, normalized_shape, weight=w)
    y, cache = _layer(x, prod(normalized_shape), _flat(w), None, eps, False)
    return (y,), Saved((x, w), constants=(normalized_shape, eps), cache=cache)


def _rms_backward(saved: Saved, grads: Grads, needs: Sequence[bool]) -> Sequence[Any]:
    w, need = saved.inputs[1], (*needs, False)
    dx, dw, _ = _layer_grad(grads[0], saved.cache, _flat(w), need, False)
    return dx, None if dw is None else dw.reshape(saved.constants[0])


def _rms_graph_backward(saved: Saved, grads: Grads, needs: Sequence[bool]) -> Sequence[Any]:
    (x, w), g, (shape, eps) = saved.inputs, grads[0], saved.constants
    lead = tuple(range(x.ndim - len(shape)))
    dims = tuple(range(len(lead), x.ndim))

    def mean(value: Any) -> Any:
        return sum_(value, dims=dims, keepdim=True) / max(prod(shape), 1)

    rstd = ew.rsqrt(mean(x * x) + eps)
    normal = x * rstd
    dx = None
    if needs[0]:
        gw = g if w is None else g * w
        dx = rstd * (gw - normal * mean(gw * normal))
    return dx, sum_(g * normal, dims=lead, keepdim=False) if needs[1] else None


rms_norm = define(
    "rms_norm", _rms_forward, _rms_backward, graph_backward=_rms_graph_backward, fresh=True
)
