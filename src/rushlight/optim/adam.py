"""Adam and AdamW: one implementation, two places for the weight decay."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from rushlight.arrays import Array
from rushlight.errors import explain
from rushlight.kernels import kernel
from rushlight.optim.optimizer import Optimizer, check_betas, check_options
from rushlight.tape import TensorBase

if TYPE_CHECKING:
    from rushlight.tensor import Tensor

__all__ = ["Adam", "AdamW"]

_adam_step = kernel("adam_step")


class Adam(Optimizer):
    r"""Adam: w <- w - lr * m' / (sqrt(v') + eps), with moving averages m of g and v of g**2.

    In full, for the step t = 1, 2, ... of a parameter w with the gradient g (-g if `maximize`):

        w <- w - lr * weight_decay * w              if decoupled_weight_decay,
        g <- g + weight_decay * w                   else
        m <- beta1 * m + (1 - beta1) * g
        v <- beta2 * v + (1 - beta2) * g * g
        m' = m / (1 - beta1**t),  v' = v / (1 - beta2**t)   (amsgrad: v' of the largest v so far)
        w <- w - lr * m' / (sqrt(v') + eps)

    Args:
        params: the tensors to train, or groups of them.
        lr: float (or a Tensor of one element), learning rate; default 1e-3.
        betas: (beta1, beta2), floats in [0, 1), decay of the averages per step; default
            (0.9, 0.999).
        eps: float >= 0, keeps the quotient finite; default 1e-8.
        weight_decay: float >= 0, L2 penalty, or decay of the weights themselves if decoupled;
            default 0.
        amsgrad: bool, divide by the largest average so far; default False.
        maximize: bool, ascend instead; default False.
        decoupled_weight_decay: bool, decay as AdamW does; default False.
        foreach, fused: accepted for torch's sake; there is one implementation, so they have no
            effect; default None.
        capturable, differentiable: must be False.

    Raises:
        ValueError: a negative option, or a beta outside [0, 1); betas that are neither two floats
            nor two Tensors; a Tensor among the options and `foreach=True`, as in torch.
        RuntimeError: `fused` and `foreach` together.
        NotImplementedError: `capturable=True` or `differentiable=True`.

    Example:
        >>> import rushlight as rl
        >>> w = rl.tensor([1.0, -2.0], requires_grad=True)
        >>> optimizer = Adam([w], lr=0.1)
        >>> (w * w).sum().backward()
        >>> optimizer.step()
        >>> w
        tensor([ 0.9000, -1.9000], requires_grad=True)
        >>> sorted(optimizer.state[w])
        ['exp_avg', 'exp_avg_sq', 'step']

    Source: Kingma and Ba 2015, https://arxiv.org/abs/1412.6980;
    https://docs.pytorch.org/docs/stable/generated/torch.optim.Adam.html
    """

    def __init__(
        self,
        params: Iterable[Any],
        lr: float | Tensor = 1e-3,
        betas: tuple[float | Tensor, float | Tensor] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
        amsgrad: bool = False,
        *,
        foreach: bool | None = None,
        maximize: bool = False,
        capturable: bool = False,
        differentiable: bool = False,
        fused: bool | None = None,
        decoupled_weight_decay: bool = False,
        epsilon_hat: bool = False,
    ) -> None:
        modes = {"capturable": capturable, "differentiable": differentiable}
        ignored = {"foreach": foreach, "fused": fused}
        where = type(self).__name__
        check_options(where, lr, eps=eps, weight_decay=weight_decay, **modes, **ignored)
        beta1, beta2 = check_betas(where, betas)
        _check_kinds(where, lr, betas, foreach)
        defaults = {
            "lr": lr,
            "betas": (beta1, beta2),
            "eps": eps,
            "weight_decay": weight_decay,
            "amsgrad": amsgrad,
            "maximize": maximize,
            **ignored,
            **modes,
            "decoupled_weight_decay": decoupled_weight_decay,
        }
        if epsilon_hat:  # else no key, so that state dicts are torch's
            defaults["epsilon_hat"] = True
        super().__init__(params, defaults)

    def init(self, parameter: Array, group: dict[str, Any]) -> dict[str, Array]:
        """Return the count of steps and the moving averages, zeros."""
        state = {
            "step": np.zeros((), np.float32),
            "exp_avg": np.zeros_like(parameter),
            "exp_avg_sq": np.zeros_like(parameter),
        }
        if group["amsgrad"]:
            state["max_exp_avg_sq"] = np.zeros_like(parameter)
        return state

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
        beta1, beta2 = group["betas"]
        eps, step = group["eps"], state["step"]
        if group.get("epsilon_hat"):
            eps = uncorrected(eps, beta2, step)
        _adam_step(
            parameter,
            gradient,
            state["exp_avg"],
            state["exp_avg_sq"],
            state["max_exp_avg_sq"] if group["amsgrad"] else None,
            step,
            lr,
            beta1,
            beta2,
            eps,
            group["weight_decay"],
            group["decoupled_weight_decay"],
            group["maximize"],
            scratch,
        )


def uncorrected(eps: float, beta2: float, step: float) -> float:
    """Return the eps that beside the corrected root does what this one does beside sqrt(v)."""
    return eps / (1 - beta2 ** float(step)) ** 0.5


class AdamW(Adam):
    r"""Adam with decoupled weight decay: w <- w - lr * weight_decay * w beside Adam's step.

    Args:
        params, lr, betas, eps, amsgrad, maximize, foreach, fused, capturable, differentiable: as
            in `Adam`.
        weight_decay: float >= 0; default 1e-2.

    Raises:
        ValueError, NotImplementedError: as `Adam`.

    Example:
        >>> import rushlight as rl
        >>> w = rl.tensor([1.0, -2.0], requires_grad=True)
        >>> optimizer = AdamW([w], lr=0.1, weight_decay=0.5)
        >>> (w * w).sum().backward()
        >>> optimizer.step()
        >>> w
        tensor([ 0.8500, -1.8000], requires_grad=True)

    Source: Loshchilov and Hutter 2019, https://arxiv.org/abs/1711.05101;
    https://docs.pytorch.org/docs/stable/generated/torch.optim.AdamW.html
    """

    def __init__(
        self,
        params: Iterable[Any],
        lr: float | Tensor = 1e-3,
        betas: tuple[float | Tensor, float | Tensor] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 1e-2,
        amsgrad: bool = False,
        *,
        maximize: bool = False,
        foreach: bool | None = None,
        capturable: bool = False,
        differentiable: bool = False,
        fused: bool | None = None,
    ) -> None:
        super().__init__(
            params,
            lr,
            betas,
            eps,
            weight_decay,
            amsgrad,
            foreach=foreach,
            maximize=maximize,
            capturable=capturable,
            differentiable=differentiable,
            fused=fused,
            decoupled_weight_decay=True,
        )

    def load_state_dict(self, state_dict: Any) -> None:
        """Take over a state; the decay stays decoupled, also with a state of Adam."""
        super().load_state_dict(state_dict)
        for group in self.param_groups:
            group["decoupled_weight_decay"] = True


def _check_kinds(where: str, lr: Any, betas: Sequence[Any], foreach: bool | None) -> None:
    kinds = {next((k for k in (float, TensorBase) if isinstance(b, k)), None) for b in betas}
    if len(kinds) > 1 or None in kinds:
        got = " and ".join(type(b).__name__ for b in betas)
        raise ValueError(
            explain(where, got=f"betas of {got}", expected="two floats or two Tensors")
        )
    if foreach and any(isinstance(value, TensorBase) for value in (lr, *betas)):
        got = "foreach=True and lr or betas as a Tensor"
        raise ValueError(explain(where, got=got, expected="numbers", fix="leave foreach out"))
