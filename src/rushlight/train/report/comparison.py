"""Runs side by side: which options differ, which figures are the best."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from rushlight.errors import explain
from rushlight.pages import one_line
from rushlight.train.columns import higher_is_better, label
from rushlight.train.parts import is_number
from rushlight.train.report.run import Run, load_run
from rushlight.train.report.values import aligned, duration, number, plain

__all__ = ["Comparison", "Figure", "as_record", "as_text", "compare_runs"]

LONGEST = 28  # letters of a cell in a terminal
WIDEST = 36  # and of the title of a row
_UNKNOWN = "?"  # of a run without config.toml
_ABSENT = "-"


@dataclass(frozen=True)
class Figure:
    """A figure of all runs.

    Attributes:
        title: what it is.
        values: one for each run, None where it has none.
        best: the places of the best of them; none where it is not known which way is better.
        kind: 'figure', or what the runs took: 'count' or 'time'.
    """

    title: str
    values: tuple[float | None, ...]
    best: tuple[int, ...] = ()
    kind: str = "figure"

    def texts(self) -> list[str]:
        """Return the values as texts with the same number of decimals."""
        known = [v for v in self.values if v is not None]
        if self.kind == "time":
            shown = iter([duration(v) for v in known])
        elif self.kind == "count":
            shown = iter([number(v) for v in known])
        else:
            shown = iter(aligned(known))
        return [_ABSENT if v is None else next(shown) for v in self.values]


@dataclass(frozen=True)
class Comparison:
    """Runs side by side.

    Attributes:
        runs: the runs.
        names: a name of its own for each.
        different: options that are not the same in all, with the values as texts.
        same: options that are.
        surroundings: what differs in the environment.
        figures: test figures, figures of validation at each run's best epoch, what the runs took.
        told: what is missing or broken.
    """

    runs: tuple[Run, ...]
    names: tuple[str, ...]
    different: dict[str, list[str]]
    same: dict[str, str]
    surroundings: dict[str, list[str]]
    figures: tuple[Figure, ...]
    told: tuple[str, ...]


def compare_runs(folders: Sequence[str | os.PathLike[str]]) -> Comparison:
    """Read runs and lay them side by side; they may be of different recipes.

    Args:
        folders: the folders of two runs or more.

    Raises:
        ValueError: fewer than two, or a folder in which nothing of a run lies.
        OSError: there is no such folder.
    """
    if len(folders) < 2:
        got = f"{len(folders)} run{'s' * (len(folders) != 1)}"
        raise ValueError(explain("compare", got=got, expected="two runs or more"))
    runs = tuple(load_run(folder) for folder in folders)
    for run in runs:
        if run.empty:
            raise ValueError(nothing_there(run))
    names = _names(runs)
    different, same = _sorted_out(runs, _told_options)
    surroundings, _ = _sorted_out(runs, lambda run: run.environment)
    return Comparison(
        runs=runs,
        names=names,
        different=different,
        same={key: values[0] for key, values in same.items()},
        surroundings=surroundings,
        figures=(*_figures(runs), *_efforts(runs)),
        told=tuple(_notes(runs, names)),
    )


def nothing_there(run: Run) -> str:
    """Return the message for a folder that is none of a run."""
    got = f"a folder without {', '.join(run.missing[:-1])} and {run.missing[-1]}"
    broken = f"; {'; '.join(run.broken)}" if run.broken else ""
    expected = f"the out folder of a run{broken}"
    return explain(f"the run {one_line(run.folder)!r}", got=got, expected=expected)


def _names(runs: Sequence[Run]) -> tuple[str, ...]:
    """Return the names of the folders, with as many parents as tell them apart."""
    found = [run.folder.resolve().parts for run in runs]
    deep = 1
    while len({parts[-deep:] for parts in found}) < len({*found}):
        deep += 1
    names = [one_line("/".join(parts[-deep:])) for parts in found]
    met: dict[str, int] = {}
    for i, name in enumerate(names):  # the same folder twice
        met[name] = met.get(name, 0) + 1
        names[i] = name if met[name] == 1 else f"{name} ({met[name]})"
    return tuple(names)


def _told_options(run: Run) -> dict[str, Any]:
    return {"recipe": run.recipe, **run.options} if run.config else {}


def _sorted_out(
    runs: Sequence[Run], read: Callable[[Run], dict[str, Any]]
) -> tuple[dict[str, list[str]], dict[str, list[str]]]:
    """Return what differs between runs and what does not, as texts."""
    tables = [read(run) for run in runs]
    different: dict[str, list[str]] = {}
    same: dict[str, list[str]] = {}
    for key in dict.fromkeys(key for table in tables for key in table):
        texts = [
            plain(table[key]) if key in table else _ABSENT if table else _UNKNOWN
            for table in tables
        ]
        known = {text for text in texts if text != _UNKNOWN}
        (different if len(known) > 1 else same)[key] = texts
    return different, same


def _figures(runs: Sequence[Run]) -> list[Figure]:
    """Return test figures and those of validation at the best epochs, with the best marked."""
    parts = (
        ("test", [run.test for run in runs]),
        ("validation", [_of_validation(run) for run in runs]),
    )
    found = []
    for part, tables in parts:
        for key in dict.fromkeys(key for table in tables for key in table):
            values = tuple(table.get(key) for table in tables)
            best = _best(key, values) if _comparable(key, runs, values) else ()
            found.append(Figure(f"{part} {label(key)}", values, best))
    return found


def _of_validation(run: Run) -> dict[str, float]:
    return {k.removeprefix("val_"): v for k, v in run.best.items() if k.startswith("val_")}


def _comparable(key: str, runs: Sequence[Run], values: Sequence[float | None]) -> bool:
    """Tell whether the runs that have a figure had the same recipe, and for a loss the same one."""
    having = [run for run, value in zip(runs, values, strict=True) if value is not None]
    loss = "loss" in key
    return len({(run.recipe, loss and str(run.options.get("loss"))) for run in having}) == 1


def _best(key: str, values: Sequence[float | None]) -> tuple[int, ...]:
    """Return the places of the best values; none if it is not known which way is better."""
    higher = higher_is_better(key)
    known = [v for v in values if v is not None and math.isfinite(v)]
    if higher is None or len(known) < 2:
        return ()
    best = max(known) if higher else min(known)
    return tuple(i for i, v in enumerate(values) if v == best)


def _efforts(runs: Sequence[Run]) -> list[Figure]:
    """Return what the runs took."""
    rows = (
        ("epochs", "count", [len(run.records) or None for run in runs]),
        ("best epoch", "count", [run.best_epoch for run in runs]),
        ("parameters", "count", [_number(run.result.get("parameters")) for run in runs]),
        ("time", "time", [_number(run.result.get("seconds")) for run in runs]),
    )
    return [
        Figure(title, tuple(values), kind=kind)
        for title, kind, values in rows
        if any(value is not None for value in values)
    ]


def _json(value: Any) -> Any:
    """Return a value of a configuration as JSON can hold it."""
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, list):
        return [_json(item) for item in value]
    return value if isinstance(value, str | int | float | None) else str(value)


def _number(value: Any) -> float | None:
    return value if is_number(value) and math.isfinite(value) else None


def _notes(runs: Sequence[Run], names: Sequence[str]) -> list[str]:
    needed = ("config.toml", "result.json", "history.json")
    found = []
    for run, name in zip(runs, names, strict=True):
        absent = [file for file in needed if file in run.missing]
        if absent:
            found.append(f"{name}: without {', '.join(absent)}")
        if run.state.get("interrupted") or run.result.get("interrupted"):
            found.append(f"{name}: training was interrupted")
        found += [f"{name}: {line}" for line in run.broken]
    return found


# ---- for a terminal, and as plain values


def as_text(comparison: Comparison, width: int = 88) -> str:
    """Return the runs as a table for a terminal; those that do not fit stand below.

    Args:
        comparison: the runs.
        width: columns of the terminal; default 88.
    """
    groups = {
        "options that differ": comparison.different,
        "environment": comparison.surroundings,
        "figures (* the best)": {f.title: _starred(f) for f in comparison.figures},
    }
    heads = [_cut(name) for name in comparison.names]
    titles = [f"  {one_line(key)}" for rows in groups.values() for key in rows]
    first = min(max(map(len, [*titles, *groups])), WIDEST)
    cells = [texts for rows in groups.values() for texts in rows.values()]
    columns = [[_cut(texts[i]) for texts in cells] for i in range(len(heads))]
    widths = [max(map(len, [head, *column])) for head, column in zip(heads, columns, strict=True)]
    lines: list[str] = []
    for part in _fitting(widths, width - first):
        lines += [""] * bool(lines)
        lines.append(_row("", [heads[i] for i in part], [widths[i] for i in part], first))
        for title, rows in groups.items():
            if rows:
                lines.append(title)
            for key, texts in rows.items():
                own = [_cut(texts[i]) for i in part]
                if {text.strip() for text in own} != {_ABSENT}:
                    row = _cut(f"  {one_line(key)}", first)
                    lines.append(_row(row, own, [widths[i] for i in part], first))
    return "\n".join([*lines, *(f"note: {line}" for line in comparison.told)])


def _starred(figure: Figure) -> list[str]:
    return [f"{text}{' *' if i in figure.best else '  '}" for i, text in enumerate(figure.texts())]


def _cut(text: str, longest: int = LONGEST) -> str:
    return text if len(text) <= longest else f"{text[: longest - 3]}..."


def _row(name: str, cells: Sequence[str], widths: Sequence[int], first: int) -> str:
    shown = "".join(f"  {cell:>{width}}" for cell, width in zip(cells, widths, strict=True))
    return f"{name:<{first}}{shown}".rstrip()


def _fitting(widths: Sequence[int], room: int) -> list[list[int]]:
    """Return the columns in parts that fit, each of one column at least."""
    parts: list[list[int]] = [[]]
    left = room
    for i, width in enumerate(widths):
        if parts[-1] and width + 2 > left:
            parts.append([])
            left = room
        parts[-1].append(i)
        left -= width + 2
    return parts


def as_record(comparison: Comparison) -> dict[str, Any]:
    """Return the runs as plain values for JSON; what is not finite is None."""
    return {
        "runs": [
            {
                "name": name,
                "folder": str(run.folder),
                "recipe": run.recipe,
                "options": {k: _json(v) for k, v in run.options.items()},
                "environment": {k: _json(v) for k, v in run.environment.items()},
                "best_epoch": run.best_epoch,
                "epochs": len(run.records),
                "missing": run.missing,
                "broken": run.broken,
            }
            for run, name in zip(comparison.runs, comparison.names, strict=True)
        ],
        "different": list(comparison.different),
        "different_environment": list(comparison.surroundings),
        "figures": [
            {
                "name": figure.title,
                "values": [_number(value) for value in figure.values],
                "best": list(figure.best),
            }
            for figure in comparison.figures
        ],
    }
