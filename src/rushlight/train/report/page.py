"""The page of a run: one file that a student can hand in."""

from __future__ import annotations

import math
import os
import pathlib
from collections.abc import Iterable, Sequence

from rushlight.io import write_text
from rushlight.train.columns import label
from rushlight.train.report import parts, tables
from rushlight.train.report.chart import Board, Panel, Series
from rushlight.train.report.markup import document, name, notes, section, text
from rushlight.train.report.run import Run, load_run

__all__ = ["as_page", "write_report"]

FIRST, MOST = 9, 12  # of more charts than 12 nine are shown at once; the others are folded
_WITHOUT = {  # a file: what the page lacks without it
    "config.toml": "configuration and environment",
    "result.json": "test figures",
    "history.json": "curves",
    "summary.json": "the table of layers",
    "graph.svg": "the drawing of the graph",
}


def write_report(run_folder: str | os.PathLike[str]) -> pathlib.Path:
    """Write `report.html` into the folder of a run, finished or not, and return its path.

    The page needs nothing from elsewhere: pictures, style and script are in it. What is missing in
    the folder, or broken, is said in the page.

    Args:
        run_folder: the out folder of `rushlight train`, or any with the files of a run.

    Raises:
        OSError: there is no such folder, or the page cannot be written.
    """
    run = load_run(run_folder)
    path = run.folder / "report.html"
    write_text(path, as_page(run))
    return path


def as_page(run: Run) -> str:
    """Return the page of a run.

    Args:
        run: what its folder holds.
    """
    board = Board(panels(run), run.best_epoch, run.switches, warmups=run.warmups)
    body = [
        parts.headline(run),
        curves(run, board),
        parts.figures(run),
        parts.confusion(run),
        parts.pictures(run),
        parts.model(run),
        parts.options(run),
        parts.surroundings(run),
        parts.again(run),
    ]
    told = notes(warnings(run), "warn", "Note") + notes(news(run), "news", "Note")
    shown = [header("Training run", run.title, _under(run)), told, *body, footer(run)]
    return document(
        f"{run.title} - {run.name}" if run.title != run.name else run.name,
        f"<main>{''.join(shown)}</main>\n{LIGHTBOX}",
        board.data(),
    )


LIGHTBOX = (
    '<dialog id="large" aria-label="Picture"><button type="button" class="small close">close'
    '</button><img alt=""><p></p></dialog>\n'
)


def header(kind: str, title: str, under: str) -> str:
    """Return the top of a page.

    Args:
        kind: what sort of page it is.
        title: text from elsewhere.
        under: HTML of the line below the title.
    """
    return (
        f'<header class="top"><p class="kind">{kind}</p>'
        '<button type="button" class="small theme">dark</button>'
        f'<h1>{name(title)}</h1><p class="soft">{under}</p></header>\n'
    )


def _under(run: Run) -> str:
    version = run.environment.get("rushlight")
    made = f"Rushlight {text(version)}" if version else "Rushlight"
    return f"{name(run.name)} · {made}" if run.name != run.title else made


# ---- what is to be noted


def warnings(run: Run) -> list[str]:
    """Return what went wrong."""
    found = []
    if run.state.get("interrupted") or run.result.get("interrupted"):
        found.append(f"Training was interrupted after {_epochs(len(run.records))}.")
    for column, epochs in _holes(run).items():
        first = ", ".join(f"{epoch:g}" for epoch in epochs[:5])
        more = f" and {len(epochs) - 5:,} more" if len(epochs) > 5 else ""
        found.append(f"{label(column)} was not finite in epoch {first}{more}.")
    return found + list(dict.fromkeys(run.broken))


def news(run: Run) -> list[str]:
    """Return what is no mistake, but should be known."""
    found = []
    stopped = run.state.get("stopped") or run.result.get("stopped")
    if stopped:
        found.append(f"Training stopped after {_epochs(len(run.records))}: {stopped}.")
    if run.empty:
        found.append("Nothing of a run was found in this folder.")
    elif "result.json" in run.missing:
        found.append(
            "The run goes on, or was ended before its test: there are no test figures yet."
        )
    return found


