"""What the Trainer and the loader cost beside a loop written by hand.

    python benchmarks/trainer.py [--rounds 5] [--threads 1]

The small MLP (784-128-10, ReLU, batch 64, Adam) on 12,800 rows. In turns, epoch by epoch:

- `step`: a loop by hand over batches that were made before;
- `loader`: the same loop over a DataLoader that shuffles: what it takes more is the loader's;
- `trainer`: the Trainer with its history and nothing else;
- `metric`: and with accuracy;
- `folder`: and with checkpoints, history files and curves, as by `out=FOLDER`.

A round is 20 epochs of each. Printed are the fastest and the median epoch in microseconds for a
batch, and what of the step the fastest takes more than that of the line above. In `folder` the
checkpoints at the begin and the end of each 20 epochs are spread over them.
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

ROWS, BATCH, EPOCHS = 12_800, 64, 20
PARTS = {"loader": "step", "trainer": "loader", "metric": "trainer", "folder": "metric"}


def net() -> nn.Sequential:
    """The small MLP of `workloads.py`."""
    return nn.Sequential(nn.Linear(784, 128), nn.ReLU(), nn.Linear(128, 10))


def by_hand(batches: Any) -> Callable[[], list[float]]:
    """Return a function that trains some epochs and returns their seconds."""
    model, loss = net(), nn.CrossEntropyLoss()
    optimizer = optim.Adam(model.parameters())

    def epoch() -> float:
        begun = time.perf_counter()
        for x, y in batches:
            value = loss(model(x), y)
            optimizer.zero_grad()
            value.backward()
            optimizer.step()
        return time.perf_counter() - begun

    return lambda: [epoch() for _ in range(EPOCHS)]


def by_trainer(data: Any, **options: Any) -> Callable[[], list[float]]:
    """Likewise with a Trainer, whose history holds the seconds."""
    trainer = Trainer(net(), "cross_entropy", seed=0, progress="none", **options)

    def epochs() -> list[float]:
        begun = time.perf_counter()
        records = trainer.fit(data, epochs=EPOCHS, batch_size=BATCH)[-EPOCHS:]
        rest = time.perf_counter() - begun - sum(r["seconds"] for r in records)
        return [r["seconds"] + rest / EPOCHS for r in records]

    return epochs


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=1)
    given = parser.parse_args()
    set_num_threads(given.threads)
    rl.manual_seed(0)
    source = np.random.default_rng(0)
    x = source.normal(size=(ROWS, 784)).astype(np.float32)
    data = TensorDataset(rl.tensor(x), rl.tensor(source.integers(0, 10, ROWS)))
    loader = DataLoader(data, BATCH, shuffle=True)
    with tempfile.TemporaryDirectory() as folder:
        kinds = {
            "step": by_hand(list(loader)),
            "loader": by_hand(loader),
            "trainer": by_trainer(data, metrics=()),
            "metric": by_trainer(data),
            "folder": by_trainer(data, out=folder),
        }
        found: dict[str, list[float]] = {name: [] for name in kinds}
        for _ in range(given.rounds):
            for name, run in kinds.items():
                found[name] += run()
    best = {name: min(seconds) for name, seconds in found.items()}
    for name, seconds in found.items():
        fastest, median = (1e6 * t / (ROWS // BATCH) for t in (best[name], np.median(seconds)))
        line = f"{name:<8} {fastest:7.1f} µs a batch, median {median:7.1f}"
        if name in PARTS:
            added = best[name] - best[PARTS[name]]
            line += f"  {100 * added / best['step']:+6.1f} % of the step more than {PARTS[name]}"
        print(line)


if __name__ == "__main__":
    main()
