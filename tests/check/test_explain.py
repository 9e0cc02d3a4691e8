"""Explanations: whole for every layer in both languages, with numbers that obey the formulas."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest

from rushlight import classic
from rushlight.check.explain import explain
from rushlight.check.formulas.code import CODE
from rushlight.check.formulas.examples import example
from rushlight.check.formulas.names import ALIASES, DIALECTS, NAMES
from rushlight.check.formulas.pages import PAGES
from rushlight.check.texts import LANGUAGES, Text
from rushlight.random import default_generator

LAYERS = [name for name in NAMES if name[0].isupper()]
CRITERIA = [name for name in LAYERS if name.startswith(("MSE", "Class"))]
# Latin words of Russian explanations: identifiers and mathematics
LATIN = set(
    re.findall(
        r"\w+",
        """x y g t w a f d lr m v n c b i j k p q r s z L N C H W F OH OW kh kw sh sw ph pw lr_t in
        input output gradOutput gradInput target gradW gradb gradGamma gradBeta gamma beta mask
        moving_mean moving_variance moving batch mean xhat alpha slope momentum EPS inf nan
        exp ln log tanh erf max sigmoid softmax clip np where logaddexp scipy special expit
        argmax forward backward module return loop train evaluate zeroGradParameters
        getParameters accGradParameters ReLU SoftMax LogSoftMax MaxPool2d NumPy Adam torch
        one hot len list n_in n_out variables gradients config state learning_rate index array
        accumulated_grads beta1 beta2 epsilon sgd_momentum adam_optimizer padding_mode reflect
        replicate circular Linear Flatten BatchNormalization in_channels out_channels kernel_size
        stride padding bias True None zeros fan_in num_features start_dim end_dim practical_dl
        torch_like step""",
    )
)


def numeric(function: Any, array: Any) -> Any:
    """The gradient of a number-valued function by central differences."""
    found = np.zeros(array.shape)
    for index in np.ndindex(array.shape):
        kept = array[index]
        array[index] = kept + 1e-6
        above = function()
        array[index] = kept - 1e-6
        found[index] = (above - function()) / 2e-6
        array[index] = kept
    return found


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize("name", [n for n in LAYERS if n not in (*CRITERIA, "Dropout")])
def test_gradients_of_the_example_are_those_of_its_output(name: str, dialect: str) -> None:
    done = example(name, dialect)
    x, g = done.given["input"].copy(), done.given["gradOutput"]
    shown = dict(done.parts[0][1])
    layer = done.layer
    np.testing.assert_array_equal(shown["output"], layer.forward(x))

    def loss() -> float:
        return float((layer.forward(x) * g).sum())

    np.testing.assert_allclose(shown["gradInput"], numeric(loss, x), rtol=1e-6, atol=1e-8)
    owner = layer.modules[0] if name == "Sequential" else layer
    for parameter, gradient in zip(
        ("W", "b", "gamma", "beta"), ("gradW", "gradb", "gradGamma", "gradBeta"), strict=True
    ):
        if parameter in shown:
            found = numeric(loss, getattr(owner, parameter))
            np.testing.assert_allclose(shown[gradient], found, rtol=1e-6, atol=1e-8)
        assert (parameter in shown) == (gradient in shown)


@pytest.mark.parametrize("name", CRITERIA)
def test_gradients_of_criteria(name: str) -> None:
    done = example(name)
    x, target = done.given["input"].copy(), done.given["target"]
    shown = dict(done.parts[0][1])
    found = numeric(lambda: done.layer.forward(x, target), x)
    np.testing.assert_allclose(shown["gradInput"], found, rtol=1e-6, atol=1e-8)
    assert shown["output"] == done.layer.forward(x, target)


def test_the_example_of_dropout_has_one_mask_and_is_the_identity_in_evaluation() -> None:
    done = example("Dropout")
    (_, training), (_, evaluation) = done.parts
    shown = dict(training)
    mask = shown["mask"]
    assert 0 < mask.sum() < mask.size
    np.testing.assert_allclose(shown["output"], done.given["input"] * mask / 0.5)
    np.testing.assert_allclose(shown["gradInput"], done.given["gradOutput"] * mask / 0.5)
    assert np.array_equal(dict(evaluation)["output"], done.given["input"])
    assert np.array_equal(dict(evaluation)["gradInput"], done.given["gradOutput"])


@pytest.mark.parametrize("dialect", DIALECTS)
def test_the_example_of_batch_norm_shows_both_modes(dialect: str) -> None:
    done = example("BatchNormalization", dialect)
    shown, evaluation = dict(done.parts[0][1]), dict(done.parts[1][1])
    x, g, layer = done.given["input"], done.given["gradOutput"], done.layer
    scale = np.sqrt(shown["moving_variance"] + layer.EPS)
    np.testing.assert_allclose(evaluation["output"], (x - shown["moving_mean"]) / scale, rtol=1e-6)
    np.testing.assert_allclose(evaluation["gradInput"], g / scale, rtol=1e-6)
    biased = x.var(axis=0)
    wanted = biased if dialect == "practical_dl" else 0.9 + 0.1 * biased * len(x) / (len(x) - 1)
    np.testing.assert_allclose(shown["moving_variance"], wanted, rtol=1e-6)


@pytest.mark.parametrize("name", ["sgd_momentum", "adam_optimizer"])
def test_examples_of_optimizers_take_two_steps(name: str) -> None:
    done = example(name)
    w, g = done.given["w"].copy(), done.given["g"]
    config = {"learning_rate": 0.1, "momentum": 0.9, "beta1": 0.9, "beta2": 0.999, "epsilon": 1e-8}
    state: dict[str, Any] = {}
    for _, computed in done.parts:
        getattr(classic, name)([w], [g], config, state)
        np.testing.assert_array_equal(dict(computed)["w"], w)
    assert len(done.parts) == 2


@pytest.mark.parametrize("lang", LANGUAGES)
@pytest.mark.parametrize("name", NAMES)
def test_every_explanation_is_whole_and_fits_the_terminal(name: str, lang: str) -> None:
    text = explain(name, lang)
    titles = {"en": ("Shapes", "In NumPy", "Frequent mistakes", "Example")}.get(
        lang, ("Формы", "На NumPy", "Частые ошибки", "Пример")
    )
    for title in titles:
        assert re.search(f"^{title}", text, re.MULTILINE), title
    for lines in CODE[name].values():
        for line in lines.split("\n"):
            assert line in text
    assert 2 <= len(PAGES[name].pitfalls) <= 4
    assert max(map(len, text.split("\n"))) <= 100
    assert "-0." not in re.sub(r"-0\.\d", "", text)
    cyrillic = re.search("[а-яё]", text)
    assert bool(cyrillic) == (lang == "ru")
    done = example(name)
    for _, computed in done.parts:
        for shown, _array in computed:
            assert re.search(rf"^  {shown} ", text, re.MULTILINE)


@pytest.mark.parametrize("name", NAMES)
def test_russian_explanations_have_no_english(name: str) -> None:
    page = PAGES[name]
    rows = (page.purpose, *page.shapes, *page.forward, *page.gradients)
    for row in (*rows, *page.pitfalls, *page.dialects.values()):
        said = row["ru"] if isinstance(row, Text) else row
        said = re.sub(r"`[^`]*`|_[a-z](,[a-z])+\b|(?<=Σ)_[a-z]\b|\d+e-\d+", "", said)
        words = set(re.findall("[A-Za-z_][A-Za-z_0-9]*", said))
        assert words <= LATIN, words - LATIN
        if isinstance(row, Text):
            assert re.search("[а-яё]", row.ru)
            assert not re.search("[а-яё]", row.en)


def test_dialects_are_shown_both_or_the_one_asked_for() -> None:
    both = explain("conv2d")
    assert "practical_dl: " in both
    assert "torch_like: " in both
    assert "Example (practical_dl)" in both
    assert "Example (torch_like)" in both
    one = explain("conv2d", like="practical_dl.Conv2d")
    assert "torch_like" not in one
    assert "kernel_size=3)" in one
    assert "stride=(2, 1)" in explain("conv2d", like="torch_like")
    assert explain("Linear").count("Example") == 1
    assert explain("LeakyReLU").count("Example") == 2


@pytest.mark.parametrize("alias", [*ALIASES, "LogSoftmax", "GELU", "nn.Softplus", "torch.nn.ELU"])
def test_names_of_torch_and_others_are_understood(alias: str) -> None:
    assert explain(alias).split("\n")[0] in NAMES


def test_what_is_not_known_is_an_error() -> None:
    with pytest.raises(ValueError, match=r"'SoftMaxx', expected one of Linear, .*mean SoftMax"):
        explain("SoftMaxx")
    with pytest.raises(ValueError, match="'de', expected 'en' or 'ru'"):
        explain("Linear", "de")
    with pytest.raises(ValueError, match="like='keras', expected 'practical_dl' or 'torch_like'"):
        explain("Linear", like="keras")


def test_the_numbers_of_others_stay_what_they_were() -> None:
    before = default_generator.random((3,), np.dtype(np.float64))
    default_generator.manual_seed(7)
    wanted = default_generator.random((3,), np.dtype(np.float64))
    default_generator.manual_seed(7)
    explain("Dropout")
    explain("Conv2d")
    assert np.array_equal(default_generator.random((3,), np.dtype(np.float64)), wanted)
    assert not np.array_equal(before, wanted)
