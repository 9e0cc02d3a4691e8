"""Transforms of spectra: by definition, against scikit-learn, there and back."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rushlight.data.spectra import PCA, SNV, Derivative
from rushlight.data.transforms import Compose, Standardize
from rushlight.errors import ShapeError
from rushlight.tensor import Tensor, from_numpy

RNG = np.random.default_rng(0)
X = RNG.normal(size=(20, 12)).cumsum(1)


def test_snv_by_definition():
    expected = np.stack([(row - row.mean()) / row.std(ddof=1) for row in X])
    np.testing.assert_allclose(SNV()(X), expected, rtol=1e-12)
    np.testing.assert_allclose(SNV()(X[3]), expected[3], rtol=1e-12)
    assert not SNV()(np.full((2, 5), 0.1)).any()


@given(st.floats(0.01, 100), st.floats(-100, 100))
def test_snv_takes_out_factor_and_offset(factor, offset):
    np.testing.assert_allclose(SNV()(factor * X + offset), SNV()(X), rtol=1e-8, atol=1e-8)


@pytest.mark.parametrize("order", [0, 1, 2])
def test_derivative_of_a_polynomial_is_exact_to_both_ends(order):
    at = 0.5 * np.arange(11)
    cubic = np.polynomial.Polynomial([1.0, -2.0, 0.5, 0.25])
    expected = cubic.deriv(order)(at) if order else cubic(at)
    found = Derivative(order, 7, 3, spacing=0.5)(np.stack([cubic(at), 3 * cubic(at)]))
    np.testing.assert_allclose(found, np.stack([expected, 3 * expected]), rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("whiten", [False, True])
def test_pca_equals_scikit_learn(whiten):
    decomposition = pytest.importorskip("sklearn.decomposition")
    ours = PCA(4, whiten).fit(X)
    theirs = decomposition.PCA(4, whiten=whiten, svd_solver="full").fit(X)
    signs = np.sign((ours.directions * theirs.components_).sum(1))
    np.testing.assert_allclose(ours.directions, theirs.components_ * signs[:, None], atol=1e-10)
    np.testing.assert_allclose(ours.variance, theirs.explained_variance_, rtol=1e-10)
    np.testing.assert_allclose(ours.explained, theirs.explained_variance_ratio_, rtol=1e-10)
    fresh = RNG.normal(size=(5, 12))
    np.testing.assert_allclose(ours(fresh), theirs.transform(fresh) * signs, atol=1e-9)
    np.testing.assert_allclose(
        ours.inverse(ours(fresh)), theirs.inverse_transform(theirs.transform(fresh)), atol=1e-9
    )


@pytest.mark.parametrize("whiten", [False, True])
def test_pca_of_all_directions_loses_nothing(whiten):
    pca = PCA(12, whiten).fit(X)
    np.testing.assert_allclose(pca.inverse(pca(X)), X, atol=1e-10)
    assert (pca.directions[np.arange(12), np.abs(pca.directions).argmax(1)] > 0).all()
    if whiten:
        np.testing.assert_allclose(np.cov(pca(X).T), np.eye(12), atol=1e-9)


def test_compose_fits_each_to_what_those_before_it_give():
    steps = Compose([Derivative(1, 5), SNV(), PCA(3), Standardize()])
    assert steps.batched and steps.fit(X) is steps
    z = steps(X)
    np.testing.assert_allclose(z.mean(0), 0, atol=1e-12)
    np.testing.assert_allclose(z.std(0), 1, rtol=1e-12)
    np.testing.assert_array_equal(steps.transforms[2].mean, SNV()(Derivative(1, 5)(X)).mean(0))
    back = Compose([PCA(12), Standardize()]).fit(X)
    np.testing.assert_allclose(back.inverse(back(X)), X, atol=1e-10)
    with pytest.raises(TypeError, match=r"Compose.inverse: got Derivative"):
        steps.inverse(z)


@pytest.mark.parametrize("step", [SNV(), Derivative(), PCA(2).fit(X)])
def test_arrays_tensors_and_dtypes(step):
    found = step(X)
    assert found.dtype == np.float64
    single = step(X.astype("float32"))
    assert single.dtype == np.float32
    np.testing.assert_allclose(single, found, atol=1e-5)
    tensor = step(from_numpy(X))
    assert isinstance(tensor, Tensor)
    np.testing.assert_array_equal(tensor.numpy(), found)
    assert step(np.arange(24).reshape(2, 12)).dtype == np.float32
    before = X.copy()
    step(X)
    np.testing.assert_array_equal(X, before)


@pytest.mark.parametrize(
    ("call", "error", "text"),
    [
        (lambda: SNV()(np.ones((3, 1))), ShapeError, "C >= 2 channels"),
        (lambda: Derivative(window=6), ValueError, "window=6.*an odd window"),
        (lambda: Derivative(3, 7, 2), ValueError, "order <= degree"),
        (lambda: Derivative(spacing=0.0), ValueError, "spacing > 0"),
        (lambda: Derivative()(np.ones((3, 6))), ShapeError, "C >= 7 channels"),
        (lambda: PCA(0), ValueError, "PCA components: got 0"),
        (lambda: PCA(2)(X), ValueError, "PCA: got no fit"),
        (lambda: PCA(13).fit(X), ValueError, "for 13 components"),
        (lambda: PCA(5).fit(X[:5]), ValueError, r"N - 1 and C"),
        (lambda: PCA(1).fit(np.full((3, 2), np.nan)), ValueError, "6 values that are NaN"),
        (lambda: PCA(2, True).fit(np.outer(range(4), range(3))), ValueError, "no variance"),
        (lambda: PCA(2).fit(X)(np.ones((2, 2))), ShapeError, r"\(N, 12\)"),
        (lambda: PCA(2).fit(X).inverse(np.ones((2, 12))), ShapeError, r"\(N, 2\)"),
    ],
)
def test_what_cannot_be_is_refused(call, error, text):
    with pytest.raises(error, match=text):
        call()
