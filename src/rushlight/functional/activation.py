"""Activations and softmax.

`inplace=True` is accepted and a new tensor is made all the same; the names with an underscore
write, as the methods with an underscore do.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from rushlight.arrays import as_dtype, is_float
from rushlight.errors import DtypeError, explain
from rushlight.functional.dims import one_dim
from rushlight.functional.elementwise import neg, relu, sigmoid, tanh
from rushlight.ops import activation as act
from rushlight.ops import elementwise as ew
from rushlight.ops import softmax as sm
from rushlight.random import default_generator
from rushlight.tape import apply, wrap

if TYPE_CHECKING:
    from rushlight.tensor.tensor import Tensor

__all__ = [
    "celu",
    "celu_",
    "elu",
    "elu_",
    "gelu",
    "glu",
    "gumbel_softmax",
    "hardshrink",
    "hardsigmoid",
    "hardswish",
    "hardtanh",
    "hardtanh_",
    "leaky_relu",
    "leaky_relu_",
    "log_softmax",
    "logsigmoid",
    "mish",
    "prelu",
    "relu",
    "relu6",
    "relu_",
    "rrelu",
    "rrelu_",
    "selu",
    "selu_",
    "sigmoid",
    "silu",
    "softmax",
    "softmin",
    "softplus",
    "softshrink",
    "softsign",
    "tanh",
    "tanhshrink",
    "threshold",
    "threshold_",
]


# ---- softmax


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


def softmin(input: Tensor, dim: int, dtype: Any = None) -> Tensor:
    """Return e^-x / sum(e^-x) along `dim`, with the minimum added first.

    Example:
        >>> import rushlight as rl
        >>> rl.nn.functional.softmin(rl.tensor([1000.0, 1000.0]), dim=0)
        tensor([0.5000, 0.5000])
    """
    return softmax(neg(input), dim, dtype)


def gumbel_softmax(
    logits: Tensor, tau: float = 1, hard: bool = False, eps: float = 1e-10, dim: int = -1
) -> Tensor:
    """Return a draw from the Gumbel-softmax distribution, softmax((x + noise) / tau) along `dim`.

    Args:
        logits: logarithms of the (unscaled) probabilities.
        tau: the temperature; towards 0 the draws come near to one-hot ones.
        hard: return the one-hot vector of the largest, with the gradient of the soft draw.
        eps: deprecated, no effect.

    Example:
        >>> import rushlight as rl
        >>> rl.nn.functional.gumbel_softmax(rl.zeros(2, 3), hard=True).sum(1)
        tensor([1., 1.])

    Source: https://arxiv.org/abs/1611.01144
    """
    if eps != 1e-10:
        text = "gumbel_softmax: the argument eps is deprecated and has no effect"
        warnings.warn(text, UserWarning, stacklevel=2)
    x = logits._array
    if not is_float(x.dtype):
        raise DtypeError(
            explain("gumbel_softmax", got=f"logits {x.dtype.name}", expected="a floating dtype")
        )
    soft = softmax((logits + wrap(_gumbel(x.shape, x.dtype))) / tau, dim)
    if not hard:
        return soft
    at = one_dim(dim, x.ndim, "gumbel_softmax")
    y = soft._array
    top = np.zeros(y.shape, y.dtype)
    if y.ndim and y.size:
        np.put_along_axis(top, np.expand_dims(y.argmax(at), at), 1.0, at)
    elif y.size:
        top[...] = 1.0
    return wrap(top) - soft.detach() + soft


def _gumbel(shape: tuple[int, ...], dtype: Any) -> Any:
    """Draw -ln(E), E exponential and above 0, so that no draw is infinite."""
    e = -np.log1p(-default_generator.random(shape, np.dtype(np.float64)))
    return (-np.log(np.maximum(e, np.finfo(np.float64).tiny))).astype(dtype, copy=False)


# ---- smooth


def logsigmoid(input: Tensor) -> Tensor:
    """Return ln(1 / (1 + e^-x)) without overflow."""
    return apply(ew.logsigmoid, (input,), {})


def silu(input: Tensor, inplace: bool = False) -> Tensor:
    """Return x * sigmoid(x)."""
    return apply(act.silu, (input,), {})


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
    return apply(act.gelu if approximate == "none" else act.gelu_tanh, (input,), {})


def softplus(input: Tensor, beta: float = 1.0, threshold: float = 20.0) -> Tensor:
    """Return ln(1 + e^(beta x)) / beta, and x itself where beta x > threshold."""
    return apply(act.softplus, (input,), {"beta": float(beta), "threshold": float(threshold)})


def elu(input: Tensor, alpha: float = 1.0, inplace: bool = False) -> Tensor:
    """Return x above 0 and alpha * (e^x - 1) below."""
    return apply(act.elu, (input,), {"alpha": float(alpha)})


def leaky_relu(input: Tensor, negative_slope: float = 0.01, inplace: bool = False) -> Tensor:
    """Return x above 0 and negative_slope * x below."""
    return apply(act.leaky_relu, (input,), {"negative_slope": float(negative_slope)})


def celu(input: Tensor, alpha: float = 1.0, inplace: bool = False) -> Tensor:
    """Return x above 0 and alpha * (e^(x / alpha) - 1) below.

    Raises:
        RuntimeError: if alpha is 0.

    Source: https://arxiv.org/abs/1704.07483
    """
    if alpha == 0:
        raise RuntimeError(explain("celu", got=f"alpha={alpha}", expected="a number != 0"))
    return apply(act.elu, (input,), {"alpha": float(alpha), "rate": 1.0 / alpha})


_SELU = {"alpha": 1.6732632423543772848170429916717, "scale": 1.0507009873554804934193349852946}


def selu(input: Tensor, inplace: bool = False) -> Tensor:
    """Return 1.0507 x above 0 and 1.7581 (e^x - 1) below: self-normalizing networks.

    Source: https://arxiv.org/abs/1706.02515
    """
    return apply(act.elu, (input,), _SELU)


def mish(input: Tensor, inplace: bool = False) -> Tensor:
    """Return x * tanh(ln(1 + e^x))."""
    return apply(act.mish, (input,), {})


def softsign(input: Tensor) -> Tensor:
    """Return x / (1 + |x|)."""
    return apply(act.softsign, (input,), {})


def tanhshrink(input: Tensor) -> Tensor:
    """Return x - tanh(x)."""
    return apply(act.tanhshrink, (input,), {})


def glu(input: Tensor, dim: int = -1) -> Tensor:
    """Return a * sigmoid(b), a and b the halves of `dim`.

    Raises:
        RuntimeError: if the size of `dim` is odd.

    Example:
        >>> import rushlight as rl
        >>> rl.nn.functional.glu(rl.tensor([3.0, 0.0]))
        tensor([1.5000])
    """
    if not input._array.ndim:
        raise RuntimeError(explain("glu", got="a tensor without dims", expected="a dim to halve"))
    return apply(act.glu, (input,), {"dim": one_dim(dim, input._array.ndim, "glu")})


# ---- of straight pieces


def _limits(input: Tensor, where: str, *values: float) -> list[Any]:
    """Return numbers in the kind of the input's dtype: whole ones for integers, as in torch."""
    dtype = input._array.dtype
    if dtype.kind == "f":
        return [float(v) for v in values]
    if dtype.kind == "b" or (dtype.kind == "u" and min(values) < 0):
        got = f"input {dtype.name}, numbers {values}"
        raise DtypeError(explain(where, got=got, expected="a dtype that holds them"))
    return [int(v) for v in values]


