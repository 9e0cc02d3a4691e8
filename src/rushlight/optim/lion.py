"""Lion."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from rushlight.arrays import Array
from rushlight.kernels.reference.steps import average, directed
from rushlight.optim.optimizer import Optimizer, check_betas, check_options

if TYPE_CHECKING:
    from rushlight.tensor import Tensor

__all__ = ["Lion"]


class Lion(Optimizer):
    r"""Evolved sign momentum: w <- w - lr * (sign(beta1 * m + (1 - beta1) * g) + weight_decay * w).

    After the step of a parameter w with the gradient g (-g if `maximize`), the momentum moves:

        m <- beta2 * m + (1 - beta2) * g

    Steps are as large as the rate whatever the gradient: take a rate 3 to 10 times less, and a
    weight decay 3 to 10 times more, than for AdamW. torch has no Lion.

    Args:
        params: the tensors to train, or groups of them.
        lr: float (or a Tensor of one element), learning rate; default 1e-4.
        betas: (beta1, beta2), floats in [0, 1), shares of the momentum in the step and in the next
            momentum; default (0.9, 0.99).
        weight_decay: float >= 0, decoupled decay of the weights; default 0.
        maximize: bool, ascend instead; default False.

    Raises:
        ValueError: a negative option, or a beta outside [0, 1).

    Example:
        >>> import rushlight as rl
        >>> w = rl.tensor([1.0, -2.0], requires_grad=True)
        >>> optimizer = Lion([w], lr=0.1)
        >>> (w * w).sum().backward()
        >>> optimizer.step()
        >>> w
        tensor([ 0.9000, -1.9000], requires_grad=True)
        >>> optimizer.state[w]["exp_avg"]
        tensor([ 0.0200, -0.0400])

    Source: Chen et al. 2023, https://arxiv.org/abs/2302.06675 (algorithm 2)
    """

    def __init__(
        self,
        params: Iterable[Any],
        lr: float | Tensor = 1e-4,
        betas: tuple[float, float] = (0.9, 0.99),
        weight_decay: float = 0,
        *,
        maximize: bool = False,
    ) -> None:
        check_options("Lion", lr, weight_decay=weight_decay)
        betas = check_betas("Lion", betas)
        options = {"betas": betas, "weight_decay": weight_decay, "maximize": maximize}
        super().__init__(params, {"lr": lr, **options})

    def init(self, parameter: Array, group: dict[str, Any]) -> dict[str, Array]:
        """Return the momentum, zeros."""
        return {"exp_avg": np.zeros_like(parameter)}

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
        gradient = directed(parameter, gradient, lr, decay, True, maximize, scratch)
        (beta1, beta2), mean, work = group["betas"], state["exp_avg"], scratch[0]
        np.subtract(gradient, mean, out=work)
        work *= 1 - beta1
        work += mean
        np.sign(work, out=work)
        work *= lr
        parameter -= work
        average(mean, gradient, beta2, work)
