"""NAdam: Adam with Nesterov's momentum."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from rushlight.arrays import Array
from rushlight.kernels.reference.steps import average_square, directed, lerp
from rushlight.optim.optimizer import Optimizer, check_betas, check_options

if TYPE_CHECKING:
    from rushlight.tensor import Tensor

__all__ = ["NAdam"]


class NAdam(Optimizer):
    r"""Adam with Nesterov's momentum: the step is along the average that the next one will have.

    In full, for the step t = 1, 2, ... of a parameter w with the gradient g (-g if `maximize`):

        w <- w - lr * weight_decay * w              if decoupled_weight_decay,
        g <- g + weight_decay * w                   else
        mu_t = beta1 * (1 - 0.96**(t * momentum_decay) / 2),  M_t = mu_1 * ... * mu_t
        m <- beta1 * m + (1 - beta1) * g
        v <- beta2 * v + (1 - beta2) * g * g
        m' = mu_(t + 1) * m / (1 - M_(t + 1)) + (1 - mu_t) * g / (1 - M_t),  v' = v / (1 - beta2**t)
        w <- w - lr * m' / (sqrt(v') + eps)

    The product M is kept in float32, whatever the parameter, as in torch.

    Args:
        params: the tensors to train, or groups of them.
        lr: float (or a Tensor of one element), learning rate; default 2e-3.
        betas: (beta1, beta2), floats in [0, 1), decay of the averages per step; default
            (0.9, 0.999).
        eps: float >= 0, keeps the quotient finite; default 1e-8.
        weight_decay: float >= 0, L2 penalty, or decay of the weights themselves if decoupled;
            default 0.
        momentum_decay: float >= 0; default 4e-3.
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
        >>> optimizer = NAdam([w], lr=0.1)
        >>> (w * w).sum().backward()
        >>> optimizer.step()
        >>> sorted(optimizer.state[w])
        ['exp_avg', 'exp_avg_sq', 'mu_product', 'step']

    Source: Dozat 2016, https://openreview.net/forum?id=OM0jvwB8jIp57ZJjtNEZ;
    https://docs.pytorch.org/docs/stable/generated/torch.optim.NAdam.html
    """

    numbers = ("step", "mu_product")

    def __init__(
        self,
        params: Iterable[Any],
        lr: float | Tensor = 2e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
        momentum_decay: float = 4e-3,
        decoupled_weight_decay: bool = False,
        *,
        foreach: bool | None = None,
        maximize: bool = False,
        capturable: bool = False,
        differentiable: bool = False,
    ) -> None:
        modes = {"foreach": foreach, "capturable": capturable, "differentiable": differentiable}
        numbers = {"eps": eps, "weight_decay": weight_decay, "momentum_decay": momentum_decay}
        numbers = check_options("NAdam", lr, **numbers, **modes)
        betas = check_betas("NAdam", betas)
        switches = {"decoupled_weight_decay": decoupled_weight_decay, "maximize": maximize}
        super().__init__(params, {"lr": lr, "betas": betas, **numbers, **switches, **modes})

    def init(self, parameter: Array, group: dict[str, Any]) -> dict[str, Array]:
        """Return the count of steps, the product of momenta and the moving averages, zeros."""
        return {
            "step": np.zeros((), np.float32),
            "mu_product": np.ones((), np.float32),
            "exp_avg": np.zeros_like(parameter),
            "exp_avg_sq": np.zeros_like(parameter),
        }

    def advance(
        self, numbers: dict[str, Any], lr: float, group: dict[str, Any]
    ) -> dict[str, float]:
        """Return the product of the momenta up to this step."""
        return {"mu_product": numbers["mu_product"] * _momentum(numbers["step"], group)}

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
        (beta1, beta2), (work, ahead) = group["betas"], scratch
        mean, square = state["exp_avg"], state["exp_avg_sq"]
        lerp(mean, gradient, 1 - beta1, work)
        average_square(square, gradient, beta2, work)

        mu, following = _momentum(step, group), _momentum(step + 1, group)
        product = float(self.advance(state, lr, group)["mu_product"])
        np.multiply(gradient, lr * (1 - mu) / (1 - product), out=ahead)
        ahead += np.multiply(mean, lr * following / (1 - product * following), out=work)
        np.divide(square, 1 - beta2**step, out=work)
        np.sqrt(work, out=work)
        work += group["eps"]
        ahead /= work
        parameter -= ahead


def _momentum(step: float, group: dict[str, Any]) -> float:
    """Return mu of a step: it rises from beta1 / 2 to beta1."""
    rise = 1 - 0.5 * 0.96 ** (step * group["momentum_decay"])
    return float(group["betas"][0] * rise)
