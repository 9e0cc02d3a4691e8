"""A module that runs what was recorded of a torch module's forward."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping
from typing import Any, Literal, NamedTuple, NoReturn

from rushlight.autograd import no_grad
from rushlight.errors import explain
from rushlight.nn import Module
from rushlight.tensor import Tensor

__all__ = ["InPlace", "Inlined", "Program", "Recorded", "Ref", "Step"]


class Ref(NamedTuple):
    """The place of a value that an earlier step made, in the arguments of a later one."""

    name: str


class InPlace:
    """A function in place of one that writes to its first argument: it keeps that one's dtype.

    Args:
        function: what makes the new value.
    """

    def __init__(self, function: Callable[..., Any]) -> None:
        self.function = function

    def __call__(self, first: Any, *args: Any, **options: Any) -> Any:
        found = self.function(first, *args, **options)
        if isinstance(found, Tensor) and isinstance(first, Tensor) and found.dtype != first.dtype:
            found = found.to(first.dtype)
        return found


class Step(NamedTuple):
    """One call.

    name: of its result. kind: what `target` is: the path of a module, a function, the name of a
    method of the first argument, or the path of a parameter or buffer. done: the names that no
    later step needs. grad: False where forward was in a `no_grad()`.
    """

    name: str
    kind: Literal["module", "function", "method", "member"]
    target: Any
    args: tuple[Any, ...] = ()
    options: Mapping[str, Any] = {}
    done: tuple[str, ...] = ()
    grad: bool = True


class Program(NamedTuple):
    """The calls of a forward, in order.

    names: of its arguments, in order. fixed: those that had one value while it was recorded; the
    others vary. output: what it returns.
    """

    names: tuple[str, ...]
    fixed: Mapping[str, Any]
    steps: tuple[Step, ...]
    output: Any


class Inlined(Module):
    """A part of a recorded module: it has its parameters, its calls are in the recorded forward.

    Args:
        title: the name of its class in torch.
    """

    def __init__(self, title: str) -> None:
        super().__init__()
        self._title = title

    def _get_name(self) -> str:
        return self._title

    def forward(self, *args: Any, **options: Any) -> NoReturn:
        raise NotImplementedError(
            explain(
                self._title,
                got="a call of a part of a recorded module",
                expected="a call of the whole, in whose forward this part's is",
                fix="convert this part by a rushlight.from_torch of its own",
            )
        )


class Recorded(Module):
    """The forward of a torch module, recorded once and run with Rushlight's functions.

    Its parameters, buffers and children have the names of the original.

    Args:
        title: the name of the original's class.
        programs: training -> what to run in that mode, or why it could not be recorded.
    """

    def __init__(self, title: str, programs: Mapping[bool, Program | str]) -> None:
        super().__init__()
        self._title = title
        self._programs = dict(programs)

    def _get_name(self) -> str:
        return self._title

    def forward(self, *args: Any, **options: Any) -> Any:
        program = self._programs[self.training]
        if isinstance(program, str):
            raise NotImplementedError(
                explain(
                    f"{self._title} in {'training' if self.training else 'evaluation'} mode",
                    got=program,
                    expected="a forward that can be recorded",
                    fix="use the other mode, or write the module with rushlight.nn",
                )
            )
        values = self._given(program, args, options)
        for step in program.steps:
            with contextlib.nullcontext() if step.grad else no_grad():
                values[step.name] = self._run(step, values)
            for name in step.done:
                del values[name]
        return _fill(program.output, values)

    def _given(self, program: Program, args: Any, options: Any) -> dict[str, Any]:
        """Return the values of the inputs; what is fixed may be given as it was recorded."""
        given = {**dict(zip(program.names, args, strict=False)), **options}
        inputs = {name: value for name, value in given.items() if name not in program.fixed}
        wanted = [name for name in program.names if name not in program.fixed]
        other = [
            n for n, v in given.items() if n in program.fixed and not _same(v, program.fixed[n])
        ]
        twice = len(given) < len(args) + len(options)
        if other or twice or len(args) > len(program.names) or set(inputs) != set(wanted):
            was = ", ".join(f"{name}={value!r}" for name, value in program.fixed.items())
            raise TypeError(
                explain(
                    self._title,
                    got=f"{len(args)} arguments by position and {sorted(options)} by name",
                    expected=", ".join(wanted) + (f" (recorded with {was})" if was else ""),
                    fix="give from_torch an example with the arguments that will be given",
                )
            )
        return inputs

    def _run(self, step: Step, values: dict[str, Any]) -> Any:
        args, options = _fill(step.args, values), _fill(step.options, values)
        if step.kind == "function":
            return step.target(*args, **options)
        if step.kind == "method":
            return getattr(args[0], step.target)(*args[1:], **options)
        found: Any = self
        for name in step.target:
            found = getattr(found, name)
        return found(*args, **options) if step.kind == "module" else found


def _same(value: Any, recorded: Any) -> bool:
    """Tell whether a value of Python is the recorded one (a tensor never is)."""
    return value is recorded or (type(value) is type(recorded) and value == recorded)


def _fill(value: Any, values: Mapping[str, Any]) -> Any:
    """Put values in the places of references."""
    if type(value) is Ref:
        return values[value.name]
    if type(value) is tuple:
        return tuple(_fill(item, values) for item in value)
    if type(value) is list:
        return [_fill(item, values) for item in value]
    if type(value) is dict:
        return {key: _fill(item, values) for key, item in value.items()}
    if type(value) is slice:
        return slice(*(_fill(item, values) for item in (value.start, value.stop, value.step)))
    return value
