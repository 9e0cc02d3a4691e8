"""Recording: one call of a function becomes a plan of what it does to arrays, and to tensors."""

from __future__ import annotations

import gc
from collections import Counter
from collections.abc import Callable, Sequence
from sys import getrefcount
from typing import Any, NamedTuple
from weakref import ref

import numpy as np

from rushlight.arrays import Array, get_default_dtype
from rushlight.nn.registry import Registry, edits
from rushlight.optim import Optimizer
from rushlight.plans.calls import DATA, INPUT, Call, Recorder, Unplanned, address, root_of
from rushlight.plans.plan import Gradient, Output, Plan
from rushlight.plans.sight import sight
from rushlight.plans.watched import Watched, plain, watch
from rushlight.tape import Node, TensorBase, cell, state, wrap

__all__ = ["mapped", "record"]


def mapped(function: Callable[[Any], Any], value: Any) -> Any:
    """Return a structure of tuples, lists and dicts with the function of each tensor in it."""
    if isinstance(value, TensorBase):
        return function(value)
    if value.__class__ in (tuple, list):
        return value.__class__([mapped(function, part) for part in value])
    if value.__class__ is dict:
        return {key: mapped(function, part) for key, part in value.items()}
    if isinstance(value, tuple) and hasattr(value, "_fields"):
        return type(value)(*[mapped(function, part) for part in value])
    return value


class Input(NamedTuple):
    """An argument: the tensor given, what stands for it in the recording, and its array."""

    given: Any
    used: Any
    array: Array


class Recorded(NamedTuple):
    """A plan of what a function did, or None and why; and what it returned."""

    plan: Plan | None
    why: str
    result: Any


def record(
    function: Callable[..., Any],
    args: tuple[Any, ...],
    options: dict[str, Any],
    tensors: Sequence[Any],
    optimizers: Sequence[Any],
    frozen: bool = False,
) -> Recorded:
    """Call a function, with all that it does, and make a plan of that.

    Args:
        function, args, options: the call; tensors may stand in tuples, lists and dicts.
        tensors: what else it may read and write: parameters, buffers, others that it refers to.
        optimizers: those that it may call.
        frozen: of `Plan`.

    Raises:
        Unplanned: there can be no plan, and the function has not been called.
    """
    recording = _Recording(tensors, optimizers, frozen)
    try:
        return recording.of(function, args, options)
    finally:
        recording.recorder.forget()


