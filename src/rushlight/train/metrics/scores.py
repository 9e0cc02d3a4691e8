"""Precision, recall, F1 and the area under the ROC curve: scikit-learn's, exact over batches."""

from __future__ import annotations

import importlib
import math
import warnings
from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np

from rushlight.arrays import Array
from rushlight.errors import MissingExtra, explain
from rushlight.functional import softmax
from rushlight.tensor import from_numpy
from rushlight.train.metrics.base import (
    Metric,
    as_arrays,
    check_same_shape,
    refuse_nan,
    refuse_shapes,
)
from rushlight.train.metrics.classes import (
    class_targets,
    counted,
    joined_counts,
    tally,
    whole_classes,
)

__all__ = ["F1", "ROCAUC", "Precision", "Recall"]


class _Score(Metric):
    """Base: counts pairs (true class, found class), which scikit-learn turns into a score."""

    higher_is_better = True
    _function: ClassVar[str]

    def __init__(
        self,
        average: str | None = "macro",
        labels: Sequence[int] | None = None,
        zero_division: float = 0.0,
        threshold: float | None = None,
        ignore_index: int | None = None,
        name: str | None = None,
    ) -> None:
        where = type(self).__name__
        _sklearn(where)
        if average not in (None, "macro", "micro", "weighted", "binary"):
            expected = "'macro', 'micro', 'weighted', 'binary' or None"
            raise ValueError(explain(f"{where} average", got=repr(average), expected=expected))
        if average == "binary" and labels is not None:
            expected = "one of them: 'binary' is the score of class 1"
            raise ValueError(explain(where, got="labels with average='binary'", expected=expected))
        if zero_division not in (0, 1) and not math.isnan(zero_division):
            raise ValueError(
                explain(f"{where} zero_division", got=repr(zero_division), expected="0, 1 or NaN")
            )
        self.average, self.zero_division = average, zero_division
        self.labels = None if labels is None else _labels(where, labels)
        self.threshold, self.ignore_index = threshold, whole_classes(where, threshold, ignore_index)
        self.name = name or type(self).name
        self.reset()

    @property
    def columns(self) -> tuple[str, ...]:
        """`name`; without average `name_LABEL` for each of `labels`, none where they are None."""
        if self.average is not None:
            return (self.name,)
        return tuple(f"{self.name}_{label}" for label in self.labels or ())

    def reset(self) -> None:
        """Forget all batches."""
        self._counts: Array = np.zeros((0, 0), np.int64)

    def update(self, output: Array, target: Array) -> None:
        """Take in one batch."""
        self._counts = tally(self, output, target, self._counts)
        where, size = type(self).__name__, len(self._counts)
        if self.average == "binary" and size != 2:
            fix = "choose another average"
            raise ValueError(
                explain(where, got=f"{size} classes", expected="2 for average='binary'", fix=fix)
            )
        if self.labels is not None and max(self.labels) >= size:
            got = f"the label {max(self.labels)} of {size} classes"
            raise ValueError(explain(where, got=got, expected=f"labels 0 to {size - 1}"))

    def merge(self, other: Any) -> None:
        """Add the counts of another process."""
        self._counts = joined_counts(self, other)

    def compute(self) -> Any:
        """Return the score; without average an array, one for each label or class."""
        labels: Sequence[int] | None = self.labels
        average = self.average
        if average is None and labels is None:
            labels = range(len(self._counts))
        if average == "binary":
            labels, average = [1], "macro"
        if not self._counts.any():
            return np.full(len(labels or ()), math.nan) if average is None else math.nan
        true, found = np.nonzero(self._counts)
        score = getattr(_sklearn(type(self).__name__), self._function)(
            true,
            found,
            labels=labels,
            average=average,
            sample_weight=self._counts[true, found],
            zero_division=self.zero_division,
        )
        return np.asarray(score) if average is None else float(score)


