"""Checkpoints: the weights of the best epoch, and all that a killed run needs to go on."""

from __future__ import annotations

import math
import os
import pathlib
import time
from typing import TYPE_CHECKING, Any

from rushlight.errors import explain
from rushlight.io import save
from rushlight.train.callbacks.best import Best, snapshot
from rushlight.train.callbacks.events import Callback
from rushlight.train.callbacks.log import check_seconds
from rushlight.train.feed import check_count
from rushlight.train.files import check_folder
from rushlight.train.history import History, Record
from rushlight.train.resuming.generations import Generations, find, sweep

if TYPE_CHECKING:
    from rushlight.train.trainer import Trainer

__all__ = ["Checkpoint"]

Path = str | os.PathLike[str]


class Checkpoint(Callback):
    """Writes the weights of the best epoch, and in `last/` whole states from which to resume.

    `model.load_state_dict(rushlight.load(best_path))` takes the best weights back;
    `trainer.fit(..., resume=True)` goes on from the newest whole state, to the same bits as a run
    without a break. States are written when training begins, at the end of an epoch and within
    it, always atomically and under a checksum; an older one is removed when the new one is there.
    Another run in the same folder takes the place of what lies there. Where epochs are short,
    files are written every few seconds and at the end, so that they do not cost more than training.

    Args:
        folder: holds `best.safetensors` and `last/`; made if missing.
        monitor: the column of the history that decides (default 'auto': the Trainer's own).
        mode: 'min', 'max' or 'auto' (default), which knows losses and metrics.
        interval: seconds between two writings at the ends of epochs at least (default 2).
        every_seconds: a state is written within an epoch when the last one is older (default 30;
            None: not).
        every_steps: likewise after each so many steps of the optimizer (default None).
        keep: how many states are kept (default 2).

    Attributes:
        best_path: the file of the best weights.
        last_path: the newest state, or None before there is one.

    Raises:
        OSError: the folder cannot be written to; found out before the first step.
    """

    first_only = True

    def __init__(
        self,
        folder: Path,
        monitor: str = "auto",
        mode: str = "auto",
        interval: float = 2.0,
        *,
        every_seconds: float | None = 30.0,
        every_steps: int | None = None,
        keep: int = 2,
    ) -> None:
        self.folder = pathlib.Path(folder)
        self.best_path = self.folder / "best.safetensors"
        self.interval = check_seconds("Checkpoint interval", interval)
        self.every_seconds = (
            math.inf
            if every_seconds is None
            else check_seconds("Checkpoint every_seconds", every_seconds)
        )
        self.every_steps = (
            None if every_steps is None else check_count("Checkpoint every_steps", every_steps)
        )
        self.best = Best(monitor, mode)
        self.states = Generations(self.folder / "last", check_count("Checkpoint keep", keep))
        self._weights: dict[str, Any] | None = None  # the best ones
        self._waiting = False  # whether they are not yet in the file
        self._best_written = self._written = -math.inf

    @property
    def last_path(self) -> pathlib.Path | None:
        """The newest state, or None before there is one."""
        return next(iter(find(self.states.folder)), None)

    def on_fit_begin(
        self, *, trainer: Trainer, first_epoch: int, last_epoch: int, batches: int | None
    ) -> None:
        """Check the folder, and take it for this run."""
        self.best.begin(trainer)
        check_folder(self.folder, (2 + self.states.keep) * 3 * _bytes(trainer.model))
        trainer.claim(self.folder)
        check_folder(self.states.folder)
        sweep(self.folder)
        sweep(self.states.folder)
        self._weights, self._waiting, self._best_written = None, False, -math.inf

    def on_epoch_end(self, *, trainer: Trainer, epoch: int, record: Record) -> None:
        """Write the best weights if that is due."""
        if self.best.improved(record):
            self._weights, self._waiting = snapshot(trainer), True
            if time.monotonic() - self._best_written >= self.interval:
                self._write_best()

    def on_switch(self, *, trainer: Trainer, epoch: int, parts: tuple[str, ...]) -> None:
        """Begin anew where the loss that is monitored has become another one."""
        if "loss" in parts and self.best.is_loss():
            self.best.begin(trainer)

    def on_fit_end(self, *, trainer: Trainer, history: History) -> None:
        """Write the best weights if they are still waiting."""
        self._write_best()

    def due(self, step: int) -> bool:
        """Tell whether a state is due after a step within an epoch."""
        if self.every_steps is not None and not step % self.every_steps:
            return True
        return time.monotonic() - self._written >= self.every_seconds

    def due_after_epoch(self) -> bool:
        """Tell whether a state is due at the end of an epoch."""
        return time.monotonic() - self._written >= self.interval

    def write(self, state: dict[str, Any], step: int) -> None:
        """Write a state, and before it the best weights, if they are still waiting."""
        self._write_best()
        try:
            self.states.write(state, step)
        except OSError as error:
            last, text = self.last_path, error.strerror or str(error)
            if not isinstance(error.__cause__, OSError):  # else it names the file already
                text = explain(
                    f"writing into {str(self.states.folder)!r}", got=text, expected="room for it"
                )
            whole = "" if last is None else f"; {last.name} is whole, resume from it"
            raise OSError(error.errno, text + whole) from error
        self._written = time.monotonic()

    def resumed(self, path: pathlib.Path) -> None:
        """Go on behind a state that was read."""
        self.states.resumed(path)
        self._written = time.monotonic()

    def state_dict(self) -> dict[str, Any]:
        """Return the best value and its weights.

        Their own file may be missing in the folder in which a run goes on, or be ahead of it.
        """
        return {"best": self.best.state_dict(), "weights": self._weights}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take over the best value and weights of the run that is resumed."""
        self.best.load_state_dict(state["best"])
        self._weights, self._waiting = state["weights"], state["weights"] is not None

    def _write_best(self) -> None:
        if self._waiting and self._weights is not None:
            save(self._weights, self.best_path)
            self._waiting, self._best_written = False, time.monotonic()


def _bytes(model: Any) -> int:
    return sum(p.numpy(force=True).nbytes for p in model.parameters())
