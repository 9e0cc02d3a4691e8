"""Convolution layers: thin classes over one base, which `conv_transpose.py` extends."""

from __future__ import annotations

from collections.abc import Callable
from math import prod, sqrt
from typing import Any, ClassVar

from rushlight.errors import explain
from rushlight.functional.conv import conv1d, conv2d, conv3d
from rushlight.functional.creation import empty
from rushlight.functional.dims import Ints, one_int, per_dim
from rushlight.functional.padding import pad
from rushlight.nn import init
from rushlight.nn.module import Steady
from rushlight.nn.parameter import Parameter
from rushlight.tensor import Tensor

__all__ = ["Conv1d", "Conv2d", "Conv3d"]


_MODES = ("zeros", "reflect", "replicate", "circular")


class _ConvNd(Steady):
    """Convolution over `_dims` spatial dims."""

    _dims: ClassVar[int]
    _function: ClassVar[Callable[..., Tensor]]
    _transposed: ClassVar[bool] = False
    weight: Parameter
    bias: Parameter | None

    def __init__(
        self,
        in_channels: int,
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
        super().__init__()
        n, where = self._dims, self._get_name()
        _check(where, in_channels, out_channels, groups, padding, padding_mode)
        self.in_channels = in_channels
        self.out_channels = out_channels
        self.kernel_size = per_dim(kernel_size, n, where, "kernel_size", low=1)
        self.stride = per_dim(stride, n, where, "stride", low=1)
        self.padding: Any = padding
        if not isinstance(padding, str):
            self.padding = per_dim(padding, n, where, "padding", low=0)
        self.dilation = per_dim(dilation, n, where, "dilation", low=1)
        self.transposed = self._transposed
        self.output_padding = (0,) * n
        self.groups = groups
        self.padding_mode = padding_mode
        if padding == "same" and max(self.stride) > 1:
            raise ValueError(
                explain(where, got=f"padding='same' with stride {self.stride}", expected="stride 1")
            )
        self._reversed_padding_repeated_twice = self._pad_widths()
        self.weight = Parameter(empty(self._weight_shape(), device=device, dtype=dtype))
        if bias:
            self.bias = Parameter(empty(out_channels, device=device, dtype=dtype))
        else:
            self.register_parameter("bias", None)
        self.reset_parameters()

    def _weight_shape(self) -> tuple[int, ...]:
        a, b = self.out_channels, self.in_channels
        if self.transposed:
            a, b = b, a
        return (a, b // self.groups, *self.kernel_size)

    def _pad_widths(self) -> list[int]:
        """Return the widths that `functional.pad` wants: of the last dim first."""
        if self.padding == "valid":
            return [0] * (2 * self._dims)
        if self.padding == "same":
            totals = [d * (k - 1) for d, k in zip(self.dilation, self.kernel_size, strict=True)]
            return [w for t in reversed(totals) for w in (t // 2, t - t // 2)]
        return [w for p in reversed(self.padding) for w in (p, p)]

    def reset_parameters(self) -> None:
        """Draw the initial weight and bias again."""
        init.kaiming_uniform_(self.weight, a=sqrt(5))  # the bound is then 1 / sqrt(fan_in)
        if self.bias is not None:
            fan_in = prod(self.weight.shape[1:])
            bound = 1 / sqrt(fan_in) if fan_in > 0 else 0.0
            init.uniform_(self.bias, -bound, bound)

    def _conv_forward(self, input: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        padding = self.padding
        if self.padding_mode != "zeros":
            input = pad(input, self._reversed_padding_repeated_twice, mode=self.padding_mode)
            padding = 0
        return type(self)._function(
            input, weight, bias, self.stride, padding, self.dilation, self.groups
        )

    def forward(self, input: Tensor) -> Tensor:
        return self._conv_forward(input, self.weight, self.bias)

    def extra_repr(self) -> str:
        text = (
            f"{self.in_channels}, {self.out_channels}, "
            f"kernel_size={self.kernel_size}, stride={self.stride}"
        )
        if isinstance(self.padding, str) or any(self.padding):
            text += f", padding={self.padding}"
        if max(self.dilation) > 1:
            text += f", dilation={self.dilation}"
        if any(self.output_padding):
            text += f", output_padding={self.output_padding}"
        if self.groups != 1:
            text += f", groups={self.groups}"
        if self.bias is None:
            text += ", bias=False"
        if self.padding_mode != "zeros":
            text += f", padding_mode={self.padding_mode}"
        return text


def _check(
    where: str, in_channels: int, out_channels: int, groups: int, padding: Any, mode: str
) -> None:
    if one_int(groups, where, "groups") <= 0:
        raise ValueError(explain(where, got=f"groups={groups}", expected="a positive int"))
    for name, channels in (("in_channels", in_channels), ("out_channels", out_channels)):
        if one_int(channels, where, name) % groups:
            raise ValueError(
                explain(
                    where,
                    got=f"{name}={channels} with groups={groups}",
                    expected=f"{name} divisible by groups",
                )
            )
    if isinstance(padding, str) and padding not in ("same", "valid"):
        raise ValueError(
            explain(where, got=f"padding={padding!r}", expected="ints, 'same' or 'valid'")
        )
    if mode not in _MODES:
        raise ValueError(explain(where, got=f"padding_mode={mode!r}", expected=f"one of {_MODES}"))


class Conv1d(_ConvNd):
    """y = x * W + b, the cross-correlation over lines.

    Args:
        in_channels: int, C.
        out_channels: int, number of filters F.
        kernel_size: int, K.
        stride: int, cells from one window to the next; default 1.
        padding: int, cells on both sides; 'valid' for none; 'same' for an output as long as the
            input (stride 1 only; an odd cell goes behind). Default 0.
        dilation: int, cells from one tap of the kernel to the next; default 1.
        groups: int, splits channels and filters into groups that do not meet; default 1.
        bias: bool, whether to add b; default True.
        padding_mode: 'zeros', 'reflect', 'replicate' or 'circular'; default 'zeros'.
        device: 'cpu' or None.
        dtype: of the parameters; default the default dtype (float32).

    Shape:
        (N, C, L) -> (N, F, L') or (C, L) -> (F, L') with
        L' = floor((L + 2 padding - dilation (kernel_size - 1) - 1) / stride) + 1

    Attributes:
        weight: (F, C / groups, K), uniform on ±1 / sqrt(C / groups * K).
        bias: (F), uniform on the same interval; or None.

    Raises:
        ValueError: for options that do not fit each other.
        RuntimeError: in forward, for an input that does not fit.

    Example:
        >>> import rushlight as rl
        >>> layer = rl.nn.Conv1d(16, 33, 3, stride=2)
        >>> layer(rl.zeros(20, 16, 50)).shape
        (20, 33, 24)

    Source: https://docs.pytorch.org/docs/stable/generated/torch.nn.Conv1d.html
    """

    _dims, _function = 1, conv1d


class Conv2d(_ConvNd):
    """y = x * W + b, the cross-correlation over images.

    Args:
        in_channels: int, C.
        out_channels: int, number of filters F.
        kernel_size: int or (int, int), K.
        stride: int or (int, int), cells from one window to the next; default 1.
        padding: int or (int, int), cells on both sides; 'valid' for none; 'same' for an output as
            large as the input (stride 1 only; an odd cell goes behind). Default 0.
        dilation: int or (int, int), cells from one tap of the kernel to the next; default 1.
        groups: int, splits channels and filters into groups that do not meet; C for a depthwise
            convolution; default 1.
        bias: bool, whether to add b; default True.
        padding_mode: 'zeros', 'reflect', 'replicate' or 'circular'; default 'zeros'.
        device: 'cpu' or None.
        dtype: of the parameters; default the default dtype (float32).

    Shape:
        (N, C, H, W) -> (N, F, H', W') or (C, H, W) -> (F, H', W') with
        H' = floor((H + 2 padding - dilation (kernel_size - 1) - 1) / stride) + 1, W' likewise

    Attributes:
        weight: (F, C / groups, *K), uniform on ±1 / sqrt(C / groups * prod(K)).
        bias: (F), uniform on the same interval; or None.

    Raises:
        ValueError: for options that do not fit each other.
        RuntimeError: in forward, for an input that does not fit.

    Example:
        >>> import rushlight as rl
        >>> layer = rl.nn.Conv2d(16, 33, (3, 5), stride=(2, 1), padding=(4, 2))
        >>> layer(rl.zeros(20, 16, 50, 100)).shape
        (20, 33, 28, 100)

    Source: https://docs.pytorch.org/docs/stable/generated/torch.nn.Conv2d.html
    """

    _dims, _function = 2, conv2d


class Conv3d(_ConvNd):
    """y = x * W + b, the cross-correlation over volumes.

    Args:
        in_channels: int, C.
        out_channels: int, number of filters F.
        kernel_size: int or three ints, K.
        stride: int or three ints, cells from one window to the next; default 1.
        padding: int or three ints, cells on both sides; 'valid' for none; 'same' for an output as
            large as the input (stride 1 only; an odd cell goes behind). Default 0.
        dilation: int or three ints, cells from one tap of the kernel to the next; default 1.
        groups: int, splits channels and filters into groups that do not meet; default 1.
        bias: bool, whether to add b; default True.
        padding_mode: 'zeros', 'reflect', 'replicate' or 'circular'; default 'zeros'.
        device: 'cpu' or None.
        dtype: of the parameters; default the default dtype (float32).

    Shape:
        (N, C, D, H, W) -> (N, F, D', H', W') or (C, D, H, W) -> (F, D', H', W') with
        D' = floor((D + 2 padding - dilation (kernel_size - 1) - 1) / stride) + 1, H', W' likewise

    Attributes:
        weight: (F, C / groups, *K), uniform on ±1 / sqrt(C / groups * prod(K)).
        bias: (F), uniform on the same interval; or None.

    Raises:
        ValueError: for options that do not fit each other.
        RuntimeError: in forward, for an input that does not fit.

    Example:
        >>> import rushlight as rl
        >>> layer = rl.nn.Conv3d(4, 8, 3, padding=1)
        >>> layer(rl.zeros(2, 4, 5, 6, 7)).shape
        (2, 8, 5, 6, 7)

    Source: https://docs.pytorch.org/docs/stable/generated/torch.nn.Conv3d.html
    """

    _dims, _function = 3, conv3d
