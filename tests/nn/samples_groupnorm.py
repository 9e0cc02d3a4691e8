"""Samples of instance norm, group norm and their kin: every option, both layouts."""

from __future__ import annotations

from typing import Any

from tests.nn.samples_norm import _last, _norm
from tests.ops.sample import normal

LINE, IMAGE, VOLUME = normal(2, 3, 5) - 1, normal(2, 3, 4, 2) + 2, normal(2, 3, 2, 3, 2)
INSTANCES = {"InstanceNorm1d": LINE, "InstanceNorm2d": IMAGE, "InstanceNorm3d": VOLUME}
OPTIONS: list[dict[str, Any]] = [
    {},
    {"eps": 0.1},
    {"affine": True},
    {"affine": True, "bias": False},
    {"track_running_stats": True},
    {"track_running_stats": True, "affine": True, "momentum": 0.7},
    {"track_running_stats": True, "momentum": None},
]

SAMPLES = [
    *[
        _norm(name, x, 3, unbatched=x[0], **options)
        for name, x in INSTANCES.items()
        for options in OPTIONS
    ],
    *[_norm(name, _last(x), 3, affine=True) for name, x in INSTANCES.items()],
]
