"""Steps that do more than one: the same bits, recorded or called as they are."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from tests.plans.steps import bits

import rushlight as rl
from rushlight import nn, optim

Made = tuple[Any, Callable[[Any], Any], list[Any]]  # a model, its step, more tensors


def average() -> Made:
    """A second net that follows the first."""
    net, mean = (nn.Sequential(nn.Linear(6, 4), nn.ReLU(), nn.Linear(4, 1)) for _ in range(2))
    optimizer = optim.Adam(net.parameters(), 0.1)

    def step(x: Any) -> Any:
        optimizer.zero_grad()
        loss = net(x).square().mean()
        loss.backward()
        optimizer.step()
        with rl.no_grad():
            for p, q in zip(net.parameters(), mean.parameters(), strict=True):
                q.mul_(0.9).add_(p, alpha=0.1)
        return loss

    return net, step, list(mean.parameters())


def penalty() -> Made:
    """A gradient's gradient."""
    net = nn.Sequential(nn.Linear(6, 4), nn.Tanh(), nn.Linear(4, 1))
    optimizer = optim.SGD(net.parameters(), 0.1)

    def step(x: Any) -> Any:
        optimizer.zero_grad()
        x = x.clone().requires_grad_()
        y = net(x).sum()
        (g,) = rl.autograd.grad(y, x, create_graph=True)
        loss = g.square().mean() + y
        loss.backward()
        optimizer.step()
        return loss

    return net, step, []


def twice() -> Made:
    """Two steps in one call."""
    net = nn.Sequential(nn.Linear(6, 4), nn.BatchNorm1d(4), nn.Linear(4, 1))
    optimizer = optim.Adam(net.parameters(), 0.1)

    def step(x: Any) -> Any:
        for _ in range(2):
            optimizer.zero_grad()
            loss = net(x).square().mean()
            loss.backward()
            optimizer.step()
        return loss

    return net, step, []


def adversaries() -> Made:
    """Two optimizers; gradients that nobody drops between their steps."""
    nets = nn.ModuleList([nn.Linear(6, 6), nn.Linear(6, 1)])
    first = optim.Adam(nets[0].parameters(), 0.1)
    second = optim.SGD(nets[1].parameters(), 0.1, momentum=0.9)

    def step(x: Any) -> Any:
        z = nets[0](rl.randn(8, 6))
        second.zero_grad()
        loss = (nets[1](x) - nets[1](z.detach())).mean()
        loss.backward()
        second.step()
        first.zero_grad()
        other = nets[1](z).mean()
        other.backward()
        first.step()
        return loss, other

    return nets, step, []


def constant() -> Made:
    """A gradient that is the same in each call; a tensor that the function changes."""
    net, weight = nn.Linear(6, 1), rl.ones(8, 1)
    optimizer = optim.Adam(net.parameters(), 0.1)

    def step(x: Any) -> Any:
        optimizer.zero_grad()
        loss = net(x).mean() + 0.01 * sum((net.weight * weight[0]).sum() for _ in range(2))
        loss.backward()
        optimizer.step()
        weight.mul_(0.9)
        return loss

    return net, step, [weight]


def filled() -> Made:
    """Gradients that are filled with 0, and added to."""
    net = nn.Linear(6, 2)
    optimizer = optim.SGD(net.parameters(), 0.1)

    def step(x: Any) -> Any:
        optimizer.zero_grad(set_to_none=False)
        loss = net(x).square().sum()
        loss.backward()
        optimizer.step()
        return loss

    return net, step, []


RECORDED = (average, constant)


@pytest.mark.parametrize(
    "make", [average, penalty, twice, adversaries, constant, filled], ids=lambda f: f.__name__
)
def test_steps_that_do_more(make: Callable[[], Made]) -> None:
    found = []
    for compile in (False, True):
        rl.manual_seed(0)
        net, step, others = make()
        call = rl.compile(step) if compile else step
        rng = np.random.default_rng(1)
        results = []
        with warnings.catch_warnings(record=True) as seen:
            warnings.simplefilter("always")
            for _ in range(6):
                made = call(rl.from_numpy(rng.standard_normal((8, 6)).astype(np.float32)))
                results.append([bits(t) for t in (made if isinstance(made, tuple) else (made,))])
        tensors = [*net.state_dict().values(), *others, *(p.grad for p in net.parameters())]
        found.append((results, [bits(t) for t in tensors], str(rl.get_rng_state())))
    assert found[0] == found[1]
    assert len(seen) == (make not in RECORDED), [str(w.message) for w in seen]
