"""Losses with a margin, as modules: of distances, rankings and labels."""

from __future__ import annotations

from collections.abc import Callable

from rushlight.errors import explain
from rushlight.functional import margin_loss as F
from rushlight.nn.distance import PairwiseDistance
from rushlight.nn.loss import Loss, WeightedLoss
from rushlight.tensor import Tensor

__all__ = [
    "CosineEmbeddingLoss",
    "HingeEmbeddingLoss",
    "MarginRankingLoss",
    "MultiLabelMarginLoss",
    "MultiLabelSoftMarginLoss",
    "MultiMarginLoss",
    "SoftMarginLoss",
    "TripletMarginLoss",
    "TripletMarginWithDistanceLoss",
]


# ---- pairs and triplets


class CosineEmbeddingLoss(Loss):
    """Mean of 1 - cos(a, b) where t is 1, and of max(0, cos(a, b) - margin) where t is -1.

    Args:
        margin: float, of pairs that are to differ, best 0 to 0.5; default 0.0.
        reduction: str, 'mean', 'sum' or 'none'; default 'mean'.

    Shape:
        (N, D), (N, D), (N) or (D), (D), () -> (), or (N) with 'none'.

    Raises:
        ShapeError: in forward, if the number of dims does not fit.

    Example:
        >>> import rushlight as rl
        >>> a, b = rl.tensor([[1.0, 0.0]]), rl.tensor([[1.0, 1.0]])
        >>> rl.nn.CosineEmbeddingLoss()(a, b, rl.tensor([1]))
        tensor(0.2929)

    Source: https://docs.pytorch.org/docs/stable/generated/torch.nn.CosineEmbeddingLoss.html
    """

    def __init__(self, margin: float = 0.0, *, reduction: str = "mean") -> None:
        super().__init__(reduction)
        self.margin = margin

    def forward(self, input1: Tensor, input2: Tensor, target: Tensor) -> Tensor:
        return F.cosine_embedding_loss(
            input1, input2, target, self.margin, reduction=self.reduction
        )


class HingeEmbeddingLoss(Loss):
    """Mean of x where t is 1, and of max(0, margin - x) where t is -1.

    Args:
        margin: float, the distance beyond which pairs differ enough; default 1.0.
        reduction: str, 'mean', 'sum' or 'none'; default 'mean'.

    Shape:
        (*), (*) -> (), or (*) with 'none'.

    Example:
        >>> import rushlight as rl
        >>> rl.nn.HingeEmbeddingLoss()(rl.tensor([0.3, 0.3]), rl.tensor([1, -1]))
        tensor(0.5000)

    Source: https://docs.pytorch.org/docs/stable/generated/torch.nn.HingeEmbeddingLoss.html
    """

    def __init__(self, margin: float = 1.0, *, reduction: str = "mean") -> None:
        super().__init__(reduction)
        self.margin = margin

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        return F.hinge_embedding_loss(input, target, self.margin, reduction=self.reduction)


class MarginRankingLoss(Loss):
    """Mean of max(0, margin - t (a - b)): t is 1 where a is to be above b, else -1.

    Args:
        margin: float, by how much; default 0.0.
        reduction: str, 'mean', 'sum' or 'none'; default 'mean'.

    Shape:
        (*), (*), (*) of as many dims, which broadcast -> (), or (*) with 'none'.

    Raises:
        ShapeError: in forward, if the numbers of dims differ.

    Example:
        >>> import rushlight as rl
        >>> a, b, t = rl.tensor([1.0]), rl.tensor([3.0]), rl.tensor([1.0])
        >>> rl.nn.MarginRankingLoss()(a, b, t)
        tensor(2.)

    Source: https://docs.pytorch.org/docs/stable/generated/torch.nn.MarginRankingLoss.html
    """

    def __init__(self, margin: float = 0.0, *, reduction: str = "mean") -> None:
        super().__init__(reduction)
        self.margin = margin

    def forward(self, input1: Tensor, input2: Tensor, target: Tensor) -> Tensor:
        return F.margin_ranking_loss(input1, input2, target, self.margin, reduction=self.reduction)


