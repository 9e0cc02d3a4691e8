"""Rushlight beside PyTorch: five nets, training step and inference, interleaved in one run.

    python benchmarks/speed.py [--threads 1 2] [--rounds 5] [--seconds 0.5] [--workloads cnn ...]

Every library has a process of its own; they take turns, round by round, so that a drift of the
machine's speed meets all of them. Printed are the medians in milliseconds and torch's time (the
better of its two memory formats) by Rushlight's: above 1, Rushlight is faster.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import time
from pathlib import Path

from workloads import NAMES

LIBRARIES = ("rushlight", "torch", "torch-channels-last")
HERE = Path(__file__).parent


class Worker:
    """A library in a process of its own."""

    def __init__(self, library: str, threads: int) -> None:
        n = str(threads)
        env = os.environ | {"OMP_NUM_THREADS": n, "OPENBLAS_NUM_THREADS": n, "MKL_NUM_THREADS": n}
        self.process = subprocess.Popen(
            [sys.executable, str(HERE / "worker.py"), library, n],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=env,
        )

    def run(self, workload: str, what: str, seconds: float) -> list[float]:
        """Return the milliseconds of each call in about `seconds`."""
        assert self.process.stdin is not None and self.process.stdout is not None
        job = {"workload": workload, "what": what, "seconds": seconds}
        print(json.dumps(job), file=self.process.stdin, flush=True)
        line = self.process.stdout.readline()
        if not line:
            raise SystemExit("a worker ended early; see its message above")
        times: list[float] = json.loads(line)
        return times

    def stop(self) -> None:
        """End the process."""
        assert self.process.stdin is not None
        self.process.stdin.close()
        self.process.wait()


def measure(threads: int, workloads: list[str], rounds: int, seconds: float) -> list[list[str]]:
    """Return the rows of the table for one number of threads."""
    workers = {library: Worker(library, threads) for library in LIBRARIES}
    rows = []
    for workload in workloads:
        for what in ("step", "batch", "one"):
            times: dict[str, list[float]] = {library: [] for library in LIBRARIES}
            for _ in range(rounds):
                for library, worker in workers.items():
                    times[library].append(
                        statistics.median(worker.run(workload, what, seconds / rounds))
                    )
                    time.sleep(0.1)  # let spinning threads of this library fall asleep
            middle = {library: statistics.median(t) for library, t in times.items()}
            ratio = min(middle["torch"], middle["torch-channels-last"]) / middle["rushlight"]
            row = [workload, what, str(threads), *(f"{middle[x]:.3f}" for x in LIBRARIES)]
            rows.append([*row, f"{ratio:.2f}"])
            print(" | ".join(rows[-1]), flush=True)
    for worker in workers.values():
        worker.stop()
    return rows


def import_time(runs: int) -> tuple[float, float]:
    """Return the median seconds of `import numpy`, and what `import rushlight` adds to it."""

    env = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}

    def once(module: str) -> float:
        code = (
            f"import time; t = time.perf_counter(); import {module}; print(time.perf_counter()-t)"
        )
        command = [sys.executable, "-c", code]
        out = subprocess.run(command, capture_output=True, text=True, check=True, env=env)
        return float(out.stdout)

    # the first pair is not counted: it compiles the sources
    pairs = [(once("numpy"), once("rushlight")) for _ in range(runs + 1)][1:]
    numpy = statistics.median(a for a, _ in pairs)
    return numpy, statistics.median(b - a for a, b in pairs)


def main() -> None:
    """Run and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--workloads", nargs="+", choices=NAMES, default=list(NAMES))
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=1.0, help="for each figure")
    options = parser.parse_args()
    print(f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}")
    numpy, beyond = import_time(9)
    print(f"import numpy {numpy:.3f} s; import rushlight {beyond:.3f} s beyond it")
    print("workload | what | threads | " + " | ".join(LIBRARIES) + " (ms) | torch / rushlight")
    for threads in options.threads:
        measure(threads, options.workloads, options.rounds, options.seconds)


if __name__ == "__main__":
    main()
