"""Losses that are likelihoods or divergences of distributions, as modules."""

from __future__ import annotations

from collections.abc import Sequence

from rushlight.functional import likelihood_loss as F
from rushlight.nn.loss import Loss
from rushlight.tensor import Tensor

__all__ = ["CTCLoss", "GaussianNLLLoss", "KLDivLoss", "PoissonNLLLoss"]


class KLDivLoss(Loss):
    """Mean of t (ln t - x), whose sum is the Kullback-Leibler divergence of e^x from t.

    Args:
        reduction: str, 'batchmean' (the sum over the number of samples), 'sum', 'none', or 'mean',
            which divides by the number of all terms and warns in forward; default 'mean'.
        log_target: bool, whether the target is ln t; default False.

    Shape:
        log-probabilities (*), probabilities (*) -> (), or (*) with 'none'.

    Raises:
        DtypeError: in forward, if an argument is not floating.

    Example:
        >>> import rushlight as rl
        >>> x, t = rl.tensor([[0.5, 0.5]]).log(), rl.tensor([[0.25, 0.75]])
        >>> rl.nn.KLDivLoss(reduction="batchmean")(x, t)
        tensor(0.1308)

    Source: https://docs.pytorch.org/docs/stable/generated/torch.nn.KLDivLoss.html
    """

    def __init__(self, *, reduction: str = "mean", log_target: bool = False) -> None:
        super().__init__(reduction)
        self.log_target = log_target

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        return F.kl_div(input, target, reduction=self.reduction, log_target=self.log_target)


class PoissonNLLLoss(Loss):
    """Mean of e^x - t x: the negative log-likelihood of counts t of rate e^x.

    Args:
        log_input: bool, whether the input is the rate's logarithm; else the loss is
            x - t ln(x + eps); default True.
        full: bool, whether to add Stirling's t ln t - t + ln(2 pi t) / 2 for ln t! where t > 1;
            default False.
        eps: float, what keeps ln off 0; default 1e-8.
        reduction: str, 'mean', 'sum' or 'none'; default 'mean'.

    Shape:
        (*), (*) -> (), or (*) with 'none'.

    Example:
        >>> import rushlight as rl
        >>> rl.nn.PoissonNLLLoss()(rl.zeros(2), rl.tensor([1.0, 5.0]))
        tensor(1.)

    Source: https://docs.pytorch.org/docs/stable/generated/torch.nn.PoissonNLLLoss.html
    """

    def __init__(
        self,
        log_input: bool = True,
        full: bool = False,
        *,
        eps: float = 1e-8,
        reduction: str = "mean",
    ) -> None:
        super().__init__(reduction)
        self.log_input = log_input
        self.full = full
        self.eps = eps

    def forward(self, log_input: Tensor, target: Tensor) -> Tensor:
        return F.poisson_nll_loss(
            log_input,
            target,
            log_input=self.log_input,
            full=self.full,
            eps=self.eps,
            reduction=self.reduction,
        )


class GaussianNLLLoss(Loss):
    """Mean of (ln v + (x - t)^2 / v) / 2: the negative log-likelihood of a Gaussian.

    Args:
        full: bool, whether to add ln(2 pi) / 2; default False.
        eps: float, the least v counted; below it the gradient is that at eps; default 1e-6.
        reduction: str, 'mean', 'sum' or 'none'; default 'mean'.

    Shape:
        (*), (*), v -> (), or (*) with 'none'. v is a float or a tensor: (*), (*) without its last
        size, or (*) with one size 1.

    Raises:
        ValueError: in forward, if a variance is negative or their shape does not fit.

    Example:
        >>> import rushlight as rl
        >>> rl.nn.GaussianNLLLoss()(rl.zeros(2), rl.tensor([1.0, 3.0]), rl.ones(2))
        tensor(2.5000)

    Source: Nix and Weigend, Estimating the mean and variance of the target probability
    distribution, 1994; https://docs.pytorch.org/docs/stable/generated/torch.nn.GaussianNLLLoss.html
    """

    def __init__(self, *, full: bool = False, eps: float = 1e-6, reduction: str = "mean") -> None:
        super().__init__(reduction)
        self.full = full
        self.eps = eps

    def forward(self, input: Tensor, target: Tensor, var: Tensor | float) -> Tensor:
        return F.gaussian_nll_loss(
            input, target, var, full=self.full, eps=self.eps, reduction=self.reduction
        )


class CTCLoss(Loss):
    """-ln of the probability of all paths through the classes that spell the target.

    A path names a class at each step; merging repeated classes and removing blanks spells it.

    Args:
        blank: int, the class that stands for no label; default 0.
        reduction: str, 'mean' (of each loss by its target's length, at least 1), 'sum' or 'none';
            default 'mean'.
        zero_infinity: bool, whether a loss of a target that no path can spell, and its gradient,
            are 0 in place of inf and nan; default False.

    Shape:
        log-probabilities (T, N, C) or (T, C), labels (N, S) or of all samples one after the other,
        lengths of inputs (N), lengths of targets (N) -> (), or (N) with 'none'. Lengths are two
        tensors or two sequences of ints.

    Raises:
        ShapeError: in forward, if shapes and lengths do not go together.
        IndexError: in forward, if a label is not a class.
        NotImplementedError: if a second derivative is asked for.

    Example:
        >>> import rushlight as rl
        >>> x = rl.full((2, 1, 2), 0.5).log()
        >>> rl.nn.CTCLoss()(x, rl.tensor([[1]]), (2,), (1,))
        tensor(0.2877)

    Source: Graves et al., Connectionist temporal classification, 2006;
    https://docs.pytorch.org/docs/stable/generated/torch.nn.CTCLoss.html
    """

    def __init__(
        self, blank: int = 0, reduction: str = "mean", zero_infinity: bool = False
    ) -> None:
        super().__init__(reduction)
        self.blank = blank
        self.zero_infinity = zero_infinity

    def forward(
        self,
        log_probs: Tensor,
        targets: Tensor,
        input_lengths: Tensor | Sequence[int],
        target_lengths: Tensor | Sequence[int],
    ) -> Tensor:
        return F.ctc_loss(
            log_probs,
            targets,
            input_lengths,
            target_lengths,
            self.blank,
            self.reduction,
            self.zero_infinity,
        )
