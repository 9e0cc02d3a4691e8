"""Facts: what Python objects held, to be found the same again; compiled where that was built.

Identity decides: a fact holds as long as the very same object is found where one was. Both kinds of
facts own what they compare with, since an address means an object only while that lives.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence, Sized
from functools import partial
from itertools import chain, repeat
from operator import attrgetter, is_
from sys import getrefcount
from types import MappingProxyType
from typing import Any

import numpy as np

from rushlight.compiled import native

__all__ = ["Facts", "Holders", "PlainFacts", "PlainHolders", "lookup"]

_NOTHING = object()
_LISTS = ("_tests", "_empty", "_rows", "_sizes", "_members", "_dicts", "_values")


class PlainFacts:
    """Facts in Python. The compiled ones have the same methods.

    What is found goes into one array of objects, whose bytes are their addresses: the test for
    identity that costs least for each. Lists own what is expected, for the garbage collector does
    not see into arrays.
    """

    def __init__(self) -> None:
        self._tests: list[Callable[[], bool]] = []
        self._empty: list[Sized] = []
        # members of lists and keys of dicts; how many there are
        self._rows: list[Sequence[Any] | dict[Any, Any]] = []
        self._sizes: list[int] = []
        self._members: list[Any] = []
        self._dicts: list[dict[Any, Any]] = []  # their values
        self._values: list[Any] = []
        # what lies in dicts under a key each: dicts, keys and values
        self._entries: tuple[list[dict[Any, Any]], list[Any], list[Any]] = ([], [], [])
        self._classes: tuple[list[Any], list[str], list[Any]] = ([], [], [])  # in theirs
        self._named: dict[str, tuple[Callable[[Any], Any], list[Any], list[Any]]] = {}
        self._expected: bytes | None = None  # the addresses of all that is compared at one go
        self._count = 0

    @classmethod
    def together(cls, parts: Sequence[PlainFacts]) -> PlainFacts:
        """Return all that several state so far as one, which is told in less time."""
        whole = cls()
        for part in parts:
            lists = [(getattr(whole, name), getattr(part, name)) for name in _LISTS]
            for columns, more in ((whole._entries, part._entries), (whole._classes, part._classes)):
                lists += zip(columns, more, strict=True)
            for column, values in lists:
                column.extend(values)
            for name, (_, owners, stated) in part._named.items():
                whole.attributes(name, owners, stated)
        return whole

    def attributes(self, name: str, owners: list[Any], values: list[Any]) -> None:
        """Each of the owners has this value as its attribute."""
        if len(owners) != len(values):
            raise ValueError("as many values as owners are wanted")
        if not owners:
            return
        known = self._named.setdefault(name, (attrgetter(name), [], []))
        known[1].extend(owners)
        known[2].extend(values)
        self._expected = None

    def entry(self, owner: dict[Any, Any], key: Any, value: Any) -> None:
        """A dict has this value under a key."""
        if type(owner) is not dict:
            self._tests.append(lambda: owner.get(key, _NOTHING) is value)
            return
        for column, part in zip(self._entries, (owner, key, value), strict=True):
            column.append(part)
        self._expected = None

    def lacks(self, owner: dict[Any, Any], key: Any) -> None:
        """A dict has nothing under a key."""
        self.entry(owner, key, _NOTHING)

    def lookup(self, kind: type, name: str, value: Any) -> None:
        """A class and those above have this value under a name."""
        if lookup(kind, name) is not value:
            self._tests.append(lambda: lookup(kind, name) is value)
            return
        self.attributes("__mro__", [kind], [kind.__mro__])
        for part in kind.__mro__:
            found = vars(part).get(name, _NOTHING)
            for column, known in zip(self._classes, (vars(part), name, found), strict=True):
                column.append(known)
            if found is not _NOTHING:
                break

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
        if keys:
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
        self._tests.append(partial(_alike, numbers))

    def hold(self) -> bool:
        """Tell whether all of it is so."""
        try:
            if any(map(len, self._empty)) or list(map(len, self._rows)) != self._sizes:
                return False
            if self._expected is None:
                self._expect()
            found = np.fromiter(self._found(), object, self._count)
            return found.tobytes() == self._expected and all(test() for test in self._tests)
        except Exception:  # code of the objects' own: whoever reads it next will see
            return False

    def _found(self) -> Iterator[Any]:
        """Return all that is compared at one go, as it is now."""
        rows, values = self._rows, map(dict.values, self._dicts)
        owners, keys, _ = self._entries
        classes, names, _ = self._classes
        return chain(
            chain.from_iterable(rows),
            chain.from_iterable(values),
            map(dict.get, owners, keys, repeat(_NOTHING)),
            map(MappingProxyType.get, classes, names, repeat(_NOTHING)),
            *[map(read, of) for read, of, _ in self._named.values()],
        )

    def _expect(self) -> None:
        stated = [self._members, self._values, self._entries[2], self._classes[2]]
        stated += [values for _, _, values in self._named.values()]
        expected = np.fromiter(chain.from_iterable(stated), object)
        self._count, self._expected = expected.size, expected.tobytes()

    def _row(self, owner: Any, members: list[Any]) -> None:
        if not members and type(owner) in (list, dict, defaultdict):
            self._empty.append(owner)
            return
        self._rows.append(owner)
        self._sizes.append(len(members))
        self._members += members
        self._expected = None


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


def _alike(numbers: Any) -> bool:
    found = numbers.tolist()
    return not found or found.count(found[0]) == len(found)


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
    left = dict(owner)
    for name in but:
        left.pop(name, None)
    return _items(left, keys) and _items(left.values(), values)


Facts: Any = PlainFacts if native is None else native.Facts
Holders: Any = PlainHolders if native is None else native.Holders
