"""Samples of normalization and sums over rows: every option, values that are none."""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np
from tests.kernels.native import Made, Sample, normal

SAMPLES: dict[str, list[Sample]] = {
    "batch_moments": [],
    "batch_norm_eval": [],
    "batch_norm_eval_grad": [],
    "batch_norm_grad": [],
    "batch_norm_through": [],
    "batch_norm_train": [],
    "channel_sum": [],
    "column_sum": [],
    "conv_bias_grad": [],
    "follow": [],
    "group_norm_forward": [],
    "group_norm_grad": [],
    "layer_norm_forward": [],
    "layer_norm_grad": [],
}
EPS = 1e-5
NEEDS = [(True, True, True), (True, False, False), (False, True, False), (False, False, True)]

# (N, C, *S)
SMALL: list[tuple[int, ...]] = [
    *((1, 1), (2, 1), (7, 3), (5, 4), (13, 15), (1, 16), (17, 17), (31, 67), (64, 64), (3, 5003)),
    *((997, 13), (1030, 16), (300, 33), (0, 3), (2, 0)),
    *((4, 3, 7), (3, 17, 5, 4), (2, 4, 3, 2, 5), (2, 1, 3, 3), (1, 5, 1, 1), (0, 3, 2, 2)),
    *((2, 3, 0), (2, 513, 2, 1)),
]
LARGE: list[tuple[int, ...]] = [(40_009, 16), (2, 100_003), (1031, 257), (8, 48, 29, 31)]


def _channels(c: int) -> tuple[Any, Any, Any, Any]:
    """w, b, mean and var (C,)"""
    return normal(c, seed=2), normal(c, seed=3), normal(c, seed=4), normal(c, seed=5) ** 2 + 0.5


