"""Time against work, for Rushlight, torch and the machine's limit, as one size grows.

    python benchmarks/sweep.py [--families width batch image channels] [--out sweep.png]
    python benchmarks/sweep.py --write docs/speed.md

Width: two linear layers, batch 64. Batch: a linear layer of 256. Image: a convolution with pooling,
batch 8. Channels: a convolution 3 x 3 of 14 x 14 cells, batch 8. Crossovers are named where torch
(the better of its two memory formats) overtakes Rushlight or falls behind it.
"""

from __future__ import annotations

import argparse
from itertools import pairwise
from math import exp, log
from pathlib import Path
from typing import Any

from pages import replace_section
from peers import default_peers
from speed import Figures, header, limits, machine, table, take_turns, workers_of
from workloads import cost

SIZES = {
    "width": [16, 32, 64, 128, 256, 512, 1024, 2048, 4096],
    "batch": [1, 4, 16, 64, 256, 1024, 4096],
    "image": [8, 16, 28, 56, 112, 224],
    "channels": [1, 3, 8, 16, 32, 64, 128, 256, 512],
}
PEERS = (
    "rushlight",
    "rushlight-compiled",
    "rushlight-numpy",
    "torch",
    "torch-channels-last",
)


def crossovers(sizes: list[int], ratios: list[float]) -> list[str]:
    """Say at which sizes, between two that were measured, the ratio passes 1."""
    found = []
    for (a, before), (b, after) in pairwise(zip(sizes, ratios, strict=True)):
        if (before < 1) != (after < 1):
            share = log(before) / (log(before) - log(after))
            at = exp(log(a) + share * (log(b) - log(a)))
            found.append(
                f"{'Rushlight' if after >= 1 else 'torch'} is faster from about {at:.0f} on"
            )
    if not found:
        found.append(f"{'Rushlight' if ratios[0] >= 1 else 'torch'} is faster at every size")
    return found


def draw(results: dict[tuple[str, str], list[Figures]], out: Path) -> None:
    """Draw time against FLOPs, one panel for each family."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    import rushlight

    families, whats = (list(dict.fromkeys(part)) for part in zip(*results, strict=True))
    figure, panels = pyplot.subplots(
        len(whats), len(families), figsize=(5 * len(families), 4 * len(whats)), squeeze=False
    )
    for (family, what), rows in results.items():
        panel: Any = panels[whats.index(what)][families.index(family)]
        work = [cost(row.workload, rushlight, what)[0] for row in rows]
        for peer in rows[0].times:
            panel.loglog(work, [row.times[peer] for row in rows], marker="o", label=peer)
        panel.loglog(work, [row.limit for row in rows], "k--", label="limit")
        panel.set(title=f"{family}, {what}", xlabel="FLOPs", ylabel="ms")
        panel.legend(fontsize="small")
    figure.tight_layout()
    figure.savefig(out, dpi=100)


def main() -> None:
    """Measure, print, draw."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--families", nargs="+", choices=list(SIZES), default=list(SIZES))
    parser.add_argument("--whats", nargs="+", choices=["step", "batch"], default=["step", "batch"])
    parser.add_argument("--largest", type=int, default=1 << 30, help="leave larger sizes out")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=0.3, help="for each figure")
    parser.add_argument("--out", type=Path, default=Path("sweep.png"))
    parser.add_argument("--write", type=Path, metavar="FILE", help="write the page's section, too")
    options = parser.parse_args()
    where = f"{machine()}; {options.threads} threads"
    print(where)
    peers = [peer for peer in default_peers() if peer in PEERS]
    results: dict[tuple[str, str], list[Figures]] = {}
    named: list[str] = []
    for family in options.families:
        sizes = [n for n in SIZES[family] if n <= options.largest]
        names = [f"{family}={n}" for n in sizes]
        with workers_of(peers, options.threads) as workers:
            least = limits(workers[peers[0]], names, options.whats)
            for what in options.whats:
                rows = results[family, what] = []
                for name in names:
                    times = take_turns(workers, name, what, options.rounds, options.seconds)
                    rows.append(Figures(name, what, times, least[name, what]))
                    print(" | ".join(rows[-1].cells(peers)), flush=True)
                for kind in rows[0].ratios:
                    ratios = [row.ratios[kind] for row in rows]
                    found = [f"{family}, {what}, {kind}: {n}" for n in crossovers(sizes, ratios)]
                    print(*found, sep="\n", flush=True)
                    named += found
    if options.write:
        options.out = options.write.parent / "pictures" / "sweep.png"
        rows = [row.cells(peers) for found in results.values() for row in found]
        lines = [f"Machine: {where}.", "", "![Time against work](pictures/sweep.png)", ""]
        lines += [*(f"- {line}" for line in named), "", *table(header(peers), rows)]
        replace_section(options.write, "sweep", ["", *lines, ""])
    draw(results, options.out)
    print(f"drawn: {options.out}")


if __name__ == "__main__":
    main()
