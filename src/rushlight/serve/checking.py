"""Whether an exported file says what the model says."""

from __future__ import annotations

import copy
import importlib.util
import pathlib
import sys
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from rushlight.arrays import Array
from rushlight.autograd import no_grad
from rushlight.errors import explain
from rushlight.graph.calls import mapped
from rushlight.nn.summary.watching import untouched
from rushlight.serve.faults import ExportError
from rushlight.serve.pieces.command import relative_error
from rushlight.tape import TensorBase, wrap

__all__ = [
    "ask",
    "differences",
    "flat_arrays",
    "imported",
    "inputs_like",
    "rounding",
    "tensors_in",
    "worst_error",
]


def imported(folder: pathlib.Path) -> Any:
    """Import the model.py of a folder, apart from all other modules."""
    spec = importlib.util.spec_from_file_location("served", folder / "model.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    before, sys.dont_write_bytecode = sys.dont_write_bytecode, True  # no __pycache__ beside it
    try:
        spec.loader.exec_module(module)
    finally:
        sys.dont_write_bytecode = before
    return module


def flat_arrays(value: Any) -> list[Array]:
    """Return the arrays in nested tuples, lists and dicts of tensors or arrays."""
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, (tuple, list)):
        return [leaf for part in value for leaf in flat_arrays(part)]
    if value is None:
        return []
    return [np.asarray(value._array if isinstance(value, TensorBase) else value)]


def tensors_in(nested: Any) -> list[Array]:
    """Return the arrays of the tensors in nested arguments, in order."""
    found: list[Array] = []
    mapped(nested, lambda tensor, key: found.append(tensor._array))
    return found


def ask(model: Any, nested: Any, arrays: Sequence[Array]) -> list[Array]:
    """Return what the model says, in evaluation mode, of arrays in the place of the example's."""
    left = iter(arrays)
    args, kwargs = mapped(nested, lambda tensor, key: wrap(np.array(next(left))))
    with untouched(model), no_grad():
        return flat_arrays(model.eval()(*args, **kwargs))


def rounding(model: Any, nested: Any, arrays: Sequence[Array], wanted: Sequence[Array]) -> float:
    """Return how far what a model says is from what it says in float64; 0 where it cannot."""
    wide = [a.astype(np.float64) if a.dtype.kind == "f" else a for a in arrays]
    try:
        exact = ask(copy.deepcopy(model).double(), nested, wide)
        return worst_error([y.astype(t.dtype) for y, t in zip(exact, wanted, strict=True)], wanted)
    except (ValueError, TypeError, RuntimeError):
        return 0.0


def inputs_like(
    arrays: Sequence[Array], axes: Sequence[int | None], batch: int, one: bool
) -> Iterator[tuple[str, list[Array]]]:
    """Yield the example, another size of the batch, and random inputs, with a word for each.

    Random floats have the spread of the example's; other elements are drawn from the example's,
    as they may count the rows of a table.

    Args:
        arrays, axes: of the example, and the axis of each that counts samples.
        batch: how many samples the example has.
        one: whether to try a batch of 1.
    """
    rng = np.random.default_rng(0)
    yield "the example", list(arrays)
    for size in dict.fromkeys((batch + 1, 2 * batch + 3)):
        picked = rng.integers(0, batch, size)
        yield (
            f"a batch of {size}",
            [
                a if axis is None else np.take(a, picked, axis)
                for a, axis in zip(arrays, axes, strict=True)
            ],
        )
    yield "random inputs", [_random(a, rng) for a in arrays]
    if one and batch > 1:
        pairs = zip(arrays, axes, strict=True)
        yield "a batch of 1", [a if axis is None else np.take(a, [0], axis) for a, axis in pairs]


def _random(array: Array, rng: np.random.Generator) -> Array:
    if array.dtype.kind == "f" and np.isfinite(array).all() and array.size:
        values = rng.normal(array.mean(), array.std() or 1.0, array.shape)
        values = np.clip(values, array.min(), array.max()) if array.std() else values
        return values.astype(array.dtype)
    return rng.permutation(array.reshape(-1)).reshape(array.shape)


def worst_error(found: Sequence[Array], wanted: Sequence[Array]) -> float:
    """Return the largest difference, as a part of the largest output where that is above 1."""
    worst = 0.0
    for y, t in zip(found, wanted, strict=True):
        if y.shape != t.shape or y.dtype != t.dtype:
            got = f"{y.dtype.name} {y.shape}"
            raise ExportError(explain("export", got=got, expected=f"{t.dtype.name} {t.shape}"))
        worst = max(worst, relative_error(y, t))
    return worst


def differences(found: Sequence[Array], wanted: Sequence[Array]) -> tuple[float, float, int]:
    """Return the largest difference, the sum of all, and how many there are; floats alone."""
    parts = [
        np.abs(y.astype(np.float64) - t).reshape(-1)
        for y, t in zip(found, wanted, strict=True)
        if t.dtype.kind == "f"
    ]
    apart = np.concatenate(parts) if parts else np.zeros(0)
    return float(apart.max(initial=0.0)), float(apart.sum()), apart.size