class _Recording:
    """One recording."""

    def __init__(self, tensors: Sequence[Any], optimizers: Sequence[Any], frozen: bool) -> None:
        self.tensors, self.optimizers, self.frozen = list(tensors), list(optimizers), frozen
        self.recorder = Recorder()
        self.steps: list[tuple[Any, int]] = []  # an optimizer, and the calls made before its step
        self.taken: list[tuple[Any, Any, int]] = []  # gradients it took: whose, memory, its level
        self.stepped: set[int] = set()  # ids of the tensors that optimizers have stepped
        self.copies: dict[int, tuple[Any, Any]] = {}  # of memory of results, by its owner's id

    def of(
        self, function: Callable[..., Any], args: tuple[Any, ...], options: dict[str, Any]
    ) -> Recorded:
        if any(t._hooks or t._accumulated for t in self.tensors):
            raise Unplanned("hooks of a tensor")
        if any(t._node is not None for t in self.tensors):
            raise Unplanned("a tensor that was computed outside of it, with its graph")
        inputs: list[Input] = []
        mapped(lambda t: self._input(t, inputs), (args, options))
        args, options = _stood_in(inputs, args, options)
        before = [(t._grad, t._version[0] if t._version else 0) for t in self.tensors]
        edit, modes = edits.last, (state.recording, get_default_dtype())
        result = self._call(function, args, options)
        del args, options
        try:
            if True in [_hand_on(i) for i in inputs]:
                raise Unplanned("it changes an argument")
            if self.recorder.refused:
                raise Unplanned(self.recorder.refused)
            if edits.last != edit:
                raise Unplanned("it sets attributes of modules")
            if modes != (state.recording, get_default_dtype()):
                raise Unplanned("it changes whether gradients are recorded, or the default dtype")
            plan = self._plan(inputs, before, result)
        except Unplanned as error:
            self.recorder.refuse(error)
            plan = None
        mapped(lambda t: self._hand_out(t, inputs), result)
        given = {id(i.used): i.given for i in inputs}
        return Recorded(plan, self.recorder.refused, mapped(lambda t: given.get(id(t), t), result))

    def _call(self, function: Any, args: Any, options: Any) -> Any:
        self.arrays = [t._array for t in self.tensors]
        for array in self.arrays:
            self.recorder.know(array, DATA, lasting=True)
        left = [t._grad._array for t in self.tensors if t._grad is not None]
        self.recorder.left = [ref(root_of(grad)) for grad in left]
        del left
        self._swap_in()
        try:
            with sight(self.recorder), self._stepping():
                return function(*args, **options)
        finally:
            self._swap_out()
            for tensor in self.tensors:  # gradients shall be plain, whatever comes of this
                if tensor._grad is not None and isinstance(tensor._grad._array, Watched):
                    tensor._grad._array = plain(tensor._grad._array)

    def _plan(self, inputs: Sequence[Input], before: Sequence[Any], result: Any) -> Plan:
        _seen_through(result)
        outputs: list[Output] = []
        structure = mapped(lambda t: self._output(t, inputs, outputs), result)
        gradients = self._gradients([grad for grad, _ in before])
        bumps = [
            (t, (t._version[0] if t._version else 0) - version)
            for t, (_, version) in zip(self.tensors, before, strict=True)
            if id(t) not in self.stepped
        ]
        buffers = [i.array for i in inputs]
        given = {id(buffer) for buffer in buffers}
        for item in self.recorder.program:
            if isinstance(item, Call) and any(id(root_of(a)) in given for a in item.writes):
                raise Unplanned("it changes an argument")
        mapped(lambda t: self._hand_out(t, inputs), result)
        for i in inputs:
            i.used._array = i.array
        self._no_survivors([*buffers, *self.arrays, *gradients])
        gradients = [
            g if g.array is None else g._replace(array=self.recorder.stand_in(g.array))
            for g in gradients
        ]
        return Plan(
            self.recorder,
            buffers,
            self.tensors,
            self.arrays,
            structure,
            outputs,
            gradients,
            [(t, n) for t, n in bumps if n],
            self.steps,
            self.frozen,
        )

    # ---- what goes in

    def _input(self, tensor: Any, inputs: list[Input]) -> None:
        if any(tensor is known.given for known in inputs):
            return
        if tensor._requires_grad and state.recording:
            raise Unplanned("an argument that requires a gradient")
        if any(tensor is known for known in self.tensors):
            raise Unplanned("an argument that the function refers to in another way, too")
        array = tensor._array
        if any(root_of(array) is root_of(known._array) for known in self._lasting()):
            raise Unplanned("an argument that lies in the memory of what the function refers to")
        buffer = np.empty_like(array)
        if dense_strides(buffer) != dense_strides(array):
            raise Unplanned("an argument whose elements do not lie side by side")
        buffer[...] = array
        self.recorder.know(buffer, INPUT, lasting=True)
        inputs.append(Input(tensor, wrap(watch(buffer)), buffer))

    def _lasting(self) -> list[Any]:
        """Return the tensors that the function may write to."""
        entries = [entry for o in self.optimizers for entry in o.state.values()]
        found = [v for entry in entries for v in entry.values() if isinstance(v, TensorBase)]
        return [*self.tensors, *found]

    def _swap_in(self) -> None:
        for tensor in self.tensors:
            tensor._array = watch(tensor._array)

    def _swap_out(self) -> None:
        for tensor, array in zip(self.tensors, self.arrays, strict=True):
            if isinstance(tensor._array, Watched):
                tensor._array = array

    def _stepping(self) -> Any:
        return _Stepping(self)

    def step(self, optimizer: Any, step: Callable[[Any], None]) -> None:
        """Take an optimizer's step on plain arrays and remember where it was taken."""
        recorder = self.recorder
        if not any(optimizer is known for known in self.optimizers):
            recorder.refuse("an optimizer that was not found in what the function refers to")
        paused, recorder.paused = recorder.paused, True
        grads = [p for group in optimizer.param_groups for p in group["params"]]
        if self.steps:
            recorder.refuse("more than one step of an optimizer")
        for p in grads:
            if p._grad is not None:
                p._grad._array = plain(p._grad._array)
                self.stepped.add(id(p))
                memory = root_of(p._grad._array)
                known = recorder.roots.get(id(memory))
                self.taken.append((p, memory, DATA if known is None else known.level))
        self._swap_out()
        try:
            step(optimizer)
            moved = any(t._array is not a for t, a in zip(self.tensors, self.arrays, strict=True))
        finally:
            recorder.paused = paused
        if moved:
            self.recorder.refuse(MOVED)
        if recorder.paused:
            return
        self._swap_in()
        for p in grads:
            if p._grad is not None:
                p._grad._array = watch(p._grad._array)
        self.steps.append((optimizer, len(self.recorder.program)))

    # ---- what comes out

    def _output(self, tensor: Any, inputs: Sequence[Input], outputs: list[Output]) -> Output:
        for i, known in enumerate(inputs):
            if tensor is known.used:
                return _add(outputs, Output(None, i, None, None))
        for known in self.tensors:
            if tensor is known:
                return _add(outputs, Output(None, None, known, None))
        array = plain(tensor._array)
        self.recorder.level(array)
        array = self.recorder.stand_in(array)
        if any(out.array is not None and _overlap(out.array, array) for out in outputs):
            raise Unplanned("results that share memory")
        if any(
            root_of(array) is root_of(given) for given in (*self.arrays, *(i.array for i in inputs))
        ):
            raise Unplanned("a result that is a view of an argument or a parameter")
        op = None
        if tensor._requires_grad:
            if tensor._node is None or not _spent(tensor._node):
                raise Unplanned("a result whose gradient may still be asked for")
            op = tensor._node.op
        return _add(outputs, Output(array, None, None, op))

    def _hand_out(self, tensor: Any, inputs: Sequence[Input]) -> Any:
        """Let a result be a view of a parameter or an argument, where it is one without a plan."""
        array = tensor._array
        if not isinstance(array, Watched):
            return tensor
        root = root_of(array)
        if any(root is root_of(known) for known in self.arrays):
            tensor._array = plain(array)
        for i in inputs:
            owner = root_of(i.given._array)
            if root is root_of(i.array) and tensor is not i.used and owner.flags.c_contiguous:
                at = address(i.given._array) - address(owner) + address(array) - address(i.array)
                tensor._array = np.ndarray(array.shape, array.dtype, owner, at, array.strides)
        if isinstance(tensor._array, Watched):
            tensor._array = self._copy(array, root)
        return tensor

    def _copy(self, array: Any, root: Any) -> Any:
        """Return a copy of a result, which shares memory with those of others as it does itself."""
        low, high = np.lib.array_utils.byte_bounds(root)
        if high - low != root.nbytes:  # it has gaps
            return plain(array).copy(order="K")
        known, copy = self.copies.get(id(root), (lambda: None, None))
        if known() is not root:
            copy = plain(root).ravel(order="K").copy()
            self.copies[id(root)] = ref(root), copy
        at = address(array) - low if array.size else 0
        found = np.ndarray(array.shape, array.dtype, copy, at, array.strides)
        found.flags.writeable = array.flags.writeable
        return found

    def _gradients(self, before: Sequence[Any]) -> list[Gradient]:
        found = []
        for tensor, memory, level in self.taken:
            if tensor._grad is None or root_of(tensor._grad._array) is not memory:
                raise Unplanned("gradients that are replaced after the optimizer's step")
            if self.recorder.level(memory) != level:
                raise Unplanned("gradients that change after the optimizer's step")
        for tensor, old in zip(self.tensors, before, strict=True):
            new = tensor._grad
            if new is not None and new is not old:
                array = new._array
                self.recorder.level(array)
                found.append(Gradient(tensor, array, old is not None))
            elif new is None and tensor._requires_grad:
                found.append(Gradient(tensor, None, old is not None))
        return found

    def _no_survivors(self, others: Sequence[Any]) -> None:
        """Refuse functions that keep tensors of a call, where later calls would not be seen."""
        stack, seen = _all_arrays([self.recorder.program, *others]), set()
        held: Counter[int] = Counter()
        while stack:
            array = stack.pop()
            if id(array) not in seen:
                seen.add(id(array))
                if isinstance(array.base, np.ndarray):
                    held[id(array.base)] += 1
                    stack.append(array.base)
        del array
        if not self._survivors(held):
            return
        gc.collect()
        if self._survivors(held):
            raise Unplanned("it keeps tensors that it has computed (in a list, say)")

    def _survivors(self, held: Counter[int]) -> bool:
        """Tell whether watched arrays are held by more than the plain arrays that view them."""
        for found in self.recorder.watched:
            array = found()
            if array is not None and getrefcount(array) - _HERE > held[id(array)]:
                return True
        return False


