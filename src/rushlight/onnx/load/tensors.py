"""Tensors of an ONNX file as arrays: nothing is allocated before their sizes agree with the data.

What a tensor states of itself (dims, dtype, where its bytes lie) is checked against the bytes that
are there; so the arrays of a file are never larger than the file and its external data.
"""

from __future__ import annotations

import os
import stat
from bisect import bisect_left
from dataclasses import dataclass, field
from math import prod
from operator import itemgetter
from pathlib import Path, PureWindowsPath
from typing import Any, NoReturn

import numpy as np

from rushlight.arrays import Array
from rushlight.errors import FileFormatError, explain

__all__ = ["TensorReader", "refuse"]

_DAMAGED = "the file is damaged or altered"
_DIMS_CAP = 64  # what NumPy can hold
_SPARE = 1 << 62  # the sizes of an empty array must still be countable

# of a TensorProto's data type: the field of its elements and the bits of one in raw_data
_FIELDS: dict[str, tuple[str, int]] = {
    "FLOAT": ("float_data", 32),
    "UINT8": ("int32_data", 8),
    "INT8": ("int32_data", 8),
    "UINT16": ("int32_data", 16),
    "INT16": ("int32_data", 16),
    "INT32": ("int32_data", 32),
    "INT64": ("int64_data", 64),
    "BOOL": ("int32_data", 8),
    "FLOAT16": ("int32_data", 16),
    "DOUBLE": ("double_data", 64),
    "UINT32": ("uint64_data", 32),
    "UINT64": ("uint64_data", 64),
    "COMPLEX64": ("float_data", 64),
    "COMPLEX128": ("double_data", 128),
    "BFLOAT16": ("int32_data", 16),
    "FLOAT8E4M3FN": ("int32_data", 8),
    "FLOAT8E4M3FNUZ": ("int32_data", 8),
    "FLOAT8E5M2": ("int32_data", 8),
    "FLOAT8E5M2FNUZ": ("int32_data", 8),
    "FLOAT8E8M0": ("int32_data", 8),
    "UINT4": ("int32_data", 4),
    "INT4": ("int32_data", 4),
    "FLOAT4E2M1": ("int32_data", 4),
    "UINT2": ("int32_data", 2),
    "INT2": ("int32_data", 2),
}
_DATA = ("float_data", "int32_data", "string_data", "int64_data", "double_data", "uint64_data")


def refuse(where: str, got: object, expected: object, fix: str = _DAMAGED) -> NoReturn:
    """Raise the error for a file that cannot be read."""
    raise FileFormatError(explain(where, got=got, expected=expected, fix=fix))


@dataclass
class TensorReader:
    """Turns the tensors of one model into arrays.

    Attributes:
        folder: of the model's file, where its external data lie; None for a model from memory.
        taken: the external ranges that were read: begin, end, type of the elements and array, by
            file, in order. Two tensors that name the same range alike are the same array; ranges
            that overlap otherwise are refused.
        values: of the AttributeProtos that were read, by their id and type, with the proto.
    """

    folder: Path | None
    taken: dict[str, list[tuple[int, int, str, Array]]] = field(default_factory=dict)
    values: dict[tuple[int, str], tuple[Any, Any]] = field(default_factory=dict)

    def read(self, tensor: Any, where: str) -> Array:
        """Return the array of a TensorProto.

        Raises:
            FileFormatError: dims, dtype and data do not agree, or the data lie elsewhere than in
                the model's folder.
        """
        from onnx import TensorProto

        known = tensor.data_type in TensorProto.DataType.values()
        kind = TensorProto.DataType.Name(tensor.data_type) if known else str(tensor.data_type)
        if kind not in _FIELDS:
            fix = "strings are not supported" if kind == "STRING" else "it is no type of ONNX"
            refuse(where, f"elements of type {kind}", "numbers or bools", fix)
        shape = _shape(tensor, where)
        if tensor.HasField("segment"):
            refuse(where, "a segment of a tensor", "a whole tensor", "save the model again")
        if tensor.data_location == TensorProto.EXTERNAL:
            return self._external(tensor, kind, shape, where)
        array = _inline(tensor, kind, shape, where)
        if kind == "BOOL":
            array = _bools(array, where)
        return array

    def _external(self, tensor: Any, kind: str, shape: tuple[int, ...], where: str) -> Array:
        stated = {entry.key: entry.value for entry in tensor.external_data}
        if any(len(getattr(tensor, name)) for name in (*_DATA, "raw_data")):
            refuse(where, "data in the file and external data", "one of them")
        path = self._path(stated.get("location", ""), where)
        needed = (prod(shape) * _FIELDS[kind][1] + 7) // 8
        flags = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)
        with open(os.open(path, flags), "rb") as file:
            size = os.fstat(file.fileno()).st_size
            begin = _count(stated, "offset", 0, where)
            length = _count(stated, "length", size - begin, where)
            if length != needed:
                refuse(where, f"{length:,} external bytes", f"{needed:,} for {kind} of {shape}")
            if begin + length > size:
                got = f"bytes {begin:,} to {begin + length:,} of {path.name}"
                refuse(where, got, f"at most {size:,}, its size")
            ranges = self.taken.setdefault(os.fspath(path), [])
            place = bisect_left(ranges, begin, key=itemgetter(0))
            this = begin, begin + length, kind, shape
            for first, last, other, array in ranges[max(place - 1, 0) : place + 1]:  # beside it
                if (first, last, other, array.shape) == this:
                    return array
                if first < begin + length and begin < last:
                    refuse(where, "external bytes that another tensor has", "bytes of its own")
            file.seek(begin)
            array = _from_raw(file.read(length), kind, shape, where)
        if length:
            ranges.insert(place, (begin, begin + length, kind, array))
        return _bools(array, where) if kind == "BOOL" else array

    def _path(self, location: str, where: str) -> Path:
        """Return the file of external data: below the model's folder, by no link."""
        if self.folder is None:
            fix = "give load() the path of the model, beside which its data lie"
            refuse(where, f"external data {location!r}", "data within the model", fix)
        parts = PureWindowsPath(location).parts  # takes both kinds of slashes
        outside = PureWindowsPath(location).anchor or location.startswith("/") or ".." in parts
        if not parts or outside or "\0" in location or ":" in location:
            refuse(where, f"external data at {location!r}", "a path below the model's folder")
        path = self.folder
        for part in parts:
            path = path / part
            if path.is_symlink():
                fix = "put the file itself there"
                refuse(
                    where, f"the link {os.fspath(path)!r}", "a file below the model's folder", fix
                )
        try:
            regular = stat.S_ISREG(os.lstat(path).st_mode)
        except OSError as error:
            refuse(where, f"external data at {location!r} ({error.strerror})", "a file", "")
        if not regular:
            refuse(where, f"external data at {location!r}", "a file")
        return path


