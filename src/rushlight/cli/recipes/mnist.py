"""A convolutional network on the MNIST digits: 99.1 % after three epochs."""

from __future__ import annotations

import os
import pathlib
import time
from typing import Any, TextIO

from rushlight import nn, optim
from rushlight.data import MNIST
from rushlight.data.mnist import MEAN, STD
from rushlight.data.transforms import Normalize
from rushlight.errors import MissingExtra
from rushlight.random import manual_seed
from rushlight.train import Checkpoint, Curves, HistoryLog, ProgressBar, Trainer

__all__ = ["build", "train_mnist"]

RATES = {"adam": 2e-3, "adamw": 2e-3, "sgd": 0.05}  # for the others their own default


def build() -> nn.Sequential:
    """Return the network: images (N, 1, 28, 28) -> log-probabilities (N, 10)."""
    return nn.Sequential(
        nn.Conv2d(1, 16, 3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(2),  # (N, 16, 14, 14)
        nn.Conv2d(16, 32, 3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(2),  # (N, 32, 7, 7)
        nn.Flatten(),
        nn.Linear(32 * 7 * 7, 128),
        nn.ReLU(),
        nn.Dropout(0.25),
        nn.Linear(128, 10),
        nn.LogSoftmax(dim=1),
    )


def train_mnist(
    *,
    epochs: int | None,
    data: str | os.PathLike[str] | None,
    out: pathlib.Path,
    seed: int,
    optimizer: str,
    lr: float | None,
    batch_size: int | None,
    curves: bool | None,
    log: TextIO,
) -> dict[str, Any]:
    """Train, test with the weights of the best epoch, and return the result as plain values."""
    manual_seed(seed)
    model = build()
    checkpoint, history = Checkpoint(out), HistoryLog(out)
    callbacks: list[Any] = [checkpoint, history, ProgressBar(file=log)]
    picture = _curves(out, curves, log)
    if picture is not None:
        callbacks.append(picture)
    rate = RATES.get(optimizer.lower()) if lr is None else lr
    trainer = Trainer(
        model,
        "nll",
        _sgd if optimizer.lower() == "sgd" else optimizer,
        lr=rate,
        scheduler="cosine",
        warmup=0.25,
        monitor="val_accuracy",
        callbacks=callbacks,
        seed=seed,
    )
    train, test = (
        MNIST(data, train=part, transform=Normalize(MEAN, STD)) for part in (True, False)
    )
    sample = train.source == "sample"
    print(f"MNIST: {len(train):,} + {len(test):,} images ({train.source})", file=log, flush=True)
    begun = time.perf_counter()
    records = trainer.fit(
        train,
        validation=500 if sample else 5_000,
        epochs=epochs or (8 if sample else 3),
        batch_size=batch_size or (32 if sample else 64),
    )
    seconds = time.perf_counter() - begun
    found = {} if records.interrupted else trainer.evaluate(test)
    return {
        "test_accuracy": found.get("accuracy"),
        "test_loss": found.get("loss"),
        "epochs": len(records),
        "best_epoch": records.best_epoch,
        "seconds": round(seconds, 2),
        "interrupted": records.interrupted,
        "data": train.source,
        "train_samples": len(train),
        "test_samples": len(test),
        "seed": seed,
        "out": str(out),
        "checkpoint": str(checkpoint.best_path if records else checkpoint.last_path),
        "history": str(history.path),
        "curves": str(picture.path) if picture is not None and records else None,
    }


def _sgd(parameters: Any, **options: Any) -> optim.SGD:
    return optim.SGD(parameters, momentum=0.9, **options)


def _curves(out: pathlib.Path, wanted: bool | None, log: TextIO) -> Curves | None:
    """Return the callback that draws, unless it is unwanted, or cannot be had and is optional."""
    if wanted is False:
        return None
    try:
        return Curves(out, "MNIST: convolutional network")
    except MissingExtra as error:
        if wanted:
            raise
        print(f"no curves: {error}", file=log, flush=True)
        return None
