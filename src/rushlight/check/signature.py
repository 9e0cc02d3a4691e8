"""What a callable of the student's takes: arguments found by their names, or by their places."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from rushlight.check.family import Argument

__all__ = ["bind", "defaults", "plain", "suited", "swapped"]

_INPUTS = ("input", "inputs", "x", "data")
_GRADIENTS = ("grad", "dout", "dy", "dl", "dz", "delta", "upstream", "g")


def plain(name: str) -> str:
    """Return a name without case and underscores: grad_W and gradW are the same."""
    return name.replace("_", "").lower()


def bind(callable_: Any, arguments: Sequence[Argument], options: Mapping[str, Any]) -> Any:
    """Return (args, kwargs) that give the options to a constructor, or None if it lacks one.

    Arguments are found by their names; required ones that have names of their own by position.
    """
    parameters = _parameters(callable_)
    if parameters is None:
        return (), dict(options)
    anything = any(p.kind is p.VAR_KEYWORD for p in parameters)
    open_ = any(p.kind is p.VAR_POSITIONAL for p in parameters)
    named = [p for p in parameters if p.kind not in (p.VAR_KEYWORD, p.VAR_POSITIONAL)]
    taken: dict[str, Any] = {}
    missing: list[Argument] = []
    for argument in arguments:
        if argument.name not in options:
            continue
        match = _named(argument, [p for p in named if p.name not in taken])
        if match is not None:
            taken[match.name] = options[argument.name]
        else:
            missing.append(argument)
    extra: list[Any] = []
    kwargs: dict[str, Any] = {}
    for argument in missing:
        free = next((p for p in named if p.name not in taken and p.default is p.empty), None)
        if argument.required and free is not None:
            taken[free.name] = options[argument.name]
        elif argument.required and open_:
            extra.append(options[argument.name])
        elif anything:
            kwargs[argument.name] = options[argument.name]
        else:
            return None
    if any(p.default is p.empty and p.name not in taken for p in named):
        return None
    by_place = {p.name for p in named if p.kind is p.POSITIONAL_ONLY}
    args = [value for name, value in taken.items() if name in by_place]
    return (*args, *extra), {**{k: v for k, v in taken.items() if k not in by_place}, **kwargs}


def defaults(callable_: Any, arguments: Sequence[Argument]) -> dict[str, Any]:
    """Return the student's own defaults by the library's names of the arguments."""
    parameters = _parameters(callable_) or []
    found = {a.name: _named(a, parameters) for a in arguments}
    return {k: p.default for k, p in found.items() if p is not None and p.default is not p.empty}


def _parameters(callable_: Any) -> list[inspect.Parameter] | None:
    try:
        return list(inspect.signature(callable_).parameters.values())
    except (TypeError, ValueError):
        return None


def _named(argument: Argument, parameters: Sequence[inspect.Parameter]) -> inspect.Parameter | None:
    names = {plain(argument.name), *map(plain, argument.others)}
    kinds = (inspect.Parameter.VAR_KEYWORD, inspect.Parameter.VAR_POSITIONAL)
    return next((p for p in parameters if plain(p.name) in names and p.kind not in kinds), None)


def suited(method: Callable[..., Any], x: Any, g: Any) -> tuple[Any, ...]:
    """Return what a backward pass is called with: the gradient alone, if it takes but that.

    Example:
        >>> suited(lambda gradOutput: 0, "x", "g"), suited(lambda input, gradOutput: 0, "x", "g")
        (('g',), ('x', 'g'))
    """
    names = _required(method)
    alone = names is not None and len(names) == 1 and plain(names[0]) not in _INPUTS
    return (g,) if alone else (x, g)


def swapped(method: Callable[..., Any]) -> bool:
    """Tell whether a backward pass names the gradient before the input.

    Example:
        >>> swapped(lambda gradOutput, input: 0), swapped(lambda input, gradOutput: 0)
        (True, False)
    """
    names = [plain(name) for name in _required(method) or ()][-2:]  # of a class's own: behind self
    return len(names) == 2 and names[0].startswith(_GRADIENTS) and names[1] in _INPUTS


def _required(method: Callable[..., Any]) -> list[str] | None:
    """Return the names of the arguments that have to be given; None if any number may be."""
    parameters = _parameters(method)
    if parameters is None or any(p.kind is p.VAR_POSITIONAL for p in parameters):
        return None
    kinds = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    return [p.name for p in parameters if p.kind in kinds and p.default is p.empty]
