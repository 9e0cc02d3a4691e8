"""What a recorded graph is made of: values, nodes that compute them, sizes that may change."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from math import prod
from typing import Any, Literal, NamedTuple

import numpy as np

__all__ = [
    "Graph", "Node", "RecordError", "Repeated", "Size", "Value", "operands", "rebuilt", "replaced",
]  # fmt: skip

Kind = Literal["input", "parameter", "buffer", "constant", "node"]


class RecordError(ValueError):
    """A model whose calls cannot be written down as one graph that holds for all inputs."""


@dataclass(frozen=True)
class Size:
    """An integer that changes with the dynamic axes: (times * product of symbols + plus) // over.

    Two sizes are the same when they were the same in all recordings (`seen`).

    Args:
        seen: what it was in each recording; the first is the example's.
        symbols: names of dynamic sizes; none: no formula over them was found.
        times, plus, over: of the formula.

    Example:
        >>> Size((6, 8), ("batch",), times=2).at({"batch": 5})
        10
    """

    seen: tuple[int, ...]
    symbols: tuple[str, ...] = field(default=(), compare=False)
    times: int = field(default=1, compare=False)
    plus: int = field(default=0, compare=False)
    over: int = field(default=1, compare=False)

    def at(self, sizes: Mapping[str, int]) -> int:
        """Return the integer for sizes of the symbols."""
        if not self.symbols:
            raise RecordError(f"no formula is known for the size {self}")
        product = prod(sizes[symbol] for symbol in self.symbols)
        return (self.times * product + self.plus) // self.over

    def __str__(self) -> str:
        if not self.symbols:
            return f"size_{'_'.join(map(str, self.seen))}"
        text = "*".join(self.symbols)
        text = text if self.times == 1 else f"{self.times}*{text}"
        text = f"{text}{self.plus:+d}" if self.plus else text
        return text if self.over == 1 else f"({text})//{self.over}"


class Repeated(NamedTuple):
    """A tuple of equal items whose length may change."""

    item: Any
    times: int | Size


@dataclass(eq=False)
class Value:
    """One array of the graph.

    Attributes:
        name: unique in the graph; of a parameter or buffer, the key of the state dict.
        shape: its sizes; a `Size` where a dynamic axis changes it.
        dtype: the NumPy dtype.
        kind: "input", "parameter", "buffer", "constant", or "node": the output of one.
        array: its elements where neither inputs nor dynamic axes change them, else None.
    """

    name: str
    shape: tuple[int | Size, ...]
    dtype: np.dtype[Any]
    kind: Kind
    array: Any = None

    def __repr__(self) -> str:
        sizes = ", ".join(map(str, self.shape))
        return f"<{self.kind} {self.name}: {self.dtype.name} ({sizes})>"


@dataclass(eq=False)
class Node:
    """One call.

    Attributes:
        op: the name: of an op in `rushlight.ops`, of a function that computes outside of ops, or
            "setitem".
        inputs: the arguments: values, numbers, None.
        options: by name: numbers, strings, dtypes, slices, `Size`, tuples of these, `Repeated`,
            and a Value where an array is an option (an index, a mask).
        outputs: what it computes.
        where: the path of the module that made the call; "" is the model itself.
    """

    op: str
    inputs: tuple[Any, ...]
    options: dict[str, Any]
    outputs: tuple[Value, ...]
    where: str = ""

    def operands(self) -> Iterator[Value]:
        """Iterate over the values among the inputs and options."""
        yield from operands((self.inputs, self.options))

    def __repr__(self) -> str:
        made = ", ".join(v.name for v in self.outputs)
        read = ", ".join(v.name if isinstance(v, Value) else repr(v) for v in self.inputs)
        return f"<{made} = {self.op}({read}) {self.options}>"


@dataclass(eq=False)
class Graph:
    """What a model calls, in order: a plain structure that passes may change.

    Attributes:
        inputs: the tensors that the model was given, by name.
        outputs: the tensors that it returned, flattened.
        nodes: the calls, each after those whose outputs it reads.
        parameters: the parameters and buffers that are read.
        result: what the model returned, with values in place of tensors.
        sizes: for each name of a dynamic size, an input and the axis that has it.
        way: in which way `examples` exchanges integers of the example for others.
        ones: the dynamic sizes that may be 1, as far as the model takes it.
        drew: whether the call drew random numbers.
    """

    inputs: tuple[Value, ...]
    outputs: tuple[Value, ...]
    nodes: list[Node]
    parameters: tuple[Value, ...]
    result: Any = None
    sizes: dict[str, tuple[Value, int]] = field(default_factory=dict)
    way: int = 0
    ones: tuple[str, ...] = ()
    drew: bool = False

    def users(self) -> dict[Value, list[Node]]:
        """Return the nodes that read each value."""
        found: dict[Value, list[Node]] = {}
        for node in self.nodes:
            for value in node.operands():
                found.setdefault(value, []).append(node)
        return found

    def constants(self) -> list[Value]:
        """Return the constants that are read or returned, in order."""
        read = [value for node in self.nodes for value in node.operands()]
        return [v for v in dict.fromkeys([*read, *self.outputs]) if v.kind == "constant"]

    def replace(self, value: Value, by: Value) -> None:
        """Let whoever reads a value, or returns it, take another."""

        def swap(found: Value) -> Value:
            return by if found is value else found

        for node in self.nodes:
            node.inputs = replaced(node.inputs, swap)
            node.options = replaced(node.options, swap)
        self.outputs = replaced(self.outputs, swap)
        self.result = replaced(self.result, swap)


def operands(plain: Any) -> Iterator[Value]:
    """Iterate over the values in nested tuples, dicts and slices."""
    if isinstance(plain, Value):
        yield plain
    elif isinstance(plain, dict):
        for item in plain.values():
            yield from operands(item)
    elif isinstance(plain, (tuple, list)):
        for item in plain:
            yield from operands(item)


def replaced(plain: Any, change: Callable[[Value], Any]) -> Any:
    """Return a nested structure with `change` applied to each value in it."""
    if isinstance(plain, Value):
        return change(plain)
    if isinstance(plain, dict):
        return {key: replaced(item, change) for key, item in plain.items()}
    if isinstance(plain, (tuple, list)):
        return rebuilt(plain, [replaced(item, change) for item in plain])
    return plain


def rebuilt(like: Any, items: list[Any]) -> Any:
    """Return items as a tuple or list of the kind of another, under the names that it has."""
    if hasattr(like, "with_values"):
        return like.with_values(items)
    return type(like)(*items) if hasattr(like, "_fields") else type(like)(items)
