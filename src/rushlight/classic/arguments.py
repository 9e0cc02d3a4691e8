"""Arrays in, arrays out: the tensors of one call, and whose memory the results are."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NoReturn

import numpy as np

from rushlight.arrays import FLOATS, Array
from rushlight.autograd import no_grad
from rushlight.errors import DtypeError, ShapeError, explain
from rushlight.nn import Module
from rushlight.nn.evaluating import evaluating
from rushlight.nn.parameter import is_lazy
from rushlight.nn.replaced import replaced
from rushlight.ops.shape import cast
from rushlight.tape import TensorBase, apply, wrap

__all__ = ["Call", "arrays_of", "owned", "pairs_of", "promoted", "refuse_other", "same"]

CHEAP = 1 << 14  # bytes of an input up to which a copy is kept, to notice what modifies it


def mapped(value: Any, kind: type[Any], change: Callable[[Any], Any]) -> Any:
    """Return (tuples, lists and dicts of) values with those of a kind changed."""
    if isinstance(value, kind):
        return change(value)
    if isinstance(value, tuple) and hasattr(value, "_fields"):
        return type(value)(*[mapped(part, kind, change) for part in value])
    if isinstance(value, (tuple, list)):
        return type(value)([mapped(part, kind, change) for part in value])
    if isinstance(value, dict):
        return {key: mapped(part, kind, change) for key, part in value.items()}
    return value


def arrays_of(result: Any) -> Any:
    """Return what a module returned, with arrays for its tensors."""
    return mapped(result, TensorBase, lambda tensor: tensor._array)


class Call:
    """One forward: what was given, the tensors made of it, and what came out.

    Args:
        where: the layer, for errors.
        given: the arguments as they were given.
        inputs: how many of them, from the first, get gradients.
        join: gives the dtype that integers are joined with; None: they stay integers.

    Attributes:
        made: the arguments with tensors for their arrays.
        leaves: those of them that get a gradient.
        floats: all that are floating.
        result: what the module returned; its tensors hold the graph.
    """

    __slots__ = ("copies", "floats", "given", "inputs", "join", "leaves", "made", "result", "where")

    def __init__(
        self, where: str, given: tuple[Any, ...], inputs: int, join: Callable[[], Any] | None
    ) -> None:
        self.where, self.given, self.inputs, self.join = where, given, inputs, join
        self.result: Any = None
        self.floats: list[Any] = []
        self.made = tuple([self._made(value) for value in given[:inputs]])
        self.leaves = self.floats.copy()
        if inputs < len(given):
            self.made += tuple([self._made(value) for value in given[inputs:]])
        self.copies = []
        for leaf in self.leaves:
            leaf._requires_grad = True
            if leaf._array.nbytes <= CHEAP:
                self.copies.append((leaf._array, leaf._array.copy()))
        self.join = None  # a method of the layer, which holds this call: no cycle

    def _made(self, value: Any) -> Any:
        if value.__class__ is np.ndarray:
            return self._tensor(value)
        if self.join is not None or _of_numbers(value):
            return self._tensor(self._as_array(value))
        return mapped(value, np.ndarray, lambda array: self._tensor(np.asarray(array)))

    def _as_array(self, value: Any) -> Array:
        fix = "tensor.detach().numpy() is the array of a tensor"
        try:
            if value is not None:
                return np.asarray(value)
            fix = "what gave it may lack a `return`"
        except Exception:
            pass
        got = "None" if value is None else type(value).__name__
        raise TypeError(explain(self.where, got=got, expected="a NumPy array", fix=fix))

    def _tensor(self, array: Array) -> Any:
        kind = array.dtype.kind
        if self.join is not None and kind in "biu":
            array = array.astype(np.result_type(array.dtype, self.join()))
        elif kind not in "fbiu" or (kind == "f" and array.dtype not in FLOATS):
            expected = "float32, float64, float16 or integers"
            raise DtypeError(explain(self.where, got=f"{array.dtype}", expected=expected))
        tensor = wrap(array)
        if array.dtype.kind == "f":
            self.floats.append(tensor)
        return tensor

    def modified(self) -> bool:
        """Tell whether an input, of those that are cheap to watch, is not what it was."""
        return any(not _equal(array, copy) for array, copy in self.copies)

    def in_structure(self, gradients: Sequence[Any]) -> tuple[Any, ...]:
        """Return the gradients in the structure of the inputs, None where there is none."""
        if self.inputs == 1 and self.leaves and self.made[0] is self.leaves[0]:
            return (gradients[0],)
        by_leaf = {id(leaf): g for leaf, g in zip(self.leaves, gradients, strict=True)}
        return tuple([_graded(value, by_leaf) for value in self.made[: self.inputs]])


def _graded(value: Any, by_leaf: dict[int, Any]) -> Any:
    if isinstance(value, (tuple, list)):
        return tuple([_graded(part, by_leaf) for part in value])
    if isinstance(value, dict):
        return {key: _graded(part, by_leaf) for key, part in value.items()}
    return by_leaf.get(id(value))


def _of_numbers(value: Any) -> bool:
    """Tell whether a list (of lists) is of numbers, as np.array takes them."""
    while isinstance(value, list) and value:
        value = value[0]
        if isinstance(value, (int, float)):
            return True
    return False


def promoted(module: Module, call: Call, dtypes: set[Any]) -> Any:
    """Call a module whose parameters or inputs are of several dtypes in the one NumPy joins."""
    if any(map(is_lazy, (*module.parameters(), *module.buffers()))):
        dtypes = dtypes | _materialized(module, call)
    if len(dtypes) < 2:
        return module(*call.made)
    dtype = np.result_type(*dtypes)

    def converted(tensor: Any) -> Any:
        due = tensor._array.dtype in FLOATS and tensor._array.dtype != dtype
        return apply(cast, (tensor,), {"dtype": dtype}) if due else tensor

    casts = {id(p): converted(p) for p in module.parameters()}
    parameters = module.named_parameters(remove_duplicate=False)
    tensors = {path: casts[id(p)] for path, p in parameters if casts[id(p)] is not p}
    buffers = dict(module.named_buffers(remove_duplicate=False))
    moved = {path: converted(b) for path, b in buffers.items() if converted(b) is not b}
    with replaced(module, {**tensors, **moved}, moved):
        result = module(*mapped(call.made, TensorBase, converted))
    for path, buffer in moved.items():
        buffers[path]._array[...] = buffer._array
    return result


def _materialized(module: Module, call: Call) -> set[Any]:
    """Let lazy parameters learn their shapes, in their own dtype; return their dtypes."""
    lazy = {p.dtype for p in module.parameters() if is_lazy(p)}
    own = np.result_type(*lazy) if lazy else np.dtype(np.float32)

    def converted(tensor: Any) -> Any:
        array = tensor._array
        return wrap(array.astype(own) if array.dtype in FLOATS else array)

    with no_grad(), evaluating(module):
        module(*mapped(call.made, TensorBase, converted))
    return {p._array.dtype for p in (*module.parameters(), *module.buffers())} & FLOATS


def pairs_of(call: Call, gradients: Any) -> list[tuple[Any, Array]]:
    """Return the outputs that have a graph with their gradients, as arrays of their dtype."""
    if gradients is None and getattr(call.result, "requires_grad", False):
        where, expected = f"{call.where}.backward", "the gradient by the output"
        fix = "what gave it may lack a `return`"
        raise TypeError(explain(where, got="gradOutput None", expected=expected, fix=fix))
    return _pairs(call, call.result, gradients)


def _pairs(call: Call, result: Any, gradients: Any) -> list[tuple[Any, Array]]:
    if isinstance(result, TensorBase):
        if gradients is None or not result._requires_grad:
            return []
        array = np.asarray(gradients)
        if array.dtype.kind not in "fbiu":
            got = f"gradOutput of {array.dtype}"
            raise DtypeError(
                explain(f"{call.where}.backward", got=got, expected="an array of numbers")
            )
        if array.shape != result._array.shape:
            fix = "it has the shape of the output"
            raise ShapeError(
                explain(
                    f"{call.where}.backward",
                    got=f"gradOutput {array.shape}",
                    expected=result._array.shape,
                    fix=fix,
                )
            )
        return [(result, array.astype(result._array.dtype, copy=False))]
    if isinstance(result, dict):
        if not isinstance(gradients, dict) or not gradients.keys() <= result.keys():
            names = list(gradients) if isinstance(gradients, dict) else type(gradients).__name__
            expected = f"a dict of gradients for {', '.join(map(str, result))} (some may be absent)"
            raise TypeError(
                explain(f"{call.where}.backward", got=f"gradOutput {names}", expected=expected)
            )
        result, gradients = list(result.values()), [gradients.get(key) for key in result]
    if not isinstance(result, (tuple, list)):
        return []
    if not isinstance(gradients, (tuple, list)) or len(gradients) != len(result):
        got = f"gradOutput of type {type(gradients).__name__}"
        expected = f"a tuple of {len(result)}, one for each output (None for zeros)"
        raise TypeError(explain(f"{call.where}.backward", got=got, expected=expected))
    parts = zip(result, gradients, strict=True)
    return [pair for output, g in parts for pair in _pairs(call, output, g)]


def owned(found: Sequence[Any], leaves: Sequence[Any], held: Sequence[Array]) -> list[Array]:
    """Return the gradients of the leaves (zeros for None) as arrays that nobody else holds."""
    held, results = list(held), []
    for gradient, leaf in zip(found, leaves, strict=True):
        if gradient is None:
            gradient = np.zeros_like(leaf._array)
        gradient = np.asarray(gradient)
        shared = any(np.may_share_memory(gradient, other) for other in held)
        if shared or not gradient.flags.writeable or 0 in gradient.strides:
            copied = np.empty_like(leaf._array, gradient.dtype)  # lies in memory as the input does
            copied[...] = gradient
            gradient = copied
        held.append(gradient)
        results.append(gradient)
    return results


# ---- comparison of inputs


def same(given: Any, before: Any) -> bool:
    """Tell whether an input is the one before: the same object, or equal to it."""
    if given is before:
        return True
    if isinstance(before, (tuple, list)):
        return (
            isinstance(given, (tuple, list))
            and len(given) == len(before)
            and all(map(same, given, before))
        )
    if isinstance(before, dict):
        return (
            isinstance(given, dict)
            and given.keys() == before.keys()
            and all(same(given[key], before[key]) for key in before)
        )
    if isinstance(before, np.ndarray) or isinstance(given, np.ndarray):
        return _equal(np.asarray(given), np.asarray(before))
    return bool(given == before)


def _equal(a: Array, b: Array) -> bool:
    """Tell whether arrays are of one shape and hold the same values, nan among them."""
    if a.shape != b.shape:
        return False
    unequal = a != b
    return not unequal.any() or bool((unequal <= ((a != a) & (b != b))).all())


def refuse_other(where: str, given: Any, before: Any) -> NoReturn:
    """Say that backward was given another input than forward."""
    raise ValueError(
        explain(
            where,
            got=f"another input, {_described(given)}",
            expected=f"that of the last forward, {_described(before)}",
            fix="call forward with this input first; a layer remembers one call, so each place in "
            "a network needs a layer of its own",
        )
    )


def _described(given: Any) -> str:
    if isinstance(given, (tuple, list)):
        return ", ".join(map(_described, given))
    return str(given.shape) if isinstance(given, np.ndarray) else type(given).__name__
