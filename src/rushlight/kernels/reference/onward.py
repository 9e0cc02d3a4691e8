"""A convolution or a linear layer and what follows it, for callers that want no gradient.

Here one kernel runs after the other; compiled, all may be done to the sums before they are stored.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

from rushlight.arrays import Array
from rushlight.kernels.reference.conv import conv_forward
from rushlight.kernels.reference.linear import linear_forward
from rushlight.kernels.reference.norm import batch_norm_eval
from rushlight.kernels.reference.pool import max_pool_forward

__all__ = ["conv_onward", "linear_onward"]

Ints: TypeAlias = tuple[int, ...]
Pairs: TypeAlias = tuple[tuple[int, int], ...]
Pool: TypeAlias = tuple[Ints, Ints, Ints, Ints, Ints]
Kernels: TypeAlias = tuple[Callable[..., Any], Callable[..., Any], Callable[..., Any]]


def one_by_one(
    kernels: Kernels,
    call: tuple[Any, ...],
    norm: tuple[Any, ...] | None,
    pool: Pool | None,
    relu: bool,
) -> Array:
    """Run convolution (or linear layer), batch norm and maximum, relu with the last of them."""
    sums, normalize, maximum = kernels
    y: Array = sums(*call, relu and norm is None and pool is None)
    if norm is not None:
        y, _ = normalize(y, *norm, relu and pool is None)
    return y if pool is None else maximum(y, *pool, relu)


def conv_onward(
    x: Array,
    w: Array,
    b: Array | None,
    mean: Array | None,
    var: Array | None,
    norm_w: Array | None,
    norm_b: Array | None,
    eps: float,
    stride: Ints,
    padding: Pairs,
    dilation: Ints,
    groups: int,
    pool: Pool | None = None,
    relu: bool = False,
) -> Array:
    """Convolve; then batch norm, the maxima of windows and relu, those that are asked for.

    Args:
        mean, var, norm_w, norm_b, eps: arguments of `batch_norm_eval`, (G*F,); no mean: no norm.
        pool: kernel, stride, padding, dilation and out_size of `max_pool_forward`.
    """
    norm = None if mean is None else (mean, var, norm_w, norm_b, eps)
    kernels = conv_forward, batch_norm_eval, max_pool_forward
    call = x, w, b, stride, padding, dilation, groups
    return one_by_one(kernels, call, norm, pool, relu)


def linear_onward(
    x: Array,
    w: Array,
    b: Array | None,
    mean: Array,
    var: Array,
    norm_w: Array | None,
    norm_b: Array | None,
    eps: float,
    relu: bool = False,
) -> Array:
    """The linear layer, batch norm by given statistics of its features and, if asked, relu.

    Args:
        mean, var, norm_w, norm_b, eps: arguments of `batch_norm_eval`, whose channels are dim 1.
    """
    kernels = linear_forward, batch_norm_eval, max_pool_forward
    return one_by_one(kernels, (x, w, b), (mean, var, norm_w, norm_b, eps), None, relu)
