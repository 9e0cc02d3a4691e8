"""The dialect of homework with nested parameter lists, 'same' convolutions and alpha averages."""

from __future__ import annotations

from typing import Any

import numpy as np

from rushlight import nn
from rushlight.classic import module, modules
from rushlight.classic.attributes import Option, Statistic
from rushlight.classic.criteria import ClassNLLCriterion, ClassNLLCriterionUnstable, MSECriterion
from rushlight.classic.layers import (
    ELU,
    GELU,
    BaseAvgPool2d,
    BaseConv2d,
    BaseDropout,
    BaseLeakyReLU,
    BaseMaxPool2d,
    BaseScaling,
    FloatLayer,
    Gelu,
    GlobalAvgPool2d,
    GlobalMaxPool2d,
    Linear,
    LogSoftMax,
    LogSoftmax,
    ReLU,
    Sigmoid,
    SoftMax,
    SoftPlus,
    Tanh,
)
from rushlight.classic.module import Criterion, Module
from rushlight.classic.optimizers import adam, adam_optimizer, sgd_momentum
from rushlight.errors import explain

__all__ = [
    "ELU",
    "GELU",
    "AvgPool2d",
    "BatchNormalization",
    "ChannelwiseScaling",
    "ClassNLLCriterion",
    "ClassNLLCriterionUnstable",
    "Conv2d",
    "Criterion",
    "Dropout",
    "Flatten",
    "Gelu",
    "GlobalAvgPool2d",
    "GlobalMaxPool2d",
    "LeakyReLU",
    "Linear",
    "LogSoftMax",
    "LogSoftmax",
    "MSECriterion",
    "MaxPool2d",
    "Module",
    "ReLU",
    "Sequential",
    "Sigmoid",
    "SoftMax",
    "SoftPlus",
    "Tanh",
    "adam",
    "adam_optimizer",
    "sgd_momentum",
]


class Sequential(module.Sequential):
    """Modules in a row; the parameters are nested, a list for each module.

    Args:
        *modules: the modules, from the first to the last; more can be added.

    Attributes:
        modules: list of the modules.

    Example:
        >>> net = Sequential(Linear(4, 3), ReLU())
        >>> [[array.shape for array in part] for part in net.getParameters()]
        [[(3, 4), (3,)], []]
    """

    def getParameters(self) -> list[Any]:
        """Return a list of the parameters of each module."""
        return [module.getParameters() for module in self.modules]

    def getGradParameters(self) -> list[Any]:
        """Return a list of the gradients of each module."""
        return [module.getGradParameters() for module in self.modules]


class BatchNormalization(FloatLayer):
    """y = (x - mean) / sqrt(var + EPS) for each channel (axis 1).

    In training, mean and (biased) variance are the batch's, and the moving ones follow them:
    moving = alpha * moving + (1 - alpha) * batch; the first batch's are taken whole. In evaluation
    the moving ones are used.

    Args:
        alpha: float, the share of the old in the moving statistics; default 0.

    Shape:
        (N, C) or (N, C, H, W) -> the same

    Attributes:
        moving_mean, moving_variance: (C); None before the first batch.
        EPS: 1e-3.

    Raises:
        ValueError: if alpha is not in [0, 1].
        RuntimeError: in evaluation before the first batch.

    Example:
        >>> import numpy as np
        >>> layer = BatchNormalization(alpha=0.9)
        >>> layer.forward(np.array([[1.0], [3.0]])).round(3)
        array([[-1.],
               [ 1.]])
        >>> layer.moving_mean, layer.moving_variance
        (array([2.]), array([1.]))
    """

    EPS = Option("eps", 1e-3)
    alpha = Option("alpha", 0.0)
    moving_mean = Statistic("moving_mean", late=True)
    moving_variance = Statistic("moving_variance", late=True)

    def __init__(self, alpha: float = 0.0) -> None:
        if not 0 <= alpha <= 1:
            fix = "the number of channels is an argument in torch_like only"
            raise ValueError(
                explain("BatchNormalization", got=f"{alpha=}", expected="0 <= alpha <= 1", fix=fix)
            )
        super().__init__(modules.AveragedNorm(alpha, type(self).EPS))

    def updateOutput(self, input: Any) -> Any:
        """Normalize by the batch, in evaluation by the moving statistics."""
        if not self.training and (self.moving_mean is None or self.moving_variance is None):
            fix = "train() and forward a batch first, or assign moving_mean and moving_variance"
            raise RuntimeError(
                explain(
                    "BatchNormalization",
                    got="evaluation before the first batch",
                    expected="moving statistics",
                    fix=fix,
                )
            )
        return super().updateOutput(input)


