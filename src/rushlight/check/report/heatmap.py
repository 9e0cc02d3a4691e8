"""Small maps of expected, got and error, as SVG that stands in a page."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

from rushlight.check.findings import Finding, Picture
from rushlight.check.report.values import finite, number, place
from rushlight.check.report.words import word

__all__ = ["colour_rules", "maps"]

LEVELS = 8  # colours on each side of zero

# From zero outwards. Blue and orange differ for every kind of colour blindness; in the dark the
# middle is dark, so that what is far from zero shines on either ground.
_LIGHT = {
    "n": ("#f3f3f1", "#b5d5ea", "#5fa3d3", "#0a4a90"),
    "p": ("#f3f3f1", "#fdd0a2", "#f08c38", "#a63c00"),
}
_DARK = {
    "n": ("#2b2f36", "#1f4f78", "#3f93d2", "#8fd0ff"),
    "p": ("#2b2f36", "#6e3a10", "#d9781e", "#ffc07a"),
}

Rows = Sequence[Sequence[float | None]]


@dataclass(frozen=True)
class _Cut:
    """Where a picture lies in its tensor: the first row and column, and the first wrong element.

    A picture begins with row and column 0, unless the first wrong element would then lie outside:
    then it ends with that one.
    """

    place: tuple[int, ...]
    row: int = 0
    column: int = 0
    mark: tuple[int, int] | None = None
    flat: bool = False  # a tensor of one dimension

    def index(self, row: int, column: int) -> str:
        """Return the index of a cell in the tensor."""
        own = (self.column + column,) if self.flat else (self.row + row, self.column + column)
        return place((*self.place, *own))


def maps(finding: Finding, lang: str) -> str:
    """Return the three maps of a finding as HTML; "" if it has no picture."""
    picture = finding.picture
    if picture is None or not picture.expected or not picture.expected[0]:
        return ""
    error = [
        [None if e is None or g is None else g - e for e, g in zip(right, wrong, strict=True)]
        for right, wrong in zip(picture.expected, picture.got, strict=True)
    ]
    both = max(_largest(picture.expected), _largest(picture.got))
    cut = _cut(picture, finding.index)
    figures = [
        _figure(word(name, lang), rows, largest, cut, lang)
        for name, rows, largest in (
            ("expected", picture.expected, both),
            ("got", picture.got, both),
            ("difference", error, _largest(error)),
        )
    ]
    note = f'<p class="rl-small">{escape(word("marked", lang))}</p>' if cut.mark else ""
    return f'<div class="rl-maps">{"".join(figures)}</div>{note}{_numbers(picture, lang)}'


def _largest(rows: Rows) -> float:
    return max((abs(v) for row in rows for v in row if v is not None and finite(v)), default=0.0)


def _cut(picture: Picture, index: tuple[int, ...] | None) -> _Cut:
    """Return where the picture lies, as far as the first wrong index tells."""
    depth = len(picture.place)
    if index is None or index[:depth] != picture.place or len(index) - depth not in (1, 2):
        return _Cut(picture.place)
    flat = len(index) - depth == 1
    row, column = (0, index[depth]) if flat else index[depth:]
    mark = min(row, len(picture.expected) - 1), min(column, len(picture.expected[0]) - 1)
    return _Cut(picture.place, row - mark[0], column - mark[1], mark, flat)


def _figure(name: str, rows: Rows, largest: float, cut: _Cut, lang: str) -> str:
    size = max(10, min(28, 224 // len(rows[0])))
    wide, high = size * len(rows[0]), size * len(rows)
    cells = "".join(
        _cell(value, largest, size, (column * size, row * size), cut.index(row, column), lang)
        for row, line in enumerate(rows)
        for column, value in enumerate(line)
    )
    if cut.mark is not None:
        row, column = cut.mark
        box = f'x="{column * size + 1}" y="{row * size + 1}" width="{size - 2}" height="{size - 2}"'
        cells += f'<rect class="rl-halo" {box}/><rect class="rl-mark" {box}/>'
    drawn = (
        f'<svg viewBox="0 0 {wide} {high}" width="{wide}" height="{high}" role="img" '
        f'aria-label="{escape(name)}">{cells}</svg>'
    )
    where = f" [{', '.join(map(str, cut.place))}, ...]" if cut.place else ""
    caption = f"<figcaption>{escape(name)}<span>{where}</span></figcaption>"
    return f"<figure>{caption}{drawn}{_scale(largest)}</figure>"


def _cell(
    value: float | None, largest: float, size: int, corner: tuple[int, int], index: str, lang: str
) -> str:
    known = finite(value)
    text = word("not_finite", lang) if known is None else number(known)
    x, y = corner
    shape = (
        f'<rect class="rl-{_level(known, largest)}" x="{x}" y="{y}" width="{size}" '
        f'height="{size}"><title>{index}: {escape(text)}</title></rect>'
    )
    if known is None:
        near, far = size // 4, size - size // 4
        shape += (
            f'<path class="rl-cross" d="M{x + near} {y + near}L{x + far} {y + far}'
            f'M{x + far} {y + near}L{x + near} {y + far}"/>'
        )
    return shape


def _level(value: float | None, largest: float) -> str:
    """Return the class of a colour: x (no number), z (zero), n1 to n8 below it, p1 to p8 above."""
    if value is None:
        return "x"
    if not value or not largest:
        return "z"
    step = max(1, min(LEVELS, math.ceil(LEVELS * (abs(value) / largest))))
    return f"{'n' if value < 0 else 'p'}{step}"


def _scale(largest: float) -> str:
    """Return the colours from the least to the largest value, with both ends named."""
    names = [
        *(f"n{i}" for i in range(LEVELS, 0, -1)),
        "z",
        *(f"p{i}" for i in range(1, LEVELS + 1)),
    ]
    bars = "".join(
        f'<rect class="rl-{name}" x="{4 * i}" y="0" width="4" height="8"/>'
        for i, name in enumerate(names)
    )
    end = escape(f"{largest:.3g}")
    return (
        f'<div class="rl-scale"><span>-{end}</span><svg viewBox="0 0 {4 * len(names)} 8" width='
        f'"{4 * len(names)}" height="8" aria-hidden="true">{bars}</svg><span>{end}</span></div>'
    )


def _numbers(picture: Picture, lang: str) -> str:
    """Return the values as tables that open: a finger cannot hover."""
    tables = "".join(
        f"<p>{escape(word(name, lang))}</p><table>{_rows(rows)}</table>"
        for name, rows in (("expected", picture.expected), ("got", picture.got))
    )
    return (
        f'<details class="rl-values"><summary>{escape(word("values", lang))}</summary>'
        f"<div>{tables}</div></details>"
    )


def _rows(rows: Rows) -> str:
    return "".join(
        f"<tr>{''.join(f'<td>{_short(value)}</td>' for value in row)}</tr>" for row in rows
    )


def _short(value: float | None) -> str:
    known = finite(value)
    return "&times;" if known is None else f"{known:.4g}"


def colour_rules(dark: bool) -> list[str]:
    """Return the rules of CSS that give the maps their colours."""
    sides = _DARK if dark else _LIGHT
    rules = [f".rl-z{{fill:{sides['p'][0]}}}"]
    for side, stops in sides.items():
        for level in range(1, LEVELS + 1):
            rules.append(f".rl-{side}{level}{{fill:{_between(stops, level / LEVELS)}}}")
    return rules


def _between(stops: Sequence[str], where: float) -> str:
    """Return the colour at a place between 0 (the first) and 1 (the last)."""
    at = where * (len(stops) - 1)
    left = min(int(at), len(stops) - 2)
    pairs = zip(_channels(stops[left]), _channels(stops[left + 1]), strict=True)
    return "#" + "".join(f"{round(a + (b - a) * (at - left)):02x}" for a, b in pairs)


def _channels(colour: str) -> list[int]:
    return [int(colour[i : i + 2], 16) for i in (1, 3, 5)]
