"""What each loss wants of its targets, and what is said where they are otherwise."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np

from rushlight import nn
from rushlight.arrays import Array
from rushlight.errors import DtypeError, ShapeError, explain
from rushlight.tensor import Tensor
from rushlight.train.metrics import takes_classes
from rushlight.train.weights import held_targets

__all__ = ["check_values", "explain_target", "one_class"]

_YES_OR_NO = "0 for no and 1 for yes, or probabilities between"
_SIGNS = "-1 for no and 1 for yes"
# What the elements of a target may be, where the loss takes others in silence: it is then without a
# lower bound, or has the wrong sign.
_WANTED: dict[str, tuple[float, float, str]] = {
    "BCEWithLogitsLoss": (0.0, 1.0, _YES_OR_NO),
    "MultiLabelSoftMarginLoss": (0.0, 1.0, _YES_OR_NO),
    "PoissonNLLLoss": (0.0, np.inf, "counts >= 0"),
    "KLDivLoss": (0.0, np.inf, "probabilities (log_target=True takes their logarithms)"),
    "HingeEmbeddingLoss": (-1.0, 1.0, _SIGNS),
    "SoftMarginLoss": (-1.0, 1.0, _SIGNS),
}
_SAME = (
    nn.BCELoss,
    nn.BCEWithLogitsLoss,
    nn.HingeEmbeddingLoss,
    nn.HuberLoss,
    nn.KLDivLoss,
    nn.L1Loss,
    nn.MSELoss,
    nn.MultiLabelSoftMarginLoss,
    nn.PoissonNLLLoss,
    nn.SmoothL1Loss,
    nn.SoftMarginLoss,
)


def check_values(loss: Any, output: Any, target: Any) -> None:
    """Refuse the targets of a batch that a loss would take, but cannot mean.

    Args:
        loss: the loss.
        output: what the model returned.
        target: a Tensor.

    Raises:
        ValueError: an element that is none of what the loss wants, or shapes that it broadcasts.
    """
    name = type(loss).__name__
    if name not in _WANTED or not isinstance(output, Tensor):
        return
    array = target._array
    if array.shape != output.shape:
        wrong = _of_numbers(loss, tuple(output.shape), array)
        assert wrong is not None
        raise wrong
    least, most, wanted = _WANTED[name]
    if name == "KLDivLoss" and loss.log_target:
        return
    if wanted is _SIGNS:
        right = (np.abs(array) == 1).all()
    else:
        right = not array.size or (array.min() >= least and array.max() <= most)
    if not right and np.isfinite(array).all():  # of NaN something else is said elsewhere
        raise ValueError(_of_values(name, array, wanted))


def _of_values(name: str, array: Array, wanted: str) -> str:
    """Return the text about elements of a target."""
    found = np.unique(array[:1000])
    few = len(found) <= 6
    shown = ", ".join(f"{value:g}" for value in found) if few else _span(array)
    got = f"targets {shown}"
    values = {float(value) for value in found} if few else set()
    fix = ""
    if wanted is _SIGNS:
        fix = "use 2 * y - 1" if values <= {0.0, 1.0} else ""
    elif wanted is _YES_OR_NO:
        fix = _of_yes_and_no(values, few and all(value == int(value) for value in values))
    return explain(name, got=got, expected=wanted, fix=fix)


def _of_yes_and_no(values: set[float], whole: bool) -> str:
    if values == {-1.0, 1.0}:
        return "use (y + 1) / 2, or the loss 'soft_margin'"
    if values <= {1.0, 2.0}:
        return "count from 0: y - 1"
    if whole and min(values) >= 0:
        return "for several classes use 'cross_entropy' and one output for each"
    return "numbers of any size are for 'mse' and the like, or scale them"


def _span(array: Array) -> str:
    return f"from {array.min():g} to {array.max():g}"


def explain_target(loss: Any, output: Any, target: Any, error: Exception) -> Exception:
    """Return a better error where the target is not what a loss wants, else the error itself.

    Args:
        loss: the loss that failed.
        output: what the model returned.
        target: the target.
        error: what the loss raised.
    """
    if not (isinstance(output, Tensor) and isinstance(target, Tensor)):
        return error
    shape, array = tuple(output.shape), target._array
    if takes_classes(loss):
        return _of_classes(loss, shape, array) or error
    if isinstance(loss, _SAME):
        return _of_numbers(loss, shape, array) or error
    return error


def _of_numbers(loss: Any, shape: tuple[int, ...], array: Array) -> Exception | None:
    """Return the error about targets that are to have the shape of the output."""
    name = type(loss).__name__
    got = f"an output {shape} and a target {array.shape}"
    if array.shape != shape:
        fix = "reshape one of them (they are not broadcast)"
        if shape == (*array.shape, 1):
            fix = "pass y[:, None], a column, or let the model return output[:, 0]"
        elif array.shape == (*shape, 1):
            fix = "pass y[:, 0], or let the model return a column"
        elif shape[:1] == array.shape and len(shape) == 2:
            fix = _of_rows(loss, shape[1])
        elif len(shape) == array.ndim == 2 and shape[0] == array.shape[0]:
            fix = f"give the last layer {array.shape[1]} outputs, or y {shape[1]} columns"
            if shape[1] == 1 and _one_hot(array):
                fix = f"for {array.shape[1]} classes use 'cross_entropy', y.argmax(1) and "
                fix += f"{array.shape[1]} outputs"
        expected = f"a target of the output's shape, {shape}"
        return ShapeError(explain(name, got=got, expected=expected, fix=fix))
    if array.dtype.kind != "f":
        fix = "convert it with y.astype('float32')"
        got = f"a target of {array.dtype}"
        return DtypeError(explain(name, got=got, expected="floating numbers", fix=fix))
    if isinstance(loss, nn.BCELoss) and array.size and not (0 <= array.min() <= array.max() <= 1):
        return ValueError(_of_values(name, array, _YES_OR_NO))
    return None


def _of_rows(loss: Any, outputs: int) -> str:
    """Return the advice for one label a sample where the output has several columns."""
    if isinstance(loss, nn.MSELoss | nn.L1Loss | nn.SmoothL1Loss | nn.HuberLoss):
        return "give the last layer 1 output and pass y[:, None]; for classes use 'cross_entropy'"
    if isinstance(loss, nn.KLDivLoss):
        return "class indices are for 'nll'; this loss compares with probabilities"
    return f"class indices are for 'cross_entropy'; or pass np.eye({outputs})[y], rows of 0 and 1"


def _of_classes(loss: Any, shape: tuple[int, ...], array: Array) -> Exception | None:
    """Return the error about targets that are to be class indices."""
    name = type(loss).__name__
    both = isinstance(loss, nn.CrossEntropyLoss)
    wanted = "class indices (N,) for an output (N, C)"
    if len(shape) > 2:
        wanted = "class indices (N, *) for an output (N, C, *)"
    if both:
        wanted += ", or probabilities of the output's shape"
    got = f"an output {shape} and a target {array.shape} of {array.dtype}"
    ints = array.dtype.kind in "iu"
    if len(shape) < 2 or shape[1] == 1:
        fix = "give the last layer an output for each class; for yes and no use 'bce_with_logits'"
        return ShapeError(explain(name, got=got, expected=wanted, fix=fix))
    if array.shape == (shape[0], *shape[2:]):
        if not ints:
            fix = "convert it with y.astype('int64')"
            return DtypeError(explain(name, got=got, expected=wanted, fix=fix))
        return _of_indices(loss, shape, array)
    if array.shape == shape:
        if ints or not both:
            fix = "y.argmax(1) makes indices of one-hot rows"
            if both:
                fix += ", y.astype('float32') probabilities"
            return ShapeError(explain(name, got=got, expected=wanted, fix=fix))
        return None
    fix = "reshape the target"
    if array.shape == (shape[0], 1, *shape[2:]):
        fix = "pass y[:, 0]" + ("" if ints else ".astype('int64')")
    elif len(shape) == array.ndim == 2 and _one_hot(array):
        fix = f"y has {array.shape[1]} classes, the last layer {shape[1]} outputs: make them equal"
    return ShapeError(explain(name, got=got, expected=wanted, fix=fix))


def _of_indices(loss: Any, shape: tuple[int, ...], array: Array) -> Exception | None:
    """Return the error about a class that there is not."""
    classes = shape[1]
    ignored = getattr(loss, "ignore_index", None)
    counted = array if ignored is None else array[array != ignored]
    if not counted.size or 0 <= counted.min() <= counted.max() < classes:
        return None
    least, most = int(counted.min()), int(counted.max())
    fix = f"give the last layer {most + 1} outputs, or number the classes from 0"
    if most == classes and least >= 1:
        fix = f"count from 0 (y - 1), or give the last layer {most + 1} outputs"
    elif least == -1 and ignored is not None:
        fix = f"number the classes from 0; ignore_index=-1 leaves -1 out ({type(loss).__name__})"
    elif least < 0:
        fix = "number the classes from 0"
    where = type(loss).__name__
    got = f"a target of class {least if least < 0 else most}"
    expected = f"0 to {classes - 1} for an output {shape} of {classes} classes"
    return IndexError(explain(where, got=got, expected=expected, fix=fix))


def _one_hot(array: Array) -> bool:
    return bool(((array == 0) | (array == 1)).all() and (array.sum(1) == 1).all())


def one_class(data: Any, loss: Any, weighted: bool) -> None:
    """Warn of validation data that lies in memory and is of one class.

    Args:
        data: the data set.
        loss: the loss, which tells whether its targets are classes.
        weighted: whether the last part of the data is a weight.
    """
    binary = isinstance(loss, nn.BCELoss | nn.BCEWithLogitsLoss | nn.SoftMarginLoss)
    if not (binary or takes_classes(loss)):
        return
    target = held_targets(data, weighted)
    if target is None or len(target) < 2 or target.size != len(target):
        return
    if (target == target[0]).all():
        warnings.warn(
            explain(
                "fit: validation",
                got=f"{len(target)} samples, all of class {target.ravel()[0]:g}",
                expected="samples of each class: accuracy says little there, ROC-AUC nothing",
                fix="shuffle before the split, or split each class alike",
            ),
            UserWarning,
            stacklevel=5,
        )
