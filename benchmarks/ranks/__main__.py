"""One rank and two, of one thread each, beside torch's DistributedDataParallel.

    python benchmarks/ranks [--workloads cnn vgg] [--rounds 9] [--write docs/scaling.md]

The batch of a rank is fixed. In turns, round by round, each in processes of their own: Rushlight in
one process and in two ranks under mpiexec, by hand and by the Trainer; two processes that know
nothing of each other, which is what the machine gives at best, and two that only wait for each
other behind backward, which is what it gives at best to any that train together; torch in one
process and in two under DistributedDataParallel (gloo). The rate of a process is samples by its
median step of the round; printed are the medians over the rounds of the rates of all processes
together, and of the ratios within a round. Then it shows when backward runs and when the buckets
are under way.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import version
from multiprocessing.connection import Connection, Listener
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

from pages import replace_section  # noqa: E402
from speed import machine, versions  # noqa: E402
from workloads import net  # noqa: E402

THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
NETS = {"cnn": "CNN", "cnn:256": "CNN", "vgg": "VGG-like net"}
# name: (group of processes, how many of it work, what they do)
PEERS = {
    "one": ("alone", 1, "by hand"),
    "two": ("ranks", 2, "by hand"),
    "apart": ("alone", 2, "by hand"),
    "in step": ("ranks", 2, "in step"),
    "trainer one": ("alone", 1, "trainer"),
    "trainer two": ("ranks", 2, "trainer"),
    "torch one": ("torch", 1, "torch"),
    "torch two": ("ddp", 2, "torch"),
    "torch-channels-last one": ("torch", 1, "torch-channels-last"),
    "torch-channels-last two": ("ddp", 2, "torch-channels-last"),
}
# what stands in the table: (name, one process, two)
ROWS = (
    ("Rushlight, by hand", "one", "two"),
    ("Rushlight, by the Trainer", "trainer one", "trainer two"),
    ("two processes that wait for each other, and send nothing", "one", "in step"),
    ("two processes that know nothing of each other", "one", "apart"),
    ("torch, DistributedDataParallel", "torch one", "torch two"),
    (
        "torch, DistributedDataParallel, channels-last",
        "torch-channels-last one",
        "torch-channels-last two",
    ),
)


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
        counts[peer] = max(
            int(seconds / max(map(statistics.median, up[group].ask(count, what, workload, 9)))), 3
        )
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


def middle(found: list[dict[str, float]], peer: str) -> float:
    """Return the median over the rounds of a peer's samples per second."""
    return statistics.median(row[peer] for row in found)


def table(workload: str, found: list[dict[str, float]]) -> list[str]:
    """Return the lines of a net."""
    rows = net(workload)[1]
    lines = ["", f"**{NETS.get(workload, workload)}**, {rows} samples a rank:", ""]
    lines += ["| samples a second | one process | two | two by one |", "|---|---|---|---|"]
    for name, one, two in ROWS:
        if one in found[0] and two in found[0]:
            cells = f"{middle(found, one):,.0f} | {middle(found, two):,.0f}"
            lines.append(f"| {name} | {cells} | {ratio(found, two, one):.2f} |")
    others = [peer for peer in found[0] if peer.startswith("torch") and peer.endswith("two")]
    if others and "two" in found[0]:
        best = max(others, key=lambda peer: middle(found, peer))
        lines += ["", f"Two ranks of Rushlight by two of torch: {ratio(found, 'two', best):.2f}."]
    return lines


def under_way(steps: list[list[tuple[str, int, float]]]) -> list[str]:
    """Return the timeline of the step in the middle, by how long it took."""
    steps = sorted(steps, key=lambda step: step[-1][2] - step[0][2])
    events = steps[len(steps) // 2]
    begun = events[0][2]
    at = {(what, bucket): (seconds - begun) * 1e3 for what, bucket, seconds in events}
    walked, end = at["walked", -1], at["end", -1]
    lines = ["| | from, ms | to, ms | | under way before backward ends |", "|---|---|---|---|---|"]
    lines.append(f"| backward | 0.00 | {walked:.2f} | {_bar(0, walked, end)} | |")
    hidden = total = 0.0
    for bucket in sorted({number for what, number in at if what == "sent"}):
        sent, done = at["sent", bucket], at["done", bucket]
        before = max(min(done, walked) - sent, 0.0)
        hidden, total = hidden + before, total + done - sent
        lines.append(
            f"| bucket {bucket} | {sent:.2f} | {done:.2f} | {_bar(sent, done, end)} |"
            f" {before / max(done - sent, 1e-9):.0%} |"
        )
    shown = f"{end - walked:.2f} ms of {end:.2f} are left behind backward"
    return [
        *lines,
        "",
        f"Under way before backward ends: {hidden / total:.0%} of the time; {shown}.",
    ]


def _bar(start: float, stop: float, end: float) -> str:
    first, last = (round(40 * place / end) for place in (start, stop))
    last = max(last, first + 1)
    return "`" + "·" * first + "█" * (last - first) + "·" * (40 - last) + "`"


def main() -> None:
    """Measure, print and write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--workloads", nargs="+", default=list(NETS))
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--seconds", type=float, default=0.25, help="of each peer in a round")
    parser.add_argument("--peers", nargs="+", choices=list(PEERS), default=list(PEERS))
    parser.add_argument("--pinned", action="store_true", help="let mpiexec bind ranks to cores")
    parser.add_argument("--write", type=Path, help="page whose section is replaced")
    options = parser.parse_args()
    page = [f"Machine: {machine()}; {versions(['torch'])}, mpi4py {version('mpi4py')}."]
    with groups({PEERS[peer][0] for peer in options.peers}, options.pinned) as up:
        for workload in options.workloads:
            found = rates(up, options.peers, workload, options.rounds, options.seconds)
            page += table(workload, found)
            if "two" in options.peers:
                page += ["", "A step of rank 0, from the begin of backward:", ""]
                page += under_way(up["ranks"].ask(2, "timeline", workload, 21)[0])
    print("\n".join(page))
    if options.write:
        replace_section(options.write, "ranks", ["", *page, ""])


if __name__ == "__main__":
    main()
