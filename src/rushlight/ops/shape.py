"""Ops that rearrange: no arithmetic, so each is the inverse of its own gradient."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate
from typing import Any

import numpy as np

from rushlight.arrays import is_channels_last
from rushlight.errors import ShapeError, explain
from rushlight.kernels import kernel
from rushlight.ops.contract import Saved, define

Result = tuple[tuple[Any, ...], Saved]
Grads = tuple[Any, ...]

_in_order, _rearranged = kernel("in_order"), kernel("rearranged")
_to_channels_first = kernel("to_channels_first")


# ---- dtype


def _cast_forward(x: Any, dtype: Any) -> Result:
    return (x.astype(dtype),), Saved((None,), constants=x.dtype)


def _cast_backward(saved: Saved, grads: Grads, needs: Sequence[bool]) -> Sequence[Any]:
    return (cast(grads[0], dtype=saved.constants),)


cast = define("cast", _cast_forward, _cast_backward, fresh=True)


def _clone_forward(x: Any) -> Result:
    return (x.copy(order="K"),), Saved((None,))


def _clone_backward(saved: Saved, grads: Grads, needs: Sequence[bool]) -> Sequence[Any]:
    return (grads[0],)


clone = define("clone", _clone_forward, _clone_backward)


def _contiguous_forward(x: Any) -> Result:
    return (_in_order(x),), Saved((None,))


contiguous = define("contiguous", _contiguous_forward, _clone_backward)


# ---- views


def _flattens(x: Any, shape: tuple[int, ...]) -> bool:
    """Tell whether channels-last memory becomes rows: its copy is several times NumPy's speed."""
    rows = x.ndim > 2 and len(shape) == 2 and shape[0] == x.shape[0]
    return rows and is_channels_last(x) and not x.flags.c_contiguous


def _reshaped(x: Any, shape: tuple[int, ...]) -> Any:
    if x.flags.c_contiguous or not isinstance(x, np.ndarray):
        return x.reshape(shape)
    try:
        return x.reshape(shape, copy=False)
    except ValueError:  # it takes a copy, or the shape does not fit
        return _in_order(x).reshape(shape)


def _reshape_forward(x: Any, shape: tuple[int, ...]) -> Result:
    try:
        y = _reshaped(_to_channels_first(x) if _flattens(x, shape) else x, shape)
    except ValueError:
        raise ShapeError(
            explain(
                "reshape",
                got=f"shape {shape} for a tensor {x.shape} of {x.size} elements",
                expected="a shape with as many elements (one dimension may be -1)",
            )
        ) from None
    return (y,), Saved((None,), constants=x.shape)


def _reshape_backward(saved: Saved, grads: Grads, needs: Sequence[bool]) -> Sequence[Any]:
    return (reshape(grads[0], shape=saved.constants),)


reshape = define("reshape", _reshape_forward, _reshape_backward, view=True)


def _permute_forward(x: Any, dims: tuple[int, ...]) -> Result:
    return (x.transpose(dims),), Saved((None,), constants=dims)


def _permute_backward(saved: Saved, grads: Grads, needs: Sequence[bool]) -> Sequence[Any]:
    inverse = tuple(sorted(range(len(saved.constants)), key=saved.constants.__getitem__))
    return (permute(grads[0], dims=inverse),)


permute = define("permute", _permute_forward, _permute_backward, view=True)


def _expand_forward(x: Any, shape: tuple[int, ...]) -> Result:
    try:
        y = np.broadcast_to(x, shape) if x.shape != shape else x[...]  # which may be written to
    except ValueError:
        raise ShapeError(
            explain(
                "expand",
                got=f"shape {shape} for a tensor {x.shape}",
                expected="the tensor's own sizes, or any size where it has 1",
            )
        ) from None
    return (y,), Saved((None,))


def _expand_backward(saved: Saved, grads: Grads, needs: Sequence[bool]) -> Sequence[Any]:
    return (grads[0],)  # the tape sums broadcast axes


expand = define("expand", _expand_forward, _expand_backward, view=True)


def _rearrange_forward(
    x: Any, apart: tuple[int, ...], order: tuple[int, ...], shape: tuple[int, ...]
) -> Result:
    """reshape, permute, reshape in one, whose result is in the memory order of x."""
    try:
        y = _rearranged(x, apart, order, shape)
    except ValueError:
        got, expected = f"{apart} for a tensor {x.shape}", f"the axes of {x.shape} split"
        raise ShapeError(explain("rearrange", got=got, expected=expected)) from None
    return (y,), Saved((None,), constants=(x.shape, apart, order))


