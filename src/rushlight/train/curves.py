"""Curves: the history as a picture."""

from __future__ import annotations

import math
import os
import pathlib
from typing import TYPE_CHECKING, Any

from rushlight.errors import explain
from rushlight.train.callbacks import Callback
from rushlight.train.drawing import (
    FAINT,
    INK,
    RATE,
    TRAIN,
    VAL,
    matplotlib,
    new_figure,
    save_figure,
    style,
)
from rushlight.train.files import check_folder
from rushlight.train.history import History

if TYPE_CHECKING:
    from rushlight.train.trainer import Trainer

__all__ = ["Curves", "draw_history", "plot_history"]

Path = str | os.PathLike[str]

_SWITCH = "#8a4f9e"


class Curves(Callback):
    """Draws loss, metrics and learning rate over the epochs to `curves.png` when training ends.

    Args:
        folder: holds `curves.png`; made if missing.
        title: the title of the picture (default 'Training').

    Attributes:
        path: the file.

    Raises:
        MissingExtra: matplotlib (extra `plots`) is not installed; found out when it is made.
    """

    def __init__(self, folder: Path, title: str = "Training") -> None:
        matplotlib("figure")
        self.folder, self.title = pathlib.Path(folder), title
        self.path = self.folder / "curves.png"

    def on_fit_begin(
        self, *, trainer: Trainer, first_epoch: int, last_epoch: int, batches: int | None
    ) -> None:
        """Check the folder."""
        check_folder(self.folder)

    def on_fit_end(self, *, trainer: Trainer, history: History) -> None:
        """Draw the picture, if an epoch was finished."""
        if history:
            plot_history(history, self.path, self.title)


def plot_history(history: History, path: Path, title: str = "Training") -> None:
    """Draw a history as a PNG: loss, each metric and the learning rate over the epochs.

    Args:
        history: the history.
        path: the file, replaced atomically.
        title: the title of the picture (default 'Training').

    Raises:
        ValueError: a history of no epochs.
        MissingExtra: matplotlib (extra `plots`) is not installed.
    """
    save_figure(draw_history(history, title), path)


def draw_history(history: History, title: str = "Training") -> Any:
    """Return the matplotlib figure that `plot_history` saves.

    Raises:
        ValueError, MissingExtra: as `plot_history`.
    """
    if not history:
        raise ValueError(
            explain("plot_history", got="a history of no epochs", expected="one epoch or more")
        )
    columns = history.as_dict()
    names = [n.removeprefix("train_") for n in columns if n.startswith("train_")]
    panels = [*names, "learning rate"]
    wide = min(len(panels), 3)
    deep = -(-len(panels) // wide)
    figure = new_figure(4.6 * wide, 3.2 * deep + 0.5)
    figure.suptitle(title, fontsize=14, fontweight="bold", color=INK, parse_math=False)
    grid = figure.subplots(deep, wide, squeeze=False).ravel()
    for axes in grid[len(panels) :]:
        axes.set_visible(False)
    epochs = columns["epoch"]
    for axes, name in zip(grid, panels, strict=False):
        _epochs(axes, epochs, _label(name))
        if name == "learning rate":
            _line(axes, epochs, columns["lr"], RATE, "learning rate")
            axes.yaxis.set_major_formatter("{x:.3g}")
            axes.set_ylim(bottom=-0.04 * axes.get_ylim()[1])  # from 0, with room for the marker
        else:
            _line(axes, epochs, columns[f"train_{name}"], TRAIN, "train")
            if f"val_{name}" in columns:
                _line(axes, epochs, columns[f"val_{name}"], VAL, "validation")
            if history.best_epoch in epochs:
                best = f"best epoch, {history.best_epoch}"
                axes.axvline(history.best_epoch, color=FAINT, lw=4, zorder=0, label=best)
            shown = [v for line in axes.lines[:2] for v in line.get_ydata() if math.isfinite(v)]
            if shown and name not in ("accuracy", "r2") and 0 < 50 * min(shown) < max(shown):
                axes.set_yscale("log")
            axes.legend(frameon=False, fontsize=9, labelcolor=INK)
    figure.tight_layout(rect=(0, 0, 1, 0.98))
    return figure


def _rates(axes: Any, ticker: Any, rates: list[float]) -> None:
    """Scale the axis of the rates: from 0 or, where they span decades, by logarithms."""
    # what the last epochs of a cosine come down to spans decades, too, but says nothing
    low = sorted(rates)[len(rates) // 4]
    if 0 < 15 * low < max(rates) and min(rates) > 0:
        axes.set_yscale("log")
        axes.yaxis.set_minor_formatter(ticker.NullFormatter())
    else:
        axes.set_ylim(bottom=-0.04 * axes.get_ylim()[1])  # with room for the marker
    axes.yaxis.set_major_formatter("{x:.3g}")


def _warmups(axes: Any, history: History) -> None:
    """Shade the epochs of a warm-up; epoch 1 goes from 0 to 1."""
    for index, warmup in enumerate(history.warmups):
        start = warmup["epoch"] - 1
        label = "warm-up" if index == 0 else None
        axes.axvspan(
            start, start + warmup["epochs"], color=FAINT, alpha=0.5, lw=0, zorder=0, label=label
        )
    if history.warmups:
        axes.legend(frameon=False, fontsize=9, labelcolor=INK)


def _switches(axes: Any, history: History, named: bool) -> None:
    """Draw a line between the last epoch before a switch and the first one after it."""
    for switch in history.switches:
        place = switch["epoch"] - 0.5
        axes.axvline(place, color=_SWITCH, lw=0.9, ls=(0, (4, 3)), zorder=1)
        if named:
            axes.annotate(
                switch["what"].replace(", ", "\n"),
                (place, 0.97),
                (3, 0),
                xycoords=("data", "axes fraction"),
                textcoords="offset points",
                va="top",
                fontsize=7.5,
                color=_SWITCH,
                parse_math=False,
            )


def _line(axes: Any, x: list[float], y: list[float], color: str, label: str) -> None:
    marker = "o" if len(x) <= 30 else None
    axes.plot(x, y, color=color, lw=1.8, marker=marker, ms=4.5, label=label)


def _epochs(axes: Any, epochs: list[float], y: str) -> None:
    style(axes, "epoch", y)
    axes.xaxis.set_major_locator(
        matplotlib("ticker").MaxNLocator(integer=True, nbins=8, steps=[1, 2, 5, 10], min_n_ticks=1)
    )
    if len(epochs) == 1:
        axes.set_xlim(epochs[0] - 0.5, epochs[0] + 0.5)


def _label(name: str) -> str:
    known = {"mse": "MSE", "rmse": "RMSE", "mae": "MAE", "r2": "R²"}
    return known.get(name, name.replace("_", " "))
