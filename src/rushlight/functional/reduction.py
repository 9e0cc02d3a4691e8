"""Reductions with torch's `dim` and `keepdim`: sums, moments, extremes, norms."""

from __future__ import annotations

import builtins
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from rushlight.arrays import as_dtype, require_float
from rushlight.errors import ShapeError, explain
from rushlight.functional.dims import numpy_names, one_dim, some_dims
from rushlight.functional.elementwise import where
from rushlight.functional.picking import gather
from rushlight.functional.shaping import cat, stack
from rushlight.ops import elementwise as ew
from rushlight.ops import index as ix
from rushlight.ops import reduce
from rushlight.tape import TensorBase, apply, state, traced, wrap

if TYPE_CHECKING:
    from rushlight.tensor.tensor import Tensor

__all__ = [
    "all",
    "amax",
    "amin",
    "aminmax",
    "any",
    "argmax",
    "argmin",
    "argsort",
    "bincount",
    "count_nonzero",
    "cumsum",
    "diff",
    "dist",
    "kthvalue",
    "logsumexp",
    "max",
    "mean",
    "median",
    "min",
    "nanmean",
    "nansum",
    "norm",
    "prod",
    "quantile",
    "sort",
    "std",
    "std_mean",
    "sum",
    "topk",
    "unique",
    "var",
    "var_mean",
]

Dim = int | Sequence[int] | None


class ValuesAndIndices(NamedTuple):
    """The result of a reduction that also says where: `.values` and `.indices`."""

    values: Tensor
    indices: Tensor


def _reduce(op: Any, x: Tensor, dim: Dim, keepdim: bool, **options: Any) -> Tensor:
    dims = some_dims(dim, x._array.ndim, op.name)
    return apply(op, (x,), {"dims": dims, "keepdim": keepdim, **options})


def _converted(x: Tensor, dtype: Any) -> Tensor:
    return x if dtype is None or x._array.dtype == as_dtype(dtype) else x.to(as_dtype(dtype))


@numpy_names
def sum(input: Tensor, dim: Dim = None, keepdim: bool = False, *, dtype: Any = None) -> Tensor:
    """Return the sum over `dim` (int, ints or None for all); integers and bools sum to int64.

    Example:
        >>> import rushlight as rl
        >>> rl.sum(rl.tensor([[1.0, 2.0], [3.0, 4.0]]), dim=0)
        tensor([4., 6.])
    """
    found = _reduce(reduce.sum, _converted(input, dtype), dim, keepdim)
    return _converted(found, dtype)  # integers are summed in int64


@numpy_names
def mean(input: Tensor, dim: Dim = None, keepdim: bool = False, *, dtype: Any = None) -> Tensor:
    """Return the mean over `dim`; the dtype must be floating."""
    x = _converted(input, dtype)
    require_float("mean", x._array.dtype)
    return _reduce(reduce.mean, x, dim, keepdim)


def _correction(unbiased: bool | None, correction: float | None) -> float:
    if unbiased is not None:
        return float(unbiased)
    return 1.0 if correction is None else correction


@numpy_names
def var(
    input: Tensor,
    dim: Dim | bool = None,
    unbiased: bool | None = None,
    keepdim: bool = False,
    *,
    correction: float | None = 1,
) -> Tensor:
    """Return the variance, sum((x - mean)^2) / max(n - correction, 0).

    Args:
        dim: int, ints or None for all.
        unbiased: the older spelling: True for correction 1, False for 0.
        correction: what is taken off n; default 1.
    """
    if isinstance(dim, bool):
        dim, unbiased = None, dim
    require_float("var", input._array.dtype)
    return _reduce(reduce.var, input, dim, keepdim, correction=_correction(unbiased, correction))


@numpy_names
def std(
    input: Tensor,
    dim: Dim | bool = None,
    unbiased: bool | None = None,
    keepdim: bool = False,
    *,
    correction: float | None = 1,
) -> Tensor:
    """Return the square root of `var`; the gradient is 0 where nothing varies."""
    if isinstance(dim, bool):
        dim, unbiased = None, dim
    require_float("std", input._array.dtype)
    return _reduce(reduce.std, input, dim, keepdim, correction=_correction(unbiased, correction))


