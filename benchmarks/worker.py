"""One process of the benchmark: reads commands from standard input, prints milliseconds.

Started by `speed.py`, once for each library; it waits while the others run.
"""

from __future__ import annotations

import importlib
import json
import sys
import time
from collections.abc import Callable
from typing import Any

from workloads import build


def best_of(f: Callable[[], Any], seconds: float) -> list[float]:
    """Call `f` for about `seconds` and return the milliseconds of each call."""
    times = []
    end = time.perf_counter() + seconds
    while not times or time.perf_counter() < end:
        start = time.perf_counter()
        f()
        times.append((time.perf_counter() - start) * 1e3)
    return times


def main() -> None:
    """Serve `{"workload": ..., "what": ..., "seconds": ...}` lines until the input ends."""
    library, threads = sys.argv[1], int(sys.argv[2])
    torch = importlib.import_module("rushlight" if library == "rushlight" else "torch")
    if library != "rushlight":
        torch.set_num_threads(threads)
    built: dict[str, Any] = {}
    for line in sys.stdin:
        job = json.loads(line)
        name = job["workload"]
        if name not in built:
            built[name] = build(name, torch, channels_last=library == "torch-channels-last")
            for _ in range(3):
                built[name].step()
        w = built[name]
        if job["what"] == "step":
            w.model.train()
            times = best_of(w.step, job["seconds"])
        else:
            w.model.eval()
            x = w.batch if job["what"] == "batch" else w.one
            w.infer(x)
            times = best_of(lambda w=w, x=x: w.infer(x), job["seconds"])
        print(json.dumps(times), flush=True)


if __name__ == "__main__":
    main()
