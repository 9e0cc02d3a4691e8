"""Picking and placing: indexing, gather and scatter, masks, diagonals and triangles."""

from __future__ import annotations

import builtins
from typing import TYPE_CHECKING, Any

import numpy as np

from rushlight.errors import DtypeError, ShapeError, explain
from rushlight.functional.creation import is_tensor
from rushlight.functional.dims import one_dim
from rushlight.functional.elementwise import where
from rushlight.functional.shaping import broadcast_tensors, expand, movedim, reshape
from rushlight.ops import index as ix
from rushlight.tape import TensorBase, apply, traced, wrap

if TYPE_CHECKING:
    from rushlight.tensor.tensor import Tensor

__all__ = [
    "argwhere",
    "diag",
    "diag_embed",
    "diagonal",
    "gather",
    "getitem",
    "index_add",
    "index_fill",
    "index_select",
    "masked_select",
    "nonzero",
    "one_hot",
    "repeat_interleave",
    "scatter",
    "scatter_add",
    "take",
    "take_along_dim",
    "trace",
    "tril",
    "tril_indices",
    "triu",
    "triu_indices",
]


# ---- the index operator


def getitem(input: Tensor, index: Any) -> Tensor:
    """Return `input[index]` for ints, slices, None, ..., and tensors or lists of ints or bools.

    Without tensors or lists in the index the result is a view.

    Example:
        >>> import rushlight as rl
        >>> x = rl.arange(6).reshape(2, 3)
        >>> x[1, :], x[:, [0, 2]], x[x > 2]
        (tensor([3, 4, 5]), tensor([[0, 2],
                [3, 5]]), tensor([3, 4, 5]))
    """
    basic, advanced = index_parts(index)
    if basic is not None:
        input = apply(ix.getitem, (input,), {"index": basic})
    if advanced is None:
        return input
    watch = [
        i for i in (index if isinstance(index, tuple) else (index,)) if isinstance(i, TensorBase)
    ]
    return apply(ix.getitem, (input,), {"index": advanced}, watch)


def index_parts(index: Any) -> tuple[Any, Any]:
    """Return an index as one of slices and ints and, after it, one of arrays; None: there is none.

    In two steps because NumPy counts an int beside arrays as an array and torch does not: the dims
    of the arrays stand elsewhere in the result.
    """
    plain = _plain((None,) if index is None else index)
    if not isinstance(plain, tuple):
        if isinstance(plain, np.ndarray):
            return None, plain
        return (None,) if plain is None else plain, None
    if not any(isinstance(part, np.ndarray) for part in plain):
        return plain, None
    if not any(isinstance(part, int) for part in plain):
        return None, plain
    basic: list[Any] = []
    advanced: list[Any] = []
    for part in plain:
        if isinstance(part, np.ndarray):
            basic += [slice(None)] * (part.ndim if part.dtype == np.bool_ else 1)
            advanced.append(part)
        else:
            basic.append(part)
            if not isinstance(part, int):
                advanced.append(part if part is Ellipsis else slice(None))
    return tuple(basic), tuple(advanced)


def _plain(index: Any) -> Any:
    """Turn tensors, lists and NumPy scalars in an index into arrays and ints."""
    if isinstance(index, tuple):
        return tuple([_plain(part) for part in index])
    if isinstance(index, TensorBase):
        array = index._array
        if array.dtype.kind == "f" or array.dtype == np.uint8:
            raise IndexError(
                explain(
                    "index",
                    got=f"a tensor of {array.dtype.name}",
                    expected="ints or bools",
                    fix="use .long() or .bool()",
                )
            )
        return index.item() if array.ndim == 0 and array.dtype.kind in "iu" else array  # type: ignore[attr-defined]
    if isinstance(index, (list, range)):
        return np.asarray([_plain(part) for part in index]) if index else np.empty(0, np.int64)
    return int(index) if isinstance(index, np.integer) else index


# ---- one dim


