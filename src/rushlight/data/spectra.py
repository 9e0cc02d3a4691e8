"""Transforms of spectra: rows of neighbouring channels, arrays or Tensors."""

from __future__ import annotations

import operator
from typing import Any

import numpy as np

from rushlight.arrays import Array, get_default_dtype
from rushlight.data.transforms import _lift, _Transform, to_fit
from rushlight.errors import ShapeError, explain
from rushlight.kernels.products import matmul

__all__ = ["PCA", "SNV", "Derivative", "snv"]


class SNV(_Transform):
    """Standard normal variate: (x - mean) / std of each spectrum by itself.

    Takes out what scatter does to a whole spectrum: an offset and a factor. It has nothing to fit.
    The standard deviation has the divisor C - 1; a spectrum that does not vary becomes zeros.

    Shape:
        (*, C) -> (*, C), C >= 2 channels

    Raises:
        ShapeError: fewer than two channels.

    Example:
        >>> SNV()(np.array([[1.0, 2.0, 3.0], [10.0, 30.0, 50.0]]))
        array([[-1.,  0.,  1.],
               [-1.,  0.,  1.]])

    Source: Barnes, Dhanoa, Lister, Standard normal variate transformation and de-trending of
    near-infrared diffuse reflectance spectra, Applied Spectroscopy 43 (1989)
    """

    def apply(self, x: Array) -> Array:
        """Return the scaled spectra."""
        _channels("SNV", x, 2)
        made: Array = snv(x.astype(np.float64)).astype(_floating(x), copy=False)
        return made


def snv(x: Any) -> Any:
    """(*, C) -> (*, C), what `SNV` does; of an array, or of a Tensor, which records it."""
    mean = x.mean(-1, keepdims=True)
    apart = x - mean
    std = ((apart * apart).sum(-1, keepdims=True) / (x.shape[-1] - 1)) ** 0.5
    varies = std > 1e-14 * abs(mean)  # constant up to rounding: zeros
    return apart * varies / (std + ~varies)


class Derivative(_Transform):
    """The derivative along the channels, of a polynomial fitted to each window (Savitzky-Golay).

    A first derivative takes out an offset of the spectrum, a second one a slope, too. It has
    nothing to fit. At both ends the polynomial of the last whole window is used.

    Args:
        order: which derivative; 0 smooths (default 1).
        window: channels in a window, odd (default 7).
        degree: of the polynomial; `order` <= degree < window (default 2).
        spacing: the distance of two channels, such as 2 nm (default 1.0).

    Shape:
        (*, C) -> (*, C), C >= window channels

    Raises:
        ValueError: a window that is even, or numbers that do not go together.
        ShapeError: fewer channels than a window has.

    Example:
        >>> Derivative(order=1, window=3)(np.array([1.0, 4.0, 9.0, 16.0])).round(6)
        array([2., 4., 6., 8.])

    Source: Savitzky, Golay, Smoothing and differentiation of data by simplified least squares
    procedures, Analytical Chemistry 36 (1964)
    """

    def __init__(
        self, order: int = 1, window: int = 7, degree: int = 2, spacing: float = 1.0
    ) -> None:
        order, window, degree = (operator.index(v) for v in (order, window, degree))
        if not (0 <= order <= degree < window and window % 2 and 0 < spacing < np.inf):
            raise ValueError(
                explain(
                    "Derivative",
                    got=f"order={order}, window={window}, degree={degree}, spacing={spacing}",
                    expected="0 <= order <= degree < window, an odd window and a spacing > 0",
                )
            )
        self.order, self.window, self.degree, self.spacing = order, window, degree, spacing

    def apply(self, x: Array) -> Array:
        """Return the derivative."""
        from scipy.signal import savgol_filter  # half a second, for this transform alone

        _channels("Derivative", x, self.window)
        found: Array = savgol_filter(
            x.astype(np.float64), self.window, self.degree, self.order, self.spacing, axis=-1
        )
        return found.astype(_floating(x), copy=False)


