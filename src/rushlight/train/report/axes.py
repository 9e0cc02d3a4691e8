"""Axes and lines: where values stand, what is written beside them, what of long lines is drawn.

Places are shares of the plot: 0 to 1 from the left, and from the top.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

__all__ = ["Axis", "Line", "epoch_axis", "linear_axis", "log_axis", "thinned"]

LEAST, MOST = 1e-150, 1e150  # smaller values stand at 0, larger ones nowhere: both are diverged
COLUMNS = 240  # of a plot: a longer line is drawn by the extremes within each of them
Line = Sequence[tuple[float, float]]  # epoch and value


@dataclass(frozen=True)
class Axis:
    """An axis from `low` to `high` with its ticks.

    Attributes:
        low, high: the values at its ends, or their decimal logarithms.
        log: whether it is logarithmic.
        ticks: place and text.
    """

    low: float
    high: float
    log: bool
    ticks: tuple[tuple[float, str], ...]

    def place(self, value: float) -> float | None:
        """Return where a value stands; None for one that does not."""
        if not abs(value) <= MOST or (self.log and value < LEAST):
            return None
        return _share(math.log10(value) if self.log else value, self.low, self.high)


def _share(value: float, low: float, high: float) -> float:
    return (value - low) / (high - low)


def _step(span: float, count: int) -> float:
    """Return 1, 2 or 5 times a power of ten that cuts a span into at most so many steps."""
    power = 10.0 ** math.floor(math.log10(span / count))
    return next(n * power for n in (1, 2, 5, 10, 20) if n * power * count >= span * (1 - 1e-9))


def _multiples(low: float, high: float, step: float) -> list[float]:
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return [i * step for i in range(first, last + 1)]


def linear_axis(values: Iterable[float]) -> Axis:
    """Return an axis for the finite values.

    Example:
        >>> [text for _, text in linear_axis([0.05, 0.72]).ticks]
        ['0', '0.2', '0.4', '0.6', '0.8']
    """
    known = [v for v in values if abs(v) <= MOST]
    low, high = (min(known), max(known)) if known else (0.0, 1.0)
    if high - low <= max(LEAST, 1e-9 * max(abs(low), abs(high))):
        room = abs(high) / 2 if abs(high) > LEAST else 0.5
        low, high = low - room, high + room
    if 0 < low < 0.25 * high:
        low = 0.0
    step = _step(high - low, 5)
    low, high = step * math.floor(low / step + 1e-9), step * math.ceil(high / step - 1e-9)
    ticks = _multiples(low, high, step)
    texts = _texts(ticks, step)
    places = (_share(tick, low, high) for tick in ticks)
    return Axis(low, high, False, tuple(zip(places, texts, strict=True)))


def _texts(ticks: Sequence[float], step: float) -> list[str]:
    """Return ticks with as many decimals as the step has."""
    most = max(map(abs, ticks))
    if most >= 1e5 or step < 1e-4:
        return [
            f"{t:.{_digits(most, step)}g}".replace("e-0", "e-").replace("e+0", "e") for t in ticks
        ]
    decimals = max(0, -_exponent(step))
    return [f"{t:.{decimals}f}" if abs(t) > step / 2 else "0" for t in ticks]


def _digits(most: float, step: float) -> int:
    return max(1, _exponent(most) - _exponent(step) + 1)


def _exponent(value: float) -> int:
    return math.floor(math.log10(value) + 1e-9)


def log_axis(values: Iterable[float]) -> Axis | None:
    """Return a logarithmic axis; None where some value is below 0, or all are one.

    Example:
        >>> [text for _, text in log_axis([0.02, 3.0]).ticks]
        ['0.01', '0.1', '1', '10']
        >>> log_axis([-1.0, 1.0]) is None
        True
    """
    known = [v for v in values if abs(v) <= MOST]
    above = {v for v in known if v >= LEAST}
    if not above or min(known) < 0 or max(above) < 1.02 * min(above):
        return None
    low, high = math.log10(min(above)), math.log10(max(above))
    if high - low < 2:  # over few decades the ticks are 1, 2 and 5
        marks = [
            (p + math.log10(n), n * 10.0**p)
            for p in range(math.floor(low) - 1, math.ceil(high) + 2)
            for n in ((1, 2, 5) if high - low > 0.35 else (1, 1.5, 2, 3, 4, 5, 6, 7, 8, 9))
        ]
        below, over = (
            [m for m in marks if m[0] <= low + 1e-9],
            [m for m in marks if m[0] >= high - 1e-9],
        )
        marks = [m for m in marks if below[-1][0] <= m[0] <= over[0][0]]
    else:
        first, last = math.floor(low + 1e-9), math.ceil(high - 1e-9)
        every = -(-(last - first) // 5)
        marks = [(float(p), 10.0**p) for p in range(first, last + every, every)]
    start, end = marks[0][0], marks[-1][0]
    ticks = tuple((_share(place, start, end), _power(value)) for place, value in marks)
    return Axis(start, end, True, ticks)


def _power(value: float) -> str:
    if value * 1.01 > 1e-4 and value < 1e5:
        return f"{value:.6f}".rstrip("0").rstrip(".")
    return f"{value:.3g}".replace("e-0", "e-").replace("e+0", "e")


def epoch_axis(first: float, last: float) -> Axis:
    """Return the axis of the epochs.

    Example:
        >>> [text for _, text in epoch_axis(1, 12).ticks]
        ['2', '4', '6', '8', '10', '12']
    """
    low, high = (first, last) if last > first else (first - 0.5, first + 0.5)
    step = max(1.0, _step(high - low, 6))
    ticks = [tick for tick in _multiples(low, high, step) if tick == int(tick)]
    places = (_share(tick, low, high) for tick in ticks)
    return Axis(
        low, high, False, tuple((p, f"{int(t):,}") for p, t in zip(places, ticks, strict=True))
    )


def thinned(line: Line, columns: int = COLUMNS) -> list[tuple[float, float]]:
    """Return a line for drawing: of a long one first, least, greatest and last of each column.

    Example:
        >>> line = [(float(i), float(i % 7)) for i in range(10_000)]
        >>> short = thinned(line)
        >>> len(short) <= 4 * 240, short[0], short[-1], max(v for _, v in short)
        (True, (0.0, 0.0), (9999.0, 3.0), 6.0)
    """
    if len(line) <= 4 * columns:
        return list(line)
    found: list[tuple[float, float]] = []
    for column in range(columns):
        part = line[column * len(line) // columns : (column + 1) * len(line) // columns]
        known = [i for i, (_, value) in enumerate(part) if math.isfinite(value)]
        kept = {0, len(part) - 1}
        if known:
            kept |= {min(known, key=lambda i: part[i][1]), max(known, key=lambda i: part[i][1])}
        found += [part[i] for i in sorted(kept)]
    return found
