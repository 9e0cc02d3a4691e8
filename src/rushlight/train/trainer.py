"""Trainer: the training loop, and the only one."""

from __future__ import annotations

import copy
import functools
import os
from collections.abc import Iterable, Iterator
from typing import Any

from rushlight import nn
from rushlight.errors import explain
from rushlight.random import Generator, default_generator
from rushlight.tensor import Tensor
from rushlight.train import feed
from rushlight.train import resume as resuming
from rushlight.train.callbacks import Best, Checkpoint, Event, KeepBest
from rushlight.train.callbacks.best import judged
from rushlight.train.callbacks.events import dispatch
from rushlight.train.files import check_folder
from rushlight.train.guard import Interrupt
from rushlight.train.history import History, Record
from rushlight.train.limits import Limits
from rushlight.train.lock import Locks
from rushlight.train.meter import Meter, evaluating
from rushlight.train.metrics import column_names, columns_of, make_metrics, metric_name
from rushlight.train.parts import kind_of, make_loss, make_optimizer, positive, target_kind
from rushlight.train.place import Place
from rushlight.train.prepare import Data, make_callbacks, prepare
from rushlight.train.schedule import Rates
from rushlight.train.targets import check_values, explain_target
from rushlight.train.weights import WeightedLoss, Weights

__all__ = ["Trainer"]


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
        accumulate: batches to a step (default 1). The gradient is that of the mean over all their
            samples, so of one large batch, at the end of an epoch of as many as are left. Batch
            normalization knows nothing of it: it takes the statistics of each batch.
        clip_norm: gradients of a larger total norm are scaled down to it (default None).
        clip_value: elements of gradients are cut to within -clip_value..clip_value (default None).
        validate_every: steps after which the validation data is gone through within an epoch, too;
            the values stand in `history.steps` (default None: at the end of an epoch only).
        max_steps: steps of the optimizer after which training ends, all since the Trainer was
            made or the resumed run was begun (default None).
        max_seconds: time after which a `fit` ends (default None). An epoch that a limit cuts
            short is validated and recorded as it is; a run that is resumed goes on within it.
        monitor: the column of the history by which the best epoch is chosen. Default 'auto': that
            of the first callback that names one, else 'val_loss' ('train_loss' where there is no
            validation data).
        restore_best: with validation data, put the weights of the best epoch back when training
            ends (default True).
        callbacks: Callbacks, or pairs (Event, function), called in this order.
        seed: an int; it decides split, order and random layers of each epoch, whatever was drawn
            before (the default generator is reseeded at each epoch). Default None: the default
            generator, see `manual_seed`.
        out: folder for best.safetensors, last/ (see Checkpoint), history.json, history.csv and,
            where matplotlib is installed, curves.png (default None: nothing is written). While a
            run writes into it, no other may.
        progress: 'auto' (default), 'bar', 'lines' or 'none'; see ProgressBar.

    Attributes:
        history: the History of all epochs so far; a second `fit` goes on.
        optimizer: the optimizer.
        step: how many steps the optimizer has taken.
        stopped: why training ended early, or None.
        listeners: the callbacks of the last `fit`, those that the Trainer adds among them.

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
        accumulate: int = 1,
        clip_norm: float | None = None,
        clip_value: float | None = None,
        validate_every: int | None = None,
        max_steps: int | None = None,
        max_seconds: float | None = None,
        monitor: str = "auto",
        restore_best: bool = True,
        callbacks: Iterable[Any] = (),
        seed: int | None = None,
        out: str | os.PathLike[str] | None = None,
        progress: str = "auto",
    ) -> None:
        if not isinstance(model, nn.Module):
            raise TypeError(explain("Trainer", got=kind_of(model), expected="an nn.Module object"))
        if seed is not None:
            seed = feed.check_count("Trainer seed", seed, least=0)
        self.model, self.loss = model, make_loss(loss)
        self.optimizer = make_optimizer(optimizer, model, lr)
        self.metrics = make_metrics(metrics, self.loss)
        self.monitor, self.restore_best, self.seed = monitor, restore_best, seed
        self.accumulate = feed.check_count("accumulate", accumulate)
        self.clip_norm = positive("clip_norm", clip_norm)
        self.clip_value = positive("clip_value", clip_value)
        if validate_every is not None:
            validate_every = feed.check_count("validate_every", validate_every)
        self.validate_every = validate_every
        self.limits = Limits(max_steps, max_seconds)
        self.callbacks = make_callbacks(callbacks, out, progress)
        self.listeners: list[Any] = []
        self.history = History()
        self.step = 0
        self.stopped: str | None = None
        self.monitored = "train_loss"
        self.columns: dict[str, bool] = {}  # what can be monitored: whether higher is better
        self._rates = Rates(self.optimizer, scheduler, scheduler_step, warmup)
        self._best = Best()
        self._handlers: dict[Event, list[Any]] = {event: [] for event in Event}
        self._keepers: list[Checkpoint] = []
        self._locks: Locks | None = None
        self._split_seed: int | None = None
        self.average: Any = None  # whose weights are judged and kept in place of the model's: EMA
        self.current: Any = None  # inputs, target, weight and random numbers of the batch at hand
        self._weighted: WeightedLoss | None = None
        self._made = {
            "optimizer": resuming.of_optimizer(self.optimizer),
            "loss": resuming.describe(self.loss),
            "metrics": [metric_name(metric) for metric in self.metrics],
            "scheduler": resuming.describe(scheduler),
            "scheduler_step": scheduler_step,
            "warmup": warmup,
            "accumulate": self.accumulate,
            "clip_norm": self.clip_norm,
            "clip_value": self.clip_value,
        }

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
        resume: bool | str | os.PathLike[str] = False,
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
            epochs: how many epochs to add; with `resume`, how many there are to be in all.
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
            resume: True goes on from the newest checkpoint in the folder of the run, 'auto' does
                so where there is one, a path names a checkpoint or a run; False (default) begins
                anew. The model, the data and all arguments must be those of the run that was
                broken off (`epochs` and the limits may be raised); it then ends with the
                same weights and history, to the last bit, as if it had not been. The files of a
                run stand under a checksum: a damaged one is named, and the one before taken.

        Raises:
            FileNotFoundError: `resume` finds nothing.
            FolderInUse: another process trains into the folder.
            NonFiniteError: NaN or infinity in the data or in the loss. The best weights so far
                are put back and everything is written all the same.
            ValueError, TypeError: data or arguments that cannot be right.
            OSError: a folder cannot be written to.
        """
        self.history.interrupted, self.history.stopped, self.stopped = False, None, None
        with Locks() as self._locks:
            data, place, last = self._begin(
                resume,
                epochs,
                train,
                y,
                validation,
                batch_size,
                shuffle,
                sample_weight,
                class_weight,
            )
            failure: Exception | None = None
            with Interrupt() as interrupt:
                try:
                    self._loop(data, place, last, interrupt)
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

    def _loop(self, data: Data, place: Place, last: int, interrupt: Interrupt) -> None:
        for epoch in range(place.epoch, last + 1):
            if self._over():
                break
            batches = self._enter(epoch, place, data)
            meter, reason = place.meter, None
            assert meter is not None
            for group in feed.groups(batches, self.accumulate, meter.summed):
                self.optimizer.zero_grad()
                value = 0.0
                for share, (inputs, target, weight) in group:
                    place.batch += 1
                    output, loss = self._run(inputs, target, weight)
                    value += share * meter.update(output, target, loss, place)
                    (loss if share == 1.0 else loss * share).backward()
                self._take_step(place)
                if self._handlers[Event.BATCH_END]:
                    self._emit(Event.BATCH_END, epoch=epoch, batch=place.batch, loss=value)
                if self.validate_every is not None and not self.step % self.validate_every:
                    self._validate(place, data, interrupt, copy.deepcopy(self.metrics))
                reason = self.limits.reached(self.step)
                if self._keepers:
                    self._keep(place, data, now=interrupt.asked or reason is not None)
                interrupt.check()
                if reason is not None:
                    self.stop(reason)
                    break
            record = self._record(place, data, interrupt)
            self._emit(Event.EPOCH_END, epoch=epoch, record=record)
            place.epoch, place.batch, place.meter = epoch + 1, 0, None
            if self._keepers and reason is None:  # else it is resumed within the epoch
                over = epoch == last or self.stopped is not None or interrupt.asked
                self._keep(place, data, now=over)
            interrupt.check()

    def stop(self, reason: str) -> None:
        """Let training end after the current epoch.

        Args:
            reason: stands in `stopped` and in the history.
        """
        self.stopped = self.history.stopped = reason

    def claim(self, folder: str | os.PathLike[str]) -> None:
        """Take a folder for this `fit`: no other process, and no other fit, may write there.

        Args:
            folder: one that exists; callbacks that write into one call this in `on_fit_begin`.

        Raises:
            FolderInUse: another process trains into it.
        """
        if self._locks is not None:
            self._locks.claim(folder)

    # ---- parts of the loop

    def _over(self) -> bool:
        """Tell whether training has ended: somebody stopped it, or a limit is reached."""
        reason = self.limits.reached(self.step)
        if self.stopped is None and reason is not None:
            self.stop(reason)
        return self.stopped is not None

    def _enter(self, epoch: int, place: Place, data: Data) -> Iterator[feed.Batch]:
        """Begin an epoch, or go on within it where it was left, and return its batches."""
        place.begin(epoch)
        within = place.held is not None
        if not within:
            place.put_back(data.generators)
            self._seed_epoch(epoch)
            self._emit(Event.EPOCH_BEGIN, epoch=epoch)
        self.model.train()
        place.meter = Meter(self)
        if place.held is not None:
            place.meter.load_state_dict(place.held)
            place.held = None
        if self._keepers and data.source.streams:
            place.at_begin(data.generators)
        loader = data.source.epoch(place.batch)
        if within:
            place.put_back(data.generators)
        return feed.batches(f"epoch {epoch}", loader, weights=data.weights, number=place.batch)

    def _take_step(self, place: Place) -> None:
        """Let the optimizer take a step with the gradients there are."""
        if self._handlers[Event.GRADIENTS]:
            self._emit(Event.GRADIENTS, epoch=place.epoch, batch=place.batch)
        if self.clip_value is not None:
            nn.utils.clip_grad_value_(self.model.parameters(), self.clip_value)
        if self.clip_norm is not None:
            nn.utils.clip_grad_norm_(self.model.parameters(), self.clip_norm)
        self._rates.step()
        self.step += 1

    def _validate(self, place: Place, data: Data, interrupt: Interrupt, metrics: Any) -> Record:
        """Return the values of the validation data, found once for the weights of one step."""
        steps, every = self.history.steps, self.validate_every
        if every is not None and steps and steps[-1]["step"] == self.step:
            return {name: value for name, value in steps[-1].items() if name.startswith("val_")}
        where = f"epoch {place.epoch}, validation"
        with judged(self):
            found = self._evaluate(where, data.held_out, interrupt, data.held_weights, metrics)
        values = {f"val_{name}": value for name, value in found.items()}
        if every is not None:
            steps.append({"step": self.step, "epoch": place.epoch, **values})
        self._emit(Event.VALIDATION_END, epoch=place.epoch, batch=place.batch, values=values)
        return values

    def _record(self, place: Place, data: Data, interrupt: Interrupt) -> Record:
        """Close an epoch: validate, put it into the history, let a schedule of epochs step."""
        assert place.meter is not None
        record: Record = {"epoch": place.epoch, "lr": self._rates.lr}
        record |= {f"train_{name}": number for name, number in place.meter.compute().items()}
        if data.held_out is not None:
            record |= self._validate(place, data, interrupt, self.metrics)
        record["seconds"] = place.seconds
        self.history.append(record)
        if self._best.improved(record):
            self.history.best_epoch = place.epoch
        self._rates.end_epoch(record[self.monitored], self.columns[self.monitored])
        return record

    def _keep(self, place: Place, data: Data, now: bool) -> None:
        """Let checkpoints be written: now, or where they are due."""
        within = place.meter is not None
        due = [
            keeper
            for keeper in self._keepers
            if now or (keeper.due(self.step) if within else keeper.due_after_epoch())
        ]
        if not due:
            return
        state = resuming.gather(self, data, place)
        if within and state["place"]["meter"] is None:
            data.only_epochs()
            return
        for keeper in due:
            keeper.write(state, self.step)

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
                output, loss = self._run(inputs, target, weight)
                meter.update(output, target, loss, f"{where}, batch {batch}")
                interrupt.check()
        self.current = None
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

    def _run(self, inputs: Any, target: Any, weight: Any) -> tuple[Any, Any]:
        """Return output and loss of a batch, which can be run again to explain them."""
        self.current = inputs, target, weight, default_generator.get_state()
        output = self.model(*inputs)
        return output, self._loss(output, target, weight)

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
        loss = self.loss
        if weight is not None:
            if self._weighted is None or self._weighted.loss is not loss:
                self._weighted = WeightedLoss(loss)
            loss = functools.partial(self._weighted, weight=weight)
        try:
            check_values(self.loss, output, target)
            return loss(output, target)
        except (ValueError, TypeError, IndexError, RuntimeError) as error:
            better = explain_target(self.loss, output, target, error)
            if better is error:
                raise
            raise better from error

    def _weigh(self, last: bool, classes: Any = None) -> Weights | None:
        """Return where weights come from, None where there are none."""
        if not last and classes is None:
            return None
        self._weighted = WeightedLoss(self.loss)
        return Weights(last, classes)

    # ---- before and after the loop

    def _begin(self, given: Any, epochs: int, *parts: Any) -> tuple[Data, Place, int]:
        """Check everything that can be wrong, and return the data, the first place and the last
        epoch."""
        epochs = feed.check_count("fit epochs", epochs)
        self._keepers = [c for c in self.callbacks if isinstance(c, Checkpoint)]
        if given:
            for keeper in self._keepers:
                check_folder(keeper.folder)
                self.claim(keeper.folder)
        found = resuming.look_up(given, self._keepers)
        if found is not None:
            self._split_seed = found[1]["split_seed"]
        data = prepare(self, *parts)
        if self.validate_every is not None and data.held_out is None:
            got = f"validate_every={self.validate_every} and no validation data"
            raise ValueError(explain("fit", got=got, expected="validation data", fix="pass some"))
        self._listen(data.held_out is not None)
        data.facts = resuming.of_run(self, data.facts)
        place = Place(len(self.history) + 1)
        last = epochs if given else len(self.history) + epochs
        if found is not None:
            resuming.check(*found, data.facts, epochs)
            place = Place.resumed(found[1])
        steps = None if data.batches is None else -(-data.batches // self.accumulate)
        self._rates.begin(last - place.first + 1, steps)
        self.history.note_warmup(place.first, self._rates.warmup)
        facts = {"first_epoch": place.epoch, "last_epoch": last, "batches": data.batches}
        self._emit(Event.FIT_BEGIN, **facts)
        if found is None:
            data.begin(len(self.history))
            self._keep(place, data, now=True)
        else:
            resuming.restore(self, found[1], data)
            for keeper in self._keepers:
                keeper.resumed(found[0])
        self.limits.begin()
        return data, place, last

    def _listen(self, validated: bool) -> None:
        """Settle what is monitored and who is called when."""
        self.columns = columns_of(self.metrics, validated)
        named = [c.best.asked for c in self.callbacks if isinstance(getattr(c, "best", None), Best)]
        asked = [self.monitor, *named, "val_loss" if validated else "train_loss"]
        self.monitored = next(name for name in asked if name != "auto")
        self._best = Best(self.monitored)
        self._best.begin(self)
        self.history.monitor, self.history.best_epoch = self.monitored, None
        listeners = list(self.callbacks)
        if self.restore_best and validated and not any(isinstance(c, KeepBest) for c in listeners):
            listeners.insert(0, KeepBest())
        self.listeners, self._handlers = listeners, dispatch(listeners)

    def _end(self, failure: Exception | None) -> None:
        """Call FIT_END of all callbacks, whatever happened, and raise the first error."""
        self.model.eval()
        self.current = None
        if self.average is not None:
            self.average.install(self.model)
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