def var_mean(
    input: Tensor,
    dim: Dim | bool = None,
    unbiased: bool | None = None,
    keepdim: bool = False,
    *,
    correction: float | None = 1,
) -> tuple[Tensor, Tensor]:
    """Return `var` and `mean`."""
    spread = var(input, dim, unbiased, keepdim, correction=correction)
    return spread, mean(input, None if isinstance(dim, bool) else dim, keepdim)


def std_mean(
    input: Tensor,
    dim: Dim | bool = None,
    unbiased: bool | None = None,
    keepdim: bool = False,
    *,
    correction: float | None = 1,
) -> tuple[Tensor, Tensor]:
    """Return `std` and `mean`."""
    spread = std(input, dim, unbiased, keepdim, correction=correction)
    return spread, mean(input, None if isinstance(dim, bool) else dim, keepdim)


def nansum(input: Tensor, dim: Dim = None, keepdim: bool = False, *, dtype: Any = None) -> Tensor:
    """Return the sum over `dim` with nan counted as 0."""
    x = _converted(input, dtype)
    return sum(where(x == x, x, 0), dim, keepdim, dtype=dtype)


def nanmean(input: Tensor, dim: Dim = None, keepdim: bool = False, *, dtype: Any = None) -> Tensor:
    """Return the mean over `dim` of what is not nan."""
    x = _converted(input, dtype)
    require_float("nanmean", x._array.dtype)
    return nansum(x, dim, keepdim) / sum(x == x, dim, keepdim)


def _extreme(op: Any, x: Tensor, dim: Dim, keepdim: bool) -> Tensor:
    if dim is not None:
        for d in some_dims(dim, x._array.ndim, op.name):
            _place(x, d, keepdim, op.name)
    return _reduce(op, x, dim, keepdim)


@numpy_names
def amax(input: Tensor, dim: Dim = None, keepdim: bool = False) -> Tensor:
    """Return the maximum over `dim`; equal maxima share the gradient."""
    return _extreme(reduce.amax, input, dim, keepdim)


@numpy_names
def amin(input: Tensor, dim: Dim = None, keepdim: bool = False) -> Tensor:
    """Return the minimum over `dim`; equal minima share the gradient."""
    return _extreme(reduce.amin, input, dim, keepdim)


def aminmax(
    input: Tensor, *, dim: int | None = None, keepdim: bool = False
) -> tuple[Tensor, Tensor]:
    """Return `amin` and `amax` of all or of one dim."""
    return amin(input, dim, keepdim), amax(input, dim, keepdim)


@numpy_names
def max(input: Tensor, dim: Any = None, keepdim: bool = False, *, other: Any = None) -> Any:
    """Return the maximum: of all, of one dim with its places, or of two tensors elementwise.

    `max(x)` is a scalar; `max(x, dim)` has `.values` and `.indices` (the first maximum, which takes
    the gradient); `max(x, other)` is `maximum`.

    Example:
        >>> import rushlight as rl
        >>> rl.max(rl.tensor([[1.0, 5.0], [7.0, 2.0]]), dim=1).indices
        tensor([1, 0])
    """
    return _max_or_min(input, dim, keepdim, other, ix.max_dim, reduce.max_all, ew.maximum)


@numpy_names
def min(input: Tensor, dim: Any = None, keepdim: bool = False, *, other: Any = None) -> Any:
    """Return the minimum: of all, of one dim with its places, or of two tensors elementwise."""
    return _max_or_min(input, dim, keepdim, other, ix.min_dim, reduce.min_all, ew.minimum)


def _max_or_min(
    x: Tensor, dim: Any, keepdim: bool, other: Any, pick: Any, total: Any, pair: Any
) -> Any:
    if isinstance(dim, TensorBase):
        dim, other = None, dim
    if other is not None:
        return apply(pair, (x, other), {})
    if dim is None:
        return _reduce(total, x, None, False)
    return ValuesAndIndices(*apply(pick, (x,), _place(x, dim, keepdim, pick.name)))


def _place(x: Tensor, dim: int, keepdim: bool, where: str) -> dict[str, Any]:
    dim = one_dim(dim, x._array.ndim, where)
    if x._array.ndim and x._array.shape[dim] == 0:
        raise IndexError(explain(where, got=f"a tensor {x.shape}", expected=f"dim {dim} not empty"))
    return {"dim": dim, "keepdim": keepdim}


