"""Facts: what Python objects held, to be found the same again; compiled where that was built.

Identity decides: a fact holds as long as the very same object is found where one was. Both kinds of
facts own what they compare with, since an address means an object only while that lives.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from functools import partial
from itertools import chain
from operator import attrgetter, is_
from sys import getrefcount
from typing import Any

from rushlight.compiled import native

__all__ = ["Facts", "Holders", "PlainFacts", "PlainHolders", "lookup"]

_NOTHING = object()


class PlainFacts:
    """Facts in Python. The compiled ones have the same methods."""

    def __init__(self) -> None:
        self._tests: list[Callable[[], bool]] = []
        self._whole: list[dict[Any, Any]] = []  # whose contents are compared at one go
        self._sizes: list[int] = []
        self._keys: list[Any] = []
        self._values: list[Any] = []

    def attributes(self, name: str, owners: list[Any], values: list[Any]) -> None:
        """Each of the owners has this value as its attribute."""
        if len(owners) != len(values):
            raise ValueError("as many values as owners are wanted")
        self._tests.append(partial(_attributes, attrgetter(name), list(owners), list(values)))

    def entry(self, owner: dict[Any, Any], key: Any, value: Any) -> None:
        """A dict has this value under a key."""
        self._tests.append(lambda: owner.get(key, _NOTHING) is value)

    def lacks(self, owner: dict[Any, Any], key: Any) -> None:
        """A dict has nothing under a key."""
        self._tests.append(lambda: key not in owner)

    def lookup(self, kind: type, name: str, value: Any) -> None:
        """A class and those above have this value under a name."""
        self._tests.append(lambda: lookup(kind, name) is value)

    def items(self, owner: list[Any], values: list[Any]) -> None:
        """A list has these items."""
        self._tests.append(partial(_items, owner, list(values)))

    def contents(
        self, owner: dict[Any, Any], content: dict[Any, Any], but: tuple[str, ...] = ()
    ) -> None:
        """A dict has the keys and values of another in its order, beside the keys `but`."""
        if not all(type(name) is str for name in but):
            raise TypeError("the keys left out are strings")
        keys, values = _columns(content, but)
        if but or type(owner) not in (dict, defaultdict):
            self._tests.append(partial(_contents, owner, keys, values, but))
            return
        self._whole.append(owner)
        self._sizes.append(len(keys))
        self._keys += keys
        self._values += values

    def keys(self, owner: dict[Any, Any], keys: list[Any]) -> None:
        """A dict has these keys in this order."""
        self._tests.append(partial(_items, owner, list(keys)))

    def length(self, owner: list[Any], size: int) -> None:
        """A list has so many items."""
        self._tests.append(lambda: len(owner) == size)

    def hold(self) -> bool:
        """Tell whether all of it is so."""
        try:
            return self._contained() and all(test() for test in self._tests)
        except Exception:  # code of the objects' own: whoever reads it next will see
            return False

    def _contained(self) -> bool:
        whole = self._whole
        if list(map(len, whole)) != self._sizes:
            return False
        values = chain.from_iterable(map(dict.values, whole))
        return all(map(is_, values, self._values)) and all(
            map(is_, chain.from_iterable(whole), self._keys)
        )


class PlainHolders:
    """Objects, and how many references to each there were when that was noted."""

    def __init__(self, objects: list[Any]) -> None:
        self._objects = list(objects)
        self._counts: list[int] = []

    def note(self) -> None:
        """Note the numbers of references as they are."""
        self._counts = list(map(getrefcount, self._objects))

    def same(self) -> bool:
        """Tell whether there are as many as were noted; False where none were, of objects."""
        return list(map(getrefcount, self._objects)) == self._counts


def lookup(kind: type, name: str) -> Any:
    """Return what a class and those above have under a name, as it lies there, if anything."""
    for part in kind.__mro__:
        if name in vars(part):
            return vars(part)[name]
    return _NOTHING


def _attributes(read: Callable[[Any], Any], owners: list[Any], values: list[Any]) -> bool:
    return all(map(is_, map(read, owners), values))


def _items(found: Any, expected: Sequence[Any]) -> bool:
    return len(found) == len(expected) and all(map(is_, found, expected))


def _columns(content: dict[Any, Any], but: tuple[str, ...]) -> tuple[list[Any], list[Any]]:
    """Return the keys and the values of a dict, beside some."""
    if not but:
        return list(content), list(content.values())
    kept = [pair for pair in content.items() if not (isinstance(pair[0], str) and pair[0] in but)]
    return [key for key, _ in kept], [value for _, value in kept]


def _contents(
    owner: dict[Any, Any], keys: list[Any], values: list[Any], but: tuple[str, ...]
) -> bool:
    found = _columns(owner, but)
    return _items(found[0], keys) and _items(found[1], values)


Facts: Any = PlainFacts if native is None else native.Facts
Holders: Any = PlainHolders if native is None else native.Holders