class Precision(_Score):
    """Right / found: of what was taken for a class, how much is of it. Needs scikit-learn.

    Args:
        average: 'macro' (default) is the mean over the classes, 'weighted' the mean weighted by
            how often each class is wanted, 'micro' counts all classes together, 'binary' is class
            1 of two, None gives one number for each class. As in scikit-learn, the mean is over
            the classes that occur.
        labels: the classes that count (default None: all that occur). Without average each has a
            column `precision_LABEL` in the history; without labels there is no column then, and
            `Trainer.evaluate` returns the array.
        zero_division: the score of a class that was never found, 0 (default), 1 or NaN, which is
            left out of the mean.
        threshold: None (default) takes the class of the largest output; a number says that
            outputs above it mean 1: each element is a decision between 0 and 1.
        ignore_index: targets of this class are not counted (default None).
        name: in the history (default 'precision').

    Shape:
        without threshold: output (N, C, *), target (N, *) of class indices or (N, C, *) of
        probabilities; with threshold: output and target of one shape.

    Raises:
        MissingExtra: scikit-learn (extra `sklearn`) is not installed; found out when it is made.
        ShapeError, DtypeError, ValueError: shapes, types or classes that do not fit.
        NonFiniteError: an output that is NaN.

    Source: https://scikit-learn.org/stable/modules/generated/sklearn.metrics.precision_score.html
    """

    name = "precision"
    _function = "precision_score"


class Recall(_Score):
    """Right / wanted: of what is of a class, how much was taken for it. Needs scikit-learn.

    Args:
        average, labels, zero_division, threshold, ignore_index, name: as in `Precision`; 0 / 0 is
            the score of a class that does not occur.

    Raises:
        MissingExtra: scikit-learn (extra `sklearn`) is not installed; found out when it is made.

    Source: https://scikit-learn.org/stable/modules/generated/sklearn.metrics.recall_score.html
    """

    name = "recall"
    _function = "recall_score"


class F1(_Score):
    """2 right / (found + wanted), the harmonic mean of precision and recall. Needs scikit-learn.

    Args:
        average, labels, zero_division, threshold, ignore_index, name: as in `Precision`; 0 / 0 is
            the score of a class that is neither found nor wanted.

    Raises:
        MissingExtra: scikit-learn (extra `sklearn`) is not installed; found out when it is made.

    Source: https://scikit-learn.org/stable/modules/generated/sklearn.metrics.f1_score.html
    """

    name = "f1"
    _function = "f1_score"


