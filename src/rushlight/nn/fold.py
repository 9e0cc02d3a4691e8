"""Windows of images as columns, and columns summed back to images."""

from __future__ import annotations

from rushlight.functional import folding as F
from rushlight.functional.dims import Ints
from rushlight.nn.module import Module
from rushlight.tensor import Tensor

__all__ = ["Fold", "Unfold"]


class Fold(Module):
    """Sums columns of windows back to images: y[cell] = sum of what the windows hold of it.

    Args:
        output_size: int or (H, W), the size of the images.
        kernel_size: int or (K_h, K_w), the size of the windows.
        dilation: int or two, the distance of the cells of a window; default 1.
        padding: int or two, zeros around the image that the windows saw; default 0.
        stride: int or two, the distance of the windows; default 1.

    Shape:
        (N, C * K_h * K_w, L) -> (N, C, H, W), or both without N, with L = O_h * O_w windows,
        O = floor((S + 2 * padding - dilation * (K - 1) - 1) / stride) + 1

    Raises:
        ShapeError: if the rows are not a multiple of K_h * K_w, or the columns are not L.

    Example:
        >>> import rushlight as rl
        >>> rl.nn.Fold((4, 5), (2, 2))(rl.zeros(1, 3 * 2 * 2, 12)).shape
        (1, 3, 4, 5)

    Source: https://docs.pytorch.org/docs/stable/generated/torch.nn.Fold.html
    """

    def __init__(
        self,
        output_size: Ints,
        kernel_size: Ints,
        dilation: Ints = 1,
        padding: Ints = 0,
        stride: Ints = 1,
    ) -> None:
        super().__init__()
        self.output_size = output_size
        self.kernel_size = kernel_size
        self.dilation = dilation
        self.padding = padding
        self.stride = stride

    def forward(self, input: Tensor) -> Tensor:
        return F.fold(
            input, self.output_size, self.kernel_size, self.dilation, self.padding, self.stride
        )

    def extra_repr(self) -> str:
        return (
            f"output_size={self.output_size}, kernel_size={self.kernel_size}, "
            f"dilation={self.dilation}, padding={self.padding}, stride={self.stride}"
        )


class Unfold(Module):
    """Returns the windows of images as columns, those that a convolution multiplies.

    Args:
        kernel_size: int or (K_h, K_w), the size of the windows.
        dilation: int or two, the distance of the cells of a window; default 1.
        padding: int or two, zeros around the image; default 0.
        stride: int or two, the distance of the windows; default 1.

    Shape:
        (N, C, H, W) -> (N, C * K_h * K_w, L), or both without N, with L = O_h * O_w windows,
        O = floor((S + 2 * padding - dilation * (K - 1) - 1) / stride) + 1

    Raises:
        ShapeError: if the input is no image, or no window fits.

    Example:
        >>> import rushlight as rl
        >>> rl.nn.Unfold((2, 3))(rl.zeros(2, 5, 3, 4)).shape
        (2, 30, 4)

    Source: https://docs.pytorch.org/docs/stable/generated/torch.nn.Unfold.html
    """

    def __init__(
        self, kernel_size: Ints, dilation: Ints = 1, padding: Ints = 0, stride: Ints = 1
    ) -> None:
        super().__init__()
        self.kernel_size = kernel_size
        self.dilation = dilation
        self.padding = padding
        self.stride = stride

    def forward(self, input: Tensor) -> Tensor:
        return F.unfold(input, self.kernel_size, self.dilation, self.padding, self.stride)

    def extra_repr(self) -> str:
        return (
            f"kernel_size={self.kernel_size}, dilation={self.dilation}, "
            f"padding={self.padding}, stride={self.stride}"
        )
