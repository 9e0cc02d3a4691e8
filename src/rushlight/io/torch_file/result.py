"""The check of what a pickle has made: plain data, in a form that any code can walk through.

A pickle may name one object in many places, and put a list into itself. Code that walks through
such a result, as saving or copying does, would never end, or would see 2**100 elements in a
kilobyte. So a result that contains itself, is nested too deeply or is, with all its repetitions
counted, far longer than the pickle, is refused.
"""

from __future__ import annotations

from collections import Counter, OrderedDict, defaultdict
from collections.abc import Iterable
from typing import Any

import numpy as np

from rushlight.io.stored import refuse
from rushlight.io.torch_file.allowed import Foreign
from rushlight.io.torch_file.content import shown
from rushlight.io.torch_file.machine import Name
from rushlight.tensor import Tensor

__all__ = ["check_result"]

_DEPTH = 100
_GROWTH, _LEAST = 16, 10_000  # objects for each byte of the pickle, and in any case
_NUMBERS = (bool, int, float, complex, type(None))
_LEAVES = (*_NUMBERS, str, bytes, bytearray, set, np.dtype, np.ndarray, Tensor)
_CONTAINERS = (dict, OrderedDict, Counter, defaultdict, list, tuple)


def check_result(value: Any, pickled: int, where: str) -> Any:
    """Return the value, if it is plain data.

    Args:
        value: what the pickle made.
        pickled: the bytes of the pickle.
        where: how errors name the file.
    """
    limit = max(_GROWTH * pickled, _LEAST)
    sizes: dict[int, tuple[int, int]] = {}  # of what was seen: objects in it, levels below it
    open_: dict[int, Any] = {}  # the containers that the walk is in, with the way to the next
    todo: list[tuple[Any, Iterable[Any] | None]] = [(value, None)]
    while todo:
        item, parts = todo.pop()
        if type(item) not in _CONTAINERS:
            _check_leaf(item, open_, where)
            continue
        if parts is None:
            if id(item) in open_:
                refuse(_at(where, open_), "a value that contains itself", "plain data")
            if id(item) in sizes:
                continue
            open_[id(item)] = ""
            parts = iter(_parts(item))
        for key, part in parts:
            open_[id(item)] = key
            if type(part) not in _CONTAINERS or id(part) not in sizes:
                todo += [(item, parts), (part, None)]
                break
        else:
            del open_[id(item)]
            found = [sizes.get(id(part), (1, 0)) for _, part in _parts(item)]
            size = 1 + sum(count for count, _ in found)
            depth = 1 + max((levels for _, levels in found), default=0)
            if size > limit or depth > _DEPTH:
                got = (
                    f"{depth} levels" if depth > _DEPTH else "more objects than the file has bytes"
                )
                refuse(_at(where, open_), got, f"at most {_DEPTH} levels and {limit:,} objects")
            sizes[id(item)] = size, depth
    return value


def _parts(item: Any) -> Iterable[tuple[Any, Any]]:
    """Return the values of a container with their keys."""
    if not isinstance(item, dict):
        return enumerate(item)
    if type(item) is OrderedDict and "_metadata" in vars(item):
        return [*item.items(), ("_metadata", vars(item)["_metadata"])]
    return item.items()


def _check_leaf(item: Any, open_: dict[int, Any], where: str) -> None:
    if isinstance(item, _LEAVES):
        return
    fix = "save a state dict of tensors, numbers and text"
    if isinstance(item, Foreign):
        refuse(_at(where, open_), f"the dtype {item.name}", "one that tensors here have", fix)
    got = item.text if isinstance(item, Name) else f"a {type(item).__name__.lstrip('_').lower()}"
    refuse(_at(where, open_), got, "plain data", fix)


def _at(where: str, open_: dict[int, Any]) -> str:
    return f"{where}, at {'.'.join(map(_step, open_.values()))[:200] or 'the top'}"


def _step(key: Any) -> str:
    return key[:40] if isinstance(key, str) else shown(key)
