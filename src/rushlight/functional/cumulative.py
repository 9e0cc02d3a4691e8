"""Running products, extremes and integrals along a dim."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rushlight.errors import ShapeError, explain
from rushlight.functional.dims import one_dim
from rushlight.functional.reduction import ValuesAndIndices, cumsum
from rushlight.functional.shaping import cat, movedim, narrow
from rushlight.ops import cumulative
from rushlight.tape import TensorBase, apply

if TYPE_CHECKING:
    from rushlight.tensor.tensor import Tensor

__all__ = [
    "cummax",
    "cummin",
    "cumprod",
    "cumulative_trapezoid",
    "gradient",
    "logcumsumexp",
    "trapezoid",
    "trapz",
]


def _along(where_: str, op: Any, input: Tensor, dim: int) -> Any:
    """Apply an op along a dim; a scalar is a line of one."""
    at = one_dim(dim, input._array.ndim, where_)
    if input._array.ndim:
        return apply(op, (input,), {"dim": at})
    found: Any = apply(op, (input.reshape(1),), {"dim": 0})
    if isinstance(found, TensorBase):
        return found.reshape(())  # type: ignore[attr-defined]
    return tuple(part.reshape(()) for part in found)


def cumprod(input: Tensor, dim: int, *, dtype: Any = None) -> Tensor:
    """Return the running product along `dim`.

    Example:
        >>> import rushlight as rl
        >>> rl.cumprod(rl.tensor([1.0, 2.0, 3.0]), 0)
        tensor([1., 2., 6.])
    """
    found = _along("cumprod", cumulative.cumprod, input if dtype is None else input.to(dtype), dim)
    return found if dtype is None else found.to(dtype)


def cummax(input: Tensor, dim: int) -> ValuesAndIndices:
    """Return the largest element so far along `dim`, and its (last) place."""
    return ValuesAndIndices(*_along("cummax", cumulative.cummax, input, dim))


def cummin(input: Tensor, dim: int) -> ValuesAndIndices:
    """Return the smallest element so far along `dim`, and its (last) place."""
    return ValuesAndIndices(*_along("cummin", cumulative.cummin, input, dim))


def logcumsumexp(input: Tensor, dim: int) -> Tensor:
    """Return ln of the running sum of e^x along `dim`, without overflow."""
    return _along("logcumsumexp", cumulative.logcumsumexp, input, dim)


# ---- integrals and derivatives of sampled functions


def _panels(y: Tensor, x: Any, dx: float, dim: int) -> Tensor:
    """Return the areas between neighbours, the samples moved to the last dim."""
    y = movedim(y, dim, -1)
    n = y.shape[-1]
    if n == 0:
        raise ShapeError(explain("trapezoid", got=f"size 0 in dim {dim}", expected="samples"))
    pairs = (narrow(y, -1, 1, n - 1) + narrow(y, -1, 0, n - 1)) / 2
    if x is None:
        return pairs * dx
    x = x if x.ndim == 1 else movedim(x, dim, -1)
    if x.shape[-1] != n:
        raise ShapeError(explain("trapezoid", got=f"{x.shape[-1]} places", expected=f"{n}"))
    return pairs * (narrow(x, -1, 1, n - 1) - narrow(x, -1, 0, n - 1))


def trapezoid(y: Tensor, x: Tensor | None = None, *, dx: float = 1.0, dim: int = -1) -> Tensor:
    """Return the integral of samples y at places x (or dx apart) by the trapezoidal rule.

    Example:
        >>> import rushlight as rl
        >>> rl.trapezoid(rl.tensor([1.0, 2.0, 3.0]))
        tensor(4.)
    """
    return _panels(y, x, dx, dim).sum(-1)


trapz = trapezoid


def cumulative_trapezoid(
    y: Tensor, x: Tensor | None = None, *, dx: float = 1.0, dim: int = -1
) -> Tensor:
    """Return the running integral, one element less than y."""
    return movedim(cumsum(_panels(y, x, dx, dim), -1), -1, dim)


def gradient(
    input: Tensor, *, spacing: Any = 1.0, dim: Any = None, edge_order: int = 1
) -> tuple[Tensor, ...]:
    """Return the derivatives of a sampled function along dims, by differences of neighbours.

    Args:
        input: the samples.
        spacing: a distance, one for each dim, or tensors of places for each dim.
        dim: int or tuple; default all.
        edge_order: 1 or 2, order of the differences at the ends.
    """
    dims = range(input.ndim) if dim is None else (dim,) if isinstance(dim, int) else dim
    at = [one_dim(d, input.ndim, "gradient") for d in dims]
    if len(set(at)) < len(at):
        raise RuntimeError(explain("gradient", got=f"dims {tuple(at)}", expected="each dim once"))
    if edge_order not in (1, 2):
        raise RuntimeError(explain("gradient", got=f"edge_order={edge_order}", expected="1 or 2"))
    spacing = 1.0 if spacing is None else spacing
    steps = list(spacing) if isinstance(spacing, (tuple, list)) else [spacing] * len(at)
    if len(steps) != len(at):
        got = f"{len(steps)} spacings for {len(at)} dims"
        raise RuntimeError(explain("gradient", got=got, expected="one for each"))
    found = [_slope(movedim(input, d, -1), h, edge_order) for d, h in zip(at, steps, strict=True)]
    return tuple(movedim(f, -1, d) for f, d in zip(found, at, strict=True))


def _slope(y: Tensor, spacing: Any, edge_order: int) -> Tensor:
    """Return the derivative along the last dim."""
    n = y.shape[-1]
    if n <= edge_order:
        raise RuntimeError(
            explain("gradient", got=f"{n} samples", expected=f"more than {edge_order}")
        )
    if isinstance(spacing, TensorBase) and spacing._array.ndim:
        x: Any = spacing
        h = narrow(x, 0, 1, n - 1) - narrow(x, 0, 0, n - 1)
    else:
        h = y.new_ones(n - 1) * spacing
    slopes = (narrow(y, -1, 1, n - 1) - narrow(y, -1, 0, n - 1)) / h
    first, last = narrow(slopes, -1, 0, 1), narrow(slopes, -1, n - 2, 1)
    if n == 2:
        return cat([first, last], -1)
    a, b = narrow(h, 0, 0, n - 2), narrow(h, 0, 1, n - 2)
    left, right = narrow(slopes, -1, 0, n - 2), narrow(slopes, -1, 1, n - 2)
    middle = (left * b + right * a) / (a + b)
    if edge_order == 2:
        bend = (right - left) / (a + b)
        m = n - 3
        first = first - narrow(bend, -1, 0, 1) * narrow(h, 0, 0, 1)
        last = last + narrow(bend, -1, m, 1) * narrow(h, 0, n - 2, 1)
    return cat([first, middle, last], -1)
