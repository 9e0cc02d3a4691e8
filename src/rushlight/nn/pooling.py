"""Pooling layers: thin classes over one base for each kind."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, ClassVar

from rushlight.functional import pooling as F
from rushlight.functional.dims import Ints, Sizes
from rushlight.nn.module import Steady
from rushlight.tensor import Tensor

__all__ = [
    "AdaptiveAvgPool1d",
    "AdaptiveAvgPool2d",
    "AdaptiveAvgPool3d",
    "AdaptiveMaxPool1d",
    "AdaptiveMaxPool2d",
    "AdaptiveMaxPool3d",
    "AvgPool1d",
    "AvgPool2d",
    "AvgPool3d",
    "MaxPool1d",
    "MaxPool2d",
    "MaxPool3d",
]


def _single(value: Ints) -> tuple[int, ...]:
    return tuple(value) if isinstance(value, Sequence) else (value,)


class _MaxPoolNd(Steady):
    _function: ClassVar[Callable[..., Any]]

    def __init__(
        self,
        kernel_size: Ints,
        stride: Ints | None = None,
        padding: Ints = 0,
        dilation: Ints = 1,
        return_indices: bool = False,
        ceil_mode: bool = False,
    ) -> None:
        super().__init__()
        self.kernel_size = kernel_size
        self.stride = kernel_size if stride is None else stride
        self.padding = padding
        self.dilation = dilation
        self.return_indices = return_indices
        self.ceil_mode = ceil_mode

    def forward(self, input: Tensor) -> Any:
        return type(self)._function(
            input,
            self.kernel_size,
            self.stride,
            self.padding,
            self.dilation,
            self.ceil_mode,
            self.return_indices,
        )

    def extra_repr(self) -> str:
        return (
            f"kernel_size={self.kernel_size}, stride={self.stride}, padding={self.padding}, "
            f"dilation={self.dilation}, ceil_mode={self.ceil_mode}"
        )


class _AvgPoolNd(Steady):
    _function: ClassVar[Callable[..., Tensor]]

    def __init__(
        self,
        kernel_size: Ints,
        stride: Ints | None = None,
        padding: Ints = 0,
        ceil_mode: bool = False,
        count_include_pad: bool = True,
        divisor_override: int | None = None,
    ) -> None:
        super().__init__()
        self.kernel_size = kernel_size
        self.stride = kernel_size if stride is None else stride
        self.padding = padding
        self.ceil_mode = ceil_mode
        self.count_include_pad = count_include_pad
        self.divisor_override = divisor_override

    def forward(self, input: Tensor) -> Tensor:
        return type(self)._function(
            input,
            self.kernel_size,
            self.stride,
            self.padding,
            self.ceil_mode,
            self.count_include_pad,
            self.divisor_override,
        )

    def extra_repr(self) -> str:
        return f"kernel_size={self.kernel_size}, stride={self.stride}, padding={self.padding}"


class _AdaptiveAvgPoolNd(Steady):
    _function: ClassVar[Callable[..., Tensor]]

    def __init__(self, output_size: Sizes) -> None:
        super().__init__()
        self.output_size = output_size

    def forward(self, input: Tensor) -> Tensor:
        return type(self)._function(input, self.output_size)

    def extra_repr(self) -> str:
        return f"output_size={self.output_size}"


class _AdaptiveMaxPoolNd(Steady):
    _function: ClassVar[Callable[..., Any]]

    def __init__(self, output_size: Sizes, return_indices: bool = False) -> None:
        super().__init__()
        self.output_size = output_size
        self.return_indices = return_indices

    def forward(self, input: Tensor) -> Any:
        return type(self)._function(input, self.output_size, self.return_indices)

    def extra_repr(self) -> str:
        return f"output_size={self.output_size}"


class MaxPool1d(_MaxPoolNd):
    """The maximum of each window of lines; the gradient goes to the first maximum.

    Args:
        kernel_size: int, cells of a window.
        stride: int, cells from one window to the next; default kernel_size.
        padding: int, cells of -inf on both sides, at most half of the kernel; default 0.
        dilation: int, cells from one tap of a window to the next; default 1.
        return_indices: bool, return (maxima, indices), the indices int64 and flat in a plane of
            the input; default False.
        ceil_mode: bool, keep a last window that leaves the input; default False.

    Shape:
        (N, C, L) -> (N, C, L') or (C, L) -> (C, L') with
        L' = floor((L + 2 padding - dilation (kernel_size - 1) - 1) / stride) + 1; with
        ceil_mode ceil for floor, less a window that would begin in the padding behind

    Raises:
        RuntimeError: in forward, for shapes or options that do not fit.

    Example:
        >>> import rushlight as rl
        >>> rl.nn.MaxPool1d(2)(rl.tensor([[1.0, 3.0, 2.0, 0.0]]))
        tensor([[3., 2.]])

    Source: https://docs.pytorch.org/docs/stable/generated/torch.nn.MaxPool1d.html
    """

    _function = F.max_pool1d


class MaxPool2d(_MaxPoolNd):
    """The maximum of each window of images; the gradient goes to the first maximum.

    Args:
        kernel_size: int or (int, int), cells of a window.
        stride: int or (int, int), cells from one window to the next; default kernel_size.
        padding: int or (int, int), cells of -inf on both sides, at most half of the kernel;
            default 0.
        dilation: int or (int, int), cells from one tap of a window to the next; default 1.
        return_indices: bool, return (maxima, indices), the indices int64 and flat in a plane of
            the input; default False.
        ceil_mode: bool, keep a last window that leaves the input; default False.

    Shape:
        (N, C, H, W) -> (N, C, H', W') or (C, H, W) -> (C, H', W') with
        H' = floor((H + 2 padding - dilation (kernel_size - 1) - 1) / stride) + 1, W' likewise;
        with ceil_mode ceil for floor, less a window that would begin in the padding behind

    Raises:
        RuntimeError: in forward, for shapes or options that do not fit.

    Example:
        >>> import rushlight as rl
        >>> rl.nn.MaxPool2d(3, stride=2, padding=1)(rl.zeros(20, 16, 50, 32)).shape
        (20, 16, 25, 16)

    Source: https://docs.pytorch.org/docs/stable/generated/torch.nn.MaxPool2d.html
    """

    _function = F.max_pool2d


class MaxPool3d(_MaxPoolNd):
    """The maximum of each window of volumes; the gradient goes to the first maximum.

    Args:
        kernel_size: int or three ints, cells of a window.
        stride: int or three ints, cells from one window to the next; default kernel_size.
        padding: int or three ints, cells of -inf on both sides, at most half of the kernel;
            default 0.
        dilation: int or three ints, cells from one tap of a window to the next; default 1.
        return_indices: bool, return (maxima, indices), the indices int64 and flat in a plane of
            the input; default False.
        ceil_mode: bool, keep a last window that leaves the input; default False.

    Shape:
        (N, C, D, H, W) -> (N, C, D', H', W') or the same without N with
        D' = floor((D + 2 padding - dilation (kernel_size - 1) - 1) / stride) + 1, H', W' likewise;
        with ceil_mode ceil for floor, less a window that would begin in the padding behind

    Raises:
        RuntimeError: in forward, for shapes or options that do not fit.

    Example:
        >>> import rushlight as rl
        >>> rl.nn.MaxPool3d((1, 2, 2))(rl.zeros(2, 3, 4, 8, 8)).shape
        (2, 3, 4, 4, 4)

    Source: https://docs.pytorch.org/docs/stable/generated/torch.nn.MaxPool3d.html
    """

    _function = F.max_pool3d


class AvgPool1d(_AvgPoolNd):
    """The mean of each window of lines.

    Args:
        kernel_size: int, cells of a window.
        stride: int, cells from one window to the next; default kernel_size.
        padding: int, zeros on both sides, at most half of the kernel; default 0.
        ceil_mode: bool, keep a last window that leaves the input; default False.
        count_include_pad: bool, whether cells of the padding count in the divisor; default True.

    Shape:
        (N, C, L) -> (N, C, L') or (C, L) -> (C, L') with
        L' = floor((L + 2 padding - kernel_size) / stride) + 1; with ceil_mode
        ceil for floor, less a window that would begin in the padding behind

    Raises:
        RuntimeError: in forward, for shapes or options that do not fit.

    Example:
        >>> import rushlight as rl
        >>> rl.nn.AvgPool1d(2)(rl.tensor([[1.0, 3.0, 2.0, 0.0]]))
        tensor([[2., 1.]])

    Source: https://docs.pytorch.org/docs/stable/generated/torch.nn.AvgPool1d.html
    """

    def __init__(
        self,
        kernel_size: Ints,
        stride: Ints | None = None,
        padding: Ints = 0,
        ceil_mode: bool = False,
        count_include_pad: bool = True,
    ) -> None:
        super().__init__(kernel_size, stride, padding, ceil_mode, count_include_pad)
        self.kernel_size = _single(self.kernel_size)
        self.stride = _single(self.stride)
        self.padding = _single(self.padding)

    def forward(self, input: Tensor) -> Tensor:
        return F.avg_pool1d(
            input,
            self.kernel_size,
            self.stride,
            self.padding,
            self.ceil_mode,
            self.count_include_pad,
        )


class AvgPool2d(_AvgPoolNd):
    """The mean of each window of images.

    Args:
        kernel_size: int or (int, int), cells of a window.
        stride: int or (int, int), cells from one window to the next; default kernel_size.
        padding: int or (int, int), zeros on both sides, at most half of the kernel; default 0.
        ceil_mode: bool, keep a last window that leaves the input; default False.
        count_include_pad: bool, whether cells of the padding count in the divisor; default True.
        divisor_override: int, divide every sum by it instead; default None.

    Shape:
        (N, C, H, W) -> (N, C, H', W') or (C, H, W) -> (C, H', W') with
        H' = floor((H + 2 padding - kernel_size) / stride) + 1, W' likewise; with ceil_mode
        ceil for floor, less a window that would begin in the padding behind

    Raises:
        RuntimeError: in forward, for shapes or options that do not fit.

    Example:
        >>> import rushlight as rl
        >>> rl.nn.AvgPool2d((3, 2), stride=(2, 1))(rl.zeros(20, 16, 50, 32)).shape
        (20, 16, 24, 31)

    Source: https://docs.pytorch.org/docs/stable/generated/torch.nn.AvgPool2d.html
    """

    _function = F.avg_pool2d


class AvgPool3d(_AvgPoolNd):
    """The mean of each window of volumes.

    Args:
        kernel_size: int or three ints, cells of a window.
        stride: int or three ints, cells from one window to the next; default kernel_size.
        padding: int or three ints, zeros on both sides, at most half of the kernel; default 0.
        ceil_mode: bool, keep a last window that leaves the input; default False.
        count_include_pad: bool, whether cells of the padding count in the divisor; default True.
        divisor_override: int, divide every sum by it instead; default None.

    Shape:
        (N, C, D, H, W) -> (N, C, D', H', W') or the same without N with
        D' = floor((D + 2 padding - kernel_size) / stride) + 1, H', W' likewise; with ceil_mode
        ceil for floor, less a window that would begin in the padding behind

    Raises:
        RuntimeError: in forward, for shapes or options that do not fit.

    Example:
        >>> import rushlight as rl
        >>> rl.nn.AvgPool3d(2)(rl.zeros(2, 3, 4, 8, 8)).shape
        (2, 3, 2, 4, 4)

    Source: https://docs.pytorch.org/docs/stable/generated/torch.nn.AvgPool3d.html
    """

    _function = F.avg_pool3d


class AdaptiveAvgPool1d(_AdaptiveAvgPoolNd):
    """The mean of each window of lines, windows laid so that the output has `output_size`.

    Window o runs from floor(o L / L') to ceil((o + 1) L / L').

    Args:
        output_size: int, L'.

    Shape:
        (N, C, L) -> (N, C, L') or (C, L) -> (C, L')

    Raises:
        RuntimeError: in forward, for shapes or sizes that do not fit.

    Example:
        >>> import rushlight as rl
        >>> rl.nn.AdaptiveAvgPool1d(2)(rl.tensor([[1.0, 2.0, 3.0]]))
        tensor([[1.5000, 2.5000]])

    Source: https://docs.pytorch.org/docs/stable/generated/torch.nn.AdaptiveAvgPool1d.html
    """

    _function = F.adaptive_avg_pool1d


class AdaptiveAvgPool2d(_AdaptiveAvgPoolNd):
    """The mean of each window of images, windows laid so that the output has `output_size`.

    Window o runs from floor(o H / H') to ceil((o + 1) H / H'), in the other dims likewise.

    Args:
        output_size: int or (H', W'); None keeps the size of the input in that dim.

    Shape:
        (N, C, H, W) -> (N, C, H', W') or (C, H, W) -> (C, H', W')

    Raises:
        RuntimeError: in forward, for shapes or sizes that do not fit.

    Example:
        >>> import rushlight as rl
        >>> rl.nn.AdaptiveAvgPool2d((5, None))(rl.zeros(1, 64, 8, 9)).shape
        (1, 64, 5, 9)

    Source: https://docs.pytorch.org/docs/stable/generated/torch.nn.AdaptiveAvgPool2d.html
    """

    _function = F.adaptive_avg_pool2d


class AdaptiveAvgPool3d(_AdaptiveAvgPoolNd):
    """The mean of each window of volumes, windows laid so that the output has `output_size`.

    Window o runs from floor(o D / D') to ceil((o + 1) D / D'), in the other dims likewise.

    Args:
        output_size: int or (D', H', W'); None keeps the size of the input in that dim.

    Shape:
        (N, C, D, H, W) -> (N, C, D', H', W') or the same without N

    Raises:
        RuntimeError: in forward, for shapes or sizes that do not fit.

    Example:
        >>> import rushlight as rl
        >>> rl.nn.AdaptiveAvgPool3d(1)(rl.zeros(1, 64, 8, 9, 10)).shape
        (1, 64, 1, 1, 1)

    Source: https://docs.pytorch.org/docs/stable/generated/torch.nn.AdaptiveAvgPool3d.html
    """

    _function = F.adaptive_avg_pool3d


class AdaptiveMaxPool1d(_AdaptiveMaxPoolNd):
    """The maximum of each window of lines, windows laid so that the output has `output_size`.

    Window o runs from floor(o L / L') to ceil((o + 1) L / L').

    Args:
        output_size: int, L'.
        return_indices: bool, return (maxima, indices), the indices int64 and flat in a plane of
            the input; default False.

    Shape:
        (N, C, L) -> (N, C, L') or (C, L) -> (C, L')

    Raises:
        RuntimeError: in forward, for shapes or sizes that do not fit.

    Example:
        >>> import rushlight as rl
        >>> rl.nn.AdaptiveMaxPool1d(2)(rl.tensor([[1.0, 2.0, 3.0]]))
        tensor([[2., 3.]])

    Source: https://docs.pytorch.org/docs/stable/generated/torch.nn.AdaptiveMaxPool1d.html
    """

    _function = F.adaptive_max_pool1d


class AdaptiveMaxPool2d(_AdaptiveMaxPoolNd):
    """The maximum of each window of images, windows laid so that the output has `output_size`.

    Window o runs from floor(o H / H') to ceil((o + 1) H / H'), in the other dims likewise.

    Args:
        output_size: int or (H', W'); None keeps the size of the input in that dim.
        return_indices: bool, return (maxima, indices), the indices int64 and flat in a plane of
            the input; default False.

    Shape:
        (N, C, H, W) -> (N, C, H', W') or (C, H, W) -> (C, H', W')

    Raises:
        RuntimeError: in forward, for shapes or sizes that do not fit.

    Example:
        >>> import rushlight as rl
        >>> rl.nn.AdaptiveMaxPool2d((5, None))(rl.zeros(1, 64, 8, 9)).shape
        (1, 64, 5, 9)

    Source: https://docs.pytorch.org/docs/stable/generated/torch.nn.AdaptiveMaxPool2d.html
    """

    _function = F.adaptive_max_pool2d


class AdaptiveMaxPool3d(_AdaptiveMaxPoolNd):
    """The maximum of each window of volumes, windows laid so that the output has `output_size`.

    Window o runs from floor(o D / D') to ceil((o + 1) D / D'), in the other dims likewise.

    Args:
        output_size: int or (D', H', W'); None keeps the size of the input in that dim.
        return_indices: bool, return (maxima, indices), the indices int64 and flat in a plane of
            the input; default False.

    Shape:
        (N, C, D, H, W) -> (N, C, D', H', W') or the same without N

    Raises:
        RuntimeError: in forward, for shapes or sizes that do not fit.

    Example:
        >>> import rushlight as rl
        >>> rl.nn.AdaptiveMaxPool3d(1)(rl.zeros(1, 64, 8, 9, 10)).shape
        (1, 64, 1, 1, 1)

    Source: https://docs.pytorch.org/docs/stable/generated/torch.nn.AdaptiveMaxPool3d.html
    """

    _function = F.adaptive_max_pool3d
