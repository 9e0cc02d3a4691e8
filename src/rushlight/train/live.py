"""Live curves: one picture in a notebook that grows while training runs."""

from __future__ import annotations

import importlib
import io
import sys
import time
from typing import TYPE_CHECKING, Any

from rushlight.errors import explain
from rushlight.train.callbacks import Callback
from rushlight.train.callbacks.log import check_seconds
from rushlight.train.curves import draw_history
from rushlight.train.drawing import matplotlib, write_png
from rushlight.train.history import History, Record

if TYPE_CHECKING:
    from rushlight.train.trainer import Trainer

__all__ = ["LiveCurves"]

_SHARE = 20  # drawing takes at most about one twentieth of the time


class LiveCurves(Callback):
    """Shows the curves of loss, metrics and rate below a notebook's cell, anew after epochs.

    The picture is replaced in its place, so that nothing flickers or scrolls. It is drawn at most
    every `interval` seconds, less often where drawing would take over a twentieth of the time,
    and once more at the end.

    Args:
        interval: seconds from one picture to the next at least (default 2).
        title: the title of the picture (default 'Training').

    Raises:
        RuntimeError: it is made outside of a notebook.
        MissingExtra: matplotlib (extra `plots`) is not installed; found out when it is made.

    Example:
        >>> LiveCurves()
        Traceback (most recent call last):
        RuntimeError: LiveCurves: got a Python that is no notebook, expected Jupyter or Colab; ...
    """

    first_only = True

    def __init__(self, interval: float = 2.0, title: str = "Training") -> None:
        self._display = _notebook()
        matplotlib("figure", "drawing live curves")
        self.interval, self.title = check_seconds("LiveCurves interval", interval), title
        self._handle: Any = None
        self._next = 0.0
        self._drawn = 0  # epochs in the picture

    def on_fit_begin(
        self, *, trainer: Trainer, first_epoch: int, last_epoch: int, batches: int | None
    ) -> None:
        """Let the next picture be a new one."""
        self._handle, self._next, self._drawn = None, 0.0, 0

    def on_epoch_end(self, *, trainer: Trainer, epoch: int, record: Record) -> None:
        """Draw, unless that was done a moment ago."""
        if time.monotonic() >= self._next:
            self._draw(trainer.history)

    def on_fit_end(self, *, trainer: Trainer, history: History) -> None:
        """Draw the whole history."""
        if history and (self._handle is None or len(history) > self._drawn):
            self._draw(history)

    def _draw(self, history: History) -> None:
        begun = time.monotonic()
        figure = draw_history(history, self.title)
        file = io.BytesIO()
        write_png(figure, file)
        # at half its size: sharp on screens with small pixels
        width = round(figure.get_figwidth() * figure.dpi / 2)
        image = self._display.Image(data=file.getvalue(), format="png", width=width)
        if self._handle is None:
            self._handle = self._display.display(image, display_id=True)
        else:
            self._handle.update(image)
        self._drawn = len(history)
        ended = time.monotonic()
        self._next = ended + max(self.interval, _SHARE * (ended - begun))


def _notebook() -> Any:
    """Return IPython's display module, or say what is missing."""
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython is not None else None
    if shell is None or not hasattr(shell, "kernel"):
        raise RuntimeError(
            explain(
                "LiveCurves",
                got="a Python that is no notebook",
                expected="Jupyter or Colab",
                fix="in a terminal, progress shows each epoch, and Curves(folder) draws at the end",
            )
        )
    return importlib.import_module("IPython.display")
