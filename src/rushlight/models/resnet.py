"""Residual networks, under torchvision's names."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, ClassVar

from rushlight import nn
from rushlight.errors import explain
from rushlight.functional.shaping import flatten
from rushlight.models.checkpoint import refuse_weights
from rushlight.nn import init
from rushlight.tensor import Tensor

__all__ = [
    "BasicBlock",
    "Bottleneck",
    "ResNet",
    "resnet18",
    "resnet34",
    "resnet50",
    "resnet101",
    "resnet152",
]

Norm = Callable[[int], nn.Module]


def _last_norm(block: Any) -> Any:
    return block.bn3 if isinstance(block, Bottleneck) else block.bn2


def _conv3x3(inner: int, outer: int, stride: int, groups: int, dilation: int) -> nn.Conv2d:
    return nn.Conv2d(
        inner, outer, 3, stride, dilation, groups=groups, bias=False, dilation=dilation
    )


class BasicBlock(nn.Module):
    """y = relu(x' + bn(conv3x3(relu(bn(conv3x3(x)))))), x' = x or `downsample(x)`.

    Args:
        inplanes: int, channels of the input.
        planes: int, channels of the output.
        stride: int, of the first convolution; default 1.
        downsample: module that brings x to the shape of the output; default None, x itself.
        groups: int, 1.
        base_width: int, 64.
        dilation: int, 1.
        norm_layer: makes a norm for a number of channels; default nn.BatchNorm2d.

    Shape:
        (N, inplanes, H, W) -> (N, planes, H / stride, W / stride)

    Raises:
        ValueError: for groups, base_width or dilation that only `Bottleneck` takes.

    Example:
        >>> import rushlight as rl
        >>> rl.models.resnet.BasicBlock(4, 4)(rl.zeros(1, 4, 6, 6)).shape
        (1, 4, 6, 6)

    Source: https://arxiv.org/abs/1512.03385
    """

    expansion: ClassVar[int] = 1

    def __init__(
        self,
        inplanes: int,
        planes: int,
        stride: int = 1,
        downsample: nn.Module | None = None,
        groups: int = 1,
        base_width: int = 64,
        dilation: int = 1,
        norm_layer: Norm | None = None,
    ) -> None:
        super().__init__()
        if groups != 1 or base_width != 64 or dilation != 1:
            raise ValueError(
                explain(
                    "BasicBlock",
                    got=f"groups={groups}, base_width={base_width}, dilation={dilation}",
                    expected="1, 64 and 1",
                    fix="these are options of Bottleneck (resnet50 and deeper)",
                )
            )
        norm = norm_layer or nn.BatchNorm2d
        self.conv1 = _conv3x3(inplanes, planes, stride, 1, 1)
        self.bn1 = norm(planes)
        self.relu = nn.ReLU(inplace=True)
        self.conv2 = _conv3x3(planes, planes, 1, 1, 1)
        self.bn2 = norm(planes)
        self.downsample = downsample
        self.stride = stride

    def forward(self, x: Tensor) -> Tensor:
        identity = x if self.downsample is None else self.downsample(x)
        out = self.relu(self.bn1(self.conv1(x)))
        return self.relu(self.bn2(self.conv2(out)) + identity)


class Bottleneck(nn.Module):
    """y = relu(x' + bn(conv1x1(relu(bn(conv3x3(relu(bn(conv1x1(x)))))))), x' = x or
    `downsample(x)`; the convolution of 3 x 3 has the stride.

    Args:
        inplanes: int, channels of the input.
        planes: int, a quarter of the channels of the output.
        stride: int, of the second convolution; default 1.
        downsample: module that brings x to the shape of the output; default None, x itself.
        groups: int, of the second convolution; default 1.
        base_width: int, its channels are planes * base_width / 64 * groups; default 64.
        dilation: int, of the second convolution; default 1.
        norm_layer: makes a norm for a number of channels; default nn.BatchNorm2d.

    Shape:
        (N, inplanes, H, W) -> (N, 4 planes, H / stride, W / stride)

    Example:
        >>> import rushlight as rl
        >>> rl.models.resnet.Bottleneck(16, 4)(rl.zeros(1, 16, 6, 6)).shape
        (1, 16, 6, 6)

    Source: https://arxiv.org/abs/1512.03385; the place of the stride:
        https://catalog.ngc.nvidia.com/orgs/nvidia/resources/resnet_50_v1_5_for_pytorch
    """

    expansion: ClassVar[int] = 4

    def __init__(
        self,
        inplanes: int,
        planes: int,
        stride: int = 1,
        downsample: nn.Module | None = None,
        groups: int = 1,
        base_width: int = 64,
        dilation: int = 1,
        norm_layer: Norm | None = None,
    ) -> None:
        super().__init__()
        norm = norm_layer or nn.BatchNorm2d
        width = int(planes * (base_width / 64.0)) * groups
        self.conv1 = nn.Conv2d(inplanes, width, 1, bias=False)
        self.bn1 = norm(width)
        self.conv2 = _conv3x3(width, width, stride, groups, dilation)
        self.bn2 = norm(width)
        self.conv3 = nn.Conv2d(width, planes * self.expansion, 1, bias=False)
        self.bn3 = norm(planes * self.expansion)
        self.relu = nn.ReLU(inplace=True)
        self.downsample = downsample
        self.stride = stride

    def forward(self, x: Tensor) -> Tensor:
        identity = x if self.downsample is None else self.downsample(x)
        out = self.relu(self.bn1(self.conv1(x)))
        out = self.relu(self.bn2(self.conv2(out)))
        return self.relu(self.bn3(self.conv3(out)) + identity)


class ResNet(nn.Module):
    """A convolution of 7 x 7, four stages of residual blocks, the mean over the image, a Linear.

    Args:
        block: BasicBlock or Bottleneck.
        layers: four ints, blocks of each stage.
        num_classes: int, width of the output; default 1000.
        zero_init_residual: bool, whether the last norm of each block begins with weight 0, so that
            the block begins as the identity; default False.
        groups: int, of the convolutions of 3 x 3 (ResNeXt); default 1.
        width_per_group: int, channels of a group of the first stage; default 64.
        replace_stride_with_dilation: three bools, for the second to fourth stage; default None,
            none of them.
        norm_layer: makes a norm for a number of channels; default nn.BatchNorm2d.
        width: int, channels of the first stage, which the others double; default 64. (torchvision
            has not got it; a small one serves small images.)

    Shape:
        (N, 3, H, W) -> (N, num_classes)

    Attributes:
        conv1, bn1, layer1 to layer4, fc: as in torchvision. Convolutions are drawn from the
        normal distribution of std sqrt(2 / fan_out), norms begin with weight 1 and bias 0.

    Raises:
        ValueError: for replace_stride_with_dilation that has not three elements.

    Example:
        >>> import rushlight as rl
        >>> from rushlight.models.resnet import BasicBlock, ResNet
        >>> model = ResNet(BasicBlock, [1, 1, 1, 1], num_classes=10, width=4)
        >>> model(rl.zeros(2, 3, 32, 32)).shape
        (2, 10)

    Source: He, Zhang, Ren, Sun: Deep residual learning for image recognition (2015),
        https://arxiv.org/abs/1512.03385; https://docs.pytorch.org/vision/stable/models/resnet.html
    """

    def __init__(
        self,
        block: type[BasicBlock] | type[Bottleneck],
        layers: Sequence[int],
        num_classes: int = 1000,
        zero_init_residual: bool = False,
        groups: int = 1,
        width_per_group: int = 64,
        replace_stride_with_dilation: Sequence[bool] | None = None,
        norm_layer: Norm | None = None,
        *,
        width: int = 64,
    ) -> None:
        super().__init__()
        dilate = tuple(replace_stride_with_dilation or (False, False, False))
        if len(dilate) != 3:
            got = f"replace_stride_with_dilation={replace_stride_with_dilation}"
            raise ValueError(explain("ResNet", got=got, expected="three bools or None"))
        self.groups, self.base_width = groups, width_per_group
        self.inplanes, self.dilation = width, 1
        self._norm: Norm = norm_layer or nn.BatchNorm2d
        self.conv1 = nn.Conv2d(3, width, 7, 2, 3, bias=False)
        self.bn1 = self._norm(width)
        self.relu = nn.ReLU(inplace=True)
        self.maxpool = nn.MaxPool2d(3, 2, 1)
        self.layer1 = self._stage(block, width, layers[0], 1, False)
        self.layer2 = self._stage(block, width * 2, layers[1], 2, dilate[0])
        self.layer3 = self._stage(block, width * 4, layers[2], 2, dilate[1])
        self.layer4 = self._stage(block, width * 8, layers[3], 2, dilate[2])
        self.avgpool = nn.AdaptiveAvgPool2d((1, 1))
        self.fc = nn.Linear(width * 8 * block.expansion, num_classes)
        self._draw(zero_init_residual)

    def _stage(self, block: Any, planes: int, blocks: int, stride: int, dilate: bool) -> Any:
        before = self.dilation
        if dilate:
            self.dilation, stride = self.dilation * stride, 1
        downsample = None
        outer = planes * block.expansion
        if stride != 1 or self.inplanes != outer:
            downsample = nn.Sequential(
                nn.Conv2d(self.inplanes, outer, 1, stride, bias=False), self._norm(outer)
            )
        shared = (self.groups, self.base_width)
        made = [block(self.inplanes, planes, stride, downsample, *shared, before, self._norm)]
        self.inplanes = outer
        for _ in range(1, blocks):
            made.append(block(outer, planes, 1, None, *shared, self.dilation, self._norm))
        return nn.Sequential(*made)

    def _draw(self, zero_init_residual: bool) -> None:
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
        if zero_init_residual:
            for module in self.modules():
                if isinstance(module, BasicBlock | Bottleneck):
                    init.zeros_(_last_norm(module).weight)

    def forward(self, x: Tensor) -> Tensor:
        x = self.maxpool(self.relu(self.bn1(self.conv1(x))))
        x = self.layer4(self.layer3(self.layer2(self.layer1(x))))
        return self.fc(flatten(self.avgpool(x), 1))


def _made(where: str, weights: Any, block: Any, layers: list[int], options: Any) -> ResNet:
    refuse_weights(where, weights)
    return ResNet(block, layers, **options)


def resnet18(*, weights: None = None, **options: Any) -> ResNet:
    """Make ResNet-18.

    Args:
        weights: None; others are refused with a word on how to load a checkpoint.
        **options: of `ResNet`, such as num_classes.

    Example:
        >>> import rushlight as rl
        >>> rl.models.resnet18(num_classes=10, width=8)(rl.zeros(2, 3, 32, 32)).shape
        (2, 10)

    Source: https://docs.pytorch.org/vision/stable/models/generated/torchvision.models.resnet18.html
    """
    return _made("resnet18", weights, BasicBlock, [2, 2, 2, 2], options)


def resnet34(*, weights: None = None, **options: Any) -> ResNet:
    """Make ResNet-34: as `resnet18`, deeper."""
    return _made("resnet34", weights, BasicBlock, [3, 4, 6, 3], options)


def resnet50(*, weights: None = None, **options: Any) -> ResNet:
    """Make ResNet-50: as `resnet18`, of bottleneck blocks."""
    return _made("resnet50", weights, Bottleneck, [3, 4, 6, 3], options)


def resnet101(*, weights: None = None, **options: Any) -> ResNet:
    """Make ResNet-101: as `resnet50`, deeper."""
    return _made("resnet101", weights, Bottleneck, [3, 4, 23, 3], options)


def resnet152(*, weights: None = None, **options: Any) -> ResNet:
    """Make ResNet-152: as `resnet50`, deeper still."""
    return _made("resnet152", weights, Bottleneck, [3, 8, 36, 3], options)
