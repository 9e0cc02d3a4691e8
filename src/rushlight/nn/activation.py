"""Activation layers."""

from __future__ import annotations

import warnings

from rushlight import functional as F
from rushlight.nn.module import Steady
from rushlight.tensor import Tensor

__all__ = [
    "ELU",
    "GELU",
    "LeakyReLU",
    "LogSigmoid",
    "LogSoftmax",
    "ReLU",
    "SiLU",
    "Sigmoid",
    "Softmax",
    "Softplus",
    "Tanh",
]


def _inplace(inplace: bool, *before: str) -> str:
    return ", ".join([*before, "inplace=True"] if inplace else before)


class ReLU(Steady):
    """y = max(x, 0).

    Args:
        inplace: accepted; a new tensor is made all the same.

    Shape:
        (*) -> (*)

    Example:
        >>> import rushlight as rl
        >>> rl.nn.ReLU()(rl.tensor([-1.0, 2.0]))
        tensor([0., 2.])

    Source: https://docs.pytorch.org/docs/stable/generated/torch.nn.ReLU.html
    """

    def __init__(self, inplace: bool = False) -> None:
        super().__init__()
        self.inplace = inplace

    def forward(self, input: Tensor) -> Tensor:
        return F.relu(input)

    def extra_repr(self) -> str:
        return _inplace(self.inplace)


class LeakyReLU(Steady):
    """y = x above 0 and negative_slope * x below.

    Args:
        negative_slope: float, default 0.01.
        inplace: accepted; a new tensor is made all the same.

    Shape:
        (*) -> (*)

    Example:
        >>> import rushlight as rl
        >>> rl.nn.LeakyReLU(0.5)(rl.tensor([-1.0, 2.0]))
        tensor([-0.5000,  2.0000])

    Source: https://docs.pytorch.org/docs/stable/generated/torch.nn.LeakyReLU.html
    """

    def __init__(self, negative_slope: float = 0.01, inplace: bool = False) -> None:
        super().__init__()
        self.negative_slope = negative_slope
        self.inplace = inplace

    def forward(self, input: Tensor) -> Tensor:
        return F.leaky_relu(input, self.negative_slope)

    def extra_repr(self) -> str:
        return _inplace(self.inplace, f"negative_slope={self.negative_slope}")


class ELU(Steady):
    """y = x above 0 and alpha * (e^x - 1) below.

    Args:
        alpha: float, default 1.
        inplace: accepted; a new tensor is made all the same.

    Shape:
        (*) -> (*)

    Example:
        >>> import rushlight as rl
        >>> rl.nn.ELU()(rl.tensor([0.0, 2.0]))
        tensor([0., 2.])

    Source: https://arxiv.org/abs/1511.07289,
        https://docs.pytorch.org/docs/stable/generated/torch.nn.ELU.html
    """

    def __init__(self, alpha: float = 1.0, inplace: bool = False) -> None:
        super().__init__()
        self.alpha = alpha
        self.inplace = inplace

    def forward(self, input: Tensor) -> Tensor:
        return F.elu(input, self.alpha)

    def extra_repr(self) -> str:
        return _inplace(self.inplace, f"alpha={self.alpha}")


class Softplus(Steady):
    """y = ln(1 + e^(beta x)) / beta, and x itself where beta x > threshold.

    Args:
        beta: float, default 1.
        threshold: float, default 20.

    Shape:
        (*) -> (*)

    Example:
        >>> import rushlight as rl
        >>> rl.nn.Softplus()(rl.tensor([0.0, 30.0]))
        tensor([ 0.6931, 30.0000])

    Source: https://docs.pytorch.org/docs/stable/generated/torch.nn.Softplus.html
    """

    def __init__(self, beta: float = 1.0, threshold: float = 20.0) -> None:
        super().__init__()
        self.beta = beta
        self.threshold = threshold

    def forward(self, input: Tensor) -> Tensor:
        return F.softplus(input, self.beta, self.threshold)

    def extra_repr(self) -> str:
        return f"beta={self.beta}, threshold={self.threshold}"


