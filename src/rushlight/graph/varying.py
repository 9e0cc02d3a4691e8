"""Other inputs for a model, made of the example: other elements, other sizes."""

from __future__ import annotations

from typing import Any

import numpy as np

from rushlight.tape import wrap

__all__ = ["WAYS", "mixed_elements", "other_elements", "resized"]


WAYS = 3  # of other integers


def other_elements(array: Any, way: int = 0) -> Any:
    """Return an array of the same kind of elements, each different where that can be.

    Integers stay within what the example holds (they may count the rows of a table), or one below
    its least, or for a lone 0 one above. Some ways keep their order, as those of offsets and
    lengths may have to be.
    """
    if array.dtype.kind == "b":
        return ~array
    if array.dtype.kind == "f":
        return (array[..., ::-1] if array.ndim else array) * 0.75 + np.asarray(0.125, array.dtype)
    if way and array.size:
        low, high = array.min(), array.max()
        if way == 1:
            return np.where(array == low, array, np.minimum(array + 1, high))
        return np.maximum(array - 1, low)
    turned = np.roll(array.reshape(-1), 1).reshape(array.shape)
    if not np.array_equal(turned, array):
        return turned
    return array - 1 if array.size and array.min() > 0 else array + 1


def mixed_elements(array: Any, way: int = 0) -> Any:
    """Return other elements again: floats of both signs and all sizes, whatever the example has."""
    if array.dtype.kind not in "bf" or not array.size:
        return other_elements(array, way)
    numbers = np.arange(1, array.size + 1).reshape(array.shape)
    if array.dtype.kind == "b":
        return array ^ (numbers % 3 == 1)
    largest = np.abs(np.where(np.isfinite(array), array, 0)).max()
    return (np.sin(2.4 * numbers) * (largest or 1) * 1.5).astype(array.dtype)


def resized(tensor: Any, axes: dict[int, int]) -> Any:
    """Return a tensor with other sizes of some axes, its elements repeated or cut."""
    array = tensor._array
    for axis, size in axes.items():
        array = np.take(array, np.arange(size) % array.shape[axis], axis)
    return wrap(np.array(array, order="C"))  # which may have no dims
