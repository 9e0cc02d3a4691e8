"""What a module is made of: parameters, buffers and child modules by name."""

from __future__ import annotations

import threading
import warnings
from collections.abc import Callable, Iterator
from itertools import count
from types import MethodType
from typing import TYPE_CHECKING, Any

from rushlight.errors import explain
from rushlight.nn.parameter import Buffer, Parameter
from rushlight.tensor import Tensor

if TYPE_CHECKING:
    from rushlight.nn.module import Module

__all__ = ["LIBRARY", "Registry", "edits", "library", "yielding"]

LIBRARY = __name__.partition(".")[0]


def library(kind: Any) -> bool:
    """Tell whether a class or function is the library's own."""
    name = getattr(kind, "__module__", None) or ""
    return str(name).partition(".")[0] == LIBRARY


class _Edits:
    """A number that is new after each change of any module's attributes."""

    def __init__(self) -> None:
        self._numbers = count(1)
        self._own = threading.local()
        self.last = 0

    def bump(self) -> None:
        self.last = next(self._numbers)
        self._own.made = getattr(self._own, "made", 0) + 1

    def foreign(self) -> int:
        """Return a number that is new after each change that another thread made."""
        return self.last - int(getattr(self._own, "made", 0))


edits = _Edits()


class yielding:
    """A method that torch's modules do not have: a member of its name goes before it."""

    def __init__(self, method: Callable[..., Any]) -> None:
        self.method = method
        self.__doc__ = method.__doc__

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name

    def __get__(self, module: Registry | None, owner: type) -> Any:
        if module is None:
            return self.method
        for kind in ("_parameters", "_modules", "_buffers"):
            members = module.__dict__.get(kind, {})
            if self.name in members:
                return members[self.name]
        return MethodType(self.method, module)


