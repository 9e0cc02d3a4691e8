"""Attention: y = p v with the probabilities p = softmax(q k^T * scale + mask), in two forms.

`attention` takes the three matrices with any leading dims; `head_attention` takes them as linear
layers leave them, heads side by side and up to three in one array, and looks at the heads by
strides: nothing is copied there or back. Both give p out as their second result, which the gradient
and its graph start from.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from rushlight.arrays import widened
from rushlight.errors import DtypeError, ShapeError, explain
from rushlight.kernels import kernel
from rushlight.ops.contract import Saved, define
from rushlight.ops.dropout import dropout
from rushlight.ops.linalg import matmul, swap
from rushlight.ops.reduce import sum as sum_
from rushlight.ops.shape import cat, permute, reshape

Result = tuple[tuple[Any, ...], Saved]
Grads = tuple[Any, ...]

_forward, _grad = kernel("attention_forward"), kernel("attention_grad")


# ---- the arithmetic, on (..., L, E) (..., S, E) (..., S, V) with equal leading dims


def _bias(mask: Any, keep: Any, causal: bool, rows: int, columns: int, dtype: Any) -> Any:
    """Return what is added to the scores: the float mask, or -inf where nothing may be seen."""
    if keep is not None:
        return np.where(keep, 0.0, -np.inf).astype(dtype)
    if causal:
        return np.triu(np.full((rows, columns), -np.inf, dtype), 1)
    return mask


def _graph_gradients(
    grads: Grads, parts: Sequence[Any], p: Any, scale: float, factor: Any, needs: Sequence[bool]
) -> list[Any]:
    """The same formulas in terms that a Tensor can follow."""
    (g, gp), (q, k, v) = grads, parts
    dv, dp = None, gp
    if g is not None:
        w = p if factor is None else dropout(p, factor=factor)
        dv = matmul(swap(w), g) if needs[2] else None
        dp = matmul(g, swap(v))
        dp = dp if factor is None else dropout(dp, factor=factor)
        dp = dp if gp is None else dp + gp
    gy = dp * p
    ds = gy - p * sum_(gy, dims=(p.ndim - 1,), keepdim=True)
    return [
        matmul(ds, k) * scale if needs[0] else None,
        matmul(swap(ds), q) * scale if needs[1] else None,
        dv,
        ds if needs[3] else None,
    ]


def _check_dtypes(where: str, *arrays: Any) -> None:
    dtypes = [a.dtype for a in arrays if a is not None]
    if any(d.kind != "f" or d != dtypes[0] for d in dtypes):
        raise DtypeError(
            explain(
                where,
                got=f"dtypes {[d.name for d in dtypes]}",
                expected="one floating dtype",
                fix="convert with .to(...) first",
            )
        )


def _check_spread(where: str, name: str, mask: Any, scores: tuple[int, ...]) -> None:
    """Refuse a mask that does not spread over the scores."""
    if mask is None:
        return
    try:
        fits = np.broadcast_shapes(mask.shape, scores) == scores
    except ValueError:
        fits = False
    if not fits:
        raise ShapeError(
            explain(
                where,
                got=f"{name} {mask.shape}",
                expected=f"a shape that broadcasts to the scores {scores}",
            )
        )


# ---- attention of matrices, whose leading dims broadcast


def lead(where: str, q: Any, k: Any, v: Any) -> tuple[int, ...]:
    """Return the common leading dims of (*, L, E), (*, S, E), (*, S, V)."""
    shapes = f"query {q.shape}, key {k.shape}, value {v.shape}"
    if min(q.ndim, k.ndim, v.ndim) < 2 or q.shape[-1] != k.shape[-1] or k.shape[-2] != v.shape[-2]:
        expected = "query (*, L, E), key (*, S, E), value (*, S, Ev)"
        raise ShapeError(explain(where, got=shapes, expected=expected))
    try:
        return np.broadcast_shapes(q.shape[:-2], k.shape[:-2], v.shape[:-2])
    except ValueError:
        expected = "leading dims that broadcast"
        fix = "enable_gqa=True repeats heads of key and value"
        raise ShapeError(explain(where, got=shapes, expected=expected, fix=fix)) from None


def _attention_check(
    q: Any, k: Any, v: Any, mask: Any, *, keep: Any = None, factor: Any = None, **_: Any
) -> None:
    where = "scaled_dot_product_attention"
    _check_dtypes(where, q, k, v, mask)
    first = lead(where, q, k, v)
    cells = q.shape[-2], k.shape[-2]
    _check_spread(where, "factors of dropout", factor, (*first, *cells))
    if mask is not None or keep is not None:  # the scores are those of q and k alone
        scores = (*np.broadcast_shapes(q.shape[:-2], k.shape[:-2]), *cells)
        _check_spread(where, "attn_mask", mask, scores)
        _check_spread(where, "attn_mask", keep, scores)


def _spread(*arrays: Any) -> list[Any]:
    """Return matrices, in float32 at least, with the leading dims of all."""
    first = arrays[0].shape[:-2]
    if any(a.shape[:-2] != first for a in arrays):
        first = np.broadcast_shapes(*[a.shape[:-2] for a in arrays])
        arrays = tuple([np.broadcast_to(a, (*first, *a.shape[-2:])) for a in arrays])
    return [widened(a) for a in arrays]


def _attention_forward(
    q: Any,
    k: Any,
    v: Any,
    mask: Any,
    scale: float,
    keep: Any = None,
    causal: bool = False,
    factor: Any = None,
) -> Result:
    a, b, c = _spread(q, k, v)
    bias = _bias(mask, keep, causal, q.shape[-2], k.shape[-2], a.dtype)
    y = np.empty((*a.shape[:-1], c.shape[-1]), a.dtype)
    p = _forward(a, b, c, bias, factor, scale, True, y)
    if q.dtype != a.dtype:
        y, p = y.astype(q.dtype), p.astype(q.dtype)
    return (y, p), Saved((q, k, v, None), (None, p), constants=(scale, factor))


def _attention_backward(saved: Saved, grads: Grads, needs: Sequence[bool]) -> Sequence[Any]:
    parts = _spread(*saved.inputs[:3])
    p, dtype = saved.outputs[1], saved.outputs[1].dtype
    wide = [widened(g) for g in grads]
    scale, factor = saved.constants
    found = _grad(*wide, *parts, widened(p), factor, scale, needs, (None, None, None))
    return [None if x is None else x.astype(dtype, copy=False) for x in found]


def _attention_graph_backward(saved: Saved, grads: Grads, needs: Sequence[bool]) -> Sequence[Any]:
    scale, factor = saved.constants
    return _graph_gradients(grads, saved.inputs[:3], saved.outputs[1], scale, factor, needs)


attention = define(
    "attention",
    _attention_forward,
    _attention_backward,
    graph_backward=_attention_graph_backward,
    fresh=True,
    check=_attention_check,
)


# ---- attention of heads that lie side by side: (N, L, H*E), or (L, N, H*E)


def _counts(args: Sequence[Any]) -> tuple[int, ...]:
    """Return how many of q, k, v each array holds: all, one and two, or one each."""
    if args[1] is None:
        return (3,)
    return (1, 2) if args[2] is None else (1, 1, 1)


def _heads_of(x: Any, count: int, heads: int, batch_first: bool) -> list[Any]:
    """(N, L, count*H*E) or (L, N, count*H*E) -> `count` views (N, H, L, E)"""
    a, b, width = x.shape
    apart = x.reshape((a, b, count, heads, width // (count * heads)))
    laid = permute(apart, dims=(2, 0, 3, 1, 4) if batch_first else (2, 1, 3, 0, 4))
    return [laid[i] for i in range(count)]


def _side_by_side(x: Any, batch_first: bool) -> Any:
    """(N, H, L, E) -> (N, L, H*E) or (L, N, H*E)"""
    x = permute(x, dims=(0, 2, 1, 3) if batch_first else (2, 0, 1, 3))
    return reshape(x, shape=(*x.shape[:2], x.shape[2] * x.shape[3]))


def _parts(args: Sequence[Any], heads: int, batch_first: bool) -> list[Any]:
    """Return q, k and v as (N, H, L, E)."""
    counts = _counts(args)
    return [
        part
        for x, count in zip(args, counts, strict=False)
        for part in _heads_of(x, count, heads, batch_first)
    ]


def _heads_check(
    x: Any,
    y: Any,
    z: Any,
    mask: Any,
    *,
    heads: int,
    batch_first: bool = False,
    keep: Any = None,
    factor: Any = None,
    **_: Any,
) -> None:
    where = "multi_head_attention"
    _check_dtypes(where, x, y, z, mask)
    arrays = [a for a in (x, y, z) if a is not None]
    at, counts = int(not batch_first), _counts((x, y, z))
    widths = {a.shape[-1] / n for a, n in zip(arrays, counts, strict=True)}
    if any(a.ndim != 3 for a in arrays) or len(widths) > 1 or widths.pop() % heads:
        lengths = None
    else:
        lengths = {a.shape[1 - at] for a in arrays[1:]}
    if lengths is None or len(lengths) > 1 or len({a.shape[at] for a in arrays}) > 1:
        raise ShapeError(
            explain(
                where,
                got=f"projections {[a.shape for a in arrays]} of {heads} heads",
                expected="query (L, N, E), key and value (S, N, E), E a multiple of the heads "
                "(batch first: N before L and S)",
            )
        )
    last = arrays[-1].shape[1 - at]
    scores = (x.shape[at], heads, x.shape[1 - at], last)
    _check_spread(where, "attn_mask", mask, scores)
    _check_spread(where, "attn_mask", keep, scores)
    _check_spread(where, "factors of dropout", factor, scores)


def _heads_forward(
    x: Any,
    y: Any,
    z: Any,
    mask: Any,
    *,
    heads: int,
    scale: float,
    batch_first: bool = False,
    keep: Any = None,
    causal: bool = False,
    factor: Any = None,
    blind: bool = True,
) -> Result:
    q, k, v = _parts([widened(a) for a in (x, y, z)], heads, batch_first)
    bias = _bias(mask, keep, causal, q.shape[2], k.shape[2], q.dtype)
    out = np.empty((*x.shape[:2], heads * v.shape[3]), q.dtype)
    (view,) = _heads_of(out, 1, heads, batch_first)
    p = _forward(q, k, v, bias, factor, scale, blind, view)
    if x.dtype != q.dtype:
        out, p = out.astype(x.dtype), p.astype(x.dtype)
    constants = (heads, batch_first, scale, factor)
    return (out, p), Saved((x, y, z, None), (None, p), constants=constants)


def _heads_backward(saved: Saved, grads: Grads, needs: Sequence[bool]) -> Sequence[Any]:
    heads, batch_first, scale, factor = saved.constants
    args, p = saved.inputs[:3], saved.outputs[1]
    wide = [widened(a) for a in args]
    counts = _counts(args)
    found: list[Any] = [
        np.empty(a.shape, a.dtype) if a is not None and need else None
        for a, need in zip(wide, needs, strict=False)
    ]
    outs: list[Any] = []
    for space, count in zip(found, counts, strict=False):
        known = space is not None
        outs += _heads_of(space, count, heads, batch_first) if known else [None] * count
    g = None if grads[0] is None else _heads_of(widened(grads[0]), 1, heads, batch_first)[0]
    parts = _parts(wide, heads, batch_first)
    asked = [space is not None for space in outs] + [needs[3]]
    gp = widened(grads[1])
    found.append(_grad(g, gp, *parts, widened(p), factor, scale, asked, outs)[3])
    return [None if x is None else x.astype(p.dtype, copy=False) for x in found]


def _heads_graph_backward(saved: Saved, grads: Grads, needs: Sequence[bool]) -> Sequence[Any]:
    heads, batch_first, scale, factor = saved.constants
    args, p = saved.inputs[:3], saved.outputs[1]
    g = None if grads[0] is None else _heads_of(grads[0], 1, heads, batch_first)[0]
    parts, counts = _parts(args, heads, batch_first), _counts(args)
    asked = [need for need, count in zip(needs, counts, strict=False) for _ in range(count)]
    *flat, ds = _graph_gradients((g, grads[1]), parts, p, scale, factor, [*asked, needs[3]])
    if asked[2] and flat[2] is None:
        flat[2] = np.zeros(parts[2].shape, parts[2].dtype)
    found: list[Any] = []
    for need, count in zip(needs, counts, strict=False):
        laid = [_side_by_side(part, batch_first) for part in flat[:count] if need]
        flat = flat[count:]
        found.append((cat(*laid, dim=2) if count > 1 else laid[0]) if need else None)
    return [*found, *[None] * (3 - len(found)), ds]


head_attention = define(
    "head_attention",
    _heads_forward,
    _heads_backward,
    graph_backward=_heads_graph_backward,
    fresh=True,
    check=_heads_check,
)
