"""Chains: ops in a row, each fed by the one before, run as one call and recorded as one node.

For small arrays the tape costs as much as the arithmetic. A chain runs the same ops on the same
arrays in the same order, so its results are those of the single calls to the last bit; what it
leaves out is what one call after another would repeat: checks that these shapes have passed, a
tensor and a node for each intermediate result, and a step of the walk for each node.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from rushlight.ops.contract import Op, Saved
from rushlight.ops.onward import onward, together
from rushlight.tape.nodes import Node, any_array, cell, edge_to, quietly, state, wrap

if TYPE_CHECKING:
    from rushlight.tensor.tensor import Tensor

__all__ = ["Chain", "Link", "Place"]

Place: TypeAlias = tuple[dict[Any, Any], Any]  # where an argument is found at each call: dict, key
Prepare: TypeAlias = Callable[[Any], dict[str, Any]]
Follow: TypeAlias = Callable[[Any, tuple[Any, ...]], None]


class Link:
    """One op of a chain.

    Args:
        op: takes the result of the link before as its first argument; its first output goes on.
        places: where its other arguments (tensors or None) are found.
        options: its options, which hold for every input of this shape.
        prepare: draws options that are new in each call, from the input's array.
        follow: is called with the input's array and the outputs, to keep running statistics.
        watched: where tensors are found whose shape and dtype `prepare` and `follow` rely on.
    """

    __slots__ = ("follow", "op", "options", "places", "prepare", "watched")

    def __init__(
        self,
        op: Op,
        places: Sequence[Place],
        options: dict[str, Any],
        prepare: Prepare | None = None,
        follow: Follow | None = None,
        watched: Sequence[Place] = (),
    ) -> None:
        self.op, self.places, self.options = op, places, options
        self.prepare, self.follow, self.watched = prepare, follow, watched

    def given(self, x: Any) -> dict[str, Any]:
        """Return the options of a call on x, or, where it needs none of x, on what x becomes."""
        return self.options if self.prepare is None else {**self.options, **self.prepare(x)}


def _joined(links: Sequence[Link]) -> list[Link]:
    """Let ops that can apply relu on the way do so where it follows.

    Before a maximum relu moves behind it, where it has less to do; not the first of a row, as the
    maximum then saves what relu got, not what it gave; nor where a window may step over all cells,
    as its maximum, the lowest value, must stay.
    """
    found: list[Link] = []
    for link in links:
        relu_before = len(found) > 1 and found[-1].op.name == "relu"
        if relu_before and link.op.name == "max_pool" and {*link.options["dilation"]} == {1}:
            found[-1] = _with_relu(link)
        else:
            found.append(link)
    links, found = found, []
    for link in links:
        before = found[-1] if found else link
        if link.op.name == "relu" and before.op.takes_relu and "relu" not in before.options:
            found[-1] = _with_relu(before)
        else:
            found.append(link)
    return found


def _with_relu(link: Link) -> Link:
    options = {**link.options, "relu": True}
    return Link(link.op, link.places, options, link.prepare, link.follow, link.watched)


class Chain:
    """Links that have run one by one on an input of some shape, strides and dtype.

    Calling it with another input of that kind gives the same as the single calls would. The last
    op is no view: the output is nobody else's memory.
    """

    def __init__(self, links: Sequence[Link]) -> None:
        links = _joined(links)
        self.watched = [place for link in links for place in link.watched]
        # The arguments of the last link come first: what is used twice then gets its gradients in
        # the order in which single nodes would give them.
        self.places = [place for link in reversed(links) for place in link.places]
        self.kinds = self._kinds(self._found(self.places))
        self.watched_kinds = self._kinds(self._found(self.watched))
        self.steps = []
        high = 1 + len(self.places)
        for link in links:
            low = high - len(link.places)
            self.steps.append((link.op.run, link, low, high))
            high = low
        self.alone = [[step] for step in self.steps]
        self.passes = self._passes()  # what runs where no gradient is wanted
        self.routes: dict[tuple[bool, ...], list[Any]] = {}
        self.guarded: Any = None  # of the arguments, those that a backward reads
        self.owned = all(link.op.fresh or not link.places for link in links)
        self.input_owned = False
        for link in reversed(links):
            self.input_owned = link.op.fresh or (link.op.view and self.input_owned)

    def _passes(self) -> list[list[Any]]:
        found, rest = [], self.steps
        while rest:
            count = together([(link.op.name, link.options) for _, link, _, _ in rest])
            found.append(rest[:count])
            rest = rest[count:]
        return found

    @staticmethod
    def _found(places: Sequence[Place]) -> list[Any]:
        return [found.get(name) for found, name in places]

    @staticmethod
    def _kinds(params: list[Any]) -> list[Any]:
        return [None if p is None else (p._array.shape, p._array.dtype) for p in params]

    def __call__(self, x: Tensor) -> Tensor | None:
        """Run all links, or return None if a parameter's shape or dtype is another than before."""
        if not state.quiet:
            return quietly(self, x)
        params = self._found(self.places)
        if self._kinds(params) != self.kinds:
            return None
        if self.watched and self._kinds(self._found(self.watched)) != self.watched_kinds:
            return None
        args = [x, *params]
        recording = state.recording and True in [
            arg is not None and arg._requires_grad for arg in args
        ]
        arrays = [None if arg is None else arg._array for arg in args]
        y, kept, results = arrays[0], [], []
        for steps in self.alone if recording else self.passes:
            if len(steps) > 1:
                y = onward(y, [(s.op.name, arrays[i:j], s.given(y)) for _, s, i, j in steps])
                continue
            run, link, low, high = steps[0]
            options = link.given(y)
            outputs, saved = run(y, *arrays[low:high], **options)
            if link.follow is not None:
                link.follow(y, outputs)
            y = outputs[0]
            if recording:
                kept.append((saved, len(outputs), options))
                results.append(y)
        out = wrap(y)
        if recording:
            if self.guarded is None:
                self.guarded = self._read_by_backward(arrays[0], kept, results)
            self._record(args, arrays, kept, out)
        return out

    def _record(self, args: list[Any], arrays: list[Any], kept: list[Any], out: Any) -> None:
        """Put the call on the tape, with guards on what the single ops would guard."""
        owned = self.owned and (self.input_owned or not args[0]._requires_grad)
        call = Call(self, args, arrays, kept)
        # a call that kept nothing but shapes may be walked again, as single nodes may
        light = True not in [any_array(saved) for saved, _, _ in kept]
        saved = Saved(constants=call, cache=None if light else call)
        node = Node(_owning if owned else _borrowing, saved, 1)
        node.edges = [
            edge_to(arg) if arg is not None and arg._requires_grad else None for arg in args
        ]
        read = [args[i] if i >= 0 else out for i in self.guarded]
        cells = [arg._version or cell(arg) for arg in read]
        node.guards = [(version, version[0]) for version in cells]
        out._requires_grad = True
        out._node = node

    def _read_by_backward(self, x: Any, kept: list[Any], results: list[Any]) -> list[int]:
        """Return which arguments (and -1, the output) the single ops have saved."""
        found = set()
        shared = True  # the link sees the memory of x: nothing but views came before
        for (saved, _, _), (_, link, low, _), y in zip(kept, self.steps, results, strict=True):
            for i, array in enumerate(saved.inputs):
                if array is not None and (i or shared):
                    found.add(low + i - 1 if i else 0)
            shared = shared and link.op.view and np.may_share_memory(x, y)
        if any(array is not None for array in kept[-1][0].outputs):
            found.add(-1)
        return sorted(found)

    def route(self, needs: Sequence[bool]) -> list[Any]:
        """Return for each link, last first, (its place, link, low, high, the gradients it owes)."""
        steps = [(i, link, low, high) for i, (_, link, low, high) in enumerate(self.steps)]
        first = 0 if needs[0] else next(i for i, _, low, high in steps if any(needs[low:high]))
        return [
            (i, link, low, high, (i > first or needs[0], *needs[low:high]))
            for i, link, low, high in reversed(steps[first:])
        ]


