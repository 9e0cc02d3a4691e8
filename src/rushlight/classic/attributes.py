"""Attributes of layers: names of the explicit API for what the nn.Module holds."""

from __future__ import annotations

from typing import Any, NoReturn

import numpy as np

from rushlight.arrays import FLOATS, Array
from rushlight.errors import DtypeError, ShapeError, explain
from rushlight.tape import wrap

__all__ = ["Gradient", "Option", "Statistic", "Value"]


class Named:
    """An attribute of the module under the name that the layer has for it."""

    attribute: str

    def __init__(self, name: str) -> None:
        self.name = name

    def __set_name__(self, owner: Any, attribute: str) -> None:
        self.attribute = attribute

    def _where(self, layer: Any) -> str:
        return f"{type(layer).__name__}.{self.attribute}"


class Option(Named):
    """A number; on the class, its default."""

    def __init__(self, name: str, default: Any) -> None:
        super().__init__(name)
        self.default = default

    def __get__(self, layer: Any, owner: Any = None) -> Any:
        return self.default if layer is None else getattr(layer.module, self.name)

    def __set__(self, layer: Any, value: Any) -> None:
        setattr(layer.module, self.name, value)


class Value(Named):
    """A parameter's array; an array that is assigned takes its place, the object itself.

    A new dtype makes a new gradient array; else that stays what it is.
    """

    def __get__(self, layer: Any, owner: Any = None) -> Any:
        if layer is None:
            return self
        parameter = getattr(layer.module, self.name)
        return None if parameter is None else parameter._array

    def __set__(self, layer: Any, value: Any) -> None:
        parameter = getattr(layer.module, self.name)
        if parameter is None:
            _refuse_absent(self._where(layer))
        parameter._array = _fitting(self._where(layer), value, parameter._array.shape)


class Gradient(Named):
    """A parameter's gradient array; what is assigned is copied into it."""

    def __get__(self, layer: Any, owner: Any = None) -> Any:
        if layer is None:
            return self
        parameter = getattr(layer.module, self.name)
        return None if parameter is None else layer._gradient(self.name, parameter)

    def __set__(self, layer: Any, value: Any) -> None:
        own = self.__get__(layer)
        if own is None:
            _refuse_absent(self._where(layer))
        if value is not own:  # `layer.gradW += g` assigns the array itself
            own[...] = _fitting(self._where(layer), value, own.shape)


class Statistic(Named):
    """A buffer's array, or None; what is assigned takes its place.

    Args:
        name: the buffer.
        late: whether it is None until a batch has been seen, so that None may be assigned.
    """

    def __init__(self, name: str, late: bool = False) -> None:
        super().__init__(name)
        self.late = late

    def __get__(self, layer: Any, owner: Any = None) -> Any:
        if layer is None:
            return self
        buffer = getattr(layer.module, self.name)
        return None if buffer is None else buffer._array

    def __set__(self, layer: Any, value: Any) -> None:
        if value is None and self.late:
            setattr(layer.module, self.name, None)
            return
        before, shape = getattr(layer.module, self.name), np.shape(value)
        if before is not None:
            shape = before._array.shape
        elif len(shape) != 1:
            raise ShapeError(explain(self._where(layer), got=shape, expected="(C,)"))
        setattr(layer.module, self.name, wrap(_fitting(self._where(layer), value, shape)))


def _refuse_absent(where: str) -> NoReturn:
    raise ValueError(explain(where, got="an array", expected="none: the layer was made without it"))


def _fitting(where: str, value: Any, shape: tuple[int, ...]) -> Array:
    array = np.asarray(value)
    if array.dtype not in FLOATS:
        got = f"an array of {array.dtype}"
        raise DtypeError(
            explain(where, got=got, expected="a floating dtype", fix=".astype(float) makes one")
        )
    if array.shape != shape:
        raise ShapeError(explain(where, got=array.shape, expected=shape))
    return array
