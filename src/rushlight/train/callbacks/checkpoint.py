"""Checkpoints: the weights of the best and of the last epoch in files."""

from __future__ import annotations

import math
import os
import pathlib
import time
from typing import TYPE_CHECKING, Any

from rushlight.io import save
from rushlight.train.callbacks.best import Best, snapshot
from rushlight.train.callbacks.events import Callback
from rushlight.train.callbacks.log import check_seconds
from rushlight.train.files import check_folder
from rushlight.train.history import History, Record

if TYPE_CHECKING:
    from rushlight.train.trainer import Trainer

__all__ = ["Checkpoint"]

Path = str | os.PathLike[str]


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
        self.interval = check_seconds("Checkpoint", interval)
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


def _bytes(model: Any) -> int:
    return sum(p.numpy(force=True).nbytes for p in model.parameters())
