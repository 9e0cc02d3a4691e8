"""The tape: records ops as nodes and runs them backward.

The tape alone undoes broadcasting and casts, adds gradients up and frees what nodes saved. A node
points at its arguments by edges (producer node or leaf, output index, shape), so an argument whose
array no backward wants is not kept alive. Nothing recurses: the length of a chain is unbounded.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Sequence
from itertools import count
from operator import attrgetter
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from rushlight.arrays import Array, default_dtype, is_float, promote
from rushlight.errors import ShapeError, explain
from rushlight.ops import reduce, shape
from rushlight.ops.contract import Op, Saved

if TYPE_CHECKING:
    from rushlight.tensor.tensor import Tensor

__all__ = ["Edge", "Node", "TensorBase", "apply", "grad_mode", "run_backward", "wrap"]


class _GradMode(threading.local):
    enabled = True


grad_mode = _GradMode()
_sequence = count()


class TensorBase:
    """What the tape knows of a tensor: its array, its place in the graph, its version.

    Defaults stand on the class, so that making a tensor sets one attribute.
    """

    _array: Array
    _requires_grad: bool = False
    _grad: Any = None
    _node: Node | None = None
    _index: int = 0
    _version: list[int] | None = None  # one cell for all views of one storage
    _hooks: dict[int, Callable[[Any], Any]] | None = None
    _retains_grad: bool = False

    @classmethod
    def __rushlight_apply__(cls, op: Op, args: tuple[Any, ...], options: dict[str, Any]) -> Any:
        return apply(op, args, options)


tensor_type: type[Any]  # set by tensor.py, whose class is built on this module

Edge: TypeAlias = tuple[Any, int, tuple[int, ...]]  # producer Node or leaf tensor, output, shape


def wrap(array: Any) -> Tensor:
    """Make a tensor of an array (or NumPy scalar) without checks and without a graph."""
    out: Tensor = object.__new__(tensor_type)
    out._array = array if array.__class__ is np.ndarray else _unscalar(array)
    return out


def _unscalar(value: Any) -> Any:
    return np.asarray(value) if isinstance(value, (np.generic, bool, int, float)) else value


def cell(tensor: TensorBase) -> list[int]:
    """Return the version counter that a tensor shares with its views."""
    found = tensor._version
    if found is None:
        found = tensor._version = [0]
    return found


class Node:
    """One recorded call: the op, what it saved, and edges to where its arguments came from."""

    __slots__ = (
        "edges",
        "guards",
        "hooks",
        "op",
        "outputs",
        "retains",
        "saved",
        "sequence",
    )

    def __init__(self, op: Op, saved: Saved, edges: tuple[Edge | None, ...], outputs: int) -> None:
        self.op = op
        self.saved: Saved | None = saved
        self.edges = edges
        self.outputs = outputs
        self.sequence = next(_sequence)
        self.guards: list[tuple[list[int], int]] = []
        self.hooks: dict[int, dict[int, Callable[[Any], Any]]] | None = None
        self.retains: dict[int, Any] | None = None

    def __repr__(self) -> str:
        return f"<{self.op.name.title().replace('_', '')}Backward>"

    def check(self) -> Saved:
        """Return what was saved, or say why it is no longer what forward saw."""
        saved = self.saved
        if saved is None:
            raise RuntimeError(
                f"{self.op.name}: trying to backward through the graph a second time, but its "
                "saved arrays were freed after the first; pass retain_graph=True to the first"
            )
        for version, seen in self.guards:
            if version[0] != seen:
                raise RuntimeError(
                    f"{self.op.name}: an array needed for the gradient was modified in place "
                    f"(version {version[0]}, expected {seen}); clone() it before writing"
                )
        return saved

    def gradients(
        self, grads: tuple[Any, ...], needs: Sequence[bool], create_graph: bool
    ) -> Sequence[Any]:
        """Run the op's backward on arrays, or on Tensors when a graph of it is wanted."""
        saved = self.check()
        try:
            if not create_graph:
                return self.op.backward(saved, grads, needs)
            return self.op.graph_backward(self._saved_tensors(saved), grads, needs)
        except Exception as error:
            error.add_note(f"in the backward pass of {self.op.name}")
            raise

    def _saved_tensors(self, saved: Saved) -> Saved:
        """Return `saved` with the Tensors of its arrays, by position, and without the cache."""
        inputs = tuple(
            _at(array, edge) for array, edge in zip(saved.inputs, self.edges, strict=False)
        )
        outputs = tuple(_at(array, (self, i, ())) for i, array in enumerate(saved.outputs))
        return Saved(inputs, outputs, saved.constants)


