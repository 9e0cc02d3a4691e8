"""The compiled pooling kernels: where results lie, and what is left to the reference."""

from __future__ import annotations

import numpy as np
import pytest

from rushlight.arrays import is_channels_last
from rushlight.compiled import native
from rushlight.kernels.reference import pool as reference

if native is None:
    pytest.skip("the compiled extension was not built or not wanted", allow_module_level=True)

from rushlight.kernels.native import pool

# (N, C, *S), kernel, stride, padding, dilation, out_size
CASE = ((3, 67, 13, 11), (3, 3), (2, 2), (1, 1), (1, 1), (7, 6))


def channels_last(x):
    return np.moveaxis(np.ascontiguousarray(np.moveaxis(x, 1, -1)), -1, 1)


def make(shape, last, seed=0):
    x = np.random.default_rng(seed).standard_normal(shape).astype(np.float32)
    return channels_last(x) if last else x


def same(found, expected):
    assert found.dtype == expected.dtype
    assert is_channels_last(found) == is_channels_last(expected)
    np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("last", [False, True], ids=["c-ordered", "channels-last"])
def test_gradients_lie_as_the_input_does(last):
    shape, *geometry, out = CASE
    x, g = make(shape, last), make((*shape[:2], *out), not last, seed=1)
    y = pool.max_pool_forward(x, *geometry, out)
    dx = pool.max_pool_grad(g, x, y, *geometry)
    assert is_channels_last(dx) == last
    same(dx, reference.max_pool_grad(g, x, y, *geometry))


@pytest.mark.parametrize("dtype", ["bool", "uint8", "int64", "float16"])
def test_other_dtypes_are_left_to_the_reference(dtype):
    x = np.random.default_rng(0).integers(0, 9, CASE[0]).astype(dtype)
    _, *geometry, out = CASE
    y = pool.max_pool_forward(x, *geometry, out)
    same(y, reference.max_pool_forward(x, *geometry, out))
    same(pool.max_pool_indices(x, y, *geometry), reference.max_pool_indices(x, y, *geometry))
