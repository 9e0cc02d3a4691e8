"""Recurrent layers: one layer in one direction over all steps of time as one op.

The input is packed: rows (M, K) of step 0, of step 1, ..., `sizes` of them in each, which never
grow. `reverse` runs from the last step to the first. A cell is the same op with one step.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import accumulate
from typing import Any

import numpy as np

from rushlight.errors import DtypeError, ShapeError, explain
from rushlight.kernels import kernel
from rushlight.ops import elementwise as ew
from rushlight.ops.contract import Saved, define
from rushlight.ops.index import getitem
from rushlight.ops.linalg import matmul, swap
from rushlight.ops.reduce import sum as sum_
from rushlight.ops.shape import cat

Result = tuple[tuple[Any, ...], Saved]
Grads = tuple[Any, ...]
Sizes = tuple[int, ...]
Cell = Callable[..., tuple[tuple[Any, ...], tuple[Any, ...]]]

_linear = kernel("linear_forward")
_input_grad = kernel("linear_input_grad")
_weight_grad = kernel("linear_weight_grad")
_column_sum = kernel("column_sum")
_states_before = kernel("states_before")
_rnn, _rnn_grad = kernel("rnn_forward"), kernel("rnn_grad")
_lstm, _lstm_grad = kernel("lstm_forward"), kernel("lstm_grad")
_gru, _gru_grad = kernel("gru_forward"), kernel("gru_grad")


# ---- what all three share


def _check(
    where: str, gates: int, x: Any, h0: Any, c0: Any, w_ih: Any, w_hh: Any, b_ih: Any, b_hh: Any,
    w_hr: Any, sizes: Sizes,
) -> None:  # fmt: skip
    """Refuse what does not go together; the hidden size is that of W_hh's rows."""
    given = {
        "h0": h0, "c0": c0, "weight_ih": w_ih, "weight_hh": w_hh,
        "bias_ih": b_ih, "bias_hh": b_hh, "weight_hr": w_hr,
    }  # fmt: skip
    if x.dtype.kind != "f":
        raise DtypeError(explain(where, got=f"input {x.dtype.name}", expected="a floating dtype"))
    for name, array in given.items():
        if array is not None and array.dtype != x.dtype:
            got = f"input {x.dtype.name} with {name} {array.dtype.name}"
            fix = "convert the input or the module with .to(...)"
            raise DtypeError(explain(where, got=got, expected="one floating dtype", fix=fix))
    if not sizes:
        raise ShapeError(explain(where, got="a sequence of 0 steps", expected="1 step or more"))
    rows, k = w_ih.shape[0] if w_ih.ndim else 0, x.shape[-1]
    n = rows // gates
    out = n if w_hr is None else w_hr.shape[0]
    first = max(sizes[0], 0)
    expected = {
        "h0": (first, out), "c0": (first, n), "weight_ih": (gates * n, k),
        "weight_hh": (gates * n, out), "bias_ih": (gates * n,), "bias_hh": (gates * n,),
        "weight_hr": (out, n),
    }  # fmt: skip
    for name, array in given.items():
        if array is not None and array.shape != expected[name]:
            got = f"input {x.shape} with {name} {array.shape}"
            raise ShapeError(explain(where, got=got, expected=f"{name} {expected[name]}"))
    falling = all(a >= b >= 0 for a, b in zip(sizes, (*sizes[1:], 0), strict=True))
    if x.ndim != 2 or len(x) != sum(sizes) or not falling:
        got = f"input {x.shape} with batch sizes {sizes}"
        raise ShapeError(explain(where, got=got, expected="(M, K), M the sum of falling sizes"))


def _sum_of(a: Any, b: Any) -> Any:
    return b if a is None else a if b is None else a + b


def _parameter_grads(
    by_x: Any, by_h: Any, x: Any, states: Callable[[], Any], w_ih: Any, needs: Sequence[bool]
) -> tuple[Any, ...]:
    """Return the gradients by x, w_ih, w_hh, b_ih and b_hh from those by the sums of the gates."""
    db = _column_sum(by_x) if needs[3] else None
    return (
        _input_grad(by_x, w_ih) if needs[0] else None,
        _weight_grad(x, by_x) if needs[1] else None,
        _weight_grad(states(), by_h) if needs[2] else None,
        db,
        (_column_sum(by_h) if db is None or by_h is not by_x else db.copy()) if needs[4] else None,
    )


