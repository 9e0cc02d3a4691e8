"""Samples of the pooling layers."""

from __future__ import annotations

from typing import Any

from tests.nn.modules import ModuleSample
from tests.ops.sample import normal

from rushlight import nn


def _sample(name: str, shape: tuple[int, ...], *args: Any, **options: Any) -> ModuleSample:
    return ModuleSample(
        lambda: getattr(nn, name)(*args, **options),
        lambda torch: getattr(torch.nn, name)(*args, **options),
        (normal(*shape),),
        (normal(*shape[1:], seed=1),),
    )


LINE, IMAGE, VOLUME = (2, 3, 9), (2, 3, 8, 7), (2, 2, 4, 6, 5)

SAMPLES = [
    _sample("MaxPool1d", LINE, 2),
    _sample("MaxPool1d", LINE, 3, 2, 1, ceil_mode=True),
    _sample("MaxPool1d", LINE, 2, 2, dilation=3, return_indices=True),
    _sample("MaxPool1d", LINE, (3,), (2,), (1,)),
    _sample("MaxPool2d", IMAGE, 2),
    _sample("MaxPool2d", IMAGE, 3, stride=2, padding=1),
    _sample("MaxPool2d", IMAGE, (3, 2), (1, 2), (1, 0), (2, 1)),
    _sample("MaxPool2d", IMAGE, [3, 2], stride=[2, 2], padding=[1, 1]),
    _sample("MaxPool2d", IMAGE, 3, 2, ceil_mode=True, return_indices=True),
    _sample("MaxPool2d", IMAGE, 4, 3, 2, ceil_mode=True),
    _sample("MaxPool2d", IMAGE, 2, return_indices=True),
    _sample("MaxPool3d", VOLUME, 2),
    _sample("MaxPool3d", VOLUME, (2, 3, 1), 2, (1, 1, 0), ceil_mode=True, return_indices=True),
    _sample("AvgPool1d", LINE, 2),
    _sample("AvgPool1d", LINE, 3, 2, 1, True, False),
    _sample("AvgPool1d", LINE, (3,), padding=(1,)),
    _sample("AvgPool2d", IMAGE, 2),
    _sample("AvgPool2d", IMAGE, (3, 2), stride=(2, 1), padding=(1, 0)),
    _sample("AvgPool2d", IMAGE, 3, 2, 1, count_include_pad=False),
    _sample("AvgPool2d", IMAGE, 3, 2, 1, ceil_mode=True),
    _sample("AvgPool2d", IMAGE, 3, 2, 1, ceil_mode=True, count_include_pad=False),
    _sample("AvgPool2d", IMAGE, [2, 3], divisor_override=5),
    _sample("AvgPool3d", VOLUME, 2),
    _sample("AvgPool3d", VOLUME, (2, 3, 2), 2, (1, 1, 0), True, False),
    _sample("AvgPool3d", VOLUME, 2, divisor_override=3, ceil_mode=True),
    _sample("AdaptiveAvgPool1d", LINE, 4),
    _sample("AdaptiveAvgPool1d", LINE, (3,)),
    _sample("AdaptiveAvgPool2d", IMAGE, 1),
    _sample("AdaptiveAvgPool2d", IMAGE, (4, 3)),
    _sample("AdaptiveAvgPool2d", IMAGE, (None, 5)),
    _sample("AdaptiveAvgPool2d", IMAGE, 10),
    _sample("AdaptiveAvgPool3d", VOLUME, (2, None, 3)),
    _sample("AdaptiveMaxPool1d", LINE, 4),
    _sample("AdaptiveMaxPool1d", LINE, 3, return_indices=True),
    _sample("AdaptiveMaxPool2d", IMAGE, (4, 3)),
    _sample("AdaptiveMaxPool2d", IMAGE, (None, 5), return_indices=True),
    _sample("AdaptiveMaxPool2d", IMAGE, 1),
    _sample("AdaptiveMaxPool3d", VOLUME, (2, None, 3), return_indices=True),
]
