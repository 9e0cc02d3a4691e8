"""The dialect of homework that follows torch: its arguments, defaults and running variance."""

from __future__ import annotations

from rushlight import nn
from rushlight.classic import modules
from rushlight.classic.attributes import Gradient, Option, Statistic, Value
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
from rushlight.classic.module import Criterion, Module, Sequential
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

Pair = int | tuple[int, int]


class BatchNormalization(FloatLayer):
    """y = (x - mean) / sqrt(var + EPS) for each channel (axis 1), and gamma y + beta if affine.

    In training, mean and (biased) variance are the batch's, and the moving ones follow its mean
    and unbiased variance: moving = (1 - momentum) * moving + momentum * batch. In evaluation the
    moving ones are used.

    Args:
        num_features: int, C, the size of axis 1.
        momentum: float, the batch's share in the moving statistics; default 0.1.
        affine: bool, whether there are gamma and beta; default False.

    Shape:
        (N, C) or (N, C, H, W) -> the same

    Attributes:
        gamma: (C), 1; or None.
        beta: (C), 0; or None.
        gradGamma, gradBeta: their gradients.
        moving_mean: (C), 0.
        moving_variance: (C), 1.
        EPS: 1e-5.

    Raises:
        TypeError: if num_features is not an int.
        ValueError: in training, with one value per channel.

    Example:
        >>> import numpy as np
        >>> layer = BatchNormalization(1)
        >>> layer.forward(np.array([[1.0], [3.0]])).round(3)
        array([[-1.],
               [ 1.]])
        >>> layer.moving_mean.round(3), layer.moving_variance.round(3)  # towards 2 and 2
        (array([0.2], dtype=float32), array([1.1], dtype=float32))

    Source: https://docs.pytorch.org/docs/stable/generated/torch.nn.BatchNorm2d.html
    """

    EPS = Option("eps", 1e-5)
    momentum = Option("momentum", 0.1)
    gamma, gradGamma = Value("weight"), Gradient("weight")
    beta, gradBeta = Value("bias"), Gradient("bias")
    moving_mean, moving_variance = Statistic("running_mean"), Statistic("running_var")

    def __init__(self, num_features: int, momentum: float = 0.1, affine: bool = False) -> None:
        if isinstance(num_features, float):
            got, fix = f"{num_features=}", "a share of the old alone is practical_dl's alpha"
            raise TypeError(explain("BatchNormalization", got=got, expected="an int", fix=fix))
        super().__init__(modules.BatchNorm(num_features, type(self).EPS, momentum, affine))


class ChannelwiseScaling(BaseScaling):
    """y = gamma x + beta, one of each for each channel (axis 1).

    Args:
        n_out: int, C, the size of axis 1.

    Shape:
        (N, C) or (N, C, H, W) -> the same

    Attributes:
        gamma: (C), 1.
        beta: (C), 0.
        gradGamma, gradBeta: their gradients.

    Example:
        >>> import numpy as np
        >>> layer = ChannelwiseScaling(2)
        >>> layer.gamma = np.array([1.0, 10.0])
        >>> layer.forward(np.ones((1, 2)))
        array([[ 1., 10.]])
    """

    def __init__(self, n_out: int) -> None:
        super().__init__(modules.Scaling(n_out))


class Dropout(BaseDropout):
    """y = x * mask / (1 - p) in training, the mask drawn anew in each forward; else y = x.

    Args:
        p: float in [0, 1), the probability to drop an element; default 0.5.

    Attributes:
        mask: bool array, what the last forward has kept.

    Raises:
        ValueError: if p is not in [0, 1).

    Example:
        >>> import numpy as np
        >>> sorted(set(Dropout(0.5).forward(np.ones(100)).tolist()))
        [0.0, 2.0]
    """

    def __init__(self, p: float = 0.5) -> None:
        if not 0 <= p < 1:
            raise ValueError(explain("Dropout", got=f"p={p}", expected="0 <= p < 1"))
        super().__init__(p)


