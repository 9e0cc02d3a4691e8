"""What both estimators share: from parameters and arrays to a Trainer, and back to attributes."""

from __future__ import annotations

import contextlib
import functools
import inspect
import math
import threading
import warnings
from collections.abc import Iterator
from typing import Any, ClassVar

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.model_selection import train_test_split
from sklearn.utils import check_random_state
from sklearn.utils.validation import _check_sample_weight, check_is_fitted, validate_data

from rushlight import comm, nn
from rushlight.arrays import Array
from rushlight.errors import explain
from rushlight.random import get_rng_state, manual_seed, set_rng_state
from rushlight.sklearn.net import make_net
from rushlight.train import EarlyStopping, History, Trainer
from rushlight.train.feed import check_count
from rushlight.train.layers import dense
from rushlight.train.parts import is_number, make_loss, optimizers, target_kind

__all__ = ["Net"]

_FITS = threading.RLock()  # fits in threads take turns: they share one stream of random numbers

# Parameters of a Trainer: where one of them changes, training goes on with another Trainer.
_OF_TRAINER = (
    *("loss", "optimizer", "lr", "weight_decay", "scheduler", "warmup", "clip_norm"),
    *("early_stopping", "n_iter_no_change", "tol", "monitor", "verbose"),
)
_OF_BUILT = ("hidden_layer_sizes", "activation", "dropout", "batch_norm")


