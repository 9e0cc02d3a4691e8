"""Losses as modules: they hold the options, the functional losses compute."""

from __future__ import annotations

import warnings

from rushlight.errors import explain
from rushlight.functional import loss as F
from rushlight.nn.module import Module
from rushlight.tensor import Tensor

__all__ = [
    "BCELoss",
    "BCEWithLogitsLoss",
    "CrossEntropyLoss",
    "HuberLoss",
    "L1Loss",
    "MSELoss",
    "NLLLoss",
    "NLLLoss2d",
    "SmoothL1Loss",
]


class Loss(Module):
    """A module with a `reduction`."""

    def __init__(self, reduction: str = "mean") -> None:
        super().__init__()
        self.reduction = reduction


class WeightedLoss(Loss):
    """A loss with a buffer `weight`, which may be None."""

    weight: Tensor | None

    def __init__(self, weight: Tensor | None, reduction: str) -> None:
        super().__init__(reduction)
        self.register_buffer("weight", weight)


class MSELoss(Loss):
    """Mean of (input - target)^2.

    Args:
        reduction: str, 'mean', 'sum' or 'none'; default 'mean'.

    Shape:
        (*), (*) -> (), or (*) with 'none'. Unlike torch, unequal shapes are an error.

    Raises:
        ShapeError: in forward, if the shapes differ.

    Example:
        >>> import rushlight as rl
        >>> rl.nn.MSELoss()(rl.tensor([1.0, 2.0]), rl.tensor([1.0, 4.0]))
        tensor(2.)

    Source: https://docs.pytorch.org/docs/stable/generated/torch.nn.MSELoss.html
    """

    def __init__(self, *, reduction: str = "mean") -> None:
        super().__init__(reduction)

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        return F.mse_loss(input, target, reduction=self.reduction)


class L1Loss(Loss):
    """Mean of |input - target|.

    Args:
        reduction: str, 'mean', 'sum' or 'none'; default 'mean'.

    Shape:
        (*), (*) -> (), or (*) with 'none'. Unlike torch, unequal shapes are an error.

    Raises:
        ShapeError: in forward, if the shapes differ.

    Example:
        >>> import rushlight as rl
        >>> rl.nn.L1Loss()(rl.tensor([1.0, 2.0]), rl.tensor([1.0, 4.0]))
        tensor(1.)

    Source: https://docs.pytorch.org/docs/stable/generated/torch.nn.L1Loss.html
    """

    def __init__(self, *, reduction: str = "mean") -> None:
        super().__init__(reduction)

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        return F.l1_loss(input, target, reduction=self.reduction)


class SmoothL1Loss(Loss):
    """Mean of d^2 / (2 beta) where |d| < beta, else |d| - beta / 2; d = input - target.

    Args:
        reduction: str, 'mean', 'sum' or 'none'; default 'mean'.
        beta: float >= 0, where the parabola ends; default 1.0. With 0 it is `L1Loss`.

    Shape:
        (*), (*) -> (), or (*) with 'none'. Unlike torch, unequal shapes are an error.

    Raises:
        ShapeError: in forward, if the shapes differ.
        RuntimeError: in forward, if beta < 0.

    Example:
        >>> import rushlight as rl
        >>> rl.nn.SmoothL1Loss()(rl.tensor([0.5, 3.0]), rl.zeros(2))
        tensor(1.3125)

    Source: Girshick, Fast R-CNN, 2015;
    https://docs.pytorch.org/docs/stable/generated/torch.nn.SmoothL1Loss.html
    """

    def __init__(self, *, reduction: str = "mean", beta: float = 1.0) -> None:
        super().__init__(reduction)
        self.beta = beta

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        return F.smooth_l1_loss(input, target, reduction=self.reduction, beta=self.beta)


