"""Checksums in the files of `save`: of each array by itself, and of all that stands around them.

The metadata of a safetensors file state them under `rushlight.sums`: first that of the structure
and of every name, dtype, shape and sum, then those of the arrays in the order of their names. So
the header can be compared at once, and an array when it is first used. Files of before have one
sum of everything, `rushlight.sha256`, for which all must be read. A sum finds damage; whoever
changes a file on purpose can state another.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeAlias

import numpy as np

from rushlight.arrays import Array
from rushlight.errors import FileFormatError, explain
from rushlight.io.safetensors.header import CODES, Entry
from rushlight.io.stored import as_bytes

__all__ = ["SUMS", "WHOLE", "compare", "compare_whole", "read_sums", "sums_of"]

SUMS, WHOLE = "rushlight.sums", "rushlight.sha256"
_DIGITS = 32  # of the 64 of a SHA-256: no two arrays meet by chance

_Kinds: TypeAlias = Mapping[str, tuple[str, tuple[int, ...]]]  # name -> code of the dtype, shape


def sums_of(arrays: Mapping[str, Array], structure: str) -> str:
    """Return the text that states the sums of arrays and of the structure around them."""
    kinds = {
        name: (CODES[array.dtype.kind, array.dtype.itemsize], array.shape)
        for name, array in arrays.items()
    }
    each = [_sum(arrays[name]) for name in sorted(arrays)]
    return " ".join([_outer(kinds, each, structure), *each])


def read_sums(
    entries: Mapping[str, Entry], metadata: Mapping[str, str], structure: str, where: str
) -> dict[str, str]:
    """Return name -> the sum of its array, once the header has been found as it was saved.

    Raises:
        FileFormatError: it was altered.
    """
    outer, *each = metadata[SUMS].split(" ")
    kinds = {name: (entry.code, entry.shape) for name, entry in entries.items()}
    _same(_outer(kinds, each, structure), outer, f"{where}, header", SUMS)
    return dict(zip(sorted(entries), each, strict=True))


def compare(array: Array, stated: str, where: str) -> None:
    """Refuse an array that has not the sum that was stated for it.

    Raises:
        FileFormatError: it was altered.
    """
    _same(_sum(array), stated, where, SUMS)


def compare_whole(
    arrays: Mapping[str, Array], metadata: Mapping[str, str], structure: str, where: str
) -> None:
    """Refuse a file that has not the one sum of everything that it states.

    Raises:
        FileFormatError: it was altered.
    """
    from hashlib import sha256

    digest = sha256(structure.encode())
    for name in sorted(arrays):
        array = np.asarray(arrays[name])
        dtype = array.dtype.newbyteorder("<")
        digest.update(f"\n{name!r} {dtype.str} {array.shape}\n".encode())
        digest.update(as_bytes(array, dtype).data)
    _same(digest.hexdigest(), metadata[WHOLE], where, WHOLE)


def _outer(kinds: _Kinds, each: list[str], structure: str) -> str:
    """Return the sum of all but the arrays; any number of sums has one."""
    from hashlib import sha256  # loads OpenSSL

    names = [f"{name!r} {code} {list(shape)}" for name, (code, shape) in sorted(kinds.items())]
    text = "\n".join([structure, *names, *each, f"{len(names)} {len(each)}"])
    return sha256(text.encode(errors="surrogatepass")).hexdigest()[:_DIGITS]


def _sum(array: Array) -> str:
    from hashlib import sha256

    return sha256(as_bytes(array, array.dtype.newbyteorder("<")).data).hexdigest()[:_DIGITS]


def _same(found: str, stated: str, where: str, key: str) -> None:
    if found != stated:
        raise FileFormatError(
            explain(
                where,
                got=f"content of SHA-256 {found[:16]}...",
                expected=f"{stated[:16]}..., stated in its header",
                fix="the file was altered after it was saved; use another copy, or, where that "
                f"was on purpose, remove {key!r} from its metadata",
            )
        )
