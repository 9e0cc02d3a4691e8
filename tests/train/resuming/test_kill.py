"""A run killed at any batch and started again ends as if nothing had happened."""

import os
import pathlib
import random
import subprocess
import sys

import pytest
from tests.train import runs

KILLS = int(os.environ.get("RUSHLIGHT_KILLS", "6"))

pytestmark = pytest.mark.skipif(os.name != "posix", reason="SIGKILL")


def start(folder, optimizer, kill):
    command = [sys.executable, str(pathlib.Path(runs.__file__)), str(folder), optimizer, str(kill)]
    return subprocess.run(command, capture_output=True, text=True, timeout=120)


@pytest.mark.parametrize("optimizer", ["sgd", "adam"])
def test_killed_at_random_batches_it_ends_with_the_same_bits(tmp_path, optimizer):
    whole = runs.trainer(tmp_path / "whole", optimizer)
    runs.fit(whole)
    expected = runs.outcome(whole)
    draw = random.Random(KILLS)
    left, folder, kills = KILLS - KILLS // 2, tmp_path / "killed", 0
    while left:
        found = start(folder, optimizer, draw.randint(1, 9))
        assert found.stderr == ""
        if found.returncode:  # killed; it may also have come to its end before that
            assert found.returncode == -9
            kills, left = kills + 1, left - 1
        else:
            assert found.stdout.strip() == expected
            folder = tmp_path / f"killed {left}"
    assert start(folder, optimizer, 0).stdout.strip() == expected
    assert kills == KILLS - KILLS // 2
    again = runs.trainer(folder, optimizer)  # one that has ended stays as it is
    runs.fit(again, resume=True)
    assert runs.outcome(again) == expected
