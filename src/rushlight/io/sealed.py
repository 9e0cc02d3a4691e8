"""Sealed states: nested values in a file whose checksum is right before anything in it is read.

A file is a line of text that says what it is, the state as a safetensors file (arrays, and the
rest as JSON in the metadata) and the BLAKE2b checksum of all that stands before it.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any, BinaryIO, TypeAlias, cast

from rushlight.errors import FileFormatError, explain
from rushlight.io import state
from rushlight.io.atomic import atomic_write
from rushlight.io.mapped import Source
from rushlight.io.safetensors.reading import read_arrays
from rushlight.io.safetensors.writing import layout, pieces, write

__all__ = ["load_sealed", "save_sealed"]

Path: TypeAlias = str | os.PathLike[str]

_MAGIC = b"rushlight sealed 1\n"
_STATE = "rushlight.state"
_SIZE = 32  # bytes of the checksum
_CHUNK = 1 << 20


class _Hashing:
    """A file that keeps the checksum of what is written to it."""

    def __init__(self, file: BinaryIO) -> None:
        from hashlib import blake2b

        self._file, self.digest = file, blake2b(digest_size=_SIZE)

    def write(self, content: Any) -> None:
        self.digest.update(content)
        self._file.write(content)


def save_sealed(content: Mapping[Any, Any], path: Path) -> None:
    """Write a state with a checksum over the whole file, atomically.

    Args:
        content: nested dicts, lists, tuples, plain values, NumPy arrays and Tensors, as
            `rushlight.save` takes them.
        path: the file, replaced when the new one is complete.

    Raises:
        TypeError: a value of another type; the message names its place.
        OSError: the file cannot be written.

    Example:
        >>> import os, tempfile
        >>> folder = tempfile.TemporaryDirectory()
        >>> path = os.path.join(folder.name, "state.ckpt")
        >>> save_sealed({"step": 3, "lr": 0.1}, path)
        >>> load_sealed(path)
        {'step': 3, 'lr': 0.1}
        >>> folder.cleanup()
    """
    arrays, structure = state.pack(content, share=True)
    header, ordered = layout(pieces(arrays), {_STATE: structure})
    with atomic_write(path) as file:
        hashing = _Hashing(file)
        hashing.write(_MAGIC)
        write(cast(BinaryIO, hashing), header, ordered)
        file.write(hashing.digest.digest())


def load_sealed(path: Path) -> Any:
    """Read what `save_sealed` wrote, once its checksum has been found right.

    Args:
        path: the file.

    Raises:
        FileFormatError: the file is truncated, altered or of another format.
        OSError: the file cannot be opened.

    Example:
        >>> load_sealed("missing.ckpt")
        Traceback (most recent call last):
        FileNotFoundError: [Errno 2] No such file or directory: 'missing.ckpt'
    """
    where = os.fspath(path)
    with open(path, "rb") as file:
        size = os.fstat(file.fileno()).st_size
        start = file.read(len(_MAGIC))
        if start != _MAGIC:
            expected = f"{_MAGIC!r} at its start"
            raise _damaged(where, f"{start!r} in a file of {size:,} bytes", expected)
        if not _sound(file, size):
            raise _damaged(where, f"{size:,} bytes of another checksum", "that stated at its end")
        file.seek(len(_MAGIC))
        length = size - len(_MAGIC) - _SIZE
        arrays, metadata = read_arrays(Source(file, length, where))
    if _STATE not in metadata:
        raise _damaged(where, "no structure", "one")
    return state.unpack(metadata[_STATE], arrays, where, share=True)


def _sound(file: BinaryIO, size: int) -> bool:
    """Tell whether the checksum at the end is that of all before it."""
    from hashlib import blake2b

    digest, left = blake2b(_MAGIC, digest_size=_SIZE), size - len(_MAGIC) - _SIZE
    while left > 0:
        chunk = file.read(min(left, _CHUNK))
        if not chunk:
            return False
        digest.update(chunk)
        left -= len(chunk)
    return left == 0 and file.read() == digest.digest()


def _damaged(where: str, got: str, expected: str) -> FileFormatError:
    fix = "the file is truncated or altered; use another copy"
    return FileFormatError(explain(where, got=got, expected=expected, fix=fix))
