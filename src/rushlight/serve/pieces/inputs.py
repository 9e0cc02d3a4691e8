"""What predict is given: checked against what the model was exported with."""

from __future__ import annotations

from typing import Any

import numpy as np

__all__ = ["checked_inputs"]

_WANTED = {"f": "f", "i": "iu", "u": "iu", "b": "b"}  # kinds of numbers that are brought to one


def checked_inputs(arrays: tuple[Any, ...], inputs: dict[str, tuple[str, tuple[Any, ...]]]) -> Any:
    """Return the arrays in the model's dtypes, and the sizes of the named axes.

    Args:
        arrays: one for each input.
        inputs: name -> dtype and shape; an axis of any size has a name in its place.

    Raises:
        TypeError: numbers of another kind; they are not converted silently.
        ValueError: a shape that does not fit.
    """
    found: list[Any] = []
    sizes: dict[str, int] = {}
    for array, (name, (dtype, shape)) in zip(arrays, inputs.items(), strict=True):
        given = np.asarray(array)
        if given.dtype.kind not in _WANTED[np.dtype(dtype).kind]:
            text = f"input {name!r}: got {given.dtype.name}, expected {dtype}"
            raise TypeError(f"{text}; prepare and convert it as in training")
        told = ", ".join(map(str, shape)) + ("," if len(shape) == 1 else "")
        fits = given.ndim == len(shape)
        for size, wanted in zip(given.shape, shape, strict=False):
            fits = fits and size == (
                sizes.setdefault(wanted, size) if type(wanted) is str else wanted
            )
        if not fits:
            raise ValueError(f"input {name!r}: got shape {given.shape}, expected ({told})")
        found.append(given.astype(dtype, copy=False))
    return found, sizes
