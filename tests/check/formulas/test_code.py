"""The lines of NumPy that hints show are run: they compute what `rushlight.classic` computes."""

from __future__ import annotations

import re
import textwrap
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import scipy.special
from numpy.lib.stride_tricks import sliding_window_view

from rushlight import classic
from rushlight.check.findings import Finding
from rushlight.check.formulas.code import CODE, code
from rushlight.check.formulas.names import ALIASES, NAMES, canonical, find
from rushlight.check.texts import hint

ACTIVATIONS = ("ReLU", "LeakyReLU", "ELU", "SoftPlus", "Gelu", "Sigmoid", "Tanh")
FIELDS = ("W", "b", "gamma", "beta", "slope", "alpha", "p", "EPS", "moving_mean", "moving_variance")
GRADIENTS = ("gradW", "gradb", "gradGamma", "gradBeta")

LAYERS = [
    ("Linear", (3, 2), (4, 3), {}),
    (
        "Conv2d",
        (2, 3, (3, 2), (2, 1), (1, 0)),
        (2, 2, 6, 5),
        {"k": (3, 2), "s": (2, 1), "p": (1, 0)},
    ),
    ("MaxPool2d", ((3, 2), (1, 2), (1, 0)), (2, 2, 5, 6), {"k": (3, 2), "s": (1, 2), "p": (1, 0)}),
    ("AvgPool2d", ((3, 2), (1, 2), (1, 0)), (2, 2, 5, 6), {"k": (3, 2), "s": (1, 2), "p": (1, 0)}),
    ("GlobalMaxPool2d", (), (2, 3, 2, 4), {}),
    ("GlobalAvgPool2d", (), (2, 3, 2, 4), {}),
    ("Flatten", (), (2, 3, 2), {}),
    ("BatchNormalization", (3, 0.1, True), (5, 3), {}),
    ("BatchNormalization", (3,), (5, 3, 2, 4), {}),
    ("ChannelwiseScaling", (3,), (5, 3), {}),
    ("ChannelwiseScaling", (3,), (5, 3, 2, 4), {}),
    ("Dropout", (0.4,), (5, 3), {}),
    ("SoftMax", (), (4, 3), {}),
    ("LogSoftMax", (), (4, 3), {}),
    *((name, (), (4, 3), {}) for name in ACTIVATIONS),
]


def numbers(*shape: int, seed: int = 0) -> Any:
    return np.random.default_rng([seed, *shape]).standard_normal(shape)


def student(layer: Any, windows: Any, x: Any, g: Any) -> dict[str, Any]:
    """The names that the lines use, with a layer of their own that has no arithmetic."""
    self = SimpleNamespace(**{n: np.array(getattr(layer, n)) for n in FIELDS if hasattr(layer, n)})
    for name in GRADIENTS:
        if getattr(layer, name, None) is not None:
            setattr(self, name, getattr(layer, name).copy())
    names = {"np": np, "scipy": scipy, "sliding_window_view": sliding_window_view}
    names |= {"self": self, "input": x, "gradOutput": g}
    if x.ndim == 4:
        names |= dict(zip(("N", "C", "height", "width"), x.shape, strict=True))
    if windows:
        names |= dict(
            zip(("kh", "kw", "sh", "sw", "ph", "pw"), sum(windows.values(), ()), strict=True)
        )
        names |= dict(zip(("OH", "OW"), g.shape[2:], strict=True))
    return names


@pytest.mark.parametrize(("name", "arguments", "shape", "windows"), LAYERS)
def test_lines_of_layers(name: str, arguments: Any, shape: Any, windows: Any) -> None:
    layer = getattr(classic, name)(*arguments)
    for start, field in enumerate(("W", "b", "moving_mean", "gamma", "beta")):
        current = getattr(layer, field, None)
        if current is not None:
            value = np.ones(current.shape) if name == "BatchNormalization" else None
            setattr(layer, field, numbers(*current.shape, seed=start) if value is None else value)
    x = numbers(*shape)
    x = np.round(x) if name == "GlobalMaxPool2d" else x  # with ties
    g = numbers(*layer.forward(x).shape, seed=1)
    for _ in range(2):  # gradients add up
        layer.backward(x, g)
    names = student(layer, windows, x, g)
    self = names["self"]
    for gradient in GRADIENTS:
        if hasattr(self, gradient):
            getattr(self, gradient)[...] /= 2  # what one pass has left
    keys = [key for key in CODE[name] if not key.startswith("evaluation")]
    for key in keys:
        if key.startswith("grad") and key != "gradInput" and not hasattr(self, key):
            continue  # gamma and beta are not always there
        exec(CODE[name][key], names)
        if key == "mask":
            assert self.mask.shape == x.shape
            self.mask = layer.mask
            continue
        wanted = np.asarray(getattr(layer, key))
        if name == "BatchNormalization" and key == "output":
            assert np.all(getattr(layer, "beta", None) is None or layer.beta == 1)
            wanted = wanted - (0 if layer.beta is None else layer.beta)
        np.testing.assert_allclose(getattr(self, key), wanted, rtol=1e-6, atol=1e-9, err_msg=key)


