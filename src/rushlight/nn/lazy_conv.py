"""Lazy convolutions: they learn `in_channels` from their first input."""

from __future__ import annotations

from typing import Any

from rushlight.errors import ShapeError, explain
from rushlight.functional.dims import Ints
from rushlight.nn.conv import Conv1d, Conv2d, Conv3d, _check, _ConvNd
from rushlight.nn.conv_transpose import ConvTranspose1d, ConvTranspose2d, ConvTranspose3d
from rushlight.nn.lazy import LazyModuleMixin, _materialize
from rushlight.nn.parameter import UninitializedParameter
from rushlight.tensor import Tensor

__all__ = [
    "LazyConv1d",
    "LazyConv2d",
    "LazyConv3d",
    "LazyConvTranspose1d",
    "LazyConvTranspose2d",
    "LazyConvTranspose3d",
]


class _LazyConvNd(LazyModuleMixin, _ConvNd):
    """Stands before a convolution of either kind."""

    def _forget_sizes(self, out_channels: int, bias: bool, device: Any, dtype: Any) -> None:
        """Put uninitialized parameters in the place of the empty ones."""
        self.weight = UninitializedParameter(device=device, dtype=dtype)
        self.out_channels = out_channels
        if bias:
            self.bias = UninitializedParameter(device=device, dtype=dtype)

    def reset_parameters(self) -> None:
        """Draw the initial weight and bias again; nothing before the first call."""
        if not self.has_uninitialized_params() and self.in_channels != 0:
            super().reset_parameters()

    def initialize_parameters(self, input: Tensor, *args: Any, **kwargs: Any) -> None:
        """Learn `in_channels`; make the parameters if none were loaded."""
        if self.has_uninitialized_params():
            self.in_channels = self._channels(tuple(input.shape))
            sizes = (self.in_channels, self.out_channels, self.groups)
            _check(type(self).__name__, *sizes, self.padding, self.padding_mode)
            _materialize(self, weight=self._weight_shape(), bias=(self.out_channels,))
            self.reset_parameters()
        elif self.in_channels == 0:  # a state was loaded
            n, per_group = self.weight.shape[:2]
            self.in_channels = n if self.transposed else per_group * self.groups

    def _channels(self, shape: tuple[int, ...]) -> int:
        n = self._dims
        if len(shape) not in (n + 1, n + 2):
            raise ShapeError(
                explain(
                    type(self).__name__,
                    got=f"input {shape}",
                    expected=f"{n + 2} dims (N, C, *S), or {n + 1} (C, *S) without a batch",
                )
            )
        return shape[-n - 1]


