"""Places where values are read: how to read them again, and what of that facts can tell.

A fact says no more than its place: where it holds, reading the place again finds the same.
"""

from __future__ import annotations

import operator
import types
from collections.abc import Callable, Iterable
from functools import partial
from operator import is_
from typing import Any

from rushlight.facts import lookup
from rushlight.nn.registry import Registry, library

__all__ = ["NOWHERE", "Place", "as_facts", "attribute", "defined", "definition", "given"]
__all__ += ["grouped", "groups", "has_gradient", "item", "ordered", "static"]

NOWHERE = object()

Place = tuple[Callable[[], Any], Any]  # how to read a value again, and what it was


# ---- ways to read


def given(value: Any) -> Any:
    """Return what never changes."""
    return value


def attribute(read: Callable[[], Any], name: str, owner: Any) -> Any:
    """Return an attribute of what `read` finds, which was `owner`; NOWHERE without it."""
    return getattr(read(), name, NOWHERE)


def item(owner: Any, key: Any) -> Any:
    """Return what a list or dict holds; NOWHERE where that is gone."""
    try:
        return owner[key]
    except (KeyError, IndexError):
        return NOWHERE


def static(kind: type, name: str) -> Any:
    """Return what a class that is neither the library's nor a builtin one has of a name."""
    for part in kind.__mro__:
        if part.__module__ != "builtins" and not library(part) and name in vars(part):
            return vars(part)[name]
    return NOWHERE


def ordered(value: dict[Any, Any], keys: list[Any]) -> bool:
    """Tell whether a dict has these keys, in this order."""
    return len(value) == len(keys) and all(map(is_, value, keys))


def definition(function: Any) -> tuple[Any, Any, Any]:
    return function.__code__, function.__defaults__, function.__kwdefaults__


def defined(function: Any, code: Any, defaults: Any, options: Any) -> bool:
    """Tell whether a function has this code and these defaults."""
    return (
        function.__code__ is code
        and function.__defaults__ is defaults
        and function.__kwdefaults__ is options
    )


def groups(optimizer: Any) -> list[int]:
    return [len(group["params"]) for group in optimizer.param_groups]


def grouped(optimizer: Any, sizes: list[int]) -> bool:
    """Tell whether an optimizer has groups of these sizes."""
    return groups(optimizer) == sizes


def has_gradient(tensor: Any) -> bool:
    return tensor._grad is not None


# ---- places as facts


def as_facts(places: Iterable[Place], facts: Any) -> list[Place]:
    """State of all places that can be told by identity what was found; return the others."""
    return [(read, value) for read, value in places if not _stated(facts, read, value)]


def _stated(facts: Any, read: Any, value: Any) -> bool:
    if read.__class__ is not partial or read.keywords:
        return False
    state = _STATEMENTS.get(read.func)
    return state is not None and state(facts, value, *read.args)


def _given(facts: Any, value: Any, owner: Any) -> bool:
    return True


def _getattr(facts: Any, value: Any, owner: Any, name: str) -> bool:
    facts.attributes(name, [owner], [value])
    return True


def _attribute(facts: Any, value: Any, read: Any, name: str, owner: Any) -> bool:
    if isinstance(owner, (types.MethodType, types.BuiltinMethodType)):  # new at each look
        return False
    # the owner has a place of its own or is a member of a module, unless it is its attribute
    if read.func is attribute:
        _, known, above = read.args
        if isinstance(above, Registry) and known in vars(above):
            facts.entry(vars(above), known, owner)
    return _getattr(facts, value, owner, name)


def _item(facts: Any, value: Any, owner: Any, key: Any) -> bool:
    if owner.__class__ is not dict or key.__class__ is not str:
        return False
    facts.entry(owner, key, value)
    return True


def _contains(facts: Any, value: Any, owner: Any, key: Any) -> bool:
    if owner.__class__ is not dict or value or key.__class__ is not str:
        return False
    facts.lacks(owner, key)
    return True


def _static(facts: Any, value: Any, kind: type, name: str) -> bool:
    if lookup(kind, name) is not value:  # the library's goes before it
        return False
    facts.lookup(kind, name, value)
    return True


def _ordered(facts: Any, value: Any, owner: Any, keys: list[Any]) -> bool:
    if owner.__class__ is not dict:
        return False
    facts.keys(owner, keys)
    return True


def _len(facts: Any, value: Any, owner: Any) -> bool:
    if owner.__class__ is not list:
        return False
    facts.length(owner, value)
    return True


def _defined(facts: Any, value: Any, function: Any, *parts: Any) -> bool:
    for name, part in zip(("__code__", "__defaults__", "__kwdefaults__"), parts, strict=True):
        facts.attributes(name, [function], [part])
    return True


def _grouped(facts: Any, value: Any, optimizer: Any, sizes: list[int]) -> bool:
    found = optimizer.param_groups
    if found.__class__ is not list or any(group.__class__ is not dict for group in found):
        return False
    lists = [group["params"] for group in found]
    if any(params.__class__ is not list for params in lists):
        return False
    facts.attributes("param_groups", [optimizer], [found])
    facts.items(found, list(found))
    for group, params, size in zip(found, lists, sizes, strict=True):
        facts.entry(group, "params", params)
        facts.length(params, size)
    return True


_STATEMENTS: dict[Any, Callable[..., bool]] = {
    given: _given,
    getattr: _getattr,
    attribute: _attribute,
    operator.getitem: _item,
    item: _item,
    operator.contains: _contains,
    static: _static,
    ordered: _ordered,
    len: _len,
    defined: _defined,
    grouped: _grouped,
}
