"""Layers that both dialects share, and the bases of those that differ: classes over nn.Modules."""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np

from rushlight import nn
from rushlight.classic import modules
from rushlight.classic.attributes import Gradient, Option, Value
from rushlight.classic.wrapping import Layer
from rushlight.nn import functional as F
from rushlight.tape import wrap

__all__ = [
    "ELU",
    "GELU",
    "FloatLayer",
    "Gelu",
    "GlobalAvgPool2d",
    "GlobalMaxPool2d",
    "Linear",
    "LogSoftMax",
    "LogSoftmax",
    "ReLU",
    "Sigmoid",
    "SoftMax",
    "SoftPlus",
    "Tanh",
]


class FloatLayer(Layer):
    """A layer of one floating input; integers are joined with the parameters' dtype."""

    _floating = True


class Linear(FloatLayer):
    """y = x W^T + b.

    Args:
        n_in: int, size of the last axis of the input.
        n_out: int, size of the last axis of the output.
        bias: bool, whether to add b; default True.

    Shape:
        (N, n_in) -> (N, n_out)

    Attributes:
        W: (n_out, n_in), uniform on ±1 / sqrt(n_in).
        b: (n_out), uniform on ±1 / sqrt(n_in); or None.
        gradW, gradb: their gradients.

    Example:
        >>> import numpy as np
        >>> layer = Linear(3, 2)
        >>> layer
        Linear 3 -> 2
        >>> layer.W, layer.b = np.ones((2, 3)), np.zeros(2)
        >>> x = np.array([[1.0, 2.0, 3.0]])
        >>> layer.forward(x)
        array([[6., 6.]])
        >>> layer.backward(x, np.array([[1.0, 10.0]]))
        array([[11., 11., 11.]])
        >>> layer.gradW
        array([[ 1.,  2.,  3.],
               [10., 20., 30.]])
    """

    module: nn.Linear
    W, gradW = Value("weight"), Gradient("weight")
    b, gradb = Value("bias"), Gradient("bias")

    def __init__(self, n_in: int, n_out: int, bias: bool = True) -> None:
        super().__init__(nn.Linear(n_in, n_out, bias=bias))

    def __repr__(self) -> str:
        n_out, n_in = self.W.shape
        return f"{type(self).__name__} {n_in} -> {n_out}"


# ---- activations


class ReLU(FloatLayer):
    """y = max(x, 0); the gradient at 0 is 0.

    Example:
        >>> import numpy as np
        >>> ReLU().forward(np.array([-1.0, 2.0]))
        array([0., 2.])
    """

    def __init__(self) -> None:
        super().__init__(nn.ReLU())


class BaseLeakyReLU(FloatLayer):
    """y = x above 0 and slope * x below."""

    slope = Option("negative_slope", None)

    def __init__(self, slope: float) -> None:
        super().__init__(nn.LeakyReLU(slope))


class ELU(FloatLayer):
    """y = x above 0 and alpha * (e^x - 1) below.

    Args:
        alpha: float, default 1.

    Example:
        >>> import numpy as np
        >>> ELU(2.0).forward(np.array([-1.0, 2.0])).round(4)
        array([-1.2642,  2.    ])
    """

    alpha = Option("alpha", 1.0)

    def __init__(self, alpha: float = 1.0) -> None:
        super().__init__(nn.ELU(alpha))


class SoftPlus(FloatLayer):
    """y = ln(1 + e^x), for every x without overflow.

    Example:
        >>> import numpy as np
        >>> SoftPlus().forward(np.array([0.0, 1000.0])).round(4)
        array([6.931e-01, 1.000e+03])
    """

    def __init__(self) -> None:
        super().__init__(nn.Softplus(threshold=np.inf))


class Gelu(FloatLayer):
    """y = x Phi(x), Phi the distribution function of N(0, 1), by erf.

    Example:
        >>> import numpy as np
        >>> Gelu().forward(np.array([-1.0, 1.0])).round(4)
        array([-0.1587,  0.8413])
    """

    def __init__(self) -> None:
        super().__init__(nn.GELU())


class Sigmoid(FloatLayer):
    """y = 1 / (1 + e^-x).

    Example:
        >>> import numpy as np
        >>> Sigmoid().forward(np.array([0.0, -1000.0]))
        array([0.5, 0. ])
    """

    def __init__(self) -> None:
        super().__init__(nn.Sigmoid())


class Tanh(FloatLayer):
    """y = tanh(x).

    Example:
        >>> import numpy as np
        >>> Tanh().forward(np.array([0.0, 1000.0]))
        array([0., 1.])
    """

    def __init__(self) -> None:
        super().__init__(nn.Tanh())


class SoftMax(FloatLayer):
    """y = e^x / sum of e^x over axis 1.

    Shape:
        (N, C) -> (N, C)

    Example:
        >>> import numpy as np
        >>> SoftMax().forward(np.array([[1000.0, 1000.0]]))
        array([[0.5, 0.5]])
    """

    def __init__(self) -> None:
        super().__init__(nn.Softmax(1))


