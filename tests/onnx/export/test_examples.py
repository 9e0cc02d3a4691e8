"""The models of the examples, exported with sizes that may change, agree with onnxruntime."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from tests.test_examples import EXAMPLES, load

import rushlight as rl
from rushlight import classic, nn

onnxruntime = pytest.importorskip("onnxruntime")
pytest.importorskip("onnx")

from rushlight.onnx import export  # noqa: E402


class InARow(nn.Module):
    """Layers that are no modules, one after the other."""

    def __init__(self, layers: Any) -> None:
        super().__init__()
        self.layers = layers

    def forward(self, x: Any) -> Any:
        for layer in self.layers:
            layer.training = False
            x = layer(x)
        return x


def unet() -> Any:
    program = load("unet")
    return program.make_model(), program.make_data(2)[:1], {"x": {0: "n", 2: "h", 3: "w"}}


def rnn() -> Any:
    program = load("rnn")
    return program.make_model(), program.make_data(6)[:1], {"x": {0: "n", 1: "steps"}}


def lstm() -> Any:
    program = load("lstm")
    return program.make_model(), program.make_data()[:1], {"x": {0: "steps", 1: "n"}}


def lstm_with_a_state() -> Any:
    program = load("lstm")
    x = program.make_data()[0]
    state = (rl.randn(2, 4, 64), rl.randn(2, 4, 64))
    axes = {"x": {0: "steps", 1: "n"}, "state.0": {1: "n"}, "state.1": {1: "n"}}
    return program.make_model(), (x, state), axes


def gru() -> Any:
    program = load("gru")
    x, lengths, _ = program.make_data()
    return program.make_model(), (x, lengths.tolist()), {}  # packed: lengths are the file's


def transformer() -> Any:
    program = load("transformer")
    axes = {"src": {0: "n", 1: "words"}, "tgt": {0: "n", 1: "others"}}
    return program.make_model(), program.make_data(), axes


def classic_mnist_cnn() -> Any:
    program = load("classic_mnist_cnn")
    return classic.as_module(program.Explicit().net), rl.rand(2, 1, 28, 28), {"input": {0: "n"}}


def torch_by_hand() -> Any:
    by_hand = load("torch_by_hand")
    layers = [by_hand.Linear(10, 20), by_hand.BatchNorm(20), by_hand.ReLU(), by_hand.Dropout(0.2),
              by_hand.Linear(20, 3), by_hand.Sigmoid(), by_hand.Softmax()]  # fmt: skip
    return InARow(layers), rl.randn(4, 10), {"x": {0: "n"}}


MODELS = [
    unet, rnn, lstm, lstm_with_a_state, gru, transformer, classic_mnist_cnn, torch_by_hand,
]  # fmt: skip


@pytest.mark.parametrize("make", MODELS)
def test_agrees(make: Any, tmp_path: Path) -> None:
    rl.manual_seed(0)
    model, example, axes = make()
    report = export(model, example, tmp_path / "model.onnx", dynamic_axes=axes)
    assert report.max_error < 1e-5
    symbols = {symbol for named in axes.values() for symbol in named.values()}
    assert {symbol for run in report.runs for symbol in run} == symbols
    for symbol in symbols:
        assert len({run[symbol] for run in report.runs} - {1}) == 2  # two sizes of each, or 1, too


def test_every_example_with_a_model_is_there() -> None:
    programs = {path.stem for path in EXAMPLES.glob("*.py")}
    held = {make.__name__ for make in MODELS}
    assert programs - held == {"homework"}  # layers in NumPy, with mistakes, to be checked
