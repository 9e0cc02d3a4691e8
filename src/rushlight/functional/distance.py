"""Distances and similarities of rows, and rows of norm 1."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from rushlight.arrays import is_float, promote, require_float
from rushlight.errors import DtypeError, ShapeError, explain
from rushlight.functional.composed import clamp_min
from rushlight.functional.dims import expect_tensors, one_int, some_dims
from rushlight.functional.reduction import norm
from rushlight.functional.shaping import broadcast_tensors, expand
from rushlight.ops import distance as ops
from rushlight.ops import embedding, reduce
from rushlight.tape import apply, state, traced

if TYPE_CHECKING:
    from rushlight.tensor.tensor import Tensor

__all__ = ["cdist", "cosine_similarity", "normalize", "pairwise_distance", "pdist"]

_MODES = (
    "use_mm_for_euclid_dist_if_necessary",
    "use_mm_for_euclid_dist",
    "donot_use_mm_for_euclid_dist",
)


def normalize(
    input: Tensor,
    p: float = 2.0,
    dim: int | Sequence[int] = 1,
    eps: float = 1e-12,
    out: Tensor | None = None,
) -> Tensor:
    """Return x / max(|x|_p, eps), the norm over `dim`.

    Args:
        p: of the norm; default 2.
        dim: an int or several; default 1.
        eps: the least divisor; default 1e-12.
        out: not supported.

    Raises:
        NotImplementedError: if `out` is given.

    Example:
        >>> import rushlight as rl
        >>> rl.nn.functional.normalize(rl.tensor([[3.0, 4.0]]))
        tensor([[0.6000, 0.8000]])
    """
    if out is not None:
        raise NotImplementedError("normalize: out=... is not supported; use out.copy_(...)")
    return input / clamp_min(norm(input, p, dim, keepdim=True), eps)


@traced(2)
def cosine_similarity(x1: Tensor, x2: Tensor, dim: int = 1, eps: float = 1e-8) -> Tensor:
    """Return x1 . x2 / (max(|x1|, eps) max(|x2|, eps)) along `dim`, the inputs broadcast.

    Raises:
        RuntimeError: if neither is floating.
        ShapeError: shapes that do not fit together.
        TypeError: what is no tensor, or a `dim` that is no int.

    Example:
        >>> import rushlight as rl
        >>> rl.cosine_similarity(rl.tensor([[3.0, 4.0]]), rl.tensor([[6.0, 8.0]]))
        tensor([1.])
    """
    expect_tensors("cosine_similarity", x1, x2)
    dtype = promote(x1._array, x2._array)
    require_float("cosine_similarity", dtype)
    a, b = x1.to(dtype), x2.to(dtype)
    if a._array.shape != b._array.shape:
        try:
            a, b = broadcast_tensors(a, b)
        except ShapeError:
            got, expected = f"x1 {x1.shape}, x2 {x2.shape}", "shapes that broadcast"
            raise ShapeError(explain("cosine_similarity", got=got, expected=expected)) from None
    axis = one_int(dim, "cosine_similarity", "dim")
    dims = some_dims(axis, a._array.ndim, "cosine_similarity")
    return apply(ops.cosine, (a, b), {"dims": dims, "eps": float(eps)})


def pairwise_distance(
    x1: Tensor, x2: Tensor, p: float = 2.0, eps: float = 1e-6, keepdim: bool = False
) -> Tensor:
    """Return |x1 - x2 + eps|_p over the last dim.

    Example:
        >>> import rushlight as rl
        >>> rl.pairwise_distance(rl.zeros(1, 2), rl.tensor([[3.0, 4.0]]), eps=0.0)
        tensor([5.])
    """
    return norm(x1 - x2 + eps, p, -1, keepdim)


def _check_matrix(where: str, p: float, *tensors: Tensor) -> None:
    if not p >= 0:
        raise RuntimeError(explain(where, got=f"p={p}", expected="a number >= 0"))
    for x in tensors:
        if not is_float(x._array.dtype) or x._array.dtype != tensors[0]._array.dtype:
            got = ", ".join(x._array.dtype.name for x in tensors)
            raise DtypeError(explain(where, got=got, expected="floating, of one dtype"))


def cdist(
    x1: Tensor,
    x2: Tensor,
    p: float = 2.0,
    compute_mode: str = "use_mm_for_euclid_dist_if_necessary",
) -> Tensor:
    """Return the p-norm of the difference of each row of x1 from each row of x2.

    Args:
        x1: (*, P, M).
        x2: (*, R, M), its leading dims broadcast against those of x1.
        p: >= 0, inf included; default 2. Where several elements are the largest, for p = inf, each
            gets the whole gradient.
        compute_mode: how p = 2 is computed. 'use_mm_for_euclid_dist': by a product of matrices,
            which is fast, but rows much nearer to each other than to the origin lose their
            distance; 'donot_use_mm_for_euclid_dist': by their differences, which is exact;
            'use_mm_for_euclid_dist_if_necessary' (default): by the product from P or R > 25 on.

    Raises:
        RuntimeError: for other shapes or dtypes, or p < 0.
        ValueError: for an unknown compute_mode.

    Example:
        >>> import rushlight as rl
        >>> rl.cdist(rl.tensor([[0.0, 0.0], [3.0, 0.0]]), rl.tensor([[3.0, 4.0]]))
        tensor([[5.],
                [4.]])
    """
    if compute_mode not in _MODES:
        raise ValueError(explain("cdist", got=f"compute_mode={compute_mode!r}", expected=_MODES))
    _check_matrix("cdist", p, x1, x2)
    a, b = x1._array.shape, x2._array.shape
    if min(len(a), len(b)) < 2 or a[-1] != b[-1]:
        raise ShapeError(explain("cdist", got=f"{a} and {b}", expected="(*, P, M) and (*, R, M)"))
    try:
        lead = np.broadcast_shapes(a[:-2], b[:-2])
    except ValueError:
        got = f"{a} and {b}"
        raise ShapeError(
            explain("cdist", got=got, expected="leading dims that broadcast")
        ) from None
    wide = expand(x1, (*lead, *a[-2:])), expand(x2, (*lead, *b[-2:]))
    always, never = compute_mode == _MODES[1], compute_mode == _MODES[2]
    exact = never or state.general  # a trace shall hold for other sizes, too
    if p == 2 and (always or (not exact and max(a[-2], b[-2]) > 25)):
        return apply(ops.cdist_product, wide, {})
    return apply(ops.cdist, wide, {"p": float(p)})


def pdist(input: Tensor, p: float = 2.0) -> Tensor:
    """Return the p-norm of the difference of every two rows: (N, M) -> (N (N - 1) / 2).

    The pairs are (0, 1), (0, 2), ..., (1, 2), ...

    Raises:
        RuntimeError: for other than a floating matrix, or p < 0.

    Example:
        >>> import rushlight as rl
        >>> rl.pdist(rl.tensor([[0.0, 0.0], [3.0, 4.0], [3.0, 0.0]]))
        tensor([5., 3., 4.])
    """
    _check_matrix("pdist", p, input)
    if input._array.ndim != 2:
        raise ShapeError(explain("pdist", got=f"input {input._array.shape}", expected="(N, M)"))
    first, second = np.triu_indices(input._array.shape[0], 1)
    apart = _rows(input, first) - _rows(input, second)
    return apply(reduce.norm_p, (apart,), {"dims": (1,), "keepdim": False, "p": float(p)})


def _rows(input: Tensor, index: Any) -> Tensor:
    return apply(embedding.rows_of, (input,), {"index": index})