def _at(array: Any, edge: Edge | None) -> Any:
    """Return a tensor of `array` that stands where `edge` points in the graph."""
    if array is None or array.__class__ in (bool, int, float):
        return array
    if edge is not None and not isinstance(edge[0], Node) and edge[0]._array is array:
        return edge[0]
    tensor = wrap(array)
    if edge is not None and isinstance(edge[0], Node):
        tensor._node, tensor._index, _ = edge
        tensor._requires_grad = True
    elif edge is not None:
        raise RuntimeError(
            "a leaf's array was replaced between forward and backward (.data = ...), so the "
            "gradient's graph cannot reach it; replace it after the last backward"
        )
    return tensor


def apply(
    op: Op, args: tuple[Any, ...], options: dict[str, Any], watch: Sequence[Any] = ()
) -> Tensor:
    """Run an op on tensors (and scalars, arrays, None) and record it if a gradient may be asked.

    `watch` names tensors (masks, indices) whose arrays are among the options: backward checks that
    they were not modified, as it does for the saved arguments. An op of several outputs returns a
    tuple of tensors.
    """
    if op.casts != "none":
        args = _cast(op, args)
    record = False
    arrays = []
    for arg in args:
        if isinstance(arg, TensorBase):
            arrays.append(arg._array)
            if arg._requires_grad:
                record = True
        else:
            arrays.append(arg)
    with np.errstate(all="ignore"):  # as torch: inf and nan are values, not warnings
        outputs, saved = op.forward(*arrays, **options)
    tensors = tuple([wrap(array) for array in outputs])
    if op.view:
        source = args[0]
        for out in tensors:
            if isinstance(source, TensorBase) and np.may_share_memory(out._array, source._array):
                out._version = cell(source)
    if record and grad_mode.enabled:
        _record(op, saved, args, tensors, watch)
    return tensors[0] if len(tensors) == 1 else tensors  # type: ignore[return-value]


def _record(
    op: Op,
    saved: Saved,
    args: tuple[Any, ...],
    tensors: tuple[TensorBase, ...],
    watch: Sequence[Any] = (),
) -> None:
    edges = tuple([_edge(arg) for arg in args])
    node = Node(op, saved, edges, len(tensors))
    for i, array in enumerate(saved.inputs):
        if array is not None and isinstance(args[i], TensorBase):
            version = cell(args[i])
            node.guards.append((version, version[0]))
    for i, out in enumerate(tensors):
        if not isinstance(out, TensorBase):
            continue
        if out._array.dtype.kind == "f":
            out._requires_grad = True
            out._node = node
            out._index = i
        if i < len(saved.outputs) and saved.outputs[i] is not None:
            version = cell(out)
            node.guards.append((version, version[0]))
    for tensor in watch:
        if isinstance(tensor, TensorBase):
            version = cell(tensor)
            node.guards.append((version, version[0]))


def _edge(arg: Any) -> Edge | None:
    if not isinstance(arg, TensorBase) or not arg._requires_grad:
        return None
    return (arg if arg._node is None else arg._node, arg._index, arg._array.shape)


def _cast(op: Op, args: tuple[Any, ...]) -> tuple[Any, ...]:
    """Bring the arguments of a promoting op to one dtype by recorded casts; usually none is due."""
    first: Any = args[0]._array.dtype if isinstance(args[0], TensorBase) else None
    same = first is not None and (first.kind == "f" or op.casts != "float")
    if same:
        for arg in args[1:]:
            if isinstance(arg, TensorBase):
                same = arg._array.dtype == first
            else:
                same = arg is None or first.kind == "f" or arg.__class__ is int
            if not same:
                break
    if same and first.kind != "b":
        return args
    values = [arg._array if isinstance(arg, TensorBase) else arg for arg in args]
    target = promote(*[value for value in values if value is not None])
    if op.casts == "float" and not is_float(target):
        target = default_dtype()
    return tuple(
        [
            apply(shape.cast, (arg,), {"dtype": target})
            if isinstance(arg, TensorBase) and arg._array.dtype != target
            else target.type(arg)
            if isinstance(arg, (bool, int, float)) and not is_float(target)
            else arg
            for arg in args
        ]
    )


