"""`mpiexec -n 2 rushlight train`: shared state and compressed gradients, resumed without."""

from __future__ import annotations

import json
import tomllib

import pytest
from tests.distributed.launch import mpiexec, start

pytest.importorskip("typer")


def train(folder, *args):
    """Train on a small table, and return the result."""
    table = folder / "table.csv"
    rows = [f"{i % 7},{i % 5},{2 * (i % 7) - i % 5}" for i in range(80)]
    table.write_text("\n".join(["a,b,c", *rows]) + "\n")
    given = ["--csv", str(table), "--targets", "c", "--size", "small", "--no-curves", "--json"]
    command = ["-m", "rushlight", "train", "regression", "--out", str(folder / "run"), *args]
    ended = start(2, *command, *([] if "--resume" in args else given))
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return ended.stdout


def test_shared_and_compressed(tmp_path):
    mpiexec()  # or skip
    said = train(tmp_path, "--epochs", "2", "--sharded", "--compress", "float16")
    assert json.loads(said.splitlines()[-1])["epochs"] == 2
    options = tomllib.loads((tmp_path / "run" / "config.toml").read_text())["options"]
    assert options["sharded"] is True and options["compress"] == "float16"
    said = train(tmp_path, "--resume", "--epochs", "3", "--no-sharded", "--compress", "none")
    assert "best of 3 epochs" in said
