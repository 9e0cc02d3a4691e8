"""More ways to cut, join, turn and combine tensors."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any, SupportsIndex

import numpy as np

from rushlight.errors import explain
from rushlight.functional.dims import one_dim, varargs
from rushlight.functional.picking import diag_embed, getitem
from rushlight.functional.reduction import sort
from rushlight.functional.shaping import (
    cat,
    flip,
    hstack,
    meshgrid,
    narrow,
    reshape,
    stack,
    transpose,
    vstack,
)
from rushlight.tape import TensorBase, wrap

if TYPE_CHECKING:
    from rushlight.tensor.tensor import Tensor

__all__ = [
    "adjoint",
    "atleast_3d",
    "block_diag",
    "cartesian_prod",
    "column_stack",
    "combinations",
    "diagflat",
    "dsplit",
    "hsplit",
    "kron",
    "msort",
    "rot90",
    "row_stack",
    "split_with_sizes",
    "tensor_split",
    "unravel_index",
    "vsplit",
]

row_stack = vstack


def tensor_split(
    input: Tensor, indices_or_sections: int | tuple[int, ...] | Tensor, dim: int = 0
) -> tuple[Tensor, ...]:
    """Return n parts of nearly equal size (the first ones larger), or the parts between indices.

    Example:
        >>> import rushlight as rl
        >>> [p.tolist() for p in rl.tensor_split(rl.arange(5), 2)]
        [[0, 1, 2], [3, 4]]
    """
    at = one_dim(dim, input._array.ndim, "tensor_split")
    size = input._array.shape[at]
    cuts: Any = indices_or_sections
    if isinstance(cuts, TensorBase):
        cuts = cuts.tolist()  # type: ignore[attr-defined]
    if not all(isinstance(cut, SupportsIndex) for cut in np.atleast_1d(np.array(cuts, object))):
        expected = "an int, or a sequence of ints"
        raise TypeError(explain("tensor_split", got=repr(cuts), expected=expected))
    if isinstance(cuts, int):
        if cuts < 1:
            raise RuntimeError(explain("tensor_split", got=f"{cuts} parts", expected="1 or more"))
        each, more = divmod(size, cuts)
        cuts = [i * each + min(i, more) for i in range(1, cuts)]
    ends = [slice(a, b).indices(size)[:2] for a, b in itertools.pairwise([0, *cuts, size])]
    return tuple(narrow(input, at, a, max(b - a, 0)) for a, b in ends)


def split_with_sizes(input: Tensor, split_sizes: list[int], dim: int = 0) -> tuple[Tensor, ...]:
    """Return parts of the given sizes."""
    return tuple(input.split(list(split_sizes), dim))


def _even(where: str, input: Tensor, parts: Any, dim: int, low: int) -> tuple[Tensor, ...]:
    if input.ndim < low:
        raise RuntimeError(explain(where, got=f"{input.shape}", expected=f"{low} dims or more"))
    if isinstance(parts, int) and (parts < 1 or input.shape[dim] % parts):
        got = f"size {input.shape[dim]} in {parts} parts"
        raise RuntimeError(explain(where, got=got, expected="equal parts", fix="tensor_split"))
    return tensor_split(input, parts, dim)


def hsplit(input: Tensor, indices_or_sections: Any) -> tuple[Tensor, ...]:
    """Split along dim 1 (dim 0 of a vector)."""
    return _even("hsplit", input, indices_or_sections, min(input.ndim - 1, 1), 1)


def vsplit(input: Tensor, indices_or_sections: Any) -> tuple[Tensor, ...]:
    """Split along dim 0."""
    return _even("vsplit", input, indices_or_sections, 0, 2)


def dsplit(input: Tensor, indices_or_sections: Any) -> tuple[Tensor, ...]:
    """Split along dim 2."""
    return _even("dsplit", input, indices_or_sections, 2, 3)


def column_stack(tensors: Any) -> Tensor:
    """Join along dim 1; vectors and scalars become columns."""
    return hstack([reshape(t, (t.numel(), 1)) if t.ndim < 2 else t for t in tensors])


def atleast_3d(*tensors: Any) -> Any:
    """Return tensors of 3 dims or more: x becomes (1, n, 1), a matrix (m, n, 1)."""
    single = len(tensors) == 1 and isinstance(tensors[0], TensorBase)
    found = []
    for t in tensors if single or len(tensors) != 1 else tensors[0]:
        shape = t._array.shape
        new = {0: (1, 1, 1), 1: (1, *shape, 1), 2: (*shape, 1)}.get(t.ndim, shape)
        found.append(t if new == shape else reshape(t, new))
    return found[0] if single else tuple(found)


def block_diag(*tensors: Tensor) -> Tensor:
    """Return a matrix with matrices (vectors are rows) along its diagonal."""
    parts = [reshape(t, (1, -1)) if t.ndim < 2 else t for t in tensors]
    if any(p.ndim > 2 for p in parts):
        shapes = [tuple(t.shape) for t in tensors]
        raise RuntimeError(explain("block_diag", got=shapes, expected="2 dims or fewer"))
    widths = [p.shape[1] for p in parts]
    rows, before = [], 0
    for p, width in zip(parts, widths, strict=True):
        left, right = (p.new_zeros(p.shape[0], n) for n in (before, sum(widths) - before - width))
        rows.append(cat([left, p, right], 1))
        before += width
    return cat(rows, 0)


def cartesian_prod(*tensors: Tensor) -> Tensor:
    """Return all combinations of an element of each vector, as rows."""
    if len(tensors) == 1:
        return tensors[0]
    grids = meshgrid(*tensors, indexing="ij")
    return stack([reshape(g, -1) for g in grids], 1)


def combinations(input: Tensor, r: int = 2, with_replacement: bool = False) -> Tensor:
    """Return all ways to take r elements of a vector, as rows.

    Example:
        >>> import rushlight as rl
        >>> rl.combinations(rl.tensor([1, 2, 3])).tolist()
        [[1, 2], [1, 3], [2, 3]]
    """
    if input.ndim != 1:
        raise RuntimeError(explain("combinations", got=f"{input.shape}", expected="a vector"))
    choose = itertools.combinations_with_replacement if with_replacement else itertools.combinations
    places = np.array(list(choose(range(input.shape[0]), r)), np.int64).reshape(-1, r)
    return getitem(input, wrap(places)) if r else input.new_empty(0)


def diagflat(input: Tensor, offset: int = 0) -> Tensor:
    """Return a matrix with the flattened tensor on a diagonal."""
    return diag_embed(reshape(input, -1), offset)


def kron(input: Tensor, other: Tensor) -> Tensor:
    """Return the Kronecker product: every element of the first times the whole second."""
    n = max(input.ndim, other.ndim)
    a = (1,) * (n - input.ndim) + tuple(input.shape)
    b = (1,) * (n - other.ndim) + tuple(other.shape)
    left = reshape(input, [size for pair in zip(a, (1,) * n, strict=True) for size in pair])
    right = reshape(other, [size for pair in zip((1,) * n, b, strict=True) for size in pair])
    return reshape(left * right, [p * q for p, q in zip(a, b, strict=True)])


def msort(input: Tensor) -> Tensor:
    """Sort along dim 0."""
    return sort(input, 0).values


def rot90(input: Tensor, k: int = 1, dims: tuple[int, int] | list[int] = (0, 1)) -> Tensor:
    """Turn by 90 degrees k times, from the first of two dims to the second."""
    a, b = (one_dim(d, input._array.ndim, "rot90") for d in dims)
    if a == b:
        raise RuntimeError(explain("rot90", got=f"dims {tuple(dims)}", expected="two dims"))
    k %= 4
    if k == 2:
        return flip(input, (a, b))
    if k == 0:
        return input.clone()
    return transpose(flip(input, (b,)), a, b) if k == 1 else flip(transpose(input, a, b), (b,))


def adjoint(input: Tensor) -> Tensor:
    """Return the matrices transposed (there are no complex numbers); a view."""
    return transpose(input, -2, -1)


def unravel_index(indices: Tensor, shape: Any) -> tuple[Tensor, ...]:
    """Return where elements of a tensor of that shape stand, from their flat numbers."""
    sizes = varargs((shape,))
    array, total = indices._array, int(np.prod(sizes, dtype=np.int64))
    if array.size and (array.min() < -total or array.max() >= total):
        got = f"{array.min()} to {array.max()}"
        raise ValueError(explain("unravel_index", got=got, expected=f"within {total} elements"))
    return tuple(map(wrap, np.unravel_index(array % max(total, 1), sizes)))
