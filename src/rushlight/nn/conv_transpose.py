"""Transposed convolution layers: thin classes over the base of the convolutions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rushlight.errors import explain
from rushlight.functional.conv import conv_transpose1d, conv_transpose2d, conv_transpose3d
from rushlight.functional.dims import Ints, per_dim
from rushlight.nn.conv import _ConvNd
from rushlight.tensor import Tensor

__all__ = ["ConvTranspose1d", "ConvTranspose2d", "ConvTranspose3d"]


class _ConvTransposeNd(_ConvNd):
    """Transposed convolution over `_dims` spatial dims."""

    _transposed = True

    def __init__(
        self,
        in_channels: int,
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
        n, where = self._dims, type(self).__name__
        if padding_mode != "zeros":
            got = f"padding_mode={padding_mode!r}"
            raise ValueError(explain(where, got=got, expected="'zeros', the only one"))
        super().__init__(
            *(in_channels, out_channels, kernel_size, stride),
            *(per_dim(padding, n, where, "padding", low=0), dilation, groups, bias),
            *(padding_mode, device, dtype),
        )
        self.output_padding = per_dim(output_padding, n, where, "output_padding", low=0)

    def forward(self, input: Tensor, output_size: Sequence[int] | None = None) -> Tensor:
        more = self.output_padding
        if output_size is not None:
            more = self._missing(tuple(input.shape), output_size)
        return type(self)._function(
            *(input, self.weight, self.bias, self.stride, self.padding, more),
            *(self.groups, self.dilation),
        )

    def _missing(self, shape: tuple[int, ...], output_size: Sequence[int]) -> tuple[int, ...]:
        """Return the output padding that gives an output of this size."""
        n, where, got = self._dims, type(self).__name__, f"output_size={output_size!r}"
        if not hasattr(output_size, "__len__"):
            raise TypeError(explain(where, got=got, expected="a sequence of ints"))
        wanted = tuple(output_size)
        if len(wanted) == len(shape) and len(shape) in (n + 1, n + 2):
            wanted = wanted[-n:]
        if len(wanted) != n:
            expected = f"{n} sizes, or {len(shape)} with those of batch and channels"
            raise ValueError(explain(where, got=got, expected=expected))
        sides = zip(
            *(shape[-n:], self.stride, self.padding, self.dilation, self.kernel_size), strict=True
        )
        low = tuple((i - 1) * s - 2 * p + d * (k - 1) + 1 for i, s, p, d, k in sides)
        high = tuple(size + s - 1 for size, s in zip(low, self.stride, strict=True))
        if any(not a <= size <= b for a, size, b in zip(low, wanted, high, strict=True)):
            expected = f"sizes from {low} to {high} for an input {shape}"
            raise ValueError(explain(where, got=got, expected=expected))
        return tuple(size - a for size, a in zip(wanted, low, strict=True))


class ConvTranspose1d(_ConvTransposeNd):
    """y = x *^T W + b, the transpose of the cross-correlation over lines.

    Each cell of the input adds its multiple of the kernel to the output.

    Args:
        in_channels: int, C.
        out_channels: int, F.
        kernel_size: int, K.
        stride: int, cells from one kernel in the output to the next; default 1.
        padding: int, cells cut off on both sides of the output; default 0.
        output_padding: int, cells added behind the output, smaller than stride or
            dilation; default 0.
        groups: int, splits channels and filters into groups that do not meet; default 1.
        bias: bool, whether to add b; default True.
        dilation: int, cells from one tap of the kernel to the next; default 1.
        padding_mode: 'zeros', the only one.
        device: 'cpu' or None.
        dtype: of the parameters; default the default dtype (float32).

    Shape:
        (N, C, L) -> (N, F, L') or (C, L) -> (F, L') with
        L' = (L - 1) stride - 2 padding + dilation (kernel_size - 1) + output_padding + 1.

        The argument `output_size` of forward (of the last dims, or of all) asks for one of the
        sizes that a convolution of this stride brings to that of the input.

    Attributes:
        weight: (C, F / groups, K), uniform on ±1 / sqrt(F / groups * K).
        bias: (F), uniform on the same interval; or None.

    Raises:
        ValueError: for options that do not fit each other, or an `output_size` out of range.
        RuntimeError: in forward, for an input or an output padding that does not fit.

    Example:
        >>> import rushlight as rl
        >>> layer = rl.nn.ConvTranspose1d(16, 33, 3, stride=2)
        >>> layer(rl.zeros(20, 16, 50)).shape
        (20, 33, 101)

    Source: https://docs.pytorch.org/docs/stable/generated/torch.nn.ConvTranspose1d.html
    """

    _dims, _function = 1, conv_transpose1d


class ConvTranspose2d(_ConvTransposeNd):
    """y = x *^T W + b, the transpose of the cross-correlation over images.

    Each cell of the input adds its multiple of the kernel to the output.

    Args:
        in_channels: int, C.
        out_channels: int, F.
        kernel_size: int or (int, int), K.
        stride: int or (int, int), cells from one kernel in the output to the next; default 1.
        padding: int or (int, int), cells cut off on both sides of the output; default 0.
        output_padding: int or (int, int), cells added behind the output, smaller than stride or
            dilation; default 0.
        groups: int, splits channels and filters into groups that do not meet; default 1.
        bias: bool, whether to add b; default True.
        dilation: int or (int, int), cells from one tap of the kernel to the next; default 1.
        padding_mode: 'zeros', the only one.
        device: 'cpu' or None.
        dtype: of the parameters; default the default dtype (float32).

    Shape:
        (N, C, H, W) -> (N, F, H', W') or (C, H, W) -> (F, H', W') with
        H' = (H - 1) stride - 2 padding + dilation (kernel_size - 1) + output_padding + 1
        and W' likewise.

        The argument `output_size` of forward (of the last dims, or of all) asks for one of the
        sizes that a convolution of this stride brings to that of the input.

    Attributes:
        weight: (C, F / groups, *K), uniform on ±1 / sqrt(F / groups * prod(K)).
        bias: (F), uniform on the same interval; or None.

    Raises:
        ValueError: for options that do not fit each other, or an `output_size` out of range.
        RuntimeError: in forward, for an input or an output padding that does not fit.

    Example:
        >>> import rushlight as rl
        >>> layer = rl.nn.ConvTranspose2d(16, 33, (3, 5), stride=(2, 1), padding=(4, 2))
        >>> layer(rl.zeros(20, 16, 50, 100)).shape
        (20, 33, 93, 100)
        >>> down = rl.nn.Conv2d(16, 16, 3, stride=2, padding=1)
        >>> up = rl.nn.ConvTranspose2d(16, 16, 3, stride=2, padding=1)
        >>> x = rl.zeros(1, 16, 12, 12)
        >>> up(down(x), output_size=x.size()).shape
        (1, 16, 12, 12)

    Source: https://docs.pytorch.org/docs/stable/generated/torch.nn.ConvTranspose2d.html
    """

    _dims, _function = 2, conv_transpose2d


class ConvTranspose3d(_ConvTransposeNd):
    """y = x *^T W + b, the transpose of the cross-correlation over volumes.

    Each cell of the input adds its multiple of the kernel to the output.

    Args:
        in_channels: int, C.
        out_channels: int, F.
        kernel_size: int or three ints, K.
        stride: int or three ints, cells from one kernel in the output to the next; default 1.
        padding: int or three ints, cells cut off on both sides of the output; default 0.
        output_padding: int or three ints, cells added behind the output, smaller than stride or
            dilation; default 0.
        groups: int, splits channels and filters into groups that do not meet; default 1.
        bias: bool, whether to add b; default True.
        dilation: int or three ints, cells from one tap of the kernel to the next; default 1.
        padding_mode: 'zeros', the only one.
        device: 'cpu' or None.
        dtype: of the parameters; default the default dtype (float32).

    Shape:
        (N, C, D, H, W) -> (N, F, D', H', W') or (C, D, H, W) -> (F, D', H', W') with
        D' = (D - 1) stride - 2 padding + dilation (kernel_size - 1) + output_padding + 1
        and H', W' likewise.

        The argument `output_size` of forward (of the last dims, or of all) asks for one of the
        sizes that a convolution of this stride brings to that of the input.

    Attributes:
        weight: (C, F / groups, *K), uniform on ±1 / sqrt(F / groups * prod(K)).
        bias: (F), uniform on the same interval; or None.

    Raises:
        ValueError: for options that do not fit each other, or an `output_size` out of range.
        RuntimeError: in forward, for an input or an output padding that does not fit.

    Example:
        >>> import rushlight as rl
        >>> layer = rl.nn.ConvTranspose3d(4, 8, 3, stride=2, padding=1)
        >>> layer(rl.zeros(2, 4, 3, 4, 5)).shape
        (2, 8, 5, 7, 9)

    Source: https://docs.pytorch.org/docs/stable/generated/torch.nn.ConvTranspose3d.html
    """

    _dims, _function = 3, conv_transpose3d