class Conv2d(BaseConv2d):
    """y = x * W + b, the cross-correlation over images.

    Args:
        in_channels: int, C.
        out_channels: int, F.
        kernel_size: int or (int, int), K.
        stride: int or (int, int), cells from one window to the next; default 1.
        padding: int or (int, int), cells on both sides; 'valid' for none; 'same' for an output as
            large as the input (stride 1 only; an odd cell goes behind). Default 0.
        bias: bool, whether to add b; default True.
        padding_mode: 'zeros', 'reflect', 'replicate' or 'circular'; default 'zeros'.

    Shape:
        (N, C, H, W) -> (N, F, H', W') with H' = floor((H + 2 padding - K) / stride) + 1

    Attributes:
        W: (F, C, *K), normal with mean 0 and deviation sqrt(2 / (C * prod(K))).
        b: (F), 0; or None.
        gradW, gradb: their gradients.

    Raises:
        ValueError: for options that do not fit each other.

    Example:
        >>> import numpy as np
        >>> layer = Conv2d(1, 8, (3, 5), stride=2, padding=1, padding_mode="reflect")
        >>> layer.forward(np.zeros((2, 1, 9, 9))).shape
        (2, 8, 5, 4)
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Pair,
        stride: Pair = 1,
        padding: str | Pair = 0,
        bias: bool = True,
        padding_mode: str = "zeros",
    ) -> None:
        super().__init__(
            modules.NormalConv(
                in_channels,
                out_channels,
                kernel_size,
                stride,
                padding,
                bias=bias,
                padding_mode=padding_mode,
            )
        )


class MaxPool2d(BaseMaxPool2d):
    """The maximum of each window, cells of the padding -inf; the gradient goes to the first one.

    Args:
        kernel_size: int or (int, int), K.
        stride: int or (int, int), cells from one window to the next; default kernel_size.
        padding: int or (int, int), up to half of the kernel; default 0.

    Shape:
        (N, C, H, W) -> (N, C, H', W') with H' = floor((H + 2 padding - K) / stride) + 1

    Attributes:
        max_indices: where the maxima of the last forward are, flat in a plane of the input.
        max_mask: which cells of the last input are the maximum of a window.

    Example:
        >>> import numpy as np
        >>> layer = MaxPool2d(2)
        >>> layer.forward(np.arange(16.0).reshape(1, 1, 4, 4))
        array([[[[ 5.,  7.],
                 [13., 15.]]]])
        >>> layer.max_indices.tolist()
        [[[[5, 7], [13, 15]]]]
    """

    def __init__(self, kernel_size: Pair, stride: Pair | None = None, padding: Pair = 0) -> None:
        super().__init__(nn.MaxPool2d(kernel_size, stride, padding))


class AvgPool2d(BaseAvgPool2d):
    """The mean of each window; cells of the padding count as zeros.

    Args:
        kernel_size: int or (int, int), K.
        stride: int or (int, int), cells from one window to the next; default kernel_size.
        padding: int or (int, int), up to half of the kernel; default 0.

    Shape:
        (N, C, H, W) -> (N, C, H', W') with H' = floor((H + 2 padding - K) / stride) + 1

    Example:
        >>> import numpy as np
        >>> AvgPool2d(2).forward(np.arange(16.0).reshape(1, 1, 4, 4))
        array([[[[ 2.5,  4.5],
                 [10.5, 12.5]]]])
    """

    def __init__(self, kernel_size: Pair, stride: Pair | None = None, padding: Pair = 0) -> None:
        super().__init__(nn.AvgPool2d(kernel_size, stride, padding))


class LeakyReLU(BaseLeakyReLU):
    """y = x above 0 and slope * x below.

    Args:
        slope: float, default 0.01.

    Example:
        >>> import numpy as np
        >>> LeakyReLU().forward(np.array([-1.0, 2.0]))
        array([-0.01,  2.  ])
    """

    slope = Option("negative_slope", 0.01)

    def __init__(self, slope: float = 0.01) -> None:
        super().__init__(slope)


class Flatten(FloatLayer):
    """Axes start_dim to end_dim become one.

    Args:
        start_dim: int, default 1.
        end_dim: int, default -1.

    Shape:
        (N, *) -> (N, prod(*))

    Example:
        >>> import numpy as np
        >>> Flatten().forward(np.zeros((2, 3, 4))).shape
        (2, 12)
    """

    def __init__(self, start_dim: int = 1, end_dim: int = -1) -> None:
        super().__init__(nn.Flatten(start_dim, end_dim))
