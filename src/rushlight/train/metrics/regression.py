"""Errors of real numbers: MSE, RMSE, MAE, R2, over all outputs and of each."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from rushlight.arrays import Array
from rushlight.errors import explain
from rushlight.kernels.products import dot
from rushlight.train.metrics.base import Metric, as_arrays, check_same_shape, refuse_shapes

__all__ = ["MAE", "MSE", "R2", "RMSE"]


class _PerOutput(Metric):
    """Base: one value over everything and, where the outputs have names, one of each."""

    def __init__(self, outputs: Sequence[str] | None = None) -> None:
        self.outputs = None if outputs is None else _names(type(self).__name__, outputs)
        self.reset()

    @property
    def columns(self) -> tuple[str, ...]:
        """`name`, then `name_OUTPUT` for each output that has a name."""
        return (self.name, *(f"{self.name}_{output}" for output in self.outputs or ()))

    def update(self, output: Array, target: Array) -> None:
        """Take in one batch."""
        where = type(self).__name__
        output, target = as_arrays(where, output, target)
        check_same_shape(where, output, target)
        if self.outputs is not None:
            count = len(self.outputs)
            if output.shape[1:2] != (count,) and not (output.ndim == 1 and count == 1):
                expected = f"(N, {count}, *) for the outputs {', '.join(self.outputs)}"
                refuse_shapes(where, output, target, expected, "name each output once")
        if output.size:
            self._take(output, target)

    def _take(self, output: Array, target: Array) -> None:
        raise NotImplementedError

    def compute(self) -> float:
        """Return the value over all outputs."""
        raise NotImplementedError

    def compute_outputs(self) -> Array:
        """Return the value of each output that has a name, in their order."""
        raise NotImplementedError

    def values(self) -> dict[str, float]:
        """Return the value over all outputs and of each one that has a name."""
        each = () if self.outputs is None else self.compute_outputs().tolist()
        return dict(zip(self.columns, (self.compute(), *each), strict=True))


def _names(where: str, outputs: Any) -> tuple[str, ...]:
    names = () if isinstance(outputs, str) else tuple(outputs)
    if not names or len(set(names)) < len(names) or not all(type(n) is str and n for n in names):
        raise ValueError(
            explain(
                f"{where} outputs",
                got=repr(outputs),
                expected="a list of names, each once, in the order of the model's outputs",
            )
        )
    return names


class MSE(_PerOutput):
    """Mean squared error over all elements, summed in float64.

    Args:
        outputs: the names of the outputs, for a column of each in the history: `mse_fat`
            (default None: one value over all).

    Shape:
        output and target of one shape; with names (N, K, *) for K of them.

    Raises:
        ShapeError: output and target differ in shape, or there is not one name for each output.

    Example:
        >>> mse = MSE(["water", "fat"]); mse.reset()
        >>> mse.update(np.array([[1.0, 2.0]]), np.array([[1.0, 4.0]])); mse.compute()
        2.0
        >>> mse.values()
        {'mse': 2.0, 'mse_water': 0.0, 'mse_fat': 4.0}
    """

    name = "mse"

    def reset(self) -> None:
        """Forget all batches."""
        self._sum: Any = 0.0 if self.outputs is None else np.zeros(len(self.outputs))
        self._count = 0  # of elements

    def _take(self, output: Array, target: Array) -> None:
        error = np.subtract(output, target, dtype=np.float64)
        self._count += error.size
        if self.outputs is None:
            self._sum += float(self._total(error.ravel()))
        else:
            columns = error.reshape(len(error), len(self.outputs), -1)
            self._sum += self._total(np.moveaxis(columns, 1, -1).reshape(-1, len(self.outputs)))

    def _total(self, error: Array) -> Any:
        """Return the sum over the first axis."""
        return dot(error, error) if error.ndim == 1 else np.square(error).sum(0)

    def _finish(self, mean: Any) -> Any:
        return mean

    def merge(self, other: Any) -> None:
        """Add the sums and the count of another process."""
        self._sum = self._sum + other._sum
        self._count += other._count

    def compute(self) -> float:
        """Return the mean over all elements."""
        if not self._count:
            return math.nan
        return float(self._finish(np.sum(self._sum) / self._count))

    def compute_outputs(self) -> Array:
        """Return the mean of each output that has a name, in their order."""
        found = np.full(len(self.outputs or ()), math.nan)
        if self._count and self.outputs is not None:
            found[:] = self._finish(self._sum * len(self.outputs) / self._count)
        return found


class RMSE(MSE):
    """Root of the mean squared error over all elements (not the mean of the batches' roots).

    Over several outputs it is the root of the mean, not the mean of their roots.

    Args:
        outputs: the names of the outputs, for a column of each in the history: `rmse_fat`
            (default None: one value over all).

    Shape:
        output and target of one shape; with names (N, K, *) for K of them.

    Example:
        >>> rmse = RMSE(["water", "fat"]); rmse.reset()
        >>> rmse.update(np.array([[1.0, 2.0], [5.0, 4.0]]), np.array([[1.0, 4.0], [3.0, 6.0]]))
        >>> {name: round(value, 4) for name, value in rmse.values().items()}
        {'rmse': 1.7321, 'rmse_water': 1.4142, 'rmse_fat': 2.0}
    """

    name = "rmse"

    def _finish(self, mean: Any) -> Any:
        return np.sqrt(mean)


class MAE(MSE):
    """Mean absolute error over all elements, summed in float64.

    Args:
        outputs: the names of the outputs, for a column of each in the history: `mae_fat`
            (default None: one value over all).

    Shape:
        output and target of one shape; with names (N, K, *) for K of them.
    """

    name = "mae"

    def _total(self, error: Array) -> Any:
        return np.abs(error, out=error).sum(0)


class R2(_PerOutput):
    """1 - (squared error) / (squared deviation of the target), the mean over the outputs.

    Merged batch by batch without cancellation, so it equals the value over the whole epoch. Of a
    target that does not vary it is 1 where it is met exactly, else 0.

    Args:
        outputs: the names of the outputs, for a column of each in the history: `r2_fat`
            (default None: one value over all).

    Shape:
        output and target (N, *), averaged over *; with names (N, K, *) for K of them.

    Example:
        >>> r2 = R2(); r2.reset()
        >>> r2.update(np.array([1.0, 2.0, 2.0]), np.array([1.0, 2.0, 3.0])); r2.compute()
        0.5

    Source: https://scikit-learn.org/stable/modules/generated/sklearn.metrics.r2_score.html
    """

    name = "r2"
    higher_is_better = True

    def reset(self) -> None:
        """Forget all batches."""
        self._count = 0
        self._mean: Any = 0.0
        self._spread: Any = 0.0
        self._error: Any = 0.0

    def _take(self, output: Array, target: Array) -> None:
        n = len(target) if target.ndim else 1
        wanted = target.reshape(n, -1).astype(np.float64)
        mean = wanted.mean(0)
        error = np.square(output.reshape(n, -1) - wanted).sum(0)
        self._join(n, mean, np.square(wanted - mean).sum(0), error)

    def _join(self, n: int, mean: Any, spread: Any, error: Any) -> None:
        """Take in n samples by their mean, their spread about it and the errors."""
        shift, total = mean - self._mean, self._count + n
        self._error = self._error + error
        self._spread = self._spread + spread + shift**2 * (self._count * n / total)
        self._mean, self._count = self._mean + shift * (n / total), total

    def merge(self, other: R2) -> None:
        """Take in the samples of another process."""
        if other._count:
            self._join(other._count, other._mean, other._spread, other._error)

    def _shares(self) -> Array:
        flat = self._spread == 0
        share = self._error / np.where(flat, 1.0, self._spread)
        return np.where(flat, self._error == 0, 1 - share)

    def compute(self) -> float:
        """Return the mean over the outputs."""
        return float(self._shares().mean()) if self._count else math.nan

    def compute_outputs(self) -> Array:
        """Return the value of each output that has a name, in their order."""
        count = len(self.outputs or ())
        if not self._count:
            return np.full(count, math.nan)
        return self._shares().reshape(count, -1).mean(1)
