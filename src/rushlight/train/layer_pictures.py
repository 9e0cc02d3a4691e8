"""The picture of what happens inside of the layers."""

from __future__ import annotations

import math
import os
from typing import Any

import numpy as np

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

__all__ = ["draw_layers"]

_LAYERS = 8  # with histograms; more would be too small to see
_ROWS = (("weights", VAL), ("gradients", TRAIN), ("activations", RATE))
# title, key, whether on a logarithmic scale, range of colours
_MAPS = (
    ("gradient norm", "gradient_norm", True, None),
    ("update / weight", "update_ratio", True, (-6.0, 0.0)),
    ("dead or saturated", "dead", False, (0.0, 1.0)),
)


def draw_layers(records: list[dict[str, Any]], path: str | os.PathLike[str]) -> None:
    """Draw the records of `Diagnostics` as a PNG: layers by epochs, and the last histograms.

    Args:
        records: one or more.
        path: the file, replaced atomically.
    """
    last = records[-1]["layers"]
    learning = [name for name, layer in last.items() if "weight_norm" in layer]
    firing = [name for name, layer in last.items() if _gone(layer) is not None]
    shown = learning[:_LAYERS]
    deep = 0.26 * max(len(learning), len(firing), 4) + 1.1
    figure = new_figure(14.0, deep + 1.55 * len(_ROWS) + 1.3)
    figure.suptitle("Inside the layers", fontsize=14, fontweight="bold", color=INK)
    top, bottom = figure.subfigures(2, 1, height_ratios=[deep + 0.7, 1.55 * len(_ROWS) + 0.5])
    grid = top.subplots(1, 3)
    top.subplots_adjust(
        left=0.13, right=0.96, wspace=0.62, top=1 - 0.75 / (deep + 0.7), bottom=0.16
    )
    for axes, (title, key, logarithmic, span) in zip(grid, _MAPS, strict=True):
        names = firing if key == "dead" else learning
        _map(top, axes, title, records, names, key, logarithmic, span)
    _histograms(bottom, last, shown, len(learning) - len(shown), records[-1]["epoch"])
    save_figure(figure, path)


def _gone(layer: dict[str, Any]) -> float | None:
    """Return the share of units that are dead or of outputs that are saturated."""
    if "units" in layer:
        return float(layer["dead"]) / max(int(layer["units"]), 1)
    found: float | None = layer.get("saturated")
    return found


def _value(layer: dict[str, Any], key: str, logarithmic: bool) -> float:
    value = _gone(layer) if key == "dead" else layer.get(key)
    if value is None or not math.isfinite(value) or (logarithmic and value <= 0):
        return math.nan
    return math.log10(value) if logarithmic else value


def _map(
    figure: Any,
    axes: Any,
    title: str,
    records: list[dict[str, Any]],
    names: list[str],
    key: str,
    logarithmic: bool,
    span: tuple[float, float] | None,
) -> None:
    """Draw layers by epochs as colours."""
    axes.set_title(title, fontsize=11, color=INK)
    if not names:
        axes.axis("off")
        text = "no ReLU, Sigmoid or Tanh modules"
        axes.text(0.5, 0.5, text, ha="center", color=RATE, fontsize=9, transform=axes.transAxes)
        return
    table = [[_value(r["layers"].get(n, {}), key, logarithmic) for r in records] for n in names]
    epochs = [record["epoch"] for record in records]
    half = (epochs[1] - epochs[0]) / 2 if len(epochs) > 1 else 0.5
    low, high = span or (None, None)
    drawn = axes.imshow(
        np.array(table),
        aspect="auto",
        cmap="viridis" if key != "dead" else "Reds",
        vmin=low,
        vmax=high,
        extent=(epochs[0] - half, epochs[-1] + half, len(names) - 0.5, -0.5),
        interpolation="nearest",
    )
    style(axes, "epoch")
    axes.grid(False)
    axes.set_facecolor(FAINT)  # where there is no number
    last = records[-1]["layers"]
    labels = [_short(name, last[name]["kind"]) for name in names]
    axes.set_yticks(range(len(names)), labels, parse_math=False)
    ticks = matplotlib("ticker").MaxNLocator(integer=True, nbins=6, min_n_ticks=1)
    axes.xaxis.set_major_locator(ticks)
    bar = figure.colorbar(drawn, ax=axes, fraction=0.06, pad=0.03)
    bar.outline.set_visible(False)
    bar.ax.tick_params(color=FAINT, labelcolor=INK, labelsize=8)
    if logarithmic:
        bar.ax.yaxis.set_major_locator(matplotlib("ticker").MaxNLocator(integer=True, nbins=6))
        bar.ax.yaxis.set_major_formatter(lambda x, _: f"1e{x:.0f}")
    else:
        bar.ax.yaxis.set_major_formatter(lambda x, _: f"{100 * x:.0f} %")


def _histograms(
    figure: Any, layers: dict[str, Any], names: list[str], more: int, epoch: int
) -> None:
    """Draw the histograms of some layers, a column each."""
    if not names:
        return
    rest = f"; {more} more layers are in diagnostics.json" if more else ""
    figure.suptitle(f"Histograms of epoch {epoch}{rest}", fontsize=11, color=INK)
    grid = figure.subplots(len(_ROWS), len(names), squeeze=False)
    figure.subplots_adjust(left=0.06, right=0.98, hspace=0.6, wspace=0.25, top=0.86, bottom=0.07)
    for column, name in zip(grid.T, names, strict=True):
        held = layers[name]["histograms"]
        column[0].set_title(
            _short(name, layers[name]["kind"]), fontsize=9.5, color=INK, parse_math=False
        )
        for axes, (what, color) in zip(column, _ROWS, strict=True):
            style(axes, "", what if name == names[0] else "")
            axes.set_yticks([])
            axes.tick_params(labelsize=7.5)
            axes.locator_params(axis="x", nbins=3)
            found = held.get(what)
            if found is None:
                axes.set_xticks([])
                axes.text(0.5, 0.5, "none", ha="center", color=RATE, transform=axes.transAxes)
                continue
            axes.ticklabel_format(axis="x", style="sci", scilimits=(-2, 3))
            axes.xaxis.get_offset_text().set(fontsize=7.5, color=INK)
            axes.stairs(found["counts"], found["edges"], fill=True, color=color, alpha=0.75)


def _short(name: str, kind: str) -> str:
    """Return a name that has room: the end of the path tells most."""
    name = f"{name or 'the model'} {kind}"
    return name if len(name) <= 24 else f"…{name[-23:]}"