def _seen_through(value: Any) -> None:
    """Refuse results that a plan would not make anew at each call."""
    if value.__class__ is dict:
        value = list(value.values())
    if value.__class__ in (tuple, list) or (isinstance(value, tuple) and hasattr(value, "_fields")):
        for part in value:
            _seen_through(part)
    elif not isinstance(value, (TensorBase, *_LEAVES)):
        raise Unplanned(f"it returns an object of type {type(value).__name__}")


def _all_arrays(value: Any) -> list[Array]:
    """Return all arrays within tuples, lists and dicts."""
    if isinstance(value, np.ndarray):
        return [value]
    if isinstance(value, dict):
        value = list(value.values())
    if not isinstance(value, (tuple, list)):
        return []
    return [array for part in value for array in _all_arrays(part)]


# numbers, text and the like; shapes are tuples
_LEAVES = (int, float, complex, str, bytes, type(None), np.dtype, np.generic, tuple, type, Registry)
_HERE = 2  # references to an array in a loop that asks for their number: a name and an argument
MOVED = "its optimizer has just moved the parameters in memory"


class _Stepping:
    """Hands the steps of optimizers to a recording."""

    def __init__(self, recording: _Recording) -> None:
        self.recording = recording

    def __enter__(self) -> None:
        recording, self.found = self.recording, Optimizer.step
        found = self.found

        def step(optimizer: Any, closure: Any = None) -> Any:
            recorder = recording.recorder
            if not recorder.active():
                return found(optimizer, closure)
            if closure is not None:
                recorder.refuse("an optimizer's step with a closure")
                return found(optimizer, closure)
            return recording.step(optimizer, found)

        Optimizer.step = step  # type: ignore[method-assign, assignment]

    def __exit__(self, *error: object) -> None:
        Optimizer.step = self.found  # type: ignore[method-assign]


