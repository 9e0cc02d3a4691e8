"""What a compiled kernel is tested with, and the ways to lay an array out in memory.

`samples_<family>.py` beside this file hold `SAMPLES`, lists of `Sample` by the name of the kernel;
`test_native.py` runs every compiled kernel over its samples.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from rushlight.compiled import native


class Sample(NamedTuple):
    """One call of a kernel.

    args: its arguments; arrays of float64, and float64 itself, are cast to the dtype under test,
    all else is left. options: keyword arguments. fixed: positions of arrays that every caller hands
    over C-ordered and aligned (flat buffers that the kernel writes into, say). large: whether the
    work is enough for several threads, so that their number is varied. scale: the size of the terms
    where a result may cancel to nothing.
    """

    args: tuple[Any, ...]
    options: dict[str, Any] = {}  # noqa: RUF012
    fixed: tuple[int, ...] = ()
    large: bool = False
    scale: float = 0.0

    def each(self, change: Callable[[Any], Any], fixed: bool = True) -> Sample:
        """Return the sample with its arrays changed, those at fixed positions only if asked."""

        def changed(i: int, a: Any) -> Any:
            if isinstance(a, Made):
                return a._replace(sample=a.sample.each(change, fixed))
            plain = isinstance(a, np.ndarray) and (fixed or i not in self.fixed)
            return change(a) if plain else a

        return self._replace(args=tuple([changed(i, a) for i, a in enumerate(self.args)]))

    def cast(self, dtype: Any) -> Sample:
        """Return the sample with its float64 arrays in the given dtype."""
        wide = np.dtype(np.float64)
        cast = self.each(lambda a: a.astype(dtype) if a.dtype == wide else a)
        return cast._replace(args=tuple([np.dtype(dtype) if a is wide else a for a in cast.args]))


class Made(NamedTuple):
    """An argument that comes from another kernel of the same side: its only or its last result.

    What a forward kernel keeps for its gradient differs from side to side.
    """

    kernel: str
    sample: Sample


class Scratch(NamedTuple):
    """An argument of arrays to write intermediate results into, as large as the first argument."""

    count: int


def normal(*shape: int, seed: int = 0) -> Any:
    """Standard normal float64, a function of shape and seed."""
    return np.random.default_rng([seed, *shape]).standard_normal(shape)


def channels_last(a: Any) -> Any:
    if a.ndim < 3:
        return a.copy()
    return np.moveaxis(np.ascontiguousarray(np.moveaxis(a, 1, -1)), -1, 1)


def sliced(a: Any) -> Any:
    """Every second element of each axis of a larger array of NaN."""
    whole = np.full([2 * n + 1 for n in a.shape], _filler(a.dtype), a.dtype)
    part = whole[tuple(slice(1, None, 2) for _ in a.shape)]
    part[...] = a
    return part


def inner(a: Any) -> Any:
    """Channels-last and inside a larger array of NaN: the strides of an image's crop."""
    if a.ndim < 3:
        return sliced(a)
    rows = np.moveaxis(a, 1, -1)
    whole = np.full([n + 2 for n in rows.shape], _filler(a.dtype), a.dtype)
    part = whole[tuple(slice(1, -1) for _ in rows.shape)]
    part[...] = rows
    return np.moveaxis(part, -1, 1)


def backwards(a: Any) -> Any:
    turned = tuple(slice(None, None, -1) for _ in a.shape)
    return np.ascontiguousarray(a[turned])[turned]


def misaligned(a: Any) -> Any:
    """At an address that is no multiple of the item's size."""
    out = np.empty(a.nbytes + 1, np.uint8)[1:].view(a.dtype).reshape(a.shape)
    out[...] = a
    return out


def misaligned_last(a: Any) -> Any:
    return misaligned(a) if a.ndim < 3 else np.moveaxis(misaligned(np.moveaxis(a, 1, -1)), -1, 1)


def field(a: Any) -> Any:
    """Strides that are no multiples of the item's size: a field of a packed record."""
    records = np.zeros(a.shape, np.dtype([("before", np.uint8), ("value", a.dtype)]))
    records["value"] = a
    return records["value"]


def spread(a: Any) -> Any:
    """One number in all cells, with strides of 0: what the gradient of a sum looks like."""
    return np.broadcast_to(a[(slice(1),) * a.ndim], a.shape)


def _filler(dtype: Any) -> Any:
    return np.nan if np.dtype(dtype).kind == "f" else 0


LAYOUTS: dict[str, Callable[[Any], Any]] = {
    "C": np.ascontiguousarray,
    "Fortran": np.asfortranarray,
    "channels-last": channels_last,
    "sliced": sliced,
    "inner": inner,
    "backwards": backwards,
    "misaligned": misaligned,
    "misaligned-channels-last": misaligned_last,
    "field": field,
    "spread": spread,
}


def levels() -> list[str]:
    """The levels of instructions that were built and that this machine runs, the best first."""
    if native is None:
        return []
    best = native.level()
    found = [name for name in ("avx512", "avx2", "baseline") if native.choose_level(name)]
    native.choose_level(best)
    return found


def difference(found: Any, expected: Any, scale: float = 0.0) -> float:
    """Return max|a - b| / max|b| over finite numbers; infinite where other values disagree.

    scale: a lower bound of what is divided by.
    """
    found, expected = np.asarray(found), np.asarray(expected)
    assert found.shape == expected.shape
    assert found.dtype == expected.dtype
    if expected.dtype.kind != "f":
        return 0.0 if np.array_equal(found, expected) else np.inf
    finite = np.isfinite(expected)
    if not finite.all():
        if not np.array_equal(found[~finite], expected[~finite], equal_nan=True):
            return np.inf
        found, expected = found[finite], expected[finite]
    if not np.isfinite(found).all():
        return np.inf
    if not expected.size:
        return 0.0
    worst = np.abs(found.astype(float) - expected.astype(float)).max()
    largest = max(np.abs(expected).max(), scale)
    return float(worst / largest) if largest else float(worst)
