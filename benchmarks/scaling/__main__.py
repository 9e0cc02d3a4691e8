"""All-reduce between test hosts with shaped links, beside a model that then predicts many ranks.

    python benchmarks/scaling [--hosts 4] [--write docs/scaling.md] [--quick]

Needs root, iproute2 and MPICH; says what is missing and stops. Builds hosts of network namespaces
that vanish with the process, runs one rank in each, times exchanges and all-reduces over message
sizes and links, and compares the all-reduces with what the latency-bandwidth model makes of the
exchanges (`model.py`). Then it times a step of three nets and predicts 8 to 1,024 ranks.
"""

from __future__ import annotations

import argparse
import json
import os
import pathlib
import platform
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from hosts import HERE, Link, enter, entered, hosts
from model import Costs, fitted, step
from pages import replace_section

RATES, DELAYS = (0.1, 1.0, 10.0), (0.1, 1.0, 10.0)
SIZES = (64, 1024, 16384, 65536, 262144, 1 << 20, 1 << 22)
LARGE = 1 << 24
RANKS = (8, 16, 32, 64, 128, 256, 512, 1024)
BUCKET = 4 << 20  # bytes
LIMIT = 0.15


def measured(count: int, link: Link) -> dict[str, dict[int, float]]:
    """Return seconds by call and bytes between hosts that a link joins."""
    # 16 MiB take too long at 0.1 Gbit/s; at 10 the machine, not the link, copies too slowly
    sizes = (*SIZES, LARGE) if link.gigabits == 1 else SIZES
    program = [sys.executable, str(HERE / "worker.py"), *map(str, sizes)]
    with hosts(count, link) as up:
        printed = json.loads(up.run(program, 300))
    return {
        name: {int(size): float(seconds) for size, seconds in times.items()}
        for name, times in printed.items()
    }


def compared(links: list[Link], count: int) -> tuple[list[str], dict[Link, Costs]]:
    """Return the table of measured and modelled all-reduces, and the costs of each link."""
    sizes = [size for size in (*SIZES, LARGE) if size in (64, 65536, 1 << 20, 1 << 22, LARGE)]
    head = " | ".join(_bytes(size) for size in sizes)
    lines = [f"| Gbit/s | ms | alpha, ms | beta, ns/byte | {head} | largest error |"]
    lines.append("|" + "---|" * (len(sizes) + 5))
    costs = {}
    for link in links:
        found = measured(count, link)
        cost = costs[link] = fitted(found["exchange"], found["add"], found["copy"])
        cells, worst = [], 0.0
        for size in sizes:
            if size not in found["all_reduce"]:
                cells.append("")
                continue
            seconds, expected = found["all_reduce"][size], cost.all_reduce(size, count)
            worst = max(worst, abs(seconds / expected - 1), key=abs)
            cells.append(f"{seconds * 1e3:.2f} ({seconds / expected - 1:+.0%})")
        note = "" if worst <= LIMIT else " **over 15 %**"
        lines.append(
            f"| {link.gigabits:g} | {link.milliseconds:g} | {cost.long * 1e3:.2f} |"
            f" {cost.beta * 1e9:.2f} | {' | '.join(cells)} | {worst:.0%}{note} |"
        )
        print(lines[-1], flush=True)
    return lines, costs


def nets() -> dict[str, tuple[int, float]]:
    """Return parameters and seconds of a step of one rank, of three nets on one thread."""
    import numpy as np
    import workloads

    import rushlight as rl
    from rushlight import models, nn

    rl.set_num_threads(1)
    rng = np.random.default_rng(0)
    made = {
        "CNN, 64 images of 28 x 28": (workloads.net("cnn")[0](nn), (64, 1, 28, 28)),
        "ResNet-18, 4 images of 224 x 224": (models.resnet18(), (4, 3, 224, 224)),
        "VGG-16, 2 images of 224 x 224": (models.vgg16(), (2, 3, 224, 224)),
    }
    found = {}
    for name, (net, shape) in made.items():
        x = rl.tensor(rng.standard_normal(shape).astype(np.float32))
        times = []
        for _ in range(3):
            start = time.perf_counter()
            net(x).sum().backward()
            times.append(time.perf_counter() - start)
        found[name] = (sum(p.numel() for p in net.parameters()), min(times))
    return found


def predicted(costs: dict[Link, Costs], found: dict[str, tuple[int, float]]) -> list[str]:
    """Return tables of the share of perfect scaling that many ranks reach."""
    lines = []
    for name, (parameters, compute) in found.items():
        lines += ["", f"**{name}**: {parameters:,} parameters, {compute * 1e3:,.0f} ms a step."]
        head = " | ".join(f"{ranks:,}" for ranks in RANKS)
        lines += ["", f"| Gbit/s | ms | {head} | communication wins |"]
        lines.append("|" + "---|" * (len(RANKS) + 3))
        for link, cost in costs.items():
            times = {n: step(compute, parameters, n, cost, BUCKET) for n in RANKS}
            cells = " | ".join(f"{compute / times[n]:.0%}" for n in RANKS)
            # where the step takes twice the computation, communication costs as much as it
            over = next((f"from {n:,} ranks" for n in RANKS if times[n] > 2 * compute), "no")
            lines.append(f"| {link.gigabits:g} | {link.milliseconds:g} | {cells} | {over} |")
    return lines


def _bytes(size: int) -> str:
    for unit, name in ((1 << 20, "MiB"), (1 << 10, "KiB")):
        if size >= unit:
            return f"{size // unit} {name}"
    return f"{size} B"


def main() -> int:
    """Measure, predict and write."""
    parser = argparse.ArgumentParser(description="all-reduce between shaped test hosts")
    parser.add_argument("--hosts", type=int, default=4, choices=(4, 8), help="test hosts")
    parser.add_argument("--quick", action="store_true", help="one link instead of nine")
    parser.add_argument("--write", type=pathlib.Path, help="page whose tables are replaced")
    options = parser.parse_args()
    if not entered():
        return enter()
    links = [Link(rate, delay) for rate in RATES for delay in DELAYS]
    if options.quick:
        links = [Link(1.0, 1.0)]
    lines, costs = compared(links, options.hosts)
    machine = f"{platform.machine()}, {os.cpu_count()} cores shared by {options.hosts} hosts"
    page = [
        f"All-reduce of {options.hosts} hosts ({machine}), ms, and its distance from the model:"
    ]
    page += ["", *lines, "", "Share of perfect scaling, batch per rank fixed (predicted):"]
    page += predicted(costs, nets())
    print("\n".join(page))
    if options.write:
        replace_section(options.write, "scaling", ["", *page, ""])
    return 0


if __name__ == "__main__":
    sys.exit(main())
