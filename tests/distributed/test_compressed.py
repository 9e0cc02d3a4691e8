"""Gradients sent as float16 between processes, started by `mpiexec`."""

from __future__ import annotations

import pytest
from tests.distributed.compressed import CHECKS
from tests.distributed.launch import expect


@pytest.mark.parametrize("ranks", [2, 4])
@pytest.mark.parametrize("name", CHECKS)
def test_mpi(name, ranks):
    expect("tests.distributed.compressed", ranks, name)