class TripletMarginLoss(Loss):
    """Mean of max(0, d(a, p) - d(a, n) + margin), d the p-norm of a difference.

    Args:
        margin: float > 0, by how much the negative is to be farther off; default 1.0.
        p: float, of the norm; default 2.0.
        eps: float, added to the differences; default 1e-6.
        swap: bool, whether d(p, n) stands for d(a, n) where it is smaller; default False.
        reduction: str, 'mean', 'sum' or 'none'; default 'mean'.

    Shape:
        (N, D), (N, D), (N, D) or (D), (D), (D) -> (), or (N) or () with 'none'.

    Raises:
        ValueError: if margin <= 0.
        ShapeError: in forward, if the numbers of dims differ.

    Example:
        >>> import rushlight as rl
        >>> a, p, n = rl.tensor([[0.0]]), rl.tensor([[1.0]]), rl.tensor([[1.5]])
        >>> rl.nn.TripletMarginLoss()(a, p, n)
        tensor(0.5000)

    Source: Balntas et al., Learning shallow convolutional feature descriptors with triplet losses,
    2016; https://docs.pytorch.org/docs/stable/generated/torch.nn.TripletMarginLoss.html
    """

    def __init__(
        self,
        margin: float = 1.0,
        p: float = 2.0,
        eps: float = 1e-6,
        swap: bool = False,
        *,
        reduction: str = "mean",
    ) -> None:
        super().__init__(reduction)
        _check_margin("TripletMarginLoss", margin)
        self.margin = margin
        self.p = p
        self.eps = eps
        self.swap = swap

    def forward(self, anchor: Tensor, positive: Tensor, negative: Tensor) -> Tensor:
        return F.triplet_margin_loss(
            anchor,
            positive,
            negative,
            margin=self.margin,
            p=self.p,
            eps=self.eps,
            swap=self.swap,
            reduction=self.reduction,
        )


class TripletMarginWithDistanceLoss(Loss):
    """Mean of max(0, d(a, p) - d(a, n) + margin) for a distance d of one's own.

    Args:
        distance_function: callable of two tensors, may be a module; default `PairwiseDistance()`.
        margin: float > 0, by how much the negative is to be farther off; default 1.0.
        swap: bool, whether d(p, n) stands for d(a, n) where it is smaller; default False.
        reduction: str, 'mean', 'sum' or 'none'; default 'mean'.

    Shape:
        (N, *), (N, *), (N, *) -> (), or what the distance gives with 'none'.

    Attributes:
        distance_function: the callable.

    Raises:
        ValueError: if margin <= 0.
        ShapeError: in forward, if the numbers of dims differ.

    Example:
        >>> import rushlight as rl
        >>> a, p, n = rl.tensor([[0.0]]), rl.tensor([[1.0]]), rl.tensor([[1.5]])
        >>> d = lambda x, y: (x - y).abs().sum(-1)
        >>> rl.nn.TripletMarginWithDistanceLoss(distance_function=d)(a, p, n)
        tensor(0.5000)

    Source: Balntas et al., Learning shallow convolutional feature descriptors with triplet losses,
    2016;
    https://docs.pytorch.org/docs/stable/generated/torch.nn.TripletMarginWithDistanceLoss.html
    """

    def __init__(
        self,
        *,
        distance_function: Callable[[Tensor, Tensor], Tensor] | None = None,
        margin: float = 1.0,
        swap: bool = False,
        reduction: str = "mean",
    ) -> None:
        super().__init__(reduction)
        _check_margin("TripletMarginWithDistanceLoss", margin)
        if distance_function is None:
            distance_function = PairwiseDistance()
        self.distance_function = distance_function
        self.margin = margin
        self.swap = swap

    def forward(self, anchor: Tensor, positive: Tensor, negative: Tensor) -> Tensor:
        return F.triplet_margin_with_distance_loss(
            anchor,
            positive,
            negative,
            distance_function=self.distance_function,
            margin=self.margin,
            swap=self.swap,
            reduction=self.reduction,
        )


def _check_margin(name: str, margin: float) -> None:
    if margin <= 0:
        raise ValueError(explain(name, got=f"margin={margin}", expected="margin > 0"))


# ---- labels


class SoftMarginLoss(Loss):
    """Mean of ln(1 + e^(-t x)).

    Args:
        reduction: str, 'mean', 'sum' or 'none'; default 'mean'.

    Shape:
        (*), (*) of 1 and -1 -> (), or (*) with 'none'.

    Example:
        >>> import rushlight as rl
        >>> rl.nn.SoftMarginLoss()(rl.tensor([0.0, 5.0]), rl.tensor([1.0, -1.0]))
        tensor(2.8499)

    Source: https://docs.pytorch.org/docs/stable/generated/torch.nn.SoftMarginLoss.html
    """

    def __init__(self, *, reduction: str = "mean") -> None:
        super().__init__(reduction)

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        return F.soft_margin_loss(input, target, reduction=self.reduction)


