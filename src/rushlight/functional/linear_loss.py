"""Cross-entropy of a linear layer's output, with all scores at hand or a few rows at a time."""

from __future__ import annotations

import math
import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from rushlight.arrays import FLOATS
from rushlight.errors import ShapeError, explain
from rushlight.functional.linear import linear
from rushlight.functional.loss import check_tensors, constant, cross_entropy, tensors
from rushlight.ops import class_losses
from rushlight.tape import apply

if TYPE_CHECKING:
    from rushlight.tensor.tensor import Tensor

__all__ = ["linear_cross_entropy"]

_POLICIES = ("auto", "accurate", "balanced", "compact")


@dataclass(slots=True, frozen=True)
class LinearCrossEntropyOptions:
    """How `linear_cross_entropy` takes rows a few at a time, so that few scores are in memory.

    Args:
        allow_retain_graph: bool; accepted, as backward may always run again here.
        batch_chunk_size: int > 0, rows at a time; default all, or what the method says.
        chunking_method: 'aspect_ratio' makes the scores at hand as large as the input,
            'aspect_ratio:n' n times smaller; None leaves it to `batch_chunk_size`; default 'auto',
            which is 'aspect_ratio' for float16 and 'aspect_ratio:2' otherwise, unless a size is
            given.
        acc_policy: 'auto', 'accurate', 'balanced' or 'compact'; all sum in `acc_dtype` here.
        acc_dtype: of scores and sums: float32 for float16 input, else the input's; default that
            (float16 for float16 input where a policy is given).

    Raises:
        ValueError: if an argument is none of these.

    Example:
        >>> import rushlight as rl
        >>> rl.nn.LinearCrossEntropyOptions(batch_chunk_size=256).batch_chunk_size
        256
    """

    allow_retain_graph: bool = False
    batch_chunk_size: int | None = None
    chunking_method: str | None = "auto"
    acc_policy: str = "auto"
    acc_dtype: Any = None

    def __post_init__(self) -> None:
        name = "LinearCrossEntropyOptions"
        if self.acc_policy not in _POLICIES:
            got = f"acc_policy={self.acc_policy!r}"
            raise ValueError(explain(name, got=got, expected=f"one of {_POLICIES}"))
        size, method = self.batch_chunk_size, self.chunking_method
        if size is not None and not (isinstance(size, int) and size > 0):
            got = f"batch_chunk_size={size!r}"
            raise ValueError(explain(name, got=got, expected="an int > 0, or None"))
        if method not in (None, "auto") and _divisor(method) is None:
            got = f"chunking_method={method!r}"
            expected = "'auto', 'aspect_ratio', 'aspect_ratio:n' with n >= 1, or None"
            raise ValueError(explain(name, got=got, expected=expected))
        if self.acc_dtype is not None and self.acc_dtype not in FLOATS:
            got = f"acc_dtype={self.acc_dtype!r}"
            expected = "float16, float32, float64 or None"
            raise ValueError(explain(name, got=got, expected=expected))


def _divisor(method: Any) -> int | None:
    """Return n of 'aspect_ratio:n', 1 without it, None for another method."""
    name, colon, n = str(method).partition(":")
    if name != "aspect_ratio" or (colon and not n.isdigit()) or (colon and int(n) < 1):
        return None
    return int(n) if colon else 1


