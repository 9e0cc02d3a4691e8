"""Tables of what a history holds: the epochs, and the passes over the validation data in them."""

from __future__ import annotations

import math
from collections.abc import Sequence

from rushlight.train.history import Record
from rushlight.train.report.markup import text
from rushlight.train.report.run import Run
from rushlight.train.report.values import aligned

__all__ = ["epochs", "passes"]

ROWS = 500  # of a table; of more each second, third, ...


def epochs(run: Run) -> str:
    """Return the table of the epochs, folded."""
    best = [i for i, record in enumerate(run.records) if record["epoch"] == run.best_epoch]
    return _table("epoch", run.records, best[-1] if best else None)


def passes(run: Run) -> str:
    """Return the table of the passes over the validation data within epochs, folded."""
    return _table("step", run.passes, None)


def _table(first: str, records: Sequence[Record], best: int | None) -> str:
    """Return a table that can be sorted: of many rows one in a few, the best and the last."""
    if not records:
        return ""
    every = -(-len(records) // ROWS)
    kept = [i for i in range(len(records)) if not i % every or i in (best, len(records) - 1)]
    shown = [records[i] for i in kept]
    names = [first, *(n for n in dict.fromkeys(k for r in records for k in r) if n != first)]
    columns = [_column(name, shown) for name in names]
    heads = "".join(
        f'<th scope="col"><button type="button" class="sort">{text(name.replace("_", " "))}'
        "</button></th>"
        for name in names
    )
    rows = []
    for row, i in enumerate(kept):
        mark = ' <span class="tag">best</span>' if i == best else ""
        cells = "".join(f"<td>{text(column[row])}</td>" for column in columns[1:])
        head = f'<th scope="row">{text(columns[0][row])}{mark}</th>'
        rows.append(f"<tr{' class=best' if i == best else ''}>{head}{cells}</tr>\n")
    what = "epoch" if first == "epoch" else "validation"
    title = f"Table of {len(records):,} {what}{'s' * (len(records) != 1)}"
    title += ", by step" if first == "step" else ""
    if every > 1:
        title += f": one in {every}, {'' if best is None else 'the best '}and the last"
    return (
        f'<details class="all"><summary>{title}</summary>'
        f'<div class="wide" tabindex="0" role="region" aria-label="{title}">'
        f'<table class="numbers sortable"><caption class="unseen">{title}</caption><thead><tr>'
        f"{heads}</tr></thead><tbody>{''.join(rows)}</tbody></table></div></details>\n"
    )


def _column(key: str, records: Sequence[Record]) -> list[str]:
    values = [record.get(key, math.nan) for record in records]
    if key == "seconds":
        return [f"{v:.2f}" if math.isfinite(v) else "-" for v in values]
    texts = aligned(values)
    return ["-" if key not in r else t for r, t in zip(records, texts, strict=True)]
