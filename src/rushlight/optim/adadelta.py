"""Adadelta."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from rushlight.arrays import Array
from rushlight.errors import explain
from rushlight.kernels.reference.steps import average_square, directed
from rushlight.optim.optimizer import Optimizer, check_options

if TYPE_CHECKING:
    from rushlight.tensor import Tensor

__all__ = ["Adadelta"]


class Adadelta(Optimizer):
    r"""Adadelta: w <- w - lr * d, steps d that are as large as those before, not as the gradient.

    In full, for a parameter w with the gradient g (-g if `maximize`):

        g <- g + weight_decay * w
        v <- rho * v + (1 - rho) * g * g
        d <- sqrt(u + eps) / sqrt(v + eps) * g
        u <- rho * u + (1 - rho) * d * d
        w <- w - lr * d

    Args:
        params: the tensors to train, or groups of them.
        lr: float (or a Tensor of one element), factor of the step; default 1.
        rho: float in [0, 1], decay of the averages per step; default 0.9.
        eps: float >= 0, keeps the quotient finite and the first steps from being 0; default 1e-6.
        weight_decay: float >= 0, L2 penalty; default 0.
        maximize: bool, ascend instead; default False.
        foreach: accepted for torch's sake; there is one implementation; default None.
        capturable, differentiable: must be False.

    Raises:
        ValueError: a negative option, or `rho` > 1.
        NotImplementedError: `capturable=True` or `differentiable=True`.

    Example:
        >>> import rushlight as rl
        >>> w = rl.tensor([1.0, -2.0], requires_grad=True)
        >>> optimizer = Adadelta([w], eps=0.01)
        >>> (w * w).sum().backward()
        >>> optimizer.step()
        >>> w
        tensor([ 0.6877, -1.6848], requires_grad=True)

    Source: Zeiler 2012, https://arxiv.org/abs/1212.5701;
    https://docs.pytorch.org/docs/stable/generated/torch.optim.Adadelta.html
    """

    def __init__(
        self,
        params: Iterable[Any],
        lr: float | Tensor = 1.0,
        rho: float = 0.9,
        eps: float = 1e-6,
        weight_decay: float = 0,
        foreach: bool | None = None,
        *,
        capturable: bool = False,
        maximize: bool = False,
        differentiable: bool = False,
    ) -> None:
        modes = {"capturable": capturable, "foreach": foreach, "differentiable": differentiable}
        numbers = {"rho": rho, "eps": eps, "weight_decay": weight_decay}
        numbers = check_options("Adadelta", lr, **numbers, **modes)
        if rho > 1:
            raise ValueError(explain("Adadelta", got=f"rho={rho}", expected="a number in [0, 1]"))
        super().__init__(params, {"lr": lr, **numbers, "maximize": maximize, **modes})

    def init(self, parameter: Array, group: dict[str, Any]) -> dict[str, Array]:
        """Return the count of steps and the averages, zeros."""
        return {
            "step": np.zeros((), np.float32),
            "square_avg": np.zeros_like(parameter),
            "acc_delta": np.zeros_like(parameter),
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
        rho, eps = group["rho"], group["eps"]
        square, moved = state["square_avg"], state["acc_delta"]
        work, delta = scratch
        average_square(square, gradient, rho, work)
        np.sqrt(np.add(square, eps, out=work), out=work)
        np.divide(gradient, work, out=delta)
        delta *= np.sqrt(np.add(moved, eps, out=work), out=work)
        average_square(moved, delta, rho, work)
        parameter -= np.multiply(delta, lr, out=work)
