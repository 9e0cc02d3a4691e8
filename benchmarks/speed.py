"""Rushlight beside PyTorch and others: training step and inference, interleaved in one run.

    python benchmarks/speed.py [--threads 1 2] [--workloads cnn ...] [--peers rushlight torch ...]
    python benchmarks/speed.py --write docs/speed.md

Every peer (see `peers.py`) has a process of its own; they take turns, round by round, so that a
drift of the machine's speed meets all of them. Printed are the medians in milliseconds; the time of
torch (the better of its two memory formats) by that of eager, compiled and frozen Rushlight
(`rushlight.compile` of the whole step or model): above 1, Rushlight is faster; and the share of the
machine's limit: the larger of FLOPs / rate of sgemm and bytes / rate of copying, by the best time
of Rushlight. `cost` in `workloads.py` says what is counted.
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
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from pages import replace_section
from peers import PEERS, default_peers
from workloads import NAMES, RECURRENT, cost

HERE = Path(__file__).parent
TORCH = ("torch", "torch-channels-last")
OWN = {"eager": "rushlight", "compiled": "rushlight-compiled", "frozen": "rushlight-frozen"}
WHATS = {"step": "training step", "batch": "inference of the batch", "one": "of one sample"}


class Worker:
    """A peer in a process of its own."""

    def __init__(self, peer: str, threads: int) -> None:
        n = str(threads)
        env = os.environ | {"OMP_NUM_THREADS": n, "OPENBLAS_NUM_THREADS": n, "MKL_NUM_THREADS": n}
        self.process = subprocess.Popen(
            [sys.executable, str(HERE / "worker.py"), peer, n],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=env | PEERS[peer].env,
        )

    def ask(self, **job: Any) -> Any:
        """Hand a job over and return the answer."""
        assert self.process.stdin is not None and self.process.stdout is not None
        print(json.dumps(job), file=self.process.stdin, flush=True)
        line = self.process.stdout.readline()
        if not line:
            raise SystemExit("a worker ended early; see its message above")
        return json.loads(line)

    def stop(self) -> None:
        """End the process."""
        assert self.process.stdin is not None
        self.process.stdin.close()
        self.process.wait()


@contextmanager
def workers_of(peers: list[str], threads: int) -> Iterator[dict[str, Worker]]:
    """Start a worker for each peer and end them all."""
    workers = {peer: Worker(peer, threads) for peer in peers}
    try:
        yield workers
    finally:
        for worker in workers.values():
            worker.stop()


def take_turns(
    workers: dict[str, Worker], workload: str, what: str, rounds: int, seconds: float
) -> dict[str, float]:
    """Return the median milliseconds of each peer that does this."""
    able = [p for p in workers if what in PEERS[p].does and workload not in PEERS[p].lacks]
    times: dict[str, list[float]] = {peer: [] for peer in able}
    for i in range(rounds):
        for peer in able:
            job = {"workload": workload, "what": what, "seconds": seconds / rounds}
            times[peer].append(statistics.median(workers[peer].ask(**job, warm=i == 0)))
            time.sleep(0.1)  # let spinning threads of this peer fall asleep
    return {peer: statistics.median(t) for peer, t in times.items()}


class Figures(NamedTuple):
    """What was measured of one workload: milliseconds of each peer, and of the machine's limit."""

    workload: str
    what: str
    times: dict[str, float]
    limit: float

    @property
    def own(self) -> dict[str, float]:
        """Rushlight's times, by kind; on NumPy where nothing else was measured."""
        own = {kind: self.times[peer] for kind, peer in OWN.items() if peer in self.times}
        plain = self.times.get("rushlight-numpy")
        return own or ({} if plain is None else {"eager": plain})

    @property
    def ratios(self) -> dict[str, float]:
        """Torch's time, the better of its formats, by that of each kind of Rushlight."""
        torch = min((self.times[peer] for peer in TORCH if peer in self.times), default=None)
        return {} if torch is None else {kind: torch / t for kind, t in self.own.items()}

    @property
    def ahead(self) -> list[str]:
        """Name the peers that are faster than the best time of Rushlight, and by how much."""
        own = {peer: t for peer, t in self.times.items() if peer.startswith("rushlight")}
        best = min(own.values(), default=0.0)
        others = {peer: t for peer, t in self.times.items() if peer not in own and t < best}
        return [f"{peer} {best / t:.2f}" for peer, t in others.items()]

    def cells(self, peers: list[str]) -> list[str]:
        """Return the row of the table."""
        times = [f"{self.times[p]:.3f}" if p in self.times else "-" for p in peers]
        ratios = [f"{self.ratios[k]:.2f}" if k in self.ratios else "-" for k in kinds(peers)]
        share = f"{self.limit / min(self.own.values()):.0%}" if self.own else "-"
        return [self.workload, WHATS[self.what], *times, *ratios, f"{self.limit:.3f}", share]


def kinds(peers: list[str]) -> list[str]:
    """Return which kinds of Rushlight are among the peers."""
    return [kind for kind, peer in OWN.items() if peer in peers] or ["eager"]


def header(peers: list[str]) -> list[str]:
    """Return the head of the table."""
    ratios = [f"torch / {kind}" for kind in kinds(peers)]
    return ["workload", "what", *peers, *ratios, "limit", "share of it"]


