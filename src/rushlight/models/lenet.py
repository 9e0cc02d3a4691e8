"""LeNet-5."""

from __future__ import annotations

from rushlight import nn
from rushlight.functional.shaping import flatten
from rushlight.nn import functional as F
from rushlight.tensor import Tensor

__all__ = ["LeNet"]


class LeNet(nn.Module):
    """Two convolutions of 5 x 5 with pooling, then three fully connected layers.

    With the names and the activations of PyTorch's tutorial (ReLU and max pooling, where the paper
    has tanh and a trained average).

    Args:
        num_classes: int, width of the output; default 10.
        in_channels: int, channels of the images; default 1.

    Shape:
        (N, in_channels, 32, 32) -> (N, num_classes)

    Attributes:
        conv1, conv2: Conv2d to 6 and to 16 channels.
        fc1, fc2, fc3: Linear to 120, to 84 and to num_classes. All are drawn as these layers are.

    Raises:
        RuntimeError: in forward, for images of another size.

    Example:
        >>> import rushlight as rl
        >>> model = rl.models.LeNet()
        >>> model(rl.zeros(2, 1, 32, 32)).shape
        (2, 10)
        >>> sum(p.numel() for p in model.parameters())
        61706

    Source: LeCun, Bottou, Bengio, Haffner: Gradient-based learning applied to document
        recognition (1998), https://doi.org/10.1109/5.726791
    """

    def __init__(self, num_classes: int = 10, in_channels: int = 1) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(in_channels, 6, 5)
        self.conv2 = nn.Conv2d(6, 16, 5)
        self.fc1 = nn.Linear(16 * 5 * 5, 120)
        self.fc2 = nn.Linear(120, 84)
        self.fc3 = nn.Linear(84, num_classes)

    def forward(self, x: Tensor) -> Tensor:
        x = F.max_pool2d(F.relu(self.conv1(x)), 2)
        x = F.max_pool2d(F.relu(self.conv2(x)), 2)
        x = F.relu(self.fc1(flatten(x, 1)))
        return self.fc3(F.relu(self.fc2(x)))
