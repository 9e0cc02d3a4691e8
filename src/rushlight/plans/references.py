"""What a function refers to: found in its code, so that a change is seen before a plan is run.

A recorded call holds for as long as everything is the same that the function reads besides its
arguments: modules and their attributes, optimizers, tensors, numbers. They are found by following
the names in its code. Code that changes something else than tensors, or that reads what is not
understood here, is refused.
"""

from __future__ import annotations

import builtins
import dis
import functools
import operator
import types
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from rushlight.nn import Module
from rushlight.nn.registry import Registry
from rushlight.optim import Optimizer
from rushlight.plans.calls import Unplanned
from rushlight.random import Generator
from rushlight.tape import TensorBase
from rushlight.tensor import device

__all__ = ["Place", "References"]

_LIBRARY = __name__.partition(".")[0]
_PLAIN = (int, float, bool, str, bytes, complex, type(None), type(Ellipsis), np.dtype, np.generic)
_PURE = "abs all any bool dict divmod enumerate float int isinstance issubclass len list max min"
_PURE += " pow range repr reversed round set slice sorted str sum super tuple type zip map filter"
_BUILTINS = {getattr(builtins, name) for name in _PURE.split()}
_MODULES = ("numpy", "math", "operator", "functools", "itertools", "typing", "collections")
_ATTRIBUTES = ("LOAD_ATTR", "LOAD_METHOD")
_NAMES = ("LOAD_GLOBAL", "LOAD_NAME", "LOAD_DEREF", "LOAD_CLASSDEREF", "LOAD_FAST", "LOAD_FROM")
_SKIPPED = ("PUSH_NULL", "CACHE", "PRECALL", "RESUME", "NOP", "EXTENDED_ARG")
# the library's packages whose functions do nothing but compute
_COMPUTING = ["functional", "tensor", "nn", "autograd", "ops", "special", "linalg", "tape"]
_COMPUTING += ["optim", "random", "func", "arrays"]
MANY = 1000  # values; a function that refers to more is not looked through

Place = tuple[Callable[[], Any], Any]  # how to read a value again, and what it was
Chain = list[Place]


