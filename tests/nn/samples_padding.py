"""Samples of the padding layers."""

from __future__ import annotations

from typing import Any

from tests.nn.modules import ModuleSample
from tests.nn.samples_conv import sample

LINE, IMAGE, VOLUME = (2, 3, 5), (2, 2, 4, 5), (2, 2, 3, 4, 3)


def _samples(kind: str, *value: Any) -> list[ModuleSample]:
    return [
        sample(f"{kind}1d", LINE, 2, *value),
        sample(f"{kind}1d", LINE, (3, -1) if kind != "ReflectionPad" else (4, -2), *value),
        sample(f"{kind}2d", IMAGE, 1, *value),
        sample(f"{kind}2d", IMAGE, [2, 0, 1, 3], *value),
        sample(f"{kind}2d", IMAGE, (-1, 2, 2, -2), *value),
        sample(f"{kind}3d", VOLUME, 2, *value),
        sample(f"{kind}3d", VOLUME, (1, 2, 0, 1, 2, 0), *value),
        sample(f"{kind}3d", VOLUME, (1, -1, -2, 2, 0, 1), *value),
        sample(f"{kind}2d", (0, 2, 3, 3), 1, *value),
    ]


SAMPLES = [
    *_samples("CircularPad"),
    *_samples("ConstantPad", 1.5),
    *_samples("ReflectionPad"),
    *_samples("ReplicationPad"),
    *_samples("ZeroPad"),
]
