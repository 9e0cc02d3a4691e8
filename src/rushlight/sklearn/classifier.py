"""NetClassifier: a net for classes."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.base import ClassifierMixin
from sklearn.utils.class_weight import compute_class_weight, compute_sample_weight
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import column_or_1d

from rushlight import nn
from rushlight.arrays import Array
from rushlight.errors import ShapeError, explain
from rushlight.nn import functional as F
from rushlight.sklearn.base import Net
from rushlight.tensor import Tensor, from_numpy
from rushlight.train.parts import make_loss, target_kind

__all__ = ["NetClassifier"]


class NetClassifier(ClassifierMixin, Net):
    """A net for classes, as a scikit-learn estimator.

    Args:
        hidden_layer_sizes: the width of each hidden layer (default (100,)); () for a linear model.
        module: in place of the sizes: a Module, which is copied and goes on from the weights it
            has; or a class or function (n_features_in, n_outputs) -> Module. It may take images
            and sequences, X (n, ...); n_features_in is then the length of the second axis.
        activation: between the layers: 'relu' (default), 'leaky_relu', 'elu', 'gelu', 'tanh',
            'softplus' or another name, a Module class or object.
        dropout: probability behind each activation (default 0).
        batch_norm: batch normalization before each activation (default False).
        loss: 'cross_entropy' (default), 'nll', for two classes also 'bce' and 'bce_with_logits',
            a loss module such as MultiMarginLoss, or a function (output, target) -> mean, where
            the target is (n) class indices. Sample and class weights want a `reduction` of it.
        class_weight: 'balanced' (n / (classes * count)) or a dict label -> weight (default None).
        optimizer: a name ('adam' (default), 'adamw', 'sgd', ...), an optimizer class, or a
            function parameters -> optimizer.
        lr: learning rate (default None: that of the optimizer).
        weight_decay: that of the optimizer (default None: its own).
        scheduler: 'cosine' or 'linear' (down to 0 over all epochs), or a function optimizer ->
            scheduler, which steps at each epoch (default None).
        warmup: epochs (may be a fraction) over which the rate rises linearly (default 0).
        clip_norm: gradients of a larger total norm are scaled down to it (default None).
        batch_size: samples in a batch (default 64).
        max_iter: epochs at most (default 200).
        shuffle: a new order in each epoch (default True).
        early_stopping: set samples aside, stop when `monitor` no longer improves on them and put
            the best weights back (default False: stop when the training loss no longer improves).
        validation_fraction: the share of the samples that is set aside (default 0.1), of each
            class alike.
        n_iter_no_change: epochs without improvement after which training ends (default 10).
        tol: what counts as an improvement is better by more than this (default 1e-4).
        monitor: with early stopping, the column of the history that decides: 'val_loss' (default)
            or 'val_accuracy'.
        warm_start: a second `fit` goes on from the weights of the first (default False), with
            a new optimizer and the present parameters.
        random_state: an int gives the same bits each time; a RandomState, or None (default):
            NumPy's global one. Rushlight's default generator is left as it was.
        verbose: show progress (default False).

    Shape:
        X (n, n_features), y (n) -> labels (n), probabilities (n, n_classes).

    Attributes:
        module_: the trained Module, in evaluation mode.
        classes_: the labels, sorted: the columns of `predict_proba`.
        n_outputs_: the net's outputs: a column for each class, or 1 for the 'bce' losses.
        n_iter_: epochs so far.
        history_: the History, one record for each epoch.
        loss_curve_: the training loss of each epoch.
        validation_scores_: the accuracy on the samples set aside, for each epoch; None without
            early stopping.
        best_validation_score_: that of the epoch whose weights were put back, or None.
        n_features_in_, feature_names_in_: what `fit` has seen; the names where X has some.

    Raises:
        ValueError, TypeError: in `fit`, data or parameters that cannot be right; sparse X.
        NonFiniteError: in `fit`, a loss that is not finite.
        NotFittedError: in `predict`, before `fit`.

    Example:
        >>> from sklearn.datasets import load_iris
        >>> from sklearn.pipeline import make_pipeline
        >>> from sklearn.preprocessing import StandardScaler
        >>> from rushlight.sklearn import NetClassifier
        >>> X, y = load_iris(return_X_y=True)
        >>> net = NetClassifier((20,), dropout=0.1, lr=0.01, max_iter=50, random_state=0)
        >>> model = make_pipeline(StandardScaler(), net).fit(X, y)
        >>> model.predict_proba(X[:2]).shape, model.score(X, y) > 0.95
        ((2, 3), True)
    """

    _score = "accuracy"

    def __init__(
        self,
        hidden_layer_sizes: Any = (100,),
        *,
        module: Any = None,
        activation: Any = "relu",
        dropout: float = 0.0,
        batch_norm: bool = False,
        loss: Any = "cross_entropy",
        class_weight: Any = None,
        optimizer: Any = "adam",
        lr: float | None = None,
        weight_decay: float | None = None,
        scheduler: Any = None,
        warmup: float = 0.0,
        clip_norm: float | None = None,
        batch_size: int = 64,
        max_iter: int = 200,
        shuffle: bool = True,
        early_stopping: bool = False,
        validation_fraction: float = 0.1,
        n_iter_no_change: int = 10,
        tol: float = 1e-4,
        monitor: str = "val_loss",
        warm_start: bool = False,
        random_state: Any = None,
        verbose: bool = False,
    ) -> None:
        self.hidden_layer_sizes = hidden_layer_sizes
        self.module = module
        self.activation = activation
        self.dropout = dropout
        self.batch_norm = batch_norm
        self.loss = loss
        self.class_weight = class_weight
        self.optimizer = optimizer
        self.lr = lr
        self.weight_decay = weight_decay
        self.scheduler = scheduler
        self.warmup = warmup
        self.clip_norm = clip_norm
        self.batch_size = batch_size
        self.max_iter = max_iter
        self.shuffle = shuffle
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.n_iter_no_change = n_iter_no_change
        self.tol = tol
        self.monitor = monitor
        self.warm_start = warm_start
        self.random_state = random_state
        self.verbose = verbose

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> NetClassifier:
        """Train the net.

        Args:
            X: samples (n, n_features), or (n, ...) for a module that takes them.
            y: the class of each sample (n); ints, text, bools or any labels that can be sorted.
            sample_weight: a number >= 0 for each sample; only their ratios count (default None).
        """
        going_on = self.warm_start and hasattr(self, "module_")
        X, y = self._labelled(X, y, reset=not going_on)
        if not going_on:
            self._set_classes(np.unique(y))
        index = self._indices(y)
        weight = self._class_weights(y, self._weights(sample_weight, X))
        self._fit(X, self._encoded(index), weight, self.n_outputs_, index)
        return self

    def partial_fit(
        self, X: Any, y: Any, classes: Any = None, sample_weight: Any = None
    ) -> NetClassifier:
        """Train for one epoch more on these samples, with the optimizer as the last call left it.

        Args:
            X: samples (n, n_features).
            y: the class of each sample (n).
            classes: all classes there are; wanted by the first call (default None).
            sample_weight: a number >= 0 for each sample, taken as it is, so that the samples of
                several calls have their ratios, too (default None: 1).
        """
        first = not hasattr(self, "module_")
        if first and classes is None:
            got, expected = "no classes", "all of them, in the first call of partial_fit"
            raise ValueError(explain("partial_fit", got=got, expected=expected))
        if isinstance(self.class_weight, str):
            raise ValueError(
                explain(
                    "partial_fit",
                    got=f"class_weight={self.class_weight!r}",
                    expected="a dict label -> weight, for the classes cannot be counted beforehand",
                    fix="compute it with sklearn.utils.class_weight.compute_class_weight",
                )
            )
        X, y = self._labelled(X, y, reset=first)
        if first:
            self._set_classes(np.unique(classes))
        elif classes is not None and not np.array_equal(np.unique(classes), self.classes_):
            got, expected = f"classes {classes!r}", f"{self.classes_!r}, as before"
            raise ValueError(explain("partial_fit", got=got, expected=expected))
        target = self._encoded(self._indices(y))
        weight = self._class_weights(y, self._weights(sample_weight, X))
        self._fit_part(X, target, weight, self.n_outputs_)
        return self

    # ---- targets

    def _labelled(self, X: Any, y: Any, reset: bool) -> tuple[Array, Array]:
        X, y = self._inputs(X, y, reset=reset)
        check_classification_targets(y)
        return X, column_or_1d(y)

    def _set_classes(self, classes: Array) -> None:
        count = len(classes)
        if count < 2:
            got, expected = f"one class, {classes[0]!r}", "at least 2 classes"
            raise ValueError(explain(type(self).__name__, got=got, expected=expected))
        if self._binary() and count > 2:
            raise ValueError(
                explain(
                    f"{type(self).__name__} with loss={self.loss!r}",
                    got=f"{count} classes",
                    expected="2 classes",
                    fix="take 'cross_entropy'",
                )
            )
        self.classes_, self.n_outputs_ = classes, 1 if self._binary() else count

    def _check(self) -> None:
        super()._check()
        loss = make_loss(self.loss)
        if target_kind(loss) == "floats" and not self._binary():
            got, expected = f"loss={self.loss!r}", "a loss of classes, such as 'cross_entropy'"
            raise ValueError(explain(type(self).__name__, got=got, expected=expected))

    def _binary(self) -> bool:
        return isinstance(make_loss(self.loss), nn.BCELoss | nn.BCEWithLogitsLoss)

    def _indices(self, y: Array) -> Array:
        """Return the index of each label among the classes."""
        known = np.isin(y, self.classes_)
        if not known.all():
            new = np.unique(y[~known]).tolist()
            got, expected = f"the classes {new!r}", f"classes of {self.classes_.tolist()!r}"
            raise ValueError(explain(type(self).__name__, got=got, expected=expected))
        return np.searchsorted(self.classes_, y).astype(np.int64)

    def _encoded(self, index: Array) -> Array:
        return index.astype(np.float32)[:, None] if self.n_outputs_ == 1 else index

    def _class_weights(self, y: Array, weight: Array | None) -> Array | None:
        if self.class_weight is None:
            return weight
        if isinstance(self.class_weight, dict):  # a part of the data need not have every class
            table = compute_class_weight(self.class_weight, classes=self.classes_, y=y)
            of_class: Array = table[self._indices(y)]
        else:
            of_class = compute_sample_weight(self.class_weight, y)
        if not (of_class >= 0).all():
            expected = "weights >= 0"
            raise ValueError(
                explain("class_weight", got=repr(self.class_weight), expected=expected)
            )
        return of_class if weight is None else weight * of_class

    def _last(self) -> nn.Module | None:
        loss = make_loss(self.loss)
        if isinstance(loss, nn.NLLLoss):
            return nn.LogSoftmax(dim=1)
        return nn.Sigmoid() if isinstance(loss, nn.BCELoss) else None

    # ---- prediction

    def predict(self, X: Any) -> Array:
        """Return the most probable class of each sample."""
        likely = self.predict_proba(X).argmax(1)
        return self.classes_[likely]

    def predict_proba(self, X: Any) -> Array:
        """Return the probability of each class (n, n_classes), in the order of `classes_`.

        They are the softmax of the net's outputs; for 'nll' the exponential, for 'bce' the
        outputs themselves and for 'bce_with_logits' their sigmoid.
        """
        outputs, loss = self._scores(X), self._trainer.loss
        if isinstance(loss, nn.NLLLoss):
            return outputs.exp().numpy()
        if isinstance(loss, nn.BCELoss):
            return _pair(1 - outputs, outputs)
        if isinstance(loss, nn.BCEWithLogitsLoss):
            return _pair(F.sigmoid(-outputs), F.sigmoid(outputs))
        return F.softmax(outputs, dim=1).numpy()

    def predict_log_proba(self, X: Any) -> Array:
        """Return the logarithms of `predict_proba`, free of underflow where outputs are logits."""
        outputs, loss = self._scores(X), self._trainer.loss
        if isinstance(loss, nn.NLLLoss):
            return outputs.numpy()
        if isinstance(loss, nn.BCELoss):
            with np.errstate(divide="ignore"):
                return np.log(_pair(1 - outputs, outputs))
        if isinstance(loss, nn.BCEWithLogitsLoss):
            return _pair(F.logsigmoid(-outputs), F.logsigmoid(outputs))
        return F.log_softmax(outputs, dim=1).numpy()

    def _scores(self, X: Any) -> Tensor:
        outputs = self._outputs(X)
        if outputs.shape != (len(outputs), self.n_outputs_):
            got = f"a module with outputs {outputs.shape}"
            expected = f"{(len(outputs), self.n_outputs_)}, a column for each class"
            fix = "let the module have n_outputs columns" + (
                " (one for the two classes of this loss)" if self.n_outputs_ == 1 else ""
            )
            raise ShapeError(explain(type(self).__name__, got=got, expected=expected, fix=fix))
        return from_numpy(outputs)


def _pair(no: Tensor, yes: Tensor) -> Array:
    return np.concatenate([no.numpy(), yes.numpy()], axis=1)
