"""The reader of weights.safetensors: checked, mapped from the disk, and refusing other files."""

from __future__ import annotations

import json
import mmap
import os
from math import prod
from typing import Any

import numpy as np

__all__ = ["read_weights"]

WEIGHT_DTYPES = {
    "F64": "<f8", "F32": "<f4", "F16": "<f2", "I64": "<i8", "I32": "<i4", "I16": "<i2",
    "I8": "i1", "U8": "u1", "BOOL": "?",
}  # fmt: skip


def read_weights(path: str, fingerprint: str) -> dict[str, Any]:
    """Return the arrays of a safetensors file by name, read from the disk when they are used.

    Raises:
        ValueError: the file is damaged, or belongs to another model.py.
    """
    with open(path, "rb") as file:
        size = os.fstat(file.fileno()).st_size
        length = int.from_bytes(file.read(8), "little")
        if not 0 < length <= size - 8:
            raise ValueError(f"{path}: {size:,} bytes are no safetensors file, or a part of one")
        try:
            header = json.loads(file.read(length))
            found = header.pop("__metadata__", {}).get("fingerprint")
            arrays = list(header.items())
        except (ValueError, AttributeError, RecursionError):
            raise ValueError(f"{path}: its header is damaged; export the model again") from None
        if found != fingerprint:
            raise ValueError(
                f"{path}: it belongs to another model.py; keep the files of one export"
            )
        content = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    return {name: _mapped(content, entry, 8 + length, f"{path}: {name}") for name, entry in arrays}


def _mapped(content: mmap.mmap, entry: Any, start: int, where: str) -> Any:
    """Return one array as a view of the file."""
    try:
        dtype = np.dtype(WEIGHT_DTYPES[entry["dtype"]])
        shape, (first, last) = tuple(entry["shape"]), entry["data_offsets"]
        sound = all(type(n) is int and n >= 0 for n in (*shape, first, last))
        sound = sound and prod(shape) * dtype.itemsize == last - first
        if not sound or start + last > len(content):
            raise ValueError(f"{shape} at {first} to {last}")
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(f"{where}: its entry is damaged ({error}); export again") from None
    return np.frombuffer(content, dtype, prod(shape), start + first).reshape(shape)
