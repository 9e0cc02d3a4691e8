"""Losses that are likelihoods or divergences of distributions, under torch's names and arguments.

As in `loss.py`, what followed the deprecated `size_average` and `reduce` is by keyword.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
from operator import index
from typing import TYPE_CHECKING, Any

import numpy as np

from rushlight.errors import DtypeError, ShapeError, explain
from rushlight.functional.creation import full as filled
from rushlight.functional.elementwise import exp, log, masked_fill, where, xlogy
from rushlight.functional.loss import check_tensors, reduced
from rushlight.ops import ctc, losses
from rushlight.tape import TensorBase, apply, state, traced, wrap

if TYPE_CHECKING:
    from rushlight.tensor.tensor import Tensor

__all__ = ["ctc_loss", "gaussian_nll_loss", "kl_div", "poisson_nll_loss"]


def kl_div(
    input: Tensor, target: Tensor, *, reduction: str = "mean", log_target: bool = False
) -> Tensor:
    """Return the mean of t (ln t - x), whose sum is the divergence of e^x from t.

    Args:
        input: log-probabilities.
        target: probabilities, broadcast with the input.
        reduction: 'batchmean' (the sum over the first size), 'sum', 'none', or 'mean', which
            divides by the number of all terms and warns.
        log_target: whether the target is ln t.

    Raises:
        DtypeError: if one of them is not floating.

    Example:
        >>> import rushlight as rl
        >>> x, t = rl.tensor([[0.5, 0.5]]).log(), rl.tensor([[0.25, 0.75]])
        >>> rl.nn.functional.kl_div(x, t, reduction="batchmean")
        tensor(0.1308)
    """
    check_tensors("kl_div", input=input, target=target)
    if not (input.is_floating_point() and target.is_floating_point()):
        got = f"input {input.dtype.name} and target {target.dtype.name}"
        raise DtypeError(explain("kl_div", got=got, expected="floating dtypes", fix=".float()"))
    if reduction == "mean":
        warnings.warn(
            "kl_div: reduction='mean' divides by the number of all terms, not of samples; "
            "'batchmean' gives the divergence, and torch means to make 'mean' the same",
            stacklevel=2,
        )
    if log_target:
        terms = exp(target) * (target - input)
    else:
        terms = xlogy(target, target) - target * input
    if reduction != "batchmean":
        return reduced(terms, reduction)
    return terms.sum() / input.shape[0] if input.ndim else terms.sum()


def poisson_nll_loss(
    input: Tensor,
    target: Tensor,
    log_input: bool = True,
    full: bool = False,
    *,
    eps: float = 1e-8,
    reduction: str = "mean",
) -> Tensor:
    """Return the mean of e^x - t x, the negative log-likelihood of counts t of rate e^x.

    Args:
        input: logarithms of rates, or rates if not `log_input`.
        target: counts, broadcast with the input.
        log_input: without it the loss is x - t ln(x + eps).
        full: whether to add Stirling's t ln t - t + ln(2 pi t) / 2 for ln t! where t > 1.
        eps: what keeps ln off 0.
        reduction: 'mean', 'sum' or 'none'.

    Example:
        >>> import rushlight as rl
        >>> rl.nn.functional.poisson_nll_loss(rl.zeros(2), rl.tensor([1.0, 5.0]))
        tensor(1.)
    """
    check_tensors("poisson_nll_loss", input=input, target=target)
    if log_input:
        terms = exp(input) - target * input
    else:
        terms = input - target * log(input + eps)
    if full:
        stirling = target * log(target) - target + log(target * (2 * math.pi)) * 0.5
        terms = terms + masked_fill(stirling, target <= 1, 0.0)
    return reduced(terms, reduction)


def gaussian_nll_loss(
    input: Tensor,
    target: Tensor,
    var: Tensor | float,
    full: bool = False,
    eps: float = 1e-6,
    reduction: str = "mean",
) -> Tensor:
    """Return the mean of (ln v + (x - t)^2 / v) / 2, the negative log-likelihood of a Gaussian.

    Args:
        input: expectations.
        target: broadcast with the input.
        var: variances: of the input's shape, or of it without its last size or with one size 1; or
            a float.
        full: whether to add ln(2 pi) / 2.
        eps: the least v counted; below it the gradient is that at eps.
        reduction: 'mean', 'sum' or 'none'.

    Raises:
        ValueError: if a variance is negative or their shape does not fit.

    Example:
        >>> import rushlight as rl
        >>> rl.nn.functional.gaussian_nll_loss(rl.zeros(2), rl.tensor([1.0, 3.0]), rl.ones(2))
        tensor(2.5000)
    """
    check_tensors("gaussian_nll_loss", input=input)
    v = _variance(var, input)
    values = v.detach()
    if state.trace is not None or bool((values._array < eps).any()):
        v = v + where(values < eps, eps - values, 0.0)
    terms = (log(v) + (input - target) ** 2 / v) * 0.5
    if full:
        terms = terms + 0.5 * math.log(2 * math.pi)
    return reduced(terms, reduction)


def _variance(var: Any, input: Tensor) -> Tensor:
    """Return the variances in a shape that broadcasts to the input."""
    if not isinstance(var, (float, TensorBase)):
        got = f"var of type {type(var).__name__}"
        raise TypeError(explain("gaussian_nll_loss", got=got, expected="a Tensor or float"))
    alone = isinstance(var, float)
    v: Any = var
    if v < 0 if alone else bool((v._array < 0).any()):
        got = f"var from {v if alone else v.min().item()}"
        raise ValueError(explain("gaussian_nll_loss", got=got, expected="no negative variance"))
    if alone:
        dtype = input.dtype if input.is_floating_point() else None
        return filled(input.shape, v, dtype=dtype)
    if v.shape == input.shape:
        return v
    if v.shape == input.shape[:-1]:
        return v.unsqueeze(-1)
    unlike = [m for n, m in zip(input.shape, v.shape, strict=False) if n != m]
    if v.ndim != input.ndim or unlike != [1]:
        raise ValueError(
            explain(
                "gaussian_nll_loss",
                got=f"var {v.shape} for input {input.shape}",
                expected=f"{input.shape}, {input.shape[:-1]}, or one of its sizes 1",
            )
        )
    return v


# ---- connectionist temporal classification


@traced(2)
def ctc_loss(
    log_probs: Tensor,
    targets: Tensor,
    input_lengths: Tensor | Sequence[int],
    target_lengths: Tensor | Sequence[int],
    blank: int = 0,
    reduction: str = "mean",
    zero_infinity: bool = False,
) -> Tensor:
    """Return -ln of the probability of all paths through the classes that spell the target.

    Args:
        log_probs: (T, N, C) or (T, C), as log_softmax makes them; float32 or float64. The gradient
            is that of log_softmax's input: for other inputs it is not the derivative.
        targets: labels (N, S), or those of all samples one after the other.
        input_lengths, target_lengths: one for each sample, both tensors or both sequences of ints.
        blank: the class that stands for no label.
        reduction: 'mean' (of each loss by its target's length, at least 1), 'sum' or 'none'.
        zero_infinity: whether a loss of a target that no path can spell, and its gradient, are 0
            in place of inf and nan.

    Raises:
        ShapeError: if shapes and lengths do not go together.
        IndexError: if a label is not a class; names the first one.
        NotImplementedError: if a second derivative is asked for.

    Example:
        >>> import rushlight as rl
        >>> x = rl.full((2, 1, 2), 0.5).log()
        >>> rl.nn.functional.ctc_loss(x, rl.tensor([[1]]), (2,), (1,))
        tensor(0.2877)
    """
    check_tensors("ctc_loss", log_probs=log_probs, targets=targets)
    if log_probs.ndim not in (2, 3):
        got = f"log_probs {log_probs.shape}"
        raise ShapeError(explain("ctc_loss", got=got, expected="(T, N, C) or (T, C)"))
    if isinstance(input_lengths, TensorBase) is not isinstance(target_lengths, TensorBase):
        got = f"{type(input_lengths).__name__} and {type(target_lengths).__name__} of lengths"
        raise TypeError(explain("ctc_loss", got=got, expected="two tensors or two tuples of ints"))
    losses.reduction_factor(reduction, 1)
    x = log_probs if log_probs.ndim == 3 else log_probs.unsqueeze(1)
    lengths = _lengths("target_lengths", target_lengths)
    options = {
        "labels": _labels(targets, lengths),
        "input_lengths": _lengths("input_lengths", input_lengths),
        "target_lengths": lengths,
        "blank": blank,
        "zero_infinity": zero_infinity,
    }
    found = apply(ctc.ctc_loss, (x,), options)
    if reduction == "mean":
        return (found / wrap(np.maximum(lengths, 1).astype(x.dtype))).mean()
    return found.sum() if reduction == "sum" else found if log_probs.ndim == 3 else found.squeeze(0)


def _lengths(name: str, lengths: Any) -> Any:
    """Return lengths as a vector of int64, one for each sample."""
    if isinstance(lengths, TensorBase):
        if lengths._array.dtype.kind not in "iu":
            got = f"{name} {lengths._array.dtype.name}"
            raise DtypeError(explain("ctc_loss", got=got, expected="integers", fix=".long()"))
        return lengths._array.reshape(-1).astype(np.int64)
    try:
        return np.array([index(n) for n in lengths], np.int64)
    except TypeError:
        got = f"{name}={lengths!r}"
        raise TypeError(explain("ctc_loss", got=got, expected="a tuple of ints")) from None


def _labels(targets: Tensor, lengths: Any) -> Any:
    """Return the targets as (N, S), S as small as can be."""
    array = targets._array
    if array.ndim not in (1, 2):
        got = f"targets {array.shape}"
        raise ShapeError(explain("ctc_loss", got=got, expected="(N, S) or (sum of the lengths)"))
    if array.ndim == 2:
        return array[:, : max(int(lengths.max(initial=0)), 0)].astype(np.int64)
    inside = np.arange(max(int(lengths.max(initial=0)), 0)) < lengths[:, None]
    if np.add.reduce(lengths) != array.size:
        got = f"{array.size} targets for target_lengths of sum {np.add.reduce(lengths)}"
        raise ShapeError(explain("ctc_loss", got=got, expected="as many"))
    found = np.zeros(inside.shape, np.int64)
    found[inside] = array
    return found
