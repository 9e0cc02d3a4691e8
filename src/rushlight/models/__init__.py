"""Known architectures, whose state dicts have the names of the originals."""

from rushlight.models import char_rnn, gpt, lenet, mobilenet, resnet, vgg
from rushlight.models.char_rnn import CharRNN
from rushlight.models.gpt import GPT2, gpt2
from rushlight.models.lenet import LeNet
from rushlight.models.mobilenet import MobileNetV2, mobilenet_v2
from rushlight.models.resnet import ResNet, resnet18, resnet34, resnet50, resnet101, resnet152
from rushlight.models.vgg import (
    VGG,
    vgg11,
    vgg11_bn,
    vgg13,
    vgg13_bn,
    vgg16,
    vgg16_bn,
    vgg19,
    vgg19_bn,
)

__all__ = [
    "GPT2",
    "VGG",
    "CharRNN",
    "LeNet",
    "MobileNetV2",
    "ResNet",
    "char_rnn",
    "gpt",
    "gpt2",
    "lenet",
    "mobilenet",
    "mobilenet_v2",
    "resnet",
    "resnet18",
    "resnet34",
    "resnet50",
    "resnet101",
    "resnet152",
    "vgg",
    "vgg11",
    "vgg11_bn",
    "vgg13",
    "vgg13_bn",
    "vgg16",
    "vgg16_bn",
    "vgg19",
    "vgg19_bn",
]
