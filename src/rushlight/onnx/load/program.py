"""Nodes one after the other: which values each takes and gives, and which nobody needs any more."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from rushlight.errors import explain
from rushlight.onnx.load.table import Node
from rushlight.tape import state

__all__ = ["Step", "run", "steps_of"]


class Step(NamedTuple):
    """The names of the values of one node.

    Attributes:
        name: of the node.
        inputs: '' for one that is left out, none of these at the end.
        outputs: '' for one that nobody wants.
        done: values that no later node takes.
        sizes: whether it computes sizes from sizes. Such steps are left out of traces, in which
            they would be constants: what takes them takes them as numbers.
    """

    name: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    done: tuple[str, ...]
    sizes: bool


def steps_of(
    nodes: Sequence[Node], kept: Iterable[str], constants: Iterable[str]
) -> tuple[Step, ...]:
    """Return the steps of nodes in this order.

    Args:
        nodes: in an order in which they can run.
        kept: names of values that stay to the end.
        constants: names of values that are not computed.
    """
    last: dict[str, int] = {}
    for i, node in enumerate(nodes):
        last.update(dict.fromkeys(filter(None, (*node.inputs, *node.outputs)), i))
    staying = set(kept)
    done: list[list[str]] = [[] for _ in nodes]
    for name, i in last.items():
        if name not in staying:
            done[i].append(name)
    sizes = _sizes(nodes, set(constants))
    return tuple(
        Step(f"{n.name!r} ({n.title()})", _trimmed(n.inputs), n.outputs, tuple(names), n in sizes)
        for n, names in zip(nodes, done, strict=True)
    )


# operators that make arrays of the sizes that they take: data, which a trace has to hold
_FILLING = {"ConstantOfShape", "Expand", "Range", "Tile"}


def _sizes(nodes: Sequence[Node], constants: set[str]) -> set[Node]:
    """Return the nodes that take nothing but sizes and constants."""
    found: set[Node] = set()
    known = {""}
    for node in nodes:
        given = set(node.inputs)
        if node.op in _FILLING:
            continue
        if node.op in ("Shape", "Size") or (given & known - {""} and given <= known | constants):
            found.add(node)
            known.update(node.outputs)
    return found


def run(calls: Iterable[Any], steps: Sequence[Step], values: dict[str, Any]) -> None:
    """Call one function for each step; what they return stands in `values` afterwards.

    Raises:
        Exception: what an operator raised, with a note of its node.
    """
    values[""] = None  # inputs that are left out
    take = values.__getitem__
    for call, (name, inputs, outputs, done, sizes) in zip(calls, steps, strict=True):
        try:
            found = _untraced(call, map(take, inputs)) if sizes else call(*map(take, inputs))
        except Exception as error:
            error.add_note(f"in the ONNX node {name}")
            raise
        if len(outputs) == 1 and found is not None and not isinstance(found, tuple):
            values[outputs[0]] = found
        else:
            _store(name, outputs, found, values)
        for source in done:
            del values[source]


def _untraced(call: Any, given: Iterable[Any]) -> Any:
    outer, state.trace = state.trace, None
    try:
        return call(*given)
    finally:
        state.trace = outer


def _store(name: str, outputs: tuple[str, ...], found: Any, values: dict[str, Any]) -> None:
    results = found if isinstance(found, tuple) else (found,)
    for i, target in enumerate(outputs):
        if not target:
            continue
        if i >= len(results) or results[i] is None:
            got = f"output {i + 1} of the node {name}"
            fix = "take it out of the graph"
            expected = "outputs that are supported"
            raise NotImplementedError(explain("onnx", got=got, expected=expected, fix=fix))
        values[target] = results[i]


def _trimmed(names: tuple[str, ...]) -> tuple[str, ...]:
    while names and not names[-1]:
        names = names[:-1]
    return names
