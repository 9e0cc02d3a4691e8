"""The programs of docs/classic.md run, and learn."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np

import rushlight as rl

PAGE = Path(__file__).parents[2] / "docs" / "classic.md"


class MyTanh:
    def forward(self, input: Any) -> Any:
        self.output = np.tanh(input)
        return self.output

    def backward(self, input: Any, gradOutput: Any) -> Any:
        return gradOutput * (1 - self.output**2)


class MyLinear:
    def __init__(self, n_in: int, n_out: int) -> None:
        self.W = np.random.default_rng(0).uniform(-1, 1, (n_out, n_in)) / n_in**0.5
        self.gradW = np.zeros_like(self.W)

    def forward(self, input: Any) -> Any:
        return input @ self.W.T

    def backward(self, input: Any, gradOutput: Any) -> Any:
        self.gradW += gradOutput.T @ input
        return gradOutput @ self.W

    def getParameters(self) -> list[Any]:
        return [self.W]

    def getGradParameters(self) -> list[Any]:
        return [self.gradW]


def test_programs_of_the_page(capsys: Any) -> None:
    rl.manual_seed(0)
    explicit, converted = re.findall(r"```python\n(.*?)```", PAGE.read_text("utf-8"), re.S)
    names: dict[str, Any] = {"MyTanh": MyTanh, "MyLinear": MyLinear}
    exec(explicit, names)
    assert names["loss"] < 0.05
    exec(converted, names)
    losses = [float(loss) for loss in re.findall(r"train_loss ([\d.]+)", capsys.readouterr().out)]
    assert len(losses) == 10 and losses[-1] < losses[0]
