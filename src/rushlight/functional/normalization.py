"""Normalization under torch's names."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import TYPE_CHECKING, Any, NoReturn

import numpy as np

from rushlight.errors import ShapeError, explain
from rushlight.functional.padding import pad
from rushlight.functional.pooling import avg_pool2d
from rushlight.kernels import kernel
from rushlight.ops import norm
from rushlight.tape import apply, cell

if TYPE_CHECKING:
    from rushlight.tensor.tensor import Tensor

__all__ = [
    "batch_norm",
    "group_norm",
    "instance_norm",
    "layer_norm",
    "local_response_norm",
    "rms_norm",
]

_follow = kernel("follow")


def batch_norm(
    input: Tensor,
    running_mean: Tensor | None,
    running_var: Tensor | None,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    training: bool = False,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> Tensor:
    """Return (x - mean) / sqrt(var + eps) * weight + bias, for each channel (dim 1).

    Args:
        input: (N, C) or (N, C, *).
        running_mean, running_var: (C). In training they are moved towards the batch's mean and
            unbiased variance, or may be None; else they are the statistics.
        weight, bias: (C), or None for 1 and 0.
        training: use the batch's own mean and biased variance.
        momentum: how far the running statistics move, 0 to 1.
        eps: added to the variance.

    Raises:
        ValueError: in training with one value per channel, whose variance says nothing; for an
            eps below 0, in training for 0 too.
        ShapeError, DtypeError: if shapes or dtypes do not fit.

    Example:
        >>> import rushlight as rl
        >>> x = rl.tensor([[1.0], [3.0]])
        >>> rl.nn.functional.batch_norm(x, None, None, training=True)
        tensor([[-1.0000],
                [ 1.0000]])
    """
    if eps < 0.0 or (training and eps == 0.0):
        least = "above 0 in training" if training else "of at least 0"
        raise ValueError(explain("batch_norm", got=f"eps={eps}", expected=f"an eps {least}"))
    if not training:
        if running_mean is None or running_var is None:
            raise RuntimeError(
                explain(
                    "batch_norm",
                    got="training=False without running_mean and running_var",
                    expected="both",
                    fix="pass training=True to use the batch's own statistics",
                )
            )
        options = {"mean": running_mean._array, "var": running_var._array, "eps": eps}
        return apply(norm.batch_norm_eval, (input, weight, bias), options)
    x = input._array
    if x.ndim > 1 and x.size == x.shape[1] > 0:
        raise ValueError(
            f"batch_norm: expected more than 1 value per channel when training, got input {x.shape}"
            "; call eval() to use the running statistics, or drop the last batch of one sample"
        )
    results: Any = apply(norm.batch_norm_train, (input, weight, bias), {"eps": eps})
    y, mean, var = results
    n = x.size // max(x.shape[1], 1)
    follow_batch(running_mean, running_var, mean._array, var._array, momentum, n)
    return y


def follow_batch(
    running_mean: Tensor | None,
    running_var: Tensor | None,
    mean: Any,
    var: Any,
    momentum: float,
    n: int,
) -> None:
    """Set running = (1 - momentum) running + momentum batch, the variance of the batch unbiased;
    nothing for a batch of n = 0 values per channel."""
    if not n:
        return
    kept: list[Any] = []
    for name, running in (("running_mean", running_mean), ("running_var", running_var)):
        if running is None:
            kept.append(None)
            continue
        if running._array.shape != mean.shape:
            _unequal(name, running._array, mean)
        kept.append(running._array)
        (running._version or cell(running))[0] += 1
    _follow(*kept, mean, var, momentum, n / max(n - 1, 1))


def _unequal(name: str, running: Any, value: Any) -> NoReturn:
    raise ShapeError(
        explain(
            "batch_norm",
            got=f"{name} {running.shape} for {value.shape[0]} channels",
            expected=f"{name} {value.shape}",
            fix="set num_features to the input's size in dim 1",
        )
    )


def instance_norm(
    input: Tensor,
    running_mean: Tensor | None = None,
    running_var: Tensor | None = None,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    use_input_stats: bool = True,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> Tensor:
    """Return (x - mean) / sqrt(var + eps) * weight + bias, for each channel of each sample.

    Args:
        input: (N, C, *).
        running_mean, running_var: (C). With `use_input_stats` they are moved towards the mean over
            the samples of their means and unbiased variances, or are None; without, they are the
            statistics.
        weight, bias: (C), or None for 1 and 0.
        use_input_stats: use each sample's own mean and biased variance.
        momentum: how far the running statistics move, 0 to 1.
        eps: added to the variance.

    Raises:
        ValueError: for samples of one value per channel; for one of the running statistics alone.
        ShapeError, DtypeError: if shapes or dtypes do not fit.

    Example:
        >>> import rushlight as rl
        >>> rl.nn.functional.instance_norm(rl.tensor([[[1.0, 3.0], [2.0, 6.0]]]))
        tensor([[[-1.0000,  1.0000],
                 [-1.0000,  1.0000]]])
    """
    if not use_input_stats:
        return batch_norm(input, running_mean, running_var, weight, bias, eps=eps)
    x = input._array
    if prod(x.shape[2:]) == 1:
        raise ValueError(
            explain(
                "instance_norm",
                got=f"input {x.shape}",
                expected="(N, C, *) with more than 1 value per channel of a sample",
            )
        )
    if (running_mean is None) != (running_var is None):
        got = "one of running_mean and running_var"
        raise ValueError(explain("instance_norm", got=got, expected="both or none"))
    options = {"groups": x.shape[1], "eps": eps}
    results: Any = apply(norm.group_norm, (input, weight, bias), options)
    y, mean, var = results
    follow_instances(running_mean, running_var, mean._array, var._array, momentum, x)
    return y


def follow_instances(
    running_mean: Tensor | None,
    running_var: Tensor | None,
    means: Any,
    variances: Any,
    momentum: float,
    x: Any,
) -> None:
    """Let the running statistics (C) follow the average over the samples of theirs, (N, C)."""
    if running_mean is not None and x.size:
        mean, var = means.mean(0), variances.mean(0)
        follow_batch(running_mean, running_var, mean, var, momentum, prod(x.shape[2:]))


def group_norm(
    input: Tensor,
    num_groups: int,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    eps: float = 1e-5,
) -> Tensor:
    """Return (x - mean) / sqrt(var + eps) * weight + bias, for each group of channels of a sample.

    Args:
        input: (N, C, *).
        num_groups: how many groups the channels make, neighbours together; it divides C.
        weight, bias: (C), or None for 1 and 0.
        eps: added to the (biased) variance.

    Raises:
        ValueError: if each group has one value, over all samples.
        ShapeError, DtypeError: if shapes or dtypes do not fit.

    Example:
        >>> import rushlight as rl
        >>> rl.nn.functional.group_norm(rl.tensor([[1.0, 3.0, 2.0, 6.0]]), 2)
        tensor([[-1.0000,  1.0000, -1.0000,  1.0000]])
    """
    shape = input._array.shape
    if num_groups > 0 and len(shape) > 1 and prod(shape) // num_groups == 1:
        raise ValueError(
            explain(
                "group_norm",
                got=f"input {shape} with num_groups={num_groups}",
                expected="more than 1 value per group",
            )
        )
    results: Any = apply(norm.group_norm, (input, weight, bias), {"groups": num_groups, "eps": eps})
    y: Tensor = results[0]
    return y


def last_sizes(where: str, normalized_shape: Sequence[int]) -> tuple[int, ...]:
    """Return the sizes of the last dims as a tuple."""
    if normalized_shape.__class__ is tuple:
        return normalized_shape
    try:
        return tuple(normalized_shape)
    except TypeError:
        got = f"normalized_shape={normalized_shape!r}"
        raise TypeError(explain(where, got=got, expected="a tuple of ints")) from None


def layer_norm(
    input: Tensor,
    normalized_shape: Sequence[int],
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    eps: float = 1e-5,
) -> Tensor:
    """Return (x - mean) / sqrt(var + eps) * weight + bias, over the last dims together.

    Args:
        input: (*, normalized_shape).
        normalized_shape: the sizes of the last dims; the variance over them is the biased one.
        weight, bias: of that shape, or None for 1 and 0.
        eps: added to the variance.

    Raises:
        ShapeError, DtypeError: if shapes or dtypes do not fit.

    Example:
        >>> import rushlight as rl
        >>> rl.nn.functional.layer_norm(rl.tensor([[1.0, 3.0]]), (2,))
        tensor([[-1.0000,  1.0000]])
    """
    options = {"normalized_shape": last_sizes("layer_norm", normalized_shape), "eps": eps}
    return apply(norm.layer_norm, (input, weight, bias), options)


def rms_norm(
    input: Tensor,
    normalized_shape: Sequence[int],
    weight: Tensor | None = None,
    eps: float | None = None,
) -> Tensor:
    """Return x / sqrt(mean(x^2) + eps) * weight, over the last dims together.

    Args:
        input: (*, normalized_shape).
        normalized_shape: the sizes of the last dims.
        weight: of that shape, or None for 1.
        eps: default the machine epsilon of the input's dtype, of float32 for float16.

    Raises:
        ShapeError, DtypeError: if shapes or dtypes do not fit.

    Example:
        >>> import rushlight as rl
        >>> rl.nn.functional.rms_norm(rl.tensor([[3.0, 4.0]]), (2,))
        tensor([[0.8485, 1.1314]])
    """
    if eps is None:  # that of what is computed in: half precision is computed in single
        dtype = input._array.dtype
        eps = float(np.finfo(dtype if dtype == np.float64 else np.float32).eps)
    options = {"normalized_shape": last_sizes("rms_norm", normalized_shape), "eps": eps}
    return apply(norm.rms_norm, (input, weight), options)


def local_response_norm(
    input: Tensor, size: int, alpha: float = 1e-4, beta: float = 0.75, k: float = 1.0
) -> Tensor:
    """Return x / (k + alpha mean(x^2))^beta, the mean over `size` neighbouring channels.

    The neighbours of channel c are c - size // 2 to c + (size - 1) // 2, zeros beyond the ends.

    Args:
        input: (N, C, *) with at least 3 dims.
        size: how many channels, itself included.
        alpha, beta, k: factor, exponent and summand of the formula.

    Raises:
        ValueError: for an input of fewer dims.
        RuntimeError: for a size below 1.

    Example:
        >>> import rushlight as rl
        >>> x = rl.tensor([[[1.0], [2.0]]])
        >>> rl.nn.functional.local_response_norm(x, 2, alpha=2.0, beta=1.0)
        tensor([[[0.5000],
                 [0.3333]]])
    """
    if input.dim() < 3:
        expected = "3 or more dims (N, C, *)"
        raise ShapeError(
            explain("local_response_norm", got=f"input {input.shape}", expected=expected)
        )
    if not input.numel():
        return input
    mean = squares_across(input, "local_response_norm", size, size // 2, (size - 1) // 2)
    return input / (mean * alpha + k) ** beta


def squares_across(input: Tensor, where: str, size: Any, before: int, behind: int) -> Tensor:
    """Return the sums of x^2 over channels c - before to c + behind, divided by `size`."""
    if not isinstance(size, int):
        raise TypeError(explain(where, got=f"size={size!r}", expected="an int"))
    if size < 1:
        raise RuntimeError(explain(where, got=f"size={size}", expected="at least 1"))
    n, c, *spatial = input.shape
    lines = (input * input).movedim(1, -1).reshape(n, prod(spatial), 1, c)
    padded = pad(lines, (before, behind))
    sums = avg_pool2d(padded, (1, before + behind + 1), 1, divisor_override=size)
    return sums.reshape(n, *spatial, c).movedim(-1, 1)
