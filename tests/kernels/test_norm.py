"""The normalization kernels against plain NumPy in float64, their layouts and their accuracy."""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np
import pytest

from rushlight.arrays import channel_rows, from_channel_rows, is_channels_last
from rushlight.kernels import kernel

RNG = np.random.default_rng(0)


def _axes(x: Any) -> tuple[int, ...]:
    return (0, *range(2, x.ndim))


def _column(v: Any, x: Any) -> Any:
    return v.reshape(-1, *[1] * (x.ndim - 2))


def _last(x: Any) -> Any:
    return np.moveaxis(np.ascontiguousarray(np.moveaxis(x, 1, -1)), -1, 1)


SHAPES = [(6, 4), (5, 3, 4), (2, 3, 4, 2), (2, 2, 2, 3, 2), (3, 1, 4), (0, 3), (0, 3, 2, 2), (2, 0)]


@pytest.mark.parametrize("shape", SHAPES)
def test_rows_there_and_back(shape: tuple[int, ...]) -> None:
    x = RNG.standard_normal(shape)
    for given in (x, _last(x)):
        rows = channel_rows(given)
        assert rows.shape == (shape[0] * prod(shape[2:]), shape[1])
        assert (from_channel_rows(rows, shape) == x).all()
    assert not x.size or np.shares_memory(channel_rows(given), given)


@pytest.mark.parametrize("dtype", ["float32", "float64", "float16", "int64"])
@pytest.mark.parametrize("m", [0, 1, 1023, 1024, 1025, 5000])
def test_column_sum(dtype: str, m: int) -> None:
    x = (RNG.standard_normal((m, 3)) * 4).astype(dtype)
    total = kernel("column_sum")(x)
    assert total.dtype == x.dtype
    tolerance = {"float16": 2e-3, "float32": 1e-5}.get(dtype, 1e-12)
    np.testing.assert_allclose(total, x.astype("f8").sum(0), tolerance, tolerance * 100)
    assert (kernel("column_sum")(x.reshape(1, m, 3)) == total).all()


def test_long_float32_columns_keep_their_digits() -> None:
    x = np.full((2_000_003, 2), 0.1, np.float32)
    expected = x.astype("f8").sum(0)
    np.testing.assert_allclose(kernel("column_sum")(x), expected, 1e-5)  # one running sum: 1.5e-2


def test_channel_sum() -> None:
    x = RNG.standard_normal((2, 3, 4, 5))
    np.testing.assert_allclose(kernel("channel_sum")(x), x.sum((0, 2, 3)), 1e-12)


@pytest.mark.parametrize("shape", [s for s in SHAPES if s[1]])
@pytest.mark.parametrize("affine", [True, False])
def test_batch_norm_train(shape: tuple[int, ...], affine: bool) -> None:
    x, g = RNG.standard_normal(shape) * 3 + 1, RNG.standard_normal(shape)
    w = RNG.standard_normal(shape[1]) if affine else None
    b = RNG.standard_normal(shape[1]) if affine else None
    for given in (x, _last(x)):
        y, mean, var, cache = kernel("batch_norm_train")(given, w, b, 1e-3)
        dx, dw, db = kernel("batch_norm_grad")(g, cache, w, (True, affine, affine))
        assert y.shape == dx.shape == shape and mean.shape == var.shape == shape[1:2]
        if x.size == 0:
            assert not mean.any() and not var.any() and (dw is None or not dw.any())
            continue
        axes = _axes(x)
        centred = x - x.mean(axes, keepdims=True)
        rstd = 1 / np.sqrt(x.var(axes, keepdims=True) + 1e-3)
        normal, gw = centred * rstd, g if w is None else g * _column(w, x)
        np.testing.assert_allclose(mean, x.mean(axes), 1e-12)
        np.testing.assert_allclose(var, x.var(axes), 1e-12)
        right = normal if w is None else normal * _column(w, x) + _column(b, x)
        np.testing.assert_allclose(y, right, 1e-10, 1e-12)
        along = (gw * normal).mean(axes, keepdims=True)
        expected = rstd * (gw - gw.mean(axes, keepdims=True) - normal * along)
        np.testing.assert_allclose(dx, expected, 1e-9, 1e-12)
        if affine:
            np.testing.assert_allclose(dw, (g * normal).sum(axes), 1e-10, 1e-12)
            np.testing.assert_allclose(db, g.sum(axes), 1e-10, 1e-12)
        assert all(is_channels_last(a) for a in (y, dx) if a.ndim > 2 and shape[1] > 1)


