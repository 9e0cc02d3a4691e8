"""Samples of what lazy modules become; `test_lazy.py` says what they are before."""

from __future__ import annotations

from typing import Any

from tests.nn.modules import ModuleSample
from tests.ops.sample import normal

import rushlight as rl

# (class, shape of the first input, arguments, options)
LAZY: list[tuple[str, tuple[int, ...], tuple[Any, ...], dict[str, Any]]] = [
    ("LazyLinear", (3, 5), (4,), {}),
    ("LazyLinear", (2, 3, 5), (4, False), {}),
    ("LazyConv1d", (2, 3, 6), (4, 3), {}),
    ("LazyConv2d", (2, 4, 6, 5), (6, (3, 2), 1, 1), {"groups": 2, "padding_mode": "reflect"}),
    ("LazyConv2d", (4, 6, 5), (6, 3), {"bias": False}),
    ("LazyConv3d", (1, 2, 3, 4, 3), (3, 3, 1, "same"), {}),
    ("LazyConvTranspose1d", (2, 3, 4), (4, 3, 2, 1, 1), {}),
    ("LazyConvTranspose2d", (2, 4, 3, 4), (2, 2, 2), {"groups": 2, "bias": False}),
    ("LazyConvTranspose3d", (1, 2, 2, 3, 2), (3, 2), {}),
    ("LazyBatchNorm1d", (4, 3), (), {}),
    ("LazyBatchNorm1d", (4, 3, 2), (1e-3, None), {"bias": False}),
    ("LazyBatchNorm2d", (2, 3, 3, 2), (1e-5, 0.2, False), {}),
    ("LazyBatchNorm3d", (2, 2, 3, 2, 2), (), {"track_running_stats": False}),
    ("LazyInstanceNorm1d", (2, 3, 4), (), {}),
    ("LazyInstanceNorm2d", (2, 3, 3, 2), (1e-5, 0.2), {"affine": False}),
    ("LazyInstanceNorm3d", (2, 2, 3, 2, 2), (), {"track_running_stats": False}),
]


def called(lib: Any, name: str, shape: tuple[int, ...], args: Any, options: Any) -> Any:
    """Return the module after its first call."""
    module = getattr(lib.nn, name)(*args, **options)
    module(lib.ones(shape))
    return module


SAMPLES = [
    ModuleSample(
        lambda case=case: called(rl, *case),
        lambda torch, case=case: called(torch, *case),
        (normal(*case[1]),),
    )
    for case in LAZY
]
