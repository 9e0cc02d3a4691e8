"""The state of objects that do not say themselves what it is: their attributes."""

from __future__ import annotations

from typing import Any

import numpy as np

from rushlight.tensor import Tensor

__all__ = ["is_plain", "plain_state", "set_plain_state"]

_SCALARS = (bool, int, float, str, type(None))


def is_plain(value: Any) -> bool:
    """Tell whether a value is one that a checkpoint can hold."""
    if type(value) in _SCALARS or isinstance(value, Tensor):
        return True
    if isinstance(value, np.ndarray | np.generic):
        return type(value) is not np.ndarray or value.dtype.kind in "biuf"
    if type(value) in (list, tuple):
        return all(map(is_plain, value))
    if type(value) is dict:
        return all(type(key) in _SCALARS and is_plain(part) for key, part in value.items())
    return False


def plain_state(owner: Any, leave: tuple[str, ...] = ()) -> dict[str, Any] | None:
    """Return the state of an object; None where it holds something that cannot be written.

    That is its `state_dict()` where it has one, else its attributes; functions and classes among
    them are no state. Arrays are copied, NumPy's scalars become arrays without axes.

    Args:
        owner: the object.
        leave: names of attributes that are no state.
    """
    if callable(getattr(owner, "state_dict", None)):
        return {"own": owner.state_dict()}
    found = {}
    for name, value in getattr(owner, "__dict__", {}).items():
        if name in leave or (callable(value) and not is_plain(value)):
            continue
        if not is_plain(value):
            return None
        found[name] = np.asarray(value) if isinstance(value, np.generic) else value
    return {"attributes": found}


def set_plain_state(owner: Any, state: dict[str, Any]) -> None:
    """Give an object the state that another of its kind had."""
    if "own" in state:
        owner.load_state_dict(state["own"])
        return
    for name, value in state["attributes"].items():
        scalar = isinstance(value, np.ndarray) and not value.ndim
        setattr(owner, name, value[()] if scalar else value)
