"""From what the user has (arrays, a data set, a loader) to batches of inputs and target."""

from __future__ import annotations

import contextlib
import itertools
import operator
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NoReturn, TypeAlias

import numpy as np

from rushlight.arrays import Array
from rushlight.data import DataLoader, Dataset, IterableDataset, Subset, TensorDataset
from rushlight.data.sampler import SeededSampler
from rushlight.errors import DtypeError, ShapeError, explain
from rushlight.random import Generator
from rushlight.tensor import Tensor, from_numpy
from rushlight.train.guard import check_finite, is_finite
from rushlight.train.weights import Weights, is_sum, sample_weights, samples

__all__ = [
    "as_dataset",
    "batches",
    "check_count",
    "groups",
    "in_order",
    "join",
    "leaves",
    "length",
    "loader",
    "rows",
    "split",
    "to_array",
]

# the model's inputs, the target, the weights
Batch: TypeAlias = tuple[tuple[Any, ...], Any, Any]

_FORMS = "arrays X, y, a data set of (x, y) or a DataLoader"


def as_dataset(
    where: str, data: Any, y: Any, floating: Any, target: str, weight: Any = None
) -> Any:
    """Return a data set or loader for whatever was given; arrays become a TensorDataset.

    Args:
        where: the method, for messages.
        data: X, a pair (X, y), a data set or a loader.
        y: the target that belongs to X, or None.
        floating: the dtype that X is converted to: that of the model's parameters. Integers in a
            Tensor stay what they are.
        target: 'classes' (y must be integers), 'floats' (y becomes floating), 'any', or 'none'
            (y may be missing).
        weight: one for each sample, the last part of the data set; True where a data set or
            loader has it already.
    """
    if y is None and isinstance(data, tuple) and len(data) == 2 and target != "none":
        data, y = data
    arraylike = isinstance(data, Tensor | list | tuple) or hasattr(data, "__array__")
    if isinstance(data, DataLoader | Dataset) or (y is None and not arraylike):
        indexed = hasattr(data, "__getitem__") and not isinstance(data, Mapping)
        sized = indexed and hasattr(data, "__len__")
        if y is not None or not (sized or isinstance(data, DataLoader | IterableDataset)):
            got = f"{type(data).__name__}{' and y' if y is not None else ''}"
            fix = "give the data set __len__" if indexed and y is None else ""
            raise TypeError(explain(where, got=got, expected=_FORMS, fix=fix))
        if weight is not None and weight is not True:
            _unweighted(where, weight, data)
        if length(data) == 0:
            _empty(where)
        return data
    if weight is True:
        _unweighted(where, weight, data)
    if y is None and target != "none":
        raise TypeError(explain(where, got="X without y", expected=_FORMS, fix="pass y as well"))
    given = [("X", data)] if y is None else [("X", data), ("y", y)]
    arrays = [_numbers(where, name, value) for name, value in given]
    shapes = [array.shape for array in arrays]
    if () in shapes or len({shape[0] for shape in shapes}) > 1:
        got = " and ".join(f"{n} {s}" for n, s in zip("Xy", shapes, strict=False))
        expected = "a first axis of samples" if () in shapes else "equal lengths"
        fix = "give one row for each sample" + " in both" * (y is not None)
        raise ShapeError(explain(where, got=got, expected=expected, fix=fix))
    if not len(arrays[0]):
        _empty(where)
    x, *rest = arrays
    if x.dtype.kind == "f" or not isinstance(data, Tensor):
        x = _floats(x, floating)
    tensors = [x, *(_target(where, array, floating, target) for array in rest)]
    for name, array in zip("Xy", tensors, strict=False):
        check_finite(where, name, array)
    made = [from_numpy(array) for array in tensors]
    if weight is not None:
        made.append(sample_weights(where, weight, made[-1].shape, floating))
    return TensorDataset(*made)


