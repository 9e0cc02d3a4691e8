"""One call of a module, watched: which layers and ops ran, on what, in which order.

Nothing of the module is changed by it: attributes, hooks, modes, buffers, what its layers have
learnt of their inputs (`rows.py`) and the random numbers are put back, whatever happens.
"""

from __future__ import annotations

import copy
import random
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, fields, is_dataclass
from typing import Any

import numpy as np

from rushlight.autograd import no_grad
from rushlight.nn.hooks import CallHooks
from rushlight.nn.module import Module
from rushlight.nn.parameter import is_lazy
from rushlight.nn.registry import edits
from rushlight.random import get_rng_state, set_rng_state
from rushlight.tape import TensorBase, Traced, cell, state, wrap

__all__ = ["Call", "Event", "Watched", "tensors_in", "untouched", "watch"]


@dataclass(eq=False)
class Call:
    """One call of a module: what it was given and what it returned."""

    module: Module
    path: str
    depth: int  # of the module in the tree; the model is 0
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    within: list[Call]  # the calls around it, outermost first
    result: Any = None
    leaf: bool = True  # no other module was called in it


# ("enter" or "leave", the call) or ("op", what was traced, the innermost call around it)
Event = tuple[str, Any, Any]


@dataclass
class Watched:
    """What was seen of a call of a model."""

    model: Module
    paths: dict[Module, str]
    events: list[Event] = field(default_factory=list)
    finished: int = 0  # how many calls came to their end
    written: list[str] = field(default_factory=list)  # parameters and buffers, by name
    drew: bool = False  # random numbers: rushlight's, Python's or NumPy's


def tensors_in(value: Any) -> Iterator[Any]:
    """Iterate over the tensors in nested tuples, lists, dicts and objects with fields."""
    if isinstance(value, TensorBase):
        yield value
    elif isinstance(value, dict):
        for item in value.values():
            yield from tensors_in(item)
    elif isinstance(value, (tuple, list)):
        for item in value:
            yield from tensors_in(item)
    elif is_dataclass(value) and not isinstance(value, type):
        for entry in fields(value):
            yield from tensors_in(getattr(value, entry.name))


def watch(
    model: Module, args: tuple[Any, ...], kwargs: dict[str, Any], purpose: str = "summary"
) -> Watched:
    """Call the model once, in evaluation mode and without gradients, and return what was seen.

    A model with lazy layers is copied: its own remain as they are. `purpose` names the caller in
    the note of an error.

    Raises:
        Exception: that of the forward, with a note of the layer that raised it and its input.
    """
    state_of = [*model.parameters(), *model.buffers()]
    model = copy.deepcopy(model) if any(map(is_lazy, state_of)) else model
    watcher = _Watcher(model)
    outer = state.trace
    with untouched(model), no_grad():
        model.eval()
        watcher.install()
        owned = [*model.named_parameters(), *model.named_buffers()]
        before, drawn = [cell(tensor)[0] for _, tensor in owned], _generators()
        state.trace = watcher.trace
        try:
            model(*args, **kwargs)
        except Exception as error:
            with suppress(Exception):  # the model's error comes first
                found = watcher.explain()
                error.add_note(f"in {purpose}: {found}")
                error._rushlight_watched = watcher.seen.finished, found  # type: ignore[attr-defined]
            raise
        finally:
            state.trace = outer
        after = [cell(tensor)[0] for _, tensor in owned]
        watcher.seen.drew = _generators() != drawn
    pairs = zip(owned, before, after, strict=True)
    watcher.seen.written = [name for (name, _), old, new in pairs if old != new]
    return watcher.seen


