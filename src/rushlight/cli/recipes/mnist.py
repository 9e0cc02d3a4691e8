"""MNIST: a convolutional network on the handwritten digits."""

from __future__ import annotations

import dataclasses
from typing import Any

from rushlight import nn
from rushlight.cli.recipes.options import Options, option
from rushlight.cli.recipes.recipe import Data, Recipe, TestPart
from rushlight.data import MNIST
from rushlight.data.mnist import MEAN, STD
from rushlight.data.transforms import Normalize
from rushlight.train.activations import make_activation

__all__ = ["Mnist", "MnistOptions", "build"]

WIDTHS = {"small": (8, 16, 64), "medium": (16, 32, 128), "large": (32, 64, 256)}


@dataclasses.dataclass(kw_only=True)
class MnistOptions(Options):
    """Options of `rushlight train mnist`."""

    data: str | None = option(
        None, "Folder of the MNIST files.", metavar="FOLDER", note="RUSHLIGHT_DATA, cache, download"
    )
    loss: str = "nll"
    metric: tuple[str, ...] = ("accuracy",)
    warmup: float = 0.25
    epochs: int | None = option(None, note="3; with the bundled sample 8")
    patience: int = 3
    batch_size: int | None = option(None, note="64; with the bundled sample 32")
    dropout: float = 0.25


def build(options: MnistOptions) -> nn.Module:
    """Return the network: images (N, 1, 28, 28) -> log-probabilities (N, 10)."""
    first, second, hidden = WIDTHS[options.size]
    return nn.Sequential(
        nn.Conv2d(1, first, 3, padding=1),
        make_activation(options.activation),
        nn.MaxPool2d(2),  # (N, first, 14, 14)
        nn.Conv2d(first, second, 3, padding=1),
        make_activation(options.activation),
        nn.MaxPool2d(2),  # (N, second, 7, 7)
        nn.Flatten(),
        nn.Linear(second * 7 * 7, hidden),
        make_activation(options.activation),
        nn.Dropout(options.dropout),
        nn.Linear(hidden, 10),
        nn.LogSoftmax(dim=1),
    )


class Mnist(Recipe[MnistOptions]):
    """The recipe."""

    name = "mnist"
    title = "MNIST: convolutional network"
    Options = MnistOptions
    rates = {"adam": 2e-3, "adamw": 2e-3, "sgd": 0.05}  # noqa: RUF012 - read only
    monitor = "val_accuracy"

    def load(self, options: MnistOptions) -> Data:
        """Return the digits; of the training images some are set aside for validation."""

        def digits(train: bool) -> Any:
            return MNIST(options.data, train=train, transform=Normalize(MEAN, STD))

        train = digits(True)
        return Data(
            train=train,
            validation=500 if train.source == "sample" else 5_000,
            test=TestPart(lambda: digits(False), check=lambda: digits(False)),
            inputs=(1, 28, 28),
            outputs=(10,),
            about=f"MNIST: {len(train):,} training images ({train.source})",
            facts={"data": train.source, "train_samples": len(train)},
        )

    def settle(self, options: MnistOptions, data: Data) -> None:
        """Train longer where there are few images."""
        sample = data.facts["data"] == "sample"
        options.epochs = options.epochs or (8 if sample else 3)
        options.batch_size = options.batch_size or (32 if sample else 64)

    def build(
        self, options: MnistOptions, inputs: tuple[int, ...], outputs: tuple[int, ...]
    ) -> nn.Module:
        """Return the network."""
        return build(options)

    def lines(self, result: dict[str, Any]) -> list[str]:
        """Return accuracy in percent and the loss."""
        shown = [f"test {name} {value:.4g}" for name, value in result["test"].items()]
        if "accuracy" in result["test"]:
            shown.insert(0, f"test accuracy {100 * result['test']['accuracy']:.2f} %")
        return shown
