"""Attention as the products and the softmax that it is made of.

ONNX has an operator Attention since version 23. It is not used: a query that may look at nothing is
nan to it, and 0 to `scaled_dot_product_attention`.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from rushlight.graph import Node, Value
from rushlight.onnx.export.pieces import fixed, turned
from rushlight.onnx.export.table import Inexpressible, row
from rushlight.onnx.export.writer import Writer

__all__ = ["attention", "head_attention"]


def _bias(to: Writer, node: Node, rows: Any, columns: Any, dtype: Any) -> str:
    """Return what is added to the scores; "" where that is nothing."""
    keep, mask = node.options.get("keep"), node.inputs[3]
    nothing, hidden = (to.constant(v, dtype) for v in (0.0, -np.inf))
    if keep is not None:
        return to.add("Where", [to.read(keep), nothing, hidden])
    if node.options.get("causal"):
        full = to.add("Expand", [hidden, to.sizes([rows, columns])])
        return to.add("Trilu", [full, to.constant(1, np.int64)], upper=1)
    return "" if mask is None else to.read(mask)


def _may_be_blind(node: Node) -> bool:
    """Tell whether a query may be hidden from all keys; False where the mask is known and shows."""
    keep, mask = node.options.get("keep"), node.inputs[3]
    if keep is not None:
        return keep.array is None or not keep.array.any(-1).all()
    return mask is not None and (mask.array is None or not (mask.array > -np.inf).any(-1).all())


def _probabilities(to: Writer, node: Node, q: str, k_turned: str, bias: str, dtype: Any) -> str:
    scale = to.constant(node.options["scale"], dtype)
    scores = to.add("Mul", [to.add("MatMul", [q, k_turned]), scale])
    scores = to.add("Add", [scores, bias]) if bias else scores
    p = to.add("Softmax", [scores], axis=-1)
    if not (node.options.get("blind", True) and _may_be_blind(node)):
        return p
    top = to.add("ReduceMax", [scores, to.ints(-1)], keepdims=1)
    sees = to.add("Greater", [top, to.constant(-np.inf, dtype)])
    return to.add("Where", [sees, p, to.constant(0.0, dtype)])


@row("attention")
def attention(to: Writer, node: Node) -> tuple[str, str]:
    """(*, L, E), (*, S, E), (*, S, V) -> (*, L, V), (*, L, S)"""
    _refuse_dropout(to, node)
    q, k, v = node.inputs[:3]
    bias = _bias(to, node, q.shape[-2], k.shape[-2], q.dtype)
    p = _probabilities(to, node, to.read(q), turned(to, k), bias, q.dtype)
    y, lead = to.add("MatMul", [p, to.read(v)]), node.outputs[1].shape[:-2]
    if len(v.shape) > max(len(q.shape), len(k.shape)) or lead != _lead(q, k):
        p = to.add("Expand", [p, to.sizes(node.outputs[1].shape)])
    return y, p


def _lead(q: Value, k: Value) -> Any:
    """Return the leading dims of the scores."""
    longer, shorter = sorted((q.shape[:-2], k.shape[:-2]), key=len, reverse=True)
    count = len(longer) - len(shorter)
    pairs = zip(longer[count:], shorter, strict=True)
    return (*longer[:count], *(b if a == 1 else a for a, b in pairs))


def _refuse_dropout(to: Writer, node: Node) -> None:
    if node.options.get("factor") is not None:
        raise Inexpressible("dropout of the attention weights is for training; export in eval mode")


@row("head_attention")
def head_attention(to: Writer, node: Node) -> tuple[str, str]:
    """(N, L, H*E) -> (N, L, H*E), (N, H, L, S), or with L before N; q, k, v in 1 to 3 arrays."""
    _refuse_dropout(to, node)
    heads, first = node.options["heads"], node.options.get("batch_first", False)
    given = [x for x in node.inputs[:3] if x is not None]
    counts = {1: (3,), 2: (1, 2), 3: (1, 1, 1)}[len(given)]
    parts = [
        part for x, n in zip(given, counts, strict=True) for part in _heads(to, x, n, heads, first)
    ]
    q, k, v = parts
    rows, columns = (x.shape[1 if first else 0] for x in (given[0], given[-1]))
    dtype = given[0].dtype
    k_turned = to.add("Transpose", [k], perm=[0, 1, 3, 2])
    p = _probabilities(to, node, q, k_turned, _bias(to, node, rows, columns, dtype), dtype)
    y = to.add(
        "Transpose", [to.add("MatMul", [p, v])], perm=[0, 2, 1, 3] if first else [2, 0, 1, 3]
    )
    return to.add("Reshape", [y, to.ints(0, 0, -1)]), p


def _heads(to: Writer, x: Value, count: int, heads: int, first: bool) -> list[str]:
    """(N, L, count*H*E) or (L, N, count*H*E) -> `count` arrays (N, H, L, E)"""
    size = fixed(x.shape[2], "an embedding of size") // (count * heads)
    apart = to.add("Reshape", [to.read(x), to.ints(0, 0, count * heads, size)])
    laid = to.add("Transpose", [apart], perm=[0, 2, 1, 3] if first else [1, 2, 0, 3])
    if count == 1:
        return [laid]
    return list(to.several("Split", [laid], count, axis=1, num_outputs=count))