@pytest.mark.parametrize("name", ["BatchNormalization", "Dropout"])
@pytest.mark.parametrize("shape", [(5, 3), (4, 3, 2, 2)])
def test_lines_of_evaluation_mode(name: str, shape: Any) -> None:
    layer = classic.Dropout(0.4) if name == "Dropout" else classic.BatchNormalization(3)
    layer.forward(numbers(*shape, seed=5))
    layer.evaluate()
    x, g = numbers(*shape), numbers(*shape, seed=1)
    layer.forward(x)
    layer.backward(x, g)
    names = student(layer, {}, x, g)
    for key in ("output", "gradInput"):
        exec(code(name, key, f"evaluation_{key}"), names)
        np.testing.assert_allclose(getattr(names["self"], key), getattr(layer, key), rtol=1e-6)
    assert not np.shares_memory(names["self"].output, x)


@pytest.mark.parametrize(
    "name", ["SoftPlus", "Sigmoid", "ELU", "Gelu", "Tanh", "SoftMax", "LogSoftMax"]
)
def test_lines_are_stable(name: str) -> None:
    layer, x = getattr(classic, name)(), np.array([[1000.0, -1000.0, 0.5]])
    g = numbers(1, 3)
    layer.forward(x)
    layer.backward(x, g)
    names = student(layer, {}, x, g)
    with np.errstate(over="raise", invalid="raise", divide="raise"):
        for key in ("output", "gradInput"):
            exec(CODE[name][key], names)
            assert np.allclose(getattr(names["self"], key), getattr(layer, key), rtol=1e-12)


@pytest.mark.parametrize("name", ["MSECriterion", "ClassNLLCriterion", "ClassNLLCriterionUnstable"])
def test_lines_of_criteria(name: str) -> None:
    criterion = getattr(classic, name)()
    x, target = numbers(4, 3), np.eye(3)[[0, 2, 1, 1]]
    if name == "ClassNLLCriterionUnstable":
        x = np.array([[0.0, 0.5, 0.5], [0.2, 0.7, 0.1], [1.0, 0.0, 0.0], [0.3, 0.3, 0.4]])
        target = np.eye(3)[[1, 2, 0, 1]]
    names = {"np": np, "input": x, "target": target}
    names["self"] = SimpleNamespace(EPS=getattr(criterion, "EPS", None))
    exec(code(name, "loss"), names)
    exec(code(name, "gradInput"), names)
    assert np.allclose(names["self"].output, criterion.forward(x, target), rtol=1e-12)
    found = criterion.backward(x, target)
    inside = (x > 0) & (x < 1) if name == "ClassNLLCriterionUnstable" else np.ones_like(x, bool)
    assert np.allclose(names["self"].gradInput[inside], found[inside], rtol=1e-12)


def test_lines_of_containers() -> None:
    modules = [classic.Linear(3, 4), classic.Tanh(), classic.Linear(4, 2)]
    net, x, g = classic.Sequential(*modules), numbers(5, 3), numbers(5, 2, seed=1)
    output, grad = net.forward(x), net.backward(x, g)
    names = {"self": SimpleNamespace(modules=modules), "input": x, "gradOutput": g}
    exec(CODE["Sequential"]["output"], names)
    exec(CODE["Sequential"]["gradInput"], names)
    assert np.allclose(names["self"].output, output)
    assert np.allclose(names["self"].gradInput, grad)


@pytest.mark.parametrize("name", ["sgd_momentum", "adam_optimizer"])
def test_lines_of_optimizers(name: str) -> None:
    config = {"learning_rate": 0.1, "momentum": 0.9, "beta1": 0.8, "beta2": 0.9, "epsilon": 1e-2}
    wanted, w = numbers(3), numbers(3)
    own: dict[str, Any] = {}
    state: dict[str, Any] = {"t": 0, "accumulated_grads": {}}
    names = {"np": np, "config": config, "state": state, "w": w, "i": 0, **config}
    names |= {"m": np.zeros(3), "v": np.zeros(3)}
    for step in range(1, 4):
        g = numbers(3, seed=step)
        getattr(classic, name)([wanted], [g], config, own)
        names |= {"g": g, "t": step}
        for lines in CODE[name].values():
            exec(lines, names)
        assert np.allclose(w, wanted, rtol=1e-12), step
    assert state["t"] == (3 if name == "adam_optimizer" else 0)


