"""A training of which a part fails on one rank, or on all; started by `mpiexec`."""

from __future__ import annotations

import os
import re

import pytest
from tests.distributed.failing import PLACES
from tests.distributed.launch import start

# each is a job: all places on request, as a job takes some seconds
ALL = os.environ.get("RUSHLIGHT_FAULTS") == "all"


def _fit(where: str, rank: str, how: str) -> tuple[int, str, str]:
    ended = start(3, "-W", "error", "-m", "tests.distributed.failing", where, rank, how)
    return ended.returncode, ended.stdout, ended.stderr


@pytest.mark.parametrize("where", PLACES if ALL else ["nan"])
def test_an_error_of_one_rank_ends_all_though_the_program_catches_it(where):
    code, out, said = _fit(where, "1", "caught")
    assert code == 1
    assert "caught" not in out
    assert re.search(r"rank 1 of 3 \(process \d+ on .*\) failed:\nTraceback", said)
    assert said.count("Traceback") == 1


@pytest.mark.parametrize("where", PLACES if ALL else ["hook"])
def test_of_an_error_of_all_ranks_each_catches_its_own_and_goes_on(where):
    code, out, said = _fit(where, "all", "caught")
    assert code == 0, said
    assert out.count("caught") == 3
    assert out.count("went on: 3") == 3


@pytest.mark.parametrize("how", ["SIGKILL", "SIGTERM", "SIGSEGV", "3", "0"] if ALL else ["SIGTERM"])
def test_a_rank_that_dies_while_it_trains_is_named(how):
    code, _, said = _fit("callback", "2", how)
    assert code != 0
    assert "rank 2 of 3 (process " in said
