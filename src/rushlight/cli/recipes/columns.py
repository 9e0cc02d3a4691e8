"""From the columns of a table to numbers: what is text, what is missing, what does not vary."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from rushlight.arrays import Array
from rushlight.cli.mistake import Mistake
from rushlight.cli.recipes.table import MISSING, Table, number
from rushlight.errors import explain

__all__ = ["Columns", "plan"]

_KINDS = 50  # different texts that a column may have


@dataclasses.dataclass
class Columns:
    """How features are made of a table, settled by the training rows alone.

    A column of numbers gives one feature; one of text gives a feature for each of its texts, 1
    where it has this text and 0 elsewhere: a text that the training rows do not have gives zeros.

    Args:
        numeric: name -> the median of the training rows, which stands for missing values.
        texts: name -> the texts of the training rows, in order.
        fill: fill missing values; else rows that have any are left out.
    """

    numeric: dict[str, float]
    texts: dict[str, list[str]]
    fill: bool

    def as_dict(self) -> dict[str, Any]:
        """Return plain values, of which `Columns(**values)` makes the same again."""
        return dataclasses.asdict(self)

    def features(self) -> list[str]:
        """Return the names of the features, in order."""
        told = [f"{name}={text}" for name, texts in self.texts.items() for text in texts]
        return [*self.numeric, *told]

    def apply(self, table: Table) -> Array:
        """Return the features of all rows, float64 (N, features); NaN is left where not filled."""
        found = []
        for name, median in self.numeric.items():
            values = table.numbers(name)
            found.append(np.where(np.isnan(values), median, values) if self.fill else values)
        for name, texts in self.texts.items():
            cells = np.array([cell.strip() for cell in table.column(name)], dtype=object)
            lost = np.array([cell.lower() in MISSING for cell in cells], bool)
            for text in texts:
                hit = (cells == text).astype(np.float64)
                hit[lost] = 0.0 if self.fill else math.nan
                found.append(hit)
        return np.stack(found, axis=1)

    def unknown(self, table: Table) -> dict[str, list[str]]:
        """Return the texts that the training rows did not have: column -> texts."""
        found = {}
        for name, texts in self.texts.items():
            cells = {cell.strip() for cell in table.column(name)}
            new = sorted(cell for cell in cells - {*texts} if cell.lower() not in MISSING)
            if new:
                found[name] = new
        return found


def is_text(table: Table, name: str, forced: bool = False) -> bool:
    """Tell whether a column is one of text.

    Args:
        table: the table.
        name: the column.
        forced: it is, even if its cells are numbers, such as codes.

    Raises:
        Mistake: numbers with a few texts among them, or too many different texts.
    """
    cells = [cell.strip() for cell in table.column(name)]
    read = [number(cell, table.separator) for cell in cells]
    texts = [row for row, value in enumerate(read) if value is None]
    numbers = sum(value is not None and not math.isnan(value) for value in read)
    if not texts and not forced:
        return False
    if numbers > len(texts) and not forced:
        got = f"{cells[texts[0]]!r} in the column {name!r}, where {numbers} other cells are numbers"
        fix = f"correct it, or empty the cell, or say --categorical {name}"
        raise Mistake(explain(table.place(texts[0]), got=got, expected="a number", fix=fix))
    kinds = len({cell for cell in cells if cell.lower() not in MISSING})
    if kinds > _KINDS:
        shown = cells[texts[0]] if texts else cells[0]
        got = f"{kinds:,} different texts in the column {name!r}, such as {shown!r}"
        fix = f"--ignore {name} leaves it out"
        raise Mistake(explain(str(table.path), got=got, expected=f"at most {_KINDS}", fix=fix))
    return True


def plan(
    table: Table, names: Sequence[str], rows: Array, texts: Sequence[str], fill: bool
) -> tuple[Columns, list[str]]:
    """Return how features are made, and the names of columns that do not vary, which are none.

    Args:
        table: the table.
        names: the columns to make them of.
        rows: the training rows, by which medians and texts are settled.
        texts: columns that are text though their cells are numbers.
        fill: fill missing values; else rows that have any are left out.
    """
    numeric: dict[str, float] = {}
    known: dict[str, list[str]] = {}
    still = []
    for name in names:
        if is_text(table, name, name in texts):
            column = table.column(name)
            cells = {column[row].strip() for row in rows}
            kinds = sorted(cell for cell in cells if cell.lower() not in MISSING)
            if len(kinds) < 2:
                still.append(name)
            else:
                known[name] = kinds
        else:
            values = table.numbers(name)[rows]
            values = values[~np.isnan(values)]
            if not len(values) or (values == values[0]).all():
                still.append(name)
            else:
                numeric[name] = float(np.median(values))
    if not numeric and not known:
        got = f"no column that varies among {', '.join(names) or 'none'}"
        raise Mistake(explain(str(table.path), got=got, expected="features to learn from"))
    return Columns(numeric, known, fill), still
