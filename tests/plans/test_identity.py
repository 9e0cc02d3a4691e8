"""What is told by identity: nothing is missed, and nothing recorded anew without a reason."""

from __future__ import annotations

import gc
import weakref
from typing import Any

import pytest
from tests.plans.steps import batches, make

import rushlight as rl
from rushlight import nn

X, Y = batches(8)[0]
SCALE = 3.5


class Scaled(nn.Module):
    """A module that reads a global, an attribute, a table, and a method of its own."""

    def __init__(self) -> None:
        super().__init__()
        self.inner = nn.Linear(3, 2)
        self.table = {"shift": 1.5}

    def more(self, y: Any) -> Any:
        return y + self.table["shift"]

    def forward(self, x: Any) -> Any:
        return self.more(self.inner(x) * SCALE)


def test_a_function_that_is_dropped_is_collected() -> None:
    case: Any = make(True)
    for x, y in batches(6):
        case.step(x, y)
    assert any(kind.plan for kind in case.step._kinds.values())
    gone = [weakref.ref(part) for part in (case.step, case.model, case.optimizer)]
    del case
    gc.collect()
    assert [ref() for ref in gone] == [None] * 3


def test_a_module_that_holds_its_own_plan_is_collected() -> None:
    net = Scaled()
    vars(net)["fast"] = call = rl.compile(net)
    with rl.no_grad():
        for _ in range(4):
            call(rl.ones(1, 3))
    assert call.recordings == 1 and any(kind.plan for kind in call._kinds.values())
    gone = weakref.ref(net)
    del net, call
    gc.collect()
    assert gone() is None


@pytest.mark.parametrize("register", ["register_hook", "register_post_accumulate_grad_hook"])
def test_a_hook_that_takes_the_place_of_one_taken_away_is_called(register: str) -> None:
    case = make(True)
    weight = case.model[0].weight
    getattr(weight, register)(lambda g: None).remove()  # leaves an empty table of hooks behind
    for x, y in batches(4):
        case.step(x, y)
    assert case.step.recordings and any(kind.plan for kind in case.step._kinds.values())
    seen: list[Any] = []
    handle = getattr(weight, register)(lambda g: seen.append(1))
    with pytest.warns(UserWarning, match="hooks of a tensor"):
        case.step(X, Y)
    handle.remove()
    assert seen == [1]


def test_numbers_that_are_equal_are_no_change() -> None:
    net = Scaled()
    call = rl.compile(net)
    x = rl.randn(2, 3)
    with rl.no_grad():
        for i in range(8):
            globals()["SCALE"] = 3.5 * (1 + i - i)  # other objects, equal numbers
            net.table["shift"] = float("1.5")
            assert (call(x).numpy() == net(x).numpy()).all()
        assert call.recordings == 1
        for shift in (-0.0, 0.0, 2.5):
            net.table["shift"] = shift
            for _ in range(3):
                assert (call(x).numpy() == net(x).numpy()).all()
        assert call.recordings == 4


def test_methods_of_classes_that_are_replaced_are_seen(monkeypatch: Any) -> None:
    net = Scaled()
    call = rl.compile(net)
    x = rl.randn(2, 3)
    with rl.no_grad():
        for _ in range(3):
            call(x)
        monkeypatch.setattr(Scaled, "more", lambda self, y: y - 1)
        for _ in range(3):
            assert (call(x).numpy() == net(x).numpy()).all()
        monkeypatch.setattr(Scaled.more, "__code__", (lambda self, y: y * 2).__code__)
        for _ in range(3):
            assert (call(x).numpy() == net(x).numpy()).all()
    assert call.recordings == 3


def test_members_put_in_past_the_module_are_seen() -> None:
    net = nn.Sequential(nn.Linear(3, 2), nn.Tanh())
    call = rl.compile(net)
    x = rl.randn(2, 3)
    with rl.no_grad():
        for _ in range(3):
            call(x)
        net._modules["1"] = nn.ReLU()
        assert (call(x).numpy() == net(x).numpy()).all()
        net[0]._parameters["bias"] = nn.Parameter(rl.ones(2))
        assert (call(x).numpy() == net(x).numpy()).all()


def test_a_learning_rate_under_a_key_from_a_file_may_change() -> None:
    case = make(True)
    group = case.optimizer.param_groups[0]
    del group["lr"]
    for i, (x, y) in enumerate(batches(9)):
        group["".join(["l", "r"])] = 0.01 / (i + 1)  # equal to the literal, not the same
        case.step(x, y)
    assert case.step.recordings <= 2
