"""Trainer: fits, evaluates and applies a model."""

from __future__ import annotations

import contextlib
import copy
import functools
import os
from collections.abc import Iterable, Iterator
from typing import Any

from rushlight import comm, nn
from rushlight.autograd import no_grad
from rushlight.determinism import deterministic_algorithms
from rushlight.errors import explain
from rushlight.nn.evaluating import evaluating
from rushlight.random import default_generator
from rushlight.tensor import Tensor
from rushlight.train import feed
from rushlight.train.callbacks import Best, Callback, Checkpoint, Event, KeepBest
from rushlight.train.callbacks.events import dispatch
from rushlight.train.files import check_folder
from rushlight.train.guard import Interrupt
from rushlight.train.history import History
from rushlight.train.limits import Limits
from rushlight.train.loop import Loop
from rushlight.train.meter import Meter
from rushlight.train.metrics import column_names, columns_of, make_metrics, metric_name
from rushlight.train.parts import kind_of, make_loss, make_optimizer, positive, target_kind
from rushlight.train.prepare import make_callbacks, prepare
from rushlight.train.ranks import Ranks
from rushlight.train.resuming import state as resuming
from rushlight.train.resuming.lock import Locks
from rushlight.train.resuming.place import Place
from rushlight.train.resuming.seeds import Seeds
from rushlight.train.schedule import Rates
from rushlight.train.targets import check_values, explain_target
from rushlight.train.weights import WeightedLoss, Weights

__all__ = ["Trainer"]


