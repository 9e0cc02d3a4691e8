"""The compiled activations: accuracy, and what is left to the references."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import erf

from rushlight.compiled import native
from rushlight.kernels.reference import softmax as reference

if native is None:
    pytest.skip("the compiled extension is absent or unwanted", allow_module_level=True)

from rushlight.kernels.native import activation

dtypes = pytest.mark.parametrize("dtype", ["float32", "float64"])


@pytest.fixture(params=["baseline", "avx2", "avx512"], autouse=True)
def level(request):
    before = native.level()
    if not native.choose_level(request.param):
        pytest.skip(f"this CPU has no {request.param}")
    yield
    native.choose_level(before)


@pytest.mark.parametrize("dtype", ["float16", "int64"])
def test_other_dtypes_are_left_to_the_reference(dtype):
    x = np.arange(-5, 5).astype(dtype)
    y = activation.relu_forward(x)
    assert y.dtype == x.dtype
    np.testing.assert_array_equal(y, np.maximum(x, 0))


# ---- the exponential, seen through what is made of it


@dtypes
def test_sigmoid_is_exact_to_the_last_places(dtype):
    x = np.concatenate([np.linspace(-85, 85, 100_003), np.linspace(-1, 1, 1001)]).astype(dtype)
    right = 1 / (1 + np.exp(-x.astype(np.longdouble)))
    assert np.abs(activation.sigmoid_forward(x) / right - 1).max() < 4 * np.finfo(dtype).eps


@dtypes
def test_sigmoid_of_extremes(dtype):
    x = [np.nan, np.inf, -np.inf, 0.0, -0.0, 1e30, -1e30, 88.5, -88.5, -103.5, -104.5, -740.0]
    x = np.array(x, dtype)
    found, expected = activation.sigmoid_forward(x), reference.sigmoid_forward(x)
    np.testing.assert_allclose(found, expected, 4 * np.finfo(dtype).eps, np.finfo(dtype).tiny / 1e6)


def scores(shape, dtype):
    rng = np.random.default_rng(shape[0])
    return rng.standard_normal((2, *shape)).astype(dtype) * 5


def test_float16_is_left_to_the_reference():
    x, g = scores((4, 5), np.float16)
    for name in ("softmax", "log_softmax"):
        y = getattr(activation, f"{name}_forward")(x, 1)
        dx = getattr(activation, f"{name}_grad")(g, y, 1)
        assert y.dtype == dx.dtype == np.float16
    loss, cache = activation.cross_entropy_forward(x, np.arange(4))
    dx = activation.cross_entropy_grad(cache, np.arange(4), loss)
    assert activation.sigmoid_forward(x).dtype == dx.dtype == np.float16


def test_erf_is_exact_to_the_last_places():
    x = np.concatenate([np.linspace(-6, 6, 100_003), np.geomspace(1e-45, 1, 1001)])
    x = np.append(x, [np.inf, -np.inf, -0.0, 1e30, -1e30]).astype(np.float32)
    found, right = activation.erf_forward(x), erf(x.astype(np.float64))
    np.testing.assert_array_equal(np.signbit(found), np.signbit(right))
    place = np.spacing(np.abs(right).astype(np.float32))  # one unit in the last place
    np.testing.assert_array_less(np.abs(found - right), 1.6 * place)
    assert np.isnan(activation.erf_forward(np.full(17, np.nan, np.float32))).all()


@dtypes
@pytest.mark.parametrize("name", ["softmax", "log_softmax"])
def test_softmax_of_a_position_does_not_depend_on_its_place(name, dtype):
    x, g = scores((7, 300), dtype)[:, None]
    forward, grad = getattr(activation, f"{name}_forward"), getattr(activation, f"{name}_grad")
    y = forward(x, 1)
    dx = grad(g, y, 1)
    for first, size in ((0, 17), (3, 100), (1, 150), (171, 129), (40, 260)):
        part = np.s_[..., first : first + size]
        np.testing.assert_array_equal(forward(x[part].copy(), 1), y[part])
        np.testing.assert_array_equal(grad(g[part].copy(), y[part].copy(), 1), dx[part])


@dtypes
def test_logarithms_of_sums_are_exact_to_the_last_places(dtype):
    eps = np.finfo(dtype).eps
    far = np.concatenate([np.linspace(-30, 0, 5003), -np.geomspace(1e-6, 1e4, 5003)])
    x = np.stack([np.zeros_like(far), far, far / 2]).astype(dtype)[None]
    right = -np.log(np.exp(x.astype(np.longdouble)).sum(1))  # of the first, the highest
    found = activation.log_softmax_forward(x, 1)[:, 0]
    np.testing.assert_allclose(found, right.astype(dtype), 8 * eps, 2 * eps)  # the sum is rounded
