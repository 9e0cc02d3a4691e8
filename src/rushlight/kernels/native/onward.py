"""What follows a convolution or a linear layer in one pass with it (`native/onward.h`)."""

from __future__ import annotations

from functools import partial

import numpy as np

from rushlight.arrays import Array
from rushlight.compiled import native
from rushlight.kernels.native.conv import conv_forward, convolved, takes
from rushlight.kernels.native.layout import aligned
from rushlight.kernels.native.linear import linear_forward
from rushlight.kernels.native.linear import takes as takes_linear
from rushlight.kernels.native.norm import batch_norm_eval
from rushlight.kernels.native.pool import max_pool_forward
from rushlight.kernels.reference.conv import out_size
from rushlight.kernels.reference.onward import Ints, Pairs, Pool, one_by_one

__all__ = ["conv_onward", "linear_onward"]


def _windows(pool: Pool, size: Ints) -> Ints | None:
    """Return the windows of the last two dims if no cell is in two and none outside."""
    kernel, stride, padding, dilation, out = pool
    beside = kernel == stride and not any(padding) and {*dilation} == {1}
    if not beside or kernel[:-2] not in ((), (1,)):
        return None
    whole = tuple([n // k for n, k in zip(size, kernel, strict=True)])
    return (1, *kernel)[-2:] if out == whole and 0 not in whole else None


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
    norm = None if mean is None else (*map(aligned, (mean, var, norm_w, norm_b)), eps)
    call = x, w, b, stride, padding, dilation, groups
    if not takes(x, w.ndim):
        return one_by_one((conv_forward, batch_norm_eval, max_pool_forward), call, norm, pool, relu)
    run = partial(convolved, *call, norm=norm)
    if pool is None:
        return run(relu=relu)
    windows = _windows(pool, out_size(x, w, stride, padding, dilation))
    y = None if windows is None else run(relu=relu, pool=windows)
    return max_pool_forward(run(relu=False), *pool, relu) if y is None else y


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
    norm = (*map(aligned, (mean, var, norm_w, norm_b)), eps)
    if x.ndim != 2 or not takes_linear(x, w, b):
        kernels = linear_forward, batch_norm_eval, max_pool_forward
        return one_by_one(kernels, (x, w, b), norm, None, relu)
    y = np.empty((len(x), len(w)), x.dtype)
    native.linear_onward(x, w, b, *norm, y, relu)
    return y
