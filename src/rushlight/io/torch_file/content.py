"""The bytes of a file as one array: mapped into memory where it is big, else read."""

from __future__ import annotations

import mmap
import os
from typing import NamedTuple, NoReturn, TypeAlias

import numpy as np

from rushlight.arrays import Array
from rushlight.errors import FileFormatError, explain

__all__ = ["Content", "Path", "open_content", "refuse"]

Path: TypeAlias = str | os.PathLike[str]

MAPPED_FROM = 1 << 24  # bytes: below, reading a file costs less than what a mapping asks of users
DAMAGED = "the file is truncated or altered; write or download it again"


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
    with open(path, "rb") as file:
        size = os.fstat(file.fileno()).st_size
        if size and (size >= MAPPED_FROM if mapped is None else mapped):
            memory = mmap.mmap(file.fileno(), size, access=mmap.ACCESS_COPY)
            return Content(np.frombuffer(memory, np.uint8), os.fspath(path), True)
        return Content(np.frombuffer(bytearray(file.read()), np.uint8), os.fspath(path), False)


def refuse(where: str, got: object, expected: object, fix: str = DAMAGED) -> NoReturn:
    """Raise the error of a file that is not as it should be."""
    raise FileFormatError(explain(where, got=got, expected=expected, fix=fix))
