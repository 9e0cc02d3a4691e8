"""A user's own table: a CSV file read as text, its columns as numbers."""

from __future__ import annotations

import codecs
import csv
import dataclasses
import io
import math
import os
import pathlib
from collections.abc import Sequence
from typing import Any

import numpy as np

from rushlight.arrays import Array
from rushlight.cli.mistake import Mistake
from rushlight.errors import explain
from rushlight.io import write_text

__all__ = ["Table", "number", "read_table", "refuse_missing", "write_table"]

MISSING = frozenset(("", "na", "n/a", "nan", "null", "none", "?"))
_SEPARATORS = ",;\t|"
_NAMED = {",": "comma", ";": "semicolon", "\t": "tab", "|": "bar"}
_WORKBOOKS = (b"PK\x03\x04", b"\xd0\xcf\x11\xe0")  # how .xlsx, .ods and .xls begin
_LARGEST = 1e100  # what is larger has no square, and a sum of squares is what every fit is made of
_LOOK = 50  # lines by which the separator is found


@dataclasses.dataclass
class Table:
    """The cells of a CSV file, as text.

    Attributes:
        path: the file.
        names: of the columns; 'column 1' and so on where the first line holds numbers.
        named: whether the first line has names.
        rows: the cells, line by line.
        lines: the line of the file at which each row begins, from 1.
        separator: what stands between cells.
    """

    path: pathlib.Path
    names: list[str]
    named: bool
    rows: list[list[str]]
    lines: list[int]
    separator: str

    def __len__(self) -> int:
        return len(self.rows)

    def place(self, row: int) -> str:
        """Return file and line of a row, for messages."""
        return f"{self.path}, line {self.lines[row]}"

    def index(self, name: str) -> int:
        """Return the place of a column, or say which there are."""
        if name in self.names:
            return self.names.index(name)
        got, expected = f"no column {name!r}", f"one of {', '.join(self.names)}"
        if not self.named:
            got, expected = "a first line of numbers", f"column names, {name!r} among them"
        raise Mistake(explain(str(self.path), got=got, expected=expected))

    def column(self, name: str) -> list[str]:
        """Return the cells of a column."""
        at = self.index(name)
        return [row[at] for row in self.rows]

    def numbers(self, name: str) -> Array:
        """Return a column as float64, NaN where a value is missing.

        Raises:
            Mistake: there is text in it; the first line is named.
        """
        found = [number(cell, self.separator) for cell in self.column(name)]
        for row, value in enumerate(found):
            if value is None or abs(value) > _LARGEST:
                got = f"{self.column(name)[row]!r} in the column {name!r}"
                fix = "correct it, or leave the cell empty: it then counts as missing"
                expected = "a number" if value is None else f"a number up to {_LARGEST:g}"
                raise Mistake(explain(self.place(row), got=got, expected=expected, fix=fix))
        return np.array(found, np.float64)


def number(cell: str, separator: str = ",") -> float | None:
    """Return the number in a cell, NaN where it is missing, None where it is text.

    Args:
        cell: the text.
        separator: of the cells; where it is no comma, a comma may stand before the decimals.

    Example:
        >>> number("1.5"), number("1,5", ";"), number("NA"), number("red")
        (1.5, 1.5, nan, None)
    """
    text = cell.strip()
    if text.lower() in MISSING:
        return math.nan
    try:
        return float(text) if "_" not in text else None
    except ValueError:
        pass
    if separator != "," and text.count(",") == 1:
        return number(text.replace(",", "."))
    return None


