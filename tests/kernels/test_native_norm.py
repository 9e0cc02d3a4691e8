"""The compiled normalization and sums: accuracy, NaN, and what is left to the references."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from rushlight.compiled import native
from rushlight.kernels.reference import norm as reference

if native is None:
    pytest.skip("the compiled extension is absent or unwanted", allow_module_level=True)

from rushlight.kernels.native import norm

EPS = 1e-5
TOLERANCE = {"float32": 1e-5, "float64": 1e-12}
dtypes = pytest.mark.parametrize("dtype", ["float32", "float64"])


@pytest.fixture(params=["baseline", "avx2", "avx512"], autouse=True)
def level(request):
    before = native.level()
    if not native.choose_level(request.param):
        pytest.skip(f"this CPU has no {request.param}")
    yield
    native.choose_level(before)


def make(shape: tuple[int, ...], dtype: str, seed: int = 0) -> list[Any]:
    """Return x, g (shape) and w, b, mean, var (C,)."""
    rng = np.random.default_rng(seed)
    c = shape[1]
    x, g = rng.standard_normal(shape) * 2 + 1, rng.standard_normal(shape)
    per_channel = (*rng.standard_normal((3, c)), rng.uniform(0.5, 2, c))
    return [a.astype(dtype) for a in (x, g, *per_channel)]


@pytest.mark.parametrize("shape", [(0, 3), (0, 3, 2, 2), (2, 3, 0), (2, 0)], ids=str)
def test_nothing(shape):
    x, g, w, b, mean, var = make(shape, "float32")
    y, *_, cache = norm.batch_norm_train(x, w, b, EPS)
    dx, dw, db = norm.batch_norm_grad(g, cache, w, (True, True, True))
    assert y.shape == dx.shape == shape and not dw.any() and not db.any()
    assert norm.batch_norm_eval(x, mean, var, w, b, EPS)[0].shape == shape
    assert not norm.column_sum(x).any() and not norm.channel_sum(x).any()


@pytest.mark.parametrize("dtype", ["float16", "int64"])
def test_other_dtypes_are_left_to_the_reference(dtype):
    x = (make((9, 4), "float64")[0] * 4).astype(dtype)
    np.testing.assert_array_equal(norm.column_sum(x), reference.column_sum(x))
    if dtype == "float16":
        y, *_, cache = norm.batch_norm_train(x, None, None, EPS)
        dx, _, _ = norm.batch_norm_grad(x, cache, None, (True, False, False))
        assert y.dtype == dx.dtype == x.dtype


def test_arrays_of_two_dtypes_are_refused():
    x, _, w, *_ = make((9, 4), "float32")
    with pytest.raises(TypeError, match="one dtype"):
        norm.batch_norm_train(x, w.astype("f8"), None, EPS)


# ---- accuracy, where a naive sum loses its digits


@dtypes
@pytest.mark.parametrize("m", [64, 1000, 100_003])
@pytest.mark.parametrize("c", [1, 3, 40])
def test_large_means_keep_the_variance(m, c, dtype):
    rng = np.random.default_rng(m)
    x = (rng.standard_normal((m, c)) + 1e4).astype(dtype)
    wide = x.astype(np.longdouble)
    true = wide - wide.mean(0)
    y, mean, var, _ = norm.batch_norm_train(x, None, None, 0.0)
    tolerance = TOLERANCE[dtype] / 10
    np.testing.assert_allclose(mean, wide.mean(0), tolerance)
    np.testing.assert_allclose(var, np.square(true).mean(0), tolerance * 10)
    # all that may be lost: a mean of the array's dtype is half a unit of its last place off
    rounding = np.finfo(dtype).eps * 1e4
    assert np.abs(y - true / true.std(0)).max() < rounding + tolerance * 10


def test_outliers_at_the_centre_of_a_block_keep_the_variance():
    x = np.random.default_rng(0).standard_normal((640, 5)).astype(np.float32)
    x[:8] = 1e4
    var = norm.batch_norm_train(x, None, None, 0.0)[2]
    np.testing.assert_allclose(var, x.astype("f8").var(0), 1e-5)


@pytest.mark.parametrize("c", [1, 3, 1009])
def test_the_error_does_not_grow_with_the_rows(c):
    x = np.full((2_000_003 // c, c), 0.1, np.float32)
    np.testing.assert_allclose(norm.column_sum(x), x.astype("f8").sum(0), 1e-6)


def test_rows_of_large_mean_keep_their_variance():
    x = (np.random.default_rng(0).standard_normal((5, 10_007)) + 1e4).astype(np.float32)
    _, (_, kept) = norm.layer_norm_forward(x, x.shape[1], None, None, 0.0)
    np.testing.assert_allclose(kept[0], x.astype("f8").mean(1), 1e-6)
    np.testing.assert_allclose(kept[1], 1 / x.astype("f8").std(1), 1e-5)


# ---- what is not a number


@dtypes
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("shape", [(6, 5), (200, 33), (7, 1)], ids=str)
def test_nan_and_inf_stay_in_their_channel(shape, value, dtype):
    x, g, w, b, *_ = make(shape, dtype)
    x[3, -1] = value
    y, _, var, cache = norm.batch_norm_train(x, w, b, EPS)
    with np.errstate(invalid="ignore"):
        right, _, right_var, right_cache = reference.batch_norm_train(x, w, b, EPS)
        dx, *_ = norm.batch_norm_grad(g, cache, w, (True, True, True))
        right_dx, *_ = reference.batch_norm_grad(g, right_cache, w, (True, True, True))
    for found, expected in ((y, right), (var, right_var), (dx, right_dx)):
        np.testing.assert_array_equal(np.isfinite(found), np.isfinite(expected))
    total = norm.column_sum(x)
    np.testing.assert_array_equal(total[-1], value)
    assert np.isfinite(total[:-1]).all()
    rows_y, _ = norm.layer_norm_forward(x, shape[1], None, None, EPS)
    assert np.isfinite(np.delete(rows_y, 3, 0)).all() and np.isnan(rows_y[3]).all()
