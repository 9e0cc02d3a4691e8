"""What the Trainer and the loader cost beside a loop written by hand.

    python benchmarks/trainer.py [--rounds 40] [--threads 1]

The small MLP (8-128-64-2 with batch norm, ReLU and dropout, batch 64, Adam) is what they are
measured against. In turns, epoch by epoch:

- `step`: a loop by hand over batches that were made before;
- `loader`: the same loop over a DataLoader that shuffles: what it takes more is the loader's.

What the Trainer adds to a batch does not depend on the net, so it is measured on one of 8-4-2,
where it does not drown in the noise of the memory:

- `by hand`: a loop over a DataLoader, the loss read after each batch;
- `trainer`: the Trainer with its history and nothing else;
- `counting`: the loop by hand that also counts the right answers;
- `metric`: the Trainer with accuracy;
- `folder`: and with checkpoints, history files and curves, as by `out=FOLDER`.

Printed is the median over all rounds of each round's fastest epoch, in microseconds for a batch,
and likewise what it takes more than another, in percent of `step`. What is written now and then is
told apart: how long a checkpoint takes, of which one is written every two seconds, and what a run
with a folder takes at its begin and end.
"""

from __future__ import annotations

import argparse
import itertools
import tempfile
import time
from collections.abc import Callable
from typing import Any

import numpy as np

import rushlight as rl
from rushlight import nn, optim
from rushlight.data import DataLoader, TensorDataset
from rushlight.threads import set_num_threads
from rushlight.train import Callback, Checkpoint, Trainer

ROWS, BATCH = 12_800, 64
BESIDE = {"loader": "step", "trainer": "by hand", "metric": "counting", "folder": "counting"}
Epochs = Callable[[], list[float]]


def small_mlp() -> nn.Sequential:
    """Return the net that the costs are measured against."""
    return nn.Sequential(
        *(nn.Linear(8, 128), nn.BatchNorm1d(128), nn.ReLU(), nn.Dropout(0.1)),
        *(nn.Linear(128, 64), nn.BatchNorm1d(64), nn.ReLU(), nn.Dropout(0.1)),
        nn.Linear(64, 2),
    )


def tiny() -> nn.Sequential:
    """Return a net that takes hardly any time."""
    return nn.Sequential(nn.Linear(8, 4), nn.ReLU(), nn.Linear(4, 2))


def rows() -> TensorDataset:
    """Return random data."""
    source = np.random.default_rng(0)
    x = source.normal(size=(ROWS, 8)).astype(np.float32)
    return TensorDataset(rl.tensor(x), rl.tensor(source.integers(0, 2, ROWS)))


def by_hand(
    model: nn.Module, batches: Any, epochs: int, read: bool = False, count: bool = False
) -> Epochs:
    """Return a function that trains some epochs and returns their seconds."""
    loss, optimizer = nn.CrossEntropyLoss(), optim.Adam(model.parameters())

    def epoch() -> float:
        begun, total, right = time.perf_counter(), 0.0, 0
        for x, y in batches:
            output = model(x)
            value = loss(output, y)
            if read:
                total += value.item()
            if count:
                right += (output.argmax(1) == y).sum().item()
            optimizer.zero_grad()
            value.backward()
            optimizer.step()
        return time.perf_counter() - begun

    return lambda: [epoch() for _ in range(epochs)]


class Stamps(Callback):
    """Notes when epochs end; the last of the callbacks."""

    def __init__(self) -> None:
        self.times: list[float] = []

    def on_epoch_end(self, **_: Any) -> None:
        """Note it."""
        self.times.append(time.perf_counter())


def by_trainer(model: nn.Module, data: Any, epochs: int, **options: Any) -> Epochs:
    """Likewise with a Trainer; its first epoch, with what a run begins with, is left out."""
    stamps = Stamps()
    trainer = Trainer(
        model, "cross_entropy", seed=0, progress="none", callbacks=[stamps], **options
    )

    def run() -> list[float]:
        stamps.times.clear()
        trainer.fit(data, epochs=epochs + 1, batch_size=BATCH)
        return [after - before for before, after in itertools.pairwise(stamps.times)]

    return run


def now_and_then(folder: str, data: Any) -> None:
    """Print what is written now and then."""
    trainer = Trainer(small_mlp(), "cross_entropy", seed=0, progress="none", out=folder)
    written: list[float] = []
    write = Checkpoint.write

    def timed(*args: Any) -> None:
        begun = time.perf_counter()
        write(*args)
        written.append(time.perf_counter() - begun)

    Checkpoint.write = timed  # type: ignore[method-assign]
    begun = time.perf_counter()
    trained = sum(r["seconds"] for r in trainer.fit(data, epochs=40, batch_size=BATCH))
    rest = time.perf_counter() - begun - trained - sum(written)
    Checkpoint.write = write  # type: ignore[method-assign]
    print(f"a checkpoint of the small MLP takes {1e3 * np.median(written):.1f} ms", end=", ")
    print(f"begin and end of a run with a folder {1e3 * rest:.0f} ms")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=40)
    parser.add_argument("--threads", type=int, default=1)
    given = parser.parse_args()
    set_num_threads(given.threads)
    rl.manual_seed(0)
    data = rows()
    loader = DataLoader(data, BATCH, shuffle=True)
    with tempfile.TemporaryDirectory() as folder:
        kinds = {
            "step": by_hand(small_mlp(), list(loader), 5),
            "loader": by_hand(small_mlp(), loader, 5),
            "by hand": by_hand(tiny(), loader, 10, read=True),
            "trainer": by_trainer(tiny(), data, 10, metrics=()),
            "counting": by_hand(tiny(), loader, 10, read=True, count=True),
            "metric": by_trainer(tiny(), data, 10),
            "folder": by_trainer(tiny(), data, 10, out=folder),
        }
        rounds = [{name: min(run()) for name, run in kinds.items()} for _ in range(given.rounds)]

    def median(name: str, less: str | None = None) -> float:
        taken = [r[name] - (r[less] if less else 0.0) for r in rounds]
        return 1e6 * float(np.median(taken)) / (ROWS // BATCH)

    for name in kinds:
        line = f"{name:<8} {median(name):7.1f} µs a batch"
        if name in BESIDE:
            added = 100 * median(name, BESIDE[name]) / median("step")
            line += f"  {added:+6.1f} % of the step more than {BESIDE[name]}"
        print(line)
    with tempfile.TemporaryDirectory() as folder:
        now_and_then(folder, data)


if __name__ == "__main__":
    main()
