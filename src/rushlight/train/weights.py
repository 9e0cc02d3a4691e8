"""Weights of samples and of classes: where they come from, and the loss that counts them."""

from __future__ import annotations

import copy
import functools
import inspect
import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from rushlight import nn
from rushlight.arrays import Array
from rushlight.data import Subset, TensorDataset
from rushlight.errors import DtypeError, ShapeError, explain
from rushlight.tensor import Tensor, from_numpy
from rushlight.train.parts import kind_of

__all__ = [
    "WeightedLoss",
    "Weights",
    "class_table",
    "counts_all",
    "held_targets",
    "is_sum",
    "sample_weights",
    "samples",
]


class Weights:
    """Where the weights of a batch come from: its last part, the class of each target, or both.

    Args:
        last: whether the last part of a batch is a weight.
        classes: the weight of each class, or None.
    """

    def __init__(self, last: bool, classes: Array | None = None) -> None:
        self.last, self.classes = last, classes

    def take(self, where: str, parts: tuple[Any, ...]) -> tuple[tuple[Any, ...], Tensor]:
        """Return a batch without its weight, and its weights."""
        found = None
        if self.last:
            *rest, weight = parts
            parts, found = tuple(rest), weight._array
            check_weights(where, found)
        if self.classes is not None:
            of_class = self._of(where, parts[-1]._array)
            found = of_class if found is None else _widened(found, of_class.ndim) * of_class
        assert found is not None
        return parts, from_numpy(found)

    def _of(self, where: str, target: Array) -> Array:
        assert self.classes is not None
        index = target.astype(np.int64)
        if (index != target).any():
            raise DtypeError(
                explain(
                    f"{where}: class_weight",
                    got="a target that holds fractions",
                    expected="class indices",
                    fix="leave class_weight out, or pass sample_weight",
                )
            )
        if index.size and not 0 <= index.min() <= index.max() < len(self.classes):
            bad = index.max() if index.min() >= 0 else index.min()
            known = f"a weight for each class, got those of 0 to {len(self.classes) - 1}"
            raise ValueError(
                explain(f"{where}: class_weight", got=f"a target of class {bad}", expected=known)
            )
        return self.classes[index]


def class_table(where: str, given: Any, data: Any, weighted: bool, floating: Any) -> Array | None:
    """Return the weight of each class, by its index.

    Args:
        where: the method, for messages.
        given: None, 'balanced' (n / (classes * count of the class)), a dict class -> weight
            (classes it leaves out weigh 1), or one weight for each class.
        data: the training data, in which 'balanced' counts.
        weighted: whether the last part of the data is a weight.
        floating: the dtype of the result.
    """
    if given is None:
        return None
    name = f"{where}: class_weight"
    if isinstance(given, str):
        if given != "balanced":
            expected = "'balanced', a dict class -> weight, or one weight for each class"
            raise ValueError(explain(name, got=repr(given), expected=expected))
        table = _balanced(name, data, weighted)
    elif isinstance(given, Mapping):
        keys = list(given)
        if not keys or any(
            isinstance(k, bool) or not isinstance(k, int | np.integer) for k in keys
        ):
            expected = "class indices (ints) -> weights"
            raise TypeError(explain(name, got=f"a dict of {keys!r}", expected=expected))
        if min(keys) < 0:
            raise ValueError(explain(name, got=f"class {min(keys)}", expected="indices >= 0"))
        size = max(max(keys), _largest(data, weighted)) + 1
        table = np.array([given.get(index, 1.0) for index in range(size)], np.float64)
    else:
        array = given.detach().numpy() if isinstance(given, Tensor) else np.asarray(given)
        if array.ndim != 1 or not array.size or array.dtype.kind not in "iuf":
            got = f"{kind_of(given)} of shape {array.shape}"
            raise ShapeError(explain(name, got=got, expected="one number for each class"))
        table = array.astype(np.float64)
    check_weights(name, table)
    return table.astype(floating)


def held_targets(data: Any, weighted: bool) -> Array | None:
    """Return the targets of data that lies in memory, None of other data."""
    if isinstance(data, Subset):
        whole = held_targets(data.dataset, weighted)
        return None if whole is None else whole[np.asarray(data.indices, np.int64)]
    if isinstance(data, TensorDataset) and len(data.tensors) > 1 + weighted:
        return data.tensors[-1 - weighted].numpy(force=True)
    return None


def _largest(data: Any, weighted: bool) -> int:
    target = held_targets(data, weighted)
    return int(target.max()) if target is not None and target.dtype.kind in "iu" else 0


def _balanced(name: str, data: Any, weighted: bool) -> Array:
    target = held_targets(data, weighted)
    if target is None or (target != target.astype(np.int64)).any() or target.min() < 0:
        raise TypeError(
            explain(
                name,
                got="'balanced' and data whose classes cannot be counted beforehand",
                expected="an array y of class indices",
                fix="count them, and pass a dict class -> weight",
            )
        )
    counts = np.bincount(target.astype(np.int64).ravel())
    present = counts > 0
    share = counts.sum() / (np.count_nonzero(present) * np.maximum(counts, 1))
    return np.where(present, share, 1.0)


