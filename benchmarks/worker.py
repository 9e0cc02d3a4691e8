"""One process of the benchmark: reads commands from standard input, prints milliseconds.

Started by `speed.py` and `sweep.py`, once for each peer; it waits while the others run.
"""

from __future__ import annotations

import json
import sys
import time
import warnings
from collections.abc import Callable
from typing import Any

from memory import peak
from peers import prepare


def times_of(f: Callable[[], Any], seconds: float) -> list[float]:
    """Call `f` for about `seconds` and return the milliseconds of each call."""
    times = []
    end = time.perf_counter() + seconds
    while not times or time.perf_counter() < end:
        start = time.perf_counter()
        f()
        times.append((time.perf_counter() - start) * 1e3)
    return times


def sgemm_rate(seconds: float) -> float:
    """Return the FLOP/s of NumPy's product of two float32 matrices of 1024 x 1024."""
    import numpy as np

    a = np.ones((1024, 1024), np.float32)
    out = a @ a
    return 2 * 1024**3 / (min(times_of(lambda: np.matmul(a, a, out=out), seconds)) / 1e3)


def copy_rate(size: float, seconds: float) -> float:
    """Return the bytes/s, read and written, of a copy that moves `size` bytes."""
    import numpy as np

    # where the data of a workload fit into a cache, they may move at its rate
    a = np.ones(int(min(max(size / 2, 1 << 14), 1 << 27)), np.uint8)
    b = a.copy()
    return 2 * a.nbytes / (min(times_of(lambda: np.copyto(b, a), seconds)) / 1e3)


def main() -> None:
    """Serve jobs, one JSON object a line, until the input ends."""
    peer, threads = sys.argv[1], int(sys.argv[2])
    warnings.simplefilter("ignore")
    answers, sys.stdout = sys.stdout, sys.stderr  # libraries print, too
    cache: dict[Any, Any] = {}
    for line in sys.stdin:
        job = json.loads(line)
        if "sgemm" in job:
            result: Any = sgemm_rate(job["seconds"])
        elif "copy" in job:
            result = copy_rate(job["copy"], job["seconds"])
        elif "peak" in job:
            result = peak()
        else:
            f = prepare(peer, job["workload"], job["what"], threads, cache)
            if job.get("warm"):
                for _ in range(3):
                    f()
            result = times_of(f, job["seconds"])
        print(json.dumps(result), file=answers, flush=True)


if __name__ == "__main__":
    main()
