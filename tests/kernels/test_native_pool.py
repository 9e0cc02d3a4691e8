"""The compiled pooling kernels against the reference, on every level of instructions."""

from __future__ import annotations

import numpy as np
import pytest

from rushlight.arrays import is_channels_last
from rushlight.compiled import native
from rushlight.kernels.reference import pool as reference

if native is None:
    pytest.skip("the compiled extension was not built or not wanted", allow_module_level=True)

from rushlight.kernels.native import pool

BEST = native.level()
LEVELS = ["baseline", "avx2", "avx512"]

# (N, C, *S), kernel, stride, padding, dilation, out_size
CASES = {
    "1d": ((2, 3, 9), (3,), (2,), (1,), (1,), (5,)),
    "2d-tiles": ((5, 16, 6, 4), (2, 2), (2, 2), (0, 0), (1, 1), (3, 2)),
    "2d-one-cell": ((1, 1, 1, 1), (1, 1), (1, 1), (0, 0), (1, 1), (1, 1)),
    "2d-remainder": ((2, 17, 7, 5), (2, 2), (2, 2), (0, 0), (1, 1), (3, 2)),
    "2d-ceil": ((2, 31, 7, 5), (2, 2), (2, 2), (0, 0), (1, 1), (4, 3)),
    "2d-overlap": ((3, 67, 13, 11), (3, 3), (2, 2), (1, 1), (1, 1), (7, 6)),
    "2d-overlap-planes": ((37, 1, 13, 11), (3, 3), (2, 2), (1, 1), (1, 1), (7, 6)),
    "2d-gaps": ((2, 5, 9, 9), (2, 1), (3, 4), (0, 0), (1, 1), (3, 3)),
    "2d-dilation": ((2, 7, 9, 8), (3, 2), (1, 2), (1, 0), (2, 3), (7, 3)),
    "2d-empty-windows": ((2, 7, 4, 2), (2, 2), (1, 1), (1, 1), (1, 3), (5, 1)),
    "2d-whole": ((2, 8, 9, 11), (9, 11), (9, 11), (0, 0), (1, 1), (1, 1)),
    "2d-many-channels": ((1, 1031, 4, 6), (2, 3), (2, 3), (0, 0), (1, 1), (2, 2)),
    "2d-large": ((3, 24, 61, 53), (3, 2), (2, 1), (1, 0), (1, 1), (31, 52)),
    "2d-large-planes": ((3, 1, 130, 97), (2, 2), (2, 2), (0, 0), (1, 1), (65, 48)),
    "2d-empty-batch": ((0, 3, 4, 4), (2, 2), (2, 2), (0, 0), (1, 1), (2, 2)),
    "3d": ((2, 6, 5, 4, 6), (2, 2, 3), (2, 1, 2), (0, 1, 1), (1, 1, 1), (2, 5, 3)),
    "3d-tiles": ((2, 4, 4, 4, 6), (2, 2, 3), (2, 2, 3), (0, 0, 0), (1, 1, 1), (2, 2, 2)),
    "4d": ((2, 2, 2, 2, 2, 2), (2,) * 4, (2,) * 4, (0,) * 4, (1,) * 4, (1,) * 4),
}
cases = pytest.mark.parametrize("case", CASES.values(), ids=CASES)
# (N, C, *S), out_size
ADAPTIVE = {
    "1d": ((2, 3, 10), (4,)),
    "2d": ((2, 19, 7, 9), (3, 4)),
    "2d-divides": ((2, 3, 8, 9), (4, 3)),
    "2d-global": ((2, 40, 5, 7), (1, 1)),
    "2d-global-large": ((2, 3, 61, 47), (1, 1)),
    "2d-larger": ((2, 3, 3, 4), (5, 7)),
    "2d-none": ((2, 3, 3, 4), (0, 1)),
    "3d": ((1, 2, 5, 4, 6), (2, 3, 4)),
}
KINDS = ["distinct", "ties", "nan", "inf", "lowest"]
layouts = pytest.mark.parametrize("last", [False, True], ids=["c-ordered", "channels-last"])
dtypes = pytest.mark.parametrize("dtype", [np.float32, np.float64])


@pytest.fixture(params=LEVELS)
def level(request):
    if not native.choose_level(request.param):
        pytest.skip(f"this CPU, or this build, has no {request.param}")
    yield request.param
    native.choose_level(BEST)


@pytest.fixture(autouse=True)
def one_thread():
    before = native.threads()
    native.set_threads(1)
    yield
    native.set_threads(before)


def channels_last(x):
    return np.moveaxis(np.ascontiguousarray(np.moveaxis(x, 1, -1)), -1, 1)


def make(shape, dtype, last=False, kind="distinct", seed=0):
    rng = np.random.default_rng(seed)
    x = rng.standard_normal(shape) if kind == "distinct" else rng.integers(-2, 3, shape) * 1.0
    special = {"nan": np.nan, "inf": np.inf, "lowest": -np.inf}.get(kind)
    if special is not None:
        x[rng.random(shape) < 0.2] = special
    x = x.astype(dtype)
    x = channels_last(x) if last else x
    x.flags.writeable = False
    return x


def odd(x):
    """Return x without adjacent cells, at an address that is no multiple of a vector."""
    return np.repeat(np.concatenate([x[..., :1], x], -1), 2, axis=-1)[..., 2::2]


def misaligned(x):
    """Return a copy with the strides of x, one element behind an aligned address."""
    memory = np.empty(x.size + 1, x.dtype)[1:]
    order = (0, *range(2, x.ndim), 1) if is_channels_last(x) else range(x.ndim)
    flat = memory.reshape([x.shape[i] for i in order])
    copy = flat.transpose(np.argsort(order))
    copy[...] = x
    return copy