def index_select(input: Tensor, dim: int, index: Tensor) -> Tensor:
    """Return the rows (of any dim) that a vector of indices names."""
    at = one_dim(dim, input._array.ndim, "index_select")
    if not input._array.ndim:
        return reshape(getitem(reshape(input, 1), index), ())
    return getitem(input, (slice(None),) * at + (index,))


def index_add(
    input: Tensor, dim: int, index: Tensor, source: Tensor, *, alpha: float = 1
) -> Tensor:
    """Return `input` with row i of alpha * source added to row index[i] (of any dim)."""
    at = one_dim(dim, input._array.ndim, "index_add")
    cells = (slice(None),) * at + (index._array,)
    options = {"index": cells, "shape": input._array.shape}
    added = apply(ix.put, (source,), options, (index,))
    return input + (added if alpha == 1 else added * alpha)


@traced()
def index_fill(input: Tensor, dim: int, index: Tensor, value: Any) -> Tensor:
    """Return `input` with the rows (of any dim) that `index` names filled with a value."""
    at = one_dim(dim, input._array.ndim, "index_fill")
    hit = np.zeros(input._array.shape, np.bool_)
    hit[(slice(None),) * at + (index._array,)] = True
    return where(wrap(hit), value, input).to(input.dtype)


@traced()
def repeat_interleave(input: Tensor, repeats: int | Tensor, dim: int | None = None) -> Tensor:
    """Repeat each element (of the flattened tensor if `dim` is None) in place."""
    if dim is None:
        return repeat_interleave(reshape(input, -1), repeats, 0)
    at = one_dim(dim, input._array.ndim, "repeat_interleave")
    counts = repeats._array if isinstance(repeats, TensorBase) else repeats
    return index_select(input, at, wrap(np.repeat(np.arange(input._array.shape[at]), counts)))


def take(input: Tensor, index: Tensor) -> Tensor:
    """Return the elements of the flattened tensor that the indices name."""
    return getitem(reshape(input, -1), index)


# ---- gather and scatter


def gather(input: Tensor, dim: int, index: Tensor) -> Tensor:
    """Return out[i][j] = input[index[i][j]][j] (for dim 0), and so on for other dims."""
    at = one_dim(dim, input._array.ndim, "gather")
    check_along(input._array.shape, index._array, at, "gather")
    return apply(ix.gather, (input,), {"index": index._array, "dim": at}, (index,))


def take_along_dim(input: Tensor, indices: Tensor, dim: int | None = None) -> Tensor:
    """Gather along `dim` (in the flattened tensor if None), input and indices broadcast."""
    if dim is None:
        return gather(reshape(input, -1), 0, reshape(indices, -1))
    at = one_dim(dim, input._array.ndim, "take_along_dim")
    shape, places = list(input._array.shape), list(indices._array.shape)
    both = list(np.broadcast_shapes((*shape[:at], 1, *shape[at + 1 :]),
                                    (*places[:at], 1, *places[at + 1 :])))  # fmt: skip
    wide = expand(input, (*both[:at], shape[at], *both[at + 1 :]))
    return gather(wide, at, expand(indices, (*both[:at], places[at], *both[at + 1 :])))


def scatter_add(input: Tensor, dim: int, index: Tensor, src: Tensor) -> Tensor:
    """Return `input` with src[i][j] added at [index[i][j]][j] (for dim 0)."""
    at = one_dim(dim, input._array.ndim, "scatter_add")
    check_along(input._array.shape, index._array, at, "scatter_add")
    check_source(src, index, input, "scatter_add")
    part = getitem(src, tuple(slice(0, n) for n in index._array.shape))
    options = {"index": index._array, "dim": at, "shape": input._array.shape}
    return input + apply(ix.scatter_add, (part,), options, (index,))


