"""The log: the history in files while training goes on."""

from __future__ import annotations

import math
import os
import pathlib
import time
from typing import TYPE_CHECKING, Any

from rushlight.errors import explain
from rushlight.train.callbacks.events import Callback
from rushlight.train.files import check_folder
from rushlight.train.history import History, Record
from rushlight.train.parts import is_number

if TYPE_CHECKING:
    from rushlight.train.trainer import Trainer

__all__ = ["HistoryLog", "check_seconds"]

Path = str | os.PathLike[str]


class HistoryLog(Callback):
    """Writes the history, atomically, every few seconds and at the end.

    Args:
        folder: holds `history.json` and `history.csv`; made if missing.
        interval: seconds between two writings at least (default 2).

    Attributes:
        path: the JSON file, which `History.load` reads.
    """

    first_only = True

    def __init__(self, folder: Path, interval: float = 2.0) -> None:
        self.folder, self.interval = (
            pathlib.Path(folder),
            check_seconds("HistoryLog interval", interval),
        )
        self.path = self.folder / "history.json"
        self._written = -math.inf

    def on_fit_begin(
        self, *, trainer: Trainer, first_epoch: int, last_epoch: int, batches: int | None
    ) -> None:
        """Check the folder."""
        check_folder(self.folder)
        trainer.claim(self.folder)
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


def check_seconds(name: str, interval: Any) -> float:
    if not (is_number(interval) and interval >= 0):
        expected = "seconds, a number >= 0"
        raise ValueError(explain(name, got=repr(interval), expected=expected))
    return float(interval)
