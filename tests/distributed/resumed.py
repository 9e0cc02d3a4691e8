"""A training in float64, one of whose ranks may be killed.

`python -m tests.distributed.resumed FOLDER KILL_RANK KILL_AT_BATCH`, under mpiexec or alone; at
batch 0 nobody is killed. It goes on from a checkpoint in FOLDER where there is one, and writes
losses.json at the end.
"""

from __future__ import annotations

import json
import os
import pathlib
import signal
import sys

import numpy as np

import rushlight as rl
from rushlight import comm, nn
from rushlight.train import Checkpoint, Event, Trainer


def main(folder: str, victim: int, batch: int) -> None:
    """Train 4 epochs of 7 batches; the last batch has 2 samples."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(50, 6))
    y = (x[:, 0] > x[:, 1]).astype(int) + (x[:, 2] > 1)
    rl.manual_seed(5)
    net = nn.Sequential(nn.Linear(6, 12), nn.Tanh(), nn.Linear(12, 3)).double()
    seen = 0

    def count(**facts: object) -> None:
        nonlocal seen
        seen += 1
        if seen == batch and comm.current().rank == victim:
            os.kill(os.getpid(), signal.SIGKILL)

    keeper = Checkpoint(folder, interval=0, every_steps=3)
    trained = Trainer(
        net,
        "cross_entropy",
        rl.optim.SGD(net.parameters(), lr=0.1, momentum=0.9),
        callbacks=[keeper, (Event.BATCH_END, count)],
        seed=3,
        progress="none",
    )
    trained.fit(x, y, epochs=4, batch_size=8, resume="auto")
    if comm.current().first:
        losses = [epoch["train_loss"] for epoch in trained.history.state_dict()["epochs"]]
        pathlib.Path(folder, "losses.json").write_text(json.dumps(losses))


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