class HuberLoss(Loss):
    """Mean of d^2 / 2 where |d| < delta, else delta (|d| - delta / 2); d = input - target.

    Args:
        reduction: str, 'mean', 'sum' or 'none'; default 'mean'.
        delta: float > 0, where the parabola ends; default 1.0.

    Shape:
        (*), (*) -> (), or (*) with 'none'. Unlike torch, unequal shapes are an error.

    Raises:
        TypeError: if delta is neither a float nor an int.
        ShapeError: in forward, if the shapes differ.
        RuntimeError: in forward, if delta <= 0.

    Example:
        >>> import rushlight as rl
        >>> rl.nn.HuberLoss(delta=2.0)(rl.tensor([1.0, 3.0]), rl.zeros(2))
        tensor(2.2500)

    Source: Huber, Robust estimation of a location parameter, 1964;
    https://docs.pytorch.org/docs/stable/generated/torch.nn.HuberLoss.html
    """

    def __init__(self, reduction: str = "mean", delta: float = 1.0) -> None:
        super().__init__(reduction)
        if not isinstance(delta, (float, int)):
            raise TypeError(explain("HuberLoss", got=f"delta={delta!r}", expected="a float or int"))
        self.delta = delta

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        return F.huber_loss(input, target, reduction=self.reduction, delta=self.delta)


class NLLLoss(WeightedLoss):
    """Mean of -input[target]: the negative log-likelihood of log-probabilities.

    Args:
        weight: Tensor (C), of each class; default 1. The mean divides by the targets' weights.
        ignore_index: int, a target that does not count; default -100.
        reduction: str, 'mean', 'sum' or 'none'; default 'mean'.

    Shape:
        (C), (N, C) or (N, C, *) and int64 (), (N) or (N, *) -> (), or the target's with 'none'.

    Attributes:
        weight: (C), a buffer, or None.

    Raises:
        IndexError: in forward, if a target is not a class.
        ShapeError, DtypeError: in forward, if shapes or dtypes do not fit.

    Example:
        >>> import rushlight as rl
        >>> rl.nn.NLLLoss()(rl.tensor([[-0.5, -2.0]]), rl.tensor([1]))
        tensor(2.)

    Source: https://docs.pytorch.org/docs/stable/generated/torch.nn.NLLLoss.html
    """

    def __init__(
        self, weight: Tensor | None = None, *, ignore_index: int = -100, reduction: str = "mean"
    ) -> None:
        super().__init__(weight, reduction)
        self.ignore_index = ignore_index

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        return F.nll_loss(
            input,
            target,
            self.weight,
            ignore_index=self.ignore_index,
            reduction=self.reduction,
        )


class NLLLoss2d(NLLLoss):
    """`NLLLoss` under the name that it once had for images; making one warns.

    Args:
        weight, ignore_index, reduction: as in `NLLLoss`.

    Shape:
        (N, C, H, W) and int64 (N, H, W) -> (), or (N, H, W) with 'none'.

    Raises:
        IndexError, ShapeError, DtypeError: in forward, as `NLLLoss` does.

    Example:
        >>> import warnings
        >>> import rushlight as rl
        >>> with warnings.catch_warnings():
        ...     warnings.simplefilter("ignore")
        ...     loss = rl.nn.NLLLoss2d()
        >>> loss(rl.full((1, 2, 1, 1), -0.5), rl.zeros(1, 1, 1).long())
        tensor(0.5000)

    Source: https://docs.pytorch.org/docs/stable/generated/torch.nn.NLLLoss.html
    """

    def __init__(
        self, weight: Tensor | None = None, *, ignore_index: int = -100, reduction: str = "mean"
    ) -> None:
        warnings.warn("NLLLoss2d is deprecated: use NLLLoss", FutureWarning, stacklevel=2)
        super().__init__(weight, ignore_index=ignore_index, reduction=reduction)


