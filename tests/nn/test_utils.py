"""Clipping and parameter vectors."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import rushlight as rl
from rushlight import nn
from rushlight.nn import utils


def _parameters(grads: list[Any], dtype: Any = "float64") -> list[Any]:
    found = []
    for grad in grads:
        p = nn.Parameter(rl.zeros(*(np.shape(grad) if grad is not None else (1,)), dtype=dtype))
        if grad is not None:
            p.grad = rl.tensor(grad, dtype=dtype)
        found.append(p)
    return found


@given(
    st.lists(st.none() | st.integers(0, 5), max_size=4),
    st.sampled_from([1.0, 2.0, 3.0, 0.5, math.inf]),
    st.sampled_from([0.1, 1.0, 100.0]),
)
@settings(max_examples=60, deadline=None)
def test_clip_grad_norm_equals_torch(lengths: Any, norm_type: float, max_norm: float) -> None:
    torch = pytest.importorskip("torch")
    grads = [
        None if n is None else np.random.default_rng([i, n]).standard_normal((n, 2))
        for i, n in enumerate(lengths)
    ]
    if norm_type == math.inf and any(g is not None and not g.size for g in grads):
        return  # torch has no largest element of nothing
    ours = _parameters(grads)
    theirs = []
    for p in ours:
        q = torch.zeros(p.shape, dtype=torch.float64, requires_grad=True)
        q.grad = None if p.grad is None else torch.tensor(p.grad.numpy().copy())
        theirs.append(q)
    right = torch.nn.utils.clip_grad_norm_(theirs, max_norm, norm_type)
    total = utils.clip_grad_norm_(iter(ours), max_norm, norm_type, foreach=False)
    assert total.shape == () and float(total) == pytest.approx(float(right), rel=1e-12)
    for p, q in zip(ours, theirs, strict=True):
        if p.grad is not None:
            np.testing.assert_allclose(p.grad.numpy(), q.grad.numpy(), 1e-12)


def test_clip_grad_norm_of_one_tensor_and_in_float32() -> None:
    (p,) = _parameters([[3.0, 4.0]], "float32")
    grad = p.grad
    total = utils.clip_grad_norm_(p, 1.0)
    assert total.dtype == rl.float32 and float(total) == 5.0
    assert p.grad is grad and np.allclose(grad.numpy(), [0.6, 0.8])
    (p,) = _parameters([[3e30, 4e30]], "float32")
    assert float(utils.clip_grad_norm_(p, 1.0)) == pytest.approx(5e30)  # not inf
    (p,) = _parameters([[3.0, 4.0]])
    utils.clip_grad_norm_(p, 6.0)
    assert p.grad.tolist() == [3.0, 4.0]


@pytest.mark.parametrize("bad", [math.inf, math.nan])
def test_clip_grad_norm_that_is_not_finite(bad: float) -> None:
    torch = pytest.importorskip("torch")
    ours = _parameters([[1.0, bad]])
    with pytest.raises(RuntimeError, match="expected a finite number"):
        utils.clip_grad_norm_(ours, 1.0, error_if_nonfinite=True)
    q = torch.zeros(2, requires_grad=True)
    q.grad = torch.tensor([1.0, bad])
    right = torch.nn.utils.clip_grad_norm_(q, 1.0)
    total = utils.clip_grad_norm_(ours, 1.0)
    np.testing.assert_equal(float(total), float(right))
    np.testing.assert_array_equal(ours[0].grad.numpy(), q.grad.numpy())


def test_total_norm_and_scaling() -> None:
    assert float(utils.get_total_norm([])) == 0.0
    assert float(utils.get_total_norm([rl.ones(4), rl.ones(5)])) == 3.0
    (p,) = _parameters([[3.0, 4.0]])
    utils.clip_grads_with_norm_(p, 1.0, rl.tensor(10.0, dtype=rl.float64))
    assert np.allclose(p.grad.numpy(), [0.3, 0.4])
    with pytest.raises(RuntimeError, match="get_total_norm: got a tensor int64, expected floating"):
        utils.get_total_norm([rl.arange(3)])


def test_clip_grad_value() -> None:
    p, q = _parameters([[-3.0, 0.5, 3.0], None])
    utils.clip_grad_value_([p, q], 1, foreach=True)
    assert p.grad.tolist() == [-1.0, 0.5, 1.0] and q.grad is None


def test_parameters_as_a_vector_and_back() -> None:
    model = nn.Linear(3, 2)
    vector = utils.parameters_to_vector(model.parameters())
    assert vector.shape == (8,) and vector.requires_grad
    new = rl.arange(8.0)
    utils.vector_to_parameters(new, model.parameters())
    assert model.weight.tolist() == [[0.0, 1.0, 2.0], [3.0, 4.0, 5.0]]
    assert model.bias.tolist() == [6.0, 7.0] and type(model.bias) is nn.Parameter
    new[7] = 9.0
    assert model.bias.tolist() == [6.0, 9.0]  # views, as in torch
    with pytest.raises(RuntimeError, match=r"got a vector \(7,\), expected \(8,\)"):
        utils.vector_to_parameters(rl.ones(7), model.parameters())
    with pytest.raises(TypeError, match="expected a Tensor"):
        utils.vector_to_parameters([1.0], model.parameters())  # type: ignore[arg-type]
