"""The graph of one call of a model: layers and ops, and the tensors that go from one to the other.

A layer that calls no other layer is one node, however many ops it runs; so is any layer at the
depth that was asked for. What a model computes between its layers, `x + y` or `cat`, is a node for
each op. A layer that is called twice is two nodes. Ops that lead nowhere are left out.
"""

from __future__ import annotations

import inspect
from dataclasses import dataclass, field
from typing import Any

from rushlight.nn.parameter import Parameter
from rushlight.nn.registry import library
from rushlight.nn.summary.watching import Call, Watched, tensors_in
from rushlight.tape import TensorBase, Traced

__all__ = ["Edge", "Graph", "Node", "graph_of", "shape_text"]


@dataclass(frozen=True)
class Node:
    """A layer's call, an op, or what goes in or comes out.

    Attributes:
        kind: 'input', 'output', 'layer', 'op' or 'constant' (a tensor that no op has made).
        title: the layer's class, the op's name, or the input's.
        path: of the layer in the model; of an op, the parameters it takes.
        detail: the layer's arguments.
        call: 0, or which call it is of a layer that is called more than once.
        trained: whether it has parameters.
        groups: the calls around it, outermost first: keys of `Graph.groups`.
    """

    kind: str
    title: str
    path: str = ""
    detail: str = ""
    call: int = 0
    trained: bool = False
    groups: tuple[int, ...] = ()


@dataclass(frozen=True)
class Edge:
    """A tensor on its way from one node to another.

    Attributes:
        source, target: positions in `Graph.nodes`.
        shape: its shape, and its dtype if that is not floating.
        tensor: a number of its own: equal on all edges that carry the same tensor.
    """

    source: int
    target: int
    shape: str
    tensor: int


@dataclass(frozen=True)
class Graph:
    """Nodes in the order in which they ran, the edges, and the names of the calls around nodes."""

    nodes: tuple[Node, ...]
    edges: tuple[Edge, ...]
    groups: dict[int, str] = field(default_factory=dict)


def shape_text(tensor: Any) -> str:
    """Return a tensor's shape, with its dtype if that is not floating."""
    dtype = tensor._array.dtype
    return f"{tuple(tensor.shape)}" + ("" if dtype.kind == "f" else f" {dtype.name}")


