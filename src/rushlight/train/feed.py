"""From what the user has (arrays, a data set, a loader) to batches of inputs and target."""

from __future__ import annotations

import operator
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, TypeAlias

import numpy as np

from rushlight.arrays import Array
from rushlight.data import DataLoader, Dataset, IterableDataset, Subset, TensorDataset
from rushlight.data.sampler import SeededSampler
from rushlight.errors import DtypeError, ShapeError, explain
from rushlight.random import Generator
from rushlight.tensor import Tensor, from_numpy
from rushlight.train.guard import check_finite

__all__ = ["as_dataset", "batches", "check_count", "length", "loader", "split", "to_array"]

Batch: TypeAlias = tuple[tuple[Any, ...], Any]  # the model's inputs, the target

_FORMS = "arrays X, y, a data set of (x, y) or a DataLoader"


def as_dataset(where: str, data: Any, y: Any, floating: Any, target: str) -> Any:
    """Return a data set or loader for whatever was given; arrays become a TensorDataset.

    Args:
        where: the method, for messages.
        data: X, a pair (X, y), a data set or a loader.
        y: the target that belongs to X, or None.
        floating: the dtype that floats are converted to: that of the model's parameters.
        target: 'classes' (y must be integers), 'floats' (y becomes floating), 'any', or 'none'
            (y may be missing).
    """
    if y is None and isinstance(data, tuple) and len(data) == 2 and target != "none":
        data, y = data
    if isinstance(data, DataLoader | Dataset) or (
        y is None and not isinstance(data, np.ndarray | Tensor | list | tuple)
    ):
        indexed = hasattr(data, "__getitem__") and hasattr(data, "__len__")
        if y is not None or not (indexed or isinstance(data, DataLoader | IterableDataset)):
            got = f"{type(data).__name__}{' and y' if y is not None else ''}"
            raise TypeError(explain(where, got=got, expected=_FORMS))
        if length(data) == 0:
            _empty(where)
        return data
    if y is None and target != "none":
        raise TypeError(explain(where, got="X without y", expected=_FORMS, fix="pass y as well"))
    x = _array(where, "X", data, floating)
    tensors = [x] if y is None else [x, _target(where, y, floating, target)]
    shapes = [array.shape for array in tensors]
    if () in shapes or len({shape[0] for shape in shapes}) > 1:
        got = " and ".join(f"{n} {s}" for n, s in zip("Xy", shapes, strict=False))
        fix = "give one row for each sample in both"
        raise ShapeError(explain(where, got=got, expected="equal lengths", fix=fix))
    if not len(x):
        _empty(where)
    for name, array in zip("Xy", tensors, strict=False):
        check_finite(where, name, array)
    return TensorDataset(*(from_numpy(array) for array in tensors))


def _empty(where: str) -> None:
    fix = "check how the data was read or split"
    raise ValueError(explain(where, got="no samples", expected="one or more", fix=fix))


def _array(where: str, name: str, data: Any, floating: Any) -> Array:
    if isinstance(data, Tensor):
        array = data.detach().numpy()
    else:
        try:
            array = np.asarray(data)
        except ValueError as error:  # rows of different lengths
            raise ShapeError(
                explain(f"{where}: {name}", got=str(error), expected="an array of one shape")
            ) from error
    if array.dtype.kind not in "biuf":
        raise DtypeError(
            explain(
                f"{where}: {name}",
                got=f"an array of {array.dtype}",
                expected="numbers",
                fix="encode text and dates as numbers first",
            )
        )
    if array.dtype.kind == "f":
        with np.errstate(over="ignore"):  # a number beyond the dtype is reported as infinity
            return array.astype(floating, copy=False)
    if array.dtype.kind == "u" and array.dtype.itemsize > 1:
        return array.astype(np.int64)
    return array


def _target(where: str, y: Any, floating: Any, target: str) -> Array:
    array = _array(where, "y", y, floating)
    if target == "floats" or (target == "classes" and array.dtype.kind == "f" and array.ndim > 1):
        return array.astype(floating, copy=False)
    if target == "classes" and array.dtype.kind == "f":
        raise DtypeError(
            explain(
                f"{where}: y",
                got=f"{array.dtype} of shape {array.shape}",
                expected="class indices (ints) for this loss",
                fix="convert them with y.astype('int64')",
            )
        )
    return array if array.dtype.kind == "f" else array.astype(np.int64, copy=False)


