"""Metrics: numbers over a whole epoch, exact also where the last batch is smaller."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from rushlight.arrays import Array
from rushlight.errors import DtypeError, ShapeError, explain

__all__ = ["MAE", "MSE", "R2", "RMSE", "Accuracy", "Average", "Metric", "make_metrics"]


class Metric:
    """Base of all metrics: `reset`, then `update` for each batch, then `compute`.

    Attributes:
        name: under which it stands in the history.
        higher_is_better: whether a larger value is a better one.

    Example:
        >>> class Positive(Metric):
        ...     name = "positive"
        ...     def reset(self):
        ...         self.hits = self.count = 0
        ...     def update(self, output, target):
        ...         self.hits += int((output > 0).sum())
        ...         self.count += output.size
        ...     def compute(self):
        ...         return self.hits / self.count
        >>> metric = Positive(); metric.reset()
        >>> metric.update(np.array([1.0, -1.0]), None); metric.compute()
        0.5
    """

    name: str = "metric"
    higher_is_better: bool = False

    def reset(self) -> None:
        """Forget all batches."""
        raise NotImplementedError(f"{type(self).__name__} must define reset")

    def update(self, output: Array, target: Array) -> None:
        """Take in one batch: what the model returned and what was wanted, as NumPy arrays."""
        raise NotImplementedError(f"{type(self).__name__} must define update")

    def compute(self) -> float:
        """Return the value over all batches since `reset`; NaN where there was none."""
        raise NotImplementedError(f"{type(self).__name__} must define compute")


class Accuracy(Metric):
    """The share of right answers.

    Args:
        threshold: None (default) compares the class of the largest output with the target; a
            number says that outputs above it mean 1: 0.5 for probabilities, 0 for logits.
        ignore_index: targets of this class are not counted (default None).

    Shape:
        without threshold: output (N, C, *), target (N, *) of class indices or (N, C, *) of
        probabilities; with threshold: output and target of one shape.

    Example:
        >>> accuracy = Accuracy(); accuracy.reset()
        >>> accuracy.update(np.array([[0.1, 0.9], [0.8, 0.2]]), np.array([1, 1]))
        >>> accuracy.update(np.array([[0.3, 0.7]]), np.array([1]))
        >>> round(accuracy.compute(), 4)
        0.6667
    """

    name = "accuracy"
    higher_is_better = True

    def __init__(self, threshold: float | None = None, ignore_index: int | None = None) -> None:
        self.threshold, self.ignore_index = threshold, ignore_index
        self.reset()

    def reset(self) -> None:
        """Forget all batches."""
        self._right = self._count = 0

    def update(self, output: Array, target: Array) -> None:
        """Take in one batch."""
        if self.threshold is not None:
            _same_shape("Accuracy(threshold)", output, target)
            found, wanted = output > self.threshold, target > 0.5
        else:
            if output.ndim < 2 or output.shape[1] < 2:
                _refuse(output, target, "output (N, C, *) of C >= 2 classes", _BINARY)
            found = output.argmax(1)
            wanted = target.argmax(1) if target.shape == output.shape else target
            if wanted.shape != found.shape:
                expected = f"target {found.shape} of class indices"
                _refuse(output, target, expected, "is it the right metric for this loss?")
            if wanted.dtype.kind not in "iub":
                raise DtypeError(
                    explain(
                        "Accuracy",
                        got=f"target of {target.dtype}",
                        expected="class indices (int64)",
                        fix="convert it, or choose another metric such as 'mse' for regression",
                    )
                )
        hits = found == wanted
        if self.ignore_index is not None:
            counted = wanted != self.ignore_index
            hits &= counted
            self._count += int(np.count_nonzero(counted))
        else:
            self._count += hits.size
        self._right += int(np.count_nonzero(hits))

    def compute(self) -> float:
        """Return right / counted."""
        return self._right / self._count if self._count else math.nan


_BINARY = "for two classes in one output give metrics=[Accuracy(threshold=0.5)], or 0 for logits"


class MSE(Metric):
    """Mean squared error over all elements, summed in float64.

    Example:
        >>> mse = MSE(); mse.reset()
        >>> mse.update(np.array([1.0, 2.0]), np.array([1.0, 4.0])); mse.compute()
        2.0
    """

    name = "mse"

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Forget all batches."""
        self._sum, self._count = 0.0, 0

    def update(self, output: Array, target: Array) -> None:
        """Take in one batch."""
        _same_shape(type(self).__name__, output, target)
        self._sum += self._total(np.subtract(output, target, dtype=np.float64))
        self._count += output.size

    def _total(self, error: Array) -> float:
        return float(np.vdot(error, error))

    def compute(self) -> float:
        """Return the mean."""
        return self._sum / self._count if self._count else math.nan


class RMSE(MSE):
    """Root of the mean squared error over all elements (not the mean of the batches' roots)."""

    name = "rmse"

    def compute(self) -> float:
        """Return the root of the mean."""
        return math.sqrt(super().compute())


class MAE(MSE):
    """Mean absolute error over all elements."""

    name = "mae"

    def _total(self, error: Array) -> float:
        return float(np.abs(error, out=error).sum())