def read_table(path: str | os.PathLike[str]) -> Table:
    """Read a CSV file; comma, semicolon, tab or bar is found out, quotes are understood.

    Args:
        path: the file, in UTF-8, or in UTF-16 with a byte order mark.

    Raises:
        Mistake: no such file, no table, rows of different lengths, or a column name twice.
    """
    where = pathlib.Path(path)
    try:
        content = where.read_bytes()
        if content.startswith(_WORKBOOKS):
            fix = "save the sheet as CSV, and name that file"
            got = "a workbook of Excel or the like"
            raise Mistake(explain(str(where), got=got, expected="a CSV file", fix=fix))
        wide = content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
        text = content.decode("utf-16" if wide else "utf-8-sig")
    except FileNotFoundError:
        raise Mistake(explain(str(where), got="no such file", expected="a CSV file")) from None
    except IsADirectoryError:
        raise Mistake(explain(str(where), got="a folder", expected="a CSV file")) from None
    except UnicodeDecodeError as error:
        fix = "save it as UTF-8 (Excel: 'CSV UTF-8')"
        got = f"the byte {error.object[error.start]:#04x} at {error.start:,}"
        raise Mistake(explain(str(where), got=got, expected="text in UTF-8", fix=fix)) from error
    separator = _separator(text)
    try:
        lines, rows = _cells(text, separator)
    except csv.Error as error:
        raise Mistake(explain(str(where), got=str(error), expected="a CSV file")) from error
    if not rows or (len(rows) == 1 and any(number(cell, separator) is None for cell in rows[0])):
        got = "one line alone" if rows else "an empty file"
        raise Mistake(explain(str(where), got=got, expected="a CSV file with rows"))
    for line, row in zip(lines, rows, strict=True):
        if len(row) != len(rows[0]):
            got = f"{len(row)} cells"
            expected = f"{len(rows[0])}, as in the first line (the separator is a "
            expected += f"{_NAMED[separator]})"
            raise Mistake(explain(f"{where}, line {line}", got=got, expected=expected))
    if all(number(cell, separator) is not None for cell in rows[0]):
        names = [f"column {i}" for i in range(1, len(rows[0]) + 1)]
        return Table(where, names, False, rows, lines, separator)
    names = [name.strip() or f"column {i}" for i, name in enumerate(rows[0], 1)]
    if twice := [name for name in names if names.count(name) > 1]:
        got = f"the column {twice[0]!r} {names.count(twice[0])} times"
        raise Mistake(explain(str(where), got=got, expected="a name of its own for each"))
    return Table(where, names, True, rows[1:], lines[1:], separator)


def refuse_missing(table: Table, values: Array, what: str) -> None:
    """Refuse missing values, naming the first line.

    Args:
        table: the table.
        values: numbers of its rows, NaN where one is missing.
        what: what is missing, such as 'a channel'.
    """
    lost = np.isnan(values).reshape(len(table), -1).any(1)
    if lost.any():
        got = f"a row without {what} ({int(lost.sum())} such)"
        raise Mistake(explain(table.place(int(lost.argmax())), got=got, expected="all values"))


def _separator(text: str) -> str:
    """Return what separates cells: what cuts the first lines into the same number, the largest."""
    head = "\n".join(text.splitlines()[:_LOOK])
    counts = {}
    for separator in _SEPARATORS:
        try:
            sizes = [len(row) for row in _cells(head, separator)[1]]
        except csv.Error:
            sizes = []
        # a file with a flawed line still has its separator in most of the others
        counts[separator] = max(sizes.count(n) * (n - 1) for n in {*sizes, 1})
    return max(_SEPARATORS, key=lambda separator: counts[separator])


def _cells(text: str, separator: str) -> tuple[list[int], list[list[str]]]:
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator)
    lines, rows, before = [], [], 0
    for row in reader:
        if any(cell.strip() for cell in row):
            lines.append(before + 1)
            rows.append(row)
        before = reader.line_num
    return lines, rows


def write_table(
    path: str | os.PathLike[str] | None, names: Sequence[str], rows: Sequence[Sequence[Any]]
) -> str:
    """Return a table as CSV text, and write it where there is a path.

    Args:
        path: the file, replaced atomically, or None.
        names: the first line.
        rows: the cells; floats are written with the digits of float32.
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(names)
    writer.writerows(
        [f"{cell:.9g}" if isinstance(cell, float | np.floating) else cell for cell in row]
        for row in rows
    )
    if path is not None:
        write_text(path, text.getvalue())
    return text.getvalue()
