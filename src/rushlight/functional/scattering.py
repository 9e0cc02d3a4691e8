"""Tensors with some elements replaced, or reduced with others; out of place."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from rushlight.errors import DtypeError, ShapeError, explain
from rushlight.functional.dims import one_dim
from rushlight.functional.elementwise import where
from rushlight.functional.picking import (
    check_along,
    check_source,
    diagonal,
    getitem,
    scatter,
    scatter_add,
)
from rushlight.functional.shaping import broadcast_to, reshape
from rushlight.ops import scatter as sc
from rushlight.tape import apply, traced, wrap

if TYPE_CHECKING:
    from rushlight.tensor.tensor import Tensor

__all__ = [
    "diagonal_scatter",
    "index_copy",
    "index_put",
    "index_reduce",
    "masked_scatter",
    "put",
    "scatter_reduce",
    "select_scatter",
    "slice_scatter",
]


def scatter_reduce(
    input: Tensor,
    dim: int,
    index: Tensor,
    src: Tensor,
    reduce: str,
    *,
    include_self: bool = True,
) -> Tensor:
    """Return `input` with all src[i][j] for the cell [index[i][j]][j] (for dim 0) reduced into it.

    Args:
        reduce: 'sum', 'prod', 'mean', 'amax' or 'amin'.
        include_self: whether the cell's own element takes part; cells that nothing is put into
            keep theirs.

    Example:
        >>> import rushlight as rl
        >>> rl.zeros(2).scatter_reduce(0, rl.tensor([0, 0, 1]), rl.tensor([1.0, 2.0, 3.0]), "sum")
        tensor([3., 3.])
    """
    name = "scatter_reduce"
    at = one_dim(dim, input._array.ndim, name)
    check_along(input._array.shape, index._array, at, name)
    check_source(src, index, input, name)
    part = getitem(src, tuple(slice(0, n) for n in index._array.shape))
    hit = wrap(np.zeros(input._array.shape, np.int64))
    hit = scatter_add(hit, at, index, wrap(np.ones(index._array.shape, np.int64)))
    neutral = {"sum": 0, "mean": 0, "prod": 1, "amax": -math.inf, "amin": math.inf}
    if reduce not in neutral:
        raise RuntimeError(explain(name, got=f"reduce={reduce!r}", expected=list(neutral)))
    start: Any = neutral[reduce]
    if isinstance(start, float) and input._array.dtype.kind != "f":
        limits = np.iinfo(input._array.dtype)
        start = int(limits.min if start < 0 else limits.max)
    own = input if include_self else where(hit > 0, start, input).to(input.dtype)
    if reduce in ("sum", "mean"):
        total = scatter_add(own, at, index, part)
        if reduce == "sum":
            return total
        count = (hit + include_self).clamp(min=1)
        if input._array.dtype.kind == "f":
            return total / count.to(input.dtype)
        return (total // count).to(input.dtype)
    options = {"index": index._array, "dim": at, "how": reduce}
    return apply(sc.scatter_reduce, (own, part), options, (index,))


def index_reduce(
    input: Tensor,
    dim: int,
    index: Tensor,
    source: Tensor,
    reduce: str,
    *,
    include_self: bool = True,
) -> Tensor:
    """Return `input` with the slices of `source` reduced into those that `index` names.

    Args:
        reduce: 'prod', 'mean', 'amax' or 'amin'.
        include_self: whether a slice's own elements take part.
    """
    if reduce not in ("prod", "mean", "amax", "amin"):
        raise RuntimeError(explain("index_reduce", got=reduce, expected="prod, mean, amax, amin"))
    at = one_dim(dim, input._array.ndim, "index_reduce")
    wide = _spread(index, source, at)
    return scatter_reduce(input, at, wide, source, reduce, include_self=include_self)


def _spread(index: Tensor, source: Tensor, dim: int) -> Tensor:
    """Return an index of slices as one of elements."""
    shape = [1] * source.ndim
    if shape:
        shape[dim] = -1
    return broadcast_to(reshape(index, shape), source._array.shape)


def index_copy(input: Tensor, dim: int, index: Tensor, source: Tensor) -> Tensor:
    """Return `input` with the slices that `index` names replaced by those of `source`."""
    at = one_dim(dim, input._array.ndim, "index_copy")
    if source.ndim and source.shape[at] != index.numel():
        got = f"{index.numel()} indices for source {source.shape}"
        raise IndexError(explain("index_copy", got=got, expected=f"as many as dim {at} has"))
    return scatter(input, at, _spread(index, source, at), source)


def index_put(
    input: Tensor, indices: tuple[Tensor, ...], values: Tensor, accumulate: bool = False
) -> Tensor:
    """Return `input` with input[indices] replaced by `values`, or these added if `accumulate`."""
    cells = _cells(input)[tuple(indices)]
    return put(input, cells, broadcast_to(values, cells._array.shape), accumulate)


def put(input: Tensor, index: Tensor, source: Tensor, accumulate: bool = False) -> Tensor:
    """Return `input` with the elements that `index` counts, flattened, replaced (or added to)."""
    if index.numel() != source.numel():
        got = f"{index.numel()} indices and {source.numel()} sources"
        raise IndexError(explain("put", got=got, expected="as many"))
    flat, places, values = reshape(input, -1), reshape(index, -1), reshape(source, -1)
    size = flat.shape[0]
    array = places._array
    if array.size and (array.min() < -size or array.max() >= size):
        got = f"indices from {array.min()} to {array.max()}"
        raise IndexError(explain("put", got=got, expected=f"-{size} to {size - 1}"))
    places = where(places < 0, places + size, places)
    f = scatter_add if accumulate else scatter
    return reshape(f(flat, 0, places, values), input._array.shape)


@traced(3)
def masked_scatter(input: Tensor, mask: Tensor, source: Tensor) -> Tensor:
    """Return `input` with its elements where `mask` holds taken from `source`, in order."""
    if mask._array.dtype != np.bool_:
        raise DtypeError(explain("masked_scatter", got=f"a mask of {mask.dtype}", expected="bool"))
    if source._array.dtype != input._array.dtype:
        got = f"source of {source.dtype}"
        raise DtypeError(explain("masked_scatter", got=got, expected=input.dtype))
    shape = np.broadcast_shapes(input._array.shape, mask._array.shape)
    chosen = np.broadcast_to(mask._array, shape)
    if chosen.sum() > source.numel():
        got = f"{chosen.sum()} places for {source.numel()} elements"
        raise ShapeError(explain("masked_scatter", got=got, expected="as many elements or more"))
    if not source.numel():
        return broadcast_to(input, shape).clone()
    order = np.maximum(np.cumsum(chosen.ravel()) - 1, 0).reshape(shape)
    return where(wrap(chosen), getitem(reshape(source, -1), wrap(order)), input)


# ---- views written to


def _cells(input: Tensor) -> Tensor:
    """Return the number of each cell."""
    return wrap(np.arange(input._array.size).reshape(input._array.shape))


def _replace(where_: str, input: Tensor, cells: Tensor, src: Tensor) -> Tensor:
    if cells._array.shape != src._array.shape:
        raise ShapeError(explain(where_, got=f"src {src.shape}", expected=f"{cells.shape}"))
    return put(input, cells, src.to(input.dtype))


def select_scatter(input: Tensor, src: Tensor, dim: int, index: int) -> Tensor:
    """Return `input` with the slice input.select(dim, index) replaced."""
    return _replace("select_scatter", input, _cells(input).select(dim, index), src)


def slice_scatter(
    input: Tensor,
    src: Tensor,
    dim: int = 0,
    start: int | None = None,
    end: int | None = None,
    step: int = 1,
) -> Tensor:
    """Return `input` with the slice start:end:step of `dim` replaced."""
    at = one_dim(dim, input._array.ndim, "slice_scatter")
    cut = (*(slice(None),) * at, slice(start, end, step))
    return _replace("slice_scatter", input, _cells(input)[cut], src)


def diagonal_scatter(
    input: Tensor, src: Tensor, offset: int = 0, dim1: int = 0, dim2: int = 1
) -> Tensor:
    """Return `input` with a diagonal replaced."""
    cells = diagonal(_cells(input), offset, dim1, dim2)
    return _replace("diagonal_scatter", input, cells, src)