class Call:
    """What one call of a chain leaves for its backward."""

    __slots__ = ("args", "arrays", "chain", "kept", "versions")

    def __init__(self, chain: Chain, args: list[Any], arrays: list[Any], kept: list[Any]) -> None:
        self.chain, self.args, self.arrays, self.kept = chain, args, arrays, kept
        self.versions = [
            arg._version[0] if arg is not None and arg._version is not None else 0 for arg in args
        ]

    def tensors(self) -> list[Any]:
        """Return the arguments, for a graph of the backward: none may have changed since."""
        for arg, array, seen in zip(self.args, self.arrays, self.versions, strict=True):
            if arg is not None and (arg._array is not array or (cell(arg)[0] != seen)):
                raise RuntimeError(
                    "chain: an argument was modified or replaced between forward and backward, so "
                    "the gradient's graph cannot reach it; do so after the last backward"
                )
        return self.args


def _backward(saved: Saved, grads: tuple[Any, ...], needs: Sequence[bool]) -> Sequence[Any]:
    call = saved.constants
    chain, kept = call.chain, call.kept
    key = tuple(needs)
    route = chain.routes.get(key)
    if route is None:
        route = chain.routes[key] = chain.route(needs)
    results: list[Any] = [None] * len(key)
    gradient = grads
    hand, state.hand = state.hand, None
    for i, link, low, high, owed in route:
        if kept[i] is None:
            raise RuntimeError(
                "chain: a backward pass that failed has freed what this one needs; "
                "run forward again"
            )
        of_link, outputs, _ = kept[i]
        if saved.spent and saved.cache is not None:
            kept[i] = None  # what a link saved is freed as soon as it was read
        if outputs > 1:
            gradient = (gradient[0], *[None] * (outputs - 1))
        found = link.op.backward(of_link, gradient, owed)
        if high > low:
            results[low:high] = found[1:]
            if hand is not None:
                for place in range(low, high):
                    if results[place] is not None and hand(place, results[place]):
                        results[place] = None
        gradient = found[:1]
    if needs[0]:
        results[0] = gradient[0]
    return results