def _graph_parameter_grads(
    by_x: Any, by_h: Any, x: Any, states: Any, w_ih: Any, needs: Sequence[bool]
) -> tuple[Any, ...]:
    """Return the same as `_parameter_grads`, of Tensors."""
    return (
        matmul(by_x, w_ih) if needs[0] else None,
        matmul(swap(by_x), x) if needs[1] else None,
        matmul(swap(by_h), states) if needs[2] else None,
        sum_(by_x, dims=(0,), keepdim=False) if needs[3] else None,
        sum_(by_h, dims=(0,), keepdim=False) if needs[4] else None,
    )


def _rows(x: Any, a: int, b: int) -> Any:
    return getitem(x, index=slice(a, b))


def _columns(x: Any, count: int) -> list[Any]:
    """(b, count n) -> count times (b, n)"""
    n = x.shape[1] // count
    return [getitem(x, index=(slice(None), slice(k * n, (k + 1) * n))) for k in range(count)]


def _walk(
    cell: Cell, firsts: Sequence[Any], sizes: Sizes, reverse: bool
) -> tuple[tuple[Any, ...], list[Any]]:
    """Run `cell(a, b, *states) -> states, kept` step by step, on arrays or Tensors.

    Returns:
        the final states, and what was kept: each item of all rows.
    """
    ends = tuple(accumulate(sizes))
    steps = list(zip((0, *ends[:-1]), ends, strict=True))
    kept, ended = {}, []
    states = tuple(_rows(first, 0, 0) for first in firsts)
    for a, b in reversed(steps) if reverse else steps:
        n, before = b - a, states[0].shape[0]
        if n > before:
            states = tuple(
                cat(s, _rows(f, before, n), dim=0) for s, f in zip(states, firsts, strict=True)
            )
        elif n < before:
            ended.append(tuple(_rows(s, n, before) for s in states))
            states = tuple(_rows(s, 0, n) for s in states)
        states, kept[a, b] = cell(a, b, *states)
    parts = [states, *reversed(ended)]
    finals = tuple(cat(*pieces, dim=0) for pieces in zip(*parts, strict=True))
    return finals, [cat(*pieces, dim=0) for pieces in zip(*(kept[s] for s in steps), strict=True)]


def _or_zeros(gradient: Any, like: Any) -> Any:
    return np.zeros(like.shape, like.dtype) if gradient is None else gradient


# ---- Elman


def _rnn_check(
    x: Any, h0: Any, w_ih: Any, w_hh: Any, b_ih: Any, b_hh: Any, sizes: Sizes, **_: Any
) -> None:
    _check("rnn", 1, x, h0, None, w_ih, w_hh, b_ih, b_hh, None, sizes)


def _rnn_forward(
    x: Any, h0: Any, w_ih: Any, w_hh: Any, b_ih: Any, b_hh: Any, sizes: Sizes, reverse: bool,
    relu: bool,
) -> Result:  # fmt: skip
    before = _linear(x, w_ih, _sum_of(b_ih, b_hh))
    y, last = _rnn(before, h0, w_hh, sizes, reverse, relu)
    options = (sizes, reverse, relu)
    return (y, last), Saved((x, h0, w_ih, w_hh), (y,), constants=options)


def _rnn_backward(saved: Saved, grads: Grads, needs: Sequence[bool]) -> Sequence[Any]:
    (x, h0, w_ih, w_hh), (y,), options = saved.inputs, saved.outputs, saved.constants
    d, dh = _rnn_grad(*grads, y, h0, w_hh, *options)
    dx, *others = _parameter_grads(
        d, d, x, lambda: _states_before(h0, y, *options[:2]), w_ih, (needs[0], *needs[2:])
    )
    return dx, dh if needs[1] else None, *others


