"""Facts: every kind of change is seen, by the compiled ones as by those in Python."""

from __future__ import annotations

import gc
import random
import sys
import weakref
from collections import OrderedDict, defaultdict
from collections.abc import Callable
from typing import Any

import pytest

from rushlight.compiled import native
from rushlight.facts import PlainFacts, PlainHolders, lookup


class Together(PlainFacts):
    """Facts that are told as a part of others."""

    def hold(self) -> bool:
        beside = PlainFacts()
        beside.lacks({}, "nothing")
        return PlainFacts.together([beside, self, beside]).hold()


KINDS = [PlainFacts, Together] if native is None else [PlainFacts, Together, native.Facts]
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


def _contents(facts: Any, thing: Thing) -> None:
    facts.contents(thing.table, thing.table, ("lr",))


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
    "None of a class": (
        lambda facts, t: facts.lookup(type(t), "nothing", None),
        {"none": lambda t: delattr(type(t), "nothing")},
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
    "contents": (
        _contents,
        {
            "another": lambda t: t.table.update(b=object()),
            "more": lambda t: t.table.update(c=t.table["a"]),
            "fewer": lambda t: t.table.pop("b"),
            "order": lambda t: t.table.update(a=t.table.pop("a")),
            "names": lambda t: t.table.update(a=t.table["b"], b=t.table["a"]),
            "a name": lambda t: t.table.update(c=t.table.pop("b")),
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
    return type("Kind", (above,), {"nothing": None})()


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
    _contents(facts, thing)
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
    facts.contents(table, table)
    facts.entry(table, "a", table["a"])
    facts.lacks(table, "b")
    assert facts.hold() and list(table) == ["a"]


@pytest.mark.parametrize("kind", KINDS)
def test_an_order_of_its_own_is_that_which_counts(kind: Any) -> None:
    table = OrderedDict(a=object(), b=object())
    table.move_to_end("a")
    facts, keys = kind(), kind()
    facts.contents(table, table)
    keys.keys(table, ["b", "a"])
    assert facts.hold() and keys.hold()
    table.move_to_end("b")
    assert not facts.hold() and not keys.hold()


class Unequal(str):
    """A key that cannot be compared with others."""

    __hash__ = str.__hash__

    def __eq__(self, other: object) -> bool:
        raise ERROR[0]


ERROR: list[BaseException] = [ValueError("unequal")]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("error", [ValueError("unequal"), KeyboardInterrupt()])
@pytest.mark.parametrize("name", ["a property", "an entry", "no entry"])
def test_errors_are_changes_and_interrupts_are_raised(
    kind: Any, name: str, error: BaseException, monkeypatch: Any
) -> None:
    def fail(thing: Any) -> Any:
        raise error

    thing, facts = subject(), kind()
    STATEMENTS[name][0](facts, thing)
    assert facts.hold()
    ERROR[0] = error
    thing.table.clear()
    thing.table |= {Unequal("a"): 1, Unequal("c"): 1}
    monkeypatch.setattr(Thing, "strange", property(fail))
    if isinstance(error, Exception):
        assert not facts.hold()
        return
    with pytest.raises(KeyboardInterrupt):
        facts.hold()
    assert sys.exc_info()[0] is None


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind is not Together])
def test_what_is_read_may_state_more_facts(kind: Any) -> None:
    class Growing:
        calls = 0

        @property
        def found(self) -> None:
            self.calls += 1
            if self.calls == 2:
                for i in range(100):
                    facts.entry(table, str(i), value)

    table: dict[str, Any] = {}
    facts, value, growing = kind(), object(), Growing()
    facts.attributes("found", [growing, growing], [None, None])
    assert not facts.hold()
    table |= {str(i): value for i in range(100)}
    assert facts.hold()


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


@pytest.mark.parametrize("kind", [*KINDS, *HOLDERS])
def test_one_that_was_never_made_ready_is_collected(kind: Any) -> None:
    thing = subject()
    gone = weakref.ref(thing)
    thing.raw, thing.me = kind.__new__(kind), thing
    del thing
    gc.collect()
    assert gone() is None


# ---- the compiled facts against those in Python


NAMES = ["a", "b", "c", "lr"]


def _table(rng: random.Random, pool: list[Any]) -> Any:
    kind: Any = rng.choice([dict, OrderedDict, lambda: defaultdict(list)])
    table = kind()
    for name in rng.sample(NAMES, rng.randrange(4)):
        table[name] = rng.choice(pool)
    return table


def _say(rng: random.Random, things: list[Any], pool: list[Any], both: list[Any]) -> None:
    """State something to both, which most often is the case."""
    thing, name, true = rng.choice(things), rng.choice(NAMES), rng.random() < 0.8
    table, parts = thing.table, thing.parts
    said: tuple[Any, ...] = {
        "attributes": ("held", [thing], [thing.held if true else rng.choice(pool)]),
        "entry": (table, name, table.get(name, pool[0]) if true else rng.choice(pool)),
        "lacks": (table, name),
        "lookup": (type(thing), name, getattr(type(thing), name, None)),
        "items": (parts, parts if true else parts[:1]),
        "contents": (table, table if true else {}, rng.choice([(), ("lr",), ("lr", "b")])),
        "keys": (table, list(table) if true else NAMES),
        "length": (parts, len(parts)),
    }[how := rng.choice(["attributes", "entry", "lacks", "lookup", *LISTS])]
    for facts in both:
        getattr(facts, how)(*said)


LISTS = ["items", "contents", "keys", "length"]


def _change(rng: random.Random, things: list[Any], pool: list[Any]) -> None:
    thing, name, value = rng.choice(things), rng.choice(NAMES), rng.choice(pool)
    table, parts = thing.table, thing.parts
    rng.choice(
        [
            lambda: setattr(thing, "held", value),
            lambda: vars(thing).pop("held", None) or setattr(thing, "held", value),
            lambda: table.update({"".join(list(name)): value}),
            lambda: table.pop(name, None),
            lambda: (
                table.move_to_end(name) if name in table and hasattr(table, "move_to_end") else 0
            ),
            lambda: setattr(type(thing), name, value),
            lambda: parts.append(value),
            lambda: parts.pop() if parts else 0,
            lambda: parts.reverse(),
        ]
    )()


@pytest.mark.skipif(native is None, reason="the extension is not built")
@pytest.mark.parametrize("seed", range(30))
def test_compiled_facts_hold_where_those_in_python_do(seed: int) -> None:
    rng = random.Random(seed)
    pool = [object(), None, 1.5, "".join(["l", "r"]), [], 10**20]
    found = []
    for _ in range(40):
        things = [subject() for _ in range(3)]
        for thing in things:
            thing.table, thing.parts = _table(rng, pool), rng.choices(pool, k=rng.randrange(4))
        both = [PlainFacts(), native.Facts()]
        for _ in range(rng.randrange(1, 4)):
            _say(rng, things, pool, both)
        for _ in range(8):
            plain, compiled = (facts.hold() for facts in both)
            assert plain == compiled
            found.append(plain)
            _change(rng, things, pool)
    assert 0.1 < sum(found) / len(found) < 0.9