def _unweighted(where: str, weight: Any, data: Any) -> NoReturn:
    held = weight is True
    raise TypeError(
        explain(
            f"{where}: sample_weight",
            got=f"{'True' if held else type(weight).__name__} together with {type(data).__name__}",
            expected="an array beside arrays X, y; True beside a data set of (x, y, weight)",
            fix="pass the weights themselves" if held else "let the data set return them",
        )
    )


def _empty(where: str) -> NoReturn:
    fix = "check how the data was read or split"
    raise ValueError(explain(where, got="no samples", expected="one or more", fix=fix))


def _numbers(where: str, name: str, data: Any) -> Array:
    """Return anything that holds numbers as an array of bools, ints or floats."""
    if isinstance(data, Tensor):
        return data.detach().numpy()
    try:
        array = np.asarray(data)
    except ValueError as error:  # rows of different lengths
        fix = "pad or cut the rows to one length"
        raise ShapeError(
            explain(f"{where}: {name}", got=str(error), expected="an array of one shape", fix=fix)
        ) from error
    if array.dtype.kind == "O":  # such as a table whose columns are of several types
        with contextlib.suppress(TypeError, ValueError):
            array = array.astype(np.float64)
    if isinstance(data, np.ma.MaskedArray) and np.ma.is_masked(data):
        array = np.where(np.ma.getmaskarray(data), np.nan, array)  # a missing value
    if array.dtype.kind not in "biuf":
        sparse = hasattr(data, "toarray")
        raise DtypeError(
            explain(
                f"{where}: {name}",
                got=type(data).__name__ if sparse else f"an array of {array.dtype}",
                expected="numbers",
                fix="call its toarray()" if sparse else "encode text and dates as numbers first",
            )
        )
    return array


def _floats(array: Array, floating: Any) -> Array:
    with np.errstate(over="ignore"):  # a number beyond the dtype is reported as infinity
        return array.astype(floating, copy=False)


def _target(where: str, array: Array, floating: Any, target: str) -> Array:
    floats = array.dtype.kind == "f"
    if target == "classes" and floats and array.ndim == 1:
        raise DtypeError(
            explain(
                f"{where}: y",
                got=f"{array.dtype} of shape {array.shape}",
                expected="class indices (ints) for this loss",
                fix="convert them with y.astype('int64')",
            )
        )
    if floats or target == "floats":
        return _floats(array, floating)
    return array.astype(np.int64, copy=False)


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
                fix="split the data set with rushlight.data.random_split",
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
                fix="leave `validation` out to train on all of them" if not part else "",
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
    least: int = 1,
) -> Any:
    """Return a loader of the data; one that is given is taken as it is.

    A last batch of fewer samples than `least` is left out, unless there is no other.
    """
    if isinstance(data, DataLoader):
        return data
    size = check_count(f"{where} batch_size", 64 if batch_size is None else batch_size)
    if isinstance(data, IterableDataset):
        return DataLoader(data, size)
    over = len(data) % size
    drop = 0 < over < least and len(data) > size
    return DataLoader(data, size, shuffle=shuffle, generator=generator, drop_last=drop)


def batches(
    where: str,
    source: Iterable[Any],
    target: bool = True,
    weights: Weights | None = None,
    number: int = 0,
    finite: bool = False,
) -> Iterator[Batch]:
    """Yield inputs, target and weights of each batch, the inputs checked to be finite.

    Args:
        where: for messages; the batch is added.
        source: yields (x, y), (x1, x2, ..., y) or, where no target is wanted, x alone.
        target: whether a target is wanted; if not, one that is there is left out.
        weights: where the weights come from; None: there are none.
        number: batches of the epoch that came before.
        finite: whether the inputs are known to be.
    """
    weight = None
    least = 1 + target + (weights is not None and weights.last)
    for batch in source:
        number += 1
        parts = tuple(batch) if isinstance(batch, (tuple, list)) else (batch,)
        for part in parts:
            if not isinstance(part, Tensor):
                _unfit(f"{where}, batch {number}", parts, target)
        if len(parts) < least:
            _unfit(f"{where}, batch {number}", parts, target, least)
        if weights is not None:
            parts, weight = weights.take(f"{where}, batch {number}", parts)
        inputs = parts if len(parts) == 1 else parts[:-1]
        if not finite:
            for part in inputs:
                if not is_finite(part._array):
                    check_finite(f"{where}, batch {number}", "the input", part._array)
        yield inputs, parts[-1] if target else None, weight
    if not number:
        _empty(where)


