"""Schedules made of schedules: all at once, one after the other, and after a warm-up."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from typing import Any

from rushlight.errors import explain
from rushlight.optim.lr_scheduler.base import (
    LRScheduler,
    check_optimizer,
    line,
    rate,
    set_rate,
    within,
)
from rushlight.optim.lr_scheduler.plateau import ReduceLROnPlateau
from rushlight.optim.optimizer import Optimizer, number

__all__ = ["ChainedScheduler", "SequentialLR", "WarmupLR", "warmup"]


class _Composed(LRScheduler):
    """Schedulers of one optimizer, stepped by this one."""

    _schedulers: list[LRScheduler]

    def _take(self, optimizer: Optimizer | None, schedulers: Sequence[LRScheduler]) -> None:
        where = type(self).__name__
        within(where, len(schedulers) > 0, "no schedulers", "at least one")
        for i, scheduler in enumerate(schedulers):
            kind = f"{type(scheduler).__name__} as scheduler {i}"
            if not isinstance(scheduler, LRScheduler):
                raise TypeError(explain(where, got=kind, expected="a scheduler"))
            plain = not isinstance(scheduler, ReduceLROnPlateau)
            within(where, plain, kind, "schedules of the step alone")
            optimizer = optimizer or scheduler.optimizer
            own = scheduler.optimizer is optimizer
            within(where, own, f"another optimizer in scheduler {i}", "one optimizer")
            scheduler._inner = True
        self.optimizer = schedulers[0].optimizer
        self._schedulers = list(schedulers)
        self.base_lrs = schedulers[0].base_lrs

    def state_dict(self) -> dict[str, Any]:
        """Return everything but the optimizer, the schedulers' states within."""
        inner = [scheduler.state_dict() for scheduler in self._schedulers]
        return {**super().state_dict(), "_schedulers": inner}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take over what `state_dict` returned."""
        super().load_state_dict({k: v for k, v in state_dict.items() if k != "_schedulers"})
        for scheduler, state in zip(self._schedulers, state_dict["_schedulers"], strict=True):
            scheduler.load_state_dict(state)


class ChainedScheduler(_Composed):
    """Several schedules at once: each scales the rate that the one before it has left.

    Args:
        schedulers: sequence of schedulers, none of them a `ReduceLROnPlateau`.
        optimizer: their Optimizer; default that of the first.

    Raises:
        ValueError: no scheduler, one of another optimizer, a `ReduceLROnPlateau`.
        TypeError: something else than a scheduler.

    Example:
        >>> import rushlight as rl
        >>> optimizer = rl.optim.SGD([rl.ones(1, requires_grad=True)], lr=1.0)
        >>> schedules = rl.optim.lr_scheduler
        >>> first = schedules.ConstantLR(optimizer, factor=0.5, total_iters=2)
        >>> second = schedules.ExponentialLR(optimizer, gamma=0.5)
        >>> scheduler = ChainedScheduler([first, second])
        >>> rates = scheduler.get_last_lr()
        >>> for _ in range(3):
        ...     optimizer.step()
        ...     scheduler.step()
        ...     rates = rates + scheduler.get_last_lr()
        >>> rates
        [0.5, 0.25, 0.25, 0.125]

    Source:
    https://docs.pytorch.org/docs/stable/generated/torch.optim.lr_scheduler.ChainedScheduler.html
    """

    def __init__(
        self, schedulers: Sequence[LRScheduler], optimizer: Optimizer | None = None
    ) -> None:
        self._take(optimizer, schedulers)
        self._step_count = 1
        self.last_epoch = schedulers[0].last_epoch
        self._last_lr = [rate(group) for group in self.optimizer.param_groups]

    def step(self) -> None:  # type: ignore[override]
        """Take one step of every scheduler, in their order."""
        self._warn()
        self._step_count += 1
        for scheduler in self._schedulers:
            scheduler.step()
        self.last_epoch = self._schedulers[0].last_epoch
        self._last_lr = [rate(group) for group in self.optimizer.param_groups]

    def _start(self, step: int) -> None:
        rates = list(self.base_lrs)
        for scheduler in self._schedulers:
            scheduler._start(step)
            shares = zip(scheduler.get_last_lr(), scheduler.base_lrs, strict=True)
            rates = [lr * (now / base) for lr, (now, base) in zip(rates, shares, strict=True)]
        self.last_epoch = step
        self._apply(rates)


class SequentialLR(_Composed):
    """Schedules one after the other: each starts from its own step 0 at its milestone.

    Args:
        optimizer: the Optimizer of all schedulers.
        schedulers: list of schedulers, none of them a `ReduceLROnPlateau`.
        milestones: list of ints, the steps at which the next one takes over; one less.
        last_epoch: int, steps taken before, minus 1; default -1.

    Raises:
        ValueError: no scheduler, one of another optimizer, a `ReduceLROnPlateau`, or another
            number of milestones.
        TypeError: something else than a scheduler.

    Example:
        >>> import rushlight as rl
        >>> optimizer = rl.optim.SGD([rl.ones(1, requires_grad=True)], lr=1.0)
        >>> schedules = rl.optim.lr_scheduler
        >>> first = schedules.ConstantLR(optimizer, factor=0.5, total_iters=9)
        >>> second = schedules.ExponentialLR(optimizer, gamma=0.5)
        >>> scheduler = SequentialLR(optimizer, [first, second], milestones=[2])
        >>> rates = scheduler.get_last_lr()
        >>> for _ in range(3):
        ...     optimizer.step()
        ...     scheduler.step()
        ...     rates = rates + scheduler.get_last_lr()
        >>> rates
        [0.5, 0.5, 1.0, 0.5]

    Source: https://docs.pytorch.org/docs/stable/generated/torch.optim.lr_scheduler.SequentialLR.html
    """

    def __init__(
        self,
        optimizer: Optimizer,
        schedulers: Sequence[LRScheduler],
        milestones: Sequence[int],
        last_epoch: int = -1,
    ) -> None:
        where = "SequentialLR"
        check_optimizer(self, optimizer)
        self._take(optimizer, schedulers)
        got = f"{len(schedulers)} schedulers and {len(milestones)} milestones"
        within(where, len(milestones) == len(schedulers) - 1, got, "one milestone less")
        self._milestones = list(milestones)
        self._step_count = 1
        for group in optimizer.param_groups:  # schedules of a later turn have set theirs
            set_rate(group, number(group["initial_lr"]))
        if last_epoch == -1:
            self._begin()
        else:
            self._start(last_epoch + 1)

    def _begin(self) -> None:
        self.last_epoch = 0
        current = self._schedulers[bisect_right(self._milestones, 0)]
        current._begin()
        self._last_lr = current.get_last_lr()

    def _start(self, step: int) -> None:
        self.last_epoch = step
        i = bisect_right(self._milestones, step)
        current = self._schedulers[i]
        current._start(step - self._milestones[i - 1] if i else step)
        self._last_lr = current.get_last_lr()

    def step(self, epoch: int | None = None) -> None:
        """Take one step of the scheduler whose turn it is; with `epoch`, go to that step."""
        self._warn()
        self._step_count += 1
        following = self.last_epoch + 1 if epoch is None else epoch
        i = bisect_right(self._milestones, following)
        if epoch is not None or (i > 0 and self._milestones[i - 1] == following):
            self._start(following)
            return
        self.last_epoch = following
        current = self._schedulers[i]
        current.step()
        self._last_lr = current.get_last_lr()


class WarmupLR(LRScheduler):
    """A linear rise of the rate over the first steps, then another schedule from its own step 0.

    lr = lr0 * (start_factor + (1 - start_factor) * step / steps) for step < steps, where lr0 is the
    rate of the wrapped schedule at its step 0; lr0 at step = steps; then what that schedule says.
    `warmup` makes one in one call. While it rises, the rate is set outright, whatever it is.

    Args:
        scheduler: the schedule that follows, not yet stepped, `ReduceLROnPlateau` included; or an
            Optimizer, whose rates then stay what they are.
        steps: int >= 0, how many calls of `step` the rise takes: batches or epochs, whatever the
            scheduler that follows counts.
        start_factor: float in [0, 1], the first rate as a multiple of lr0; default 1/3.

    Attributes:
        scheduler: the schedule that follows, or None.
        last_epoch, base_lrs, optimizer: as in `LRScheduler`.

    Raises:
        TypeError: `scheduler` is neither.
        ValueError: it has been stepped already; `steps` or `start_factor` is out of range.

    Source: Goyal et al. 2017, https://arxiv.org/abs/1706.02677 (gradual warm-up).
    """

    def __init__(
        self,
        scheduler: Any,
        steps: int,
        start_factor: float = 1.0 / 3,
    ) -> None:
        where = "warmup"
        if not isinstance(scheduler, (LRScheduler, Optimizer)):
            got = type(scheduler).__name__
            raise TypeError(explain(where, got=got, expected="a scheduler or an Optimizer"))
        right = steps >= 0 and 0 <= start_factor <= 1
        got = f"steps={steps}, start_factor={start_factor}"
        within(where, right, got, "steps >= 0 and start_factor in [0, 1]")
        self.scheduler = scheduler if isinstance(scheduler, LRScheduler) else None
        self.optimizer = scheduler if isinstance(scheduler, Optimizer) else scheduler.optimizer
        taken = 0 if self.scheduler is None else self.scheduler.last_epoch
        within(where, taken == 0, f"a scheduler after {taken} steps", "one before its first step")
        if self.scheduler is not None:
            self.scheduler._inner = True
        self.steps, self.start_factor = steps, start_factor
        self.target_lrs = [rate(group) for group in self.optimizer.param_groups]
        for group, lr in zip(self.optimizer.param_groups, self.target_lrs, strict=True):
            group.setdefault("initial_lr", lr)
        self.base_lrs = [float(group["initial_lr"]) for group in self.optimizer.param_groups]
        self._step_count = 1
        self._start(0)

    def _start(self, step: int) -> None:
        self.last_epoch = step
        if step > self.steps and self.scheduler is not None:
            self.scheduler._start(step - self.steps)
            self._last_lr = self.scheduler.get_last_lr()
            return
        scale = line(self.start_factor, 1.0, step, self.steps)
        self._apply([lr * scale for lr in self.target_lrs])

    def step(self, metrics: Any = None) -> None:
        """Take one step; `metrics` go to a `ReduceLROnPlateau` and are needed after the rise.

        Raises:
            TypeError: `metrics` are missing.
        """
        self._warn()
        self._step_count += 1
        following = self.last_epoch + 1
        if following <= self.steps or self.scheduler is None:
            self._start(following)
            return
        if isinstance(self.scheduler, ReduceLROnPlateau):
            if metrics is None:
                raise TypeError(
                    explain(
                        "warmup",
                        got="step() without a metric",
                        expected="step(metric) for the ReduceLROnPlateau that follows",
                    )
                )
            self.scheduler.step(metrics)
        else:
            self.scheduler.step()
        self.last_epoch = following
        self._last_lr = self.scheduler.get_last_lr()

    def state_dict(self) -> dict[str, Any]:
        """Return everything but the optimizer, the wrapped scheduler's state within."""
        inner = None if self.scheduler is None else self.scheduler.state_dict()
        return {**super().state_dict(), "scheduler": inner}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take over what `state_dict` returned."""
        super().load_state_dict({k: v for k, v in state_dict.items() if k != "scheduler"})
        if self.scheduler is not None:
            self.scheduler.load_state_dict(state_dict["scheduler"])


def warmup(
    scheduler: LRScheduler | Optimizer, steps: int, start_factor: float = 1.0 / 3
) -> WarmupLR:
    """Put a linear warm-up of `steps` steps before a schedule (or before an optimizer's rates).

    Step the scheduler that is returned, instead of the one given.

    Args:
        scheduler, steps, start_factor: as in `WarmupLR`.

    Example:
        >>> import rushlight as rl
        >>> optimizer = rl.optim.SGD([rl.ones(1, requires_grad=True)], lr=1.0)
        >>> after = rl.optim.lr_scheduler.ExponentialLR(optimizer, gamma=0.5)
        >>> scheduler = warmup(after, steps=2, start_factor=0.0)
        >>> rates = scheduler.get_last_lr()
        >>> for _ in range(4):
        ...     optimizer.step()
        ...     scheduler.step()
        ...     rates = rates + scheduler.get_last_lr()
        >>> rates
        [0.0, 0.5, 1.0, 0.5, 0.25]
    """
    return WarmupLR(scheduler, steps, start_factor)
