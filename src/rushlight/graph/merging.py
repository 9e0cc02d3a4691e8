"""Several recordings of one model as one graph: what must be the same, and what are sizes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from rushlight.errors import explain
from rushlight.graph.sizes import formula
from rushlight.graph.structure import Graph, Node, RecordError, Repeated, Size, Value, rebuilt

__all__ = ["merge"]


def merge(graphs: Sequence[Graph], samples: Sequence[Mapping[str, int]]) -> Graph:
    """Return the first graph with a `Size` wherever a dynamic axis changes an integer.

    Args:
        graphs: the example's, the one with other elements, and those with other sizes.
        samples: the dynamic sizes of each.

    Raises:
        RecordError: naming the first place where the recordings differ otherwise.
    """
    return _Merger(graphs, samples).merge()


class _Merger:
    def __init__(self, graphs: Sequence[Graph], samples: Sequence[Mapping[str, int]]) -> None:
        self.graphs, self.samples = graphs, samples
        self.twins: dict[Value, tuple[Value, ...]] = {}  # of the first graph, those of all

    def merge(self) -> Graph:
        first = self.graphs[0]
        for group in ("inputs", "parameters"):
            for twins in zip(*[getattr(graph, group) for graph in self.graphs], strict=True):
                self.pair(twins, f"{twins[0].kind} {twins[0].name!r}")
        self.same_calls()
        for nodes in zip(*[graph.nodes for graph in self.graphs], strict=True):
            self.node(nodes)
        self.join([graph.result for graph in self.graphs], "the model's output")
        return first

    def why(self, i: int) -> str:
        """Return what was different about a recording."""
        if self.samples[i] == self.samples[0]:
            return "other elements of the inputs"
        sizes = ", ".join(f"{name}={size}" for name, size in self.samples[i].items())
        return f"{sizes} (the example: {', '.join(map(str, self.samples[0].values()))})"

    def same_calls(self) -> None:
        """Refuse recordings of unlike calls, naming the first."""
        for i, graph in enumerate(self.graphs[1:], 1):
            pairs = zip(self.graphs[0].nodes, graph.nodes, strict=False)
            for mine, other in pairs:
                if (mine.op, mine.where) != (other.op, other.where):
                    raise self.refuse(_place(mine), f"{_place(other)} for {self.why(i)}")
            if len(graph.nodes) != len(self.graphs[0].nodes):
                count = len(self.graphs[0].nodes)
                got = f"{len(graph.nodes)} calls for {self.why(i)}, {count} for the example"
                longer = max(self.graphs[0].nodes, graph.nodes, key=len)
                last = longer[min(len(graph.nodes), count)]
                raise self.refuse(f"{_place(last)}", got)

    def refuse(self, place: str, got: str) -> RecordError:
        return RecordError(
            explain(
                place,
                got=got,
                expected="the same calls with the same constants for all inputs",
                fix="compute with tensors in place of Python's if, for and numbers, or record "
                "without this dynamic axis; an example whose dynamic sizes are above 1 helps",
            )
        )

    # ---- values

    def pair(self, twins: tuple[Value, ...], place: str) -> None:
        """Note that values are one, its shape the same but for sizes."""
        mine = twins[0]
        for i, other in enumerate(twins):
            if (other.kind, other.dtype, len(other.shape)) != (
                mine.kind, mine.dtype, len(mine.shape)
            ):  # fmt: skip
                raise self.refuse(place, f"{other} for {self.why(i)}, {mine} for the example")
        mine.shape = tuple(
            self.integer(sizes, place) for sizes in zip(*[v.shape for v in twins], strict=True)
        )
        self.twins[mine] = twins

    def value(self, twins: tuple[Value, ...], place: str) -> Value:
        mine = twins[0]
        known = self.twins.get(mine)
        if known is None and all(v.kind == "constant" for v in twins):
            self.constant(twins, place)
        elif known is None or any(a is not b for a, b in zip(known, twins, strict=True)):
            i = next(i for i, v in enumerate(twins) if known is None or known[i] is not v)
            raise self.refuse(place, f"{twins[i]} for {self.why(i)}, {mine} for the example")
        return mine

    def constant(self, twins: tuple[Value, ...], place: str) -> None:
        mine = twins[0]
        for i, other in enumerate(twins):
            if mine.dtype != other.dtype or not _equal(mine.array, other.array):
                raise RecordError(
                    explain(
                        place,
                        got=f"an array that was computed outside of tensors (or at random) and is "
                        f"another for {self.why(i)}",
                        expected="constants that are the same for all inputs",
                        fix="compute it with rushlight's functions of tensors",
                    )
                )
        self.twins[mine] = twins

    # ---- calls

    def node(self, nodes: Sequence[Node]) -> None:
        mine, place = nodes[0], _place(nodes[0])
        mine.inputs = self.join([node.inputs for node in nodes], place)
        mine.options = self.join([node.options for node in nodes], place)
        changing = _sized(mine.options) or _sized(mine.inputs)
        changing |= any(value.array is None for value in mine.operands())
        for twins in zip(*[node.outputs for node in nodes], strict=True):
            self.pair(twins, place)
            if changing:
                twins[0].array = None
            elif not all(_equal(twins[0].array, other.array) for other in twins):
                raise RecordError(
                    explain(place, got="random numbers", expected="the same from call to call",
                            fix="give them to the model as an input")
                )  # fmt: skip

    def join(self, items: Sequence[Any], place: str) -> Any:
        """Return arguments or options of one call, as seen in all recordings, as one."""
        mine = items[0]
        for i, other in enumerate(items):
            if type(other) is not type(mine):
                raise self.refuse(place, f"{other!r} for {self.why(i)}, {mine!r} for the example")
        if isinstance(mine, Value):
            return self.value(tuple(items), place)
        if isinstance(mine, slice):
            parts = [self.join([getattr(s, p) for s in items], place) for p in _SLICE]
            return slice(*parts)
        if isinstance(mine, (tuple, list)):
            if len({len(item) for item in items}) > 1:
                if all(map(_repeats, items)):
                    count = self.integer([len(item) for item in items], place)
                    return Repeated(self.join([item[0] for item in items], place), count)
                i = next(i for i, item in enumerate(items) if len(item) != len(mine))
                raise self.refuse(place, f"{items[i]} for {self.why(i)}, {mine} for the example")
            parts = [self.join(part, place) for part in zip(*items, strict=True)]
            return rebuilt(mine, parts)
        if isinstance(mine, dict):
            return {key: self.join([item[key] for item in items], place) for key in mine}
        if type(mine) is int:
            return self.integer(items, place)
        if isinstance(getattr(mine, "rule", None), tuple) and any(i is not mine for i in items):
            return self.join([item.rule for item in items], place)  # what it was made of
        for i, other in enumerate(items):
            if not (other is mine or other == mine or (other != other and mine != mine)):
                raise self.refuse(place, f"{other!r} for {self.why(i)}, {mine!r} for the example")
        return mine

    def integer(self, seen: Sequence[int], place: str) -> int | Size:
        if len(set(seen)) == 1:
            return seen[0]
        for i, other in enumerate(seen):
            if other != seen[0] and self.samples[i] == self.samples[0]:
                raise self.refuse(place, f"{other} for {self.why(i)}, {seen[0]} for the example")
        return formula(tuple(seen), self.samples)


def _repeats(items: Sequence[Any]) -> bool:
    """Tell whether items are one integer, several times."""
    return len(items) > 0 and all(type(i) is int and i == items[0] for i in items)


_SLICE = ("start", "stop", "step")


def _place(node: Node) -> str:
    return f"{node.op} in {node.where or 'the model'}"


def _equal(a: Any, b: Any) -> bool:
    if a is None or b is None:
        return a is b
    return a is b or np.array_equal(a, b, equal_nan=a.dtype.kind == "f")


def _sized(plain: Any) -> bool:
    """Tell whether there is a Size in nested arguments."""
    if isinstance(plain, Size):
        return True
    if isinstance(plain, slice):
        return _sized((plain.start, plain.stop, plain.step))
    if isinstance(plain, dict):
        return any(map(_sized, plain.values()))
    return isinstance(plain, (tuple, list)) and any(map(_sized, plain))
