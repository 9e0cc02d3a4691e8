"""What holds of every result: its memory, its dtype; and what is said of wrong arguments."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from tests.ops.sample import normal

import rushlight as rl

torch = pytest.importorskip("torch")

CUBE = normal(2, 3, 4)


@pytest.mark.parametrize(
    "f",
    [
        lambda t, x: x.diagonal(1, 1, 2),
        lambda t, x: t.broadcast_tensors(x, x)[0],
        lambda t, x: x.expand(2, 3, 4),
        lambda t, x: x.repeat(1, 1, 1),
        lambda t, x: x.tile(1),
        lambda t, x: x.roll(0, 0),
        lambda t, x: x.index_select(0, t.tensor([0])),
        lambda t, x: x[0, 0, 0].index_select(0, t.tensor([0])),
    ],
)
def test_writes_reach_what_they_reach_in_torch(f: Any) -> None:
    """Views are views, and what is no view is memory of its own, also where nothing changes."""
    found = []
    for t in (rl, torch):
        x = t.tensor(CUBE)
        f(t, x).fill_(9.0)
        found.append(x.numpy())
    np.testing.assert_array_equal(*found)


@pytest.mark.parametrize(
    "f",
    [
        lambda t, x, y: 1.0 / x.relu(),
        lambda t, x, y: t.maximum(x, y).log(),
        lambda t, x, y: t.minimum(x, y).abs().sqrt(),
        lambda t, x, y: 1.0 / (x - 2.0).max() + 1.0 / (y + 1.0).min(),
    ],
)
@pytest.mark.parametrize("create_graph", [False, True])
def test_infinite_gradients_stay_where_they_belong(f: Any, create_graph: bool) -> None:
    found = []
    for t in (rl, torch):
        x = t.tensor([-1.0, 0.0, 2.0, 0.0], requires_grad=True)
        y = t.tensor([0.0, -1.0, 2.0, 0.0], requires_grad=True)
        grads = t.autograd.grad(
            f(t, x, y).sum(), [x, y], create_graph=create_graph, allow_unused=True
        )
        found.append([None if g is None else g.detach().numpy() for g in grads])
    for ours, theirs in zip(*found, strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_limits_from_numpy_are_compared_in_the_dtype_of_the_input() -> None:
    """The nearest float32 to 0.1 is larger than the nearest float64, and still at the limit."""
    found = []
    for t in (rl, torch):
        x = t.tensor([-1.0, 0.1, 3.0], requires_grad=True)
        x.clamp(max=np.float64(0.1)).sum().backward()
        found.append(x.grad.numpy())
    np.testing.assert_array_equal(*found)


def test_options_from_numpy_keep_the_dtype() -> None:
    x = rl.ones(2)
    half = np.float64(0.5)
    for y in (
        rl.nn.functional.leaky_relu(x, half),
        rl.nn.functional.elu(x, half),
        rl.nn.functional.softplus(x, half),
        x.clamp(half),
        x.lerp(x, half),
        x.masked_fill(x > 0, half),
        rl.where(x > 0, x, half),
    ):
        assert y.dtype == rl.float32


@pytest.mark.parametrize("name", ["erf", "gelu", "sigmoid", "softmax", "mean", "std", "matmul"])
def test_float16_stays_float16(name: str) -> None:
    x = rl.ones(2, 2, dtype=rl.float16, requires_grad=True)
    f = getattr(rl, name, None) or getattr(rl.nn.functional, name)
    y = f(x, x) if name == "matmul" else f(x, 1) if name == "softmax" else f(x)
    assert y.dtype == rl.float16
    y.sum().backward()
    assert x.grad is not None and x.grad.dtype == rl.float16


def test_arguments_that_are_no_tensors_are_named() -> None:
    with pytest.raises(TypeError, match=r"linear: got argument 1 of type list, .* makes one"):
        rl.nn.Linear(2, 3)([1.0, 2.0])
    with pytest.raises(RuntimeError, match="got low=5, high=5, expected low < high"):
        rl.randint(5, 5, (2,))
    with pytest.raises(RuntimeError, match="got classes -1 to -1, expected classes >= 0"):
        rl.nn.functional.one_hot(rl.tensor([-1]))
