"""The learning-rate finder: what it suggests, and that nothing is changed by it."""

import copy

import numpy as np
import pytest
from tests.train.nets import blobs, classifier, line, regressor, weights

import rushlight as rl
from rushlight import nn
from rushlight.data import DataLoader, TensorDataset
from rushlight.train import LRFinder, NonFiniteError, find_lr

X, Y = line(200)


def state_of(trainer):
    """Return everything that a sweep might change, as text and arrays."""
    groups = [{k: v for k, v in g.items() if k != "params"} for g in trainer.optimizer.param_groups]
    slots = [
        {name: np.asarray(value) for name, value in trainer.optimizer.state.get(p, {}).items()}
        for p in trainer.model.parameters()
    ]
    state = {k: v.numpy().copy() for k, v in trainer.model.state_dict().items()}
    modes = [module.training for module in trainer.model.modules()]
    grads = [None if p.grad is None else p.grad.numpy().copy() for p in trainer.model.parameters()]
    return copy.deepcopy((groups, slots, state, modes, grads, str(rl.get_rng_state())))


def test_the_rate_of_least_squares_is_found():
    trainer = regressor(optimizer="sgd")
    found = find_lr(trainer, X, Y, batch_size=20)
    # the largest curvature of the loss is about 2, so that 1 is the limit of what converges
    assert 0.01 < found.suggestion < found.minimum < 3
    assert found.diverged
    assert len(found.rates) == len(found.losses) == len(found.smoothed) < 100
    assert found.rates[0] == 1e-7
    regressor(optimizer="sgd", lr=found.suggestion).fit(X, Y, epochs=5)


@pytest.mark.parametrize("trained", [False, True])
def test_everything_is_as_before(trained):
    x, y = blobs()
    rl.manual_seed(0)
    model = nn.Sequential(nn.Linear(2, 8), nn.BatchNorm1d(8), nn.Dropout(0.2), nn.Linear(8, 3))
    trainer = classifier() if not trained else rl.train.Trainer(
        model, "cross_entropy", "adam", progress="none", scheduler="cosine", clip_norm=1.0
    )  # fmt: skip
    if trained:
        trainer.fit(x, y, epochs=2, batch_size=30)
        model[0].train()
    before = state_of(trainer)
    find_lr(trainer, x, y, steps=20)
    after = state_of(trainer)
    np.testing.assert_equal(after, before)
    assert trainer.history[:] == trainer.history[: 2 * trained]


def test_generators_of_the_data_are_put_back():
    class Noisy(TensorDataset):
        def __init__(self):
            super().__init__(rl.tensor(X), rl.tensor(Y))
            self.source = np.random.default_rng(3)

        def __getitem__(self, index):
            x, y = super().__getitem__(index)
            return x + float(self.source.normal()), y

    data = Noisy()
    find_lr(regressor(optimizer="sgd"), data, batch_size=20)
    assert data.source.normal() == np.random.default_rng(3).normal()


def test_training_goes_on_as_if_there_had_been_no_sweep():
    x, y = blobs()
    ends = []
    for sweep in (False, True):
        rl.manual_seed(3)
        loader = DataLoader(TensorDataset(rl.tensor(x), rl.tensor(y)), 30, shuffle=True)
        trainer = classifier(seed=None)
        trainer.fit(loader, epochs=1)
        if sweep:
            find_lr(trainer, loader, steps=10)
        trainer.fit(loader, epochs=2)
        ends.append(weights(trainer))
    np.testing.assert_array_equal(*ends)


def test_steps_take_the_rates_and_groups_keep_their_ratio():
    seen = []

    class Noting(rl.optim.SGD):
        def step(self, closure=None):
            seen.append([group["lr"] for group in self.param_groups])
            return super().step(closure)

    net = nn.Sequential(nn.Linear(3, 2), nn.Linear(2, 1))
    groups = [{"params": net[0].parameters(), "lr": 0.1}, {"params": net[1].parameters()}]
    trainer = regressor(model=net, optimizer=Noting(groups, lr=0.2), lr=None)
    found = find_lr(trainer, X, Y, start=1e-6, end=1e-2, steps=5)
    np.testing.assert_allclose([a for a, _ in seen], np.geomspace(1e-6, 1e-2, 5))
    np.testing.assert_allclose([b / a for a, b in seen], 2)
    np.testing.assert_allclose(found.rates, [a for a, _ in seen])
    assert not found.diverged