def _rnn_graph_backward(saved: Saved, grads: Grads, needs: Sequence[bool]) -> Sequence[Any]:
    (x, h0, w_ih, w_hh), (y,) = saved.inputs, saved.outputs
    (sizes, reverse, relu), (g, g_last) = saved.constants, grads

    def before(a: int, b: int, h: Any) -> Any:
        return (_rows(y, a, b),), (h,)

    def back(a: int, b: int, dh: Any) -> Any:
        h = _rows(y, a, b)
        dy = dh if g is None else dh + _rows(g, a, b)
        d = ew.relu_gradient(dy, h) if relu else dy * (1.0 - h * h)
        return (matmul(d, w_hh),), (d,)

    _, (states,) = _walk(before, (h0,), sizes, reverse)
    (dh,), (d,) = _walk(back, (_or_zeros(g_last, h0),), sizes, not reverse)
    dx, *others = _graph_parameter_grads(d, d, x, states, w_ih, (needs[0], *needs[2:]))
    return dx, dh if needs[1] else None, *others


rnn = define(
    "rnn",
    _rnn_forward,
    _rnn_backward,
    graph_backward=_rnn_graph_backward,
    fresh=True,
    check=_rnn_check,
)


# ---- LSTM


def _lstm_check(
    x: Any, h0: Any, c0: Any, w_ih: Any, w_hh: Any, b_ih: Any, b_hh: Any, w_hr: Any, sizes: Sizes,
    **_: Any,
) -> None:  # fmt: skip
    _check("lstm", 4, x, h0, c0, w_ih, w_hh, b_ih, b_hh, w_hr, sizes)


def _lstm_forward(
    x: Any, h0: Any, c0: Any, w_ih: Any, w_hh: Any, b_ih: Any, b_hh: Any, w_hr: Any, sizes: Sizes,
    reverse: bool,
) -> Result:  # fmt: skip
    before = _linear(x, w_ih, _sum_of(b_ih, b_hh))
    y, h, c, cache = _lstm(before, h0, c0, w_hh, w_hr, sizes, reverse)
    kept = (x, h0, c0, w_ih, w_hh, b_ih, b_hh, w_hr)
    return (y, h, c), Saved(kept, (y,), constants=(sizes, reverse), cache=cache)


def _lstm_backward(saved: Saved, grads: Grads, needs: Sequence[bool]) -> Sequence[Any]:
    (x, h0, c0, w_ih, w_hh, _, _, w_hr), (y,), options = (
        saved.inputs,
        saved.outputs,
        saved.constants,
    )
    d, dh, dc, dw_hr = _lstm_grad(*grads, saved.cache, h0, c0, w_hh, w_hr, *options)
    dx, *others = _parameter_grads(
        d, d, x, lambda: _states_before(h0, y, *options), w_ih, (needs[0], *needs[3:7])
    )
    return (
        dx,
        dh if needs[1] else None,
        dc if needs[2] else None,
        *others,
        dw_hr if needs[7] else None,
    )


def _lstm_graph_backward(saved: Saved, grads: Grads, needs: Sequence[bool]) -> Sequence[Any]:
    x, h0, c0, w_ih, w_hh, b_ih, b_hh, w_hr = saved.inputs
    (sizes, reverse), (g, g_last, g_cell) = saved.constants, grads
    bias, by_x = _sum_of(b_ih, b_hh), matmul(x, swap(w_ih))
    by_x = by_x if bias is None else by_x + bias

    def cell(a: int, b: int, h: Any, c: Any) -> Any:
        i, f, new, o = _columns(_rows(by_x, a, b) + matmul(h, swap(w_hh)), 4)
        i, f, new, o = ew.sigmoid(i), ew.sigmoid(f), ew.tanh(new), ew.sigmoid(o)
        after = f * c + i * new
        t = ew.tanh(after)
        y = o * t if w_hr is None else matmul(o * t, swap(w_hr))
        return (y, after), (h, c, i, f, new, o, t)

    _, kept = _walk(cell, (h0, c0), sizes, reverse)

    def back(a: int, b: int, dh: Any, dc: Any) -> Any:
        _, c, i, f, new, o, t = (_rows(item, a, b) for item in kept)
        dy = dh if g is None else dh + _rows(g, a, b)
        inner = dy if w_hr is None else matmul(dy, w_hr)
        dc = dc + inner * o * (1.0 - t * t)
        d = cat(
            dc * new * i * (1.0 - i),
            dc * c * f * (1.0 - f),
            dc * i * (1.0 - new * new),
            inner * t * o * (1.0 - o),
            dim=1,
        )
        return (matmul(d, w_hh), dc * f), (d, dy)

    firsts = _or_zeros(g_last, h0), _or_zeros(g_cell, c0)
    (dh, dc), (d, dy) = _walk(back, firsts, sizes, not reverse)
    dx, *others = _graph_parameter_grads(d, d, x, kept[0], w_ih, (needs[0], *needs[3:7]))
    return (
        dx,
        dh if needs[1] else None,
        dc if needs[2] else None,
        *others,
        matmul(swap(dy), kept[5] * kept[6]) if needs[7] else None,
    )


