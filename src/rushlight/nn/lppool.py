"""Power-average pooling layers."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

from rushlight.functional import pooling as F
from rushlight.functional.dims import Ints
from rushlight.nn.module import Module
from rushlight.tensor import Tensor

__all__ = ["LPPool1d", "LPPool2d", "LPPool3d"]


class _LPPoolNd(Module):
    _function: ClassVar[Callable[..., Tensor]]

    def __init__(
        self,
        norm_type: float,
        kernel_size: Ints,
        stride: Ints | None = None,
        ceil_mode: bool = False,
    ) -> None:
        super().__init__()
        self.norm_type = norm_type
        self.kernel_size = kernel_size
        self.stride = stride
        self.ceil_mode = ceil_mode

    def forward(self, input: Tensor) -> Tensor:
        return type(self)._function(
            input, self.norm_type, self.kernel_size, self.stride, self.ceil_mode
        )

    def extra_repr(self) -> str:
        return (
            f"norm_type={self.norm_type}, kernel_size={self.kernel_size}, stride={self.stride}, "
            f"ceil_mode={self.ceil_mode}"
        )


class LPPool1d(_LPPoolNd):
    """(sum of x^p)^(1/p) over each window of lines, x^p without absolute values.

    Args:
        norm_type: float, p; 1 is the sum, inf the largest absolute value.
        kernel_size: int, cells of a window.
        stride: int, cells from one window to the next; default kernel_size.
        ceil_mode: bool, keep a last window that leaves the input, its sum scaled up as if its
            other cells were alike; default False.

    Shape:
        (N, C, L) -> (N, C, L') or (C, L) -> (C, L') with
        L' = floor((L - kernel_size) / stride) + 1, or ceil for floor

    Raises:
        RuntimeError: in forward, for shapes or options that do not fit.
        ZeroDivisionError: in forward, for p = 0.

    Example:
        >>> import rushlight as rl
        >>> rl.nn.LPPool1d(2, 2)(rl.tensor([[3.0, 4.0, 1.0, 0.0]]))
        tensor([[5., 1.]])

    Source: https://docs.pytorch.org/docs/stable/generated/torch.nn.LPPool1d.html
    """

    _function = F.lp_pool1d


class LPPool2d(_LPPoolNd):
    """(sum of x^p)^(1/p) over each window of images, x^p without absolute values.

    Args:
        norm_type: float, p; 1 is the sum, inf the largest absolute value.
        kernel_size: int or (int, int), cells of a window.
        stride: int or (int, int), cells from one window to the next; default kernel_size.
        ceil_mode: bool, as in `LPPool1d`; default False.

    Shape:
        (N, C, H, W) -> (N, C, H', W') or (C, H, W) -> (C, H', W') with
        H' = floor((H - kernel_size) / stride) + 1, or ceil for floor, W' likewise

    Raises:
        RuntimeError, ZeroDivisionError: as in `LPPool1d`.

    Example:
        >>> import rushlight as rl
        >>> rl.nn.LPPool2d(1.2, (3, 2), stride=(2, 1))(rl.rand(20, 16, 50, 32)).shape
        (20, 16, 24, 31)

    Source: https://docs.pytorch.org/docs/stable/generated/torch.nn.LPPool2d.html
    """

    _function = F.lp_pool2d


class LPPool3d(_LPPoolNd):
    """(sum of x^p)^(1/p) over each window of volumes, x^p without absolute values.

    Args:
        norm_type: float, p; 1 is the sum, inf the largest absolute value.
        kernel_size: int or three ints, cells of a window.
        stride: int or three ints, cells from one window to the next; default kernel_size.
        ceil_mode: bool, as in `LPPool1d`; default False.

    Shape:
        (N, C, D, H, W) -> (N, C, D', H', W') or the same without N with
        D' = floor((D - kernel_size) / stride) + 1, or ceil for floor, H', W' likewise

    Raises:
        RuntimeError, ZeroDivisionError: as in `LPPool1d`.

    Example:
        >>> import rushlight as rl
        >>> rl.nn.LPPool3d(2, 2)(rl.rand(2, 3, 4, 8, 8)).shape
        (2, 3, 2, 4, 4)

    Source: https://docs.pytorch.org/docs/stable/generated/torch.nn.LPPool3d.html
    """

    _function = F.lp_pool3d