def test_smoothing_does_not_lag_and_may_be_left_out():
    trainer = regressor(optimizer="sgd")
    raw = find_lr(trainer, X, Y, steps=40, end=1e-3, smoothing=0)
    assert raw.smoothed == raw.losses
    smooth = find_lr(trainer, X, Y, steps=40, end=1e-3)
    assert smooth.losses == raw.losses
    assert np.std(np.diff(smooth.smoothed)) < np.std(np.diff(raw.losses))


def test_a_loss_that_never_falls_gives_no_suggestion():
    trainer = regressor(optimizer="sgd")
    with rl.no_grad():
        for p, value in zip(trainer.model.parameters(), ([[1.0, -2.0, 0.5]], [0.0]), strict=True):
            p.copy_(rl.tensor(value))
    found = find_lr(trainer, X, Y + np.float32(0), steps=20, end=1e-3, start=1e-4)
    assert found.suggestion is None or found.losses[0] > 0
    rising = LRFinder((1e-3, 1e-2, 1e-1), (1.0, 2.0, 9.0), (1.0, 2.0, 9.0), None, True)
    assert str(rising).startswith("no rate is suggested: the loss never fell in 3 steps from 0.001")
    assert "<- minimum" in rising.table()
    assert "<- suggestion" not in rising.table()


def test_what_is_found_is_told_and_drawn(tmp_path):
    pytest.importorskip("matplotlib")
    found = find_lr(regressor(optimizer="sgd"), X, Y)
    assert f"try lr={found.suggestion:.2g}" in str(found)
    lines = found.table(10).splitlines()
    assert lines[0].split() == ["lr", "loss", "smoothed"]
    assert 10 <= len(lines) <= 13
    assert sum("<- suggestion" in row for row in lines) == 1
    found.plot(tmp_path / "lr.png")
    assert (tmp_path / "lr.png").read_bytes()[:4] == b"\x89PNG"
    flat = LRFinder((1e-3, 1e-2, 1e-1), (1.0,) * 3, (1.0,) * 3, None, False)
    flat.plot(tmp_path / "flat.png")


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"steps": 2}, "find_lr steps: got 2, expected an int >= 5"),
        ({"start": 0}, "got start=0, end=10.0, expected numbers with 0 < start < end"),
        ({"start": 1, "end": 0.1}, "got start=1, end=0.1"),
        ({"smoothing": -1}, "find_lr smoothing"),
        ({"diverge": 0.5}, "find_lr diverge: got 0.5, expected a number >= 1"),
    ],
)
def test_what_cannot_be_is_refused(options, text):
    with pytest.raises(ValueError, match=text):
        find_lr(regressor(), X, Y, **options)


def test_data_that_are_not_finite_are_an_error_and_a_later_infinity_an_end():
    with pytest.raises(NonFiniteError, match="infinity in y"):
        find_lr(regressor(), X, Y * np.float32(np.inf))
    trainer = regressor(optimizer="sgd", loss=lambda o, t: ((o - t) ** 2).mean().exp())
    before = weights(trainer)
    found = find_lr(trainer, X, Y, end=1e6, diverge=1e30)
    assert found.diverged
    np.testing.assert_array_equal(weights(trainer), before)


def test_ctrl_c_is_no_result_and_leaves_everything_as_it_was():
    calls = iter(range(4))

    def loss(output, target):
        if next(calls, None) is None:
            raise KeyboardInterrupt
        return ((output - target) ** 2).mean()

    trainer = regressor(loss=loss)
    before = state_of(trainer)
    with pytest.raises(KeyboardInterrupt):
        find_lr(trainer, X, Y, batch_size=20)
    assert str(state_of(trainer)) == str(before)
