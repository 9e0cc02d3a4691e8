"""What all schedules share."""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterable, Sequence
from typing import Any, ClassVar

from rushlight.errors import explain
from rushlight.optim.optimizer import Optimizer, number
from rushlight.tape import TensorBase, cell

__all__ = [
    "LRScheduler",
    "check_optimizer",
    "cosine",
    "line",
    "per_group",
    "rate",
    "set_rate",
    "within",
]


def rate(group: dict[str, Any]) -> float:
    return float(group["lr"])


def set_rate(group: dict[str, Any], lr: float) -> None:
    """Set a rate; one that is a Tensor is written to, as others may hold it."""
    held = group["lr"]
    if isinstance(held, TensorBase):
        held._array[...] = lr
        cell(held)[0] += 1
    else:
        group["lr"] = lr


def check_optimizer(scheduler: object, optimizer: object) -> None:
    if not isinstance(optimizer, Optimizer):
        raise TypeError(
            explain(
                type(scheduler).__name__,
                got=type(optimizer).__name__,
                expected="an Optimizer",
                fix="pass the optimizer first",
            )
        )


def within(where: str, right: bool, got: str, expected: str) -> None:
    """Raise a ValueError unless an argument is right."""
    if not right:
        raise ValueError(explain(where, got=got, expected=expected))


def line(start: float, end: float, step: int, steps: int) -> float:
    """Return the point of a line that is at `start` in step 0 and stays at `end` from `steps`."""
    return end if step >= steps else start + (end - start) * step / steps


def cosine(start: float, end: float, done: float) -> float:
    """Return the point of half a wave that is at `start` for done = 0 and at `end` for done = 1."""
    return end + (start - end) * (1 + math.cos(math.pi * done)) / 2


def per_group(
    where: str, name: str, value: float | Sequence[float], optimizer: Optimizer
) -> list[float]:
    """Return an option of each group, which may have been given once for all."""
    groups = len(optimizer.param_groups)
    values: list[Any] = list(value) if isinstance(value, (list, tuple)) else [value] * groups
    within(where, len(values) == groups, f"{len(values)} {name}", f"one, or {groups}")
    return [number(each) for each in values]


class LRScheduler:
    """Sets `group["lr"]` of every group to value(initial_lr, step) at each `step()`.

    A schedule of your own defines `factor(step)`, or `value(base_lr, step)` where it is no
    multiple of the initial rate, or, as in torch, `get_lr()`, the list of the next rates.

    Args:
        optimizer: the Optimizer whose rates are set.
        last_epoch: int, steps taken before, minus 1, for an optimizer whose groups have an
            `initial_lr` (a loaded one): the rate is then left as it is; default -1, a new start.

    Attributes:
        last_epoch: int, the number of steps taken.
        base_lrs: list of floats, the rates at the beginning, one per group.
        optimizer: as given.

    Raises:
        TypeError: `optimizer` is none.
        KeyError: `last_epoch` is given but a group has no `initial_lr`.

    Example:
        >>> import rushlight as rl
        >>> class Harmonic(LRScheduler):
        ...     def factor(self, step):
        ...         return 1 / (1 + step)
        >>> optimizer = rl.optim.SGD([rl.ones(1, requires_grad=True)], lr=1.0)
        >>> scheduler = Harmonic(optimizer)
        >>> for _ in range(3):
        ...     optimizer.step()
        ...     scheduler.step()
        >>> scheduler.get_last_lr()
        [0.25]

    Source: https://docs.pytorch.org/docs/stable/optim.html#how-to-adjust-learning-rate
    """

    last_epoch: int
    _last_lr: list[float]
    _outright: ClassVar[bool] = False  # the rate is that of the step, whatever it was before
    _inner = False  # stepped by another scheduler, which gives the warning if one is due

    def __init__(self, optimizer: Optimizer, last_epoch: int = -1) -> None:
        check_optimizer(self, optimizer)
        self.optimizer = optimizer
        for i, group in enumerate(optimizer.param_groups):
            if last_epoch == -1:
                group.setdefault("initial_lr", rate(group))
            elif "initial_lr" not in group:
                raise KeyError(
                    explain(
                        type(self).__name__,
                        got=f"last_epoch={last_epoch}, but no 'initial_lr' in group {i}",
                        expected="an optimizer that a scheduler has worked on",
                        fix="load the optimizer's state first, or leave last_epoch out",
                    )
                )
        self.base_lrs = [float(group["initial_lr"]) for group in optimizer.param_groups]
        self.last_epoch = last_epoch + 1
        self._step_count = 1
        if last_epoch == -1 or self._outright:
            self._apply(self.get_lr())
        else:
            self._last_lr = [rate(group) for group in optimizer.param_groups]

    def factor(self, step: int) -> float:
        """Return the rate after `step` steps as a multiple of the initial rate."""
        raise NotImplementedError(f"{type(self).__name__}: define factor, value or get_lr")

    def value(self, base_lr: float, step: int) -> float:
        """Return the rate after `step` steps for an initial rate."""
        return base_lr * self.factor(step)

    def _follow(self, lr: float, base_lr: float) -> float:
        """Return the rate of this step for a group that is at `lr`."""
        step = self.last_epoch
        before = base_lr if step == 0 else self.value(base_lr, step - 1)
        if lr == before:
            return self.value(base_lr, step)
        return lr * (self.value(base_lr, step) / before) if before else lr

    def get_lr(self) -> list[float]:
        """Return the rates of this step; for those that are set, see `get_last_lr`."""
        groups = self.optimizer.param_groups
        return [self._follow(rate(g), base) for g, base in zip(groups, self.base_lrs, strict=True)]

    def get_last_lr(self) -> list[float]:
        """Return the rates that were last set, one per group."""
        return self._last_lr

    def step(self, epoch: int | None = None) -> None:
        """Take one step, after the optimizer's; with `epoch`, go to that step outright.

        Warns:
            UserWarning: the first time, if the optimizer has not stepped yet: the first rate would
                never be used.
        """
        self._warn()
        self._step_count += 1
        if epoch is None:
            self.last_epoch += 1
            self._apply(self.get_lr())
        else:
            self._start(epoch)

    def _warn(self) -> None:
        if self._inner:
            return
        stepped = self.optimizer._stepped or type(self.optimizer).step is not Optimizer.step
        if self._step_count == 1 and self.last_epoch == 0 and not stepped:
            warnings.warn(
                "scheduler.step() was called before optimizer.step(): the first learning rate of "
                "the schedule is skipped; call optimizer.step() first",
                UserWarning,
                stacklevel=3,
            )

    def _begin(self) -> None:
        """Go to step 0 from the initial rates, as one that no other schedule comes before."""
        self._start(0)

    def _start(self, step: int) -> None:
        """Go to a step, whatever the rates are now."""
        self.last_epoch = step
        if type(self).get_lr is LRScheduler.get_lr:
            self._apply([self.value(base_lr, step) for base_lr in self.base_lrs])
        else:
            self._apply(self.get_lr())

    def _apply(self, rates: Iterable[float]) -> None:
        for group, lr in zip(self.optimizer.param_groups, rates, strict=True):
            set_rate(group, lr)
        self._last_lr = [rate(group) for group in self.optimizer.param_groups]

    def state_dict(self) -> dict[str, Any]:
        """Return everything but the optimizer."""
        hidden = ("optimizer", "_inner")
        return {key: value for key, value in self.__dict__.items() if key not in hidden}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take over what `state_dict` returned; the rates are in the optimizer's state."""
        self.__dict__.update(state_dict)
