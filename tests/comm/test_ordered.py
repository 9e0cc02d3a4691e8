"""Sums in the order of the ranks, of several processes by `mpiexec`."""

from __future__ import annotations

import pytest
from tests.comm.ordered import CHECKS
from tests.distributed.launch import expect


@pytest.mark.parametrize("ranks", [2, 4])
@pytest.mark.parametrize("name", CHECKS)
def test_mpi(name, ranks):
    expect("tests.comm.ordered", ranks, name)