def _arg(find: Any, x: Tensor, dim: int | None, keepdim: bool) -> Tensor:
    if dim is None:
        if x._array.size == 0:
            raise IndexError(explain(find.__name__, got="an empty tensor", expected="elements"))
        index = find(x._array)
        return wrap(np.asarray(index).reshape((1,) * x._array.ndim if keepdim else ()))
    place = _place(x, dim, keepdim, find.__name__)
    if not x._array.ndim:
        return wrap(np.zeros((), np.int64))
    return wrap(find(x._array, axis=place["dim"], keepdims=keepdim))


@numpy_names
@traced()
def argmax(input: Tensor, dim: int | None = None, keepdim: bool = False) -> Tensor:
    """Return the place of the first maximum, in the flattened tensor if `dim` is None."""
    return _arg(np.argmax, input, dim, keepdim)


@numpy_names
@traced()
def argmin(input: Tensor, dim: int | None = None, keepdim: bool = False) -> Tensor:
    """Return the place of the first minimum, in the flattened tensor if `dim` is None."""
    return _arg(np.argmin, input, dim, keepdim)


@numpy_names
def prod(
    input: Tensor, dim: int | None = None, keepdim: bool = False, *, dtype: Any = None
) -> Tensor:
    """Return the product over `dim` (None for all); zeros have exact gradients."""
    return _converted(_reduce(reduce.prod, _converted(input, dtype), dim, keepdim), dtype)


@numpy_names
def cumsum(input: Tensor, dim: int, *, dtype: Any = None) -> Tensor:
    """Return the running sum along `dim`."""
    x = _converted(input, dtype)
    if x._array.ndim == 0:
        one_dim(dim, 0, "cumsum")
        return cumsum(x.reshape(1), 0, dtype=dtype).reshape(())
    found = apply(reduce.cumsum, (x,), {"dim": one_dim(dim, x._array.ndim, "cumsum")})
    return _converted(found, dtype)


@numpy_names
def logsumexp(input: Tensor, dim: int | Sequence[int], keepdim: bool = False) -> Tensor:
    """Return ln sum(e^x) over `dim`, with the maximum taken out first."""
    return _reduce(reduce.logsumexp, input, dim, keepdim)


@numpy_names
def norm(
    input: Tensor, p: float | str | None = "fro", dim: Dim = None, keepdim: bool = False
) -> Tensor:
    """Return the p-norm, (sum |x|^p)^(1/p), over `dim` (all of them by default).

    Args:
        p: 'fro' or 2 (Euclidean), 1, 0 (the count of non-zeros), inf, -inf or another number.

    Example:
        >>> import rushlight as rl
        >>> rl.norm(rl.tensor([3.0, 4.0]))
        tensor(5.)
    """
    require_float("norm", input._array.dtype)
    if p in ("fro", 2, None):
        return _reduce(reduce.norm, input, dim, keepdim)
    if isinstance(p, str):
        raise RuntimeError(explain("norm", got=f"p={p!r}", expected="'fro' or a number"))
    if p in (float("inf"), float("-inf")):  # ties share the gradient
        return (amax if p > 0 else amin)(input.abs(), dim, keepdim)
    return _reduce(reduce.norm_p, input, dim, keepdim, p=float(p))


def sort(
    input: Tensor, dim: int = -1, descending: bool = False, stable: bool = False
) -> ValuesAndIndices:
    """Return the values in order along `dim`, and where each stood (always a stable order)."""
    options = {"dim": one_dim(dim, input._array.ndim, "sort"), "descending": descending}
    return ValuesAndIndices(*apply(ix.sort, (input,), options))


def argsort(input: Tensor, dim: int = -1, descending: bool = False, stable: bool = False) -> Tensor:
    """Return the indices that sort along `dim`."""
    return sort(input, dim, descending, stable).indices