class _Builder:
    """Follows the events and knows at each moment which node has made which tensor."""

    def __init__(self, seen: Watched, depth: int | None) -> None:
        self.seen, self.depth = seen, depth
        self.nodes: list[Node] = []
        self.edges: dict[tuple[int, int, int], Edge] = {}
        self.groups: dict[int, str] = {}
        self.made: dict[int, tuple[int, Any, int]] = {}  # id -> node, the tensor, its number
        self.lent: dict[int, Any] = {}  # id of an array or of a version -> a tensor that has it
        self.tensors = 0
        self.opened: dict[Call, int] = {}  # calls that are one node
        self.numbers: dict[Call, int] = {}
        owned = [*seen.model.named_parameters(), *seen.model.named_buffers()]
        self.names = {id(tensor): name for name, tensor in owned}

    def build(self) -> Graph:
        counts: dict[str, int] = {}
        for kind, what, _ in self.seen.events:
            if kind == "enter":
                counts[what.path] = counts.get(what.path, 0) + 1
        calls: dict[str, int] = {}
        for kind, what, around in self.seen.events:
            if kind == "op":
                self.op(what, around)
            elif kind == "enter":
                calls[what.path] = calls.get(what.path, 0) + 1
                self.enter(what, calls[what.path] if counts[what.path] > 1 else 0)
            else:
                self.leave(what)
        return self.pruned()

    # ---- nodes

    def node(self, *args: Any, **more: Any) -> int:
        self.nodes.append(Node(*args, **more))
        return len(self.nodes) - 1

    def around(self, calls: list[Call]) -> tuple[int, ...]:
        """Return the keys of the calls around a node, without the model's own."""
        return tuple(self.numbers[call] for call in calls if call.within)

    def inside(self, call: Call | None) -> int | None:
        """Return the node that a call, or one around it, is drawn as."""
        calls = [] if call is None else [*call.within, call]
        return next((self.opened[c] for c in calls if c in self.opened), None)

    def enter(self, call: Call, number: int) -> None:
        if not call.within:
            self.inputs(call)
        if self.inside(call) is not None:
            return
        self.numbers[call] = len(self.numbers)
        title = call.module._get_name()
        if self.opens(call):
            ordinal = f" · call {number}" if number else ""
            if call.within:
                self.groups[self.numbers[call]] = f"{call.path} {title}{ordinal}"
            return
        trained = next(iter(call.module.parameters()), None) is not None
        groups = self.around(call.within)
        detail = call.module.extra_repr()
        at = self.node("layer", title, call.path, detail, number, trained, groups)
        self.opened[call] = at
        for tensor in tensors_in((call.args, call.kwargs)):
            self.edge(tensor, at)

    def opens(self, call: Call) -> bool:
        """Tell whether a call is drawn as what happens in it."""
        if self.depth is not None and call.depth >= self.depth:
            return False
        own = not call.within and not library(type(call.module))
        return own or not call.leaf

    def inputs(self, call: Call) -> None:
        """Make a node for each tensor that the model was given."""
        try:
            given = inspect.signature(call.module.forward).bind(*call.args, **call.kwargs)
            named = list(given.arguments.items())
        except (TypeError, ValueError):
            named = [("input", (call.args, call.kwargs))]
        for name, value in named:
            found = list(tensors_in(value))
            for i, tensor in enumerate(found):
                self.makes(tensor, self.node("input", f"{name}[{i}]" if len(found) > 1 else name))

    def leave(self, call: Call) -> None:
        at = self.opened.get(call)
        if at is not None:
            for tensor in tensors_in(call.result):
                self.makes(tensor, at)
        if not call.within:
            for name, tensor in _named(call.result, ""):
                self.edge(tensor, self.node("output", name or "output"))

    def op(self, traced: Traced, around: Call | None) -> None:
        op, args, _, outs, watched = traced
        read = [x for x in map(self.tensor, [*args, *watched]) if x is not None]
        if not read:  # zeros, arange: constants where they are read
            return
        written = bool(outs and args) and outs[0] is args[0]
        at = self.inside(around)
        if at is None:
            taken = ", ".join(dict.fromkeys(self.names[id(x)] for x in read if id(x) in self.names))
            groups = self.around([] if around is None else [*around.within, around])
            at = self.node("op", op.name, taken, trained=bool(taken), groups=groups)
            for x in read:
                state = id(x) in self.names or isinstance(x, Parameter)
                constant = x._array.size > 1 and not state and not (written and x is outs[0])
                self.edge(x, at, known_only=not constant)
        else:
            for x in read:
                self.edge(x, at, known_only=True)
        if written:
            self.rewrites(outs[0], at)
        for out in outs:
            self.makes(out, at)

    # ---- tensors

    def tensor(self, x: Any) -> Any:
        """Return the tensor that an argument is or, of an array, whose array it is."""
        return x if isinstance(x, TensorBase) else self.lent.get(id(x))

    def source(self, tensor: Any) -> tuple[int, Any, int] | None:
        """Return who made a tensor, or the one it shares its array or its written memory with."""
        for key in (id(tensor), id(tensor._array), id(tensor._version)):
            found = self.made.get(id(self.lent.get(key, tensor)))
            if found is not None:
                return found
        return None

    def makes(self, tensor: Any, at: int) -> None:
        if isinstance(tensor, TensorBase):
            self.tensors += 1
            self.made[id(tensor)] = (at, tensor, self.tensors)
            self.lent[id(tensor._array)] = tensor

    def rewrites(self, tensor: Any, at: int) -> None:
        """Note a write: all that looks at the same memory is another from now on."""
        version = tensor._version
        for _, other, _ in list(self.made.values()):
            if other._version is version:
                self.makes(other, at)
        self.lent[id(version)] = tensor

    def edge(self, tensor: Any, target: int, known_only: bool = False) -> None:
        found = self.source(tensor)
        if found is None and not known_only:
            name = self.names.get(id(tensor), "")
            self.makes(tensor, self.node("constant", name or "constant", trained=bool(name)))
            found = self.source(tensor)
        if found is not None and found[0] != target:
            source, _, number = found
            self.edges[source, target, number] = Edge(source, target, shape_text(tensor), number)

    def pruned(self) -> Graph:
        """Leave out ops and constants that lead to no layer and no output."""
        wanted = {i for i, node in enumerate(self.nodes) if node.kind not in ("op", "constant")}
        into: dict[int, list[int]] = {}
        for edge in self.edges.values():
            into.setdefault(edge.target, []).append(edge.source)
        open_ = list(wanted)
        while open_:
            for source in into.get(open_.pop(), ()):
                if source not in wanted:
                    wanted.add(source)
                    open_.append(source)
        order = _ordered(wanted, self.edges.values())
        places = {i: k for k, i in enumerate(order)}
        edges = [e for e in self.edges.values() if e.source in places and e.target in places]
        return Graph(
            tuple(self.nodes[i] for i in order),
            tuple(Edge(places[e.source], places[e.target], e.shape, e.tensor) for e in edges),
            self.groups,
        )


def _ordered(wanted: set[int], edges: Any) -> list[int]:
    """Return the nodes by number, but constants, which are met late, before their first reader."""
    first: dict[int, int] = {}
    for edge in edges:
        if edge.target in wanted:
            first[edge.source] = min(first.get(edge.source, edge.target), edge.target)

    def place(i: int) -> tuple[float, int]:
        reader = first.get(i, i)
        return (i if reader >= i else reader - 0.5), i

    return sorted(wanted, key=place)


def _named(value: Any, name: str) -> Any:
    """Yield the tensors of a result with the keys that lead to them."""
    if isinstance(value, TensorBase):
        yield name, value
    elif isinstance(value, dict):
        for key, item in value.items():
            yield from _named(item, f"{name}.{key}" if name else str(key))
    elif isinstance(value, (tuple, list)):
        for i, item in enumerate(value):
            yield from _named(item, f"{name or 'output'}[{i}]")
    else:
        for tensor in tensors_in(value):
            yield name, tensor


def graph_of(seen: Watched, depth: int | None = None) -> Graph:
    """Return the graph of a watched call, with layers at `depth` as single nodes."""
    return _Builder(seen, depth).build()
