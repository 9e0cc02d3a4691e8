"""The reader of weights.safetensors: checked, mapped from the disk, and refusing other files."""

from __future__ import annotations

import json
import mmap
import os
import zlib
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
        header = file.read(length)
        if f"{zlib.crc32(header):08x}" != fingerprint:
            text = "its header is damaged, or it belongs to another model.py"
            raise ValueError(f"{path}: {text}; keep the files of one export together")
        content = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    arrays = {}
    for name, entry in json.loads(header).items():
        if name != "__metadata__":
            dtype, shape = np.dtype(WEIGHT_DTYPES[entry["dtype"]]), entry["shape"]
            start, end = (8 + length + offset for offset in entry["data_offsets"])
            if end > size:
                raise ValueError(f"{path}: it ends before {name!r} does; export the model again")
            arrays[name] = np.frombuffer(content, dtype, prod(shape), start).reshape(shape)
    return arrays