class Net(BaseEstimator):
    """Base of NetClassifier and NetRegressor: everything but what a target is."""

    _score: ClassVar[str]  # the metric of the history that is the estimator's score

    hidden_layer_sizes: Any
    module: Any
    activation: Any
    dropout: float
    batch_norm: bool
    loss: Any
    optimizer: Any
    lr: float | None
    weight_decay: float | None
    scheduler: Any
    warmup: float
    clip_norm: float | None
    batch_size: int
    max_iter: int
    shuffle: bool
    early_stopping: bool
    validation_fraction: float
    n_iter_no_change: int
    tol: float
    monitor: str
    warm_start: bool
    random_state: Any
    verbose: bool

    # ---- data

    def _inputs(self, X: Any, y: Any = "no_validation", reset: bool = False, **checks: Any) -> Any:
        """Return X in float32 (and y), checked; images and sequences where a module takes them."""
        nd = self.module is not None
        with np.errstate(over="ignore", invalid="ignore"):  # beyond float32: told as infinity
            return validate_data(
                self, X, y, reset=reset, dtype=np.float32, allow_nd=nd, order="C", **checks
            )

    def _weights(self, weight: Any, X: Array) -> Array | None:
        """Return float64 weights >= 0, or None."""
        if weight is None:
            return None
        found: Array = _check_sample_weight(weight, X, dtype=np.float64, ensure_non_negative=True)
        if not found.any():
            expected = "at least one above 0"
            raise ValueError(explain("sample_weight", got="zeros alone", expected=expected))
        return found

    # ---- training

    def _fit(self, X: Array, y: Array, weight: Array | None, outputs: int, strata: Any) -> None:
        """Train for `max_iter` epochs at most.

        Args:
            X: the samples.
            y: what the loss takes as target.
            weight: of each sample, or None.
            outputs: numbers that the net returns for a sample.
            strata: classes that are split evenly for validation, or None.
        """
        self._check()
        going_on = self.warm_start and hasattr(self, "module_")
        with self._stream(None if going_on else self._new_seed()):
            module = self.module_ if going_on else self._make(X.shape[1], outputs)
            trainer = self._trainer_for(module, self.history_ if going_on else None)
            if weight is not None:  # who weighs nothing is not there, for no batch and no mean
                kept = weight > 0
                strata = strata if strata is None else strata[kept]
                X, y, weight = X[kept], y[kept], weight[kept]
            held = None
            if self.early_stopping:
                (X, y, weight), held = self._split(X, y, weight, strata)
            elif len(X) <= self.batch_size and self._mergeable(trainer.loss):
                X, y, weight = _merged(X, y, weight)
            trainer.fit(
                X,
                y,
                validation=held,
                epochs=self.max_iter,
                batch_size=self.batch_size,
                shuffle=self.shuffle,
                sample_weight=_of_mean_1(weight),
            )
        self._publish(trainer)

    def _fit_part(self, X: Array, y: Array, weight: Array | None, outputs: int) -> None:
        """Train for one epoch more, from where training stands."""
        self._check()
        for asked, name in (
            (self.early_stopping, "early_stopping=True"),
            (isinstance(self.scheduler, str), f"scheduler={self.scheduler!r}"),
            (self.warmup, f"warmup={self.warmup!r}"),
        ):
            if asked:
                raise ValueError(
                    explain(
                        "partial_fit",
                        got=name,
                        expected="parameters that need no length of training",
                        fix="call fit, or set the parameter back",
                    )
                )
        first = not hasattr(self, "module_")
        with self._stream(self._new_seed() if first else None):
            trainer = None if first else self._same_trainer()
            if trainer is None:
                module = self._make(X.shape[1], outputs) if first else self.module_
                trainer = self._trainer_for(module, None if first else self.history_)
            trainer.fit(
                X,
                y,
                epochs=1,
                batch_size=self.batch_size,
                shuffle=self.shuffle,
                sample_weight=weight,
            )
        self._publish(trainer)

    def _check(self) -> None:
        """Check the parameters that the Trainer does not check, or knows by another name."""
        for name in ("max_iter", "batch_size", "n_iter_no_change"):
            check_count(f"{type(self).__name__} {name}", getattr(self, name))
        if not (is_number(self.tol) and 0 <= self.tol < math.inf):
            raise ValueError(explain("tol", got=repr(self.tol), expected="a number >= 0"))
        if self.module is not None:
            defaults = inspect.signature(type(self)).parameters
            for name in _OF_BUILT:
                value, default = getattr(self, name), defaults[name].default
                if not (value is default or _same(value, default)):
                    raise ValueError(
                        explain(
                            type(self).__name__,
                            got=f"{name}={value!r} together with a module",
                            expected="one of them",
                            fix="build the module with it",
                        )
                    )

    def _make(self, inputs: int, outputs: int) -> nn.Module:
        if self.module is not None:
            return make_net(self.module, inputs, outputs)
        return dense(
            inputs,
            outputs,
            hidden=self.hidden_layer_sizes,
            activation=self.activation,
            dropout=self.dropout,
            batch_norm=self.batch_norm,
            last=self._last(),
        )

    def _last(self) -> nn.Module | None:
        """Return the module that the loss wants at the end of a net that is built."""
        return None

    def _trainer_for(self, module: nn.Module, history: History | None) -> Trainer:
        waiting = EarlyStopping(
            self.monitor if self.early_stopping else "train_loss",
            patience=self.n_iter_no_change,
            min_delta=self.tol,
            restore_best=bool(self.early_stopping),
        )
        trainer = Trainer(
            module,
            make_loss(self.loss),
            self._optimizer(),
            lr=self.lr,
            metrics=[self._score],
            scheduler=self.scheduler,
            warmup=self.warmup,
            clip_norm=self.clip_norm,
            callbacks=[waiting],
            seed=self._seed,
            progress="auto" if self.verbose else "none",
        )
        if history is not None:
            trainer.history = history
        self._settings = {name: getattr(self, name) for name in _OF_TRAINER}
        return trainer

    def _same_trainer(self) -> Trainer | None:
        """Return the last Trainer, None where a parameter has been changed since."""
        now = {name: getattr(self, name) for name in _OF_TRAINER}
        return self._trainer if _same(now, self._settings) else None

    def _optimizer(self) -> Any:
        if self.weight_decay is None:
            return self.optimizer
        kind = self.optimizer
        if isinstance(kind, str):
            name, options = optimizers().read(kind)
            kind = functools.partial(optimizers().makers[name], **options)
        if not callable(kind):  # the Trainer says what is wrong with it
            return kind
        known = inspect.signature(kind).parameters.values()
        if not any(p.name == "weight_decay" or p.kind is p.VAR_KEYWORD for p in known):
            got = f"{self.weight_decay!r} and an optimizer without it, {self.optimizer!r}"
            raise ValueError(explain("weight_decay", got=got, expected="None"))
        return functools.partial(kind, weight_decay=self.weight_decay)

    def _split(
        self, X: Array, y: Array, weight: Array | None, strata: Any
    ) -> tuple[tuple[Any, Any, Any], tuple[Any, ...]]:
        """Split off `validation_fraction` of the samples, of each class alike."""
        arrays = [X, y] if weight is None else [X, y, weight]
        part = self.validation_fraction
        if not (is_number(part) and 0 < part < 1):
            expected = "a number between 0 and 1"
            raise ValueError(explain("validation_fraction", got=repr(part), expected=expected))
        found = train_test_split(*arrays, test_size=part, random_state=self._seed, stratify=strata)
        train, held = list(found[::2]), list(found[1::2])
        if weight is None:
            return (train[0], train[1], None), tuple(held)
        return (train[0], train[1], train[2]), (held[0], held[1], _scaled(held[2]))

    def _mergeable(self, loss: Any) -> bool:
        """Tell whether net and loss see nothing of a sample's neighbours in its batch."""
        plain = target_kind(loss) != "any" and loss.reduction == "mean"
        return plain and self.module is None and not self.batch_norm

    def _publish(self, trainer: Trainer) -> None:
        """Set the attributes that training brings."""
        history = trainer.history
        self._trainer, self.module_ = trainer, trainer.model
        self.history_, self.n_iter_ = history, len(history)
        self.loss_curve_ = [record["train_loss"] for record in history]
        name = f"val_{self._score}"
        self.validation_scores_ = self.best_validation_score_ = None
        if self.early_stopping:
            self.validation_scores_ = [record.get(name, math.nan) for record in history]
            if history.best_epoch is not None:
                self.best_validation_score_ = self.validation_scores_[history.best_epoch - 1]
        if history.interrupted:
            warnings.warn(
                f"{type(self).__name__}: training was interrupted in epoch {len(history) + 1}",
                stacklevel=4,
            )

    # ---- randomness

    def _new_seed(self) -> int:
        drawn = int(check_random_state(self.random_state).randint(np.iinfo(np.int32).max))
        # of several processes that train one net, the first decides
        return int(comm.current().broadcast_object(drawn))

    @contextlib.contextmanager
    def _stream(self, seed: int | None) -> Iterator[None]:
        """Draw from a seed of one's own, and leave the default generator as it was."""
        with _FITS:
            before = get_rng_state()
            if seed is not None:
                self._seed = seed
                manual_seed(seed)
            try:
                yield
            finally:
                set_rng_state(before)

    # ---- prediction

    def _outputs(self, X: Any) -> Array:
        """Return what the net gives for each row: float32 for float32, else float64."""
        check_is_fitted(self, "module_")
        same = getattr(X, "dtype", None) == np.float32
        found: Array = self._trainer.predict(self._inputs(X))
        return found.astype(np.float32 if same else np.float64)


