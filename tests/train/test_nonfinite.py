"""The first op that made NaN or infinity of finite numbers."""

import numpy as np
import pytest
from tests.train.nets import line

import rushlight as rl
from rushlight import nn
from rushlight.train.nonfinite import first_nonfinite
from rushlight.train.reasons import backward_reason, forward_reason, given

X, Y = (rl.tensor(a) for a in line(8))
mse = nn.MSELoss()


class Map(nn.Module):
    """Applies a function."""

    def __init__(self, function):
        super().__init__()
        self.function = function

    def forward(self, x):
        return self.function(x)


def net(*functions, width=4):
    rl.manual_seed(0)
    parts = [nn.Linear(3, width), nn.Sequential(*map(Map, functions)), nn.Linear(width, 1)]
    return nn.Sequential(*parts)


FORWARD = {
    "log": (lambda x: (x * 0).log(), "1.0", "log", "infinity", "the logarithm of 0"),
    "root": (lambda x: (-x.abs() - 1).sqrt(), "1.0", "sqrt", "NaN", "root of a negative"),
    "division": (lambda x: x / (x * 0), "1.0", "div", "", "a division by 0"),
    "exp": (lambda x: (x.abs() * 1e3 + 100).exp(), "1.0", "exp", "infinity", "exp overflows"),
    "overflow": (lambda x: (x * 1e30) * 1e30, "1.0", "mul", "infinity", "an overflow"),
    "power": (lambda x: (-x.abs() - 1) ** 0.5, "1.0", "pow", "NaN", "of a negative number"),
    "masked row": (
        lambda x: rl.where(x > 1e9, x, -float("inf")).softmax(-1),
        "1.0",
        "softmax",
        "NaN",
        "hides the whole row",
    ),
}


@pytest.mark.parametrize("name", FORWARD)
def test_the_first_op_of_a_forward_is_named(name):
    function, path, op, value, reason = FORWARD[name]
    found = first_nonfinite(net(function, lambda x: x * 2), X, mse, Y)
    assert (found.phase, found.path, found.kind, found.op) == ("forward", path, "Map", op)
    assert found.value == value or not value
    assert reason in found.reason
    assert 0 < found.count <= found.size == 32
    assert f"layer '{path}' (Map), op {op}" in str(found)


BACKWARD = {
    "root of 0": (lambda x: (x * 0).sqrt() + x, "sqrt", "slope is infinite at 0"),
    "norm of 0": (lambda x: x + rl.linalg.norm(x * 0) ** 0.5, "pow", "slope is infinite at 0"),
    "arc": (lambda x: x + (x * 0 + 1).acos(), "acos", "slope is infinite at -1 and 1"),
}


@pytest.mark.parametrize("name", BACKWARD)
def test_the_first_op_of_a_backward_is_named(name):
    function, op, reason = BACKWARD[name]
    found = first_nonfinite(net(lambda x: x * 2, function), X, mse, Y)
    assert (found.phase, found.path, found.op) == ("backward", "1.1", op)
    assert reason in found.reason
    assert f"the gradient of op {op}" in str(found)


def test_finite_is_no_finding():
    assert first_nonfinite(net(rl.relu), X, mse, Y) is None
    frozen = net(rl.relu).requires_grad_(False)
    assert first_nonfinite(frozen, X, mse, Y) is None


def test_an_infinity_that_is_meant_is_not_blamed():
    def attend(x):
        hidden = rl.triu(rl.ones(4, 4), 1) > 0
        scores = (x.mT @ x).masked_fill(hidden, -float("inf"))
        return x @ scores.softmax(-1)

    assert first_nonfinite(net(attend), X, mse, Y) is None
    found = first_nonfinite(net(attend, lambda x: x.abs().neg().log()), X, mse, Y)
    assert (found.path, found.op) == ("1.1", "log")
    mask = rl.full((4, 4), -float("inf")).triu(1)
    added = net(lambda x: x @ (x.mT @ x + mask).softmax(-1))
    assert first_nonfinite(added, X, mse, Y) is None


def test_an_infinity_that_does_not_reach_the_loss_is_not_blamed():
    def bounded(x):
        bad = (x * 0).log()
        return (-bad).clamp(max=1.0).exp().reciprocal() + (x * 0 - 1).sqrt().nan_to_num()

    found = first_nonfinite(net(bounded, lambda x: x / 0), X, mse, Y)
    assert (found.path, found.op) == ("1.1", "div")


