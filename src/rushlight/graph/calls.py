"""One call of a model as a graph: what was traced, with a value for each array.

Values are found by the identity of arrays, which the trace keeps alive: a tensor, its detached
self and the array that an op took as an option are one value. A write in place makes a new value
of the same array.
"""

from __future__ import annotations

import inspect
from dataclasses import fields, is_dataclass, replace
from typing import Any

import numpy as np

from rushlight.errors import explain
from rushlight.graph.keeping import locked
from rushlight.graph.structure import Graph, Node, RecordError, Value, operands, rebuilt
from rushlight.nn.module import Module
from rushlight.nn.summary.watching import Call, Watched, watch
from rushlight.ops.contract import OPS
from rushlight.ops.reduce import norm_p
from rushlight.tape import TensorBase, Traced, state

__all__ = ["call", "input_names", "mapped"]


def call(model: Module, args: tuple[Any, ...], kwargs: dict[str, Any], names: list[str]) -> Graph:
    """Call the model once, in evaluation mode, and return the graph of it."""
    return _Builder(names).build(model, args, kwargs)


def mapped(value: Any, change: Any, key: str = "") -> Any:
    """Return a nested structure with `change(tensor, key)` in place of each tensor."""
    if isinstance(value, TensorBase):
        return change(value, key)
    if isinstance(value, dict):
        return {k: mapped(v, change, f"{key}.{k}".lstrip(".")) for k, v in value.items()}
    if isinstance(value, (tuple, list)):
        items = [mapped(v, change, f"{key}.{i}".lstrip(".")) for i, v in enumerate(value)]
        return rebuilt(value, items)
    if is_dataclass(value) and not isinstance(value, type):
        names = [entry.name for entry in fields(value) if entry.init]
        return replace(
            value, **{n: mapped(getattr(value, n), change, f"{key}.{n}".lstrip(".")) for n in names}
        )
    return value


