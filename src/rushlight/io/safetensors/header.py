"""The header: what lies where; checked in itself and against the size of the file."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from rushlight.arrays import DType
from rushlight.errors import FileFormatError, explain
from rushlight.io.mapped import Source
from rushlight.io.stored import refuse

__all__ = ["CODES", "DTYPES", "META", "RANK", "Entry", "lone", "parse_json", "read", "text"]

# In the order in which the library lays arrays out: widest first, so that each is aligned.
DTYPES: dict[str, DType] = {
    "U64": np.dtype("<u8"),
    "I64": np.dtype("<i8"),
    "F64": np.dtype("<f8"),
    "F32": np.dtype("<f4"),
    "U32": np.dtype("<u4"),
    "I32": np.dtype("<i4"),
    "BF16": np.dtype("<u2"),  # the upper half of a float32
    "F16": np.dtype("<f2"),
    "U16": np.dtype("<u2"),
    "I16": np.dtype("<i2"),
    "I8": np.dtype("i1"),
    "U8": np.dtype("u1"),
    "BOOL": np.dtype("?"),
}
CODES = {(d.kind, d.itemsize): code for code, d in DTYPES.items()}  # U16 comes after BF16
RANK = {code: rank for rank, code in enumerate(DTYPES)}
META = "__metadata__"
_CAP = 100_000_000
_DIMS_CAP = 64  # NumPy's own limit


class Entry(NamedTuple):
    """One array of a file: its dtype's code, its shape, and the bytes that it takes."""

    code: str
    shape: tuple[int, ...]
    first: int
    last: int


# ---- writing


def text(entries: Mapping[str, Entry], metadata: Mapping[str, str] | None) -> bytes:
    """Return what stands before the buffer: the header's length and the header.

    Args:
        entries: name -> array, in the order of the buffer and by its place there.
        metadata: text -> text kept beside them (None: nothing).
    """
    import json

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
        header[META] = dict(sorted(metadata.items()))
    for name, (code, shape, first, last) in entries.items():
        header[name] = {"dtype": code, "shape": list(shape), "data_offsets": [first, last]}
    try:
        raw = json.dumps(header, ensure_ascii=False, separators=(",", ":")).encode()
    except UnicodeEncodeError as error:
        raise ValueError(
            explain(
                "safetensors",
                got=f"a name with a lone surrogate ({error.object[error.start]!r})",
                expected="names that UTF-8 can hold",
                fix="rename it",
            )
        ) from None
    raw += b" " * (-len(raw) % 8)
    if len(raw) > _CAP:
        raise ValueError(
            explain(
                "safetensors",
                got=f"a header of {len(raw):,} bytes",
                expected=f"at most {_CAP:,}",
                fix="store fewer names or less metadata",
            )
        )
    return len(raw).to_bytes(8, "little") + raw


# ---- reading: nothing is allocated before the header has been found consistent with the file


def read(source: Source) -> tuple[dict[str, Entry], dict[str, str]]:
    """Return what lies where in a file, and its metadata.

    Raises:
        FileFormatError: the file is truncated, altered or no safetensors file.
    """
    where, size = source.where, source.size
    if size < 8:
        refuse(where, f"{size} bytes", "at least 8, which state the length of the header")
    length = int.from_bytes(source.read(0, 8).tobytes(), "little")
    if length > min(_CAP, size - 8):
        refuse(
            where,
            f"a header length of {length:,} in a file of {size:,} bytes",
            f"at most {min(_CAP, size - 8):,}",
            "it is no safetensors file, or it is truncated or altered",
        )
    begin = 8 + length
    header = parse_json(source.read(8, begin).tobytes(), f"{where}, header")
    metadata = header.pop(META, None)
    metadata = {} if metadata is None else metadata
    if not isinstance(metadata, dict) or not all(isinstance(v, str) for v in metadata.values()):
        refuse(f"{where}, {META}", f"{short(metadata)}", "an object of text: text")
    for words in (*metadata, *metadata.values()):
        if not words.isascii() and lone(words):
            refuse(f"{where}, header", f"a lone surrogate in {short(words)}", "valid text")
    entries = {
        name: _entry(value, begin, f"{where}, array {name!r}") for name, value in header.items()
    }
    _cover(entries, begin, size, where)
    return entries, metadata


