"""Stubs: what stands for a module that is absent, or for a value that was never computed.

A stub may be imported, named in annotations and passed on; whoever calls it, computes with it or
derives a class from it is told why it is not the real thing. A stub may also put off an import:
libraries for plots and data, which layers do not need, are imported when first used, if ever.
"""

from __future__ import annotations

import importlib
import linecache
import operator
import sys
import types
from collections.abc import Callable
from typing import Any

from rushlight.check.loading.problem import Place
from rushlight.check.loading.words import words

__all__ = ["Stub", "StubUsed", "missing", "postponed", "uncomputed", "unserved"]

_FAILED = ("its import failed", "импорт не удался")


class StubUsed(ImportError):
    """Code needs something that could not be imported, or that was not run.

    Attributes:
        stub: str, the dotted name that was used.
        russian: str, the message in Russian.
    """

    def __init__(self, text: str, stub: str = "", russian: str = "") -> None:
        super().__init__(text)
        self.stub, self.russian = stub, russian


class Stub:
    """A name without its value; any use that needs the value raises StubUsed.

    Args:
        name: str, the dotted name.
        why: tuple of str, why there is no value, in English and Russian.
        real: returns the value after all; default: there is none.

    Example:
        >>> plt = missing("matplotlib.pyplot", "No module named 'matplotlib'")
        >>> plt.figure
        <stub of matplotlib.pyplot.figure>
        >>> plt.figure()
        Traceback (most recent call last):
        ...
        rushlight.check.loading.stubs.StubUsed: matplotlib.pyplot.figure is called..., but...
    """

    def __init__(
        self, name: str, why: tuple[str, str], real: Callable[[], Any] | None = None
    ) -> None:
        self.__dict__.update(_name=name, _why=why, _real=real)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") and name.endswith("__"):
            raise AttributeError(name)  # protocols, of NumPy and copy for example, are not there
        real = self.__dict__["_real"]
        inner = None if real is None else lambda: _attribute(real(), self._name, name)
        return Stub(f"{self._name}.{name}", self._why, inner)

    def __repr__(self) -> str:
        return f"<stub of {self._name}>"

    def _resolve(self, use: str) -> Any:
        """Return the value, or raise StubUsed."""
        real, (cause, russian) = self.__dict__["_real"], self._why
        if real is not None:
            try:
                return real()
            except StubUsed:
                raise
            except Exception as error:
                said = f"{type(error).__name__}: {error}"
                cause, russian = f"{cause}: {said}", f"{russian}: {said}"
        line = _line()
        raise StubUsed(
            f"{self._name} {use}{line}, but {cause}",
            self._name,
            f"{self._name} ({_russian(line)}): {russian}" if line else f"{self._name}: {russian}",
        ) from None

    def __mro_entries__(self, bases: tuple[Any, ...]) -> tuple[Any, ...]:
        real = self._resolve("is a base class")
        return (real,) if isinstance(real, type) else real.__mro_entries__(bases)

    def __instancecheck__(self, instance: object) -> bool:
        return self._is_loaded() and isinstance(instance, self._resolve("is a class"))

    def __subclasscheck__(self, subclass: type) -> bool:
        return self._is_loaded() and issubclass(subclass, self._resolve("is a class"))

    def _is_loaded(self) -> bool:
        """Tell whether there may be instances: the module has been imported."""
        return self._real is not None and self._name.partition(".")[0] in sys.modules

    def __getitem__(self, key: Any) -> Any:  # of generic types, in annotations
        return self._real()[key] if self._real is not None else Stub(f"{self._name}[]", self._why)

    def __or__(self, other: Any) -> Any:  # likewise
        return self

    def __ror__(self, other: Any) -> Any:
        return self

    def __setattr__(self, name: str, value: Any) -> None:
        setattr(self._resolve("gets an attribute"), name, value)


