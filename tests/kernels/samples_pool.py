"""Samples of pooling: windows that overlap, leave gaps or lie outside; ties; NaN and infinities."""

from __future__ import annotations

from typing import Any

import numpy as np
from tests.kernels.native import Made, Sample, normal

SAMPLES: dict[str, list[Sample]] = {
    "adaptive_avg_forward": [],
    "adaptive_avg_grad": [],
    "adaptive_max_forward": [],
    "avg_pool_forward": [],
    "avg_pool_grad": [],
    "max_pool_forward": [],
    "max_pool_grad": [],
    "max_pool_indices": [],
}
# (N, C, *S), kernel, stride, padding, dilation, out_size
SMALL: list[tuple[Any, ...]] = [
    ((2, 3, 9), (3,), (2,), (1,), (1,), (5,)),
    ((5, 16, 6, 4), (2, 2), (2, 2), (0, 0), (1, 1), (3, 2)),
    ((1, 1, 1, 1), (1, 1), (1, 1), (0, 0), (1, 1), (1, 1)),
    ((2, 17, 7, 5), (2, 2), (2, 2), (0, 0), (1, 1), (3, 2)),
    ((2, 31, 7, 5), (2, 2), (2, 2), (0, 0), (1, 1), (4, 3)),
    ((3, 67, 13, 11), (3, 3), (2, 2), (1, 1), (1, 1), (7, 6)),
    ((37, 1, 13, 11), (3, 3), (2, 2), (1, 1), (1, 1), (7, 6)),
    ((2, 5, 9, 9), (2, 1), (3, 4), (0, 0), (1, 1), (3, 3)),
    ((2, 7, 9, 8), (3, 2), (1, 2), (1, 0), (2, 3), (7, 3)),
    ((2, 8, 9, 11), (9, 11), (9, 11), (0, 0), (1, 1), (1, 1)),
    ((1, 1031, 4, 6), (2, 3), (2, 3), (0, 0), (1, 1), (2, 2)),
    ((0, 3, 4, 4), (2, 2), (2, 2), (0, 0), (1, 1), (2, 2)),
    ((2, 6, 5, 4, 6), (2, 2, 3), (2, 1, 2), (0, 1, 1), (1, 1, 1), (2, 5, 3)),
    ((2, 4, 4, 4, 6), (2, 2, 3), (2, 2, 3), (0, 0, 0), (1, 1, 1), (2, 2, 2)),
    # two columns each: of whole vectors or not, of several lines, not from the first column on
    ((2, 3, 33), (2,), (2,), (0,), (1,), (16,)),
    ((1, 5, 74), (2,), (2,), (0,), (1,), (37,)),
    ((2, 3, 34), (2,), (2,), (1,), (1,), (18,)),
    ((2, 3, 6, 38), (3, 2), (1, 2), (1, 0), (1, 1), (6, 19)),
    ((2, 2, 3, 5, 35), (2, 3, 2), (1, 2, 2), (0, 1, 0), (2, 1, 1), (1, 3, 17)),
    ((2, 2, 2, 2, 2, 2), (2,) * 4, (2,) * 4, (0,) * 4, (1,) * 4, (1,) * 4),
]
LARGE: list[tuple[Any, ...]] = [
    ((3, 24, 61, 53), (3, 2), (2, 1), (1, 0), (1, 1), (31, 52)),
    ((3, 1, 130, 97), (2, 2), (2, 2), (0, 0), (1, 1), (65, 48)),
    ((16, 67, 26, 22), (3, 3), (2, 2), (1, 1), (1, 1), (13, 11)),
]
# windows without a cell: they have a maximum, but it is nowhere
EMPTY: tuple[Any, ...] = ((2, 7, 4, 2), (2, 2), (1, 1), (1, 1), (1, 3), (5, 1))
# (N, C, *S), out_size
ADAPTIVE: list[tuple[tuple[int, ...], tuple[int, ...]]] = [
    ((2, 3, 10), (4,)),
    ((1, 1, 1, 1), (1, 1)),
    ((2, 19, 7, 9), (3, 4)),
    ((2, 3, 8, 9), (4, 3)),
    ((2, 40, 5, 7), (1, 1)),
    ((2, 1031, 2, 3), (1, 1)),
    ((2, 3, 3, 4), (5, 7)),
    ((2, 3, 3, 4), (0, 1)),
    ((0, 3, 3, 4), (2, 3)),
    ((1, 2, 5, 4, 6), (2, 3, 4)),
]
ADAPTIVE_LARGE: list[tuple[tuple[int, ...], tuple[int, ...]]] = [
    ((8, 33, 61, 47), (1, 1)),
    ((8, 33, 31, 29), (7, 5)),
]
RULES: list[tuple[bool, int | None]] = [(True, None), (False, None), (True, 7)]
KINDS = {"distinct": None, "ties": 0.0, "nan": np.nan, "inf": np.inf, "lowest": -np.inf}


