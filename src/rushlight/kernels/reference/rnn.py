"""Recurrent kernels: one layer in one direction, all steps of time.

The rows of a sequence array (M, F) are packed: those of step 0, then of step 1, ..., `sizes` of
them in each; sizes never grow, as the longest sequences stand first. `before` (M, 4H for the LSTM)
is what the gates get from the input, x W_ih^T + b, computed by one product for all steps. A step
then costs the recurrent product and a dozen passes over arrays of one step; compiled kernels give
functions that do these passes as one.

Backward, all factors that do not depend on the gradient from later steps are computed for a block
of steps at once; the gradients by the weights are left to the caller: products over all rows.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import lru_cache
from itertools import accumulate
from typing import Any

import numpy as np

from rushlight.arrays import Array
from rushlight.kernels.products import dot
from rushlight.kernels.reference.activation import relu_grad

__all__ = [
    "gathered",
    "gru_forward",
    "gru_grad",
    "lstm_forward",
    "lstm_grad",
    "rnn_forward",
    "rnn_grad",
    "states_before",
]

Sizes = tuple[int, ...]
Steps = tuple[tuple[int, int], ...]
Part = Callable[..., Any]
_BLOCK = 1 << 16  # elements of the gates whose factors are computed at once: they stay in the cache


@lru_cache(maxsize=256)
def _steps(sizes: Sizes, reverse: bool) -> Steps:
    """Return the first and the last row + 1 of each step, in the order in which they run."""
    ends = tuple(accumulate(sizes))
    steps = tuple(zip((0, *ends[:-1]), ends, strict=True))
    return steps[::-1] if reverse else steps


def _blocks(sizes: Sizes, reverse: bool, width: int) -> Iterator[tuple[int, int, Steps]]:
    """Yield first row, last row + 1 and steps of each block, in the order of the backward pass."""
    steps = _steps(sizes, not reverse)
    count = max(1, _BLOCK // max(1, width * max(sizes)))
    for k in range(0, len(steps), count):
        block = steps[k : k + count]
        yield min(block[0][0], block[-1][0]), max(block[0][1], block[-1][1]), block


def _resized(state: Array, first: Array, last: Array, n: int) -> Array:
    """Return the state of the first n sequences: what ends goes to `last`, what begins comes from
    `first`."""
    if n < len(state):
        last[n : len(state)] = state[n:]
        return state[:n]
    return np.concatenate((state, first[len(state) : n]))


def _start(first: Array, sizes: Sizes, reverse: bool) -> tuple[Array, Array]:
    """Return the state before the first step that runs, and where final states are put."""
    n = sizes[-1] if reverse else sizes[0]
    return first[:n], np.empty(first.shape, first.dtype)


def states_before(first: Array, states: Array, sizes: Sizes, reverse: bool) -> Array:
    """first (N, F), states (M, F) after each step -> (M, F) before it"""
    found = np.empty(states.shape, states.dtype)
    n = sizes[0]
    if n == sizes[-1]:  # all of one length: the same rows, moved on by a step
        a, b = (len(found) - n, 0) if reverse else (0, n)
        found[a : a + n] = first
        found[b : b + len(found) - n] = states[n:] if reverse else states[: len(found) - n]
        return found
    low = high = 0
    for a, b in _steps(sizes, reverse):
        known = min(b - a, high - low)  # sequences that were there a step before
        found[a : a + known] = states[low : low + known]
        found[a + known : b] = first[known : b - a]
        low, high = a, b
    return found


def gathered(given: Array | None, like: Array) -> Array:
    """Return an array that the gradient of a state is gathered in."""
    return np.zeros(like.shape, like.dtype) if given is None else np.array(given, order="C")


def _negated(w: Array) -> Array:
    """(G, P) -> -w^T (P, G): gates then take the negative sum, as sigmoids ask for exp(-x)"""
    return np.negative(w.T, order="C")


def _sigmoid_of_negative(x: Array) -> None:
    """Set x to 1 / (1 + exp(x)) in place; an overflow to infinity gives the right 0."""
    np.exp(x, out=x)
    x += 1
    np.reciprocal(x, out=x)


# ---- Elman: h' = tanh or relu of (before + W h)


def rnn_forward(
    before: Array, h0: Array, w: Array, sizes: Sizes, reverse: bool, relu: bool
) -> tuple[Array, Array]:
    """before (M, H), h0 (N, H), w (H, H) -> h of all steps (M, H), of the last ones (N, H)"""
    y = np.empty(before.shape, before.dtype)
    wt, products = np.ascontiguousarray(w.T), np.empty(h0.shape, y.dtype)
    h, last = _start(h0, sizes, reverse)
    for a, b in _steps(sizes, reverse):
        if b - a != len(h):
            h = _resized(h, h0, last, b - a)
        row = y[a:b]
        np.add(before[a:b], dot(h, wt, out=products[: b - a]), out=row)
        if relu:
            np.maximum(row, 0, out=row)
        else:
            np.tanh(row, out=row)
        h = row
    last[: len(h)] = h
    return y, last


def rnn_grad(
    g: Array | None, g_last: Array | None, y: Array, h0: Array, w: Array, sizes: Sizes,
    reverse: bool, relu: bool,
) -> tuple[Array, Array]:  # fmt: skip
    """Return the gradients by `before` (M, H) and h0 (N, H)."""
    d = np.empty(y.shape, y.dtype)
    dh = gathered(g_last, h0)
    for low, high, block in _blocks(sizes, reverse, y.shape[1]):
        if not relu:
            np.multiply(y[low:high], y[low:high], out=d[low:high])
            np.subtract(1, d[low:high], out=d[low:high])
        for a, b in block:
            row, part = dh[: b - a], d[a:b]
            if g is not None:
                row += g[a:b]
            if relu:
                part[...] = relu_grad(row, y[a:b])
            else:
                part *= row
            dot(part, w, out=row)
    return d, dh


# ---- LSTM: c' = f c + i g, h' = o tanh(c'), gates in the order i, f, g, o


def _lstm_step(
    product: Array, before: Array, c: Array, gates: Array, negative: Array, cell: Array,
    tanhs: Array, part: Array,
) -> None:  # fmt: skip
    """From -W h, `before` and c set sigmoids, -g, c', tanh(c') and, as `part`, o tanh(c')."""
    n = c.shape[1]
    np.subtract(product, before, out=gates)
    np.tanh(gates[:, 2 * n : 3 * n], out=negative)
    _sigmoid_of_negative(gates)  # of g too: one pass over all is shorter than two over parts
    np.multiply(c, gates[:, n : 2 * n], out=cell)
    cell -= np.multiply(gates[:, :n], negative, out=part)
    np.tanh(cell, out=tanhs)
    np.multiply(gates[:, 3 * n :], tanhs, out=part)


def lstm_forward(
    before: Array, h0: Array, c0: Array, w: Array, w_hr: Array | None, sizes: Sizes,
    reverse: bool, step: Part = _lstm_step,
) -> tuple[Array, Array, Array, tuple[Array, ...]]:  # fmt: skip
    """before (M, 4H), h0 (N, P), c0 (N, H), w (4H, P), w_hr (P, H) or None -> h (M, P), ...

    Returns:
        h of all steps, h and c of the last ones, and (sigmoids (M, 4H), -g (M, H), c (M, H),
        tanh(c) (M, H)) for the gradient.
    """
    wt, n, m, dtype = _negated(w), c0.shape[1], len(before), before.dtype
    gates, y = np.empty((m, 4 * n), dtype), np.empty((m, h0.shape[1]), dtype)
    negative, cells, tanhs = (np.empty((m, n), dtype) for _ in range(3))
    products, parts = np.empty((max(sizes), 4 * n), dtype), np.empty((max(sizes), n), dtype)
    (h, h_last), (c, c_last) = _start(h0, sizes, reverse), _start(c0, sizes, reverse)
    for a, b in _steps(sizes, reverse):
        if b - a != len(h):
            h, c = _resized(h, h0, h_last, b - a), _resized(c, c0, c_last, b - a)
        product, cell = dot(h, wt, out=products[: b - a]), cells[a:b]
        h = y[a:b]
        part = h if w_hr is None else parts[: b - a]
        step(product, before[a:b], c, gates[a:b], negative[a:b], cell, tanhs[a:b], part)
        if w_hr is not None:
            dot(part, w_hr.T, out=h)
        c = cell
    h_last[: len(h)], c_last[: len(c)] = h, c
    return y, h_last, c_last, (gates, negative, cells, tanhs)


def _lstm_factors(d: Array, gates: Array, negative: Array, tanhs: Array, previous: Array) -> Array:
    """Set d to what the gradients by c' (for i, f, g) and h' (for o) are multiplied with, and
    return dh' / dc' = o (1 - tanh(c')^2); all of some rows."""
    n = tanhs.shape[1]
    np.multiply(gates, gates, out=d)
    np.subtract(gates, d, out=d)
    new = -negative
    d[:, :n] *= new
    d[:, n : 2 * n] *= previous
    np.multiply(new, new, out=new)
    np.subtract(1, new, out=new)
    np.multiply(gates[:, :n], new, out=d[:, 2 * n : 3 * n])
    d[:, 3 * n :] *= tanhs
    through = tanhs * tanhs
    np.subtract(1, through, out=through)
    through *= gates[:, 3 * n :]
    return through


def _lstm_back(dy: Array, dc: Array, d: Array, through: Array, gates: Array, *_: Array) -> None:
    """From the gradients by h' and c' set that by `before` and, in place, that by c."""
    n = dc.shape[1]
    dc += dy * through
    by_gate = d.reshape(len(d), 4, n)
    by_gate[:, :3] *= dc[:, None]
    by_gate[:, 3] *= dy
    dc *= gates[:, n : 2 * n]


def lstm_grad(
    g: Array | None, g_last: Array | None, g_cell: Array | None, cache: tuple[Array, ...],
    h0: Array, c0: Array, w: Array, w_hr: Array | None, sizes: Sizes, reverse: bool,
    factors: Part = _lstm_factors, back: Part = _lstm_back,
) -> tuple[Array, Array, Array, Array | None]:  # fmt: skip
    """Return the gradients by `before` (M, 4H), h0, c0 and w_hr."""
    gates, negative, cells, tanhs = cache
    kept = gates, negative, tanhs, states_before(c0, cells, sizes, reverse)
    n, w = c0.shape[1], np.ascontiguousarray(w)
    d = np.empty(gates.shape, gates.dtype)
    outer = None if w_hr is None else np.empty((len(gates), h0.shape[1]), gates.dtype)
    dh, dc = gathered(g_last, h0), gathered(g_cell, c0)
    for low, high, block in _blocks(sizes, reverse, 4 * n):
        through = factors(d[low:high], *(x[low:high] for x in kept))
        for a, b in block:
            dy = inner = dh[: b - a]
            if g is not None:
                dy += g[a:b]
            if w_hr is not None and outer is not None:
                outer[a:b] = dy
                inner = dot(dy, w_hr)
            rows = (x[a:b] for x in kept)
            back(inner, dc[: b - a], d[a:b], through[a - low : b - low], *rows)
            dot(d[a:b], w, out=dy)
    dw = None if outer is None else dot(outer.T, gates[:, 3 * n :] * tanhs)
    return d, dh, dc, dw


# ---- GRU: n = tanh(before_n + r (W_hn h + b_hn)), h' = n + z (h - n), gates in the order r, z, n


def _gru_step(
    product: Array, before: Array, bias: Array, h: Array, gates: Array, new: Array, hidden: Array,
    y: Array, part: Array,
) -> None:  # fmt: skip
    """From -W h, `before`, b_hn and h set r and z, n, W_hn h + b_hn and h'; `part` is scratch."""
    n = h.shape[1]
    np.subtract(product[:, : 2 * n], before[:, : 2 * n], out=gates)
    _sigmoid_of_negative(gates)
    np.subtract(bias, product[:, 2 * n :], out=hidden)
    np.multiply(gates[:, :n], hidden, out=part)
    part += before[:, 2 * n :]
    np.tanh(part, out=new)
    np.subtract(h, new, out=part)
    part *= gates[:, n:]
    np.add(part, new, out=y)


def gru_forward(
    before: Array, h0: Array, w: Array, b_hn: Array | None, sizes: Sizes, reverse: bool,
    step: Part = _gru_step,
) -> tuple[Array, Array, tuple[Array, ...]]:  # fmt: skip
    """before (M, 3H), h0 (N, H), w (3H, H), b_hn (H) or None -> h (M, H), ...

    Returns:
        h of all steps, h of the last ones, and (r and z (M, 2H), n (M, H), W_hn h + b_hn (M, H))
        for the gradient.
    """
    wt, n, m, dtype = _negated(w), h0.shape[1], len(before), before.dtype
    gates = np.empty((m, 2 * n), dtype)
    new, hidden, y = (np.empty((m, n), dtype) for _ in range(3))
    products, parts = np.empty((max(sizes), 3 * n), dtype), np.empty((max(sizes), n), dtype)
    bias = np.zeros(n, dtype) if b_hn is None else b_hn
    h, last = _start(h0, sizes, reverse)
    for a, b in _steps(sizes, reverse):
        if b - a != len(h):
            h = _resized(h, h0, last, b - a)
        product, out = dot(h, wt, out=products[: b - a]), (gates[a:b], new[a:b], hidden[a:b])
        step(product, before[a:b], bias, h, *out, y[a:b], parts[: b - a])
        h = y[a:b]
    last[: len(h)] = h
    return y, last, (gates, new, hidden)


def _gru_factors(d: Array, gates: Array, new: Array, hidden: Array, previous: Array) -> None:
    """Set d to what the gradient by h' is multiplied with; all of some rows."""
    n = new.shape[1]
    r, z = gates[:, :n], gates[:, n:]
    np.multiply(gates, gates, out=d[:, : 2 * n])
    np.subtract(gates, d[:, : 2 * n], out=d[:, : 2 * n])
    by_x = d[:, 3 * n :]
    np.multiply(new, new, out=by_x)
    np.subtract(1, by_x, out=by_x)
    by_x *= 1 - z
    d[:, :n] *= hidden
    d[:, :n] *= by_x
    d[:, n : 2 * n] *= previous - new
    np.multiply(by_x, r, out=d[:, 2 * n : 3 * n])


def _gru_back(dy: Array, d: Array, gates: Array, *_: Array) -> None:
    """From the gradient by h' set d and, in place, the part of that by h that does not go through
    the product."""
    n = dy.shape[1]
    by_gate = d.reshape(len(d), 4, n)
    by_gate *= dy[:, None]
    dy *= gates[:, n:]


def gru_grad(
    g: Array | None, g_last: Array | None, cache: tuple[Array, ...], y: Array, h0: Array,
    w: Array, sizes: Sizes, reverse: bool, factors: Part = _gru_factors, back: Part = _gru_back,
) -> tuple[Array, Array, Array]:  # fmt: skip
    """Return the gradients by `before` (M, 3H), by W_hh h + b_hh (M, 3H), and by h0."""
    kept = *cache, states_before(h0, y, sizes, reverse)
    n, w = h0.shape[1], np.ascontiguousarray(w)
    d = np.empty((len(y), 4 * n), y.dtype)  # r, z, the part of n from h, that from x
    dh = gathered(g_last, h0)
    products = np.empty(h0.shape, y.dtype)
    for low, high, block in _blocks(sizes, reverse, 4 * n):
        factors(d[low:high], *(x[low:high] for x in kept))
        for a, b in block:
            dy = dh[: b - a]
            if g is not None:
                dy += g[a:b]
            back(dy, d[a:b], *(x[a:b] for x in kept))
            dy += dot(d[a:b, : 3 * n], w, out=products[: b - a])
    return np.concatenate((d[:, : 2 * n], d[:, 3 * n :]), axis=1), d[:, : 3 * n], dh
