"""From a torch.fx graph to the calls that Rushlight runs."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Mapping
from typing import Any

from rushlight.bridge.functions import from_torch, name_of
from rushlight.bridge.recorded import InPlace, Program, Ref, Step
from rushlight.bridge.tensors import DTYPES, array_of
from rushlight.bridge.tracing import line_of
from rushlight.bridge.writes import plain_name, resolve, written
from rushlight.tensor import Tensor, from_numpy

__all__ = ["read"]

# What torch.fx notes of a call, though nobody gave it.
_UNUSED = {"out", "size_average", "reduce"}
_SECOND = {"axis": "dim", "keepdims": "keepdim"}  # NumPy's words, which torch takes as well


def read(
    torch: Any, graph: Any, module: Any, names: tuple[str, ...], fixed: Mapping[str, Any]
) -> tuple[Program, list[str]]:
    """Turn a graph into a program.

    Args:
        torch: the library.
        graph: of torch.fx.
        module: the torch module that was recorded, which has what the graph refers to.
        names: of its arguments.
        fixed: those that do not vary.

    Returns:
        The program, and what of it Rushlight has not got (then the program is not whole).
    """
    return _Reader(torch, module).program(graph, names, fixed)


class _Reader:
    def __init__(self, torch: Any, module: Any) -> None:
        self.torch, self.module = torch, module
        self.problems: list[str] = []
        self.reads: dict[Any, Any] = {}

    def program(
        self, graph: Any, order: tuple[str, ...], fixed: Mapping[str, Any]
    ) -> tuple[Program, list[str]]:
        nodes = list(graph.nodes)
        called = {n.target: self._at(n.target) for n in nodes if n.op == "call_module"}
        self.reads, refused = written(nodes, called)
        self.problems += refused
        names = {n: n.target for n in nodes if n.op == "placeholder"}
        steps: list[Step] = []
        output: Any = None
        for node in nodes:
            if node.op == "output":
                output = self._value(node.args[0], node, names)
            elif node.op != "placeholder":
                names[node] = f"%{node.name}"
                step = self._step(node, names)
                steps.append(step._replace(grad=node.meta.get("grad", True)))
        last: dict[str, int] = {}
        for i, step in enumerate(steps):
            for name in (step.name, *_names(step.args), *_names(step.options)):
                last[name] = i
        kept = set(_names(output))
        done = [
            tuple(n for n, at in last.items() if at == i and n not in kept)
            for i in range(len(steps))
        ]
        steps = [s._replace(done=names) for s, names in zip(steps, done, strict=True)]
        plain = {n: self._value(v, None, names) for n, v in fixed.items()}
        return Program(order, plain, tuple(steps), output), self.problems

    def _step(self, node: Any, names: dict[Any, str]) -> Step:
        name = names[node]
        if node.op == "get_attr":
            return self._member(node, name)
        args = self._value(tuple(node.args), node, names)
        given = {
            name: value
            for name, value in node.kwargs.items()
            if not name.startswith("_") and (value is not None or name not in _UNUSED)
        }
        options = self._value(given, node, names)
        if node.op == "call_module":
            return Step(name, "module", tuple(node.target.split(".")), args, options)
        if "out" in options:
            self._lacks(f"{plain_name(node)}(out=...)", node)
        if options.get("memory_format") in ("contiguous_format", "preserve_format"):
            options.pop("memory_format")
        if node.op == "call_method":
            return self._method(node, name, args, options)
        if node.target is getattr:
            self._attribute(str(node.args[1]), node)
        title, found = name_of(self.torch, node.target), self._function(node)
        if found is None:
            self._lacks(f"the function {title}", node)
        else:
            options = _first_names(found, options)
            self._fits(title, found, args, options, node)
        return Step(name, "function", found, args, options)

    def _attribute(self, name: str, node: Any) -> None:
        """Note an attribute that tensors have in torch and not here."""
        field = name in ("values", "indices") or not hasattr(self.torch.Tensor, name)
        if not field and not hasattr(Tensor, name):
            self._lacks(f"the attribute Tensor.{name}", node)

    def _function(self, node: Any) -> Callable[..., Any] | None:
        """Return what we call for a function, None if there is nothing."""
        torch, target = self.torch, resolve(node)
        if target is not None:
            return InPlace(target)
        if node.target is torch._assert:
            return _check
        name = plain_name(node)
        if name.endswith("_"):
            for place in (torch, torch.nn.functional):
                found = from_torch(torch, getattr(place, name[:-1], None))
                if found is not None:
                    return InPlace(found)
        return from_torch(torch, node.target)

    def _method(self, node: Any, name: str, args: Any, options: Any) -> Step:
        method = node.target
        if method.endswith("_") and not method.endswith("__"):
            plain = getattr(Tensor, method[:-1], None)
            if plain is None:
                self._lacks(f"the method Tensor.{method} (a write without a value before)", node)
                return Step(name, "method", method, args, options)
            return Step(name, "function", InPlace(plain), args, options)
        if not hasattr(Tensor, method) or method.startswith("__"):
            self._lacks(f"the method Tensor.{method}", node)
        else:
            options = _first_names(getattr(Tensor, method), options)
            self._fits(f"Tensor.{method}", getattr(Tensor, method), args, options, node)
        return Step(name, "method", method, args, options)

    def _member(self, node: Any, name: str) -> Step:
        path = tuple(node.target.split("."))
        owner = self._at(".".join(path[:-1]))
        if path[-1] in owner._parameters or path[-1] in owner._buffers:
            return Step(name, "member", path)
        value = from_numpy(array_of(getattr(owner, path[-1]), node.target, copy=True))
        return Step(name, "function", _Constant(value))

    def _at(self, path: str) -> Any:
        found = self.module
        for name in path.split(".") if path else ():
            found = getattr(found, name)
        return found

    def _fits(self, title: str, function: Any, args: Any, options: Any, node: Any) -> None:
        """Note arguments that our function does not take."""
        if isinstance(function, InPlace):
            function = function.function
        try:
            signature = inspect.signature(function)
        except (TypeError, ValueError):  # Python's own, which are the same ones
            return
        try:
            signature.bind(*args, **options)
        except TypeError as error:
            self._lacks(f"{title} with these arguments ({error})", node)

    def _lacks(self, what: str, node: Any) -> None:
        self.problems.append(f"{what} is not in Rushlight{_where(self.torch, node)}")

    def _value(self, value: Any, node: Any, names: dict[Any, str]) -> Any:
        """Turn an argument into one of ours; values of other steps become references."""
        torch = self.torch
        if isinstance(value, torch.fx.Node):
            return Ref(names[self.reads[node].get(value, value)])
        if value is None or isinstance(value, bool | int | float | str) or value is Ellipsis:
            return value
        if isinstance(value, slice):
            ends = (value.start, value.stop, value.step)
            return slice(*(self._value(end, node, names) for end in ends))
        if isinstance(value, dict):
            return {key: self._value(item, node, names) for key, item in value.items()}
        if isinstance(value, list):
            return [self._value(item, node, names) for item in value]
        if isinstance(value, tuple):
            return tuple(self._value(item, node, names) for item in value)
        if isinstance(value, torch.dtype):
            name = str(value).removeprefix("torch.")
            if name not in DTYPES and node is not None:
                self._lacks(f"the dtype {name}", node)
            return name
        if isinstance(value, torch.device):
            return str(value)
        if isinstance(value, torch.memory_format):
            return str(value).removeprefix("torch.")
        found = from_torch(torch, value) if callable(value) else None
        if found is None and node is not None:
            self._lacks(f"the value {value!r}", node)
        return found


class _Constant:
    """A function without arguments that returns one tensor."""

    def __init__(self, value: Tensor) -> None:
        self.value = value

    def __call__(self) -> Tensor:
        return self.value


def _first_names(function: Any, options: dict[str, Any]) -> dict[str, Any]:
    """Give options that our function knows by one name only that name."""
    try:
        taken = inspect.signature(function).parameters
    except (TypeError, ValueError):  # Python's own, which are the same ones
        return options
    return {
        _SECOND[n] if n not in taken and _SECOND.get(n) in taken else n: value
        for n, value in options.items()
    }


def _check(condition: Any, message: str) -> None:
    """Raise unless a condition holds."""
    if not condition:
        raise AssertionError(message)


def _where(torch: Any, node: Any) -> str:
    """Return the line of the user's code that made a node, where it is known."""
    frames = re.findall(r'File "(.*?)", line (\d+)', node.stack_trace or "")
    return line_of(torch, [(file, int(number)) for file, number in frames])


def _names(value: Any) -> list[str]:
    """Return the names of all references in a value."""
    if type(value) is Ref:
        return [value.name]
    if isinstance(value, slice):
        return _names((value.start, value.stop, value.step))
    if isinstance(value, Mapping):
        value = list(value.values())
    if isinstance(value, list | tuple):
        return [name for item in value for name in _names(item)]
    return []
