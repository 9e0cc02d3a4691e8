"""Covariances, histograms, order statistics that skip nan, and searches in sorted tensors."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from rushlight.errors import DtypeError, ShapeError, explain
from rushlight.functional.dims import one_dim
from rushlight.functional.elementwise import where
from rushlight.functional.picking import diagonal, gather
from rushlight.functional.products import matmul
from rushlight.functional.reduction import (
    ValuesAndIndices,
    neighbours,
    norm,
    quantile,
    quantile_places,
    sort,
)
from rushlight.functional.shaping import reshape, stack
from rushlight.random import Generator, source_of
from rushlight.tape import TensorBase, traced, wrap

if TYPE_CHECKING:
    from rushlight.tensor.tensor import Tensor

__all__ = [
    "binomial",
    "bucketize",
    "corrcoef",
    "cov",
    "histc",
    "histogram",
    "mode",
    "nanmedian",
    "nanquantile",
    "poisson",
    "renorm",
    "searchsorted",
    "unique_consecutive",
]


class Histogram(NamedTuple):
    """Counts and the edges of the bins."""

    hist: Any
    bin_edges: Any


# ---- covariances


def cov(
    input: Tensor,
    *,
    correction: int = 1,
    fweights: Tensor | None = None,
    aweights: Tensor | None = None,
) -> Tensor:
    """Return the covariance matrix of variables (rows) over observations (columns).

    Args:
        input: (variables, observations), or a vector of observations.
        correction: the divisor is the number of observations less this.
        fweights: how often each observation counts, integers.
        aweights: the weight of each observation.

    Example:
        >>> import rushlight as rl
        >>> rl.cov(rl.tensor([[0.0, 1.0, 2.0], [2.0, 1.0, 0.0]]))
        tensor([[ 1., -1.],
                [-1.,  1.]])
    """
    if input.ndim > 2:
        raise ShapeError(explain("cov", got=f"{input.shape}", expected="2 dims or fewer"))
    x = reshape(input, (1, -1)) if input.ndim < 2 else input
    x = x if x._array.dtype.kind == "f" else x.float()
    weights: Any = None
    for name, given in (("fweights", fweights), ("aweights", aweights)):
        if given is not None:
            _check_weights(name, given, x.shape[1])
            weights = given.to(x.dtype) if weights is None else weights * given.to(x.dtype)
    if weights is None:
        centred, total = x - x.mean(1, keepdim=True), x.shape[1]
        free: Any = total - correction
        out = matmul(centred, centred.mT)
    else:
        total = weights.sum()
        centred = x - (x * weights).sum(1, keepdim=True) / total
        free = total - correction
        if aweights is not None and correction:
            free = total - correction * (weights * aweights.to(x.dtype)).sum() / total
        out = matmul(centred * weights, centred.mT)
    out = out / (max(free, 0) if isinstance(free, int) else free.clamp(min=0))
    return out if input.ndim == 2 and input.shape[0] > 1 else reshape(out, ())


def _check_weights(name: str, weights: Tensor, count: int) -> None:
    array = weights._array
    if (array.dtype.kind in "iu") != (name == "fweights"):
        expected = "an integer dtype" if name == "fweights" else "a floating dtype"
        raise DtypeError(explain("cov", got=f"{name} of {array.dtype}", expected=expected))
    if array.shape != (count,):
        raise ShapeError(explain("cov", got=f"{name} {array.shape}", expected=f"({count},)"))
    if (array < 0).any():
        raise RuntimeError(explain("cov", got=f"{name} down to {array.min()}", expected=">= 0"))


def corrcoef(input: Tensor) -> Tensor:
    """Return the correlation coefficients of variables (rows) over observations (columns)."""
    c = cov(input)
    if not c.ndim:
        return c / c
    deviation = diagonal(c).sqrt()
    return (c / deviation.unsqueeze(1) / deviation).clamp(-1, 1)


# ---- histograms


@traced()
def histc(input: Tensor, bins: int = 100, min: float = 0, max: float = 0) -> Tensor:
    """Return how many elements lie in each of equal bins from min to max, both counted in.

    If both are 0, they are the smallest and the largest element. No gradient.
    """
    array, low, high = input._array, min, max
    if low == high == 0 and array.size:
        low, high = array.min(), array.max()
    if low == high:
        low, high = low - 1, high + 1
    if not (np.isfinite([low, high]).all() and low < high and bins > 0):
        got = f"{bins} bins from {low} to {high}"
        raise RuntimeError(explain("histc", got=got, expected="bins >= 1 and finite min <= max"))
    counts = np.histogram(array, bins, (low, high))[0]
    return wrap(counts.astype(array.dtype))


@traced()
def histogram(
    input: Tensor,
    bins: Any,
    *,
    range: Any = None,
    weight: Tensor | None = None,
    density: bool = False,
) -> Histogram:
    """Return counts (or weights, or their density) in bins, and the edges of the bins.

    Args:
        bins: int, the number of equal bins, or a tensor of their edges.
        range: (low, high) of equal bins; default the extremes of the input.
    """
    array = input._array
    if isinstance(bins, TensorBase):
        edges = bins._array
    else:
        low, high = range or ((array.min(), array.max()) if array.size else (0, 0))
        low, high = (low - 0.5, high + 0.5) if low == high else (low, high)
        edges = np.linspace(low, high, bins + 1)
    weights = None if weight is None else weight._array.ravel()
    counts, _ = np.histogram(array.ravel(), edges, weights=weights, density=density)
    return Histogram(wrap(counts.astype(array.dtype)), wrap(edges.astype(array.dtype)))


# ---- order statistics


@traced()
def mode(input: Tensor, dim: int = -1, keepdim: bool = False) -> ValuesAndIndices:
    """Return the most frequent element along `dim` (the smallest of several) and a place of it."""
    at = one_dim(dim, input._array.ndim, "mode")
    if not input.ndim:
        return ValuesAndIndices(input.clone(), wrap(np.zeros((), np.int64)))
    ordered = sort(input.detach(), at)
    x = ordered.values._array
    new = np.diff(x, axis=at, prepend=np.take(x, [0], at)) != 0
    steps = np.arange(x.shape[at]).reshape([-1 if d == at else 1 for d in range_(x.ndim)])
    starts = np.maximum.accumulate(np.where(new, steps, 0), at)
    last = np.expand_dims(np.argmax(steps - starts, at), at)  # the end of the longest run
    index = np.take_along_axis(ordered.indices._array, last, at)
    values = gather(input, at, wrap(index))
    if not keepdim:
        values, index = values.squeeze(at), index.squeeze(at)
    return ValuesAndIndices(values, wrap(index))


range_ = range  # an argument of histogram has this name in torch


@traced()
def nanmedian(input: Tensor, dim: int | None = None, keepdim: bool = False) -> Any:
    """Return the median of what is not nan (the lower of two); with `dim` its place, too."""
    if dim is None:
        return nanmedian(reshape(input, -1), 0).values
    at = one_dim(dim, input._array.ndim, "nanmedian")
    if not input.ndim:
        return ValuesAndIndices(input.clone(), wrap(np.zeros((), np.int64)))
    count = (~np.isnan(input._array)).sum(at, keepdims=True)
    ordered = sort(input, at)  # nan last
    place = wrap(np.maximum((count - 1) // 2, 0))
    values, index = gather(ordered.values, at, place), gather(ordered.indices, at, place)
    return ValuesAndIndices(*(x if keepdim else x.squeeze(at) for x in (values, index)))


@traced()
def nanquantile(
    input: Tensor,
    q: float | Tensor,
    dim: int | None = None,
    keepdim: bool = False,
    *,
    interpolation: str = "linear",
) -> Tensor:
    """Return the q-quantile of what is not nan; `interpolation` as of `quantile`."""
    holes = np.isnan(input._array)
    if not holes.any():
        return quantile(input, q, dim, keepdim, interpolation=interpolation)
    if dim is None:
        out = nanquantile(reshape(input, -1), q, 0, interpolation=interpolation)
        return reshape(out, (*out.shape, *(1,) * input.ndim)) if keepdim else out
    at = one_dim(dim, input.ndim, "nanquantile")
    ordered = sort(input, at).values  # nan last
    last = np.maximum((~holes).sum(at, keepdims=True) - 1, 0)
    places = quantile_places(q, input._array.dtype, "nanquantile")
    parts = []
    for place in places.ravel():
        low, high, weight = neighbours(place * last, interpolation, "nanquantile")
        a, b = gather(ordered, at, wrap(low)), gather(ordered, at, wrap(high))
        part = a + (b - a) * wrap(weight.astype(input._array.dtype))
        parts.append(part if keepdim else part.squeeze(at))
    return parts[0] if not places.ndim else stack(parts)


# ---- searches


@traced(2)
def searchsorted(
    sorted_sequence: Tensor,
    input: Any,
    *,
    out_int32: bool = False,
    right: bool = False,
    side: str | None = None,
    sorter: Tensor | None = None,
) -> Tensor:
    """Return where elements would have to be put into a sequence that stays sorted.

    Args:
        sorted_sequence: a vector, or (*, n) in ascending order along the last dim.
        input: number, or tensor; of the same leading dims unless the sequence is a vector.
        out_int32: int32 instead of int64.
        right: behind equal elements; the same as `side="right"`.
        side: 'left' or 'right'.
        sorter: indices that sort the sequence.
    """
    name = "searchsorted"
    if side not in (None, "left", "right") or (side == "left" and right):
        got = f"side={side!r} with right={right}"
        raise RuntimeError(explain(name, got=got, expected="'left' or 'right', and no other"))
    edge: Any = "right" if right or side == "right" else "left"
    values = np.asarray(input._array if isinstance(input, TensorBase) else input)
    sequence = sorted_sequence._array
    if sorter is not None:
        sequence = np.take_along_axis(sequence, sorter._array, -1)
    if sequence.ndim == 1:
        found = np.searchsorted(sequence, values, edge)
    else:
        if sequence.shape[:-1] != values.shape[:-1]:
            got = f"{sequence.shape} and {values.shape}"
            raise RuntimeError(explain(name, got=got, expected="equal sizes but the last"))
        found = _search_rows(sequence, values, edge)
    return wrap(np.asarray(found, np.int32 if out_int32 else np.int64))


def _search_rows(sequence: Any, values: Any, edge: str) -> Any:
    """Rank sequence and values together, row by row, all rows at once."""
    n = sequence.shape[-1]
    both = [sequence, values] if edge == "right" else [values, sequence]  # who wins a tie
    order = np.argsort(np.concatenate(both, -1), -1, kind="stable")
    own = order < n if edge == "right" else order >= values.shape[-1]
    before = np.cumsum(own, -1)  # elements of the sequence up to each
    ranks = np.empty_like(order)
    np.put_along_axis(ranks, order, before, -1)
    return ranks[..., n:] if edge == "right" else ranks[..., : values.shape[-1]]


def bucketize(
    input: Any, boundaries: Tensor, *, out_int32: bool = False, right: bool = False
) -> Tensor:
    """Return in which of the buckets between ascending boundaries each element falls."""
    if boundaries.ndim != 1:
        got = f"boundaries {boundaries.shape}"
        raise RuntimeError(explain("bucketize", got=got, expected="a vector"))
    return searchsorted(boundaries, input, out_int32=out_int32, right=right)


@traced()
def unique_consecutive(
    input: Tensor,
    return_inverse: bool = False,
    return_counts: bool = False,
    dim: int | None = None,
) -> Any:
    """Return the elements (or slices of `dim`) without those equal to the one before them."""
    x = input._array.reshape(-1) if dim is None else input._array
    at = 0 if dim is None else one_dim(dim, x.ndim, "unique_consecutive")
    x = np.moveaxis(x, at, 0)
    new = np.ones(len(x), np.bool_)
    if len(x) > 1:
        new[1:] = (x[1:] != x[:-1]).reshape(len(x) - 1, -1).any(1)
    found = [wrap(np.ascontiguousarray(np.moveaxis(x[new], 0, at)))]
    if return_inverse:
        inverse = np.cumsum(new) - 1
        found.append(wrap(inverse.reshape(input._array.shape) if dim is None else inverse))
    if return_counts:
        found.append(wrap(np.diff(np.append(np.flatnonzero(new), len(x)))))
    return found[0] if len(found) == 1 else tuple(found)


def renorm(input: Tensor, p: float, dim: int, maxnorm: float) -> Tensor:
    """Return `input` with those slices of `dim` scaled down whose p-norm is above `maxnorm`."""
    at = one_dim(dim, input._array.ndim, "renorm")
    if input.ndim < 2 or p <= 0 or maxnorm < 0:
        got = f"{input.shape}, p={p}, maxnorm={maxnorm}"
        raise RuntimeError(explain("renorm", got=got, expected="2 dims, p > 0 and maxnorm >= 0"))
    sizes = norm(input, p, [d for d in range_(input.ndim) if d != at], True)
    return input * where(sizes > maxnorm, maxnorm / (sizes + 1e-7), 1.0)


# ---- random numbers from given distributions


@traced()
def poisson(input: Tensor, generator: Generator | None = None) -> Tensor:
    """Draw from Poisson distributions of the given rates; no gradient."""
    rates = input._array
    if (rates < 0).any():
        raise RuntimeError(explain("poisson", got="negative rates", expected="rates >= 0"))
    return wrap(source_of(generator).poisson(rates).astype(rates.dtype))


@traced(2)
def binomial(count: Tensor, prob: Tensor, generator: Generator | None = None) -> Tensor:
    """Draw how many of `count` trials succeed at probability `prob`; no gradient."""
    n, p = np.broadcast_arrays(count._array, prob._array)
    if not ((p >= 0) & (p <= 1)).all() or (n < 0).any():
        raise RuntimeError(explain("binomial", got="arguments", expected="n >= 0, 0 <= p <= 1"))
    return wrap(source_of(generator).binomial(n.astype(np.int64), p).astype(count._array.dtype))
