"""Embedding: rows of a table by their number, and sums, means and maxima of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from rushlight.arrays import is_float
from rushlight.errors import DtypeError, ShapeError, explain
from rushlight.functional.elementwise import where
from rushlight.functional.picking import gather, getitem
from rushlight.functional.shaping import reshape
from rushlight.ops import embedding as ops
from rushlight.ops import reduce
from rushlight.tape import apply, quietly, traced, wrap, wrote

if TYPE_CHECKING:
    from rushlight.tensor.tensor import Tensor

__all__ = ["embedding", "embedding_bag"]


def padding_row(padding_idx: int | None, rows: int, where: str) -> int | None:
    """Return padding_idx counted from the front."""
    if padding_idx is None:
        return None
    if not -rows <= padding_idx < rows:
        error = RuntimeError if where == "embedding_bag" else AssertionError  # as torch
        raise error(explain(where, got=f"padding_idx={padding_idx}", expected=f"a row of {rows}"))
    return padding_idx + rows if padding_idx < 0 else padding_idx


def refuse_sparse(sparse: bool, where: str) -> None:
    """Say that there are no sparse gradients."""
    if sparse:
        raise NotImplementedError(f"{where}: sparse=True is not supported; gradients are dense")


def _row_numbers(input: Tensor, weight: Tensor, where: str) -> Any:
    """Return the input's array, which must name rows of the table."""
    index, table = input._array, weight._array
    if index.dtype not in (np.int64, np.int32):
        raise DtypeError(
            explain(where, got=f"input {index.dtype.name}", expected="int64 or int32",
                    fix="use .long(); the input comes before the weight")
        )  # fmt: skip
    if table.ndim != 2:
        raise ShapeError(
            explain(where, got=f"weight {table.shape}", expected="(num_embeddings, embedding_dim)")
        )
    ops.check_rows(where, index, table.shape[0])
    return index


def _limit_norms(weight: Tensor, index: Any, max_norm: float, norm_type: float) -> None:
    """Scale the named rows, where their norm is above the limit, down to it: in the table."""
    table, named = weight._array, np.unique(index)
    if not is_float(table.dtype):
        got = f"weight {table.dtype.name} with max_norm={max_norm}"
        raise DtypeError(explain("embedding", got=got, expected="a floating dtype"))
    norms = quietly(reduce.norm_p, table[named], dims=(1,), keepdim=True, p=float(norm_type))
    above = norms[:, 0] > max_norm
    if above.any():
        table[named[above]] *= max_norm / (norms[above] + 1e-7)
        wrote("renorm", weight, how="forget")


def embedding(
    input: Tensor,
    weight: Tensor,
    padding_idx: int | None = None,
    max_norm: float | None = None,
    norm_type: float = 2.0,
    scale_grad_by_freq: bool = False,
    sparse: bool = False,
) -> Tensor:
    """Return the rows of a table that the input names.

    Args:
        input: int64 or int32, row numbers.
        weight: (num_embeddings, embedding_dim), the table.
        padding_idx: a row that gets no gradient; may be negative.
        max_norm: a number: rows that are named and whose norm is above are scaled down to it, in
            the table itself.
        norm_type: p of that norm; default 2.
        scale_grad_by_freq: divide the gradient of a row by how often it is named; default False.
        sparse: not supported.

    Raises:
        IndexError: for a row that is not there.
        RuntimeError: for an input that is not int64 or int32.
        NotImplementedError: if `sparse`.

    Example:
        >>> import rushlight as rl
        >>> table = rl.tensor([[0.0, 1.0], [2.0, 3.0]])
        >>> rl.nn.functional.embedding(rl.tensor([1, 1, 0]), table)
        tensor([[2., 3.],
                [2., 3.],
                [0., 1.]])
    """
    refuse_sparse(sparse, "embedding")
    index = _row_numbers(input, weight, "embedding")
    padding = padding_row(padding_idx, weight._array.shape[0], "embedding")
    if max_norm is not None:
        _limit_norms(weight, index, max_norm, norm_type)
    options = {"index": index, "padding": padding, "share": scale_grad_by_freq}
    return apply(ops.rows_of, (weight,), options, (input,))


