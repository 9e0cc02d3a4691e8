"""Runs: what they write, that they can be made again, and the two APIs."""

import csv
import json
import tomllib

import numpy as np
import pytest

pytest.importorskip("typer")

from tests.cli.recipes.conftest import plain

import rushlight as rl
from rushlight import nn
from rushlight.cli.recipes.explicit import ExplicitSequential, explicit
from rushlight.cli.recipes.mnist import Mnist
from rushlight.cli.recipes.recipe import TestPart
from rushlight.cli.recipes.regression import Regression
from rushlight.cli.recipes.run import resolve
from rushlight.cli.recipes.tecator import TecatorRecipe
from rushlight.train import Trainer


@pytest.fixture
def small_mnist(here, monkeypatch):
    monkeypatch.setattr("rushlight.cli.recipes.mnist.build", plain)


def weights(folder="run"):
    return {k: v.numpy() for k, v in rl.load(f"{folder}/best.safetensors").items()}


def columns(folder="run"):
    """Return the history without what a clock decides."""
    with open(f"{folder}/history.csv", newline="") as file:
        return [{k: v for k, v in row.items() if k != "seconds"} for row in csv.DictReader(file)]


def same(a, b):
    assert a.keys() == b.keys()
    for name in a:
        np.testing.assert_array_equal(a[name], b[name], err_msg=name)


def test_tecator_leaves_everything_in_the_folder(trained, here):
    result = trained("tecator", "--epochs", "3", "--seed", "4")
    assert result == json.loads((here / "run" / "result.json").read_text())
    assert result["recipe"] == "tecator"
    assert set(result["test"]) == {"loss", "rmse", "rmse_water", "rmse_fat", "rmse_protein"}
    assert 0.1 < result["test"]["rmse_fat"] < 20
    assert (result["epochs"], result["seed"], result["train_samples"]) == (3, 4, 129)
    assert result["parameters"] > 3 * 100
    names = {path.name for path in (here / "run").iterdir()}
    assert names >= {
        *("best.safetensors", "last", "history.json", "history.csv", "config.toml"),
        *("result.json", "summary.json", "graph.svg", "preparation.json", "report.html"),
    }
    config = tomllib.loads((here / "run" / "config.toml").read_text())
    assert config["recipe"] == "tecator"
    assert config["options"]["seed"] == 4
    assert config["options"]["lr"] == 3e-3
    assert config["environment"]["numpy"] == np.__version__
    assert "Linear" in (here / "run" / "summary.json").read_text()


def test_a_config_makes_the_same_run_again_and_the_command_line_wins(trained, here):
    trained("tecator", "--epochs", "2", "--activation", "tanh", "--optimizer", "sgd", out="a")
    trained("tecator", "--config", "a/config.toml", out="b")
    same(weights("a"), weights("b"))
    assert columns("a") == columns("b")
    trained("tecator", "--config", "a", "--epochs", "1", "--lr", "0.001", out="c")
    options = tomllib.loads((here / "c" / "config.toml").read_text())["options"]
    assert (options["epochs"], options["lr"], options["activation"]) == (1, 0.001, "tanh")


@pytest.mark.parametrize("recipe", ["tecator", "mnist", "regression"])
def test_explicit_layers_train_to_the_bits_of_autograd(trained, recipe, table, monkeypatch):
    more = ["--csv", table, "--targets", "first,second"] if recipe == "regression" else []
    if recipe == "mnist":
        monkeypatch.setattr(
            "rushlight.cli.recipes.mnist.build",
            lambda options: nn.Sequential(
                nn.MaxPool2d(4),
                nn.Conv2d(1, 4, 3),
                nn.BatchNorm2d(4),
                nn.ReLU(),
                nn.Flatten(),
                nn.Dropout(0.2),
                nn.Linear(100, 10),
                nn.LogSoftmax(dim=1),
            ),
        )
    figures = []
    for api in ("autograd", "classic"):
        result = trained(recipe, "--epochs", "1", "--api", api, *more, out=api)
        figures.append(result["test"])
    same(weights("autograd"), weights("classic"))
    assert columns("autograd") == columns("classic")
    assert figures[0] == figures[1]


def test_the_passes_run_through_the_explicit_methods(monkeypatch):
    net = explicit(nn.Sequential(nn.Linear(2, 3), nn.Tanh(), nn.Sequential(nn.Linear(3, 1))))
    assert isinstance(net, ExplicitSequential)
    assert isinstance(net[2], ExplicitSequential)
    calls = []
    for layer in net.layers.modules:
        for method in ("updateOutput", "accGradParameters", "backward"):
            real = getattr(layer, method)

            def told(*args, real=real, method=method):
                calls.append(method)
                return real(*args)

            monkeypatch.setattr(layer, method, told)
    x = rl.ones(4, 2)
    net(x).sum().backward()
    assert calls == ["updateOutput"] * 3 + ["backward"] * 2 + ["accGradParameters"]
    before = net[0].weight.grad.numpy().copy()
    net(x).sum().backward()
    np.testing.assert_array_equal(net[0].weight.grad.numpy(), 2 * before)
    x = rl.ones(4, 2).requires_grad_()
    net(x).sum().backward()
    assert x.grad.shape == (4, 2)


def test_the_test_part_is_refused_before_the_final_evaluation():
    part = TestPart(lambda: 1)
    with pytest.raises(PermissionError, match="before the final evaluation"):
        part.open()
    assert part.open(final=True) == 1


