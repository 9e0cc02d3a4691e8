"""Attention of queries to keys, and its heads between linear layers."""

from __future__ import annotations

import warnings
from math import prod, sqrt
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from rushlight.errors import DtypeError, ShapeError, explain
from rushlight.functional.comparison import logical_not, logical_or
from rushlight.functional.creation import zeros
from rushlight.functional.dropout import check_probability, draw_factor
from rushlight.functional.elementwise import where
from rushlight.functional.linear import linear
from rushlight.functional.padding import pad
from rushlight.functional.picking import repeat_interleave
from rushlight.functional.shaping import cat, split
from rushlight.ops import attention as ops
from rushlight.ops import dropout as dropout_ops
from rushlight.tape import apply

if TYPE_CHECKING:
    from rushlight.tensor.tensor import Tensor

__all__ = ["multi_head_attention_forward", "scaled_dot_product_attention"]

_SDPA = "scaled_dot_product_attention"


def _drawn(shape: tuple[int, ...], p: float, dtype: Any) -> dict[str, Any]:
    """Draw what probabilities of a shape are multiplied by in dropout; nothing for p = 0."""
    if p == 0.0 or not prod(shape):
        return {}
    return draw_factor(np.broadcast_to(np.zeros((), dtype), shape), p)


def scaled_dot_product_attention(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attn_mask: Tensor | None = None,
    dropout_p: float = 0.0,
    is_causal: bool = False,
    *,
    scale: float | None = None,
    enable_gqa: bool = False,
) -> Tensor:
    """Return softmax(query key^T * scale + attn_mask) value.

    Args:
        query: (*, L, E).
        key: (*, S, E); the leading dims broadcast.
        value: (*, S, Ev).
        attn_mask: broadcast to (*, L, S): bool, True where a query may look at a key, or floats
            that are added. A query that may look at nothing gets 0.
        dropout_p: the probability at which a weight becomes 0, whatever the mode; default 0.
        is_causal: query i looks at the keys 0 to i only; not together with attn_mask.
        scale: default 1 / sqrt(E).
        enable_gqa: each head of key and value (dim -3) serves as many heads of the query.

    Raises:
        RuntimeError: for shapes, dtypes or options that do not go together.

    Example:
        >>> import rushlight as rl
        >>> x = rl.tensor([[1.0, 0.0], [0.0, 1.0]])
        >>> rl.nn.functional.scaled_dot_product_attention(x, x, x, is_causal=True)
        tensor([[1.0000, 0.0000],
                [0.3302, 0.6698]])

    Source: https://arxiv.org/abs/1706.03762
    """
    check_probability(dropout_p)
    if is_causal and attn_mask is not None:
        fix = "put the causal mask into attn_mask"
        raise RuntimeError(explain(_SDPA, got="attn_mask with is_causal", expected="one", fix=fix))
    if enable_gqa:
        key, value = _repeated(query, key, value)
    q, k = query._array, key._array
    width = q.shape[-1] if q.ndim else 1
    options: dict[str, Any] = {"causal": is_causal}
    options["scale"] = 1.0 / sqrt(width or 1) if scale is None else float(scale)
    mask, options["keep"] = _mask_of(attn_mask, query)
    if dropout_p:
        shape = (*ops.lead(_SDPA, q, k, value._array), q.shape[-2], k.shape[-2])
        options |= _drawn(shape, dropout_p, q.dtype)
    results: Any = apply(ops.attention, (query, key, value, mask), options)
    output: Tensor = results[0]
    return output


def _mask_of(mask: Tensor | None, query: Tensor) -> tuple[Tensor | None, Any]:
    """Return a float mask in the dtype of the query, or the array of a bool mask."""
    if mask is None:
        return None, None
    dtype = mask._array.dtype
    if dtype == np.bool_:
        return None, mask._array
    if dtype == query._array.dtype:
        return mask, None
    if dtype != np.float32:
        wanted = f"bool, float32 or {query.dtype}, the dtype of the query"
        raise DtypeError(explain(_SDPA, got=f"attn_mask {dtype.name}", expected=wanted))
    return mask.to(query.dtype), None