def input_names(model: Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> list[str]:
    """Return a name for each tensor among the arguments: that of forward's parameter."""
    try:
        given = inspect.signature(model.forward).bind(*args, **kwargs).arguments
    except (TypeError, ValueError):
        given = {"input": args, **kwargs}
    found: list[str] = []
    mapped(dict(given), lambda tensor, key: found.append(key))
    return found


# options that say nothing of what is computed
_LEFT_OUT = {"device", "requires_grad", "generator"}


def _place(where: str, op: str) -> str:
    return f"{op} in {where or 'the model'}"


def _has_longer_rows(module: Module) -> bool:
    """Tell of an embedding with rows that it would cut when they are named."""
    limit, weight = getattr(module, "max_norm", None), module._parameters.get("weight")
    if limit is None or weight is None:
        return False
    p = float(getattr(module, "norm_type", 2.0))
    norms = norm_p(weight._array, dims=(1,), keepdim=False, p=p)
    return bool((norms > limit * (1 + 1e-6)).any())


def _seen(model: Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Watched:
    """Watch a call that cannot write to parameters, which nobody would put back."""
    outer, state.general = state.general, True
    try:
        with locked(model):
            return watch(model, args, kwargs, "recording a graph")
    except (ValueError, RuntimeError) as error:
        if "read-only" not in str(error):
            raise
        raise RecordError(
            explain(
                "record",
                got="a forward that writes into a parameter, or other memory that is read-only",
                expected="a model that keeps no state from call to call",
                fix="return the new value in place of writing it, or write it before",
            )
        ) from error
    finally:
        state.general = outer


class _Stale:
    """Stands for the value of an array whose memory was written through another tensor."""

    def __init__(self, place: str, before: Value | None, by: Any) -> None:
        self.place, self.before, self.by = place, before, by  # its value until then; who wrote


class _Builder:
    def __init__(self, names: list[str]) -> None:
        self.names = names
        self.values: dict[int, Value | _Stale] = {}
        self.kept: dict[int, Any] = {}  # arrays by id, so that no id is taken twice
        self.taken: set[str] = set()
        self.nodes: list[Node] = []
        self.parameters: list[Value] = []
        self.written: list[Any] = []  # arrays: what they held before is gone when this is built

    def build(self, model: Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Graph:
        inputs: list[Value] = []

        def own(tensor: Any, key: str) -> None:
            self.taken.add(self.names[len(inputs)])
            inputs.append(self.value(tensor._array, "input", self.names[len(inputs)]))

        mapped((args, kwargs), own)
        seen = _seen(model, args, kwargs)
        for name in seen.written:
            raise RecordError(
                explain(
                    "record",
                    got=f"a forward that writes into {name!r}",
                    expected="a model that keeps no state from call to call",
                    fix="return the new value in place of writing it",
                )
            )
        for what, called, _ in seen.events:
            if what == "enter" and _has_longer_rows(called.module):
                limit = f"max_norm={called.module.max_norm}"
                raise RecordError(
                    explain(
                        called.path or "record",
                        got=f"{limit} and rows in the table that a call would cut to it",
                        expected="a table whose rows are cut, as a recording cannot write to it",
                        fix="call the layer once with the numbers of all rows",
                    )
                )
        for owned, kind in (
            (seen.model.named_parameters(), "parameter"),
            (seen.model.named_buffers(), "buffer"),
        ):
            for name, tensor in owned:
                if id(tensor._array) not in self.values:
                    self.taken.add(name)
                    value = self.value(tensor._array, kind, name)
                    value.array = tensor._array
                    self.parameters.append(value)
        calls = [traced for what, traced, _ in seen.events if what == "op"]
        self.written = [args[0]._array for _, args, options, *_ in calls if "write" in options]
        for what, traced, around in seen.events:
            if what == "op":
                self.op(traced, around)
        whole = next(what for kind, what, _ in reversed(seen.events) if kind == "leave")
        graph = self.finished(inputs, whole)
        graph.drew = seen.drew
        return graph

    def finished(self, inputs: list[Value], outer: Call) -> Graph:
        outputs: list[Value] = []

        def out(tensor: Any, key: str) -> Value:
            outputs.append(self.read(tensor._array, "the model's output"))
            return outputs[-1]

        result = mapped(outer.result, out)
        return Graph(tuple(inputs), tuple(outputs), self.nodes, tuple(self.parameters), result)

    # ---- values

    def value(self, array: Any, kind: Any, name: str) -> Value:
        found = Value(name, tuple(array.shape), array.dtype, kind)
        self.values[id(array)] = found
        self.kept[id(array)] = array
        return found

    def is_written(self, array: Any) -> bool:
        return any(np.may_share_memory(array, written) for written in self.written)

    def unique(self, name: str) -> str:
        number = 1
        while f"{name}_{number}" in self.taken:
            number += 1
        self.taken.add(f"{name}_{number}")
        return f"{name}_{number}"

    def read(self, array: Any, place: str) -> Value:
        """Return the value of an array; one that no call has made is a constant."""
        found = self.values.get(id(array))
        if found is None:
            if self.is_written(array):
                raise RecordError(
                    explain(
                        place,
                        got="a tensor that the forward writes into and did not make",
                        expected="a model that keeps no state from call to call",
                        fix="write to a clone() of it",
                    )
                )
            found = self.value(array, "constant", self.unique("constant"))
            found.array = array.copy()
        if isinstance(found, _Stale):
            got = f"a tensor whose memory was written by {found.place}"
            fix = "write to a clone(), or use where() or cat() in place of writing to a part"
            raise RecordError(
                explain(place, got=got, expected="one that no write through another has changed",
                        fix=fix)
            )  # fmt: skip
        return found

    def plain(self, value: Any, place: str) -> Any:
        """Return an argument or option with values in place of arrays and tensors."""
        if isinstance(value, TensorBase):
            return self.read(value._array, place)
        if isinstance(value, np.ndarray):
            return self.read(value, place)
        if isinstance(value, np.generic):
            return value.item()
        if isinstance(value, (tuple, list)):
            return tuple(self.plain(item, place) for item in value)
        if isinstance(value, dict):
            return {key: self.plain(item, place) for key, item in value.items()}
        return value

    # ---- calls

    def op(self, traced: Traced, around: Call | None) -> None:
        op, args, options, outs, _ = traced
        where = "" if around is None else around.path
        place = _place(where, op.name)
        if op.name == "constant":
            self.value(outs[0]._array, "constant", self.unique("constant")).array = options["value"]
            return
        if "write" in options:
            return self.write(op.name, args, options, where)
        if OPS.get(op.name) is not op and outs and all(id(o._array) in self.values for o in outs):
            return  # a user's Function whose forward was traced op by op, or gave back its input
        inputs = tuple(self.plain(arg, place) for arg in args)
        if op.name == "getitem":
            self.refuse_mask(self.plain(options["index"], place), place)
        plain = {k: self.plain(v, place) for k, v in options.items() if k not in _LEFT_OUT}
        if not outs:
            self.left(op.name, inputs, plain, place)
            return
        self.node(op.name, inputs, plain, [out._array for out in outs], where)

    def node(
        self, name: str, inputs: Any, options: dict[str, Any], arrays: list[Any], where: str
    ) -> list[Value]:
        """Add a node that makes the arrays."""
        depends = any(v.array is None for v in operands((inputs, options)))
        made = []
        for array in arrays:
            value = self.value(array, "node", self.unique(name))
            value.array = None if depends or self.is_written(array) else array.copy()
            made.append(value)
        self.nodes.append(Node(name, inputs, options, tuple(made), where))
        return made

    def write(self, name: str, args: Any, options: dict[str, Any], where: str) -> None:
        """Let the array that was written stand for a new value from now on."""
        how, target, place = options["write"], args[0]._array, _place(where, f"{name}_")
        if how == "view":  # the tensor has another array, which an op has made
            return
        before = self.augmented(args, options) or self.read(target, place)
        others = tuple(self.plain(arg, place) for arg in args[1:])
        if how == "fill":
            made = self.fill(before, others[0], target, where)
        elif how == "setitem":
            index = {key: self.plain(options[key], place) for key in ("basic", "advanced")}
            others = tuple(self.cast(other, before.dtype, where) for other in others)
            (made,) = self.node("setitem", (before, *others), index, [target], where)
        else:
            others = tuple(self.cast(other, before.dtype, where) for other in others)
            (made,) = self.node(name, (before, *others), {}, [target], where)
        self.values[id(target)] = made
        for key, array in self.kept.items():
            if array is not target and np.may_share_memory(array, target):
                known = self.values[key]
                if isinstance(known, Value):
                    self.values[key] = _Stale(place, known, target)
                elif known.by is not target:
                    self.values[key] = _Stale(place, None, target)

    def augmented(self, args: Any, options: dict[str, Any]) -> Value | None:
        """Return what x was before `x[i] += y`: a write into the view x[i], which is then put where
        it stands already."""
        target, basic = args[0]._array, options.get("basic")
        found = self.values.get(id(target))
        if options["write"] != "setitem" or options["advanced"] is not None:
            return None
        view = args[1]._array if isinstance(args[1], TensorBase) else None
        if not isinstance(found, _Stale) or found.by is not view:
            return None
        cells = target[basic if isinstance(basic, tuple) else (basic, ...)]
        same = cells.__array_interface__ == view.__array_interface__
        return found.before if same else None

    def cast(self, value: Any, dtype: Any, where: str) -> Any:
        """Return a value in another dtype, by a node if that is another."""
        if not isinstance(value, Value) or value.dtype == dtype:
            return value
        held = value.array
        array = np.empty(value.shape, dtype) if held is None else held.astype(dtype)  # type: ignore[type-var]
        return self.node("cast", (value,), {"dtype": dtype}, [array], where)[0]

    def fill(self, before: Value, given: Any, target: Any, where: str) -> Value:
        """Return the value of an array that was filled with a number or another's elements."""
        if not isinstance(given, Value):
            options = {"size": before.shape, "fill_value": given, "dtype": before.dtype}
            return self.node("full", (), options, [target], where)[0]
        given = self.cast(given, before.dtype, where)
        if given.shape == before.shape:
            return given
        return self.node("expand", (given,), {"shape": before.shape}, [target], where)[0]

    def refuse_mask(self, index: Any, place: str) -> None:
        """Refuse to pick where a mask of the inputs holds: how many cells, they decide."""
        masks = [v for v in operands(index) if v.dtype == np.bool_ and v.array is None]
        if masks:
            raise RecordError(
                explain(
                    place,
                    got=f"an index by the mask {masks[0].name}, which depends on the inputs",
                    expected="sizes that do not depend on the elements",
                    fix="use where(mask, x, 0)",
                )
            )

    def left(self, name: str, inputs: Any, options: Any, place: str) -> None:
        """Refuse a number or array that left the graph, if it depends on the inputs."""
        if any(v.array is None for v in operands((inputs, options))):
            raise RecordError(
                explain(
                    place,
                    got=f"{name}() of a tensor that depends on the inputs",
                    expected="tensors only, as what follows would hold for the example alone",
                    fix="use where() in place of if, and functions of tensors in place of NumPy's",
                )
            )
