"""Counts of classes: accuracy, top-k accuracy, confusion matrix."""

from __future__ import annotations

import math
import operator
from typing import Any

import numpy as np

from rushlight.arrays import Array
from rushlight.errors import DtypeError, ShapeError, explain
from rushlight.train.metrics.base import (
    Metric,
    as_arrays,
    check_same_shape,
    refuse_nan,
    refuse_shapes,
)

__all__ = [
    "Accuracy",
    "ConfusionMatrix",
    "TopK",
    "class_targets",
    "classes_of",
    "counted",
    "joined_counts",
    "tally",
    "whole_classes",
]


class Accuracy(Metric):
    """The share of right answers.

    Args:
        threshold: None (default) compares the class of the largest output with the target; a
            number says that outputs above it mean 1: 0.5 for probabilities, 0 for logits.
        ignore_index: targets of this class are not counted (default None).

    Shape:
        without threshold: output (N, C, *), target (N, *) of class indices or (N, C, *) of
        probabilities; with threshold: output and target of one shape.

    Raises:
        ShapeError: shapes other than these.
        DtypeError: class indices that are no ints.
        NonFiniteError: an output that is NaN.

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
        self.threshold = threshold
        self.ignore_index = whole_classes("Accuracy", threshold, ignore_index)
        self.reset()

    def reset(self) -> None:
        """Forget all batches."""
        self._right = self._count = 0

    def update(self, output: Array, target: Array) -> None:
        """Take in one batch."""
        found, wanted = classes_of("Accuracy", output, target, self.threshold)
        hits = found == wanted
        if self.ignore_index is not None:
            counted = wanted != self.ignore_index
            hits &= counted
            self._count += int(np.count_nonzero(counted))
        else:
            self._count += hits.size
        self._right += int(np.count_nonzero(hits))

    def merge(self, other: Any) -> None:
        """Add the counts of another process."""
        self._right += other._right
        self._count += other._count

    def compute(self) -> float:
        """Return right / counted."""
        return self._right / self._count if self._count else math.nan


class TopK(Metric):
    """The share of samples whose class is among the k with the largest outputs.

    Of equal outputs the lower class comes first, as in `Accuracy`, which is TopK(1).

    Args:
        k: how many classes count as an answer, 1 <= k <= C (default 5).
        ignore_index: targets of this class are not counted (default None).

    Attributes:
        name: 'top5' for k = 5.

    Shape:
        output (N, C, *), target (N, *) of class indices or (N, C, *) of probabilities

    Raises:
        ShapeError: shapes other than these, or fewer than k classes.
        DtypeError: class indices that are no ints.
        ValueError: a class index outside of 0..C-1.
        NonFiniteError: an output that is NaN.

    Example:
        >>> top = TopK(2); top.reset()
        >>> top.update(np.array([[0.5, 0.3, 0.2], [0.5, 0.3, 0.2]]), np.array([1, 2]))
        >>> top.name, top.compute()
        ('top2', 0.5)
    """

    higher_is_better = True

    def __init__(self, k: int = 5, ignore_index: int | None = None) -> None:
        self.k, self.ignore_index = operator.index(k), ignore_index
        if self.k < 1:
            raise ValueError(explain("TopK k", got=repr(k), expected="an int >= 1"))
        self.name = f"top{self.k}"
        self.reset()

    def reset(self) -> None:
        """Forget all batches."""
        self._right = self._count = 0

    def update(self, output: Array, target: Array) -> None:
        """Take in one batch."""
        output, target = as_arrays("TopK", output, target)
        wanted = class_targets("TopK", output, target)
        if output.shape[1] < self.k:
            expected = f"output (N, C, *) of C >= {self.k} classes"
            refuse_shapes("TopK", output, target, expected, "lower k")
        refuse_nan("TopK", output)
        scores, wanted = counted("TopK", output, wanted, self.ignore_index)
        own = np.take_along_axis(scores, wanted[:, None], 1)  # (M, C) -> (M, 1)
        before = np.arange(scores.shape[1]) < wanted[:, None]
        ahead = np.count_nonzero((scores > own) | ((scores == own) & before), axis=1)
        self._right += int(np.count_nonzero(ahead < self.k))
        self._count += len(wanted)

    def merge(self, other: Any) -> None:
        """Add the counts of another process."""
        self._right += other._right
        self._count += other._count

    def compute(self) -> float:
        """Return right / counted."""
        return self._right / self._count if self._count else math.nan


class ConfusionMatrix(Metric):
    """How often each class (row) was taken for each class (column).

    A matrix is no curve: it has no column in the history. `Trainer.evaluate` returns it.

    Args:
        normalize: None (default) counts; 'true' divides each row by its sum (the diagonal is then
            the recall), 'pred' each column (precision), 'all' everything. Of an empty row or
            column the shares are 0.
        threshold: None (default) takes the class of the largest output; a number says that
            outputs above it mean 1, and the matrix is 2 x 2.
        ignore_index: targets of this class are not counted (default None).

    Shape:
        without threshold: output (N, C, *), target (N, *) of class indices or (N, C, *) of
        probabilities; with threshold: output and target of one shape, each element a decision.
        The matrix: (C, C), int64 or float64.

    Raises:
        ShapeError: shapes other than these, or another C than before.
        DtypeError: class indices that are no ints.
        ValueError: a class index outside of 0..C-1, or an unknown `normalize`.
        NonFiniteError: an output that is NaN.

    Example:
        >>> matrix = ConfusionMatrix(); matrix.reset()
        >>> matrix.update(np.array([[0.9, 0.1], [0.7, 0.3], [0.2, 0.8]]), np.array([0, 1, 1]))
        >>> matrix.compute()
        array([[1, 0],
               [1, 1]])

    Source: https://scikit-learn.org/stable/modules/generated/sklearn.metrics.confusion_matrix.html
    """

    name = "confusion_matrix"
    columns: tuple[str, ...] = ()

    def __init__(
        self,
        normalize: str | None = None,
        threshold: float | None = None,
        ignore_index: int | None = None,
    ) -> None:
        if normalize not in (None, "true", "pred", "all"):
            expected = "None, 'true', 'pred' or 'all'"
            raise ValueError(
                explain("ConfusionMatrix normalize", got=repr(normalize), expected=expected)
            )
        self.normalize, self.threshold = normalize, threshold
        self.ignore_index = whole_classes("ConfusionMatrix", threshold, ignore_index)
        self.reset()

    def reset(self) -> None:
        """Forget all batches."""
        self._counts: Array = np.zeros((0, 0), np.int64)

    def update(self, output: Array, target: Array) -> None:
        """Take in one batch."""
        self._counts = tally(self, output, target, self._counts)

    def merge(self, other: ConfusionMatrix) -> None:
        """Add the counts of another process."""
        self._counts = joined_counts(self, other)

    def compute(self) -> Array:
        """Return the matrix, (0, 0) where there was no batch."""
        if self.normalize is None:
            return self._counts.copy()
        axis = {"true": 1, "pred": 0, "all": None}[self.normalize]
        total = self._counts.sum(axis, keepdims=True)
        shares: Array = self._counts / np.maximum(total, 1)
        return shares


def whole_classes(where: str, threshold: float | None, ignore_index: int | None) -> int | None:
    """Return `ignore_index`, which is a class: decisions between 0 and 1 cannot be left out."""
    if threshold is not None and ignore_index is not None:
        got = f"ignore_index={ignore_index} where each output is a decision between 0 and 1"
        raise ValueError(explain(where, got=got, expected="outputs (N, C, *) of C classes"))
    return ignore_index


def tally(metric: Any, output: Any, target: Any, counts: Array) -> Array:
    """Return a matrix of counts (true class, found class) to which a batch was added."""
    where = type(metric).__name__
    found, wanted = classes_of(where, output, target, metric.threshold)
    size = 2 if metric.threshold is not None else output.shape[1]
    if len(counts) and len(counts) != size:
        expected = f"output (N, {len(counts)}, *) as in the batches before"
        refuse_shapes(where, output, target, expected, "call reset between two data sets")
    keep = slice(None) if metric.ignore_index is None else wanted != metric.ignore_index
    found, wanted = found[keep].ravel(), wanted[keep].ravel()
    check_range(where, wanted, size)
    pairs = np.bincount(wanted * np.int64(size) + found, minlength=size * size)
    return pairs.reshape(size, size) + (counts if len(counts) else 0)


def joined_counts(metric: Any, other: Any) -> Array:
    """Return the sum of two matrices of counts; one without a batch is empty."""
    counts: list[Array] = [m._counts for m in (metric, other) if len(m._counts)]
    if len(counts) == 2 and counts[0].shape != counts[1].shape:
        raise ShapeError(
            explain(
                f"{type(metric).__name__}.merge",
                got=f"counts of {len(counts[1])} classes",
                expected=f"{len(counts[0])} classes",
            )
        )
    return sum(counts[1:], start=counts[0]) if counts else metric._counts


def classes_of(
    where: str, output: Any, target: Any, threshold: float | None
) -> tuple[Array, Array]:
    """Return the classes that were found and those that were wanted, of one shape."""
    output, target = as_arrays(where, output, target)
    if threshold is not None:
        check_same_shape(f"{where}(threshold)", output, target)
        refuse_nan(where, output)
        return output > threshold, target > 0.5
    wanted = class_targets(where, output, target)
    refuse_nan(where, output)
    return output.argmax(1), wanted


def class_targets(where: str, output: Array, target: Array) -> Array:
    """Return the class of each sample or position, (N, *), for an output (N, C, *)."""
    if output.ndim < 2 or output.shape[1] < 2:
        fix = (
            f"for two classes in one output give metrics=[{where}(threshold=0.5)], or 0 for logits"
        )
        refuse_shapes(
            where, output, target, "output (N, C, *) of C >= 2 classes", _THRESHOLD.get(where, fix)
        )
    shape = output.shape[:1] + output.shape[2:]
    wanted = target.argmax(1) if target.shape == output.shape else target
    if wanted.shape != shape:
        fix = "is it the right metric for this loss?"
        refuse_shapes(where, output, target, f"target {shape} of class indices", fix)
    if wanted.dtype.kind not in "iub":
        raise DtypeError(
            explain(
                where,
                got=f"target of {target.dtype}",
                expected="class indices (int64)",
                fix="convert it, or choose another metric such as 'mse' for regression",
            )
        )
    return wanted


_THRESHOLD = {"TopK": "two classes in one output have no order of classes"}


def check_range(where: str, wanted: Array, size: int) -> None:
    """Refuse class indices outside of 0..size-1."""
    if wanted.size and not 0 <= wanted.min() <= wanted.max() < size:
        bad = wanted[(wanted < 0) | (wanted >= size)]
        raise ValueError(
            explain(
                where,
                got=f"the class {bad[0]} in the target",
                expected=f"0 to {size - 1} for {size} classes",
                fix=f"if it means 'no class', give ignore_index={bad[0]}",
            )
        )


def counted(
    where: str, output: Array, wanted: Array, ignore_index: int | None
) -> tuple[Array, Array]:
    """Return scores (M, C) and classes (M,) of all positions that count."""
    scores = np.moveaxis(output, 1, -1).reshape(-1, output.shape[1])  # (N, C, *) -> (M, C)
    classes = wanted.ravel().astype(np.int64, copy=False)
    if ignore_index is not None:
        keep = classes != ignore_index
        scores, classes = scores[keep], classes[keep]
    check_range(where, classes, output.shape[1])
    return scores, classes
