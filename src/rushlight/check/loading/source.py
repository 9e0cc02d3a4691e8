"""Files of students as chunks of code: a Python file is one, a notebook has one a cell."""

from __future__ import annotations

import ast
import codecs
import contextlib
import dataclasses
import functools
import io
import json
import os
import pathlib
import re
import tokenize
import warnings
from typing import Any

from rushlight.check.loading.magics import drop_magics
from rushlight.check.loading.problem import Place, Problem
from rushlight.errors import FileFormatError

__all__ = ["SUFFIXES", "Chunk", "NotPython", "Source", "parse", "read_source"]

SUFFIXES = (".py", ".ipynb")  # what can be read

_MARKS = [
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
]
_GOES_ON = ("was never closed", "unterminated triple-quoted")  # a block may end further down
_MOST_NULLS = 8  # in a text; some come from a broken disk or editor
_MOST_TRIES = 40  # blocks that are joined to close a bracket
_DEFINES = re.compile(r"(?:class|(?:async\s+)?def)\s+(\w+)")
_CONTINUES = re.compile(r"(?:else|elif|except|finally|case)\b|[)\]}]")


class NotPython(FileFormatError):
    """A file that is no Python and no notebook, in two languages.

    Attributes:
        english, russian: str, what it is instead.
    """

    def __init__(self, name: str, english: str, russian: str) -> None:
        super().__init__(f"{name}: {english}")
        self.english, self.russian = english, russian


@dataclasses.dataclass(frozen=True)
class Chunk:
    """Code that is parsed as one: a cell or a Python file.

    Attributes:
        cell: int, the number in the brackets of `In [n]` if the saved notebook numbers all its
            cells, else the place among the code cells that are not empty, from 1: what
            "Restart and run all" would give it. None for a Python file.
        filename: str, what tracebacks call it: `<cell 3>`, or the path of the Python file.
        text: str, the code; magics are replaced, line numbers are kept.
    """

    cell: int | None
    filename: str
    text: str

    @functools.cached_property
    def _lines(self) -> list[str]:
        return self.text.split("\n")

    def place(self, line: int | None) -> Place:
        """Return the place of a line, with its text."""
        lines = self._lines
        known = line is not None and 0 < line <= len(lines)
        return Place(self.cell, line, lines[line - 1].rstrip() if line and known else "")


@dataclasses.dataclass(frozen=True)
class Source:
    """What a file holds.

    Attributes:
        path: pathlib.Path, absolute.
        chunks: list of Chunk, from top to bottom.
    """

    path: pathlib.Path
    chunks: list[Chunk]


def read_source(path: str | os.PathLike[str]) -> Source:
    """Read a Python file or a notebook (.ipynb, nbformat 3 or 4).

    Args:
        path: the file; its encoding is UTF-8 (or UTF-16 with its mark), what the first lines of a
            Python file declare, or else Windows-1251.

    Raises:
        NotPython: a .ipynb file that is no notebook, or one of another language; a binary file.
        OSError: the file cannot be read.

    Example:
        >>> import pathlib, tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     file = pathlib.Path(folder, "layers.py")
        ...     _ = file.write_text("EPS = 1e-5")
        ...     read_source(file).chunks[0].text
        'EPS = 1e-5'
    """
    path = pathlib.Path(os.path.abspath(path))
    data = path.read_bytes()
    if path.suffix.lower() != ".ipynb":
        text = _decode(data, python=True)
        if text.count("\0") > _MOST_NULLS:
            raise NotPython(path.name, "it is no text", "это не текст")
        return Source(path, [Chunk(None, str(path), text)])
    return Source(path, _cells(_notebook(path, _decode(data))))


def _decode(data: bytes, *, python: bool = False) -> str:
    """Return the text of a file, its line ends as in Python."""
    encodings = [name for mark, name in _MARKS if data.startswith(mark)] or ["utf-8", "cp1251"]
    if python and not data.startswith(codecs.BOM_UTF16_LE):
        with contextlib.suppress(SyntaxError):  # an unknown encoding, or none and no UTF-8
            encodings = [tokenize.detect_encoding(io.BytesIO(data).readline)[0], *encodings]
    for encoding in encodings:
        try:
            return _with_newlines(data.decode(encoding))
        except UnicodeDecodeError:
            continue
    return _with_newlines(data.decode(encodings[-1], errors="replace"))


def _with_newlines(text: str) -> str:
    return text.replace("\r\n", "\n").replace("\r", "\n").replace("\f", "")


def _notebook(path: pathlib.Path, text: str) -> dict[str, Any]:
    """Return the notebook that a text is."""
    if not text.strip():
        raise NotPython(path.name, "it is empty", "он пуст")
    try:
        notebook = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise NotPython(
            path.name,
            f"it is no notebook, or only a part of one: save it anew from Jupyter ({error})",
            f"это не ноутбук или лишь его часть: сохраните его заново из Jupyter ({error})",
        ) from None
    if not isinstance(notebook, dict) or not isinstance(_raw_cells(notebook), list):
        raise NotPython(
            path.name,
            "it has no list of cells: save it anew from Jupyter",
            "в нём нет списка ячеек: сохраните его заново из Jupyter",
        )
    metadata = notebook.get("metadata")
    metadata = metadata if isinstance(metadata, dict) else {}
    for key in ("kernelspec", "language_info"):
        entry = metadata.get(key)
        entry = entry if isinstance(entry, dict) else {}
        language = entry.get("language") or (entry.get("name") if key == "language_info" else None)
        if language and not str(language).lower().startswith(("python", "ipython")):
            raise NotPython(
                path.name,
                f"it is a notebook in {language}, and only Python can be checked",
                f"это ноутбук на языке {language}, а проверить можно только Python",
            )
    return notebook