def _holes(run: Run) -> dict[str, list[float]]:
    """Return for each column the epochs in which it was not finite."""
    found: dict[str, list[float]] = {}
    for record in run.records:
        for column, value in record.items():
            if not math.isfinite(value):
                found.setdefault(column, []).append(record["epoch"])
    return found


def _epochs(count: int) -> str:
    return f"{count:,} epoch{'s' * (count != 1)}"


def footer(run: Run) -> str:
    """Return what the page was made without."""
    lacking = [f"{_WITHOUT[file]} ({file})" for file in run.missing if file in _WITHOUT]
    if not lacking or run.empty:
        return ""
    return f'<footer class="soft small">Not in the folder: {"; ".join(lacking)}.</footer>'


# ---- the curves


def panels(run: Run) -> list[Panel]:
    """Return the charts of a run: loss, metrics, learning rate, and what else was recorded."""
    columns = dict.fromkeys(key for record in run.records for key in record)
    named = dict.fromkeys(bare(key) for key in columns if bare(key) != key)
    single = [
        key for key in columns if bare(key) == key and key not in ("epoch", "seconds", *named)
    ]
    found = []
    for base in sorted(named, key=lambda base: base != "loss"):
        lines = (
            ("training", "c0", f"train_{base}"),
            ("validation", "c1", f"val_{base}"),
        )
        series = [
            Series(title, look, line_of(run, column), run.best.get("epoch"))
            for title, look, column in lines
            if column in columns
        ]
        found.append(Panel(base, label(base), series))
    for key in sorted(single, key=lambda key: key != "lr"):
        series = [Series(label(key), "c7", line_of(run, key), run.best.get("epoch"))]
        found.append(Panel(key, label(key), series))
    return found


def bare(column: str) -> str:
    """Return the name of a column without the part of the data.

    Example:
        >>> bare("train_loss"), bare("val_rmse_fat"), bare("lr")
        ('loss', 'rmse_fat', 'lr')
    """
    return column.removeprefix("train_").removeprefix("val_")


def line_of(run: Run, column: str) -> list[tuple[float, float]]:
    """Return the epochs that have a value of a column, with it."""
    return [(record["epoch"], record[column]) for record in run.records if column in record]


def curves(run: Run, board: Board) -> str:
    """Return the charts, how they are read, and the table of the epochs."""
    if not run.records:
        return ""
    switches = "".join(
        f"<li>before epoch {switch.epoch}: {text(switch.what)}"
        f"{f'; {text(switch.note)}' if switch.note else ''}</li>"
        for switch in run.switches
    )
    shaded = any(last > max(first, run.records[0]["epoch"]) for first, last in run.warmups)
    return section(
        "Curves",
        spread(board.html()),
        explained(board, "The shaded epochs are the warm-up of the rate." if shaded else ""),
        f'<h3>Changed during training</h3><ul class="switches">{switches}</ul>' if switches else "",
        tables.epochs(run),
        tables.passes(run),
    )


def spread(charts: Iterable[str], wide: int | None = None) -> str:
    """Return charts beside each other, those after the first few folded.

    Args:
        charts: the charts.
        wide: how many in a row, where there is room (default None: what fills the rows).
    """
    shown = list(charts)
    head, rest = (shown, []) if len(shown) <= MOST else (shown[:FIRST], shown[FIRST:])
    if not rest:
        return _grid(head, wide)
    more = f"<summary>{len(rest)} more charts</summary>{_grid(rest, wide)}"
    return f"{_grid(head, wide)}<details data-print>{more}</details>"


def _grid(charts: Sequence[str], wide: int | None) -> str:
    wide = wide or {1: 1, 2: 2, 4: 2}.get(len(charts), 3)
    return f'<div class="charts" style="--wide:{wide}">{"".join(charts)}</div>'


def explained(board: Board, more: str = "") -> str:
    """Return how the charts are read, and what more is to be said."""
    said = ["Point at a chart, or focus it and use the arrow keys, to read an epoch."]
    if board.thinned:
        said.append(
            f"Of {board.longest:,} epochs each line shows the first, the last and the extremes of "
            f"each of 240 columns; {len(board.stops):,} can be read."
        )
    elif len(board.stops) < len(board.epochs):
        said.append(f"{len(board.stops):,} of {len(board.epochs):,} epochs can be read.")
    return f'<p class="small soft hint">{" ".join([*said, more])}</p>'
