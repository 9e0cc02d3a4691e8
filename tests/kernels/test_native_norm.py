"""The compiled normalization and sums: equal to the references, on every level, for any threads."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from rushlight.compiled import native
from rushlight.kernels.reference import conv as conv_reference
from rushlight.kernels.reference import norm as reference

if native is None:
    pytest.skip("the compiled extension is absent or unwanted", allow_module_level=True)

from rushlight.kernels.native import norm

EPS = 1e-5
TOLERANCE = {"float32": 1e-5, "float64": 1e-12}
dtypes = pytest.mark.parametrize("dtype", ["float32", "float64"])
ROWS = [
    *((1, 1), (2, 1), (7, 3), (5, 4), (13, 15), (1, 16), (17, 17), (64, 64), (64, 128), (31, 67)),
    *((1000, 1), (4099, 2), (997, 13), (1030, 16), (300, 33), (129, 257), (65, 1009), (3, 5000)),
    *((40_000, 16), (2, 100_003)),
]
rows = pytest.mark.parametrize("shape", ROWS, ids=str)
NEEDS = [(True, True, True), (True, False, False), (False, True, False), (False, False, True)]


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


def near(found: Any, expected: Any, scale: float = 0.0) -> None:
    """Compare; `scale` is the size of the terms where the result may cancel to nothing."""
    assert (found is None) == (expected is None)
    if found is None:
        return
    assert found.shape == expected.shape and found.dtype == expected.dtype
    if not found.size:
        return
    error = np.abs(found.astype("f8") - expected).max()
    assert error <= TOLERANCE[found.dtype.name] * max(np.abs(expected).max(), scale)


def all_near(found: Any, expected: Any, scale: float) -> None:
    for a, b in zip(found, expected, strict=True):
        near(a, b, scale)


def twice(run: Any) -> Any:
    """Return what `run` returns, the same bits from one thread and from two."""
    before, results = native.threads(), []
    try:
        for threads in (1, 2):
            native.set_threads(threads)
            results.append(run())
    finally:
        native.set_threads(before)
    for one, two in zip(*results, strict=True):
        np.testing.assert_array_equal(one, two)
    return results[0]


# ---- equal to the reference


@dtypes
@rows
def test_column_sum(shape, dtype):
    x = make(shape, dtype)[0]
    (total,) = twice(lambda: (norm.column_sum(x),))
    near(total, reference.column_sum(x))
    near(norm.column_sum(x.reshape(1, *shape)), total)


@dtypes
@pytest.mark.parametrize("affine", [True, False])
@rows
def test_batch_norm_train(shape, dtype, affine):
    x, g, w, b, *_ = make(shape, dtype)
    if not affine:
        w = b = None
    y, mean, var, *cache = twice(lambda: _flat(norm.batch_norm_train(x, w, b, EPS)))
    *expected, reference_cache = reference.batch_norm_train(x, w, b, EPS)
    all_near((y, mean, var), expected, scale=3.0)
    scale = float(cache[1][1].max()) * 3
    for needs in NEEDS:
        found = twice(lambda needs=needs: norm.batch_norm_grad(g, tuple(cache), w, needs))
        right = reference.batch_norm_grad(g, reference_cache, w, needs)
        all_near(found, right, scale)


def _flat(result: Any) -> tuple[Any, ...]:
    *outputs, cache = result
    return (*outputs, *cache)


@dtypes
@pytest.mark.parametrize("affine", [True, False])
@rows
def test_batch_norm_eval(shape, dtype, affine):
    x, g, w, b, mean, var = make(shape, dtype)
    if not affine:
        w = b = None
    y, rstd = twice(lambda: norm.batch_norm_eval(x, mean, var, w, b, EPS))
    all_near((y, rstd), reference.batch_norm_eval(x, mean, var, w, b, EPS), 1.0)
    for needs in NEEDS:
        found = twice(lambda needs=needs: norm.batch_norm_eval_grad(g, x, mean, rstd, w, needs))
        all_near(found, reference.batch_norm_eval_grad(g, x, mean, rstd, w, needs), 10.0)


@dtypes
@pytest.mark.parametrize("affine", [True, False])
@rows
def test_layer_norm(shape, dtype, affine):
    x, g, w, b, *_ = make(shape, dtype)
    if not affine:
        w = b = None
    size = shape[1]
    y, *cache = twice(lambda: _flat(norm.layer_norm_forward(x, size, w, b, EPS)))
    expected, reference_cache = reference.layer_norm_forward(x, size, w, b, EPS)
    near(y, expected, scale=3.0)
    scale = float(cache[1][1].max()) * 3
    for needs in NEEDS if affine else [(True, False, False)]:
        found = twice(lambda needs=needs: norm.layer_norm_grad(g, tuple(cache), w, needs))
        all_near(found, reference.layer_norm_grad(g, reference_cache, w, needs), scale)


# ---- layouts


def _last(x: Any) -> Any:
    return np.moveaxis(np.ascontiguousarray(np.moveaxis(x, 1, -1)), -1, 1)


def _misaligned(x: Any) -> Any:
    """Return a copy of x, C-ordered or channels-last as x is, that begins one byte off."""
    out = np.zeros(x.nbytes + 1, np.uint8)[1:].view(x.dtype)
    dense = np.moveaxis(x, 1, -1)
    if dense.flags.c_contiguous:
        out = np.moveaxis(out.reshape(dense.shape), -1, 1)
    else:
        out = out.reshape(x.shape)
    out[...] = x
    assert not out.flags.aligned
    return out


LAYOUTS = {
    "c-ordered": lambda x: x,
    "channels-last": _last,
    "misaligned": _misaligned,
    "misaligned-channels-last": lambda x: _misaligned(_last(x)),
    "sliced": lambda x: np.repeat(np.repeat(x, 2, axis=1), 2, axis=0)[::2, ::2],
    "transposed": lambda x: np.ascontiguousarray(x.T).T,
    "reversed": lambda x: np.ascontiguousarray(x[::-1, ::-1])[::-1, ::-1],
}


@dtypes
@pytest.mark.parametrize("shape", [(6, 5), (4, 3, 7), (3, 17, 5, 4), (2, 4, 3, 2, 5)], ids=str)
@pytest.mark.parametrize("layout", LAYOUTS)
def test_any_layout(layout, shape, dtype):
    x, g, w, b, mean, var = make(shape, dtype)
    axes = (0, *range(2, x.ndim))
    laid_x, laid_g = LAYOUTS[layout](x), LAYOUTS[layout](g)
    laid_x.flags.writeable = laid_g.flags.writeable = False
    column = np.repeat(w, 2)[::2]  # strided parameters, too
    needs = (True, True, True)
    *found, cache = norm.batch_norm_train(laid_x, column, b, EPS)
    *right, right_cache = reference.batch_norm_train(x, w, b, EPS)
    all_near(found, right, 3.0)
    all_near(
        norm.batch_norm_grad(laid_g, cache, column, needs),
        reference.batch_norm_grad(g, right_cache, w, needs),
        3.0,
    )
    y, rstd = norm.batch_norm_eval(laid_x, mean, var, column, b, EPS)
    near(y, reference.batch_norm_eval(x, mean, var, w, b, EPS)[0])
    all_near(
        norm.batch_norm_eval_grad(laid_g, laid_x, mean, rstd, column, needs),
        reference.batch_norm_eval_grad(g, x, mean, rstd, w, needs),
        3.0,
    )
    near(norm.channel_sum(laid_x), x.sum(axes), 10.0)
    if x.ndim > 2:
        near(norm.conv_bias_grad(laid_g), conv_reference.conv_bias_grad(g), 10.0)
    size = shape[-1]
    weight = make((1, size), dtype)[2]
    y, cache = norm.layer_norm_forward(laid_x, size, weight, None, EPS)
    right_y, right_cache = reference.layer_norm_forward(x, size, weight, None, EPS)
    near(y, right_y)
    all_near(
        norm.layer_norm_grad(laid_g, cache, weight, needs),
        reference.layer_norm_grad(g, right_cache, weight, needs),
        float(cache[1][1].max()) * 3,
    )


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