class LogSoftMax(FloatLayer):
    """y = x - ln(sum of e^x) over axis 1.

    Shape:
        (N, C) -> (N, C)

    Example:
        >>> import numpy as np
        >>> LogSoftMax().forward(np.array([[1000.0, 1000.0]])).round(4)
        array([[-0.6931, -0.6931]])
    """

    def __init__(self) -> None:
        super().__init__(nn.LogSoftmax(1))


GELU, LogSoftmax = Gelu, LogSoftMax


# ---- dropout


class BaseDropout(FloatLayer):
    """y = x * mask / (1 - p) in training, else y = x."""

    module: modules.Dropout
    p = Option("p", 0.5)

    def __init__(self, p: float) -> None:
        super().__init__(modules.Dropout(p))

    @property
    def mask(self) -> Any:
        """What the last forward has kept: a bool array of the shape of its input; None before."""
        if self.output is None:
            return None
        factor = self.module.factor
        return np.ones(self.output.shape, bool) if factor is None else factor != 0

    def __repr__(self) -> str:
        return f"{type(self).__name__}, p = {self.p}"


# ---- batch norm and convolution


class BaseScaling(FloatLayer):
    """y = gamma x + beta, one of each for each channel (axis 1)."""

    module: modules.Scaling
    gamma, gradGamma = Value("gamma"), Gradient("gamma")
    beta, gradBeta = Value("beta"), Gradient("beta")

    def __repr__(self) -> str:
        return f"{type(self).__name__} {self.gamma.shape[0]}"


class BaseConv2d(FloatLayer):
    """y = x * W + b, the cross-correlation."""

    module: nn.Conv2d
    W, gradW = Value("weight"), Gradient("weight")
    b, gradb = Value("bias"), Gradient("bias")

    def __repr__(self) -> str:
        n_out, n_in, *kernel = self.W.shape
        return f"{type(self).__name__} {n_in} -> {n_out}, kernel {tuple(kernel)}"


# ---- pooling


class BaseMaxPool2d(FloatLayer):
    """The maximum of each window; the gradient goes to the first one."""

    module: nn.MaxPool2d

    @property
    def max_indices(self) -> Any:
        """Where the maxima of the last forward are: (N, C, H', W'), flat in a plane of the input
        (row * W + column); None before."""
        if self._call is None:
            return None
        m = self.module
        x = wrap(self._call.made[0]._array)
        return F.max_pool2d(x, m.kernel_size, m.stride, m.padding, return_indices=True)[1]._array

    @property
    def max_mask(self) -> Any:
        """Which cells of the last input are the maximum of a window: bool; None before."""
        if self._call is None:
            return None
        return _marked(self._call.made[0]._array, self.max_indices)

    def __repr__(self) -> str:
        return f"{type(self).__name__}, kernel {self.module.kernel_size}"


class BaseAvgPool2d(FloatLayer):
    """The mean of each window; cells of the padding count as zeros."""

    module: nn.AvgPool2d

    def __repr__(self) -> str:
        return f"{type(self).__name__}, kernel {self.module.kernel_size}"


class GlobalMaxPool2d(FloatLayer):
    """The maximum of each plane; maxima that are equal share the gradient.

    Shape:
        (N, C, H, W) -> (N, C)

    Example:
        >>> import numpy as np
        >>> layer, x = GlobalMaxPool2d(), np.array([[[[1.0, 3.0], [3.0, 0.0]]]])
        >>> layer.forward(x)
        array([[3.]])
        >>> layer.backward(x, np.ones((1, 1)))
        array([[[[0. , 0.5],
                 [0.5, 0. ]]]])
    """

    def __init__(self) -> None:
        super().__init__(modules.GlobalMaxPool())

    @property
    def max_indices(self) -> Any:
        """Where the first maxima of the last forward are: (N, C), flat in a plane; None before."""
        if self._call is None:
            return None
        x = self._call.made[0]._array
        return x.reshape(*x.shape[:2], -1).argmax(-1)

    @property
    def max_mask(self) -> Any:
        """Which cells of the last input are the maximum of their plane: bool; None before."""
        if self._call is None:
            return None
        return self._call.made[0]._array == self.output[:, :, None, None]


class GlobalAvgPool2d(FloatLayer):
    """The mean of each plane.

    Shape:
        (N, C, H, W) -> (N, C)

    Example:
        >>> import numpy as np
        >>> GlobalAvgPool2d().forward(np.array([[[[1.0, 3.0], [4.0, 0.0]]]]))
        array([[2.]])
    """

    def __init__(self) -> None:
        super().__init__(modules.GlobalAvgPool())


def _marked(x: Any, indices: Any) -> Any:
    mask = np.zeros((*x.shape[:-2], prod(x.shape[-2:])), bool)
    np.put_along_axis(mask, indices.reshape(*mask.shape[:-1], -1), True, -1)
    return mask.reshape(x.shape)
