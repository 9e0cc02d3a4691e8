"""The bytes of a file as one array: views of its mapping where it is big, else a copy."""

from __future__ import annotations

import os
from typing import NamedTuple, TypeAlias

from rushlight.arrays import Array
from rushlight.io.mapped import Source

__all__ = ["Content", "Path", "open_content", "shown"]

Path: TypeAlias = str | os.PathLike[str]


class Content(NamedTuple):
    """A file: `raw` are its bytes (uint8; writing to them does not change it)."""

    raw: Array
    where: str
    mapped: bool

    @property
    def size(self) -> int:
        """The number of bytes."""
        return self.raw.size


def open_content(path: Path, mapped: bool | None) -> Content:
    """Return the bytes of a file.

    Args:
        path: the file.
        mapped: whether to map it copy-on-write instead of reading it; None: if it is big.
    """
    with Source.of_path(path, mapped) as source:
        return Content(source.view(0, source.size), source.where, source.mapped)


def shown(value: object) -> str:
    """Return how an error shows a value from a file: shortly, and without looking inside.

    Of what contains itself or one thing many times, `repr` could be beyond all memory.
    """
    if isinstance(value, str | bytes):
        return repr(value[:80])
    plain = value is None or isinstance(value, bool | int | float)
    return repr(value)[:40] if plain else f"a {type(value).__name__.lstrip('_')}"