class _LazyConv(_LazyConvNd):
    def __init__(
        self,
        out_channels: int,
        kernel_size: Ints,
        stride: Ints = 1,
        padding: str | Ints = 0,
        dilation: Ints = 1,
        groups: int = 1,
        bias: bool = True,
        padding_mode: str = "zeros",
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__(
            *(0, 0, kernel_size, stride, padding, dilation, groups, False),
            *(padding_mode, device, dtype),
        )
        self._forget_sizes(out_channels, bias, device, dtype)


class _LazyConvTranspose(_LazyConvNd):
    def __init__(
        self,
        out_channels: int,
        kernel_size: Ints,
        stride: Ints = 1,
        padding: Ints = 0,
        output_padding: Ints = 0,
        groups: int = 1,
        bias: bool = True,
        dilation: Ints = 1,
        padding_mode: str = "zeros",
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__(
            *(0, 0, kernel_size, stride, padding, output_padding, groups, False, dilation),
            *(padding_mode, device, dtype),
        )
        self._forget_sizes(out_channels, bias, device, dtype)


class LazyConv1d(_LazyConv, Conv1d):
    """A `Conv1d` that learns `in_channels` from the channels of its first input.

    Args:
        out_channels, kernel_size: as `Conv1d` has them.
        stride, padding, dilation, groups, bias, padding_mode, device, dtype: as `Conv1d` has them,
            by default (1, 0, 1, 1, True, 'zeros', None, None).

    Attributes:
        weight, bias: UninitializedParameters until the first call; then `Conv1d`'s.

    Raises:
        ValueError: at the first call, for channels that `groups` does not divide.
        RuntimeError: for an input with another number of dims.

    Example:
        >>> import rushlight as rl
        >>> layer = rl.nn.LazyConv1d(3, 3)
        >>> layer(rl.zeros(2, 4, 8)).shape
        (2, 3, 6)
        >>> type(layer).__name__, layer.in_channels
        ('Conv1d', 4)

    Source: https://docs.pytorch.org/docs/stable/generated/torch.nn.LazyConv1d.html
    """

    cls_to_become = Conv1d


class LazyConv2d(_LazyConv, Conv2d):
    """A `Conv2d` that learns `in_channels` from the channels of its first input.

    Args:
        out_channels, kernel_size: as `Conv2d` has them.
        stride, padding, dilation, groups, bias, padding_mode, device, dtype: as `Conv2d` has them,
            by default (1, 0, 1, 1, True, 'zeros', None, None).

    Attributes:
        weight, bias: UninitializedParameters until the first call; then `Conv2d`'s.

    Raises:
        ValueError: at the first call, for channels that `groups` does not divide.
        RuntimeError: for an input with another number of dims.

    Example:
        >>> import rushlight as rl
        >>> layer = rl.nn.LazyConv2d(3, 3)
        >>> layer(rl.zeros(2, 4, 8, 8)).shape
        (2, 3, 6, 6)
        >>> type(layer).__name__, layer.in_channels
        ('Conv2d', 4)

    Source: https://docs.pytorch.org/docs/stable/generated/torch.nn.LazyConv2d.html
    """

    cls_to_become = Conv2d


class LazyConv3d(_LazyConv, Conv3d):
    """A `Conv3d` that learns `in_channels` from the channels of its first input.

    Args:
        out_channels, kernel_size: as `Conv3d` has them.
        stride, padding, dilation, groups, bias, padding_mode, device, dtype: as `Conv3d` has them,
            by default (1, 0, 1, 1, True, 'zeros', None, None).

    Attributes:
        weight, bias: UninitializedParameters until the first call; then `Conv3d`'s.

    Raises:
        ValueError: at the first call, for channels that `groups` does not divide.
        RuntimeError: for an input with another number of dims.

    Example:
        >>> import rushlight as rl
        >>> layer = rl.nn.LazyConv3d(3, 3)
        >>> layer(rl.zeros(2, 4, 8, 8, 8)).shape
        (2, 3, 6, 6, 6)
        >>> type(layer).__name__, layer.in_channels
        ('Conv3d', 4)

    Source: https://docs.pytorch.org/docs/stable/generated/torch.nn.LazyConv3d.html
    """

    cls_to_become = Conv3d


class LazyConvTranspose1d(_LazyConvTranspose, ConvTranspose1d):
    """A `ConvTranspose1d` that learns `in_channels` from the channels of its first input.

    Args:
        out_channels, kernel_size: as `ConvTranspose1d` has them.
        stride, padding, output_padding, groups, bias, dilation, padding_mode, device, dtype: as
            `ConvTranspose1d` has them, by default (1, 0, 0, 1, True, 1, 'zeros', None, None).

    Attributes:
        weight, bias: UninitializedParameters until the first call; then `ConvTranspose1d`'s.

    Raises:
        ValueError: at the first call, for channels that `groups` does not divide.
        RuntimeError: for an input with another number of dims.

    Example:
        >>> import rushlight as rl
        >>> layer = rl.nn.LazyConvTranspose1d(3, 3)
        >>> layer(rl.zeros(2, 4, 8)).shape
        (2, 3, 10)
        >>> type(layer).__name__, layer.in_channels
        ('ConvTranspose1d', 4)

    Source: https://docs.pytorch.org/docs/stable/generated/torch.nn.LazyConvTranspose1d.html
    """

    cls_to_become = ConvTranspose1d


class LazyConvTranspose2d(_LazyConvTranspose, ConvTranspose2d):
    """A `ConvTranspose2d` that learns `in_channels` from the channels of its first input.

    Args:
        out_channels, kernel_size: as `ConvTranspose2d` has them.
        stride, padding, output_padding, groups, bias, dilation, padding_mode, device, dtype: as
            `ConvTranspose2d` has them, by default (1, 0, 0, 1, True, 1, 'zeros', None, None).

    Attributes:
        weight, bias: UninitializedParameters until the first call; then `ConvTranspose2d`'s.

    Raises:
        ValueError: at the first call, for channels that `groups` does not divide.
        RuntimeError: for an input with another number of dims.

    Example:
        >>> import rushlight as rl
        >>> layer = rl.nn.LazyConvTranspose2d(3, 3)
        >>> layer(rl.zeros(2, 4, 8, 8)).shape
        (2, 3, 10, 10)
        >>> type(layer).__name__, layer.in_channels
        ('ConvTranspose2d', 4)

    Source: https://docs.pytorch.org/docs/stable/generated/torch.nn.LazyConvTranspose2d.html
    """

    cls_to_become = ConvTranspose2d


class LazyConvTranspose3d(_LazyConvTranspose, ConvTranspose3d):
    """A `ConvTranspose3d` that learns `in_channels` from the channels of its first input.

    Args:
        out_channels, kernel_size: as `ConvTranspose3d` has them.
        stride, padding, output_padding, groups, bias, dilation, padding_mode, device, dtype: as
            `ConvTranspose3d` has them, by default (1, 0, 0, 1, True, 1, 'zeros', None, None).

    Attributes:
        weight, bias: UninitializedParameters until the first call; then `ConvTranspose3d`'s.

    Raises:
        ValueError: at the first call, for channels that `groups` does not divide.
        RuntimeError: for an input with another number of dims.

    Example:
        >>> import rushlight as rl
        >>> layer = rl.nn.LazyConvTranspose3d(3, 3)
        >>> layer(rl.zeros(2, 4, 8, 8, 8)).shape
        (2, 3, 10, 10, 10)
        >>> type(layer).__name__, layer.in_channels
        ('ConvTranspose3d', 4)

    Source: https://docs.pytorch.org/docs/stable/generated/torch.nn.LazyConvTranspose3d.html
    """

    cls_to_become = ConvTranspose3d
