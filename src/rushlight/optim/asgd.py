"""Averaged stochastic gradient descent."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from rushlight.arrays import Array
from rushlight.kernels.reference.steps import directed
from rushlight.optim.optimizer import Optimizer, check_options, number

if TYPE_CHECKING:
    from rushlight.tensor import Tensor

__all__ = ["ASGD"]


class ASGD(Optimizer):
    r"""Stochastic gradient descent with a decaying rate, and the average of the weights beside it.

    In full, for the step t = 1, 2, ... of a parameter w with the gradient g (-g if `maximize`):

        g <- g + weight_decay * w
        w <- (1 - lambd * eta_t) * w - eta_t * g
        a <- a + mu_t * (w - a)
        eta_(t + 1) = lr / (1 + lambd * lr * t)**alpha,  mu_(t + 1) = 1 / max(1, t - t0)

    where eta_1 = lr and mu_1 = 1. The average a is `state[parameter]["ax"]`. Both numbers are kept
    in float32, whatever the parameter, as in torch.

    Args:
        params: the tensors to train, or groups of them.
        lr: float (or a Tensor of one element), learning rate; default 1e-2.
        lambd: float, decay of the weights and of the rate; default 1e-4.
        alpha: float, power of the rate's decay; default 0.75.
        t0: float, the step at which averaging starts; default 1e6.
        weight_decay: float >= 0, L2 penalty; default 0.
        maximize: bool, ascend instead; default False.
        foreach: accepted for torch's sake; there is one implementation; default None.
        capturable, differentiable: must be False.

    Raises:
        ValueError: a negative learning rate or weight decay.
        NotImplementedError: `capturable=True` or `differentiable=True`.

    Example:
        >>> import rushlight as rl
        >>> w = rl.tensor([1.0, -2.0], requires_grad=True)
        >>> optimizer = ASGD([w], lr=0.1, lambd=0.0, t0=0.0)
        >>> for _ in range(2):
        ...     optimizer.zero_grad()
        ...     (w * w).sum().backward()
        ...     optimizer.step()
        >>> w
        tensor([ 0.6400, -1.2800], requires_grad=True)
        >>> optimizer.state[w]["ax"]
        tensor([ 0.6400, -1.2800])

    Source: Polyak and Juditsky 1992, https://doi.org/10.1137/0330046;
    https://docs.pytorch.org/docs/stable/generated/torch.optim.ASGD.html
    """

    numbers = ("step", "eta", "mu")

    def __init__(
        self,
        params: Iterable[Any],
        lr: float | Tensor = 1e-2,
        lambd: float = 1e-4,
        alpha: float = 0.75,
        t0: float = 1e6,
        weight_decay: float = 0,
        foreach: bool | None = None,
        maximize: bool = False,
        differentiable: bool = False,
        capturable: bool = False,
    ) -> None:
        modes = {"foreach": foreach, "differentiable": differentiable, "capturable": capturable}
        check_options("ASGD", lr, weight_decay=weight_decay, **modes)
        numbers = {"lambd": lambd, "alpha": alpha, "t0": t0, "weight_decay": weight_decay}
        super().__init__(params, {"lr": lr, **numbers, "maximize": maximize, **modes})

    def init(self, parameter: Array, group: dict[str, Any]) -> dict[str, Array]:
        """Return the count of steps, the first rates and the average, zeros."""
        return {
            "step": np.zeros((), np.float32),
            "eta": np.array(number(group["lr"]), np.float32),
            "mu": np.ones((), np.float32),
            "ax": np.zeros_like(parameter),
        }

    def advance(
        self, numbers: dict[str, Any], lr: float, group: dict[str, Any]
    ) -> dict[str, float]:
        """Return the rates of the next step."""
        step, lambd = numbers["step"], group["lambd"]
        eta = lr / (1 + lambd * lr * step) ** group["alpha"]
        mu = 1 / max(1, step - group["t0"])
        return {"eta": float(np.float32(eta)), "mu": float(np.float32(mu))}

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
        eta, mu = float(state["eta"]), float(state["mu"])
        mean, work = state["ax"], scratch[0]
        parameter *= 1 - group["lambd"] * eta
        parameter -= np.multiply(gradient, eta, out=work)
        if mu == 1:
            mean[...] = parameter
        else:
            np.subtract(parameter, mean, out=work)
            work *= mu
            mean += work
