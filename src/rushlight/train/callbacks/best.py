"""The best epoch: which one it is, and its weights back when training has ended."""

from __future__ import annotations

import math
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, Any

from rushlight.errors import explain
from rushlight.tensor import Tensor
from rushlight.train.callbacks.events import Callback
from rushlight.train.history import History, Record

if TYPE_CHECKING:
    from rushlight.train.trainer import Trainer

__all__ = ["Best", "KeepBest", "judged", "snapshot"]


class Best:
    """Remembers the best value of one column of the history."""

    def __init__(self, monitor: str = "auto", mode: str = "auto") -> None:
        if mode not in ("auto", "min", "max"):
            raise ValueError(explain("mode", got=repr(mode), expected="'auto', 'min' or 'max'"))
        self.asked, self._mode = monitor, mode
        self.monitor, self.sign = monitor, 1.0
        self.value = math.inf  # times sign: smaller is better

    def begin(self, trainer: Trainer) -> None:
        """Settle what is monitored and which way is better, and forget the best value."""
        known = trainer.columns
        self.monitor = trainer.monitored if self.asked == "auto" else self.asked
        if self.monitor not in known:
            lacks = str(self.monitor).startswith("val_") and not any(
                n.startswith("val_") for n in known
            )
            raise ValueError(
                explain(
                    "monitor",
                    got=repr(self.monitor),
                    expected=f"one of {', '.join(map(repr, known))}",
                    fix="give fit validation data" if lacks else "",
                )
            )
        higher = known[self.monitor] if self._mode == "auto" else self._mode == "max"
        self.sign, self.value = (-1.0 if higher else 1.0), math.inf

    def is_loss(self) -> bool:
        """Tell whether a loss is monitored: another loss is another quantity."""
        return self.monitor in ("train_loss", "val_loss")

    def improved(self, record: Record, by: float = 0.0) -> bool:
        """Tell whether a record is better than all before, by more than `by`, and keep it."""
        value = self.sign * record.get(self.monitor, math.nan)
        if value < self.value - by or (self.value == math.inf and value < math.inf):
            self.value = value
            return True
        return False

    def state_dict(self) -> dict[str, Any]:
        """Return the best value, times the sign."""
        return {"value": self.value}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take over a best value."""
        self.value = state["value"]


class KeepBest(Callback):
    """Puts the weights of the best epoch back when training has ended.

    The Trainer adds one by itself where there is validation data (`restore_best=True`).

    Args:
        monitor: the column of the history that decides (default 'auto': the Trainer's own).
        mode: 'min', 'max' or 'auto' (default), which knows losses and metrics.

    Attributes:
        best_epoch: the epoch, or None before the first has ended.
    """

    def __init__(self, monitor: str = "auto", mode: str = "auto") -> None:
        self.best = Best(monitor, mode)
        self.restore_best = True
        self.best_epoch: int | None = None
        self._state: dict[str, Any] | None = None

    def on_fit_begin(
        self, *, trainer: Trainer, first_epoch: int, last_epoch: int, batches: int | None
    ) -> None:
        """Forget what an earlier `fit` left."""
        self.best.begin(trainer)
        self.best_epoch, self._state = None, None

    def on_epoch_end(self, *, trainer: Trainer, epoch: int, record: Record) -> None:
        """Copy the weights if they are the best so far."""
        if self.best.improved(record):
            self.best_epoch = epoch
            self._state = snapshot(trainer) if self.restore_best else None

    def on_switch(self, *, trainer: Trainer, epoch: int, parts: tuple[str, ...]) -> None:
        """Begin anew where the loss that is monitored has become another one."""
        if "loss" in parts and self.best.is_loss():
            self.best.begin(trainer)
            self.best_epoch, self._state = None, None

    def on_fit_end(self, *, trainer: Trainer, history: History) -> None:
        """Put the best weights back."""
        if self._state is not None:
            trainer.model.load_state_dict(self._state)
            self._state = None

    def state_dict(self) -> dict[str, Any]:
        """Return the best value, its epoch and its weights."""
        return {"best": self.best.state_dict(), "epoch": self.best_epoch, "weights": self._state}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take over the best epoch of the run that is resumed."""
        self.best.load_state_dict(state["best"])
        self.best_epoch, self._state = state["epoch"], state["weights"]


def judged(trainer: Trainer) -> AbstractContextManager[Any]:
    """Put the weights in place for a block that are validated and kept: averaged ones with EMA."""
    return nullcontext() if trainer.average is None else trainer.average.applied(trainer.model)


def snapshot(trainer: Trainer) -> dict[str, Any]:
    """Return a copy of the model's state."""
    with judged(trainer):
        state = trainer.model.state_dict()
        return {k: v.detach().clone() if isinstance(v, Tensor) else v for k, v in state.items()}