class R2(Metric):
    """1 - (squared error) / (squared deviation of the target), the mean over the outputs.

    Merged batch by batch without cancellation, so it equals the value over the whole epoch. Of a
    target that does not vary it is 1 where it is met exactly, else 0.

    Shape:
        output and target (N, *), averaged over *.

    Example:
        >>> r2 = R2(); r2.reset()
        >>> r2.update(np.array([1.0, 2.0, 2.0]), np.array([1.0, 2.0, 3.0])); r2.compute()
        0.5

    Source: https://scikit-learn.org/stable/modules/generated/sklearn.metrics.r2_score.html
    """

    name = "r2"
    higher_is_better = True

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Forget all batches."""
        self._count = 0
        self._mean: Any = 0.0
        self._spread: Any = 0.0
        self._error: Any = 0.0

    def update(self, output: Array, target: Array) -> None:
        """Take in one batch."""
        _same_shape("R2", output, target)
        n = len(target) if target.ndim else 0
        if not n:
            return
        wanted = target.reshape(n, -1).astype(np.float64)
        self._error = self._error + np.square(output.reshape(n, -1) - wanted).sum(0)
        mean = wanted.mean(0)
        shift, total = mean - self._mean, self._count + n
        self._spread = (
            self._spread + np.square(wanted - mean).sum(0) + shift**2 * (self._count * n / total)
        )
        self._mean, self._count = self._mean + shift * (n / total), total

    def compute(self) -> float:
        """Return the mean over the outputs."""
        if not self._count:
            return math.nan
        flat = self._spread == 0
        share = self._error / np.where(flat, 1.0, self._spread)
        return float(np.where(flat, self._error == 0, 1 - share).mean())


class Average(Metric):
    """A function of a batch, averaged over the samples.

    Args:
        function: (output, target) -> number, the mean over the batch; given NumPy arrays.
        name: default None: the name of the function.
        higher_is_better: whether a larger value is a better one (default False).

    Example:
        >>> def bias(output, target):
        ...     return (output - target).mean()
        >>> metric = Average(bias); metric.reset()
        >>> metric.update(np.ones(3), np.zeros(3)); metric.update(np.zeros(1), np.zeros(1))
        >>> metric.name, metric.compute()
        ('bias', 0.75)
    """

    def __init__(
        self,
        function: Callable[[Array, Array], Any],
        name: str | None = None,
        higher_is_better: bool = False,
    ) -> None:
        self.function = function
        self.name = name or str(getattr(function, "__name__", type(function).__name__))
        self.higher_is_better = higher_is_better
        self.reset()

    def reset(self) -> None:
        """Forget all batches."""
        self._sum, self._count = 0.0, 0

    def update(self, output: Array, target: Array) -> None:
        """Take in one batch."""
        self._sum += float(self.function(output, target)) * len(output)
        self._count += len(output)

    def compute(self) -> float:
        """Return the mean over the samples."""
        return self._sum / self._count if self._count else math.nan


_KNOWN: dict[str, type[Metric]] = {m.name: m for m in (Accuracy, MSE, RMSE, MAE, R2)}


def make_metrics(metrics: Any, loss: object) -> list[Metric]:
    """Return the metrics that names and objects stand for; 'auto' is decided by the loss."""
    kind = type(loss).__name__
    binary = {"BCELoss": 0.5, "BCEWithLogitsLoss": 0.0}.get(kind)
    if isinstance(metrics, str) and metrics == "auto":
        metrics = ("accuracy",) if binary is not None or takes_classes(loss) else ()
    elif isinstance(metrics, str) or not isinstance(metrics, Iterable):
        metrics = (metrics,)
    made: list[Metric] = []
    for metric in metrics:
        if inspect.isclass(metric):
            metric = metric()
        if metric == "accuracy":
            ignored = getattr(loss, "ignore_index", None) if binary is None else None
            made.append(Accuracy(binary, ignored))
        elif isinstance(metric, str):
            if metric not in _KNOWN:
                raise ValueError(
                    explain(
                        "metrics",
                        got=repr(metric),
                        expected=f"one of {', '.join(map(repr, _KNOWN))}, or a Metric object",
                    )
                )
            made.append(_KNOWN[metric]())
        elif all(callable(getattr(metric, part, None)) for part in ("reset", "update", "compute")):
            made.append(metric)
        elif callable(metric):
            made.append(Average(metric))
        else:
            raise TypeError(
                explain(
                    "metrics",
                    got=repr(metric),
                    expected="names, functions (output, target) -> number, or objects with reset, "
                    "update and compute",
                )
            )
    names = [metric_name(metric) for metric in made]
    if len(set(names)) < len(names) or "loss" in names:
        raise ValueError(
            explain("metrics", got=f"names {names}", expected="each name once, and none 'loss'")
        )
    return made


def metric_name(metric: object) -> str:
    """Return under which name a metric stands in the history."""
    return str(getattr(metric, "name", type(metric).__name__))


def takes_classes(loss: object) -> bool:
    """Tell whether the targets of a loss are class indices."""
    return type(loss).__name__ in ("CrossEntropyLoss", "NLLLoss")


def _same_shape(where: str, output: Array, target: Array) -> None:
    if output.shape != target.shape:
        raise ShapeError(
            explain(
                where,
                got=f"output {output.shape} and target {target.shape}",
                expected="one shape",
                fix="reshape one of them (they are not broadcast)",
            )
        )


def _refuse(output: Array, target: Array, expected: str, fix: str) -> None:
    got = f"output {output.shape} and target {target.shape}"
    raise ShapeError(explain("Accuracy", got=got, expected=expected, fix=fix))