def _batch_norm(x: Any, large: bool = False) -> None:
    c = x.shape[1]
    g = normal(*x.shape, seed=1)
    w, b, mean, var = _channels(c)
    rows = np.moveaxis(x, 1, -1).reshape(prod(x.shape) // max(c, 1), c)
    # gradients may cancel: of few rows, most
    std = rows[:, np.isfinite(rows).all(0)].std(0) if rows.size else np.ones(0)
    steep = 3 * float((1 / np.sqrt(std**2 + EPS)).max(initial=1))
    for weight, bias in ((w, b), (w, None), (None, b), (None, None)):
        for relu in (False, True):
            options = {"relu": relu}
            train = Sample((x, weight, bias, EPS), options, large=large, scale=3.0)
            SAMPLES["batch_norm_train"].append(train)
            SAMPLES["batch_norm_eval"].append(
                Sample((x, mean, var, weight, bias, EPS), options, large=large, scale=3.0)
            )
            if bias is None and relu:  # equal numbers are 0 then: relu's mask is up to roundings
                continue
            cache = Made("batch_norm_train", train)
            SAMPLES["batch_norm_grad"] += [
                Sample((g, cache, weight, needs), large=large, scale=steep * len(rows) ** 0.5)
                for needs in NEEDS
            ]
    SAMPLES["batch_moments"].append(Sample((x,), large=large, scale=3.0))
    SAMPLES["batch_norm_through"].append(Sample((g, x, mean, w, b, var), large=large, scale=3.0))
    rstd = 1 / np.sqrt(var + EPS)
    for weight in (w, None):
        SAMPLES["batch_norm_eval_grad"] += [
            Sample((g, x, mean, rstd, weight, needs), large=large, scale=10.0) for needs in NEEDS
        ]


def _layer_norm(x: Any, size: int, large: bool = False) -> None:
    g = normal(*x.shape, seed=1)
    w, b, *_ = _channels(size)
    rows = x.reshape(-1, size)
    std = rows[np.isfinite(rows).all(1)].std(1) if rows.size else np.ones(0)
    steep = 3 * float((1 / np.sqrt(std**2 + EPS)).max(initial=1))
    for weight, bias in ((w, b), (w, None), (None, b), (None, None)):
        forward = Sample((x, size, weight, bias, EPS), large=large, scale=3.0)
        SAMPLES["layer_norm_forward"].append(forward)
        if (weight is None) == (bias is None):
            SAMPLES["layer_norm_grad"] += [
                Sample(
                    (g, Made("layer_norm_forward", forward), weight, needs),
                    large=large,
                    scale=steep,
                )
                for needs in NEEDS
                if weight is not None or not needs[1]
            ]
        plain = Sample((x, size, weight, None, EPS), {"centred": False}, large=large, scale=3.0)
        if bias is None:
            SAMPLES["layer_norm_forward"].append(plain)
            SAMPLES["layer_norm_grad"] += [
                Sample(
                    (g, Made("layer_norm_forward", plain), weight, needs),
                    {"centred": False},
                    large=large,
                    scale=steep,
                )
                for needs in NEEDS
                if weight is not None or not needs[1]
            ]


def _group_norm(x: Any, groups: int, large: bool = False) -> None:
    g, (w, b, *_) = normal(*x.shape, seed=1), _channels(x.shape[1])
    grouped = x.reshape(x.shape[0] * groups, -1) if x.size else x
    std = grouped[np.isfinite(grouped).all(1)].std(1) if x.size else np.ones(0)
    steep = 3 * float((1 / np.sqrt(std**2 + EPS)).max(initial=1))
    for weight, bias in ((w, b), (w, None), (None, b), (None, None)):
        forward = Sample((x, groups, weight, bias, EPS), large=large, scale=3.0)
        SAMPLES["group_norm_forward"].append(forward)
        if (weight is None) == (bias is None):
            cache = Made("group_norm_forward", forward)
            SAMPLES["group_norm_grad"] += [
                Sample((g, cache, weight, needs), large=large, scale=steep * len(x) ** 0.5)
                for needs in NEEDS
            ]


def _sums(x: Any, large: bool = False) -> None:
    scale = prod(x.shape) ** 0.5 if x.size else 0.0
    SAMPLES["channel_sum"].append(Sample((x,), large=large, scale=scale))
    if x.ndim > 2:
        SAMPLES["conv_bias_grad"].append(Sample((x,), large=large, scale=scale))
    SAMPLES["column_sum"].append(Sample((x,), large=large, scale=scale))


for _large, _shapes in ((False, SMALL), (True, LARGE)):
    for _shape in _shapes:
        _x = normal(*_shape) * 2 + 1
        _batch_norm(_x, _large)
        if _x.shape[-1]:
            _layer_norm(_x, _shape[-1], _large)
        _sums(_x, _large)
_layer_norm(normal(3, 5, 7, 2), 14)
_layer_norm(normal(3, 5, 7, 2), 210)
_layer_norm(normal(5), 5)

for _groups, _shape in (
    *((1, (3, 4)), (2, (3, 6)), (2, (2, 6, 5)), (6, (2, 6, 5)), (3, (2, 6, 4, 5)), (1, (1, 3, 70))),
    *((2, (1, 4, 9, 11)), (5, (2, 35, 3, 3)), (2, (0, 4, 3)), (2, (2, 4, 0)), (4, (3, 8, 2, 3, 2))),
):
    _group_norm(normal(*_shape) * 2 + 1, _groups)
_group_norm(normal(8, 48, 29, 31) + 1, 6, True)

for _value in (np.nan, np.inf, -np.inf):
    for _shape in ((6, 5), (200, 33), (7, 1), (3, 5, 4, 4)):
        _x = normal(*_shape)
        _x[(_shape[0] // 2, -1, *(0 for _ in _shape[2:]))] = _value
        if np.isnan(_value):  # infinite ones make the mean infinite there, NaN here
            _batch_norm(_x)
            _group_norm(_x, 1)
        _layer_norm(_x, _shape[-1])
        _sums(_x)

for _c in (0, 1, 7, 16, 17, 67, 1009, 100_003):
    for _momentum, _factor in ((0.1, 1.0), (0.3, 7 / 6), (1.0, 1.0), (0.0, 1.0)):
        _four = [normal(_c, seed=i) for i in range(4)]
        SAMPLES["follow"].append(
            Sample((*_four, _momentum, _factor), fixed=(0, 1), large=_c > 1 << 16)
        )
_odd = np.array([np.nan, 1.0, np.inf, 1.0, -np.inf, 2.0])
SAMPLES["follow"] += [
    Sample((_odd, None, np.ones(6), np.ones(6), 0.1, 1.0), fixed=(0,)),
    Sample((None, _odd, np.ones(6), np.ones(6), 0.1, 1.0), fixed=(1,)),
    Sample((np.ones(6), np.ones(6), _odd, _odd, 0.1, 1.0), fixed=(0, 1)),
]
