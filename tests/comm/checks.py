"""What several processes check of their communicator."""

from __future__ import annotations

import contextlib
import itertools
import os
import pathlib
import platform
import socket
import subprocess
import sys
import time
import tracemalloc
import warnings
from typing import Any

import numpy as np
import pytest
from tests.distributed.launch import collect, main

from rushlight import comm
from rushlight.comm import calls, mpi
from rushlight.comm.mpi import MPICommunicator
from rushlight.comm.shared import MANY, TABLE, _Memory, between
from rushlight.determinism import deterministic_algorithms
from rushlight.errors import DtypeError, ShapeError

DTYPES = ("float64", "float32", "float16", "int64", "int32", "uint8")


def _cuts(size: int) -> list[int]:
    """Return parts of 0, 1, 2, ... elements."""
    return np.cumsum([0, *range(size)]).tolist()


def check_rank_and_size(joined: Any) -> None:
    assert comm.current() is joined and joined.kind == "mpi" and comm.launched()
    ranks = joined.gather_objects(joined.rank)
    assert ranks == list(range(joined.size)) and joined.size > 1
    assert joined.first == (joined.rank == 0)


def check_all_reduce(joined: Any) -> None:
    for dtype in DTYPES:
        own = np.arange(6).reshape(2, 3).astype(dtype) + joined.rank
        base = np.arange(6).reshape(2, 3)
        last = joined.size - 1
        wanted = {
            "sum": joined.size * base + last * (last + 1) // 2,
            "max": base + last,
            "min": base,
        }
        for op, expected in wanted.items():
            array = own.copy()
            assert joined.all_reduce(array, op) is array
            assert array.dtype == dtype and np.array_equal(array, expected.astype(dtype))


def check_several_under_way(joined: Any) -> None:
    arrays = [np.full(n, float(joined.rank + 1)) for n in (1, 70000, 0, 5)]
    requests = [joined.start_all_reduce(array) for array in arrays]
    for request in reversed(requests):
        while not request.test():
            pass
        request.wait()  # of one that is done: nothing
    total = joined.size * (joined.size + 1) / 2
    assert all((array == total).all() for array in arrays)


