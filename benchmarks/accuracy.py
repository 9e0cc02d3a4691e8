"""Seconds of training until an MNIST test accuracy of 99 %, Rushlight beside torch, same recipe.

    RUSHLIGHT_DATA=folder python benchmarks/accuracy.py [--seeds 3] [--goal 0.99]
    RUSHLIGHT_DATA=folder python benchmarks/accuracy.py --write docs/speed.md

Both train the CNN of `workloads.py` from the same initial weights on the same batches in the same
order: Adam with a one-cycle rate. The test images are looked at twice in each epoch; the time for
that is not counted.
"""

from __future__ import annotations

import argparse
import importlib
import json
import statistics
import subprocess
import sys
import time
from math import cos, pi
from pathlib import Path
from typing import Any

import numpy as np
from pages import replace_section
from workloads import net

BATCH, PEAK = 128, 4e-3


def digits(train: bool) -> tuple[Any, Any]:
    """Return standardized images and labels."""
    from rushlight.data import MNIST

    found = MNIST(train=train, download=False)
    if found.source == "sample":
        raise SystemExit("the whole of MNIST is wanted: name its folder by RUSHLIGHT_DATA")
    return found.arrays()


def rate(done: float) -> float:
    """One cycle: up in the first fifth, then down along a cosine."""
    return PEAK * (done / 0.2 if done < 0.2 else (1 + cos(pi * (done - 0.2) / 0.8)) / 2)


def train(library: str, threads: int, seed: int, goal: float, epochs: int) -> dict[str, Any]:
    """Train until the goal is reached; return seconds, accuracy and epochs."""
    import rushlight

    torch = importlib.import_module(library)
    torch.set_num_threads(threads)
    x, y = digits(train=True)
    test_x, test_y = (torch.tensor(a) for a in digits(train=False))
    rushlight.manual_seed(seed)
    make = net("cnn")[0]
    start = make(rushlight.nn).state_dict()
    model = make(torch.nn)
    model.load_state_dict({name: torch.tensor(value.numpy()) for name, value in start.items()})
    if library == "torch":
        model = model.to(memory_format=torch.channels_last)
    optimizer = torch.optim.Adam(model.parameters())
    loss_of = torch.nn.CrossEntropyLoss()
    order = np.random.default_rng(seed)
    steps = len(x) // BATCH
    seconds, accuracy = 0.0, 0.0
    for epoch in range(epochs):
        shuffled = order.permutation(len(x))
        began = time.perf_counter()
        for step in range(steps):
            done = (epoch * steps + step) / (epochs * steps)
            optimizer.param_groups[0]["lr"] = rate(done)
            rows = shuffled[step * BATCH : (step + 1) * BATCH]
            optimizer.zero_grad()
            loss_of(model(torch.tensor(x[rows])), torch.tensor(y[rows])).backward()
            optimizer.step()
            if step in (steps // 2, steps - 1):
                seconds += time.perf_counter() - began
                with torch.no_grad():
                    found = [model(test_x[i : i + 1000]).argmax(1) for i in range(0, 10000, 1000)]
                accuracy = float((torch.cat(found) == test_y).float().mean().item())
                print(f"{library} {epoch + 1} {seconds:.1f} s {accuracy:.4f}", file=sys.stderr)
                if accuracy >= goal:
                    return {"seconds": seconds, "accuracy": accuracy, "epochs": epoch + 1}
                began = time.perf_counter()
    return {"seconds": None, "accuracy": accuracy, "epochs": epochs}


def main() -> None:
    """Train with each library in a process of its own, seed by seed, in turns."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--goal", type=float, default=0.99)
    parser.add_argument("--epochs", type=int, default=4)
    parser.add_argument("--write", type=Path, metavar="FILE", help="write the page's section, too")
    parser.add_argument("--one", nargs=2, metavar=("LIBRARY", "SEED"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        library, seed = options.one
        found = train(library, options.threads, int(seed), options.goal, options.epochs)
        print(json.dumps(found))
        return
    times: dict[str, list[float]] = {"rushlight": [], "torch": []}
    for seed in range(options.seeds):
        for library, taken in times.items():
            command = [sys.executable, str(Path(__file__)), *sys.argv[1:]]
            done = subprocess.run(
                [*command, "--one", library, str(seed)], stdout=subprocess.PIPE, text=True
            )
            if done.returncode:
                raise SystemExit(done.returncode)
            result = json.loads(done.stdout.splitlines()[-1])
            print(library, seed, result, flush=True)
            if result["seconds"] is not None:
                taken.append(result["seconds"])
    lines = []
    for library, taken in times.items():
        reached = f"{len(taken)} of {options.seeds} seeds, {options.threads} threads"
        median = f"{statistics.median(taken):.1f} s (median)" if taken else "never"
        lines.append(f"- {library}: {median}, {reached}")
    print(*lines, sep="\n")
    if options.write:
        replace_section(options.write, "accuracy", ["", *lines, ""])


if __name__ == "__main__":
    main()
