"""What a metric is, and the checks that all of them share."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from rushlight.arrays import Array
from rushlight.errors import DtypeError, ShapeError, explain
from rushlight.tensor import Tensor
from rushlight.train.guard import NonFiniteError, is_finite

__all__ = [
    "Average",
    "Metric",
    "as_arrays",
    "check_same_shape",
    "column_names",
    "columns_of",
    "metric_name",
    "metric_values",
    "refuse_nan",
    "refuse_shapes",
]


class Metric:
    """Base of all metrics: `reset`, then `update` for each batch, then `compute`.

    What `compute` returns stands in the history under `name`. A metric of several numbers names
    its `columns`; one whose result is no number, such as a matrix, has none: it stays out of
    history, curves and CSV, and `Trainer.evaluate` returns it.

    Attributes:
        name: under which it stands in the history; may be set, where two would have the same.
        higher_is_better: whether a larger value is a better one.
        columns: the names of its columns in the history, a tuple (default: `name` alone).

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

    @property
    def columns(self) -> tuple[str, ...]:
        """The names of the columns in the history."""
        return (self.name,)

    def reset(self) -> None:
        """Forget all batches."""
        raise NotImplementedError(f"{type(self).__name__} must define reset")

    def update(self, output: Array, target: Array) -> None:
        """Take in one batch: what the model returned and what was wanted, as NumPy arrays."""
        raise NotImplementedError(f"{type(self).__name__} must define update")

    def merge(self, other: Any) -> None:
        """Take in the batches of another metric of this kind: those of another process.

        Metrics that several processes are to train with define it, and are then exact: sums and
        counts are added, not averages averaged.
        """
        raise NotImplementedError(
            explain(
                f"metric {metric_name(self)!r}",
                got="batches of several processes, and no merge",
                expected=f"{type(self).__name__}.merge(other)",
                fix="define it: add the sums and counts of the other one to those of this",
            )
        )

    def compute(self) -> Any:
        """Return the value over all batches since `reset`; NaN where there was none."""
        raise NotImplementedError(f"{type(self).__name__} must define compute")

    def values(self) -> dict[str, float]:
        """Return the number of each of the columns."""
        names = self.columns
        found = np.ravel(self.compute()) if names else ()
        if len(found) != len(names):
            raise ValueError(
                explain(
                    f"metric {self.name!r}",
                    got=f"compute() of {len(found)} numbers",
                    expected=f"{len(names)}, for the columns {', '.join(map(repr, names))}",
                    fix="name them in `columns`; columns = () keeps a metric out of the history",
                )
            )
        return {name: float(value) for name, value in zip(names, found, strict=True)}


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

    def merge(self, other: Average) -> None:
        """Add the sum and the count of another process."""
        self._sum += other._sum
        self._count += other._count

    def compute(self) -> float:
        """Return the mean over the samples."""
        return self._sum / self._count if self._count else math.nan


# ---- of any object with reset, update and compute


def metric_name(metric: object) -> str:
    """Return under which name a metric stands in the history."""
    return str(getattr(metric, "name", type(metric).__name__))


def column_names(metric: object) -> tuple[str, ...]:
    """Return the names of a metric's columns in the history."""
    return tuple(getattr(metric, "columns", (metric_name(metric),)))


def columns_of(metrics: Iterable[object], validated: bool) -> dict[str, bool]:
    """Return the columns of the history that can be monitored: whether higher is better."""
    parts = ("train", "val") if validated else ("train",)
    return {f"{part}_loss": False for part in parts} | {
        f"{part}_{name}": bool(getattr(metric, "higher_is_better", False))
        for part in parts
        for metric in metrics
        for name in column_names(metric)
    }


def metric_values(metric: Any) -> dict[str, float]:
    """Return the number of each of a metric's columns."""
    if not isinstance(metric, Metric):  # an object of the user's own
        if not hasattr(metric, "values"):
            return Metric.values(_Foreign(metric))
        return {name: float(value) for name, value in metric.values().items()}
    return metric.values()


class _Foreign(Metric):
    """Stands for a metric of another base."""

    def __init__(self, metric: Any) -> None:
        self.name, self._columns = metric_name(metric), column_names(metric)
        self.compute = metric.compute  # type: ignore[method-assign]

    @property
    def columns(self) -> tuple[str, ...]:
        return self._columns


# ---- checks


def as_arrays(where: str, output: Any, target: Any) -> tuple[Array, Array]:
    """Return output and target as NumPy arrays of numbers; Tensors are taken, too."""
    return _as_array(where, "output", output), _as_array(where, "target", target)


def _as_array(where: str, what: str, value: Any) -> Array:
    if isinstance(value, Tensor):
        value = value.detach().numpy()
    if not isinstance(value, np.ndarray):
        raise TypeError(
            explain(
                where,
                got=f"{what} of type {type(value).__name__}",
                expected="one NumPy array or Tensor",
                fix="give a function (output, target) that picks what is to be compared"
                if isinstance(value, tuple | dict)
                else "convert it with np.asarray",
            )
        )
    if value.dtype.kind not in "fiub":
        raise DtypeError(explain(where, got=f"{what} of {value.dtype}", expected="real numbers"))
    return value


def check_same_shape(where: str, output: Array, target: Array) -> None:
    """Refuse an output and a target of different shapes."""
    if output.shape != target.shape:
        refuse_shapes(
            where, output, target, "one shape", "reshape one of them (they are not broadcast)"
        )


def refuse_shapes(where: str, output: Array, target: Array, expected: str, fix: str) -> None:
    """Raise the error for shapes that do not fit."""
    got = f"output {output.shape} and target {target.shape}"
    raise ShapeError(explain(where, got=got, expected=expected, fix=fix))


def refuse_nan(where: str, output: Array) -> None:
    """Raise NonFiniteError where a score is NaN: of those no order can be told."""
    if not is_finite(output) and np.isnan(output).any():
        count = int(np.count_nonzero(np.isnan(output)))
        raise NonFiniteError(
            explain(
                where,
                got=f"{count} of {output.size} outputs that are NaN",
                expected="numbers, which can be put in an order",
                fix="look for an overflow, a division by 0 or log(0) in the model",
            )
        )
