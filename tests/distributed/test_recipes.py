"""The recipes in several processes, started by `mpiexec`."""

from __future__ import annotations

import pytest
from tests.distributed.launch import expect
from tests.distributed.recipes import CHECKS


@pytest.mark.parametrize("ranks", [2, 4])
@pytest.mark.parametrize("name", CHECKS)
def test_mpi(name, ranks):
    expect("tests.distributed.recipes", ranks, name)
