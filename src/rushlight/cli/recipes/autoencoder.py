"""Autoencoder: images to a short code and back, on MNIST or on a folder of images."""

from __future__ import annotations

import dataclasses
import math
import pathlib
from collections.abc import Iterable
from typing import Any

import numpy as np

from rushlight import nn
from rushlight.arrays import Array
from rushlight.autograd import no_grad
from rushlight.cli.mistake import Mistake
from rushlight.cli.recipes.autoencoder_data import (
    PART,
    Pixels,
    digits,
    holds_mnist,
    own_images,
    pca_error,
    split,
)
from rushlight.cli.recipes.autoencoder_net import Autoencoder
from rushlight.cli.recipes.images import Images, read_images, tell_skipped, write_all
from rushlight.cli.recipes.options import Options, option
from rushlight.cli.recipes.recipe import Data, Picture, Recipe, Run, TestPart
from rushlight.cli.recipes.table import write_table
from rushlight.cli.recipes.units import Around
from rushlight.errors import explain
from rushlight.functional import sigmoid
from rushlight.io import atomic_write
from rushlight.kernels.products import matmul
from rushlight.nn.evaluating import evaluating
from rushlight.random import Generator
from rushlight.tensor import from_numpy
from rushlight.train.metrics import MSE, PSNR, SSIM, make_metrics
from rushlight.train.names import pieces
from rushlight.train.parts import make_loss

__all__ = ["AutoencoderOptions", "Autoencoding", "through"]

