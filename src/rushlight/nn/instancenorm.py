"""Instance normalization: every channel of every sample by itself."""

from __future__ import annotations

import warnings
from typing import Any, ClassVar

from rushlight.errors import ShapeError, explain
from rushlight.functional.normalization import follow_instances, instance_norm
from rushlight.nn.module import Relinked
from rushlight.nn.normalization import NormBase
from rushlight.tensor import Tensor

__all__ = ["InstanceNorm1d", "InstanceNorm2d", "InstanceNorm3d"]


class _InstanceNorm(NormBase):
    """Instance normalization of inputs with `_dims` dims, or one less without a batch."""

    _dims: ClassVar[int]
    _shapes: ClassVar[str]

    def __init__(
        self,
        num_features: int,
        eps: float = 1e-5,
        momentum: float | None = 0.1,
        affine: bool = False,
        track_running_stats: bool = False,
        device: Any = None,
        dtype: Any = None,
        *,
        bias: bool = True,
    ) -> None:
        super().__init__(
            num_features, eps, momentum, affine, track_running_stats, device, dtype, bias=bias
        )

    def forward(self, input: Tensor) -> Tensor:
        shape = input.shape
        batched = len(shape) == self._dims
        if not batched and len(shape) != self._dims - 1:
            self._refuse(shape)
        if shape[batched] != self.num_features:
            if self.affine:
                self._refuse(shape)
            warnings.warn(
                f"{type(self).__name__}: got input {shape} with num_features={self.num_features}, "
                "which is not used, as affine=False",
                stacklevel=2,
            )
        x = input if batched else input.unsqueeze(0)
        y = instance_norm(
            x,
            self.running_mean,
            self.running_var,
            self.weight,
            self.bias,
            self.training or not self.track_running_stats,
            self._share(),
            self.eps,
        )
        return y if batched else y.squeeze(0)

    def _share(self) -> float:
        """Return the momentum; without one the running statistics stay, as in torch."""
        return 0.0 if self.momentum is None else self.momentum

    def _relink(self, options: dict[str, Any]) -> Relinked | None:
        if "mean" in options:
            return {}, self._given, None
        if options["groups"] != self.num_features:
            return None  # every call warns
        return options, None, self._follow

    def _follow(self, x: Any, outputs: tuple[Any, ...]) -> None:
        """Move the running statistics towards those of a batch."""
        mean, var = self.running_mean, self.running_var
        follow_instances(mean, var, outputs[1], outputs[2], self._share(), x)

    def _refuse(self, shape: tuple[int, ...]) -> None:
        fits = len(shape) in (self._dims, self._dims - 1)
        channels = shape[len(shape) == self._dims] if fits else 0
        with_batch = self._shapes.replace("C", str(self.num_features))
        raise ShapeError(
            explain(
                type(self).__name__,
                got=f"input {shape}",
                expected=f"(N, {with_batch}) or ({with_batch})",
                fix=f"make it {type(self).__name__}({channels})" if fits else "",
            )
        )


class InstanceNorm1d(_InstanceNorm):
    """y = (x - mean) / sqrt(var + eps) * weight + bias, for each channel of each sample.

    Mean and (biased) variance are those of the channel in its sample, in evaluation too, unless
    running ones are tracked.

    Args:
        num_features: int, C, the number of channels.
        eps: float, added to the variance; default 1e-5.
        momentum: float, how far the running statistics move towards the batch's; None leaves them
            as they are; default 0.1.
        affine: bool, whether there are weight and bias; default False.
        track_running_stats: bool, whether there are running statistics (of the average of the
            samples), which evaluation then uses; default False.
        device: 'cpu' or None.
        dtype: of parameters and running statistics; default the default dtype (float32).
        bias: bool, whether an affine layer has a bias; default True.

    Shape:
        (N, C, L) -> (N, C, L) or (C, L) -> (C, L)

    Attributes:
        weight: (C), 1; or None.
        bias: (C), 0; or None.
        running_mean: (C), 0, a buffer; or None.
        running_var: (C), 1, a buffer; or None.
        num_batches_tracked: (), int64, a buffer that stays 0, as in torch; or None.

    Raises:
        ShapeError: in forward, for another number of dims; for another number of channels where
            the layer is affine or uses running statistics (else it warns).
        ValueError: with L = 1 where the sample's own statistics are used.

    Example:
        >>> import rushlight as rl
        >>> rl.nn.InstanceNorm1d(2)(rl.tensor([[1.0, 3.0], [2.0, 6.0]]))
        tensor([[-1.0000,  1.0000],
                [-1.0000,  1.0000]])

    Source: Ulyanov, Vedaldi and Lempitsky, Instance Normalization, 2016;
    https://docs.pytorch.org/docs/stable/generated/torch.nn.InstanceNorm1d.html
    """

    _dims = 3
    _shapes = "C, L"


class InstanceNorm2d(_InstanceNorm):
    """`InstanceNorm1d` of images: each channel of each sample over its height and width.

    Args:
        num_features, eps, momentum, affine, track_running_stats, device, dtype, bias: as in
            `InstanceNorm1d`, and so are the attributes.

    Shape:
        (N, C, H, W) -> (N, C, H, W) or (C, H, W) -> (C, H, W)

    Raises:
        ShapeError, ValueError: as in `InstanceNorm1d`.

    Example:
        >>> import rushlight as rl
        >>> rl.nn.InstanceNorm2d(3)(rl.randn(2, 3, 8, 8)).shape
        (2, 3, 8, 8)

    Source: https://docs.pytorch.org/docs/stable/generated/torch.nn.InstanceNorm2d.html
    """

    _dims = 4
    _shapes = "C, H, W"


class InstanceNorm3d(_InstanceNorm):
    """`InstanceNorm1d` of volumes: each channel of each sample over its depth, height and width.

    Args:
        num_features, eps, momentum, affine, track_running_stats, device, dtype, bias: as in
            `InstanceNorm1d`, and so are the attributes.

    Shape:
        (N, C, D, H, W) -> (N, C, D, H, W) or (C, D, H, W) -> (C, D, H, W)

    Raises:
        ShapeError, ValueError: as in `InstanceNorm1d`.

    Example:
        >>> import rushlight as rl
        >>> rl.nn.InstanceNorm3d(3)(rl.randn(2, 3, 4, 4, 4)).shape
        (2, 3, 4, 4, 4)

    Source: https://docs.pytorch.org/docs/stable/generated/torch.nn.InstanceNorm3d.html
    """

    _dims = 5
    _shapes = "C, D, H, W"