class ChannelwiseScaling(BaseScaling):
    """y = gamma x + beta, one of each for each channel (axis 1).

    Args:
        n_out: int, C, the size of axis 1.

    Shape:
        (N, C) or (N, C, H, W) -> the same

    Attributes:
        gamma, beta: (C), uniform on ±1 / sqrt(C).
        gradGamma, gradBeta: their gradients.

    Example:
        >>> import numpy as np
        >>> layer = ChannelwiseScaling(2)
        >>> layer.gamma, layer.beta = np.array([1.0, 10.0]), np.zeros(2)
        >>> layer.forward(np.ones((1, 2)))
        array([[ 1., 10.]])
    """

    def __init__(self, n_out: int) -> None:
        super().__init__(modules.UniformScaling(n_out))


class Dropout(BaseDropout):
    """y = x * mask / (1 - p) in training, the mask drawn anew in each forward; else y = x.

    Args:
        p: float in [0, 1], the probability to drop an element; default 0.5.

    Attributes:
        mask: bool array, what the last forward has kept.

    Raises:
        ValueError: if p is not in [0, 1].

    Example:
        >>> import numpy as np
        >>> sorted(set(Dropout(0.5).forward(np.ones(100)).tolist()))
        [0.0, 2.0]
    """

    def __init__(self, p: float = 0.5) -> None:
        super().__init__(p)


class Conv2d(BaseConv2d):
    """y = x * W + b, the cross-correlation over images, padded with zeros to the same size.

    Args:
        in_channels: int, C.
        out_channels: int, F.
        kernel_size: odd int, K.

    Shape:
        (N, C, H, W) -> (N, F, H, W)

    Attributes:
        W: (F, C, K, K), uniform on ±1 / sqrt(C).
        b: (F), uniform on ±1 / sqrt(C).
        gradW, gradb: their gradients.

    Raises:
        ValueError: if kernel_size is not an odd int above 0.

    Example:
        >>> import numpy as np
        >>> Conv2d(1, 8, 3).forward(np.zeros((2, 1, 9, 9))).shape
        (2, 8, 9, 9)
    """

    def __init__(self, in_channels: int, out_channels: int, kernel_size: int) -> None:
        if not _whole(kernel_size) or kernel_size < 1 or kernel_size % 2 == 0:
            got = f"kernel_size={kernel_size!r}"
            raise ValueError(explain("Conv2d", got=got, expected="an odd int above 0"))
        super().__init__(
            modules.CentredConv(in_channels, out_channels, kernel_size, padding=kernel_size // 2)
        )


class MaxPool2d(BaseMaxPool2d):
    """The maximum of each window; the windows do not overlap. The gradient goes to the first one.

    Args:
        kernel_size: int, K.

    Shape:
        (N, C, H, W) -> (N, C, H / K, W / K)

    Attributes:
        max_indices: where the maxima of the last forward are, flat in a plane of the input.
        max_mask: which cells of the last input are the maximum of a window.

    Raises:
        ShapeError: in forward, if K does not divide H and W.

    Example:
        >>> import numpy as np
        >>> layer = MaxPool2d(2)
        >>> layer.forward(np.arange(16.0).reshape(1, 1, 4, 4))
        array([[[[ 5.,  7.],
                 [13., 15.]]]])
        >>> layer.max_indices.tolist()
        [[[[5, 7], [13, 15]]]]
    """

    def __init__(self, kernel_size: int) -> None:
        super().__init__(modules.WholeMaxPool(_kernel("MaxPool2d", kernel_size)))


class AvgPool2d(BaseAvgPool2d):
    """The mean of each window; the windows do not overlap.

    Args:
        kernel_size: int, K.

    Shape:
        (N, C, H, W) -> (N, C, H / K, W / K)

    Raises:
        ShapeError: in forward, if K does not divide H and W.

    Example:
        >>> import numpy as np
        >>> AvgPool2d(2).forward(np.arange(16.0).reshape(1, 1, 4, 4))
        array([[[[ 2.5,  4.5],
                 [10.5, 12.5]]]])
    """

    def __init__(self, kernel_size: int) -> None:
        super().__init__(modules.WholeAvgPool(_kernel("AvgPool2d", kernel_size)))


class LeakyReLU(BaseLeakyReLU):
    """y = x above 0 and slope * x below.

    Args:
        slope: float, default 0.03.

    Example:
        >>> import numpy as np
        >>> LeakyReLU().forward(np.array([-1.0, 2.0]))
        array([-0.03,  2.  ])
    """

    slope = Option("negative_slope", 0.03)

    def __init__(self, slope: float = 0.03) -> None:
        super().__init__(slope)


class Flatten(FloatLayer):
    """All axes but the first become one.

    Shape:
        (N, *) -> (N, prod(*))

    Example:
        >>> import numpy as np
        >>> Flatten().forward(np.zeros((2, 3, 4))).shape
        (2, 12)
    """

    def __init__(self) -> None:
        super().__init__(nn.Flatten())


def _whole(value: Any) -> bool:
    return isinstance(value, (int, np.integer)) and not isinstance(value, bool)


def _kernel(where: str, size: Any) -> Any:
    if not _whole(size) or size < 1:
        raise ValueError(explain(where, got=f"kernel_size={size!r}", expected="an int above 0"))
    return int(size)
