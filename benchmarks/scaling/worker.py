"""One rank: time exchanges with its partners and all-reduces; rank 0 prints JSON.

python worker.py BYTES...: times are seconds, the mean over the ranks, the median of
some rounds of calls in a row.
"""

from __future__ import annotations

import ctypes
import json
import os
import select
import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np
from mpi4py import MPI

COMM = MPI.COMM_WORLD
DISTANCES = [1 << step for step in range(COMM.size.bit_length() - 1)]
ROUNDS, LEAST, CALLS, SHORT, BUDGET, PAUSE, TESTS = 120, 5, 4, 1 << 16, 20.0, 2e-4, 4
PAGE = 4096  # bytes
SOCKETS: list[int] = []


def sockets() -> list[int]:
    """Return the sockets of this process."""
    found = []
    for name in os.listdir("/proc/self/fd"):
        try:
            if os.readlink(f"/proc/self/fd/{name}").startswith("socket:"):
                found.append(int(name))
        except OSError:  # that of the folder itself
            continue
    return found


def done(*requests: Any) -> None:
    """Wait without spinning: the hosts share processors, and a rank that waits needs none.

    What wakes it is a packet. Each step of an all-reduce takes a few calls, so some are made before
    it sleeps.
    """
    for request in requests:
        while not any(request.Test() for _ in range(TESTS)):
            select.select(SOCKETS, (), (), PAUSE)


def exchange(source: np.ndarray, target: np.ndarray) -> None:
    """Send and receive at once, with each partner of an all-reduce: they wait for one another."""
    for distance in DISTANCES:
        other = COMM.rank ^ distance
        done(COMM.Irecv(target, other), COMM.Isend(source, other))


def all_reduce(source: np.ndarray, target: np.ndarray) -> None:
    """Add up the arrays of all ranks."""
    done(COMM.Iallreduce(source, target))


def add(source: np.ndarray, target: np.ndarray) -> None:
    """Add as an all-reduce adds."""
    np.add(source, target, out=target)


def copy(source: np.ndarray, target: np.ndarray) -> None:
    """Do what an all-reduce does before it sends: copy the array, take memory for what arrives."""
    np.copyto(target, source)
    np.empty_like(source)[:: PAGE // source.itemsize] = 0


def once(call: Callable[[np.ndarray, np.ndarray], None], arrays: Any) -> float:
    """Return seconds of one call, of some in a row."""
    calls = CALLS if arrays[0].nbytes <= SHORT else 1
    done(COMM.Ibarrier())
    start = time.perf_counter()
    for _ in range(calls):
        call(*arrays)
    return (time.perf_counter() - start) / calls


def timed(calls: dict[str, Any], sizes: list[int]) -> dict[str, dict[int, float]]:
    """Return seconds by call and size: the median of rounds, each of which has all of them."""
    arrays = {}
    for size in sizes:
        source = np.ones(max(size // 4, 1), np.float32)
        arrays[size] = source, np.zeros_like(source)
    rounds: list[list[float]] = []
    stop, late = time.perf_counter() + BUDGET, np.zeros(1, np.int32)
    while len(rounds) < ROUNDS and not late[0]:
        rounds.append([once(call, arrays[n]) for n in sizes for call in calls.values()])
        late[0] = time.perf_counter() > stop and len(rounds) >= LEAST
        done(COMM.Iallreduce(MPI.IN_PLACE, late, MPI.MAX))
    # a rank that left the barrier early waits for the others in its first call and is ahead of them
    # in its last: the mean over the ranks knows nothing of that
    mean = np.array(rounds) / COMM.size
    done(COMM.Iallreduce(MPI.IN_PLACE, mean, MPI.SUM))
    found = iter(np.median(mean, axis=0).tolist())
    table = {n: {name: next(found) for name in calls} for n in sizes}
    for times in table.values():
        times["exchange"] /= len(DISTANCES)
    return {name: {n: table[n][name] for n in sizes} for name in calls}


def main() -> None:
    """Measure and print."""
    ctypes.CDLL(None).prctl(29, 1, 0, 0, 0)  # sleep as long as asked, not 50 us more
    # all hosts share the processors: go before other work of the machine, which is not measured
    os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(5))
    sizes = [int(size) for size in sys.argv[1:]]
    calls = {"exchange": exchange, "all_reduce": all_reduce, "add": add, "copy": copy}
    for call in calls.values():  # the first calls open the connections
        once(call, (np.ones(1 << 16, np.float32), np.zeros(1 << 16, np.float32)))
    SOCKETS[:] = sockets()
    found = timed(calls, sizes)
    if COMM.rank == 0:
        print(json.dumps(found), flush=True)


if __name__ == "__main__":
    main()