class References:
    """What is found, starting from a function or module.

    Attributes:
        modules: all modules, children included.
        optimizers, tensors: those that are referred to; parameters and buffers not among them.
        places: where values were read whose change must be seen.
    """

    def __init__(self, function: Any) -> None:
        self.modules: list[Any] = []
        self.optimizers: list[Any] = []
        self.tensors: list[Any] = []
        self.places: list[Place] = []
        self._seen: dict[Any, Any] = {}
        self._owners: list[Any] = []  # objects of classes that are not the library's
        self._loose: set[str] = set()  # attributes of objects that the code alone does not tell
        self._value(function)
        self._methods()

    def _methods(self) -> None:
        """Look at the methods that may be called of objects that are known under another name."""
        done: set[tuple[int, str]] = set()
        while todo := [
            (owner, name)
            for owner in self._owners
            for name in self._loose
            if (id(owner), name) not in done
        ]:
            for owner, name in todo:
                done.add((id(owner), name))
                method = getattr(type(owner), name, None)
                if isinstance(method, types.FunctionType):
                    self._function(method, owner)

    def _place(self, read: Callable[[], Any], value: Any) -> None:
        if len(self.places) > MANY:
            raise Unplanned("it refers to too much")
        self.places.append((read, value))

    # ---- values

    def _value(self, value: Any) -> None:
        """Look at something that the code reads."""
        if isinstance(value, _PLAIN) or id(value) in self._seen:
            return
        self._seen[id(value)] = value
        if isinstance(value, Registry):
            self._module(value)
        elif isinstance(value, TensorBase):
            self.tensors.append(value)
        elif isinstance(value, Optimizer):
            self.optimizers.append(value)
        elif isinstance(value, types.MethodType):
            self._method(value)
        elif isinstance(value, types.FunctionType):
            self._function(value, None)
        elif isinstance(value, functools.partial):
            self._value(value.func)
            self._container(value.args)
            self._container(value.keywords)
        elif isinstance(value, (tuple, list, set, frozenset, dict)):
            self._container(value)
        elif not _known(value):
            self._object(value)

    def _container(self, value: Any) -> None:
        if isinstance(value, (set, frozenset)):
            raise Unplanned("it refers to a set, which has no order")
        if not isinstance(value, tuple):
            self._place(partial(len, value), len(value))
            keys: Any = list(value) if isinstance(value, dict) else range(len(value))
            for key in keys:
                self._place(partial(_item, value, key), value[key])
        for part in value.values() if isinstance(value, dict) else value:
            self._value(part)

    def _object(self, value: Any) -> None:
        """Look at an object of the user's."""
        kind = type(value)
        strange = isinstance(value, (type, types.ModuleType, np.ndarray)) or _library(kind)
        if strange or not _is_python(kind):
            raise Unplanned(f"it refers to {_name(value)}")
        self._owners.append(value)
        call = getattr(kind, "__call__", None)  # noqa: B004 (its code is wanted)
        if isinstance(call, types.FunctionType):
            self._function(call, value)
        members = getattr(value, "__dict__", None)
        if members is None or (callable(value) and not isinstance(call, types.FunctionType)):
            raise Unplanned(f"it refers to {_name(value)}")
        self._container(members)

    def _module(self, module: Any) -> None:
        found = list(module.modules())
        for part in found:
            self._seen[id(part)] = part
            self.modules.append(part)
            kind = type(part)
            if kind.__module__.partition(".")[0] == _LIBRARY:
                continue
            if kind.__call__ is not Module.__call__:
                raise Unplanned(f"{kind.__name__} defines __call__")
            self._owners.append(part)
            self._function(kind.forward, part)

    def _method(self, method: types.MethodType) -> None:
        owner = method.__self__
        if isinstance(owner, (Registry, TensorBase, Optimizer)):
            self._value(owner)
        elif isinstance(owner, type) and not _library(owner):
            raise Unplanned(f"it refers to {_name(owner)}")
        elif _library(type(owner)):
            self._value(owner)
        if _known(method.__func__):
            return
        if not isinstance(method.__func__, types.FunctionType):
            raise Unplanned(f"it calls {_name(method)}")
        self._function(method.__func__, owner)

    # ---- code

    def _function(self, function: types.FunctionType, owner: Any) -> None:
        """Look at a function; `owner` is its first argument, where that is known."""
        if _known(function):
            return
        key = (function.__code__, id(owner))
        if key in self._seen:
            return
        self._seen[key] = owner
        for values in (function.__defaults__ or (), (function.__kwdefaults__ or {}).values()):
            for value in values:
                self._value(value)
        code = function.__code__
        known: dict[str, Callable[[], Any]] = {
            name: partial(getattr, cell, "cell_contents")
            for name, cell in zip(code.co_freevars, function.__closure__ or (), strict=True)
        }
        if owner is not None and code.co_argcount:
            known[code.co_varnames[0]] = lambda: owner
        self._code(code, function.__globals__, known, owner)

    def _code(
        self, code: types.CodeType, names: dict[str, Any], known: dict[str, Any], owner: Any
    ) -> None:
        """Follow the names in code; `known` says how to read those of closures, and the owner."""
        for constant in code.co_consts:
            if isinstance(constant, types.CodeType):
                inner = {name: read for name, read in known.items() if name in constant.co_freevars}
                self._code(constant, names, inner, owner)
        chain: Chain = []  # the value that the code holds now, and what it was read from, if known
        for op in dis.get_instructions(code):
            if op.opname == "YIELD_VALUE" and code.co_name == "<genexpr>":
                continue
            if op.opname in _CHANGING:
                if op.opname != "STORE_DEREF" or op.argval not in code.co_cellvars:
                    raise Unplanned(
                        f"{code.co_name} {_CHANGING[op.opname]} {op.argval or ''}".strip()
                    )
            elif op.opname.startswith(_NAMES):
                self._end(chain)
                name = op.argval[-1] if op.argval.__class__ is tuple else op.argval
                chain = self._start(op.opname, name, code, names, known, owner)
            elif op.opname in _ATTRIBUTES:
                chain = self._follow(chain, op.argval)
            elif op.opname == "LOAD_SUPER_ATTR":
                self._above(op.argval, owner)
            elif op.opname not in _SKIPPED:
                self._end(chain)
                chain = []
        self._end(chain)

    def _start(
        self,
        kind: str,
        name: str,
        code: types.CodeType,
        names: dict[str, Any],
        known: dict[str, Any],
        owner: Any,
    ) -> Chain:
        if name in known:
            read = known[name]
            return [(read, read())]
        if kind.startswith(("LOAD_FAST", "LOAD_DEREF", "LOAD_CLASSDEREF")):
            return []  # an argument, or a variable of this function or of the one around it
        if name in names:
            return [(partial(operator.getitem, names, name), names[name])]
        if not hasattr(builtins, name):
            raise Unplanned(f"{code.co_name} refers to {name}, which is not defined")
        if name == "super":
            self._above(code.co_name, owner)
        return [(partial(getattr, builtins, name), getattr(builtins, name))]

    def _above(self, name: str, owner: Any) -> None:
        """Look at the methods of that name of all classes above the owner's."""
        if owner is None:
            raise Unplanned("it calls super()")
        for kind in type(owner).__mro__[1:]:
            method = vars(kind).get(name)
            if isinstance(method, types.FunctionType):
                self._function(method, owner)

    def _follow(self, chain: Chain, name: str) -> Chain:
        if not chain:
            self._loose.add(name)
            return []
        read, value = chain[-1]
        kind = type(value)
        if isinstance(value, (TensorBase, Optimizer, *_PLAIN)):
            self._end(chain)
            return []
        if isinstance(getattr(kind, name, None), property) and not _library(kind):
            raise Unplanned(f"{kind.__name__}.{name} is a property")
        if not hasattr(value, name):
            raise Unplanned(f"{kind.__name__} has no attribute {name}")
        return [*chain, (partial(_attribute, read, name), getattr(value, name))]

    def _end(self, chain: Chain) -> None:
        """Take note of the value at the end of a chain of names, and of what leads to it."""
        for i, (read, value) in enumerate(chain):
            method = isinstance(value, (types.MethodType, types.BuiltinMethodType))
            if not method and not (i and isinstance(chain[i - 1][1], Registry)):
                self._place(read, value)  # attributes of modules are watched by themselves
        if not chain or isinstance(chain[-1][1], types.ModuleType):
            return
        value = chain[-1][1]
        if len(chain) > 1 and isinstance(value, types.BuiltinMethodType) and not _pure(value):
            raise Unplanned(f"it calls {_name(value)} of {_name(chain[-2][1])}")
        if not (isinstance(value, types.BuiltinMethodType) and _pure(value)):
            self._value(value)


