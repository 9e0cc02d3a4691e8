"""ReLU's kernels: every size around the block, every memory order, NaN."""

from __future__ import annotations

import numpy as np
import pytest

from rushlight.kernels import kernel

relu_forward, relu_grad = kernel("relu_forward"), kernel("relu_grad")


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.float16, np.int64])
@pytest.mark.parametrize("size", [0, 1, 1023, 1025, 8191, 8192, 8193, 20000])
def test_equals_maximum(size, dtype):
    x = (np.random.default_rng(size).standard_normal(size) * 3).astype(dtype)
    y = relu_forward(x)
    assert y.dtype == dtype and y is not x
    np.testing.assert_array_equal(y, np.maximum(x, 0))
    if dtype != np.int64:
        np.testing.assert_array_equal(relu_grad(x, y), x * (y > 0))


def test_memory_order_is_kept():
    x = np.random.default_rng(0).standard_normal((4, 9, 9, 8)).astype(np.float32)
    for view in (x, np.moveaxis(x, -1, 1), x[:, ::2], x.reshape(-1, 8).T, x[::-1]):
        y = relu_forward(view)
        np.testing.assert_array_equal(y, np.maximum(view, 0))
        assert y.strides == np.empty_like(view).strides
        assert relu_grad(view, y).strides == y.strides


def test_nan_stays_and_passes_its_gradient():
    x = np.array([np.nan, -1.0, 0.0, np.inf] * 600)
    y = relu_forward(x)
    np.testing.assert_array_equal(y, [np.nan, 0.0, 0.0, np.inf] * 600)
    np.testing.assert_array_equal(relu_grad(np.ones_like(x), y), [1.0, 0.0, 0.0, 1.0] * 600)


def test_infinite_gradients_do_not_pass_where_nothing_does():
    y = np.array([0.0, 0.0, 0.0, 2.0, 2.0], np.float32)
    g = np.array([np.inf, np.nan, -np.inf, np.inf, 3.0], np.float32)
    np.testing.assert_array_equal(relu_grad(g, y), [0.0, 0.0, 0.0, np.inf, 3.0])
