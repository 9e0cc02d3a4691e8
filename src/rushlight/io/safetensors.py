"""The safetensors format: names -> arrays and back, in a file that cannot run code.

A file is 8 bytes (the header's length, little-endian), the header (JSON: name -> dtype, shape,
offsets; text under `__metadata__`) and one buffer that the arrays cover without gap or overlap.
What is written is byte for byte what the `safetensors` library writes.

Source: https://github.com/huggingface/safetensors#format
"""

from __future__ import annotations

import io
import json
import math
import os
from collections.abc import Mapping
from typing import Any, BinaryIO, NoReturn, TypeAlias

import numpy as np

from rushlight.arrays import Array, DType
from rushlight.errors import DtypeError, FileFormatError, explain
from rushlight.io.atomic import atomic_write

__all__ = ["load_bytes", "load_file", "save_bytes", "save_file"]

Path: TypeAlias = str | os.PathLike[str]

# In the order in which the library lays arrays out: widest first, so that each is aligned.
_DTYPES: dict[str, DType] = {
    "U64": np.dtype("<u8"),
    "I64": np.dtype("<i8"),
    "F64": np.dtype("<f8"),
    "F32": np.dtype("<f4"),
    "U32": np.dtype("<u4"),
    "I32": np.dtype("<i4"),
    "BF16": np.dtype("<u2"),  # read only: the upper half of a float32
    "F16": np.dtype("<f2"),
    "U16": np.dtype("<u2"),
    "I16": np.dtype("<i2"),
    "I8": np.dtype("i1"),
    "U8": np.dtype("u1"),
    "BOOL": np.dtype("?"),
}
_CODES = {(d.kind, d.itemsize): code for code, d in _DTYPES.items()}  # U16 comes after BF16
_RANK = {code: rank for rank, code in enumerate(_DTYPES)}
_HEADER_CAP = 100_000_000
_DIMS_CAP = 64  # NumPy's own limit
_META = "__metadata__"
_DAMAGED = "the file is truncated or altered; write or download it again"


# ---- writing


def save_file(
    arrays: Mapping[str, Array], path: Path, metadata: Mapping[str, str] | None = None
) -> None:
    """Write arrays to a safetensors file, atomically.

    Args:
        arrays: name -> array (bool, integers and floats of NumPy; any memory layout).
        path: the file to write; the old one stays until the new one is complete.
        metadata: text -> text kept in the header (None: nothing).

    Raises:
        DtypeError: an array's dtype is not in the format (complex, object, text).
        TypeError: a name, an array or a piece of metadata is of the wrong type.
        OSError: the file cannot be written.

    Example:
        >>> import os, tempfile
        >>> folder = tempfile.TemporaryDirectory()
        >>> path = os.path.join(folder.name, "model.safetensors")
        >>> save_file({"weight": np.ones((2, 3), "float32")}, path, {"epoch": "3"})
        >>> arrays, metadata = load_file(path)
        >>> arrays["weight"].shape, metadata
        ((2, 3), {'epoch': '3'})
        >>> folder.cleanup()
    """
    header, ordered = _layout(arrays, metadata)
    with atomic_write(path) as file:
        _write(file, header, ordered)


def save_bytes(arrays: Mapping[str, Array], metadata: Mapping[str, str] | None = None) -> bytes:
    """Return the content that `save_file` would write.

    Args:
        arrays: name -> array.
        metadata: text -> text kept in the header (None: nothing).

    Example:
        >>> save_bytes({"b": np.array([True])})[8:]
        b'{"b":{"dtype":"BOOL","shape":[1],"data_offsets":[0,1]}} \\x01'
    """
    file = io.BytesIO()
    _write(file, *_layout(arrays, metadata))
    return file.getvalue()


