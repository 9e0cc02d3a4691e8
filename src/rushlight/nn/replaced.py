"""Calls of a module with other tensors in the place of its own."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from rushlight.errors import explain
from rushlight.nn.module import Module
from rushlight.nn.registry import edits
from rushlight.tape import TensorBase

__all__ = ["replaced"]

_MISSING = object()


@contextmanager
def replaced(module: Module, tensors: dict[str, Any], given: dict[str, Any]) -> Iterator[None]:
    """Put the tensors into the module, by path; afterwards put its own back, and what it has made
    of the others into `given`."""
    places = []
    for path in tensors:
        owner, _, name = path.rpartition(".")
        holder: Any = module.get_submodule(owner)
        kinds = (holder._parameters, holder._buffers)
        members = next((found for found in kinds if name in found), holder.__dict__)
        own = members.get(name, _MISSING)
        if own is not _MISSING and own is not None and not isinstance(own, TensorBase):
            got = f"a tensor for {path!r}, which is a {type(own).__name__}"
            raise TypeError(explain("functional_call", got=got, expected="a name of a tensor"))
        places.append((path, members, name, own))
    try:
        for path, members, name, _ in places:
            members[name] = tensors[path]
        edits.bump()
        yield
    finally:
        for path, members, name, own in reversed(places):
            if path in given and name in members:
                given[path] = members[name]
            if own is _MISSING:
                members.pop(name, None)
            else:
                members[name] = own
        edits.bump()
