"""Reductions. `dims` is a tuple of axes counted from 0; an empty tuple reduces nothing."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod as product
from typing import Any

import numpy as np

from rushlight.arrays import widened
from rushlight.errors import ShapeError, explain
from rushlight.kernels import kernel
from rushlight.ops import elementwise as ew
from rushlight.ops.contract import Saved, define
from rushlight.ops.shape import expand, flip, permute, reshape

Result = tuple[tuple[Any, ...], Saved]
Grads = tuple[Any, ...]
Dims = tuple[int, ...]

_column_sum = kernel("column_sum")
_add: Any = np.add.reduce  # without overloads, which know no keepdims of type bool
_product: Any = np.multiply.reduce


def _total(x: Any, axis: Dims, keepdims: bool) -> Any:
    """Sum: integers in int64, float16 in float32."""
    kind = x.dtype.char
    if kind == "e":
        return _add(x, axis, np.float32, keepdims=keepdims).astype(x.dtype)
    return _add(x, axis, None if kind in "fd" else np.int64, keepdims=keepdims)


def kept(shape: tuple[int, ...], dims: Dims) -> tuple[int, ...]:
    """Return the shape with size 1 in place of the reduced dims."""
    return tuple([1 if i in dims else n for i, n in enumerate(shape)])


def spread(g: Any, shape: tuple[int, ...], dims: Dims) -> Any:
    """Bring the gradient (or result) of a reduction back to `shape`, without a copy."""
    return expand(reshape(g, shape=kept(shape, dims)), shape=shape)


def sum_to(g: Any, shape: tuple[int, ...]) -> Any:
    """Sum a gradient over the axes along which `shape` was broadcast: the inverse of expand."""
    extra = g.ndim - len(shape)
    if isinstance(g, np.ndarray) and len(shape) == 1 and extra and g.shape[-1] == shape[0]:
        return _column_sum(g)
    dims = tuple([i for i, n in enumerate(g.shape) if i < extra or n != shape[i - extra]])
    if any(shape[i - extra] != 1 for i in dims if i >= extra):
        raise ShapeError(explain("backward", got=f"a gradient {g.shape}", expected=shape))
    return reshape(sum(g, dims=dims, keepdim=True), shape=shape)


# ---- sum, mean


def _sum_forward(x: Any, dims: Dims, keepdim: bool) -> Result:
    return (_total(x, dims, keepdim),), Saved((None,), constants=(x.shape, dims))


def _sum_backward(saved: Saved, grads: Grads, needs: Sequence[bool]) -> Sequence[Any]:
    return (spread(grads[0], *saved.constants),)


def _mean_forward(x: Any, dims: Dims, keepdim: bool) -> Result:
    return (_mean(x, dims, keepdim),), Saved((None,), constants=(x.shape, dims))


def _mean(x: Any, dims: Dims, keepdim: bool) -> Any:
    count = _count(x.shape, dims)
    if count and dims:
        return x.mean(axis=dims, keepdims=keepdim)
    return _total(x, axis=dims, keepdims=keepdim) / np.asarray(count, x.dtype)  # 0 / 0: nan


def _mean_backward(saved: Saved, grads: Grads, needs: Sequence[bool]) -> Sequence[Any]:
    shape, dims = saved.constants
    return (spread(grads[0] / max(_count(shape, dims), 1), shape, dims),)


def _count(shape: tuple[int, ...], dims: Dims) -> int:
    return product([shape[d] for d in dims])


sum = define("sum", _sum_forward, _sum_backward)
mean = define("mean", _mean_forward, _mean_backward, casts="none")


# ---- variance and standard deviation, divided by (n - correction)


def _var(x: Any, dims: Dims, keepdim: bool, correction: float) -> Any:
    centred = widened(x)
    centred = centred - _mean(centred, dims, True)
    total = _total(centred * centred, axis=dims, keepdims=keepdim)
    freedom = np.asarray(max(_count(x.shape, dims) - correction, 0), total.dtype)
    return (total / freedom).astype(x.dtype, copy=False)


def _var_forward(x: Any, dims: Dims, keepdim: bool, correction: float) -> Result:
    y = _var(x, dims, keepdim, correction)
    return (y,), Saved((x,), constants=(dims, correction))


def _var_backward(saved: Saved, grads: Grads, needs: Sequence[bool]) -> Sequence[Any]:
    return (_var_grad(grads[0], saved.inputs[0], *saved.constants),)


def _var_grad(g: Any, x: Any, dims: Dims, correction: float) -> Any:
    freedom = max(_count(x.shape, dims) - correction, 0)
    centred = x - mean(x, dims=dims, keepdim=True)
    scale = 2.0 / freedom if freedom else np.inf
    return spread(g * scale, x.shape, dims) * centred


def _std_forward(x: Any, dims: Dims, keepdim: bool, correction: float) -> Result:
    y = np.sqrt(_var(x, dims, keepdim, correction))
    return (y,), Saved((x,), (y,), constants=(dims, correction))


def _std_backward(saved: Saved, grads: Grads, needs: Sequence[bool]) -> Sequence[Any]:
    (x,), (y,) = saved.inputs, saved.outputs
    flat = ew.mask(y == 0)  # torch: no gradient where nothing varies
    g = ew.where(0.0, grads[0] / (y * 2.0), condition=flat)
    return (_var_grad(g, x, *saved.constants),)


var = define("var", _var_forward, _var_backward)
std = define("std", _std_forward, _std_backward)


# ---- extremes, which share the gradient among ties; `max` and `min` of one dim pick the first


def _extreme(name: str, f: Any, masked: bool = False) -> Any:
    """Define an extreme; `masked`: nan ties with nan, and what loses gets 0 of infinity, too."""

    def forward(x: Any, dims: Dims, keepdim: bool) -> Result:
        if any(x.shape[d] == 0 for d in dims):
            raise ShapeError(
                explain(name, got=f"a tensor {x.shape}", expected="sizes > 0 in the reduced dims")
            )
        y = f(x, axis=dims, keepdims=keepdim)
        return (y,), Saved((x,), (y,), constants=dims)

    def backward(saved: Saved, grads: Grads, needs: Sequence[bool]) -> Sequence[Any]:
        x, y, dims = ew.mask(saved.inputs[0]), ew.mask(saved.outputs[0]), saved.constants
        y = y.reshape(kept(x.shape, dims))
        hit = (x == y) | ((x != x) & (y != y)) if masked else x == y
        count = _add(hit, axis=dims, keepdims=True).astype(x.dtype)
        if masked:
            return (ew.where(spread(grads[0], x.shape, dims) / count, 0.0, condition=hit),)
        share = hit / count  # nan where y is nan
        return (spread(grads[0], x.shape, dims) * share,)

    return define(name, forward, backward)


def _median(x: Any, axis: Dims, keepdims: bool) -> Any:
    """The lower of two middle values; nan if there is one. Of all elements."""
    flat = x.ravel()
    middle = (flat.size - 1) // 2
    y = np.partition(flat, (middle, flat.size - 1))  # nan counts as the largest
    return np.where(np.isnan(y[-1]), y[-1], y[middle]).reshape(
        kept(x.shape, axis) if keepdims else ()
    )


amax = _extreme("amax", np.amax)
amin = _extreme("amin", np.amin)
max_all = _extreme("max", np.amax, masked=True)
min_all = _extreme("min", np.amin, masked=True)
median = _extreme("median", _median, masked=True)


# ---- product: the derivative of each factor is the product of the others


def _prod_forward(x: Any, dims: Dims, keepdim: bool) -> Result:
    y = _product(x, axis=dims, keepdims=keepdim, dtype=np.int64 if x.dtype.kind in "biu" else None)
    return (y,), Saved((x,), (y,), constants=dims)


def _prod_backward(saved: Saved, grads: Grads, needs: Sequence[bool]) -> Sequence[Any]:
    (x,), (y,), dims = saved.inputs, saved.outputs, saved.constants
    if ew.mask(x != 0).all():
        return (spread(grads[0] * y, x.shape, dims) / x,)
    return (spread(grads[0], x.shape, dims) * _others(x, dims),)


def _others(x: Any, dims: Dims) -> Any:
    """For each element the product of its group without it; O(n^2), taken only among zeros."""
    rest = tuple(i for i in range(x.ndim) if i not in dims)
    order = (*rest, *dims)
    moved = permute(x, dims=order)
    n = _count(x.shape, dims)
    lead = tuple(x.shape[i] for i in rest)
    rows = expand(reshape(moved, shape=(*lead, 1, n)), shape=(*lead, n, n))
    others = prod(
        ew.where(1.0, rows, condition=np.eye(n, dtype=bool)), dims=(len(lead) + 1,), keepdim=False
    )
    back = tuple(sorted(range(x.ndim), key=order.__getitem__))
    return permute(reshape(others, shape=tuple(x.shape[i] for i in order)), dims=back)


prod = define("prod", _prod_forward, _prod_backward)


# ---- cumulative sum, logsumexp, Euclidean norm


def _cumsum_forward(x: Any, dim: int) -> Result:
    y = np.cumsum(widened(x), dim, np.int64 if x.dtype.kind in "biu" else None)
    if x.dtype == np.float16:
        y = y.astype(x.dtype)
    return (y,), Saved((None,), constants=dim)


def _cumsum_backward(saved: Saved, grads: Grads, needs: Sequence[bool]) -> Sequence[Any]:
    dims = (saved.constants,)
    return (flip(cumsum(flip(grads[0], dims=dims), dim=saved.constants), dims=dims),)


cumsum = define("cumsum", _cumsum_forward, _cumsum_backward, fresh=True)


def _logsumexp_forward(x: Any, dims: Dims, keepdim: bool) -> Result:
    top = np.amax(x, axis=dims, keepdims=True, initial=-np.inf)
    top = np.where(np.isfinite(top), top, np.zeros_like(top))  # inf - inf would be nan
    y = np.log(_total(np.exp(x - top), axis=dims, keepdims=True)) + top
    if not keepdim:
        y = y.reshape([n for i, n in enumerate(x.shape) if i not in dims])
    return (y,), Saved((x,), (y,), constants=dims)


def _logsumexp_backward(saved: Saved, grads: Grads, needs: Sequence[bool]) -> Sequence[Any]:
    (x,), (y,), dims = saved.inputs, saved.outputs, saved.constants
    return (spread(grads[0], x.shape, dims) * ew.exp(x - spread(y, x.shape, dims)),)


logsumexp = define("logsumexp", _logsumexp_forward, _logsumexp_backward, casts="float")


def _norm_forward(x: Any, dims: Dims, keepdim: bool) -> Result:
    wide = widened(x)
    y = np.sqrt(_total(wide * wide, axis=dims, keepdims=keepdim)).astype(x.dtype, copy=False)
    return (y,), Saved((x,), (y,), constants=dims)


def _norm_backward(saved: Saved, grads: Grads, needs: Sequence[bool]) -> Sequence[Any]:
    (x,), (y,), dims = saved.inputs, saved.outputs, saved.constants
    scale = ew.where(0.0, grads[0] / y, condition=ew.mask(y == 0))  # subgradient 0 at the origin
    return (x * spread(scale, x.shape, dims),)


norm = define("norm", _norm_forward, _norm_backward)


# ---- p-norm, for any p; the largest elements of an infinite one each get the whole gradient


def _norm_p_forward(x: Any, dims: Dims, keepdim: bool, p: float) -> Result:
    y = np.asarray(_norm_p(x, dims, keepdim, p), x.dtype)
    return (y,), Saved((x,), (y,), constants=(dims, p))


def _norm_p(x: Any, dims: Dims, keepdim: bool, p: float) -> Any:
    if p == 2:
        return _norm_forward(x, dims, keepdim)[0][0]
    size = np.abs(widened(x))
    if p == np.inf:
        return np.amax(size, axis=dims, keepdims=keepdim, initial=0.0)
    if p == -np.inf:
        return np.amin(size, axis=dims, keepdims=keepdim, initial=np.inf)
    if p == 0:
        return _add(size != 0, dims, size.dtype, keepdims=keepdim)
    if p == 1:
        return _total(size, axis=dims, keepdims=keepdim)
    return _total(size**p, axis=dims, keepdims=keepdim) ** (1.0 / p)


def _norm_p_backward(saved: Saved, grads: Grads, needs: Sequence[bool]) -> Sequence[Any]:
    (x,), (y,), (dims, p) = saved.inputs, saved.outputs, saved.constants
    beside = kept(x.shape, dims)
    return (norm_pull(reshape(grads[0], shape=beside), x, reshape(y, shape=beside), p),)


def norm_pull(g: Any, x: Any, y: Any, p: float) -> Any:
    """Return the gradient of x whose p-norm is y, 0 where that is 0; g and y broadcast to x."""
    if p == 0:
        return ew.where(0.0, x, condition=True)
    if p == 1:
        return g * ew.sign(x)
    if abs(p) == np.inf:
        return ew.where(g * ew.sign(x), 0.0, condition=ew.mask(ew.abs(x) == y))
    flat = ew.mask(y == 0)
    scale = ew.where(1.0, y, condition=flat)  # no second derivative there, rather than nan
    if p == 2:
        return x * ew.where(0.0, g / scale, condition=flat)
    flat = flat | ew.mask(x == 0)
    size = ew.where(1.0, ew.abs(x), condition=flat)
    return ew.where(0.0, g * ew.sign(x) * (size / scale) ** (p - 1.0), condition=flat)


norm_p = define("norm_p", _norm_p_forward, _norm_p_backward, casts="float")