def sample_weights(where: str, given: Any, shape: tuple[int, ...], floating: Any) -> Tensor:
    """Return an array of weights, checked to belong to targets of a shape."""
    array = given.detach().numpy() if isinstance(given, Tensor) else np.asarray(given)
    name = f"{where}: sample_weight"
    if array.dtype.kind not in "biuf":
        raise DtypeError(explain(name, got=f"an array of {array.dtype}", expected="numbers"))
    if not array.ndim or array.shape != shape[: array.ndim]:
        expected = f"{shape[:1]}, one weight for each sample"
        if len(shape) > 1:
            expected += f", or {shape}, one for each element of y"
        raise ShapeError(explain(name, got=f"an array {array.shape}", expected=expected))
    array = array.astype(floating)
    check_weights(name, array)
    return from_numpy(array)


def check_weights(where: str, array: Array) -> None:
    """Refuse weights that are negative, NaN or infinite."""
    least, most = array.min(initial=0), array.max(initial=0)
    if not (least >= 0 and most < math.inf):  # NaN fails both
        got = "NaN" if math.isnan(least) else f"a weight of {least if least < 0 else most:g}"
        raise ValueError(explain(where, got=got, expected="finite weights >= 0"))


class WeightedLoss:
    """(output, target, weight) -> sum(weight * term) / count.

    The terms are the loss of each sample or element, the count is what the mean of the plain loss
    divides by: weights of 1 change nothing.

    Args:
        loss: a loss module with a `reduction`, or a function with such an argument.

    Raises:
        TypeError: a loss that has no terms, such as a function (output, target) -> mean.

    Example:
        >>> loss = WeightedLoss(nn.MSELoss())
        >>> x = from_numpy(np.array([1.0, 3.0]))
        >>> loss(x, 0 * x, from_numpy(np.array([0.5, 1.5])))
        tensor(7., dtype=float64)
    """

    def __init__(self, loss: Any) -> None:
        self.loss, self._terms = loss, _unreduced(loss)

    def __call__(self, output: Any, target: Any, weight: Tensor) -> Tensor:
        terms = self._terms(output, target)
        factor = _fitted(weight, terms)
        if factor is None:
            shape = terms.shape if isinstance(terms, Tensor) else type(terms).__name__
            raise ShapeError(
                explain(
                    "a weighted loss",
                    got=f"weights {weight.shape} and a loss of {shape} with reduction='none'",
                    expected="a loss of one term for each sample, or weights for each of its terms",
                )
            )
        total = (terms * factor).sum()
        if is_sum(self.loss):
            return total
        if getattr(self.loss, "reduction", "mean") == "batchmean":
            return total / terms.shape[0]
        counted = _counted(self.loss, target)
        return total / (math.prod(terms.shape) if counted is None else counted)


def _unreduced(loss: Any) -> Any:
    if isinstance(loss, nn.Module) and hasattr(loss, "reduction"):
        terms_of = copy.copy(loss)  # shares the buffers
        terms_of.reduction = "none"
        return terms_of
    try:
        known = "reduction" in inspect.signature(loss).parameters
    except (TypeError, ValueError):
        known = False
    if isinstance(loss, nn.Module) or not known:
        raise TypeError(
            explain(
                "a weighted loss",
                got=f"{kind_of(loss)} {getattr(loss, '__name__', '')}".strip(),
                expected="a loss with a `reduction`, which can return a term for each sample",
                fix="give the function an argument reduction='mean' and return all terms for "
                "'none', or weigh the terms within it",
            )
        )
    return functools.partial(loss, reduction="none")


def _fitted(weight: Tensor, terms: Any) -> Tensor | None:
    """Return weights in a shape that multiplies the terms, None where there is none."""
    if not isinstance(terms, Tensor) or weight.shape[:1] != terms.shape[:1] or not terms.ndim:
        return None
    array = weight._array
    if array.ndim > terms.ndim and array.size == terms.shape[0]:
        array = array.reshape(-1)  # (N, 1) beside terms (N)
    if array.shape != tuple(terms.shape[: array.ndim]):
        return None
    return from_numpy(_widened(array, terms.ndim))


def _widened(array: Array, ndim: int) -> Array:
    return array.reshape(array.shape + (1,) * (ndim - array.ndim))


def is_sum(loss: Any) -> bool:
    """Tell whether a loss is the sum over a batch, not the mean."""
    return bool(getattr(loss, "reduction", "mean") == "sum")


def samples(loss: Any, target: Any) -> float:
    """Return what the mean of a loss divides by: how many samples it counts, or their weights.

    Means of batches, weighted by it, make the mean of one large batch.
    """
    counted = _counted(loss, target)
    if counted is not None:
        return counted
    return target.shape[0] if target.ndim else 1


def counts_all(loss: Any, classes: range | None) -> bool:
    """Tell whether the mean of a loss of classes divides by the number of targets.

    Args:
        loss: the loss.
        classes: what targets there are; None: nobody knows.
    """
    own = getattr(loss, "__dict__", ())
    if classes is None or "ignore_index" not in own or getattr(loss, "weight", None) is not None:
        return False
    return loss.ignore_index not in classes


def _counted(loss: Any, target: Any) -> float | None:
    """Return what the mean of a loss of classes divides by, None of other losses."""
    own = getattr(loss, "__dict__", ())  # at each batch: a Module takes long to lack an attribute
    if "ignore_index" not in own or target._array.dtype.kind not in "iu":
        return None
    classes, weight = target._array, getattr(loss, "weight", None)
    kept = classes != loss.ignore_index
    return float(np.count_nonzero(kept) if weight is None else weight._array[classes[kept]].sum())
