"""Recurrent steps of the compiled kernels: how exact their tanh is."""

from __future__ import annotations

import numpy as np
import pytest
from tests.kernels.native import levels

from rushlight.compiled import native

if native is None:
    pytest.skip("there is no compiled extension here", allow_module_level=True)

WIDE = np.concatenate([np.logspace(-36, 2, 4001), [0.0, 0.34657, 0.35, 1e30]])
ROUNDINGS = 6  # of tanh, and of its share of a division


def _tanh(x: np.ndarray) -> np.ndarray:
    """tanh by a step whose other gates are open."""
    n = len(x)
    before = np.full((1, 4 * n), 1000.0, x.dtype)  # sigmoids of 1
    before[0, 2 * n : 3 * n] = x
    product, c = np.zeros_like(before), np.zeros((1, n), x.dtype)
    gates, out = np.empty_like(before), [np.empty_like(c) for _ in range(3)]
    native.lstm_step(product, before, c, gates, *out)
    return gates[0, 2 * n : 3 * n]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("level", levels())
def test_tanh_is_exact_for_small_numbers_too(level: str, dtype: str) -> None:
    best = native.level()
    native.choose_level(level)
    try:
        x = np.concatenate([WIDE, -WIDE]).astype(dtype)
        found = _tanh(x)
        right = np.tanh(x.astype(np.longdouble))
        limit = ROUNDINGS * np.finfo(dtype).eps * abs(right)
        assert (abs(found - right) <= limit).all()
        assert np.isnan(_tanh(np.array([np.nan], dtype)))[0]
        assert _tanh(np.array([np.inf, -np.inf], dtype)).tolist() == [1.0, -1.0]
    finally:
        native.choose_level(best)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("level", levels())
def test_open_gates_are_1_and_no_candidate_is_more(level: str, dtype: str) -> None:
    """A state that is kept must not drift, whatever the gates beside it share a division with."""
    best, n = native.level(), 4096
    native.choose_level(level)
    try:
        rng = np.random.default_rng(0)
        before = (60 + 20 * rng.random((1, 4 * n))).astype(dtype)
        before[0, 2 * n : 3 * n] *= rng.uniform(-1, 1, n).astype(dtype)
        product, c = np.zeros_like(before), np.ones((1, n), dtype)
        gates, out = np.empty_like(before), [np.empty_like(c) for _ in range(3)]
        native.lstm_step(product, before, c, gates, *out)
        i, f, g, _ = gates.reshape(4, n)
        assert (i == 1).all() and (f == 1).all()
        assert (abs(g) <= 1).all()
    finally:
        native.choose_level(best)