def _repeated(query: Tensor, key: Tensor, value: Tensor) -> tuple[Tensor, Tensor]:
    """Repeat the heads of key and value until they are as many as those of the query."""
    if min(query.ndim, key.ndim, value.ndim) < 3:
        got = f"query {query.shape}, key {key.shape}, value {value.shape}"
        raise IndexError(explain(f"{_SDPA}(enable_gqa=True)", got=got, expected="(*, H, L, E)"))
    heads = query.shape[-3]
    have = key.shape[-3], value.shape[-3]
    if not all(have) or any(heads % n for n in have):
        raise ShapeError(
            explain(
                f"{_SDPA}(enable_gqa=True)",
                got=f"{heads} heads of query, {have[0]} of key, {have[1]} of value",
                expected="numbers that divide that of the query",
            )
        )
    key = key if have[0] == heads else repeat_interleave(key, heads // have[0], -3)
    return key, value if have[1] == heads else repeat_interleave(value, heads // have[1], -3)


# ---- several heads, between the linear layers before and behind


_MHA = "multi_head_attention"
Triple = tuple[Any, Any, Any]


class Weights(NamedTuple):
    """What multi-head attention has learnt.

    packed: (3 E, E), for query, key and value; apart: three of their own, where packed is None.
    bias: (3 E) or None. more: (1, 1, E) each, one more key and value; or None. out: weight (E, E)
    and bias (E) or None of the last layer.
    """

    packed: Tensor | None
    apart: Triple
    bias: Tensor | None
    more: tuple[Tensor | None, Tensor | None]
    out: tuple[Tensor, Tensor | None]


class Setting(NamedTuple):
    """How multi-head attention is to run, as the arguments of `multi_head_attention_forward`."""

    embed_dim: int
    heads: int
    dropout_p: float = 0.0
    zero: bool = False
    batch_first: bool = False
    need_weights: bool = True
    average: bool = True


def multi_head_attention_forward(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    embed_dim_to_check: int,
    num_heads: int,
    in_proj_weight: Tensor | None,
    in_proj_bias: Tensor | None,
    bias_k: Tensor | None,
    bias_v: Tensor | None,
    add_zero_attn: bool,
    dropout_p: float,
    out_proj_weight: Tensor,
    out_proj_bias: Tensor | None,
    training: bool = True,
    key_padding_mask: Tensor | None = None,
    need_weights: bool = True,
    attn_mask: Tensor | None = None,
    use_separate_proj_weight: bool = False,
    q_proj_weight: Tensor | None = None,
    k_proj_weight: Tensor | None = None,
    v_proj_weight: Tensor | None = None,
    static_k: Tensor | None = None,
    static_v: Tensor | None = None,
    average_attn_weights: bool = True,
    is_causal: bool = False,
) -> tuple[Tensor, Tensor | None]:
    """Project query, key and value, attend with each head apart, and project the heads' results.

    Args:
        query: (L, N, E), or (L, E) without a batch.
        key, value: (S, N, Ek) and (S, N, Ev).
        embed_dim_to_check: E.
        num_heads: how many heads E is cut into.
        in_proj_weight: (3 E, E), for query, key and value.
        in_proj_bias: (3 E), or None.
        bias_k, bias_v: (1, 1, E), one more key and value for all; or None.
        add_zero_attn: one more key and value of zeros.
        dropout_p: the probability at which a weight becomes 0, in training.
        out_proj_weight, out_proj_bias: (E, E), (E) or None.
        training: default True.
        key_padding_mask: (N, S) or (S): True where a key is not looked at, or floats to add.
        need_weights: return the weights too; default True. A query that may look at nothing then
            gets nan, else 0, as in torch.
        attn_mask: (L, S) or (N * num_heads, L, S), of the same two kinds.
        use_separate_proj_weight: use q_proj_weight (E, E), k_proj_weight (E, Ek) and
            v_proj_weight (E, Ev) in place of in_proj_weight.
        static_k, static_v: (N * num_heads, S, E / num_heads), in place of the projected ones.
        average_attn_weights: return the mean of the heads' weights; default True.
        is_causal: a hint that attn_mask is the causal mask, which is then taken unseen where
            neither weights nor a key_padding_mask are wanted.

    Returns:
        (L, N, E), and the weights (N, L, S), (N, num_heads, L, S) without the mean, or None.
    """
    apart: Triple = (None, None, None)
    if use_separate_proj_weight:
        apart, in_proj_weight = (q_proj_weight, k_proj_weight, v_proj_weight), None
    return attend(
        (query, key, value),
        Weights(
            in_proj_weight, apart, in_proj_bias, (bias_k, bias_v), (out_proj_weight, out_proj_bias)
        ),
        Setting(
            embed_dim_to_check,
            num_heads,
            dropout_p if training else 0.0,
            add_zero_attn,
            need_weights=need_weights,
            average=average_attn_weights,
        ),
        (attn_mask, key_padding_mask),
        is_causal,
        (static_k, static_v),
    )


def attend(
    inputs: tuple[Tensor, Tensor, Tensor],
    weights: Weights,
    how: Setting,
    masks: tuple[Tensor | None, Tensor | None],
    is_causal: bool,
    static: tuple[Tensor | None, Tensor | None] = (None, None),
) -> tuple[Tensor, Tensor | None]:
    """Run multi-head attention; the masks are attn_mask and key_padding_mask."""
    batched = _check_dims(inputs, masks, how)
    if is_causal and masks[0] is None:
        fix = "Transformer.generate_square_subsequent_mask makes it"
        got = "is_causal without attn_mask"
        raise RuntimeError(explain(_MHA, got=got, expected="the mask with the hint", fix=fix))
    if not batched:
        same = inputs[1] is inputs[0], inputs[2] is inputs[1]
        q = inputs[0].unsqueeze(0)
        k = q if same[0] else inputs[1].unsqueeze(0)
        inputs = q, k, k if same[1] else inputs[2].unsqueeze(0)
        masks = masks[0], None if masks[1] is None else masks[1].unsqueeze(0)
        how = how._replace(batch_first=True)
    sizes = _check_sizes(inputs, weights, how)
    parts, extra = _projected(inputs, weights, how, static)
    causal = is_causal and masks[1] is None and not how.need_weights
    mask, keep = (None, None) if causal else _joined(masks, sizes, how, parts[0], extra)
    n, rows, columns = sizes
    if static[0] is not None:
        columns = static[0].shape[1]
    check_probability(how.dropout_p)
    shape = (n, how.heads, rows, columns + extra)
    factor = _drawn(shape, how.dropout_p, parts[0]._array.dtype)
    options = {
        "heads": how.heads,
        "scale": 1.0 / sqrt(how.embed_dim // how.heads),
        "batch_first": how.batch_first,
        "keep": keep,
        "causal": causal,
        "blind": not how.need_weights,
        **factor,
    }
    results: Any = apply(ops.head_attention, (*parts, mask), options)
    y, p = results
    y = linear(y, *weights.out)
    y = y if batched else y.squeeze(0)
    if not how.need_weights:
        return y, None
    p = apply(dropout_ops.dropout, (p,), factor) if factor else p
    p = p.mean(1) if how.average else p
    return y, p if batched else p.squeeze(0)


def _check_dims(inputs: tuple[Any, ...], masks: tuple[Any, ...], how: Setting) -> bool:
    """Tell whether the inputs have a batch dim; refuse dims that do not go together."""
    dims = inputs[0].ndim
    if dims not in (2, 3) or any(x.ndim != dims for x in inputs):
        got = ", ".join(f"{n} {x.shape}" for n, x in zip(_NAMES, inputs, strict=True))
        raise ShapeError(explain(_MHA, got=got, expected="all of 3 dims, or of 2 without a batch"))
    for name, mask, allowed in zip(_MASKS, masks, ((2, 3), (dims - 1,)), strict=True):
        if mask is not None and mask._array.dtype.kind not in "bf":
            raise DtypeError(
                explain(_MHA, got=f"{name} {mask.dtype}", expected="bool, True to hide, or floats")
            )
        if mask is not None and mask.ndim not in allowed:
            expected = " or ".join(str(n) for n in allowed) + f" dims for a query of {dims}"
            raise ShapeError(explain(_MHA, got=f"{name} {mask.shape}", expected=expected))
    if None not in masks and masks[0].dtype != masks[1].dtype:
        warnings.warn(
            "multi_head_attention: key_padding_mask and attn_mask of unequal dtypes are "
            "deprecated in torch; make both bool or both floats",
            UserWarning,
            stacklevel=2,
        )
    return bool(dims == 3)


_NAMES = ("query", "key", "value")
_MASKS = ("attn_mask", "key_padding_mask")


def _check_sizes(inputs: tuple[Any, ...], weights: Weights, how: Setting) -> tuple[int, int, int]:
    """Return N, L and S; refuse sizes that do not go together."""
    q, k, v = (x._array.shape for x in inputs)
    at = 0 if how.batch_first else 1
    embed, heads = how.embed_dim, how.heads
    fits = q[2] == embed and k[:2] == v[:2] and q[at] == k[at]
    if weights.packed is not None:
        fits = fits and k == v and weights.packed._array.shape[0] == 3 * embed
    elif None in weights.apart:
        got = "neither in_proj_weight nor q_, k_ and v_proj_weight"
        raise RuntimeError(explain(_MHA, got=got, expected="the weights of the projections"))
    if not fits or embed % heads:
        first = "(N, L, E)" if how.batch_first else "(L, N, E)"
        raise ShapeError(
            explain(
                _MHA,
                got=f"query {q}, key {k}, value {v}, {heads} heads",
                expected=f"query {first} with E = {embed}, a multiple of the heads; key and value "
                "of the query's batch, equal in length, of width E or kdim and vdim",
                fix="see batch_first",
            )
        )
    return q[at], q[1 - at], k[1 - at]


def _projected(
    inputs: tuple[Any, ...], weights: Weights, how: Setting, static: tuple[Any, Any]
) -> tuple[Triple, int]:
    """Return q, k and v, as few arrays as possible, and how many keys were added."""
    query, key, value = inputs
    extra = int(weights.more[0] is not None) + how.zero
    _check_more(weights.more, static)
    n, packed = how.embed_dim, weights.packed
    if packed is not None and key is value and not extra and static == (None, None):
        if query is key:
            return (linear(query, packed, weights.bias), None, None), 0
        rows = split(packed, [n, 2 * n])
        biases: Any = (None, None) if weights.bias is None else split(weights.bias, [n, 2 * n])
        return (linear(query, rows[0], biases[0]), linear(key, rows[1], biases[1]), None), 0
    each = weights.apart if packed is None else split(packed, n)
    offsets: Any = (None, None, None) if weights.bias is None else split(weights.bias, n)
    q = linear(query, each[0], offsets[0])
    pair = [
        linear(x, w, b) if fixed is None else _tokens(fixed, q, how)
        for x, w, b, fixed in zip(inputs[1:], each[1:], offsets[1:], static, strict=True)
    ]
    if extra:
        pair = [_with_more(x, more, how) for x, more in zip(pair, weights.more, strict=True)]
    return (q, *pair), extra  # type: ignore[return-value]


def _check_more(more: tuple[Any, Any], static: tuple[Any, Any]) -> None:
    if (more[0] is None) != (more[1] is None):
        raise RuntimeError(explain(_MHA, got="one of bias_k and bias_v", expected="both or none"))
    if more[0] is not None and static != (None, None):
        raise RuntimeError(
            explain(_MHA, got="bias_k and bias_v with static_k or static_v", expected="one kind")
        )


def _tokens(fixed: Tensor, q: Tensor, how: Setting) -> Tensor:
    """(N * H, S, E / H) -> (N, S, E) or (S, N, E)"""
    n, size = q.shape[0 if how.batch_first else 1], how.embed_dim // how.heads
    if fixed.ndim != 3 or fixed.shape[::2] != (n * how.heads, size):
        expected = f"({n * how.heads}, S, {size}), N * num_heads and E / num_heads"
        raise ShapeError(
            explain(_MHA, got=f"static_k or static_v {fixed.shape}", expected=expected)
        )
    apart = fixed.reshape(n, how.heads, -1, size)
    laid = apart.permute(0, 2, 1, 3) if how.batch_first else apart.permute(2, 0, 1, 3)
    return laid.reshape(*laid.shape[:2], how.embed_dim)


def _with_more(x: Tensor, more: Tensor | None, how: Setting) -> Tensor:
    """Put the further keys (or values) behind those that there are."""
    at = 1 if how.batch_first else 0
    shape = [x.shape[0], x.shape[1], how.embed_dim]
    shape[at] = 1
    parts = [x] if more is None else [x, more.expand(*shape)]
    return cat([*parts, zeros(*shape, dtype=x.dtype)] if how.zero else parts, at)


def _joined(
    masks: tuple[Tensor | None, Tensor | None],
    sizes: tuple[int, int, int],
    how: Setting,
    q: Tensor,
    extra: int,
) -> tuple[Tensor | None, Any]:
    """Return both masks as one: floats to add, or a bool array, True where a query may look."""
    if masks == (None, None):
        return None, None
    laid = _laid(masks, sizes, how)
    found = [m for m in laid if m is not None]
    if all(m._array.dtype == np.bool_ for m in found):
        hidden = logical_or(*found) if len(found) > 1 else found[0]
        keep = logical_not(pad(hidden, (0, extra)) if extra else hidden)
        return None, keep._array
    dtype = q.dtype
    for name, m in zip(_MASKS, laid, strict=True):
        allowed = (dtype,) if how.need_weights else (dtype, np.float32)
        if m is not None and m._array.dtype not in (np.bool_, *allowed):
            raise DtypeError(
                explain(_MHA, got=f"{name} {m.dtype}", expected=f"bool or {dtype}, as the query")
            )
    floats = [
        where(m, -np.inf, 0.0).to(dtype) if m._array.dtype == np.bool_ else m.to(dtype)
        for m in found
    ]
    mask = floats[0] if len(floats) == 1 else floats[0] + floats[1]
    return pad(mask, (0, extra)) if extra else mask, None


def _laid(masks: tuple[Any, Any], sizes: tuple[int, int, int], how: Setting) -> list[Any]:
    """Bring the masks to (N or 1, H or 1, L or 1, S)."""
    n, rows, columns = sizes
    heads = how.heads
    wanted = {2: (rows, columns), 3: (n * heads, rows, columns)}
    full = {2: (1, 1, rows, columns), 3: (n, heads, rows, columns)}
    found: list[Any] = []
    for name, mask in zip(_MASKS, masks, strict=True):
        right: tuple[int, ...] = (n, columns)
        shape: tuple[int, ...] = (n, 1, 1, columns)
        if mask is not None and name == "attn_mask":
            right, shape = wanted[mask.ndim], full[mask.ndim]
        if mask is not None and mask.shape != right:
            raise ShapeError(explain(_MHA, got=f"{name} {mask.shape}", expected=right))
        found.append(None if mask is None else mask.reshape(shape))
    return found
