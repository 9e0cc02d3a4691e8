"""What a model is called with to summarize it: tensors that are given, or made of shapes."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from rushlight.arrays import as_dtype, get_default_dtype, is_float
from rushlight.errors import explain
from rushlight.functional.creation import as_tensor
from rushlight.nn.module import Module
from rushlight.nn.parameter import is_lazy
from rushlight.random import Generator
from rushlight.tape import wrap

__all__ = ["readings"]

Arguments = tuple[tuple[Any, ...], dict[str, Any]]
Shape = tuple[int, ...]


def readings(model: Module, input_shape: Any, input_data: Any, dtypes: Any) -> list[Arguments]:
    """Return what to call the model with: of a shape as it stands and with a batch of 1 before.

    Raises:
        TypeError, ValueError: for what is no shape, or both or neither of shape and data.
    """
    if (input_shape is None) == (input_data is None):
        both = "both" if input_data is not None else "neither"
        raise TypeError(explain(
            "summary", got=f"{both} of input_shape and input_data", expected="one of them",
            fix="summary((3, 32, 32)), or input_data=x for a tensor of your own",
        ))  # fmt: skip
    if input_data is not None:
        if dtypes is not None:
            raise TypeError(explain(
                "summary", got="dtypes with input_data", expected="dtypes with input_shape only"
            ))  # fmt: skip
        return [_of_data(input_data)]
    shapes, names = _shapes(input_shape)
    kinds = _dtypes(model, dtypes, shapes, names)
    if any(shape and shape[0] is None for shape in shapes):
        tried = [[(1, *shape[1:]) if shape[:1] == (None,) else shape for shape in shapes]]
    else:
        tried = [shapes, [(1, *shape) for shape in shapes]]
    made = [[_made(s, kind) for s, kind in zip(each, kinds, strict=True)] for each in tried]
    if names is None:
        return [(tuple(tensors), {}) for tensors in made]
    return [((), dict(zip(names, tensors, strict=True))) for tensors in made]


def _of_data(data: Any) -> Arguments:
    """Return a tensor, several (a tuple or list) or those by name (a dict) as arguments."""
    if isinstance(data, dict):
        return (), {name: _as_tensors(value) for name, value in data.items()}
    if isinstance(data, (tuple, list)):
        return tuple(_as_tensors(value) for value in data), {}
    return (_as_tensors(data),), {}


def _as_tensors(value: Any) -> Any:
    return as_tensor(value) if isinstance(value, np.ndarray) else value


def _shapes(given: Any) -> tuple[list[Any], list[str] | None]:
    """Return the shapes, and their names if they are given by name."""
    if isinstance(given, dict):
        return [_shape(shape) for shape in given.values()], list(given)
    if isinstance(given, (tuple, list)) and any(isinstance(s, (tuple, list)) for s in given):
        return [_shape(shape) for shape in given], None
    return [_shape(given)], None


def _shape(given: Any) -> tuple[int | None, ...]:
    if isinstance(given, int) and not isinstance(given, bool):
        given = (given,)
    sizes: list[int | None] = []
    if isinstance(given, Iterable) and not isinstance(given, str):
        sizes = [None if n is None or n == -1 else n for n in given]
        whole = all(isinstance(n, (int, np.integer)) and not isinstance(n, bool) for n in sizes[1:])
        first = not sizes or sizes[0] is None or isinstance(sizes[0], (int, np.integer))
        if whole and first and all(n is None or n > 0 for n in sizes):
            return tuple(None if n is None else int(n) for n in sizes)
    expected = "ints above 0 such as (3, 32, 32); the first may be None, for any batch"
    fix = "several inputs: [(3, 8), (5,)] or {'x': (3, 8)}"
    raise ValueError(explain("summary", got=f"shape {given!r}", expected=expected, fix=fix))


def _dtypes(model: Module, given: Any, shapes: list[Any], names: list[str] | None) -> list[Any]:
    """Return a dtype for each input; by default that of the model's parameters."""
    floats = [p.dtype for p in model.parameters() if not is_lazy(p) and is_float(p.dtype)]
    usual = floats[0] if floats else get_default_dtype()
    if isinstance(given, dict):
        unknown = [name for name in given if name not in (names or ())]
        if unknown:
            raise ValueError(explain(
                "summary", got=f"dtypes of {unknown}", expected=f"names among {names or []}"
            ))  # fmt: skip
        return [as_dtype(given.get(name, usual)) for name in names or ()]
    if isinstance(given, (tuple, list)):
        if len(given) != len(shapes):
            got = f"{len(given)} dtypes for {len(shapes)} inputs"
            raise ValueError(explain("summary", got=got, expected="one for each, or one for all"))
        return [as_dtype(usual if kind is None else kind) for kind in given]
    return [as_dtype(usual if given is None else given)] * len(shapes)


def _made(shape: Shape, dtype: Any) -> Any:
    """Return numbers from [0, 1), or zeros: indices that every table has."""
    if is_float(dtype):
        return wrap(Generator(0).random(shape, np.dtype(dtype)))
    return wrap(np.zeros(shape, dtype))
