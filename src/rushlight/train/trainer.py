"""Trainer: the training loop, and the only one."""

from __future__ import annotations

import contextlib
import copy
import math
import os
import time
import warnings
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np

from rushlight import nn
from rushlight.autograd import no_grad
from rushlight.data import DataLoader, IterableDataset
from rushlight.errors import MissingExtra, explain
from rushlight.random import Generator, default_generator
from rushlight.tensor import Tensor
from rushlight.train import feed
from rushlight.train.callbacks import Best, Checkpoint, Event, HistoryLog, KeepBest
from rushlight.train.callbacks.events import dispatch, listed
from rushlight.train.curves import Curves
from rushlight.train.guard import Interrupt
from rushlight.train.history import History, Record
from rushlight.train.meter import Meter
from rushlight.train.metrics import column_names, make_metrics, metric_name
from rushlight.train.parts import is_number, kind_of, make_loss, make_optimizer, target_kind
from rushlight.train.progress import ProgressBar
from rushlight.train.schedule import Rates
from rushlight.train.weights import WeightedLoss, Weights, class_table

__all__ = ["Trainer"]

_BATCH_NORMS = (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d)


class Trainer:
    """Fits a model to data, and evaluates and applies it.

    Args:
        model: the Module. After `fit` it is in evaluation mode.
        loss: 'cross_entropy', 'nll', 'bce', 'bce_with_logits', 'mse', 'mae' (or 'l1'),
            'smooth_l1', 'huber', a loss module, or a function (output, target) -> scalar Tensor,
            the mean of a batch.
        optimizer: 'adam' (default), 'sgd' or another optimizer's name, an optimizer, its class,
            or a function parameters -> optimizer.
        lr: learning rate (default None: that of the optimizer).
        metrics: names ('accuracy', 'top5', 'confusion_matrix', 'precision', 'recall', 'f1',
            'roc_auc', 'mse', 'rmse', 'mae', 'r2', 'psnr', 'ssim'), Metric objects or functions
            (output, target) -> mean of a batch, given arrays. Default 'auto': accuracy for
            losses of classification, nothing for others.
        scheduler: 'cosine' or 'linear' (from the learning rate down to 0 over all steps), a
            scheduler, or a function optimizer -> scheduler (default None).
        scheduler_step: when a scheduler object steps: each 'epoch' (default) or 'batch'.
        warmup: epochs (may be a fraction) over which the rate rises linearly, on top of any
            scheduler (default 0).
        clip_norm: gradients of a larger total norm are scaled down to it (default None).
        monitor: the column of the history by which the best epoch is chosen. Default 'auto': that
            of the first callback that names one, else 'val_loss' ('train_loss' where there is no
            validation data).
        restore_best: with validation data, put the weights of the best epoch back when training
            ends (default True).
        callbacks: Callbacks, or pairs (Event, function), called in this order.
        seed: an int; it decides split, order and random layers of each epoch, whatever was drawn
            before (the default generator is reseeded at each epoch). Default None: the default
            generator, see `manual_seed`.
        out: folder for best.safetensors, last.safetensors, history.json, history.csv and, where
            matplotlib is installed, curves.png (default None: nothing is written).
        progress: 'auto' (default), 'bar', 'lines' or 'none'; see ProgressBar.

    Attributes:
        history: the History of all epochs so far; a second `fit` goes on.
        optimizer: the optimizer.
        stopped: why training ended early, or None.

    Raises:
        ValueError: an unknown name (the known ones are listed) or a number out of range.
        MissingExtra: something asked for needs a package that is not installed.

    Example:
        >>> import rushlight as rl
        >>> _ = rl.manual_seed(0)
        >>> x = np.random.default_rng(0).normal(size=(200, 2))
        >>> y = (x[:, 0] > x[:, 1]).astype(int)
        >>> model = rl.nn.Sequential(rl.nn.Linear(2, 16), rl.nn.ReLU(), rl.nn.Linear(16, 2))
        >>> trainer = Trainer(model, "cross_entropy", lr=0.02, seed=0, progress="none")
        >>> history = trainer.fit(x, y, validation=0.2, epochs=10, batch_size=20)
        >>> len(history), history[-1]["val_accuracy"] > 0.9
        (10, True)
        >>> trainer.predict(x[:5]).shape
        (5, 2)
    """

    def __init__(
        self,
        model: nn.Module,
        loss: Any,
        optimizer: Any = "adam",
        *,
        lr: float | None = None,
        metrics: Any = "auto",
        scheduler: Any = None,
        scheduler_step: str = "epoch",
        warmup: float = 0.0,
        clip_norm: float | None = None,
        monitor: str = "auto",
        restore_best: bool = True,
        callbacks: Iterable[Any] = (),
        seed: int | None = None,
        out: str | os.PathLike[str] | None = None,
        progress: str = "auto",
    ) -> None:
        if not isinstance(model, nn.Module):
            raise TypeError(explain("Trainer", got=kind_of(model), expected="an nn.Module object"))
        if clip_norm is not None and not (is_number(clip_norm) and 0 < clip_norm < math.inf):
            raise ValueError(explain("clip_norm", got=repr(clip_norm), expected="a number > 0"))
        if seed is not None:
            seed = feed.check_count("Trainer seed", seed, least=0)
        self.model, self.loss = model, make_loss(loss)
        self.optimizer = make_optimizer(optimizer, model, lr)
        self.metrics = make_metrics(metrics, self.loss)
        self.clip_norm, self.monitor, self.restore_best = clip_norm, monitor, restore_best
        self.seed = seed
        self.callbacks = _callbacks(callbacks, out, progress)
        self.history = History()
        self.stopped: str | None = None
        self.monitored = "train_loss"
        self.columns: dict[str, bool] = {}  # what can be monitored: whether higher is better
        self._rates = Rates(self.optimizer, scheduler, scheduler_step, warmup)
        self._best = Best()
        self._handlers: dict[Event, list[Any]] = {event: [] for event in Event}
        self._split_seed: int | None = None
        self._weighted: WeightedLoss | None = None
        self._weights: Weights | None = None
        self._held_weights: Weights | None = None

    # ---- fit

    def fit(
        self,
        train: Any,
        y: Any = None,
        *,
        validation: Any = None,
        epochs: int,
        batch_size: int | None = None,
        shuffle: bool = True,
        sample_weight: Any = None,
        class_weight: Any = None,
    ) -> History:
        """Train for some epochs and return the history of all epochs so far.

        Ctrl-C ends training after the current batch: `history.interrupted` is then True, the
        best weights are put back and everything is written. A second Ctrl-C stops at once.

        Args:
            train: a DataLoader, a data set of (x, y), or X: an array, a nested list, a table.
                Several inputs are (x1, x2, ..., y). X is brought to the dtype of the model's
                parameters, integers too, unless they come as a Tensor (indices of tokens).
            y: the targets that belong to X, one row for each sample.
            validation: likewise a loader, data set or pair (X, y), or (X, y, sample_weight); or a
                fraction or number of the training samples, set aside at random with their weights,
                the same ones in each `fit` of as many samples (default None).
            epochs: how many epochs to add.
            batch_size: samples in a batch (default None: 64; a loader has its own). A last batch
                of one sample is left out where the model has batch normalization, which needs two.
            shuffle: a new order in each epoch (default True; a loader has its own).
            sample_weight: a number >= 0 for each row of X, or for each element of y; True where
                data set and loader yield (x, y, weight). The loss of a batch is then the sum of
                weight * loss, divided by what a plain mean divides by: weights of mean 1 leave
                the size of the steps as it is. Metrics do not count them (default None).
            class_weight: 'balanced' (n / (classes * count)), a dict class index -> weight (those
                it leaves out weigh 1) or one weight for each class; they multiply the weights of
                the samples, in training and validation (default None).

        Raises:
            NonFiniteError: NaN or infinity in the data or in the loss. The best weights so far
                are put back and everything is written all the same.
            ValueError, TypeError: data or arguments that cannot be right.
            OSError: a folder cannot be written to.
        """
        self.history.interrupted, self.history.stopped, self.stopped = False, None, None
        source, held_out, first, last = self._begin(
            train, y, validation, epochs, batch_size, shuffle, sample_weight, class_weight
        )
        failure: Exception | None = None
        with Interrupt() as interrupt:
            try:
                self._loop(source, held_out, first, last, interrupt)
            except KeyboardInterrupt:
                if interrupt.twice:
                    raise
                self.history.interrupted = True
            except Exception as error:
                self.history.stopped, failure = str(error), error
            self._end(failure)
            if not self.history.interrupted:
                interrupt.check()  # Ctrl-C while the files were written
        return self.history

    def _loop(
        self, source: Any, held_out: Any, first: int, last: int, interrupt: Interrupt
    ) -> None:
        model, optimizer, rates = self.model, self.optimizer, self._rates
        for epoch in range(first, last + 1):
            begun = time.perf_counter()
            self._seed_epoch(epoch)
            self._emit(Event.EPOCH_BEGIN, epoch=epoch)
            model.train()
            meter = Meter(self)
            where = f"epoch {epoch}"
            parts = feed.batches(where, source, weights=self._weights)
            for batch, (inputs, target, weight) in enumerate(parts, 1):
                output = model(*inputs)
                loss = self._loss(output, target, weight)
                value = meter.update(output, target, loss, f"{where}, batch {batch}")
                optimizer.zero_grad()
                loss.backward()
                if self.clip_norm is not None:
                    nn.utils.clip_grad_norm_(model.parameters(), self.clip_norm)
                rates.step()
                self._emit(Event.BATCH_END, epoch=epoch, batch=batch, loss=value)
                interrupt.check()
            record: Record = {"epoch": epoch, "lr": rates.lr}
            record |= {f"train_{name}": number for name, number in meter.compute().items()}
            if held_out is not None:
                where = f"epoch {epoch}, validation"
                found = self._evaluate(where, held_out, interrupt, self._held_weights)
                record |= {f"val_{name}": number for name, number in found.items()}
            record["seconds"] = time.perf_counter() - begun
            self.history.append(record)
            if self._best.improved(record):
                self.history.best_epoch = epoch
            rates.end_epoch(record[self.monitored])
            self._emit(Event.EPOCH_END, epoch=epoch, record=record)
            interrupt.check()
            if self.stopped is not None:
                break

    def stop(self, reason: str) -> None:
        """Let training end after the current epoch.

        Args:
            reason: stands in `stopped` and in the history.
        """
        self.stopped = self.history.stopped = reason

    # ---- evaluate and predict

    def evaluate(
        self, data: Any, y: Any = None, *, batch_size: int = 256, sample_weight: Any = None
    ) -> dict[str, Any]:
        """Return 'loss' and each metric over a data set, in one pass in evaluation mode.

        These are the numbers of the history's columns and, of metrics that have none there, what
        they compute, such as the confusion matrix.

        Args:
            data: a DataLoader, a data set of (x, y), or an array X.
            y: the targets that belong to X.
            batch_size: samples in a batch (default 256; a loader has its own).
            sample_weight: the weights that the loss counts, as in `fit` (default None).
        """
        kind, dtype = target_kind(self.loss), self._dtype()
        data = feed.as_dataset("evaluate", data, y, dtype, kind, sample_weight)
        source = feed.loader("evaluate", data, batch_size)
        weights = self._weigh(sample_weight is not None)
        # Copies, so that a callback may evaluate in the middle of an epoch.
        metrics = copy.deepcopy(self.metrics)
        found: dict[str, Any] = self._evaluate("evaluate", source, Interrupt(), weights, metrics)
        return found | {metric_name(m): m.compute() for m in metrics if not column_names(m)}

    def _evaluate(
        self,
        where: str,
        source: Any,
        interrupt: Interrupt,
        weights: Weights | None = None,
        metrics: list[Any] | None = None,
    ) -> dict[str, float]:
        meter = Meter(self, metrics)
        parts = feed.batches(where, source, weights=weights)
        with evaluating(self.model):
            for batch, (inputs, target, weight) in enumerate(parts, 1):
                output = self.model(*inputs)
                loss = self._loss(output, target, weight)
                meter.update(output, target, loss, f"{where}, batch {batch}")
                interrupt.check()
        return meter.compute()

    def predict(self, data: Any, *, batch_size: int = 256) -> Any:
        """Return the outputs of the model in evaluation mode as one array, row for row.

        Args:
            data: an array X, a data set or a DataLoader; of (x, y) the target is left out.
            batch_size: samples in a batch (default 256; a loader has its own).

        Raises:
            ValueError: a DataLoader that shuffles.
        """
        data = feed.as_dataset("predict", data, None, self._dtype(), "none")
        source = feed.loader("predict", data, batch_size)
        feed.in_order("predict", source)
        with evaluating(self.model):
            return feed.join(
                [
                    feed.rows("predict", self.model(*inputs), len(inputs[0]))
                    for inputs, *_ in feed.batches("predict", source, target=False)
                ]
            )

    def _loss(self, output: Any, target: Any, weight: Any = None) -> Any:
        if not isinstance(output, Tensor) and target_kind(self.loss) != "any":
            raise TypeError(
                explain(
                    type(self.loss).__name__,
                    got=f"a model that returns {type(output).__name__}",
                    expected="a Tensor",
                    fix="return one, or give the Trainer a function (output, target) as loss",
                )
            )
        if weight is None:
            return self.loss(output, target)
        assert self._weighted is not None
        return self._weighted(output, target, weight)

    def _weigh(self, last: bool, classes: Any = None) -> Weights | None:
        """Return where weights come from, None where there are none."""
        if not last and classes is None:
            return None
        self._weighted = WeightedLoss(self.loss)
        return Weights(last, classes)

    # ---- before and after the loop

    def _begin(
        self,
        train: Any,
        y: Any,
        validation: Any,
        epochs: int,
        batch_size: int | None,
        shuffle: bool,
        weight: Any,
        class_weight: Any,
    ) -> tuple[Any, Any, int, int]:
        """Check everything that can be wrong, and return loaders and the first and last epoch."""
        epochs = feed.check_count("fit epochs", epochs)
        if isinstance(train, DataLoader) and batch_size not in (None, train.batch_size):
            raise ValueError(
                explain(
                    "fit",
                    got=f"batch_size={batch_size} with a DataLoader",
                    expected=f"none, for the loader has its own ({train.batch_size})",
                )
            )
        kind, dtype = target_kind(self.loss), self._dtype()
        data = feed.as_dataset("fit", train, y, dtype, kind, weight)
        last = held_last = weight is not None
        table = class_table("fit", class_weight, data, last, dtype)
        if isinstance(validation, float | int | np.number) and not isinstance(validation, bool):
            data, validation = feed.split("fit", data, validation, self._splitter())
        elif validation is not None:
            validation, held_last = self._validation(validation, weight)
        self._weights, self._held_weights = self._weigh(last, table), self._weigh(held_last, table)
        shuffled = None if self.seed is None else self._root(0)
        least = 2 if any(isinstance(m, _BATCH_NORMS) for m in self.model.modules()) else 1
        source = feed.loader(
            "fit", data, batch_size, shuffle=shuffle, generator=shuffled, least=least
        )
        done = len(self.history)
        if source is not data and not isinstance(source.dataset, IterableDataset):
            source.set_epoch(done)
        held_out = None
        if validation is not None:
            held_out = feed.loader("fit: validation", validation, batch_size or 64)
            self._try_out(held_out)
        count = feed.length(source)
        self._rates.begin(epochs, count)
        self._listen(held_out is not None)
        self._emit(Event.FIT_BEGIN, first_epoch=done + 1, last_epoch=done + epochs, batches=count)
        return source, held_out, done + 1, done + epochs

    def _validation(self, given: Any, weight: Any) -> tuple[Any, bool]:
        """Return the data that was given for validation, and whether it has weights."""
        own = None
        if isinstance(given, tuple) and len(given) == 3:
            *given, own = given
            given = tuple(given)
        elif weight is True and not isinstance(given, tuple):
            own = True
        where, kind = "fit: validation", target_kind(self.loss)
        return feed.as_dataset(where, given, None, self._dtype(), kind, own), own is not None

    def _try_out(self, source: Any) -> None:
        """Run the first batch of the validation data, so that it does not fail after an epoch."""
        if isinstance(source.dataset, IterableDataset) or source.batch_size is None:
            return
        trial = DataLoader(source.dataset, source.batch_size, collate_fn=source.collate_fn)
        batch = [next(iter(trial))]
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of a metric to which one batch is too little
            self._evaluate("fit: validation", batch, Interrupt(), self._held_weights)

    def _listen(self, validated: bool) -> None:
        """Settle what is monitored and who is called when."""
        parts = ("train", "val") if validated else ("train",)
        self.columns = {f"{part}_loss": False for part in parts} | {
            f"{part}_{name}": bool(getattr(metric, "higher_is_better", False))
            for part in parts
            for metric in self.metrics
            for name in column_names(metric)
        }
        named = [c.best.asked for c in self.callbacks if isinstance(getattr(c, "best", None), Best)]
        asked = [self.monitor, *named, f"{parts[-1]}_loss"]
        self.monitored = next(name for name in asked if name != "auto")
        self._best = Best(self.monitored)
        self._best.begin(self)
        self.history.monitor, self.history.best_epoch = self.monitored, None
        listeners = list(self.callbacks)
        if self.restore_best and validated and not any(isinstance(c, KeepBest) for c in listeners):
            listeners.insert(0, KeepBest())
        self._handlers = dispatch(listeners)

    def _end(self, failure: Exception | None) -> None:
        """Call FIT_END of all callbacks, whatever happened, and raise the first error."""
        self.model.eval()
        for handler in self._handlers[Event.FIT_END]:
            try:
                handler(trainer=self, history=self.history)
            except Exception as error:
                if failure is None:
                    failure = error
                elif not (isinstance(failure, OSError) and isinstance(error, OSError)):
                    failure.add_note(str(error))
        if failure is not None:
            raise failure

    def _emit(self, event: Event, **facts: Any) -> None:
        for handler in self._handlers[event]:
            handler(trainer=self, **facts)

    # ---- randomness: a function of the seed and the epoch

    def _root(self, *key: int) -> Generator:
        return Generator(self.seed).spawn(*key)

    def _splitter(self) -> Generator:
        """Return the same one for each `fit`: what was held out once is never trained on."""
        if self.seed is not None:
            return self._root(2)
        if self._split_seed is None:
            self._split_seed = int(default_generator.integers(0, 2**63 - 1, ()))
        return Generator(self._split_seed)

    def _seed_epoch(self, epoch: int) -> None:
        if self.seed is not None:
            default_generator.set_state(self._root(1, epoch).get_state())

    def _dtype(self) -> Any:
        """Return the dtype of the model's floating parameters."""
        return next(p.dtype for p in self.model.parameters() if p.is_floating_point())


@contextlib.contextmanager
def evaluating(model: nn.Module) -> Iterator[None]:
    """Put a model in evaluation mode without gradients, then each module back in its own mode."""
    modes = [(module, module.training) for module in model.modules()]
    model.eval()
    try:
        with no_grad():
            yield
    finally:
        for module, mode in modes:
            module.training = mode


def _callbacks(given: Any, out: Any, progress: str) -> list[Any]:
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
