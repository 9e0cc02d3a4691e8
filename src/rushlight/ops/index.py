"""Indexing: every kind of index, gather along an axis, and the sums that undo them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from rushlight.arrays import namespace
from rushlight.errors import ShapeError, explain
from rushlight.ops.contract import Saved, define
from rushlight.ops.elementwise import mask
from rushlight.ops.shape import clone, reshape

Result = tuple[tuple[Any, ...], Saved]
Grads = tuple[Any, ...]


def _is_basic(index: Any) -> bool:
    parts = index if isinstance(index, tuple) else (index,)
    return all(p is None or p is Ellipsis or isinstance(p, (slice, int)) for p in parts)


def _getitem_forward(x: Any, index: Any) -> Result:
    y = x[index]
    if not y.ndim:  # an element: a view without dims rather than a scalar, also where plans look on
        parts = index if isinstance(index, tuple) else (index,)
        y = y if any(part is Ellipsis for part in parts) else x[(*parts, ...)]
    return (y,), Saved((None,), constants=(index, x.shape))


def _getitem_backward(saved: Saved, grads: Grads, needs: Sequence[bool]) -> Sequence[Any]:
    index, shape = saved.constants
    return (put(grads[0], index=index, shape=shape),)


getitem = define("getitem", _getitem_forward, _getitem_backward, view=True, fresh=True)


def _put_forward(g: Any, index: Any, shape: tuple[int, ...]) -> Result:
    """Add g into zeros of `shape` at `index`; cells named twice get both."""
    saved = Saved((None,), constants=index)
    out = namespace(g).zeros(shape, dtype=g.dtype)
    if _is_basic(index) or getattr(index, "dtype", None) == np.bool_:
        try:
            out[index] = g  # no cell is named twice
        except ValueError:
            raise _misfit(g, out[index], shape) from None
        return (out,), saved
    cells = np.arange(out.size).reshape(shape)[index]
    if cells.shape != g.shape:
        raise _misfit(g, cells, shape)
    return (_add_at(g, cells, out.size).reshape(shape),), saved


def _misfit(values: Any, cells: Any, shape: tuple[int, ...]) -> ShapeError:
    expected = f"{cells.shape}, the cells that the index names in {shape}"
    return ShapeError(explain("put", got=f"values {values.shape}", expected=expected))


def _put_backward(saved: Saved, grads: Grads, needs: Sequence[bool]) -> Sequence[Any]:
    return (getitem(grads[0], index=saved.constants),)


put = define("put", _put_forward, _put_backward)


def _diagonal_forward(x: Any) -> Result:
    """(*, n, n) -> (*, n), a view."""
    return (np.einsum("...ii->...i", x),), Saved((None,), constants=x.shape)


def _diagonal_backward(saved: Saved, grads: Grads, needs: Sequence[bool]) -> Sequence[Any]:
    i = np.arange(saved.constants[-1])
    return (put(grads[0], index=(Ellipsis, i, i), shape=saved.constants),)


diagonal = define("diagonal", _diagonal_forward, _diagonal_backward, view=True, fresh=True)


def _add_at(values: Any, cells: Any, size: int) -> Any:
    """Sum values by flat cell number (bincount: one pass, in float64)."""
    if values.dtype.kind != "f":  # exact
        total = np.zeros(size, values.dtype)
        np.add.at(total, cells.ravel(), values.ravel())
        return total
    total = np.bincount(cells.ravel(), weights=values.ravel(), minlength=size)
    return total.astype(values.dtype, copy=False)


# ---- gather along one axis and its transpose


def _gather_forward(x: Any, index: Any, dim: int) -> Result:
    y = x[along(index, dim)] if x.ndim else x.reshape(index.shape).copy()
    return (y,), Saved((None,), constants=(index, dim, x.shape))


def _gather_backward(saved: Saved, grads: Grads, needs: Sequence[bool]) -> Sequence[Any]:
    index, dim, shape = saved.constants
    return (scatter_add(grads[0], index=index, dim=dim, shape=shape),)


gather = define("gather", _gather_forward, _gather_backward, fresh=True)


def along(index: Any, dim: int) -> tuple[Any, ...]:
    """Return the full index: `index` along `dim`, every other axis its own position."""
    grids = np.ogrid[tuple(slice(n) for n in index.shape)]
    return tuple(index if axis == dim else grid for axis, grid in enumerate(grids))


def _scatter_forward(g: Any, index: Any, dim: int, shape: tuple[int, ...]) -> Result:
    saved = Saved((None,), constants=(index, dim))
    if not shape:
        return (g.reshape(shape).copy(),), saved
    size = int(np.prod(shape, dtype=np.int64))
    cells = np.arange(size).reshape(shape)[along(index, dim)]
    return (_add_at(g, cells, size).reshape(shape),), saved


def _scatter_backward(saved: Saved, grads: Grads, needs: Sequence[bool]) -> Sequence[Any]:
    index, dim = saved.constants
    return (gather(grads[0], index=index, dim=dim),)


scatter_add = define("scatter_add", _scatter_forward, _scatter_backward, fresh=True)


# ---- extremes of one dim with their (first) places


def _places(saved: Saved) -> Any:
    """Return the indices that forward gave out, with the picked dim."""
    index, (dim, _, kept) = mask(saved.outputs[1]), saved.constants
    return index if kept else np.expand_dims(index, dim)


def _pick_backward(saved: Saved, grads: Grads, needs: Sequence[bool]) -> Sequence[Any]:
    if grads[0] is None:
        return (None,)
    if saved.constants is None:
        return (clone(grads[0]),)
    dim, shape, _ = saved.constants
    index = _places(saved)
    return (scatter_add(reshape(grads[0], shape=index.shape), index=index, dim=dim, shape=shape),)


def _pick(name: str, find: Any) -> Any:
    def forward(x: Any, dim: int, keepdim: bool) -> Result:
        if x.ndim == 0:
            return (x.copy(), np.zeros((), np.int64)), Saved()
        if x.shape[dim] == 0:
            raise ShapeError(
                explain(name, got=f"a tensor {x.shape}", expected=f"a size > 0 in dim {dim}")
            )
        index = np.expand_dims(find(x, axis=dim), dim)
        y = np.take_along_axis(x, index, axis=dim)
        if not keepdim:
            y, index = y.squeeze(dim), index.squeeze(dim)
        return (y, index), Saved((None,), (None, index), constants=(dim, x.shape, keepdim))

    return define(name, forward, _pick_backward, fresh=True)


max_dim = _pick("max_dim", np.argmax)
min_dim = _pick("min_dim", np.argmin)


def _sort_forward(x: Any, dim: int, descending: bool) -> Result:
    if x.ndim == 0:
        return (x.copy(), np.zeros((), np.int64)), Saved()
    if descending:  # a stable descending order: sort the reversed axis, then reverse
        flipped = np.argsort(np.flip(x, dim), axis=dim, kind="stable")
        index = np.flip(x.shape[dim] - 1 - flipped, dim)
    else:
        index = np.argsort(x, axis=dim, kind="stable")
    y = np.take_along_axis(x, index, axis=dim)
    return (y, index), Saved((None,), (None, index), constants=(dim, x.shape, True))


sort = define("sort", _sort_forward, _pick_backward, fresh=True)
