"""The tape: runs ops and records them as nodes.

A node points at its arguments by edges (producer node or leaf, output index, shape), so an argument
whose array no backward wants is not kept alive. `backward.py` walks the nodes.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from itertools import count
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from rushlight.arrays import (
    WARNINGS_OFF,
    Array,
    get_default_dtype,
    is_array,
    is_float,
    promote,
    warning_switch,
)
from rushlight.errors import explain
from rushlight.ops import shape
from rushlight.ops.contract import Op, Saved

if TYPE_CHECKING:
    from rushlight.tensor.tensor import Tensor

__all__ = [
    "Beside",
    "Edge",
    "Node",
    "TensorBase",
    "Traced",
    "apply",
    "cell",
    "quietly",
    "record",
    "root",
    "state",
    "untaped",
    "wrap",
    "wrote",
]


# a call as it was made: op, arguments, options, outputs, and the tensors among the options
Traced: TypeAlias = tuple[Op, tuple[Any, ...], dict[str, Any], tuple[Any, ...], Sequence[Any]]


class _State(threading.local):
    """What holds for the ops of one thread."""

    recording = True
    quiet = False  # NumPy's warnings are off already: np.errstate costs as much as a small op
    trace: list[Traced] | None = None  # the calls made, while somebody wants to see them
    general = False  # the calls shall hold for other inputs, too: no short cut by a look at these
    early = False  # a backward pass finishes each leaf when its gradient is whole, not at the end
    hand: Callable[[int, Any], bool] | None = None  # takes gradients of the chain that runs next


state = _State()
_sequence = count()


def quietly(function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    """Call a function with NumPy's floating-point warnings turned off once for all of its ops."""
    if state.quiet:
        return function(*args, **kwargs)
    before = warning_switch.set(WARNINGS_OFF)
    try:
        state.quiet = True
        return function(*args, **kwargs)
    finally:
        state.quiet = False
        warning_switch.reset(before)


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
    _accumulated: dict[int, Callable[[Any], Any]] | None = None  # hooks that see `.grad`
    _retains_grad: bool = False

    @classmethod
    def __rushlight_apply__(cls, op: Op, args: tuple[Any, ...], options: dict[str, Any]) -> Any:
        return apply(op, args, options)


tensor_type: type[Any]  # set by tensor.py, whose class is built on this module

Edge: TypeAlias = tuple[Any, int, tuple[int, ...]]  # producer Node or leaf tensor, output, shape


def wrap(array: Any) -> Tensor:
    """Make a tensor of an array (or NumPy scalar) without checks and without a graph."""
    out: Tensor = object.__new__(tensor_type)  # noqa: F821 (set by tensor.py)
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


class Beside(list[int]):
    """A version counter whose writes are no change to backward, as those through `.data` are none.

    Who reads the memory itself sees them all in `version`, the counter of what it is beside: the
    first item is its count, and the second another object after each write that it does not count.
    """

    __slots__ = ("version",)

    def __init__(self, version: list[Any], count: int = 0) -> None:
        super().__init__((count,))
        self.version = root(version)

    def __setitem__(self, index: Any, value: Any) -> None:
        super().__setitem__(index, value)
        self.version[1:] = [object()]


def root(version: list[Any]) -> list[Any]:
    """Return the counter in which all writes to a memory are seen."""
    return version.version if type(version) is Beside else version


def wrote(name: str, target: TensorBase, *others: Any, how: str, **options: Any) -> None:
    """Count a write into a tensor, for what backward checks, and trace it as a call.

    Args:
        name: of the function whose result was written.
        others: what else it took; with `how="fill"`, what was written.
        how: "update" (the function's result), "fill", "setitem" (at `options`), "view" (another
            shape) or "forget" (what was written is not among the others).
    """
    cell(target)[0] += 1
    if state.trace is not None:
        options["write"] = how
        state.trace.append((untaped(name), (target, *others), options, (target,), ()))


def untaped(name: str) -> Op:
    """Return what stands in a trace for a computation that is no op."""
    return Op(name, _untaped, _untaped)


def _untaped(*arrays: Any, **options: Any) -> Any:
    raise AssertionError("only a name in a trace")


def edge_to(tensor: TensorBase) -> Edge:
    """Return where the gradient of a tensor goes."""
    producer = tensor._node
    return tensor if producer is None else producer, tensor._index, tensor._array.shape


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

    def __init__(self, op: Op, saved: Saved, outputs: int) -> None:
        self.op = op
        self.saved: Saved | None = saved
        self.edges: list[Edge | None] = []
        self.outputs = outputs
        self.sequence = next(_sequence)
        self.guards: list[tuple[list[int], int]] = []
        self.hooks: dict[int, dict[int, Callable[[Any], Any]]] | None = None
        self.retains: dict[int, Any] | None = None

    def __repr__(self) -> str:
        return f"<{self.op.name.title().replace('_', '')}Backward>"

    def light(self) -> bool:
        """Tell whether nothing was saved but shapes, so that it may run again, as in torch."""
        return not self.guards and self.saved is not None and not any_array(self.saved)

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