def split(
    where: str, data: Any, part: Any, generator: Generator
) -> tuple[Subset[Any], Subset[Any]]:
    """Split at random into training and validation: `part` is a fraction or a number of samples."""
    if isinstance(data, DataLoader | IterableDataset):
        raise TypeError(
            explain(
                f"{where}: validation",
                got=f"{part!r} together with a {type(data).__name__}",
                expected="a loader or data set of its own",
                fix="split with rushlight.data.random_split",
            )
        )
    size = len(data)
    whole = isinstance(part, int | np.integer)
    count = int(part) if whole else round(size * part) if 0 < part < 1 else 0
    if not 0 < count < size:
        raise ValueError(
            explain(
                f"{where}: validation",
                got=f"{part!r} of {size} samples",
                expected="a fraction between 0 and 1 or a number of samples that leaves some "
                "for training",
            )
        )
    order = generator.permutation(size)
    return Subset(data, order[count:].tolist()), Subset(data, order[:count].tolist())


def loader(
    where: str,
    data: Any,
    batch_size: int | None,
    *,
    shuffle: bool = False,
    generator: Generator | None = None,
) -> Any:
    """Return a loader of the data; one that is given is taken as it is."""
    if isinstance(data, DataLoader):
        return data
    size = check_count(f"{where} batch_size", 64 if batch_size is None else batch_size)
    if isinstance(data, IterableDataset):
        return DataLoader(data, size)
    return DataLoader(data, size, shuffle=shuffle, generator=generator)


def batches(where: str, source: Iterable[Any], target: bool = True) -> Iterator[Batch]:
    """Yield inputs and target of each batch, checked to be finite.

    Args:
        where: for messages; the batch is added.
        source: yields (x, y), (x1, x2, ..., y) or, where no target is wanted, x alone.
        target: whether a target is wanted; if not, one that is there is left out.
    """
    number = 0
    for number, batch in enumerate(source, 1):
        here = f"{where}, batch {number}"
        parts = tuple(batch) if isinstance(batch, tuple | list) else (batch,)
        if len(parts) < 1 + target or not all(isinstance(part, Tensor) for part in parts):
            kinds = ", ".join(type(part).__name__ for part in parts)
            raise TypeError(
                explain(
                    here,
                    got=f"a batch of {kinds or 'nothing'}",
                    expected="tensors (x, y)" if target else "a tensor x, or tensors (x, y)",
                    fix="let the data set return pairs, or give its DataLoader a collate_fn",
                )
            )
        inputs = parts if len(parts) == 1 else parts[:-1]
        for part in inputs:
            check_finite(here, "the input", part._array)
        if target:
            check_finite(here, "the target", parts[-1]._array)
        yield inputs, parts[-1] if target else None
    if not number:
        _empty(where)


def in_order(where: str, source: Any) -> None:
    """Refuse a loader that shuffles, where the rows of the result should be those of the data."""
    if isinstance(getattr(source, "sampler", None), SeededSampler):
        raise ValueError(
            explain(
                where,
                got="a DataLoader that shuffles",
                expected="one that keeps the order of the samples",
                fix="pass the data set itself, or a loader with shuffle=False",
            )
        )


def length(data: Any) -> int | None:
    """Return the length of a data set or loader, None where it has none."""
    try:
        return len(data)
    except (TypeError, NotImplementedError):
        return None


def check_count(name: str, value: Any) -> int:
    """Return `value` as an int >= 1 or say that it is none."""
    try:
        count = 0 if isinstance(value, bool) else operator.index(value)
    except TypeError:
        count = 0
    if count < 1:
        raise ValueError(explain(name, got=repr(value), expected="an int >= 1"))
    return count


def to_array(value: Any) -> Any:
    """Return what a model gives as NumPy: arrays for tensors, in the same tuples, lists, dicts."""
    if isinstance(value, Tensor):
        return value.detach().numpy()
    if isinstance(value, dict):
        return {name: to_array(item) for name, item in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return tuple(to_array(item) for item in value)
    return value


def join(parts: list[Any]) -> Any:
    """Put the outputs of all batches together."""
    first = parts[0]
    if isinstance(first, dict):
        return {name: join([part[name] for part in parts]) for name in first}
    if isinstance(first, tuple):
        return tuple(join(list(column)) for column in zip(*parts, strict=True))
    return np.concatenate(parts)
