"""What the pictures of a training have in common: colours, axes, and how they are saved."""

from __future__ import annotations

import importlib
import os
from typing import Any, BinaryIO

from rushlight.errors import MissingExtra
from rushlight.io import atomic_write

__all__ = [
    "FAINT",
    "INK",
    "RATE",
    "TRAIN",
    "VAL",
    "matplotlib",
    "new_figure",
    "save_figure",
    "style",
    "write_png",
]

INK, FAINT = "#33373d", "#d9dce1"
TRAIN, VAL, RATE = "#c2571a", "#1f6f8b", "#6b7280"


def matplotlib(part: str, purpose: str = "drawing curves") -> Any:
    """Return a module of matplotlib.

    Raises:
        MissingExtra: matplotlib (extra `plots`) is not installed.
    """
    try:
        return importlib.import_module(f"matplotlib.{part}")
    except ImportError as error:
        raise MissingExtra("matplotlib", "plots", purpose) from error


def new_figure(wide: float, high: float, dpi: int = 150) -> Any:
    """Return a figure of so many inches, without a window and without global state."""
    figure = matplotlib("figure").Figure(figsize=(wide, high), dpi=dpi)
    matplotlib("backends.backend_agg").FigureCanvasAgg(figure)
    return figure


def style(axes: Any, x: str = "", y: str = "", grid: str = "both") -> None:
    """Give axes the look of all pictures, their labels, and grid lines of both axes or of one."""
    axes.set_xlabel(x)
    axes.set_ylabel(y, parse_math=False)
    axes.grid(color=FAINT, lw=0.6, axis=grid)
    axes.set_axisbelow(True)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    for side in ("left", "bottom"):
        axes.spines[side].set_color(FAINT)
    axes.tick_params(which="both", color=FAINT, labelcolor=INK, labelsize=9)
    for label in (axes.xaxis.label, axes.yaxis.label):
        label.set(color=INK, fontsize=10.5)


def save_figure(figure: Any, path: str | os.PathLike[str]) -> None:
    """Write a figure as a PNG, atomically."""
    with atomic_write(path) as file:
        write_png(figure, file)


def write_png(figure: Any, file: BinaryIO) -> None:
    """Write a figure as a PNG to an open file."""
    figure.savefig(file, format="png", facecolor="white")
