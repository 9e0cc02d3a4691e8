"""One rank and two, of one thread each, beside torch's DistributedDataParallel.

    python benchmarks/ranks [--workloads cnn vgg] [--rounds 15] [--write docs/scaling.md]

The batch of a rank is fixed. In turns, round by round, each in processes of their own: Rushlight in
one process; in two ranks under mpiexec; two processes that know nothing of each other, which is
what the machine gives at best; torch in one process; two under DistributedDataParallel (gloo); and
Rushlight by the Trainer, in one and in two. Printed are medians over the rounds of the samples per
second of all processes together, and of the ratios within a round. Then it draws when backward runs
and when the buckets are under way.
"""

from __future__ import annotations

import argparse
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection, Listener
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

from speed import machine
from workloads import net

THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
FORMATS = ("torch", "torch-channels-last")
# name: (group of processes, how many of it work, what they do)
PEERS = {
    "one": ("alone", 1, "by hand"),
    "two": ("ranks", 2, "by hand"),
    "apart": ("alone", 2, "by hand"),
    "in step": ("ranks", 2, "in step"),
    "torch one": ("torch", 1, "torch"),
    "torch two": ("ddp", 2, "torch"),
    "last one": ("torch", 1, "torch-channels-last"),
    "last two": ("ddp", 2, "torch-channels-last"),
    "trainer one": ("alone", 1, "trainer"),
    "trainer two": ("ranks", 2, "trainer"),
}


class Group:
    """Processes that are started together, by rank."""

    def __init__(self, listener: Listener, commands: list[list[str]], count: int) -> None:
        env = os.environ | dict.fromkeys(THREADS, "1")
        self.processes = [subprocess.Popen(command, env=env) for command in commands]
        found: dict[int, Connection] = {}
        for _ in range(count):
            line = listener.accept()
            rank = line.recv()
            found[rank if rank not in found else len(found)] = line
        self.lines = [found[rank] for rank in range(count)]

    def ask(self, count: int, *job: Any) -> list[Any]:
        """Let the first so many processes do a job at once; return their answers."""
        for line in self.lines[:count]:
            line.send(job)
        return [line.recv() for line in self.lines[:count]]

    def stop(self) -> None:
        """End the processes."""
        for line in self.lines:
            line.close()
        for process in self.processes:
            process.wait()


@contextmanager
def groups(names: set[str], pinned: bool) -> Iterator[dict[str, Group]]:
    """Start the processes of all groups, and end them."""
    worker = [sys.executable, str(HERE / "worker.py")]
    with tempfile.TemporaryDirectory() as folder, Listener(f"{folder}/s", "AF_UNIX") as listener:
        ours, others = [*worker, "rushlight", f"{folder}/s"], [*worker, "torch", f"{folder}/s"]
        start = ["mpiexec", *(("-bind-to", "core") if pinned else ()), "-n", "2"]
        commands = {
            "alone": ([ours, ours], 2),
            "ranks": ([[*start, *ours]], 2),
            "torch": ([others], 1),
            "ddp": ([[*others, str(number), folder] for number in range(2)], 2),
        }
        up: dict[str, Group] = {}
        try:
            for name in sorted(names):
                up[name] = Group(listener, *commands[name])
            yield up
        finally:
            for group in up.values():
                group.stop()


def rates(
    up: dict[str, Group], peers: list[str], workload: str, rounds: int, seconds: float
) -> list[dict[str, float]]:
    """Return, of each round, the samples per second of each peer."""
    rows = net(workload)[1]
    counts = {}
    for peer in peers:
        group, count, what = PEERS[peer]
        up[group].ask(count, what, workload, 3)
        counts[peer] = max(int(seconds / max(map(statistics.median, up[group].ask(count, what, workload, 9)))), 3)
    found = []
    for _ in range(rounds):
        row = {}
        for peer in peers:
            group, count, what = PEERS[peer]
            times = up[group].ask(count, what, workload, counts[peer])
            row[peer] = sum(rows / statistics.median(each) for each in times)
            time.sleep(0.02)
        found.append(row)
    return found


def ratio(found: list[dict[str, float]], above: str, below: str) -> float:
    """Return the median over the rounds of how many times faster one is than another."""
    return statistics.median(row[above] / row[below] for row in found)


def report(workload: str, found: list[dict[str, float]]) -> None:
    print(workload)
    for peer in found[0]:
        print(f"   {peer:12s} {statistics.median(row[peer] for row in found):9.0f} /s")
    pairs = [("apart", "one"), ("two", "one"), ("in step", "one"), ("two", "apart"), ("two", "in step"), ("trainer two", "trainer one"),
             ("torch two", "torch one"), ("last two", "last one"), ("two", "torch two"),
             ("two", "last two"), ("trainer one", "one"), ("trainer two", "two")]
    for a, b in pairs:
        if a in found[0] and b in found[0]:
            print(f"   {a} / {b}: {ratio(found, a, b):.3f}")


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--workloads", nargs="+", default=["cnn", "vgg"])
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--seconds", type=float, default=0.2)
    parser.add_argument("--peers", nargs="+", default=list(PEERS))
    parser.add_argument("--pinned", action="store_true")
    options = parser.parse_args()
    with groups({PEERS[p][0] for p in options.peers}, options.pinned) as up:
        for workload in options.workloads:
            found = rates(up, options.peers, workload, options.rounds, options.seconds)
            report(workload, found)
            if "two" in options.peers:
                first = up["ranks"].ask(2, "timeline", workload, 5)
                for rank in range(2):
                    line = first[rank][-1]
                    t0 = line[0][2]
                    print("  ", rank, [(w, b, round((t - t0) * 1e3, 2)) for w, b, t in line])


if __name__ == "__main__":
    main()
