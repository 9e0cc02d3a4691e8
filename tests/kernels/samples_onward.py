"""Samples of convolutions and linear layers going on: with batch norm, maxima of windows, relu."""

from __future__ import annotations

from typing import Any

from tests.kernels.native import Sample, normal
from tests.kernels.samples_conv import LARGE, SMALL, out_size

SAMPLES: dict[str, list[Sample]] = {"conv_onward": []}


def calls(case: tuple[Any, ...], large: bool = False) -> list[Sample]:
    shape, features, kernel, *geometry, groups = case
    out = out_size(shape[2:], kernel, *geometry)
    x, w = normal(*shape), normal(features, shape[1] // groups, *kernel, seed=2)
    b, mean, norm_w, norm_b = (normal(features, seed=seed) for seed in (3, 4, 5, 6))
    norms = [
        (mean, normal(features, seed=7) ** 2, norm_w, norm_b, 1e-5),
        (mean, normal(features, seed=8) ** 2, None, None, 0.1),
        (None, None, None, None, 0.0),
    ]
    pools = [None]
    for size in (2, 3):
        k = tuple([1] * (len(out) > 2) + [size] * min(len(out), 2))
        windows = tuple(n // m for n, m in zip(out, k, strict=True))
        if min(windows):
            pools.append((k, k, (0,) * len(out), (1,) * len(out), windows))
    if len(out) == 2 and min(out) > 3:  # windows that lie otherwise
        wide = tuple((n + 2 - 3) // 2 + 1 for n in out)
        pools.append(((3, 3), (2, 2), (1, 1), (1, 1), wide))
        pools.append(((2, 4), (2, 4), (0, 0), (1, 1), (out[0] // 2, out[1] // 4)))
        pools.append(((2, 2), (2, 2), (0, 0), (1, 1), tuple(-(-n // 2) for n in out)))
    return [
        Sample((x, w, bias, *norm, *geometry, groups, pool, relu), large=large)
        for i, pool in enumerate(pools)
        for j, (bias, norm, relu) in enumerate(
            ((b, norms[0], True), (None, norms[1], False), (b, norms[2], True))
        )
        if not large or i % 3 == j
    ]


for _large, _cases in ((False, SMALL), (True, LARGE)):
    for _case in _cases:
        SAMPLES["conv_onward"] += calls(_case, _large)


def rows(m: int, k: int, n: int, large: bool = False) -> list[Sample]:
    """Return linear layers (m, k) -> (m, n) with batch norm."""
    x, w, b = normal(m, k), normal(n, k, seed=2), normal(n, seed=3)
    mean, norm_w, norm_b = (normal(n, seed=seed) for seed in (4, 5, 6))
    full = (mean, normal(n, seed=7) ** 2, norm_w, norm_b, 1e-5)
    bare = (mean, normal(n, seed=8) ** 2, None, None, 0.1)
    return [
        Sample((x, w, b, *full, True), large=large),
        Sample((x, w, None, *bare, False), large=large),
        Sample((x, w, b, *bare, True), large=large),
    ]


_SIZES = [
    (0, 3, 4),
    (1, 1, 1),
    (1, 5, 7),
    (1, 300, 33),
    (3, 0, 5),
    (3, 4, 0),
    (4, 8, 16),
    (5, 7, 1),
]
_SIZES += [(7, 13, 17), (64, 8, 128), (33, 29, 31), (2, 600, 9), (100, 3, 2), (13, 520, 40)]
SAMPLES["linear_onward"] = [sample for size in _SIZES for sample in rows(*size)]
x = normal(3, 5, 4)  # channels are dim 1 of what comes out
SAMPLES["linear_onward"] += [
    Sample((x, normal(6, 4), normal(6), *(normal(5) ** 2 for _ in range(4)), 1e-5, relu))
    for relu in (False, True)
]
SAMPLES["linear_onward"] += rows(120, 70, 90, large=True)
SAMPLES["linear_onward"] += rows(20, 600, 250, large=True)  # made transposed, in several blocks