def _hand_on(argument: Input) -> bool:
    """Do to the tensor given what was done to what stood for it; tell whether that was anything."""
    given, used, buffer = argument
    changed = False
    if root_of(used._array) is not buffer:  # .data = ...
        given._array = used._array = plain(used._array)
        changed = True
    elif used._version is not None and used._version[0]:
        given._array[...] = buffer
        cell(given)[0] += used._version[0]
        changed = True
    if used._grad is not None or used._requires_grad or used._node is not None:
        given._grad, given._requires_grad = used._grad, used._requires_grad
        given._node, given._index = used._node, used._index
        if used._grad is not None:
            used._grad._array = plain(used._grad._array)
        changed = True
    return changed


def _stood_in(inputs: Sequence[Input], args: Any, options: Any) -> Any:
    """Return arguments with what stands for their tensors."""
    used = {id(i.given): i.used for i in inputs}
    return mapped(lambda t: used[id(t)], (args, options))


def dense_strides(array: Any) -> tuple[int, ...]:
    """Return the strides of the dims that have more than one element."""
    return tuple([s for s, n in zip(array.strides, array.shape, strict=True) if n > 1])


def _add(outputs: list[Output], output: Output) -> Output:
    outputs.append(output)
    return output


def _overlap(a: Array, b: Array) -> bool:
    """Tell whether parts of one array may share elements: copies of them would not any more."""
    return root_of(a) is root_of(b) and np.may_share_memory(a, b)


def _spent(node: Any) -> bool:
    """Tell whether backward passes have freed so much that a node leads to no leaf any more.

    Where it still leads to one, that one's gradient may be asked for, whatever else was freed.
    """
    spent, seen, stack = False, {node}, [node]
    while stack:
        found = stack.pop()
        if found.saved is None:
            spent = True  # and nothing comes to what lies behind it
            continue
        for edge in found.edges:
            if edge is None:
                continue
            if not isinstance(edge[0], Node):
                return False  # a leaf
            if edge[0] not in seen:
                seen.add(edge[0])
                stack.append(edge[0])
    return spent
