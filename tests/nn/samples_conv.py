"""Samples of the convolution layers."""

from __future__ import annotations

from typing import Any

from tests.nn.modules import ModuleSample
from tests.ops.sample import normal

from rushlight import nn


def sample(name: str, shape: tuple[int, ...], *args: Any, **options: Any) -> ModuleSample:
    return ModuleSample(
        lambda: getattr(nn, name)(*args, **options),
        lambda torch: getattr(torch.nn, name)(*args, **options),
        (normal(*shape),),
        (normal(*shape[1:], seed=1),),
    )


LINE, IMAGE, VOLUME = (2, 4, 9), (2, 4, 8, 6), (2, 2, 4, 5, 3)

SAMPLES = [
    sample("Conv1d", LINE, 4, 3, 3),
    sample("Conv1d", LINE, 4, 6, 3, 2, 1, 1, 2),
    sample("Conv1d", LINE, 4, 3, 3, dilation=2, bias=False),
    sample("Conv1d", LINE, 4, 3, 4, dilation=2, padding="same"),
    sample("Conv1d", LINE, 4, 4, 3, padding=1, groups=4),
    sample("Conv1d", LINE, 4, 3, 3, padding="valid", stride=2),
    *(
        sample("Conv1d", LINE, 4, 3, 3, padding=2, padding_mode=mode)
        for mode in ("zeros", "reflect", "replicate", "circular")
    ),
    sample("Conv2d", IMAGE, 4, 3, 3),
    sample("Conv2d", IMAGE, 4, 3, (3, 2), (2, 1), (1, 0), (1, 2), 1, False),
    sample("Conv2d", IMAGE, 4, 3, [3, 1], stride=[2, 1], padding=[1, 0]),
    sample("Conv2d", IMAGE, 4, 6, 3, padding=1, groups=2),
    sample("Conv2d", IMAGE, 4, 4, 3, padding=1, groups=4, bias=False),  # depthwise
    sample("Conv2d", IMAGE, 4, 8, 3, stride=2, groups=4),  # two filters for each channel
    sample("Conv2d", IMAGE, 4, 3, 1),
    sample("Conv2d", IMAGE, 4, 3, (8, 6)),  # one output cell
    sample("Conv2d", IMAGE, 4, 3, 3, padding="same"),
    sample("Conv2d", IMAGE, 4, 3, (2, 5), padding="same", dilation=(2, 1)),
    sample("Conv2d", IMAGE, 4, 3, 3, padding="valid", stride=2),
    *(
        sample("Conv2d", IMAGE, 4, 3, 3, padding=(2, 1), stride=(2, 1), padding_mode=mode)
        for mode in ("reflect", "replicate", "circular")
    ),
    *(  # odd padding in all; with zeros torch warns of it, so test_conv.py has those
        sample("Conv2d", IMAGE, 4, 3, (2, 4), padding="same", padding_mode=mode)
        for mode in ("reflect", "replicate", "circular")
    ),
    sample("Conv2d", IMAGE, 4, 3, 3, padding="valid", padding_mode="reflect"),
    sample("Conv3d", VOLUME, 2, 3, 2),
    sample("Conv3d", VOLUME, 2, 4, (3, 2, 1), stride=(1, 2, 1), padding=(1, 0, 1), groups=2),
    sample("Conv3d", VOLUME, 2, 3, (1, 2, 3), padding="same", dilation=(1, 2, 1), bias=False),
    *(
        sample("Conv3d", VOLUME, 2, 3, (3, 3, 2), padding=1, padding_mode=mode)
        for mode in ("reflect", "replicate", "circular")
    ),
    sample("ConvTranspose1d", LINE, 4, 3, 3),
    sample("ConvTranspose1d", LINE, 4, 6, 3, 2, 1, 1, 2, False),
    sample("ConvTranspose1d", LINE, 4, 3, 2, stride=3, output_padding=2),  # cells without taps
    sample("ConvTranspose1d", LINE, 4, 4, 3, dilation=3, output_padding=2, groups=4),
    sample("ConvTranspose2d", IMAGE, 4, 3, 2, 2),
    sample("ConvTranspose2d", IMAGE, 4, 5, (3, 2), (2, 1), (1, 0), (1, 0), 1, True, (1, 2)),
    sample("ConvTranspose2d", IMAGE, 4, 6, 3, stride=2, padding=1, output_padding=1, groups=2),
    sample("ConvTranspose2d", IMAGE, 4, 4, 3, padding=1, groups=4, bias=False),  # depthwise
    sample("ConvTranspose2d", IMAGE, 4, 1, [4, 4], stride=[2, 2], padding=[1, 1]),
    sample("ConvTranspose2d", IMAGE, 4, 3, 1, 2),
    sample("ConvTranspose2d", (0, 4, 3, 2), 4, 3, 3, 2),
    sample("ConvTranspose3d", VOLUME, 2, 3, 2),
    sample("ConvTranspose3d", VOLUME, 2, 4, (3, 2, 1), (1, 2, 2), (1, 0, 0), (0, 1, 1), 2),
    sample("ConvTranspose3d", VOLUME, 2, 3, 2, 2, 1, dilation=(1, 2, 3), bias=False),
]
