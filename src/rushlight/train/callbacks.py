"""Callbacks: what happens beside the loop, in the order in which they are listed."""

from __future__ import annotations

import math
import os
import pathlib
import time
from enum import Enum
from typing import TYPE_CHECKING, Any

from rushlight.errors import explain
from rushlight.io import save
from rushlight.tensor import Tensor
from rushlight.train.feed import check_count
from rushlight.train.files import check_folder
from rushlight.train.history import History, Record
from rushlight.train.parts import is_number

if TYPE_CHECKING:
    from rushlight.train.trainer import Trainer

__all__ = ["Callback", "Checkpoint", "EarlyStopping", "Event", "HistoryLog", "KeepBest"]

Path = str | os.PathLike[str]


class Event(Enum):
    """The moments at which callbacks are called; the value is the method's name.

    A plain function becomes a callback as a pair: `(Event.EPOCH_END, function)`; it is called with
    the keyword arguments of that method.

    Example:
        >>> def report(*, trainer, epoch, record):
        ...     print(epoch, record["train_loss"])
        >>> callbacks = [(Event.EPOCH_END, report)]
    """

    FIT_BEGIN = "on_fit_begin"
    EPOCH_BEGIN = "on_epoch_begin"
    BATCH_END = "on_batch_end"
    EPOCH_END = "on_epoch_end"
    FIT_END = "on_fit_end"


class Callback:
    """Base of all callbacks: override the moments you want. Epochs and batches count from 1.

    Example:
        >>> class Halve(Callback):
        ...     def on_epoch_end(self, *, trainer, epoch, record):
        ...         for group in trainer.optimizer.param_groups:
        ...             group["lr"] /= 2
    """

    def on_fit_begin(
        self, *, trainer: Trainer, first_epoch: int, last_epoch: int, batches: int | None
    ) -> None:
        """Before the first batch; `batches` of an epoch, None where that is unknown."""

    def on_epoch_begin(self, *, trainer: Trainer, epoch: int) -> None:
        """Before the first batch of an epoch."""

    def on_batch_end(self, *, trainer: Trainer, epoch: int, batch: int, loss: float) -> None:
        """After a training step."""

    def on_epoch_end(self, *, trainer: Trainer, epoch: int, record: Record) -> None:
        """After the validation of an epoch; `record` is the last of `trainer.history`."""

    def on_fit_end(self, *, trainer: Trainer, history: History) -> None:
        """When training has ended, whether by itself, by Ctrl-C or by an error."""


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

    def improved(self, record: Record, by: float = 0.0) -> bool:
        """Tell whether a record is better than all before, by more than `by`, and keep it."""
        value = self.sign * record.get(self.monitor, math.nan)
        if value < self.value - by or (self.value == math.inf and value < math.inf):
            self.value = value
            return True
        return False


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

    def on_fit_end(self, *, trainer: Trainer, history: History) -> None:
        """Put the best weights back."""
        if self._state is not None:
            trainer.model.load_state_dict(self._state)
            self._state = None


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
            trainer.stop(
                f"{self.best.monitor} has not improved{by} for {epochs} "
                f"(best: epoch {self.best_epoch})"
            )


class Checkpoint(Callback):
    """Writes the weights of the best and of the last epoch, atomically.

    `model.load_state_dict(rushlight.load(path))` takes them back. Where epochs are short the
    files are written every few seconds and at the end, so that they do not cost more than training.

    Args:
        folder: holds `best.safetensors` and `last.safetensors`; made if missing.
        monitor: the column of the history that decides (default 'auto': the Trainer's own).
        mode: 'min', 'max' or 'auto' (default), which knows losses and metrics.
        interval: seconds between two writings of a file at least (default 2).

    Attributes:
        best_path, last_path: the files.

    Raises:
        OSError: the folder cannot be written to; found out before the first step.
    """

    def __init__(
        self, folder: Path, monitor: str = "auto", mode: str = "auto", interval: float = 2.0
    ) -> None:
        self.folder = pathlib.Path(folder)
        self.best_path = self.folder / "best.safetensors"
        self.last_path = self.folder / "last.safetensors"
        self.interval = _seconds("Checkpoint", interval)
        self.best = Best(monitor, mode)
        self._waiting: dict[pathlib.Path, dict[str, Any]] = {}
        self._written: dict[pathlib.Path, float] = {}
        self._empty = True

    def on_fit_begin(
        self, *, trainer: Trainer, first_epoch: int, last_epoch: int, batches: int | None
    ) -> None:
        """Check the folder."""
        self.best.begin(trainer)
        check_folder(self.folder, 3 * _bytes(trainer.model))
        self._waiting, self._written, self._empty = {}, {}, True

    def on_epoch_end(self, *, trainer: Trainer, epoch: int, record: Record) -> None:
        """Write what is due."""
        self._empty = False
        if self.best.improved(record):
            self._put(self.best_path, trainer)
        self._put(self.last_path, trainer)

    def on_fit_end(self, *, trainer: Trainer, history: History) -> None:
        """Write what is still waiting; after a first epoch that was cut short, its weights."""
        for path, state in self._waiting.items():
            save(state, path)
        self._waiting = {}
        if self._empty and history.interrupted:
            save(dict(trainer.model.state_dict()), self.last_path)

    def _put(self, path: pathlib.Path, trainer: Trainer) -> None:
        now = time.monotonic()
        if now - self._written.get(path, -math.inf) < self.interval:
            self._waiting[path] = snapshot(trainer)
            return
        self._waiting.pop(path, None)
        save(dict(trainer.model.state_dict()), path)
        self._written[path] = time.monotonic()


class HistoryLog(Callback):
    """Writes the history, atomically, every few seconds and at the end.

    Args:
        folder: holds `history.json` and `history.csv`; made if missing.
        interval: seconds between two writings at least (default 2).

    Attributes:
        path: the JSON file, which `History.load` reads.
    """

    def __init__(self, folder: Path, interval: float = 2.0) -> None:
        self.folder, self.interval = pathlib.Path(folder), _seconds("HistoryLog", interval)
        self.path = self.folder / "history.json"
        self._written = -math.inf

    def on_fit_begin(
        self, *, trainer: Trainer, first_epoch: int, last_epoch: int, batches: int | None
    ) -> None:
        """Check the folder."""
        check_folder(self.folder)
        self._written = -math.inf

    def on_epoch_end(self, *, trainer: Trainer, epoch: int, record: Record) -> None:
        """Write, unless that was done a moment ago."""
        if time.monotonic() - self._written >= self.interval:
            self._write(trainer.history)

    def on_fit_end(self, *, trainer: Trainer, history: History) -> None:
        """Write the whole history."""
        self._write(history)

    def _write(self, history: History) -> None:
        history.save(self.path)
        history.save(self.path.with_suffix(".csv"))
        self._written = time.monotonic()


def _seconds(who: str, interval: Any) -> float:
    if not (is_number(interval) and interval >= 0):
        expected = "seconds, a number >= 0"
        raise ValueError(explain(f"{who} interval", got=repr(interval), expected=expected))
    return float(interval)


def snapshot(trainer: Trainer) -> dict[str, Any]:
    """Return a copy of the model's state."""
    state = trainer.model.state_dict()
    return {k: v.detach().clone() if isinstance(v, Tensor) else v for k, v in state.items()}


def _bytes(model: Any) -> int:
    return sum(p.numpy(force=True).nbytes for p in model.parameters())