def _attribute(value: Any, path: str, name: str) -> Any:
    """Return an attribute of a module, which may be a module that is still to import."""
    try:
        return getattr(value, name)
    except AttributeError:
        try:
            return importlib.import_module(f"{path}.{name}")
        except ImportError:
            pass
        raise


def _line() -> str:
    """Return " in line n" of the innermost code that a loader compiled; empty if there is none."""
    frame: types.FrameType | None = sys._getframe(2)
    while frame is not None:
        file = frame.f_code.co_filename
        entry = linecache.cache.get(file)
        if entry is not None and len(entry) > 1 and entry[1] is None:  # no file that may change
            cell = f"{file[1:-1]}, " if file.startswith("<") else ""
            return f" in {cell}line {frame.f_lineno}"
        frame = frame.f_back
    return ""


def _russian(line: str) -> str:
    return line.removeprefix(" in ").replace("cell", "ячейка").replace("line", "строка")


def _use(words: str, function: Callable[..., Any]) -> Callable[..., Any]:
    def method(self: Stub, *args: Any, **options: Any) -> Any:
        return function(self._resolve(words), *args, **options)

    return method


def _reflected(function: Callable[..., Any]) -> Callable[..., Any]:
    def method(self: Stub, other: Any) -> Any:
        return function(other, self._resolve("is computed with"))

    return method


_BINARY = words("add sub mul matmul truediv floordiv mod pow lshift rshift and xor")
_OTHER: dict[str, tuple[str, Callable[..., Any]]] = {
    "call": ("is called", lambda value, *args, **options: value(*args, **options)),
    "iter": ("is iterated over", iter),
    "next": ("is iterated over", next),
    "len": ("is measured", len),
    "bool": ("is taken for true or false", bool),
    "int": ("is turned into a number", int),
    "float": ("is turned into a number", float),
    "index": ("is taken for an index", operator.index),
    "contains": ("is searched", operator.contains),
    "setitem": ("gets an element", operator.setitem),
    "delitem": ("loses an element", operator.delitem),
    "enter": ("opens a block", lambda value: value.__enter__()),
    "exit": ("closes a block", lambda value, *error: value.__exit__(*error)),
}
_COMPUTED = "is computed with"
for _op in _BINARY:
    _function = getattr(operator, f"__{_op}__")
    setattr(Stub, f"__{_op}__", _use(_COMPUTED, _function))
    setattr(Stub, f"__r{_op}__", _reflected(_function))
for _op in ("neg", "pos", "abs", "invert", "lt", "le", "gt", "ge"):
    setattr(Stub, f"__{_op}__", _use(_COMPUTED, getattr(operator, f"__{_op}__")))
for _op, (_words, _function) in _OTHER.items():
    setattr(Stub, f"__{_op}__", _use(_words, _function))


def missing(name: str, why: str) -> Stub:
    """Return the stub of a module that cannot be imported, or of a name that a module lacks."""
    return Stub(
        name,
        (f"it cannot be imported ({why})", f"импортировать не удалось ({why})"),
    )


def unserved(name: str) -> Stub:
    """Return the stub of a name of torch that Rushlight does not have."""
    return Stub(
        name,
        (
            f"Rushlight, which stands for torch here, has no {name}",
            f"в Rushlight, который заменяет здесь torch, нет {name}",
        ),
    )


def uncomputed(name: str, place: Place) -> Stub:
    """Return the stub of a name to which only code at `place` gives a value, which is not run."""
    return Stub(
        name,
        (
            f"the check does not run {place.words()}, which gives it a value",
            f"значение даёт код ({place.words('ru')}), который проверка не выполняет",
        ),
    )


def postponed(name: str, attribute: str = "") -> Stub:
    """Return the stub of an installed module, or of a name in it, that is imported when used."""

    def real() -> Any:
        module = importlib.import_module(name)
        return _attribute(module, name, attribute) if attribute else module

    return Stub(f"{name}.{attribute}" if attribute else name, _FAILED, real)
