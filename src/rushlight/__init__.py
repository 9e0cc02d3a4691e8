"""Rushlight: deep learning on NumPy and SciPy, with PyTorch's semantics."""

from __future__ import annotations

from importlib import import_module as _import_module
from typing import Any as _Any

from rushlight._version import __version__
from rushlight.arrays import (
    bool_,
    float16,
    float32,
    float64,
    int8,
    int16,
    int32,
    int64,
    set_default_dtype,
    uint8,
)
from rushlight.arrays import default_dtype as get_default_dtype
from rushlight.memory import configure as _configure_malloc
from rushlight.random import Generator, get_rng_state, manual_seed, set_rng_state

from rushlight.tensor import Tensor, device  # isort: skip
from rushlight.functional import *
from rushlight.tensor import autograd
from rushlight.tensor.autograd import (
    enable_grad,
    inference_mode,
    is_grad_enabled,
    no_grad,
    set_grad_enabled,
)

_configure_malloc()  # RUSHLIGHT_MALLOC=default leaves malloc as it is

bool = bool_
half, float, double = float16, float32, float64
short, int, long = int16, int32, int64

_LAZY = frozenset({"check", "data", "io", "nn", "optim", "train", "utils"})
_LAZY_NAMES = {
    "get_num_threads": "threads",
    "load": "io",
    "save": "io",
    "set_num_threads": "threads",
}


def __getattr__(name: str) -> _Any:
    if name in _LAZY:
        return _import_module(f"rushlight.{name}")
    if name in _LAZY_NAMES:
        return getattr(_import_module(f"rushlight.{_LAZY_NAMES[name]}"), name)
    raise AttributeError(f"module 'rushlight' has no attribute {name!r}")