class CrossEntropyLoss(WeightedLoss):
    """Mean of -sum_c t_c log softmax(input)_c, from logits.

    Args:
        weight: Tensor (C), of each class; default 1. With class indices the mean divides by the
            targets' weights.
        ignore_index: int, a class index that does not count; default -100.
        reduction: str, 'mean', 'sum' or 'none'; default 'mean'.
        label_smoothing: float in [0, 1], the share of the target that is spread over all classes;
            default 0.0.

    Shape:
        (C), (N, C) or (N, C, *) and int64 (), (N) or (N, *), or probabilities of the input's
        shape -> (), or (), (N) or (N, *) with 'none'.

    Attributes:
        weight: (C), a buffer, or None.

    Raises:
        IndexError: in forward, if a target is not a class.
        ShapeError, DtypeError: in forward, if shapes or dtypes do not fit.

    Example:
        >>> import rushlight as rl
        >>> rl.nn.CrossEntropyLoss()(rl.tensor([[2.0, 0.0]]), rl.tensor([0]))
        tensor(0.1269)

    Source: https://docs.pytorch.org/docs/stable/generated/torch.nn.CrossEntropyLoss.html
    """

    def __init__(
        self,
        weight: Tensor | None = None,
        *,
        ignore_index: int = -100,
        reduction: str = "mean",
        label_smoothing: float = 0.0,
    ) -> None:
        super().__init__(weight, reduction)
        self.ignore_index = ignore_index
        self.label_smoothing = label_smoothing

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        return F.cross_entropy(
            input,
            target,
            self.weight,
            ignore_index=self.ignore_index,
            reduction=self.reduction,
            label_smoothing=self.label_smoothing,
        )


class BCELoss(WeightedLoss):
    """Mean of -(t ln p + (1 - t) ln(1 - p)), each logarithm at least -100.

    Args:
        weight: Tensor, of each term, broadcast to the input; default 1.
        reduction: str, 'mean' (by the number of terms), 'sum' or 'none'; default 'mean'.

    Shape:
        (*), (*) -> (), or (*) with 'none'.

    Attributes:
        weight: a buffer, or None.

    Raises:
        RuntimeError: in forward, if an element of either is outside [0, 1].
        ShapeError, DtypeError: in forward, if shapes or dtypes differ.

    Example:
        >>> import rushlight as rl
        >>> rl.nn.BCELoss()(rl.tensor([0.5]), rl.tensor([1.0]))
        tensor(0.6931)

    Source: https://docs.pytorch.org/docs/stable/generated/torch.nn.BCELoss.html
    """

    def __init__(self, weight: Tensor | None = None, *, reduction: str = "mean") -> None:
        super().__init__(weight, reduction)

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        return F.binary_cross_entropy(input, target, self.weight, reduction=self.reduction)


class BCEWithLogitsLoss(Loss):
    """`BCELoss` of sigmoid(input), without its overflow or rounding.

    Args:
        weight: Tensor, of each term, broadcast to the input; default 1.
        reduction: str, 'mean' (by the number of terms), 'sum' or 'none'; default 'mean'.
        pos_weight: Tensor, factor of the positive term, broadcast to the input; default 1.

    Shape:
        (*), (*) -> (), or (*) with 'none'.

    Attributes:
        weight, pos_weight: buffers, or None.

    Raises:
        ShapeError, DtypeError: in forward, if the shapes differ or the target is not floating.

    Example:
        >>> import rushlight as rl
        >>> rl.nn.BCEWithLogitsLoss()(rl.tensor([-100.0, 0.0]), rl.tensor([0.0, 1.0]))
        tensor(0.3466)

    Source: https://docs.pytorch.org/docs/stable/generated/torch.nn.BCEWithLogitsLoss.html
    """

    weight: Tensor | None
    pos_weight: Tensor | None

    def __init__(
        self,
        weight: Tensor | None = None,
        *,
        reduction: str = "mean",
        pos_weight: Tensor | None = None,
    ) -> None:
        super().__init__(reduction)
        self.register_buffer("weight", weight)
        self.register_buffer("pos_weight", pos_weight)

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        return F.binary_cross_entropy_with_logits(
            input, target, self.weight, reduction=self.reduction, pos_weight=self.pos_weight
        )
