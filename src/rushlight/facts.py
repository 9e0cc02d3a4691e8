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
        # compared at one go: attributes of one name, dicts whose values are stated, and the members
        # of lists and keys of dicts
        self._named: dict[str, tuple[Callable[[Any], Any], list[Any], list[Any]]] = {}
        self._dicts: list[dict[Any, Any]] = []
        self._values: list[Any] = []
        self._rows: list[Sequence[Any] | dict[Any, Any]] = []
        self._sizes: list[int] = []
        self._members: list[Any] = []

    def attributes(self, name: str, owners: list[Any], values: list[Any]) -> None:
        """Each of the owners has this value as its attribute."""
        if len(owners) != len(values):
            raise ValueError("as many values as owners are wanted")
        known = self._named.setdefault(name, (attrgetter(name), [], []))
        known[1].extend(owners)
        known[2].extend(values)

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
        self._row(owner, values)

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
        self._dicts.append(owner)
        self._values += values
        self._row(owner, keys)

    def keys(self, owner: dict[Any, Any], keys: list[Any]) -> None:
        """A dict has these keys in this order."""
        self._row(owner, keys)

    def length(self, owner: list[Any], size: int) -> None:
        """A list has so many items."""
        self._tests.append(lambda: len(owner) == size)

    def alike(self, numbers: Any) -> None:
        """The numbers of an array, float32 in a row, are all the same."""
        if numbers.dtype != "f4" or numbers.ndim != 1 or not numbers.flags.c_contiguous:
            raise TypeError("got no float32 in a row")
        self._tests.append(lambda: bool((numbers == numbers[:1]).all()))

    def hold(self) -> bool:
        """Tell whether all of it is so."""
        try:
            return (
                list(map(len, self._rows)) == self._sizes
                and all(map(is_, chain.from_iterable(self._rows), self._members))
                and all(map(is_, chain.from_iterable(map(dict.values, self._dicts)), self._values))
                and all(all(map(is_, map(read, of), to)) for read, of, to in self._named.values())
                and all(test() for test in self._tests)
            )
        except Exception:  # code of the objects' own: whoever reads it next will see
            return False

    def _row(self, owner: Any, members: list[Any]) -> None:
        self._rows.append(owner)
        self._sizes.append(len(members))
        self._members += members


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