@traced(2)
def embedding_bag(
    input: Tensor,
    weight: Tensor,
    offsets: Tensor | None = None,
    max_norm: float | None = None,
    norm_type: float = 2,
    scale_grad_by_freq: bool = False,
    mode: str = "mean",
    sparse: bool = False,
    per_sample_weights: Tensor | None = None,
    include_last_offset: bool = False,
    padding_idx: int | None = None,
) -> Tensor:
    """Return the sum, mean or maximum of the rows that each bag names; 0 for an empty bag.

    Args:
        input: int64 or int32, row numbers: (B, n), a bag in each row, or (K) with offsets.
        weight: (num_embeddings, embedding_dim), the table.
        offsets: (B), where in a flat input each bag begins; the first is 0.
        max_norm: a number: rows that are named and whose norm is above are scaled down to it, in
            the table itself.
        norm_type: p of that norm; default 2.
        scale_grad_by_freq: divide the gradient of a row by how often it is named; default False.
        mode: 'sum', 'mean' (default) or 'max'.
        sparse: not supported.
        per_sample_weights: as the input, factors of the rows; for 'sum'.
        include_last_offset: the offsets are (B + 1), their last the end of the last bag.
        padding_idx: a row that no bag counts; may be negative.

    Raises:
        ValueError: for shapes, offsets or a mode that do not go together.
        RuntimeError: for a row that is not there.
        NotImplementedError: if `sparse`, or for per_sample_weights in another mode than 'sum'.

    Example:
        >>> import rushlight as rl
        >>> table = rl.tensor([[0.0, 1.0], [2.0, 3.0]])
        >>> bags = rl.tensor([1, 1, 0]), table, rl.tensor([0, 2])
        >>> rl.nn.functional.embedding_bag(*bags, mode="sum")
        tensor([[4., 6.],
                [0., 1.]])
    """
    _check_bags(input, weight, mode, per_sample_weights, scale_grad_by_freq)
    refuse_sparse(sparse, "embedding_bag")
    _row_numbers(input, weight, "embedding_bag")
    all_starts = _starts(input._array, offsets, include_last_offset)
    if max_norm is not None:
        _limit_norms(weight, input._array, max_norm, norm_type)
    rows = weight._array.shape[0]
    padding = padding_row(padding_idx, rows, "embedding_bag")
    end = int(all_starts[-1])  # what comes behind the last bag is in none
    index, starts, kept = ops.without(input._array.ravel()[:end], all_starts, padding)
    if mode == "max":
        return _largest(weight, index, starts)
    factors = per_sample_weights
    if factors is not None:
        factors = getitem(reshape(factors, -1), slice(0, end))
        factors = factors if kept is None else getitem(factors, kept)
    dtype = ops.wide(weight._array.dtype)
    if mode == "mean":
        counts = np.diff(starts)
        factors = wrap(np.repeat(1.0 / np.maximum(counts, 1), counts).astype(dtype))
    shares = ops.parts(index, rows, dtype) if scale_grad_by_freq else None
    options = {"index": index, "starts": starts, "shares": shares}
    return apply(ops.sum_rows, (weight, factors), options, (input,))


def _largest(weight: Tensor, index: Any, starts: Any) -> Tensor:
    found = ops.first_largest(weight._array, index, starts)
    empty = starts[1:] == starts[:-1]
    if not weight._array.shape[0]:
        return weight.new_zeros(found.shape)
    top = gather(weight, 0, wrap(found))
    return where(wrap(empty[:, None]), 0.0, top) if empty.any() else top


def _check_bags(
    input: Tensor, weight: Tensor, mode: str, factors: Tensor | None, by_freq: bool
) -> None:
    if mode not in ("sum", "mean", "max"):
        raise ValueError(
            explain("embedding_bag", got=f"mode={mode!r}", expected="'sum', 'mean' or 'max'")
        )
    if mode == "max" and by_freq:
        raise ValueError("embedding_bag: mode 'max' takes no scale_grad_by_freq")
    if not is_float(weight._array.dtype):
        got = f"weight {weight._array.dtype.name}"
        raise DtypeError(explain("embedding_bag", got=got, expected="a floating dtype"))
    if factors is None:
        return
    if factors._array.shape != input._array.shape:
        got = f"per_sample_weights {factors._array.shape}"
        raise ShapeError(
            explain("embedding_bag", got=got, expected=f"{input._array.shape}, as input")
        )
    if mode != "sum":
        raise NotImplementedError(
            explain("embedding_bag", got=f"per_sample_weights with mode={mode!r}", expected="'sum'")
        )
    if factors._array.dtype != weight._array.dtype:
        got = f"per_sample_weights {factors._array.dtype.name}"
        raise DtypeError(explain("embedding_bag", got=got, expected=weight._array.dtype.name))


def _starts(index: Any, offsets: Tensor | None, closed: bool) -> Any:
    """Return where each bag begins and, last, where the last one ends."""
    if index.ndim == 2:
        if offsets is not None:
            raise ValueError(
                "embedding_bag: an input of 2 dims, a bag in each row, takes no offsets"
            )
        bags, size = index.shape
        return np.arange(bags + 1) * size
    if index.ndim != 1:
        raise ShapeError(
            explain(
                "embedding_bag", got=f"input {index.shape}", expected="(B, n), or (K) and offsets"
            )
        )
    if offsets is None:
        raise ValueError("embedding_bag: an input of 1 dim needs offsets, the begin of each bag")
    begin = offsets._array
    if begin.ndim != 1 or begin.dtype.kind != "i" or (closed and not begin.size):
        got = f"offsets {begin.shape} of {begin.dtype.name}"
        raise ShapeError(explain("embedding_bag", got=got, expected="one dim of ints"))
    starts = begin if closed else np.append(begin, index.size if begin.size else 0)
    if starts[0] or starts[-1] > index.size or (np.diff(starts) < 0).any():
        raise ShapeError(
            explain(
                "embedding_bag",
                got=f"offsets {begin.tolist() if begin.size < 9 else begin}",
                expected=f"0 at first, then rising to at most {index.size}, the size of the input",
            )
        )
    return starts
