"""VGG networks, under torchvision's names."""

from __future__ import annotations

from typing import Any

from rushlight import nn
from rushlight.functional.shaping import flatten
from rushlight.models.checkpoint import refuse_weights
from rushlight.models.drawing import draw
from rushlight.tensor import Tensor

__all__ = [
    "VGG",
    "vgg11",
    "vgg11_bn",
    "vgg13",
    "vgg13_bn",
    "vgg16",
    "vgg16_bn",
    "vgg19",
    "vgg19_bn",
]

# Convolutions in each of the five stages, whose channels are 1, 2, 4, 8 and 8 times the width.
_STAGES = {
    "vgg11": (1, 1, 2, 2, 2),
    "vgg13": (2, 2, 2, 2, 2),
    "vgg16": (2, 2, 3, 3, 3),
    "vgg19": (2, 2, 4, 4, 4),
}


def _features(stages: tuple[int, ...], batch_norm: bool, width: int) -> nn.Sequential:
    layers: list[nn.Module] = []
    inner = 3
    for count, times in zip(stages, (1, 2, 4, 8, 8), strict=True):
        for _ in range(count):
            layers.append(nn.Conv2d(inner, times * width, 3, padding=1))
            layers += [nn.BatchNorm2d(times * width)] if batch_norm else []
            layers.append(nn.ReLU(inplace=True))
            inner = times * width
        layers.append(nn.MaxPool2d(2, 2))
    return nn.Sequential(*layers)


class VGG(nn.Module):
    """Convolutions (`features`), the mean over 7 x 7 places, three fully connected layers.

    Args:
        features: the convolutional part, whose output has 8 width channels.
        num_classes: int, width of the output; default 1000.
        init_weights: bool, whether convolutions are drawn from the normal distribution of std
            sqrt(2 / fan_out) and fully connected weights from that of std 0.01, with bias 0;
            default True. Else as these layers are.
        dropout: float, behind the first two fully connected layers; default 0.5.
        width: int, as that of the features; default 64. (torchvision has not got it.) The hidden
            fully connected layers have 64 width units.

    Shape:
        (N, 3, H, W) -> (N, num_classes)

    Attributes:
        features, classifier: Sequential.

    Example:
        >>> import rushlight as rl
        >>> rl.models.vgg11(num_classes=10, width=1)(rl.zeros(1, 3, 32, 32)).shape
        (1, 10)

    Source: Simonyan, Zisserman: Very deep convolutional networks for large-scale image recognition
        (2014), https://arxiv.org/abs/1409.1556;
        https://docs.pytorch.org/vision/stable/models/vgg.html
    """

    def __init__(
        self,
        features: nn.Module,
        num_classes: int = 1000,
        init_weights: bool = True,
        dropout: float = 0.5,
        *,
        width: int = 64,
    ) -> None:
        super().__init__()
        hidden = 64 * width
        self.features = features
        self.avgpool = nn.AdaptiveAvgPool2d((7, 7))
        self.classifier = nn.Sequential(
            nn.Linear(8 * width * 7 * 7, hidden),
            nn.ReLU(True),
            nn.Dropout(dropout),
            nn.Linear(hidden, hidden),
            nn.ReLU(True),
            nn.Dropout(dropout),
            nn.Linear(hidden, num_classes),
        )
        if init_weights:
            draw(self)

    def forward(self, x: Tensor) -> Tensor:
        return self.classifier(flatten(self.avgpool(self.features(x)), 1))


def _made(where: str, weights: Any, width: int, options: Any) -> VGG:
    refuse_weights(where, weights)
    name, _, norm = where.partition("_")
    return VGG(_features(_STAGES[name], norm == "bn", width), width=width, **options)


def vgg11(*, weights: None = None, width: int = 64, **options: Any) -> VGG:
    """Make VGG-11.

    Args:
        weights: None; others are refused with a word on how to load a checkpoint.
        width: int, channels of the first stage; default 64.
        **options: of `VGG`, such as num_classes.

    Example:
        >>> import rushlight as rl
        >>> len(rl.models.vgg11(width=1).features)
        21

    Source: https://docs.pytorch.org/vision/stable/models/generated/torchvision.models.vgg11.html
    """
    return _made("vgg11", weights, width, options)


def vgg13(*, weights: None = None, width: int = 64, **options: Any) -> VGG:
    """Make VGG-13; arguments as in `vgg11`."""
    return _made("vgg13", weights, width, options)


def vgg16(*, weights: None = None, width: int = 64, **options: Any) -> VGG:
    """Make VGG-16; arguments as in `vgg11`."""
    return _made("vgg16", weights, width, options)


def vgg19(*, weights: None = None, width: int = 64, **options: Any) -> VGG:
    """Make VGG-19; arguments as in `vgg11`."""
    return _made("vgg19", weights, width, options)


def vgg11_bn(*, weights: None = None, width: int = 64, **options: Any) -> VGG:
    """Make VGG-11 with batch normalization; arguments as in `vgg11`."""
    return _made("vgg11_bn", weights, width, options)


def vgg13_bn(*, weights: None = None, width: int = 64, **options: Any) -> VGG:
    """Make VGG-13 with batch normalization; arguments as in `vgg11`."""
    return _made("vgg13_bn", weights, width, options)


def vgg16_bn(*, weights: None = None, width: int = 64, **options: Any) -> VGG:
    """Make VGG-16 with batch normalization; arguments as in `vgg11`."""
    return _made("vgg16_bn", weights, width, options)


def vgg19_bn(*, weights: None = None, width: int = 64, **options: Any) -> VGG:
    """Make VGG-19 with batch normalization; arguments as in `vgg11`."""
    return _made("vgg19_bn", weights, width, options)
