"""RNN, LSTM and GRU: by Rushlight's layers where these have the cell, else step by step.

Rushlight's ops have torch's cells. Peepholes, clipping, coupled gates, other activations and the
GRU that resets before the product are cells of `cells.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from rushlight import functional as F
from rushlight.arrays import Array
from rushlight.errors import ShapeError, explain
from rushlight.onnx.load.operators.cells import gru_cell, lstm_cell, recurrent_activations, rnn_cell
from rushlight.onnx.load.table import Node, operator
from rushlight.onnx.load.values import as_array
from rushlight.ops import rnn as ops
from rushlight.tape import apply, wrap
from rushlight.tensor import Tensor

__all__: list[str] = []

States = tuple[Tensor, ...]


class Kind(NamedTuple):
    """A recurrent operator: gates of its weights, their order in Rushlight's op, the cells."""

    gates: int
    order: tuple[int, ...]
    states: int
    activations: tuple[str, ...]
    cell: Callable[..., Any]


_KINDS = {
    "RNN": Kind(1, (0,), 1, ("Tanh",), rnn_cell),
    "LSTM": Kind(4, (0, 2, 3, 1), 2, ("Sigmoid", "Tanh", "Tanh"), lstm_cell),  # i, o, f, c
    "GRU": Kind(3, (1, 0, 2), 1, ("Sigmoid", "Tanh"), gru_cell),  # z, r, h
}


class Weights(NamedTuple):
    """What one direction has learnt: (G * H, I), (G * H, H), (G * H) twice, (3 * H); or None."""

    by_input: Tensor
    by_state: Tensor
    input_bias: Tensor | None
    state_bias: Tensor | None
    peepholes: Tensor | None


# ---- the operators


@operator("RNN", "GRU")
def _rnn(
    node: Node, x: Tensor, w: Tensor, r: Tensor, b: Any = None, lengths: Any = None, h: Any = None
) -> Any:
    return _layer(node, x, w, r, b, lengths, (h,), None)


@operator("LSTM")
def _lstm(
    node: Node,
    x: Tensor,
    w: Tensor,
    r: Tensor,
    b: Any = None,
    lengths: Any = None,
    h: Any = None,
    c: Any = None,
    p: Any = None,
) -> Any:
    return _layer(node, x, w, r, b, lengths, (h, c), p)


def _layer(
    node: Node, x: Tensor, w: Tensor, r: Tensor, b: Any, lengths: Any, firsts: Any, p: Any
) -> Any:
    """Run all directions; the first output has each step, the others the final states."""
    batch_first = bool(node.get("layout", 0))
    x = F.transpose(x, 0, 1) if batch_first else x
    sides = _sides(node)
    _check(node, x, w, r, len(sides))
    hidden, n = r.shape[2], x.shape[1]
    sizes = None if lengths is None else as_array(lengths).astype(np.int64)
    if sizes is not None and (sizes.shape != (n,) or not _within(sizes, x.shape[0])):
        got = f"sequence_lens {sizes.tolist()} for {x.shape[0]} steps of {n} sequences"
        raise _wrong(node, got, "a length for each, no longer than the steps")
    outputs, finals = [], []
    for d, reverse in enumerate(sides):
        states = tuple(_first(first, d, (n, hidden), batch_first, x) for first in firsts)
        y, last = _direction(node, x, _weights(node, d, w, r, b, p), states, sizes, reverse, d)
        outputs.append(y)
        finals.append(last)
    y = F.stack(outputs, 2 if batch_first else 1)  # (T, D, N, H), before the batch goes first
    if batch_first:
        y = F.transpose(y, 0, 1)
    dim = 1 if batch_first else 0
    return y, *(F.stack(list(states), dim) for states in zip(*finals, strict=True))


def _within(sizes: Array, steps: int) -> bool:
    return not sizes.size or (sizes.min() >= 0 and sizes.max() <= steps)


def _sides(node: Node) -> tuple[bool, ...]:
    """Return for each direction whether it runs from the last step to the first."""
    known = {"forward": (False,), "reverse": (True,), "bidirectional": (False, True)}
    said = node.get("direction", "forward")
    if said not in known:
        raise ValueError(
            explain(f"{node.op} ({node.name})", got=f"direction={said!r}", expected=tuple(known))
        )
    return known[said]


def _wrong(node: Node, got: object, expected: object) -> ShapeError:
    return ShapeError(explain(f"{node.op} ({node.name})", got=got, expected=expected))


def _check(node: Node, x: Tensor, w: Tensor, r: Tensor, sides: int) -> None:
    gates = _KINDS[node.op].gates
    fits = (
        x.ndim == w.ndim == r.ndim == 3
        and w.shape[0] == r.shape[0] == sides
        and w.shape[1] == r.shape[1] == gates * r.shape[2]
        and w.shape[2] == x.shape[2]
        and node.get("hidden_size", r.shape[2]) == r.shape[2]
    )
    if not fits:
        got = f"X {x.shape}, W {w.shape}, R {r.shape}, hidden_size {node.get('hidden_size')}"
        sizes = f"W ({sides}, {gates} * H, I), R ({sides}, {gates} * H, H) with hidden_size H"
        raise _wrong(node, got, f"X (T, N, I), {sizes}")