class ROCAUC(Metric):
    """The area under the ROC curve: how likely a sample of a class is scored above one of another.

    It is no mean over batches, so outputs and targets are kept until `reset`. Needs scikit-learn.
    With samples of one class only it does not exist: NaN, with a warning.

    Args:
        average: over the classes, 'macro' (default) or 'weighted' by how often each is wanted.
        multi_class: of more than two classes, 'ovr' (default) compares each class with the rest,
            'ovo' each pair of classes.
        binary: outputs are scores of class 1, each element a decision (default False).
        logits: outputs of several classes are logits or log-probabilities, of which the softmax
            is taken (default True); False: they are probabilities, of sum 1.
        ignore_index: targets of this class are not counted (default None).
        name: in the history (default 'roc_auc').

    Shape:
        output (N, C, *), target (N, *) of class indices or (N, C, *) of probabilities; binary:
        output and target of one shape.

    Raises:
        MissingExtra: scikit-learn (extra `sklearn`) is not installed; found out when it is made.
        ShapeError, DtypeError, ValueError: shapes, types or classes that do not fit.
        NonFiniteError: an output that is NaN.

    Source: https://scikit-learn.org/stable/modules/generated/sklearn.metrics.roc_auc_score.html
    """

    higher_is_better = True

    def __init__(
        self,
        average: str = "macro",
        multi_class: str = "ovr",
        binary: bool = False,
        logits: bool = True,
        ignore_index: int | None = None,
        name: str = "roc_auc",
    ) -> None:
        _sklearn("ROCAUC")
        for what, value, known in (
            ("average", average, ("macro", "weighted")),
            ("multi_class", multi_class, ("ovr", "ovo")),
        ):
            if value not in known:
                expected = " or ".join(map(repr, known))
                raise ValueError(explain(f"ROCAUC {what}", got=repr(value), expected=expected))
        self.average, self.multi_class, self.name = average, multi_class, name
        self.binary, self.logits = binary, logits
        self.ignore_index = whole_classes("ROCAUC", 0 if binary else None, ignore_index)
        self.reset()

    def reset(self) -> None:
        """Forget all batches."""
        self._scores: list[Array] = []
        self._classes: list[Array] = []

    def update(self, output: Array, target: Array) -> None:
        """Take in one batch."""
        output, target = as_arrays("ROCAUC", output, target)
        if self.binary:
            check_same_shape("ROCAUC(binary)", output, target)
            refuse_nan("ROCAUC", output)
            self._scores.append(output.ravel().astype(np.float64))
            self._classes.append(target.ravel() > 0.5)
            return
        if output.ndim < 2 or output.shape[1] < 2:
            fix = "for the scores of class 1 give metrics=[ROCAUC(binary=True)]"
            refuse_shapes("ROCAUC", output, target, "output (N, C, *) of C >= 2 classes", fix)
        wanted = class_targets("ROCAUC", output, target)
        refuse_nan("ROCAUC", output)
        scores, classes = counted("ROCAUC", output, wanted, self.ignore_index)
        if self._scores and self._scores[0].shape[1:] != scores.shape[1:]:
            expected = f"output (N, {self._scores[0].shape[1]}, *) as in the batches before"
            refuse_shapes("ROCAUC", output, target, expected, "call reset between two data sets")
        self._scores.append(scores.astype(np.float64))
        self._classes.append(classes.copy())

    def merge(self, other: ROCAUC) -> None:
        """Take in the scores of another process."""
        self._scores = self._scores + other._scores
        self._classes = self._classes + other._classes

    def compute(self) -> float:
        """Return the area; NaN, with a warning, where a class has no sample."""
        if not sum(map(len, self._classes)):
            return math.nan
        scores, classes = np.concatenate(self._scores), np.concatenate(self._classes)
        size = 2 if self.binary else scores.shape[1]
        seen = np.unique(classes)
        if len(seen) < size:
            shown = ", ".join(str(int(label)) for label in seen[:8])
            warnings.warn(
                explain(
                    "ROCAUC",
                    got=f"samples of {len(seen)} of {size} classes ({shown})",
                    expected="some of each class: without them there is no area, so it is NaN",
                    fix="draw the samples so that each class is among them",
                ),
                RuntimeWarning,
                stacklevel=2,
            )
            return math.nan
        score = _sklearn("ROCAUC").roc_auc_score
        if size == 2:
            # a difference of logits keeps the order that probabilities near 1 lose
            certain = scores if self.binary else scores[:, 1] - scores[:, 0]
            return float(score(classes, certain))
        shares = softmax(from_numpy(scores), 1).numpy() if self.logits else scores
        return float(score(classes, shares, average=self.average, multi_class=self.multi_class))


def _labels(where: str, labels: Any) -> list[int]:
    found = [] if isinstance(labels, str) else list(labels)
    ints = all(isinstance(n, int | np.integer) and not isinstance(n, bool) for n in found)
    if not found or not ints or min(found) < 0 or len(set(found)) < len(found):
        expected = "a list of class indices, each once"
        raise ValueError(explain(f"{where} labels", got=repr(labels), expected=expected))
    return [int(n) for n in found]


def _sklearn(where: str) -> Any:
    try:
        return importlib.import_module("sklearn.metrics")
    except ImportError as error:
        raise MissingExtra("scikit-learn", "sklearn", f"the metric {where}") from error
