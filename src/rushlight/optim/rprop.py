"""Rprop."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from rushlight.arrays import Array
from rushlight.errors import explain
from rushlight.kernels.reference.steps import directed
from rushlight.optim.optimizer import Optimizer, check_options, number

if TYPE_CHECKING:
    from rushlight.tensor import Tensor

__all__ = ["Rprop"]


class Rprop(Optimizer):
    r"""Resilient backpropagation: w <- w - sign(g) * s, with a step size s for every element.

    In full, for a parameter w with the gradient g (-g if `maximize`) and the last one g':

        s <- etas[1] * s                where g * g' > 0,
        s <- etas[0] * s and g <- 0     where g * g' < 0
        s <- s within `step_sizes`
        w <- w - sign(g) * s

    Args:
        params: the tensors to train, or groups of them.
        lr: float (or a Tensor of one element), the first step size; default 1e-2.
        etas: (0 < float < 1, float > 1), factors of the step size; default (0.5, 1.2).
        step_sizes: (float, float), the least and the largest step size; default (1e-6, 50).
        maximize: bool, ascend instead; default False.
        foreach: accepted for torch's sake; there is one implementation; default None.
        capturable, differentiable: must be False.

    Raises:
        ValueError: a negative learning rate, or `etas` out of their ranges.
        NotImplementedError: `capturable=True` or `differentiable=True`.

    Example:
        >>> import rushlight as rl
        >>> w = rl.tensor([1.0, -2.0], requires_grad=True)
        >>> optimizer = Rprop([w], lr=0.5)
        >>> for _ in range(2):
        ...     optimizer.zero_grad()
        ...     (w * w).sum().backward()
        ...     optimizer.step()
        >>> w
        tensor([-0.1000, -0.9000], requires_grad=True)

    Source: Riedmiller and Braun 1993, https://doi.org/10.1109/ICNN.1993.298623;
    https://docs.pytorch.org/docs/stable/generated/torch.optim.Rprop.html
    """

    def __init__(
        self,
        params: Iterable[Any],
        lr: float | Tensor = 1e-2,
        etas: tuple[float, float] = (0.5, 1.2),
        step_sizes: tuple[float, float] = (1e-6, 50),
        *,
        capturable: bool = False,
        foreach: bool | None = None,
        maximize: bool = False,
        differentiable: bool = False,
    ) -> None:
        modes = {"capturable": capturable, "foreach": foreach, "differentiable": differentiable}
        check_options("Rprop", lr, **modes)
        if not 0 < etas[0] < 1 < etas[1]:
            expected = "the first in (0, 1), the second > 1"
            raise ValueError(explain("Rprop", got=f"etas={tuple(etas)}", expected=expected))
        options = {"etas": etas, "step_sizes": step_sizes, "maximize": maximize}
        super().__init__(params, {"lr": lr, **options, **modes})

    def init(self, parameter: Array, group: dict[str, Any]) -> dict[str, Array]:
        """Return the count of steps, the last gradient, zeros, and the first step sizes."""
        return {
            "step": np.zeros((), np.float32),
            "prev": np.zeros_like(parameter),
            "step_size": np.full_like(parameter, number(group["lr"])),
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
        gradient = directed(parameter, gradient, lr, 0, False, group["maximize"], scratch)
        work = scratch[0]
        last, size = state["prev"], state["step_size"]
        (shrink, grow), (least, most) = group["etas"], group["step_sizes"]
        np.multiply(gradient, last, out=work)
        turned = work < 0
        np.multiply(size, grow, out=size, where=work > 0)
        np.multiply(size, shrink, out=size, where=turned)
        np.maximum(size, least, out=size)
        np.minimum(size, most, out=size)
        last[...] = gradient
        np.copyto(last, 0, where=turned)
        # sign(last) * size, where NaN has no sign
        np.subtract(last > 0, last < 0, out=work, dtype=work.dtype)
        work *= size
        parameter -= work
