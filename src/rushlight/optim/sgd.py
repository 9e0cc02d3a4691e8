"""Stochastic gradient descent."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from rushlight.arrays import Array
from rushlight.errors import explain
from rushlight.kernels import kernel
from rushlight.optim.optimizer import Optimizer, check_options

if TYPE_CHECKING:
    from rushlight.tensor import Tensor

__all__ = ["SGD"]

_sgd_step = kernel("sgd_step")


class SGD(Optimizer):
    r"""Stochastic gradient descent with momentum: w <- w - lr * b, b <- momentum * b + gradient.

    In full, for the step t of a parameter w with the gradient g (-g if `maximize`):

        g <- g + weight_decay * w
        b <- g                                      in the first step with momentum
        b <- momentum * b + (1 - dampening) * g     in later ones
        g <- g + momentum * b if nesterov else b
        w <- w - lr * g

    Args:
        params: the tensors to train, or groups of them.
        lr: float (or a Tensor of one element), learning rate; default 1e-3.
        momentum: float >= 0; default 0.
        dampening: float, share of the gradient that does not enter the momentum; default 0.
        weight_decay: float >= 0, L2 penalty; default 0.
        nesterov: bool, Nesterov's momentum; default False.
        maximize: bool, ascend instead; default False.
        foreach, fused: accepted for torch's sake; there is one implementation, so they have no
            effect; default None.
        differentiable: must be False.

    Raises:
        ValueError: a negative option; `nesterov` without momentum or with dampening.
        NotImplementedError: `differentiable=True`.

    Example:
        >>> import rushlight as rl
        >>> w = rl.tensor([1.0, -2.0], requires_grad=True)
        >>> optimizer = SGD([w], lr=0.1, momentum=0.9)
        >>> for _ in range(2):
        ...     optimizer.zero_grad()
        ...     (w * w).sum().backward()
        ...     optimizer.step()
        >>> w
        tensor([ 0.4600, -0.9200], requires_grad=True)
        >>> optimizer.state[w]["momentum_buffer"]
        tensor([ 3.4000, -6.8000])

    Source: https://docs.pytorch.org/docs/stable/generated/torch.optim.SGD.html
    """

    def __init__(
        self,
        params: Iterable[Any],
        lr: float | Tensor = 1e-3,
        momentum: float = 0,
        dampening: float = 0,
        weight_decay: float = 0,
        nesterov: bool = False,
        *,
        maximize: bool = False,
        foreach: bool | None = None,
        differentiable: bool = False,
        fused: bool | None = None,
    ) -> None:
        modes = {"foreach": foreach, "differentiable": differentiable, "fused": fused}
        check_options("SGD", lr, momentum=momentum, weight_decay=weight_decay, **modes)
        if nesterov and (momentum <= 0 or dampening != 0):
            raise ValueError(
                explain(
                    "SGD",
                    got=f"nesterov=True, momentum={momentum}, dampening={dampening}",
                    expected="momentum > 0 and dampening=0",
                )
            )
        defaults = {
            "lr": lr,
            "momentum": momentum,
            "dampening": dampening,
            "weight_decay": weight_decay,
            "nesterov": nesterov,
            "maximize": maximize,
            **modes,
        }
        super().__init__(params, defaults)

    def init(self, parameter: Array, group: dict[str, Any]) -> dict[str, Array]:
        """Return the momentum buffer, or nothing without momentum."""
        return {"momentum_buffer": np.zeros_like(parameter)} if group["momentum"] != 0 else {}

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
        momentum = group["momentum"]
        _sgd_step(
            parameter,
            gradient,
            state["momentum_buffer"] if momentum != 0 else None,
            lr,
            momentum,
            group["dampening"],
            group["weight_decay"],
            group["nesterov"],
            group["maximize"],
            first,
            scratch,
        )
