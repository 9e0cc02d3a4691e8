"""Where a student's object keeps its arrays, whatever it keeps them in."""

from __future__ import annotations

import operator
import types
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from typing import Any

import numpy as np

from rushlight.check.signature import plain

__all__ = ["attributes", "content", "find", "flatten", "own_slope", "slope"]

_SHOWN = (property, cached_property, types.MemberDescriptorType)  # the last: of __slots__
_GRADIENT = "grad"
_NO_PARAMETERS = (
    *(np.ndarray, str, bytes, int, float, complex, type(None), type),
    *(types.FunctionType, types.MethodType),
)


def attributes(layer: Any) -> dict[str, Any]:
    """Return what an object keeps: its own attributes, then properties, slots and its class's."""
    found: dict[str, Any] = {}
    for cls in type(layer).__mro__:
        for name, value in vars(cls).items():
            if isinstance(value, _SHOWN):
                try:
                    found.setdefault(name, getattr(layer, name))
                except Exception:
                    continue
            elif isinstance(value, np.ndarray):
                found.setdefault(name, value)
    return {**found, **getattr(layer, "__dict__", {})}


def find(layer: Any, names: Sequence[str], *, gradient: bool = False) -> Any:
    """Return the array that an object keeps under one of these names, or None.

    Args:
        layer: the student's object.
        names: of a parameter or another array, the likeliest first; compared without case and
            underscores.
        gradient: whether it is the gradient that has no name of its own: it stands under its
            parameter's name in an attribute such as `grads`, or in a parameter object.
    """
    wanted = [plain(name) for name in names]
    for place, of_gradients in _places(attributes(layer)):
        if of_gradients and not gradient and not any(n.startswith(_GRADIENT) for n in wanted):
            continue
        likely = [(wanted.index(plain(n)), n) for n in place if _stands_for(n, wanted)]
        for _, name in sorted(likely, key=operator.itemgetter(0)):
            value = place[name]
            found = slope(value) if gradient and not of_gradients else content(value)
            if found is not None:
                return found
    return None


def _stands_for(name: Any, wanted: Sequence[str]) -> bool:
    return isinstance(name, str) and plain(name) in wanted


def _places(own: dict[str, Any]) -> Iterator[tuple[Mapping[Any, Any], bool]]:
    """Give the attributes, then the dictionaries and records among them; are they gradients?"""
    yield own, False
    for name, value in own.items():
        if isinstance(value, Mapping):
            yield value, _of_gradients(name)
        elif isinstance(value, types.SimpleNamespace):
            yield vars(value), _of_gradients(name)
        elif isinstance(value, tuple) and hasattr(value, "_asdict"):
            yield value._asdict(), _of_gradients(name)


def _of_gradients(name: str) -> bool:
    short = plain(name)
    return short.startswith(_GRADIENT) or short.endswith("grads") or short in ("g", "d", "dparams")


def content(value: Any) -> Any:
    """Return the array that a value is, or that a parameter object holds; None without one.

    A list of arrays of one shape, such as the rows of a matrix, counts as an array.
    """
    if isinstance(value, np.ndarray):
        return value
    if isinstance(value, list) and value and all(isinstance(row, np.ndarray) for row in value):
        return value if len({row.shape for row in value}) == 1 else None
    return _inside(value, ("data", "value"))


def slope(value: Any) -> Any:
    """Return the gradient that a parameter object holds beside its array, or None."""
    return _inside(value, ("grad", "gradient"))


def own_slope(value: Any) -> Any:
    """Return the gradient that an entry of a list of gradients stands for, or None."""
    return value if isinstance(value, np.ndarray) else slope(value)


def _inside(value: Any, names: Sequence[str]) -> Any:
    if isinstance(value, _NO_PARAMETERS):
        return None
    own = attributes(value)
    return next((own[n] for n in names if isinstance(own.get(n), np.ndarray)), None)


def flatten(value: Any) -> list[Any]:
    """Return the arrays of nested lists, tuples and dictionaries in their order."""
    if isinstance(value, Mapping):
        value = list(value.values())
    if isinstance(value, (list, tuple)):
        return [array for part in value for array in flatten(part)]
    return [] if value is None else [value]
