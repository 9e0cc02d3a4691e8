"""How the weights of convolutional models are drawn that torchvision draws alike."""

from __future__ import annotations

from rushlight import nn
from rushlight.nn import init

__all__ = ["draw"]


def draw(model: nn.Module) -> None:
    """Draw convolutions with std sqrt(2 / fan_out), Linear weights with std 0.01; biases are 0.

    Args:
        model: whose layers are drawn, in the order of `modules()`.
    """
    for module in model.modules():
        if isinstance(module, nn.Conv2d):
            init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
        elif isinstance(module, nn.Linear):
            init.normal_(module.weight, 0.0, 0.01)
        if isinstance(module, nn.Conv2d | nn.Linear) and module.bias is not None:
            init.zeros_(module.bias)
