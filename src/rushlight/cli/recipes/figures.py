"""Figures of images and of filters, for the recipes' pictures."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from rushlight.arrays import Array
from rushlight.train.drawing import FAINT, INK, new_figure

__all__ = ["filters", "images"]


def images(
    pixels: Array,
    labels: Sequence[str] = (),
    columns: int = 8,
    heads: Sequence[str] = (),
) -> Any:
    """Return a figure of grey images in rows.

    Args:
        pixels: (N, H, W), from 0, which is white, to 1.
        labels: what stands below each image (default: nothing).
        columns: images in a row (default 8).
        heads: what stands above each column (default: nothing).
    """
    rows = -(-len(pixels) // columns)
    figure = new_figure(1.1 * columns, (1.1 + 0.32 * bool(labels)) * rows + 0.3 * bool(heads))
    grid = figure.subplots(rows, columns, squeeze=False)
    for place, axes in enumerate(grid.ravel()):
        axes.set(xticks=[], yticks=[])
        if place >= len(pixels):
            axes.set_visible(False)
            continue
        axes.imshow(pixels[place], cmap="gray_r", vmin=0, vmax=1, interpolation="nearest")
        for side in axes.spines.values():
            side.set_color(FAINT)
        if labels:
            axes.set_xlabel(labels[place], fontsize=10.5, color=INK, labelpad=3)
    for axes, head in zip(grid[0], heads, strict=False):
        axes.set_title(head, fontsize=11, color=INK, pad=4)
    figure.tight_layout(pad=0.4)
    return figure


def filters(weights: Array, columns: int = 8) -> Any:
    """Return a figure of the filters of a layer, each on a scale from minus to plus its largest.

    Args:
        weights: (F, H, W).
        columns: filters in a row (default 8).
    """
    rows = -(-len(weights) // columns)
    figure = new_figure(0.8 * columns, 0.8 * rows)
    for place, axes in enumerate(figure.subplots(rows, columns, squeeze=False).ravel()):
        axes.set(xticks=[], yticks=[])
        if place >= len(weights):
            axes.set_visible(False)
            continue
        most = float(np.abs(weights[place]).max()) or 1.0
        axes.imshow(weights[place], cmap="PuOr", vmin=-most, vmax=most, interpolation="nearest")
        for side in axes.spines.values():
            side.set_color(FAINT)
    figure.subplots_adjust(0.01, 0.01, 0.99, 0.99, wspace=0.12, hspace=0.12)
    return figure
