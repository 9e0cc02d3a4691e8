"""torch's functions and Rushlight's of the same name."""

from __future__ import annotations

import builtins
import math
import operator
from collections.abc import Callable
from functools import cache
from typing import Any

import rushlight
from rushlight import linalg, special
from rushlight.nn import functional
from rushlight.nn.utils import rnn

__all__ = ["from_rushlight", "from_torch", "name_of"]

_PLAIN = (operator, math, builtins)


@cache
def _pairs(torch: Any) -> list[tuple[str, Any, Any]]:
    """Return (name, torch's function, ours or None)."""
    places = [
        ("torch.nn.functional", torch.nn.functional, functional),
        ("torch", torch, rushlight),
        ("torch.special", torch.special, special),
        ("torch.linalg", torch.linalg, linalg),
        ("torch.fft", torch.fft, None),
        ("torch.nn.utils.rnn", torch.nn.utils.rnn, rnn),
    ]
    found = []
    for where, theirs, ours in places:
        for name, function in vars(theirs).items():
            if name.startswith("_") or isinstance(function, type) or not callable(function):
                continue
            mine = getattr(ours, name, None)
            found.append((f"{where}.{name}", function, mine if callable(mine) else None))
    return found


@cache
def _table(torch: Any) -> dict[Any, tuple[str, Any]]:
    table: dict[Any, tuple[str, Any]] = {}
    for name, function, mine in _pairs(torch):
        try:
            known = table.get(function)
        except TypeError:  # not hashable: no function
            continue
        if known is None or known[1] is None:
            table[function] = name, mine
    return table


def from_torch(torch: Any, function: Any) -> Callable[..., Any] | None:
    """Return our function of a torch function; Python's own stand for themselves."""
    named = getattr(function, "__module__", None) in ("math", "_operator", "builtins", "operator")
    if named and any(getattr(m, function.__name__, 0) is function for m in _PLAIN):
        return function
    try:
        found: Callable[..., Any] | None = _table(torch).get(function, ("", None))[1]
    except TypeError:
        return None
    return found


def from_rushlight(torch: Any, function: Any) -> Callable[..., Any] | None:
    """Return torch's function of one of ours."""
    return next((theirs for _, theirs, mine in _pairs(torch) if mine is function), None)


def name_of(torch: Any, function: Any) -> str:
    """Return the name of a torch function, as messages give it."""
    try:
        known = _table(torch).get(function)
    except TypeError:
        known = None
    return known[0] if known else str(getattr(function, "__name__", function))