def groups(parts: Iterator[Batch], size: int, loss: Any) -> Iterator[Sequence[tuple[float, Batch]]]:
    """Yield the batches of each step with the share that each has in its gradient.

    Args:
        parts: the batches.
        size: batches to a step; at the end of an epoch there may be fewer.
        loss: the loss; one that is a sum is added up as it is, means by what they divide by.
    """
    if size == 1:
        for part in parts:
            yield ((1.0, part),)
    summed = is_sum(loss)
    while group := list(itertools.islice(parts, size)):
        counts = [1.0 if summed else samples(loss, target) for _, target, _ in group]
        total = 1.0 if summed else sum(counts) or 1.0
        shares = [count / total for count in counts]
        yield list(zip(shares, group, strict=True))


def _unfit(where: str, parts: Sequence[Any], target: bool, least: int = 0) -> NoReturn:
    expected = "tensors (x, y)" if target else "a tensor x, or tensors (x, y)"
    if least == 3:
        expected = "tensors (x, y, weight)"
    raise TypeError(
        explain(
            where,
            got=f"a batch of {', '.join(type(part).__name__ for part in parts) or 'nothing'}",
            expected=expected,
            fix="let the data set return pairs, or give its DataLoader a collate_fn",
        )
    )


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


def check_count(name: str, value: Any, least: int = 1) -> int:
    """Return `value` as an int that is not below `least`, or say that it is none."""
    try:
        count = least - 1 if isinstance(value, bool) else operator.index(value)
    except TypeError:
        count = least - 1
    if count < least:
        raise ValueError(explain(name, got=repr(value), expected=f"an int >= {least}"))
    return count


def to_array(value: Any) -> Any:
    """Return what a model gives as NumPy: arrays for tensors, in the same tuples, lists, dicts."""
    if isinstance(value, Tensor):
        return value.numpy(force=True)
    if isinstance(value, dict):
        return {name: to_array(item) for name, item in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return tuple(to_array(item) for item in value)
    return value


def rows(where: str, output: Any, size: int) -> Any:
    """Return the output of a model as NumPy, checked to have one row for each of the samples."""
    found = to_array(output)
    for array in leaves(found):
        if not isinstance(array, np.ndarray):
            fix = "does its forward end in `return`?" if array is None else ""
            expected = "Tensors, or tuples, lists and dicts of them"
            got = f"a model that returns {type(array).__name__}"
            raise TypeError(explain(where, got=got, expected=expected, fix=fix))
        if array.shape[:1] != (size,):
            got = f"an output {array.shape} for an input of {size} rows"
            fix = "a single sample needs an axis in front: x[None]"
            raise ShapeError(explain(where, got=got, expected="one row for each", fix=fix))
    return found


def leaves(value: Any) -> list[Any]:
    """Return what lies in nested tuples and dicts."""
    if isinstance(value, dict):
        value = tuple(value.values())
    return [leaf for item in value for leaf in leaves(item)] if type(value) is tuple else [value]


def join(parts: list[Any]) -> Any:
    """Put the outputs of all batches together."""
    first = parts[0]
    if isinstance(first, dict):
        return {name: join([part[name] for part in parts]) for name in first}
    if isinstance(first, tuple):
        return tuple(join(list(column)) for column in zip(*parts, strict=True))
    return np.concatenate(parts)