def test_the_loss_and_the_model_itself_are_places():
    found = first_nonfinite(net(rl.relu), X, lambda o, t: (o - t).abs().neg().log().sum(), Y)
    assert (found.path, found.op, found.reason[:13]) == (None, "log", "the logarithm")
    scaled = lambda output, target: (output - target).mean() * float("inf")  # noqa: E731
    found = first_nonfinite(net(rl.relu), X, scaled, Y)
    assert found.path is None
    assert found.op == "mul"
    assert "the loss (<lambda>)" in str(found)
    assert "argument 2 = inf" in str(found)
    assert first_nonfinite(net(rl.relu), X, lambda o, t: (o / 0).sum(), Y).given[0].name == (
        "the model's output"
    )

    class Bare(nn.Module):
        def __init__(self):
            super().__init__()
            self.w = nn.Parameter(rl.zeros(1))

        def forward(self, a, b):
            return (a + b) / self.w

    found = first_nonfinite(Bare(), (Y, Y), mse, Y)
    assert found.path == ""
    assert "the model (Bare), op div" in str(found)
    assert "'w' (1,) from 0 to 0" in str(found)


def test_weights_and_inputs_that_are_not_finite_are_named_before_any_op():
    model = net(rl.relu)
    with rl.no_grad():
        model[2].weight[0, 1] = float("nan")
    found = first_nonfinite(model, X, mse, Y)
    assert found.op == ""
    assert "'2.weight' (1, 4)" in str(found)
    assert "1 NaN" in str(found)
    assert "lower the learning rate" in found.reason
    found = first_nonfinite(net(rl.relu), X / 0, mse, Y)
    assert "before any op, input (8, 3)" in str(found)
    found = first_nonfinite(net(rl.relu), X, mse, Y * float("nan"))
    assert "target" in str(found)


def test_dropout_drops_the_same_again():
    def trap(x):
        return x / (x != 0).to(rl.float32).mean().sub(0.75).abs()

    for seed in range(40):
        model = nn.Sequential(nn.Dropout(0.5), Map(trap), nn.Linear(4, 1))
        rl.manual_seed(seed)
        before = rl.get_rng_state()
        loss = mse(model(rl.ones(1, 4)), rl.zeros(1, 1)).item()
        after = rl.randn(5)
        found = first_nonfinite(model, rl.ones(1, 4), mse, rl.zeros(1, 1), random=before)
        assert (found is None) == np.isfinite(loss)
        rl.set_rng_state(before)
        model(rl.ones(1, 4))
        assert bool((after == rl.randn(5)).all())


def test_nothing_is_changed_by_the_second_run():
    model = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Dropout(0.5), nn.Linear(4, 1))
    calls = []
    model[0].register_forward_hook(lambda *_: calls.append(1))
    mse(model(X), Y).backward()
    gradients = [p.grad for p in model.parameters()]
    values = [g.numpy().copy() for g in gradients]
    state = {k: v.numpy().copy() for k, v in model.state_dict().items()}
    mode = model[2].eval()
    random = rl.get_rng_state()
    for target in (Y, Y / 0):
        first_nonfinite(model, X, mse, target)
    assert all(p.grad is g for p, g in zip(model.parameters(), gradients, strict=True))
    for gradient, value in zip(gradients, values, strict=True):
        np.testing.assert_array_equal(gradient.numpy(), value)
    for name, value in model.state_dict().items():
        np.testing.assert_array_equal(value.numpy(), state[name])
    assert str(rl.get_rng_state()) == str(random)
    assert (model[0].training, mode.training) == (True, False)
    calls.clear()
    model(X)
    assert calls == [1]
    assert all(not m._call_hooks.before for m in model.modules() if m._call_hooks is not None)


def test_ranges_are_told_in_words():
    assert str(given("a", np.array([1.0, np.nan, np.inf, 3.0]))) == (
        "a (4,) from 1 to 3 and 1 NaN and 1 infinite"
    )
    assert str(given("a", np.inf)) == "a = inf"
    assert str(given("a", np.nan)) == "a = NaN"
    assert str(given("t", np.array([0, 9]))) == "t (2,) from 0 to 9"
    assert given("none", np.zeros((0, 2))).high == 0
    assert "not finite: b" in forward_reason("mul", [given("b", np.array([np.inf]))], "NaN")
    assert "0 / 0" in forward_reason("mul", [given("b", np.ones(1))], "NaN")
    assert "scale the loss" in backward_reason("mul", [], "infinity")
    assert "slope" in backward_reason("mul", [], "NaN")
