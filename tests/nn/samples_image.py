"""Samples of the layers of image geometry: fold, unfold, upsampling."""

from __future__ import annotations

from typing import Any

from tests.nn.modules import ModuleSample
from tests.ops.sample import normal

from rushlight import nn


def _sample(name: str, shape: tuple[int, ...], *args: Any, **options: Any) -> ModuleSample:
    unbatched = (normal(*shape[1:], seed=1),) if name in ("Fold", "Unfold") else None
    return ModuleSample(
        lambda: getattr(nn, name)(*args, **options),
        lambda torch: getattr(torch.nn, name)(*args, **options),
        (normal(*shape),),
        unbatched,
    )


LINE, IMAGE, VOLUME = (2, 3, 9), (2, 3, 8, 7), (2, 2, 4, 3, 5)

SAMPLES = [
    _sample("Unfold", IMAGE, 2),
    _sample("Unfold", IMAGE, (3, 2), dilation=(2, 1), padding=(1, 0), stride=(1, 3)),
    _sample("Unfold", IMAGE, [2, 3], stride=[2, 3]),
    _sample("Fold", (2, 12, 42), (8, 7), 2),
    _sample("Fold", (2, 12, 10), (8, 7), (2, 3), 1, 1, (2, 4)),
    _sample("Fold", (2, 12, 8), [8, 7], [2, 3], stride=[2, 3]),
    _sample("Upsample", LINE, 12),
    _sample("Upsample", LINE, scale_factor=2.5, mode="linear"),
    _sample("Upsample", LINE, size=4, mode="nearest-exact"),
    _sample("Upsample", IMAGE, scale_factor=2),
    _sample("Upsample", IMAGE, (16, 3)),
    _sample("Upsample", IMAGE, scale_factor=(2, 0.5), mode="bilinear"),
    _sample("Upsample", IMAGE, scale_factor=2, mode="bilinear", align_corners=True),
    _sample("Upsample", IMAGE, scale_factor=1.7, mode="bicubic", recompute_scale_factor=True),
    _sample("Upsample", IMAGE, size=(5, 9), mode="bicubic", align_corners=False),
    _sample("Upsample", IMAGE, (3, 5), mode="area"),
    _sample("Upsample", VOLUME, scale_factor=2),
    _sample("Upsample", VOLUME, size=(3, 6, 5), mode="trilinear", align_corners=True),
    _sample("UpsamplingNearest2d", IMAGE, 16),
    _sample("UpsamplingNearest2d", IMAGE, scale_factor=3),
    _sample("UpsamplingBilinear2d", IMAGE, scale_factor=2),
    _sample("UpsamplingBilinear2d", IMAGE, (4, 9)),
]
