"""Adafactor."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from rushlight.arrays import Array
from rushlight.errors import explain
from rushlight.kernels.products import norm
from rushlight.kernels.reference.steps import directed, lerp
from rushlight.optim.optimizer import Optimizer, check_options

if TYPE_CHECKING:
    from rushlight.tensor import Tensor

__all__ = ["Adafactor"]


class Adafactor(Optimizer):
    r"""Adafactor: Adam's second moment from its means over rows and over columns; clipped steps.

    In full, for the step t = 1, 2, ... of a parameter w with the gradient g (-g if `maximize`), the
    share b = t**beta2_decay and RMS the root of the mean square:

        s = max(eps[1], RMS(w)) * min(lr, 1 / sqrt(t))
        w <- w - lr * weight_decay * w
        r <- (1 - b) * r + b * (means of g**2 over the last dim)
        c <- (1 - b) * c + b * (means of g**2 over the last dim but one)
        v = r * c / max(mean of r over the last dim but one, eps[0])
        u = g / sqrt(max(v, eps[0]**2))
        w <- w - s * u / max(1, RMS(u) / d)

    where v is one moving average of g**2 for parameters of less than two dims.

    Args:
        params: the tensors to train, or groups of them.
        lr: float (or a Tensor of one element), the largest relative step; default 1e-2.
        beta2_decay: float <= 0, power with which the averages become slower; default -0.8.
        eps: (float or None, float), least root of the second moment (None: the machine epsilon of
            the parameter's dtype) and least RMS of a parameter; default (None, 1e-3).
        d: float >= 1, RMS of the update beyond which it is clipped; default 1.
        weight_decay: float >= 0, decoupled decay of the weights; default 0.
        maximize: bool, ascend instead; default False.
        foreach: accepted for torch's sake; there is one implementation; default None.

    Raises:
        ValueError: an option out of its range.

    Example:
        >>> import rushlight as rl
        >>> w = rl.tensor([[1.0, -2.0], [2.0, 4.0]], requires_grad=True)
        >>> optimizer = Adafactor([w], lr=0.1)
        >>> (w * w).sum().backward()
        >>> optimizer.step()
        >>> w
        tensor([[ 0.7500, -1.7500],
                [ 1.7500,  3.7500]], requires_grad=True)
        >>> {name: tuple(value.shape) for name, value in optimizer.state[w].items()}
        {'step': (), 'row_var': (2, 1), 'col_var': (1, 2)}

    Source: Shazeer and Stern 2018, https://arxiv.org/abs/1804.04235;
    https://docs.pytorch.org/docs/stable/generated/torch.optim.Adafactor.html
    """

    elementwise = False

    def __init__(
        self,
        params: Iterable[Any],
        lr: float | Tensor = 1e-2,
        beta2_decay: float = -0.8,
        eps: tuple[float | None, float] = (None, 1e-3),
        d: float = 1.0,
        weight_decay: float = 0.0,
        *,
        foreach: bool | None = None,
        maximize: bool = False,
    ) -> None:
        where = "Adafactor"
        check_options(where, lr, weight_decay=weight_decay, foreach=foreach)
        if not (eps[0] is None or eps[0] >= 0) or not eps[1] >= 0:
            expected = "two numbers >= 0, or None as the first"
            raise ValueError(explain(where, got=f"eps={tuple(eps)}", expected=expected))
        if not (beta2_decay <= 0 and d >= 1):
            got = f"beta2_decay={beta2_decay}, d={d}"
            raise ValueError(explain(where, got=got, expected="beta2_decay <= 0 and d >= 1"))
        options = {"beta2_decay": beta2_decay, "eps": eps, "d": d, "weight_decay": weight_decay}
        super().__init__(params, {"lr": lr, **options, "foreach": foreach, "maximize": maximize})

    def init(self, parameter: Array, group: dict[str, Any]) -> dict[str, Array]:
        """Return the count of steps and the averages, zeros: of rows and columns, or of all."""
        step = np.zeros((), np.float32)
        if parameter.ndim < 2:
            return {"step": step, "variance": np.zeros_like(parameter)}
        *batch, rows, columns = parameter.shape
        return {
            "step": step,
            "row_var": np.zeros((*batch, rows, 1), parameter.dtype),
            "col_var": np.zeros((*batch, 1, columns), parameter.dtype),
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
        if not parameter.size:
            return
        least = group["eps"][0]
        least = float(np.finfo(parameter.dtype).eps) if least is None else least
        step, work = state["step"], scratch[0]
        size = max(group["eps"][1], _rms(parameter)) * min(lr, 1 / step**0.5)
        decay, maximize = group["weight_decay"], group["maximize"]
        gradient = directed(parameter, gradient, lr, decay, True, maximize, scratch)
        np.multiply(gradient, gradient, out=work)
        weight = step ** group["beta2_decay"]
        if parameter.ndim < 2:
            lerp(state["variance"], work, weight)
            work[...] = state["variance"]
        else:
            rows, columns = state["row_var"], state["col_var"]
            for mean, axis in ((rows, -1), (columns, -2)):
                lerp(mean, work.mean(axis, keepdims=True), weight)
            np.multiply(rows, columns, out=work)
            work /= np.maximum(rows.mean(-2, keepdims=True), least)
        np.maximum(work, least * least, out=work)
        np.sqrt(work, out=work)
        np.divide(gradient, work, out=work)
        work *= size / max(1.0, _rms(work) / group["d"])
        parameter -= work


def _rms(array: Array) -> float:
    """Return the root of the mean square."""
    return norm(array) / array.size**0.5
