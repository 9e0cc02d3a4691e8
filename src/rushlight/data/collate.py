"""From a list of samples to one batch, as torch does it."""

from __future__ import annotations

import copy
from collections.abc import Mapping, MutableMapping, MutableSequence, Sequence
from typing import Any

import numpy as np

from rushlight.arrays import SUPPORTED, get_default_dtype
from rushlight.errors import ShapeError, explain
from rushlight.functional import stack
from rushlight.tensor import Tensor, from_numpy

__all__ = ["default_collate", "default_convert"]


def default_collate(batch: Sequence[Any]) -> Any:
    """Put samples together into a batch.

    Tensors, arrays and NumPy scalars become one Tensor with a new first axis; ints an int64
    Tensor, floats a float64 Tensor, bools a bool Tensor; text stays a list. Dicts, named tuples,
    tuples (which become lists) and lists are put together entry by entry.

    Args:
        batch: the samples, at least one, all of one structure.

    Raises:
        ShapeError: tensors of different shapes.
        TypeError: a sample of another type.
        ValueError: sequences of different lengths, or no sample.

    Example:
        >>> images, labels = default_collate([(np.zeros(2), 3), (np.ones(2), 5)])
        >>> images.shape, labels.dtype.name, default_collate([{"a": 1.5}, {"a": 2.5}])["a"].shape
        ((2, 2), 'int64', (2,))

    Source: https://docs.pytorch.org/docs/stable/data.html#torch.utils.data.default_collate
    """
    if not len(batch):
        raise ValueError(explain("default_collate", got="no samples", expected="one or more"))
    first = batch[0]
    kind: Any = type(first)
    if isinstance(first, Tensor):
        return _stack_tensors(batch)
    if isinstance(first, np.ndarray | np.generic) and not isinstance(first, np.str_ | np.bytes_):
        return from_numpy(_stack([np.asarray(sample) for sample in batch]))
    if isinstance(first, bool | int | float):
        return from_numpy(_numbers(batch, isinstance(first, float)))
    if isinstance(first, str | bytes):
        return batch
    if isinstance(first, Mapping):
        merged = {key: default_collate([sample[key] for sample in batch]) for key in first}
        return _mapping_like(first, merged)
    if isinstance(first, tuple) and hasattr(first, "_fields"):
        return kind(*(default_collate(column) for column in _columns(batch)))
    if isinstance(first, tuple):
        return [default_collate(column) for column in _columns(batch)]
    if isinstance(first, Sequence):
        return _sequence_like(first, [default_collate(column) for column in _columns(batch)])
    raise TypeError(
        explain(
            "default_collate",
            got=f"a sample of type {kind.__name__}",
            expected="Tensors, arrays, numbers, text, dicts, tuples or lists",
            fix="return one of these from the data set or give the DataLoader a collate_fn",
        )
    )


def default_convert(data: Any) -> Any:
    """Turn the arrays of one sample into Tensors, and leave everything else as it is.

    Args:
        data: a sample: an array, or dicts, tuples and lists of them.

    Example:
        >>> default_convert({"x": np.ones(3), "name": "a"})["x"].shape
        (3,)
    """
    kind: Any = type(data)
    if isinstance(data, Tensor):
        return data
    if isinstance(data, np.ndarray | np.generic):
        array = np.asarray(data)
        return from_numpy(array) if array.dtype in SUPPORTED else data
    if isinstance(data, Mapping):
        return _mapping_like(data, {key: default_convert(value) for key, value in data.items()})
    if isinstance(data, tuple) and hasattr(data, "_fields"):
        return kind(*(default_convert(value) for value in data))
    if isinstance(data, tuple):
        return [default_convert(value) for value in data]
    if isinstance(data, Sequence) and not isinstance(data, str | bytes):
        return _sequence_like(data, [default_convert(value) for value in data])
    return data


def _stack(arrays: list[Any]) -> Any:
    shape = arrays[0].shape
    if any(array.shape != shape for array in arrays):
        shapes = [array.shape for array in arrays]
        odd = next(i for i, other in enumerate(shapes) if other != shape)
        raise ShapeError(
            explain(
                "default_collate",
                got=f"samples of shape {shape} and, at place {odd} of the batch, {shapes[odd]}",
                expected="one shape",
                fix="pad or crop the samples, or give the DataLoader a collate_fn",
            )
        )
    if arrays[0].ndim:  # faster than np.stack, and of 0-d arrays much faster
        return _supported(np.concatenate(arrays).reshape(len(arrays), *arrays[0].shape))
    return _supported(np.array(arrays))


def _numbers(batch: Sequence[Any], floats: bool) -> Any:
    """Make an array of Python numbers: torch makes float64 of floats, and of ints before floats
    the default dtype."""
    if floats:
        return np.array(batch, np.float64)
    array = np.array(batch)
    return array.astype(get_default_dtype()) if array.dtype.kind == "f" else _supported(array)


def _supported(array: Any) -> Any:
    if array.dtype not in SUPPORTED:
        raise TypeError(
            explain(
                "default_collate",
                got=f"arrays of dtype {array.dtype}",
                expected="bool, uint8, int8 to 64 or float16 to 64",
                fix="convert them in the data set or give the DataLoader a collate_fn",
            )
        )
    return array


def _stack_tensors(batch: Sequence[Any]) -> Tensor:
    if any(sample.requires_grad for sample in batch):
        return stack(batch)
    return from_numpy(_stack([sample._array for sample in batch]))


def _columns(batch: Sequence[Any]) -> list[tuple[Any, ...]]:
    """Turn a batch of sequences into a sequence of batches."""
    sizes = [len(sample) for sample in batch]
    if any(size != sizes[0] for size in sizes):
        odd = next(i for i, size in enumerate(sizes) if size != sizes[0])
        raise ValueError(
            explain(
                "default_collate",
                got=f"samples of {sizes[0]} entries and, at place {odd} of the batch, {sizes[odd]}",
                expected="one number of entries",
                fix="pad them, or give the DataLoader a collate_fn",
            )
        )
    return list(zip(*batch, strict=True))


def _mapping_like(model: Mapping[Any, Any], content: dict[Any, Any]) -> Any:
    """Return `content` as the type of `model`, or as a dict where that type refuses."""
    kind: Any = type(model)
    try:
        if isinstance(model, MutableMapping):  # the copy keeps what else the type holds
            clone = copy.copy(model)
            clone.update(content)
            return clone
        return kind(content)
    except TypeError:
        return content


def _sequence_like(model: Sequence[Any], content: list[Any]) -> Any:
    """Return `content` as the type of `model`, or as a list where that type refuses."""
    kind: Any = type(model)
    try:
        if isinstance(model, MutableSequence):
            clone = copy.copy(model)
            clone[:] = content
            return clone
        return kind(content)
    except TypeError:
        return content
