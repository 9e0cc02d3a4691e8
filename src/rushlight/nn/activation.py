"""Activation layers of smooth functions, softmax among them."""

from __future__ import annotations

import warnings

from rushlight import functional as F
from rushlight.errors import ShapeError, explain
from rushlight.nn.module import Steady
from rushlight.tensor import Tensor

__all__ = [
    "CELU",
    "ELU",
    "GELU",
    "GLU",
    "SELU",
    "LogSigmoid",
    "LogSoftmax",
    "Mish",
    "SiLU",
    "Sigmoid",
    "Softmax",
    "Softmax2d",
    "Softmin",
    "Softplus",
    "Softsign",
    "Tanh",
    "Tanhshrink",
]


def in_place(inplace: bool, *before: str) -> str:
    """Return the text of a repr that ends in inplace=True where that was asked for."""
    return ", ".join([*before, "inplace=True"] if inplace else before)


class Inplace(Steady):
    """Holds the argument that torch's layers have and that changes nothing here."""

    def __init__(self, inplace: bool = False) -> None:
        super().__init__()
        self.inplace = inplace

    def extra_repr(self) -> str:
        return in_place(self.inplace)


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
        return in_place(self.inplace, f"alpha={self.alpha}")


class CELU(Steady):
    """y = x above 0 and alpha * (e^(x / alpha) - 1) below.

    Args:
        alpha: float != 0, default 1.
        inplace: accepted; a new tensor is made all the same.

    Shape:
        (*) -> (*)

    Raises:
        RuntimeError: in forward, if alpha is 0.

    Example:
        >>> import rushlight as rl
        >>> rl.nn.CELU()(rl.tensor([0.0, 2.0]))
        tensor([0., 2.])

    Source: https://arxiv.org/abs/1704.07483,
        https://docs.pytorch.org/docs/stable/generated/torch.nn.CELU.html
    """

    def __init__(self, alpha: float = 1.0, inplace: bool = False) -> None:
        super().__init__()
        self.alpha = alpha
        self.inplace = inplace

    def forward(self, input: Tensor) -> Tensor:
        return F.celu(input, self.alpha)

    def extra_repr(self) -> str:
        return in_place(self.inplace, f"alpha={self.alpha}")


class SELU(Inplace):
    """y = 1.0507 x above 0 and 1.7581 (e^x - 1) below.

    Args:
        inplace: accepted; a new tensor is made all the same.

    Shape:
        (*) -> (*)

    Example:
        >>> import rushlight as rl
        >>> rl.nn.SELU()(rl.tensor([0.0, 2.0]))
        tensor([0.0000, 2.1014])

    Source: https://arxiv.org/abs/1706.02515,
        https://docs.pytorch.org/docs/stable/generated/torch.nn.SELU.html
    """

    def forward(self, input: Tensor) -> Tensor:
        return F.selu(input)


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


class SiLU(Inplace):
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

    def forward(self, input: Tensor) -> Tensor:
        return F.silu(input)


class Mish(Inplace):
    """y = x * tanh(ln(1 + e^x)).

    Args:
        inplace: accepted; a new tensor is made all the same.

    Shape:
        (*) -> (*)

    Example:
        >>> import rushlight as rl
        >>> rl.nn.Mish()(rl.tensor([0.0, 1.0]))
        tensor([0.0000, 0.8651])

    Source: https://arxiv.org/abs/1908.08681,
        https://docs.pytorch.org/docs/stable/generated/torch.nn.Mish.html
    """

    def forward(self, input: Tensor) -> Tensor:
        return F.mish(input)


class GLU(Steady):
    """y = a * sigmoid(b), a and b the halves of one dim.

    Args:
        dim: int, the dim to halve; default -1.

    Shape:
        (*, 2 n, *) -> (*, n, *)

    Raises:
        RuntimeError: in forward, if the size of `dim` is odd.

    Example:
        >>> import rushlight as rl
        >>> rl.nn.GLU()(rl.tensor([3.0, 0.0]))
        tensor([1.5000])

    Source: https://arxiv.org/abs/1612.08083,
        https://docs.pytorch.org/docs/stable/generated/torch.nn.GLU.html
    """

    def __init__(self, dim: int = -1) -> None:
        super().__init__()
        self.dim = dim

    def forward(self, input: Tensor) -> Tensor:
        return F.glu(input, self.dim)

    def extra_repr(self) -> str:
        return f"dim={self.dim}"


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


class Tanhshrink(Steady):
    """y = x - tanh(x).

    Shape:
        (*) -> (*)

    Example:
        >>> import rushlight as rl
        >>> rl.nn.Tanhshrink()(rl.tensor([0.0, 1.0]))
        tensor([0.0000, 0.2384])

    Source: https://docs.pytorch.org/docs/stable/generated/torch.nn.Tanhshrink.html
    """

    def forward(self, input: Tensor) -> Tensor:
        return F.tanhshrink(input)


class Softsign(Steady):
    """y = x / (1 + |x|).

    Shape:
        (*) -> (*)

    Example:
        >>> import rushlight as rl
        >>> rl.nn.Softsign()(rl.tensor([-1.0, 3.0]))
        tensor([-0.5000,  0.7500])

    Source: https://docs.pytorch.org/docs/stable/generated/torch.nn.Softsign.html
    """

    def forward(self, input: Tensor) -> Tensor:
        return F.softsign(input)


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


class Softmin(_Softmax):
    """y = e^-x / sum(e^-x) along `dim`.

    Args:
        dim: int; default None: 0 for 0, 1 or 3 dims of the input, else 1, with a warning.

    Shape:
        (*) -> (*)

    Example:
        >>> import rushlight as rl
        >>> rl.nn.Softmin(dim=0)(rl.tensor([1000.0, 1000.0]))
        tensor([0.5000, 0.5000])

    Source: https://docs.pytorch.org/docs/stable/generated/torch.nn.Softmin.html
    """

    def forward(self, input: Tensor) -> Tensor:
        return F.softmin(input, self._dim(input))


class Softmax2d(Steady):
    """y = e^x / sum(e^x) over the channels of an image.

    Shape:
        (N, C, H, W) -> (N, C, H, W), or (C, H, W) -> (C, H, W)

    Raises:
        ValueError: in forward, if the input has neither 3 nor 4 dims.

    Example:
        >>> import rushlight as rl
        >>> rl.nn.Softmax2d()(rl.zeros(4, 1, 2))[:, 0].tolist()
        [[0.25, 0.25], [0.25, 0.25], [0.25, 0.25], [0.25, 0.25]]

    Source: https://docs.pytorch.org/docs/stable/generated/torch.nn.Softmax2d.html
    """

    def forward(self, input: Tensor) -> Tensor:
        if input.ndim not in (3, 4):
            raise ShapeError(
                explain("Softmax2d", got=f"input {input.shape}", expected="(N, C, H, W), (C, H, W)")
            )
        return F.softmax(input, -3)