def _layout(
    arrays: Mapping[str, Array], metadata: Mapping[str, str] | None
) -> tuple[bytes, list[Array]]:
    """Return the header's bytes and the arrays in the order of the buffer."""
    found = []
    for name, array in arrays.items():
        if not isinstance(name, str) or not isinstance(array, np.ndarray | np.generic):
            raise TypeError(
                explain(
                    "safetensors",
                    got=f"{name!r}: {type(array).__name__}",
                    expected="a text name and a NumPy array",
                    fix="for tensors and nested values use rushlight.save",
                )
            )
        code = _CODES.get((array.dtype.kind, array.dtype.itemsize))
        if code is None:
            raise DtypeError(
                explain(
                    f"safetensors, array {name!r}",
                    got=array.dtype,
                    expected="bool, (u)int8 to 64 or float16 to 64",
                    fix="convert it first",
                )
            )
        if name == _META:
            raise ValueError(
                explain(
                    "safetensors",
                    got=f"an array named {_META!r}",
                    expected="another name",
                    fix="the format keeps this name for its text",
                )
            )
        found.append((_RANK[code], name, code, array))
    header: dict[str, Any] = {}
    if metadata:
        for key, value in metadata.items():
            if not isinstance(key, str) or not isinstance(value, str):
                raise TypeError(
                    explain(
                        "safetensors metadata",
                        got=f"{key!r}: {type(value).__name__}",
                        expected="text: text",
                        fix="turn it into text, for example with json.dumps",
                    )
                )
        header[_META] = dict(sorted(metadata.items()))
    ordered, end = [], 0
    for _, name, code, array in sorted(found, key=lambda entry: entry[:2]):
        start, end = end, end + array.nbytes
        header[name] = {"dtype": code, "shape": list(array.shape), "data_offsets": [start, end]}
        ordered.append(np.asarray(array))
    try:
        text = json.dumps(header, ensure_ascii=False, separators=(",", ":")).encode()
    except UnicodeEncodeError as error:
        raise ValueError(
            explain(
                "safetensors",
                got=f"a name with a lone surrogate ({error.object[error.start]!r})",
                expected="names that UTF-8 can hold",
                fix="rename it",
            )
        ) from None
    text += b" " * (-len(text) % 8)
    if len(text) > _HEADER_CAP:
        raise ValueError(
            explain(
                "safetensors",
                got=f"a header of {len(text):,} bytes",
                expected=f"at most {_HEADER_CAP:,}",
                fix="store fewer names or less metadata",
            )
        )
    return len(text).to_bytes(8, "little") + text, ordered


def _write(file: BinaryIO, header: bytes, arrays: list[Array]) -> None:
    file.write(header)
    for array in arrays:  # one at a time: a copy is made only where layout or byte order ask for it
        file.write(_raw(np.ascontiguousarray(array, dtype=array.dtype.newbyteorder("<"))).data)


def _raw(array: Array) -> Array:
    """View a C-ordered array as bytes."""
    return array.reshape(-1).view(np.uint8)


# ---- reading: nothing is allocated before the header has been found consistent with the file


def load_file(path: Path) -> tuple[dict[str, Array], dict[str, str]]:
    """Read all arrays of a safetensors file, and its metadata.

    Every field is checked against the size of the file before an array is allocated; each array
    then owns its memory. bfloat16 is read as float32, which holds it exactly.

    Args:
        path: the file to read.

    Returns:
        The arrays by name, in the order of the header, and the metadata (text -> text).

    Raises:
        FileFormatError: the file is truncated, altered or no safetensors file.
        OSError: the file cannot be opened.

    Example:
        >>> load_file("missing.safetensors")
        Traceback (most recent call last):
        FileNotFoundError: [Errno 2] No such file or directory: 'missing.safetensors'
    """
    with open(path, "rb") as file:
        return _read(file, os.fstat(file.fileno()).st_size, os.fspath(path))


def load_bytes(content: bytes) -> tuple[dict[str, Array], dict[str, str]]:
    """Read what `save_bytes` returned, or the whole content of a safetensors file.

    Args:
        content: the bytes.

    Raises:
        FileFormatError: the content is truncated, altered or not in the format.

    Example:
        >>> load_bytes(save_bytes({"x": np.arange(3)}, {"a": "b"}))
        ({'x': array([0, 1, 2])}, {'a': 'b'})
    """
    return _read(io.BytesIO(content), len(content), "safetensors content")


def _read(file: BinaryIO, size: int, where: str) -> tuple[dict[str, Array], dict[str, str]]:
    start = file.read(8)
    length = int.from_bytes(start, "little")
    if len(start) < 8:
        _refuse(where, f"{size} bytes", "at least 8, which state the length of the header")
    if length > min(_HEADER_CAP, size - 8):
        _refuse(
            where,
            f"a header length of {length:,} in a file of {size:,} bytes",
            f"at most {min(_HEADER_CAP, size - 8):,}",
            "it is no safetensors file, or it is truncated or altered",
        )
    entries, metadata = _parse(_exactly(file, length, where), where)
    room = size - 8 - length
    end = 0
    for name, _, _, (first, last) in sorted(entries, key=lambda entry: entry[3]):
        if first != end:
            _refuse(
                f"{where}, array {name!r}",
                f"data that begins at byte {first:,} of the buffer",
                f"byte {end:,}, where the array before it ends",
            )
        end = last
    if end != room:
        _refuse(where, f"a buffer of {room:,} bytes", f"the {end:,} bytes that the header states")
    arrays: dict[str, Array] = {name: np.empty(0) for name, *_ in entries}  # order of the header
    for name, code, shape, _ in sorted(entries, key=lambda entry: entry[3]):
        arrays[name] = _load(file, code, shape, f"{where}, array {name!r}")
    return arrays, metadata


Entry: TypeAlias = tuple[str, str, tuple[int, ...], tuple[int, int]]


