"""MNIST: a convolutional network on the handwritten digits, with augmentation if wanted."""

from __future__ import annotations

import dataclasses
import pathlib
from collections.abc import Iterable
from typing import Any

import numpy as np

from rushlight import nn
from rushlight.arrays import Array
from rushlight.cli.mistake import Mistake
from rushlight.cli.recipes import digits, figures
from rushlight.cli.recipes.options import Options, option
from rushlight.cli.recipes.recipe import Data, Picture, Recipe, Run, TestPart
from rushlight.data import MNIST
from rushlight.data.augment import Augmented, ElasticTransform, RandomAffine, Warp
from rushlight.data.mnist import MEAN, STD
from rushlight.data.transforms import Normalize
from rushlight.errors import explain
from rushlight.random import Generator
from rushlight.train.activations import make_activation
from rushlight.train.feed import split
from rushlight.train.metrics import ConfusionMatrix, takes_classes
from rushlight.train.parts import make_loss

__all__ = ["Mnist", "MnistOptions", "build", "warp"]

# features of the convolutions between the poolings, and of the hidden layer
WIDTHS: dict[str, tuple[tuple[tuple[int, ...], ...], int]] = {
    "small": (((16,), (32,)), 64),
    "medium": (((16,), (32, 32), (64, 64)), 128),
    "large": (((32,), (64, 64), (128, 128)), 256),
}
EPOCHS = {"none": 6, "light": 10, "full": 15}
BLACK = -MEAN / STD  # what lies around a digit, after Normalize


@dataclasses.dataclass(kw_only=True)
class MnistOptions(Options):
    """Options of `rushlight train mnist`."""

    data: str | None = option(
        None, "Folder of the MNIST files.", metavar="FOLDER", note="RUSHLIGHT_DATA, cache, download"
    )
    augment: str = option(
        "none",
        "Change the training images at random in each epoch: light shifts, turns, scales and "
        "shears them, full distorts them elastically as well.",
        choices=("none", "light", "full"),
    )
    loss: str = "nll"
    metric: tuple[str, ...] = ("accuracy",)
    warmup: float = 0.5
    epochs: int | None = option(
        None, note="6, with --augment light 10, with full 15; with the bundled sample twice that"
    )
    patience: int = 8
    batch_size: int | None = option(None, note="64; with the bundled sample 32")
    dropout: float = 0.25


