"""Samples of the linear layer's products: rows, columns and features around vectors and tiles."""

from __future__ import annotations

import numpy as np
from tests.kernels.native import Sample, normal

# leading axes, K, F
SMALL: list[tuple[tuple[int, ...], int, int]] = [
    ((1,), 1, 1),
    ((), 7, 5),
    ((2,), 3, 17),
    ((7,), 1, 3),
    ((13,), 31, 1),
    ((17,), 5, 16),
    ((8,), 16, 33),
    ((2, 3), 29, 7),
    ((3, 1, 5), 13, 67),
    ((5,), 5003, 3),
    ((1,), 5003, 3),
    ((1,), 37, 301),
    ((301,), 37, 1),
    ((31,), 1, 31),
    ((7, 7), 387, 29),  # two parts of the depth
    ((97,), 11, 257),
    ((257,), 19, 97),
    ((3,), 2, 5003),
    ((1009,), 3, 2),
    ((0,), 4, 3),
    ((2, 0), 4, 3),
    ((3,), 0, 4),
    ((3,), 4, 0),
]
LARGE: list[tuple[tuple[int, ...], int, int]] = [
    ((512,), 256, 64),
    ((17, 61), 131, 97),
    ((40_009,), 13, 17),
    ((64,), 1031, 257),
    ((1009,), 257, 1999),  # many groups
    ((67,), 20_011, 71),  # more than is packed at once
    ((1,), 1031, 1009),
]
SAMPLES: dict[str, list[Sample]] = {
    "linear_forward": [],
    "linear_input_grad": [],
    "linear_weight_grad": [],
}


for _large, _cases in ((False, SMALL), (True, LARGE)):
    for _lead, _k, _f in _cases:
        _x, _g = normal(*_lead, _k), normal(*_lead, _f, seed=1)
        _w, _b = normal(_f, _k, seed=2), normal(_f, seed=3)
        SAMPLES["linear_forward"] += [
            Sample((_x, _w, _b), large=_large),
            Sample((_x, _w, None), large=_large),
            Sample((_x, _w, _b), {"relu": True}, large=_large),
            Sample((_x, _w, None), {"relu": True}, large=_large),
        ]
        SAMPLES["linear_input_grad"].append(Sample((_g, _w), large=_large))
        if _lead:
            SAMPLES["linear_weight_grad"].append(Sample((_x, _g), large=_large))


def _specials() -> None:
    """NaN and infinities stay in the rows, or columns, that they belong to."""
    for m, k, f in ((9, 5, 7), (37, 19, 35)):
        x, g = normal(m, k), normal(m, f, seed=1)
        w, b = normal(f, k, seed=2), normal(f, seed=3)
        odd_x, odd_g, odd_w, odd_b = (a.copy() for a in (x, g, w, b))
        for a in (odd_x, odd_g, odd_w):
            a[0, -1], a[2, 1], a[-1, 0] = np.nan, np.inf, -np.inf
        odd_b[:3] = np.nan, np.inf, -np.inf
        for relu in (False, True):
            SAMPLES["linear_forward"] += [
                Sample((odd_x, w, b), {"relu": relu}),
                Sample((x, odd_w, b), {"relu": relu}),
                Sample((x, w, odd_b), {"relu": relu}),
            ]
        SAMPLES["linear_input_grad"] += [Sample((odd_g, w)), Sample((g, odd_w))]
        SAMPLES["linear_weight_grad"] += [Sample((odd_x, g)), Sample((x, odd_g))]


_specials()

# 0 times nan is nan, also where one factor is a single number
SAMPLES["linear_forward"] += [
    Sample((np.zeros((1, 1)), np.full((3, 1), np.nan), None)),
    Sample((np.full((3, 1), np.inf), np.zeros((1, 1)), None)),
]
SAMPLES["linear_input_grad"] += [Sample((np.zeros((1, 1)), np.full((1, 3), np.nan)))]
SAMPLES["linear_weight_grad"] += [Sample((np.full((1, 3), np.nan), np.zeros((1, 1))))]
