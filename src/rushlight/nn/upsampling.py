"""Resizing layers: `functional.interpolate` with fixed arguments."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

from rushlight.errors import explain
from rushlight.functional.interpolation import interpolate
from rushlight.nn.module import Steady
from rushlight.tensor import Tensor

__all__ = ["Upsample", "UpsamplingBilinear2d", "UpsamplingNearest2d"]

Size: TypeAlias = int | Sequence[int]
Factor: TypeAlias = float | Sequence[float]


class Upsample(Steady):
    """Resizes images, lines or volumes: y = interpolate(x, size, scale_factor, mode).

    Args:
        size: int or one for each spatial dim, the output size; this or `scale_factor`.
        scale_factor: float or one for each spatial dim, output size over input size.
        mode: 'nearest', 'nearest-exact', 'area', 'linear' (N, C, L), 'bilinear' or 'bicubic'
            (N, C, H, W), 'trilinear' (N, C, D, H, W); default 'nearest'.
        align_corners: bool, let the centres of the corner cells coincide, not their outer edges;
            for the linear and cubic modes. Default None, which is False.
        recompute_scale_factor: bool, go by the ratio of the rounded sizes, not by `scale_factor`;
            default None, which is False.

    Shape:
        (N, C, *S) -> (N, C, *O) with O = size or floor(S * scale_factor)

    Raises:
        ValueError: when called, for arguments that do not go together.
        NotImplementedError: for a mode that does not take so many dims.

    Example:
        >>> import rushlight as rl
        >>> x = rl.tensor([[[[1.0, 2.0], [3.0, 4.0]]]])
        >>> rl.nn.Upsample(scale_factor=2, mode="bilinear", align_corners=True)(x)[0, 0, 0]
        tensor([1.0000, 1.3333, 1.6667, 2.0000])

    Source: https://docs.pytorch.org/docs/stable/generated/torch.nn.Upsample.html
    """

    def __init__(
        self,
        size: Size | None = None,
        scale_factor: Factor | None = None,
        mode: str = "nearest",
        align_corners: bool | None = None,
        recompute_scale_factor: bool | None = None,
    ) -> None:
        super().__init__()
        self.name = type(self).__name__
        self.size = size
        self.scale_factor: float | tuple[float, ...] | None
        if isinstance(scale_factor, tuple):
            self.scale_factor = tuple(float(factor) for factor in scale_factor)
        elif isinstance(scale_factor, Sequence):
            got = f"scale_factor={scale_factor!r}"
            raise TypeError(explain(self.name, got=got, expected="a float or a tuple of them"))
        else:
            self.scale_factor = float(scale_factor) if scale_factor else None
        self.mode = mode
        self.align_corners = align_corners
        self.recompute_scale_factor = recompute_scale_factor

    def forward(self, input: Tensor) -> Tensor:
        return interpolate(
            input,
            self.size,
            self.scale_factor,
            self.mode,
            self.align_corners,
            self.recompute_scale_factor,
        )

    def extra_repr(self) -> str:
        if self.scale_factor is not None:
            return f"scale_factor={self.scale_factor!r}, mode={self.mode!r}"
        return f"size={self.size!r}, mode={self.mode!r}"


class UpsamplingNearest2d(Upsample):
    """Resizes images, each output cell a copy of a cell: `Upsample` with mode 'nearest'.

    Args:
        size: int or (H', W'), the output size; this or `scale_factor`.
        scale_factor: float or two, output size over input size.

    Shape:
        (N, C, H, W) -> (N, C, H', W')

    Example:
        >>> import rushlight as rl
        >>> rl.nn.UpsamplingNearest2d(scale_factor=2)(rl.tensor([[[[1.0, 2.0]]]]))
        tensor([[[[1., 1., 2., 2.],
                  [1., 1., 2., 2.]]]])

    Source: https://docs.pytorch.org/docs/stable/generated/torch.nn.UpsamplingNearest2d.html
    """

    def __init__(self, size: Size | None = None, scale_factor: Factor | None = None) -> None:
        super().__init__(size, scale_factor, mode="nearest")


class UpsamplingBilinear2d(Upsample):
    """Resizes images bilinearly: `Upsample` with mode 'bilinear' and aligned corners.

    Args:
        size: int or (H', W'), the output size; this or `scale_factor`.
        scale_factor: float or two, output size over input size.

    Shape:
        (N, C, H, W) -> (N, C, H', W')

    Example:
        >>> import rushlight as rl
        >>> rl.nn.UpsamplingBilinear2d(size=(1, 3))(rl.tensor([[[[1.0, 2.0]]]]))
        tensor([[[[1.0000, 1.5000, 2.0000]]]])

    Source: https://docs.pytorch.org/docs/stable/generated/torch.nn.UpsamplingBilinear2d.html
    """

    def __init__(self, size: Size | None = None, scale_factor: Factor | None = None) -> None:
        super().__init__(size, scale_factor, mode="bilinear", align_corners=True)