class MultiLabelSoftMarginLoss(WeightedLoss):
    """Mean over classes and rows of -(t ln s(x) + (1 - t) ln s(-x)), s the sigmoid.

    Args:
        weight: Tensor (C), of each class; default 1.
        reduction: str, 'mean', 'sum' or 'none'; classes are averaged in any case; default 'mean'.

    Shape:
        (*, C), (*, C) -> (), or (*) with 'none'.

    Attributes:
        weight: (C), a buffer, or None.

    Raises:
        IndexError: in forward, if the input has no dims.

    Example:
        >>> import rushlight as rl
        >>> rl.nn.MultiLabelSoftMarginLoss()(rl.zeros(1, 2), rl.tensor([[1.0, 0.0]]))
        tensor(0.6931)

    Source: https://docs.pytorch.org/docs/stable/generated/torch.nn.MultiLabelSoftMarginLoss.html
    """

    def __init__(self, weight: Tensor | None = None, *, reduction: str = "mean") -> None:
        super().__init__(weight, reduction)

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        return F.multilabel_soft_margin_loss(input, target, self.weight, reduction=self.reduction)


class MultiLabelMarginLoss(Loss):
    """Mean over rows of sum(max(0, 1 - (x_t - x_d))) / C, t the row's labels, d the others.

    Args:
        reduction: str, 'mean', 'sum' or 'none'; default 'mean'.

    Shape:
        (N, C), int64 (N, C) or (C), (C) -> (), or (N) with 'none'. The target's row holds the
        labels, then -1, then whatever.

    Raises:
        ShapeError, DtypeError: in forward, if the target does not fit.
        RuntimeError: in forward, if a label is neither a class nor -1.

    Example:
        >>> import rushlight as rl
        >>> x, t = rl.tensor([[0.1, 0.2, 0.4, 0.8]]), rl.tensor([[3, 0, -1, 1]])
        >>> rl.nn.MultiLabelMarginLoss()(x, t)
        tensor(0.8500)

    Source: https://docs.pytorch.org/docs/stable/generated/torch.nn.MultiLabelMarginLoss.html
    """

    def __init__(self, *, reduction: str = "mean") -> None:
        super().__init__(reduction)

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        return F.multilabel_margin_loss(input, target, reduction=self.reduction)


class MultiMarginLoss(WeightedLoss):
    """Mean over rows of w_t sum(max(0, margin - x_t + x_d)^p) / C over all classes d but t.

    Args:
        p: int, 1 or 2; default 1.
        margin: float, by how much the target's score is to be above the others; default 1.0.
        weight: Tensor (C), of each class as a target; default 1.
        reduction: str, 'mean' (by the number of rows, whatever they weigh), 'sum' or 'none';
            default 'mean'.

    Shape:
        (N, C), int64 (N) or (C), () -> (), or (N) with 'none'.

    Attributes:
        weight: (C), a buffer, or None.

    Raises:
        ValueError: if p is neither 1 nor 2, or the weight has not one dim.
        ShapeError, DtypeError: in forward, if the target or the weight does not fit.
        RuntimeError: in forward, if a target is not a class.

    Example:
        >>> import rushlight as rl
        >>> rl.nn.MultiMarginLoss()(rl.tensor([[0.1, 0.2, 0.4, 0.8]]), rl.tensor([3]))
        tensor(0.3250)

    Source: https://docs.pytorch.org/docs/stable/generated/torch.nn.MultiMarginLoss.html
    """

    def __init__(
        self,
        p: int = 1,
        margin: float = 1.0,
        weight: Tensor | None = None,
        *,
        reduction: str = "mean",
    ) -> None:
        super().__init__(weight, reduction)
        if p not in (1, 2):
            raise ValueError(explain("MultiMarginLoss", got=f"p={p!r}", expected="1 or 2"))
        if weight is not None and weight.ndim != 1:
            got = f"weight {weight.shape}"
            raise ValueError(explain("MultiMarginLoss", got=got, expected="one dim, (C)"))
        self.p = p
        self.margin = margin

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        return F.multi_margin_loss(
            input,
            target,
            p=self.p,
            margin=self.margin,
            weight=self.weight,
            reduction=self.reduction,
        )
