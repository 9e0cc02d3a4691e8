"""Training steps, compiled and not, for the tests of plans."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

import rushlight as rl
from rushlight import nn, optim


class Case(NamedTuple):
    """A model that is trained: `step(x, y)`, which may be compiled, and the `plain` function."""

    model: Any
    optimizer: Any
    step: Any
    plain: Any


def net() -> Any:
    return nn.Sequential(
        *(nn.Linear(6, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Dropout(0.2)),
        *(nn.Linear(8, 5), nn.LayerNorm(5), nn.GELU(), nn.Linear(5, 3)),
    )


def adam(parameters: Any) -> Any:
    return optim.Adam(parameters, lr=0.01)


def make(
    compile: bool,
    net: Callable[[], Any] = net,
    optimizer_of: Callable[[Any], Any] = adam,
    loss_of: Any = None,
) -> Case:
    """Make a model and its step."""
    model = net()
    optimizer, criterion = optimizer_of(model.parameters()), loss_of or nn.CrossEntropyLoss()

    def step(x: Any, y: Any) -> Any:
        optimizer.zero_grad()
        loss = criterion(model(x), y)
        loss.backward()
        optimizer.step()
        return loss

    return Case(model, optimizer, rl.compile(step) if compile else step, step)


def batches(count: int, shape: tuple[int, ...] = (6,), size: int = 10) -> list[tuple[Any, Any]]:
    """Make inputs with classes 0 to 2, the same each time."""
    rng = np.random.default_rng(0)
    return [
        (
            rl.from_numpy(rng.standard_normal((size, *shape)).astype(np.float32)),
            rl.from_numpy(rng.integers(0, 3, size)),
        )
        for _ in range(count)
    ]


def bits(tensor: Any) -> Any:
    """Return what two tensors must have in common."""
    if not isinstance(tensor, rl.Tensor):
        return tensor
    array = np.ascontiguousarray(tensor.detach().numpy())
    return array.shape, array.dtype, array.tobytes()


def same_state(a: Case, b: Case) -> None:
    """Hold two cases equal to the bit: parameters, statistics, gradients, optimizers."""
    for (name, p), (_, q) in zip(
        a.model.named_parameters(), b.model.named_parameters(), strict=True
    ):
        assert bits(p) == bits(q), name
        assert bits(p.grad) == bits(q.grad), f"gradient of {name}"
        assert p.requires_grad is q.requires_grad
    for (name, p), (_, q) in zip(a.model.named_buffers(), b.model.named_buffers(), strict=True):
        assert bits(p) == bits(q), name
    first, second = a.optimizer.state_dict(), b.optimizer.state_dict()
    assert first["param_groups"] == second["param_groups"]
    assert first["state"].keys() == second["state"].keys()
    for key, entry in first["state"].items():
        assert {k: bits(v) for k, v in entry.items()} == {
            k: bits(v) for k, v in second["state"][key].items()
        }