class Trainer:
    """Fits a model to data, and evaluates and applies it.

    Args:
        model: the Module. After `fit` it is in evaluation mode.
        loss: 'cross_entropy', 'nll', 'bce', 'bce_with_logits', 'mse', 'mae' (or 'l1'),
            'smooth_l1', 'huber' or another loss's name, with options if wanted as in
            'huber:delta=0.5', a loss module, or a function (output, target) -> scalar Tensor, the
            mean of a batch.
        optimizer: 'adam' (default), 'sgd:momentum=0.9' or another optimizer's name, an optimizer,
            its class, or a function parameters -> optimizer.
        lr: learning rate (default None: that of the optimizer).
        metrics: names ('accuracy', 'top5', 'confusion_matrix', 'precision', 'recall', 'f1',
            'roc_auc', 'mse', 'rmse', 'mae', 'r2', 'psnr', 'ssim'), with options if wanted as in
            'f1:average=micro', one by one or in a list 'mae,r2', Metric objects or functions
            (output, target) -> mean of a batch, given arrays. Default 'auto': accuracy for
            losses of classification, nothing for others.
        scheduler: 'cosine', 'linear', 'polynomial', 'onecycle', 'cosine_restarts' or
            'inverse_sqrt', which go over all steps behind the warm-up; 'step:step_size=3',
            'multistep:milestones=[10,20]', 'exponential:gamma=0.9' or 'plateau', which count
            epochs, or a scheduler of torch's name, such as 'CosineAnnealingLR:T_max=10'; a
            scheduler, or a function optimizer -> scheduler (default None).
        scheduler_step: when what counts epochs, or a scheduler object, steps: each 'epoch'
            (default) or 'batch'.
        warmup: epochs (may be a fraction) over which the rate rises linearly, on top of any
            scheduler (default 0).
        accumulate: batches to a step (default 1). The gradient is that of the mean over all their
            samples, so of one large batch, at the end of an epoch of as many as are left; with
            ignored targets and weights of classes, too. Of a loss of your own the means of the
            batches count by their samples. Batch normalization knows nothing of it: it takes the
            statistics of each batch.
        clip_norm: gradients of a larger total norm are scaled down to it (default None).
        clip_value: elements of gradients are cut to within -clip_value..clip_value, before their
            norm is (default None).
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
        callbacks: Callbacks, or pairs (Event, function), called in this order. A Switch among them
            exchanges optimizer, loss, metrics or schedule in the middle of the run.
        sharded: in several processes, let each keep its part of the optimizer's state only and
            update that part of the weights: the same steps, 1/N of the memory of the state. The
            optimizer must be elementwise, as most are (default False; one process keeps it all).
        compress: 'float16' lets several processes send gradients in half the bytes; what is
            rounded away is added to the next step's. Default None: as they are; one process sends
            nothing.
        seed: an int; it decides split, order and random layers of each epoch, whatever was drawn
            before (the default generator is reseeded at each epoch). Default None: the default
            generator, see `manual_seed`.
        deterministic: True puts the mode of `rushlight.use_deterministic_algorithms` on for each
            `fit`, False off, None (default) leaves it as it is. Results are then the same bits from
            run to run, of several processes, too.
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
        >>> import numpy as np
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
        sharded: bool = False,
        compress: str | None = None,
        seed: int | None = None,
        deterministic: bool | None = None,
        out: str | os.PathLike[str] | None = None,
        progress: str = "auto",
    ) -> None:
        if not isinstance(model, nn.Module):
            raise TypeError(explain("Trainer", got=kind_of(model), expected="an nn.Module object"))
        if seed is not None:
            seed = feed.check_count("Trainer seed", seed, least=0)
        if deterministic not in (None, True, False):
            got, expected = repr(deterministic), "True, False or None"
            raise TypeError(explain("Trainer deterministic", got=got, expected=expected))
        self.model, self.loss = model, make_loss(loss)
        self.optimizer = make_optimizer(optimizer, model, lr)
        self.metrics = make_metrics(metrics, self.loss)
        self.monitor, self.restore_best, self.seed = monitor, restore_best, seed
        self.deterministic = None if deterministic is None else bool(deterministic)
        self.accumulate = feed.check_count("accumulate", accumulate)
        self.clip_norm = positive("clip_norm", clip_norm)
        self.clip_value = positive("clip_value", clip_value)
        if validate_every is not None:
            validate_every = feed.check_count("validate_every", validate_every)
        self.validate_every = validate_every
        if compress not in (None, "float16"):
            raise ValueError(explain("compress", got=repr(compress), expected="None or 'float16'"))
        self.sharded, self.compress = bool(sharded), compress
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
        self.average: Any = None  # whose weights are judged and kept in place of the model's: EMA
        self.current: Any = None  # inputs, target, weight and random numbers of the batch at hand
        self._unswitched: dict[str, Any] | None = None  # the parts before the first Switch
        self._snapshot: dict[str, Any] | None = None  # of the weights, made last
        self._seeds = Seeds(seed)
        self._ranks: Ranks | None = None  # the processes of this `fit`, where there are several
        self._weighted: WeightedLoss | None = None
        self._made = {
            "optimizer": resuming.of_optimizer(self.optimizer),
            "loss": resuming.describe(self.loss),
            "metrics": [metric_name(metric) for metric in self.metrics],
            "scheduler": resuming.describe(scheduler),
            "scheduler_step": scheduler_step,
            "warmup": self._rates.warmup,
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

        Ctrl-C ends training after the current step: `history.interrupted` is then True, the
        best weights are put back and everything is written. A second Ctrl-C stops at once: no
        `on_fit_end` is called, only `close` of the callbacks.

        Args:
            train: a DataLoader, a data set of (x, y), or X: an array, a nested list, a table.
                Several inputs are (x1, x2, ..., y). X is brought to the dtype of the model's
                parameters, integers too, unless they come as a Tensor (indices of tokens).
            y: the targets that belong to X, one row for each sample.
            validation: likewise a loader, data set or pair (X, y), or (X, y, sample_weight); or a
                fraction or number of the training samples, set aside at random with their weights,
                the same ones in each `fit` of as many samples (default None).
            epochs: how many epochs to add; with `resume`, how many there are to be in all.
            batch_size: samples in a batch (default None: 64; a loader has its own); processes that
                `mpiexec` has started share out each batch. A last batch
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
                run stand under a checksum: a damaged one is named, and the one before taken. A
                run that a callback has stopped, such as EarlyStopping, stays so.

        Raises:
            FileNotFoundError: `resume` finds nothing.
            FolderInUse: another process trains into the folder.
            NonFiniteError: NaN or infinity in the data or in the loss. The best weights so far
                are put back and everything is written all the same.
            ValueError, TypeError: data or arguments that cannot be right.
            OSError: a folder cannot be written to.
        """
        self.history.interrupted, self.history.stopped, self.stopped = False, None, None
        mode = deterministic_algorithms(self.deterministic)
        with mode, comm.current().together(), Locks() as self._locks, self._closing():
            loop = self._begin(
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
            with Interrupt() as interrupt, self._closing():
                try:
                    loop.run(interrupt)
                except KeyboardInterrupt:
                    if interrupt.twice:
                        self.model.eval()
                        raise
                    self.history.interrupted = True
                except Exception as error:
                    self.history.stopped, failure = str(error), error
                self._end(failure)
                if not self.history.interrupted:
                    interrupt.check()  # Ctrl-C while the files were written
        return self.history

    def stop(self, reason: str) -> None:
        """Let training end after the current epoch.

        Args:
            reason: stands in `stopped` and in the history.
        """
        self.stopped = self.history.stopped = reason

    def claim(self, folder: str | os.PathLike[str]) -> None:
        """Take a folder for this `fit`: no other process, and no other fit, may write there.

        Of the processes of one job the first takes it, for all of them.

        Args:
            folder: one that exists; callbacks that write into one call this in `on_fit_begin`.

        Raises:
            FolderInUse: another process trains into it.
        """
        if self._locks is not None and (self._ranks is None or self._ranks.first):
            self._locks.claim(folder)

    # ---- evaluate and predict

    def evaluate(
        self, data: Any, y: Any = None, *, batch_size: int = 256, sample_weight: Any = None
    ) -> dict[str, Any]:
        """Return 'loss' and each metric over a data set, in one pass in evaluation mode.

        These are the numbers of the history's columns and, of metrics that have none there, what
        they compute, such as the confusion matrix. Of several processes any may call this, and
        each evaluates for itself.

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
        with comm.alone():
            found: dict[str, Any]
            found = self._evaluate("evaluate", source, Interrupt(), weights, metrics)
        return found | {metric_name(m): m.compute() for m in metrics if not column_names(m)}

    def _evaluate(
        self,
        where: str,
        source: Any,
        interrupt: Interrupt,
        weights: Weights | None = None,
        metrics: list[Any] | None = None,
        ranks: Ranks | None = None,
    ) -> dict[str, float]:
        meter = Meter(self, metrics, ranks=ranks)
        if ranks is not None:
            with ranks.sharing(source):
                source = ranks.noted(iter(source))
        drawing = contextlib.nullcontext if ranks is None else ranks.drawing
        parts = feed.batches(where, source, weights=weights)
        with evaluating(self.model), no_grad():
            for batch, (inputs, target, weight) in enumerate(parts, 1):
                with drawing():
                    if ranks is None or ranks.judges(inputs, target, meter):
                        output, loss = self._run(inputs, target, weight)
                        meter.update(output, target, loss, f"{where}, batch {batch}")
                interrupt.check()
        if ranks is not None:
            ranks.in_step()
        self.current = None
        return meter.compute()

    def predict(self, data: Any, *, batch_size: int = 256) -> Any:
        """Return the outputs of the model in evaluation mode as one array, row for row.

        Of several processes any may call this, and each predicts all rows for itself.

        Args:
            data: an array X, a data set or a DataLoader; of (x, y) the target is left out.
            batch_size: samples in a batch (default 256; a loader has its own).

        Raises:
            ValueError: a DataLoader that shuffles.
        """
        data = feed.as_dataset("predict", data, None, self._dtype(), "none")
        source = feed.loader("predict", data, batch_size)
        feed.in_order("predict", source)
        with comm.alone(), evaluating(self.model), no_grad():
            return feed.join(
                [
                    feed.rows("predict", self.model(*inputs), len(inputs[0]))
                    for inputs, *_ in feed.batches("predict", source, target=False)
                ]
            )

    def _run(self, inputs: Any, target: Any, weight: Any) -> tuple[Any, Any]:
        """Return output and loss of a batch, which can be run again to explain them."""
        self.current = inputs, target, weight, default_generator.mark()
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

    def _begin(self, given: Any, epochs: int, *parts: Any) -> Loop:
        """Check everything that can be wrong, and return the loop, at its first place."""
        epochs = feed.check_count("fit epochs", epochs)
        self._ranks = ranks = Ranks(self) if comm.current().size > 1 else None
        self._keepers = [c for c in self.callbacks if isinstance(c, Checkpoint)]
        if ranks is not None:
            ranks.same_random()
            self._keepers = self._keepers if ranks.first else []
        look_up = functools.partial(self._look_up, given)
        found: tuple[Any, Any] | None
        found = look_up() if ranks is None else ranks.of_first(look_up)
        if found is not None:
            self._seeds.split = found[1]["split_seed"]
            vars(self).update(self._unswitched or {})  # a Switch that had happened comes anew
            self._unswitched = None
        data = prepare(self, *parts)
        if self.validate_every is not None and data.held_out is None:
            got = f"validate_every={self.validate_every} and no validation data"
            raise ValueError(explain("fit", got=got, expected="validation data", fix="pass some"))
        self._listen(data.held_out is not None)
        if ranks is not None:
            ranks.begin(data, {"epochs": epochs, "monitor": self.monitored})
        if self._keepers or found is not None:
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
        loop = Loop(self, data, place, last)
        if found is None:
            data.begin(len(self.history))
            loop.keep(now=True)
        else:
            resuming.restore(self, found[1], data)
            for keeper in self._keepers:
                keeper.resumed(found[0])
        self.limits.begin()
        return loop

    def _look_up(self, given: Any) -> Any:
        """Return the checkpoint to go on from, its folder claimed, or None."""
        if given:
            for keeper in self._keepers:
                check_folder(keeper.folder)
                self.claim(keeper.folder)
        return resuming.look_up(given, self._keepers)

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
        if self._ranks is not None and not self._ranks.first:
            listeners = [c for c in listeners if not getattr(c, "first_only", False)]
        self.listeners, self._handlers = listeners, dispatch(listeners)

    def _end(self, failure: Exception | None) -> None:
        """Call FIT_END of all callbacks, whatever happened, and raise the first error."""
        self._snapshot = self.current = None
        self.model.eval()
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

    @contextlib.contextmanager
    def _closing(self) -> Iterator[None]:
        """Let callbacks go of what they hold, whatever ends the block."""
        try:
            yield
        finally:
            self._snapshot = self.current = self.average = None
            if self._ranks is not None:
                self._ranks.close()
            with contextlib.ExitStack() as stack:  # all of them, even if one fails
                for listener in self.listeners:
                    if isinstance(listener, Callback):
                        stack.callback(listener.close)

    def _emit(self, event: Event, **facts: Any) -> None:
        for handler in self._handlers[event]:
            handler(trainer=self, **facts)

    def _dtype(self) -> Any:
        """Return the dtype of the model's floating parameters."""
        return next(p.dtype for p in self.model.parameters() if p.is_floating_point())
