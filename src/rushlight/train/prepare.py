"""Before the loop: the callbacks of a Trainer, and the data of a fit brought to loaders."""

from __future__ import annotations

import contextlib
import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from rushlight import nn
from rushlight.data import DataLoader, IterableDataset
from rushlight.errors import MissingExtra, explain
from rushlight.train import feed
from rushlight.train.callbacks import Checkpoint, HistoryLog
from rushlight.train.callbacks.events import listed
from rushlight.train.curves import Curves
from rushlight.train.guard import Interrupt
from rushlight.train.parts import target_kind
from rushlight.train.progress import ProgressBar
from rushlight.train.resuming.generators import Generators
from rushlight.train.resuming.source import Source
from rushlight.train.targets import one_class
from rushlight.train.weights import Weights, class_table

if TYPE_CHECKING:
    from rushlight.train.trainer import Trainer

__all__ = ["Data", "make_callbacks", "prepare"]

_BATCH_NORMS = (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d)


@dataclass
class Data:
    """What a fit trains on and validates with.

    Attributes:
        source: the training data.
        held_out: the loader of the validation data, or None.
        batches: the batches of an epoch, None where that is unknown.
        weights, held_weights: where the weights of each come from, or None.
        generators: the random generators of the run.
        facts: what of it must be the same in a run that is resumed.
        own: whether the loader of the training data was made here.
    """

    source: Source
    held_out: DataLoader | None
    batches: int | None
    weights: Weights | None
    held_weights: Weights | None
    generators: Generators
    facts: dict[str, Any]
    own: bool
    told: bool = False

    def begin(self, done: int) -> None:
        """Let the first epoch be the one after so many; a loader of the user's counts itself."""
        if self.own:
            self.source.begin(done)

    def only_epochs(self) -> None:
        """Say, once, that no checkpoint can be written within an epoch."""
        if not self.told:
            self.told = True
            warnings.warn(
                "checkpoints are written at the ends of epochs only: a metric holds what cannot be "
                "written (define its state_dict and load_state_dict)",
                stacklevel=5,
            )


def prepare(
    trainer: Trainer,
    train: Any,
    y: Any,
    validation: Any,
    batch_size: int | None,
    shuffle: bool,
    weight: Any,
    class_weight: Any,
) -> Data:
    """Check the data that `fit` was given and return it in the form of the loop."""
    if isinstance(train, DataLoader) and batch_size not in (None, train.batch_size):
        raise ValueError(
            explain(
                "fit",
                got=f"batch_size={batch_size} with a DataLoader",
                expected=f"none, for the loader has its own ({train.batch_size})",
            )
        )
    kind, dtype = target_kind(trainer.loss), trainer._dtype()
    data = feed.as_dataset("fit", train, y, dtype, kind, weight)
    last = held_last = weight is not None
    table = class_table("fit", class_weight, data, last, dtype)
    if isinstance(validation, float | int | np.number) and not isinstance(validation, bool):
        data, validation = feed.split("fit", data, validation, trainer._seeds.splitter())
    elif validation is not None:
        validation, held_last = _validation(trainer, validation, weight)
    weights, held_weights = trainer._weigh(last, table), trainer._weigh(held_last, table)
    least = 2 if any(isinstance(m, _BATCH_NORMS) for m in trainer.model.modules()) else 1
    loader = feed.loader(
        "fit", data, batch_size, shuffle=shuffle, generator=trainer._seeds.order(), least=least
    )
    held_out = None
    if validation is not None:
        held_out = feed.loader("fit: validation", validation, batch_size or 64)
        one_class(held_out.dataset, trainer.loss, held_last)
        _try_out(trainer, held_out, held_weights)
    own = {"train": loader, "validation": held_out, "model": trainer.model, "loss": trainer.loss}
    return Data(
        Source(loader),
        held_out,
        feed.length(loader),
        weights,
        held_weights,
        Generators(own | {"metrics": trainer.metrics}),
        {
            "samples": feed.length(loader.dataset),
            "batch_size": loader.batch_size,
            "batches": feed.length(loader),
            "sampler": type(loader.sampler).__qualname__,
            "validation_samples": None if held_out is None else feed.length(held_out.dataset),
            "validation_batch_size": None if held_out is None else held_out.batch_size,
            "sample_weight": last,
            "class_weight": None if table is None else table.tolist(),
        },
        own=loader is not data,
    )


def _validation(trainer: Trainer, given: Any, weight: Any) -> tuple[Any, bool]:
    """Return the data that was given for validation, and whether it has weights."""
    own = None
    if isinstance(given, tuple) and len(given) == 3:
        *given, own = given
        given = tuple(given)
    elif weight is True and not isinstance(given, tuple):
        own = True
    where, kind = "fit: validation", target_kind(trainer.loss)
    return feed.as_dataset(where, given, None, trainer._dtype(), kind, own), own is not None


def _try_out(trainer: Trainer, source: DataLoader, weights: Weights | None) -> None:
    """Run the first batch of the validation data, so that it does not fail after an epoch."""
    if isinstance(source.dataset, IterableDataset) or source.batch_size is None:
        return
    trial = DataLoader(source.dataset, source.batch_size, collate_fn=source.collate_fn)
    batch = [next(iter(trial))]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of a metric to which one batch is too little
        trainer._evaluate("fit: validation", batch, Interrupt(), weights)


def make_callbacks(given: Any, out: Any, progress: str) -> list[Any]:
    """Return the callbacks that were given and, behind them, those for `out` and progress."""
    made = listed(given)
    if progress not in ("auto", "bar", "lines", "none"):
        expected = "'auto', 'bar', 'lines' or 'none'"
        raise ValueError(explain("progress", got=repr(progress), expected=expected))
    if out is not None:
        for kind in (Checkpoint, HistoryLog, Curves):
            if not any(isinstance(callback, kind) for callback in made):
                with contextlib.suppress(MissingExtra):  # curves were not asked for by name
                    made.append(kind(out))
    if progress != "none" and not any(isinstance(c, ProgressBar) for c in made):
        made.append(ProgressBar(progress))
    return made
