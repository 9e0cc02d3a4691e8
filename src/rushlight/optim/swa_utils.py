"""Averages of a model's weights over the steps (SWA, EMA), and the schedule that goes with them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from copy import deepcopy
from typing import Any, ClassVar, Literal

import numpy as np

from rushlight.arrays import Array
from rushlight.autograd import no_grad
from rushlight.errors import explain
from rushlight.kernels.reference.steps import average
from rushlight.nn import Module
from rushlight.nn.normalization import _BatchNorm
from rushlight.optim.lr_scheduler.base import (
    LRScheduler,
    check_optimizer,
    cosine,
    per_group,
    rate,
    within,
)
from rushlight.optim.optimizer import Optimizer, number
from rushlight.tape import cell, wrap
from rushlight.tensor import Tensor

__all__ = [
    "SWALR",
    "AveragedModel",
    "get_ema_avg_fn",
    "get_ema_multi_avg_fn",
    "get_swa_avg_fn",
    "get_swa_multi_avg_fn",
    "update_bn",
]

Average = Callable[[Tensor, Tensor, Any], Tensor]
MultiAverage = Callable[[Sequence[Tensor], Sequence[Tensor], Any], None]


def get_ema_multi_avg_fn(decay: float = 0.999) -> MultiAverage:
    """Return the exponential moving average, in place: a <- decay * a + (1 - decay) * w.

    Args:
        decay: float in [0, 1]; default 0.999.

    Returns:
        A function of the averages, the parameters (both lists) and the number of models averaged.

    Raises:
        ValueError: `decay` out of its range.
    """
    _check_decay("get_ema_multi_avg_fn", decay)

    def ema_update(averages: Sequence[Tensor], params: Sequence[Tensor], _: Any) -> None:
        _move(averages, params, decay)

    return ema_update


def get_swa_multi_avg_fn() -> MultiAverage:
    """Return the plain average, in place: a <- a + (w - a) / (n + 1).

    Returns:
        A function of the averages, the parameters (both lists) and the number of models averaged.
    """

    def swa_update(averages: Sequence[Tensor], params: Sequence[Tensor], averaged: Any) -> None:
        count = number(averaged)
        _move(averages, params, count / (count + 1))

    return swa_update


def get_ema_avg_fn(decay: float = 0.999) -> Average:
    """Return the exponential moving average of one parameter: decay * a + (1 - decay) * w.

    Args:
        decay: float in [0, 1]; default 0.999.

    Returns:
        A function of the average, the parameter and the number of models averaged.

    Raises:
        ValueError: `decay` out of its range.
    """
    _check_decay("get_ema_avg_fn", decay)

    def ema_update(averaged: Tensor, param: Tensor, _: Any) -> Tensor:
        with no_grad():
            return decay * averaged + (1 - decay) * param

    return ema_update


def get_swa_avg_fn() -> Average:
    """Return the plain average of one parameter: a + (w - a) / (n + 1).

    Returns:
        A function of the average, the parameter and the number of models averaged.
    """

    def swa_update(averaged: Tensor, param: Tensor, num_averaged: Any) -> Tensor:
        with no_grad():
            return averaged + (param - averaged) / (number(num_averaged) + 1)

    return swa_update


def _check_decay(where: str, decay: float) -> None:
    within(where, 0 <= decay <= 1, f"decay={decay}", "a number in [0, 1]")


def _move(averages: Sequence[Tensor], params: Sequence[Tensor], keep: float) -> None:
    """Move averages in place; of integers, as ever, the fraction is dropped."""
    for a, p in zip(averages, params, strict=True):
        mean: Array = a._array
        value = p._array.astype(mean.dtype if mean.dtype.kind == "f" else np.float64)
        if mean.dtype.kind == "f":
            average(mean, value, keep, value)
        else:
            mean[...] = (mean * keep + value * (1 - keep)).astype(mean.dtype)
        cell(a)[0] += 1


class AveragedModel(Module):
    r"""A copy of a model whose parameters are averages over the steps: SWA or EMA.

    The first call of `update_parameters` copies the parameters, each later one averages.

    Args:
        model: Module to copy.
        device: where to put the copy; only the CPU exists; default None.
        avg_fn: function of the average, the parameter and the number of models averaged so far,
            which returns the next average; default None: their mean.
        multi_avg_fn: the same for lists of them, in place of the first; default None.
        use_buffers: bool, average the buffers as well, instead of copying them; default False.

    Attributes:
        module: the copy.
        n_averaged: Tensor of one int64, the number of models averaged so far (a buffer).

    Shape:
        As the model's.

    Raises:
        ValueError: `avg_fn` and `multi_avg_fn`; a model with other parameters, in
            `update_parameters`.

    Example:
        >>> import rushlight as rl
        >>> model = rl.nn.Linear(1, 1, bias=False)
        >>> averaged = AveragedModel(model)
        >>> for weight in (1.0, 2.0, 6.0):
        ...     _ = rl.nn.init.constant_(model.weight, weight)
        ...     averaged.update_parameters(model)
        >>> averaged(rl.ones(1, 1)).item()
        3.0
        >>> averaged.n_averaged
        tensor(3)

    Source: Izmailov et al. 2018, https://arxiv.org/abs/1803.05407;
    https://docs.pytorch.org/docs/stable/generated/torch.optim.swa_utils.AveragedModel.html
    """

    n_averaged: Tensor
    module: Module

    def __init__(
        self,
        model: Module,
        device: Any = None,
        avg_fn: Average | None = None,
        multi_avg_fn: MultiAverage | None = None,
        use_buffers: bool = False,
    ) -> None:
        super().__init__()
        if avg_fn is not None and multi_avg_fn is not None:
            raise ValueError(
                explain("AveragedModel", got="avg_fn and multi_avg_fn", expected="at most one")
            )
        self.module = deepcopy(model)
        if device is not None:
            self.module = self.module.to(device)
        self.register_buffer("n_averaged", wrap(np.zeros((), np.int64)))
        self.avg_fn, self.multi_avg_fn = avg_fn, multi_avg_fn
        self.use_buffers = use_buffers

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        return self.module(*args, **kwargs)

    def update_parameters(self, model: Module) -> None:
        """Take the parameters of `model` into the average."""
        pairs = self._pairs(model, "parameters")
        buffers = self._pairs(model, "buffers")
        if self.use_buffers:
            pairs, buffers = pairs + buffers, []
        if int(self.n_averaged._array) == 0:
            pairs, buffers = [], pairs + buffers
        for own, other in buffers:
            _assign(own, other)
        with no_grad():
            if self.avg_fn is not None:
                for own, other in pairs:
                    _assign(own, self.avg_fn(own, other, self.n_averaged.clone()))
            else:
                multi = self.multi_avg_fn or get_swa_multi_avg_fn()
                for dtype in dict.fromkeys(own.dtype for own, _ in pairs):
                    alike = [pair for pair in pairs if pair[0].dtype == dtype]
                    averages, params = ([pair[i] for pair in alike] for i in (0, 1))
                    multi(averages, params, self.n_averaged.clone())
        self.n_averaged._array += 1

    def _pairs(self, model: Module, kind: str) -> list[tuple[Tensor, Tensor]]:
        own = [tensor.detach() for tensor in getattr(self.module, kind)()]
        other = [tensor.detach() for tensor in getattr(model, kind)()]
        shapes = [[tensor.shape for tensor in tensors] for tensors in (other, own)]
        if shapes[0] != shapes[1]:
            got, expected = (f"{kind} {list(map(tuple, each))}" for each in shapes)
            within("AveragedModel.update_parameters", False, got, expected)
        return list(zip(own, other, strict=True))


def _assign(target: Tensor, value: Tensor) -> None:
    target._array[...] = value._array
    cell(target)[0] += 1


def update_bn(loader: Iterable[Any], model: Module, device: Any = None) -> None:
    """Compute the running statistics of all batch normalizations of a model anew, in one pass.

    An averaged model needs this: its activations are those of none of the models averaged.

    Args:
        loader: batches: inputs, or lists or tuples whose first element is the input.
        model: Module; it is called in training mode, and then as before.
        device: where to put the inputs; only the CPU exists; default None.

    Source: https://docs.pytorch.org/docs/stable/generated/torch.optim.swa_utils.update_bn.html
    """
    momenta = {m: m.momentum for m in model.modules() if isinstance(m, _BatchNorm)}
    if not momenta:
        return
    training = model.training
    try:
        model.train()
        for module in momenta:
            module.reset_running_stats()
            module.momentum = None  # the mean over all batches
        with no_grad():
            for batch in loader:
                inputs = batch[0] if isinstance(batch, (list, tuple)) else batch
                if device is not None and isinstance(inputs, Tensor):
                    inputs = inputs.to(device)
                model(inputs)
    finally:
        for module, momentum in momenta.items():
            module.momentum = momentum
        model.train(training)


class SWALR(LRScheduler):
    """Goes from whatever the rate is to swa_lr in `anneal_epochs` steps, and stays there.

    After t steps, lr = (1 - a) * lr0 + a * swa_lr with a = (1 - cos(pi * t / anneal_epochs)) / 2,
    or t / anneal_epochs if linear. Step it once averaging begins, another schedule before.

    Args:
        optimizer, last_epoch: as in `LRScheduler`.
        swa_lr: float, or one for each group: the last rate.
        anneal_epochs: int >= 0, steps; default 10.
        anneal_strategy: 'cos' or 'linear'; default 'cos'.

    Raises:
        ValueError: an argument out of its range; another number of rates than of groups.

    Example:
        >>> import rushlight as rl
        >>> optimizer = rl.optim.SGD([rl.ones(1, requires_grad=True)], lr=1.0)
        >>> scheduler = SWALR(optimizer, 0.5, anneal_epochs=2, anneal_strategy="linear")
        >>> rates = scheduler.get_last_lr()
        >>> for _ in range(3):
        ...     optimizer.step()
        ...     scheduler.step()
        ...     rates = rates + scheduler.get_last_lr()
        >>> rates
        [1.0, 0.75, 0.5, 0.5]

    Source: https://docs.pytorch.org/docs/stable/generated/torch.optim.swa_utils.SWALR.html
    """

    _strategies: ClassVar[tuple[str, ...]] = ("cos", "linear")

    def __init__(
        self,
        optimizer: Optimizer,
        swa_lr: float | Sequence[float],
        anneal_epochs: int = 10,
        anneal_strategy: Literal["cos", "linear"] = "cos",
        last_epoch: int = -1,
    ) -> None:
        check_optimizer(self, optimizer)
        known = anneal_strategy in self._strategies
        within("SWALR", known, f"anneal_strategy={anneal_strategy!r}", "'cos' or 'linear'")
        whole = isinstance(anneal_epochs, int) and anneal_epochs >= 0
        within("SWALR", whole, f"anneal_epochs={anneal_epochs}", "an integer >= 0")
        ends = per_group("SWALR", "swa_lr", swa_lr, optimizer)
        for group, end in zip(optimizer.param_groups, ends, strict=True):
            group["swa_lr"] = end
        self.anneal_epochs, self._anneal_strategy = anneal_epochs, anneal_strategy
        super().__init__(optimizer, last_epoch)

    def _share(self, step: int) -> float:
        """Return how much of swa_lr there is in the rate after `step` steps."""
        done = max(0.0, min(1.0, step / max(1, self.anneal_epochs)))
        return done if self._anneal_strategy == "linear" else cosine(0.0, 1.0, done)

    def get_lr(self) -> list[float]:
        """Return the rates of this step from those of the last."""
        step = max(self._step_count - 1, int(self.anneal_epochs == 0))
        before, now = self._share(step - 1), self._share(step)
        rates = []
        for group in self.optimizer.param_groups:
            lr, end = rate(group), number(group["swa_lr"])
            begin = end if before == 1 else (lr - before * end) / (1 - before)
            rates.append(end * now + begin * (1 - now))
        return rates
