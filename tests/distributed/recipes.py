"""What several processes check of the recipes: gradients and figures are those of one process."""

from __future__ import annotations

import functools
import hashlib
import pathlib
import sys
from typing import Any

import numpy as np
import pytest
from tests.distributed.launch import by_first, collect, main

import rushlight as rl
from rushlight.cli.recipes.autoencoder import Autoencoding
from rushlight.cli.recipes.mnist import Mnist
from rushlight.cli.recipes.regression import Regression
from rushlight.cli.recipes.run import _along, _trainer, make_model, resolve
from rushlight.cli.recipes.tecator import TecatorRecipe
from rushlight.data import Dataset, Subset, mnist
from rushlight.train import EarlyStopping, Event

_digits = functools.cache(mnist._sample)

STEPS = 2  # whose gradients are compared


class Doubled(Dataset[Any]):
    """A data set in float64, whose batches are read whole where those of the one below are."""

    def __init__(self, data: Any) -> None:
        self.data = data

    def __len__(self) -> int:
        return len(self.data)

    def __getitem__(self, index: int) -> Any:
        return _double(self.data[index])

    def batch_reader(self) -> Any:
        read = self.data.batch_reader()
        return None if read is None else lambda index: _double(read(index))

    def at_epoch(self, epoch: int) -> Any:
        return Doubled(self.data.at_epoch(epoch))


def _double(parts: Any) -> Any:
    return [p.double() if rl.is_floating_point(p) else p for p in map(rl.as_tensor, parts)]


def _some(data: Any, count: int) -> Any:
    """Return the first samples of a data set or pair (X, y)."""
    if isinstance(data, tuple):
        return tuple(part[:count] for part in data)
    return Doubled(Subset(data, range(count)))


def _train(recipe: Any, given: dict[str, Any], count: int = 38, second: bool = False) -> Any:
    """Train as `rushlight train` does, in float64; return gradients, history and weights."""
    given = {"epochs": 2, "batch_size": 12, **given}
    options = resolve(recipe, given)
    rl.manual_seed(options.seed)
    with pytest.MonkeyPatch.context() as patch:  # the bundled sample, without asking the net
        patch.setattr(mnist, "_obtain", lambda root, train, download: (_digits(train), "sample"))
        data = recipe.load(options)
    recipe.settle(options, data)
    data.train, data.validation = _some(data.train, count), _some(data.validation, 10)
    if second:
        data.train = tuple(map(np.concatenate, zip(data.train, data.validation, strict=True)))
    model = make_model(recipe, options, data).double()
    gradients: list[Any] = []

    def note(**facts: Any) -> None:
        if len(gradients) < STEPS:
            named = model.named_parameters()
            gradients.append({name: p.grad.numpy().copy() for name, p in named})

    callbacks = [*_along(options), EarlyStopping(patience=options.patience)]
    callbacks += [*recipe.callbacks(options, data), (Event.GRADIENTS, note)]
    trainer = _trainer(
        recipe, options, data, model, callbacks, monitor="train_loss" if second else None
    )
    trainer.callbacks = [c for c in trainer.callbacks if type(c).__name__ != "ProgressBar"]
    history = trainer.fit(
        data.train,
        validation=None if second else data.validation,
        epochs=options.epochs,
        batch_size=options.batch_size,
    )
    records = [{k: v for k, v in record.items() if k != "seconds"} for record in history]
    return gradients, records, {k: v.numpy(force=True) for k, v in model.state_dict().items()}


