"""Samples of the normalization layers: every option, channels-last and C-ordered inputs."""

from __future__ import annotations

from typing import Any

import numpy as np
from tests.nn.modules import ModuleSample as S
from tests.ops.sample import normal

from rushlight import nn


def _last(x: Any) -> Any:
    """The same values with channels-last strides."""
    return np.moveaxis(np.ascontiguousarray(np.moveaxis(x, 1, -1)), -1, 1)


ROWS = normal(6, 3) * 2 + 1
INPUTS = {
    "BatchNorm1d": [ROWS, normal(4, 3, 5) - 1, _last(normal(4, 3, 5))],
    "BatchNorm2d": [normal(2, 3, 4, 2) + 2, _last(normal(2, 3, 4, 2) + 2), normal(1, 3, 2, 2)],
    "BatchNorm3d": [normal(2, 3, 2, 3, 2), _last(normal(2, 3, 2, 3, 2))],
}
OPTIONS: list[dict[str, Any]] = [
    {},
    {"eps": 0.1},
    {"momentum": 0.7},
    {"momentum": 1.0},
    {"momentum": None},
    {"affine": False},
    {"bias": False},
    {"track_running_stats": False},
    {"affine": False, "track_running_stats": False, "momentum": None},
]


def _norm(name: str, x: Any, *args: Any, unbatched: Any = None, **options: Any) -> S:
    return S(
        lambda: getattr(nn, name)(*args, **options),
        lambda torch: getattr(torch.nn, name)(*args, **options),
        (x,),
        None if unbatched is None else (unbatched,),
    )


SAMPLES = [
    *[_norm(name, x, 3) for name, inputs in INPUTS.items() for x in inputs],
    *[
        _norm(name, inputs[0], 3, **options)
        for name, inputs in INPUTS.items()
        for options in OPTIONS[1:]
    ],
    _norm("LayerNorm", ROWS, 3, unbatched=ROWS[0]),
    _norm("LayerNorm", normal(2, 4, 3), (4, 3)),
    _norm("LayerNorm", normal(2, 4, 3), [3], eps=0.1),
    _norm("LayerNorm", normal(2, 4, 3), 3, elementwise_affine=False),
    _norm("LayerNorm", normal(2, 4, 3), 3, bias=False),
    _norm("LayerNorm", _last(normal(2, 4, 3, 2)), (4, 3, 2)),
    _norm("RMSNorm", ROWS, 3, unbatched=ROWS[0]),
    _norm("RMSNorm", normal(2, 4, 3), (4, 3), eps=0.1),
    _norm("RMSNorm", normal(2, 4, 3), 3, elementwise_affine=False),
]
