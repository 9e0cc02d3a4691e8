"""RAdam: Adam with its variance rectified."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from rushlight.arrays import Array
from rushlight.kernels.reference.steps import average_square, directed, lerp
from rushlight.optim.optimizer import Optimizer, check_betas, check_options

if TYPE_CHECKING:
    from rushlight.tensor import Tensor

__all__ = ["RAdam"]


class RAdam(Optimizer):
    r"""Adam that divides by the root only once that is known well enough, and rectifies it.

    In full, for the step t = 1, 2, ... of a parameter w with the gradient g (-g if `maximize`):

        w <- w - lr * weight_decay * w              if decoupled_weight_decay,
        g <- g + weight_decay * w                   else
        m <- beta1 * m + (1 - beta1) * g,   m' = m / (1 - beta1**t)
        v <- beta2 * v + (1 - beta2) * g * g
        R = 2 / (1 - beta2) - 1,   r = R - 2 * t * beta2**t / (1 - beta2**t)
        w <- w - lr * m'                            if r <= 5, else
        w <- w - lr * m' * sqrt((r - 4) * (r - 2) * R / ((R - 4) * (R - 2) * r))
                 * sqrt(1 - beta2**t) / (sqrt(v) + eps)

    Args:
        params: the tensors to train, or groups of them.
        lr: float (or a Tensor of one element), learning rate; default 1e-3.
        betas: (beta1, beta2), floats in [0, 1), decay of the averages per step; default
            (0.9, 0.999).
        eps: float >= 0, keeps the quotient finite; default 1e-8.
        weight_decay: float >= 0, L2 penalty, or decay of the weights themselves if decoupled;
            default 0.
        decoupled_weight_decay: bool, decay as AdamW does; default False.
        maximize: bool, ascend instead; default False.
        foreach: accepted for torch's sake; there is one implementation; default None.
        capturable, differentiable: must be False.

    Raises:
        ValueError: a negative option, or a beta outside [0, 1).
        NotImplementedError: `capturable=True` or `differentiable=True`.

    Example:
        >>> import rushlight as rl
        >>> w = rl.tensor([1.0, -2.0], requires_grad=True)
        >>> optimizer = RAdam([w], lr=0.1)
        >>> (w * w).sum().backward()
        >>> optimizer.step()
        >>> w
        tensor([ 0.8000, -1.6000], requires_grad=True)

    Source: Liu et al. 2020, https://arxiv.org/abs/1908.03265;
    https://docs.pytorch.org/docs/stable/generated/torch.optim.RAdam.html
    """

    def __init__(
        self,
        params: Iterable[Any],
        lr: float | Tensor = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
        decoupled_weight_decay: bool = False,
        *,
        foreach: bool | None = None,
        maximize: bool = False,
        capturable: bool = False,
        differentiable: bool = False,
    ) -> None:
        modes = {"foreach": foreach, "capturable": capturable, "differentiable": differentiable}
        numbers = {"eps": eps, "weight_decay": weight_decay}
        numbers = check_options("RAdam", lr, **numbers, **modes)
        betas = check_betas("RAdam", betas)
        switches = {"maximize": maximize, "decoupled_weight_decay": decoupled_weight_decay}
        super().__init__(params, {"lr": lr, "betas": betas, **numbers, **switches, **modes})

    def init(self, parameter: Array, group: dict[str, Any]) -> dict[str, Array]:
        """Return the count of steps and the moving averages, zeros."""
        return {
            "step": np.zeros((), np.float32),
            "exp_avg": np.zeros_like(parameter),
            "exp_avg_sq": np.zeros_like(parameter),
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
        decay, decoupled = group["weight_decay"], group["decoupled_weight_decay"]
        maximize, step = group["maximize"], state["step"]
        gradient = directed(parameter, gradient, lr, decay, decoupled, maximize, scratch)
        (beta1, beta2), work = group["betas"], scratch[0]
        mean, square = state["exp_avg"], state["exp_avg_sq"]
        lerp(mean, gradient, 1 - beta1, work)
        average_square(square, gradient, beta2, work)

        corrected = 1 - beta2**step
        most = 2 / (1 - beta2) - 1
        length = most - 2 * step * beta2**step / corrected
        scale = lr / (1 - beta1**step)
        if length > 5:
            rectified = (length - 4) * (length - 2) * most / ((most - 4) * (most - 2) * length)
            np.sqrt(square, out=work)
            work += group["eps"]
            np.divide(mean, work, out=work)
            work *= scale * (rectified * corrected) ** 0.5
        else:
            np.multiply(mean, scale, out=work)
        parameter -= work
