"""Samples of instance norm, group norm and their kin: every option, both layouts."""

from __future__ import annotations

from typing import Any

from tests.nn.samples_norm import _last, _norm
from tests.ops.sample import normal

LINE, IMAGE, VOLUME = normal(2, 3, 5) - 1, normal(2, 3, 4, 2) + 2, normal(2, 3, 2, 3, 2)
MANY, ROWS = normal(2, 6, 3, 2) + 1, normal(6, 3)
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
SYNC: list[dict[str, Any]] = [{}, {"affine": False, "momentum": None}, {"bias": False}]

SAMPLES = [
    *[
        _norm(name, x, 3, unbatched=x[0], **options)
        for name, x in INSTANCES.items()
        for options in OPTIONS
    ],
    *[_norm(name, _last(x), 3, affine=True) for name, x in INSTANCES.items()],
    _norm("GroupNorm", MANY, 3, 6),
    _norm("GroupNorm", _last(MANY), 2, 6, eps=0.1),
    _norm("GroupNorm", MANY, 1, 6, affine=False),
    _norm("GroupNorm", MANY, 6, 6, bias=False),
    _norm("GroupNorm", normal(4, 6), 2, 6),
    _norm("GroupNorm", normal(2, 4, 3, 2, 2), 2, 4),
    *[_norm("SyncBatchNorm", x, 3, **o) for x in (ROWS, LINE, _last(IMAGE)) for o in SYNC],
    *[_norm("LocalResponseNorm", x, 3) for x in (LINE, MANY, _last(MANY), normal(2, 5, 2, 3, 2))],
    *[_norm("LocalResponseNorm", MANY, n, alpha=0.7, beta=0.5, k=2.0) for n in (1, 2, 4, 5, 9)],
    # torch's gradient of this one is not that of what it computes
    *[_norm("CrossMapLRN2d", MANY, n)._replace(fixed=(0,)) for n in (1, 2, 3, 20)],
    _norm("CrossMapLRN2d", _last(MANY), 5, alpha=0.7, beta=0.5, k=2.0)._replace(fixed=(0,)),
]
