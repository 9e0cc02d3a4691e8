"""Tecator's second training: on calibration and monitoring part, all epochs."""

import csv
import importlib.util
import json
import math
import pathlib
import sys

import numpy as np
import pytest

pytest.importorskip("typer")

import rushlight as rl
from rushlight.cli.recipes.run import resolve
from rushlight.cli.recipes.tecator import TecatorRecipe
from rushlight.data import Tecator
from rushlight.train import Trainer
from rushlight.train.report import write_report


def weights(folder):
    return {k: v.numpy() for k, v in rl.load(f"{folder}/best.safetensors").items()}


def columns(path):
    with open(path, newline="") as file:
        return [{k: v for k, v in row.items() if k != "seconds"} for row in csv.DictReader(file)]


@pytest.fixture
def fits(monkeypatch):
    """Return the list of what `fit` is given: trainer, training data, options."""
    found = []
    real = Trainer.fit

    def fitting(self, train, *args, **options):
        found.append((self, train, options))
        return real(self, train, *args, **options)

    monkeypatch.setattr(Trainer, "fit", fitting)
    return found


def test_the_second_net_sees_both_parts_and_no_validation(trained, fits):
    result = trained("tecator", "--epochs", "4", "--patience", "1", "--lr", "0.5")
    (_, _, first), (_, (x, y), second) = fits
    assert len(first["validation"][0]) == 43
    assert second.get("validation") is None
    scale = result["epochs"] < 4  # the first training stops early, the second does not
    assert scale
    assert second["epochs"] == 4
    assert result["refit"] == {"samples": 172, "epochs": 4}
    spectra, contents = (
        np.concatenate(arrays)
        for arrays in zip(
            Tecator("calibration").arrays(), Tecator("monitoring").arrays(), strict=True
        )
    )
    assert (len(x), len(y)) == (len(spectra), len(contents))
    calibration = contents[:129]
    np.testing.assert_allclose(y, (contents - calibration.mean(0)) / calibration.std(0), atol=1e-5)


def test_the_second_net_begins_with_the_weights_of_the_first(trained, fits, monkeypatch):
    begun = []
    real = Trainer.fit

    def fitting(self, *args, **options):
        begun.append({k: v.numpy().copy() for k, v in self.model.state_dict().items()})
        return real(self, *args, **options)

    monkeypatch.setattr(Trainer, "fit", fitting)
    trained("tecator", "--epochs", "1")
    assert begun[0].keys() == begun[1].keys()
    for name, value in begun[0].items():
        np.testing.assert_array_equal(value, begun[1][name], err_msg=name)


@pytest.mark.parametrize("more", [[], ["--ema", "0.5"]])
def test_what_is_kept_is_the_last_step_of_the_second_net(trained, fits, call, here, more):
    result = trained("tecator", "--epochs", "3", *more)
    second = fits[1][0]
    kept = weights("run")
    for name, value in second.model.state_dict().items():
        np.testing.assert_array_equal(kept[name], value.numpy(), err_msg=name)
    code, out, err = call("evaluate", "run", "test", "--json")
    assert code == 0, err
    found = json.loads(out)
    found = found.get("test", found)
    for name, value in result["test"].items():
        assert math.isclose(found[name], value, rel_tol=1e-6)
    assert not (here / "run" / "refit" / "best.safetensors").exists()


def test_without_it_the_best_epoch_is_kept(trained, fits):
    result = trained("tecator", "--epochs", "3", "--no-refit")
    assert len(fits) == 1
    assert "refit" not in result
    again = trained("tecator", "--config", "run", out="again")
    assert "refit" not in again
    assert again["test"] == result["test"]


def test_the_first_training_is_the_same_with_and_without(trained):
    trained("tecator", "--epochs", "3", out="with")
    trained("tecator", "--epochs", "3", "--no-refit", out="without")
    assert columns("with/history.csv") == columns("without/history.csv")
    assert "val_loss" not in columns("with/refit/history.csv")[0]


def test_a_finished_run_is_resumed_to_itself_and_with_more_epochs_to_more(trained, here):
    before = trained("tecator", "--epochs", "2")
    kept = weights("run")
    again = trained("tecator", "--resume")
    assert again["test"] == before["test"]
    for name, value in weights("run").items():
        np.testing.assert_array_equal(value, kept[name], err_msg=name)
    more = trained("tecator", "--resume", "--epochs", "3")
    assert more["refit"]["epochs"] == 3
    assert len(columns("run/refit/history.csv")) == 3


def test_ctrl_c_in_the_second_training_leaves_the_test_out(call, here, monkeypatch):
    real, count = Trainer.fit, []

    def fitting(self, *args, **options):
        count.append(1)
        found = real(self, *args, **options)
        found.interrupted = len(count) == 2
        return found

    monkeypatch.setattr(Trainer, "fit", fitting)
    code, out, _ = call("train", "tecator", "--epochs", "1", "--out", "run", "--no-curves")
    assert code == 130
    assert "the test is left out" in out
    result = json.loads((here / "run" / "result.json").read_text())
    assert (result["test"], result["interrupted"]) == ({}, True)


def test_the_page_and_the_terminal_say_so(call, here):
    code, out, err = call("train", "tecator", "--epochs", "1", "--out", "run", "--no-curves")
    assert code == 0, err
    assert "trained anew on both parts together: 172 spectra" in out
    assert "the net trained anew on 172 samples, 1 epoch\n" in out
    page = (here / "run" / "report.html").read_text()
    assert "Test: of a net trained anew on 172 samples for 1 epoch." in page


def test_another_process_may_not_begin_in_the_folder_meanwhile(trained, here, monkeypatch):
    held = []
    real = Trainer.claim

    def claiming(self, folder):
        held.append(folder)
        return real(self, folder)

    monkeypatch.setattr(Trainer, "claim", claiming)
    trained("tecator", "--epochs", "1")
    held = [str(folder) for folder in held]
    first = held.index("run/refit")
    assert "run" in held[first - 1 :]


def test_the_benchmark_has_the_defaults_of_the_recipe(monkeypatch):
    path = pathlib.Path(__file__).parents[3] / "benchmarks" / "tecator.py"
    if not path.exists():
        pytest.skip("the package without its benchmarks")
    spec = importlib.util.spec_from_file_location("benchmark_of_tecator", path)
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, spec.name, module)  # dataclasses look there
    spec.loader.exec_module(module)
    recipe = TecatorRecipe()
    options = resolve(recipe, {})
    assert options.refit
    assert options.batch_size >= 172  # the gradient of all samples in either training
    assert repr(module.net(module.CHOSEN, 100)) == repr(recipe.build(options, (100,), (3,)))
    spectra = Tecator().arrays()[0]
    wanted = recipe.load(options).train[0]
    np.testing.assert_allclose(module.prepared(module.CHOSEN, spectra)(spectra), wanted)
    ((_, _, test),) = module.cases("folds")[:1]
    assert len(test[0]) == 43


@pytest.mark.parametrize("written", [None, "172", {}, {"samples": "172", "epochs": 1}, [1]])
def test_a_page_of_a_result_that_was_altered_leaves_the_sentence_out(trained, here, written):
    result = trained("tecator", "--epochs", "1")
    (here / "run" / "result.json").write_text(json.dumps({**result, "refit": written}))
    write_report(here / "run")
    assert "trained anew" not in (here / "run" / "report.html").read_text()