def _first(first: Any, d: int, shape: tuple[int, int], batch_first: bool, like: Tensor) -> Tensor:
    if first is None:
        return F.zeros(shape, dtype=like.dtype)
    found: Tensor = first[:, d] if batch_first else first[d]
    return found


def _weights(node: Node, d: int, w: Tensor, r: Tensor, b: Any, p: Any) -> Weights:
    rows = w.shape[1]
    first, second = (None, None) if b is None else (b[d, :rows], b[d, rows:])
    return Weights(w[d], r[d], first, second, None if p is None else p[d])


# ---- one direction: (T, N, I) -> (T, N, H) and the final states


def _direction(
    node: Node, x: Tensor, weights: Weights, states: States, sizes: Any, reverse: bool, d: int
) -> tuple[Tensor, States]:
    kind = _KINDS[node.op]
    names = node.get("activations") or list(kind.activations) * (d + 1)
    mine = names[d * len(kind.activations) : (d + 1) * len(kind.activations)]
    if len(mine) != len(kind.activations):
        raise ValueError(
            explain(
                f"{node.op} ({node.name})",
                got=f"activations {names}",
                expected=f"{len(kind.activations)} for each direction",
            )
        )
    if _is_torchs(node, weights, mine):
        return _packed(node.op, x, weights, states, sizes, reverse, mine)
    functions = recurrent_activations(node, names)[d * len(mine) : (d + 1) * len(mine)]
    return _stepwise(node, x, weights, states, sizes, reverse, functions)


def _is_torchs(node: Node, weights: Weights, activations: Sequence[str]) -> bool:
    """Tell whether Rushlight's op has this cell."""
    names = tuple(name.lower() for name in activations)
    usual = tuple(name.lower() for name in _KINDS[node.op].activations)
    return (
        (names == usual or (node.op == "RNN" and names == ("relu",)))
        and not node.get("clip")
        and weights.peepholes is None
        and not node.get("input_forget", 0)
        and (node.op != "GRU" or bool(node.get("linear_before_reset", 0)))
    )


def _packed(
    op: str,
    x: Tensor,
    weights: Weights,
    states: States,
    sizes: Any,
    reverse: bool,
    activations: Sequence[str],
) -> tuple[Tensor, States]:
    """Run the op over rows of which each step has those sequences that are long enough."""
    steps, n, _ = x.shape
    kind = _KINDS[op]
    options: dict[str, Any] = {"sizes": (n,) * steps, "reverse": reverse}
    if op == "RNN":
        options["relu"] = activations[0].lower() == "relu"
    rows, order = F.reshape(x, (steps * n, -1)), None
    if sizes is not None and (sizes < steps).any():
        order = np.argsort(-sizes, kind="stable")[: int((sizes > 0).sum())]
        counts = [int((sizes > t).sum()) for t in range(int(sizes.max(initial=0)))]
        if not counts:
            return F.zeros((steps, n, states[0].shape[1]), dtype=x.dtype), states
        picked = np.concatenate([t * n + order[:count] for t, count in enumerate(counts)])
        options["sizes"] = tuple(counts)
        rows = F.index_select(rows, 0, wrap(picked))
    starts = states if order is None else [F.index_select(s, 0, wrap(order)) for s in states]
    learnt = [None if v is None else _reordered(v, kind) for v in weights[:4]]
    more = [None] if op == "LSTM" else []
    found: Any = apply(getattr(ops, op.lower()), (rows, *starts, *learnt, *more), options)
    y, *finals = found
    if order is not None:
        y = F.index_copy(F.zeros((steps * n, y.shape[1]), dtype=x.dtype), 0, wrap(picked), y)
        finals = [
            F.index_copy(s, 0, wrap(order), last) for s, last in zip(states, finals, strict=True)
        ]
    return F.reshape(y, (steps, n, y.shape[1])), tuple(finals)


def _reordered(v: Tensor, kind: Kind) -> Tensor:
    """Bring the gates, blocks of rows, into the order of Rushlight's op."""
    if kind.gates == 1:
        return v
    size = v.shape[0] // kind.gates
    return F.cat([v[k * size : (k + 1) * size] for k in kind.order], 0)


def _stepwise(
    node: Node,
    x: Tensor,
    weights: Weights,
    states: States,
    sizes: Any,
    reverse: bool,
    functions: Sequence[Callable[[Tensor], Tensor]],
) -> tuple[Tensor, States]:
    """Run the cell of `cells.py`; a sequence stands still beyond its length."""
    steps, cell = x.shape[0], _KINDS[node.op].cell
    from_x = F.matmul(x, F.transpose(weights.by_input, 0, 1))
    if weights.input_bias is not None:
        from_x = from_x + weights.input_bias
    outputs: list[Any] = [None] * steps
    for t in reversed(range(steps)) if reverse else range(steps):
        new = cell(node, from_x[t], states, weights, functions)
        y = new[0]
        if sizes is not None and (sizes <= t).any():
            here = wrap((sizes > t)[:, None])
            y = F.where(here, y, 0.0)
            new = tuple(F.where(here, a, b) for a, b in zip(new, states, strict=True))
        states, outputs[t] = new, y
    return F.stack(outputs), states
