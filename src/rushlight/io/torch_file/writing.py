"""The door for writing: a zip archive as torch.save writes it."""

from __future__ import annotations

import struct
import sys
import zlib
from typing import Any, BinaryIO

from rushlight.arrays import Array
from rushlight.io.atomic import atomic_write
from rushlight.io.torch_file.content import Path
from rushlight.io.torch_file.pickling import Pickler
from rushlight.io.torch_file.placing import place
from rushlight.io.torch_file.values import arrays_of

__all__ = ["save_torch_file"]

_FOLDER = "archive"
_ALIGN = 64  # bytes: where torch maps a file, storages lie on whole cache lines
_WIDE = 0xFFFFFFFF
_FLAGS = 1 << 11  # names are UTF-8
_DAY = 1 << 5 | 1  # 1980-01-01: the same content gives the same bytes


def save_torch_file(value: Any, path: Path) -> None:
    """Write an object to a file that torch reads with `torch.load(path, weights_only=True)`.

    Dicts, OrderedDicts, Counters, lists, tuples, sets, numbers, text, bytes, None, dtypes, Tensors
    and Parameters come back as they are, and so does which tensors share memory. NumPy arrays are
    written as tensors, NumPy numbers as Python's. Tensors are written from where they lie, one
    after the other: one that leaves gaps in its memory is copied for it. The same object gives the
    same bytes.

    Args:
        value: the object, such as a state dict.
        path: the file, replaced when the new one is complete.

    Raises:
        TypeError: a value of another type; the message names its place.
        OSError: the file cannot be written.
    """
    arrays = arrays_of(value)
    sources, places = place(arrays)
    pickled = Pickler(sources, places).dump(value)
    with atomic_write(path) as file:
        archive = _Writer(file)
        archive.add("data.pkl", pickled)
        archive.add(".format_version", b"1")
        archive.add(".storage_alignment", str(_ALIGN).encode())
        archive.add("byteorder", sys.byteorder.encode())
        for i, source in enumerate(sources):
            archive.add(f"data/{i}", source.raw())
        archive.add("version", b"3\n")
        archive.close()


class _Writer:
    """Writes entries one behind the other, each aligned, and the directory at the end."""

    def __init__(self, file: BinaryIO) -> None:
        self.file, self.at = file, 0
        self.directory = bytearray()
        self.count = 0

    def _write(self, raw: Any, size: int) -> None:
        self.file.write(raw)
        self.at += size

    def add(self, name: str, raw: bytes | Array) -> None:
        """Write an entry."""
        data = memoryview(raw if isinstance(raw, bytes) else raw.data)
        path, size, header = f"{_FOLDER}/{name}".encode(), len(data), self.at
        common = struct.pack("<4HI", _FLAGS, 0, 0, _DAY, zlib.crc32(data))
        extra = struct.pack("<HHQQ", 1, 16, size, size) if size >= _WIDE else b""
        gap = -(header + 30 + len(path) + len(extra) + 4) % _ALIGN
        extra += b"FB" + gap.to_bytes(2, "little") + b"Z" * gap
        shown = min(size, _WIDE)
        start = struct.pack("<2IHH", shown, shown, len(path), len(extra))
        first = b"PK\x03\x04" + struct.pack("<H", 45) + common + start + path + extra
        self._write(first, len(first))
        self._write(data, size)
        self._enter(path, common, size, header)

    def _enter(self, path: bytes, common: bytes, size: int, header: int) -> None:
        """Write a line of the directory."""
        wide = [value for value in (size, size, header) if value >= _WIDE]
        extra = struct.pack(f"<HH{len(wide)}Q", 1, 8 * len(wide), *wide) if wide else b""
        shown = min(size, _WIDE)
        self.directory += b"PK\x01\x02" + struct.pack("<HH", 45, 45) + common
        self.directory += struct.pack("<2I5H", shown, shown, len(path), len(extra), 0, 0, 0)
        self.directory += struct.pack("<2I", 0, min(header, _WIDE)) + path + extra
        self.count += 1

    def close(self) -> None:
        """Write the directory and, as torch does in any case, the zip64 records."""
        start, size = self.at, len(self.directory)
        end, count = start + size, self.count
        self._write(self.directory, size)
        self.file.write(b"PK\x06\x06")
        self.file.write(struct.pack("<Q2H2I4Q", 44, 45, 45, 0, 0, count, count, size, start))
        self.file.write(b"PK\x06\x07" + struct.pack("<IQI", 0, end, 1))
        few = min(count, 0xFFFF)
        last = struct.pack("<4H2IH", 0, 0, few, few, min(size, _WIDE), min(start, _WIDE), 0)
        self.file.write(b"PK\x05\x06" + last)
