"""Transforms of arrays and Tensors, single samples and whole batches alike."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from rushlight.arrays import Array, as_dtype, get_default_dtype
from rushlight.errors import ShapeError, explain
from rushlight.tensor import Tensor, from_numpy

__all__ = ["Compose", "Normalize", "Standardize", "ToFloat"]


def varies(part: Any) -> bool:
    """Tell whether a data set or a transform may draw random numbers; one that does not say may."""
    return bool(getattr(part, "varies", True))


class _Transform:
    """Base: gives an array for an array, a Tensor for a Tensor."""

    batched = True  # a batch may be transformed at once
    varies = False  # it may do something else to the same sample the next time

    def apply(self, x: Array) -> Array:
        raise NotImplementedError

    def __call__(self, x: Any) -> Any:
        return _lift(self.apply, x)


def _lift(function: Callable[[Array], Array], x: Any) -> Any:
    if isinstance(x, Tensor):
        return from_numpy(function(x.detach().numpy()))
    return function(np.asarray(x))


def to_fit(where: str, x: Any) -> Array:
    """Return the data that a transform is fitted to as an array, checked to be finite rows."""
    array = x.detach().numpy() if isinstance(x, Tensor) else np.asarray(x)
    if array.ndim < 1 or not len(array) or not np.isfinite(array).all():
        bad = array.size - np.count_nonzero(np.isfinite(array))
        raise ValueError(
            explain(
                where,
                got=f"shape {array.shape} with {bad} values that are NaN or infinite",
                expected="one or more rows of finite numbers",
                fix="drop or fill the missing values first",
            )
        )
    return array


class Compose:
    """Several transforms, one after the other.

    Args:
        transforms: the callables, in order.

    Raises:
        TypeError: `inverse` of a transform that has none.

    Example:
        >>> Compose([ToFloat(), Normalize(0.5, 0.5)])(np.array([[[0, 255]]], "uint8"))
        array([[[-1.,  1.]]], dtype=float32)
        >>> scale = Compose([np.log, Standardize()]).fit(np.array([[1.0], [np.e**2]]))
        >>> scale(np.array([[np.e]]))
        array([[0.]])
    """

    def __init__(self, transforms: Sequence[Callable[[Any], Any]]) -> None:
        self.transforms = list(transforms)

    @property
    def batched(self) -> bool:
        """Whether a batch may be transformed at once."""
        return all(getattr(transform, "batched", False) for transform in self.transforms)

    @property
    def varies(self) -> bool:
        """Whether one of them may do something else to the same sample the next time."""
        return any(map(varies, self.transforms))

    def __call__(self, x: Any) -> Any:
        for transform in self.transforms:
            x = transform(x)
        return x

    def fit(self, x: Any) -> Compose:
        """Fit each transform that can be fitted to what those before it make of `x`.

        Args:
            x: the training data.
        """
        for transform in self.transforms:
            if hasattr(transform, "fit"):
                transform.fit(x)
            x = transform(x)
        return self

    def inverse(self, x: Any) -> Any:
        """Undo the transforms, the last one first.

        Args:
            x: transformed data.
        """
        if lacking := [t for t in self.transforms if not hasattr(t, "inverse")]:
            raise TypeError(
                explain(
                    "Compose.inverse",
                    got=getattr(lacking[0], "__name__", type(lacking[0]).__name__),
                    expected="transforms that have an inverse, such as Standardize",
                )
            )
        for transform in reversed(self.transforms):
            x = transform.inverse(x)
        return x


class ToFloat(_Transform):
    """Turn bytes 0 to 255 into floats in [0, 1]; other values only change their dtype.

    Args:
        dtype: the floating dtype of the result (default None: the default dtype).

    Example:
        >>> ToFloat()(np.array([0, 51, 255], "uint8"))
        array([0. , 0.2, 1. ], dtype=float32)
    """

    def __init__(self, dtype: Any = None) -> None:
        self.dtype = None if dtype is None else as_dtype(dtype)

    def apply(self, x: Array) -> Array:
        """Return `x` as floats."""
        dtype = get_default_dtype() if self.dtype is None else self.dtype
        if x.dtype == np.uint8:
            scaled: Array = np.divide(x, dtype.type(255), dtype=dtype)
            return scaled
        return x.astype(dtype)


class Normalize(_Transform):
    """(x - mean) / std for each channel of images.

    Args:
        mean: one number, or one for each channel.
        std: one number > 0, or one for each channel.

    Shape:
        (..., C, H, W) -> (..., C, H, W), of the dtype of the input, which must be floating.

    Raises:
        ValueError: a std that is not above 0.
        ShapeError: an input with another number of channels.

    Example:
        >>> Normalize([0.0, 1.0], [1.0, 2.0])(np.ones((2, 1, 1), "float32")).ravel()
        array([1., 0.], dtype=float32)
    """

    def __init__(self, mean: float | Sequence[float], std: float | Sequence[float]) -> None:
        self.mean, self.std = (np.atleast_1d(np.asarray(v, np.float64)) for v in (mean, std))
        if not (self.std > 0).all() or not np.isfinite(self.mean).all():
            raise ValueError(
                explain(
                    "Normalize", got=f"mean {mean}, std {std}", expected="finite mean and std > 0"
                )
            )

    def apply(self, x: Array) -> Array:
        """Return the standardized images."""
        channels = max(len(self.mean), len(self.std))
        if x.ndim < 3 or (channels > 1 and x.shape[-3] != channels) or x.dtype.kind != "f":
            raise ShapeError(
                explain(
                    "Normalize",
                    got=f"{x.dtype} of shape {x.shape}",
                    expected=f"floats of shape (..., {'C' if channels == 1 else channels}, H, W)",
                    fix="put ToFloat before it" if x.dtype.kind != "f" else "add the channel axis",
                )
            )
        mean, std = (v.astype(x.dtype)[:, None, None] for v in (self.mean, self.std))
        result: Array = (x - mean) / std
        return result


class Standardize(_Transform):
    """(x - mean) / std for each column, with mean and std of the data it was fitted to.

    Fit on the training set, apply to all. A column that does not vary is only centred. The
    standard deviation is that of the population (divisor N), as in scikit-learn.

    Attributes:
        mean: mean of each column, float64, the shape of one sample.
        std: standard deviation of each column, likewise; 1 for a column that does not vary.

    Shape:
        (N, *) -> (N, *)

    Raises:
        ValueError: data to fit to that is empty or not finite, or use before `fit`.
        ShapeError: samples of another shape than those it was fitted to.

    Example:
        >>> scale = Standardize().fit(np.array([[0.0, 5.0], [2.0, 5.0]]))
        >>> scale(np.array([[4.0, 6.0]])), scale.inverse(np.array([[3.0, 1.0]]))
        (array([[3., 1.]]), array([[4., 6.]]))
    """

    mean: Array | None = None
    std: Array | None = None

    def fit(self, x: Any) -> Standardize:
        """Take mean and std from `x`, an array or Tensor (N, *), and return the transform.

        Args:
            x: the training data.
        """
        array = to_fit("Standardize.fit", x)
        self.mean = np.asarray(array.mean(axis=0, dtype=np.float64))
        std = np.asarray(array.std(axis=0, dtype=np.float64))
        flat = std <= 1e-14 * np.abs(self.mean)  # a constant column up to rounding
        self.std = np.where(flat, 1.0, std)
        return self

    def apply(self, x: Array) -> Array:
        """Return the standardized data; ints become the default dtype."""
        mean, std = self._fitted(x)
        x = x if x.dtype.kind == "f" else x.astype(get_default_dtype())
        return ((x - mean) / std).astype(x.dtype, copy=False)

    def inverse(self, x: Any) -> Any:
        """Return the data in their own units.

        Args:
            x: standardized data, such as predictions, array or Tensor (N, *).
        """

        def back(array: Array) -> Array:
            mean, std = self._fitted(array)
            dtype = array.dtype if array.dtype.kind == "f" else get_default_dtype()
            return (array * std + mean).astype(dtype, copy=False)

        return _lift(back, x)

    def _fitted(self, x: Array) -> tuple[Array, Array]:
        if self.mean is None or self.std is None:
            raise ValueError(
                explain("Standardize", got="no fit", expected="fit(x) before use", fix="call fit")
            )
        if self.mean.ndim and x.shape[-self.mean.ndim :] != self.mean.shape:
            raise ShapeError(
                explain(
                    "Standardize", got=f"shape {x.shape}", expected=f"(N, {self.mean.shape})"[:60]
                )
            )
        return self.mean, self.std
