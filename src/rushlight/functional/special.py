"""Special functions under torch's names; those of `torch.special` stand in `rushlight.special`."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from rushlight.arrays import get_default_dtype, promote
from rushlight.errors import explain
from rushlight.functional.elementwise import div, erfc, logaddexp, mul
from rushlight.ops import special
from rushlight.tape import TensorBase, apply, state, wrap

if TYPE_CHECKING:
    from rushlight.tensor.tensor import Tensor

__all__ = [
    "digamma",
    "erfinv",
    "i0",
    "igamma",
    "igammac",
    "lgamma",
    "logaddexp2",
    "mvlgamma",
    "polygamma",
    "sinc",
]


def lgamma(input: Tensor) -> Tensor:
    """Return ln |Gamma(x)|, elementwise.

    Example:
        >>> import rushlight as rl
        >>> rl.lgamma(rl.tensor([0.5, 1.0, 5.0]))
        tensor([0.5724, 0.0000, 3.1781])
    """
    return apply(special.lgamma, (input,), {})


def digamma(input: Tensor) -> Tensor:
    """Return the derivative of lgamma, elementwise."""
    return apply(special.digamma, (input,), {})


def polygamma(n: int, input: Tensor) -> Tensor:
    """Return the n-th derivative of digamma, elementwise."""
    if n < 0:
        raise RuntimeError(explain("polygamma", got=f"n={n}", expected="n >= 0"))
    return apply(special.polygamma, (input,), {"n": int(n)})


def mvlgamma(input: Tensor, p: int) -> Tensor:
    """Return the log of the p-variate gamma function, elementwise; x > (p - 1) / 2."""
    if p < 1:
        raise RuntimeError(explain("mvlgamma", got=f"p={p}", expected="p >= 1"))
    total: Any = p * (p - 1) / 4 * math.log(math.pi)
    for i in range(p):
        total = lgamma(input - i / 2) + total
    return total


def _parametric(name: str, op: Any, parameter: Any, x: Any) -> Tensor:
    """Apply an op that has no derivative in its parameter."""
    if isinstance(parameter, TensorBase) and parameter._requires_grad and state.recording:
        raise NotImplementedError(
            explain(
                name,
                got="a first argument that requires a gradient",
                expected="a constant: the derivative in it is not implemented",
                fix="detach() it",
            )
        )
    both = [p._array if isinstance(p, TensorBase) else p for p in (parameter, x)]
    dtype = promote(*both)
    dtype = dtype if dtype.kind == "f" else get_default_dtype()
    x = x if isinstance(x, TensorBase) else wrap(np.asarray(x))
    return apply(op, (x.to(dtype),), {"parameter": both[0]})


def igamma(input: Any, other: Any) -> Tensor:
    """Return the regularized lower incomplete gamma function P(a, x), elementwise.

    There is no derivative in a.
    """
    return _parametric("igamma", special.gammainc, input, other)


def igammac(input: Any, other: Any) -> Tensor:
    """Return Q(a, x) = 1 - P(a, x), elementwise; there is no derivative in a."""
    return _parametric("igammac", special.gammaincc, input, other)


def zeta(input: Any, other: Any) -> Tensor:
    """Return Hurwitz' zeta function, the sum of (k + q)**-x over k >= 0, elementwise.

    There is no derivative in x.
    """
    return _parametric("zeta", special.zeta, input, other)


def erfinv(input: Tensor) -> Tensor:
    """Return the x of which erf(x) is the input, elementwise."""
    return apply(special.erfinv, (input,), {})


def erfcx(input: Tensor) -> Tensor:
    """Return exp(x**2) erfc(x) without overflow, elementwise."""
    return apply(special.erfcx, (input,), {})


def ndtr(input: Tensor) -> Tensor:
    """Return the probability that a standard normal variable is below x, elementwise."""
    return mul(erfc(mul(input, -math.sqrt(0.5))), 0.5)


def ndtri(input: Tensor) -> Tensor:
    """Return the x of which ndtr(x) is the input, elementwise."""
    return apply(special.ndtri, (input,), {})


def log_ndtr(input: Tensor) -> Tensor:
    """Return ln ndtr(x), exact also where ndtr(x) is 0 in floats, elementwise."""
    return apply(special.log_ndtr, (input,), {})


def entr(input: Tensor) -> Tensor:
    """Return -x ln x, 0 at 0 and -inf below, elementwise."""
    return apply(special.entr, (input,), {})


def xlog1py(input: Any, other: Any) -> Tensor:
    """Return a ln(1 + b), and 0 where a is 0 (b not nan), elementwise."""
    return apply(special.xlog1py, (input, other), {})


def i0(input: Tensor) -> Tensor:
    """Return the modified Bessel function of the first kind of order 0, elementwise."""
    return apply(special.i0, (input,), {})


def i0e(input: Tensor) -> Tensor:
    """Return e**-|x| i0(x), elementwise."""
    return apply(special.i0e, (input,), {})


def i1(input: Tensor) -> Tensor:
    """Return the modified Bessel function of the first kind of order 1, elementwise."""
    return apply(special.i1, (input,), {})


def i1e(input: Tensor) -> Tensor:
    """Return e**-|x| i1(x), elementwise."""
    return apply(special.i1e, (input,), {})


def sinc(input: Tensor) -> Tensor:
    """Return sin(pi x) / (pi x), and 1 at 0, elementwise."""
    return apply(special.sinc, (input,), {})


def logaddexp2(input: Tensor, other: Tensor) -> Tensor:
    """Return log2(2**a + 2**b) without overflow, elementwise."""
    base = math.log(2)
    return div(logaddexp(mul(input, base), mul(other, base)), base)
