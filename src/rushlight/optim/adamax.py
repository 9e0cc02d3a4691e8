"""Adamax."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from rushlight.arrays import Array
from rushlight.kernels.reference.steps import directed, lerp
from rushlight.optim.optimizer import Optimizer, check_betas, check_options

if TYPE_CHECKING:
    from rushlight.tensor import Tensor

__all__ = ["Adamax"]


class Adamax(Optimizer):
    r"""Adamax: w <- w - lr * m' / u, Adam with the largest recent gradient u in place of the root.

    In full, for the step t = 1, 2, ... of a parameter w with the gradient g (-g if `maximize`):

        g <- g + weight_decay * w
        m <- beta1 * m + (1 - beta1) * g
        u <- max(beta2 * u, |g| + eps)
        w <- w - lr / (1 - beta1**t) * m / u

    Args:
        params: the tensors to train, or groups of them.
        lr: float (or a Tensor of one element), learning rate; default 2e-3.
        betas: (beta1, beta2), floats in [0, 1), decay per step; default (0.9, 0.999).
        eps: float >= 0, keeps the quotient finite; default 1e-8.
        weight_decay: float >= 0, L2 penalty; default 0.
        maximize: bool, ascend instead; default False.
        foreach: accepted for torch's sake; there is one implementation; default None.
        capturable, differentiable: must be False.

    Raises:
        ValueError: a negative option, or a beta outside [0, 1).
        NotImplementedError: `capturable=True` or `differentiable=True`.

    Example:
        >>> import rushlight as rl
        >>> w = rl.tensor([1.0, -2.0], requires_grad=True)
        >>> optimizer = Adamax([w], lr=0.1)
        >>> (w * w).sum().backward()
        >>> optimizer.step()
        >>> w
        tensor([ 0.9000, -1.9000], requires_grad=True)

    Source: Kingma and Ba 2015, https://arxiv.org/abs/1412.6980 (section 7);
    https://docs.pytorch.org/docs/stable/generated/torch.optim.Adamax.html
    """

    def __init__(
        self,
        params: Iterable[Any],
        lr: float | Tensor = 2e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
        foreach: bool | None = None,
        *,
        maximize: bool = False,
        differentiable: bool = False,
        capturable: bool = False,
    ) -> None:
        modes = {"foreach": foreach, "differentiable": differentiable, "capturable": capturable}
        numbers = {"eps": eps, "weight_decay": weight_decay}
        numbers = check_options("Adamax", lr, **numbers, **modes)
        betas = check_betas("Adamax", betas)
        options = {"betas": betas, **numbers, "maximize": maximize}
        super().__init__(params, {"lr": lr, **options, **modes})

    def init(self, parameter: Array, group: dict[str, Any]) -> dict[str, Array]:
        """Return the count of steps, the average and the largest gradient, zeros."""
        return {
            "step": np.zeros((), np.float32),
            "exp_avg": np.zeros_like(parameter),
            "exp_inf": np.zeros_like(parameter),
        }

    def update(
        self,
        parameter: Array,
        gradient: Array,
        state: dict[str, Any],
        lr: float,
        group: dict[str, Any],
        first: bool,
        scratch: Sequence[Array],
    ) -> None:
        """Take one step in place."""
        decay, maximize = group["weight_decay"], group["maximize"]
        gradient = directed(parameter, gradient, lr, decay, False, maximize, scratch)
        (beta1, beta2), work = group["betas"], scratch[0]
        mean, largest = state["exp_avg"], state["exp_inf"]
        lerp(mean, gradient, 1 - beta1, work)
        np.abs(gradient, out=work)
        work += group["eps"]
        largest *= beta2
        np.maximum(largest, work, out=largest)
        np.divide(mean, largest, out=work)
        work *= lr / (1 - beta1 ** state["step"])
        parameter -= work