lstm = define(
    "lstm",
    _lstm_forward,
    _lstm_backward,
    graph_backward=_lstm_graph_backward,
    fresh=True,
    check=_lstm_check,
)


# ---- GRU: the bias of the candidate's recurrent part stands inside the reset gate


def _gru_check(
    x: Any, h0: Any, w_ih: Any, w_hh: Any, b_ih: Any, b_hh: Any, sizes: Sizes, **_: Any
) -> None:
    _check("gru", 3, x, h0, None, w_ih, w_hh, b_ih, b_hh, None, sizes)


def _gru_forward(
    x: Any, h0: Any, w_ih: Any, w_hh: Any, b_ih: Any, b_hh: Any, sizes: Sizes, reverse: bool
) -> Result:
    bias, inner = b_ih, None
    if b_hh is not None:
        n = h0.shape[1]
        bias, inner = b_hh.copy(), b_hh[2 * n :]
        bias[2 * n :] = 0
        bias = bias if b_ih is None else bias + b_ih
    y, last, cache = _gru(_linear(x, w_ih, bias), h0, w_hh, inner, sizes, reverse)
    kept = (x, h0, w_ih, w_hh, b_ih, b_hh)
    return (y, last), Saved(kept, (y,), constants=(sizes, reverse), cache=cache)


def _gru_backward(saved: Saved, grads: Grads, needs: Sequence[bool]) -> Sequence[Any]:
    (x, h0, w_ih, w_hh, _, _), (y,), options = saved.inputs, saved.outputs, saved.constants
    by_x, by_h, dh = _gru_grad(*grads, saved.cache, y, h0, w_hh, *options)
    dx, *others = _parameter_grads(
        by_x, by_h, x, lambda: _states_before(h0, y, *options), w_ih, (needs[0], *needs[2:])
    )
    return dx, dh if needs[1] else None, *others


def _gru_graph_backward(saved: Saved, grads: Grads, needs: Sequence[bool]) -> Sequence[Any]:
    x, h0, w_ih, w_hh, b_ih, b_hh = saved.inputs
    (sizes, reverse), (g, g_last) = saved.constants, grads
    from_x = matmul(x, swap(w_ih))
    from_x = from_x if b_ih is None else from_x + b_ih

    def cell(a: int, b: int, h: Any) -> Any:
        from_h = matmul(h, swap(w_hh))
        r, z, hidden = _columns(from_h if b_hh is None else from_h + b_hh, 3)
        x_r, x_z, x_n = _columns(_rows(from_x, a, b), 3)
        r, z = ew.sigmoid(x_r + r), ew.sigmoid(x_z + z)
        new = ew.tanh(x_n + r * hidden)
        return (new + z * (h - new),), (h, r, z, hidden, new)

    _, kept = _walk(cell, (h0,), sizes, reverse)

    def back(a: int, b: int, dh: Any) -> Any:
        h, r, z, hidden, new = (_rows(item, a, b) for item in kept)
        dy = dh if g is None else dh + _rows(g, a, b)
        dn = dy * (1.0 - z) * (1.0 - new * new)
        dr = dn * hidden * r * (1.0 - r)
        dz = dy * (h - new) * z * (1.0 - z)
        by_h = cat(dr, dz, dn * r, dim=1)
        return (dy * z + matmul(by_h, w_hh),), (cat(dr, dz, dn, dim=1), by_h)

    (dh,), (by_x, by_h) = _walk(back, (_or_zeros(g_last, h0),), sizes, not reverse)
    dx, *others = _graph_parameter_grads(by_x, by_h, x, kept[0], w_ih, (needs[0], *needs[2:]))
    return dx, dh if needs[1] else None, *others


gru = define(
    "gru",
    _gru_forward,
    _gru_backward,
    graph_backward=_gru_graph_backward,
    fresh=True,
    check=_gru_check,
)
