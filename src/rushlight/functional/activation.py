"""Activations and softmax."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rushlight.arrays import as_dtype
from rushlight.errors import explain
from rushlight.functional.dims import one_dim
from rushlight.functional.elementwise import relu, sigmoid, tanh
from rushlight.ops import elementwise as ew
from rushlight.ops import softmax as sm
from rushlight.tape import apply

if TYPE_CHECKING:
    from rushlight.tensor.tensor import Tensor

__all__ = [
    "elu",
    "gelu",
    "leaky_relu",
    "log_softmax",
    "logsigmoid",
    "relu",
    "sigmoid",
    "silu",
    "softmax",
    "softplus",
    "tanh",
]


def softmax(input: Tensor, dim: int, dtype: Any = None) -> Tensor:
    """Return e^x / sum(e^x) along `dim`, with the maximum subtracted first.

    Example:
        >>> import rushlight as rl
        >>> rl.softmax(rl.tensor([1000.0, 1000.0]), dim=0)
        tensor([0.5000, 0.5000])
    """
    x = input if dtype is None else input.to(as_dtype(dtype))
    return apply(sm.softmax, (x,), {"dim": one_dim(dim, x._array.ndim, "softmax")})


def log_softmax(input: Tensor, dim: int, dtype: Any = None) -> Tensor:
    """Return x - ln sum(e^x) along `dim`, with the maximum subtracted first."""
    x = input if dtype is None else input.to(as_dtype(dtype))
    return apply(sm.log_softmax, (x,), {"dim": one_dim(dim, x._array.ndim, "log_softmax")})


def logsigmoid(input: Tensor) -> Tensor:
    """Return ln(1 / (1 + e^-x)) without overflow."""
    return apply(ew.logsigmoid, (input,), {})


def silu(input: Tensor, inplace: bool = False) -> Tensor:
    """Return x * sigmoid(x)."""
    return apply(ew.silu, (input,), {})


def gelu(input: Tensor, approximate: str = "none") -> Tensor:
    """Return x * Phi(x), Phi the normal distribution function.

    Args:
        approximate: 'none' for the exact erf form, 'tanh' for
            x / 2 * (1 + tanh(sqrt(2 / pi) * (x + 0.044715 x^3))).
    """
    if approximate not in ("none", "tanh"):
        raise RuntimeError(
            explain("gelu", got=f"approximate={approximate!r}", expected="'none' or 'tanh'")
        )
    return apply(ew.gelu if approximate == "none" else ew.gelu_tanh, (input,), {})


def softplus(input: Tensor, beta: float = 1.0, threshold: float = 20.0) -> Tensor:
    """Return ln(1 + e^(beta x)) / beta, and x itself where beta x > threshold."""
    return apply(ew.softplus, (input,), {"beta": float(beta), "threshold": float(threshold)})


def elu(input: Tensor, alpha: float = 1.0, inplace: bool = False) -> Tensor:
    """Return x above 0 and alpha * (e^x - 1) below."""
    return apply(ew.elu, (input,), {"alpha": float(alpha)})


def leaky_relu(input: Tensor, negative_slope: float = 0.01, inplace: bool = False) -> Tensor:
    """Return x above 0 and negative_slope * x below."""
    return apply(ew.leaky_relu, (input,), {"negative_slope": float(negative_slope)})
