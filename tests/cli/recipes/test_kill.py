"""Runs that are killed at any batch and resumed: the bits of a run without a break.

RUSHLIGHT_KILLS is the number of kills (default 3: one for each recipe).
"""

import csv
import json
import os
import signal

import numpy as np
import pytest

pytest.importorskip("typer")

from tests.cli.recipes.conftest import plain

import rushlight as rl
from rushlight.random import Generator

KILLS = int(os.environ.get("RUSHLIGHT_KILLS", "3"))

PROGRAM = """
import os, signal, sys
import rushlight.data.mnist as source
from rushlight.cli import main
from rushlight.cli.recipes import mnist, recipe
from rushlight.train import Callback, Checkpoint
from tests.cli.recipes.conftest import offline, plain

source._download, mnist.build = offline, plain
at = int(os.environ["KILL_AT"])

class Kill(Callback):
    count = 0  # of both trainings, where there is a second one
    def on_batch_end(self, *, trainer, epoch, batch, loss):
        Kill.count += 1
        if Kill.count == at:
            os.kill(os.getpid(), signal.SIGKILL)

def callbacks(self, options, data, real=recipe.Recipe.callbacks):
    return [*real(self, options, data), Kill()]

recipe.Recipe.callbacks = callbacks
Checkpoint.__init__.__kwdefaults__["every_steps"] = 3  # within epochs, too
sys.exit(main())
"""

RECIPES = {  # options and batches in all
    "tecator": (["--epochs", "6", "--batch-size", "16", "--size", "small"], 6 * 8 + 6 * 11),
    "mnist": (["--epochs", "2", "--batch-size", "128"], 2 * 36),
    "autoencoder": (["--epochs", "3", "--batch-size", "8", "--data", "images.npy"], 3 * 5),
}
OPTIMIZERS = (["--optimizer", "adam", "--ema", "0.9"], ["--optimizer", "sgd", "--lr", "0.01"])


@pytest.fixture
def work(here, monkeypatch):
    monkeypatch.setattr("rushlight.cli.recipes.mnist.build", plain)
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([os.environ.get("PYTHONPATH", ""), ROOT]))
    pixels = Generator(0).integers(0, 256, (56, 8, 8)).astype(np.uint8)
    np.save(here / "images.npy", pixels)


ROOT = os.path.abspath(os.path.join(os.path.dirname(__file__), "..", "..", ".."))


def results(folder):
    """Return weights, histories and figures, without what a clock decides."""
    weights = {name: value.numpy() for name, value in rl.load(folder / "best.safetensors").items()}
    history = []
    for path in sorted(folder.rglob("history.csv")):
        with open(path, newline="") as file:
            history += [
                {k: v for k, v in row.items() if k != "seconds"} for row in csv.DictReader(file)
            ]
    result = json.loads((folder / "result.json").read_text())
    del result["seconds"], result["out"]
    return weights, history, result


@pytest.fixture
def compare(work, here, call, start, monkeypatch):
    """Return a function that holds a run killed at a batch against one that is not."""

    def comparing(recipe, options, at):
        monkeypatch.setenv("KILL_AT", str(at))
        train = ["train", recipe, "--no-curves", *options]
        process = start(PROGRAM, *train, "--out", "killed")
        _, err = process.communicate(timeout=120)
        assert process.returncode == -signal.SIGKILL, err
        assert not (here / "killed" / "result.json").exists()
        left = {path.name for path in (here / "killed").iterdir()}
        code, _, err = call("train", recipe, "--no-curves", "--out", "killed", "--resume")
        assert code == 0, err
        code, _, err = call(*train, "--out", "whole")
        assert code == 0, err
        killed, whole = results(here / "killed"), results(here / "whole")
        assert killed[1:] == whole[1:], f"killed at batch {at}"
        for name in whole[0]:
            np.testing.assert_array_equal(killed[0][name], whole[0][name], err_msg=name)
        return left, whole

    return comparing


@pytest.mark.skipif(os.name != "posix", reason="signals of POSIX")
@pytest.mark.parametrize("case", range(KILLS))
def test_a_killed_run_goes_on_to_the_same_bits(compare, case):
    recipe = list(RECIPES)[case % len(RECIPES)]
    options, batches = RECIPES[recipe]
    options = [*options, *OPTIMIZERS[case // len(RECIPES) % 2 if KILLS > 3 else case % 2]]
    random = Generator(case).spawn(*b"kill")
    compare(recipe, options, int(random.integers(1, batches + 1, ())))


@pytest.mark.skipif(os.name != "posix", reason="signals of POSIX")
@pytest.mark.parametrize(
    ("refit", "at"), [("--no-refit", 30), ("--refit", 30), ("--refit", 6 * 8 + 37)]
)
def test_a_run_is_killed_in_either_training(compare, refit, at):
    options, _ = RECIPES["tecator"]
    left, (_, history, result) = compare("tecator", [*options, refit], at)
    assert ("refit" in left) == (at > 6 * 8)
    assert len(history) == (6 if refit == "--no-refit" else 12)
    assert ("refit" in result) == (refit == "--refit")
