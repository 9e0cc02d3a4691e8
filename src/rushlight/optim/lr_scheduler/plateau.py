"""The schedule that listens to a metric."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Literal, SupportsFloat

from rushlight.errors import explain
from rushlight.optim.lr_scheduler.base import LRScheduler, check_optimizer, rate, set_rate, within
from rushlight.optim.optimizer import Optimizer

__all__ = ["ReduceLROnPlateau"]


class ReduceLROnPlateau(LRScheduler):
    """lr <- max(lr * factor, min_lr) when a metric has not improved for `patience` epochs.

    Args:
        optimizer: the Optimizer whose rates are reduced.
        mode: 'min' if less of the metric is better, or 'max'; default 'min'.
        factor: float < 1; default 0.1.
        patience: int, epochs without improvement that are let pass; default 10.
        threshold: float, the least change that counts as improvement; default 1e-4.
        threshold_mode: 'rel': relative to the best metric so far, or 'abs'; default 'rel'.
        cooldown: int, epochs after a reduction in which none is counted as bad; default 0.
        min_lr: float, or one for each group: the rate is not reduced below it; default 0.
        eps: float, a reduction by no more than this is left out; default 1e-8.

    Attributes:
        best: float, the best metric so far.
        num_bad_epochs, cooldown_counter, last_epoch: ints, epochs.

    Raises:
        ValueError: `factor` >= 1, an unknown mode, another number of `min_lr` than of groups.

    Example:
        >>> import rushlight as rl
        >>> optimizer = rl.optim.SGD([rl.ones(1, requires_grad=True)], lr=1.0)
        >>> scheduler = ReduceLROnPlateau(optimizer, patience=1, factor=0.5)
        >>> for loss in (3.0, 2.0, 2.5, 2.5):
        ...     scheduler.step(loss)
        >>> scheduler.get_last_lr()
        [0.5]

    Source:
    https://docs.pytorch.org/docs/stable/generated/torch.optim.lr_scheduler.ReduceLROnPlateau.html
    """

    factor: float  # type: ignore[assignment]

    def __init__(
        self,
        optimizer: Optimizer,
        mode: Literal["min", "max"] = "min",
        factor: float = 0.1,
        patience: int = 10,
        threshold: float = 1e-4,
        threshold_mode: Literal["rel", "abs"] = "rel",
        cooldown: int = 0,
        min_lr: float | Sequence[float] = 0,
        eps: float = 1e-8,
    ) -> None:
        where = "ReduceLROnPlateau"
        check_optimizer(self, optimizer)
        within(where, factor < 1, f"factor={factor}", "factor < 1")
        within(where, mode in ("min", "max"), f"mode={mode!r}", "'min' or 'max'")
        known = threshold_mode in ("rel", "abs")
        within(where, known, f"threshold_mode={threshold_mode!r}", "'rel' or 'abs'")
        groups = len(optimizer.param_groups)
        self.default_min_lr = None if isinstance(min_lr, Sequence) else min_lr
        self.min_lrs = list(min_lr) if isinstance(min_lr, Sequence) else [min_lr] * groups
        within(where, len(self.min_lrs) == groups, f"{len(self.min_lrs)} min_lr", f"{groups}")
        self.optimizer, self.factor = optimizer, factor
        self.mode, self.threshold, self.threshold_mode = mode, threshold, threshold_mode
        self.patience, self.cooldown, self.eps = patience, cooldown, eps
        self.mode_worse = math.inf if mode == "min" else -math.inf
        self._start(0)

    def _start(self, step: int) -> None:
        """Forget the metrics."""
        self.best = self.mode_worse
        self.cooldown_counter = self.num_bad_epochs = 0
        self.last_epoch = step
        self._last_lr = [rate(group) for group in self.optimizer.param_groups]

    def step(self, metrics: SupportsFloat, epoch: int | None = None) -> None:  # type: ignore[override]
        """Take the metric of one epoch into account.

        Args:
            metrics: the metric, a number or a tensor of one element.
            epoch: int, its number; default the next.
        """
        current = float(metrics)
        self.last_epoch = self.last_epoch + 1 if epoch is None else epoch
        if self._better(current):
            self.best = current
            self.num_bad_epochs = 0
        else:
            self.num_bad_epochs += 1
        if self.in_cooldown:
            self.cooldown_counter -= 1
            self.num_bad_epochs = 0
        if self.num_bad_epochs > self.patience:
            self._reduce()
            self.cooldown_counter = self.cooldown
            self.num_bad_epochs = 0
        self._last_lr = [rate(group) for group in self.optimizer.param_groups]

    @property
    def in_cooldown(self) -> bool:
        """Whether a reduction is too recent for epochs to be counted as bad."""
        return self.cooldown_counter > 0

    def _better(self, current: float) -> bool:
        sign = -1 if self.mode == "min" else 1
        if self.threshold_mode == "rel":
            bound = self.best * (1 + sign * self.threshold)
        else:
            bound = self.best + sign * self.threshold
        return current < bound if self.mode == "min" else current > bound

    def _reduce(self) -> None:
        groups = self.optimizer.param_groups
        if len(groups) != len(self.min_lrs):  # a group was added since
            if self.default_min_lr is None:
                raise RuntimeError(
                    explain(
                        "ReduceLROnPlateau",
                        got=f"{len(self.min_lrs)} min_lrs for {len(groups)} groups",
                        expected="one each",
                        fix="extend scheduler.min_lrs",
                    )
                )
            self.min_lrs = [self.default_min_lr or 0] * len(groups)
        for group, least in zip(groups, self.min_lrs, strict=True):
            old = rate(group)
            new = max(old * self.factor, least)
            if old - new > self.eps:
                set_rate(group, new)

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take over what `state_dict` returned."""
        super().load_state_dict(state_dict)
        self.mode_worse = math.inf if self.mode == "min" else -math.inf