def build(options: MnistOptions) -> nn.Module:
    """Return the network: images (N, 1, 28, 28) -> log-probabilities (N, 10)."""
    blocks, hidden = WIDTHS[options.size]
    layers: list[nn.Module] = []
    before, side = 1, 28
    for widths in blocks:
        for width in widths:
            kernel = 5 if before == 1 else 3
            layers += [
                nn.Conv2d(before, width, kernel, padding=kernel // 2, bias=False),
                nn.BatchNorm2d(width),
                make_activation(options.activation),
            ]
            before = width
        layers.append(nn.MaxPool2d(2))
        side //= 2  # 28, 14, 7, 3
    return nn.Sequential(
        *layers,
        nn.Flatten(),
        nn.Linear(before * side * side, hidden, bias=False),
        nn.BatchNorm1d(hidden),
        make_activation(options.activation),
        nn.Dropout(options.dropout),
        nn.Linear(hidden, 10),
        nn.LogSoftmax(dim=1),
    )


def warp(how: str) -> Warp:
    """Return what `--augment light` or `full` does to the images."""
    affine = RandomAffine(10, translate=(0.08, 0.08), scale=(0.9, 1.1), shear=6)
    elastic = [ElasticTransform(alpha=22, sigma=4)] if how == "full" else []
    return Warp([affine, *elastic], fill=BLACK)


class Mnist(Recipe[MnistOptions]):
    """The recipe."""

    name = "mnist"
    title = "MNIST: convolutional network"
    Options = MnistOptions
    rates = {"adam": 2e-3, "adamw": 2e-3, "sgd": 0.05}  # noqa: RUF012 - read only
    monitor = "val_accuracy"
    _outputs: Array | None = None  # log-probabilities of the test images

    def check(self, options: MnistOptions) -> None:
        """Refuse losses that take no classes."""
        if not takes_classes(make_loss(options.loss)):
            expected = "a loss of classes: nll, cross_entropy, multi_margin"
            raise Mistake(explain("--loss", got=repr(options.loss), expected=expected))

    def load(self, options: MnistOptions) -> Data:
        """Return the digits; of the training images some are set aside for validation."""

        def part(train: bool) -> Any:
            return MNIST(options.data, train=train, transform=Normalize(MEAN, STD))

        every = part(True)
        held = 500 if every.source == "sample" else 5_000
        train: Any
        train, validation = split("mnist", every, held, Generator(options.seed).spawn(2))
        about = f"MNIST: {len(train):,} training images ({every.source}), {held:,} for validation"
        if options.augment != "none":
            train = Augmented(train, warp(options.augment), options.seed)
            about += f", augmentation {options.augment}"
        return Data(
            train=train,
            validation=validation,
            test=TestPart(lambda: part(False), check=lambda: part(False)),
            inputs=(1, 28, 28),
            outputs=(10,),
            about=about,
            facts={"data": every.source, "train_samples": len(train)},
        )

    def settle(self, options: MnistOptions, data: Data) -> None:
        """Train longer where the images change, and where there are few."""
        sample = data.facts["data"] == "sample"
        options.epochs = options.epochs or EPOCHS[options.augment] * (1 + sample)
        options.batch_size = options.batch_size or (32 if sample else 64)

    def build(
        self, options: MnistOptions, inputs: tuple[int, ...], outputs: tuple[int, ...]
    ) -> nn.Module:
        """Return the network."""
        return build(options)

    def test(self, run: Run[MnistOptions]) -> dict[str, float]:
        """Return the test figures; the confusion matrix goes beside them."""
        tested = run.data.test.open(final=True)
        self._outputs = run.trainer.predict(tested)
        metric = ConfusionMatrix()
        metric.reset()
        metric.update(self._outputs, tested.targets.numpy())
        run.data.facts["confusion_matrix"] = metric.compute().tolist()
        run.data.facts["classes"] = [str(digit) for digit in range(10)]
        return super().test(run)

    def pictures(self, run: Run[MnistOptions]) -> Iterable[Picture]:
        """Return augmented images, the worst mistakes and the filters."""
        if isinstance(run.data.train, Augmented):
            yield self._augmented(run.data.train)
        yield self._mistakes(run.data.test.open(final=True))
        first = next((m for m in run.trainer.model.modules() if isinstance(m, nn.Conv2d)), None)
        if first is not None:
            yield Picture(
                "filters",
                "First layer",
                f"The {len(first.weight)} filters of the first convolution, each on its own "
                "scale: orange weights are negative, violet ones positive.",
                figures.filters(first.weight.numpy(force=True)[:, 0]),
            )

    def _augmented(self, train: Augmented) -> Picture:
        epochs, rows = 8, 4
        shown = [np.asarray(train.dataset[row][0].numpy()) for row in range(rows)]
        table = [
            [shown[row], *(train.at_epoch(epoch)[row][0].numpy() for epoch in range(epochs - 1))]
            for row in range(rows)
        ]
        pixels = np.concatenate([np.concatenate(row) for row in table]) * STD + MEAN
        heads = ["original", *(f"epoch {epoch}" for epoch in range(1, epochs))]
        return Picture(
            "augmented",
            "Augmented images",
            "Training images, and what the net sees instead of them in its epochs.",
            figures.images(pixels, columns=epochs, heads=heads),
        )

    def _mistakes(self, tested: Any, most: int = 32) -> Picture:
        """Return the mistakes with the lowest probability of the label, the worst first."""
        assert self._outputs is not None
        labels = tested.targets.numpy()
        found = self._outputs.argmax(1)
        given = self._outputs[np.arange(len(labels)), labels]  # log-probability of the label
        wrong = np.flatnonzero(found != labels)
        worst = wrong[np.argsort(given[wrong], kind="stable")][:most]
        chance = np.exp(self._outputs[worst, found[worst]])
        texts = [
            f"{labels[i]} as {found[i]}, {int(100 * p)} %"
            for i, p in zip(worst, chance, strict=True)
        ]
        return Picture(
            "mistakes",
            "Worst mistakes",
            f"Of {len(wrong)} mistakes in {len(labels):,} test images those whose label the net "
            "held least likely: label, prediction, and the probability it gave to that.",
            figures.images(tested.data.numpy()[worst] / 255, texts),
        )

    def lines(self, result: dict[str, Any]) -> list[str]:
        """Return accuracy in percent and the other figures."""
        return [
            f"test {name.replace('_', ' ')} "
            + (f"{100 * value:.2f} %" if name == "accuracy" else f"{value:.4g}")
            for name, value in sorted(result["test"].items())
        ]

    # ---- a finished run

    def labelled(self, run: Run[MnistOptions], source: pathlib.Path) -> Any:
        """Return the digits of a folder of idx files."""
        return digits.labelled(source)

    def unlabelled(self, run: Run[MnistOptions], source: pathlib.Path) -> tuple[list[str], Array]:
        """Return the digits of an idx file, of images or of a .npy file."""
        return digits.unlabelled(source)

    def preparing(self, run: Run[MnistOptions]) -> str:
        """Return how bytes become what the net takes."""
        return (
            "The net takes images (batch, 1, 28, 28), light digits on dark, as\n"
            f"`(pixels / 255 - {MEAN}) / {STD}` in float32, and returns log-probabilities."
        )

    def predictions(self, run: Run[MnistOptions], output: Array) -> tuple[list[str], list[Any]]:
        """Return the digit held most likely, and the probability of each."""
        chances = np.exp(output)
        rows = zip(output.argmax(1).tolist(), chances.tolist(), strict=True)
        return ["digit", *(f"p{i}" for i in range(10))], [[digit, *row] for digit, row in rows]
