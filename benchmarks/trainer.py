"""What the Trainer and the loader cost beside a loop written by hand.

    python benchmarks/trainer.py [--rounds 5] [--threads 1]

The small MLP (784-128-10, ReLU, batch 64, Adam) is what they are measured against. In turns, epoch
by epoch:

- `step`: a loop by hand over batches that were made before;
- `loader`: the same loop over a DataLoader that shuffles: what it takes more is the loader's.

What the Trainer adds to a batch does not depend on the net, so it is measured on one of 8-4-10,
where it does not drown in the noise of the memory:

- `by hand`: a loop over a DataLoader, the loss read after each batch;
- `trainer`: the Trainer with its history and nothing else;
- `metric`: and with accuracy;
- `folder`: and with checkpoints, history files and curves, as by `out=FOLDER`; those that are
  written at the begin and the end of `fit` are spread over its epochs.

Printed are the fastest and the median epoch in microseconds for a batch, and what the fastest takes
more than that of the line above, in percent of `step`.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable
from typing import Any

import numpy as np

import rushlight as rl
from rushlight import nn, optim
from rushlight.data import DataLoader, TensorDataset
from rushlight.threads import set_num_threads
from rushlight.train import Trainer

ROWS, BATCH = 12_800, 64
BESIDE = {"loader": "step", "trainer": "by hand", "metric": "trainer", "folder": "metric"}
Epochs = Callable[[], list[float]]


def net(wide: int, hidden: int) -> nn.Sequential:
    """Return a net with one hidden layer."""
    return nn.Sequential(nn.Linear(wide, hidden), nn.ReLU(), nn.Linear(hidden, 10))


def rows(wide: int) -> TensorDataset:
    """Return random data."""
    source = np.random.default_rng(0)
    x = source.normal(size=(ROWS, wide)).astype(np.float32)
    return TensorDataset(rl.tensor(x), rl.tensor(source.integers(0, 10, ROWS)))


def by_hand(model: nn.Module, batches: Any, epochs: int, read: bool) -> Epochs:
    """Return a function that trains some epochs and returns their seconds."""
    loss, optimizer = nn.CrossEntropyLoss(), optim.Adam(model.parameters())

    def epoch() -> float:
        begun, total = time.perf_counter(), 0.0
        for x, y in batches:
            value = loss(model(x), y)
            if read:
                total += value.item()
            optimizer.zero_grad()
            value.backward()
            optimizer.step()
        return time.perf_counter() - begun

    return lambda: [epoch() for _ in range(epochs)]


def by_trainer(model: nn.Module, data: Any, epochs: int, **options: Any) -> Epochs:
    """Likewise with a Trainer, whose history holds the seconds."""
    trainer = Trainer(model, "cross_entropy", seed=0, progress="none", **options)

    def run() -> list[float]:
        begun = time.perf_counter()
        records = trainer.fit(data, epochs=epochs, batch_size=BATCH)[-epochs:]
        rest = time.perf_counter() - begun - sum(r["seconds"] for r in records)
        return [r["seconds"] + rest / epochs for r in records]

    return run


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=1)
    given = parser.parse_args()
    set_num_threads(given.threads)
    rl.manual_seed(0)
    large, small = rows(784), rows(8)
    loader = DataLoader(large, BATCH, shuffle=True)
    with tempfile.TemporaryDirectory() as folder:
        kinds = {
            "step": by_hand(net(784, 128), list(loader), 20, read=False),
            "loader": by_hand(net(784, 128), loader, 20, read=False),
            "by hand": by_hand(net(8, 4), DataLoader(small, BATCH, shuffle=True), 200, read=True),
            "trainer": by_trainer(net(8, 4), small, 200, metrics=()),
            "metric": by_trainer(net(8, 4), small, 200),
            "folder": by_trainer(net(8, 4), small, 200, out=folder),
        }
        found: dict[str, list[float]] = {name: [] for name in kinds}
        for _ in range(given.rounds):
            for name, run in kinds.items():
                found[name] += run()
    best = {name: min(seconds) for name, seconds in found.items()}
    for name, seconds in found.items():
        fastest, median = (1e6 * t / (ROWS // BATCH) for t in (best[name], np.median(seconds)))
        line = f"{name:<8} {fastest:7.1f} µs a batch, median {median:7.1f}"
        if name in BESIDE:
            added = best[name] - best[BESIDE[name]]
            line += f"  {100 * added / best['step']:+6.1f} % of the step more than {BESIDE[name]}"
        print(line)


if __name__ == "__main__":
    main()
