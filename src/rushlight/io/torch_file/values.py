"""What can be written into a file for torch: found and checked before anything is written."""

from __future__ import annotations

from collections import Counter, OrderedDict
from typing import Any, NoReturn

import numpy as np

from rushlight.arrays import SUPPORTED, Array
from rushlight.errors import explain
from rushlight.tape import TensorBase
from rushlight.tensor.tensor import device

__all__ = ["DICTS", "arrays_of", "plain"]

DICTS = (dict, OrderedDict, Counter)
_SINGLE = (bool, float, str, bytes, complex, type(None), device)
_KEYS = (bool, int, float, str, type(None))
_DEPTH = 100
_LONGEST = 255 * 8 - 1  # bits of an integer that torch reads


def plain(value: Any) -> Any:
    """Return a NumPy number as Python's."""
    return value.item() if isinstance(value, np.generic) else value


def arrays_of(value: Any) -> dict[int, Array]:
    """Return the arrays of a value, by the id of the tensor or array.

    Raises:
        TypeError: something in it cannot be written; the message names its place.
    """
    found: dict[int, Array] = {}
    _collect(value, "", found, set(), [])
    return found


def _collect(
    value: Any, place: str, found: dict[int, Array], done: set[int], inside: list[int]
) -> None:
    if isinstance(value, TensorBase) or type(value) is np.ndarray:
        array = value._array if isinstance(value, TensorBase) else value
        if array.dtype.newbyteorder("=") not in SUPPORTED:
            _unfit(place, f"an array of {array.dtype}")
        found[id(value)] = array
        return
    value = plain(value)
    if type(value) is int and value.bit_length() > _LONGEST:
        _unfit(place, f"an integer of {value.bit_length():,} bits", f"at most {_LONGEST:,}")
    if type(value) in (int, *_SINGLE) or isinstance(value, np.dtype):
        if isinstance(value, np.dtype) and value not in SUPPORTED:
            _unfit(place, f"the dtype {value}")
        return
    if type(value) not in (*DICTS, list, tuple, set):
        _unfit(place, type(value).__name__)
    if id(value) in done:
        return
    if id(value) in inside or len(inside) >= _DEPTH:
        got = "a value that contains itself" if id(value) in inside else "more levels"
        _unfit(place, got, f"at most {_DEPTH} levels")
    inside.append(id(value))
    for key, part in _parts(value):
        below = f"{place}.{key}" if place else str(key)
        if type(value) in (*DICTS, set) and type(key) not in _KEYS:
            _unfit(f"a key of {place or 'the object'}", type(key).__name__, "text or a number")
        if type(value) in (*DICTS, set) and type(key) is int and key.bit_length() > 64:
            _unfit(f"a key of {place or 'the object'}", "an integer beyond 2**64", "a smaller one")
        _collect(key, below, found, done, inside)
        _collect(part, below, found, done, inside)
    inside.pop()
    done.add(id(value))


def _parts(value: Any) -> list[tuple[Any, Any]]:
    if isinstance(value, dict):
        metadata = getattr(value, "_metadata", None) if type(value) is OrderedDict else None
        return [*value.items(), *([] if metadata is None else [("_metadata", metadata)])]
    return [(each, None) for each in value] if type(value) is set else list(enumerate(value))


def _unfit(place: str, got: str, expected: str = "") -> NoReturn:
    expected = expected or (
        "a Tensor, Parameter, NumPy array, number, text, None, dict, list, tuple or set"
    )
    fix = "leave it out or turn it into one of these"
    raise TypeError(explain(f"save, at {place or 'the top'}", got=got, expected=expected, fix=fix))
