"""The random generators of a run: all of them, found, saved and put back."""

from __future__ import annotations

import functools
import random
import sys
import types
from collections.abc import Iterator
from typing import Any

import numpy as np

from rushlight.arrays import Array
from rushlight.random import Generator, default_generator
from rushlight.tape import TensorBase

__all__ = ["Generators", "generators_of"]

_DEPTH = 8  # attributes and elements on the way from a root to a generator
_ITEMS = 64  # of longer lists and dicts the elements are data
_OBJECTS = 100_000  # looked at in all
_PLAIN = (
    *(str, bytes, int, float, complex, type(None), type, types.ModuleType),
    *(np.ndarray, np.generic, TensorBase),
)


class Generators:
    """Those of the program (the default one, NumPy's, Python's) and those that objects hold.

    Objects are searched by way of their attributes and of short lists, tuples and dicts, for
    `rushlight.Generator`, `numpy.random.Generator` and `RandomState`, and `random.Random`.

    Args:
        roots: name -> object to search, such as the model and the loaders.
    """

    def __init__(self, roots: dict[str, Any]) -> None:
        self._roots = roots

    @functools.cached_property
    def _found(self) -> dict[str, Any]:
        """Those that objects hold, by the path to each; looked for when first needed."""
        found: dict[str, Any] = {}
        seen = {id(default_generator)}
        for name, root in self._roots.items():
            found |= dict(_search(name, root, seen))
        return found

    def state_dict(self) -> dict[str, Any]:
        """Return the states of all, by the path to each."""
        state: dict[str, Any] = {"default": default_generator.get_state()}
        state["python"] = _of_python(random.getstate())
        if "numpy.random" in sys.modules:
            state["numpy"] = np.random.get_state(legacy=False)  # noqa: NPY002
        return state | {"found": {path: _get(found) for path, found in self._found.items()}}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Put all back; one that is gone, or has come since, is left as it is."""
        default_generator.set_state(state["default"])
        random.setstate(_to_python(state["python"]))
        if "numpy" in state:
            np.random.set_state(state["numpy"])  # noqa: NPY002
        for path, found in self._found.items():
            if path in state["found"]:
                _set(found, state["found"][path])


def generators_of(*roots: Any) -> list[Generator]:
    """Return the default generator, and those of Rushlight's that objects hold, each once."""
    seen = {id(default_generator)}
    found = [part for root in roots for _, part in _search("", root, seen)]
    return [default_generator, *(part for part in found if isinstance(part, Generator))]


def _search(path: str, value: Any, seen: set[int], depth: int = 0) -> Iterator[tuple[str, Any]]:
    if isinstance(value, _PLAIN) or id(value) in seen or len(seen) > _OBJECTS:
        return
    seen.add(id(value))
    if isinstance(value, Generator | np.random.Generator | np.random.RandomState | random.Random):
        yield path, value
        return
    if depth == _DEPTH:
        return
    if isinstance(value, dict):
        parts = list(value.items()) if len(value) <= _ITEMS else []
    elif isinstance(value, list | tuple):
        parts = list(enumerate(value)) if len(value) <= _ITEMS else []
    else:
        parts = list(getattr(value, "__dict__", {}).items())
    for name, part in parts:
        yield from _search(f"{path}.{name}", part, seen, depth + 1)


def _get(found: Any) -> Any:
    if isinstance(found, Generator):
        return found.get_state()
    if isinstance(found, np.random.Generator):
        return found.bit_generator.state
    if isinstance(found, np.random.RandomState):
        return found.get_state(legacy=False)
    return _of_python(found.getstate())


def _set(found: Any, state: Any) -> None:
    if isinstance(found, np.random.Generator):
        found.bit_generator.state = state
    elif isinstance(found, Generator | np.random.RandomState):
        found.set_state(state)
    else:
        found.setstate(_to_python(state))


def _of_python(state: Any) -> dict[str, Any]:
    version, words, spare = state
    return {"version": version, "words": np.array(words, np.uint32), "spare": spare}


def _to_python(state: dict[str, Any]) -> tuple[Any, ...]:
    words: Array = state["words"]
    return state["version"], tuple(words.tolist()), state["spare"]
