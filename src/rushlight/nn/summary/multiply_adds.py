"""How many multiply-adds an op takes: one table, op -> count.

Counted is what products of matrices and convolutions take: one multiply-add for each product that
is summed up, as the literature does. A bias is what the sum starts from. Elementwise ops, norms,
softmax, pooling, gathering of rows and changes of shape count as 0.
"""

from __future__ import annotations

from collections.abc import Callable
from math import prod
from typing import Any

import numpy as np

from rushlight.ops.contract import OPS
from rushlight.tape import Traced

__all__ = ["UNCOUNTED", "multiply_adds"]

Count = Callable[[Any, dict[str, Any], Any], int]

# Their steps depend on the values, or are LAPACK's own: a summary names them instead.
UNCOUNTED = {
    "inv", "solve", "det", "slogdet", "cholesky", "qr", "eigh", "svd", "matrix_exp", "ctc_loss",
}  # fmt: skip


def _matmul(args: Any, options: dict[str, Any], outs: Any) -> int:
    return outs[0].size * args[0].shape[-1]


def _linear(args: Any, options: dict[str, Any], outs: Any) -> int:
    return outs[0].size * args[1].shape[1]


def _conv(args: Any, options: dict[str, Any], outs: Any) -> int:
    """Each output cell sums over the channels of its group and the kernel's cells."""
    return outs[0].size * prod(args[1].shape[1:])


def _conv_transpose(args: Any, options: dict[str, Any], outs: Any) -> int:
    """Each input cell goes, times the kernel, to the channels of its group."""
    return args[0].size * prod(args[1].shape[1:])


def _conv_weight(args: Any, options: dict[str, Any], outs: Any) -> int:
    return args[1].size * prod(outs[0].shape[1:])


def _recurrent(args: Any, options: dict[str, Any], outs: Any) -> int:
    """Each row of each step meets each weight matrix once."""
    states = 2 if len(args) == 8 else 1  # lstm: x, h, c, w_ih, w_hh, b_ih, b_hh, w_hr
    weights = [w for w in args[1 + states :] if w is not None and w.ndim == 2]
    return args[0].shape[0] * sum(w.size for w in weights)


def _attention(args: Any, options: dict[str, Any], outs: Any) -> int:
    """q k^T and p v, both with the probabilities' (..., L, S)."""
    return outs[1].size * (args[0].shape[-1] + args[2].shape[-1])


def _head_attention(args: Any, options: dict[str, Any], outs: Any) -> int:
    return outs[1].size * 2 * (outs[0].shape[-1] // options["heads"])


def _linear_cross_entropy(args: Any, options: dict[str, Any], outs: Any) -> int:
    return args[0].shape[0] * args[1].size


def _cdist(args: Any, options: dict[str, Any], outs: Any) -> int:
    return outs[0].size * args[0].shape[-1]


def _einsum(args: Any, options: dict[str, Any], outs: Any) -> int:
    """Pair by pair, in the order that NumPy takes: the sizes of all letters of each pair."""
    sizes: dict[str, int] = {}
    terms = list(options["inputs"])
    for letters, array in zip(terms, args, strict=True):
        sizes.update(zip(letters, array.shape, strict=True))
    equation = f"{','.join(terms)}->{options['output']}"
    path = np.einsum_path(equation, *args, optimize=len(args) > 1)[0][1:]
    count = 0
    for picked in path:
        pair = [terms.pop(i) for i in sorted(picked, reverse=True)]
        met = set("".join(pair))
        if len(pair) > 1:
            count += prod(sizes[letter] for letter in met)
        terms.append("".join(met & set("".join([*terms, options["output"]]))))
    return count


COUNTS: dict[str, Count] = {
    "matmul": _matmul,
    "linear": _linear,
    "einsum": _einsum,
    "conv": _conv,
    "conv_transpose": _conv_transpose,
    "conv_weight": _conv_weight,
    "rnn": _recurrent,
    "lstm": _recurrent,
    "gru": _recurrent,
    "attention": _attention,
    "head_attention": _head_attention,
    "linear_cross_entropy": _linear_cross_entropy,
    "cdist_product": _cdist,
}


def multiply_adds(call: Traced) -> int:
    """Return the multiply-adds of a traced call."""
    op, args, options, outs, _ = call
    count = COUNTS.get(op.name)
    if count is None or OPS.get(op.name) is not op:  # a user's function may have any name
        return 0
    return int(count([getattr(arg, "_array", arg) for arg in args], options, _arrays(outs)))


def _arrays(tensors: Any) -> list[Any]:
    return [tensor._array for tensor in tensors]