@traced()
def scatter(
    input: Tensor, dim: int, index: Tensor, src: Any = None, *, value: Any = None
) -> Tensor:
    """Return `input` with src[i][j] (or one value) put at [index[i][j]][j] (for dim 0).

    Of several sources of one cell the last is taken.

    Example:
        >>> import rushlight as rl
        >>> rl.zeros(2, 3).scatter(1, rl.tensor([[2], [0]]), 1.0)
        tensor([[0., 0., 1.],
                [1., 0., 0.]])
    """
    given: Any = value if src is None else src
    at = one_dim(dim, input._array.ndim, "scatter")
    shape, places = input._array.shape, index._array
    check_along(shape, places, at, "scatter")
    winner = np.full(shape, -1, np.int64)
    grids = ix.along(places, at)
    if not is_tensor(given):
        winner[grids] = 0
        return where(wrap(winner >= 0), given, input).to(input.dtype)
    check_source(given, index, input, "scatter")
    part = reshape(getitem(given, tuple(slice(0, n) for n in places.shape)), -1)
    if not places.size:
        return input.clone()
    winner[grids] = np.arange(places.size).reshape(places.shape)
    chosen = getitem(part, wrap(np.maximum(winner, 0)))
    return where(wrap(winner >= 0), chosen, input)


def check_source(src: Tensor, index: Tensor, input: Tensor, where: str) -> None:
    if src._array.dtype != input._array.dtype:
        raise DtypeError(
            explain(where, got=f"src of {src._array.dtype.name}", expected=input._array.dtype.name)
        )
    shape, places = src._array.shape, index._array.shape
    if len(shape) != len(places) or any(n < m for n, m in zip(shape, places, strict=True)):
        raise ShapeError(explain(where, got=f"src {shape}", expected=f"sizes of {places} or more"))


def check_along(shape: tuple[int, ...], index: Any, dim: int, where: str) -> None:
    if index.dtype.kind not in "iu":
        raise IndexError(explain(where, got=f"an index of {index.dtype.name}", expected="int64"))
    if index.ndim != len(shape) or any(
        n > m for i, (n, m) in enumerate(zip(index.shape, shape, strict=True)) if i != dim
    ):
        raise ShapeError(
            explain(where, got=f"an index {index.shape}", expected=f"sizes within {shape}")
        )
    size = shape[dim] if shape else 1
    if index.size and (index.min() < 0 or index.max() >= size):
        bad = index.min() if index.min() < 0 else index.max()
        raise RuntimeError(  # as torch, though the index operator raises IndexError
            explain(where, got=f"index {bad}", expected=f"0 to {size - 1} in dim {dim}")
        )


# ---- masks


def masked_select(input: Tensor, mask: Tensor) -> Tensor:
    """Return the elements where a bool mask holds, as a vector."""
    if mask._array.dtype != np.bool_:
        raise DtypeError(
            explain("masked_select", got=f"a mask of {mask._array.dtype.name}", expected="bool")
        )
    a, m = broadcast_tensors(input, mask)
    return getitem(a, m)


@traced()
def nonzero(input: Tensor, *, as_tuple: bool = False) -> Any:
    """Return the places of the non-zero elements: rows of a matrix, or a vector for each dim."""
    if as_tuple:
        return tuple(wrap(np.asarray(i)) for i in np.atleast_1d(input._array).nonzero())
    return wrap(np.argwhere(input._array))


@traced()
def argwhere(input: Tensor) -> Tensor:
    """Return the places of the non-zero elements as rows of a matrix."""
    return wrap(np.argwhere(input._array))


# ---- diagonals and triangles


def diagonal(input: Tensor, offset: int = 0, dim1: int = 0, dim2: int = 1) -> Tensor:
    """Return the diagonal of two dims as the last dim; a view."""
    ndim = input._array.ndim
    a, b = one_dim(dim1, ndim, "diagonal"), one_dim(dim2, ndim, "diagonal")
    if a == b:
        raise RuntimeError(explain("diagonal", got=f"dim {a} twice", expected="two dims"))
    moved = movedim(input, (a, b), (ndim - 2, ndim - 1))
    rows, cols = moved._array.shape[-2:]
    length = builtins.max(
        builtins.min(rows + builtins.min(offset, 0), cols - builtins.max(offset, 0)), 0
    )
    top, left = builtins.max(-offset, 0), builtins.max(offset, 0)
    square = getitem(moved, (Ellipsis, slice(top, top + length), slice(left, left + length)))
    return apply(ix.diagonal, (square,), {})


