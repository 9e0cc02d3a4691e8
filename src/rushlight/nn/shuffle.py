"""Layers that move cells between channels and space, and channels between groups."""

from __future__ import annotations

from rushlight.functional.shuffle import channel_shuffle, pixel_shuffle, pixel_unshuffle
from rushlight.nn.module import Module
from rushlight.tensor import Tensor

__all__ = ["ChannelShuffle", "PixelShuffle", "PixelUnshuffle"]


class PixelShuffle(Module):
    """Makes an image r times as high and wide of r^2 times as many channels.

    Args:
        upscale_factor: int, r.

    Shape:
        (*, C r^2, H, W) -> (*, C, H r, W r)

    Raises:
        RuntimeError: in forward, if the channels are no multiple of r^2.

    Example:
        >>> import rushlight as rl
        >>> rl.nn.PixelShuffle(3)(rl.zeros(1, 9, 4, 4)).shape
        (1, 1, 12, 12)

    Source: https://arxiv.org/abs/1609.05158,
        https://docs.pytorch.org/docs/stable/generated/torch.nn.PixelShuffle.html
    """

    def __init__(self, upscale_factor: int) -> None:
        super().__init__()
        self.upscale_factor = upscale_factor

    def forward(self, input: Tensor) -> Tensor:
        return pixel_shuffle(input, self.upscale_factor)

    def extra_repr(self) -> str:
        return f"upscale_factor={self.upscale_factor}"


class PixelUnshuffle(Module):
    """Undoes `PixelShuffle`: r^2 times as many channels of an image 1/r as high and wide.

    Args:
        downscale_factor: int, r.

    Shape:
        (*, C, H r, W r) -> (*, C r^2, H, W)

    Raises:
        RuntimeError: in forward, if height or width is no multiple of r.

    Example:
        >>> import rushlight as rl
        >>> rl.nn.PixelUnshuffle(3)(rl.zeros(1, 1, 12, 12)).shape
        (1, 9, 4, 4)

    Source: https://arxiv.org/abs/1609.05158,
        https://docs.pytorch.org/docs/stable/generated/torch.nn.PixelUnshuffle.html
    """

    def __init__(self, downscale_factor: int) -> None:
        super().__init__()
        self.downscale_factor = downscale_factor

    def forward(self, input: Tensor) -> Tensor:
        return pixel_unshuffle(input, self.downscale_factor)

    def extra_repr(self) -> str:
        return f"downscale_factor={self.downscale_factor}"


class ChannelShuffle(Module):
    """Deals the channels out: the first of each of the groups, then the second of each, ...

    Args:
        groups: int, into how many the channels are divided.

    Shape:
        (N, C, *) -> (N, C, *)

    Raises:
        RuntimeError: in forward, if the channels are no multiple of `groups`.

    Example:
        >>> import rushlight as rl
        >>> rl.nn.ChannelShuffle(2)(rl.arange(4.0).reshape(1, 4, 1)).reshape(4)
        tensor([0., 2., 1., 3.])

    Source: https://arxiv.org/abs/1707.01083,
        https://docs.pytorch.org/docs/stable/generated/torch.nn.ChannelShuffle.html
    """

    def __init__(self, groups: int) -> None:
        super().__init__()
        self.groups = groups

    def forward(self, input: Tensor) -> Tensor:
        return channel_shuffle(input, self.groups)

    def extra_repr(self) -> str:
        return f"groups={self.groups}"
