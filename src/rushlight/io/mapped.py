"""The bytes of a file: views of its mapping where it is large, copies where it is small.

A mapping is private (copy-on-write): its pages are read when they are touched, arrays over it can
be written to, and nothing that is written reaches the file. What happens to the file afterwards may
reach the arrays: a file that is replaced by renaming, as `atomic_write` does, leaves them as they
were; one that is written to in place changes what was not touched yet, and one that is cut short
ends the process (SIGBUS) at the first touch of a page that is gone. Small files are therefore read,
which costs little, and `mmap=False` reads any.
"""

from __future__ import annotations

import io
import mmap as mmaps
import os
from threading import Lock
from typing import BinaryIO, Self, TypeAlias

import numpy as np

from rushlight.arrays import Array
from rushlight.errors import FileFormatError, explain

__all__ = ["SMALL", "Source"]

Path: TypeAlias = str | os.PathLike[str]

SMALL = 16 << 20  # bytes up to which a file is read, not mapped, unless it is asked for


class Source:
    """The bytes of an open file from where it stands, by position.

    Args:
        file: opened for reading in binary; it is closed with the source.
        size: the bytes there are.
        where: what errors call it.
        mmap: True maps the file, False does not, None maps it if it is larger than `SMALL`.

    Attributes:
        size: the bytes there are.
        where: what errors call it.
        mapped: whether `view` gives views of a mapping.
    """

    def __init__(self, file: BinaryIO, size: int, where: str, mmap: bool | None = False) -> None:
        self._file, self.size, self.where = file, size, where
        self._start = file.tell()
        self._whole: Array | None = None
        self._lock = Lock()  # a file has one place at which it is read
        if size and (mmap or (mmap is None and size > SMALL)):
            self._whole = self._map(required=bool(mmap))

    @classmethod
    def of_path(cls, path: Path, mmap: bool | None = None) -> Self:
        """Open a file.

        Raises:
            OSError: the file cannot be opened, or, with `mmap=True`, not be mapped.
        """
        file = open(path, "rb", buffering=0)  # noqa: SIM115 (the source closes it)
        try:
            return cls(file, os.fstat(file.fileno()).st_size, os.fspath(path), mmap)
        except BaseException:
            file.close()
            raise

    @classmethod
    def of_bytes(cls, content: bytes, where: str) -> Self:
        """Take bytes that are in memory already."""
        return cls(io.BytesIO(content), len(content), where)

    @property
    def mapped(self) -> bool:
        """Whether `view` gives views of a mapping."""
        return self._whole is not None

    def read(self, first: int, last: int) -> Array:
        """Return a copy of the bytes from `first` up to `last`, as uint8.

        Raises:
            FileFormatError: the file ends before; it has shrunk since it was opened.
        """
        raw = np.empty(last - first, np.uint8)
        view, done = raw.data, 0
        with self._lock:
            self._file.seek(self._start + first)
            while done < raw.size:  # one read returns at most 2 GB
                got = self._file.readinto(view[done:])  # type: ignore[attr-defined]
                if not got:
                    raise FileFormatError(
                        explain(
                            self.where,
                            got=f"{first + done:,} bytes",
                            expected=f"{last:,} at least",
                            fix="the file shrank while it was read",
                        )
                    )
                done += got
        return raw

    def view(self, first: int, last: int) -> Array:
        """Return the bytes from `first` up to `last` as uint8: a view of the mapping, or a copy."""
        return self.read(first, last) if self._whole is None else self._whole[first:last]

    def unmap(self) -> None:
        """Give copies from now on."""
        self._whole = None

    def close(self) -> None:
        """Close the file; views of its mapping stay valid as long as they live."""
        self._file.close()
        self.unmap()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _map(self, required: bool) -> Array | None:
        """Map the file privately, or return None where its file system cannot do that."""
        try:
            end = self._start + self.size
            whole = mmaps.mmap(self._file.fileno(), end, access=mmaps.ACCESS_COPY)
        except ValueError:  # shorter than it was a moment ago: reading finds out where it ends
            return None
        except OSError:
            if required:
                raise
            return None
        return np.frombuffer(whole, np.uint8)[self._start :]
