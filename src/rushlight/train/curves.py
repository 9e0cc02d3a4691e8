"""Curves: the history as a picture."""

from __future__ import annotations

import math
import os
import pathlib
import textwrap
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from rushlight.errors import explain
from rushlight.train.callbacks import Callback
from rushlight.train.columns import label, prefers_log
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

    first_only = True

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
    panels = [*names, "lr"]
    wide = min(len(panels), 3)
    deep = -(-len(panels) // wide)
    told = _told(history, 4.6 * wide)
    below = 0.1 + 0.17 * len(told) if told else 0.0  # inches
    high = 3.2 * deep + 0.5 + below
    figure = new_figure(4.6 * wide, high)
    figure.suptitle(title, fontsize=14, fontweight="bold", color=INK, parse_math=False)
    grid = figure.subplots(deep, wide, squeeze=False).ravel()
    for axes in grid[len(panels) :]:
        axes.set_visible(False)
    for axes, name in zip(grid, panels, strict=False):
        _epochs(axes, columns["epoch"], label(name), bool(history.warmups))
        if name == "lr":
            _rates(axes, columns)
            _warmups(axes, history)
        else:
            _values(axes, history, columns, name)
        _switches(axes, history)
    figure.tight_layout(rect=(0, below / high, 1, 0.98))
    for row, line in enumerate(reversed(told)):
        place = (0.015, (0.08 + 0.17 * row) / high)
        figure.text(*place, line, fontsize=9, color=_SWITCH, va="bottom", parse_math=False)
    return figure


def _values(axes: Any, history: History, columns: dict[str, list[float]], name: str) -> None:
    """Draw the loss or a metric, and the best epoch."""
    epochs, shown = columns["epoch"], []
    gaps = [s["epoch"] for s in history.switches if _of_loss(s)] if name == "loss" else []
    for part, color, said in (("train", TRAIN, "train"), ("val", VAL, "validation")):
        if f"{part}_{name}" in columns:
            values = columns[f"{part}_{name}"]
            shown += [value for value in values if math.isfinite(value)]
            _line(axes, epochs, values, color, said, gaps)
    if history.best_epoch is not None and history.best_epoch in epochs:
        best = f"best epoch, {history.best_epoch}"
        axes.axvline(history.best_epoch, color=FAINT, lw=4, zorder=0, label=best)
    if prefers_log(name, shown):
        axes.set_yscale("log")
    _legend(axes)


def _rates(axes: Any, columns: dict[str, list[float]]) -> None:
    """Draw the rates on an axis from 0 or, where they span decades, of logarithms."""
    rates = columns["lr"]
    _line(axes, columns["epoch"], rates, RATE, "learning rate")
    if prefers_log("lr", rates):
        axes.set_yscale("log")
        axes.yaxis.set_minor_formatter(matplotlib("ticker").NullFormatter())
    else:
        axes.set_ylim(bottom=-0.04 * axes.get_ylim()[1])  # with room for the marker
    axes.yaxis.set_major_formatter("{x:.3g}")


def _warmups(axes: Any, history: History) -> None:
    """Shade the epochs of a warm-up; epoch 1 goes from 0 to 1."""
    last = history[-1]["epoch"]
    for index, warmup in enumerate(history.warmups):
        start = warmup["epoch"] - 1
        end = min(start + warmup["epochs"], last)
        label = "warm-up" if index == 0 else None
        axes.axvspan(start, end, color=FAINT, alpha=0.5, lw=0, zorder=0, label=label)
    if history.warmups:
        _legend(axes)


def _legend(axes: Any) -> None:
    axes.legend(fontsize=9, labelcolor=INK, facecolor="white", edgecolor="none", framealpha=0.85)


def _switches(axes: Any, history: History) -> None:
    """Draw a line between the last epoch before a switch and the first one after it."""
    for number, switch in enumerate(history.switches, 1):
        place = switch["epoch"] - 0.5
        axes.axvline(place, color=_SWITCH, lw=0.9, ls=(0, (4, 3)), zorder=1)
        axes.annotate(
            str(number),
            (place, 1),
            (0, 2),
            xycoords=("data", "axes fraction"),
            textcoords="offset points",
            ha="center",
            va="bottom",
            fontsize=8.5,
            color=_SWITCH,
        )


def _told(history: History, inches: float) -> list[str]:
    """Return what was switched, as lines of a width."""
    return [
        line
        for number, switch in enumerate(history.switches, 1)
        for line in textwrap.wrap(
            f"{number}  from epoch {switch['epoch']}: {switch['what']}",
            int(14 * inches),
            subsequent_indent="     ",
        )
    ]


def _of_loss(switch: dict[str, Any]) -> bool:
    return any(part.startswith("loss ") for part in switch["what"].split(", "))


def _line(
    axes: Any, x: list[float], y: list[float], color: str, label: str, gaps: Sequence[float] = ()
) -> None:
    """Draw a line, torn before the epochs from which on it shows another quantity."""
    marker = "o" if len(x) <= 30 else None
    pairs = [*zip(x, y, strict=True), *((epoch - 0.5, math.nan) for epoch in gaps)]
    across, up = zip(*sorted(pairs, key=lambda pair: pair[0]), strict=True)
    axes.plot(across, up, color=color, lw=1.8, marker=marker, ms=4.5, label=label)


def _epochs(axes: Any, epochs: list[float], y: str, warm: bool) -> None:
    style(axes, "epoch", y)
    axes.xaxis.set_major_locator(
        matplotlib("ticker").MaxNLocator(integer=True, nbins=8, steps=[1, 2, 5, 10], min_n_ticks=1)
    )
    first, last = epochs[0] - warm, epochs[-1]  # a warm-up begins with its first epoch
    margin = 0.04 * (last - first) or 0.5
    axes.set_xlim(first - margin, last + margin)
