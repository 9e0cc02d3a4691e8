"""Nodes one after the other: which values each takes and gives, and which nobody needs any more."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from rushlight.errors import explain
from rushlight.onnx.load.table import Node

__all__ = ["Step", "run", "steps_of"]


class Step(NamedTuple):
    """The names of the values of one node.

    Attributes:
        name: of the node.
        inputs: '' for one that is left out, none of these at the end.
        outputs: '' for one that nobody wants.
        done: values that no later node takes.
    """

    name: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    done: tuple[str, ...]


def steps_of(nodes: Sequence[Node], kept: Iterable[str]) -> tuple[Step, ...]:
    """Return the steps of nodes in this order; values of the names `kept` stay to the end."""
    last: dict[str, int] = {}
    for i, node in enumerate(nodes):
        last.update(dict.fromkeys(filter(None, (*node.inputs, *node.outputs)), i))
    staying = set(kept)
    done: list[list[str]] = [[] for _ in nodes]
    for name, i in last.items():
        if name not in staying:
            done[i].append(name)
    return tuple(
        Step(f"{node.name!r} ({node.title()})", _trimmed(node.inputs), node.outputs, tuple(names))
        for node, names in zip(nodes, done, strict=True)
    )


def run(calls: Iterable[Any], steps: Sequence[Step], values: dict[str, Any]) -> None:
    """Call one function for each step; what they return stands in `values` afterwards.

    Raises:
        Exception: what an operator raised, with a note of its node.
    """
    for call, step in zip(calls, steps, strict=True):
        try:
            found = call(*[values[name] if name else None for name in step.inputs])
        except Exception as error:
            error.add_note(f"in the ONNX node {step.name}")
            raise
        if not isinstance(found, tuple):
            found = (found,)
        for i, name in enumerate(step.outputs):
            if name:
                if i >= len(found) or found[i] is None:
                    got = f"output {i + 1} of the node {step.name}"
                    fix = "take it out of the graph"
                    expected = "outputs that are supported"
                    raise NotImplementedError(explain("onnx", got=got, expected=expected, fix=fix))
                values[name] = found[i]
        for name in step.done:
            del values[name]


def _trimmed(names: tuple[str, ...]) -> tuple[str, ...]:
    while names and not names[-1]:
        names = names[:-1]
    return names