def _fit(gradient: Any, target: tuple[int, ...]) -> Any:
    """Sum a gradient over the axes along which its input was broadcast."""
    return reduce.sum_to(gradient, target)


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


class _Sum:
    """Adds the gradients of one tensor up: the first borrowed, the second fresh, then in place."""

    __slots__ = ("owned", "value")

    def __init__(self) -> None:
        self.value: Any = None
        self.owned = False

    def add(self, gradient: Any, fresh: bool, create_graph: bool) -> None:
        if self.value is None:
            self.value, self.owned = gradient, fresh
        elif self.owned and not create_graph:
            self.value += gradient
        else:
            self.value, self.owned = self.value + gradient, True


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
    sums: dict[tuple[Any, int], _Sum] = {}
    leaves: list[Any] = []

    def give(target: Any, index: int, gradient: Any, fresh: bool) -> None:
        total = sums.get((target, index))
        if total is None:
            total = sums[target, index] = _Sum()
            if not isinstance(target, Node):
                leaves.append(target)
        total.add(gradient, fresh, create_graph)

    for root, seed in zip(roots, seeds, strict=True):
        give(root if root._node is None else root._node, root._index, seed, False)
    order = _reachable([root._node for root in roots if root._node is not None])
    keys = (
        None if wanted is None else {(t if t._node is None else t._node, t._index) for t in wanted}
    )
    live = None if keys is None else _leading_to(keys, order)
    kept: dict[tuple[Any, int], Any] = {}

    mode = grad_mode.enabled
    grad_mode.enabled = create_graph
    try:
        with np.errstate(all="ignore"):
            for node in order:
                parts = [sums.pop((node, i), None) for i in range(node.outputs)]
                grads = tuple([None if part is None else part.value for part in parts])
                if node.hooks or node.retains:
                    grads = _run_hooks(node, grads, create_graph)
                if keys is not None:
                    for i, grad in enumerate(grads):
                        if (node, i) in keys:
                            kept[node, i] = grad
                    if live is not None and node not in live:
                        continue
                if all(grad is None for grad in grads):
                    continue
                needs = [
                    edge is not None and (live is None or edge[0] in live or edge[:2] in keys)  # type: ignore[operator]
                    for edge in node.edges
                ]
                results = node.gradients(grads, needs, create_graph)
                if not (retain_graph or create_graph):
                    node.saved = None
                fresh = node.op.fresh
                for edge, grad, need in zip(node.edges, results, needs, strict=True):
                    if need and grad is not None:
                        target, index, shape_ = edge  # type: ignore[misc]
                        if grad.shape != shape_:
                            give(target, index, _fit(grad, shape_), True)
                        else:
                            give(target, index, grad, fresh)
        for leaf in leaves:
            total = sums.pop((leaf, 0))
            if leaf._hooks:
                total.value = _call_hooks(leaf._hooks, total.value, create_graph)
                total.owned = False
            if keys is None:
                _accumulate(leaf, total, create_graph)
            elif (leaf, 0) in keys:
                kept[leaf, 0] = total.value
    finally:
        grad_mode.enabled = mode
    if wanted is None:
        return []
    return [kept.get((t if t._node is None else t._node, t._index)) for t in wanted]


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
            tensor = replaced
    return tensor if create_graph else tensor._array


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
                value = result[i] if create_graph else wrap(result[i].copy())
                tensor._grad = value if tensor._grad is None else tensor._grad + value
    return tuple(result)


def _accumulate(leaf: Any, total: _Sum, create_graph: bool) -> None:
    """Add a pass's gradient to `leaf.grad`, which always owns its memory."""
    value = total.value
    if value.shape != leaf._array.shape:
        raise ShapeError(
            explain("backward", got=f"a gradient {value.shape}", expected=leaf._array.shape)
        )
    if create_graph:
        leaf._grad = value + 0.0 if leaf._grad is None else leaf._grad + value
    elif leaf._grad is None:
        leaf._grad = wrap(value if total.owned else value.copy())
    else:
        leaf._grad._array += value
        cell(leaf._grad)[0] += 1
