"""NumPy's `axis` and `keepdims`, and `size=`, as torch takes them."""

from __future__ import annotations

import pytest

import rushlight as rl

X = rl.arange(6.0).reshape(2, 3)


@pytest.mark.parametrize(
    "name", ["sum", "mean", "var", "std", "amax", "amin", "argmax", "argmin", "prod", "all", "any"]
)
def test_axis_and_keepdims(name):
    ours = getattr(rl, name)(X, axis=1, keepdims=True)
    assert rl.equal(ours, getattr(X, name)(dim=1, keepdim=True))
    assert ours.shape == (2, 1)
    with pytest.raises(TypeError, match="got axis and dim"):
        getattr(X, name)(axis=1, dim=1)


def test_axis_of_pairs_and_joins():
    assert X.max(axis=1).indices.tolist() == [2, 2]
    assert rl.cat([X, X], axis=1).shape == (2, 6)
    assert rl.cumsum(X, axis=0).tolist() == [[0, 1, 2], [3, 5, 7]]


@pytest.mark.parametrize("name", ["empty", "zeros", "ones", "rand", "randn"])
def test_size_by_keyword(name):
    assert getattr(rl, name)(size=(2, 3)).shape == (2, 3)
    assert getattr(rl, name)(size=4).shape == (4,)


def test_the_door_of_autograd():
    from rushlight.autograd import Function, grad

    assert Function is rl.autograd.Function
    x = rl.ones(2, requires_grad=True)
    assert grad((x * x).sum(), x)[0].tolist() == [2.0, 2.0]