def diag_embed(input: Tensor, offset: int = 0, dim1: int = -2, dim2: int = -1) -> Tensor:
    """Return matrices with the last dim on their diagonal and 0 elsewhere."""
    *lead, length = input._array.shape
    size = length + builtins.abs(offset)
    i = np.arange(length)
    cells = (Ellipsis, i - builtins.min(offset, 0), i + builtins.max(offset, 0))
    out = apply(ix.put, (input,), {"index": cells, "shape": (*lead, size, size)})
    return movedim(out, (-2, -1), (dim1, dim2))


def diag(input: Tensor, diagonal: int = 0) -> Tensor:
    """Return the diagonal of a matrix, or the matrix with a vector on its diagonal."""
    ndim = input._array.ndim
    if ndim not in (1, 2):
        raise ShapeError(
            explain("diag", got=f"a tensor {input.shape}", expected="a vector or a matrix")
        )
    return diag_embed(input, diagonal) if ndim == 1 else _diagonal(input, diagonal)


_diagonal = diagonal


def trace(input: Tensor) -> Tensor:
    """Return the sum of the diagonal of a matrix."""
    if input._array.ndim != 2:
        raise ShapeError(explain("trace", got=f"a tensor {input.shape}", expected="a matrix"))
    return diagonal(input).sum()


def _triangle(input: Tensor, where_: str, diagonal: int, upper: bool) -> Tensor:
    if input._array.ndim < 2:
        raise ShapeError(explain(where_, got=f"a tensor {input.shape}", expected="2 dims or more"))
    rows, cols = input._array.shape[-2:]
    inside = _triangle_mask(rows, cols, diagonal, upper)
    return where(inside, input, False)  # a product: inf * 0 is nan


@traced(0, "triangle")
def _triangle_mask(rows: int, cols: int, diagonal: int, upper: bool) -> Tensor:
    lower = np.tri(rows, cols, diagonal - 1 if upper else diagonal, dtype=np.bool_)
    return wrap(~lower if upper else lower)


def tril(input: Tensor, diagonal: int = 0) -> Tensor:
    """Return the lower triangle; the rest is 0."""
    return _triangle(input, "tril", diagonal, upper=False)


def triu(input: Tensor, diagonal: int = 0) -> Tensor:
    """Return the upper triangle; the rest is 0.

    Example:
        >>> import rushlight as rl
        >>> rl.triu(rl.full((2, 2), float("-inf")), diagonal=1)
        tensor([[0., -inf],
                [0., 0.]])
    """
    return _triangle(input, "triu", diagonal, upper=True)


def tril_indices(row: int, col: int, offset: int = 0) -> Tensor:
    """Return the (2, n) row and column numbers of the lower triangle."""
    return wrap(np.stack(np.tril_indices(row, offset, col)))


def triu_indices(row: int, col: int, offset: int = 0) -> Tensor:
    """Return the (2, n) row and column numbers of the upper triangle."""
    return wrap(np.stack(np.triu_indices(row, offset, col)))


@traced()
def one_hot(tensor: Tensor, num_classes: int = -1) -> Tensor:
    """Return int64 rows that are 1 at the class and 0 elsewhere.

    Args:
        tensor: integer classes of any shape.
        num_classes: default -1, the largest class + 1.
    """
    array = tensor._array
    if array.dtype.kind not in "iu":
        raise TypeError(explain("one_hot", got=array.dtype.name, expected="an integer dtype"))
    top = int(array.max()) if array.size else num_classes - 1
    classes = top + 1 if num_classes == -1 else num_classes
    if array.size and (int(array.min()) < 0 or top >= classes):
        expected = "classes >= 0" if num_classes == -1 else f"0 to {classes - 1}"
        got = f"classes {array.min()} to {top}"
        raise RuntimeError(explain("one_hot", got=got, expected=expected))
    return wrap((array[..., None] == np.arange(classes)).astype(np.int64))