class _Watcher:
    """The hooks on all modules, and what they and the tape's trace have seen."""

    def __init__(self, model: Module) -> None:
        self.seen = Watched(model, {m: path for path, m in model.named_modules()})
        self.trace: list[Traced] = []
        self.stack: list[Call] = []

    def install(self) -> None:
        """Hook on every module, first before its own hooks and last behind them."""
        for module in self.seen.paths:
            own, hooks = module._call_hooks, CallHooks()
            if own is not None:
                vars(hooks).update({name: dict(kept) for name, kept in vars(own).items()})
            hooks.before = {-1: (self.enter, True), **hooks.before}
            hooks.after[-1] = (self.leave, True)
            module.__dict__["_call_hooks"] = hooks
        edits.bump()  # a Sequential now sees that its layers have hooks and calls each

    def flush(self) -> None:
        """Take over what was traced since the last look."""
        around = self.stack[-1] if self.stack else None
        self.seen.events += [("op", call, around) for call in self.trace]
        self.trace.clear()

    def enter(self, module: Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        self.flush()
        path = self.seen.paths[module]
        depth = path.count(".") + 1 if path else 0
        call = Call(module, path, depth, args, dict(kwargs), list(self.stack))
        for outer in self.stack:
            outer.leaf = False
        self.stack.append(call)
        self.seen.events.append(("enter", call, None))

    def leave(
        self, module: Module, args: tuple[Any, ...], kwargs: dict[str, Any], result: Any
    ) -> Any:
        self.flush()
        while self.stack[-1].module is not module:  # calls that failed, in a model that went on
            self.stack.pop()
        call = self.stack.pop()
        given = {id(tensor) for tensor in tensors_in((call.args, call.kwargs))}
        call.result = _renamed(result, given)
        self.seen.events.append(("leave", call, None))
        self.seen.finished += 1
        return call.result

    def explain(self) -> str:
        """Return which layer, the innermost, did not return, and what it was given."""
        call = self.stack[-1]
        name = f"layer {call.path!r}" if call.path else "the model"
        shapes = ", ".join(_told(tensor) for tensor in tensors_in((call.args, call.kwargs)))
        return f"{name} ({call.module._get_name()}) was given {shapes or 'no tensors'}"


def _told(tensor: Any) -> str:
    return f"{tuple(tensor.shape)} {tensor._array.dtype.name}"


def _renamed(result: Any, given: set[int]) -> Any:
    """Return the result with a new name for what was handed through: who reads it afterwards reads
    it from the layer."""
    if isinstance(result, TensorBase) and id(result) in given:
        same = wrap(result._array)
        same._version = cell(result)
        return same
    if type(result) is tuple:
        return tuple(_renamed(item, given) for item in result)
    return result


@contextmanager
def untouched(model: Module) -> Iterator[None]:
    """Put back whatever a call of the model may have changed."""
    modules = list(model.modules())
    drawn = get_rng_state()
    put_back = [_members(module) for module in modules]
    put_back += [_arrays_of(module) for module in modules]
    put_back += [_contents(t) for module in modules for t in _written(module)]
    kept = [value for module in modules for value in _kept(module)]
    put_back += [_elements(value) for value in kept if isinstance(value, np.ndarray)]
    for module in modules:
        rows = module.__dict__.get("_rows")
        if rows is not None:
            put_back.append(_attribute(rows, "known"))
    try:
        yield
    finally:
        for one in put_back:
            one()
        set_rng_state(drawn)
        edits.bump()


def _generators() -> tuple[Any, ...]:
    """Return where the generators stand that are used without being handed on."""
    own = get_rng_state()
    numpy = sys.modules.get("numpy.random")  # which takes its time to import
    theirs = numpy.get_state() if numpy is not None else ("", np.zeros(0), 0)
    stands = (own["state"].tobytes(), own["has_uint32"], own["uinteger"])
    return stands, random.getstate(), theirs[1].tobytes(), theirs[2]


def _members(module: Module) -> Any:
    """Return what puts the attributes and members of a module back."""
    kinds: list[Any] = [module.__dict__, module._parameters, module._buffers, module._modules]
    kinds += [kept for kept in _kept(module) if isinstance(kept, (dict, list, set))]
    found = [(members, members.copy()) for members in kinds]

    def put_back() -> None:
        for members, before in found:
            members.clear()
            if isinstance(members, list):
                members.extend(before)
            else:
                members.update(before)

    return put_back


def _kept(module: Module) -> Iterator[Any]:
    """Iterate over what the attributes of a module hold, and the containers among them."""
    seen: set[int] = set()
    left = [value for name, value in vars(module).items() if name not in _OF_MODULES]
    while left:
        value = left.pop()
        if id(value) not in seen:
            seen.add(id(value))
            yield value
            if isinstance(value, dict):
                left += value.values()
            elif isinstance(value, (list, tuple, set)):
                left += value


# what a module keeps of its own and `_members` names itself, or that holds other modules' functions
_OF_MODULES = {"_parameters", "_buffers", "_modules", "_call_hooks", "_rows"}


def _arrays_of(module: Module) -> Any:
    """Return what gives the parameters the arrays back that they had: `.data` may be set."""
    owned = [p for p in module._parameters.values() if p is not None and not is_lazy(p)]
    found = [(parameter, parameter._array) for parameter in owned]

    def put_back() -> None:
        for parameter, array in found:
            parameter._array = array

    return put_back


def _written(module: Module) -> Iterator[Any]:
    """Iterate over the tensors that a forward may write to: copying all weights would be a lot."""
    buffers = [buffer for buffer in module._buffers.values() if buffer is not None]
    yield from (buffer for buffer in buffers if not is_lazy(buffer))
    kept = (value for value in _kept(module) if isinstance(value, TensorBase))
    yield from (tensor for tensor in kept if not is_lazy(tensor))
    if getattr(module, "max_norm", None) is not None:  # an embedding that cuts rows as it looks
        yield from (p for p in module._parameters.values() if p is not None)


def _contents(tensor: Any) -> Any:
    """Return what puts the elements of a tensor back."""
    array, version = tensor._array, cell(tensor)
    elements, seen = _elements(array), version[0]

    def put_back() -> None:
        tensor._array = array
        elements()
        version[0] = seen

    return put_back


def _elements(array: Any) -> Any:
    """Return what writes the elements of an array back."""
    before = array.copy()

    def put_back() -> None:
        if array.flags.writeable:
            array[...] = before

    return put_back


def _attribute(holder: Any, name: str) -> Any:
    before = getattr(holder, name)
    return lambda: setattr(holder, name, before)
