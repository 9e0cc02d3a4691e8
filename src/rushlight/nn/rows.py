"""Rows: layers of a Sequential that run as one chain of ops once a kind of input is known.

The first input of each shape goes through the layers one by one, with every check, while the tape
notes which op each layer calls. Where each layer made exactly one call, on its input and its own
parameters, the next inputs of that shape take the chain of these ops. A layer says by `_relink`
that its forward may be left out then; layers with hooks, and classes that define another forward,
are called as ever.
"""

from __future__ import annotations

from collections.abc import Callable
from operator import is_
from typing import Any

import numpy as np

from rushlight.nn.module import Module
from rushlight.nn.registry import edits
from rushlight.tape import Chain, Link, state
from rushlight.tensor import Tensor

__all__ = ["Rows", "linkable"]

KINDS = 64  # kinds of input that a row remembers; batches of ever new shapes do not fill the memory
_NOTHING = ({None: None}, None)


def linkable(module: Module) -> bool:
    """Tell whether the module's forward is the one that its `_relink` speaks of, without hooks."""
    if module._call_hooks is not None or "forward" in module.__dict__:
        return False
    for cls in type(module).__mro__:
        if "_relink" in cls.__dict__:
            return cls.__dict__["_relink"] is not Module._relink
        if "forward" in cls.__dict__ or "__call__" in cls.__dict__:
            return False
    return False


class Row:
    """Layers that can be linked, one after the other."""

    def __init__(self, modules: list[Module]) -> None:
        self.modules = modules
        self.chains: dict[Any, Chain | None] = {}

    def __call__(self, x: Any) -> Any:
        if x.__class__ is not Tensor or x._array.__class__ is not np.ndarray:
            return self.one_by_one(x)
        array = x._array
        key = (array.shape, array.strides, array.dtype)
        chain = self.chains.get(key)
        if chain is not None:
            y = chain(x)
            if y is not None:
                return y
        elif key in self.chains:
            return self.one_by_one(x)
        return self.learn(key, x)

    def one_by_one(self, x: Any) -> Any:
        for module in self.modules:
            x = module(x)
        return x

    def learn(self, key: Any, x: Any) -> Any:
        """Run the layers one by one and make the chain, or None, that the next input meets."""
        links: list[Link] | None = []
        outer = state.trace
        try:
            for module in self.modules:
                state.trace = []
                y = module(x)
                made = _links(module, x, y, state.trace)
                links = None if links is None or made is None else links + made
                x = y
        finally:
            state.trace = outer
        if len(self.chains) >= KINDS:
            self.chains.clear()
        # a view at the end would give out the memory of an intermediate result
        fits = links is not None and len(links) > 1 and not links[-1].op.view
        self.chains[key] = Chain(links) if fits else None  # type: ignore[arg-type]
        return x


def _links(module: Module, x: Any, y: Any, calls: list[Any]) -> list[Link] | None:
    """Return what a layer did as links (none if it handed its input on), or None."""
    if y is x and not calls:
        return []
    if len(calls) != 1:
        return None
    op, args, options, out = calls[0]
    if out is not y or args[0] is not x or not _float(x, y):
        return None
    names = {id(p): name for name, p in module._parameters.items() if p is not None}
    places = []
    for arg in args[1:]:
        if arg is not None and id(arg) not in names:
            return None
        places.append(_NOTHING if arg is None else (module._parameters, names[id(arg)]))
    relinked = module._relink(options)
    return None if relinked is None else [Link(op, places, *relinked)]


def _float(*tensors: Any) -> bool:
    return all(t.__class__ is Tensor and t._array.dtype.kind == "f" for t in tensors)


class Rows:
    """The layers of a Sequential, those that can be linked put together in rows.

    Made anew when an attribute of a layer has changed. Not part of a copy or a pickle.
    """

    def __init__(self) -> None:
        self.edits = -1
        self.seen: list[Any] = []
        self.parts: list[Callable[[Any], Any]] = []

    def __reduce__(self) -> Any:
        return Rows, ()

    def of(self, modules: dict[str, Any]) -> list[Callable[[Any], Any]]:
        """Return what to call one after the other."""
        if self.edits != edits.count:
            self.edits = edits.count
            flat = [layer for module in modules.values() for layer in module._layers()]
            seen = [value for m in flat for value in (m, *m.__dict__.values())]
            if len(seen) != len(self.seen) or not all(map(is_, seen, self.seen)):
                self.seen, self.parts = seen, _parts(flat)
        return self.parts


def _parts(modules: list[Any]) -> list[Callable[[Any], Any]]:
    parts: list[Callable[[Any], Any]] = []
    row: list[Any] = []
    for module in [*modules, None]:
        if module is not None and linkable(module):
            row.append(module)
            continue
        if len(row) > 1:
            parts.append(Row(row))
        else:
            parts += row
        row = []
        if module is not None:
            parts.append(module)
    return parts
