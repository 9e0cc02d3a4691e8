"""config.toml: what is refused, and that a recipe's name is not needed beside it."""

import tomllib

import pytest

pytest.importorskip("typer")

from rushlight.cli.recipes.config import read_config, write_config
from rushlight.cli.recipes.regression import RegressionOptions
from rushlight.cli.recipes.run import resolve
from rushlight.cli.recipes.tecator import TecatorOptions, TecatorRecipe


def test_all_options_come_back(tmp_path):
    path = tmp_path / "config.toml"
    options = RegressionOptions(
        csv='C:\\data "new" ü.csv',
        targets="a b,c\td",
        metric=("mae", "r2"),
        switch=("10: optimizer=sgd lr=0.01",),
        lr=1e-05,
        clip_norm=None,
    )
    write_config(path, "regression", options)
    name, saved = read_config(path)
    assert name == "regression"
    assert (
        RegressionOptions(**{k: tuple(v) if isinstance(v, list) else v for k, v in saved.items()})
        == options
    )
    assert set(tomllib.loads(path.read_text("utf-8"))["environment"]) >= {
        *("rushlight", "numpy", "scipy", "python", "platform", "kernels", "threads")
    }


def test_the_recipe_stands_in_the_file(trained, call, here):
    trained("tecator", "--epochs", "1", out="a")
    code, _, err = call("train", "--config", "a/config.toml", "--out", "b", "--no-curves")
    assert code == 0, err
    assert read_config("b") == read_config("a")
    code, _, err = call("train", "--resume", "--out=b", "--no-curves")
    assert code == 0, err


HEAD = 'recipe = "tecator"\n[options]\n'
FILES = {
    "unknown option": (HEAD + "epoch = 3", "[options]: got 'epoch', expected one of size, "),
    "text": (HEAD + 'epochs = "3"', 'got epochs = "3", expected int >= 1'),
    "too small": (HEAD + "epochs = 0", "got epochs = 0, expected int >= 1"),
    "bool": (HEAD + "lr = true", "got lr = true, expected float"),
    "list": (HEAD + 'metric = "mae"', 'got metric = "mae", expected tuple[str, ...]'),
    "choice": (HEAD + 'size = "huge"', "--size: got 'huge', expected small or medium or large"),
    "probability": (HEAD + "dropout = 1", "--dropout: got 1.0"),
    "another recipe": ('recipe = "mnist"\n', "the options of the recipe 'mnist'"),
    "no TOML": ("recipe = ", "config.toml: got "),
    "no recipe": ("[options]\n", "got the keys options, expected recipe"),
    "unknown key": (HEAD + "[extra]\n", "got the keys recipe, options, extra"),
}


@pytest.mark.parametrize("case", FILES)
def test_files_that_are_refused(call, here, case):
    text, told = FILES[case]
    (here / "config.toml").write_text(text)
    code, _, err = call("train", "tecator", "--config", "config.toml", "--out", "run")
    assert code == 2
    assert told in err
    assert len(err.splitlines()) == 1
    assert not (here / "run").exists()


def test_a_file_that_is_not_there(call):
    code, _, err = call("train", "tecator", "--config", "none.toml")
    assert code == 2
    assert "none.toml: got no such file" in err


def test_the_command_line_wins_over_the_file_over_the_recipe(here):
    (here / "config.toml").write_text(HEAD + "epochs = 3\nlr = 1")
    options = resolve(TecatorRecipe(), {"epochs": 4}, here / "config.toml")
    assert (options.epochs, options.lr, options.patience) == (4, 1.0, TecatorOptions.patience)


NAMES = {
    "loss": (["--loss", "mss"], "--loss: got 'mss', expected one of 'bce', "),
    "metric": (["--metric", "rms"], "--metric: got 'rms'"),
    "optimizer": (["--optimizer", "adan"], "--optimizer: got 'adan', expected one of 'adadelta', "),
    "schedule": (["--schedule", "cosin"], "--schedule: got 'cosin'"),
    "activation": (["--activation", "rely"], "--activation: got 'rely', expected one of 'celu', "),
    "switch": (["--switch", "5: optimizer=adan"], "--switch: optimizer: got 'adan'"),
    "rate of a switch": (["--switch", "5: lr=abc"], "--switch: lr: got 'abc'"),
    "ema": (["--ema", "2"], "--ema: got 2.0"),
    "rate": (["--lr", "0"], "--lr: got 0.0, expected a finite number > 0"),
    "warm-up": (["--warmup", "nan"], "--warmup: got nan, expected epochs"),
    "clip": (["--clip-norm", "-1"], "--clip-norm: got -1.0"),
    "rates": (["--optimizer", "sgd:lr=0.1", "--lr", "0.2"], "one learning rate"),
    "decay": (["--optimizer", "rprop", "--weight-decay", "0.1"], "an optimizer that has it"),
    "no decay": (["--weight-decay", "nan"], "--weight-decay: got nan, expected a number >= 0"),
}


@pytest.mark.parametrize("case", NAMES)
def test_what_no_part_takes_is_refused_before_any_data_is_read(call, here, monkeypatch, case):
    monkeypatch.setattr(TecatorRecipe, "load", None)
    args, told = NAMES[case]
    code, out, err = call("train", "tecator", "--out", "run", "--no-curves", *args)
    assert (code, out) == (2, "")
    assert told in err
    assert ", or a" not in err  # objects, which a command line has none of
    assert len(err.splitlines()) == 1
    assert not (here / "run").exists()


def test_a_loss_of_classes_for_numbers(call, here):
    code, _, err = call("train", "tecator", "--out", "run", "--no-curves", "--loss", "nll")
    assert code == 1
    assert "NLLLoss: got an output (43, 3)" in err
    assert len(err.splitlines()) == 1
    assert not (here / "run").exists()


def test_a_loss_of_numbers_for_classes(call):
    code, _, err = call("train", "mnist", "--loss", "mse")
    assert code == 2
    assert "--loss: got 'mse', expected a loss of classes: nll, cross_entropy" in err


@pytest.mark.parametrize("args", [["--resume"], ["--out", "a"], ["--epochs", "3"]])
def test_options_without_a_recipe(call, args):
    code, _, err = call("train", *args)
    assert code == 2
    assert f"train: got {args[0]}, expected a recipe before the options: regression, " in err