def hardtanh(
    input: Tensor, min_val: float = -1.0, max_val: float = 1.0, inplace: bool = False
) -> Tensor:
    """Return x limited to [min_val, max_val]; the gradient is 1 inside, 0 at the limits.

    Raises:
        ValueError: if min_val > max_val.
    """
    if min_val > max_val:
        raise ValueError(
            explain("hardtanh", got=f"[{min_val}, {max_val}]", expected="min_val <= max_val")
        )
    low, high = _limits(input, "hardtanh", min_val, max_val)
    return apply(act.hardtanh, (input,), {"low": low, "high": high})


def relu6(input: Tensor, inplace: bool = False) -> Tensor:
    """Return min(max(x, 0), 6)."""
    return hardtanh(input, 0.0, 6.0)


def hardsigmoid(input: Tensor, inplace: bool = False) -> Tensor:
    """Return min(max(x + 3, 0), 6) / 6."""
    return apply(act.hardsigmoid, (input,), {})


def hardswish(input: Tensor, inplace: bool = False) -> Tensor:
    """Return x * min(max(x + 3, 0), 6) / 6."""
    return apply(act.hardswish, (input,), {})


def hardshrink(input: Tensor, lambd: float = 0.5) -> Tensor:
    """Return x where |x| > lambd, else 0."""
    return apply(act.hardshrink, (input,), {"lambd": float(lambd)})


