"""Transforms: arrays and Tensors, samples and batches."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from rushlight.data.transforms import Compose, Normalize, Standardize, ToFloat
from rushlight.errors import DtypeError, ShapeError
from rushlight.tensor import Tensor, from_numpy

rng = np.random.default_rng(0)


def test_to_float():
    x = np.arange(256, dtype=np.uint8)
    np.testing.assert_array_equal(ToFloat()(x), x.astype(np.float32) / np.float32(255))
    assert ToFloat("float64")(x).dtype == np.float64
    assert ToFloat()(np.arange(3)).tolist() == [0, 1, 2]  # no bytes: values stay
    with pytest.raises(DtypeError):
        ToFloat("complex64")


@pytest.mark.parametrize("stats", [(0.5, 0.25), ([0.1, 0.2, 0.3], [1.0, 2.0, 3.0])])
def test_normalize_batch_equals_samples_and_formula(stats):
    mean, std = (np.reshape(v, (-1, 1, 1)) for v in stats)
    x = rng.random((4, 3, 2, 5)).astype(np.float32)
    batch = Normalize(*stats)(x)
    assert batch.dtype == np.float32
    np.testing.assert_allclose(batch, (x - mean) / std, rtol=2e-6, atol=1e-7)
    np.testing.assert_array_equal(batch, np.stack([Normalize(*stats)(row) for row in x]))
    tensor = Normalize(*stats)(from_numpy(x))
    assert isinstance(tensor, Tensor)
    np.testing.assert_array_equal(tensor.numpy(), batch)


@pytest.mark.parametrize(
    ("call", "error", "text"),
    [
        (lambda: Normalize(0.0, 0.0), ValueError, "std > 0"),
        (lambda: Normalize(np.nan, 1.0), ValueError, "finite mean"),
        (lambda: Normalize([0.0] * 3, 1.0)(np.ones((2, 4, 4))), ShapeError, r"\(\.\.\., 3, H, W\)"),
        (lambda: Normalize(0.0, 1.0)(np.ones((4, 4))), ShapeError, "add the channel axis"),
        (lambda: Normalize(0.0, 1.0)(np.ones((1, 4, 4), "uint8")), ShapeError, "put ToFloat"),
    ],
)
def test_normalize_refuses(call, error, text):
    with pytest.raises(error, match=text):
        call()


def test_compose():
    assert Compose([])("anything") == "anything"
    assert Compose([ToFloat(), Normalize(0.0, 1.0)]).batched
    assert not Compose([ToFloat(), abs]).batched
    assert Compose([abs, lambda x: x + 1])(-3) == 4


@given(
    hnp.arrays(
        np.float64,
        hnp.array_shapes(min_dims=1, max_dims=3, max_side=6),
        elements=st.floats(-1e6, 1e6, allow_subnormal=False),
    )
)
def test_standardize_there_and_back(x):
    scale = Standardize().fit(x)
    z = scale(x)
    assert z.shape == x.shape
    assert np.isfinite(z).all()
    np.testing.assert_allclose(scale.inverse(z), x, rtol=1e-9, atol=1e-6)


def test_standardize_by_definition():
    x = rng.normal(3, 2, (50, 4)).astype(np.float32)
    x[:, 2] = 0.1  # constant
    scale = Standardize().fit(from_numpy(x))
    z = scale(x)
    assert z.dtype == np.float32
    np.testing.assert_allclose(z.mean(0), 0, atol=1e-5)
    np.testing.assert_allclose(z.std(0)[[0, 1, 3]], 1, rtol=1e-5)
    np.testing.assert_allclose(z[:, 2], 0, atol=1e-6)
    assert scale.std[2] == 1
    assert isinstance(scale(from_numpy(x)), Tensor)
    assert scale(np.ones((2, 4), int)).dtype == np.float32
    assert np.isnan(scale(np.full((1, 4), np.nan))).all()  # passes, after fitting to clean data


def test_standardize_refuses():
    with pytest.raises(ValueError, match="call fit"):
        Standardize()(np.ones((2, 2)))
    with pytest.raises(ValueError, match="with 1 values that are NaN"):
        Standardize().fit(np.array([[1.0, np.nan]]))
    with pytest.raises(ValueError, match="one or more rows"):
        Standardize().fit(np.ones((0, 3)))
    with pytest.raises(ShapeError, match=r"shape \(2, 3\)"):
        Standardize().fit(np.ones((4, 2)))(np.ones((2, 3)))