def test_batch_norm_of_a_constant_channel_is_the_bias() -> None:
    x, b = np.full((7, 3), 0.1, np.float32), np.array([1, 2, 3], np.float32)
    y, _, var, _ = kernel("batch_norm_train")(x, None, b, 1e-5)
    np.testing.assert_allclose(y, np.broadcast_to(b, x.shape), 1e-4)
    assert (var >= 0).all() and (var < 1e-12).all()


def test_batch_norm_of_a_large_mean_keeps_the_variance() -> None:
    x = (RNG.standard_normal((64, 8)) + 1e4).astype(np.float32)
    var = kernel("batch_norm_train")(x, None, None, 1e-5)[2]
    np.testing.assert_allclose(var, x.astype("f8").var(0), 1e-5)


@pytest.mark.parametrize("shape", [s for s in SHAPES if s[1]])
def test_batch_norm_eval(shape: tuple[int, ...]) -> None:
    x, g = RNG.standard_normal(shape), RNG.standard_normal(shape)
    mean, w, b = RNG.standard_normal((3, shape[1]))
    var = RNG.uniform(0.5, 2, shape[1])
    y, rstd = kernel("batch_norm_eval")(x, mean, var, w, b, 1e-3)
    normal = (x - _column(mean, x)) / np.sqrt(_column(var, x) + 1e-3)
    np.testing.assert_allclose(y, normal * _column(w, x) + _column(b, x), 1e-9, 1e-12)
    needs = (True, True, True)
    dx, dw, db = kernel("batch_norm_eval_grad")(g, x, mean, rstd, w, needs)
    np.testing.assert_allclose(dx, g * _column(w * rstd, x), 1e-12)
    np.testing.assert_allclose(dw, (g * normal).sum(_axes(x)), 1e-9, 1e-12)
    np.testing.assert_allclose(db, g.sum(_axes(x)), 1e-9, 1e-12)
    none = kernel("batch_norm_eval_grad")(g, x, mean, rstd, w, (False, False, False))
    assert none == (None, None, None)


@pytest.mark.parametrize("rows", [0, 1, 6])
@pytest.mark.parametrize("affine", [True, False])
def test_layer_norm(rows: int, affine: bool) -> None:
    x, g = RNG.standard_normal((rows, 2, 5)) * 2 + 1, RNG.standard_normal((rows, 2, 5))
    w = RNG.standard_normal(10) if affine else None
    b = RNG.standard_normal(10) if affine else None
    y, cache = kernel("layer_norm_forward")(x, 10, w, b, 1e-3)
    flat, flat_g = x.reshape(rows, 10), g.reshape(rows, 10)
    rstd = 1 / np.sqrt(flat.var(1, keepdims=True) + 1e-3)
    normal = (flat - flat.mean(1, keepdims=True)) * rstd
    right = normal if w is None else normal * w + b
    np.testing.assert_allclose(y.reshape(rows, 10), right, 1e-10, 1e-12)
    assert not np.shares_memory(y, cache[0])
    dx, dw, db = kernel("layer_norm_grad")(g, cache, w, (True, affine, affine))
    part = flat_g if w is None else flat_g * w
    mean, along = part.mean(1, keepdims=True), (part * normal).mean(1, keepdims=True)
    expected = rstd * (part - mean - normal * along)
    np.testing.assert_allclose(dx.reshape(rows, 10), expected, 1e-9, 1e-12)
    if affine:
        np.testing.assert_allclose(dw, (flat_g * normal).sum(0), 1e-10, 1e-12)
        np.testing.assert_allclose(db, flat_g.sum(0), 1e-10, 1e-12)
