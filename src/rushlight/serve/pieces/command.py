"""`python model.py input.npy output.npy`, and `python model.py --check`."""

from __future__ import annotations

import os
import sys
from typing import Any

import numpy as np

__all__ = ["main", "relative_error"]

USAGE = """usage: python model.py INPUT.npy... OUTPUT.npy...
       python model.py --check      compare with the example of the export"""


def main(arguments: list[str], predict: Any, inputs: int, outputs: int, folder: str) -> int:
    """Run the command and return its exit code: 0, 1 (failed) or 2 (wrong usage)."""
    try:
        if arguments == ["--check"]:
            return _check(predict, inputs, outputs, folder)
        if len(arguments) != inputs + outputs or any(a.startswith("-") for a in arguments):
            print(USAGE, file=sys.stderr)
            return 2
        found = flat(predict(*(_loaded(path) for path in arguments[:inputs])))
        for path, array in zip(arguments[inputs:], found, strict=True):
            with open(path, "wb") as file:
                np.save(file, array)
            print(f"{path}  {array.dtype.name} {array.shape}")
    except (OSError, ValueError, TypeError, IndexError, EOFError) as error:
        print(f"model.py: {error}", file=sys.stderr)
        return 1
    return 0


def _loaded(path: str) -> Any:
    """Return the array of a .npy file."""
    try:
        array = np.load(path)
    except (ValueError, EOFError):
        array = None
    if not isinstance(array, np.ndarray):
        raise ValueError(f"{path}: no .npy file of numbers, or a part of one")
    return array


def flat(value: Any) -> list[Any]:
    """Return the arrays in nested tuples, lists and dicts."""
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, (tuple, list)):
        return [leaf for part in value for leaf in flat(part)]
    return [] if value is None else [value]


def _check(predict: Any, inputs: int, outputs: int, folder: str) -> int:
    """Compare with what the model said when it was exported."""
    given, wanted = (
        [np.load(os.path.join(folder, f"example_{kind}_{i}.npy")) for i in range(count)]
        for kind, count in (("input", inputs), ("output", outputs))
    )
    pairs = zip(flat(predict(*given)), wanted, strict=True)
    worst = max((relative_error(y, t) for y, t in pairs), default=0.0)
    sound = worst <= TOLERANCE
    print(f"{'ok' if sound else 'FAILED'}: the largest error is {worst:.3g}, at most {TOLERANCE:g}")
    return 0 if sound else 1


def relative_error(y: Any, t: Any) -> float:
    """max |y - t| / max(1, the largest finite |t|); inf where only one of both is NaN"""
    same = (y == t) | ((y != y) & (t != t))
    with np.errstate(invalid="ignore"):
        apart = np.where(same, 0.0, y.astype(np.float64) - t.astype(np.float64))
    largest = float(np.abs(np.where(np.isfinite(t), t, 0.0)).max(initial=1.0))
    error = float(np.abs(apart).max(initial=0.0)) / largest
    return float("inf") if error != error else error


TOLERANCE = 1e-5  # another CPU, or another BLAS, rounds sums in another order
