"""Samples of convolution: sizes around vectors and tiles, every option, values that are none."""

from __future__ import annotations

from typing import Any

import numpy as np
from tests.kernels.native import Sample, normal

# (N, G*C, *S), G*F, kernel, stride, padding, dilation, groups
NONE1, NONE2, SAME2 = ((0, 0),), ((0, 0),) * 2, ((1, 1),) * 2
SMALL: list[tuple[Any, ...]] = [
    ((1, 1, 1), 1, (1,), (1,), NONE1, (1,), 1),
    ((2, 3, 9), 4, (3,), (1,), ((1, 1),), (1,), 1),
    ((3, 7, 31), 13, (5,), (3,), ((2, 0),), (2,), 1),
    ((1, 513, 5), 3, (3,), (1,), ((1, 1),), (1,), 1),
    ((1, 3, 5), 513, (3,), (1,), ((1, 1),), (1,), 1),
    ((2, 1, 4, 4), 1, (3, 3), (1, 1), SAME2, (1, 1), 1),
    ((2, 1, 1, 1), 17, (1, 1), (1, 1), NONE2, (1, 1), 1),
    ((2, 3, 1, 1), 5, (3, 3), (1, 1), SAME2, (1, 1), 1),
    ((3, 7, 5, 11), 5, (3, 3), (1, 1), SAME2, (1, 1), 1),
    ((2, 8, 7, 13), 16, (3, 3), (1, 1), SAME2, (1, 1), 1),
    ((1, 16, 3, 15), 31, (3, 3), (1, 1), SAME2, (1, 1), 1),
    ((1, 9, 2, 29), 33, (3, 3), (1, 1), SAME2, (1, 1), 1),
    ((1, 513, 3, 2), 7, (1, 1), (1, 1), NONE2, (1, 1), 1),
    ((1, 5, 2, 3), 513, (2, 2), (1, 1), NONE2, (1, 1), 1),
    ((2, 3, 9, 11), 4, (2, 2), (3, 4), ((0, 0), (1, 1)), (1, 1), 1),
    ((2, 3, 9, 8), 2, (3, 2), (1, 1), ((2, 2), (1, 1)), (2, 3), 1),
    ((2, 3, 9, 9), 2, (3, 3), (2, 3), ((2, 2), (2, 2)), (2, 2), 1),
    ((2, 3, 5, 5), 2, (2, 4), (1, 1), ((0, 1), (1, 2)), (1, 1), 1),
    ((1, 2, 3, 3), 2, (2, 2), (1, 1), ((3, 3), (4, 4)), (1, 1), 1),
    ((2, 3, 8, 9), 4, (3, 3), (1, 1), ((-1, 0), (1, -2)), (1, 1), 1),
    ((2, 3, 8, 9), 4, (3, 3), (2, 2), ((-2, 3), (-1, -1)), (1, 1), 1),
    ((2, 3, 7, 7), 4, (2, 2), (5, 5), NONE2, (1, 1), 1),
    ((2, 6, 5, 5), 4, (3, 3), (1, 1), SAME2, (1, 1), 2),
    ((2, 34, 3, 3), 34, (3, 3), (1, 1), SAME2, (1, 1), 2),
    ((2, 5, 6, 6), 5, (3, 3), (1, 1), SAME2, (1, 1), 5),
    ((1, 67, 4, 5), 67, (3, 3), (2, 2), SAME2, (1, 1), 67),
    ((2, 3, 6, 6), 6, (3, 3), (1, 1), SAME2, (1, 1), 3),
    ((2, 4, 5, 6), 6, (1, 1), (2, 2), NONE2, (1, 1), 2),
    ((2, 3, 4, 4), 4, (4, 4), (1, 1), NONE2, (1, 1), 1),
    ((0, 3, 5, 5), 4, (3, 3), (1, 1), SAME2, (1, 1), 1),
    ((2, 2, 4, 5, 4), 3, (2, 3, 2), (1, 2, 1), ((1, 1), (1, 1), (0, 0)), (1, 1, 2), 1),
    ((1, 4, 4, 4, 4), 2, (3, 3, 3), (2, 1, 1), ((1, 1),) * 3, (1, 1, 1), 2),
    ((1, 17, 2, 3, 5), 9, (1, 2, 3), (1, 1, 1), ((0, 1), (1, 0), (-1, 2)), (1, 1, 1), 1),
    # few features, of one group or more, and groups of a channel and a feature
    *(((2, 16 + f, 3, 5), f, (3, 3), (1, 1), SAME2, (1, 1), 1) for f in range(1, 12)),
    ((1, 35, 1, 1), 1, (1, 1), (1, 1), NONE2, (1, 1), 1),
    ((2, 7, 5, 6), 2, (3, 3), (1, 1), SAME2, (1, 1), 1),
    ((2, 17, 7, 6), 1, (7, 6), (1, 1), NONE2, (1, 1), 1),  # windows as large as the input
    ((2, 38, 6, 5), 6, (3, 2), (2, 1), ((1, 0), (2, 1)), (1, 2), 2),
    ((2, 19, 3, 4, 5), 2, (2, 1, 3), (1, 1, 2), ((0, 1), (0, 0), (1, 1)), (2, 1, 1), 1),
    ((1, 8, 1, 1), 8, (3, 3), (1, 1), SAME2, (1, 1), 8),
    ((1, 33, 1), 33, (7,), (1,), ((3, 3),), (1,), 33),
    ((3, 16, 7, 9), 16, (5, 3), (2, 1), ((2, 0), (0, 3)), (1, 2), 16),
    ((2, 18, 9, 8), 36, (3, 3), (1, 1), SAME2, (1, 1), 18),
    ((1, 21, 3, 4, 5), 21, (3, 3, 3), (1, 2, 1), ((1, 1), (1, 1), (0, 2)), (1, 1, 1), 21),
    # channels that do not fill a vector: stretches of lines do, if these are long enough
    *(((2, c, 4, 9), c, (3, 2), (1, 1), ((1, 1), (0, 1)), (1, 1), c) for c in range(1, 8)),
    ((1, 3, 5, 2), 3, (3, 1), (1, 1), SAME2, (1, 1), 3),
    ((2, 3, 9, 11), 3, (3, 5), (2, 1), ((2, 0), (-1, 3)), (1, 2), 3),
    ((2, 2, 3, 4, 8), 2, (2, 3, 3), (1, 2, 1), ((0, 1), (1, 1), (1, 1)), (2, 1, 1), 2),
    ((3, 2, 1031), 2, (4,), (1,), ((2, 0),), (1,), 2),  # no equal stretches of a line
    ((3, 1, 1032), 1, (4,), (1,), ((2, 1),), (1,), 1),  # two
    ((1, 2, 1100), 2, (700,), (1,), ((3, 4),), (1,), 2),  # many taps: shorter ones
    ((2, 1, 9), 1, (2,), (1,), ((700, 0),), (700,), 1),  # taps too far apart
]
LARGE: list[tuple[Any, ...]] = [
    ((8, 16, 14, 14), 32, (3, 3), (1, 1), SAME2, (1, 1), 1),
    ((16, 1, 28, 28), 16, (3, 3), (2, 2), SAME2, (1, 1), 1),
    ((5, 37, 13, 11), 41, (3, 3), (1, 1), SAME2, (1, 1), 1),
    ((2, 513, 7, 7), 33, (1, 1), (1, 1), NONE2, (1, 1), 1),
    ((4, 64, 15, 15), 64, (3, 3), (1, 1), SAME2, (1, 1), 64),
    ((3, 43, 31, 29), 43, (3, 5), (2, 1), ((1, 1), (2, 2)), (1, 1), 43),
    ((4, 45, 31, 37), 3, (3, 3), (1, 1), SAME2, (1, 1), 1),
    ((3, 700, 9, 11), 2, (3, 3), (2, 2), SAME2, (1, 1), 1),
    ((2, 66, 40, 41), 2, (1, 1), (1, 1), NONE2, (1, 1), 2),
    ((1, 2061, 4, 5), 1, (3, 3), (1, 1), SAME2, (1, 1), 1),  # sums of sums
    ((2, 40, 40, 41), 40, (13, 15), (1, 1), ((6, 6), (7, 7)), (1, 1), 40),
    ((8, 3, 61, 67), 3, (5, 5), (1, 1), ((2, 2), (2, 2)), (1, 1), 3),
    ((3, 24, 300), 24, (5,), (1,), ((2, 2),), (1,), 3),
    ((2, 2, 3001), 19, (9,), (5,), ((7, 2),), (3,), 1),
    ((1, 2, 2600), 5, (3,), (1,), ((700, 700),), (1000,), 1),  # taps too far apart to copy lines
    ((1, 3, 1201, 5), 9, (2, 2), (1, 1), ((0, 3), (1, 1)), (600, 2), 1),
    ((2, 16, 17, 19), 24, (3, 3), (2, 2), SAME2, (1, 1), 1),  # phases
    ((2, 32, 9, 13), 40, (3, 2), (3, 2), ((1, 2), (0, 1)), (1, 2), 2),
    ((1, 600, 6, 7), 17, (3, 3), (1, 1), SAME2, (1, 1), 1),  # long sums of Winograd's products
    ((1, 34, 5, 6), 85, (3, 3), (1, 1), SAME2, (1, 1), 1),  # Winograd's few tiles, many features
    ((1, 38, 4, 7), 150, (3, 3), (1, 1), SAME2, (1, 1), 2),
    ((2, 6, 45, 130), 32, (2, 3), (2, 3), ((1, 2), (4, 0)), (3, 1), 2),
    # lines that are copied, cut into blocks both ways: channels that adjoin, some in groups
    ((2, 20, 31, 203), 11, (3, 2), (2, 1), ((1, 1), (0, 1)), (1, 1), 1),
    ((1, 40, 9, 250), 18, (3, 3), (2, 2), ((0, 2), (2, 0)), (1, 1), 2),
    ((2, 21, 23, 40), 15, (4, 2), (3, 4), ((2, 1), (1, 1)), (1, 2), 3),
    ((2, 9, 15, 16), 12, (1, 1), (1, 1), NONE2, (1, 1), 1),
    ((1, 12, 5, 9, 10), 9, (2, 3, 3), (1, 2, 1), ((1, 0), (1, 1), (2, 2)), (1, 1, 2), 1),
    ((2, 6, 9, 11, 10), 18, (3, 3, 3), (1, 1, 1), ((1, 1),) * 3, (1, 1, 1), 1),
]
SAMPLES: dict[str, list[Sample]] = {
    "conv_forward": [],
    "conv_input_grad": [],
    "conv_weight_grad": [],
}


