"""Autoencoder: images to a short code and back, on MNIST or on a folder of images."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterable
from typing import Any

import numpy as np

from rushlight import nn
from rushlight.arrays import Array
from rushlight.autograd import no_grad
from rushlight.cli.mistake import Mistake
from rushlight.cli.recipes import autoencoder_data as images
from rushlight.cli.recipes.autoencoder_net import Autoencoder
from rushlight.cli.recipes.options import Options, option
from rushlight.cli.recipes.recipe import Data, Picture, Recipe, Run, TestPart
from rushlight.errors import explain
from rushlight.functional import sigmoid
from rushlight.random import Generator
from rushlight.tensor import from_numpy
from rushlight.train.metrics import MSE, PSNR, SSIM, Metric, make_metrics, takes_classes
from rushlight.train.trainer import evaluating

__all__ = ["Autoencoding", "AutoencoderOptions", "through"]

LOGITS = "bce_with_logits"
STEPS = 2_500  # where few images make short epochs


@dataclasses.dataclass(kw_only=True)
class AutoencoderOptions(Options):
    """Options of `rushlight train autoencoder`."""

    data: str | None = option(
        None,
        "Folder of images (PNG, JPEG, ..., .npy), or of the MNIST files.",
        metavar="FOLDER",
        note="MNIST: RUSHLIGHT_DATA, cache, download",
    )
    image_size: int | None = option(
        None,
        "Side to which images of a folder are scaled and cropped.",
        least=8,
        metavar="PIXELS",
        note="their own, if all have one up to 64; else 64",
    )
    channels: str = option(
        "auto",
        "Whether images of a folder keep their colours: auto, if any has some.",
        choices=("auto", "grey", "rgb"),
    )
    latent: int = option(32, "Numbers in a code.", least=1)
    up: str = option(
        "transposed",
        "The way back: transposed convolutions, or nearest pixels and convolutions.",
        choices=("transposed", "upsample"),
    )
    noise: float = option(
        0.0, "Standard deviation of noise to be removed; pixels lie in [0, 1].", metavar="STD"
    )
    activation: str = "silu"
    loss: str = option(LOGITS, "Loss: bce_with_logits, bce, mse, mae, huber, ...")
    metric: list[str] = option(["mse"])
    warmup: float = 0.25
    epochs: int | None = option(None, note="10; with fewer images as many as make 2,500 steps")
    patience: int = 10
    dropout: float = 0.02
    batch_size: int | None = option(None, note="64; with few images 32 or 16")

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 0 <= self.noise < math.inf:
            raise Mistake(explain("--noise", got=repr(self.noise), expected="a number >= 0"))


class Autoencoding(Recipe[AutoencoderOptions]):
    """The recipe."""

    name = "autoencoder"
    title = "Autoencoder"
    Options = AutoencoderOptions
    rates = {"adam": 4e-3, "adamw": 4e-3, "sgd": 0.5}  # noqa: RUF012 - read only
    monitor = "val_mse"

    def load(self, options: AutoencoderOptions) -> Data:
        """Return the images in three parts; MNIST has a test part of its own."""
        random = Generator(options.seed).spawn(*b"autoencoder")
        if options.data is None or images.holds_mnist(options.data):
            return _mnist(options, random)
        whole, about = images.own_images(options.data, options.image_size, options.channels)
        count = round(len(whole) * images.PART)
        parts = images.split(whole, count, count, options.noise, random)
        return _data(parts[0], parts[1], TestPart(lambda: parts[2]), about, options.data)

    def settle(self, options: AutoencoderOptions, data: Data) -> None:
        """Train longer, in smaller batches, where there are few images."""
        count = len(data.train)
        options.batch_size = options.batch_size or (
            64 if count > 2000 else 32 if count > 500 else 16
        )
        longer = min(100, round(STEPS * options.batch_size / count))
        options.epochs = options.epochs or max(10, longer)
        data.facts["latent"] = options.latent

    def build(
        self, options: AutoencoderOptions, inputs: tuple[int, ...], outputs: tuple[int, ...]
    ) -> nn.Module:
        """Return the net."""
        channels, height, width = inputs
        return Autoencoder(
            (channels, height, width),
            options.latent,
            size=options.size,
            activation=options.activation,
            dropout=options.dropout,
            up=options.up,
            noise=options.noise,
            logits=options.loss == LOGITS,
        )

    def make_metrics(self, options: AutoencoderOptions, data: Data, loss: Any) -> list[Any]:
        """Return the metrics, of images even where the net gives logits."""
        if takes_classes(loss):
            expected = "one that compares images: bce_with_logits, bce, mse, mae, huber, ..."
            raise Mistake(explain("--loss", got=repr(options.loss), expected=expected))
        made = make_metrics(self.metrics(options, data), None)
        made = [_ssim(data.inputs) if isinstance(each, SSIM) else each for each in made]
        return [_OfLogits(each) for each in made] if options.loss == LOGITS else made

    def test(self, run: Run[AutoencoderOptions]) -> dict[str, float]:
        """Return loss, MSE, PSNR and SSIM, and the MSE of PCA with as many numbers in a code."""
        part = run.data.test.open(final=True)
        run.data.facts["test_samples"] = len(part)
        figures = super().test(run)
        given, wanted = part.given(), part.clean()
        found = through(run, given)[1]
        for metric in (MSE(), PSNR(), _ssim(run.data.inputs)):
            metric.reset()
            metric.update(found, wanted)
            figures[metric.name] = float(metric.compute())
        pca = images.pca_error(run.data.train.clean(), given, wanted, run.options.latent)
        figures["pca_mse"] = float(pca.mean())
        figures["mse_to_pca"] = figures["mse"] / figures["pca_mse"]
        return figures

    def pictures(self, run: Run[AutoencoderOptions]) -> Iterable[Picture]:
        """Return the pictures."""
        from rushlight.cli.recipes.autoencoder_pictures import Shown, draw

        part = run.data.test.open(final=True)
        given, clean = part.given(), part.clean()
        codes, found = through(run, given)
        random = Generator(run.options.seed).spawn(*b"samples")
        yield from draw(
            Shown(
                clean=clean,
                given=given,
                noisy=run.options.noise > 0,
                found=found,
                codes=codes,
                samples=decoded(run, drawn_like(codes, 60, random)),
                pca=images.pca_error(run.data.train.clean(), given, clean, run.options.latent),
                labels=part.labels,
                classes=part.classes,
                ink=part.ink,
            )
        )

    def lines(self, result: dict[str, Any]) -> list[str]:
        """Return the figures in two lines."""
        test = result["test"]
        return [
            f"test MSE {test['mse']:.5f}  PSNR {test['psnr']:.2f} dB  SSIM {test['ssim']:.4f}  "
            f"loss {test['loss']:.4f}  ({result['test_samples']:,} images)",
            f"PCA with {result['latent']} components: test MSE {test['pca_mse']:.5f}; "
            f"the net's is {test['mse_to_pca']:.2f} of it",
        ]


# ---- the data


def _mnist(options: AutoencoderOptions, random: Generator) -> Data:
    for name, value, default in (
        ("--image-size", options.image_size, None),
        ("--channels", options.channels, "auto"),
    ):
        if value != default:
            expected = "none with MNIST, whose images are 28 x 28 and grey"
            fix = "--data FOLDER names images of your own"
            raise Mistake(explain(name, got=repr(value), expected=expected, fix=fix))
    whole, source = images.digits(options.data, train=True)
    held = 500 if source == "sample" else 5_000
    train, validation, _ = images.split(whole, held, 0, options.noise, random)

    def load() -> Any:
        tested, _ = images.digits(options.data, train=False)
        return tested.part(np.arange(len(tested)), options.noise, random.spawn(3))

    test = TestPart(load, check=lambda: images.digits(options.data, train=False))
    return _data(train, validation, test, f"MNIST: {len(whole):,} images ({source})", source)


def _data(train: Any, validation: Any, test: TestPart, about: str, source: str) -> Data:
    shape = train.pixels.shape[1:]
    parts = f"{len(train):,} to train on, {len(validation):,} to validate"
    facts = {"data": source, "train_samples": len(train), "validation_samples": len(validation)}
    return Data(train, validation, test, shape, shape, f"{about}: {parts}", facts)


# ---- the net, applied


def through(run: Run[AutoencoderOptions], given: Array) -> tuple[Array, Array]:
    """Return the codes (N, latent) of images and what becomes of them, (N, C, H, W) in [0, 1].

    Args:
        run: the run.
        given: the images, float32.
    """
    codes = _apply(run.trainer.model.encoder, given)
    return codes, decoded(run, codes)


def decoded(run: Run[AutoencoderOptions], codes: Array) -> Array:
    """Return the images (N, C, H, W), in [0, 1], that codes stand for.

    Args:
        run: the run.
        codes: float32 (N, latent).
    """
    found = _apply(run.trainer.model.decoder, codes)
    return sigmoid(from_numpy(found)).numpy() if run.options.loss == LOGITS else found


def _apply(module: Any, rows: Array, batch: int = 256) -> Array:
    with evaluating(module), no_grad():
        parts = [module(from_numpy(rows[i : i + batch])) for i in range(0, len(rows), batch)]
    return np.concatenate([part.numpy() for part in parts])


def drawn_like(codes: Array, count: int, generator: Generator) -> Array:
    """Return draws from the normal distribution that has mean and covariance of the codes.

    Args:
        codes: float32 (N, latent).
        count: how many.
        generator: where they come from.
    """
    mean = codes.mean(axis=0, dtype=np.float64)
    around = (codes - mean) / math.sqrt(max(len(codes) - 1, 1))
    # weights of the codes that are independent and normal: their sums have the codes' covariance
    return (mean + generator.normal((count, len(codes))) @ around).astype(codes.dtype)


# ---- metrics


def _ssim(shape: tuple[int, ...]) -> SSIM:
    """Return SSIM with a window that lies in the image."""
    side = min(11, *shape[1:])
    return SSIM(window=side - 1 + side % 2)


class _OfLogits(Metric):
    """A metric of images, where the net gives logits."""

    def __init__(self, metric: Any) -> None:
        self.metric, self.name = metric, metric.name
        self.higher_is_better = metric.higher_is_better

    @property
    def columns(self) -> tuple[str, ...]:
        """The names of the columns in the history."""
        return self.metric.columns

    def reset(self) -> None:
        """Forget all batches."""
        self.metric.reset()

    def update(self, output: Array, target: Array) -> None:
        """Take in one batch."""
        self.metric.update(sigmoid(from_numpy(output)).numpy(), target)

    def compute(self) -> Any:
        """Return the value of the metric."""
        return self.metric.compute()
