"""Lazy access to safetensors files: the header is read, an array when it is asked for."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any, Self, TypeAlias

from rushlight.arrays import SUPPORTED
from rushlight.errors import DtypeError, explain
from rushlight.functional.creation import check_device
from rushlight.io.mapped import Source
from rushlight.io.safetensors import header
from rushlight.io.safetensors.header import DTYPES, Entry, short
from rushlight.io.safetensors.index import ENDING, Index, locate, read_index
from rushlight.io.safetensors.reading import fetch
from rushlight.tape import TensorBase
from rushlight.tensor import from_numpy

__all__ = ["SafeOpen", "Slice", "safe_open"]

Path: TypeAlias = str | os.PathLike[str]

_FRAMEWORKS = {"rushlight": True, "rl": True, "np": False, "numpy": False}


class SafeOpen:
    """An open safetensors file, or index with its files; `safe_open` makes it."""

    def __init__(self, path: Path, tensors: bool, mmap: bool | None) -> None:
        self._tensors, self._mmap = tensors, mmap
        self._files: dict[str, tuple[Source, dict[str, Entry]]] = {}
        self._index: Index | None = None
        self._closed = False
        self._where = where = locate(path)
        if where.endswith(ENDING):
            self._index = read_index(where)
            self._metadata = self._index.metadata
            self._place = self._index.weight_map
        else:
            self._metadata = self._open(where, Source.of_path(where, mmap))
            self._place = dict.fromkeys(self._files[where][1], where)

    def _open(self, file: str, source: Source) -> dict[str, str]:
        """Read a file's header, keep the file open and return its metadata."""
        try:
            entries, metadata = header.read(source)
            if self._index is not None:
                self._index.check(file, entries)
        except BaseException:
            source.close()
            raise
        self._files[file] = source, entries
        return metadata

    def keys(self) -> list[str]:
        """Return the names, in the order of the header or the index."""
        return list(self._place)

    def metadata(self) -> dict[str, str]:
        """Return what text is kept beside the arrays; of an index the texts that stand there."""
        return dict(self._metadata)

    def get_tensor(self, name: str) -> Any:
        """Read one array, whole.

        Args:
            name: one of `keys()`.

        Returns:
            A tensor (an array, if the file was opened for 'numpy'). It may be written to, which
            does not reach the file, and outlives the closing.

        Raises:
            KeyError: there is no array of this name.
            DtypeError: tensors do not have its dtype (unsigned integers beyond 8 bits).
            FileFormatError: its file is damaged, or not the one that the index means.
            ValueError: the file was closed.
        """
        return self.get_slice(name)[...]

    def get_slice(self, name: str) -> Slice:
        """Return a handle on one array, of which only what is indexed is read.

        Args:
            name: one of `keys()`.

        Raises:
            KeyError, DtypeError, FileFormatError, ValueError: as `get_tensor`.

        Example:
            >>> import numpy as np, os, tempfile
            >>> from rushlight.io import save_file
            >>> folder = tempfile.TemporaryDirectory()
            >>> path = os.path.join(folder.name, "model.safetensors")
            >>> save_file({"table": np.arange(6.0).reshape(3, 2)}, path)
            >>> with safe_open(path) as file:
            ...     part = file.get_slice("table")
            ...     part.get_shape(), part.get_dtype(), part[1:, 0]
            ([3, 2], 'F64', tensor([2., 4.], dtype=float64))
            >>> folder.cleanup()
        """
        self._check_open()
        file = self._place.get(name)
        if file is None:
            known = ", ".join(short(key) for key in list(self._place)[:5])
            raise KeyError(
                explain(self._where, got=f"the name {name!r}", expected=f"one of keys(): {known}")
            )
        if file not in self._files:
            assert self._index is not None
            self._open(file, self._index.open(file, self._mmap))
        source, entries = self._files[file]
        where = f"{source.where}, array {name!r}"
        if self._tensors and entries[name].code != "BF16":
            dtype = DTYPES[entries[name].code]
            if dtype.newbyteorder("=") not in SUPPORTED:
                fix = "open the file with safe_open(path, 'numpy')"
                raise DtypeError(
                    explain(where, got=dtype.name, expected="a dtype that tensors have", fix=fix)
                )
        return Slice(self, source, entries[name], where)

    def _check_open(self) -> None:
        if self._closed:
            raise ValueError(
                explain(
                    self._where,
                    got="a read after it was closed",
                    expected="reads inside of the with block",
                    fix="open it again",
                )
            )

    def close(self) -> None:
        """Close the file; what was read stays valid."""
        self._closed = True
        for source, _ in self._files.values():
            source.close()
        self._files = {}

    def __contains__(self, name: object) -> bool:
        return name in self._place

    def __iter__(self) -> Iterator[str]:
        return iter(self._place)

    def __len__(self) -> int:
        return len(self._place)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        state = "closed" if self._closed else f"{len(self)} arrays"
        return f"safe_open({self._where!r}): {state}"


class Slice:
    """An array in an open file, read in part by indexing; `SafeOpen.get_slice` makes it."""

    def __init__(self, file: SafeOpen, source: Source, entry: Entry, where: str) -> None:
        self._file, self._source, self._entry, self._where = file, source, entry, where

    def get_shape(self) -> list[int]:
        """Return the sizes of the whole array."""
        return list(self._entry.shape)

    def get_dtype(self) -> str:
        """Return the dtype's name in the format, such as 'F32' or 'BF16'."""
        return self._entry.code

    def __getitem__(self, index: Any) -> Any:
        self._file._check_open()
        if isinstance(index, TensorBase):
            index = index._array
        array = fetch(self._source, self._entry, self._where, index)
        return from_numpy(array) if self._file._tensors else array


def safe_open(
    filename: Path, framework: str = "rushlight", device: Any = "cpu", *, mmap: bool | None = None
) -> SafeOpen:
    """Open a safetensors file, of which only what is asked for is read.

    Args:
        filename: a file; or an index (`*.safetensors.index.json`, whose files are opened when
            they are needed) or a folder that holds one, or one safetensors file.
        framework: what `get_tensor` returns: 'rushlight' (default) tensors, 'numpy' arrays.
            bfloat16 is read as float32, which holds it exactly.
        device: the CPU, the one there is.
        mmap: True maps small files, too; False reads what is asked for into memory of its own,
            so that nothing that happens to the file later can matter. Default None: by size
            (`load_file` says more).

    Returns:
        A context manager with `keys()`, `metadata()`, `get_tensor(name)` and
        `get_slice(name)[...]`, which are those of the safetensors library.

    Raises:
        FileFormatError: the file is truncated, altered or no safetensors file.
        ValueError: another framework.
        DeviceError: another device.
        OSError: the file cannot be opened.

    Example:
        >>> import numpy as np, os, tempfile
        >>> from rushlight.io import save_file
        >>> folder = tempfile.TemporaryDirectory()
        >>> path = os.path.join(folder.name, "model.safetensors")
        >>> save_file({"bias": np.ones(2, "float32"), "weight": np.eye(2)}, path, {"epoch": "3"})
        >>> with safe_open(path) as file:
        ...     file.keys(), file.metadata(), file.get_tensor("bias")
        (['weight', 'bias'], {'epoch': '3'}, tensor([1., 1.]))
        >>> folder.cleanup()

    Source: https://huggingface.co/docs/safetensors
    """
    check_device(device)
    if framework not in _FRAMEWORKS:
        raise ValueError(
            explain("safe_open, framework", got=repr(framework), expected="'rushlight' or 'numpy'")
        )
    return SafeOpen(filename, _FRAMEWORKS[framework], mmap)