LOSSES = (
    *(nn.BCEWithLogitsLoss, nn.BCELoss, nn.MSELoss),
    *(nn.L1Loss, nn.HuberLoss, nn.SmoothL1Loss),
)
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
    loss: str = option("bce_with_logits", "Loss: bce_with_logits, bce, mse, mae, huber, smooth_l1.")
    metric: tuple[str, ...] = ("mse",)
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
    _pca: Array  # the MSE of each test image through PCA

    def check(self, options: AutoencoderOptions) -> None:
        """Refuse losses that do not compare images, and switches to such."""
        _check_loss("--loss", options.loss, LOSSES)
        _check_switches(options)

    def heading(self, options: AutoencoderOptions) -> str:
        """Return what it is trained on, and for what."""
        kind = "Denoising autoencoder" if options.noise else "Autoencoder"
        own = options.data is not None and not holds_mnist(options.data)
        return f"{kind}: {f'images of {options.data}' if own else 'MNIST'}"

    def load(self, options: AutoencoderOptions) -> Data:
        """Return the images in three parts; MNIST has a test part of its own."""
        random = Generator(options.seed).spawn(*b"autoencoder")
        if options.data is None or holds_mnist(options.data):
            return _mnist(options, random)
        whole, about = own_images(options.data, options.image_size, options.channels)
        count = round(len(whole) * PART)
        parts = split(whole, count, count, options.noise, random)
        found = _data(parts[0], parts[1], TestPart(lambda: parts[2]), about, options.data)
        return dataclasses.replace(found, about=f"{found.about}, {count:,} to test")

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
            logits=_gives_logits(options),
        )

    def make_metrics(self, options: AutoencoderOptions, data: Data, loss: Any) -> list[Any]:
        """Return the metrics, of images even where the net gives logits."""
        made = make_metrics(self.metrics(options, data), None)
        made = [_ssim(data.inputs) if isinstance(each, SSIM) else each for each in made]
        return [_OfLogits(each) for each in made] if _gives_logits(options) else made

    def test(self, run: Run[AutoencoderOptions]) -> dict[str, float]:
        """Return the figures, and the MSE of PCA with as many numbers in a code."""
        part = run.data.test.open(final=True)
        run.data.facts["test_samples"] = len(part)
        figures = self.figures(run, part)
        train = self.load(run.options).train if run.data.train is None else run.data.train
        components = run.options.latent
        self._pca = pca_error(train.clean(), part.given(), part.clean(), components)
        figures["pca_mse"] = float(self._pca.mean())
        figures["mse_to_pca"] = figures["mse"] / figures["pca_mse"]
        return figures

    def figures(self, run: Run[AutoencoderOptions], data: Pixels) -> dict[str, float]:
        """Return loss, MSE, PSNR and SSIM, and the metrics that were asked for."""
        figures = super().figures(run, data)
        found, wanted = through(run, data.given())[1], data.clean()
        for metric in (MSE(), PSNR(), _ssim(run.data.inputs)):
            metric.reset()
            metric.update(found, wanted)
            figures[metric.name] = float(metric.compute())
        return figures

    def pictures(self, run: Run[AutoencoderOptions]) -> Iterable[Picture]:
        """Return the pictures."""
        from rushlight.cli.recipes.autoencoder_pictures import Shown, draw

        part = run.data.test.open(final=True)
        given = part.given()
        codes, found = through(run, given)
        random = Generator(run.options.seed).spawn(*b"samples")
        yield from draw(
            Shown(
                clean=part.clean(),
                given=given,
                noisy=run.options.noise > 0,
                found=found,
                codes=codes,
                samples=decoded(run, drawn_like(codes, 60, random)),
                pca=self._pca,
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

    # ---- a finished run, applied to other images

    def labelled(self, run: Run[AutoencoderOptions], source: pathlib.Path) -> Any:
        """Return images as `--data` takes them, with noise if the net is to remove some."""
        random = Generator(run.options.seed).spawn(*b"evaluate")
        if holds_mnist(str(source)):
            found = digits(str(source), train=False)[0]
            _check_shape(source, found.pixels.shape[1:], run.data.inputs)
        else:
            found = Pixels(self._read(run, source).pixels)
        return found.part(np.arange(len(found)), run.options.noise, random)

    def predict(
        self, run: Run[AutoencoderOptions], source: pathlib.Path, out: pathlib.Path | None
    ) -> str:
        """Take images through the net as they are; return what to print.

        Args:
            run: the finished run.
            source: image, .npy or folder.
            out: .npy: the reconstructions (N, C, H, W); .csv or None: a table of the errors and
                codes; else a folder: a PNG of each image and codes.npy.
        """
        read = self._read(run, source)
        given = Pixels(read.pixels).clean()
        codes, found = through(run, given)
        errors = np.square(found - given).reshape(len(given), -1).mean(1)
        if out is None or out.suffix == ".csv":
            names = ["sample", "mse", *(f"code_{i}" for i in range(1, codes.shape[1] + 1))]
            each = zip(read.names, errors.tolist(), codes.tolist(), strict=True)
            text = write_table(out, names, [[name, error, *code] for name, error, code in each])
            return text if out is None else f"{len(codes):,} codes  {out}"
        if out.suffix == ".npy":
            _save(out, found)
            return f"{len(found):,} images {found.shape[1:]}  {out}"
        write_all(out, read.names, found)
        _save(out / "codes.npy", codes)
        return f"{len(found):,} images and codes.npy  {out}"

    def _read(self, run: Run[AutoencoderOptions], source: pathlib.Path) -> Images:
        channels, height, width = run.data.inputs
        found = read_images(source, (height, width), channels)
        tell_skipped(source, found)
        return found


def _check_shape(source: pathlib.Path, shape: tuple[int, ...], wanted: tuple[int, ...]) -> None:
    if shape != wanted:
        got = f"the digits of MNIST, {shape}"
        expected = f"images {wanted}, as the net was trained on"
        raise Mistake(explain(str(source), got=got, expected=expected))


def _save(path: pathlib.Path, array: Array) -> None:
    with atomic_write(path) as file:
        np.save(file, array)


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
    whole, source = digits(options.data, train=True)
    held = 500 if source == "sample" else 5_000
    train, validation, _ = split(whole, held, 0, options.noise, random)

    def load() -> Any:
        tested, _ = digits(options.data, train=False)
        return tested.part(np.arange(len(tested)), options.noise, random.spawn(3))

    test = TestPart(load, check=lambda: digits(options.data, train=False))
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
    return sigmoid(from_numpy(found)).numpy() if _gives_logits(run.options) else found


def _gives_logits(options: AutoencoderOptions) -> bool:
    return isinstance(make_loss(options.loss), nn.BCEWithLogitsLoss)


def _check_loss(where: str, given: str, known: tuple[type[nn.Module], ...]) -> None:
    if not isinstance(make_loss(given), known):
        names = ("bce_with_logits, " if known is LOSSES else "") + "bce, mse, mae, huber, smooth_l1"
        expected = f"a loss that compares images: {names}"
        raise Mistake(explain(where, got=repr(given), expected=expected))


def _check_switches(options: AutoencoderOptions) -> None:
    """Refuse a switch to what would take logits for images, or images for logits."""
    for text in options.switch:
        for piece in pieces("switch", text.partition(":")[2], " "):
            part, _, value = piece.partition("=")
            if part not in ("loss", "metric", "metrics"):
                continue
            if _gives_logits(options):
                expected = "a net whose outputs are images"
                fix = "begin with --loss bce: it is the same loss, behind a sigmoid"
                got = f"{piece!r} for a net that gives logits"
                raise Mistake(explain("--switch", got=got, expected=expected, fix=fix))
            if part == "loss":
                _check_loss("--switch loss", value, LOSSES[1:])


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
    drawn = matmul(generator.normal((count, len(codes))), around)
    return (mean + drawn).astype(codes.dtype)


# ---- metrics


def _ssim(shape: tuple[int, ...]) -> SSIM:
    """Return SSIM with a window that lies in the image."""
    side = min(11, *shape[1:])
    return SSIM(window=side - 1 + side % 2)


class _OfLogits(Around):
    """A metric of images, where the net gives logits."""

    def update(self, output: Array, target: Array) -> None:
        """Take in one batch."""
        self.metric.update(sigmoid(from_numpy(output)).numpy(), target)
