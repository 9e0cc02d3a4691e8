"""RMSprop."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from rushlight.arrays import Array
from rushlight.kernels.reference.steps import average_square, directed, lerp
from rushlight.optim.optimizer import Optimizer, check_options

if TYPE_CHECKING:
    from rushlight.tensor import Tensor

__all__ = ["RMSprop"]


class RMSprop(Optimizer):
    r"""RMSprop: w <- w - lr * g / (sqrt(v) + eps), with a moving average v of g**2.

    In full, for a parameter w with the gradient g (-g if `maximize`):

        g <- g + weight_decay * w
        v <- alpha * v + (1 - alpha) * g * g
        m <- alpha * m + (1 - alpha) * g,  v' = v - m * m   if centered, else v' = v
        b <- momentum * b + g / (sqrt(v') + eps)
        w <- w - lr * b

    Args:
        params: the tensors to train, or groups of them.
        lr: float (or a Tensor of one element), learning rate; default 1e-2.
        alpha: float >= 0, decay of the averages per step; default 0.99.
        eps: float >= 0, keeps the quotient finite; default 1e-8.
        weight_decay: float >= 0, L2 penalty; default 0.
        momentum: float >= 0; default 0.
        centered: bool, divide by the standard deviation of the gradient; default False.
        maximize: bool, ascend instead; default False.
        foreach: accepted for torch's sake; there is one implementation; default None.
        capturable, differentiable: must be False.

    Raises:
        ValueError: a negative option.
        NotImplementedError: `capturable=True` or `differentiable=True`.

    Example:
        >>> import rushlight as rl
        >>> w = rl.tensor([1.0, -2.0], requires_grad=True)
        >>> optimizer = RMSprop([w], lr=0.1, alpha=0.75)
        >>> (w * w).sum().backward()
        >>> optimizer.step()
        >>> w
        tensor([ 0.8000, -1.8000], requires_grad=True)

    Source: Hinton 2012, https://www.cs.toronto.edu/~tijmen/csc321/slides/lecture_slides_lec6.pdf;
    centered: Graves 2013, https://arxiv.org/abs/1308.0850;
    https://docs.pytorch.org/docs/stable/generated/torch.optim.RMSprop.html
    """

    def __init__(
        self,
        params: Iterable[Any],
        lr: float | Tensor = 1e-2,
        alpha: float = 0.99,
        eps: float = 1e-8,
        weight_decay: float = 0,
        momentum: float = 0,
        centered: bool = False,
        capturable: bool = False,
        foreach: bool | None = None,
        maximize: bool = False,
        differentiable: bool = False,
    ) -> None:
        modes = {"capturable": capturable, "foreach": foreach, "differentiable": differentiable}
        numbers = {"eps": eps, "momentum": momentum, "weight_decay": weight_decay, "alpha": alpha}
        numbers = check_options("RMSprop", lr, **numbers, **modes)
        defaults = {"lr": lr, **numbers, "centered": centered, "maximize": maximize, **modes}
        super().__init__(params, defaults)

    def init(self, parameter: Array, group: dict[str, Any]) -> dict[str, Array]:
        """Return the count of steps and the averages, zeros."""
        names = ["square_avg"]
        names += ["momentum_buffer"] if group["momentum"] > 0 else []
        names += ["grad_avg"] if group["centered"] else []
        zeros = {name: np.zeros_like(parameter) for name in names}
        return {"step": np.zeros((), np.float32), **zeros}

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
        alpha, momentum, work = group["alpha"], group["momentum"], scratch[0]
        square = state["square_avg"]
        average_square(square, gradient, alpha, work)
        if group["centered"]:
            mean = state["grad_avg"]
            lerp(mean, gradient, 1 - alpha, work)
            np.multiply(mean, mean, out=work)
            square = np.subtract(square, work, out=work)
        np.sqrt(square, out=work)
        work += group["eps"]
        np.divide(gradient, work, out=work)
        if momentum > 0:
            buffer = state["momentum_buffer"]
            buffer *= momentum
            buffer += work
            np.multiply(buffer, lr, out=work)
        else:
            work *= lr
        parameter -= work
