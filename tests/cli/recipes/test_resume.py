"""`rushlight train --resume`: which run, by which options."""

import json
import os
import tomllib

import pytest

pytest.importorskip("typer")


def test_a_run_is_continued_with_more_epochs(trained, call, here):
    trained("tecator", "--epochs", "2", "--seed", "7")
    code, _, err = call("train", "tecator", "--out", "run", "--resume", "--epochs", "3", "--json")
    assert code == 0, err
    result = json.loads((here / "run" / "result.json").read_text())
    assert (result["epochs"], result["seed"]) == (3, 7)
    options = tomllib.loads((here / "run" / "config.toml").read_text())["options"]
    assert (options["epochs"], options["seed"]) == (3, 7)


def test_without_out_the_newest_run_of_the_recipe_is_taken_and_told(trained, call, table):
    more = ["--csv", table, "--targets", "first"]
    trained("tecator", "--epochs", "1", out="runs/old")
    trained("tecator", "--epochs", "2", out="runs/new")
    trained("regression", "--epochs", "1", *more, out="runs/other")
    os.utime("runs/old/config.toml", (1, 1))
    code, out, err = call("train", "tecator", "--resume", "--no-curves")
    assert code == 0, err
    assert f"going on with {os.path.join('runs', 'new')}" in out
    assert "of 2 epochs" in out


def test_a_folder_that_has_no_run_begins_one(call, here):
    code, out, err = call(
        *("train", "tecator", "--epochs", "1", "--out", "run", "--resume", "--no-curves")
    )
    assert code == 0, err
    assert "no run in run yet: a new one begins" in out
    assert (here / "run" / "best.safetensors").exists()


def test_another_environment_is_told(trained, call, here):
    trained("tecator", "--epochs", "1")
    config = here / "run" / "config.toml"
    text = config.read_text()
    config.write_text(text.replace('numpy = "', 'numpy = "0.'))
    code, _, err = call("train", "tecator", "--out", "run", "--resume", "--no-curves")
    assert code == 0
    assert "numpy was 0." in err


MISTAKES = {
    "options": (
        ["tecator", "--out", "run", "--resume", "--seed", "1", "--activation", "tanh"],
        '--activation "tanh" (was "elu"), --seed 1 (was 0)',
    ),
    "recipe": (
        ["mnist", "--out", "run", "--resume"],
        "got the options of the recipe 'tecator', expected 'mnist'",
    ),
    "config": (["tecator", "--out", "run", "--resume", "--config", "run"], "--config, too"),
    "none": (["tecator", "--resume"], "no run of 'tecator' under runs/"),
    "again": (["tecator", "--out", "run"], "--resume goes on with it"),
}


@pytest.mark.parametrize("case", MISTAKES)
def test_mistakes(trained, call, case):
    trained("tecator", "--epochs", "1")
    args, text = MISTAKES[case]
    code, _, err = call("train", *args)
    assert code == 2
    assert text in err
    assert len(err.splitlines()) == 1


def test_two_processes_do_not_share_a_folder(trained, call, here):
    fcntl = pytest.importorskip("fcntl")
    trained("tecator", "--epochs", "1")
    with open(here / "run" / ".lock", "w") as file:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        code, _, err = call("train", "tecator", "--out", "run", "--resume", "--epochs", "2")
    assert code == 1
    assert "run" in err.splitlines()[-1]
    assert len(json.loads((here / "run" / "history.json").read_text())["epochs"]) == 1