def topk(
    input: Tensor, k: int, dim: int = -1, largest: bool = True, sorted: bool = True
) -> ValuesAndIndices:
    """Return the k largest (or smallest) along `dim` with their indices, in order."""
    found = one_dim(dim, input._array.ndim, "topk")
    size = input._array.shape[found] if input._array.ndim else 1
    if not 0 <= k <= size:
        raise ShapeError(explain("topk", got=f"k={k}", expected=f"0 to {size} for dim {dim}"))
    values, indices = sort(input, dim, descending=largest)
    if not input._array.ndim:
        return ValuesAndIndices(values, indices)
    return ValuesAndIndices(values.narrow(found, 0, k), indices.narrow(found, 0, k))


def median(input: Tensor, dim: int | None = None, keepdim: bool = False) -> Any:
    """Return the median; of an even count the lower of the two, and nan if there is one."""
    if dim is None:
        return _reduce(reduce.median, input, None, False)
    return _median_along(input, dim, keepdim)


@traced(name="median_dim")
def _median_along(input: Tensor, dim: int, keepdim: bool) -> ValuesAndIndices:
    found = one_dim(dim, input._array.ndim, "median")
    values, indices = sort(input, found)
    if not input._array.ndim:
        return ValuesAndIndices(values, indices)
    gaps = np.isnan(values._array).sum(found, keepdims=True)  # they come last in order
    size = input._array.shape[found]
    place = wrap(np.where(gaps > 0, size - gaps, (size - 1) // 2))
    picked = gather(values, found, place), gather(indices, found, place)
    if not keepdim:
        picked = picked[0].squeeze(found), picked[1].squeeze(found)
    return ValuesAndIndices(*picked)


def kthvalue(input: Tensor, k: int, dim: int = -1, keepdim: bool = False) -> ValuesAndIndices:
    """Return the k-th smallest value (counted from 1) along `dim`, and where it stands."""
    found = one_dim(dim, input._array.ndim, "kthvalue")
    size = input._array.shape[found] if input._array.ndim else 1
    if not 1 <= k <= size:
        raise RuntimeError(explain("kthvalue", got=f"k={k}", expected=f"1 to {size}"))
    values, indices = sort(input, dim)
    if input._array.ndim:
        values, indices = values.narrow(found, k - 1, 1), indices.narrow(found, k - 1, 1)
        if not keepdim:
            values, indices = values.squeeze(found), indices.squeeze(found)
    return ValuesAndIndices(values, indices)


def quantile(
    input: Tensor,
    q: float | Tensor,
    dim: int | None = None,
    keepdim: bool = False,
    *,
    interpolation: str = "linear",
) -> Tensor:
    """Return the q-quantile (0 <= q <= 1), between neighbours; several for a vector q.

    Args:
        q: number or tensor, a constant: it gets no gradient.
        interpolation: 'linear', 'lower', 'higher', 'midpoint' or 'nearest'.
    """
    require_float("quantile", input._array.dtype)
    x = input.reshape(-1) if dim is None else input
    at = one_dim(0 if dim is None else dim, x._array.ndim, "quantile")
    places = quantile_places(q, x._array.dtype, "quantile")
    ordered = sort(x, at).values
    last = ordered.narrow(at, x._array.shape[at] - 1, 1)  # nan, if there is one
    parts = []
    for place in places.ravel() * (x._array.shape[at] - 1):
        low, high, weight = neighbours(place, interpolation, "quantile")
        a, b = ordered.narrow(at, int(low), 1), ordered.narrow(at, int(high), 1)
        part = a + (b - a) * float(weight)
        if state.general or np.isnan(last._array).any():
            part = where(last != last, last, part)
        if dim is None:
            part = part.reshape((1,) * input._array.ndim if keepdim else ())
        parts.append(part if keepdim or dim is None else part.squeeze(at))
    return parts[0] if not places.ndim else stack(parts)


def quantile_places(q: Any, dtype: Any, where_: str) -> Any:
    """Return q as an array, checked."""
    if isinstance(q, TensorBase) and q._requires_grad and state.recording:
        got, fix = "q that requires a gradient", "detach() it"
        raise NotImplementedError(explain(where_, got=got, expected="a constant", fix=fix))
    places = np.asarray(q._array if isinstance(q, TensorBase) else q, dtype)
    if ((places < 0) | (places > 1)).any() or places.ndim > 1:
        got, expected = f"q={q}", "a number of 0 to 1, or a vector of them"
        raise RuntimeError(explain(where_, got=got, expected=expected))
    return places


def neighbours(rank: Any, interpolation: str, where_: str) -> tuple[Any, Any, Any]:
    """Return the ranks beside a fractional one, and the weight of the upper."""
    rounded: dict[str, Any] = {"lower": np.floor, "higher": np.ceil, "nearest": np.round}
    if interpolation in rounded:
        rank = rounded[interpolation](rank)
    elif interpolation not in ("linear", "midpoint"):
        expected = "'linear', 'lower', 'higher', 'midpoint' or 'nearest'"
        raise RuntimeError(
            explain(where_, got=f"interpolation={interpolation!r}", expected=expected)
        )
    low, high = np.floor(rank).astype(np.int64), np.ceil(rank).astype(np.int64)
    return low, high, rank * 0 + 0.5 if interpolation == "midpoint" else rank - low


def diff(
    input: Tensor,
    n: int = 1,
    dim: int = -1,
    prepend: Tensor | None = None,
    append: Tensor | None = None,
) -> Tensor:
    """Return the n-th differences of neighbours along `dim`, of what is joined, if given."""
    if n < 0:
        raise RuntimeError(explain("diff", got=f"n={n}", expected="n >= 0"))
    parts = [part for part in (prepend, input, append) if part is not None]
    x = cat(parts, dim) if len(parts) > 1 else input
    at = one_dim(dim, x._array.ndim, "diff")
    for _ in range(n):
        size = x._array.shape[at]
        rest = builtins.max(size - 1, 0)
        x = x.narrow(at, size - rest, rest) - x.narrow(at, 0, rest)
    return x


def dist(input: Tensor, other: Tensor, p: float = 2) -> Tensor:
    """Return the p-norm of the difference."""
    return norm(input - other, p)


# ---- bools and counts


@traced()
def unique(
    input: Tensor,
    sorted: bool = True,
    return_inverse: bool = False,
    return_counts: bool = False,
    dim: int | None = None,
) -> Any:
    """Return the distinct elements (or slices of `dim`) in order.

    Args:
        sorted: accepted; they always are in order.
        return_inverse: also return where in the result each element is.
        return_counts: also return how often each occurs.
    """
    array = input._array
    values, inverse, counts = np.unique(
        array, return_inverse=True, return_counts=True, axis=dim, equal_nan=False
    )
    found = [wrap(values)]
    if return_inverse:
        found.append(wrap(inverse.reshape(array.shape if dim is None else -1)))
    if return_counts:
        found.append(wrap(counts))
    return found[0] if len(found) == 1 else tuple(found)


@traced(2)
def bincount(input: Tensor, weights: Tensor | None = None, minlength: int = 0) -> Tensor:
    """Return how often (or with what total weight) each of 0, 1, ... occurs in a vector."""
    if input._array.ndim != 1 or input._array.dtype.kind not in "iu" or (input._array < 0).any():
        raise RuntimeError(
            explain("bincount", got=f"{input.dtype.name} {input.shape}", expected="a vector >= 0")
        )
    by = None if weights is None else weights._array
    counts = np.bincount(input._array, by, minlength)
    return wrap(counts.astype(by.dtype) if by is not None and by.dtype.kind == "f" else counts)


def _logic(f: Any, x: Tensor, dim: Dim, keepdim: bool) -> Tensor:
    dims = some_dims(dim, x._array.ndim, f.__name__)
    found = f(x._array, axis=dims, keepdims=keepdim)
    return wrap(found.astype(np.uint8) if x._array.dtype == np.uint8 else found)  # as torch


@numpy_names
@traced()
def all(input: Tensor, dim: Dim = None, keepdim: bool = False) -> Tensor:
    """Tell whether all elements are true (non-zero)."""
    return _logic(np.all, input, dim, keepdim)


@numpy_names
@traced()
def any(input: Tensor, dim: Dim = None, keepdim: bool = False) -> Tensor:
    """Tell whether any element is true (non-zero)."""
    return _logic(np.any, input, dim, keepdim)


@numpy_names
@traced()
def count_nonzero(input: Tensor, dim: Dim = None) -> Tensor:
    """Return how many elements are not zero."""
    dims = some_dims(dim, input._array.ndim, "count_nonzero")
    return wrap(np.asarray(np.count_nonzero(input._array, axis=dims), np.int64))
