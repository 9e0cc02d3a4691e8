"""Normalization by groups of channels and by neighbouring channels."""

from __future__ import annotations

from typing import Any

from rushlight.errors import ShapeError, explain
from rushlight.functional.creation import arange
from rushlight.functional.normalization import group_norm, local_response_norm, squares_across
from rushlight.nn.module import Module, Steady
from rushlight.nn.normalization import Affine
from rushlight.tensor import Tensor

__all__ = ["CrossMapLRN2d", "GroupNorm", "LocalResponseNorm"]


class GroupNorm(Affine, Steady):
    """y = (x - mean) / sqrt(var + eps) * weight + bias, for each group of channels of each sample.

    Args:
        num_groups: int, how many groups the channels make, neighbours together.
        num_channels: int, C, a multiple of num_groups.
        eps: float, added to the (biased) variance; default 1e-5.
        affine: bool, whether there are weight and bias, one value per channel; default True.
        device: 'cpu' or None.
        dtype: of the parameters; default the default dtype (float32).
        bias: bool, whether an affine layer has a bias; default True.

    Shape:
        (N, C, *) -> the same

    Attributes:
        weight: (C), 1; or None.
        bias: (C), 0; or None.

    Raises:
        ValueError: for channels that the groups do not divide; in forward, for one value per group.
        ShapeError: in forward, for channels that the groups or the parameters do not fit.

    Example:
        >>> import rushlight as rl
        >>> rl.nn.GroupNorm(2, 4)(rl.tensor([[1.0, 3.0, 2.0, 6.0]])).detach()
        tensor([[-1.0000,  1.0000, -1.0000,  1.0000]])

    Source: Wu and He, Group Normalization, 2018;
    https://docs.pytorch.org/docs/stable/generated/torch.nn.GroupNorm.html
    """

    def __init__(
        self,
        num_groups: int,
        num_channels: int,
        eps: float = 1e-5,
        affine: bool = True,
        device: Any = None,
        dtype: Any = None,
        *,
        bias: bool = True,
    ) -> None:
        super().__init__()
        if num_groups == 0 or num_channels % num_groups:
            raise ValueError(
                explain(
                    "GroupNorm",
                    got=f"num_channels={num_channels} with num_groups={num_groups}",
                    expected="a multiple of num_groups",
                )
            )
        self.num_groups = num_groups
        self.num_channels = num_channels
        self.eps = eps
        self.affine = affine
        self._register(num_channels, affine, affine and bias, device=device, dtype=dtype)

    def forward(self, input: Tensor) -> Tensor:
        return group_norm(input, self.num_groups, self.weight, self.bias, self.eps)

    def extra_repr(self) -> str:
        return (
            f"{self.num_groups}, {self.num_channels}, eps={self.eps}, affine={self.affine}, "
            f"bias={self.bias is not None}"
        )


class LocalResponseNorm(Module):
    """y = x / (k + alpha mean(x^2))^beta, the mean over `size` neighbouring channels.

    The neighbours of channel c are c - size // 2 to c + (size - 1) // 2, zeros beyond the ends.

    Args:
        size: int, how many channels, itself included.
        alpha: float, the factor; default 1e-4.
        beta: float, the exponent; default 0.75.
        k: float, the summand; default 1.

    Shape:
        (N, C, *) with at least 3 dims -> the same

    Raises:
        ShapeError: in forward, for fewer dims.
        RuntimeError: in forward, for a size below 1.

    Example:
        >>> import rushlight as rl
        >>> rl.nn.LocalResponseNorm(2, alpha=2.0, beta=1.0)(rl.tensor([[[1.0], [2.0]]]))
        tensor([[[0.5000],
                 [0.3333]]])

    Source: Krizhevsky, Sutskever and Hinton, ImageNet Classification, 2012;
    https://docs.pytorch.org/docs/stable/generated/torch.nn.LocalResponseNorm.html
    """

    def __init__(self, size: int, alpha: float = 1e-4, beta: float = 0.75, k: float = 1.0) -> None:
        super().__init__()
        self.size = size
        self.alpha = alpha
        self.beta = beta
        self.k = k

    def forward(self, input: Tensor) -> Tensor:
        return local_response_norm(input, self.size, self.alpha, self.beta, self.k)

    def extra_repr(self) -> str:
        return f"{self.size}, alpha={self.alpha}, beta={self.beta}, k={self.k}"


class CrossMapLRN2d(LocalResponseNorm):
    """`LocalResponseNorm` of images as models from Torch7 have it in torch, which drifted from it.

    The neighbours of channel c are those at a distance of up to (size - 1) // 2 and, as torch never
    takes it off its running sum, channel 0. The sum is divided by `size`. The gradient is that of
    this formula; torch's leaves channel 0 out.

    Args:
        size, alpha, beta, k: as in `LocalResponseNorm`.

    Shape:
        (N, C, H, W) -> (N, C, H, W)

    Raises:
        ShapeError: in forward, for another number of dims, or no channels.
        RuntimeError: in forward, for a size below 1.

    Example:
        >>> import rushlight as rl
        >>> x = rl.tensor([1.0, 2.0, 3.0]).reshape(1, 3, 1, 1)
        >>> rl.nn.CrossMapLRN2d(1, alpha=1.0, beta=1.0, k=0.0)(x).flatten()
        tensor([1.0000, 0.4000, 0.3000])

    Source: https://github.com/pytorch/pytorch/blob/main/torch/nn/modules/_functions.py
    """

    def __init__(self, size: int, alpha: float = 1e-4, beta: float = 0.75, k: float = 1) -> None:
        super().__init__(size, alpha, beta, k)

    def forward(self, input: Tensor) -> Tensor:
        if input.dim() != 4 or not input.shape[1]:
            expected = "(N, C, H, W) with channels"
            raise ShapeError(
                explain("CrossMapLRN2d", got=f"input {input.shape}", expected=expected)
            )
        if not input.numel():
            return input
        reach = (self.size - 1) // 2
        mean = squares_across(input, "CrossMapLRN2d", self.size, reach, reach)
        far = (arange(input.shape[1]) > reach).to(input.dtype).reshape(-1, 1, 1)
        first = input[:, :1]
        return input / ((mean + first * first * far / self.size) * self.alpha + self.k) ** self.beta
