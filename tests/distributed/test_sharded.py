"""Optimizer state shared out over processes, started by `mpiexec`."""

from __future__ import annotations

import numpy as np
import pytest
from tests.distributed.launch import expect
from tests.distributed.sharded import CHECKS
from tests.distributed.training import _fit

import rushlight as rl
from rushlight import comm
from rushlight.distributed import GradientAverager, shard


@pytest.mark.parametrize("ranks", [2, 4])
@pytest.mark.parametrize("name", CHECKS)
def test_mpi(name, ranks):
    expect("tests.distributed.sharded", ranks, name)


def test_one_process_does_nothing_of_it():
    """Neither a sharded state nor compressed gradients change a bit of one process alone."""
    plain, given = _fit(), _fit(sharded=True, compress="float16")
    assert repr(plain[0]) == repr(given[0])
    assert all(np.array_equal(a, given[1][name]) for name, a in plain[1].items())
    model = rl.nn.Linear(3, 2)
    optimizer = rl.optim.Adam(model.parameters())
    shard(optimizer, GradientAverager(model, comm.LocalCommunicator()))
    assert optimizer._shards is None
    with pytest.raises(ValueError, match="compress: got 'int8', expected None or 'float16'"):
        _fit(compress="int8")
