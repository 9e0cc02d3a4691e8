"""Rearranging: reshape, permute, join, cut, repeat, and picking by index."""

from __future__ import annotations

import builtins
from collections.abc import Sequence
from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np

from rushlight.errors import ShapeError, explain
from rushlight.functional.dims import numpy_names, one_dim, some_dims, varargs
from rushlight.ops import index as ix
from rushlight.ops import shape as sh
from rushlight.tape import TensorBase, apply

if TYPE_CHECKING:
    from rushlight.tensor.tensor import Tensor

__all__ = [
    "atleast_1d",
    "atleast_2d",
    "broadcast_shapes",
    "broadcast_tensors",
    "broadcast_to",
    "cat",
    "chunk",
    "clone",
    "concat",
    "concatenate",
    "dstack",
    "expand",
    "flatten",
    "flip",
    "fliplr",
    "flipud",
    "hstack",
    "meshgrid",
    "moveaxis",
    "movedim",
    "narrow",
    "permute",
    "ravel",
    "repeat",
    "reshape",
    "roll",
    "select",
    "split",
    "squeeze",
    "stack",
    "swapaxes",
    "swapdims",
    "t",
    "tile",
    "transpose",
    "unbind",
    "unflatten",
    "unsqueeze",
    "vstack",
]


def clone(input: Tensor) -> Tensor:
    """Return a copy with its own memory; gradients flow through it."""
    return apply(sh.clone, (input,), {})


# ---- shape


def reshape(input: Tensor, *shape: Any) -> Tensor:
    """Return the tensor in another shape (one size may be -1), a view where the layout allows it.

    Example:
        >>> import rushlight as rl
        >>> rl.arange(6).reshape(2, -1).shape
        (2, 3)
    """
    return apply(sh.reshape, (input,), {"shape": varargs(shape)})


def flatten(input: Tensor, start_dim: int = 0, end_dim: int = -1) -> Tensor:
    """Join the dims from `start_dim` to `end_dim` (both included) into one."""
    shape = input._array.shape
    if not shape:
        return reshape(input, 1)
    start = one_dim(start_dim, len(shape), "flatten")
    end = one_dim(end_dim, len(shape), "flatten")
    if start > end:
        raise RuntimeError(
            explain("flatten", got=f"dims {start_dim} to {end_dim}", expected="start before end")
        )
    joined = prod(shape[start : end + 1])
    return reshape(input, (*shape[:start], joined, *shape[end + 1 :]))


def ravel(input: Tensor) -> Tensor:
    """Return the tensor with one dim."""
    return reshape(input, -1)


