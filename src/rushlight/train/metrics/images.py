"""Likeness of images: PSNR and SSIM, the mean over the images."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from rushlight.arrays import Array
from rushlight.errors import explain
from rushlight.kernels.products import matmul
from rushlight.train.metrics.base import Metric, as_arrays, check_same_shape, refuse_shapes

__all__ = ["PSNR", "SSIM"]


class _PerImage(Metric):
    """Base: the mean over the images of a value of each."""

    higher_is_better = True

    def __init__(self, data_range: float = 1.0) -> None:
        self.data_range = float(data_range)
        if not 0 < self.data_range < math.inf:
            where = f"{type(self).__name__} data_range"
            expected = "the largest minus the smallest possible value, > 0"
            raise ValueError(explain(where, got=repr(data_range), expected=expected))
        self.reset()

    def reset(self) -> None:
        """Forget all batches."""
        self._sum, self._count = 0.0, 0

    def update(self, output: Array, target: Array) -> None:
        """Take in one batch."""
        where = type(self).__name__
        output, target = as_arrays(where, output, target)
        check_same_shape(where, output, target)
        self._check(output, target)
        if output.size:
            found = self._of_each(output.astype(np.float64), target.astype(np.float64))
            self._sum += float(found.sum())
            self._count += len(found)

    def _check(self, output: Array, target: Array) -> None:
        raise NotImplementedError

    def _of_each(self, output: Array, target: Array) -> Array:
        """Return the value of each image, (N,)."""
        raise NotImplementedError

    def merge(self, other: Any) -> None:
        """Add the sum and the count of another process."""
        self._sum += other._sum
        self._count += other._count

    def compute(self) -> float:
        """Return the mean over the images."""
        return self._sum / self._count if self._count else math.nan


class PSNR(_PerImage):
    """Peak signal-to-noise ratio, 10 log10(data_range^2 / MSE) in dB, the mean over the images.

    Of an image that is met exactly it is infinite, and so is the mean.

    Args:
        data_range: the largest minus the smallest value that a pixel can have, such as 255 for
            bytes (default 1.0).

    Shape:
        output and target (N, *), one image in each row

    Raises:
        ShapeError: output and target differ in shape, or there is no axis of pixels.

    Example:
        >>> psnr = PSNR(); psnr.reset()
        >>> psnr.update(np.full((1, 1, 8, 8), 0.5), np.full((1, 1, 8, 8), 0.6))
        >>> round(psnr.compute(), 6)
        20.0

    Source: https://scikit-image.org/docs/stable/api/skimage.metrics.html
    """

    name = "psnr"

    def _check(self, output: Array, target: Array) -> None:
        if output.ndim < 2:
            refuse_shapes("PSNR", output, target, "(N, *), one image in each row", "use x[None]")

    def _of_each(self, output: Array, target: Array) -> Array:
        error = np.square(output - target).reshape(len(output), -1).mean(1)
        with np.errstate(divide="ignore"):  # no error at all: infinite
            return 10 * np.log10(self.data_range**2 / error)


class SSIM(_PerImage):
    """Structural similarity, the mean over windows, channels and images; 1 for equal images.

    (2 mx my + c1)(2 sxy + c2) / ((mx^2 + my^2 + c1)(sxx + syy + c2)) with means, variances and
    covariance in a Gaussian window, c1 = (k1 L)^2, c2 = (k2 L)^2, L the data range. Only windows
    that lie wholly in the image count.

    Args:
        data_range: the largest minus the smallest value that a pixel can have, such as 255 for
            bytes (default 1.0).
        window: side of the window in pixels, odd (default 11).
        sigma: standard deviation of the Gaussian in pixels (default 1.5).
        k1, k2: small constants (default 0.01 and 0.03).

    Shape:
        output and target (N, *, H, W), H and W >= window

    Raises:
        ShapeError: output and target differ in shape, or are smaller than the window.

    Example:
        >>> ssim = SSIM(); ssim.reset()
        >>> image = np.linspace(0, 1, 144).reshape(1, 1, 12, 12)
        >>> ssim.update(image, image); ssim.compute()
        1.0

    Source: Wang, Bovik, Sheikh, Simoncelli, Image quality assessment: from error visibility to
    structural similarity, IEEE Transactions on Image Processing 13 (2004)
    """

    name = "ssim"

    def __init__(
        self,
        data_range: float = 1.0,
        window: int = 11,
        sigma: float = 1.5,
        k1: float = 0.01,
        k2: float = 0.03,
    ) -> None:
        super().__init__(data_range)
        if not (isinstance(window, int) and window % 2 and window > 0 and sigma > 0):
            got = f"window={window!r}, sigma={sigma!r}"
            raise ValueError(explain("SSIM", got=got, expected="an odd int and a number > 0"))
        if not (k1 > 0 and k2 > 0):  # they keep 0 / 0 away
            raise ValueError(explain("SSIM", got=f"k1={k1!r}, k2={k2!r}", expected="numbers > 0"))
        self.window, self.sigma, self.k1, self.k2 = window, sigma, k1, k2

    def _check(self, output: Array, target: Array) -> None:
        if output.ndim < 3 or min(output.shape[-2:]) < self.window:
            expected = f"(N, *, H, W) with H and W >= {self.window}"
            fix = "reshape rows of pixels to images, or take a smaller window"
            refuse_shapes("SSIM", output, target, expected, fix)

    def _of_each(self, output: Array, target: Array) -> Array:
        away = np.arange(self.window) - self.window // 2
        weight = np.exp(-0.5 * np.square(away / self.sigma))
        weight /= weight.sum()
        mx, my = _smooth(output, weight), _smooth(target, weight)
        both = _smooth(output * target, weight) - mx * my
        spread = _smooth(output**2 + target**2, weight) - mx**2 - my**2
        c1, c2 = (self.k1 * self.data_range) ** 2, (self.k2 * self.data_range) ** 2
        found = (2 * mx * my + c1) * (2 * both + c2)
        found /= (mx**2 + my**2 + c1) * (spread + c2)
        return found.reshape(len(found), -1).mean(1)


def _smooth(images: Array, weight: Array) -> Array:
    """Return weighted sums over all whole windows."""
    # (*, H, W) -> (*, H - window + 1, W - window + 1)
    found: Any = images
    for axis in (-1, -2):
        windows = np.lib.stride_tricks.sliding_window_view(found, len(weight), axis)
        found = matmul(windows, weight)
    return found
