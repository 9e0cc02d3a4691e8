"""A job in which a rank fails: python -m tests.comm.faulty KIND RANK, under mpiexec.

All ranks add up arrays, two of them in memory that both see; after some rounds the one rank raises,
is killed, stops, leaves, makes another call, or (KIND 'all') every rank raises. With KIND 'early
raise' or 'early leave' the one does so before it joins the job.
"""

from __future__ import annotations

import os
import signal
import sys
import time

import numpy as np

from rushlight import comm


def main(kind: str, victim: int) -> None:
    """Fail in the third round."""
    if comm.launch.rank_told() == victim:
        if kind == "early raise":
            raise ValueError(f"a failure on rank {victim}")
        if kind == "early leave":
            sys.exit(3)
    joined = comm.current()
    joined.barrier()
    time.sleep(1.5)  # the ranks have heard of each other
    for turn in range(6 if kind == "fine" else 10**9):
        if joined.size == 2:
            joined.start_all_reduce(np.ones(1000)).wait()
        else:
            joined.all_reduce(np.ones(1000))
        if turn == 3 and (kind == "all" or joined.rank == victim):
            if kind in ("raise", "all"):
                raise ValueError(f"a failure on rank {joined.rank}")
            if kind == "other":
                joined.barrier()
            if kind == "leave":
                sys.exit(3)
            if kind in ("SIGSTOP", "SIGKILL"):
                os.kill(os.getpid(), getattr(signal, kind))
    if kind == "fine" and joined.rank == victim:
        time.sleep(1)  # the others have ended their programs by then, and wait


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