def _rows_at_once(options: LinearCrossEntropyOptions, x: Any, classes: int) -> int:
    """Return how many of the rows x (N, F) to take at a time."""
    count, features = x.shape
    size, method = options.batch_chunk_size, options.chunking_method
    if method == "auto":
        method = "aspect_ratio" if x.dtype == np.float16 else "aspect_ratio:2"
        if size is not None:
            method = None
    if method is None:
        return max(1, count if size is None else min(size, count))
    share = -(-count // max(1, -(-classes // max(1, features))))
    found = min((1 << max(share - 1, 0).bit_length()) // (_divisor(method) or 1), count)
    if size is not None and size != found:
        got = f"batch_chunk_size={size} and chunking_method={method!r}, which gives {found}"
        raise ValueError(explain("linear_cross_entropy", got=got, expected="one of them"))
    return max(1, found)


def _sum_dtype(options: LinearCrossEntropyOptions, dtype: Any) -> Any:
    """Return the dtype to compute scores and sums in."""
    half = dtype == np.float16
    if options.acc_dtype is None:
        return np.dtype(np.float32) if half and options.acc_policy == "auto" else dtype
    found = np.dtype(options.acc_dtype)
    if found != dtype and not (half and found == np.float32):
        got = f"acc_dtype {found.name} for input {dtype.name}"
        expected = "the input's dtype, or float32 for float16"
        raise RuntimeError(explain("linear_cross_entropy", got=got, expected=expected))
    return found


def linear_cross_entropy(
    input: Tensor,
    linear_weight: Tensor,
    target: Tensor,
    *,
    linear_bias: Tensor | None = None,
    weight: Tensor | None = None,
    reduction: str = "mean",
    ignore_index: int | None = None,
    label_smoothing: float = 0.0,
    options: LinearCrossEntropyOptions | None = None,
) -> Tensor:
    """Return `cross_entropy` of `linear(input, linear_weight, linear_bias)`.

    Args:
        input: (N, F) or (F).
        linear_weight: (C, F), or (C, *S, F) for scores (N, C, *S).
        target: class indices (N, *S) or (), int64, or probabilities of the scores' shape.
        linear_bias: (C, *S).
        weight, reduction, label_smoothing: as in `cross_entropy`.
        ignore_index: a class index that does not count; None stands for -100.
        options: whether and how to take a few rows at a time, so that the scores of all rows are
            never in memory: for class indices without label smoothing and without S; otherwise
            they are ignored with a warning.

    Raises:
        ShapeError: if shapes do not fit.
        RuntimeError: if `ignore_index` is given with probabilities.

    Example:
        >>> import rushlight as rl
        >>> x, w = rl.tensor([[1.0, 0.0]]), rl.tensor([[2.0, 0.0], [0.0, 2.0]])
        >>> options = rl.nn.LinearCrossEntropyOptions(batch_chunk_size=1)
        >>> rl.nn.functional.linear_cross_entropy(x, w, rl.tensor([0]), options=options)
        tensor(0.1269)
    """
    name = "linear_cross_entropy"
    check_tensors(name, input=input, linear_weight=linear_weight, target=target)
    scores = _scores_shape(input, linear_weight, linear_bias)
    if target.shape == scores and ignore_index is not None:
        got = f"ignore_index={ignore_index} with probabilities as target"
        raise RuntimeError(explain("linear_cross_entropy", got=got, expected="class indices"))
    ignore = -100 if ignore_index is None else ignore_index
    spatial = linear_weight.shape[1:-1]
    if options is not None:
        if not spatial and label_smoothing == 0.0 and target._array.dtype == np.int64:
            given = (input, linear_weight, linear_bias)
            return _in_parts(given, target, weight, reduction, ignore, options)
        warnings.warn(
            "linear_cross_entropy: options are ignored with label smoothing, probabilities as "
            "target, or a linear_weight of more than two dims",
            stacklevel=2,
        )
    if spatial:
        rows = math.prod(linear_weight.shape[:-1])
        linear_weight = linear_weight.reshape(rows, linear_weight.shape[-1])
        linear_bias = None if linear_bias is None else linear_bias.reshape(rows)
    return cross_entropy(
        linear(input, linear_weight, linear_bias).reshape(scores),
        target,
        weight,
        ignore_index=ignore,
        reduction=reduction,
        label_smoothing=label_smoothing,
    )


def _scores_shape(input: Tensor, weight: Tensor, bias: Tensor | None) -> tuple[int, ...]:
    """Return the shape of the scores, (C) or (N, C, *S), after checks."""
    name = "linear_cross_entropy"
    if input.ndim not in (1, 2) or weight.ndim < 2 or input.shape[-1] != weight.shape[-1]:
        got = f"input {input.shape} and linear_weight {weight.shape}"
        expected = "(N, F) or (F), and (C, F) or (C, *, F)"
        raise ShapeError(explain(name, got=got, expected=expected, fix="check in_features"))
    if bias is not None and bias.shape != weight.shape[:-1]:
        got = f"linear_bias {bias.shape}"
        raise ShapeError(explain(name, got=got, expected=f"{weight.shape[:-1]}"))
    if weight.ndim > 2 and input.ndim == 1:
        got = f"input {input.shape} for linear_weight {weight.shape}"
        raise ShapeError(explain(name, got=got, expected="a batch, (N, F)", fix="unsqueeze(0)"))
    return (*input.shape[:-1], *weight.shape[:-1])


def _in_parts(
    given: tuple[Tensor, Tensor, Tensor | None],
    target: Tensor,
    weight: Tensor | None,
    reduction: str,
    ignore_index: int,
    options: LinearCrossEntropyOptions,
) -> Tensor:
    input, linear_weight, linear_bias = given
    x = input if input.ndim == 2 else input.unsqueeze(0)
    labels = constant("linear_cross_entropy", "target", target)
    chosen = {
        "target": labels if input.ndim == 2 else labels.reshape(1, *labels.shape),
        "weight": constant("linear_cross_entropy", "weight", weight),
        "ignore_index": ignore_index,
        "reduction": reduction,
        "step": _rows_at_once(options, x._array, linear_weight.shape[0]),
        "dtype": _sum_dtype(options, x._array.dtype),
    }
    args = (x, linear_weight, linear_bias)
    loss = apply(class_losses.linear_cross_entropy, args, chosen, tensors(weight))
    return loss if input.ndim == 2 or reduction != "none" else loss.squeeze(0)
