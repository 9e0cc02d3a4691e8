"""The section of a page that a benchmark writes: between two marks that bear its name."""

from __future__ import annotations

import sys
from pathlib import Path

__all__ = ["replace_section"]


def replace_section(path: Path, name: str, lines: list[str]) -> None:
    """Put lines between the marks `name: begin` and `name: end` of a page; stop without them."""
    begin, end = (f"<!-- {name}: {mark} -->" for mark in ("begin", "end"))
    head, _, rest = path.read_text(encoding="utf-8").partition(begin)
    _, mark, tail = rest.partition(end)
    if not mark:
        sys.exit(f"{path}: no {begin} ... {end}")
    text = "\n".join(lines)
    path.write_text(f"{head}{begin}\n{text}\n{end}{tail}", encoding="utf-8")
