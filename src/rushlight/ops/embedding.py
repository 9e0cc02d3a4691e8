"""Embedding: rows of a table by their number, and weighted sums of them, bag by bag.

A bag is a stretch of a list of row numbers: `index` names the rows of all bags one after the other,
`starts` (one more than bags) says where each begins. Bags are the rows of a sparse matrix A, so a
sum of rows is A @ table and its gradient A^T @ g: no row is copied, and rows named twice add up.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from rushlight.arrays import is_array
from rushlight.errors import ShapeError, explain
from rushlight.ops.contract import Saved, define
from rushlight.ops.reduce import sum as sum_
from rushlight.ops.shape import reshape

Result = tuple[tuple[Any, ...], Saved]
Grads = tuple[Any, ...]


class RowError(IndexError, RuntimeError):
    """A row that is not there: an IndexError to torch's embedding, a RuntimeError to its bags."""


def check_rows(where: str, index: Any, rows: int) -> None:
    """Refuse numbers of rows that are not there; SciPy would read and write beyond the table."""
    if index.size:
        low, high = index.min(), index.max()
        if low < 0 or high >= rows:
            got = f"row {int(low if low < 0 else high)}"
            fix = "num_embeddings counts all numbers, 0 included"
            raise RowError(explain(where, got=got, expected=f"0 to {rows - 1}", fix=fix))


def product(index: Any, starts: Any, weights: Any, x: Any, rows: int, across: bool) -> Any:
    """Return A x, or A^T x if `across`, for A (bags, rows); weights of None are ones."""
    from scipy.sparse import csc_array, csr_array  # SciPy costs time to import: only who needs it

    dtype, bags = wide(x.dtype), starts.size - 1
    values = np.ones(index.size, dtype) if weights is None else weights.astype(dtype, copy=False)
    layout: Any = csc_array if across else csr_array  # the columns of A^T are the bags
    shape = (rows, bags) if across else (bags, rows)
    matrix = layout((values, index, starts), shape=shape)
    return (matrix @ x.astype(dtype, copy=False)).astype(x.dtype, copy=False)


def wide(dtype: Any) -> Any:
    """Return the dtype that sums are formed in: float32 for float16, which SciPy does not know."""
    return np.dtype(np.float32) if dtype == np.float16 else dtype


# ---- bags


def _sum_check(table: Any, weights: Any, index: Any, starts: Any, shares: Any = None) -> None:
    check_rows("sum_rows", index, table.shape[0])


def _spread_check(g: Any, weights: Any, index: Any, starts: Any, rows: int) -> None:
    check_rows("spread_rows", index, rows)
    if g.shape[0] != starts.size - 1:
        expected = f"{starts.size - 1} rows, one for each bag"
        raise ShapeError(explain("spread_rows", got=g.shape, expected=expected))


def _sum_forward(table: Any, weights: Any, index: Any, starts: Any, shares: Any = None) -> Result:
    """(rows, width), (K) -> (bags, width). `shares` scale the gradient of the table."""
    y = product(index, starts, weights, table, table.shape[0], False)
    return (y,), Saved((table, weights), constants=(index, starts, shares, table.shape[0]))


def _sum_backward(saved: Saved, grads: Grads, needs: Sequence[bool]) -> Sequence[Any]:
    (table, weights), g = saved.inputs, grads[0]
    index, starts, shares, rows = saved.constants
    if shares is not None:
        scaled = shares if weights is None else weights * shares
    else:
        scaled = weights
    spread = {"index": index, "starts": starts, "rows": rows}
    return (
        spread_rows(g, scaled, **spread) if needs[0] else None,
        _dots(table, g, index, starts) if needs[1] else None,
    )


def _dots(table: Any, per_bag: Any, index: Any, starts: Any) -> Any:
    """(rows, width), (bags, width) -> (K): each named row times the row of its bag."""
    bag = np.repeat(np.arange(starts.size - 1), np.diff(starts))
    return sum_(rows_of(table, index=index) * rows_of(per_bag, index=bag), dims=(1,), keepdim=False)


def _spread_forward(g: Any, weights: Any, index: Any, starts: Any, rows: int) -> Result:
    """(bags, width), (K) -> (rows, width): to each row the sum over the bags that name it."""
    y = product(index, starts, weights, g, rows, True)
    return (y,), Saved((g, weights), constants=(index, starts))


def _spread_backward(saved: Saved, grads: Grads, needs: Sequence[bool]) -> Sequence[Any]:
    (g, weights), (index, starts) = saved.inputs, saved.constants
    return (
        sum_rows(grads[0], weights, index=index, starts=starts) if needs[0] else None,
        _dots(grads[0], g, index, starts) if needs[1] else None,
    )


sum_rows = define("sum_rows", _sum_forward, _sum_backward, fresh=True, check=_sum_check)
spread_rows = define(
    "spread_rows", _spread_forward, _spread_backward, fresh=True, check=_spread_check
)


# ---- single rows


def _rows_forward(
    table: Any, index: Any, padding: int | None = None, share: bool = False
) -> Result:
    """(rows, width) -> (*index, width).

    The row `padding` gets no gradient; with `share` each naming of a row gets one part in the
    number of its namings.
    """
    y = table.take(index, axis=0)
    return (y,), Saved((None,), constants=(index, padding, share, table.shape))


def _rows_backward(saved: Saved, grads: Grads, needs: Sequence[bool]) -> Sequence[Any]:
    index, padding, share, (rows, width) = saved.constants
    named, starts = index.ravel(), np.arange(index.size + 1)
    plain = is_array(grads[0])
    if not plain:  # what goes back through zeros would not be their gradient
        named, starts = without(named, starts, padding)[:2]
    shares = parts(named, rows, grads[0].dtype) if share else None
    g = reshape(grads[0], shape=(index.size, width))
    dx = spread_rows(g, shares, index=named, starts=starts, rows=rows)
    if plain and padding is not None:
        dx[padding] = 0.0
    return (dx,)


def _rows_check(table: Any, index: Any, **_: Any) -> None:
    check_rows("embedding", index, table.shape[0])


rows_of = define("rows_of", _rows_forward, _rows_backward, fresh=True, check=_rows_check)


def without(index: Any, starts: Any, padding: int | None) -> tuple[Any, Any, Any]:
    """Return index and starts without the row `padding`, and what was kept (None: all)."""
    if padding is None:
        return index, starts, None
    kept = index != padding
    if kept.all():
        return index, starts, None
    before = np.concatenate([[0], np.cumsum(kept)])
    return index[kept], before[starts], kept


def parts(index: Any, rows: int, dtype: Any) -> Any:
    """Return for each naming of a row one part in the number of its namings."""
    return (1.0 / np.bincount(index, minlength=rows))[index].astype(dtype)


# ---- the largest of each bag, column by column


def first_largest(table: Any, index: Any, starts: Any) -> Any:
    """(bags, width): the row that has the largest value; 0 for an empty bag. nan is largest."""
    filled = np.flatnonzero(np.diff(starts))
    found = np.zeros((starts.size - 1, table.shape[1]), np.int64)
    if filled.size and table.shape[1]:
        named = table.take(index, axis=0)
        top = np.maximum.reduceat(named, starts[filled], axis=0)
        top = top.repeat(np.diff(starts)[filled], axis=0)
        hit = (named == top) | (named != named)
        place = np.where(hit, np.arange(index.size)[:, None], index.size)
        found[filled] = index[np.minimum.reduceat(place, starts[filled], axis=0)]
    return found
