"""The net of the autoencoder: images of any size to a short code and back."""

from __future__ import annotations

import itertools

import numpy as np

from rushlight import nn
from rushlight.functional import clamp
from rushlight.random import Generator, source_of
from rushlight.tensor import Tensor, from_numpy
from rushlight.train.activations import make_activation

__all__ = ["Autoencoder", "Noise"]

WIDTHS = {"small": (8, 64), "medium": (16, 256), "large": (32, 512)}  # first convolution, hidden
SMALLEST = (
    8  # the sides are halved until the shorter one is no longer than this, and twice at least
)


class Noise(nn.Module):
    """min(max(x + level * e, 0), 1) in training, e from the standard normal; else x itself.

    The Trainer keeps the state of the default generator: a run that was resumed sees the noise of
    the uninterrupted one.

    Args:
        level: the standard deviation; pixels lie in [0, 1].
        generator: where the numbers come from (default None: the default generator).

    Shape:
        any -> the same

    Example:
        >>> import rushlight as rl
        >>> noise = Noise(0.3)
        >>> bool((noise(rl.ones(2, 5)) == 1).all()), bool((noise.eval()(rl.ones(2)) == 1).all())
        (False, True)
    """

    def __init__(self, level: float, generator: Generator | None = None) -> None:
        super().__init__()
        self.level, self._generator = level, generator

    def forward(self, input: Tensor) -> Tensor:
        if not self.training:
            return input
        drawn = source_of(self._generator).normal(tuple(input.shape), std=self.level)
        return clamp(input + from_numpy(drawn.astype(np.float32)), 0, 1)

    def extra_repr(self) -> str:
        """Return what stands between the brackets of repr."""
        return f"{self.level:g}"


class Autoencoder(nn.Module):
    """decoder(encoder(x)): convolutions and linear layers to a code, and the same way back.

    Each convolution of stride 2 halves the sides (rounded up); the way back meets each of these
    sizes again, so that images of any size come out as large as they went in.

    Args:
        shape: of an image, (C, H, W).
        latent: numbers in a code (default 32).
        size: 'small', 'medium' (default) or 'large'.
        activation: its name (default 'silu').
        dropout: probability, behind the hidden layer of the encoder (default 0: there is none).
        up: 'transposed' (default): transposed convolutions; 'upsample': nearest pixels, then a
            convolution.
        noise: standard deviation of the noise that is added to the images in training (default 0).
        logits: leave the sigmoid at the end out, for a loss that has it (default False).

    Attributes:
        encoder: the module images -> codes.
        decoder: the module codes -> images.

    Shape:
        (N, C, H, W) -> (N, C, H, W), in [0, 1] unless `logits`

    Example:
        >>> import rushlight as rl
        >>> net = Autoencoder((3, 27, 18), latent=5).eval()
        >>> codes = net.encoder(rl.rand(2, 3, 27, 18))
        >>> codes.shape, net.decoder(codes).shape
        ((2, 5), (2, 3, 27, 18))
    """

    def __init__(
        self,
        shape: tuple[int, int, int],
        latent: int = 32,
        *,
        size: str = "medium",
        activation: str = "silu",
        dropout: float = 0.0,
        up: str = "transposed",
        noise: float = 0.0,
        logits: bool = False,
    ) -> None:
        super().__init__()
        first, hidden = WIDTHS[size]
        stages = _stages(shape, first)
        if noise:
            self.noise = Noise(noise)
        self.encoder = _encoder(stages, hidden, latent, activation, dropout)
        self.decoder = _decoder(stages, hidden, latent, activation, up)
        if not logits:
            self.decoder.append(nn.Sigmoid())

    def forward(self, input: Tensor) -> Tensor:
        if "noise" in self._modules:
            input = self.noise(input)
        return self.decoder(self.encoder(input))


def _stages(shape: tuple[int, int, int], first: int) -> list[tuple[int, int, int]]:
    """Return (C, H, W) of the image and behind each convolution."""
    stages = [shape]
    while len(stages) < 3 or min(stages[-1][1:]) > SMALLEST:
        _, height, width = stages[-1]
        stages.append((first, (height + 1) // 2, (width + 1) // 2))
        first *= 2
    return stages


def _encoder(
    stages: list[tuple[int, int, int]], hidden: int, latent: int, activation: str, dropout: float
) -> nn.Sequential:
    layers: list[nn.Module] = []
    for before, after in itertools.pairwise(stages):
        # what comes behind has batch normalization, which has a bias of its own
        layers += [
            nn.Conv2d(before[0], after[0], 3, stride=2, padding=1, bias=False),
            nn.BatchNorm2d(after[0]),
            make_activation(activation),
        ]
    channels, height, width = stages[-1]
    layers += [
        nn.Flatten(),
        nn.Linear(channels * height * width, hidden, bias=False),
        nn.BatchNorm1d(hidden),
        make_activation(activation),
    ]
    if dropout:
        layers.append(nn.Dropout(dropout))
    layers.append(nn.Linear(hidden, latent))
    return nn.Sequential(*layers)


def _decoder(
    stages: list[tuple[int, int, int]], hidden: int, latent: int, activation: str, up: str
) -> nn.Sequential:
    channels, height, width = stages[-1]
    layers: list[nn.Module] = [
        nn.Linear(latent, hidden, bias=False),
        nn.BatchNorm1d(hidden),
        make_activation(activation),
        nn.Linear(hidden, channels * height * width, bias=False),
        nn.Unflatten(1, (channels, height, width)),
        nn.BatchNorm2d(channels),
        make_activation(activation),
    ]
    for level in range(len(stages) - 1, 0, -1):
        layers += _grow(stages[level], stages[level - 1], up, bias=level == 1)
        if level > 1:
            layers += [nn.BatchNorm2d(stages[level - 1][0]), make_activation(activation)]
    return nn.Sequential(*layers)


def _grow(
    before: tuple[int, int, int], after: tuple[int, int, int], up: str, bias: bool
) -> list[nn.Module]:
    """Return the layers (N, *before) -> (N, *after), whose sides are twice as long or one less."""
    if up == "upsample":
        return [
            nn.Upsample(size=after[1:]),
            nn.Conv2d(before[0], after[0], 3, padding=1, bias=bias),
        ]
    # 2 n - 4 + kernel: 4 doubles a side evenly, 3 gives one less
    kernel = tuple(4 - long % 2 for long in after[1:])
    return [nn.ConvTranspose2d(before[0], after[0], kernel, stride=2, padding=1, bias=bias)]