def _merged(X: Array, y: Array, weight: Array | None) -> tuple[Array, Array, Array]:
    """Return samples that are the same as one, their weights summed, in the order of their values.

    Within one batch the gradient is the same but for rounding. Without that, too, a sample that
    is repeated is one with that weight, to the last bit.
    """
    rows = np.column_stack([X.astype(np.float64), y])  # (n, features + outputs)
    _, first, which = np.unique(rows, axis=0, return_index=True, return_inverse=True)
    return X[first], y[first], np.bincount(which.reshape(-1), weight)


def _of_mean_1(weight: Array | None) -> Array | None:
    """Return weights that leave the steps as large as they are; None where all are the same."""
    if weight is None or (weight == weight[0]).all():
        return None
    return _scaled(weight)


def _scaled(weight: Array) -> Array:
    return weight / weight.mean()


def _same(a: Any, b: Any) -> bool:
    """Tell whether two values of parameters are the same; of objects, whether they are one."""
    if isinstance(a, dict) and isinstance(b, dict):
        return a.keys() == b.keys() and all(_same(a[name], b[name]) for name in a)
    if isinstance(a, list | tuple) and isinstance(b, list | tuple):
        return len(a) == len(b) and all(map(_same, a, b))
    plain = str | int | float | np.number | None
    return a is b or (isinstance(a, plain) and isinstance(b, plain) and a == b)
