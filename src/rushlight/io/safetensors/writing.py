"""Writing arrays and tensors to safetensors files."""

from __future__ import annotations

import io
import os
from collections.abc import Iterable, Mapping
from typing import Any, BinaryIO, TypeAlias

import numpy as np

from rushlight.arrays import Array
from rushlight.errors import DtypeError, explain
from rushlight.io.atomic import atomic_write
from rushlight.io.bfloat16 import narrow
from rushlight.io.safetensors.header import CODES, DTYPES, META, RANK, Entry, text
from rushlight.io.stored import as_bytes
from rushlight.tape import TensorBase

__all__ = ["Dtypes", "Layout", "Piece", "layout", "pieces", "save_bytes", "save_file", "write"]

Path: TypeAlias = str | os.PathLike[str]
Dtypes: TypeAlias = str | Mapping[str, str] | None
Piece: TypeAlias = tuple[str, str, Array]  # name, code of the dtype it is written in, values

Layout: TypeAlias = tuple[bytes, list[tuple[str, Array]]]  # what comes first, then (code, array)


def save_file(
    arrays: Mapping[str, Any],
    path: Path,
    metadata: Mapping[str, str] | None = None,
    *,
    dtype: Dtypes = None,
) -> None:
    """Write arrays or tensors to a safetensors file, atomically.

    Args:
        arrays: name -> NumPy array (bool, integers, floats) or Tensor, in any memory layout.
        path: the file to write; the old one stays until the new one is complete, and arrays
            that were mapped from it stay as they are.
        metadata: text -> text kept in the header (None: nothing).
        dtype: "bfloat16" writes all floats as bfloat16 (to nearest, ties to even; nan stays
            nan), {name: "bfloat16"} those named; default None, every array as it is.

    Raises:
        DtypeError: an array's dtype is not in the format (complex, object, text), or no float
            is to be written as bfloat16.
        TypeError: a name, an array or a piece of metadata is of the wrong type.
        ValueError: `dtype` names no array, or another dtype.
        OSError: the file cannot be written.

    Example:
        >>> import os, tempfile
        >>> from rushlight.io import load_file
        >>> folder = tempfile.TemporaryDirectory()
        >>> path = os.path.join(folder.name, "model.safetensors")
        >>> save_file({"weight": np.ones((2, 3), "float32")}, path, {"epoch": "3"})
        >>> arrays, metadata = load_file(path)
        >>> arrays["weight"].shape, metadata
        ((2, 3), {'epoch': '3'})
        >>> folder.cleanup()
    """
    header, ordered = layout(pieces(arrays, dtype), metadata)
    with atomic_write(path) as file:
        write(file, header, ordered)


def save_bytes(
    arrays: Mapping[str, Any], metadata: Mapping[str, str] | None = None, *, dtype: Dtypes = None
) -> bytes:
    """Return the content that `save_file` would write.

    Args:
        arrays: name -> array or tensor.
        metadata: text -> text kept in the header (None: nothing).
        dtype: which floats are written as bfloat16, as in `save_file`.

    Example:
        >>> save_bytes({"b": np.array([True])})[8:]
        b'{"b":{"dtype":"BOOL","shape":[1],"data_offsets":[0,1]}} \\x01'
    """
    file = io.BytesIO()
    write(file, *layout(pieces(arrays, dtype), metadata))
    return file.getvalue()


def pieces(arrays: Mapping[str, Any], dtype: Dtypes = None) -> list[Piece]:
    """Return the arrays with the dtypes that they are written in, once all can be written."""
    wanted = _wanted(arrays, dtype)
    found = []
    for name, value in arrays.items():
        array = value._array if isinstance(value, TensorBase) else value
        if not isinstance(name, str) or not isinstance(array, np.ndarray | np.generic):
            raise TypeError(
                explain(
                    "safetensors",
                    got=f"{name!r}: {type(array).__name__}",
                    expected="a text name and a NumPy array or Tensor",
                    fix="for nested values use rushlight.save",
                )
            )
        if name == META:
            raise ValueError(
                explain(
                    "safetensors",
                    got=f"an array named {META!r}",
                    expected="another name",
                    fix="the format keeps this name for its text",
                )
            )
        found.append((name, *_coded(name, np.asarray(array), wanted)))
    return found


def _wanted(arrays: Mapping[str, Any], dtype: Dtypes) -> Mapping[str, str] | str | None:
    """Check the argument `dtype`."""
    kinds = dtype.values() if isinstance(dtype, Mapping) else [] if dtype is None else [dtype]
    for kind in kinds:
        if kind != "bfloat16":
            fix = "convert to dtypes that NumPy has with astype"
            raise ValueError(
                explain("safetensors, dtype", got=repr(kind), expected="'bfloat16'", fix=fix)
            )
    for name in dtype if isinstance(dtype, Mapping) else ():
        if name not in arrays:
            got, fix = f"the name {name!r}", "correct or remove it"
            raise ValueError(
                explain("safetensors, dtype", got=got, expected="names of arrays", fix=fix)
            )
    return dtype


def _coded(name: str, array: Array, wanted: Mapping[str, str] | str | None) -> tuple[str, Array]:
    """Return the code of the dtype that an array is written in, and the array."""
    if array.dtype.name == "bfloat16":  # of ml_dtypes
        return "BF16", array.view(np.uint16)
    code = CODES.get((array.dtype.kind, array.dtype.itemsize))
    named = isinstance(wanted, Mapping) and name in wanted
    if code is None or (named and array.dtype.kind != "f"):
        raise DtypeError(
            explain(
                f"safetensors, array {name!r}",
                got=array.dtype,
                expected="a float" if named else "bool, (u)int8 to 64 or float16 to 64",
                fix="leave it out of dtype" if named else "convert it first",
            )
        )
    return "BF16" if named or (wanted == "bfloat16" and code[0] == "F") else code, array


def layout(parts: Iterable[Piece], metadata: Mapping[str, str] | None) -> Layout:
    """Return what stands before the buffer, and the arrays in the buffer's order."""
    entries, ordered, end = {}, [], 0
    for name, code, array in sorted(parts, key=lambda part: (RANK[part[1]], part[0])):
        first, end = end, end + size(code, array)
        entries[name] = Entry(code, array.shape, first, end)
        ordered.append((code, array))
    return text(entries, metadata), ordered


def size(code: str, array: Array) -> int:
    """Return the bytes that an array takes in the file."""
    return array.size * DTYPES[code].itemsize


def write(file: BinaryIO, header: bytes, ordered: Iterable[tuple[str, Array]]) -> None:
    """Write header and arrays, copying one at a time and only where that must be."""
    file.write(header)
    for code, array in ordered:
        if code == "BF16" and array.dtype.kind == "f":
            array = narrow(array)
        file.write(as_bytes(array, DTYPES[code]).data)
