"""Recurrent layers (`native/rnn.cpp`): all steps as one call, or each but for its product."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np

from rushlight.arrays import Array
from rushlight.compiled import native
from rushlight.kernels.native.layout import dense
from rushlight.kernels.reference import rnn as reference

__all__ = ["gru_forward", "gru_grad", "lstm_forward", "lstm_grad"]

Sizes = tuple[int, ...]

# Numbers of a recurrent weight up to which all steps are one call: it is read again in each step,
# so it must stay in a cache. Larger ones are left to the threads of the BLAS.
WEIGHT = 1 << 19


def _takes(x: Array) -> bool:
    return x.dtype.char in "fd"


@lru_cache(maxsize=256)
def _steps(sizes: Sizes, reverse: bool) -> Any:
    return native.Sequences(sizes, reverse)


def _whole(w: Array, sizes: Sizes) -> bool:
    """Tell whether all steps are one call; a single one does not pay for laying out its weight."""
    return len(sizes) > 1 and w.size <= WEIGHT


def _empty(n: int, *shape: int, like: Array) -> list[Array]:
    return [np.empty(shape, like.dtype) for _ in range(n)]


def _dense(*arrays: Array | None) -> list[Any]:
    return list(map(dense, arrays))


def _lstm_step(
    product: Array, before: Array, c: Array, gates: Array, _: Array, *out: Array
) -> None:
    native.lstm_step(product, before, c, gates, *out)


def _lstm_back(
    dy: Array, dc: Array, d: Array, _: Array, gates: Array, __: Array, tanhs: Array, c: Array
) -> None:
    native.lstm_step_grad(dy, dc, d, gates, tanhs, c)


def _gru_step(product: Array, before: Array, bias: Array, h: Array, *out: Array) -> None:
    native.gru_step(product, before, bias, h, *out[:4])


def _no_factors(d: Array, *_: Array) -> Array:
    """Compute nothing ahead: a compiled step has all it needs at hand."""
    return d


def lstm_forward(
    before: Array, h0: Array, c0: Array, w: Array, w_hr: Array | None, sizes: Sizes, reverse: bool
) -> tuple[Array, Array, Array, tuple[Array, ...]]:
    """See the reference."""
    if not _takes(before):
        return reference.lstm_forward(before, h0, c0, w, w_hr, sizes, reverse)
    before, c0 = _dense(before, c0)
    if w_hr is not None or not _whole(w, sizes):
        return reference.lstm_forward(before, h0, c0, w, w_hr, sizes, reverse, _lstm_step)
    h0, w = _dense(h0, w)
    (gates,) = _empty(1, *before.shape, like=before)
    cells, tanhs, y = _empty(3, len(before), h0.shape[1], like=before)
    h, c = _empty(2, *h0.shape, like=before)
    _steps(sizes, reverse).lstm(before, h0, c0, w, gates, cells, tanhs, y, h, c)
    return y, h, c, (gates, cells, tanhs)


def lstm_grad(
    g: Array | None, g_last: Array | None, g_cell: Array | None, cache: tuple[Array, ...],
    h0: Array, c0: Array, w: Array, w_hr: Array | None, sizes: Sizes, reverse: bool,
) -> tuple[Array, Array, Array, Array | None]:  # fmt: skip
    """See the reference."""
    if w_hr is not None or not (_takes(c0) and _whole(w, sizes)):
        parts = (_no_factors, _lstm_back) if _takes(c0) else ()
        args = h0, c0, w, w_hr, sizes, reverse
        return reference.lstm_grad(g, g_last, g_cell, cache, *args, *parts)
    dh, dc = reference.gathered(g_last, h0), reference.gathered(g_cell, c0)
    gates, cells, tanhs = cache
    (d,) = _empty(1, *gates.shape, like=gates)
    g, w, c0 = _dense(g, w, c0)
    _steps(sizes, reverse).lstm_grad(g, dh, dc, w, gates, cells, tanhs, c0, d)
    return d, dh, dc, None


def gru_forward(
    before: Array, h0: Array, w: Array, b_hn: Array | None, sizes: Sizes, reverse: bool
) -> tuple[Array, Array, tuple[Array, ...]]:
    """See the reference."""
    if not _takes(before):
        return reference.gru_forward(before, h0, w, b_hn, sizes, reverse)
    before, h0, b_hn = _dense(before, h0, b_hn)
    if not _whole(w, sizes):
        return reference.gru_forward(before, h0, w, b_hn, sizes, reverse, _gru_step)
    (w,), n = _dense(w), h0.shape[1]
    bias = np.zeros(n, before.dtype) if b_hn is None else b_hn
    (gates,) = _empty(1, len(before), 2 * n, like=before)
    fresh, hidden, y = _empty(3, len(before), n, like=before)
    (last,) = _empty(1, *h0.shape, like=before)
    _steps(sizes, reverse).gru(before, h0, w, bias, gates, fresh, hidden, y, last)
    return y, last, (gates, fresh, hidden)


def gru_grad(
    g: Array | None, g_last: Array | None, cache: tuple[Array, ...], y: Array, h0: Array, w: Array,
    sizes: Sizes, reverse: bool,
) -> tuple[Array, Array, Array]:  # fmt: skip
    """See the reference."""
    if not (_takes(h0) and _whole(w, sizes)):
        parts = (_no_factors, native.gru_step_grad) if _takes(h0) else ()
        return reference.gru_grad(g, g_last, cache, y, h0, w, sizes, reverse, *parts)
    dh = reference.gathered(g_last, h0)
    by_before, by_product = _empty(2, len(y), 3 * h0.shape[1], like=y)
    g, w, y, h0 = _dense(g, w, y, h0)
    _steps(sizes, reverse).gru_grad(g, dh, w, *cache, y, h0, by_before, by_product)
    return by_before, by_product, dh
