"""The compiled activations: equal to the references, on every level, for any threads."""

from __future__ import annotations

import numpy as np
import pytest

from rushlight.compiled import native
from rushlight.kernels.reference import activation as reference
from rushlight.kernels.reference import softmax as softmax_reference

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


@pytest.fixture(params=[1, 2], autouse=True)
def threads(request):
    before = native.threads()
    native.set_threads(request.param)
    yield
    native.set_threads(before)


def make(size, dtype):
    """Return x and g with NaN, infinity and both zeros among their numbers."""
    rng = np.random.default_rng(size)
    x, g = rng.standard_normal((2, size)).astype(dtype)
    special = [np.nan, np.inf, -np.inf, 0.0, -0.0]
    for a in (x, g):
        a[rng.integers(0, max(size, 1), size // 3)] = rng.choice(special, size // 3)
    return x, g


@dtypes
@pytest.mark.parametrize("size", [0, 1, 2, 3, 7, 16, 17, 31, 257, 32_768, 32_769, 100_003])
def test_relu(size, dtype):
    x, g = make(size, dtype)
    y = activation.relu_forward(x)
    assert y.dtype == x.dtype and not np.shares_memory(x, y)
    np.testing.assert_array_equal(y, reference.relu_forward(x))
    np.testing.assert_array_equal(activation.relu_grad(g, y), reference.relu_grad(g, y))


def _misaligned(x):
    out = np.zeros(x.nbytes + 1, np.uint8)[1:].view(x.dtype).reshape(x.shape)
    out[...] = x
    return out


@dtypes
def test_any_layout(dtype):
    x = make(6 * 5 * 4 * 8, dtype)[0].reshape(6, 5, 4, 8)
    views = {
        "channels-last": np.moveaxis(x, -1, 1),
        "sliced": x[:, ::2],
        "transposed": x.reshape(-1, 8).T,
        "reversed": x[::-1],
        "misaligned": _misaligned(x),
        "spread": np.broadcast_to(x[:, :1], x.shape),
        "number": x[0, 0, 0, 0, ...],
    }
    for name, view in views.items():
        y = activation.relu_forward(view)
        np.testing.assert_array_equal(y, np.maximum(view, 0))
        assert name == "spread" or y.strides == np.empty_like(view).strides
        for g in (view, np.array(view, order="C")):
            dx = activation.relu_grad(g, y)
            np.testing.assert_array_equal(dx, reference.relu_grad(g, y))


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
    found, expected = activation.sigmoid_forward(x), softmax_reference.sigmoid_forward(x)
    np.testing.assert_allclose(found, expected, 4 * np.finfo(dtype).eps, np.finfo(dtype).tiny / 1e6)


# ---- softmax and cross-entropy


def close(found, expected):
    assert found.dtype == expected.dtype and found.shape == expected.shape
    if expected.size:
        tolerance = {"float32": 1e-5, "float64": 1e-12}[found.dtype.name]
        assert np.abs(found - expected).max() <= tolerance * np.abs(expected).max()


SHAPES = [(1, 2), (64, 10), (7, 16), (5, 17), (33, 31), (3, 1009), (2, 50_021), (4000, 3), (9, 1)]
shapes = pytest.mark.parametrize("shape", [*SHAPES, (0, 4)], ids=str)


def scores(shape, dtype):
    rng = np.random.default_rng(shape[0])
    return rng.standard_normal((2, *shape)).astype(dtype) * 5


@dtypes
@shapes
@pytest.mark.parametrize("name", ["softmax", "log_softmax"])
def test_softmax(name, shape, dtype):
    x, g = scores(shape, dtype)
    forward, grad = (getattr(activation, f"{name}_{way}") for way in ("forward", "grad"))
    right, right_grad = (getattr(softmax_reference, f"{name}_{way}") for way in ("forward", "grad"))
    y = forward(x, 1)
    close(y, right(x, 1))
    close(grad(g, y, 1), right_grad(g, y, 1))
    extreme = x * 1e3
    close(forward(extreme, 1), right(extreme, 1))


@dtypes
@pytest.mark.parametrize("dim", [0, 1, 2, 3])
def test_softmax_along_any_axis_of_any_layout(dim, dtype):
    x, g = scores((6, 5, 4, 3), dtype)
    for view in (lambda a: a, lambda a: np.moveaxis(a, -1, 1), lambda a: a.T, lambda a: a[:, ::2]):
        for name in ("softmax", "log_softmax"):
            y = getattr(activation, f"{name}_forward")(view(x), dim)
            close(y, getattr(softmax_reference, f"{name}_forward")(view(x), dim))
            for given in (view(g), np.array(view(g), order="C"), _misaligned(view(g))):
                dx = getattr(activation, f"{name}_grad")(given, y, dim)
                close(dx, getattr(softmax_reference, f"{name}_grad")(given, y, dim))


@dtypes
def test_softmax_keeps_nan_and_inf_in_their_row(dtype):
    x = scores((6, 21), dtype)[0]
    x[0, 4], x[1, 20], x[2, 3], x[3] = np.nan, np.nan, np.inf, -np.inf
    x[4, 7] = -np.inf
    with np.errstate(invalid="ignore", divide="ignore"):
        for name in ("softmax_forward", "log_softmax_forward"):
            found, right = (getattr(m, name)(x, 1) for m in (activation, softmax_reference))
            np.testing.assert_allclose(found, right, 1e-5, 1e-30)


@dtypes
@shapes
def test_cross_entropy(shape, dtype):
    x, g = scores(shape, dtype)
    m, c = shape
    places = np.arange(0, m * c, c) + np.random.default_rng(0).integers(0, c, m)
    loss, cache = activation.cross_entropy_forward(x, places)
    right, right_cache = softmax_reference.cross_entropy_forward(x, places)
    for found, expected in zip((loss, *cache), (right, *right_cache), strict=True):
        close(found, expected)
    for scale in (g[:, 0], np.asarray(g.sum()), np.ones((), dtype)):
        close(
            activation.cross_entropy_grad(cache, places, scale),
            softmax_reference.cross_entropy_grad(cache, places, scale),
        )
    strided = np.repeat(x, 2, axis=1)[:, ::2]
    close(activation.cross_entropy_forward(strided, places)[0], right)


def test_float16_is_left_to_the_reference():
    x, g = scores((4, 5), np.float16)
    for name in ("softmax", "log_softmax"):
        y = getattr(activation, f"{name}_forward")(x, 1)
        dx = getattr(activation, f"{name}_grad")(g, y, 1)
        assert y.dtype == dx.dtype == np.float16
    loss, cache = activation.cross_entropy_forward(x, np.arange(0, 20, 5))
    dx = activation.cross_entropy_grad(cache, np.arange(0, 20, 5), loss)
    assert activation.sigmoid_forward(x).dtype == dx.dtype == np.float16