def _shape(tensor: Any, where: str) -> tuple[int, ...]:
    dims = tuple(tensor.dims)
    if len(dims) > _DIMS_CAP or any(d < 0 for d in dims):
        got = f"{len(dims)} dims" if len(dims) > _DIMS_CAP else f"dims {dims}"
        refuse(where, got, f"at most {_DIMS_CAP} dims, each >= 0")
    if prod(d for d in dims if d) * 16 > _SPARE:
        refuse(where, f"dims {dims}", "a size that memory can hold")
    return dims


def _count(stated: dict[str, str], name: str, default: int, where: str) -> int:
    text = stated.get(name)
    if text is None:
        return default
    if not (text.isascii() and text.isdigit() and len(text) < 20):
        refuse(where, f"external {name} {text[:40]!r}", "a count of bytes")
    return int(text)


def _inline(tensor: Any, kind: str, shape: tuple[int, ...], where: str) -> Array:
    """Return the array of a tensor whose data lie in the model."""
    from onnx import numpy_helper

    name, bits = _FIELDS[kind]
    filled = [other for other in _DATA if len(getattr(tensor, other))]
    raw = tensor.HasField("raw_data")
    if (raw and filled) or any(other != name for other in filled):
        refuse(where, f"data in {', '.join(filled)}", f"in raw_data or {name} alone for {kind}")
    if raw:
        return _from_raw(tensor.raw_data, kind, shape, where)
    per_entry = 8 // bits if bits < 8 else 1
    count = -(-prod(shape) // per_entry) * (2 if kind.startswith("COMPLEX") else 1)
    given = len(getattr(tensor, name))
    if given != count:
        refuse(where, f"{given:,} numbers in {name}", f"{count:,} for {kind} of {shape}")
    if name in ("int32_data", "uint64_data") and bits >= 8 and given:
        signed = kind.startswith("INT")
        low, high = (-1 << bits - 1, (1 << bits - 1) - 1) if signed else (0, (1 << bits) - 1)
        numbers = getattr(tensor, name)
        if min(numbers) < low or max(numbers) > high:
            got = f"numbers from {min(numbers)} to {max(numbers)}"
            refuse(where, got, f"{low} to {high}, because its elements are {kind}")
    with np.errstate(all="ignore"):
        try:
            found: Array = np.array(numpy_helper.to_array(tensor))
        except (ValueError, OverflowError, TypeError) as error:  # a number beyond its dtype
            refuse(where, f"data that are no {kind} ({error})", f"numbers of {kind}")
    return found


def _from_raw(raw: bytes, kind: str, shape: tuple[int, ...], where: str) -> Array:
    from onnx import TensorProto, helper, numpy_helper

    bits = _FIELDS[kind][1]
    needed = (prod(shape) * bits + 7) // 8
    if len(raw) != needed:
        refuse(where, f"{len(raw):,} bytes of data", f"{needed:,} for {kind} of {shape}")
    number = TensorProto.DataType.Value(kind)
    if bits < 8:
        packed = TensorProto(data_type=number, dims=shape, raw_data=raw)
        return np.array(numpy_helper.to_array(packed))
    dtype = np.dtype(helper.tensor_dtype_to_np_dtype(number))
    if dtype.kind in "biufc":
        flat = np.frombuffer(raw, dtype.newbyteorder("<"))
        return flat.reshape(shape).astype(dtype.newbyteorder("="))
    return np.frombuffer(raw, dtype).reshape(shape).copy()


def _bools(array: Array, where: str) -> Array:
    if array.size and array.view(np.uint8).max() > 1:
        refuse(where, f"the byte {array.view(np.uint8).max()} among bools", "bytes 0 and 1")
    return array
