"""Communicators: of one process here, of several by `mpiexec`."""

from __future__ import annotations

import os

import numpy as np
import pytest
from tests.comm.checks import CHECKS
from tests.distributed.launch import expect

from rushlight import comm
from rushlight.comm import LocalCommunicator, launch
from rushlight.errors import DtypeError, MissingExtra, ShapeError


@pytest.mark.parametrize("ranks", [2, 4])
@pytest.mark.parametrize("name", CHECKS)
def test_mpi(name, ranks):
    expect("tests.comm.checks", ranks, name)


def test_local():
    alone = LocalCommunicator()
    array = np.arange(3.0)
    assert alone.all_reduce(array) is array and alone.broadcast(array) is array
    assert alone.reduce_scatter(array, [0, 3]).tolist() == [0, 1, 2]
    assert alone.all_gather(array, [0, 3]) is array
    assert alone.all_to_all(array, [0, 3], np.zeros((1, 3))).tolist() == [[0, 1, 2]]
    assert alone.gather_objects("a") == ["a"] == alone.gather_objects("a", 0)
    assert alone.broadcast_object(3) == 3
    assert alone.start_all_reduce(array).test() and alone.first
    alone.barrier()
    assert repr(alone) == "<LocalCommunicator: rank 0 of 1>"
    with pytest.raises(ShapeError, match="cut at 2 places from 0 to its end"):
        alone.all_gather(array, [0, 2])
    with pytest.raises(DtypeError, match="all_reduce: got bool, expected numbers"):
        alone.all_reduce(array > 0)


@pytest.fixture
def undecided(monkeypatch):
    before = comm.current()
    for name in (
        "PMI_SIZE",
        "OMPI_COMM_WORLD_SIZE",
        "MV2_COMM_WORLD_SIZE",
        "PMIX_RANK",
        "RUSHLIGHT_COMM",
        "SLURM_STEP_NUM_TASKS",
    ):
        monkeypatch.delenv(name, raising=False)
    comm.use(None)
    yield monkeypatch
    comm.use(before)


def test_one_process_is_local(undecided):
    assert not comm.joined() and comm.current().kind == "local" and comm.joined()
    undecided.setenv("PMI_SIZE", "1")
    assert not comm.launched()


@pytest.mark.parametrize(
    ("name", "value"), [("PMI_SIZE", "2"), ("OMPI_COMM_WORLD_SIZE", "4"), ("PMIX_RANK", "0")]
)
def test_launched(undecided, name, value):
    undecided.setenv(name, value)
    assert comm.launched()
    undecided.setenv("RUSHLIGHT_COMM", "local")
    assert comm.current().kind == "local"


def test_srun_without_mpi_is_refused(undecided):
    undecided.setenv("SLURM_STEP_NUM_TASKS", "8")
    with pytest.raises(RuntimeError, match=r"8 processes started by srun, of which MPI .*--mpi=pm"):
        comm.current()
    undecided.setenv("RUSHLIGHT_COMM", "local")
    assert comm.current().size == 1


def test_ranks_are_confined_to_shared_memory_on_one_host_only(undecided):
    for name in ("UCX_TLS", "UCX_NET_DEVICES", "MPI_UNIVERSE_SIZE"):
        undecided.delenv(name, raising=False)
    undecided.setenv("PMI_SIZE", "4")
    undecided.setenv("MPI_LOCALNRANKS", "2")
    launch.confine()
    assert "UCX_TLS" not in os.environ
    undecided.setenv("MPI_LOCALNRANKS", "4")
    undecided.setenv("UCX_NET_DEVICES", "ib0")
    launch.confine()
    assert "UCX_TLS" not in os.environ
    undecided.delenv("UCX_NET_DEVICES")
    launch.confine()
    assert os.environ.pop("UCX_TLS") == "self,sm"


def test_mpi4py_is_missing(undecided):
    undecided.setenv("PMI_SIZE", "2")
    undecided.setitem(__import__("sys").modules, "mpi4py", None)
    with pytest.raises(MissingExtra, match=r"several processes needs the package 'mpi4py'.*\[mpi"):
        comm.current()


def test_refusals(undecided):
    with pytest.raises(TypeError, match=r"comm.use: got int, expected a Communicator or None"):
        comm.use(3)
    undecided.setenv("RUSHLIGHT_COMM", "gloo")
    with pytest.raises(ValueError, match="RUSHLIGHT_COMM: got 'gloo', expected 'auto', 'local'"):
        comm.current()