class GELU(Steady):
    """y = x * Phi(x), Phi the normal distribution function.

    Args:
        approximate: 'none' (default), or 'tanh' for
            x / 2 * (1 + tanh(sqrt(2 / pi) * (x + 0.044715 x^3))).

    Shape:
        (*) -> (*)

    Example:
        >>> import rushlight as rl
        >>> rl.nn.GELU()(rl.tensor([0.0, 1.0]))
        tensor([0.0000, 0.8413])

    Source: https://arxiv.org/abs/1606.08415,
        https://docs.pytorch.org/docs/stable/generated/torch.nn.GELU.html
    """

    def __init__(self, approximate: str = "none") -> None:
        super().__init__()
        self.approximate = approximate

    def forward(self, input: Tensor) -> Tensor:
        return F.gelu(input, self.approximate)

    def extra_repr(self) -> str:
        return f"approximate={self.approximate!r}"


class SiLU(Steady):
    """y = x / (1 + e^-x).

    Args:
        inplace: accepted; a new tensor is made all the same.

    Shape:
        (*) -> (*)

    Example:
        >>> import rushlight as rl
        >>> rl.nn.SiLU()(rl.tensor([0.0, 1.0]))
        tensor([0.0000, 0.7311])

    Source: https://docs.pytorch.org/docs/stable/generated/torch.nn.SiLU.html
    """

    def __init__(self, inplace: bool = False) -> None:
        super().__init__()
        self.inplace = inplace

    def forward(self, input: Tensor) -> Tensor:
        return F.silu(input)

    def extra_repr(self) -> str:
        return _inplace(self.inplace)


class Sigmoid(Steady):
    """y = 1 / (1 + e^-x).

    Shape:
        (*) -> (*)

    Example:
        >>> import rushlight as rl
        >>> rl.nn.Sigmoid()(rl.tensor([0.0]))
        tensor([0.5000])

    Source: https://docs.pytorch.org/docs/stable/generated/torch.nn.Sigmoid.html
    """

    def forward(self, input: Tensor) -> Tensor:
        return F.sigmoid(input)


class LogSigmoid(Steady):
    """y = ln(1 / (1 + e^-x)), without overflow.

    Shape:
        (*) -> (*)

    Example:
        >>> import rushlight as rl
        >>> rl.nn.LogSigmoid()(rl.tensor([0.0, -100.0]))
        tensor([  -0.6931, -100.0000])

    Source: https://docs.pytorch.org/docs/stable/generated/torch.nn.LogSigmoid.html
    """

    def forward(self, input: Tensor) -> Tensor:
        return F.logsigmoid(input)


class Tanh(Steady):
    """y = tanh(x).

    Shape:
        (*) -> (*)

    Example:
        >>> import rushlight as rl
        >>> rl.nn.Tanh()(rl.tensor([0.0]))
        tensor([0.])

    Source: https://docs.pytorch.org/docs/stable/generated/torch.nn.Tanh.html
    """

    def forward(self, input: Tensor) -> Tensor:
        return F.tanh(input)


class _Softmax(Steady):
    """The dim and what stands for it when it is not given."""

    def __init__(self, dim: int | None = None) -> None:
        super().__init__()
        self.dim = dim

    def _dim(self, input: Tensor) -> int:
        if self.dim is not None:
            return self.dim
        warnings.warn(
            f"{type(self).__name__}: the choice of dim for {input.ndim} dims is deprecated; "
            f"make it with dim=...",
            UserWarning,
            stacklevel=4,
        )
        return 0 if input.ndim in (0, 1, 3) else 1

    def extra_repr(self) -> str:
        return f"dim={self.dim}"


class Softmax(_Softmax):
    """y = e^x / sum(e^x) along `dim`.

    Args:
        dim: int; default None: 0 for 0, 1 or 3 dims of the input, else 1, with a warning.

    Shape:
        (*) -> (*)

    Example:
        >>> import rushlight as rl
        >>> rl.nn.Softmax(dim=0)(rl.tensor([1000.0, 1000.0]))
        tensor([0.5000, 0.5000])

    Source: https://docs.pytorch.org/docs/stable/generated/torch.nn.Softmax.html
    """

    def forward(self, input: Tensor) -> Tensor:
        return F.softmax(input, self._dim(input))


class LogSoftmax(_Softmax):
    """y = x - ln sum(e^x) along `dim`.

    Args:
        dim: int; default None: 0 for 0, 1 or 3 dims of the input, else 1, with a warning.

    Shape:
        (*) -> (*)

    Example:
        >>> import rushlight as rl
        >>> rl.nn.LogSoftmax(dim=0)(rl.tensor([0.0, 0.0]))
        tensor([-0.6931, -0.6931])

    Source: https://docs.pytorch.org/docs/stable/generated/torch.nn.LogSoftmax.html
    """

    def forward(self, input: Tensor) -> Tensor:
        return F.log_softmax(input, self._dim(input))
