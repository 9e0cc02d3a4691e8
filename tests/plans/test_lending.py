"""Large arguments and results of plans: kernels work on them where they are, and keep none."""

from __future__ import annotations

import weakref
from typing import Any

import numpy as np
import pytest

import rushlight as rl
from rushlight import nn
from rushlight.compiled import native
from rushlight.plans import lending, plan

pytestmark = pytest.mark.skipif(native is None, reason="needs compiled kernels")

LARGE = lending.LARGE // 4  # numbers


def _input(*shape: int, seed: int = 0) -> Any:
    values = np.random.default_rng(seed).standard_normal(shape).astype(np.float32)
    return rl.from_numpy(values)


def _net() -> Any:
    rl.manual_seed(0)
    net = nn.Sequential(nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 64), nn.Sigmoid())
    return net.eval()


@pytest.fixture
def loans(monkeypatch: pytest.MonkeyPatch) -> list[lending.Loans]:
    """The loans that are made, the latest last."""
    made: list[lending.Loans] = []

    class Noted(lending.Loans):
        def __init__(self, *args: Any) -> None:
            super().__init__(*args)
            made.append(self)

    monkeypatch.setattr(plan, "Loans", Noted)
    return made


def _called(f: Any, x: Any, times: int = 4) -> Any:
    with rl.no_grad():
        for _ in range(times):
            y = f(x)
    return y


def test_both_are_lent_and_results_are_the_same(loans: Any) -> None:
    net = _net()
    f, x, other = rl.compile(net), _input(LARGE // 64, 64), _input(LARGE // 64, 64, seed=1)
    y = _called(f, x)
    assert loans[-1].cells == ([],)
    assert loans[-1].take is not None
    with rl.no_grad():
        assert np.array_equal(y.numpy(), net(x).numpy())
        z = f(other)  # neither writes to the other
        assert not np.may_share_memory(y.numpy(), z.numpy())
        assert np.array_equal(y.numpy(), net(x).numpy())
        assert np.array_equal(z.numpy(), net(other).numpy())
        x.mul_(2)  # read anew
        assert np.array_equal(f(x).numpy(), net(x).numpy())


def test_nothing_is_kept(loans: Any) -> None:
    f, x = rl.compile(_net()), _input(LARGE // 64, 64)
    y = _called(f, x)
    assert loans[-1].cells == ([],)
    gone = weakref.ref(x._array), weakref.ref(y._array)
    del x, y
    assert [g() for g in gone] == [None, None]


def test_small_ones_are_copied(loans: Any) -> None:
    _called(rl.compile(_net()), _input(LARGE // 64 - 1, 64))
    assert loans[-1].cells == (None,)
    assert loans[-1].take is None


def _twice(x: Any) -> Any:
    return nn.functional.relu(x) + nn.functional.sigmoid(x)


def _part(x: Any) -> Any:
    return nn.functional.sigmoid(x[: len(x) // 2])


def _joined(x: Any) -> Any:
    return rl.cat([nn.functional.sigmoid(x), nn.functional.tanh(x)])


def _turned(x: Any) -> Any:
    return nn.functional.sigmoid(x).T


@pytest.mark.parametrize("f", [_twice, _part, _joined, _turned])
@pytest.mark.parametrize("layout", ["C", "F"])
def test_what_cannot_be_lent_is_copied(f: Any, layout: Any) -> None:
    compiled = rl.compile(f)
    for seed in range(5):
        values = np.asarray(_input(64, LARGE // 32, seed=seed).numpy(), order=layout)
        x, y = rl.from_numpy(values.copy(order="K")), rl.from_numpy(values.copy(order="K"))
        with rl.no_grad():
            expected, found = f(x), compiled(y)
        assert np.array_equal(found.numpy(), expected.numpy())
        assert found._array.strides == expected._array.strides
        assert np.array_equal(x.numpy(), y.numpy())


def test_two_arguments_are_lent(loans: Any) -> None:
    f = rl.compile(lambda x, y: nn.functional.sigmoid(x) @ nn.functional.tanh(y))
    x, y = _input(128, LARGE // 64), _input(LARGE // 64, 96, seed=1)
    x.numpy().flags.writeable = False  # only read, wherever it lies
    with rl.no_grad():
        for _ in range(4):
            assert np.array_equal(f(x, y).numpy(), (x.sigmoid() @ y.tanh()).numpy())
        assert loans[-1].cells == ([], [])
        assert np.array_equal(f(x * 2, y * 3).numpy(), ((x * 2).sigmoid() @ (y * 3).tanh()).numpy())
        with pytest.raises(ValueError, match="matmul"):
            f(x, y[1:])
    assert loans[-1].cells == ([], [])


def test_arguments_of_one_memory(loans: Any) -> None:
    def function(x: Any, y: Any) -> Any:
        return nn.functional.sigmoid(x) - nn.functional.tanh(y)

    f, x = rl.compile(function), _input(LARGE)
    y = x.view(LARGE)
    with rl.no_grad():
        for _ in range(4):
            assert np.array_equal(f(x, y).numpy(), function(x, y).numpy())
        x.mul_(2)
        assert np.array_equal(f(x, y).numpy(), function(x, y).numpy())
        assert np.array_equal(f(x, _input(LARGE, seed=1)).numpy(), f(x, _input(LARGE, seed=1)))


def test_a_routine_that_fails_keeps_no_argument() -> None:
    x, cell, fails = _input(8), [], [True]
    entry = native.Entry((x,), [np.empty(8, np.float32)], [], [])

    def run() -> None:
        if fails:
            raise ZeroDivisionError(fails.pop())
        assert cell.pop() is x._array

    entry.lead_to(run, lambda: "made", (cell,))
    with pytest.raises(ZeroDivisionError):
        entry.array_of((x,))
    assert cell == []
    assert entry.array_of((x,)) == "made"
    assert entry.array_of((_input(9),)) is None
    assert cell == []
