"""Samples of maps along axes: sizes around vectors, every mode, gaps, NaN and infinities."""

from __future__ import annotations

from typing import Any

import numpy as np
from tests.kernels.native import Sample, normal
from tests.kernels.samples_pool import kind

from rushlight.functional.interpolation import _taps
from rushlight.kernels.reference.resample import Taps

SAMPLES: dict[str, list[Sample]] = {"pad_forward": [], "pad_grad": [], "resample_forward": []}
DOUBLE = np.dtype(np.float64)

# (N, C, *S), mode, *O; None leaves a dim as it is
RESIZED: list[tuple[Any, ...]] = [
    ((2, 3, 5), "nearest", 10),
    ((1, 1, 1), "linear", 4),
    ((3, 1, 9), "linear", 17),
    ((9, 4, 17), "linear", 40),
    ((2, 3, 14, 13), "nearest", 28, 26),
    ((2, 3, 14, 13), "nearest-exact", 5, 31),
    ((2, 5, 7, 6), "bilinear", 14, 12),
    ((3, 8, 6, 9), "bilinear", 12, 18),
    ((2, 19, 8, 5), "bilinear", None, 9),
    ((2, 17, 8, 5), "bilinear", 9, None),
    ((2, 3, 16, 33), "bilinear", 7, 16),
    ((2, 33, 5, 4), "bicubic", 11, 8),
    ((1, 2, 40, 9), "antialias", 4, 3),
    ((2, 9, 3, 4, 5), "trilinear", 6, 8, 7),
    ((2, 2, 3, 4, 5), "trilinear", None, 2, 9),
    ((0, 3, 4, 4), "bilinear", 8, 8),
    ((2, 2, 3, 2, 3, 4), "nearest", 6, 4, 6, 8),
]
RESIZED_LARGE: list[tuple[Any, ...]] = [
    ((5, 13, 27, 31), "bilinear", 54, 62),
    ((3, 37, 31, 29), "nearest", 62, 58),
    ((1, 4, 20000), "linear", 30001),
]
# x_shape, widths
PADDED: list[tuple[tuple[int, ...], tuple[tuple[int, int], ...]]] = [
    ((2, 3, 5), ((0, 0), (0, 0), (2, 1))),
    ((4, 9), ((0, 0), (3, 0))),
    ((3, 17, 9, 8), ((0, 0), (0, 0), (1, 1), (1, 1))),
    ((2, 1, 3, 40), ((0, 0), (0, 0), (2, 1), (0, 17))),
    ((2, 3, 33, 4), ((0, 0), (0, 0), (1, 2), (0, 0))),
    ((2, 3, 4, 5), ((0, 0), (2, 1), (0, 0), (1, 1))),
    ((2, 3, 4, 5), ((0, 0), (0, 0), (-1, 1), (2, -3))),
    ((2, 9, 4, 3, 5), ((0, 0), (0, 0), (1, 2), (2, 0), (3, 1))),
    ((0, 3, 4, 4), ((0, 0), (0, 0), (1, 1), (1, 1))),
    ((2, 3, 4), ((0, 0), (0, 0), (0, 0))),
    ((3, 2, 2, 2, 2), ((1, 1),) * 5),
]
PADDED_LARGE: list[tuple[tuple[int, ...], tuple[tuple[int, int], ...]]] = [
    ((8, 33, 28, 27), ((0, 0), (0, 0), (1, 1), (1, 1))),
    ((2, 9001), ((0, 0), (3, 2))),  # too many cells for a map
]


def _map(mode: str, n: int, out: int | None) -> Taps | None:
    if out is None:
        return None
    if mode == "antialias":
        return _taps("bicubic", n, out, None, False, True, DOUBLE)
    return _taps(mode, n, out, None, False, False, DOUBLE)


def _resized(case: tuple[Any, ...], large: bool = False) -> None:
    shape, mode, *out = case
    maps = tuple([_map(mode, n, o) for n, o in zip(shape[2:], out, strict=True)])
    back = tuple([None if m is None else m.transposed for m in maps])
    size = [n if o is None else o for n, o in zip(shape[2:], out, strict=True)]
    samples = SAMPLES["resample_forward"]
    for name in ("distinct",) if large else ("distinct", "nan", "inf"):
        samples.append(Sample((kind(name, shape), maps), large=large))
        samples.append(Sample((kind(name, (*shape[:2], *size)), back), large=large))


def _padded(shape: Any, widths: Any, large: bool = False) -> None:
    size = tuple([n + a + b for n, (a, b) in zip(shape, widths, strict=True)])
    for name in ("distinct",) if large else ("distinct", "nan", "inf"):
        x, g = kind(name, shape), kind(name, size)
        for value in (0.0, -2.5, np.inf):
            SAMPLES["pad_forward"].append(Sample((x, widths, "constant", value), large=large))
        for mode in ("reflect", "replicate", "circular"):
            SAMPLES["pad_forward"].append(Sample((x, widths, mode, 0.0), large=large))
            SAMPLES["pad_grad"].append(Sample((g, shape, widths, mode), large=large))


for _case in RESIZED:
    _resized(_case)
for _case in RESIZED_LARGE:
    _resized(_case, True)
# cells that nothing is seen of, and one that sees many
_gaps = Taps(np.array([1, 1, 1, 1, 1, 3]), np.array([0, 1, 2, 4, 6, 5]), None, 5, 7)
for _shape in ((2, 3, 4, 7), (9, 9, 7)):
    SAMPLES["resample_forward"].append(
        Sample((normal(*_shape), (None,) * (len(_shape) - 3) + (_gaps,)))
    )
for _shape, _widths in PADDED:
    _padded(_shape, _widths)
for _shape, _widths in PADDED_LARGE:
    _padded(_shape, _widths, True)