def _cover(entries: Mapping[str, Entry], begin: int, size: int, where: str) -> None:
    """Refuse arrays that leave a gap, overlap, or end before or behind the file."""
    end = begin
    for name, entry in sorted(entries.items(), key=lambda item: item[1][2:]):
        if entry.first != end:
            refuse(
                f"{where}, array {name!r}",
                f"data that begins at byte {number(entry.first - begin)} of the buffer",
                f"byte {number(end - begin)}, where the array before it ends",
            )
        end = entry.last
    if end != size:
        refuse(
            where,
            f"a buffer of {size - begin:,} bytes",
            f"the {number(end - begin)} bytes that the header states",
        )


def parse_json(raw: bytes, where: str) -> dict[str, Any]:
    """Return the JSON object that a text holds, every name of it once and valid.

    Raises:
        FileFormatError: it is no JSON object in UTF-8, or a name stands there twice.
    """

    import json

    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found = dict(pairs)
        if len(found) != len(pairs):
            seen: set[str] = set()
            twice = next(key for key, _ in pairs if key in seen or seen.add(key))  # type: ignore[func-returns-value]
            refuse(where, f"the name {short(twice)} twice", "every name once")
        return found

    if not raw.startswith(b"{"):
        refuse(where, f"{raw[:8]!r} at its start", "a JSON object: '{'")
    try:
        header: dict[str, Any] = json.loads(raw.decode(), object_pairs_hook=unique)
    except FileFormatError:
        raise
    except (ValueError, RecursionError) as error:  # bad UTF-8, bad JSON, endless digits, nesting
        refuse(where, f"no JSON ({error})", "a JSON object in UTF-8")
    for name in header:
        if not name.isascii() and lone(name):
            refuse(where, f"a lone surrogate in {short(name)}", "valid text")
    return header


def _entry(entry: Any, begin: int, here: str) -> Entry:
    """Check an array's entry by itself: dtype, shape and a size that agrees with both."""
    if not isinstance(entry, dict) or entry.keys() != {"dtype", "shape", "data_offsets"}:
        refuse(here, short(entry), "an object with dtype, shape and data_offsets")
    code, shape, offsets = entry["dtype"], entry["shape"], entry["data_offsets"]
    if not isinstance(code, str) or code not in DTYPES:
        refuse(here, f"dtype {short(code)}", f"one of {', '.join(DTYPES)}", "convert it first")
    if not _counts(shape) or len(shape) > _DIMS_CAP:
        refuse(here, f"shape {short(shape)}", f"at most {_DIMS_CAP} sizes, each >= 0")
    if not _counts(offsets) or len(offsets) != 2 or offsets[0] > offsets[1]:
        refuse(here, f"data_offsets {short(offsets)}", "two byte positions, begin <= end")
    needed, given = math.prod(shape) * DTYPES[code].itemsize, offsets[1] - offsets[0]
    if needed != given:
        refuse(
            here, f"{number(given)} bytes", f"{number(needed)} bytes for {code} of {short(shape)}"
        )
    if not needed:  # sizes that multiply to nothing only by a zero among them
        try:
            np.empty(shape, DTYPES[code])
        except ValueError as error:
            refuse(here, f"shape {short(shape)} ({error})", "a shape that NumPy can hold")
    return Entry(code, tuple(shape), begin + offsets[0], begin + offsets[1])


def _counts(value: object) -> bool:
    """Tell whether `value` is a list of ints >= 0 (True and False are no ints here)."""
    return isinstance(value, list) and all(type(v) is int and v >= 0 for v in value)


def lone(words: str) -> bool:
    """Tell whether a text has half of a pair of surrogates, which UTF-8 cannot hold."""
    return any("\ud800" <= c <= "\udfff" for c in words)


# ---- messages


def short(value: object) -> str:
    """Show a value of unknown size: two levels, 80 characters."""
    if isinstance(value, list | dict) and len(value) > 8:
        return f"a {type(value).__name__} of {len(value)}"
    if isinstance(value, int) and not isinstance(value, bool):
        return number(value)
    if isinstance(value, list):
        return f"[{', '.join(short(v) if type(v) is int else type(v).__name__ for v in value)}]"
    if isinstance(value, dict):
        return f"an object with {', '.join(repr(key)[:40] for key in value) or 'nothing'}"
    words = repr(value)
    return words if len(words) <= 80 else f"{words[:77]}..."


def number(value: int) -> str:
    """Show a number of any size."""
    return f"{value:,}" if value.bit_length() < 100 else "a number beyond 2**99"
