"""Reading safetensors files: whole, mapped where they are large."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np

from rushlight.arrays import Array
from rushlight.io.bfloat16 import widen
from rushlight.io.mapped import Source
from rushlight.io.safetensors import header
from rushlight.io.safetensors.header import DTYPES, Entry
from rushlight.io.safetensors.index import ENDING, Index, locate, read_index
from rushlight.io.stored import as_booleans

__all__ = ["fetch", "load_bytes", "load_file", "read_arrays", "read_shards"]

Path: TypeAlias = str | os.PathLike[str]
Fetch: TypeAlias = Callable[[Source, Entry, str], Any]


def load_file(path: Path, *, mmap: bool | None = None) -> tuple[dict[str, Array], dict[str, str]]:
    """Read all arrays of a safetensors file, and its metadata.

    Every field is checked against the size of the file before an array is made. The arrays of a
    file beyond 16 MB are views of its mapping: they cost nothing until they are touched, may be
    written to (what is written stays in memory), and keep the file mapped while they live. Do not
    change such a file in place meanwhile; to replace it, as `save_file` does, is safe.
    Copies in any case: bool (its bytes are checked), bfloat16 (read as float32, which holds it
    exactly; `rushlight.load` and `safe_open` convert only what is used) and arrays at positions
    that their dtype does not divide.

    Args:
        path: a file; or an index (`*.safetensors.index.json`) or a folder that holds one, or
            one safetensors file.
        mmap: True maps small files, too; False copies, so that nothing that happens to the
            file later can matter. Default None: by size.

    Returns:
        The arrays by name, in the order of the header, and the metadata (text -> text; of an
        index the texts that stand there).

    Raises:
        FileFormatError: the file is truncated, altered or no safetensors file; an index and its
            files do not agree.
        OSError: the file cannot be opened.

    Example:
        >>> load_file("missing.safetensors")
        Traceback (most recent call last):
        FileNotFoundError: [Errno 2] No such file or directory: 'missing.safetensors'
    """
    where = locate(path)
    if where.endswith(ENDING):
        return read_shards(read_index(where), mmap)
    with Source.of_path(where, mmap) as source:
        return read_arrays(source)


def read_shards(
    index: Index, mmap: bool | None, make: Fetch | None = None
) -> tuple[dict[str, Any], dict[str, str]]:
    """Return all arrays of the files of an index, as `make` makes them, and its metadata."""
    found: dict[str, Any] = {}
    for file in index.files:
        with index.open(file, mmap) as source:
            entries, _ = header.read(source)
            index.check(file, entries)
            found.update(_fetch_all(source, entries, make or fetch))
    return {name: found[name] for name in index.weight_map}, index.metadata


def load_bytes(content: bytes) -> tuple[dict[str, Array], dict[str, str]]:
    """Read what `save_bytes` returned, or the whole content of a safetensors file.

    Args:
        content: the bytes; copied.

    Raises:
        FileFormatError: the content is truncated, altered or not in the format.

    Example:
        >>> from rushlight.io import save_bytes
        >>> load_bytes(save_bytes({"x": np.arange(3)}, {"a": "b"}))
        ({'x': array([0, 1, 2])}, {'a': 'b'})
    """
    return read_arrays(Source.of_bytes(content, "safetensors content"))


def read_arrays(source: Source) -> tuple[dict[str, Array], dict[str, str]]:
    """Return all arrays of a source, and its metadata."""
    entries, metadata = header.read(source)
    return _fetch_all(source, entries, fetch), metadata


def _fetch_all(source: Source, entries: dict[str, Entry], make: Fetch) -> dict[str, Any]:
    """Return all arrays that a header states."""
    return {
        name: make(source, entry, f"{source.where}, array {name!r}")
        for name, entry in entries.items()
    }


def fetch(source: Source, entry: Entry, where: str, index: Any = ...) -> Array:
    """Return an array of a file, or a part of it: a view of the mapping where that is possible."""
    dtype = DTYPES[entry.code]
    raw = source.view(entry.first, entry.last)
    stored = raw.view(np.uint8 if entry.code == "BOOL" else dtype).reshape(entry.shape)
    stored = np.asarray(stored[index])
    if entry.code == "BF16":
        return widen(stored)
    if entry.code == "BOOL":
        return as_booleans(stored, where)
    if not stored.flags.aligned:  # NumPy takes its slow paths, compiled kernels none
        stored = np.array(stored)
    return stored.astype(dtype.newbyteorder("="), copy=False)
