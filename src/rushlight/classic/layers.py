"""Layers that both dialects share: thin classes over modules of `rushlight.nn`."""

from __future__ import annotations

from rushlight import nn
from rushlight.classic.machine import Gradient, Value
from rushlight.classic.wrapping import Layer

__all__ = ["Linear", "ReLU"]


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
        return f"Linear {n_in} -> {n_out}"


class ReLU(FloatLayer):
    """y = max(x, 0); the gradient at 0 is 0.

    Example:
        >>> import numpy as np
        >>> ReLU().forward(np.array([-1.0, 2.0]))
        array([0., 2.])
    """

    def __init__(self) -> None:
        super().__init__(nn.ReLU())