def unflatten(input: Tensor, dim: int, sizes: Sequence[int]) -> Tensor:
    """Split one dim into several; one of `sizes` may be -1."""
    shape = input._array.shape
    at = one_dim(dim, len(shape), "unflatten")
    known = prod(n for n in sizes if n != -1)
    filled = tuple(shape[at] // max(known, 1) if n == -1 else n for n in sizes)
    if prod(filled) != shape[at] or builtins.sum(n == -1 for n in sizes) > 1:
        raise ShapeError(
            explain("unflatten", got=f"sizes {tuple(sizes)}", expected=f"a product of {shape[at]}")
        )
    return reshape(input, (*shape[:at], *filled, *shape[at + 1 :]))


def permute(input: Tensor, *dims: Any) -> Tensor:
    """Return the dims in another order, as a view."""
    order = varargs(dims)
    ndim = input._array.ndim
    found = tuple(one_dim(d, ndim, "permute") for d in order)
    if sorted(found) != list(range(ndim)):
        raise RuntimeError(
            explain("permute", got=f"dims {order}", expected=f"each of 0 to {ndim - 1} once")
        )
    return apply(sh.permute, (input,), {"dims": found})


def transpose(input: Tensor, dim0: int, dim1: int) -> Tensor:
    """Swap two dims, as a view."""
    ndim = input._array.ndim
    a, b = one_dim(dim0, ndim, "transpose"), one_dim(dim1, ndim, "transpose")
    order = list(range(ndim))
    if ndim:
        order[a], order[b] = b, a
    return apply(sh.permute, (input,), {"dims": tuple(order)})


swapaxes = swapdims = transpose


def t(input: Tensor) -> Tensor:
    """Transpose a matrix; vectors and scalars stay as they are."""
    if input._array.ndim > 2:
        raise ShapeError(explain("t", got=f"a tensor {input.shape}", expected="at most 2 dims"))
    return transpose(input, 0, 1) if input._array.ndim == 2 else input


def movedim(input: Tensor, source: Any, destination: Any) -> Tensor:
    """Move dims to new places; the others keep their order."""
    ndim = input._array.ndim
    froms = [one_dim(d, ndim, "movedim") for d in varargs((source,))]
    tos = [one_dim(d, ndim, "movedim") for d in varargs((destination,))]
    if len(froms) != len(tos) or len(set(froms)) < len(froms) or len(set(tos)) < len(tos):
        raise RuntimeError(
            explain("movedim", got=f"{source} to {destination}", expected="as many distinct dims")
        )
    if ndim == 0:
        return reshape(input, ())
    order = [d for d in range(ndim) if d not in froms]
    for to, source_dim in sorted(zip(tos, froms, strict=True)):
        order.insert(to, source_dim)
    return permute(input, order)


moveaxis = movedim


def squeeze(input: Tensor, dim: int | Sequence[int] | None = None) -> Tensor:
    """Drop dims of size 1: all of them, or those named (others are left alone)."""
    shape = input._array.shape
    dims = some_dims(dim, len(shape), "squeeze")
    return reshape(input, tuple(n for i, n in enumerate(shape) if n != 1 or i not in dims))


def unsqueeze(input: Tensor, dim: int) -> Tensor:
    """Insert a dim of size 1 at `dim`."""
    shape = input._array.shape
    at = one_dim(dim, len(shape) + 1, "unsqueeze")
    return reshape(input, (*shape[:at], 1, *shape[at:]))


def expand(input: Tensor, *sizes: Any) -> Tensor:
    """Return a broadcast view; -1 keeps a size, new dims come in front."""
    want, have = varargs(sizes), input._array.shape
    extra = len(want) - len(have)
    if extra < 0 or any(n == -1 for n in want[:extra]):
        raise ShapeError(
            explain("expand", got=f"sizes {want}", expected=f"at least {len(have)} of them, >= 0")
        )
    shape = tuple(have[i - extra] if n == -1 else n for i, n in enumerate(want))
    return apply(sh.expand, (input,), {"shape": shape})


def broadcast_to(input: Tensor, size: Sequence[int]) -> Tensor:
    """Return a broadcast view of shape `size`."""
    return expand(input, size)


def broadcast_shapes(*shapes: Sequence[int]) -> tuple[int, ...]:
    """Return the shape that tensors of these shapes broadcast to."""
    try:
        return np.broadcast_shapes(*[tuple(shape) for shape in shapes])
    except ValueError:
        raise ShapeError(
            explain("broadcast", got=f"shapes {shapes}", expected="shapes that broadcast")
        ) from None


def broadcast_tensors(*tensors: Tensor) -> list[Tensor]:
    """Broadcast all tensors against each other."""
    shape = broadcast_shapes(*[x._array.shape for x in tensors])
    return [expand(x, shape) for x in tensors]


def meshgrid(*tensors: Any, indexing: str = "ij") -> list[Tensor]:
    """Return coordinate grids of vectors; `indexing` is 'ij' or 'xy' (first two dims swapped)."""
    vectors = (
        list(tensors[0])
        if len(tensors) == 1 and not isinstance(tensors[0], TensorBase)
        else list(tensors)
    )
    if indexing not in ("ij", "xy"):
        raise ValueError(explain("meshgrid", got=f"indexing={indexing!r}", expected="'ij' or 'xy'"))
    swap = indexing == "xy" and len(vectors) > 1
    if swap:
        vectors[:2] = vectors[1::-1]
    sizes = [int(v.numel()) for v in vectors]
    grids = [
        expand(reshape(v, [-1 if i == j else 1 for j in range(len(sizes))]), sizes)
        for i, v in enumerate(vectors)
    ]
    if swap:
        grids[:2] = grids[1::-1]
    return grids


# ---- joining and cutting


@numpy_names
def cat(tensors: Sequence[Tensor], dim: int = 0) -> Tensor:
    """Join tensors along an existing dim."""
    parts = [x for x in tensors if x._array.shape != (0,)] or list(tensors[:1])  # as torch
    if not parts:
        raise ValueError(explain("cat", got="no tensors", expected="at least one"))
    at = one_dim(dim, parts[0]._array.ndim, "cat")
    if parts[0]._array.ndim == 0:
        raise ShapeError(explain("cat", got="a scalar", expected="at least 1 dim", fix="use stack"))
    return apply(sh.cat, tuple(parts), {"dim": at})


concat = concatenate = cat


def atleast_1d(input: Tensor) -> Tensor:
    """Return a tensor with one dim or more."""
    return input if input._array.ndim else reshape(input, 1)


def atleast_2d(input: Tensor) -> Tensor:
    """Return a tensor with two dims or more; a vector becomes a row."""
    return input if input._array.ndim > 1 else reshape(input, 1, -1)


def hstack(tensors: Sequence[Tensor]) -> Tensor:
    """Join along dim 1 (vectors along dim 0)."""
    parts = [atleast_1d(x) for x in tensors]
    return cat(parts, 0 if parts and parts[0]._array.ndim == 1 else 1)


def vstack(tensors: Sequence[Tensor]) -> Tensor:
    """Join along dim 0; vectors become rows."""
    return cat([atleast_2d(x) for x in tensors], 0)


def dstack(tensors: Sequence[Tensor]) -> Tensor:
    """Join along dim 2; matrices get a third dim."""
    wide = [atleast_2d(x) for x in tensors]
    return cat([unsqueeze(x, 2) if x._array.ndim == 2 else x for x in wide], 2)


def stack(tensors: Sequence[Tensor], dim: int = 0) -> Tensor:
    """Join tensors of one shape along a new dim."""
    if not len(tensors):
        raise ValueError(explain("stack", got="no tensors", expected="at least one"))
    shapes = {x._array.shape for x in tensors}
    if len(shapes) > 1:
        raise ShapeError(explain("stack", got=f"shapes {sorted(shapes)}", expected="equal shapes"))
    at = one_dim(dim, tensors[0]._array.ndim + 1, "stack")
    return cat([unsqueeze(x, at) for x in tensors], at)


def _slice(input: Tensor, index: tuple[Any, ...]) -> Tensor:
    """Return a view by slices and ints."""
    return apply(ix.getitem, (input,), {"index": index})


def narrow(input: Tensor, dim: int, start: int, length: int) -> Tensor:
    """Return the slice [start, start + length) of one dim, as a view."""
    at = one_dim(dim, input._array.ndim, "narrow")
    size = input._array.shape[at]
    first = start + size if start < 0 else start
    if length < 0 or not 0 <= first <= size - length:
        raise RuntimeError(
            explain("narrow", got=f"start {start}, length {length}", expected=f"within 0 to {size}")
        )
    return _slice(input, (slice(None),) * at + (slice(first, first + length),))


def select(input: Tensor, dim: int, index: int) -> Tensor:
    """Return the part at `index` of one dim, which is dropped."""
    at = one_dim(dim, input._array.ndim, "select")
    size = input._array.shape[at] if input._array.ndim else 0
    if not -size <= index < size:
        raise IndexError(explain("select", got=f"index {index}", expected=f"within size {size}"))
    return _slice(input, (slice(None),) * at + (int(index),))


def split(tensor: Tensor, split_size_or_sections: Any, dim: int = 0) -> tuple[Tensor, ...]:
    """Cut into views of one size (the last may be smaller) or of the sizes listed."""
    at = one_dim(dim, tensor._array.ndim, "split")
    size = tensor._array.shape[at]
    if isinstance(split_size_or_sections, int):
        step = split_size_or_sections
        if step <= 0 and size:
            raise RuntimeError(explain("split", got=f"size {step}", expected="a size > 0"))
        sections = [builtins.min(step, size - i) for i in range(0, size, step or 1)] or [0]
    else:
        sections = list(split_size_or_sections)
        if builtins.sum(sections) != size or builtins.min(sections, default=0) < 0:
            raise RuntimeError(
                explain("split", got=f"sections {sections}", expected=f"sizes that sum to {size}")
            )
    if len(sections) == 1:
        return (narrow(tensor, at, 0, size),)
    parts: Any = apply(sh.split, (tensor,), {"dim": at, "sizes": tuple(sections)})
    return parts


def chunk(input: Tensor, chunks: int, dim: int = 0) -> tuple[Tensor, ...]:
    """Cut into at most `chunks` views of equal size (the last may be smaller)."""
    if chunks <= 0:
        raise RuntimeError(explain("chunk", got=f"chunks={chunks}", expected="a number > 0"))
    size = input._array.shape[one_dim(dim, input._array.ndim, "chunk")]
    if size == 0:
        return split(input, [0] * chunks, dim)
    return split(input, -(-size // chunks), dim)


def unbind(input: Tensor, dim: int = 0) -> tuple[Tensor, ...]:
    """Return the parts along one dim, which is dropped."""
    at = one_dim(dim, input._array.ndim, "unbind")
    return tuple(select(input, at, i) for i in range(input._array.shape[at]))


# ---- repeating and turning


def flip(input: Tensor, *dims: Any) -> Tensor:
    """Reverse the order along the dims."""
    named = varargs(dims)
    found = some_dims(named, input._array.ndim, "flip") if named else ()
    return apply(sh.flip, (input,), {"dims": found})


def fliplr(input: Tensor) -> Tensor:
    """Reverse dim 1."""
    return flip(input, 1)


def flipud(input: Tensor) -> Tensor:
    """Reverse dim 0."""
    return flip(input, 0)


def roll(input: Tensor, shifts: Any, dims: Any = None) -> Tensor:
    """Shift cyclically; without `dims` in the flattened tensor."""
    if dims is None:
        return reshape(roll(reshape(input, -1), shifts, 0), input._array.shape)
    by, along = varargs((shifts,)), varargs((dims,))
    if len(by) != len(along):
        raise RuntimeError(explain("roll", got=f"{by} for dims {along}", expected="as many shifts"))
    out = clone(input)
    for shift, dim in zip(by, along, strict=True):
        size = out._array.shape[one_dim(dim, out._array.ndim, "roll")]
        if size and shift % size:
            cut = size - shift % size
            out = cat([narrow(out, dim, cut, size - cut), narrow(out, dim, 0, cut)], dim)
    return out


def repeat(input: Tensor, *sizes: Any) -> Tensor:
    """Tile the tensor `sizes[i]` times along each dim; further dims come in front."""
    counts = varargs(sizes)
    have = input._array.shape
    extra = len(counts) - len(have)
    if extra < 0:
        raise ShapeError(
            explain("repeat", got=f"{counts}", expected=f"at least {len(have)} counts")
        )
    full = (1,) * extra + have
    if not any(n != 1 for n in counts):
        return clone(reshape(input, full))
    apart = reshape(input, [n for size in full for n in (1, size)])
    tiled = expand(apart, [n for pair in zip(counts, full, strict=True) for n in pair])
    return reshape(tiled, [c * n for c, n in zip(counts, full, strict=True)])


def tile(input: Tensor, *dims: Any) -> Tensor:
    """Repeat as NumPy's tile does: missing counts are 1."""
    counts = varargs(dims)
    return repeat(input, (1,) * (input._array.ndim - len(counts)) + counts)
