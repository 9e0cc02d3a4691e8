"""Early stopping: training ends when a value has not become better for a while."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from rushlight.errors import explain
from rushlight.train.callbacks.best import Best, KeepBest
from rushlight.train.feed import check_count
from rushlight.train.history import Record
from rushlight.train.parts import is_number

if TYPE_CHECKING:
    from rushlight.train.trainer import Trainer

__all__ = ["EarlyStopping"]


class EarlyStopping(KeepBest):
    """Ends training when a value has not become better for some epochs.

    Args:
        monitor: the column of the history that decides (default 'auto': the Trainer's own).
        mode: 'min', 'max' or 'auto' (default), which knows losses and metrics.
        patience: epochs without improvement after which training ends (default 5).
        min_delta: what counts as an improvement is better by more than this (default 0). The
            best weights are the best ones, however small the difference.
        restore_best: put the weights of the best epoch back (default True).

    Attributes:
        best_epoch: the epoch with the best value, or None.

    Example:
        >>> EarlyStopping("val_accuracy", patience=3).restore_best
        True
    """

    def __init__(
        self,
        monitor: str = "auto",
        mode: str = "auto",
        patience: int = 5,
        min_delta: float = 0.0,
        restore_best: bool = True,
    ) -> None:
        super().__init__(monitor, mode)
        patience = check_count("EarlyStopping patience", patience)
        if not (is_number(min_delta) and 0 <= min_delta < math.inf):
            raise ValueError(
                explain("EarlyStopping min_delta", got=repr(min_delta), expected="a number >= 0")
            )
        self.patience, self.min_delta, self.restore_best = patience, min_delta, restore_best
        self._reference = Best(monitor, mode)
        self._waited = 0

    def on_fit_begin(
        self, *, trainer: Trainer, first_epoch: int, last_epoch: int, batches: int | None
    ) -> None:
        """Start to count."""
        super().on_fit_begin(
            trainer=trainer, first_epoch=first_epoch, last_epoch=last_epoch, batches=batches
        )
        self._reference.begin(trainer)
        self._waited = 0

    def on_epoch_end(self, *, trainer: Trainer, epoch: int, record: Record) -> None:
        """Count the epochs without improvement."""
        super().on_epoch_end(trainer=trainer, epoch=epoch, record=record)
        self._waited = 0 if self._reference.improved(record, self.min_delta) else self._waited + 1
        if self._waited >= self.patience:
            by = f" by more than {self.min_delta:g}" if self.min_delta else ""
            epochs = f"{self.patience} epoch{'s' * (self.patience > 1)}"
            best = f"best: epoch {self.best_epoch}"
            if self.best_epoch is None:
                best = f"{self.best.monitor} was NaN in each of them"
            trainer.stop(f"{self.best.monitor} has not improved{by} for {epochs} ({best})")

    def on_switch(self, *, trainer: Trainer, epoch: int, parts: tuple[str, ...]) -> None:
        """Start to count anew where the loss that is monitored has become another one."""
        super().on_switch(trainer=trainer, epoch=epoch, parts=parts)
        if "loss" in parts and self.best.is_loss():
            self._reference.begin(trainer)
            self._waited = 0

    def state_dict(self) -> dict[str, Any]:
        """Return the best epoch and how long it has been waited for a better one."""
        own = {"reference": self._reference.state_dict(), "waited": self._waited}
        return super().state_dict() | own

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on waiting where the run that is resumed was."""
        super().load_state_dict(state)
        self._reference.load_state_dict(state["reference"])
        self._waited = state["waited"]
