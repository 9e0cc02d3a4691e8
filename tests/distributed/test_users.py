"""What people do around a `fit`, in several processes, started by `mpiexec`."""

from __future__ import annotations

import pytest
from tests.distributed.launch import expect
from tests.distributed.users import CHECKS


@pytest.mark.parametrize("ranks", [2, 4])
@pytest.mark.parametrize("name", CHECKS)
def test_mpi(name, ranks):
    expect("tests.distributed.users", ranks, name)
