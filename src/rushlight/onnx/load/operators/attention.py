"""Attention with caches, masks and windows, rotary positions, and its linear relatives."""

from __future__ import annotations

from functools import reduce
from math import sqrt
from typing import Any

import numpy as np

from rushlight import functional as F
from rushlight.errors import DtypeError, ShapeError, explain
from rushlight.onnx.load.operators.casting import dtype_of
from rushlight.onnx.load.table import Node, operator
from rushlight.tape import wrap
from rushlight.tensor import Tensor

__all__: list[str] = []


def _wrong(node: Node, got: object, expected: object, fix: str = "") -> ShapeError:
    where = f"{node.op} ({node.name})"
    return ShapeError(explain(where, got=got, expected=expected, fix=fix))


def heads_apart(node: Node, x: Tensor, name: str) -> Tensor:
    """(N, T, H * E) -> (N, H, T, E); what has four dims stays as it is"""
    if x.ndim == 4:
        return x
    heads = int(node.get(name, 0))
    if x.ndim != 3 or heads < 1 or x.shape[2] % heads:
        got = f"{x.shape} with {name}={heads}"
        raise _wrong(node, got, f"(N, H, T, E), or (N, T, H * E) with {name}")
    return _per_head(x, heads)


def _per_head(x: Tensor, heads: int) -> Tensor:
    """(N, T, H * E) -> (N, H, T, E)"""
    n, steps, width = x.shape
    return F.transpose(F.reshape(x, (n, steps, heads, width // heads)), 1, 2)


def heads_together(x: Tensor) -> Tensor:
    """(N, H, T, E) -> (N, T, H * E)"""
    n, heads, steps, width = x.shape
    return F.reshape(F.transpose(x, 1, 2), (n, steps, heads * width))


# ---- what a query may look at


def _allowed(node: Node, q: Tensor, keys: int, past: int, lengths: Any) -> Any:
    """Return which keys each query may look at, but for the mask: (N or 1, 1, L, S); None: all."""
    left, right = int(node.get("left_window_size", -1)), int(node.get("right_window_size", -1))
    right = 0 if node.get("is_causal", 0) else right
    key, steps = np.arange(keys), np.arange(q.shape[2])[:, None]
    found = [] if lengths is None else [wrap(key) < F.reshape(lengths, (-1, 1, 1, 1))]
    if lengths is None or past:  # how many keys lie before each query
        at = wrap(steps + past)
    else:
        at = F.reshape(lengths, (-1, 1, 1, 1)) + wrap(steps - q.shape[2])
    if left >= 0:
        found.append(at - left <= wrap(key))
    if right >= 0:
        found.append(at + right >= wrap(key))
    return reduce(F.logical_and, found) if found else None


def _seen(node: Node, mask: Tensor | None, allowed: Any, keys: int) -> tuple[Any, Any]:
    """Return what is added to the scores (a Tensor or None), and what may be seen (or None)."""
    if mask is None:
        return None, allowed
    short = keys - mask.shape[-1]
    if mask.dtype.kind not in "bf":
        where = f"{node.op} ({node.name})"
        raise DtypeError(explain(where, got=f"attn_mask {mask.dtype}", expected="bool or floating"))
    if mask.dtype != np.bool_:
        return F.pad(mask, (0, short), value=float("-inf")) if short else mask, allowed
    mask = F.pad(mask, (0, short), value=False) if short else mask
    return None, mask if allowed is None else F.logical_and(mask, allowed)


def _guarded(bias: Any, seen: Any, dtype: Any) -> tuple[Any, Any]:
    """Return one bias, and which queries see nothing (None: it is not known); there it is 0.

    So their probabilities are numbers, which are then set to 0, and so are their gradients.
    """
    if bias is None and seen is None:
        return None, None
    bias = F.zeros((1,), dtype=dtype) if bias is None else bias.to(dtype)
    bias = bias if seen is None else F.where(seen, bias, float("-inf"))
    blind = F.amax(bias.detach(), -1, keepdim=True) == float("-inf")
    return F.where(blind, 0.0, bias), blind


# ---- attention


@operator("Attention", since=23)
def _attention(
    node: Node,
    q: Tensor,
    k: Tensor,
    v: Tensor,
    mask: Tensor | None = None,
    past_key: Tensor | None = None,
    past_value: Tensor | None = None,
    lengths: Any = None,
) -> Any:
    flat = q.ndim == 3
    q = heads_apart(node, q, "q_num_heads")
    k, v = (heads_apart(node, x, "kv_num_heads") for x in (k, v))
    if (past_key is None) != (past_value is None):
        raise _wrong(node, "one of past_key and past_value", "both or none")
    past = 0 if past_key is None else past_key.shape[2]
    if past_key is not None and past_value is not None:
        k, v = F.cat([past_key, k], 2), F.cat([past_value, v], 2)
    allowed = _allowed(node, q, k.shape[2], past, lengths)
    bias, seen = _seen(node, mask, allowed, k.shape[2])
    y, scores = attend(node, q, k, v, bias, seen)
    return heads_together(y) if flat else y, k, v, scores


def repeated(node: Node, q: Tensor, x: Tensor) -> Tensor:
    """Let each head of keys or values serve its group of heads of queries."""
    if not x.shape[1] or q.shape[1] % x.shape[1]:
        got = f"{q.shape[1]} heads of queries, {x.shape[1]} of keys or values"
        raise _wrong(node, got, "a number that divides that of the queries")
    times = q.shape[1] // x.shape[1]
    return x if times == 1 else F.repeat_interleave(x, times, 1)


def attend(node: Node, q: Tensor, k: Tensor, v: Tensor, bias: Any, seen: Any) -> tuple[Any, Any]:
    """Return softmax(scores + bias) v and, if the node wants it, what stands in its way."""
    k, v = repeated(node, q, k), repeated(node, q, v)
    scale = node.get("scale")
    factor = 1.0 / sqrt(q.shape[-1] or 1) if scale is None else float(scale)
    cap, precision = float(node.get("softcap", 0.0)), node.get("softmax_precision")
    wide = q.dtype if precision is None else dtype_of(precision, node)
    short = not cap and wide == q.dtype and not node.wants(3)
    if short and bias is None:  # the op itself gives zeros to a query that sees nothing
        return F.scaled_dot_product_attention(q, k, v, seen, scale=factor), None
    whole, blind = _guarded(bias, seen, q.dtype)
    if short:
        y = F.scaled_dot_product_attention(q, k, v, whole, scale=factor)
        return y if blind is None else F.where(blind, 0.0, y), None
    root = sqrt(abs(factor))  # on both sides, so that products of halves do not overflow
    stages = [F.matmul(q * root, F.transpose(k, 2, 3) * (root if factor >= 0 else -root))]
    stages.append(F.tanh(stages[0] / cap) * cap if cap else stages[0])
    stages.append(stages[1] if whole is None else stages[1] + whole)
    p = F.softmax(stages[2].to(wide), -1).to(q.dtype)
    p = p if blind is None else F.where(blind, 0.0, p)
    y = F.matmul(p, v.to(q.dtype)).to(v.dtype)
    if not node.wants(3):
        return y, None
    mode = int(node.get("qk_matmul_output_mode", 0))
    if mode == 2 and blind is not None:
        stages[2] = F.where(blind, float("-inf"), stages[2])
    return y, [*stages, p][mode]


@operator("FlexAttention", domain="ai.onnx.preview")
def _flex_attention(node: Node, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    """Without subgraphs: those are refused where the file is read."""
    if not q.ndim == k.ndim == v.ndim == 4:
        raise _wrong(node, f"{q.shape}, {k.shape}, {v.shape}", "(N, H, T, E)")
    y: Tensor = attend(node, q, k, v, None, None)[0]
    return y


# ---- positions


@operator("RotaryEmbedding", since=23)
def _rotary(node: Node, x: Tensor, cos: Tensor, sin: Tensor, places: Any = None) -> Tensor:
    """Turn pairs of elements by the angles of their positions."""
    apart = heads_apart(node, x, "num_heads")
    width = int(node.get("rotary_embedding_dim", 0)) or apart.shape[3]
    if places is not None:
        cos, sin = cos[places], sin[places]
    wanted = (apart.shape[0], apart.shape[2], width // 2)
    if width % 2 or cos.shape != wanted or sin.shape != wanted:
        got = f"caches {cos.shape} and {sin.shape} for {apart.shape}"
        raise _wrong(node, got, f"{wanted}, the half of an even width")
    cos, sin = F.unsqueeze(cos, 1), F.unsqueeze(sin, 1)  # the same for all heads
    turned, rest = apart[..., :width], apart[..., width:]
    twisted = bool(node.get("interleaved", 0))
    if twisted:
        a, b = turned[..., 0::2], turned[..., 1::2]
    else:
        a, b = turned[..., : width // 2], turned[..., width // 2 :]
    pair = [a * cos - b * sin, a * sin + b * cos]
    y = F.reshape(F.stack(pair, -1), turned.shape) if twisted else F.cat(pair, -1)
    y = F.cat([y, rest], -1) if rest.shape[-1] else y
    return heads_together(y) if x.ndim == 3 else y


# ---- linear attention


@operator("LinearAttention", since=27)
def _linear_attention(
    node: Node,
    q: Tensor,
    k: Tensor,
    v: Tensor,
    past: Tensor | None = None,
    decay: Tensor | None = None,
    beta: Tensor | None = None,
) -> tuple[Tensor, Tensor]:
    """A state of key-value products for each head, updated step by step."""
    rule = node.get("update_rule", "gated_delta")
    _check_rule(node, rule, decay, beta)
    dtype = q.dtype
    wide = np.promote_types(dtype, np.float32)  # many steps add up
    q = heads_apart(node, q.to(wide), "q_num_heads")
    k, v = (heads_apart(node, x.to(wide), "kv_num_heads") for x in (k, v))
    past, decay, beta = (None if x is None else x.to(wide) for x in (past, decay, beta))
    n, heads, steps, width = k.shape
    scale = float(node.get("scale", 0.0)) or 1.0 / sqrt(width)
    state = F.zeros((n, heads, width, v.shape[3]), dtype=q.dtype) if past is None else past
    gates = None if decay is None else F.exp(_per_head(decay, heads))  # (N, H, T, E or 1)
    rates = None if beta is None else _per_head(beta, heads if beta.shape[2] > 1 else 1)
    outputs = []
    for t in range(steps):
        key, value = F.unsqueeze(k[:, :, t], 3), F.unsqueeze(v[:, :, t], 2)
        if gates is not None and "gated" in rule:
            state = state * F.unsqueeze(gates[:, :, t], 3)
        if rates is not None and "delta" in rule:
            known = F.matmul(F.transpose(key, 2, 3), state)  # (N, H, 1, Ev)
            value = (value - known) * F.unsqueeze(rates[:, :, t], 3)
        state = state + key * value
        each = repeated(node, q, state)
        outputs.append(F.matmul(F.unsqueeze(q[:, :, t], 2), each) * scale)
    return heads_together(F.cat(outputs, 2)).to(dtype), state.to(dtype)


def _check_rule(node: Node, rule: str, decay: Any, beta: Any) -> None:
    rules = ("linear", "gated", "delta", "gated_delta")
    if rule not in rules:
        raise _wrong(node, f"update_rule={rule!r}", rules)
    for name, value, word in (("decay", decay, "gated"), ("beta", beta, "delta")):
        if value is None and word in rule:
            raise _wrong(node, f"update_rule={rule!r} without {name}", f"{name}")


@operator("CausalConvWithState", since=27)
def _causal_conv(
    node: Node, x: Tensor, w: Tensor, b: Tensor | None = None, past: Tensor | None = None
) -> tuple[Tensor, Tensor]:
    """Each channel by its own kernel over the steps up to now: (N, C, T) -> (N, C, T)"""
    activation = node.get("activation", "none")
    if activation not in ("none", "silu", "swish"):
        raise _wrong(node, f"activation={activation!r}", "'none', 'silu' or 'swish'")
    before = w.shape[2] - 1
    steps = F.pad(x, (before, 0)) if past is None else F.cat([past, x], 2)
    y = F.conv1d(steps, w, b, groups=x.shape[1])
    y = y if activation == "none" else F.silu(y)
    return y, steps[:, :, steps.shape[2] - before :]
