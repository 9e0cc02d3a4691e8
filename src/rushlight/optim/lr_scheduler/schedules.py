"""The schedules that are functions of the step."""

from __future__ import annotations

import types
from bisect import bisect_right
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from typing import Any, ClassVar

from rushlight.errors import explain
from rushlight.optim.lr_scheduler.base import (
    LRScheduler,
    check_optimizer,
    cosine,
    line,
    rate,
    within,
)
from rushlight.optim.optimizer import Optimizer

__all__ = [
    "ConstantLR",
    "CosineAnnealingLR",
    "ExponentialLR",
    "LambdaLR",
    "LinearLR",
    "MultiStepLR",
    "MultiplicativeLR",
    "PolynomialLR",
    "StepLR",
]


class _PerGroup(LRScheduler):
    """A function for all groups or one for each."""

    def __init__(
        self,
        optimizer: Optimizer,
        lr_lambda: Callable[[int], float] | Sequence[Callable[[int], float]],
        last_epoch: int = -1,
    ) -> None:
        check_optimizer(self, optimizer)
        groups = len(optimizer.param_groups)
        if isinstance(lr_lambda, (list, tuple)):
            self.lr_lambdas = list(lr_lambda)
        else:
            self.lr_lambdas = [lr_lambda] * groups
        if len(self.lr_lambdas) != groups or not all(map(callable, self.lr_lambdas)):
            raise ValueError(
                explain(
                    type(self).__name__,
                    got=f"lr_lambda={lr_lambda!r}",
                    expected=f"a function, or a list of one for each of {groups} groups",
                )
            )
        super().__init__(optimizer, last_epoch)

    def state_dict(self) -> dict[str, Any]:
        """Return everything but the optimizer and functions; of callable objects their state."""
        kept = [
            None if isinstance(f, types.FunctionType) else f.__dict__.copy()
            for f in self.lr_lambdas
        ]
        return {**super().state_dict(), "lr_lambdas": kept}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take over what `state_dict` returned; functions stay those of this scheduler."""
        super().load_state_dict({k: v for k, v in state_dict.items() if k != "lr_lambdas"})
        for f, state in zip(self.lr_lambdas, state_dict["lr_lambdas"], strict=True):
            if state is not None:
                f.__dict__.update(state)


class LambdaLR(_PerGroup):
    """lr = initial_lr * lr_lambda(step).

    Args:
        optimizer, last_epoch: as in `LRScheduler`.
        lr_lambda: function of the number of steps, or a list of one for each group.

    Raises:
        ValueError: another number of functions than of groups.

    Example:
        >>> import rushlight as rl
        >>> optimizer = rl.optim.SGD([rl.ones(1, requires_grad=True)], lr=1.0)
        >>> scheduler = LambdaLR(optimizer, lambda step: 0.5**step)
        >>> optimizer.step()
        >>> scheduler.step()
        >>> scheduler.get_last_lr()
        [0.5]

    Source: https://docs.pytorch.org/docs/stable/generated/torch.optim.lr_scheduler.LambdaLR.html
    """

    _outright: ClassVar[bool] = True

    def get_lr(self) -> list[float]:
        """Return the rates of this step, whatever they were before."""
        step = self.last_epoch
        return [b * f(step) for f, b in zip(self.lr_lambdas, self.base_lrs, strict=True)]


class MultiplicativeLR(_PerGroup):
    """lr <- lr * lr_lambda(step), for step = 1, 2, ...: a product, so no closed form.

    Args:
        optimizer, last_epoch: as in `LRScheduler`.
        lr_lambda: function of the number of steps, or a list of one for each group.

    Raises:
        ValueError: another number of functions than of groups.

    Source:
    https://docs.pytorch.org/docs/stable/generated/torch.optim.lr_scheduler.MultiplicativeLR.html
    """

    def get_lr(self) -> list[float]:
        """Return the rates of this step from those of the last."""
        rates = map(rate, self.optimizer.param_groups)
        if self.last_epoch == 0:
            return list(rates)
        step = self.last_epoch
        return [lr * f(step) for f, lr in zip(self.lr_lambdas, rates, strict=True)]

    def _begin(self) -> None:
        self.last_epoch = 0
        self._apply(self.get_lr())

    def _start(self, step: int) -> None:
        self.last_epoch = step
        groups = self.optimizer.param_groups  # step 0 multiplies, too, unless nothing was before
        self._apply([rate(g) * f(step) for f, g in zip(self.lr_lambdas, groups, strict=True)])


class StepLR(LRScheduler):
    """lr = initial_lr * gamma ** (step // step_size).

    Args:
        optimizer, last_epoch: as in `LRScheduler`.
        step_size: int, steps between two decays.
        gamma: float, factor of a decay; default 0.1.

    Source: https://docs.pytorch.org/docs/stable/generated/torch.optim.lr_scheduler.StepLR.html
    """

    def __init__(
        self, optimizer: Optimizer, step_size: int, gamma: float = 0.1, last_epoch: int = -1
    ) -> None:
        _at_least_1(self, "step_size", step_size)
        self.step_size, self.gamma = step_size, gamma
        super().__init__(optimizer, last_epoch)

    def factor(self, step: int) -> float:
        """Return gamma ** (step // step_size)."""
        return self.gamma ** (step // self.step_size)


class MultiStepLR(LRScheduler):
    """lr = initial_lr * gamma ** (number of milestones reached).

    Args:
        optimizer, last_epoch: as in `LRScheduler`.
        milestones: ints, the steps at which to decay; one given twice decays twice.
        gamma: float, factor of a decay; default 0.1.

    Source: https://docs.pytorch.org/docs/stable/generated/torch.optim.lr_scheduler.MultiStepLR.html
    """

    def __init__(
        self,
        optimizer: Optimizer,
        milestones: Iterable[int],
        gamma: float = 0.1,
        last_epoch: int = -1,
    ) -> None:
        self.milestones, self.gamma = Counter(milestones), gamma
        super().__init__(optimizer, last_epoch)

    def factor(self, step: int) -> float:
        """Return gamma ** (number of milestones up to `step`)."""
        return self.gamma ** bisect_right(sorted(self.milestones.elements()), step)

    def state_dict(self) -> dict[str, Any]:
        """Return everything but the optimizer; the milestones counted, as in torch."""
        return {**super().state_dict(), "milestones": dict(self.milestones)}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take over a state; milestones may be counted, or a list."""
        super().load_state_dict({**state_dict, "milestones": Counter(state_dict["milestones"])})


class ConstantLR(LRScheduler):
    """lr = initial_lr * factor before `total_iters` steps, initial_lr from then on.

    Args:
        optimizer, last_epoch: as in `LRScheduler`.
        factor: float in [0, 1]; default 1/3.
        total_iters: int, steps; default 5.

    Raises:
        ValueError: `factor` outside [0, 1].

    Source: https://docs.pytorch.org/docs/stable/generated/torch.optim.lr_scheduler.ConstantLR.html
    """

    factor: float  # type: ignore[assignment]

    def __init__(
        self,
        optimizer: Optimizer,
        factor: float = 1.0 / 3,
        total_iters: int = 5,
        last_epoch: int = -1,
    ) -> None:
        within("ConstantLR", 0 <= factor <= 1, f"factor={factor}", "0 <= factor <= 1")
        self.factor, self.total_iters = factor, total_iters
        super().__init__(optimizer, last_epoch)

    def value(self, base_lr: float, step: int) -> float:
        """Return base_lr * factor, or base_lr."""
        return base_lr if step >= self.total_iters else base_lr * self.factor


class LinearLR(LRScheduler):
    """lr = initial_lr * (a line from start_factor to end_factor over `total_iters` steps).

    Args:
        optimizer, last_epoch: as in `LRScheduler`.
        start_factor: float in (0, 1]; default 1/3.
        end_factor: float in [0, 1]; default 1.
        total_iters: int, steps; default 5.

    Raises:
        ValueError: a factor out of its range.

    Source: https://docs.pytorch.org/docs/stable/generated/torch.optim.lr_scheduler.LinearLR.html
    """

    def __init__(
        self,
        optimizer: Optimizer,
        start_factor: float = 1.0 / 3,
        end_factor: float = 1.0,
        total_iters: int = 5,
        last_epoch: int = -1,
    ) -> None:
        right = 0 < start_factor <= 1 and 0 <= end_factor <= 1
        got = f"start_factor={start_factor}, end_factor={end_factor}"
        within("LinearLR", right, got, "start_factor in (0, 1], end_factor in [0, 1]")
        self.start_factor, self.end_factor = start_factor, end_factor
        self.total_iters = total_iters
        super().__init__(optimizer, last_epoch)

    def factor(self, step: int) -> float:
        """Return the point of the line."""
        return line(self.start_factor, self.end_factor, step, self.total_iters)


class ExponentialLR(LRScheduler):
    """lr = initial_lr * gamma ** step.

    Args:
        optimizer, last_epoch: as in `LRScheduler`.
        gamma: float, factor of every step.

    Source:
    https://docs.pytorch.org/docs/stable/generated/torch.optim.lr_scheduler.ExponentialLR.html
    """

    def __init__(self, optimizer: Optimizer, gamma: float, last_epoch: int = -1) -> None:
        self.gamma = gamma
        super().__init__(optimizer, last_epoch)

    def factor(self, step: int) -> float:
        """Return gamma ** step."""
        return self.gamma**step


class PolynomialLR(LRScheduler):
    """lr = initial_lr * (1 - step / total_iters) ** power, and 0 after `total_iters` steps.

    Args:
        optimizer, last_epoch: as in `LRScheduler`.
        total_iters: int, steps; default 5.
        power: float; default 1.

    Source: https://docs.pytorch.org/docs/stable/generated/torch.optim.lr_scheduler.PolynomialLR.html
    """

    def __init__(
        self,
        optimizer: Optimizer,
        total_iters: int = 5,
        power: float = 1.0,
        last_epoch: int = -1,
    ) -> None:
        _at_least_1(self, "total_iters", total_iters)
        self.total_iters, self.power = total_iters, power
        super().__init__(optimizer, last_epoch)

    def factor(self, step: int) -> float:
        """Return (1 - step / total_iters) ** power."""
        return float((1 - min(step, self.total_iters) / self.total_iters) ** self.power)


class CosineAnnealingLR(LRScheduler):
    """lr = eta_min + (initial_lr - eta_min) * (1 + cos(pi * step / T_max)) / 2.

    After `T_max` steps the rate rises again, to the initial one after 2 * T_max, as in torch.

    Args:
        optimizer, last_epoch: as in `LRScheduler`.
        T_max: int, steps until the minimum.
        eta_min: float, the least rate; default 0.

    Example:
        >>> import rushlight as rl
        >>> optimizer = rl.optim.SGD([rl.ones(1, requires_grad=True)], lr=1.0)
        >>> scheduler = CosineAnnealingLR(optimizer, T_max=10)
        >>> [round(scheduler.value(1.0, step), 3) for step in (0, 2, 5, 10)]
        [1.0, 0.905, 0.5, 0.0]

    Source: Loshchilov and Hutter 2017, https://arxiv.org/abs/1608.03983 (without restarts);
    https://docs.pytorch.org/docs/stable/generated/torch.optim.lr_scheduler.CosineAnnealingLR.html
    """

    def __init__(
        self, optimizer: Optimizer, T_max: int, eta_min: float = 0.0, last_epoch: int = -1
    ) -> None:
        _at_least_1(self, "T_max", T_max)
        self.T_max, self.eta_min = T_max, eta_min
        super().__init__(optimizer, last_epoch)

    def value(self, base_lr: float, step: int) -> float:
        """Return the point of the cosine between eta_min and base_lr."""
        return cosine(base_lr, self.eta_min, step / self.T_max)

    def _follow(self, lr: float, base_lr: float) -> float:
        step, low = self.last_epoch, self.eta_min
        before = base_lr if step == 0 else self.value(base_lr, step - 1)
        if lr == before:
            return self.value(base_lr, step)
        rise = self.value(base_lr, step) - before
        if (step - 1) % (2 * self.T_max) == self.T_max or before == low:  # no quotient at the foot
            return lr + rise
        return low + (lr - low) * (1 + rise / (before - low))


def _at_least_1(schedule: object, name: str, value: float) -> None:
    if not value >= 1:
        where = type(schedule).__name__
        raise ValueError(explain(where, got=f"{name}={value}", expected="a number >= 1"))
