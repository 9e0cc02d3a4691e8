"""Charts: lines over the epochs as SVG, with text beside it that keeps its size.

The SVG holds lines alone and is stretched to the room there is; its strokes are not. Ticks and
readings are HTML, placed in percent. Every place is computed here: the script of the page moves
the reading, and computes nothing.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

from rushlight.train.columns import prefers_log
from rushlight.train.report.axes import (
    COLUMNS,
    Axis,
    Line,
    epoch_axis,
    linear_axis,
    log_axis,
    thinned,
)
from rushlight.train.report.run import Switched
from rushlight.train.report.values import aligned, number

__all__ = ["Board", "Panel", "Series"]

STOPS = 300  # epochs at which a reading can be had; of a longer run every second, third, ...
DOTS = 40  # epochs up to which the points of lines are drawn as dots, too
ROWS = 3  # of words over the lines of switches, so that neighbours do not cover each other
LETTERS = 16  # of such words that are shown
TURN = 0.6  # where they stand on the left of their line


@dataclass(frozen=True)
class Series:
    """A line with its name.

    Attributes:
        name: what it is.
        look: the class that gives it its colour, such as 'c0'.
        line: epochs and values.
        rest: the epoch that is read while nobody points at one.
    """

    name: str
    look: str
    line: Line
    rest: float | None = None


@dataclass(frozen=True)
class Panel:
    """A chart to be: the name of the column, the title, and the lines."""

    name: str
    title: str
    series: Sequence[Series]


class Board:
    """Charts over the same epochs, in which one epoch is read at a time.

    Args:
        panels: the charts.
        best: the epoch that is marked in all, or None.
        switches: what was changed, and before which epoch.
        warmups: first and last epoch of each warm-up; they are shaded in the chart of the rate.
        resting: which epochs are read while nobody points at one (default: the best one).
    """

    def __init__(
        self,
        panels: Sequence[Panel],
        best: float | None = None,
        switches: Sequence[Switched] = (),
        warmups: Sequence[tuple[float, float]] = (),
        resting: str = "",
    ) -> None:
        self.warmups = list(warmups)
        self.resting = resting or ("" if best is None else f"best epoch {best:g}")
        self.panels, self.best, self.switches = list(panels), best, list(switches)
        epochs = {epoch for p in panels for s in p.series for epoch, _ in s.line}
        self.epochs = sorted(epochs)
        self.longest = max((len(s.line) for p in panels for s in p.series), default=0)
        first, last = (self.epochs[0], self.epochs[-1]) if epochs else (0.0, 1.0)
        self.axis = epoch_axis(first, last)
        self.stops = self._stops()

    def _stops(self) -> list[float]:
        every = -(-len(self.epochs) // STOPS) or 1
        rests = {s.rest for p in self.panels for s in p.series if s.rest is not None}
        ends = {s.line[-1][0] for p in self.panels for s in p.series if s.line}
        own = {self.best} if self.best in self.epochs else set()
        return sorted({*self.epochs[::every], *(rests & {*self.epochs}), *ends, *own} - {None})

    @property
    def thinned(self) -> bool:
        """Whether not every value is drawn."""
        return self.longest > 4 * COLUMNS

    def html(self) -> list[str]:
        """Return the charts, each a figure."""
        return [self._figure(i, panel) for i, panel in enumerate(self.panels)]

    def data(self) -> dict[str, Any]:
        """Return what the script reads: epochs, their places, and texts and places of values."""
        places = [_round(self.axis.place(epoch)) for epoch in self.stops]
        return {
            "epochs": [f"{epoch:g}" for epoch in self.stops],
            "x": places,
            "charts": [self._readings(panel) for panel in self.panels],
        }

    def _readings(self, panel: Panel) -> list[dict[str, Any]]:
        scales = _axes(panel)
        found = []
        for series, texts in zip(panel.series, _readable(panel), strict=True):
            at = dict(series.line)
            values = [at.get(epoch, math.nan) for epoch in self.stops]
            reading: dict[str, Any] = {"text": [texts.get(epoch, "-") for epoch in self.stops]}
            for scale, axis in scales.items():
                reading[scale] = [_round(axis.place(value), down=True) for value in values]
            found.append(reading)
        return found

    # ---- a figure

    def _figure(self, index: int, panel: Panel) -> str:
        scales = _axes(panel)
        lines = (value for series in panel.series for _, value in series.line)
        first = "log" if "log" in scales and prefers_log(panel.name, lines) else "linear"
        pressed = "true" if first == "log" else "false"
        switch = (
            f'<button type="button" class="small scale" aria-pressed="{pressed}" '
            f'aria-label="logarithmic scale, {escape(panel.title)}">log</button>'
            if len(scales) > 1
            else ""
        )
        texts = _readable(panel)
        keys = "".join(_key(series, i, texts[i]) for i, series in enumerate(panel.series))
        plots = "".join(self._scale(panel, s, axis, s != first) for s, axis in scales.items())
        ticks = "".join(
            f'<span style="left:{100 * place:.2f}%">{text}</span>'
            for place, text in self.axis.ticks
        )
        marks, rows = self._marks()
        dots = "".join(f'<i class="dot {s.look}" hidden></i>' for s in panel.series)
        return (
            f'<figure class="chart" data-chart="{index}" data-scale="{first}">'
            f'<figcaption><h3>{escape(panel.title)}</h3><span class="when">{self.resting}</span>'
            f'{switch}<div class="keys">{keys}</div></figcaption>'
            f'<div class="frame" style="--rows:{rows}">{plots}<div class="plot">'
            f'<div class="marks">{marks}</div>'
            f'<div class="cross" hidden></div>{dots}</div>'
            f'<div class="epochs" aria-hidden="true">{ticks}</div></div></figure>\n'
        )

    def _scale(self, panel: Panel, scale: str, axis: Axis, hidden: bool) -> str:
        """Return lines and ticks on one of the two scales."""
        grid = "".join(f"M0 {_y(place)}H1000" for place, _ in axis.ticks)
        lines = "".join(
            f'<g class="line {s.look}" data-series="{i}">{self._line(s.line, axis)}</g>'
            for i, s in enumerate(panel.series)
        )
        ticks = "".join(
            f'<span style="top:{100 * (1 - place):.2f}%">{escape(text)}</span>'
            for place, text in axis.ticks
        )
        gone = " hidden" if hidden else ""
        return (
            f'<div class="values" data-of="{scale}" aria-hidden="true"{gone}>{ticks}</div>'
            f'<svg data-of="{scale}" viewBox="0 0 1000 1000" preserveAspectRatio="none" role="img" '
            f'aria-label="{escape(self._told(panel))}"{gone}><path class="grid" d="{grid}"/>'
            f"{self._shades(panel)}{self._uprights()}{lines}</svg>"
        )

    def _line(self, line: Line, axis: Axis) -> str:
        """Return a line; where values are missing it is interrupted, and single ones are dots."""
        points = [(self.axis.place(epoch), axis.place(value)) for epoch, value in thinned(line)]
        runs: list[list[str]] = [[]]
        for x, y in points:
            if x is None or y is None:
                runs.append([])
            else:
                runs[-1].append(f"{_x(x)} {_y(y)}")
        path = "".join(f"M{'L'.join(run)}" for run in runs if len(run) > 1)
        whole = len(self.epochs) <= DOTS
        dots = "".join(f"M{at}h0" for run in runs for at in run if whole or len(run) == 1)
        drawn = f'<path d="{path}"/>' if path else ""
        return drawn + (f'<path class="dots" d="{dots}"/>' if dots else "")

    def _shades(self, panel: Panel) -> str:
        """Return the ground of the epochs in which the rate was warmed up."""
        found = []
        for first, last in self.warmups if panel.name == "lr" else ():
            places = self.axis.place(first), self.axis.place(last)
            left, right = (min(max(place or 0.0, 0.0), 1.0) for place in places)
            if right > left:
                found.append(
                    f'<path class="shade" d="M{_x(left)} 0H{_x(right)}V1000H{_x(left)}Z"/>'
                )
        return "".join(found)

    def _uprights(self) -> str:
        """Return the lines of the best epoch and of the switches."""
        found = "".join(f'<path class="switch" d="M{_x(x)} 0V1000"/>' for x, _ in self._switched())
        best = None if self.best not in self.epochs else self.axis.place(float(self.best or 0))
        if best is not None:
            found += f'<path class="best" d="M{_x(best)} 0V1000"/>'
        return found

    def _switched(self) -> list[tuple[float, str]]:
        """Return place and words of each switch: halfway between the epochs around it."""
        found = []
        for switch in self.switches:
            place = self.axis.place(switch.epoch - 0.5)
            if place is not None and place <= 1:
                found.append((max(place, 0.0), switch.what))
        return found

    def _marks(self) -> tuple[str, int]:
        """Return the words over the lines of the switches and how many rows they take."""
        placed: list[tuple[float, str, int]] = []
        ends = [-1.0] * ROWS
        for x, what in self._switched():
            wide = 0.04 + 0.03 * min(len(what), LETTERS)
            begin = x if x < TURN else x - wide
            row = next((r for r in range(ROWS) if begin >= ends[r]), ROWS - 1)
            ends[row] = begin + wide
            placed.append((x, what, row))
        rows = max((row + 1 for _, _, row in placed), default=0)
        found = []
        for x, what, row in placed:
            side = f"left:{100 * x:.2f}%" if x < TURN else f"right:{100 * (1 - x):.2f}%"
            before = "" if x < TURN else ' class="before"'
            found.append(
                f'<span{before} style="{side};--row:{rows - row}" title="{escape(what)}">'
                f"{escape(what)}</span>"
            )
        return "".join(found), rows

    def _told(self, panel: Panel) -> str:
        """Return a chart in words."""
        told = []
        for series in panel.series:
            known = [value for _, value in series.line if math.isfinite(value)]
            if known:
                told.append(f"{series.name} from {number(known[0])} to {number(known[-1])}")
        best = "" if self.best is None else f"; best epoch {self.best:g}"
        return f"{panel.title} over the epochs: {', '.join(told) or 'no values'}{best}"


def _axes(panel: Panel) -> dict[str, Axis]:
    values = [value for series in panel.series for _, value in series.line]
    scales = {"linear": linear_axis(values)}
    log = log_axis(values)
    return scales if log is None else {**scales, "log": log}


def _readable(panel: Panel) -> list[dict[float, str]]:
    """Return for each line its values as texts, by epoch; all of a chart are written alike."""
    texts = iter(aligned([value for series in panel.series for _, value in series.line]))
    return [{epoch: next(texts) for epoch, _ in series.line} for series in panel.series]


def _key(series: Series, i: int, texts: Mapping[float, str]) -> str:
    """Return a line's name with its value, which shows or hides it."""
    last = series.line[-1][0] if series.line else math.nan
    value = texts.get(last if series.rest is None else series.rest, texts.get(last, "-"))
    return (
        f'<button type="button" class="key {series.look}" data-series="{i}" '
        f'data-name="{escape(series.name)}" aria-pressed="true"><i></i>'
        f"<bdi>{escape(series.name)}</bdi> <output>{escape(value)}</output></button>"
    )


def _round(place: float | None, down: bool = False) -> float | None:
    """Return a place in percent, from the top where `down`."""
    return None if place is None else round(100 * (1 - place if down else place), 2)


def _x(place: float) -> str:
    return f"{1000 * place:.1f}".removesuffix(".0")


def _y(place: float) -> str:
    return _x(1 - place)