def _raw_cells(notebook: dict[str, Any]) -> Any:
    """Return the list of cells of nbformat 4, or that of nbformat 3; None if there is none."""
    sheets = notebook.get("worksheets")
    if not isinstance(sheets, list):
        return notebook.get("cells")
    lists = [sheet.get("cells") for sheet in sheets if isinstance(sheet, dict)]
    return [cell for cells in lists if isinstance(cells, list) for cell in cells]


def _cells(notebook: dict[str, Any]) -> list[Chunk]:
    """Return the code cells that are not empty."""
    found: list[tuple[Any, str]] = []
    for cell in _raw_cells(notebook):
        if not isinstance(cell, dict) or cell.get("cell_type") != "code":
            continue
        lines = cell.get("source", cell.get("input", ""))
        text = "".join(map(str, lines)) if isinstance(lines, list) else str(lines)
        if text.strip():
            number = cell.get("execution_count", cell.get("prompt_number"))
            found.append((number, _with_newlines(text)))
    numbers = [number for number, _ in found]
    shown = all(isinstance(n, int) for n in numbers) and len({*numbers}) == len(numbers)
    chunks = []
    for place, (number, text) in enumerate(found, 1):
        cell_number = number if shown else place
        clean = text if _parsed(text) is not None else drop_magics(text)
        chunks.append(Chunk(cell_number, f"<cell {cell_number}>", clean))
    return chunks


def _parsed(text: str) -> ast.Module | None:
    try:
        return _parse(text)
    except SyntaxError:
        return None


def _parse(text: str) -> ast.Module:
    """Return the tree of a text; whatever is wrong with it is a SyntaxError."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # "\d" and the like
        try:
            return ast.parse(text)
        except SyntaxError:
            raise
        except (ValueError, MemoryError, RecursionError) as error:  # null bytes, deep nesting
            raise SyntaxError(str(error) or "too deeply nested") from None


def parse(chunk: Chunk) -> tuple[list[ast.stmt], list[Problem], str]:
    r"""Parse a chunk; what cannot be parsed as a whole is parsed block by block.

    Args:
        chunk: the code.

    Returns:
        tuple: the statements, with the lines of the chunk; the syntax errors; and the text without
        the blocks that have one, which Python can parse.

    Example:
        >>> chunk = Chunk(3, "<cell 3>", "EPS = 1\n\ndef f(:\n    pass\n\nclass A:\n    pass\n")
        >>> statements, problems, _ = parse(chunk)
        >>> len(statements), problems[0].line, problems[0].text
        (2, 3, 'def f(:')
    """
    try:
        return _parse(chunk.text).body, [], chunk.text
    except SyntaxError as error:
        whole = _problem(chunk, error)
    lines = chunk.text.split("\n")
    starts = [i for i, line in enumerate(lines) if _begins(line)]
    kept: list[tuple[int, int, list[ast.stmt]]] = []
    problems: list[Problem] = []
    i = 0
    while i < len(starts):
        start, count = starts[i], _decorators(lines, starts, i)
        body, wrong, used = _first_that_parses(lines, starts, i, count)
        if wrong is None:
            end = starts[i + used] if i + used < len(starts) else len(lines)
            kept.append((start, end, body))
        else:
            if isinstance(wrong, IndentationError) and "unexpected indent" in str(wrong.msg):
                _drop_torn(kept, start)  # a line at the margin cut a class in two
            names = (_DEFINES.match(lines[at]) for at in starts[i : i + used])
            name = next((found[1] for found in names if found), "")
            problems.append(dataclasses.replace(_problem(chunk, wrong), name=name))
        i += used
    clean = [""] * len(lines)
    for start, end, _ in kept:
        clean[start:end] = lines[start:end]
    statements = [statement for _, _, body in kept for statement in body]
    essay = not statements and not any(problem.name for problem in problems)
    if essay or not problems:  # else each line of it is an error
        problems = [whole]
    return statements, problems, "\n".join(clean)


def _begins(line: str) -> bool:
    """Tell whether a line may begin a statement of the top level."""
    return bool(line) and line[0] not in " \t#" and not _CONTINUES.match(line)


def _decorators(lines: list[str], starts: list[int], i: int) -> int:
    """Return how many blocks make one: decorators belong to what they decorate."""
    count = 1
    while i + count < len(starts) and lines[starts[i + count - 1]].startswith("@"):
        count += 1
    return count


def _first_that_parses(
    lines: list[str], starts: list[int], i: int, count: int
) -> tuple[list[ast.stmt], SyntaxError | None, int]:
    """Return the statements of block `i`, joined with the next ones while a bracket is open."""
    first: SyntaxError | None = None
    for used in range(count, min(count + _MOST_TRIES, len(starts) - i) + 1):
        end = starts[i + used] if i + used < len(starts) else len(lines)
        text = "\n" * starts[i] + "\n".join(lines[starts[i] : end])  # lines keep their numbers
        try:
            return _parse(text).body, None, used
        except SyntaxError as error:
            first = first or error
            if not any(words in str(error.msg) for words in _GOES_ON):
                break
    return [], first, count


def _drop_torn(kept: list[tuple[int, int, list[ast.stmt]]], start: int) -> None:
    if kept and kept[-1][1] == start and isinstance(kept[-1][2][-1], ast.ClassDef):
        kept.pop()


def _problem(chunk: Chunk, error: SyntaxError) -> Problem:
    """Return the problem of a syntax error."""
    place = chunk.place(error.lineno)
    text = place.text or (error.text or "").rstrip("\n")
    return Problem("syntax", str(error.msg), place.cell, place.line, text)
