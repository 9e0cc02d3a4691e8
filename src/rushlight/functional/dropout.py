"""Dropout of elements and of channels, to 0 or to where SELU saturates."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from math import sqrt
from typing import TYPE_CHECKING, Any

import numpy as np

from rushlight.errors import ShapeError, explain
from rushlight.ops import dropout as ops
from rushlight.random import default_generator
from rushlight.tape import apply, wrap

if TYPE_CHECKING:
    from rushlight.tensor.tensor import Tensor

__all__ = [
    "alpha_dropout",
    "dropout",
    "dropout1d",
    "dropout2d",
    "dropout3d",
    "feature_alpha_dropout",
]


def check_probability(p: float) -> None:
    """Refuse a p outside [0, 1]."""
    if not 0.0 <= p <= 1.0:
        raise ValueError(
            explain("dropout", got=f"p={p}", expected="0 <= p <= 1, the probability of a zero")
        )


def draw_factor(like: Any, p: float) -> dict[str, Any]:
    """Draw the option of the op dropout: factors in the memory order of the array `like`."""
    if like.flags.c_contiguous:
        return {"factor": _draw(like.shape, p, like.dtype)}
    order = sorted(range(like.ndim), key=lambda axis: -abs(like.strides[axis]))
    factor = _draw(tuple([like.shape[axis] for axis in order]), p, like.dtype)
    return {"factor": factor.transpose(sorted(range(like.ndim), key=order.__getitem__))}


def _draw(shape: tuple[int, ...], p: float, dtype: Any) -> Any:
    return ops.factor_of(*default_generator.words(shape, 1.0 - p), p, shape, dtype)


def dropout(input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False) -> Tensor:
    """Set elements to 0 at probability p and divide the others by 1 - p.

    Args:
        p: float, the probability of a zero; default 0.5.
        training: bool; False returns the input. Default True.
        inplace: accepted; a new tensor is made all the same.

    Example:
        >>> import rushlight as rl
        >>> rl.dropout(rl.ones(3), p=0.5, training=False)
        tensor([1., 1., 1.])
    """
    check_probability(p)
    if not training or p == 0.0 or not input._array.size:
        return input
    return apply(ops.dropout, (input,), draw_factor(input._array, p))


def drop_steps(rows: Tensor, p: float, sizes: Sequence[int]) -> Tensor:
    """Do `dropout` to packed rows (M, K), of which each step of a sequence has `sizes`.

    Where these are all N, it is drawn as (M / N, N, K): processes that share a batch each have
    their part of the N.
    """
    like = rows._array
    if len(set(sizes)) != 1 or not like.size or not like.flags.c_contiguous:
        return dropout(rows, p)
    check_probability(p)
    factor = _draw((len(sizes), sizes[0], like.shape[1]), p, like.dtype)
    return apply(ops.dropout, (rows,), {"factor": factor.reshape(like.shape)})


def _of_channels(input: Tensor, p: float, training: bool) -> Tensor:
    """Drop whole channels of (N, C, *)."""
    check_probability(p)
    if not training or p == 0.0 or not input._array.size:
        return input
    return apply(ops.dropout, (input,), _draw_channels(input._array, p))


def _draw_channels(like: Any, p: float) -> dict[str, Any]:
    """Draw the option of the op dropout: a factor for each channel of (N, C, *)."""
    n, c, *rest = like.shape
    return {"factor": _draw((n, c, *(1 for _ in rest)), p, like.dtype)}


def dropout1d(
    input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False
) -> Tensor:
    """Set whole channels of (N, C, L) or (C, L) to 0 at probability p."""
    check_probability(p)
    if input.ndim not in (2, 3):
        raise ShapeError(
            explain("dropout1d", got=f"input {input.shape}", expected="(N, C, L) or (C, L)")
        )
    if input.ndim == 2:
        return _of_channels(input.unsqueeze(0), p, training).squeeze(0)
    return _of_channels(input, p, training)


def dropout2d(
    input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False
) -> Tensor:
    """Set whole channels of (N, C, H, W) to 0 at probability p.

    Three dims are taken for (N, C, L), with a warning, as torch takes them.
    """
    if input.ndim == 3:
        _warn("dropout2d: 3 dims are taken for (N, C, L), not (C, H, W); use dropout1d")
    elif input.ndim != 4:
        _warn(f"dropout2d: got input {input.shape}, expected (N, C, H, W); use dropout")
    _need_two("dropout2d", input)
    return _of_channels(input, p, training)


def dropout3d(
    input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False
) -> Tensor:
    """Set whole channels of (N, C, D, H, W) or (C, D, H, W) to 0 at probability p."""
    if input.ndim not in (4, 5):
        _warn(f"dropout3d: got input {input.shape}, expected (N, C, D, H, W); use dropout")
    if input.ndim != 5:
        return _of_channels(input.unsqueeze(0), p, training).squeeze(0)
    return _of_channels(input, p, training)


_SATURATED = -1.7580993408473766  # what SELU goes to


def _alpha(input: Tensor, p: float, draw: Callable[[Any, float], dict[str, Any]]) -> Tensor:
    """Put what is drawn to the value where SELU saturates, then restore mean and variance."""
    kept = draw(input._array, p)["factor"] != 0
    dtype = input._array.dtype
    scale = 1.0 / sqrt((_SATURATED**2 * p + 1.0) * (1.0 - p)) if p < 1.0 else 0.0
    y = apply(ops.dropout, (input,), {"factor": (kept * scale).astype(dtype)})
    low, high = _SATURATED * scale * (1.0 - p), -_SATURATED * scale * p
    return y + wrap(np.where(kept, high, low).astype(dtype))


def alpha_dropout(
    input: Tensor, p: float = 0.5, training: bool = False, inplace: bool = False
) -> Tensor:
    """Set elements to -1.7581 at probability p, then scale and shift: mean 0 and variance 1 stay.

    Args:
        p: float, the probability of being dropped; default 0.5.
        training: bool; False returns the input. Default False.
        inplace: accepted; a new tensor is made all the same.

    Source: https://arxiv.org/abs/1706.02515
    """
    check_probability(p)
    if not training or p == 0.0 or not input._array.size:
        return input
    return _alpha(input, p, draw_factor)


def feature_alpha_dropout(
    input: Tensor, p: float = 0.5, training: bool = False, inplace: bool = False
) -> Tensor:
    """Do `alpha_dropout` with whole channels of (N, C, *)."""
    check_probability(p)
    if not training or p == 0.0 or not input._array.size:
        return input
    _need_two("feature_alpha_dropout", input)
    return _alpha(input, p, _draw_channels)


def _need_two(where: str, input: Tensor) -> None:
    if input.ndim < 2:
        raise ShapeError(explain(where, got=f"input {input.shape}", expected="(N, C, *)"))


def _warn(text: str) -> None:
    warnings.warn(text, UserWarning, stacklevel=3)