def check_memory_that_two_see(joined: Any) -> None:
    """Sums of two ranks of a machine; the same bits as those that are sent."""
    shared = joined._shared
    here = sys.platform == "linux" and platform.machine() == "x86_64"
    assert (shared is not None) == (here and joined.size == 2)
    if shared is None:
        return
    source = np.random.default_rng(joined.rank)
    arrays = [source.normal(size=n).astype(t) for n in (1, 70000, 4_000_000) for t in ("f", "d")]
    large = np.zeros(mpi.SHARED // 8 + 1)
    try:
        found = []
        for joined._shared in (shared, None):
            sums = [array.copy() for array in (*arrays, large, np.array(3.0))]
            for request in [joined.start_all_reduce(array) for array in sums][::-1]:
                request.wait()
            found.append([array.tobytes() for array in sums])
        assert found[0] == found[1]
    finally:
        joined._shared = shared
    many = [np.ones(3) for _ in range(TABLE + 100)]  # none is asked for before all have begun
    for request in [joined.start_all_reduce(array) for array in many]:
        request.wait()
    assert all((array == 2).all() for array in many)
    ends = set()
    for _ in range(20):
        joined.all_reduce(np.ones(70000))
        ends.add(shared._end)
    assert len(ends) <= 3, "memory is used again"
    file = f"/proc/self/fd/{shared.own.file}"
    assert "memfd" in os.readlink(file) and not os.stat(file).st_mode & 0o077


def check_more_sums_than_are_seen_at_once(joined: Any) -> None:
    """The rank that comes late has all it needs, and the other waits for it elsewhere."""
    for late in range(2 if joined.size == 2 else 0):
        if joined.rank == late:
            time.sleep(0.2)
        arrays, requests = [np.full(2, float(i)) for i in range(TABLE + 10)], []
        for array in arrays:
            requests.append(joined.start_all_reduce(array))
            if len(requests) in (TABLE, TABLE + 1):
                joined.barrier()
        for request in requests[:: -1 if joined.rank == late else 1]:
            request.wait()
        assert all((array == 2 * i).all() for i, array in enumerate(arrays))


def check_a_sum_that_is_never_asked_for(joined: Any) -> None:
    """It keeps no memory of later ones."""
    before = joined._shared._end if joined._shared else 0
    for ranks in ([0], [1], [0, 1]) if joined._shared else ():
        for turn in range(5 * MANY):
            request = joined.start_all_reduce(np.ones(9000))
            if turn or joined.rank not in ranks:
                request.wait()
        joined.barrier()
        assert joined._shared._end <= before + 2 * MANY * 2**17


def check_sums_of_unequal_arrays_are_refused(joined: Any) -> None:
    """Where nobody compares the calls of the ranks: of a communicator of the program's own."""
    own = MPICommunicator(joined._comm)
    for one, other in (((5, "d"), (6, "d")), ((6, "f"), (3, "d"))) if own._shared else ():
        array = np.ones(*(other if own.rank else one))
        with pytest.raises(ShapeError, match=rf"on rank {own.rank}, expected the same on the oth"):
            own.start_all_reduce(array).wait()
        own = MPICommunicator(joined._comm)


def check_memory_that_one_rank_cannot_share(joined: Any) -> None:
    def refuse(*_: Any) -> Any:
        raise PermissionError

    for owner, name, instead in (
        (os, "memfd_create", refuse),
        (os, "memfd_create", None),  # Python was built without
        (os, "readlink", refuse),
        (_Memory, "of", lambda *_: None),
    ):
        with pytest.MonkeyPatch.context() as patch:
            if joined.rank == 0:
                if instead is None:
                    patch.delattr(owner, name, raising=False)
                else:
                    patch.setattr(owner, name, instead, raising=False)
            assert between(joined._comm) is None
    if joined._shared is not None:
        assert between(joined._comm) is not None
        read, write = os.pipe()  # numbers of processes and files mean another thing elsewhere
        assert _Memory.of(os.getpid(), read, 1) is None
        assert _Memory.of(os.getpid(), joined._shared.own.file, 1) is None
        os.close(read)
        os.close(write)


def check_two_beside_other_calls(joined: Any) -> None:
    """A sum that one rank asks for later than the other, behind calls of another kind."""
    for turn in range(20):
        array, large = np.full(5, 1.0), np.ones(2 * mpi.SHARED // 8)
        first, second = joined.start_all_reduce(array), joined.start_all_reduce(large)
        if joined.rank % 2 == turn % 2:
            first.wait()
        joined.barrier()
        assert joined.broadcast_object(turn) == turn
        second.wait()
        first.wait()
        assert (array == joined.size).all() and (large == joined.size).all()


def check_reduce_scatter(joined: Any) -> None:
    cuts = _cuts(joined.size)
    array = np.arange(cuts[-1]) * (joined.rank + 1.0)
    before = array.copy()
    part = joined.reduce_scatter(array, cuts)
    low, high = cuts[joined.rank], cuts[joined.rank + 1]
    total = joined.size * (joined.size + 1) / 2
    assert np.array_equal(part, np.arange(low, high) * total)
    before[low:high] = part
    assert np.array_equal(array, before)


def check_all_gather(joined: Any) -> None:
    cuts = _cuts(joined.size)
    array = np.full(cuts[-1], -1, np.float32)
    array[cuts[joined.rank] : cuts[joined.rank + 1]] = joined.rank
    assert joined.all_gather(array, cuts) is array
    assert array.tolist() == [rank for rank in range(joined.size) for _ in range(rank)]


def check_all_to_all(joined: Any) -> None:
    cuts = _cuts(joined.size)
    for dtype in DTYPES:
        sent = (np.arange(cuts[-1]) + 10 * joined.rank).astype(dtype)
        into = np.zeros((joined.size, joined.rank), dtype)
        assert joined.all_to_all(sent, cuts, into) is into
        low, high = cuts[joined.rank], cuts[joined.rank + 1]
        for rank, row in enumerate(into):
            assert np.array_equal(row, np.arange(low, high) + 10 * rank)
    with pytest.raises(ShapeError, match=r"all_to_all: got into int64 \(3,\), expected uint8 \("):
        joined.all_to_all(np.zeros(cuts[-1], np.uint8), cuts, np.zeros(3, np.int64))


def check_gather_objects(joined: Any) -> None:
    whole = [{"rank": rank} for rank in range(joined.size)]
    assert joined.gather_objects({"rank": joined.rank}) == whole
    for root in range(joined.size):
        found = joined.gather_objects({"rank": joined.rank}, root)
        assert found == (whole if joined.rank == root else [])


def check_broadcast(joined: Any) -> None:
    for root in range(joined.size):
        array = np.full((2, 2), joined.rank)
        assert (joined.broadcast(array, root) == root).all()
        assert joined.broadcast_object({"rank": joined.rank}, root) == {"rank": root}
    joined.barrier()


def check_same_bits(joined: Any) -> None:
    values = np.random.default_rng(joined.rank).normal(size=20001).astype(np.float32)
    found = {joined.all_reduce(values.copy()).tobytes() for _ in range(5)}
    assert len(found) == 1
    assert len(set(joined.gather_objects(found.pop()))) == 1


def check_memory_of_many_sizes(joined: Any) -> None:
    """Sums of ever new sizes, at different times, take the memory of one."""
    tracemalloc.start()
    try:
        for size in range(50):
            joined.all_reduce(np.ones(mpi.EXCHANGED + size))
        kept, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert kept < 4 * 8 * mpi.EXCHANGED


def check_not_finite(joined: Any) -> None:
    """What overflows is infinite, without a word, however it is summed."""
    for size, mode in itertools.product((3, mpi.EXCHANGED), (False, True)):
        with deterministic_algorithms(mode):
            array = np.full(size, 3e38, np.float32)
            array[0] = -np.inf if joined.rank else np.inf
            joined.all_reduce(array)
        assert np.isnan(array[0]) and np.isposinf(array[1:]).all()


def check_refusals(joined: Any) -> None:
    with pytest.raises(DtypeError, match="all_reduce: got list, expected a NumPy array of number"):
        joined.all_reduce([1.0])
    with pytest.raises(DtypeError, match="got object"):
        joined.all_reduce(np.array([None]))
    with pytest.raises(DtypeError, match="all_reduce: got bool, expected numbers"):
        joined.all_reduce(np.ones(3, bool), "max")
    with pytest.raises(DtypeError, match="reduce_scatter: got bool"):
        joined.reduce_scatter(np.ones(joined.size, bool), list(range(joined.size + 1)))
    with pytest.raises(ValueError, match="not C-contiguous"):
        joined.broadcast(np.zeros((2, 3)).T)
    with pytest.raises(ValueError, match="op: got 'mean', expected 'sum', 'max', 'min'"):
        joined.all_reduce(np.zeros(1), "mean")
    with pytest.raises(ShapeError, match=r"reduce_scatter: got an array \(3,\) cut at \[0, 3\]"):
        joined.reduce_scatter(np.zeros(3), [0, 3])
    with pytest.raises(ValueError, match=f"root: got {joined.size}, expected a rank from 0 to"):
        joined.broadcast(np.zeros(1), joined.size)


def check_mismatches_are_found_by_number(joined: Any) -> None:
    made = calls.latest()
    assert made == sorted(made) and len(made) == 16
    everyone = dict(enumerate(joined.gather_objects(calls.latest())))
    assert calls.unlike(everyone) is None
    everyone[1] = [(number, "barrier") for number, _ in everyone[1]]
    assert calls.unlike(everyone) is not None


def check_exceptions_of_all(joined: Any) -> None:
    left = np.ones(5)
    for turn in range(2):
        with pytest.raises(ValueError, match="on all"), joined.together():
            if joined.rank < turn:  # a call that not all have made
                joined.start_all_reduce(left)
            raise ValueError("on all")
        assert joined.all_reduce(np.ones(3)).tolist() == [joined.size] * 3
        joined.start_all_reduce(again := np.ones(3)).wait()  # not as small ones that are waited for
        assert again.tolist() == [joined.size] * 3
    with joined.together():
        joined.barrier()


def check_children_are_no_ranks(joined: Any) -> None:
    assert os.environ["RUSHLIGHT_COMM"] == "local"
    said = "from rushlight import comm; print(comm.current().size)"
    found = subprocess.run([sys.executable, "-c", said], capture_output=True, text=True, check=True)
    assert found.stdout == "1\n" and found.stderr == ""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of a fork where there are threads
        child = os.fork()
    if not child:
        os._exit(comm.current().size)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 1
    with comm.alone():
        assert comm.current().size == 1
    assert comm.current() is joined


def _listening(process: int | str) -> set[str]:
    """Return the sockets of a process on which TCP listens."""
    listening = set()
    for table in ("tcp", "tcp6"):
        for line in pathlib.Path(f"/proc/{process}/net/{table}").read_text().splitlines()[1:]:
            fields = line.split()
            if fields[3] == "0A":
                listening.add(f"socket:[{fields[9]}]")
    return listening & set(_open(process).values())


def _open(process: int | str) -> dict[str, str]:
    found = {}
    for number in os.listdir(f"/proc/{process}/fd"):
        with contextlib.suppress(OSError):
            found[number] = os.readlink(f"/proc/{process}/fd/{number}")
    return found


def check_nothing_listens(joined: Any) -> None:
    # what the launcher listens on, and hands down, lies on the network of the test
    assert _listening("self") - _listening(os.getppid()) == set()
    if _listening("self"):
        assert [name for _, name in socket.if_nameindex()] == ["lo"]


def check_files_are_of_the_user_alone(joined: Any) -> None:
    held = {number: path for number, path in _open("self").items() if path.startswith("/dev/shm")}
    assert held, "MPI holds no shared memory: look elsewhere"
    for number, path in held.items():
        assert not os.stat(f"/proc/self/fd/{number}").st_mode & 0o077, path


def check_no_shared_memory_has_a_name(joined: Any) -> None:
    joined.barrier()
    maps = pathlib.Path("/proc/self/maps")  # of Linux
    lines = maps.read_text().splitlines() if maps.exists() else []
    left = [line for line in lines if "/dev/shm/mpich" in line and "(deleted)" not in line]
    assert not left


CHECKS = collect(globals())

if __name__ == "__main__":
    main(CHECKS)