def test_all_layers_have_lines_and_names_are_found_by_any_spelling() -> None:
    assert set(CODE) == set(NAMES)
    for alias, name in ALIASES.items():
        assert canonical(alias) == name
        assert canonical(alias.upper()) == name
    assert set(ALIASES.values()) <= set(NAMES)
    assert canonical("nn.LogSoftmax") == "LogSoftMax"
    assert canonical("practical_dl.Conv2d") == "Conv2d"
    assert canonical("adam_optimizer") == canonical("Adam") == "adam_optimizer"
    assert canonical("GELU") == "Gelu"
    with pytest.raises(ValueError, match=r"'Cnov2d', expected one of Linear, .*mean Conv2d"):
        find("Cnov2d")
    with pytest.raises(ValueError, match="torch's names are understood"):
        find("xyzzy")


def test_comments_are_no_words() -> None:
    for lines in CODE.values():
        for text in lines.values():
            for comment in text.split("#")[1:]:
                words = set(re.findall("[A-Za-z]+", comment.split("\n")[0]))
                assert words <= {"C", "x", "np", "pad", "input"}, text


def test_which_lines_go_with_a_finding() -> None:
    assert code("Linear", "gradW") == CODE["Linear"]["gradW"]
    assert code("Linear", "") == CODE["Linear"]["output"]
    assert code("BatchNormalization", "moving_mean") == CODE["BatchNormalization"]["output"]
    assert code("Mystery", "output") == ""
    assert code("Dropout", "mask", "evaluation_output") == CODE["Dropout"]["mask"]
    assert "beta1" in code("adam_optimizer", "anything")
    assert 't"] += 1' not in code("adam_optimizer", "W")


def lines_of(cause: str, layer: str, tensor: str, lang: str) -> str:
    """The lines of NumPy that a hint brings of its own."""
    text = hint(Finding("defect", "output", tensor, cause, layer), lang)
    return textwrap.dedent("\n".join(text.split("\n")[1:]))


@pytest.mark.parametrize("lang", ["en", "ru"])
@pytest.mark.parametrize(
    ("padding_mode", "mode"), [("reflect", "reflect"), ("replicate", "edge"), ("circular", "wrap")]
)
def test_lines_of_padding_modes(padding_mode: str, mode: str, lang: str) -> None:
    layer = classic.Conv2d(2, 3, (3, 2), padding=(1, 2), padding_mode=padding_mode)
    x = numbers(2, 2, 5, 6)
    g = numbers(*layer.forward(x).shape, seed=1)
    wanted = layer.backward(x, g)
    names = student(layer, {"k": (3, 2), "s": (1, 1), "p": (1, 2)}, x, g)
    names["m"] = padding_mode
    exec(lines_of("padding_mode_ignored", "Conv2d", "output", lang), names)
    assert names["mode"] == mode
    exec("\n".join(CODE["Conv2d"]["output"].split("\n")[1:]), names)  # x is padded already
    assert np.allclose(names["self"].output, layer.output)
    exec("\n".join(CODE["Conv2d"]["gradInput"].split("\n")[:-1]), names)
    names |= {"gradPadded": names["grad"], "gradInput": np.zeros_like(x)}
    exec(lines_of("border_not_folded", "Conv2d", "gradInput", lang), names)
    assert np.allclose(names["gradInput"], wanted)


@pytest.mark.parametrize("lang", ["en", "ru"])
def test_lines_of_sizes_and_of_the_running_variance(lang: str) -> None:
    names: dict[str, Any] = {"height": 7, "width": 6, "kh": 3, "kw": 2, "sh": 2, "sw": 3}
    names |= {"ph": 1, "pw": 0}
    exec(lines_of("output_size", "AvgPool2d", "output", lang), names)
    pool = classic.AvgPool2d((3, 2), (2, 3), (1, 0))
    assert pool.forward(numbers(1, 1, 7, 6)).shape == (1, 1, names["OH"], names["OW"])
    layer, x = classic.BatchNormalization(3, momentum=0.3), numbers(5, 3, 2, 2)
    self = SimpleNamespace(moving_variance=np.ones(3))
    names = {"self": self, "input": x, "axes": (0, 2, 3), "n": 20, "momentum": 0.3}
    exec(lines_of("biased_variance", "BatchNormalization", "moving_variance", lang), names)
    layer.forward(x)
    assert np.allclose(self.moving_variance, layer.moving_variance, rtol=1e-6)
