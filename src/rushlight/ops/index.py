"""Indexing: every kind of index, gather along an axis, and the sums that undo them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from rushlight.arrays import namespace
from rushlight.ops.contract import Saved, define
from rushlight.ops.shape import reshape

Result = tuple[tuple[Any, ...], Saved]
Grads = tuple[Any, ...]


def _is_basic(index: Any) -> bool:
    parts = index if isinstance(index, tuple) else (index,)
    return all(p is None or p is Ellipsis or isinstance(p, (slice, int)) for p in parts)


def _getitem_forward(x: Any, index: Any) -> Result:
    return (x[index],), Saved((None,), constants=(index, x.shape))


def _getitem_backward(saved: Saved, grads: Grads, needs: Sequence[bool]) -> Sequence[Any]:
    index, shape = saved.constants
    return (put(grads[0], index=index, shape=shape),)


getitem = define("getitem", _getitem_forward, _getitem_backward, view=True, fresh=True)


def _put_forward(g: Any, index: Any, shape: tuple[int, ...]) -> Result:
    """Add g into zeros of `shape` at `index`; cells named twice get both."""
    saved = Saved((None,), constants=index)
    out = namespace(g).zeros(shape, dtype=g.dtype)
    if _is_basic(index) or getattr(index, "dtype", None) == np.bool_:
        out[index] = g  # no cell is named twice
        return (out,), saved
    cells = np.arange(out.size).reshape(shape)[index]
    return (_add_at(g, cells, out.size).reshape(shape),), saved


def _put_backward(saved: Saved, grads: Grads, needs: Sequence[bool]) -> Sequence[Any]:
    return (getitem(grads[0], index=saved.constants),)


put = define("put", _put_forward, _put_backward, fresh=True)


def _add_at(values: Any, cells: Any, size: int) -> Any:
    """Sum values by flat cell number (bincount: one pass, in float64)."""
    total = np.bincount(cells.ravel(), weights=values.ravel(), minlength=size)
    return total.astype(values.dtype, copy=False)


# ---- gather along one axis and its transpose


def _gather_forward(x: Any, index: Any, dim: int) -> Result:
    y = x[_along(index, dim)] if x.ndim else x.reshape(index.shape)
    return (y,), Saved((None,), constants=(index, dim, x.shape))


def _gather_backward(saved: Saved, grads: Grads, needs: Sequence[bool]) -> Sequence[Any]:
    index, dim, shape = saved.constants
    return (scatter_add(grads[0], index=index, dim=dim, shape=shape),)


gather = define("gather", _gather_forward, _gather_backward, fresh=True)


def _along(index: Any, dim: int) -> tuple[Any, ...]:
    """Return the full index: `index` along `dim`, every other axis its own position."""
    grids = np.ogrid[tuple(slice(n) for n in index.shape)]
    return tuple(index if axis == dim else grid for axis, grid in enumerate(grids))


def _scatter_forward(g: Any, index: Any, dim: int, shape: tuple[int, ...]) -> Result:
    saved = Saved((None,), constants=(index, dim))
    if not shape:
        return (g.reshape(shape),), saved
    size = int(np.prod(shape, dtype=np.int64))
    cells = np.arange(size).reshape(shape)[_along(index, dim)]
    return (_add_at(g, cells, size).reshape(shape),), saved


def _scatter_backward(saved: Saved, grads: Grads, needs: Sequence[bool]) -> Sequence[Any]:
    index, dim = saved.constants
    return (gather(grads[0], index=index, dim=dim),)


scatter_add = define("scatter_add", _scatter_forward, _scatter_backward, fresh=True)


# ---- extremes of one dim with their (first) places


def _pick(name: str, find: Any) -> Any:
    def forward(x: Any, dim: int, keepdim: bool) -> Result:
        if x.ndim == 0:
            return (x.copy(), np.zeros((), np.int64)), Saved((None,), constants=None)
        index = np.expand_dims(find(x, axis=dim), dim)
        y = np.take_along_axis(x, index, axis=dim)
        constants = (index, dim, x.shape)
        if not keepdim:
            y, index = y.squeeze(dim), index.squeeze(dim)
        return (y, index), Saved((None,), constants=constants)

    def backward(saved: Saved, grads: Grads, needs: Sequence[bool]) -> Sequence[Any]:
        if saved.constants is None:
            return (grads[0] * 1.0,)
        index, dim, shape = saved.constants
        g = reshape(grads[0], shape=index.shape)
        return (scatter_add(g, index=index, dim=dim, shape=shape),)

    return define(name, forward, backward, fresh=True)


max_dim = _pick("max_dim", np.argmax)
min_dim = _pick("min_dim", np.argmin)


def _sort_forward(x: Any, dim: int, descending: bool, stable: bool = True) -> Result:
    if x.ndim == 0:
        return (x.copy(), np.zeros((), np.int64)), Saved((None,), constants=None)
    if descending:  # a stable descending order: sort the reversed axis, then reverse
        flipped = np.argsort(np.flip(x, dim), axis=dim, kind="stable")
        index = np.flip(x.shape[dim] - 1 - flipped, dim)
    else:
        index = np.argsort(x, axis=dim, kind="stable")
    y = np.take_along_axis(x, index, axis=dim)
    return (y, index), Saved((None,), constants=(index, dim, x.shape))


def _sort_backward(saved: Saved, grads: Grads, needs: Sequence[bool]) -> Sequence[Any]:
    if saved.constants is None:
        return (grads[0] * 1.0,)
    index, dim, shape = saved.constants
    return (scatter_add(grads[0], index=index, dim=dim, shape=shape),)


sort = define("sort", _sort_forward, _sort_backward, fresh=True)