def any_array(saved: Saved) -> bool:
    """Tell whether a call kept an array."""
    arrays = (*saved.inputs, *saved.outputs)
    return (
        saved.cache is not None
        or any(array is not None for array in arrays)
        or _holds_arrays(saved.constants)
    )


def _holds_arrays(constants: Any) -> bool:
    if constants.__class__ is tuple:
        return any(_holds_arrays(part) for part in constants)
    return constants.__class__ is list or is_array(constants)


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
    arrays = [arg._array if isinstance(arg, TensorBase) else arg for arg in args]
    try:
        if state.quiet:
            outputs, saved = op.forward(*arrays, **options)
        else:  # as torch: inf and nan are values, not warnings
            outputs, saved = quietly(op.forward, *arrays, **options)
    except AttributeError:
        _check_kinds(op, arrays)
        raise
    tensors = (wrap(outputs[0]),) if len(outputs) == 1 else tuple([wrap(y) for y in outputs])
    if state.trace is not None:
        state.trace.append((op, args, options, tensors, watch))
    if op.view:
        _share_version(args[0], tensors)
    if state.recording:
        for arg in args:
            if isinstance(arg, TensorBase) and arg._requires_grad:
                record(op, saved, args, tensors, watch)
                break
    return tensors[0] if len(tensors) == 1 else tensors  # type: ignore[return-value]


def _check_kinds(op: Op, arrays: list[Any]) -> None:
    """Name the argument that is no tensor, after forward has stumbled over it."""
    for i, array in enumerate(arrays):
        if not (array is None or is_array(array)):
            got = f"argument {i + 1} of type {type(array).__name__}"
            fix = "rushlight.tensor(...) makes one"
            raise TypeError(explain(op.name, got=got, expected="a Tensor", fix=fix)) from None


def _share_version(source: Any, tensors: tuple[TensorBase, ...]) -> None:
    """Let views count writes together with what they look at."""
    for out in tensors:
        if isinstance(source, TensorBase) and np.may_share_memory(out._array, source._array):
            out._version = cell(source)


def record(
    op: Op,
    saved: Saved,
    args: tuple[Any, ...],
    tensors: tuple[Any, ...],
    watch: Sequence[Any] = (),
) -> None:
    """Put a call on the tape: the outputs get a node with edges to the arguments."""
    node = Node(op, saved, len(tensors))
    edges, guards = node.edges, node.guards
    kept = saved.inputs
    for i, arg in enumerate(args):
        edge = None
        if isinstance(arg, TensorBase):
            if arg._requires_grad:
                edge = edge_to(arg)
            if i < len(kept) and kept[i] is not None:
                version = arg._version or cell(arg)
                guards.append((version, version[0]))
        edges.append(edge)
    kept = saved.outputs
    for i, out in enumerate(tensors):
        if i < len(kept) and kept[i] is not None:
            version = out._version or cell(out)
            guards.append((version, version[0]))
        if isinstance(out, TensorBase) and out._array.dtype.kind == "f":
            out._requires_grad = True
            out._node = node
            if i:
                out._index = i
    for tensor in watch:
        if isinstance(tensor, TensorBase):
            version = cell(tensor)
            guards.append((version, version[0]))


def _cast(op: Op, args: tuple[Any, ...]) -> tuple[Any, ...]:
    """Bring the arguments of a promoting op to one dtype by recorded casts; usually none is due."""
    first: Any = args[0]._array.dtype if isinstance(args[0], TensorBase) else None
    if first is not None and first.kind == "f":
        for arg in args[1:]:
            if isinstance(arg, TensorBase):
                if arg._array.dtype != first:
                    break
            elif arg.__class__ is not float and arg.__class__ is not int and arg is not None:
                break
        else:
            return args
    args = tuple([_operand(op, arg) for arg in args])
    target = promote(*[x._array if isinstance(x, TensorBase) else x for x in args if x is not None])
    if op.casts == "float" and not is_float(target):
        target = get_default_dtype()
    return tuple([_converted(arg, target) for arg in args])


def _operand(op: Op, arg: Any) -> Any:
    """Return a NumPy scalar as a Python one (as torch takes it) and an array as a tensor."""
    if isinstance(arg, np.generic):
        return arg.item()
    if isinstance(arg, np.ndarray):
        return wrap(arg)
    if arg is None or isinstance(arg, (TensorBase, bool, int, float)):
        return arg
    raise TypeError(
        explain(
            op.name, got=f"an argument of type {type(arg).__name__}", expected="tensors, numbers"
        )
    )


def _converted(arg: Any, target: Any) -> Any:
    if isinstance(arg, TensorBase):
        same = arg._array.dtype == target
        return arg if same else apply(shape.cast, (arg,), {"dtype": target})
    if arg is None or target.kind == "f":
        return arg
    if target.kind == "b" or not np.iinfo(target).min <= arg <= np.iinfo(target).max:
        return np.asarray(arg).astype(target)[()]  # wraps around, as torch does
    return int(arg)
