"""Random numbers of the Trainer in several processes, started by `mpiexec`."""

from __future__ import annotations

import pytest
from tests.distributed.draws import CHECKS
from tests.distributed.launch import expect


@pytest.mark.parametrize("ranks", [2, 4])
@pytest.mark.parametrize("name", CHECKS)
def test_mpi(name, ranks):
    expect("tests.distributed.draws", ranks, name)
