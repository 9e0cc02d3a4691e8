"""Losses with a margin: of distances, rankings and labels, under torch's names and arguments.

As in `loss.py`, what followed the deprecated `size_average` and `reduce` is by keyword.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from rushlight.errors import DtypeError, ShapeError, explain
from rushlight.functional.activation import logsigmoid
from rushlight.functional.distance import pairwise_distance
from rushlight.functional.elementwise import clamp, masked_fill, minimum, relu, sqrt, where
from rushlight.functional.loss import check_tensors, constant, reduced
from rushlight.functional.picking import gather
from rushlight.ops import margin_losses
from rushlight.tape import apply, traced, wrap

if TYPE_CHECKING:
    from rushlight.tensor.tensor import Tensor

__all__ = [
    "cosine_embedding_loss",
    "hinge_embedding_loss",
    "margin_ranking_loss",
    "multi_margin_loss",
    "multilabel_margin_loss",
    "multilabel_soft_margin_loss",
    "soft_margin_loss",
    "triplet_margin_loss",
    "triplet_margin_with_distance_loss",
]


# ---- pairs and triplets


def cosine_embedding_loss(
    input1: Tensor,
    input2: Tensor,
    target: Tensor,
    margin: float = 0,
    *,
    reduction: str = "mean",
) -> Tensor:
    """Return the mean of 1 - cos(a, b) where t is 1, and of max(0, cos(a, b) - margin) where -1.

    Args:
        input1, input2: (N, D), or (D).
        target: (N), or (), of 1 and -1; other values count 0.
        margin: of pairs that are to differ, best 0 to 0.5.
        reduction: 'mean', 'sum' or 'none'.

    Raises:
        ShapeError: if the number of dims does not fit.

    Example:
        >>> import rushlight as rl
        >>> a, b = rl.tensor([[1.0, 0.0]]), rl.tensor([[1.0, 1.0]])
        >>> rl.nn.functional.cosine_embedding_loss(a, b, rl.tensor([1]))
        tensor(0.2929)
    """
    check_tensors("cosine_embedding_loss", input1=input1, input2=input2, target=target)
    if target.ndim > 1 or input1.ndim != target.ndim + 1 or input2.ndim != target.ndim + 1:
        got = f"inputs {input1.shape}, {input2.shape} and target {target.shape}"
        expected = "(N, D), (N, D), (N), or (D), (D), ()"
        raise ShapeError(explain("cosine_embedding_loss", got=got, expected=expected))
    tiny = 1e-12  # added to the squares, not a limit of the norms as in cosine_similarity
    squares = ((input1 * input1).sum(-1) + tiny) * ((input2 * input2).sum(-1) + tiny)
    cosine = (input1 * input2).sum(-1) / sqrt(squares)
    apart = clamp(cosine - margin, min=0)
    terms = where(target == 1, 1.0 - cosine, 0.0) + where(target == -1, apart, 0.0)
    return reduced(terms, reduction)


def hinge_embedding_loss(
    input: Tensor, target: Tensor, margin: float = 1.0, *, reduction: str = "mean"
) -> Tensor:
    """Return the mean of x where t is 1, and of max(0, margin - x) where t is -1.

    Args:
        input: distances.
        target: of 1 and -1, broadcast with the input; other values count both.
        margin: the distance beyond which pairs differ enough.
        reduction: 'mean', 'sum' or 'none'.

    Example:
        >>> import rushlight as rl
        >>> x, t = rl.tensor([0.3, 0.3]), rl.tensor([1, -1])
        >>> rl.nn.functional.hinge_embedding_loss(x, t, reduction="none")
        tensor([0.3000, 0.7000])
    """
    check_tensors("hinge_embedding_loss", input=input, target=target)
    terms = where(target != 1, clamp(margin - input, min=0), 0.0) + where(target != -1, input, 0.0)
    return reduced(terms, reduction)


def margin_ranking_loss(
    input1: Tensor,
    input2: Tensor,
    target: Tensor,
    margin: float = 0,
    *,
    reduction: str = "mean",
) -> Tensor:
    """Return the mean of max(0, margin - t (a - b)): t is 1 where a is to be above b, else -1.

    Args:
        input1, input2: scores.
        target: of 1 and -1; all three broadcast, and have the same number of dims.
        margin: by how much.
        reduction: 'mean', 'sum' or 'none'.

    Raises:
        ShapeError: if the numbers of dims differ.

    Example:
        >>> import rushlight as rl
        >>> a, b, t = rl.tensor([1.0]), rl.tensor([3.0]), rl.tensor([1.0])
        >>> rl.nn.functional.margin_ranking_loss(a, b, t)
        tensor(2.)
    """
    _same_ndim("margin_ranking_loss", input1=input1, input2=input2, target=target)
    return reduced(clamp(margin - target * (input1 - input2), min=0), reduction)


def triplet_margin_loss(
    anchor: Tensor,
    positive: Tensor,
    negative: Tensor,
    margin: float = 1.0,
    p: float = 2,
    eps: float = 1e-6,
    swap: bool = False,
    *,
    reduction: str = "mean",
) -> Tensor:
    """Return the mean of max(0, d(a, p) - d(a, n) + margin), d the p-norm of a difference.

    Args:
        anchor, positive, negative: (N, D) or (D); they broadcast.
        margin: > 0, by how much the negative is to be farther off.
        p: of the norm.
        eps: added to the differences.
        swap: whether d(p, n) stands for d(a, n) where it is smaller.
        reduction: 'mean', 'sum' or 'none'.

    Raises:
        ValueError: if margin <= 0.
        ShapeError: if the numbers of dims differ.

    Example:
        >>> import rushlight as rl
        >>> a, p, n = rl.tensor([[0.0]]), rl.tensor([[1.0]]), rl.tensor([[1.5]])
        >>> rl.nn.functional.triplet_margin_loss(a, p, n)
        tensor(0.5000)
    """

    def distance(a: Tensor, b: Tensor) -> Tensor:
        return pairwise_distance(a, b, p, eps)

    name = "triplet_margin_loss"
    return _triplet(name, anchor, positive, negative, distance, margin, swap, reduction)


def triplet_margin_with_distance_loss(
    anchor: Tensor,
    positive: Tensor,
    negative: Tensor,
    *,
    distance_function: Callable[[Tensor, Tensor], Tensor] | None = None,
    margin: float = 1.0,
    swap: bool = False,
    reduction: str = "mean",
) -> Tensor:
    """Return `triplet_margin_loss` with a distance of one's own.

    Args:
        anchor, positive, negative: of the same number of dims.
        distance_function: of two tensors; default `pairwise_distance`.
        margin, swap, reduction: as in `triplet_margin_loss`.

    Raises:
        ValueError: if margin <= 0.
        ShapeError: if the numbers of dims differ.

    Example:
        >>> import rushlight as rl
        >>> a, p, n = rl.tensor([[0.0]]), rl.tensor([[1.0]]), rl.tensor([[1.5]])
        >>> d = lambda x, y: (x - y).abs().sum(-1)
        >>> rl.nn.functional.triplet_margin_with_distance_loss(a, p, n, distance_function=d)
        tensor(0.5000)
    """
    name = "triplet_margin_with_distance_loss"
    distance = pairwise_distance if distance_function is None else distance_function
    return _triplet(name, anchor, positive, negative, distance, margin, swap, reduction)


def _triplet(
    name: str,
    anchor: Tensor,
    positive: Tensor,
    negative: Tensor,
    distance: Callable[[Tensor, Tensor], Tensor],
    margin: float,
    swap: bool,
    reduction: str,
) -> Tensor:
    if margin <= 0:
        raise ValueError(explain(name, got=f"margin={margin}", expected="margin > 0"))
    _same_ndim(name, anchor=anchor, positive=positive, negative=negative)
    near, far = distance(anchor, positive), distance(anchor, negative)
    if swap:
        far = minimum(far, distance(positive, negative))
    return reduced(clamp(near - far + margin, min=0), reduction)


def _same_ndim(name: str, **given: Tensor) -> None:
    check_tensors(name, **given)
    if len({x.ndim for x in given.values()}) > 1:
        got = ", ".join(f"{key} {x.shape}" for key, x in given.items())
        raise ShapeError(explain(name, got=got, expected="as many dims in each"))


# ---- labels


def soft_margin_loss(input: Tensor, target: Tensor, *, reduction: str = "mean") -> Tensor:
    """Return the mean of ln(1 + e^(-t x)), without its overflow.

    Args:
        input: scores.
        target: of 1 and -1, broadcast with the input; it has no gradient.
        reduction: 'mean', 'sum' or 'none'.

    Example:
        >>> import rushlight as rl
        >>> rl.nn.functional.soft_margin_loss(rl.tensor([0.0, 5.0]), rl.tensor([1.0, -1.0]))
        tensor(2.8499)
    """
    check_tensors("soft_margin_loss", input=input)
    constant("soft_margin_loss", "target", target)
    return reduced(-logsigmoid(target * input), reduction)


def multilabel_soft_margin_loss(
    input: Tensor, target: Tensor, weight: Tensor | None = None, *, reduction: str = "mean"
) -> Tensor:
    """Return the mean of -(t ln s(x) + (1 - t) ln s(-x)), s the sigmoid, over classes and rows.

    Args:
        input: logits (*, C).
        target: probabilities, broadcast with the input.
        weight: (C), of each class.
        reduction: 'mean', 'sum' or 'none'; classes are averaged in any case.

    Example:
        >>> import rushlight as rl
        >>> x, t = rl.tensor([[0.0, 0.0]]), rl.tensor([[1.0, 0.0]])
        >>> rl.nn.functional.multilabel_soft_margin_loss(x, t)
        tensor(0.6931)
    """
    check_tensors("multilabel_soft_margin_loss", input=input)
    if not input.ndim:
        got = f"input {input.shape}"
        raise IndexError(explain("multilabel_soft_margin_loss", got=got, expected="(*, C)"))
    terms = -(target * logsigmoid(input) + (1 - target) * logsigmoid(-input))
    if weight is not None:
        terms = terms * weight
    return reduced(terms.sum(input.ndim - 1) / input.shape[-1], reduction)


def multilabel_margin_loss(input: Tensor, target: Tensor, *, reduction: str = "mean") -> Tensor:
    """Return the mean over rows of sum(max(0, 1 - (x_t - x_d))) / C, t the labels, d the others.

    Args:
        input: scores (N, C) or (C).
        target: int64, of the input's shape: the labels of a row, then -1, then whatever.
        reduction: 'mean', 'sum' or 'none'.

    Raises:
        ShapeError, DtypeError: if the target does not fit.
        RuntimeError: if a label is neither a class nor -1.

    Example:
        >>> import rushlight as rl
        >>> x, t = rl.tensor([[0.1, 0.2, 0.4, 0.8]]), rl.tensor([[3, 0, -1, 1]])
        >>> rl.nn.functional.multilabel_margin_loss(x, t)
        tensor(0.8500)
    """
    check_tensors("multilabel_margin_loss", input=input)
    options = {"target": constant("multilabel_margin_loss", "target", target)}
    options["reduction"] = reduction
    return apply(margin_losses.multilabel_margin_loss, (input,), options)


@traced(2)
def multi_margin_loss(
    input: Tensor,
    target: Tensor,
    p: int = 1,
    margin: float = 1.0,
    weight: Tensor | None = None,
    *,
    reduction: str = "mean",
) -> Tensor:
    """Return the mean over rows of w_t sum(max(0, margin - x_t + x_d)^p) / C over all d but t.

    Args:
        input: scores (N, C) or (C).
        target: int64 classes (N), or ().
        p: 1 or 2.
        margin: by how much the target's score is to be above the others.
        weight: (C), of each class as a target.
        reduction: 'mean' (by the number of rows, whatever they weigh), 'sum' or 'none'.

    Raises:
        ValueError: if p is neither 1 nor 2, or the weight has not one dim.
        ShapeError, DtypeError: if the target or the weight does not fit.
        RuntimeError: if a target is not a class; names the first one.

    Example:
        >>> import rushlight as rl
        >>> x = rl.tensor([[0.1, 0.2, 0.4, 0.8]])
        >>> rl.nn.functional.multi_margin_loss(x, rl.tensor([3]))
        tensor(0.3250)
    """
    labels = _margin_labels(input, target, p, weight)
    classes = input.shape[-1] if input.ndim else 1
    rows = input.reshape(-1, classes)
    gaps = relu(margin - gather(rows, 1, labels) + rows)
    if p == 2:
        gaps = gaps * gaps
    gaps = masked_fill(gaps, wrap(np.arange(classes) == labels._array), 0.0)
    terms = gaps.sum(1) / classes
    if weight is not None:
        constant("multi_margin_loss", "weight", weight)
        terms = terms * weight.to(input.dtype)[labels.squeeze(1)]
    return reduced(terms.reshape(target.shape), reduction)


def _margin_labels(input: Tensor, target: Tensor, p: int, weight: Any) -> Tensor:
    """Return the target classes as a column, after all checks."""
    name = "multi_margin_loss"
    check_tensors(name, input=input)
    if p not in (1, 2):
        raise ValueError(explain(name, got=f"p={p!r}", expected="1 or 2"))
    if weight is not None and weight.ndim != 1:
        got = f"weight {weight.shape}"
        raise ValueError(explain(name, got=got, expected="one dim, (C)"))
    if input.ndim > 2 or (input.ndim and input.shape[-1] == 0):
        got = f"input {input.shape}"
        raise ShapeError(explain(name, got=got, expected="(C) or (N, C), C > 0"))
    labels = constant(name, "target", target)
    rows, classes = input.shape if input.ndim == 2 else (1, input.numel())
    if labels.ndim > 1 or labels.size != rows:
        got = f"input {input.shape} and target {labels.shape}"
        raise ShapeError(explain(name, got=got, expected=f"target ({rows},)"))
    if labels.dtype != np.int64:
        got = f"target {labels.dtype.name}"
        raise DtypeError(explain(name, got=got, expected="int64", fix="target.long()"))
    if weight is not None and weight.shape != (classes,):
        got, expected = f"weight {weight.shape}", f"({classes},), one per class"
        raise ShapeError(explain(name, got=got, expected=expected))
    labels = labels.reshape(-1, 1).copy()  # theirs may change before backward
    bad = (labels < 0) | (labels >= classes)
    if bad.any():
        first = int(bad.argmax())
        got = f"class {labels[first, 0]} at place {first} of the target"
        raise RuntimeError(explain(name, got=got, expected=f"0 to {classes - 1}"))
    return wrap(labels)
