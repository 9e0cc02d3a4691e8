"""One conversion of a tree of modules, in either direction.

A layer of a class that both sides have is made anew with its arguments; then its members take the
place of those that it was made with. What stands twice in the tree (a tied parameter, a layer that
is used twice) is converted once. What cannot be converted is noted, and told of all at once.
"""

from __future__ import annotations

import dataclasses
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any

from rushlight.bridge.arguments import arguments
from rushlight.errors import DeviceError, DtypeError

__all__ = ["Crossing", "place_of"]

_PLAIN = (bool, int, float, str, type(None))


def place_of(path: str, module: Any) -> str:
    """Return the path and class of a module, as messages name it."""
    return f"{path or '(the whole)'} ({type(module).__name__})"


def _plain(value: Any) -> bool:
    if isinstance(value, tuple):
        return all(map(_plain, value))
    return type(value) in _PLAIN


class Crossing(ABC):
    """A conversion on its way: what is done already, and what cannot be done.

    Attributes:
        problems: a line for each module that cannot be converted.
    """

    tensor_type: type
    parameter_type: type
    module_type: type

    def __init__(self) -> None:
        self.problems: list[str] = []
        self._done: dict[int, Any] = {}
        self._kept: list[Any] = []  # so that no id is given to another object meanwhile

    # ---- what the directions differ in

    @abstractmethod
    def counterpart(self, source: Any) -> tuple[type, type] | None:
        """Return Rushlight's class of a layer and the class to make; None if there is none."""

    @abstractmethod
    def other(self, source: Any, path: str) -> Any:
        """Convert a module of a class that is not in both libraries, or note why not."""

    @abstractmethod
    def refusal(self, source: Any) -> str:
        """Return what a module has that cannot be converted; empty if nothing."""

    @abstractmethod
    def new_tensor(self, tensor: Any, where: str) -> Any:
        """Convert the values of a tensor."""

    @abstractmethod
    def new_parameter(self, tensor: Any, requires_grad: bool) -> Any:
        """Make a parameter of a converted tensor."""

    @abstractmethod
    def function(self, function: Callable[..., Any]) -> Callable[..., Any] | None:
        """Return the function of the same name; None if there is none."""

    @abstractmethod
    def make(self, cls: type, options: dict[str, Any]) -> Any:
        """Make a layer whose members will be replaced."""

    @abstractmethod
    def record_class(self, value: Any) -> type | None:
        """Return the class of options (a dataclass) of the same name; None if there is none."""

    # ---- what they share

    def once(self, source: Any, convert: Callable[[], Any]) -> Any:
        """Convert an object, or return what it was converted to before."""
        if id(source) not in self._done:
            self._kept.append(source)
            self._done[id(source)] = convert()
        return self._done[id(source)]

    def module(self, source: Any, path: str = "") -> Any:
        """Convert a module and everything below it; None after a problem has been noted."""
        if source is None:
            return None
        return self.once(source, lambda: self._module(source, path))

    def _module(self, source: Any, path: str) -> Any:
        reason = self.refusal(source)
        if reason:
            return self.problem(path, source, reason)
        found = self.counterpart(source)
        return self.other(source, path) if found is None else self.layer(source, path, *found)

    def layer(self, source: Any, path: str, ours: type, cls: type) -> Any:
        """Make a layer of a class with the arguments and the members of another."""
        try:
            options = arguments(ours, source)
        except (AttributeError, IndexError) as error:
            return self.problem(path, source, f"its options cannot be read: {error}")
        before = len(self.problems)
        options = {name: self.value(value, path, source) for name, value in options.items()}
        if len(self.problems) > before:
            return None
        try:
            target = self.make(cls, options)
        except Exception as error:  # whatever the class does not take
            return self.problem(path, source, f"it cannot be made: {error}")
        self._done[id(source)] = target  # here already, for what refers to it from below
        self.fill(target, source, path)
        return target

    def fill(self, target: Any, source: Any, path: str) -> None:
        """Give a module the plain attributes and the members of another."""
        for name, value in vars(source).items():
            if name.startswith("_") or not _plain(value):
                continue
            if name == "training" or (name in vars(target) and _plain(vars(target)[name])):
                setattr(target, name, value)
        below = f"{path}." if path else ""
        for name, parameter in source._parameters.items():
            self._put(target, name, self.parameter(parameter, below + name))
        for name, buffer in source._buffers.items():
            kept = name not in source._non_persistent_buffers_set
            target.register_buffer(name, self.tensor(buffer, below + name), persistent=kept)
        for name, child in source._modules.items():
            target._modules.pop(name, None)
            target.register_module(name, self.module(child, below + name))

    def _put(self, target: Any, name: str, value: Any) -> None:
        if name in target._parameters:
            setattr(target, name, value)
        else:
            target.register_parameter(name, value)

    def problem(self, path: str, source: Any, reason: str) -> Any:
        """Note what cannot be converted; return None in its place."""
        self.problems.append(f"{place_of(path, source)}: {reason}")
        return None

    # ---- values

    def parameter(self, source: Any, where: str) -> Any:
        """Convert a parameter (None stays None)."""
        if source is None:
            return None

        def convert() -> Any:
            found = self._tensor(source, where)
            return None if found is None else self.new_parameter(found, source.requires_grad)

        return self.once(source, convert)

    def tensor(self, source: Any, where: str) -> Any:
        """Convert a tensor (None stays None)."""
        if source is None:
            return None
        return self.once(source, lambda: self._tensor(source, where))

    def _tensor(self, source: Any, where: str) -> Any:
        try:
            return self.new_tensor(source, where)
        except (ValueError, DtypeError, DeviceError) as error:
            self.problems.append(str(error))
            return None

    def value(self, value: Any, path: str, owner: Any) -> Any:
        """Convert an argument of a layer."""
        if type(value) in _PLAIN:
            return value
        if isinstance(value, self.module_type):
            return self.module(value, path)
        if isinstance(value, self.parameter_type):
            return self.parameter(value, path)
        if isinstance(value, self.tensor_type):
            return self.tensor(value, path)
        if isinstance(value, dict):
            return {key: self.value(item, path, owner) for key, item in value.items()}
        if isinstance(value, list | tuple):
            items = [self.value(item, path, owner) for item in value]
            return items if isinstance(value, list) else tuple(items)
        record = self.record_class(value) if dataclasses.is_dataclass(value) else None
        if record is not None:
            names = [field.name for field in dataclasses.fields(record)]
            return record(**{n: self.value(getattr(value, n), path, owner) for n in names})
        found = self.function(value) if callable(value) else None
        if found is None:
            self.problem(path, owner, f"its option {value!r} has no counterpart")
        return found
