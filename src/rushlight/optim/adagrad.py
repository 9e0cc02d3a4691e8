"""Adagrad."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from rushlight.arrays import Array
from rushlight.kernels.reference.steps import directed
from rushlight.optim.optimizer import Optimizer, check_options
from rushlight.tape import wrap

if TYPE_CHECKING:
    from rushlight.tensor import Tensor

__all__ = ["Adagrad"]


class Adagrad(Optimizer):
    r"""Adagrad: w <- w - lr * g / (sqrt(s) + eps), with the sum s of g**2 over all steps.

    In full, for the step t = 1, 2, ... of a parameter w with the gradient g (-g if `maximize`):

        g <- g + weight_decay * w
        s <- s + g * g
        w <- w - lr / (1 + (t - 1) * lr_decay) * g / (sqrt(s) + eps)

    Args:
        params: the tensors to train, or groups of them.
        lr: float (or a Tensor of one element), learning rate; default 1e-2.
        lr_decay: float >= 0, decay of the learning rate; default 0.
        weight_decay: float >= 0, L2 penalty; default 0.
        initial_accumulator_value: float >= 0, where all sums begin; default 0.
        eps: float >= 0, keeps the quotient finite; default 1e-10.
        maximize: bool, ascend instead; default False.
        foreach, fused: accepted for torch's sake; there is one implementation, so they have no
            effect; default None.
        differentiable: must be False.

    Raises:
        ValueError: a negative option.
        RuntimeError: `fused` and `foreach` together.
        NotImplementedError: `differentiable=True`.

    Example:
        >>> import rushlight as rl
        >>> w = rl.tensor([1.0, -2.0], requires_grad=True)
        >>> optimizer = Adagrad([w], lr=0.1)
        >>> (w * w).sum().backward()
        >>> optimizer.step()
        >>> w
        tensor([ 0.9000, -1.9000], requires_grad=True)

    Source: Duchi, Hazan and Singer 2011, https://jmlr.org/papers/v12/duchi11a.html;
    https://docs.pytorch.org/docs/stable/generated/torch.optim.Adagrad.html
    """

    def __init__(
        self,
        params: Iterable[Any],
        lr: float | Tensor = 1e-2,
        lr_decay: float = 0,
        weight_decay: float = 0,
        initial_accumulator_value: float = 0,
        eps: float = 1e-10,
        foreach: bool | None = None,
        *,
        maximize: bool = False,
        differentiable: bool = False,
        fused: bool | None = None,
    ) -> None:
        modes = {"foreach": foreach, "differentiable": differentiable, "fused": fused}
        numbers = {
            "lr_decay": lr_decay,
            "eps": eps,
            "weight_decay": weight_decay,
            "initial_accumulator_value": initial_accumulator_value,
        }
        numbers = check_options("Adagrad", lr, **numbers, **modes)
        super().__init__(params, {"lr": lr, **numbers, "maximize": maximize, **modes})
        for group in self.param_groups:  # as in torch, the state is there before the first step
            for p in group["params"]:
                made = self.init(p._array, group)
                self.state[p] = {name: wrap(array) for name, array in made.items()}

    def init(self, parameter: Array, group: dict[str, Any]) -> dict[str, Array]:
        """Return the count of steps and where the sum begins."""
        begin = self.defaults["initial_accumulator_value"]
        return {"step": np.zeros((), np.float32), "sum": np.full_like(parameter, begin)}

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
        total, work = state["sum"], scratch[0]
        total += np.multiply(gradient, gradient, out=work)
        np.sqrt(total, out=work)
        work += group["eps"]
        np.divide(gradient, work, out=work)
        work *= lr / (1 + (state["step"] - 1) * group["lr_decay"])
        parameter -= work
