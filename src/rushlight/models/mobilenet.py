"""MobileNetV2, under torchvision's names."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from rushlight import nn
from rushlight.errors import explain
from rushlight.functional.shaping import flatten
from rushlight.models.checkpoint import refuse_weights
from rushlight.models.drawing import draw
from rushlight.tensor import Tensor

__all__ = ["InvertedResidual", "MobileNetV2", "mobilenet_v2"]

Norm = Callable[[int], nn.Module]

# expansion, channels, blocks, stride of the first block
_SETTING = (
    (1, 16, 1, 1),
    (6, 24, 2, 2),
    (6, 32, 3, 2),
    (6, 64, 4, 2),
    (6, 96, 3, 1),
    (6, 160, 3, 2),
    (6, 320, 1, 1),
)


def _rounded(channels: float, divisor: int) -> int:
    """Return the nearest multiple of the divisor that is not more than 10 % below."""
    found = max(divisor, int(channels + divisor / 2) // divisor * divisor)
    return found + divisor if found < 0.9 * channels else found


def _conv(
    inner: int, outer: int, kernel: int, stride: int, groups: int, norm: Norm
) -> nn.Sequential:
    padding = (kernel - 1) // 2
    return nn.Sequential(
        nn.Conv2d(inner, outer, kernel, stride, padding, groups=groups, bias=False),
        norm(outer),
        nn.ReLU6(inplace=True),
    )


class InvertedResidual(nn.Module):
    """A wider convolution of 1 x 1, one of 3 x 3 by channel, a narrower one of 1 x 1 without ReLU;
    x is added where shapes are equal.

    Args:
        inp: int, channels of the input.
        oup: int, channels of the output.
        stride: int, 1 or 2.
        expand_ratio: int, how many times wider it is inside.
        norm_layer: makes a norm for a number of channels; default nn.BatchNorm2d.

    Shape:
        (N, inp, H, W) -> (N, oup, H / stride, W / stride)

    Raises:
        ValueError: for another stride.

    Example:
        >>> import rushlight as rl
        >>> rl.models.mobilenet.InvertedResidual(4, 4, 1, 6)(rl.zeros(1, 4, 6, 6)).shape
        (1, 4, 6, 6)

    Source: https://arxiv.org/abs/1801.04381
    """

    def __init__(
        self,
        inp: int,
        oup: int,
        stride: int,
        expand_ratio: int,
        norm_layer: Norm | None = None,
    ) -> None:
        super().__init__()
        if stride not in (1, 2):
            raise ValueError(explain("InvertedResidual", got=f"stride={stride}", expected="1 or 2"))
        self.stride = stride
        norm: Norm = norm_layer or nn.BatchNorm2d
        hidden = round(inp * expand_ratio)
        self.use_res_connect = stride == 1 and inp == oup
        wider = [] if expand_ratio == 1 else [_conv(inp, hidden, 1, 1, 1, norm)]
        self.conv = nn.Sequential(
            *wider,
            _conv(hidden, hidden, 3, stride, hidden, norm),
            nn.Conv2d(hidden, oup, 1, bias=False),
            norm(oup),
        )
        self.out_channels = oup

    def forward(self, x: Tensor) -> Tensor:
        return x + self.conv(x) if self.use_res_connect else self.conv(x)


class MobileNetV2(nn.Module):
    """Inverted residual blocks (`features`), the mean over the image, dropout and a Linear.

    Args:
        num_classes: int, width of the output; default 1000.
        width_mult: float, channels are multiplied by it; default 1.0.
        inverted_residual_setting: of each stage (expansion, channels, blocks, stride); default
            that of the paper.
        round_nearest: int, channels are rounded to multiples of it; default 8.
        block: makes a block; default InvertedResidual.
        norm_layer: makes a norm for a number of channels; default nn.BatchNorm2d.
        dropout: float, before the Linear; default 0.2.

    Shape:
        (N, 3, H, W) -> (N, num_classes)

    Attributes:
        features, classifier: Sequential. Convolutions are drawn from the normal distribution of
        std sqrt(2 / fan_out), the Linear from that of std 0.01 with bias 0.

    Raises:
        ValueError: for a setting that has not four numbers in each row.

    Example:
        >>> import rushlight as rl
        >>> model = rl.models.MobileNetV2(num_classes=10, width_mult=0.25)
        >>> model(rl.zeros(2, 3, 32, 32)).shape
        (2, 10)

    Source: Sandler, Howard, Zhu, Zhmoginov, Chen: MobileNetV2: inverted residuals and linear
        bottlenecks (2018), https://arxiv.org/abs/1801.04381;
        https://docs.pytorch.org/vision/stable/models/mobilenetv2.html
    """

    def __init__(
        self,
        num_classes: int = 1000,
        width_mult: float = 1.0,
        inverted_residual_setting: Sequence[Sequence[int]] | None = None,
        round_nearest: int = 8,
        block: Callable[..., nn.Module] | None = None,
        norm_layer: Norm | None = None,
        dropout: float = 0.2,
    ) -> None:
        super().__init__()
        setting = _SETTING if inverted_residual_setting is None else inverted_residual_setting
        if not setting or any(len(row) != 4 for row in setting):
            got = f"inverted_residual_setting={inverted_residual_setting}"
            expected = "rows of expansion, channels, blocks and stride"
            raise ValueError(explain("MobileNetV2", got=got, expected=expected))
        make: Callable[..., nn.Module] = block or InvertedResidual
        norm: Norm = norm_layer or nn.BatchNorm2d
        inner = _rounded(32 * width_mult, round_nearest)
        self.last_channel = _rounded(1280 * max(1.0, width_mult), round_nearest)
        features: list[nn.Module] = [_conv(3, inner, 3, 2, 1, norm)]
        for expansion, channels, blocks, stride in setting:
            outer = _rounded(channels * width_mult, round_nearest)
            for i in range(blocks):
                step = stride if i == 0 else 1
                features.append(make(inner, outer, step, expand_ratio=expansion, norm_layer=norm))
                inner = outer
        features.append(_conv(inner, self.last_channel, 1, 1, 1, norm))
        self.features = nn.Sequential(*features)
        self.classifier = nn.Sequential(
            nn.Dropout(dropout), nn.Linear(self.last_channel, num_classes)
        )
        draw(self)

    def forward(self, x: Tensor) -> Tensor:
        x = nn.functional.adaptive_avg_pool2d(self.features(x), (1, 1))
        return self.classifier(flatten(x, 1))


def mobilenet_v2(*, weights: None = None, **options: Any) -> MobileNetV2:
    """Make MobileNetV2.

    Args:
        weights: None; others are refused with a word on how to load a checkpoint.
        **options: of `MobileNetV2`, such as num_classes.

    Example:
        >>> import rushlight as rl
        >>> rl.models.mobilenet_v2(num_classes=10).classifier[1]
        Linear(in_features=1280, out_features=10, bias=True)

    Source:
        https://docs.pytorch.org/vision/stable/models/generated/torchvision.models.mobilenet_v2.html
    """
    refuse_weights("mobilenet_v2", weights)
    return MobileNetV2(**options)
