"""A run with everything in it that must survive a kill; the tests of resuming share it.

As a program: `python runs.py FOLDER OPTIMIZER KILL_AT_BATCH`, 0 for no kill.
"""

import hashlib
import os
import signal
import sys

import numpy as np

import rushlight as rl
from rushlight import nn
from rushlight.train import Checkpoint, EarlyStopping, Event, Trainer

EPOCHS = 5


def data(n=60):
    """Return X (n, 6) and classes y (n,)."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(n, 6)).astype("float32")
    return x, (x[:, 0] > x[:, 1]).astype(int) + (x[:, 2] > 1)


def optimizers():
    """Return the two optimizers by name."""
    return {
        "sgd": lambda parameters, lr: rl.optim.SGD(parameters, lr=lr, momentum=0.9),
        "adam": lambda parameters, lr: rl.optim.Adam(parameters, lr=lr),
    }


def trainer(out, optimizer="sgd", callbacks=(), checkpoint=None, **options):
    """Return a Trainer of a net with batch normalization and dropout."""
    rl.manual_seed(5)
    net = nn.Sequential(
        nn.Linear(6, 12), nn.BatchNorm1d(12), nn.ReLU(), nn.Dropout(0.3), nn.Linear(12, 3)
    )
    keeper = Checkpoint(out, **{"interval": 0, "every_steps": 3, **(checkpoint or {})})
    options = {
        "lr": 0.05,
        "scheduler": "cosine",
        "warmup": 0.7,
        "accumulate": 2,
        "clip_norm": 1.0,
        "validate_every": 4,
        "seed": 3,
        "progress": "none",
        **options,
    }
    listeners = [keeper, EarlyStopping(patience=2), *callbacks]
    return Trainer(net, "cross_entropy", optimizers()[optimizer], callbacks=listeners, **options)


def fit(trained, **options):
    """Train on `data`."""
    options = {"validation": 0.2, "epochs": EPOCHS, "batch_size": 5, "resume": "auto", **options}
    return trained.fit(*data(), **options)


def outcome(trained):
    """Return a checksum of the weights and the history without its times, as text."""
    digest = hashlib.sha256()
    for name, value in trained.model.state_dict().items():
        digest.update(name.encode() + value.numpy().tobytes())
    history = trained.history.state_dict()
    for record in history["epochs"]:
        del record["seconds"]
    return f"{digest.hexdigest()} {trained.step} {history}"


def main(out, optimizer, kill):
    """Train, killed at a batch, and print the outcome."""
    batches = []

    def count(**facts):
        batches.append(facts["batch"])
        if len(batches) == kill:
            os.kill(os.getpid(), signal.SIGKILL)

    trained = trainer(out, optimizer, [(Event.BATCH_END, count)])
    fit(trained)
    print(outcome(trained))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]))
