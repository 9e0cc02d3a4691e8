"""The page of several runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from rushlight.train.columns import label
from rushlight.train.report.chart import Board, Panel, Series
from rushlight.train.report.comparison import Comparison, Figure
from rushlight.train.report.markup import document, name, notes, section, table, text
from rushlight.train.report.page import bare, explained, header, line_of, spread
from rushlight.train.report.style import LOOKS

__all__ = ["as_comparison_page"]


def as_comparison_page(comparison: Comparison) -> str:
    """Return the page that lays runs side by side.

    Args:
        comparison: the runs.
    """
    names = comparison.names
    board = Board(panels(comparison), resting="best epochs")
    same = _rows({key: [value] * len(names) for key, value in comparison.same.items()})
    folded = (
        f"<details><summary>{len(same)} options that are the same</summary>"
        f"{_table(names, same, 'Options that are the same')}</details>"
        if same
        else ""
    )
    surroundings = _rows(comparison.surroundings)
    body = [
        header("Comparison", f"{len(names)} runs", ", ".join(map(name, names))),
        notes(comparison.told, "warn", "Note"),
        section(
            "Options that differ",
            _table(names, _rows(comparison.different), "Options that differ")
            or '<p class="soft">None.</p>',
            folded,
        ),
        section("Figures", _table(names, _figures(comparison.figures), "Figures")),
        section("Curves", spread(board.html(), 2), explained(board)) if board.panels else "",
        section("Environment", _table(names, surroundings, "What differs in the environment")),
    ]
    title = f"{', '.join(names)} - comparison"
    return document(title, f'<main class="several">{"".join(body)}</main>\n', board.data())


def _table(names: Sequence[str], rows: Sequence[Sequence[str]], caption: str) -> str:
    if not rows:
        return ""
    heads = ["", *(_head(run, i) for i, run in enumerate(names))]
    return table(heads, rows, caption=caption, kind="numbers runs")


def _head(run: str, i: int) -> str:
    """Return a run's name under the colour of its lines."""
    return f'<span class="run {_look(i)}">{name(run)}</span>'


def _look(i: int) -> str:
    """Return the class of a run: its colour, and its dashes once the colours are used up."""
    colour = LOOKS[i % len(LOOKS)]
    return colour if i < len(LOOKS) else f"{colour} dashed{min(i // len(LOOKS), 2)}"


def _rows(values: Mapping[str, Sequence[str]]) -> list[list[str]]:
    return [[text(key.replace("_", " ")), *map(text, texts)] for key, texts in values.items()]


def _figures(figures: Sequence[Figure]) -> list[list[str]]:
    rows = []
    for figure in figures:
        cells = [
            f'<span class="tag">best</span> <span class="better">{text(shown)}</span>'
            if i in figure.best
            else text(shown)
            for i, shown in enumerate(figure.texts())
        ]
        rows.append([text(figure.title), *cells])
    return rows


def panels(comparison: Comparison) -> list[Panel]:
    """Return a chart for each column of the histories, with a line for each run that has it."""
    columns = dict.fromkeys(
        key for run in comparison.runs for record in run.records for key in record
    )
    bases = dict.fromkeys(bare(key) for key in columns if key not in ("epoch", "seconds"))
    ordered = sorted(bases, key=lambda base: (base == "lr", base != "loss"))
    found = []
    for base in ordered:
        for column, title in (
            (f"val_{base}", f"validation {label(base)}"),
            (f"train_{base}", f"training {label(base)}"),
            (base, label(base)),
        ):
            if column in columns:
                found.append(Panel(base, title, _series(comparison, column)))
    return found


def _series(comparison: Comparison, column: str) -> list[Series]:
    found = []
    for i, (run, own) in enumerate(zip(comparison.runs, comparison.names, strict=True)):
        line = line_of(run, column)
        if line:
            found.append(Series(own, _look(i), line, run.best.get("epoch")))
    return found