@pytest.mark.parametrize("recipe", [TecatorRecipe, Regression, Mnist])
def test_no_test_rows_are_read_while_training(call, recipe, table, monkeypatch, small_mnist):
    """Opening the test part is the last thing: after `fit` has ended."""
    order = []
    fit, opened = Trainer.fit, TestPart.open

    def fitting(*args, **options):
        found = fit(*args, **options)
        order.append("fitted")
        return found

    def opening(self, *, final=False):
        order.append("opened")
        return opened(self, final=final)

    monkeypatch.setattr(Trainer, "fit", fitting)
    monkeypatch.setattr(TestPart, "open", opening)
    more = ["--csv", table, "--targets", "first"] if recipe is Regression else []
    code, _, err = call(
        *("train", recipe.name, "--epochs", "1", "--out", "run", "--no-curves"), *more
    )
    assert code == 0, err
    fits = 2 if recipe is TecatorRecipe else 1
    assert order[: fits + 1] == ["fitted"] * fits + ["opened"]
    assert order.count("fitted") == fits


def test_scales_are_those_of_the_training_rows_alone():
    from rushlight.data import Tecator
    from rushlight.data.spectra import SNV

    recipe = TecatorRecipe()
    data = recipe.load(resolve(recipe, {"preprocessing": "snv"}))
    x, y = Tecator().arrays()
    np.testing.assert_allclose(data.preparation["y"]["mean"], y.mean(0))
    np.testing.assert_allclose(data.preparation["x"]["std"], SNV()(x).std(0))
    assert len(data.validation[0]) == 43


@pytest.mark.parametrize("size", ["small", "medium", "large"])
@pytest.mark.parametrize("activation", ["relu", "leaky_relu", "elu", "softplus", "gelu", "tanh"])
@pytest.mark.parametrize("recipe", [TecatorRecipe, Mnist])
def test_nets_of_all_sizes_and_activations(recipe, size, activation):
    made = recipe()
    options = resolve(made, {"size": size, "activation": activation})
    inputs, outputs = ((1, 28, 28), (10,)) if recipe is Mnist else ((100,), (3,))
    net = made.build(options, inputs, outputs).eval()
    assert net(rl.zeros(2, *inputs)).shape == (2, *outputs)
    kinds = {type(module).__name__ for module in net.modules()}
    wanted = {"relu": "ReLU", "leaky_relu": "LeakyReLU", "elu": "ELU", "gelu": "GELU"}
    assert wanted.get(activation, activation.capitalize()) in kinds
    assert kinds & {"BatchNorm1d", "BatchNorm2d"}
    assert "Dropout" in kinds


def test_larger_nets_have_more_parameters():
    recipe = TecatorRecipe()
    sizes = []
    for size in ("small", "medium", "large"):
        net = recipe.build(resolve(recipe, {"size": size}), (100,), (3,))
        sizes.append(sum(p.numel() for p in net.parameters()))
    assert sizes == sorted(set(sizes))


def test_a_metric_that_is_asked_for_picks_the_best_epoch(trained, here):
    trained("tecator", "--epochs", "2", "--metric", "mae", "--metric", "r2")
    history = json.loads((here / "run" / "history.json").read_text())
    assert history["monitor"] == "val_mae"
    assert {"val_r2_fat", "train_mae_water"} <= history["epochs"][0].keys()


def test_early_stopping_is_on(trained):
    result = trained("tecator", "--epochs", "60", "--patience", "1", "--lr", "0.3")
    assert result["epochs"] < 60
    assert "has not improved" in result["stopped"]


def test_help_says_every_default(call):
    code, text, _ = call("train", "tecator", "--help")
    assert code == 0
    flat = " ".join(text.split())
    assert f"Epochs at most. [default: {TecatorRecipe.Options.epochs}]" in flat
    assert "--size small|medium|large|all" in flat
    assert "--resume" in flat
    code, text, _ = call("train", "--help")
    assert {"mnist", "tecator", "regression"} <= set(text.split())


def test_all_sizes_by_activations_in_one_table(call, here):
    pytest.importorskip("sklearn")
    options = ["--size", "all", "--activation", "relu,tanh", "--epochs", "1", "--seeds", "2"]
    code, out, err = call("train", "tecator", *options, "--out", "all", "--json")
    assert code == 0, err
    result = json.loads(out)
    assert [(row["model"], row["form"]) for row in result["nets"]] == [
        (size, activation)
        for size in ("small", "medium", "large")
        for activation in ("relu", "tanh")
    ]
    found = [
        json.loads((here / "all" / f"medium-tanh-{seed}" / "result.json").read_text())["test"]
        for seed in (0, 1)
    ]
    assert result["nets"][3]["fat"] == np.median([f["rmse_fat"] for f in found])
    linear = {row["form"]: row for row in result["linear"]}
    assert linear["SNV"]["water"] == pytest.approx(1.87, abs=0.01)
    assert linear["spectra as they are"]["fat"] == pytest.approx(1.94, abs=0.01)
    text = (here / "all" / "table.md").read_text()
    assert text.count("\n| ") == 1 + 6 + 4
    assert f"| medium | tanh | {result['nets'][3]['water']:.2f} |" in text
    code, _, err = call("train", "tecator", "--seeds", "2")
    assert code == 2
    assert "--seeds: got 2 with --size medium" in err
