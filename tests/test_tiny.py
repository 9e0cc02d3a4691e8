"""The smoke suite: every floor once, in under ten seconds. Run it after each edit.

pytest tests/test_tiny.py
"""

from __future__ import annotations

import subprocess
import sys

import numpy as np

import rushlight as rl
from rushlight import nn, optim
from rushlight.check import gradcheck, gradgradcheck
from rushlight.kernels import kernel, names


def test_kernels_are_callable():
    assert all(callable(kernel(name)) for name in names())


def test_first_and_second_derivative():
    x = rl.tensor([0.5, -1.0], dtype=rl.float64, requires_grad=True)
    assert gradcheck(lambda t: (t.sin() * t.exp()).sum(), [x])
    assert gradgradcheck(lambda t: (t.sin() * t.exp()).sum(), [x])


def test_every_kind_of_layer_in_one_net():
    net = nn.Sequential(
        *(nn.Conv2d(1, 4, 3, padding=1), nn.BatchNorm2d(4), nn.ReLU(), nn.MaxPool2d(2)),
        *(nn.Dropout(0.0), nn.Flatten(), nn.Linear(16, 8), nn.LayerNorm(8), nn.GELU()),
        nn.Linear(8, 3),
    ).double()
    x = rl.randn(5, 1, 4, 4, dtype=rl.float64, requires_grad=True)
    target = rl.tensor([0, 1, 2, 0, 1])
    assert gradcheck(lambda t: nn.functional.cross_entropy(net(t), target), [x])


def test_a_net_learns_and_comes_back_from_a_file(tmp_path):
    rl.manual_seed(0)
    x = rl.randn(64, 2)
    y = (x[:, 0] * x[:, 1] > 0).long()
    net = nn.Sequential(nn.Linear(2, 32), nn.Tanh(), nn.Linear(32, 2))
    optimizer = optim.Adam(net.parameters(), lr=0.05)
    for _ in range(100):
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(net(x), y)
        loss.backward()
        optimizer.step()
    assert loss.item() < 0.1
    rl.save(net.state_dict(), tmp_path / "net.safetensors")
    other = nn.Sequential(nn.Linear(2, 32), nn.Tanh(), nn.Linear(32, 2))
    other.load_state_dict(rl.load(tmp_path / "net.safetensors"))
    assert rl.equal(net(x), other(x))


def test_trainer_and_metrics():
    from rushlight.train import Trainer

    x = np.random.default_rng(0).normal(size=(80, 3)).astype(np.float32)
    trainer = Trainer(nn.Linear(3, 1), "mse", lr=0.1, metrics=["r2"], seed=0, progress="none")
    history = trainer.fit(x, x.sum(1, keepdims=True), validation=0.25, epochs=20, batch_size=20)
    assert history[-1]["val_r2"] > 0.95


def test_command():
    done = subprocess.run(
        [sys.executable, "-m", "rushlight", "--version"], capture_output=True, text=True
    )
    assert done.returncode == 0 and rl.__version__ in done.stdout