def same(found, expected, exact=True):
    assert found.dtype == expected.dtype and found.shape == expected.shape
    assert is_channels_last(found) == is_channels_last(expected)
    assert found.flags.writeable
    if exact:
        np.testing.assert_array_equal(found, expected)
    else:
        tolerance = 20 * np.finfo(found.dtype).eps
        np.testing.assert_allclose(found, expected, rtol=tolerance, atol=tolerance)


def results(module, case, x, gradient):
    """Return all pooling of x: forward, indices, gradients."""
    _, kernel, stride, padding, dilation, out = case
    y = module.max_pool_forward(x, kernel, stride, padding, dilation, out)
    dx = module.max_pool_grad(gradient, x, y, kernel, stride, padding, dilation)
    index = module.max_pool_indices(x, y, kernel, stride, padding, dilation)
    return y, index, dx


def averages(module, case, x, gradient):
    shape, kernel, stride, padding, _, out = case
    found = []
    for rule in ((True, None), (False, None), (True, 7)):
        found.append(module.avg_pool_forward(x, kernel, stride, padding, out, *rule))
        found.append(module.avg_pool_grad(gradient, shape, kernel, stride, padding, *rule))
    return found


@cases
@layouts
@dtypes
@pytest.mark.parametrize("kind", KINDS)
def test_max_pool_equals_the_reference(level, case, last, dtype, kind):
    x = make(case[0], dtype, last, kind)
    g = make((*case[0][:2], *case[-1]), dtype, last, "ties", 1)  # its sums are exact
    y, index, dx = results(pool, case, x, g)
    expected_y, expected_index, expected_dx = results(reference, case, x, g)
    same(y, expected_y)
    same(dx, expected_dx)
    if case is not CASES["2d-empty-windows"]:  # such a window has no cell to speak of
        same(index, expected_index)


@cases
@layouts
@dtypes
def test_sums_of_max_pool_grad_are_the_reference_s(level, case, last, dtype):
    x, g = (make(shape, dtype, last, seed=2) for shape in (case[0], (*case[0][:2], *case[-1])))
    same(results(pool, case, x, g)[2], results(reference, case, x, g)[2])


@cases
@layouts
@dtypes
@pytest.mark.parametrize("kind", ["distinct", "nan", "inf"])
def test_avg_pool_equals_the_reference(level, case, last, dtype, kind):
    shape, kernel, stride, padding, _, _ = case
    out = tuple(
        (n + 2 * p - k) // s + 1
        for n, k, s, p in zip(shape[2:], kernel, stride, padding, strict=True)
    )
    case = (shape, kernel, stride, padding, (1,) * len(kernel), out)
    x, g = make(shape, dtype, last, kind), make((*shape[:2], *out), dtype, last, kind, 1)
    with np.errstate(invalid="ignore"):
        expected = averages(reference, case, x, g)
    for found, right in zip(averages(pool, case, x, g), expected, strict=True):
        same(found, right, exact=False)


@pytest.mark.parametrize(("shape", "out"), ADAPTIVE.values(), ids=ADAPTIVE)
@layouts
@dtypes
@pytest.mark.parametrize("kind", KINDS)
def test_adaptive_equals_the_reference(level, shape, out, last, dtype, kind):
    x = make(shape, dtype, last, kind)
    for found, right in zip(
        pool.adaptive_max_forward(x, out), reference.adaptive_max_forward(x, out), strict=True
    ):
        same(found, right)
    if kind == "inf" or 0 in out:
        return
    x = make(shape, dtype, last)
    y = pool.adaptive_avg_forward(x, out)
    same(y, reference.adaptive_avg_forward(x, out), exact=False)
    same(pool.adaptive_avg_grad(y, shape), reference.adaptive_avg_grad(y, shape), exact=False)


@cases
@layouts
@dtypes
def test_two_threads_give_the_same_bits(case, last, dtype):
    x = make(case[0], dtype, last)
    g = make((*case[0][:2], *case[-1]), dtype, last, seed=1)
    once = [*results(pool, case, x, g), *averages(pool, case, x, g)]
    native.set_threads(2)
    for found, right in zip(
        [*results(pool, case, x, g), *averages(pool, case, x, g)], once, strict=True
    ):
        assert found.tobytes("A") == right.tobytes("A")


@cases
@layouts
@pytest.mark.parametrize("place", [odd, misaligned])
def test_where_arrays_lie_does_not_matter(level, case, last, place):
    x = make(case[0], np.float32, last, "nan")
    g = make((*case[0][:2], *case[-1]), np.float32, last, "ties", 1)
    for found, right in zip(
        [*results(pool, case, place(x), place(g)), *averages(pool, case, place(x), place(g))],
        [*results(pool, case, x, g), *averages(pool, case, x, g)],
        strict=True,
    ):
        np.testing.assert_array_equal(found, right)


def test_gradients_lie_as_the_input_does():
    case = CASES["2d-overlap"]
    x = make(case[0], np.float32, last=True)
    g = make((*case[0][:2], *case[-1]), np.float32, last=False)
    assert is_channels_last(results(pool, case, x, g)[2])
    same(results(pool, case, x, g)[2], results(reference, case, x, g)[2])


@pytest.mark.parametrize("dtype", ["bool", "uint8", "int64", "float16"])
def test_other_dtypes_are_left_to_the_reference(dtype):
    case = CASES["2d-overlap"]
    x = np.random.default_rng(0).integers(0, 9, case[0]).astype(dtype)
    _, *geometry, out = case
    y = pool.max_pool_forward(x, *geometry, out)
    same(y, reference.max_pool_forward(x, *geometry, out))
    same(pool.max_pool_indices(x, y, *geometry), reference.max_pool_indices(x, y, *geometry))
