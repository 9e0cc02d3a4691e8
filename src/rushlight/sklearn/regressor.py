"""NetRegressor: a net for one or several numbers."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.base import RegressorMixin

from rushlight.arrays import Array
from rushlight.errors import ShapeError, explain
from rushlight.sklearn.base import Net
from rushlight.train.metrics import takes_classes
from rushlight.train.parts import make_loss

__all__ = ["NetRegressor"]


class NetRegressor(RegressorMixin, Net):
    """A net for one or several numbers, as a scikit-learn estimator.

    Targets of a mean far from 0 or of large spread are learned slowly: let
    `sklearn.compose.TransformedTargetRegressor` scale them, and StandardScaler the features.

    Args:
        hidden_layer_sizes: the width of each hidden layer (default (100,)); () for a linear model.
        module: in place of the sizes: a Module, which is copied and goes on from the weights it
            has; or a class or function (n_features_in, n_outputs) -> Module. It may take images
            and sequences, X (n, ...); n_features_in is then the length of the second axis.
        activation: between the layers: 'relu' (default), 'leaky_relu', 'elu', 'gelu', 'tanh',
            'softplus' or another name, a Module class or object.
        dropout: probability behind each activation (default 0).
        batch_norm: batch normalization before each activation (default False).
        loss: 'mse' (default), 'mae', 'huber', 'smooth_l1', a loss module, or a function (output,
            target) -> mean; both are (n, n_outputs). Sample weights want a `reduction` of it.
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
        validation_fraction: the share of the samples that is set aside (default 0.1).
        n_iter_no_change: epochs without improvement after which training ends (default 10).
        tol: what counts as an improvement is better by more than this (default 1e-4).
        monitor: with early stopping, the column of the history that decides: 'val_loss' (default)
            or 'val_r2'.
        warm_start: a second `fit` goes on from the weights of the first (default False), with
            a new optimizer and the present parameters.
        random_state: an int gives the same bits each time; a RandomState, or None (default):
            NumPy's global one. Rushlight's default generator is left as it was.
        verbose: show progress (default False).

    Shape:
        X (n, n_features), y (n) or (n, n_outputs) -> predictions of the shape of y.

    Attributes:
        module_: the trained Module, in evaluation mode.
        n_outputs_: numbers that are predicted for a sample.
        n_iter_: epochs so far.
        history_: the History, one record for each epoch.
        loss_curve_: the training loss of each epoch.
        validation_scores_: the R2 on the samples set aside, for each epoch; None without
            early stopping.
        best_validation_score_: that of the epoch whose weights were put back, or None.
        n_features_in_, feature_names_in_: what `fit` has seen; the names where X has some.

    Raises:
        ValueError, TypeError: in `fit`, data or parameters that cannot be right; sparse X.
        NonFiniteError: in `fit`, a loss that is not finite.
        NotFittedError: in `predict`, before `fit`.

    Example:
        >>> import numpy as np
        >>> from rushlight.sklearn import NetRegressor
        >>> X = np.random.default_rng(0).normal(size=(300, 3))
        >>> y = np.c_[X[:, 0] * X[:, 1], X[:, 2] ** 2]
        >>> net = NetRegressor((50,), lr=0.01, max_iter=60, random_state=0).fit(X, y)
        >>> net.predict(X[:4]).shape, net.score(X, y) > 0.9
        ((4, 2), True)
    """

    _score = "r2"

    def __init__(
        self,
        hidden_layer_sizes: Any = (100,),
        *,
        module: Any = None,
        activation: Any = "relu",
        dropout: float = 0.0,
        batch_norm: bool = False,
        loss: Any = "mse",
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

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> NetRegressor:
        """Train the net.

        Args:
            X: samples (n, n_features), or (n, ...) for a module that takes them.
            y: targets (n) or (n, n_outputs).
            sample_weight: a number >= 0 for each sample; only their ratios count (default None).
        """
        going_on = self.warm_start and hasattr(self, "module_")
        X, target = self._targets(X, y, first=not going_on)
        self._fit(X, target, self._weights(sample_weight, X), target.shape[1], None)
        return self

    def partial_fit(self, X: Any, y: Any, sample_weight: Any = None) -> NetRegressor:
        """Train for one epoch more on these samples, with the optimizer as the last call left it.

        Args:
            X: samples (n, n_features).
            y: targets (n) or (n, n_outputs).
            sample_weight: a number >= 0 for each sample, taken as it is, so that the samples of
                several calls have their ratios, too (default None: 1).
        """
        X, target = self._targets(X, y, first=not hasattr(self, "module_"))
        self._fit_part(X, target, self._weights(sample_weight, X), target.shape[1])
        return self

    def _targets(self, X: Any, y: Any, first: bool) -> tuple[Array, Array]:
        """Return X and y (n, outputs)."""
        X, y = self._inputs(X, y, reset=first, multi_output=True, y_numeric=True)
        shape = y.shape[1:]
        if first:
            self._target_shape, self.n_outputs_ = shape, int(np.prod(shape))
        elif shape != self._target_shape:
            got, expected = f"y {y.shape}", f"y {(len(y), *self._target_shape)}, as before"
            raise ShapeError(explain(type(self).__name__, got=got, expected=expected))
        return X, y.reshape(len(y), -1)

    def _check(self) -> None:
        super()._check()
        if takes_classes(make_loss(self.loss)):
            got, expected = f"loss={self.loss!r}", "a loss of numbers, such as 'mse'"
            raise ValueError(
                explain(type(self).__name__, got=got, expected=expected, fix="or NetClassifier")
            )

    def predict(self, X: Any) -> Array:
        """Return the net's outputs (n) or (n, n_outputs), as `y` was; float32."""
        outputs = self._outputs(X)
        return outputs.reshape(len(outputs), *self._target_shape)