class PCA(_Transform):
    """(x - mean) V^T: the coordinates along the directions of largest variance.

    Fit on the training set, apply to all. The rows of V are the right singular vectors of the
    centred data; the sign of each is such that its largest entry is positive.

    Args:
        components: how many directions to keep, >= 1.
        whiten: divide each coordinate by its standard deviation over the data it was fitted to
            (default False).

    Attributes:
        mean: mean of each channel, float64 (C,).
        directions: V, orthonormal rows, float64 (components, C).
        variance: variance along each (divisor N - 1), float64 (components,).
        explained: its share of the whole variance, float64 (components,).

    Shape:
        (N, C) -> (N, components); `inverse` back to (N, C)

    Raises:
        ValueError: more components than the data it is fitted to has directions, data that is
            not finite, or use before `fit`.
        ShapeError: another number of channels.

    Example:
        >>> pca = PCA(1).fit(np.array([[0.0, 0.0], [3.0, 4.0], [6.0, 8.0]]))
        >>> pca(np.array([[6.0, 8.0]])).round(6), pca.explained.round(6)
        (array([[5.]]), array([1.]))
    """

    mean: Array | None = None

    def __init__(self, components: int, whiten: bool = False) -> None:
        self.components, self.whiten = operator.index(components), whiten
        if self.components < 1:
            raise ValueError(
                explain("PCA components", got=repr(components), expected="an int >= 1")
            )

    def fit(self, x: Any) -> PCA:
        """Take mean and directions from `x`, an array or Tensor (N, C), and return the transform.

        Args:
            x: the training data.
        """
        array = to_fit("PCA.fit", x)
        if array.ndim != 2 or self.components > min(len(array) - 1, array.shape[1]):
            raise ValueError(
                explain(
                    "PCA.fit",
                    got=f"shape {array.shape} for {self.components} components",
                    expected="(N, C) with N - 1 and C no smaller than that",
                )
            )
        mean = array.mean(0, dtype=np.float64)
        _, stretch, rows = np.linalg.svd(array - mean, full_matrices=False)
        variance = stretch**2 / (len(array) - 1)
        rows = rows[: self.components]
        largest = np.take_along_axis(rows, np.abs(rows).argmax(1)[:, None], 1)
        self.mean, self.directions = mean, rows * np.sign(largest)
        self.variance = variance[: self.components]
        self.explained = self.variance / (variance.sum() or 1.0)
        if self.whiten and self.variance[-1] <= 1e-28 * variance[0]:
            raise ValueError(
                explain(
                    "PCA.fit",
                    got=f"{self.components} components of which the last has no variance",
                    expected="variance to divide by, for whiten=True",
                    fix="take fewer components",
                )
            )
        return self

    def apply(self, x: Array) -> Array:
        """Return the coordinates."""
        mean, scale = self._fitted(x, "C")
        return (matmul(x - mean, self.directions.T) / scale).astype(_floating(x), copy=False)

    def inverse(self, x: Any) -> Any:
        """Return the spectra that have these coordinates and lie in the kept directions.

        Args:
            x: coordinates, array or Tensor (N, components).
        """

        def back(array: Array) -> Array:
            mean, scale = self._fitted(array, "components")
            found = matmul(array * scale, self.directions) + mean
            return found.astype(_floating(array), copy=False)

        return _lift(back, x)

    def _fitted(self, x: Array, axis: str) -> tuple[Array, Array]:
        if self.mean is None:
            raise ValueError(
                explain("PCA", got="no fit", expected="fit(x) before use", fix="call fit")
            )
        size = len(self.mean) if axis == "C" else self.components
        if not x.ndim or x.shape[-1] != size:
            raise ShapeError(explain("PCA", got=f"shape {x.shape}", expected=f"(N, {size})"))
        return self.mean, np.sqrt(self.variance) if self.whiten else np.ones(self.components)


def _channels(where: str, x: Array, least: int) -> None:
    if not x.ndim or x.shape[-1] < least:
        expected = f"(*, C) of C >= {least} channels"
        raise ShapeError(explain(where, got=f"shape {x.shape}", expected=expected))


def _floating(x: Array) -> Any:
    return x.dtype if x.dtype.kind == "f" else get_default_dtype()