def limits(worker: Worker, workloads: list[str], whats: list[str]) -> dict[tuple[str, str], float]:
    """Return the least milliseconds that this machine could take, by its measured rates."""
    import rushlight

    sgemm = worker.ask(sgemm=True, seconds=0.5)
    found = {}
    for workload in workloads:
        for what in whats:
            flops, moved = cost(workload, rushlight, what)
            copied = worker.ask(copy=moved, seconds=0.1)
            found[workload, what] = max(flops / sgemm, moved / copied) * 1e3
    return found


def peaks(peers: list[str], workload: str) -> dict[str, float]:
    """Return the most MB that a process of each peer takes to train a net for a second."""
    found = {}
    for peer in (p for p in peers if "step" in PEERS[p].does and workload not in PEERS[p].lacks):
        with workers_of([peer], 1) as workers:
            workers[peer].ask(workload=workload, what="step", seconds=1.0)
            found[peer] = workers[peer].ask(peak=True)
    return found


def measure(
    threads: int, workloads: list[str], peers: list[str], rounds: int, seconds: float
) -> list[Figures]:
    """Measure everything with one number of threads, and print it as it comes."""
    print(f"\nthreads: {threads}\n" + " | ".join(header(peers)))
    rows = []
    with workers_of(peers, threads) as workers:
        least = limits(next(iter(workers.values())), workloads, list(WHATS))
        for workload in workloads:
            for what in WHATS:
                times = take_turns(workers, workload, what, rounds, seconds)
                rows.append(Figures(workload, what, times, least[workload, what]))
                print(" | ".join(rows[-1].cells(peers)), flush=True)
    return rows


def machine() -> str:
    """Name the machine and what runs on it."""
    model = platform.processor() or platform.machine()
    if os.path.exists("/proc/cpuinfo"):
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
        model = names[0] if names else model
    from rushlight.compiled import native

    level = "no compiled kernels" if native is None else f"compiled kernels for {native.level()}"
    return (
        f"{model}, {os.cpu_count()} cores, {platform.system()} {platform.machine()}; "
        f"Python {platform.python_version()}; Rushlight with {level}"
    )


def versions(peers: list[str]) -> str:
    """Return the versions of the libraries that took part."""
    from importlib.metadata import PackageNotFoundError, version

    found = []
    packages = ["rushlight", "numpy", *(p for peer in peers for p in PEERS[peer].needs)]
    for package in dict.fromkeys(packages):
        try:
            found.append(f"{package} {version(package)}")
        except PackageNotFoundError:  # a module of a package, or one that was not installed
            continue
    return ", ".join(found)


def table(head: list[str], rows: list[list[str]]) -> list[str]:
    """Return the lines of a table of a page."""
    return [f"| {' | '.join(row)} |" for row in (head, ["---"] * len(head), *rows)]


def page(
    results: dict[int, list[Figures]],
    peers: list[str],
    importing: tuple[float, float],
    memory: dict[str, float],
) -> list[str]:
    """Return the section of docs/speed.md."""
    most = ", ".join(f"{peer} {size:.0f}" for peer, size in memory.items())
    lines = [
        f"Machine: {machine()}; {versions(peers)}.",
        "",
        f"`import numpy` takes {importing[0]:.3f} s, `import rushlight` {importing[1]:.3f} s more.",
        "",
        f"The most memory that a process has taken which trains the CNN, MB: {most}.",
    ]
    every = [(n, row) for n, rows in results.items() for row in rows]
    for threads, rows in results.items():
        cells = [row.cells(peers) for row in rows]
        lines += ["", f"### Threads: {threads}", "", *table(header(peers), cells)]

    def of(threads: int, row: Figures) -> str:
        return f"- {row.workload}, {WHATS[row.what]}, threads {threads}: "

    eager = [(of(*at), at[1].ratios.get("eager", 1)) for at in every]
    slower = [f"{row}{ratio:.2f}" for row, ratio in eager if ratio < 1]
    lines += ["", "### Where torch is faster than eager Rushlight", ""]
    lines += slower or ["Nowhere in these tables."]
    ahead = [of(*at) + ", ".join(at[1].ahead) for at in every if at[1].ahead]
    lines += ["", "### Where others are ahead of the best of these, and how many times", ""]
    return lines + (ahead or ["Nowhere in these tables."])


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
    """Run, print the tables, and write the page."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--workloads", nargs="+", choices=[*NAMES, *RECURRENT], default=list(NAMES))
    parser.add_argument("--peers", nargs="+", choices=list(PEERS), default=default_peers())
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=1.0, help="for each figure")
    parser.add_argument("--write", type=Path, metavar="FILE", help="write the page there too")
    options = parser.parse_args()
    print(machine())
    importing = import_time(9)
    print(f"import numpy {importing[0]:.3f} s; import rushlight {importing[1]:.3f} s beyond it")
    results = {
        threads: measure(threads, options.workloads, options.peers, options.rounds, options.seconds)
        for threads in options.threads
    }
    if options.write:
        text = page(results, options.peers, importing, peaks(options.peers, "cnn"))
        replace_section(options.write, "speed", ["", *text, ""])


if __name__ == "__main__":
    main()