def softshrink(input: Tensor, lambd: float = 0.5) -> Tensor:
    """Return x moved by lambd towards 0, and 0 where |x| <= lambd.

    Raises:
        RuntimeError: if lambd < 0.
    """
    if not lambd >= 0:
        raise RuntimeError(explain("softshrink", got=f"lambd={lambd}", expected="a number >= 0"))
    return apply(act.softshrink, (input,), {"lambd": float(lambd)})


def threshold(input: Tensor, threshold: float, value: float, inplace: bool = False) -> Tensor:
    """Return x where x > threshold, else `value`."""
    limit, filled = _limits(input, "threshold", threshold, value)
    return apply(act.threshold, (input,), {"threshold": limit, "value": filled})


def prelu(input: Tensor, weight: Tensor) -> Tensor:
    """Return x above 0 and weight * x below.

    Args:
        weight: one slope, or one for each channel (dim 1 of the input).

    Raises:
        RuntimeError: if there are other numbers of slopes, or dtypes differ.

    Example:
        >>> import rushlight as rl
        >>> rl.prelu(rl.tensor([[-1.0, -1.0]]), rl.tensor([0.5, 0.25]))
        tensor([[-0.5000, -0.2500]])
    """
    return apply(act.prelu, (input, weight), {})


def rrelu(
    input: Tensor,
    lower: float = 1.0 / 8,
    upper: float = 1.0 / 3,
    training: bool = False,
    inplace: bool = False,
) -> Tensor:
    """Return x above 0 and a * x below.

    Args:
        lower, upper: in training a is drawn for each element from [lower, upper), else it is
            their mean.

    Raises:
        RuntimeError: if lower > upper or one of them is not finite.

    Source: https://arxiv.org/abs/1505.00853
    """
    if not (math.isfinite(lower) and math.isfinite(upper) and lower <= upper):
        raise RuntimeError(
            explain("rrelu", got=f"[{lower}, {upper})", expected="finite lower <= upper")
        )
    if not training:
        return leaky_relu(input, (lower + upper) / 2)
    x = input._array
    if not is_float(x.dtype):
        raise DtypeError(explain("rrelu", got=f"input {x.dtype.name}", expected="a floating dtype"))
    slope = np.empty_like(x)  # in the memory order of x
    np.multiply(default_generator.random(x.shape, x.dtype), upper - lower, out=slope)
    slope += lower
    return apply(act.leaky_relu, (input,), {"negative_slope": slope})


# ---- in place


def _in_place(f: Callable[..., Tensor]) -> Callable[..., Tensor]:
    """Make the function `f_`, which replaces the elements of its first argument by f of it."""

    def write(input: Tensor, *args: Any, **options: Any) -> Tensor:
        return input._replace(f.__name__, args, options, f)

    write.__name__ = write.__qualname__ = f"{f.__name__}_"
    write.__doc__ = f"Do `{f.__name__}` in place; an error on a tensor in a graph."
    return write


celu_ = _in_place(celu)
elu_ = _in_place(elu)
hardtanh_ = _in_place(hardtanh)
leaky_relu_ = _in_place(leaky_relu)
relu_ = _in_place(relu)
rrelu_ = _in_place(rrelu)
selu_ = _in_place(selu)
threshold_ = _in_place(threshold)
