"""Distances of all rows of one matrix from all rows of another; cosines.

`cdist` forms the differences, for any p-norm; `cdist_product` takes one product of matrices, for
p = 2: faster by far, but rows much nearer to each other than to the origin lose their distance.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import prod
from typing import Any

import numpy as np

from rushlight.kernels.products import matmul as product_of
from rushlight.ops import elementwise as ew
from rushlight.ops.contract import Saved, define
from rushlight.ops.linalg import matmul, swap
from rushlight.ops.reduce import kept, norm, norm_p, norm_pull
from rushlight.ops.reduce import sum as sum_
from rushlight.ops.shape import cat, reshape

Result = tuple[tuple[Any, ...], Saved]
Grads = tuple[Any, ...]

BLOCK = 1 << 17  # differences that are in memory at a time: what fits into the cache


def _blocks(a: Any, b: Any) -> Iterator[slice]:
    """Cut the rows of `a` so that their differences from all rows of `b` are about one block."""
    step = max(1, BLOCK // max(1, prod(a.shape[:-2]) * prod(b.shape[-2:])))
    for start in range(0, max(a.shape[-2], 1), step):
        yield slice(start, start + step)


def _differences(a: Any, b: Any, rows: slice) -> Any:
    """(*, P, M), (*, R, M) -> (*, rows, R, M)"""
    return a[..., rows, None, :] - b[..., None, :, :]


def _cdist_forward(a: Any, b: Any, p: float) -> Result:
    """(*, P, M), (*, R, M) -> (*, P, R)"""
    parts = [
        norm_p(apart, dims=(apart.ndim - 1,), keepdim=False, p=p)
        for apart in (_differences(a, b, rows) for rows in _blocks(a, b))
    ]
    y = cat(*parts, dim=a.ndim - 2)
    return (y,), Saved((a, b), (y,), constants=p)


def _cdist_backward(saved: Saved, grads: Grads, needs: Sequence[bool]) -> Sequence[Any]:
    (a, b), (y,), g = saved.inputs, saved.outputs, grads[0]
    from_a, from_b = [], None
    for rows in _blocks(a, b):
        apart = _differences(a, b, rows)
        slope = norm_pull(g[..., rows, :, None], apart, y[..., rows, :, None], saved.constants)
        if needs[0]:
            from_a.append(sum_(slope, dims=(apart.ndim - 2,), keepdim=False))
        if needs[1]:
            part = -sum_(slope, dims=(apart.ndim - 3,), keepdim=False)
            from_b = part if from_b is None else from_b + part
    return (cat(*from_a, dim=a.ndim - 2) if needs[0] else None, from_b)


cdist = define("cdist", _cdist_forward, _cdist_backward, fresh=True)


# ---- p = 2 by a product of matrices: |a - b|^2 = |a|^2 - 2 a b + |b|^2


def _product_forward(a: Any, b: Any) -> Result:
    """(*, P, M), (*, R, M) -> (*, P, R)"""
    dtype = np.promote_types(a.dtype, np.float32)  # squares of float16 leave its range
    left, right = a.astype(dtype, copy=False), b.astype(dtype, copy=False)
    # the squares are summed inside the product, as torch does: its rounding is theirs
    left = np.concatenate([left * -2.0, _squares(left), np.ones_like(left[..., :1])], -1)
    right = np.concatenate([right, np.ones_like(right[..., :1]), _squares(right)], -1)
    y = product_of(left, swap(right))
    np.maximum(y, 0.0, out=y)
    y = np.sqrt(y, out=y).astype(a.dtype, copy=False)
    return (y,), Saved((a, b), (y,))


def _squares(x: Any) -> Any:
    return np.add.reduce(x * x, axis=-1, keepdims=True)


def _product_backward(saved: Saved, grads: Grads, needs: Sequence[bool]) -> Sequence[Any]:
    (a, b), (y,) = saved.inputs, saved.outputs
    same = ew.mask(y == 0)
    # no slope where the distance is 0, and no second one either, rather than nan
    slope = ew.where(0.0, grads[0] / ew.where(1.0, y, condition=same), condition=same)
    return (
        _pull(slope, a, b) if needs[0] else None,
        _pull(swap(slope), b, a) if needs[1] else None,
    )


def _pull(slope: Any, x: Any, other: Any) -> Any:
    """Return the sum over j of slope_ij (x_i - other_j)."""
    return x * sum_(slope, dims=(slope.ndim - 1,), keepdim=True) - matmul(slope, other)


cdist_product = define("cdist_product", _product_forward, _product_backward, fresh=True)


# ---- cosines: a . b / (max(|a|, eps) max(|b|, eps)); to the gradient the divisor is |a| even where
# eps is larger, as in torch


def _unit(x: Any, dims: tuple[int, ...], eps: float) -> tuple[Any, Any, Any]:
    """Return |x|, the divisor, and x divided by it."""
    size = norm(x, dims=dims, keepdim=True)
    short = ew.mask(size)
    divisor = ew.add(size, np.where(short < eps, eps - short, 0.0).astype(short.dtype))
    return size, divisor, x / divisor


def _cosine_forward(a: Any, b: Any, dims: tuple[int, ...], eps: float) -> Result:
    """Two arrays of one shape -> the cosines along dims"""
    units = _unit(a, dims, eps), _unit(b, dims, eps)
    y = sum_(units[0][2] * units[1][2], dims=dims, keepdim=False)
    return (y,), Saved((a, b), (y,), constants=(dims, eps), cache=units)


def _cosine_backward(saved: Saved, grads: Grads, needs: Sequence[bool]) -> Sequence[Any]:
    (a, b), (y,), (dims, eps) = saved.inputs, saved.outputs, saved.constants
    beside = kept(a.shape, dims)
    g, y = reshape(grads[0], shape=beside), reshape(y, shape=beside)
    of_a, of_b = saved.cache or (_unit(a, dims, eps), _unit(b, dims, eps))
    return (
        _cosine_pull(g, y, of_a, of_b) if needs[0] else None,
        _cosine_pull(g, y, of_b, of_a) if needs[1] else None,
    )


def _cosine_pull(g: Any, y: Any, of_x: Any, of_other: Any) -> Any:
    """Return the gradient of x for the cosines y of it and another, from what `_unit` gave."""
    (size, divisor, unit), other = of_x, of_other[2]
    flat = ew.mask(size == 0)
    along = ew.where(0.0, g * y / ew.where(1.0, size, condition=flat), condition=flat)
    return other * (g / divisor) - unit * along


cosine = define("cosine", _cosine_forward, _cosine_backward, casts="promote", fresh=True)