def _attribute(read: Callable[[], Any], name: str) -> Any:
    return getattr(read(), name, None)


def _item(owner: Any, key: Any) -> Any:
    """Return what a list or dict holds; None where that is gone."""
    try:
        return owner[key]
    except (KeyError, IndexError):
        return None


_CHANGING = {
    "STORE_ATTR": "sets the attribute",
    "STORE_GLOBAL": "sets the global",
    "STORE_DEREF": "sets the variable of another function",
    "STORE_SUBSCR": "writes to elements",
    "DELETE_ATTR": "deletes the attribute",
    "DELETE_GLOBAL": "deletes the global",
    "DELETE_SUBSCR": "deletes elements",
    "IMPORT_NAME": "imports",
    "YIELD_VALUE": "is a generator",
    "STORE_NAME": "sets the name",
}


def _library(kind: Any) -> bool:
    name = getattr(kind, "__module__", None) or ""
    return str(name).partition(".")[0] == _LIBRARY


def _pure(value: Any) -> bool:
    """Tell whether a builtin function or method changes nothing."""
    owner = getattr(value, "__self__", None)
    if isinstance(owner, types.ModuleType):
        return owner.__name__.partition(".")[0] in (*_MODULES, "builtins") and _known(value)
    if owner is None:
        return _known(value)
    return isinstance(owner, (*_PLAIN, tuple)) or getattr(value, "__name__", "") in (
        "get",
        "items",
        "keys",
        "values",
        "copy",
        "index",
        "count",
    )


def _known(value: Any) -> bool:
    """Tell whether a function or class is this library's, or one that changes nothing."""
    try:
        if value in _BUILTINS:
            return True
    except TypeError:
        return False
    if isinstance(value, (Generator, device)):
        return True
    if not callable(value):
        return isinstance(value, types.ModuleType)
    name = str(getattr(value, "__module__", None) or "")
    if isinstance(value, np.ufunc):
        return True
    if name.startswith("numpy.random"):
        return False
    is_function = isinstance(
        value, (types.FunctionType, types.BuiltinFunctionType, type, types.MethodDescriptorType)
    ) or type(value).__module__.startswith(("numpy", "functools"))
    if not is_function:
        return False
    top, _, rest = name.partition(".")
    return top in _MODULES or (top == _LIBRARY and rest.partition(".")[0] in _COMPUTING)


def _is_python(kind: type) -> bool:
    """Tell whether a class was written in Python."""
    return bool(kind.__flags__ & (1 << 9)) and kind.__module__ != "builtins"


def _name(value: Any) -> str:
    name = getattr(value, "__qualname__", None) or type(value).__name__
    return f"{name}" if callable(value) else f"an object of type {name}"