class Registry:
    """The part of Module that sorts attributes by type and walks them."""

    training: bool
    _parameters: dict[str, Parameter | None]
    _buffers: dict[str, Tensor | None]
    _modules: dict[str, Module | None]
    _non_persistent_buffers_set: set[str]

    def __init__(self) -> None:
        members = self.__dict__
        members["training"] = True
        members["_parameters"] = {}
        members["_buffers"] = {}
        members["_modules"] = {}
        members["_non_persistent_buffers_set"] = set()

    # ---- attributes

    def __getattr__(self, name: str) -> Any:
        members = self.__dict__  # only names that are not found in it come here
        if "_parameters" in members:
            if name in members["_parameters"]:
                return members["_parameters"][name]
            if name in members["_modules"]:
                return members["_modules"][name]
            if name in members["_buffers"]:
                return members["_buffers"][name]
            raise AttributeError(
                f"{type(self).__name__!r} object has no attribute {name!r}", name=name, obj=self
            )
        if name.startswith("__"):
            raise AttributeError(name, name=name, obj=self)
        raise AttributeError(
            f"{type(self).__name__!r} object has no attribute {name!r}: "
            "call super().__init__() first in its __init__",
            name=name,
            obj=self,
        )

    def __setattr__(self, name: str, value: Any) -> None:
        self._assign(name, value)
        edits.bump()

    def _assign(self, name: str, value: Any) -> None:
        members = self.__dict__
        if isinstance(value, Parameter):
            self._ready("parameters")
            self._forget(name, "_parameters")
            self.register_parameter(name, value)
        elif isinstance(value, Registry):
            self._ready("modules")
            self._forget(name, "_modules")
            members["_modules"][name] = value
        elif "_parameters" not in members:
            if isinstance(value, Buffer):
                self._ready("buffers")
            object.__setattr__(self, name, value)
        elif name in members["_parameters"]:
            if value is not None:
                raise TypeError(_unfit(value, "parameter", name, "a Parameter or None"))
            members["_parameters"][name] = None
        elif name in members["_modules"]:
            if value is not None:
                raise TypeError(_unfit(value, "child module", name, "a Module or None"))
            members["_modules"][name] = None
        elif isinstance(value, Buffer):
            if name not in members["_buffers"]:
                self._forget(name, "_buffers")
            self.register_buffer(name, value, value.persistent)
        elif name in members["_buffers"]:
            self.register_buffer(name, value, name not in self._non_persistent_buffers_set)
        else:
            if value.__class__ in (list, tuple, dict):
                self._warn_of_plain(name, value)
            object.__setattr__(self, name, value)

    def __delattr__(self, name: str) -> None:
        self._remove(name)
        edits.bump()

    def _remove(self, name: str) -> None:
        for kind in ("_parameters", "_buffers", "_modules"):
            if name in self.__dict__.get(kind, ()):
                del self.__dict__[kind][name]
                self._non_persistent_buffers_set.discard(name)
                return
        object.__delattr__(self, name)

    def __dir__(self) -> list[str]:
        names = {*dir(type(self)), *self.__dict__}
        for kind in ("_parameters", "_buffers", "_modules"):
            names.update(self.__dict__.get(kind, ()))
        return sorted(name for name in names if not name[:1].isdigit())

    def _ready(self, what: str) -> None:
        if "_parameters" not in self.__dict__:
            raise AttributeError(
                f"cannot assign {what} before Module.__init__() call: "
                f"call super().__init__() first in {type(self).__name__}.__init__"
            )

    def _forget(self, name: str, keep: str) -> None:
        """Make room for a name that may have stood for another kind of member."""
        for kind in ("_parameters", "_buffers", "_modules"):
            if kind != keep:
                self.__dict__[kind].pop(name, None)
        self.__dict__.pop(name, None)
        self._non_persistent_buffers_set.discard(name)

    def _warn_of_plain(self, name: str, value: Any) -> None:
        """Warn of modules and parameters that a plain container hides from the registry."""
        items = list(value.values()) if isinstance(value, dict) else value
        kind, known = "Module", {id(module) for module in self.modules()}
        if not any(isinstance(item, Registry) for item in items):
            kind, known = "Parameter", {id(parameter) for parameter in self.parameters()}
        wanted = Registry if kind == "Module" else Parameter
        if any(isinstance(item, wanted) and id(item) not in known for item in items):
            right = f"{kind}{'Dict' if isinstance(value, dict) else 'List'}"
            warnings.warn(
                f"{type(self).__name__}.{name} is a plain {type(value).__name__} that holds "
                f"{kind}s: they are in neither parameters() nor state_dict(); "
                f"use rushlight.nn.{right}",
                UserWarning,
                stacklevel=3,
            )

    # ---- registration by name

    def _check_name(self, what: str, name: Any, kind: str) -> None:
        if kind not in self.__dict__:
            self._ready(what)
        if not isinstance(name, str):
            raise TypeError(f"{what} name should be a string, got {type(name).__name__}")
        if "." in name or not name:
            raise KeyError(f"{what} name {name!r} must not be empty or contain a dot")
        taken = hasattr(self, name) and not self._yields(name)
        if name not in self.__dict__[kind] and taken:
            raise KeyError(f"attribute {name!r} already exists")

    def _yields(self, name: str) -> bool:
        """Tell whether nothing has the name but a method that makes room."""
        own = any(name in members for members in (self.__dict__, *self._kinds()))
        found = (vars(cls)[name] for cls in type(self).__mro__ if name in vars(cls))
        return not own and isinstance(next(found, None), yielding)

    def _kinds(self) -> tuple[dict[str, Any], ...]:
        return self._parameters, self._modules, self._buffers

    def register_parameter(self, name: str, param: Parameter | None) -> None:
        """Add a parameter; None reserves the name."""
        self._check_name("parameter", name, "_parameters")
        if param is not None and not isinstance(param, Parameter):
            raise TypeError(_unfit(param, "parameter", name, "a Parameter or None"))
        if param is not None and param.grad_fn is not None:
            raise ValueError(
                f"cannot assign a tensor in a graph to parameter {name!r}: parameters are leaves; "
                "compute the value in forward()"
            )
        self._parameters[name] = param
        edits.bump()

    def register_buffer(self, name: str, tensor: Tensor | None, persistent: bool = True) -> None:
        """Add a buffer: state that is not trained; None reserves the name.

        Args:
            name: its attribute.
            tensor: its value.
            persistent: bool, whether it is in `state_dict()`; default True.
        """
        self._check_name("buffer", name, "_buffers")
        if tensor is not None and not isinstance(tensor, Tensor):
            raise TypeError(_unfit(tensor, "buffer", name, "a Tensor or None"))
        self._buffers[name] = tensor
        if persistent:
            self._non_persistent_buffers_set.discard(name)
        else:
            self._non_persistent_buffers_set.add(name)
        edits.bump()

    def register_module(self, name: str, module: Module | None) -> None:
        """Add a child module; None reserves the name."""
        if module is not None and not isinstance(module, Registry):
            raise TypeError(f"{type(module).__name__} is not a Module subclass")
        self._check_name("module", name, "_modules")
        self._modules[name] = module
        edits.bump()

    def add_module(self, name: str, module: Module | None) -> None:
        """Add a child module; None reserves the name."""
        self.register_module(name, module)

    # ---- walks

    def named_modules(
        self, memo: set[Any] | None = None, prefix: str = "", remove_duplicate: bool = True
    ) -> Iterator[tuple[str, Module]]:
        """Iterate over this module and all below it with their paths, each module once."""
        if memo is None:
            memo = set()
        if self not in memo:
            if remove_duplicate:
                memo.add(self)
            yield prefix, self  # type: ignore[misc]
            for name, child in self._modules.items():
                if child is not None:
                    path = f"{prefix}.{name}" if prefix else name
                    yield from child.named_modules(memo, path, remove_duplicate)

    def modules(self, remove_duplicate: bool = True) -> Iterator[Module]:
        """Iterate over this module and all below it, each once."""
        for _, module in self.named_modules(remove_duplicate=remove_duplicate):
            yield module

    def named_children(self) -> Iterator[tuple[str, Module]]:
        """Iterate over the immediate child modules with their names, each once."""
        seen: set[Any] = set()
        for name, child in self._modules.items():
            if child is not None and child not in seen:
                seen.add(child)
                yield name, child

    def children(self) -> Iterator[Module]:
        """Iterate over the immediate child modules, each once."""
        for _, child in self.named_children():
            yield child

    def _named_members(
        self, kind: str, prefix: str, recurse: bool, remove_duplicate: bool
    ) -> Iterator[tuple[str, Any]]:
        seen: set[int] = set()
        owners: Any = (
            self.named_modules(prefix=prefix, remove_duplicate=remove_duplicate)
            if recurse
            else [(prefix, self)]
        )
        for path, owner in owners:
            for name, member in getattr(owner, kind).items():
                if member is None or id(member) in seen:
                    continue
                if remove_duplicate:
                    seen.add(id(member))
                yield (f"{path}.{name}" if path else name), member

    def named_parameters(
        self, prefix: str = "", recurse: bool = True, remove_duplicate: bool = True
    ) -> Iterator[tuple[str, Parameter]]:
        """Iterate over parameters with their paths.

        Args:
            prefix: put before each path; default none.
            recurse: whether to enter child modules; default True.
            remove_duplicate: whether a shared parameter comes once; default True.
        """
        return self._named_members("_parameters", prefix, recurse, remove_duplicate)

    def parameters(self, recurse: bool = True) -> Iterator[Parameter]:
        """Iterate over parameters, each once: what an optimizer takes."""
        for _, parameter in self.named_parameters(recurse=recurse):
            yield parameter

    def named_buffers(
        self, prefix: str = "", recurse: bool = True, remove_duplicate: bool = True
    ) -> Iterator[tuple[str, Tensor]]:
        """Iterate over buffers with their paths."""
        return self._named_members("_buffers", prefix, recurse, remove_duplicate)

    def buffers(self, recurse: bool = True) -> Iterator[Tensor]:
        """Iterate over buffers, each once."""
        for _, buffer in self.named_buffers(recurse=recurse):
            yield buffer

    # ---- one of them, by path

    def get_submodule(self, target: str) -> Module:
        """Return the module at a path such as 'features.0'; '' is this one.

        Raises:
            AttributeError: if the path leads nowhere or to something else than a module.
        """
        found: Any = self
        for name in target.split(".") if target else ():
            if not hasattr(found, name):
                raise AttributeError(
                    explain(
                        "get_submodule",
                        got=f"{target!r}",
                        expected=f"a child of {type(found).__name__}: {list(found._modules)}",
                    )
                )
            found = getattr(found, name)
            if not isinstance(found, Registry):
                raise AttributeError(f"{name!r} of the path {target!r} is not a Module")
        return found

    def set_submodule(self, target: str, module: Module, strict: bool = False) -> None:
        """Put a module at a path; with `strict`, only where there is one already."""
        if not target:
            raise ValueError("set_submodule needs a name")
        path, _, name = target.rpartition(".")
        parent = self.get_submodule(path)
        if not isinstance(module, Registry):
            raise ValueError(f"set_submodule: got {type(module).__name__}, expected a Module")
        if strict and name not in parent._modules:
            raise AttributeError(f"{type(parent).__name__} has no child module {name!r}")
        if hasattr(parent, name) and name not in parent._modules:
            raise AttributeError(f"{name!r} of {type(parent).__name__} is not a Module")
        parent._modules[name] = module
        edits.bump()

    def get_parameter(self, target: str) -> Parameter:
        """Return the parameter at a path.

        Raises:
            AttributeError: if there is none.
        """
        found: Parameter = self._member(target, "_parameters")
        return found

    def get_buffer(self, target: str) -> Tensor:
        """Return the buffer at a path.

        Raises:
            AttributeError: if there is none.
        """
        found: Tensor = self._member(target, "_buffers")
        return found

    def _member(self, target: str, kind: str) -> Any:
        path, _, name = target.rpartition(".")
        owner = self.get_submodule(path)
        known = getattr(owner, kind)
        if known.get(name) is None:
            raise AttributeError(
                explain(
                    f"{type(owner).__name__} at {path!r}" if path else type(owner).__name__,
                    got=f"the name {name!r}",
                    expected=f"one of its {kind.strip('_')} {list(known)}",
                )
            )
        return known[name]


def _unfit(value: object, what: str, name: str, expected: str) -> str:
    return explain(
        f"assignment to {what} {name!r}",
        got=type(value).__name__,
        expected=expected,
        fix=f"del module.{name} first if it is to be something else",
    )