def _parse(raw: bytes, where: str) -> tuple[list[Entry], dict[str, str]]:
    """Check the header by itself: names, dtypes, shapes and sizes that agree."""

    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found = dict(pairs)
        if len(found) != len(pairs):
            seen: set[str] = set()
            twice = next(key for key, _ in pairs if key in seen or seen.add(key))  # type: ignore[func-returns-value]
            _refuse(f"{where}, header", f"the name {twice!r} twice", "every name once")
        return found

    if not raw.startswith(b"{"):
        _refuse(f"{where}, header", f"{raw[:8]!r} at its start", "a JSON object: '{'")
    try:
        header = json.loads(raw.decode(), object_pairs_hook=unique)
    except FileFormatError:
        raise
    except (ValueError, RecursionError) as error:  # bad UTF-8, bad JSON, endless digits, nesting
        _refuse(f"{where}, header", f"no JSON ({error})", "a JSON object in UTF-8")
    metadata = header.pop(_META, {})
    if not isinstance(metadata, dict) or not all(isinstance(v, str) for v in metadata.values()):
        _refuse(f"{where}, {_META}", f"{_short(metadata)}", "an object of text: text")
    entries = []
    for name, entry in header.items():
        here = f"{where}, array {name!r}"
        if not isinstance(entry, dict) or entry.keys() != {"dtype", "shape", "data_offsets"}:
            _refuse(here, _short(entry), "an object with dtype, shape and data_offsets")
        code, shape, offsets = entry["dtype"], entry["shape"], entry["data_offsets"]
        if not isinstance(code, str) or code not in _DTYPES:
            _refuse(
                here, f"dtype {_short(code)}", f"one of {', '.join(_DTYPES)}", "convert it first"
            )
        if not _counts(shape) or len(shape) > _DIMS_CAP:
            _refuse(here, f"shape {_short(shape)}", f"at most {_DIMS_CAP} sizes, each >= 0")
        if not _counts(offsets) or len(offsets) != 2 or offsets[0] > offsets[1]:
            _refuse(here, f"data_offsets {_short(offsets)}", "two byte positions, begin <= end")
        needed, given = math.prod(shape) * _DTYPES[code].itemsize, offsets[1] - offsets[0]
        if needed != given:
            _refuse(
                here, f"{given:,} bytes", f"{_number(needed)} bytes for {code} of {_short(shape)}"
            )
        entries.append((name, code, tuple(shape), (offsets[0], offsets[1])))
    for text in (*header, *metadata, *metadata.values()):
        if not text.isascii() and any("\ud800" <= c <= "\udfff" for c in text):
            _refuse(f"{where}, header", f"a lone surrogate in {_short(text)}", "valid text")
    return entries, metadata


def _load(file: BinaryIO, code: str, shape: tuple[int, ...], where: str) -> Array:
    """Read the next array of the buffer into memory of its own."""
    dtype = _DTYPES[code]
    try:
        array: Array = np.empty(shape, dtype)
    except ValueError as error:  # sizes that multiply to nothing only by a zero among them
        _refuse(where, f"shape {_short(list(shape))} ({error})", "a shape that NumPy can hold")
    _fill(file, _raw(array), where)
    if code == "BOOL" and array.size and _raw(array).max() > 1:
        _refuse(where, f"the byte {_raw(array).max()} among booleans", "bytes 0 and 1")
    if code == "BF16":
        wide = array.astype(np.uint32)
        wide <<= 16
        return wide.view(np.float32)
    return array.astype(dtype.newbyteorder("="), copy=False)


def _exactly(file: BinaryIO, count: int, where: str) -> bytes:
    raw = file.read(count)
    if len(raw) != count:
        _refuse(where, f"{len(raw):,} bytes of header", f"{count:,}")
    return raw


def _fill(file: BinaryIO, raw: Array, where: str) -> None:
    """Read `raw.size` bytes, however many reads that takes."""
    view, done = raw.data, 0
    while done < raw.size:
        got = file.readinto(view[done:])  # type: ignore[attr-defined]
        if not got:
            _refuse(where, f"{done:,} bytes", f"{raw.size:,}", "the file shrank while it was read")
        done += got


def _counts(value: object) -> bool:
    """Tell whether `value` is a list of ints >= 0 (True and False are no ints here)."""
    return isinstance(value, list) and all(type(v) is int and v >= 0 for v in value)


def _short(value: object) -> str:
    """Show a value of unknown size: two levels, 80 characters."""
    if isinstance(value, list | dict) and len(value) > 8:
        return f"a {type(value).__name__} of {len(value)}"
    if isinstance(value, int) and not isinstance(value, bool):
        return _number(value)
    if isinstance(value, list):
        return f"[{', '.join(_short(v) if type(v) is int else type(v).__name__ for v in value)}]"
    if isinstance(value, dict):
        return f"an object with {', '.join(repr(key)[:40] for key in value) or 'nothing'}"
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:77]}..."


def _number(value: int) -> str:
    return f"{value:,}" if value.bit_length() < 100 else "a number beyond 2**99"


def _refuse(where: str, got: str, expected: str, fix: str = _DAMAGED) -> NoReturn:
    raise FileFormatError(explain(where, got=got, expected=expected, fix=fix))