def kind(name: str, shape: tuple[int, ...], seed: int = 0) -> Any:
    """Distinct numbers; or few different ones, a fifth of them of one value."""
    if name == "distinct":
        return normal(*shape, seed=seed)
    rng = np.random.default_rng([seed, *shape])
    x = rng.integers(-2, 3, shape) * 1.0
    x[rng.random(shape) < 0.2] = KINDS[name]
    return x


def _max_pool(case: tuple[Any, ...], large: bool = False, places: bool = True) -> None:
    shape, *geometry, out = case
    for name in ("distinct",) if large else KINDS:
        # NaN changes the order of sums; those of few bits are exact in any
        few = "distinct" if name == "distinct" else "ties"
        x, g = kind(name, shape), kind(few, (*shape[:2], *out), 1)
        forward = Sample((x, *geometry, out), large=large)
        y = Made("max_pool_forward", forward)
        SAMPLES["max_pool_forward"].append(forward)
        SAMPLES["max_pool_grad"].append(Sample((g, x, y, *geometry), large=large))
        behind = Sample((x, *geometry, out, True), large=large)
        SAMPLES["max_pool_forward"].append(behind)
        above = Made("max_pool_forward", behind)
        SAMPLES["max_pool_grad"].append(Sample((g, x, above, *geometry, True), large=large))
        if places:
            SAMPLES["max_pool_indices"].append(Sample((x, y, *geometry), large=large))
    odd = kind("inf", (*shape[:2], *out), 1)
    if not large:
        SAMPLES["max_pool_grad"].append(Sample((odd, x, y, *geometry)))


def _avg_pool(case: tuple[Any, ...], large: bool = False) -> None:
    shape, kernel, stride, padding, _, _ = case
    sides = zip(shape[2:], kernel, stride, padding, strict=True)
    out = tuple([(n + 2 * p - k) // s + 1 for n, k, s, p in sides])
    for name in ("distinct",) if large else ("distinct", "nan", "inf"):
        x, g = kind(name, shape), kind(name, (*shape[:2], *out), 1)
        for rule in RULES:
            forward = (x, kernel, stride, padding, out, *rule)
            SAMPLES["avg_pool_forward"].append(Sample(forward, large=large))
            backward = (g, shape, kernel, stride, padding, *rule)
            SAMPLES["avg_pool_grad"].append(Sample(backward, large=large))


def _adaptive(shape: tuple[int, ...], out: tuple[int, ...], large: bool = False) -> None:
    for name in ("distinct",) if large else KINDS:
        x, g = kind(name, shape), kind(name, (*shape[:2], *out), 1)
        SAMPLES["adaptive_max_forward"].append(Sample((x, out), large=large))
        SAMPLES["adaptive_avg_forward"].append(Sample((x, out), large=large))
        SAMPLES["adaptive_avg_grad"].append(Sample((g, shape), large=large))


for _large, _cases in ((False, SMALL), (True, LARGE)):
    for _case in _cases:
        _max_pool(_case, _large)
        _avg_pool(_case, _large)
_max_pool(EMPTY, places=False)
for _case in ADAPTIVE:
    _adaptive(*_case)
for _case in ADAPTIVE_LARGE:
    _adaptive(*_case, large=True)
