"""Examples that only an import binds to a library: they train as torch trains them."""

from __future__ import annotations

import pytest
from tests.examples_parity import run, same_curve

NAMES = [
    "gru",
    "lstm",
    "rnn",
    "transformer",
    "unet",
]


@pytest.mark.parametrize("name", NAMES)
def test_loss_curve_is_torchs(name: str) -> None:
    pytest.importorskip("torch")
    losses = same_curve(name, steps=50, rtol=1e-8)
    assert losses[-1] < 0.7 * losses[0]


@pytest.mark.parametrize("name", NAMES)
def test_the_program_runs(name: str) -> None:
    assert run(name, "2").startswith("loss ")
