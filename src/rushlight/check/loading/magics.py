"""Notebook magics: lines and cells that Jupyter runs and Python does not know."""

from __future__ import annotations

import re

from rushlight.check.loading.words import words

__all__ = ["drop_magics"]

# Their cells are not Python of this notebook; of other cell magics (%%time) the rest is kept.
_FOREIGN = words(
    "! HTML SVG R bash bigquery cmd cython file html javascript js julia latex markdown octave "
    "perl powershell pypy python python2 python3 ruby script sh shell sql svg system sx "
    "writefile"
)
_CELL = re.compile(r"\s*%%\s*([\w!]+)")
_LINE = re.compile(
    r"""\s*(?: [%!?]                             # %magic, !command, ?name
        | [\w.,\s\[\]'"*]+ = \s* [%!]            # files = !ls
        | [\w.%*]+ (?:\[[^\]]*\])? \?\??\s*$     # name?
        | (?:pip|conda|mamba)[ ]+(?:install|uninstall|list)\b )""",
    re.VERBOSE,
)
_RUN = re.compile(r"""\s*%run\s+(?:-\w\s+)*["']?(?:\./)?(\w+)(?:\.py|\.ipynb)?["']?\s*$""")
_TOKEN = re.compile(
    r"""(?P<comment>\#[^\n]*) | (?P<open>[(\[{]) | (?P<close>[)\]}]) | (?P<join>\\\n)
    | (?P<end>\n) | (?P<quote>\"{3}|'{3}|"|')""",
    re.VERBOSE,
)


def drop_magics(text: str) -> str:
    r"""Return the Python of a cell, each magic replaced so that lines keep their numbers.

    Args:
        text: str, the cell. `%run file` becomes `from file import *`; all other `%magic`,
            `!command`, `x = !command`, `name?` and `?name` become `pass` where a statement may
            begin; `%%time` and its like are cut off; the cells of `%%bash`, `%%writefile` and their
            like become empty.

    Example:
        >>> drop_magics("%matplotlib inline\nx = 1\nx?")
        'pass\nx = 1\npass'
        >>> drop_magics("%%bash\nls")
        '\n'
    """
    lines = text.split("\n")
    for i, line in enumerate(lines):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        found = _CELL.match(line)
        if found is None:
            break
        if found[1] in _FOREIGN:
            return "\n" * text.count("\n")
        lines[i] = ""  # and on: several may stand above one another
    starts = _statement_lines("\n".join(lines))
    i = 0
    while i < len(lines):
        line = lines[i]
        if i in starts and _LINE.match(line):
            lines[i] = line[: len(line) - len(line.lstrip())] + _instead(line)
            while line.endswith("\\") and i + 1 < len(lines):  # the command goes on
                i += 1
                line, lines[i] = lines[i], ""
            starts = _statement_lines("\n".join(lines))  # its quotes had misled the scan
        i += 1
    return "\n".join(lines)


def _instead(line: str) -> str:
    """Return the Python that does what matters of a magic: `%run` defines what a file defines."""
    run = _RUN.match(line)
    return f"from {run[1]} import *" if run is not None and run[1].isidentifier() else "pass"


def _statement_lines(text: str) -> set[int]:
    """Return the lines, from 0, that begin outside of strings, brackets and joined lines."""
    starts, depth, line, position = {0}, 0, 0, 0
    while (token := _TOKEN.search(text, position)) is not None:
        position = token.end()
        if token["quote"]:
            position = _end_of_string(text, position, token["quote"])
            line += text.count("\n", token.end(), position)
        elif token["join"]:
            line += 1
        elif token["end"]:
            line += 1
            if depth == 0:
                starts.add(line)
        elif token["open"] or token["close"]:
            depth = max(0, depth + (1 if token["open"] else -1))
    return starts


def _end_of_string(text: str, position: int, quote: str) -> int:
    """Return where a string ends that was opened before `position`."""
    while position < len(text):
        if text[position] == "\\":
            position += 2
        elif text.startswith(quote, position):
            return position + len(quote)
        elif text[position] == "\n" and len(quote) == 1:
            return position  # not closed: Python will say so
        else:
            position += 1
    return len(text)