def _rearrange_backward(saved: Saved, grads: Grads, needs: Sequence[bool]) -> Sequence[Any]:
    shape, apart, order = saved.constants
    inverse = tuple(sorted(range(len(order)), key=order.__getitem__))
    parts = tuple([apart[axis] for axis in order])
    return (rearrange(grads[0], apart=parts, order=inverse, shape=shape),)


rearrange = define("rearrange", _rearrange_forward, _rearrange_backward, fresh=True)


def _flip_forward(x: Any, dims: tuple[int, ...]) -> Result:
    return (np.flip(x, dims).copy(order="K"),), Saved((None,), constants=dims)


def _flip_backward(saved: Saved, grads: Grads, needs: Sequence[bool]) -> Sequence[Any]:
    return (flip(grads[0], dims=saved.constants),)


flip = define("flip", _flip_forward, _flip_backward, fresh=True)


# ---- joining and cutting


def _cat_forward(*xs: Any, dim: int) -> Result:
    for x in xs[1:]:
        same = x.ndim == xs[0].ndim and all(
            a == b for i, (a, b) in enumerate(zip(x.shape, xs[0].shape, strict=True)) if i != dim
        )
        if not same:
            raise ShapeError(
                explain(
                    "cat",
                    got=f"shapes {[x.shape for x in xs]}",
                    expected=f"shapes that are equal except in dim {dim}",
                )
            )
    ends = tuple(accumulate(x.shape[dim] for x in xs))
    return (np.concatenate(xs, axis=dim),), Saved((None,) * len(xs), constants=(dim, ends))


def _cat_backward(saved: Saved, grads: Grads, needs: Sequence[bool]) -> Sequence[Any]:
    dim, ends = saved.constants
    before = (slice(None),) * dim
    starts = [0, *ends[:-1]]
    return [
        grads[0][(*before, slice(start, end))] if need else None
        for start, end, need in zip(starts, ends, needs, strict=True)
    ]


cat = define("cat", _cat_forward, _cat_backward, casts="promote")


def _split_forward(x: Any, dim: int, sizes: tuple[int, ...]) -> Result:
    before, ends = (slice(None),) * dim, tuple(accumulate(sizes))
    starts = (0, *ends[:-1])
    parts = [x[(*before, slice(a, b))] for a, b in zip(starts, ends, strict=True)]
    return tuple(parts), Saved((None,), constants=(dim, tuple([y.shape for y in parts]), x.dtype))


def _split_backward(saved: Saved, grads: Grads, needs: Sequence[bool]) -> Sequence[Any]:
    dim, shapes, dtype = saved.constants
    pairs = zip(grads, shapes, strict=True)
    return (cat(*[np.zeros(s, dtype) if g is None else g for g, s in pairs], dim=dim),)


split = define("split", _split_forward, _split_backward, view=True, fresh=True)


# ---- padding: how many cells before and behind, per dimension; negative cuts

_pad = kernel("pad_forward")
_pad_grad = kernel("pad_grad")


def _pad_forward(x: Any, widths: tuple[tuple[int, int], ...], mode: str, value: float) -> Result:
    if min([n + a + b for n, (a, b) in zip(x.shape, widths, strict=True)], default=0) < 0:
        raise ShapeError(
            explain("pad", got=f"widths {widths} for a tensor {x.shape}", expected="sizes >= 0")
        )
    return (_pad(x, widths, mode, value),), Saved((None,), constants=(widths, mode, x.shape))


def _pad_backward(saved: Saved, grads: Grads, needs: Sequence[bool]) -> Sequence[Any]:
    widths, mode, shape = saved.constants
    if mode == "constant":
        cut = tuple((-a, -b) for a, b in widths)
        return (pad(grads[0], widths=cut, mode="constant", value=0.0),)
    return (pad_grad(grads[0], x_shape=shape, widths=widths, mode=mode),)


pad = define("pad", _pad_forward, _pad_backward, fresh=True)


def _pad_grad_forward(
    g: Any, x_shape: tuple[int, ...], widths: tuple[tuple[int, int], ...], mode: str
) -> Result:
    """Sum the cells of g that padding by a mode copied from one cell."""
    return (_pad_grad(g, x_shape, widths, mode),), Saved((None,), constants=(widths, mode))


def _pad_grad_backward(saved: Saved, grads: Grads, needs: Sequence[bool]) -> Sequence[Any]:
    widths, mode = saved.constants
    return (pad(grads[0], widths=widths, mode=mode, value=0.0),)


pad_grad = define("pad_grad", _pad_grad_forward, _pad_grad_backward, fresh=True)
