"""The backward pass: walks the nodes of the tape, latest first.

It alone undoes broadcasting, adds gradients up and frees what nodes saved. Nothing recurses: the
length of a chain is unbounded.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from operator import attrgetter
from typing import Any

from rushlight.errors import DtypeError, ShapeError, explain
from rushlight.ops.reduce import sum_to
from rushlight.tape.nodes import Node, TensorBase, cell, quietly, state, wrap

__all__ = ["accumulate", "run_backward"]

# For each node or leaf that a gradient has reached: value and whether the pass owns it, by output.
Pending = dict[Any, list[Any]]


def _give(
    pending: Pending, target: Any, index: int, gradient: Any, fresh: bool, graph: bool
) -> None:
    """Add to the gradient of one output: the first is borrowed, the second summed fresh, the third
    added in place."""
    slot = pending.get(target)
    if slot is None:
        slot = pending[target] = [None, False] * (target.outputs if target.__class__ is Node else 1)
    at = 2 * index
    value = slot[at]
    if value is None:
        slot[at], slot[at + 1] = gradient, fresh
    elif slot[at + 1] and not graph:
        value += gradient
        slot[at] = value  # a NumPy scalar does not change in place
    else:
        slot[at], slot[at + 1] = value + gradient, True


def _reachable(roots: Iterable[Node]) -> list[Node]:
    """Return every node that feeds the roots, latest first (a topological order)."""
    seen = set(roots)
    stack = list(seen)
    while stack:
        for edge in stack.pop().edges:
            if edge is not None and isinstance(edge[0], Node) and edge[0] not in seen:
                seen.add(edge[0])
                stack.append(edge[0])
    return sorted(seen, key=attrgetter("sequence"), reverse=True)


def _owner(tensor: TensorBase) -> tuple[Any, int]:
    """Return where the gradient of a tensor arrives: its node and output, or the leaf itself."""
    return (tensor if tensor._node is None else tensor._node, tensor._index)


def run_backward(
    roots: Sequence[TensorBase],
    seeds: Sequence[Any],
    *,
    wanted: Sequence[TensorBase] | None = None,
    retain_graph: bool = False,
    create_graph: bool = False,
) -> list[Any]:
    """Run the tape backward from `roots` with the gradients `seeds` (arrays, or Tensors when
    `create_graph`).

    With `wanted`, return the gradients of those tensors and leave every `.grad` alone; without,
    accumulate into the `.grad` of all leaves.
    """
    recording = state.recording
    try:
        state.recording = create_graph
        return quietly(_walk, roots, seeds, wanted, retain_graph, create_graph)
    finally:
        state.recording, state.hand = recording, None


def _walk(
    roots: Sequence[TensorBase],
    seeds: Sequence[Any],
    wanted: Sequence[TensorBase] | None,
    retain_graph: bool,
    create_graph: bool,
) -> list[Any]:
    """Do what `run_backward` says, in a state where warnings and recording are switched."""
    if len(roots) == 1 and wanted is not None and not create_graph and _alone(roots[0]._node):
        return _one_node(roots[0], seeds[0], wanted, retain_graph)
    pending: Pending = {}
    for root, seed in zip(roots, seeds, strict=True):
        _give(pending, *_owner(root), seed, False, create_graph)
    order = _reachable([root._node for root in roots if root._node is not None])
    keys = set() if wanted is None else {_owner(tensor) for tensor in wanted}
    live = None if wanted is None else _leading_to(keys, order)
    kept: dict[tuple[Any, int], Any] = {}
    early = _Early(pending, order) if state.early and wanted is None and not create_graph else None

    for node in order:
        slot = pending.pop(node, None)
        if slot is None:
            if early is not None:
                early.passed(node)
            continue
        grads = tuple(slot[::2])
        if node.hooks is not None or node.retains is not None:
            grads = _run_hooks(node, grads, create_graph)
        if live is None:
            needs = [edge is not None for edge in node.edges]
        else:
            kept |= {(node, i): g for i, g in enumerate(grads) if (node, i) in keys}
            if node not in live:
                continue
            needs = [e is not None and (e[0] in live or e[:2] in keys) for e in node.edges]
        if not retain_graph and node.saved is not None:
            node.saved.spent = True
        if early is not None:
            early.enter(node, needs)
        results = node.gradients(grads, needs, create_graph)
        if not retain_graph and not node.light():
            node.saved = None
        fresh = node.op.fresh
        for edge, grad, need in zip(node.edges, results, needs, strict=True):
            if need and grad is not None:
                target, index, shape = edge  # type: ignore[misc]
                if grad.shape != shape:  # the argument was broadcast
                    _give(pending, target, index, sum_to(grad, shape), True, create_graph)
                elif target in pending or target.__class__ is Node:
                    _give(pending, target, index, grad, fresh, create_graph)
                else:
                    pending[target] = [grad, fresh]
        if early is not None:
            early.passed(node)
    for leaf, (value, owned) in pending.items():
        if leaf._hooks:
            value, owned = _call_hooks(leaf._hooks, value, create_graph), False
        if wanted is None:
            accumulate(leaf, value, owned, create_graph)
        elif (leaf, 0) in keys:
            kept[leaf, 0] = value
    return [kept.get(_owner(tensor)) for tensor in wanted or ()]


class _Early:
    """Finishes leaves as soon as no node can add to their gradient, not at the end of the pass.

    Only those with hooks that see `.grad`, which then run while the rest of the pass is still to
    come: several processes send gradients meanwhile. A chain hands them out when it has them.
    """

    def __init__(self, pending: Pending, order: list[Node]) -> None:
        self.pending = pending
        self.left: dict[Any, int] = {}  # edges to a leaf that are still to be walked
        self.handed: set[int] = set()  # those of the node at hand that are done
        for node in order:
            for edge in node.edges:
                if edge is not None and edge[0].__class__ is not Node and edge[0]._accumulated:
                    self.left[edge[0]] = self.left.get(edge[0], 0) + 1

    def enter(self, node: Node, needs: Sequence[bool]) -> None:
        """Let a chain, whose backward comes next, hand out gradients."""
        if node.op.name != "chain":
            return
        fresh = node.op.fresh

        def hand(place: int, gradient: Any) -> bool:
            edge = node.edges[place]
            if edge is None or edge[0] not in self.left or gradient.shape != edge[2]:
                return False
            if needs[place]:
                _give(self.pending, edge[0], edge[1], gradient, fresh, False)
            self.handed.add(place)
            self._count(edge[0])
            return True

        state.hand = hand

    def passed(self, node: Node) -> None:
        """Count the edges of a node that gives nothing more."""
        for place, edge in enumerate(node.edges):
            if edge is not None and edge[0] in self.left and place not in self.handed:
                self._count(edge[0])
        self.handed.clear()

    def _count(self, leaf: Any) -> None:
        self.left[leaf] -= 1
        if self.left[leaf]:
            return
        slot = self.pending.pop(leaf, None)
        if slot is not None:
            value, owned = slot
            if leaf._hooks:
                value, owned = _call_hooks(leaf._hooks, value, False), False
            accumulate(leaf, value, owned, False)


def _alone(node: Node | None) -> bool:
    """Tell whether a node is a whole graph, made of different leaves, without hooks."""
    if node is None or node.hooks is not None or node.retains is not None:
        return False
    leaves = [edge[0] for edge in node.edges if edge is not None]
    different = len(leaves) < 2 or len(set(map(id, leaves))) == len(leaves)
    return different and not [x for x in leaves if x.__class__ is Node or x._hooks is not None]


def _one_node(
    root: TensorBase, seed: Any, wanted: Sequence[TensorBase], retain_graph: bool
) -> list[Any]:
    """Do what `_walk` does where there is nothing to walk: a layer called by itself, say."""
    node: Any = root._node
    ids = set(map(id, wanted))
    needs = [edge is not None and id(edge[0]) in ids for edge in node.edges]
    grads: list[Any] = [None] * node.outputs
    grads[root._index] = seed
    found = {_owner(root): seed}
    if True in needs:
        if not retain_graph and node.saved is not None:
            node.saved.spent = True
        results = node.gradients(tuple(grads), needs, False)
        if not retain_graph and not node.light():
            node.saved = None
        for edge, gradient, need in zip(node.edges, results, needs, strict=True):
            if need and gradient is not None:
                leaf, index, shape = edge
                fits = gradient.shape == shape
                found[leaf, index] = gradient if fits else sum_to(gradient, shape)
    return [found.get(_owner(tensor)) for tensor in wanted]


def _leading_to(keys: set[tuple[Any, int]], order: list[Node]) -> set[Any]:
    """Return the nodes on the way from the roots to a wanted tensor."""
    live: set[Any] = set()
    owners = {owner for owner, _ in keys}
    for node in reversed(order):
        if any(e is not None and (e[0] in live or e[0] in owners) for e in node.edges):
            live.add(node)
    return live


def _call_hooks(hooks: dict[int, Callable[[Any], Any]], gradient: Any, create_graph: bool) -> Any:
    tensor = gradient if create_graph else wrap(gradient)
    for hook in list(hooks.values()):
        replaced = hook(tensor)
        if replaced is not None:
            _check_replaced(replaced, tensor)
            tensor = replaced
    return tensor if create_graph else tensor._array


def _check_replaced(replaced: Any, gradient: Any) -> None:
    """Refuse what a hook returned if it cannot stand for the gradient."""
    if not isinstance(replaced, TensorBase):
        got = type(replaced).__name__
        raise TypeError(explain("hook", got=got, expected="a Tensor, the new gradient, or None"))
    if replaced._array.shape != gradient._array.shape:
        got = f"a new gradient {replaced._array.shape}"
        raise ShapeError(explain("hook", got=got, expected=gradient._array.shape))
    if replaced._array.dtype != gradient._array.dtype:
        got = f"a new gradient of {replaced._array.dtype.name}"
        raise DtypeError(explain("hook", got=got, expected=gradient._array.dtype.name))


def _run_hooks(node: Node, grads: tuple[Any, ...], create_graph: bool) -> tuple[Any, ...]:
    result = list(grads)
    for i, grad in enumerate(grads):
        if grad is None:
            continue
        if node.hooks and i in node.hooks:
            result[i] = _call_hooks(node.hooks[i], grad, create_graph)
        if node.retains and i in node.retains:
            tensor = node.retains[i]()
            if tensor is not None:
                accumulate(tensor, result[i], False, create_graph)
    return tuple(result)


def accumulate(leaf: Any, value: Any, owned: bool, create_graph: bool) -> None:
    """Add a pass's gradient to `leaf.grad`, which always owns its memory."""
    if value.shape != leaf._array.shape:
        raise ShapeError(
            explain("backward", got=f"a gradient {value.shape}", expected=leaf._array.shape)
        )
    if create_graph:
        leaf._grad = value + 0.0 if leaf._grad is None else leaf._grad + value
    elif leaf._grad is None:
        leaf._grad = wrap(value if owned else value.copy(order="K"))
    else:
        leaf._grad._array += value
        cell(leaf._grad)[0] += 1
    if leaf._accumulated:
        for hook in list(leaf._accumulated.values()):
            hook(leaf)
