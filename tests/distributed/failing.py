"""A training that fails: python -m tests.distributed.failing WHERE RANK HOW, under mpiexec.

WHERE is the part that fails in the second epoch, RANK the rank ('all': every one). HOW: the error
is 'raised', or 'caught' by the program, which then goes on with a second training; or the rank
leaves (an exit status), or dies (the name of a signal).
"""

from __future__ import annotations

import os
import signal
import sys
from typing import Any

import numpy as np

import rushlight as rl
from rushlight import comm, nn
from rushlight.data import Dataset
from rushlight.train import Callback, Metric, Trainer

PLACES = ("forward", "hook", "callback", "validated", "dataset", "metric", "loss", "nan")


class Failing:
    """Counts the calls of one place, and fails in the second epoch."""

    def __init__(self, where: str, rank: str, how: str) -> None:
        self.where, self.how, self.calls, self.failed = where, how, 0, False
        self.mine = rank == "all" or int(rank) == comm.current().rank
        self.epoch = 0

    def at(self, where: str) -> bool:
        """Fail here, if it is here; return whether NaN is wanted here."""
        if not (self.mine and where == self.where and self.epoch == 2) or self.failed:
            return False
        self.calls += 1
        if self.calls < 3:
            return False
        self.failed = True
        if where == "nan":
            return True
        if self.how.isdecimal():
            sys.exit(int(self.how))
        if self.how.startswith("SIG"):
            os.kill(os.getpid(), getattr(signal, self.how))
        raise ValueError(f"a failure in {where} on rank {comm.current().rank}")


def main(where: str, rank: str, how: str) -> None:
    """Train 3 epochs of 4 batches."""
    failing = Failing(where, rank, how)

    class Net(nn.Sequential):
        def forward(self, x: Any) -> Any:
            failing.at("forward")
            return super().forward(x)

    class Data(Dataset):
        def __len__(self) -> int:
            return 32

        def __getitem__(self, index: int) -> Any:
            failing.at("dataset")
            numbers = np.random.default_rng(index).normal(size=4).astype(np.float32)
            return rl.tensor(numbers), rl.tensor(index % 3)

    class Counted(Metric):
        name = "counted"

        def reset(self) -> None:
            self.count = 0

        def update(self, output: Any, target: Any) -> None:
            failing.at("metric")
            self.count += len(output)

        def merge(self, other: Any) -> None:
            self.count += other.count

        def compute(self) -> float:
            return self.count

    class Watch(Callback):
        def on_epoch_begin(self, *, trainer: Any, epoch: int) -> None:
            failing.epoch = epoch

        def on_batch_end(self, **facts: Any) -> None:
            failing.at("callback")

        def on_validation_end(self, **facts: Any) -> None:
            failing.calls += 2
            failing.at("validated")

    def loss(output: Any, target: Any) -> Any:
        failing.at("loss")
        found = nn.functional.cross_entropy(output, target)
        return found * float("nan") if failing.at("nan") else found

    rl.manual_seed(1)
    net = Net(nn.Linear(4, 300), nn.BatchNorm1d(300), nn.ReLU(), nn.Linear(300, 3))
    net[0].weight.register_hook(lambda gradient: failing.at("hook") or None)
    trainer = Trainer(net, loss, metrics=[Counted()], callbacks=[Watch()], progress="none", seed=1)
    try:
        trainer.fit(Data(), validation=Data(), epochs=3, batch_size=8)
    except Exception as error:
        if how != "caught":
            raise
        print(f"caught {type(error).__name__}", flush=True)
        trainer.fit(Data(), epochs=2, batch_size=8)
        total = comm.current().all_reduce(np.ones(1))
        print(f"went on: {total[0]:.0f}", flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
