"""Recurrent layers whose steps do all but the product in one pass (`native/rnn.cpp`)."""

from __future__ import annotations

from typing import Any

import numpy as np

from rushlight.arrays import Array
from rushlight.compiled import native
from rushlight.kernels.reference import rnn as reference

__all__ = ["gru_forward", "gru_grad", "lstm_forward", "lstm_grad"]

Sizes = tuple[int, ...]


def _takes(x: Array) -> bool:
    return x.dtype.char in "fd"


def _lstm_step(product: Array, before: Array, c: Array, *out: Array) -> None:
    native.lstm_step(product, before, c, *out)


def _lstm_back(
    dy: Array, dc: Array, d: Array, _: Array, gates: Array, negative: Array, tanhs: Array, c: Array
) -> None:
    native.lstm_step_grad(dy, dc, d, gates, negative, tanhs, c)


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
    before, c0 = np.ascontiguousarray(before), np.ascontiguousarray(c0)
    return reference.lstm_forward(before, h0, c0, w, w_hr, sizes, reverse, _lstm_step)


def lstm_grad(
    g: Array | None, g_last: Array | None, g_cell: Array | None, cache: tuple[Array, ...],
    *args: Any,
) -> tuple[Array, Array, Array, Array | None]:  # fmt: skip
    """See the reference."""
    parts = (_no_factors, _lstm_back) if _takes(cache[0]) else ()
    return reference.lstm_grad(g, g_last, g_cell, cache, *args, *parts)


def gru_forward(
    before: Array, h0: Array, w: Array, b_hn: Array | None, sizes: Sizes, reverse: bool
) -> tuple[Array, Array, tuple[Array, ...]]:
    """See the reference."""
    if not _takes(before):
        return reference.gru_forward(before, h0, w, b_hn, sizes, reverse)
    before, h0 = np.ascontiguousarray(before), np.ascontiguousarray(h0)
    b_hn = None if b_hn is None else np.ascontiguousarray(b_hn)
    return reference.gru_forward(before, h0, w, b_hn, sizes, reverse, _gru_step)


def gru_grad(
    g: Array | None, g_last: Array | None, cache: tuple[Array, ...], *args: Any
) -> tuple[Array, Array, Array]:
    """See the reference."""
    parts = (_no_factors, native.gru_step_grad) if _takes(cache[0]) else ()
    return reference.gru_grad(g, g_last, cache, *args, *parts)
