"""The order in which the nodes of a graph can run."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from heapq import heapify, heappop, heappush

from rushlight.onnx.load.table import Node
from rushlight.onnx.load.tensors import refuse

__all__ = ["in_order"]


def in_order(nodes: Sequence[Node], given: Iterable[str], outputs: Sequence[str]) -> list[Node]:
    """Return the nodes so that each comes after those whose outputs it takes.

    The order of the file is kept where it will do.

    Args:
        nodes: of the graph.
        given: names of the values that are there from the start.
        outputs: names of the values that are wanted.

    Raises:
        FileFormatError: a value is made twice, nobody makes it, or nodes wait for each other.
    """
    made: dict[str, int] = dict.fromkeys(given, -1)
    for i, node in enumerate(nodes):
        for name in filter(None, node.outputs):
            if name in made:
                other = (
                    "an input or initializer" if made[name] < 0 else repr(nodes[made[name]].name)
                )
                got = f"the output {name!r}, which {other} makes, too"
                refuse(f"ONNX node {node.name!r} ({node.op})", got, "a name of its own")
            made[name] = i
    for node in nodes:
        lost = [name for name in node.inputs if name and name not in made]
        if lost:
            got = f"inputs that nothing makes: {', '.join(map(repr, lost))}"
            refuse(f"ONNX node {node.name!r} ({node.op})", got, "names of values of the graph")
    lost = [name for name in outputs if name not in made]
    if lost:
        got = f"outputs that nothing makes: {', '.join(map(repr, lost))}"
        refuse("ONNX graph", got, "names of values of the graph")
    return _sorted(nodes, made)


def _sorted(nodes: Sequence[Node], made: dict[str, int]) -> list[Node]:
    waits = [{made[name] for name in node.inputs if name} - {-1} for node in nodes]
    after: list[list[int]] = [[] for _ in nodes]
    for i, sources in enumerate(waits):
        for source in sources:
            after[source].append(i)
    missing = [len(sources) for sources in waits]
    ready = [i for i, count in enumerate(missing) if not count]
    heapify(ready)
    found = []
    while ready:
        i = heappop(ready)
        found.append(nodes[i])
        for j in after[i]:
            missing[j] -= 1
            if not missing[j]:
                heappush(ready, j)
    if len(found) < len(nodes):
        names = [f"{n.name!r} ({n.op})" for n, count in zip(nodes, missing, strict=True) if count]
        fix = "the graph is cyclic, which ONNX does not allow"
        listed = ", ".join(names[:20]) + (" ..." if len(names) > 20 else "")
        refuse("ONNX graph", f"nodes that wait for each other: {listed}", "an order", fix)
    return found