def out_size(
    size: tuple[int, ...], kernel: Any, stride: Any, padding: Any, dilation: Any
) -> tuple[int, ...]:
    return tuple(
        (n + lo + hi - d * (k - 1) - 1) // s + 1
        for n, k, s, (lo, hi), d in zip(size, kernel, stride, padding, dilation, strict=True)
    )


def calls(case: tuple[Any, ...], large: bool = False) -> dict[str, list[Sample]]:
    """The samples of one case, by kernel."""
    shape, features, kernel, stride, padding, dilation, groups = case
    geometry = (stride, padding, dilation, groups)
    out = (shape[0], features, *out_size(shape[2:], kernel, stride, padding, dilation))
    x, g = normal(*shape), normal(*out, seed=1)
    w, b = normal(features, shape[1] // groups, *kernel, seed=2), normal(features, seed=3)
    return {
        "conv_forward": [
            Sample((x, w, b, *geometry), large=large),
            Sample((x, w, None, *geometry), large=large),
        ],
        "conv_input_grad": [
            Sample((g, w, x.shape, *geometry), large=large),
            Sample((g, w, x.shape, *geometry, normal(shape[1], seed=4), False), large=large),
            Sample((g, w, x.shape, *geometry, normal(shape[1], seed=4), True), large=large),
        ],
        "conv_weight_grad": [Sample((x, g, w.shape, *geometry), large=large)],
    }


for _large, _cases in ((False, SMALL), (True, LARGE)):
    for _case in _cases:
        for _name, _samples in calls(_case, _large).items():
            SAMPLES[_name] += _samples


def _with(a: Any, *values: float) -> Any:
    """A copy with some cells, each in another sample and place, of other values."""
    a = a.copy()
    for i, value in enumerate(values):
        a[(i % len(a), *(n // 2 for n in a.shape[1:]))] = value
    return a


def _specials() -> None:
    """NaN and infinities stay in the cells whose windows see them, also beside remainders."""
    values = (np.nan, np.inf, -np.inf)
    for channels, features, groups in ((6, 9, 1), (6, 9, 3), (19, 3, 1), (19, 19, 19), (3, 3, 3)):
        x, g = normal(3, channels, 7, 7), normal(3, features, 7, 7)
        w = normal(features, channels // groups, 3, 3)
        same = ((1, 1), SAME2, (1, 1), groups)
        SAMPLES["conv_forward"] += [
            Sample((_with(x, *values), w, normal(features), *same)),
            Sample((x, _with(w, *values), normal(features), *same)),
            Sample((x, w, _with(normal(features), *values), *same)),
        ]
        SAMPLES["conv_input_grad"] += [
            Sample((_with(g, *values), w, x.shape, *same)),
            Sample((g, _with(w, *values), x.shape, *same)),
        ]
        SAMPLES["conv_weight_grad"] += [
            Sample((_with(x, np.nan), g, w.shape, *same)),
            Sample((_with(x, np.inf), g, w.shape, *same)),
            Sample((x, _with(g, -np.inf), w.shape, *same)),
        ]


_specials()

# Rows that output_padding adds to a transposed convolution: no window sees them.
SAMPLES["conv_input_grad"] += [
    Sample((normal(2, 4, 3, 3), normal(4, 2, 2, 2), (2, 2, 10, 9), (3, 3), NONE2, (1, 1), 1)),
    Sample(
        (
            *(normal(2, 4, 3, 3), normal(4, 5, 1, 2), (2, 5, 9, 9), (3, 3), NONE2, (1, 1), 1),
            *(_with(normal(5), np.nan), True),
        )
    ),
]
