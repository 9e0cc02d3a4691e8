"""Facts: every kind of change is seen, by the compiled ones as by those in Python."""

from __future__ import annotations

import gc
import sys
import weakref
from collections import defaultdict
from collections.abc import Callable
from typing import Any

import pytest

from rushlight.compiled import native
from rushlight.facts import PlainFacts, PlainHolders, lookup

KINDS = [PlainFacts] if native is None else [PlainFacts, native.Facts]
HOLDERS = [PlainHolders] if native is None else [PlainHolders, native.Holders]


class Thing:
    """Something with attributes."""

    shared = object()

    def __init__(self) -> None:
        self.held: Any = object()
        self.parts = [object(), object()]
        self.table = {"a": object(), "b": object(), "lr": object()}

    @property
    def strange(self) -> Any:
        if self.held is None:
            raise RuntimeError("nothing is held")
        return self.held


class Below(Thing):
    """A class under another."""


def _values(facts: Any, thing: Thing) -> None:
    kept = [value for key, value in thing.table.items() if key != "lr"]
    facts.values(thing.table, kept, ("lr",))


# what is stated, and what makes it wrong
STATEMENTS: dict[str, tuple[Callable[[Any, Any], None], dict[str, Callable[[Any], Any]]]] = {
    "attributes": (
        lambda facts, t: facts.attributes("held", [t, t], [t.held, t.held]),
        {
            "another": lambda t: setattr(t, "held", object()),
            "none": lambda t: delattr(t, "held"),
        },
    ),
    "a default of the class": (
        lambda facts, t: facts.attributes("shared", [t], [t.shared]),
        {
            "its own": lambda t: setattr(t, "shared", object()),
            "of a class below": lambda t: setattr(type(t), "shared", object()),
        },
    ),
    "a property": (
        lambda facts, t: facts.attributes("strange", [t], [t.strange]),
        {
            "another": lambda t: setattr(t, "held", object()),
            "an error": lambda t: setattr(t, "held", None),
        },
    ),
    "an entry": (
        lambda facts, t: facts.entry(t.table, "a", t.table["a"]),
        {
            "another": lambda t: t.table.update(a=object()),
            "none": lambda t: t.table.pop("a"),
            "nothing at all": lambda t: t.table.clear(),
        },
    ),
    "no entry": (
        lambda facts, t: facts.lacks(t.table, "c"),
        {
            "one": lambda t: t.table.update(c=1),
            "None": lambda t: t.table.update(c=None),
        },
    ),
    "of a class": (
        lambda facts, t: facts.lookup(type(t), "shared", lookup(type(t), "shared")),
        {
            "above": lambda t: setattr(type(t).__mro__[1], "shared", object()),
            "below": lambda t: setattr(type(t), "shared", object()),
        },
    ),
    "items": (
        lambda facts, t: facts.items(t.parts, list(t.parts)),
        {
            "another": lambda t: t.parts.__setitem__(1, object()),
            "order": lambda t: t.parts.reverse(),
            "more": lambda t: t.parts.append(t.parts[0]),
            "fewer": lambda t: t.parts.pop(),
        },
    ),
    "values": (
        _values,
        {
            "another": lambda t: t.table.update(b=object()),
            "more": lambda t: t.table.update(c=t.table["a"]),
            "fewer": lambda t: t.table.pop("b"),
            "order": lambda t: t.table.update(a=t.table.pop("a")),
        },
    ),
    "keys": (
        lambda facts, t: facts.keys(t.table, list(t.table)),
        {
            "more": lambda t: t.table.update(c=1),
            "fewer": lambda t: t.table.pop("b"),
            "order": lambda t: t.table.update(a=t.table.pop("a")),
        },
    ),
    "length": (
        lambda facts, t: facts.length(t.parts, 2),
        {"more": lambda t: t.parts.append(1), "fewer": lambda t: t.parts.clear()},
    ),
}
CHANGES = [(name, change) for name, (_, changes) in STATEMENTS.items() for change in changes]


def subject() -> Any:
    above = type("Above", (Thing,), {"shared": object()})
    return type("Kind", (above,), {})()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("name", "change"), CHANGES)
def test_a_change_is_seen(kind: Any, name: str, change: str) -> None:
    state, changes = STATEMENTS[name]
    thing, facts = subject(), kind()
    assert facts.hold()
    state(facts, thing)
    assert facts.hold() and facts.hold()
    changes[change](thing)
    assert not facts.hold()


@pytest.mark.parametrize("kind", KINDS)
def test_what_was_not_stated_may_change(kind: Any) -> None:
    thing, facts = subject(), kind()
    for state, _ in STATEMENTS.values():
        state(facts, thing)
    thing.table["lr"] = 0.5
    thing.more = 1
    assert facts.hold()
    del thing.table["lr"]
    thing.table["".join(["l", "r"])] = 0.125  # a key that is equal, not the same
    facts = kind()
    _values(facts, thing)
    assert facts.hold()


@pytest.mark.parametrize("kind", KINDS)
def test_equal_is_not_the_same(kind: Any) -> None:
    table, facts = {"n": 10**9}, kind()
    facts.entry(table, "n", table["n"])
    table["n"] = int("1000000000")
    assert not facts.hold()


@pytest.mark.parametrize("kind", KINDS)
def test_dicts_of_other_classes_are_looked_at_without_a_change(kind: Any) -> None:
    table: Any = defaultdict(list)
    table["a"] = object()
    facts = kind()
    facts.values(table, list(table.values()))
    facts.entry(table, "a", table["a"])
    facts.lacks(table, "b")
    assert facts.hold() and list(table) == ["a"]


@pytest.mark.parametrize("kind", KINDS)
def test_lists_of_unequal_lengths_are_refused(kind: Any) -> None:
    with pytest.raises(ValueError, match="as many values as owners"):
        kind().attributes("held", [Thing()], [])


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_compared_with_is_owned_and_let_go(kind: Any) -> None:
    thing = subject()
    value = thing.held
    before = sys.getrefcount(value)
    facts = kind()
    facts.attributes("held", [thing], [value])
    assert sys.getrefcount(value) > before
    thing.held = object()
    for _ in range(100):
        assert not facts.hold()
    del facts
    gc.collect()
    assert sys.getrefcount(value) == before - 1


@pytest.mark.parametrize("kind", KINDS)
def test_facts_in_a_cycle_are_collected(kind: Any) -> None:
    thing = subject()
    gone = weakref.ref(thing)
    thing.facts = facts = kind()
    for state, _ in STATEMENTS.values():
        state(facts, thing)
    facts.items(thing.parts, list(thing.parts))
    thing.parts.append(thing)
    del thing, facts
    gc.collect()
    assert gone() is None


@pytest.mark.parametrize("kind", HOLDERS)
def test_a_holder_more_or_less_is_seen(kind: Any) -> None:
    objects = [object(), object()]
    holders = kind(objects)
    assert not holders.same()  # nothing was noted
    holders.note()
    assert holders.same()
    kept = objects[1]
    assert not holders.same()
    del kept
    assert holders.same()
    objects.pop()
    assert not holders.same()


@pytest.mark.parametrize("kind", HOLDERS)
def test_holders_in_a_cycle_are_collected(kind: Any) -> None:
    thing = subject()
    gone = weakref.ref(thing)
    thing.holders = kind([thing, thing.held])
    del thing
    gc.collect()
    assert gone() is None
