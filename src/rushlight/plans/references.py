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
from itertools import chain as joined
from typing import Any

import numpy as np

from rushlight.nn import Module
from rushlight.nn.registry import LIBRARY, Registry, library
from rushlight.optim import Optimizer
from rushlight.plans.calls import Unplanned
from rushlight.plans.places import (
    NOWHERE,
    Place,
    attribute,
    defined,
    definition,
    given,
    grouped,
    groups,
    has_gradient,
    item,
    ordered,
    static,
)
from rushlight.random import Generator
from rushlight.tape import TensorBase
from rushlight.tensor import device

__all__ = ["References"]

_PLAIN = (
    *(int, float, bool, str, bytes, complex, type(None), type(Ellipsis)),
    *(type(NotImplemented), np.dtype, np.generic),
)
_PURE = "abs all any bool dict divmod enumerate float int isinstance issubclass len list max min"
_PURE += " pow range repr reversed round set slice sorted str sum super tuple type zip map filter"
_BUILTINS = {getattr(builtins, name) for name in _PURE.split()}
_MODULES = ("numpy", "math", "operator", "functools", "itertools", "typing", "collections")
# functions of these modules that change something, read files or find members by their names
_STRANGE = "setitem delitem iadd iand iconcat ifloordiv ilshift imatmul imod imul ior ipow irshift"
_STRANGE += " isub itruediv ixor attrgetter methodcaller call load loadtxt genfromtxt fromfile"
_STRANGE += " fromregex memmap open_memmap save savez savez_compressed savetxt seterr seterrcall"
_STRANGE += " setbufsize set_printoptions errstate printoptions getbufsize geterr DataSource"
_OUTSIDE = frozenset(_STRANGE.split())
# methods that no expression calls but such as are refused, or whose results are but text
_UNCALLED = "__init__ __new__ __init_subclass__ __repr__ __str__ __del__ __setattr__ __delattr__"
_UNCALLED += " __setitem__ __delitem__ __set_name__ __getstate__ __setstate__ __reduce__"
_UNCALLED += " __reduce_ex__ __copy__ __deepcopy__ __post_init__ __dir__ __sizeof__"
_SILENT = frozenset(_UNCALLED.split())
_ANY_ATTRIBUTE = ("__getattr__", "__getattribute__")
_STEPS = ("step", "zero_grad")  # what a function may do with an optimizer
_OF_OPTIMIZERS = frozenset(name for name in dir(Optimizer) if name[0] != "_" and name not in _STEPS)
_OF_OPTIMIZERS |= {"param_groups", "state", "defaults"}
_ATTRIBUTES = ("LOAD_ATTR", "LOAD_METHOD")
_NAMES = ("LOAD_GLOBAL", "LOAD_NAME", "LOAD_DEREF", "LOAD_CLASSDEREF", "LOAD_FAST", "LOAD_FROM")
_SKIPPED = ("PUSH_NULL", "CACHE", "PRECALL", "RESUME", "NOP", "EXTENDED_ARG")
# the library's packages whose functions do nothing but compute
_COMPUTING = ["functional", "tensor", "nn", "autograd", "ops", "special", "linalg", "tape"]
_COMPUTING += ["optim", "random", "func", "arrays"]
MANY = 1000  # values; a function that refers to more is not looked through

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
        self._super = False  # whether some code calls super()
        self._names: set[str] = set()  # attributes of tensors
        self._value(function)
        self._members()
        self._traits()

    def _members(self) -> None:
        """Look at the members that may be asked of objects that are known under another name."""
        done: set[tuple[int, str, bool]] = set()
        while todo := [
            (owner, name)
            for owner in self._owners
            for name in self._loose
            if (id(owner), name, self._super) not in done
        ]:
            for owner, name in todo:
                done.add((id(owner), name, self._super))
                own = getattr(owner, "__dict__", {})
                if name in own and name not in ("_parameters", "_buffers", "_modules"):
                    self._place(partial(item, own, name), own[name])
                    self._value(own[name])
                elif own.__class__ is dict and not isinstance(owner, Registry):
                    self._place(partial(operator.contains, own, name), False)
                self._class_member(owner, name)
                if self._super:  # super().name
                    self._above(name, owner)
        if self.optimizers and self._loose & _OF_OPTIMIZERS:
            raise Unplanned(f"it reads {min(self._loose & _OF_OPTIMIZERS)}, maybe of an optimizer")

    def _class_member(self, owner: Any, name: str) -> None:
        """Look at what an object has from a class that is not the library's."""
        kind = type(owner)
        found = static(kind, name)
        if found is NOWHERE:
            return
        self._place(partial(static, kind, name), found)
        self._found(found, name, owner)

    def _found(self, found: Any, name: str, owner: Any) -> None:
        """Look at what lies in a class under a name."""
        kind = type(owner)
        if isinstance(found, types.FunctionType):
            self._function(found, owner)
        elif isinstance(found, property):
            if found.fget is not None:
                self._value(found.fget)
                if isinstance(found.fget, types.FunctionType):
                    self._function(found.fget, owner)
        elif isinstance(found, staticmethod):
            self._value(found.__func__)
        elif isinstance(found, classmethod) or hasattr(type(found), "__get__"):
            if not (isinstance(found, type) or _known(found)):
                raise Unplanned(f"{kind.__name__}.{name} is a {type(found).__name__}")
        elif not isinstance(found, types.MemberDescriptorType):
            self._value(found)

    def _traits(self) -> None:
        """See what code may ask of tensors besides their elements."""
        names = self._names | self._loose
        parts = [
            *(t for m in self.modules for t in joined(m._parameters.values(), m._buffers.values())),
            *(p for o in self.optimizers for group in o.param_groups for p in group["params"]),
            *self.tensors,
        ]
        for tensor in parts if names & {"requires_grad", "is_leaf", "grad"} else ():
            if tensor is not None:
                self._place(partial(getattr, tensor, "requires_grad"), tensor.requires_grad)
                if "grad" in names:
                    self._place(partial(has_gradient, tensor), has_gradient(tensor))

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
            self._optimizer(value)
        elif isinstance(value, types.MethodType):
            self._method(value)
        elif isinstance(value, types.FunctionType):
            if not _known(value):
                self._owners.append(value)
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
        kind = type(value)
        if kind.__module__ not in ("builtins", "collections") and not library(kind):
            if not hasattr(kind, "_fields"):
                raise Unplanned(f"it refers to {_name(value)}")
            self._class(value)
        if not isinstance(value, tuple):
            keys: Any = list(value) if isinstance(value, dict) else range(len(value))
            if isinstance(value, dict):
                self._place(partial(ordered, value, keys), True)
            else:
                self._place(partial(len, value), len(value))
            for key in keys:
                self._place(partial(item, value, key), value[key])
        for part in value.values() if isinstance(value, dict) else value:
            self._value(part)

    def _optimizer(self, optimizer: Any) -> None:
        kind, own = type(optimizer), vars(optimizer)
        self.optimizers.append(optimizer)
        for name in _STEPS:
            if name in own or static(kind, name) is not NOWHERE:
                raise Unplanned(f"{kind.__name__} has a method {name} of its own")
            self._place(partial(operator.contains, own, name), False)
        self._place(partial(grouped, optimizer, groups(optimizer)), True)

    def _class(self, value: Any) -> None:
        """Look at the methods that operators and builtin functions call."""
        self._owners.append(value)
        if not isinstance(value, Registry):  # those of modules are looked at with their attributes
            self._place(partial(getattr, value, "__class__"), type(value))
        for kind in type(value).__mro__:
            if kind.__module__ == "builtins" or library(kind):
                continue
            for name, found in vars(kind).items():
                if name in _ANY_ATTRIBUTE:
                    raise Unplanned(f"{kind.__name__} defines {name}")
                special = name.startswith("__") and name.endswith("__") and name not in _SILENT
                if special and isinstance(found, (types.FunctionType, property)):
                    self._class_member(value, name)

    def _object(self, value: Any) -> None:
        """Look at an object of the user's."""
        kind = type(value)
        strange = isinstance(value, (type, types.ModuleType, np.ndarray)) or library(kind)
        if strange or not _is_python(kind):
            raise Unplanned(f"it refers to {_name(value)}")
        if any(_slots(part) for part in kind.__mro__):
            raise Unplanned(f"it refers to {_name(value)}, which has __slots__")
        self._class(value)
        call = getattr(kind, "__call__", None)  # noqa: B004 (its code is wanted)
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
            for value in list(vars(part).values()):  # an activation, a forward of its own
                if isinstance(value, _CALLED) and value is not part:
                    self._value(value)
            self._owners.append(part)
            if library(kind):
                if not library(kind.forward):  # set on the library's class
                    self._value(types.MethodType(kind.forward, part))
                continue
            if kind.__call__ is not Module.__call__:
                raise Unplanned(f"{kind.__name__} defines __call__")
            self._class(part)
            self._class_member(part, "forward")
            self._function(kind.forward, part)

    def _method(self, method: types.MethodType) -> None:
        owner = method.__self__
        if isinstance(owner, (Registry, TensorBase, Optimizer)):
            self._value(owner)
        elif isinstance(owner, type) and not library(owner):
            raise Unplanned(f"it refers to {_name(owner)}")
        elif library(type(owner)):
            self._value(owner)
        elif not isinstance(owner, type):
            self._seen.setdefault(id(owner), owner)
            self._class(owner)
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
        self._place(partial(defined, function, *definition(function)), True)
        self._value(function.__defaults__)
        self._value(function.__kwdefaults__)
        code = function.__code__
        known: dict[str, Callable[[], Any]] = {
            name: partial(getattr, cell, "cell_contents")
            for name, cell in zip(code.co_freevars, function.__closure__ or (), strict=True)
        }
        if owner is not None and code.co_argcount:
            known[code.co_varnames[0]] = partial(given, owner)
        self._code(code, function.__globals__, known, owner)

    def _code(
        self, code: types.CodeType, names: dict[str, Any], known: dict[str, Any], owner: Any
    ) -> None:
        """Follow the names in code; `known` says how to read those of closures, and the owner."""
        for constant in code.co_consts:
            if isinstance(constant, types.CodeType):
                inner = {name: read for name, read in known.items() if name in constant.co_freevars}
                self._code(constant, names, inner, owner)
        first = code.co_varnames[0] if owner is not None and code.co_argcount else None
        chain: Chain = []  # the value that the code holds now, and what it was read from, if known
        for op in dis.get_instructions(code):
            if op.opname == "YIELD_VALUE" and code.co_name == "<genexpr>":
                continue
            if (
                first is not None
                and op.opname.startswith("STORE_FAST")
                and (first == op.argval or (op.argval.__class__ is tuple and _stored(op) & {first}))
            ):
                raise Unplanned(f"{code.co_name} gives {first} another value")
            if op.opname in _CHANGING:
                if op.opname != "STORE_DEREF" or op.argval not in code.co_cellvars:
                    raise Unplanned(
                        f"{code.co_name} {_CHANGING[op.opname]} {op.argval or ''}".strip()
                    )
            elif op.opname.startswith(_NAMES) or op.opname == "STORE_FAST_LOAD_FAST":
                several = op.argval if op.argval.__class__ is tuple else (op.argval,)
                for name in several[op.opname.startswith("STORE") :]:
                    self._end(chain)
                    kind = "LOAD_FAST" if len(several) > 1 else op.opname
                    chain = self._start(kind, name, code, names, known, owner)
            elif op.opname in _ATTRIBUTES:
                chain = self._follow(chain, op.argval)
            elif op.opname == "LOAD_SUPER_ATTR":
                self._super = True
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
            try:
                return [(read, read())]
            except ValueError:  # the variable of the function around it is not set
                raise Unplanned(f"{code.co_name} refers to {name}, which is not defined") from None
        if kind.startswith(("LOAD_FAST", "LOAD_DEREF", "LOAD_CLASSDEREF")):
            return []  # an argument, or a variable of this function or of the one around it
        if name in names:
            return [(partial(operator.getitem, names, name), names[name])]
        if (id(names), name) not in self._seen:  # a global of that name would go before it
            self._seen[id(names), name] = names
            self._place(partial(operator.contains, names, name), False)
        if not hasattr(builtins, name):
            raise Unplanned(f"{code.co_name} refers to {name}, which is not defined")
        if name == "super":
            self._super = True
            self._above(code.co_name, owner)
        return [(partial(getattr, builtins, name), getattr(builtins, name))]

    def _above(self, name: str, owner: Any) -> None:
        """Look at the methods of that name of all classes above the owner's."""
        if owner is None:
            raise Unplanned("it calls super()")
        for kind in type(owner).__mro__[1:]:
            found = vars(kind).get(name, NOWHERE)
            if isinstance(found, types.FunctionType):
                if not library(kind) and (kind, name) not in self._seen:
                    self._seen[kind, name] = kind
                    self._place(partial(static, kind, name), found)
                self._function(found, owner)
            elif found is NOWHERE or kind.__module__ == "builtins" or library(kind):
                continue
            elif (kind, name) not in self._seen:
                self._seen[kind, name] = kind
                self._place(partial(vars(kind).get, name), found)
                self._found(found, name, owner)

    def _follow(self, chain: Chain, name: str) -> Chain:
        if not chain:
            self._loose.add(name)
            return []
        read, value = chain[-1]
        kind = type(value)
        if isinstance(value, Optimizer) and name not in _STEPS:
            raise Unplanned(f"it reads {name} of an optimizer")
        if isinstance(value, TensorBase):
            self._names.add(name)
            if name.startswith("_") or name == "data_ptr":
                raise Unplanned(f"it reads {name} of a tensor")
        known = isinstance(value, (TensorBase, Optimizer, *_PLAIN))
        if known or name == "__class__":  # what a class has is found by way of its objects
            self._end(chain)
            return []
        if not isinstance(value, (type, types.ModuleType)):
            for method in _ANY_ATTRIBUTE:
                if static(kind, method) is not NOWHERE:
                    raise Unplanned(f"{kind.__name__} defines {method}")
            self._class_member(value, name)
            if isinstance(static(kind, name), property):
                self._end(chain)
                return []
        elif isinstance(value, type) and not library(value):
            found = next((vars(k)[name] for k in value.__mro__ if name in vars(k)), None)
            simple = (types.FunctionType, staticmethod, classmethod, type)
            strange = hasattr(type(found), "__get__") and not isinstance(found, simple)
            if strange and not _known(found):
                raise Unplanned(f"{value.__name__}.{name} is a {type(found).__name__}")
        if not hasattr(value, name):
            raise Unplanned(f"{kind.__name__} has no attribute {name}")
        return [*chain, (partial(attribute, read, name, value), getattr(value, name))]

    def _end(self, chain: Chain) -> None:
        """Take note of the value at the end of a chain of names, and of what leads to it."""
        for i, (read, value) in enumerate(chain):
            method = isinstance(value, (types.MethodType, types.BuiltinMethodType))
            if not method and not (i and _has(chain[i - 1][1], chain[i][0])):
                self._place(read, value)  # attributes of modules are watched by themselves
        if not chain or isinstance(chain[-1][1], types.ModuleType):
            return
        value = chain[-1][1]
        if len(chain) > 1 and isinstance(value, types.BuiltinMethodType) and not _pure(value):
            raise Unplanned(f"it calls {_name(value)} of {_name(chain[-2][1])}")
        if not (isinstance(value, types.BuiltinMethodType) and _pure(value)):
            self._value(value)
        elif len(chain) > 1 and not isinstance(chain[-2][1], types.ModuleType):
            self._value(chain[-2][1])  # `table.values()` reads the table


def _has(owner: Any, read: Any) -> bool:
    """Tell whether a module has itself what is read of it, which is watched by other means."""
    name = read.args[1]
    return isinstance(owner, Registry) and any(
        name in members
        for members in (vars(owner), owner._parameters, owner._buffers, owner._modules)
    )


def _slots(kind: type) -> bool:
    return bool(vars(kind).get("__slots__")) and not library(kind)


def _stored(op: Any) -> set[str]:
    return set(op.argval if op.opname == "STORE_FAST_STORE_FAST" else op.argval[:1])


_CALLED = (types.FunctionType, types.MethodType, functools.partial)


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
    if getattr(value, "__name__", "") in _OUTSIDE and not name.startswith(LIBRARY):
        return False
    top, _, rest = name.partition(".")
    return top in _MODULES or (top == LIBRARY and rest.partition(".")[0] in _COMPUTING)


def _is_python(kind: type) -> bool:
    """Tell whether a class was written in Python."""
    return bool(kind.__flags__ & (1 << 9)) and kind.__module__ != "builtins"


def _name(value: Any) -> str:
    name = getattr(value, "__qualname__", None) or type(value).__name__
    return f"{name}" if callable(value) else f"an object of type {name}"
