"""The examples run as they stand, and train as they promise."""

from __future__ import annotations

import importlib.util
import statistics
import subprocess
import sys
from pathlib import Path
from types import ModuleType

EXAMPLES = Path(__file__).parent.parent / "examples"


def load(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, EXAMPLES / f"{name}.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_layers_written_by_hand_train() -> None:
    program = load("torch_by_hand")
    runs = [program.train(seed) for seed in range(20)]
    assert statistics.median(loss for loss, _, _ in runs) < 0.08
    right = [((p > 0.5).float() == y).float().mean().item() for _, p, y in runs]
    assert statistics.median(right) > 0.95


def test_the_program_prints_its_predictions() -> None:
    done = subprocess.run(
        [sys.executable, str(EXAMPLES / "torch_by_hand.py"), "1"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.startswith("final loss 0.0")
    assert "predictions tensor([" in done.stdout
    assert done.stderr == ""


def test_the_explicit_mnist_network_has_the_losses_of_autograd(capsys) -> None:
    program = load("classic_mnist_cnn")
    losses, seconds = program.train(6, every=5)
    assert losses.shape == seconds.shape == (6, 2) and (seconds > 0).all()
    assert abs(losses[:, 0] / losses[:, 1] - 1).max() < 1e-6
    assert losses[-1, 0] < losses[0, 0]
    printed = capsys.readouterr().out.splitlines()
    assert printed[0].startswith("step    0  loss explicit 2.") and len(printed) == 2
