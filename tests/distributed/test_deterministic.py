"""The deterministic mode in several processes, started by `mpiexec`."""

from __future__ import annotations

import pathlib

import pytest
from tests.distributed.deterministic import CHECKS
from tests.distributed.launch import expect, start


@pytest.mark.parametrize("ranks", [2, 4])
@pytest.mark.parametrize("name", CHECKS)
def test_mpi(name, ranks):
    expect("tests.distributed.deterministic", ranks, name)


@pytest.mark.parametrize("ranks", [2, 4])
def test_two_jobs_have_the_same_bits(ranks, tmp_path):
    seen = set()
    for job in ("one", "two"):
        folder = pathlib.Path(tmp_path, job)
        folder.mkdir()
        ended = start(ranks, "-m", "tests.distributed.deterministic", str(folder))
        assert ended.returncode == 0, ended.stderr
        seen.add((folder / "bits.json").read_text())
    assert len(seen) == 1
