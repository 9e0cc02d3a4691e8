"""Containers: modules and parameters in sequence or by name."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, MutableMapping
from operator import index as as_index
from typing import Any, Self, TypeVar

from rushlight.errors import explain
from rushlight.nn.module import Module
from rushlight.nn.parameter import Parameter
from rushlight.nn.registry import edits
from rushlight.nn.rows import Rows
from rushlight.tensor import Tensor

__all__ = ["ModuleDict", "ModuleList", "ParameterDict", "ParameterList", "Sequential"]

V = TypeVar("V")


def _position(where: str, i: Any, n: int) -> int:
    """Return an index counted from the front."""
    at = as_index(i)
    if not -n <= at < n:
        raise IndexError(explain(where, got=f"index {at}", expected=f"-{n} to {n - 1}"))
    return at % n


class _Numbered(Module):
    """Modules whose names are their positions."""

    def _put(self, modules: Iterable[Module]) -> None:
        """Replace the content; positions become the names."""
        found = list(modules)
        self._modules.clear()
        for i, module in enumerate(found):
            self.register_module(str(i), module)
        edits.bump()

    def __len__(self) -> int:
        return len(self._modules)

    def __iter__(self) -> Iterator[Any]:
        return iter(self._modules.values())

    def __getitem__(self, index: int | slice) -> Any:
        modules = list(self._modules.values())
        if isinstance(index, slice):
            return type(self)(modules[index])  # type: ignore[call-arg]
        return modules[_position(type(self).__name__, index, len(modules))]

    def __setitem__(self, index: int, module: Module) -> None:
        names = list(self._modules)
        setattr(self, names[_position(type(self).__name__, index, len(names))], module)

    def __delitem__(self, index: int | slice) -> None:
        modules = list(self._modules.values())
        if not isinstance(index, slice):
            index = _position(type(self).__name__, index, len(modules))
        del modules[index]
        self._put(modules)  # type: ignore[arg-type]

    def append(self, module: Module) -> Self:
        """Add a module at the end."""
        self.register_module(str(len(self)), module)
        return self

    def extend(self, modules: Iterable[Module]) -> Self:
        """Add modules at the end."""
        for module in _several(type(self).__name__, modules):
            self.append(module)
        return self

    def _insert(self, index: int, module: Module) -> None:
        if not isinstance(module, Module):
            raise TypeError(f"{type(module).__name__} is not a Module subclass")
        modules: list[Any] = list(self._modules.values())
        modules.insert(index, module)
        self._put(modules)

    def pop(self, key: int | slice) -> Any:
        """Take a module (or a slice of them) out and return it."""
        found = self[key]
        del self[key]
        return found


def _several(where: str, modules: Any) -> list[Any]:
    if not isinstance(modules, Iterable):
        raise TypeError(
            explain(where, got=type(modules).__name__, expected="an iterable of modules")
        )
    return list(modules)


class Sequential(_Numbered):
    """Modules in a row: y = f_n(... f_2(f_1(x))).

    Args:
        *args: the modules; or one OrderedDict (or dict) of name -> module.

    Shape:
        What the first module takes -> what the last one returns.

    Example:
        >>> import rushlight as rl
        >>> model = rl.nn.Sequential(rl.nn.Linear(4, 3), rl.nn.ReLU(), rl.nn.Linear(3, 2))
        >>> model(rl.zeros(5, 4)).shape
        (5, 2)
        >>> model[1]
        ReLU()

    Source: https://docs.pytorch.org/docs/stable/generated/torch.nn.Sequential.html
    """

    _in_row = True

    def __init__(self, *args: Any) -> None:
        super().__init__()
        if len(args) == 1 and isinstance(args[0], dict):
            for name, module in args[0].items():
                self.register_module(name, module)
        else:
            for i, module in enumerate(args):
                self.register_module(str(i), module)

    def __getitem__(self, index: int | slice) -> Any:
        if isinstance(index, slice):
            return type(self)(dict(list(self._modules.items())[index]))
        return super().__getitem__(index)

    def forward(self, input: Any) -> Any:
        rows: Rows | None = self.__dict__.get("_rows")
        if rows is None:
            rows = self.__dict__["_rows"] = Rows()
        for part in rows.of(self):
            input = part(input)
        return input

    def insert(self, index: int, module: Module) -> Self:
        """Put a module before the one at `index`."""
        n = len(self)
        if not -n <= index <= n:
            raise IndexError(explain("insert", got=f"index {index}", expected=f"-{n} to {n}"))
        self._insert(index, module)
        return self

    def __add__(self, other: Sequential) -> Sequential:
        return Sequential(*self, *self._row(other))

    def __iadd__(self, other: Sequential) -> Self:
        return self.extend(self._row(other))

    def _row(self, other: Any) -> Sequential:
        if not isinstance(other, Sequential):
            raise ValueError(explain("+", got=type(other).__name__, expected="a Sequential"))
        return other

    def __mul__(self, other: int) -> Sequential:
        return Sequential(*(list(self) * self._times(other)))

    __rmul__ = __mul__

    def __imul__(self, other: int) -> Self:
        return self.extend(list(self) * (self._times(other) - 1))

    def _times(self, other: Any) -> int:
        if not isinstance(other, int):
            raise TypeError(explain("*", got=type(other).__name__, expected="an int"))
        if other < 1:
            raise ValueError(explain("*", got=other, expected="an int above 0"))
        return other


class ModuleList(_Numbered):
    """A list of modules that are registered; it has no forward.

    Args:
        modules: an iterable of modules; default none.

    Example:
        >>> import rushlight as rl
        >>> layers = rl.nn.ModuleList([rl.nn.Linear(2, 2) for _ in range(3)])
        >>> layers
        ModuleList(
          (0-2): 3 x Linear(in_features=2, out_features=2, bias=True)
        )

    Source: https://docs.pytorch.org/docs/stable/generated/torch.nn.ModuleList.html
    """

    def __init__(self, modules: Iterable[Module] | None = None) -> None:
        super().__init__()
        if modules is not None:
            self.extend(modules)

    def insert(self, index: int, module: Module) -> None:
        """Put a module before the one at `index`."""
        self._insert(index, module)

    def __add__(self, other: Iterable[Module]) -> ModuleList:
        return ModuleList([*self, *other])

    def __iadd__(self, modules: Iterable[Module]) -> Self:
        return self.extend(modules)

    def __repr__(self) -> str:
        """Write a run of equal modules as one line."""
        runs: list[tuple[int, int, str]] = []
        for i, text in enumerate(map(repr, self)):
            if runs and runs[-1][2] == text:
                runs[-1] = (runs[-1][0], i, text)
            else:
                runs.append((i, i, text))
        if not runs:
            return f"{self._get_name()}()"
        lines = [
            f"({a}): {text}" if a == b else f"({a}-{b}): {b - a + 1} x {text}"
            for a, b, text in runs
        ]
        body = "\n".join(lines).replace("\n", "\n  ")
        return f"{self._get_name()}(\n  {body}\n)"


class _Named(Module, MutableMapping[str, V]):
    """Members by name, with the methods of a dict."""

    __eq__ = object.__eq__  # a module is equal to itself only
    __hash__ = object.__hash__

    def popitem(self) -> tuple[str, V]:
        """Take the last member out and return its name and itself."""
        names = list(self)
        if not names:
            raise KeyError(f"popitem of an empty {type(self).__name__}")
        return names[-1], self.pop(names[-1])

    def __reversed__(self) -> Iterator[str]:
        return reversed(list(self))


class ModuleDict(_Named[Module]):
    """A dict of modules that are registered; it has no forward.

    Args:
        modules: a mapping or an iterable of pairs, name -> module; default none.

    Example:
        >>> import rushlight as rl
        >>> heads = rl.nn.ModuleDict({"digit": rl.nn.Linear(4, 10)})
        >>> heads["digit"]
        Linear(in_features=4, out_features=10, bias=True)
        >>> list(heads.state_dict())
        ['digit.weight', 'digit.bias']

    Source: https://docs.pytorch.org/docs/stable/generated/torch.nn.ModuleDict.html
    """

    def __init__(
        self, modules: Mapping[str, Module] | Iterable[tuple[str, Module]] | None = None
    ) -> None:
        super().__init__()
        if modules is not None:
            self.update(modules)

    def __getitem__(self, key: str) -> Any:
        return self._modules[key]

    def __setitem__(self, key: str, module: Module) -> None:
        self.register_module(key, module)

    def __delitem__(self, key: str) -> None:
        del self._modules[key]

    def __len__(self) -> int:
        return len(self._modules)

    def __iter__(self) -> Iterator[str]:
        return iter(self._modules)


def _as_member(value: Any) -> Any:
    """Turn a plain Tensor into a Parameter."""
    if isinstance(value, Tensor) and not isinstance(value, Parameter):
        return Parameter(value)
    return value


def _describe(value: Any) -> str:
    if not isinstance(value, Tensor):
        return f"Object of type: {type(value).__name__}"
    kind = "Parameter" if isinstance(value, Parameter) else "Tensor"
    return f"{kind} containing: [{value.dtype} of size {'x'.join(map(str, value.shape))}]"


def _refuse_call(self: Module, *args: Any, **kwargs: Any) -> Any:
    raise RuntimeError(f"{type(self).__name__} should not be called")


class ParameterList(Module):
    """A list of parameters that are registered.

    Args:
        values: an iterable; plain Tensors become Parameters, other values are kept as they are.
            Default none.

    Example:
        >>> import rushlight as rl
        >>> weights = rl.nn.ParameterList([rl.zeros(2, 3), rl.zeros(3)])
        >>> weights
        ParameterList(
            (0): Parameter containing: [float32 of size 2x3]
            (1): Parameter containing: [float32 of size 3]
        )

    Source: https://docs.pytorch.org/docs/stable/generated/torch.nn.ParameterList.html
    """

    def __init__(self, values: Iterable[Any] | None = None) -> None:
        super().__init__()
        self._size = 0
        if values is not None:
            self.extend(values)

    def __len__(self) -> int:
        return self._size

    def __iter__(self) -> Iterator[Any]:
        return (getattr(self, str(i)) for i in range(self._size))

    def __getitem__(self, index: int | slice) -> Any:
        if isinstance(index, slice):
            return type(self)(list(self)[index])
        return getattr(self, str(_position("ParameterList", index, self._size)))

    def __setitem__(self, index: int, value: Any) -> None:
        setattr(self, str(_position("ParameterList", index, self._size)), _as_member(value))

    def append(self, value: Any) -> Self:
        """Add a parameter at the end."""
        setattr(self, str(self._size), _as_member(value))
        self._size += 1
        return self

    def extend(self, values: Iterable[Any]) -> Self:
        """Add parameters at the end."""
        if not isinstance(values, Iterable) or isinstance(values, Tensor):
            raise TypeError(
                explain("ParameterList", got=type(values).__name__, expected="several tensors")
            )
        for value in list(values):
            self.append(value)
        return self

    def __iadd__(self, values: Iterable[Any]) -> Self:
        return self.extend(values)

    __call__: Callable[..., Any] = _refuse_call

    def extra_repr(self) -> str:
        return "\n".join(f"  ({i}): {_describe(value)}" for i, value in enumerate(self))


class ParameterDict(_Named[Any]):
    """A dict of parameters that are registered.

    Args:
        parameters: a mapping, an iterable of pairs or another ParameterDict; plain Tensors become
            Parameters, other values are kept as they are. Default none.

    Example:
        >>> import rushlight as rl
        >>> scales = rl.nn.ParameterDict({"left": rl.ones(2)})
        >>> scales["left"].requires_grad
        True

    Source: https://docs.pytorch.org/docs/stable/generated/torch.nn.ParameterDict.html
    """

    def __init__(self, parameters: Any = None) -> None:
        super().__init__()
        self._keys: dict[str, None] = {}
        if parameters is not None:
            self.update(parameters)

    def __getitem__(self, key: str) -> Any:
        if key not in self._keys:
            raise KeyError(key)
        return getattr(self, key)

    def __setitem__(self, key: str, value: Any) -> None:
        if not isinstance(key, str):
            raise TypeError(explain("ParameterDict", got=f"key {key!r}", expected="a string"))
        if key not in self._keys and hasattr(self, key):
            raise KeyError(f"attribute {key!r} already exists")
        setattr(self, key, _as_member(value))
        self._keys[key] = None

    def __delitem__(self, key: str) -> None:
        del self._keys[key]
        delattr(self, key)

    def __len__(self) -> int:
        return len(self._keys)

    def __iter__(self) -> Iterator[str]:
        return iter(self._keys)

    def copy(self) -> ParameterDict:
        """Return another ParameterDict of the same parameters."""
        return ParameterDict(self)

    def fromkeys(self, keys: Iterable[str], default: Any = None) -> ParameterDict:
        """Return another ParameterDict with one value for all keys."""
        return ParameterDict(dict.fromkeys(keys, default))

    def __or__(self, other: Mapping[str, Any]) -> ParameterDict:
        return ParameterDict({**self, **other})

    def __ror__(self, other: Mapping[str, Any]) -> ParameterDict:
        return ParameterDict({**other, **self})

    def __ior__(self, other: Mapping[str, Any]) -> Self:
        self.update(other)
        return self

    __call__: Callable[..., Any] = _refuse_call

    def extra_repr(self) -> str:
        return "\n".join(f"  ({key}): {_describe(value)}" for key, value in self.items())
