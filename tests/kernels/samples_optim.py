"""Samples of the optimizers' steps, which work in place: every option, values that are none."""

from __future__ import annotations

from typing import Any

import numpy as np
from tests.kernels.native import Sample, Scratch, normal

SIZES = [0, 1, 2, 3, 7, 15, 16, 17, 31, 64, 97, 1009]
LARGE = [3 * 16384 + 77, 100_003]
# lr is large, so that the step is as large as what it is taken from
ADAM = {
    "step": 3.0,
    "lr": 0.5,
    "beta1": 0.9,
    "beta2": 0.999,
    "eps": 1e-8,
    "decay": 0.0,
    "decoupled": False,
    "maximize": False,
}
ADAM_OPTIONS: list[dict[str, Any]] = [
    {},
    {"decay": 0.1},
    {"decay": 0.1, "decoupled": True},
    {"decay": 0.1, "maximize": True},
    {"decay": 0.1, "maximize": True, "decoupled": True},
    {"step": 1.0, "eps": 1e-3},
    {"step": 1000.0, "beta1": 0.0},
    {"eps": 0.0},
]
SGD = {
    "lr": 0.5,
    "momentum": 0.0,
    "dampening": 0.0,
    "decay": 0.0,
    "nesterov": False,
    "maximize": False,
    "first": False,
}
SGD_OPTIONS: list[dict[str, Any]] = [
    {},
    {"decay": 0.1},
    {"decay": 0.1, "maximize": True},
    {"momentum": 0.9, "first": True, "dampening": 0.3},
    {"momentum": 0.9},
    {"momentum": 0.9, "dampening": 0.3, "decay": 0.1},
    {"momentum": 0.9, "nesterov": True},
    {"momentum": 0.9, "nesterov": True, "first": True, "maximize": True, "decay": 0.1},
]


def _adam(arrays: list[Any], options: dict[str, Any], large: bool = False) -> list[Sample]:
    w, g, mean, square, largest = arrays
    values = tuple((ADAM | options).values())
    return [
        Sample((w, g, mean, square**2, most, *values, Scratch(2)), fixed=(0, 2, 3, 4), large=large)
        for most in (None, largest**2)
    ]


def _sgd(arrays: list[Any], options: dict[str, Any], large: bool = False) -> list[Sample]:
    w, g, buffer, *_ = arrays
    values = SGD | options
    args = (w, g, buffer if values["momentum"] else None, *values.values(), Scratch(2))
    return [Sample(args, fixed=(0, 2), large=large)]


_arrays = [[normal(n, seed=i) for i in range(5)] for n in (*SIZES, *LARGE)]
_arrays.append([normal(3, 5, 7, seed=i) for i in range(5)])
# each value of parameter, gradient and mean (or momentum) with each of the others
_values = [np.nan, np.inf, -np.inf, 0.0, 1.0]
_grid = [a.ravel() for a in np.meshgrid(_values, _values, _values)]
_arrays.append([*_grid, _grid[0][::-1].copy(), _grid[1].copy()])

SAMPLES: dict[str, list[Sample]] = {
    name: [
        sample
        for arrays in _arrays
        for given in options
        for sample in make(arrays, given, arrays[0].size > 1 << 14)
    ]
    for name, make, options in (("adam_step", _adam, ADAM_OPTIONS), ("sgd_step", _sgd, SGD_OPTIONS))
}
