"""Optimizers against torch: 200 steps of every option, and state dicts both ways."""

import numpy as np
import pytest

import rushlight as rl
from rushlight import optim

torch = pytest.importorskip("torch")

SHAPES = [(3, 4), (4,), (), (2, 1, 3)]

CASES = [
    ("SGD", {"lr": 0.1}),
    ("SGD", {"lr": 0.1, "weight_decay": 0.1}),
    ("SGD", {"lr": 0.1, "maximize": True}),
    ("SGD", {"lr": 0.1, "momentum": 0.9}),
    ("SGD", {"lr": 0.1, "momentum": 0.9, "dampening": 0.3, "weight_decay": 0.01}),
    ("SGD", {"lr": 0.1, "momentum": 0.9, "nesterov": True, "weight_decay": 0.01}),
    ("SGD", {"lr": 0.1, "momentum": 0.9, "nesterov": True, "maximize": True}),
    ("Adam", {}),
    ("Adam", {"lr": 0.01, "betas": (0.8, 0.95), "eps": 1e-3}),
    ("Adam", {"lr": 0.01, "betas": (0.3, 0.95)}),
    ("Adam", {"weight_decay": 0.1}),
    ("Adam", {"weight_decay": 0.1, "maximize": True}),
    ("Adam", {"weight_decay": 0.1, "decoupled_weight_decay": True}),
    ("Adam", {"amsgrad": True}),
    ("Adam", {"amsgrad": True, "weight_decay": 0.1, "foreach": True}),
    ("AdamW", {}),
    ("AdamW", {"lr": 0.1, "weight_decay": 0.5, "amsgrad": True, "maximize": True}),
]


def make(seed=0):
    rng = np.random.default_rng(seed)
    values = [rng.standard_normal(shape) for shape in SHAPES]
    ours = [rl.tensor(v, dtype=rl.float64, requires_grad=True) for v in values]
    theirs = [torch.tensor(v, dtype=torch.float64, requires_grad=True) for v in values]
    return rng, ours, theirs


def give(rng, ours, theirs, skip=()):
    for i, (p, q) in enumerate(zip(ours, theirs, strict=True)):
        gradient = rng.standard_normal(p.shape)
        p.grad = None if i in skip else rl.tensor(gradient, dtype=rl.float64)
        q.grad = None if i in skip else torch.tensor(gradient, dtype=torch.float64)


def compare(ours, theirs, tolerance=1e-10):
    for p, q in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(p.detach().numpy(), q.detach().numpy(), tolerance, 1e-12)


@pytest.mark.parametrize(("name", "options"), CASES)
def test_200_steps(name, options):
    rng, ours, theirs = make()
    a, b = getattr(optim, name)(ours, **options), getattr(torch.optim, name)(theirs, **options)
    for step in range(200):
        give(rng, ours, theirs, skip={0: (), 1: (2,), 2: (0, 1)}[step % 3] if step > 50 else ())
        a.step()
        b.step()
        compare(ours, theirs)
    got, expected = a.state_dict(), b.state_dict()
    assert list(got["state"]) == list(expected["state"])
    for i, entry in expected["state"].items():
        assert set(got["state"][i]) == set(entry)
        for key, value in entry.items():
            value = value.numpy()
            np.testing.assert_allclose(got["state"][i][key].numpy(), value, 1e-10, 1e-14)
            assert got["state"][i][key].dtype == value.dtype
    for group, other in zip(got["param_groups"], expected["param_groups"], strict=True):
        assert group == other
    assert repr(a) == repr(b)


@pytest.mark.parametrize(("name", "options"), CASES[4::3])
def test_state_dicts_of_torch_load_and_ours_load_in_torch(name, options):
    rng, ours, theirs = make()
    b = getattr(torch.optim, name)(theirs, **options)
    for _ in range(5):
        give(rng, ours, theirs, skip=(1,))
        b.step()
    a = getattr(optim, name)(ours)
    a.load_state_dict(b.state_dict())
    for p, q in zip(ours, theirs, strict=True):
        p.data = rl.tensor(q.detach().numpy())
    for _ in range(5):
        give(rng, ours, theirs)
        a.step()
        b.step()
    compare(ours, theirs)
    saved = a.state_dict()
    saved["state"] = {
        i: {key: torch.tensor(value.numpy()) for key, value in entry.items()}
        for i, entry in saved["state"].items()
    }
    c = getattr(torch.optim, name)(theirs)
    c.load_state_dict(saved)
    give(rng, ours, theirs)
    a.step()
    c.step()
    compare(ours, theirs)


def test_float32_agrees_to_float32():
    rng = np.random.default_rng(1)
    values = [rng.standard_normal((50, 20)).astype("float32") for _ in range(2)]
    p = rl.tensor(values[0], requires_grad=True)
    q = torch.tensor(values[0], requires_grad=True)
    a, b = optim.AdamW([p], lr=1e-2), torch.optim.AdamW([q], lr=1e-2)
    for _ in range(50):
        gradient = rng.standard_normal(p.shape).astype("float32")
        p.grad, q.grad = rl.tensor(gradient), torch.tensor(gradient)
        a.step()
        b.step()
    np.testing.assert_allclose(p.detach().numpy(), q.detach().numpy(), 1e-5, 1e-6)


def test_options_changed_on_the_way():
    rng, ours, theirs = make()
    a, b = optim.SGD(ours, lr=0.1), torch.optim.SGD(theirs, lr=0.1)
    changes = {3: {"momentum": 0.9}, 6: {"weight_decay": 0.1}, 9: {"momentum": 0}, 12: {"lr": 0.5}}
    changes[15] = {"momentum": 0.5}
    for step in range(20):
        for optimizer in (a, b):
            optimizer.param_groups[0].update(changes.get(step, {}))
        give(rng, ours, theirs)
        a.step()
        b.step()
        compare(ours, theirs)


def test_training_agrees():
    rng, ours, theirs = make()
    x = rng.standard_normal((8, 3))
    a, b = optim.Adam(ours[:2], lr=0.05), torch.optim.Adam(theirs[:2], lr=0.05)
    for _ in range(30):
        for lib, (w, bias, *_), optimizer in ((rl, ours, a), (torch, theirs, b)):
            optimizer.zero_grad()
            loss = ((lib.tensor(x, dtype=lib.float64) @ w + bias).tanh() ** 2).mean()
            loss.backward()
            optimizer.step()
    compare(ours, theirs, 1e-8)
