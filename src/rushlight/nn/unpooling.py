"""Layers that put maxima back at their places, and fractional pooling, which they also undo."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, ClassVar

from rushlight.errors import explain
from rushlight.functional import pooling_places as F
from rushlight.functional.dims import Ints
from rushlight.nn.module import Module
from rushlight.tensor import Tensor

__all__ = [
    "FractionalMaxPool2d",
    "FractionalMaxPool3d",
    "MaxUnpool1d",
    "MaxUnpool2d",
    "MaxUnpool3d",
]


def _each(value: Any, n: int) -> tuple[Any, ...]:
    return tuple(value) if isinstance(value, Sequence) else (value,) * n


class _MaxUnpoolNd(Module):
    _function: ClassVar[Callable[..., Tensor]]
    _n: ClassVar[int]

    def __init__(self, kernel_size: Ints, stride: Ints | None = None, padding: Ints = 0) -> None:
        super().__init__()
        self.kernel_size = _each(kernel_size, self._n)
        self.stride = _each(kernel_size if stride is None else stride, self._n)
        self.padding = _each(padding, self._n)

    def forward(
        self, input: Tensor, indices: Tensor, output_size: Sequence[int] | None = None
    ) -> Tensor:
        return type(self)._function(
            input, indices, self.kernel_size, self.stride, self.padding, output_size
        )

    def extra_repr(self) -> str:
        return f"kernel_size={self.kernel_size}, stride={self.stride}, padding={self.padding}"


class MaxUnpool1d(_MaxUnpoolNd):
    """Lines with the maxima of `MaxPool1d` at their cells and zeros elsewhere.

    Called as `layer(maxima, indices, output_size=None)` with what the pooling returned; of equal
    indices the last counts. Several sizes are pooled to the same one: `output_size`, (L') or
    (N, C, L'), less than a stride from the default, chooses.

    Args:
        kernel_size: int, cells of a window of the pooling.
        stride: int, cells from one window to the next; default kernel_size.
        padding: int, cells that were added on both sides; default 0.

    Shape:
        (N, C, L) -> (N, C, L') or (C, L) -> (C, L') with
        L' = (L - 1) stride - 2 padding + kernel_size by default

    Raises:
        ValueError: in forward, for an output size that does not fit.
        RuntimeError: in forward, for indices outside, for shapes or options that do not fit.

    Example:
        >>> import rushlight as rl
        >>> pool = rl.nn.MaxPool1d(2, return_indices=True)
        >>> x = rl.tensor([[1.0, 3.0, 2.0, 0.0, 5.0]])
        >>> rl.nn.MaxUnpool1d(2)(*pool(x), output_size=x.shape[-1:])
        tensor([[0., 3., 2., 0., 0.]])

    Source: https://docs.pytorch.org/docs/stable/generated/torch.nn.MaxUnpool1d.html
    """

    _function = F.max_unpool1d
    _n = 1


class MaxUnpool2d(_MaxUnpoolNd):
    """Images with the maxima of `MaxPool2d` at their cells and zeros elsewhere.

    Called as `MaxUnpool1d` is.

    Args:
        kernel_size: int or (int, int), cells of a window of the pooling.
        stride: int or (int, int), cells from one window to the next; default kernel_size.
        padding: int or (int, int), cells that were added on both sides; default 0.

    Shape:
        (N, C, H, W) -> (N, C, H', W') or (C, H, W) -> (C, H', W') with
        H' = (H - 1) stride - 2 padding + kernel_size by default, W' likewise

    Raises:
        ValueError, RuntimeError: as in `MaxUnpool1d`.

    Example:
        >>> import rushlight as rl
        >>> pool = rl.nn.MaxPool2d(2, return_indices=True)
        >>> rl.nn.MaxUnpool2d(2)(*pool(rl.tensor([[[1.0, 2.0], [4.0, 3.0]]])))
        tensor([[[0., 0.],
                 [4., 0.]]])

    Source: https://docs.pytorch.org/docs/stable/generated/torch.nn.MaxUnpool2d.html
    """

    _function = F.max_unpool2d
    _n = 2


class MaxUnpool3d(_MaxUnpoolNd):
    """Volumes with the maxima of `MaxPool3d` at their cells and zeros elsewhere.

    Called as `MaxUnpool1d` is.

    Args:
        kernel_size: int or three ints, cells of a window of the pooling.
        stride: int or three ints, cells from one window to the next; default kernel_size.
        padding: int or three ints, cells that were added on both sides; default 0.

    Shape:
        (N, C, D, H, W) -> (N, C, D', H', W') or the same without N with
        D' = (D - 1) stride - 2 padding + kernel_size by default, H', W' likewise

    Raises:
        ValueError, RuntimeError: as in `MaxUnpool1d`.

    Example:
        >>> import rushlight as rl
        >>> pool, unpool = rl.nn.MaxPool3d(3, 2, return_indices=True), rl.nn.MaxUnpool3d(3, 2)
        >>> unpool(*pool(rl.randn(2, 3, 7, 9, 5))).shape
        (2, 3, 7, 9, 5)

    Source: https://docs.pytorch.org/docs/stable/generated/torch.nn.MaxUnpool3d.html
    """

    _function = F.max_unpool3d
    _n = 3


class _FractionalMaxPoolNd(Module):
    _function: ClassVar[Callable[..., Any]]
    _n: ClassVar[int]
    _random_samples: Tensor | None

    def __init__(
        self,
        kernel_size: Ints,
        output_size: Ints | None = None,
        output_ratio: F.Ratios | None = None,
        return_indices: bool = False,
        _random_samples: Tensor | None = None,
    ) -> None:
        super().__init__()
        name, n = type(self).__name__, self._n
        if min(_each(kernel_size, n)) <= 0:
            got = f"kernel_size={kernel_size}"
            raise ValueError(explain(name, got=got, expected="kernel sizes > 0"))
        if (output_size is None) == (output_ratio is None):
            got = f"output_size={output_size} and output_ratio={output_ratio}"
            raise ValueError(explain(name, got=got, expected="one of them"))
        self.kernel_size = _each(kernel_size, n)
        self.return_indices = return_indices
        self.register_buffer("_random_samples", _random_samples)
        self.output_size = None if output_size is None else _each(output_size, n)
        self.output_ratio = None if output_ratio is None else _each(output_ratio, n)
        if self.output_ratio is not None and not all(0 < r < 1 for r in self.output_ratio):
            got = f"output_ratio={output_ratio}"
            raise ValueError(explain(name, got=got, expected="ratios between 0 and 1"))

    def forward(self, input: Tensor) -> Any:
        return type(self)._function(
            input,
            self.kernel_size,
            self.output_size,
            self.output_ratio,
            self.return_indices,
            self._random_samples,
        )


class FractionalMaxPool2d(_FractionalMaxPoolNd):
    """The maxima of windows of images that begin at random, so that the output has any size.

    With u from [0, 1) for each plane and dim and a = (H - kernel) / (H' - 1), window o begins at
    floor((o + u) a) - floor(u a), the last one at H - kernel; in training and in evaluation.

    Args:
        kernel_size: int or (int, int), cells of a window.
        output_size: int or (int, int), H' and W'; this or the ratio.
        output_ratio: float or (float, float), H' / H and W' / W, between 0 and 1.
        return_indices: bool, return (maxima, indices), the indices int64 and flat in a plane of
            the input; default False.
        _random_samples: (N, C, 2), u of the columns and of the rows, a buffer; default random.

    Shape:
        (N, C, H, W) -> (N, C, H', W') or (C, H, W) -> (C, H', W') with H' + kernel_size - 1 <= H

    Raises:
        ValueError: for a ratio that is not between 0 and 1; for both or none of size and ratio.
        RuntimeError: in forward, for shapes that do not fit.

    Example:
        >>> import rushlight as rl
        >>> rl.nn.FractionalMaxPool2d(3, output_size=(13, 12))(rl.randn(2, 4, 50, 32)).shape
        (2, 4, 13, 12)

    Source: Graham, Fractional Max-Pooling, 2014;
    https://docs.pytorch.org/docs/stable/generated/torch.nn.FractionalMaxPool2d.html
    """

    _function = F.fractional_max_pool2d
    _n = 2


class FractionalMaxPool3d(_FractionalMaxPoolNd):
    """The maxima of windows of volumes that begin at random; see `FractionalMaxPool2d`.

    Args:
        kernel_size: int or three ints, cells of a window.
        output_size: int or three ints, D', H' and W'; this or the ratio.
        output_ratio: float or three floats between 0 and 1.
        return_indices: bool, return (maxima, indices); default False.
        _random_samples: (N, C, 3), u of depth, rows and columns, a buffer; default random.

    Shape:
        (N, C, D, H, W) -> (N, C, D', H', W') or the same without N

    Raises:
        ValueError, RuntimeError: as in `FractionalMaxPool2d`.

    Example:
        >>> import rushlight as rl
        >>> rl.nn.FractionalMaxPool3d(2, output_ratio=0.5)(rl.randn(2, 4, 8, 9, 10)).shape
        (2, 4, 4, 4, 5)

    Source: https://docs.pytorch.org/docs/stable/generated/torch.nn.FractionalMaxPool3d.html
    """

    _function = F.fractional_max_pool3d
    _n = 3
