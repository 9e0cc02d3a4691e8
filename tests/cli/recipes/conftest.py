"""Folders and tables that the tests of recipes share."""

import json

import numpy as np
import pytest

from rushlight import nn


def plain(options=None):
    """Return a net that trains in no time, in the place of the convolutional one."""
    return nn.Sequential(nn.Flatten(), nn.Linear(784, 10), nn.LogSoftmax(dim=1))


def offline(*args):
    raise OSError("no net in tests")


@pytest.fixture
def here(monkeypatch, tmp_path):
    """An empty folder to work in, without the net and without data beyond the bundled ones."""
    monkeypatch.setattr("rushlight.data.mnist._download", offline)
    monkeypatch.delenv("RUSHLIGHT_DATA", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    folder = tmp_path / "work"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder


@pytest.fixture
def call(here, capsys):
    """Return a function that runs the command and returns exit code, stdout and stderr."""
    from rushlight.cli import run

    def calling(*args):
        code = run([str(arg) for arg in args])
        return (code, *capsys.readouterr())

    return calling


@pytest.fixture
def trained(call):
    """Return a function that trains without pictures and returns the result."""

    def training(recipe, *args, out="run"):
        code, text, err = call("train", recipe, "--out", out, "--no-curves", "--json", *args)
        assert code == 0, err
        return json.loads(text)

    return training


@pytest.fixture
def table(here):
    """Return a CSV file: 120 rows, two targets that follow from numbers and a text."""
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(2, 120)).round(4)
    colour = rng.choice(["red", "green", "blue"], 120)
    first = (3 * a - b + 2 * (colour == "red") + 10).round(4)
    second = (100 + 20 * a * b).round(3)
    rows = [f"{i},{a[i]},{b[i]},{colour[i]},5,{first[i]},{second[i]}" for i in range(120)]
    path = here / "table.csv"
    path.write_text("\n".join(["id,a,b,colour,same,first,second", *rows]) + "\n")
    return path