def _same(joined: Any, recipe: Any, **given: Any) -> None:
    more = {name: given.pop(name) for name in ("count", "second") if name in given}
    found = _train(recipe, given, **more)
    expected = by_first(joined, lambda: _train(recipe, given, **more))
    assert len(found[0]) == len(expected[0]) == STEPS
    for number, (step, wanted) in enumerate(zip(found[0], expected[0], strict=True)):
        # Adam's first step divides each gradient by its size, and its rounding with it
        allowed = 1e-9 if number and given.get("optimizer") != "sgd" else 1e-12
        whole = max(np.abs(gradient).max() for gradient in wanted.values())
        for name, gradient in step.items():
            most = np.abs(wanted[name]).max()
            scale = whole if most < 1e-12 * whole else most  # of a bias before a batch norm: 0
            error = np.abs(gradient - wanted[name]).max() / scale
            assert error <= allowed, (given, number, name, error)
    assert len(found[1]) == len(expected[1])
    for record, wanted in zip(found[1], expected[1], strict=True):
        assert record == pytest.approx(wanted, rel=1e-9, abs=1e-9), given
    weights = hashlib.sha256(b"".join(array.tobytes() for array in found[2].values()))
    texts = joined.gather_objects((repr(found[1]), weights.hexdigest()))
    assert texts.count(texts[0]) == joined.size


def check_mnist(joined: Any) -> None:
    _same(joined, Mnist(), size="small")
    for size in ("medium", "large"):
        _same(joined, Mnist(), size=size, epochs=1, count=24, batch_size=10)


def check_mnist_augmented(joined: Any) -> None:
    for augment in ("light", "full"):
        _same(joined, Mnist(), size="small", augment=augment)


def check_mnist_options(joined: Any) -> None:
    small: dict[str, Any] = {"size": "small", "dropout": 0.6}
    by_epochs = {"schedule": "step:step_size=1"}
    _same(joined, Mnist(), **small, ema=0.9, clip_norm=0.1, warmup=1.0, weight_decay=1e-2)
    _same(joined, Mnist(), **small, switch=("2: optimizer=sgd lr=0.01",), activation="gelu")
    _same(joined, Mnist(), **small, loss="multi_margin", optimizer="sgd", **by_epochs)
    _same(joined, Mnist(), **small, optimizer="adamw", metric=("top2", "top3"), schedule="none")


def check_mnist_by_hand(joined: Any) -> None:
    _same(joined, Mnist(), size="small", api="classic")


def check_mnist_of_seven_samples(joined: Any) -> None:
    _same(joined, Mnist(), size="small", count=7, batch_size=5)  # with 4 ranks: 5, then 2


def check_tecator(joined: Any) -> None:
    for size in ("small", "medium", "large"):
        _same(joined, TecatorRecipe(), size=size, dropout=0.2)
    for preprocessing in ("none", "slope"):
        _same(joined, TecatorRecipe(), preprocessing=preprocessing, metric=("mae", "r2"))
    _same(joined, TecatorRecipe(), second=True, ema=0.9)  # the refit
    _same(joined, TecatorRecipe(), batch_size=33, count=107, dropout=0.5, clip_norm=0.05)


def check_autoencoder(joined: Any) -> None:
    _same(joined, Autoencoding(), size="small", noise=0.3, dropout=0.3)
    short = {"epochs": 1, "count": 12, "batch_size": 6}
    _same(joined, Autoencoding(), size="medium", noise=0.3, dropout=0.3, **short)
    _same(joined, Autoencoding(), size="large", up="upsample", latent=5, **short)


def check_autoencoder_options(joined: Any) -> None:
    small: dict[str, Any] = {"size": "small", "noise": 0.2, "dropout": 0.1}
    _same(joined, Autoencoding(), **small, loss="bce", up="upsample", metric=("ssim", "psnr"))
    _same(joined, Autoencoding(), **small, loss="mse", ema=0.8, clip_norm=0.1, optimizer="sgd")
    _same(joined, Autoencoding(), **small, api="classic", loss="huber")


def check_regression(joined: Any) -> None:
    path = pathlib.Path(sys.argv[1], "table.csv")
    if joined.first:
        numbers = np.random.default_rng(0).normal(size=(90, 5))
        lines = [",".join(map(str, [*row, row[0] - row[1], row[2]])) for row in numbers.tolist()]
        path.write_text("\n".join(["a,b,c,d,e,y,z", *lines]))
    joined.barrier()
    _same(joined, Regression(), csv=str(path), targets="y,z", dropout=0.3)


CHECKS = collect(globals())

if __name__ == "__main__":
    main(CHECKS)