def _graph_backward(saved: Saved, grads: tuple[Any, ...], needs: Sequence[bool]) -> Sequence[Any]:
    """Run the links again on tensors, then their backward on what these give."""
    call = saved.constants
    args = call.tensors()
    replayed, y = [], args[0]
    for (of_link, outputs, options), step in zip(call.kept, call.chain.steps, strict=True):
        _, link, low, high = step
        inputs = (y, *args[low:high])
        made = link.op(*inputs, **options)
        results = made if outputs > 1 else (made,)
        kept = Saved(
            _where(of_link.inputs, inputs), _where(of_link.outputs, results), of_link.constants
        )
        replayed.append((kept, outputs))
        y = results[0]
    found: list[Any] = [None] * len(needs)
    gradient = grads[0]
    for i, link, low, high, owed in call.chain.route(needs):
        kept, outputs = replayed[i]
        given = (gradient, *[None] * (outputs - 1))
        gradient, *found[low:high] = link.op.graph_backward(kept, given, owed)
    if needs[0]:
        found[0] = gradient
    return found


def _where(kept: Sequence[Any], tensors: Sequence[Any]) -> tuple[Any, ...]:
    """Return those tensors whose arrays an op has kept."""
    pairs = zip(kept, tensors, strict=False)
    return tuple([None if array is None else tensor for array, tensor in pairs])


def _no_forward(*arrays: Any, **options: Any) -> Any:
    raise NotImplementedError("a chain is run by Chain")


_owning, _borrowing = (
    Op("chain", _no_forward, _backward, graph_backward=_graph_backward, fresh=fresh)
    for fresh in (True, False)
)
