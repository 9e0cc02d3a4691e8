"""Progress: a bar in a terminal or notebook, one line for each epoch anywhere else."""

from __future__ import annotations

import importlib
import sys
import time
import warnings
from typing import TYPE_CHECKING, Any, TextIO

from rushlight.errors import MissingExtra, explain
from rushlight.train.callbacks import Callback
from rushlight.train.history import History, Record

if TYPE_CHECKING:
    from rushlight.train.trainer import Trainer

__all__ = ["ProgressBar", "describe"]

_LINES = 50  # at most about so many lines for a quick run of many epochs
_PAUSE = 5.0  # seconds after which a line is printed in any case


class ProgressBar(Callback):
    """Prints a line for each epoch, and in a terminal or notebook a bar within the epoch.

    A run of hundreds of quick epochs prints some fifty lines, not all. The bar is tqdm's.

    Args:
        style: 'bar', 'lines' or 'auto' (default): 'bar' in a terminal or notebook where tqdm is
            installed, else 'lines'.
        file: where to print (default None: stdout).

    Raises:
        MissingExtra: 'bar' is asked for and tqdm (extra `cli`) is not installed.
    """

    first_only = True

    def __init__(self, style: str = "auto", file: TextIO | None = None) -> None:
        if style not in ("auto", "bar", "lines"):
            raise ValueError(
                explain("ProgressBar", got=repr(style), expected="'auto', 'bar' or 'lines'")
            )
        self.file = file
        self._tqdm: Any = None
        if style == "bar" or (style == "auto" and _live(self._out())):
            try:
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")  # a notebook without widgets gets a text bar
                    self._tqdm = importlib.import_module("tqdm.auto").tqdm
            except ImportError as error:
                if style == "bar":
                    raise MissingExtra("tqdm", "cli", "a progress bar") from error
        self._bar: Any = None
        self._batches: int | None = None
        self._first = self._last = self._every = 1
        self._printed = 0.0

    def _out(self) -> TextIO:
        return sys.stdout if self.file is None else self.file

    def on_fit_begin(
        self, *, trainer: Trainer, first_epoch: int, last_epoch: int, batches: int | None
    ) -> None:
        """Note how much there is to do."""
        self._first, self._last, self._batches = first_epoch, last_epoch, batches
        self._every = -(-(last_epoch - first_epoch + 1) // _LINES)
        self._printed = time.monotonic()

    def on_epoch_begin(self, *, trainer: Trainer, epoch: int) -> None:
        """Show an empty bar."""
        self._open(epoch, 0)

    def _open(self, epoch: int, done: int) -> None:
        if self._tqdm is not None:
            self._bar = self._tqdm(
                initial=done,
                total=self._batches,
                desc=f"epoch {epoch}/{self._last}",
                leave=False,
                file=self._out(),
                unit="batch",
                dynamic_ncols=True,
            )

    def on_batch_end(self, *, trainer: Trainer, epoch: int, batch: int, loss: float) -> None:
        """Move the bar on."""
        if self._bar is None:
            self._open(epoch, batch - 1)  # resumed within an epoch
        if self._bar is not None and self._bar.update(batch - self._bar.n):  # True when drawn
            self._bar.set_postfix_str(f"loss {loss:.4f}", refresh=False)

    def on_epoch_end(self, *, trainer: Trainer, epoch: int, record: Record) -> None:
        """Print the line of the epoch."""
        self.close()
        now = time.monotonic()
        due = (epoch - self._first) % self._every == 0 or now - self._printed >= _PAUSE
        if due or epoch == self._last or trainer.stopped:
            self._printed = now
            print(describe(record, self._last), file=self._out(), flush=True)

    def on_switch(self, *, trainer: Trainer, epoch: int, parts: tuple[str, ...]) -> None:
        """Print what was switched."""
        said = f"from epoch {epoch}: {trainer.history.switches[-1]['what']}"
        print(said, file=self._out(), flush=True)

    def on_fit_end(self, *, trainer: Trainer, history: History) -> None:
        """Take the bar away and say why training ended early."""
        self.close()
        if history.interrupted:
            print("interrupted by Ctrl-C", file=self._out(), flush=True)
        elif trainer.stopped:
            print(f"stopped: {trainer.stopped}", file=self._out(), flush=True)

    def close(self) -> None:
        """Take the bar away."""
        if self._bar is not None:
            self._bar.close()
            self._bar = None


def describe(record: Record, last: int) -> str:
    """Return the line of an epoch.

    Example:
        >>> describe({"epoch": 2, "lr": 0.1, "train_loss": 0.25, "seconds": 1.25}, 10)
        'epoch  2/10  1.2 s  lr 0.1  train_loss 0.2500'
    """
    head = f"epoch {int(record['epoch']):{len(str(last))}d}/{last}"
    shown = [head, f"{record['seconds']:.1f} s", f"lr {record['lr']:.3g}"]
    for name, value in record.items():
        if name not in ("epoch", "seconds", "lr"):
            shown.append(f"{name} {_number(value)}")
    return "  ".join(shown)


def _number(value: float) -> str:
    return f"{value:.4f}" if 1e-3 <= abs(value) < 1e4 or value == 0 else f"{value:.3e}"


def _live(file: TextIO) -> bool:
    """Tell whether somebody watches: a terminal, or a notebook's kernel."""
    return "ipykernel" in sys.modules or bool(getattr(file, "isatty", bool)())
