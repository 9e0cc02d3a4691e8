"""Shapes, slices and reductions drawn at random, against NumPy, with gradients by difference."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import rushlight as rl
from rushlight.check import gradcheck

quick = settings(max_examples=40, deadline=None)
SHAPES = hnp.array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=4)


def leaf(shape: Any, seed: int = 0) -> Any:
    return rl.tensor(np.random.default_rng(seed).standard_normal(shape), requires_grad=True)


@quick
@given(hnp.mutually_broadcastable_shapes(num_shapes=2, max_dims=4, max_side=4, min_side=0))
def test_broadcasting(shapes: Any) -> None:
    a, b = leaf(shapes.input_shapes[0]), leaf(shapes.input_shapes[1], 1)
    y = a * b + a
    assert y.shape == shapes.result_shape
    y.backward(rl.ones(y.shape, dtype=rl.float64))
    ones = np.ones(y.shape)
    want_a = (ones * (b.detach().numpy() + 1)).sum(
        axis=tuple(range(y.ndim - a.ndim)), keepdims=False
    )
    axes = tuple(i for i, n in enumerate(a.shape) if n != want_a.shape[i])
    assert np.allclose(a.grad, want_a.sum(axis=axes, keepdims=True))
    assert b.grad.shape == b.shape and a.grad.shape == a.shape


@quick
@given(st.data(), SHAPES)
def test_reductions(data: Any, shape: Any) -> None:
    x = leaf(shape)
    dims = tuple(data.draw(st.sets(st.integers(0, len(shape) - 1)))) if shape else ()
    keepdim = data.draw(st.booleans())
    axis = dims or None
    array = x.detach().numpy()
    assert np.allclose(x.sum(dims, keepdim).detach(), array.sum(axis=axis, keepdims=keepdim))
    if array.size:
        assert np.allclose(x.mean(dims, keepdim).detach(), array.mean(axis=axis, keepdims=keepdim))
        assert np.allclose(x.amax(dims, keepdim).detach(), array.max(axis=axis, keepdims=keepdim))
        assert gradcheck(lambda x: x.logsumexp(dims, keepdim), x, directions=1)


@quick
@given(st.data(), SHAPES)
def test_permute_and_reshape(data: Any, shape: Any) -> None:
    x = leaf(shape)
    order = data.draw(st.permutations(range(len(shape))))
    array = x.detach().numpy().transpose(order)
    y = x.permute(*order)
    assert np.array_equal(y.detach(), array)
    flat = y.reshape(-1) if array.size else y.reshape(0)
    assert np.array_equal(flat.detach(), array.ravel())
    weight = rl.tensor(np.arange(float(array.size)))
    (flat * weight).sum().backward()
    back = weight.numpy().reshape(array.shape).transpose(np.argsort(order))
    assert np.array_equal(x.grad, back)


@quick
@given(st.data(), hnp.array_shapes(min_dims=1, max_dims=4, min_side=1, max_side=4))
def test_basic_indexing(data: Any, shape: Any) -> None:
    x = leaf(shape)
    index = data.draw(hnp.basic_indices(shape, allow_newaxis=True))
    parts = index if isinstance(index, tuple) else (index,)
    y = x[index]
    assert np.array_equal(y.detach(), x.detach().numpy()[index])
    assert np.shares_memory(y.detach().numpy(), x.detach().numpy()) or not y.numel()
    y.sum().backward()
    want = np.zeros(shape)
    want[index] = 1
    assert np.array_equal(x.grad, want) and len(parts) >= 0


@quick
@given(st.data(), hnp.array_shapes(min_dims=1, max_dims=3, min_side=1, max_side=4))
def test_integer_indexing_adds_up(data: Any, shape: Any) -> None:
    x = leaf(shape)
    index = data.draw(hnp.integer_array_indices(shape))
    y = x[tuple(rl.tensor(i) for i in index)]
    assert np.array_equal(y.detach(), x.detach().numpy()[index])
    y.sum().backward()
    want = np.zeros(shape)
    np.add.at(want, index, 1.0)
    assert np.array_equal(x.grad, want)


@quick
@given(st.data(), hnp.array_shapes(min_dims=1, max_dims=3, min_side=1, max_side=4))
def test_writes_by_index(data: Any, shape: Any) -> None:
    index = data.draw(hnp.basic_indices(shape))
    ours, theirs = rl.zeros(shape), np.zeros(shape, np.float32)
    ours[index] = 3.0
    theirs[index] = 3.0
    assert np.array_equal(ours, theirs)


@quick
@given(st.data(), hnp.array_shapes(min_dims=1, max_dims=3, min_side=1, max_side=5))
def test_split_and_cat_are_inverse(data: Any, shape: Any) -> None:
    x = leaf(shape)
    dim = data.draw(st.integers(0, len(shape) - 1))
    size = data.draw(st.integers(1, 5))
    parts = x.split(size, dim)
    assert rl.equal(rl.cat(parts, dim), x)
    (rl.cat(parts, dim) * 3).sum().backward()
    assert np.array_equal(x.grad, np.full(shape, 3.0))
