"""Recurrent kernels: one layer in one direction, all steps of time.

The rows of a sequence array (M, F) are packed: those of step 0, then of step 1, ..., `sizes` of
them in each; sizes never grow, as the longest sequences stand first. `before` (M, 4H for the LSTM)
is what the gates get from the input, x W_ih^T + b, computed by one product for all steps; it is
overwritten. A step then costs the recurrent product and a dozen passes over arrays of one step.

Backward, all factors that do not depend on the gradient from later steps are computed for a block
of steps at once; the gradients by the weights are left to the caller: products over all rows.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from itertools import accumulate

import numpy as np

from rushlight.arrays import Array
from rushlight.kernels.reference.activation import relu_grad

__all__ = [
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
    found = np.empty_like(states)
    low = high = 0
    for a, b in _steps(sizes, reverse):
        known = min(b - a, high - low)  # sequences that were there a step before
        found[a : a + known] = states[low : low + known]
        found[a + known : b] = first[known : b - a]
        low, high = a, b
    return found


def _gradient(given: Array | None, like: Array) -> Array:
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
    y = before
    wt, products = np.ascontiguousarray(w.T), np.empty(h0.shape, y.dtype)
    h, last = _start(h0, sizes, reverse)
    for a, b in _steps(sizes, reverse):
        if b - a != len(h):
            h = _resized(h, h0, last, b - a)
        row = y[a:b]
        row += np.dot(h, wt, out=products[: b - a])
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
    dh = _gradient(g_last, h0)
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
            np.dot(part, w, out=row)
    return d, dh


# ---- LSTM: c' = f c + i g, h' = o tanh(c'), gates in the order i, f, g, o


def lstm_forward(
    before: Array, h0: Array, c0: Array, w: Array, w_hr: Array | None, sizes: Sizes, reverse: bool
) -> tuple[Array, Array, Array, tuple[Array, ...]]:
    """before (M, 4H), h0 (N, P), c0 (N, H), w (4H, P), w_hr (P, H) or None -> h (M, P), ...

    Returns:
        h of all steps, h and c of the last ones, and (sigmoids (M, 4H), -g (M, H), c (M, H),
        tanh(c) (M, H)) for the gradient.
    """
    gates, wt, n = before, _negated(w), c0.shape[1]
    m, dtype = len(gates), gates.dtype
    negative, cells, tanhs = (np.empty((m, n), dtype) for _ in range(3))
    y = np.empty((m, h0.shape[1]), dtype)
    products, parts = np.empty((max(sizes), 4 * n), dtype), np.empty((max(sizes), n), dtype)
    (h, h_last), (c, c_last) = _start(h0, sizes, reverse), _start(c0, sizes, reverse)
    for a, b in _steps(sizes, reverse):
        if b - a != len(h):
            h, c = _resized(h, h0, h_last, b - a), _resized(c, c0, c_last, b - a)
        gate, cell, part = gates[a:b], cells[a:b], parts[: b - a]
        np.subtract(np.dot(h, wt, out=products[: b - a]), gate, out=gate)
        np.tanh(gate[:, 2 * n : 3 * n], out=negative[a:b])
        _sigmoid_of_negative(gate)  # of g too: one pass over all is shorter than two over parts
        np.multiply(c, gate[:, n : 2 * n], out=cell)
        cell -= np.multiply(gate[:, :n], negative[a:b], out=part)
        np.tanh(cell, out=tanhs[a:b])
        h, c = y[a:b], cell
        if w_hr is None:
            np.multiply(gate[:, 3 * n :], tanhs[a:b], out=h)
        else:
            np.dot(np.multiply(gate[:, 3 * n :], tanhs[a:b], out=part), w_hr.T, out=h)
    h_last[: len(h)], c_last[: len(c)] = h, c
    return y, h_last, c_last, (gates, negative, cells, tanhs)


def lstm_grad(
    g: Array | None, g_last: Array | None, g_cell: Array | None, cache: tuple[Array, ...],
    h0: Array, c0: Array, w: Array, w_hr: Array | None, sizes: Sizes, reverse: bool,
) -> tuple[Array, Array, Array, Array | None]:  # fmt: skip
    """Return the gradients by `before` (M, 4H), h0, c0 and w_hr."""
    gates, _, cells, tanhs = cache
    n, w, previous = c0.shape[1], np.ascontiguousarray(w), states_before(c0, cells, sizes, reverse)
    d = np.empty(gates.shape, gates.dtype)
    outer = None if w_hr is None else np.empty((len(gates), h0.shape[1]), gates.dtype)
    dh, dc = _gradient(g_last, h0), _gradient(g_cell, c0)
    for low, high, block in _blocks(sizes, reverse, 4 * n):
        through = _lstm_factors(d[low:high], *(x[low:high] for x in (*cache, previous)))
        for a, b in block:
            dy, dcell, part = dh[: b - a], dc[: b - a], d[a:b].reshape(b - a, 4, n)
            if g is not None:
                dy += g[a:b]
            inner = dy
            if w_hr is not None and outer is not None:
                outer[a:b] = dy
                inner = np.dot(dy, w_hr)
            dcell += inner * through[a - low : b - low]
            part[:, :3] *= dcell[:, None]
            part[:, 3] *= inner
            dcell *= gates[a:b, n : 2 * n]
            np.dot(d[a:b], w, out=dy)
    dw = None if outer is None else np.dot(outer.T, gates[:, 3 * n :] * tanhs)
    return d, dh, dc, dw


def _lstm_factors(
    d: Array, gates: Array, negative: Array, cells: Array, tanhs: Array, previous: Array
) -> Array:
    """Set d to what the gradients by c' (for i, f, g) and h' (for o) are multiplied with, and
    return dh' / dc' = o (1 - tanh(c')^2); all of some rows."""
    n = cells.shape[1]
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


# ---- GRU: n = tanh(before_n + r (W_hn h + b_hn)), h' = n + z (h - n), gates in the order r, z, n


def gru_forward(
    before: Array, h0: Array, w: Array, b_hn: Array | None, sizes: Sizes, reverse: bool
) -> tuple[Array, Array, tuple[Array, ...]]:
    """before (M, 3H), h0 (N, H), w (3H, H), b_hn (H) or None -> h (M, H), ...

    Returns:
        h of all steps, h of the last ones, and (r and z (M, 2H), n (M, H), W_hn h + b_hn (M, H))
        for the gradient.
    """
    wt, n, m, dtype = _negated(w), h0.shape[1], len(before), before.dtype
    gates = np.empty((m, 2 * n), dtype)
    new, hidden, y = (np.empty((m, n), dtype) for _ in range(3))
    products, parts = np.empty((max(sizes), 3 * n), dtype), np.empty((max(sizes), n), dtype)
    bias = 0 if b_hn is None else b_hn
    h, last = _start(h0, sizes, reverse)
    for a, b in _steps(sizes, reverse):
        if b - a != len(h):
            h = _resized(h, h0, last, b - a)
        gate, candidate, part = gates[a:b], new[a:b], parts[: b - a]
        product = np.dot(h, wt, out=products[: b - a])
        np.subtract(product[:, : 2 * n], before[a:b, : 2 * n], out=gate)
        _sigmoid_of_negative(gate)
        np.subtract(bias, product[:, 2 * n :], out=hidden[a:b])
        np.multiply(gate[:, :n], hidden[a:b], out=part)
        part += before[a:b, 2 * n :]
        np.tanh(part, out=candidate)
        np.subtract(h, candidate, out=part)
        part *= gate[:, n:]
        h = np.add(part, candidate, out=y[a:b])
    last[: len(h)] = h
    return y, last, (gates, new, hidden)


def gru_grad(
    g: Array | None, g_last: Array | None, cache: tuple[Array, ...], y: Array, h0: Array,
    w: Array, sizes: Sizes, reverse: bool,
) -> tuple[Array, Array, Array]:  # fmt: skip
    """Return the gradients by `before` (M, 3H), by W_hh h + b_hh (M, 3H), and by h0."""
    gates, n, w = cache[0], h0.shape[1], np.ascontiguousarray(w)
    previous = states_before(h0, y, sizes, reverse)
    d = np.empty((len(y), 4 * n), y.dtype)  # r, z, the part of n from h, that from x
    dh = _gradient(g_last, h0)
    products = np.empty(h0.shape, y.dtype)
    for low, high, block in _blocks(sizes, reverse, 4 * n):
        _gru_factors(d[low:high], *(x[low:high] for x in (*cache, previous)))
        for a, b in block:
            row = dh[: b - a]
            if g is not None:
                row += g[a:b]
            part = d[a:b].reshape(b - a, 4, n)
            part *= row[:, None]
            row *= gates[a:b, n:]
            row += np.dot(d[a:b, : 3 * n], w, out=products[: b - a])
    return np.concatenate((d[:, : 2 * n], d[:, 3 * n :]), axis=1), d[:, : 3 * n], dh


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
