"""Rows: layers of a Sequential that run as one chain of ops once a kind of input is known.

The first input of each shape goes through the layers one by one, with every check, while the tape
notes which op each layer calls. Where each layer made exactly one call, on its input and its own
parameters, the next inputs of that shape take the chain of these ops. A layer says by `_relink`
that its forward may be left out then. Layers with hooks or attributes that can change unseen, and
classes from elsewhere, which may define anything, are called as ever.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from operator import is_
from typing import Any

import numpy as np

from rushlight.nn.module import Module
from rushlight.nn.registry import edits, library
from rushlight.tape import Chain, Link, Place, state
from rushlight.tensor import Tensor

__all__ = ["Rows", "linkable"]

KINDS = 64  # kinds of input that a row remembers; batches of ever new shapes do not fill the memory
_NOTHING: Place = ({None: None}, None)


def _plain(module: Module) -> bool:
    """Tell whether calling the module is calling the forward of a class of this library."""
    return (
        module._call_hooks is None
        and library(type(module))
        and library(type(module).forward)
        and "forward" not in module.__dict__
    )


def linkable(module: Module) -> bool:
    """Tell whether the module may become a link: see above."""
    mutable = (
        isinstance(value, (list, dict, set, np.ndarray))
        for name, value in module.__dict__.items()
        if not name.startswith("_")
    )
    return _plain(module) and type(module)._relink is not Module._relink and not any(mutable)


class Row:
    """Layers that can be linked, one after the other."""

    def __init__(self, modules: tuple[Module, ...]) -> None:
        self.modules, self.forwards = modules, _forwards(modules)
        self.known: tuple[int, list[Any], dict[Any, Chain | None]] = (-1, [], {})

    def __call__(self, x: Any) -> Any:
        if x.__class__ is not Tensor or not isinstance(x._array, np.ndarray):
            return self.one_by_one(x)
        if state.trace is not None:  # who looks at the calls shall see each
            return self.one_by_one(x)
        array, chains = x._array, self.chains()
        key = (array.shape, array.strides, array.dtype)
        chain = chains.get(key)
        if chain is not None:
            y = chain(x)
            if y is not None:
                return y
        elif key in chains:
            return self.one_by_one(x)
        return self.learn(chains, key, x)

    def chains(self) -> dict[Any, Chain | None]:
        """Return what was learnt of the layers as they are; nothing if one has changed since."""
        at, seen, chains = self.known
        if at != edits.last:
            at = edits.last  # before the look: a change during it will be seen by the next call
            now = [value for m in self.modules for value in _attributes(m)]
            if len(now) != len(seen) or not all(map(is_, now, seen)):
                chains = {}
            self.known = at, now, chains
        return chains

    def one_by_one(self, x: Any) -> Any:
        for module in self.modules:
            x = module(x)
        return x

    def learn(self, chains: dict[Any, Chain | None], key: Any, x: Any) -> Any:
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
        if len(chains) >= KINDS:
            chains.clear()
        # a view at the end would give out the memory of an intermediate result
        fits = links is not None and len(links) > 1 and not links[-1].op.view
        chains[key] = Chain(links) if fits else None  # type: ignore[arg-type]
        return x


def _attributes(module: Module) -> Iterator[Any]:
    yield from module.__dict__.values()
    yield from module._buffers.values()


def _links(module: Module, x: Any, y: Any, calls: list[Any]) -> list[Link] | None:
    """Return what a layer did as links (none if it handed its input on), or None."""
    if y is x:
        return None if calls else []
    if len(calls) != 1:
        return None
    op, args, options, outs, _ = calls[0]
    if outs[0] is not y or args[0] is not x or not _float(x, y):
        return None
    names = {id(p): name for name, p in module._parameters.items() if p is not None}
    places = []
    for arg in args[1:]:
        if arg is not None and id(arg) not in names:
            return None
        places.append(_NOTHING if arg is None else (module._parameters, names[id(arg)]))
    relinked = module._relink(options)
    watched = [(module._buffers, name) for name in module._buffers]
    return None if relinked is None else [Link(op, places, *relinked, watched)]


def _float(*tensors: Any) -> bool:
    return all(t.__class__ is Tensor and t._array.dtype.kind == "f" for t in tensors)


class Rows:
    """The layers of a Sequential, those that can be linked put together in rows.

    Not part of a copy or a pickle.
    """

    def __init__(self) -> None:
        self.known = _Known(-1, [], [], [])  # replaced as a whole: other threads may be reading it

    def __reduce__(self) -> Any:
        return Rows, ()

    def of(self, sequential: Module) -> list[Callable[[Any], Any]]:
        """Return what to call one after the other."""
        known = self.known
        if known.holds(sequential):
            return known.parts
        edit = edits.last  # before the look: a change during it will be seen by the next call
        containers: list[tuple[dict[str, Any], list[Any]]] = []
        layers = _flat(sequential, containers)
        rows = {
            row.modules: row
            for row in known.parts
            if isinstance(row, Row) and row.forwards == _forwards(row.modules)
        }
        parts = [rows.get(g) or Row(g) if len(g) > 1 else g[0] for g in _groups(layers)]
        self.known = _Known(edit, containers, layers, parts)
        return parts


class _Known:
    """What was seen when the parts were made."""

    def __init__(
        self, edit: int, containers: list[Any], layers: list[Any], parts: list[Any]
    ) -> None:
        self.edit, self.containers, self.layers, self.parts = edit, containers, layers, parts
        self.forwards = _forwards(layers)

    def holds(self, sequential: Module) -> bool:
        """Tell whether the layers are those that were looked at, and none was changed since."""
        if self.edit != edits.last or self.containers[0][0] is not sequential._modules:
            return False
        for modules, seen in self.containers:
            if list(modules.values()) != seen:
                return False
        return _forwards(self.layers) == self.forwards


def _forwards(layers: Iterable[Module]) -> list[Any]:
    return [m.__class__.forward for m in layers]


def _flat(sequential: Any, containers: list[Any]) -> list[Any]:
    """Return the layers, those of a nested Sequential in its place; note what was looked at."""
    containers.append((sequential._modules, list(sequential._modules.values())))
    found: list[Any] = []
    for module in sequential._modules.values():
        if module._in_row and _plain(module):
            found += _flat(module, containers)
        else:
            found.append(module)
    return found


def _groups(layers: list[Any]) -> list[tuple[Any, ...]]:
    """Put neighbours that can be linked together."""
    groups: list[tuple[Any, ...]] = []
    open_ = False
    for layer in layers:
        joins = linkable(layer)
        if joins and open_:
            groups[-1] = (*groups[-1], layer)
        else:
            groups.append((layer,))
        open_ = joins
    return groups
