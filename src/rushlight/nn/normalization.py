"""Normalization layers."""

from __future__ import annotations

from collections.abc import Sequence
from operator import index
from typing import Any, ClassVar, SupportsIndex

from rushlight import comm
from rushlight.autograd import no_grad
from rushlight.errors import ShapeError, explain
from rushlight.functional.creation import ones, zeros
from rushlight.functional.normalization import (
    batch_norm,
    follow_batch,
    last_sizes,
    layer_norm,
    rms_norm,
)
from rushlight.nn import init
from rushlight.nn.module import Module, Relinked, Steady
from rushlight.nn.parameter import Parameter
from rushlight.ops.together import batch_norm_together
from rushlight.tape import apply, state
from rushlight.tensor import Tensor

__all__ = ["BatchNorm1d", "BatchNorm2d", "BatchNorm3d", "LayerNorm", "RMSNorm", "SyncBatchNorm"]


class Affine(Module):
    """A norm with a weight and a bias, each of which may be None."""

    weight: Parameter | None
    bias: Parameter | None

    def _register(self, shape: Any, weighted: bool, biased: bool, **make: Any) -> None:
        self.register_parameter("weight", Parameter(ones(shape, **make)) if weighted else None)
        self.register_parameter("bias", Parameter(zeros(shape, **make)) if biased else None)

    def reset_parameters(self) -> None:
        """Set weight 1 and bias 0."""
        if self.weight is not None:
            init.ones_(self.weight)
        if self.bias is not None:
            init.zeros_(self.bias)


class NormBase(Affine):
    """Parameters and running statistics by channel, of batch norm and instance norm."""

    running_mean: Tensor | None
    running_var: Tensor | None
    num_batches_tracked: Tensor | None

    def __init__(
        self,
        num_features: int,
        eps: float = 1e-5,
        momentum: float | None = 0.1,
        affine: bool = True,
        track_running_stats: bool = True,
        device: Any = None,
        dtype: Any = None,
        *,
        bias: bool = True,
    ) -> None:
        super().__init__()
        self.num_features = num_features
        self.eps = eps
        self.momentum = momentum
        self.affine = affine
        self.track_running_stats = track_running_stats
        make: dict[str, Any] = {"device": device, "dtype": dtype}
        n, tracked = num_features, track_running_stats
        self._register(n, affine, affine and bias, **make)
        self.register_buffer("running_mean", zeros(n, **make) if tracked else None)
        self.register_buffer("running_var", ones(n, **make) if tracked else None)
        self.register_buffer("num_batches_tracked", zeros((), dtype="int64") if tracked else None)

    def reset_running_stats(self) -> None:
        """Set the running statistics to mean 0 and variance 1, and forget the batches."""
        with no_grad():
            for name, value in (
                ("running_mean", 0),
                ("running_var", 1),
                ("num_batches_tracked", 0),
            ):
                buffer = self._buffers[name]
                if buffer is not None:
                    buffer.fill_(value)

    def reset_parameters(self) -> None:
        """Set weight 1 and bias 0, and reset the running statistics."""
        self.reset_running_stats()
        super().reset_parameters()

    def _load_from_state_dict(
        self, state_dict: dict[str, Any], prefix: str, local_metadata: dict[str, Any], *rest: Any
    ) -> None:
        key = prefix + "num_batches_tracked"
        if self.track_running_stats and local_metadata.get("version", 1) < 2:
            state_dict.setdefault(key, self.num_batches_tracked)  # old files lack it
        super()._load_from_state_dict(state_dict, prefix, local_metadata, *rest)

    def _given(self, x: Any) -> dict[str, Any]:
        """Return the options of the op that normalizes by the running statistics."""
        mean, var = self._buffers["running_mean"], self._buffers["running_var"]
        assert mean is not None and var is not None
        given = {"mean": mean._array, "var": var._array, "eps": self.eps}
        if state.recording:  # a graph of the backward may run the op again after they have moved
            given["mean"], given["var"] = mean._array.copy(), var._array.copy()
        return given

    def extra_repr(self) -> str:
        return (
            f"{self.num_features}, eps={self.eps}, momentum={self.momentum}, "
            f"affine={self.affine}, bias={self.bias is not None}, "
            f"track_running_stats={self.track_running_stats}"
        )


class _BatchNorm(NormBase):
    """Batch normalization of inputs with the numbers of dims `_dims`."""

    _dims: ClassVar[Sequence[int]]
    _shapes: ClassVar[str]
    _synchronized: bool = False  # whether a batch is that of all processes

    def forward(self, input: Tensor) -> Tensor:
        shape = input.shape
        if len(shape) not in self._dims or shape[1] != self.num_features:
            self._refuse(shape)
        mean, var, batches = self._statistics()
        if self._synchronized and self._uses_batch(mean) and comm.current().size > 1:
            return self._together(input, mean, var, batches)
        parameters = self._parameters
        y = batch_norm(
            input,
            mean,
            var,
            parameters["weight"],
            parameters["bias"],
            self._uses_batch(mean),
            self._share(batches),
            self.eps,
        )
        self._count(batches)
        return y

    def _uses_batch(self, mean: Tensor | None) -> bool:
        return self.training or mean is None

    def _together(
        self, x: Tensor, mean: Tensor | None, var: Tensor | None, batches: Tensor | None
    ) -> Tensor:
        """Normalize by the batches of all processes; some of them may be empty."""
        weight, bias = self._parameters["weight"], self._parameters["bias"]
        options = {"eps": self.eps, "add": comm.current().all_reduce}
        results: Any = apply(batch_norm_together, (x, weight, bias), options)
        y = results[0]
        batch_mean, batch_var, count = (value._array for value in results[1:])
        if mean is not None or var is not None:
            follow_batch(mean, var, batch_mean, batch_var, self._share(batches), int(count))
        self._count(batches)
        return y

    def _statistics(self) -> tuple[Tensor | None, Tensor | None, Tensor | None]:
        """Return the running statistics and the count of batches, or None where not in use."""
        if self.training and not self.track_running_stats:
            return None, None, None
        buffers = self._buffers
        return buffers["running_mean"], buffers["running_var"], buffers["num_batches_tracked"]

    def _share(self, batches: Tensor | None) -> float:
        """Return the momentum, by default that of the average over all batches so far."""
        if self.momentum is not None:
            return self.momentum
        return 0.0 if batches is None else 1.0 / (float(batches._array) + 1.0)

    def _count(self, batches: Tensor | None) -> None:
        if self.training and batches is not None:
            batches._array += 1

    def _relink(self, options: dict[str, Any]) -> Relinked | None:
        if "mean" in options:
            return {}, self._given, None
        return None if "add" in options else (options, None, self._follow)

    def _follow(self, x: Any, outputs: tuple[Any, ...]) -> None:
        """Move the running statistics towards those of a batch."""
        mean, var, batches = self._statistics()
        n = x.size // max(x.shape[1], 1)
        follow_batch(mean, var, outputs[1], outputs[2], self._share(batches), n)
        self._count(batches)

    def _refuse(self, shape: tuple[int, ...]) -> None:
        fits = len(shape) in self._dims
        fix = f"make it {type(self).__name__}({shape[1]})" if fits else ""
        if not fits and len(shape) == min(self._dims) - 1:
            fix = "unsqueeze(0) adds a batch dim"
        raise ShapeError(
            explain(
                type(self).__name__,
                got=f"input {shape}",
                expected=self._shapes.replace("C", str(self.num_features)),
                fix=fix,
            )
        )


class BatchNorm1d(_BatchNorm):
    """y = (x - mean) / sqrt(var + eps) * weight + bias, for each channel (dim 1).

    In training, mean and (biased) variance are those of the batch, and the running ones move
    towards its mean and unbiased variance; in evaluation the running ones are used.

    Args:
        num_features: int, C, the size of dim 1.
        eps: float, added to the variance; default 1e-5.
        momentum: float, how far the running statistics move towards the batch's; None for the
            average over all batches so far; default 0.1.
        affine: bool, whether there are weight and bias; default True.
        track_running_stats: bool, default True; without it the batch's own statistics are used in
            evaluation too.
        device: 'cpu' or None.
        dtype: of parameters and running statistics; default the default dtype (float32).
        bias: bool, whether an affine layer has a bias; default True.

    Shape:
        (N, C) or (N, C, L) -> the same

    Attributes:
        weight: (C), 1; or None.
        bias: (C), 0; or None.
        running_mean: (C), 0, a buffer; or None.
        running_var: (C), 1, a buffer; or None.
        num_batches_tracked: (), int64, 0, a buffer; or None.

    Raises:
        ShapeError: in forward, for another number of dims or channels.
        ValueError: in training, with one value per channel.

    Example:
        >>> import rushlight as rl
        >>> layer = rl.nn.BatchNorm1d(1)
        >>> layer(rl.tensor([[1.0], [3.0]])).tolist()
        [[-0.99999...], [0.99999...]]
        >>> layer.running_mean, layer.running_var  # moved by 0.1 towards 2 and 2
        (tensor([0.2000]), tensor([1.1000]))

    Source: Ioffe and Szegedy, Batch Normalization, 2015;
    https://docs.pytorch.org/docs/stable/generated/torch.nn.BatchNorm1d.html
    """

    _dims = (2, 3)
    _shapes = "(N, C) or (N, C, L)"


class BatchNorm2d(_BatchNorm):
    """`BatchNorm1d` of images: each channel over the batch, height and width.

    Args:
        num_features, eps, momentum, affine, track_running_stats, device, dtype, bias: as in
            `BatchNorm1d`, and so are the attributes.

    Shape:
        (N, C, H, W) -> (N, C, H, W)

    Raises:
        ShapeError, ValueError: as in `BatchNorm1d`.

    Example:
        >>> import rushlight as rl
        >>> rl.nn.BatchNorm2d(3)(rl.randn(2, 3, 8, 8)).shape
        (2, 3, 8, 8)

    Source: https://docs.pytorch.org/docs/stable/generated/torch.nn.BatchNorm2d.html
    """

    _dims = (4,)
    _shapes = "(N, C, H, W)"


class BatchNorm3d(_BatchNorm):
    """`BatchNorm1d` of volumes: each channel over the batch, depth, height and width.

    Args:
        num_features, eps, momentum, affine, track_running_stats, device, dtype, bias: as in
            `BatchNorm1d`, and so are the attributes.

    Shape:
        (N, C, D, H, W) -> (N, C, D, H, W)

    Raises:
        ShapeError, ValueError: as in `BatchNorm1d`.

    Example:
        >>> import rushlight as rl
        >>> rl.nn.BatchNorm3d(3)(rl.randn(2, 3, 4, 4, 4)).shape
        (2, 3, 4, 4, 4)

    Source: https://docs.pytorch.org/docs/stable/generated/torch.nn.BatchNorm3d.html
    """

    _dims = (5,)
    _shapes = "(N, C, D, H, W)"


class SyncBatchNorm(_BatchNorm):
    """`BatchNorm1d` of inputs with any dims, its statistics those of the batches of all processes.

    Of several processes (`rushlight.distributed`) some may have more samples than others, or none;
    each must call the layer. In one process it computes what `BatchNorm1d`, `BatchNorm2d` and
    `BatchNorm3d` compute. Within `Trainer.fit` these, too, are synchronized.

    Args:
        num_features, eps, momentum, affine, track_running_stats, device, dtype, bias: as in
            `BatchNorm1d`, and so are the attributes.
        process_group: None; groups of processes are not supported.

    Shape:
        (N, C) or (N, C, *) -> the same

    Raises:
        NotImplementedError: for a process group; of several processes, for a second derivative.
        ShapeError, ValueError: as in `BatchNorm1d`.

    Example:
        >>> import rushlight as rl
        >>> model = rl.nn.Sequential(rl.nn.Conv2d(1, 3, 3), rl.nn.BatchNorm2d(3))
        >>> rl.nn.SyncBatchNorm.convert_sync_batchnorm(model)[1].num_features
        3

    Source: https://docs.pytorch.org/docs/stable/generated/torch.nn.SyncBatchNorm.html
    """

    _synchronized = True
    _dims = range(2, 65)  # NumPy has 64 at most
    _shapes = "(N, C) or (N, C, *)"

    def __init__(
        self,
        num_features: int,
        eps: float = 1e-5,
        momentum: float | None = 0.1,
        affine: bool = True,
        track_running_stats: bool = True,
        process_group: Any = None,
        device: Any = None,
        dtype: Any = None,
        *,
        bias: bool = True,
    ) -> None:
        if process_group is not None:
            raise NotImplementedError(
                explain("SyncBatchNorm", got=f"process_group={process_group!r}", expected="None")
            )
        super().__init__(
            num_features, eps, momentum, affine, track_running_stats, device, dtype, bias=bias
        )
        self.process_group = process_group

    @classmethod
    def convert_sync_batchnorm(cls, module: Module, process_group: Any = None) -> Module:
        """Put layers of this class, with the same parameters and statistics, where a module has
        batch norm; return the module, or the new layer if it is batch norm itself."""
        converted = module
        if isinstance(module, _BatchNorm):
            converted = cls._of(module, process_group)
        for name, child in module.named_children():
            converted.add_module(name, cls.convert_sync_batchnorm(child, process_group))
        return converted

    @classmethod
    def _of(cls, norm: _BatchNorm, process_group: Any) -> SyncBatchNorm:
        """Return a layer of this class with the parameters and buffers of another."""
        layer = SyncBatchNorm(
            norm.num_features,
            norm.eps,
            norm.momentum,
            norm.affine,
            norm.track_running_stats,
            process_group,
            bias=norm.bias is not None,
        )
        layer.weight, layer.bias = norm.weight, norm.bias
        layer.running_mean, layer.running_var = norm.running_mean, norm.running_var
        layer.num_batches_tracked = norm.num_batches_tracked
        return layer.train(norm.training)


def _sizes(where: str, normalized_shape: int | Sequence[int]) -> tuple[int, ...]:
    if isinstance(normalized_shape, SupportsIndex):
        return (index(normalized_shape),)
    return last_sizes(where, normalized_shape)


class LayerNorm(Affine, Steady):
    """y = (x - mean) / sqrt(var + eps) * weight + bias, over the last dims together.

    Args:
        normalized_shape: int or ints, the sizes of the last dims.
        eps: float, added to the (biased) variance; default 1e-5.
        elementwise_affine: bool, whether there are weight and bias; default True.
        bias: bool, whether an affine layer has a bias; default True.
        device: 'cpu' or None.
        dtype: of the parameters; default the default dtype (float32).

    Shape:
        (*, normalized_shape) -> the same

    Attributes:
        weight: (normalized_shape), 1; or None.
        bias: (normalized_shape), 0; or None.

    Raises:
        ShapeError: in forward, if the input does not end in `normalized_shape`.

    Example:
        >>> import rushlight as rl
        >>> rl.nn.LayerNorm(2, bias=False)(rl.tensor([[1.0, 3.0]])).detach()
        tensor([[-1.0000,  1.0000]])

    Source: Ba, Kiros and Hinton, Layer Normalization, 2016;
    https://docs.pytorch.org/docs/stable/generated/torch.nn.LayerNorm.html
    """

    def __init__(
        self,
        normalized_shape: int | Sequence[int],
        eps: float = 1e-5,
        elementwise_affine: bool = True,
        bias: bool = True,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        self.normalized_shape = _sizes("LayerNorm", normalized_shape)
        self.eps = eps
        self.elementwise_affine = elementwise_affine
        made = elementwise_affine
        self._register(self.normalized_shape, made, made and bias, device=device, dtype=dtype)

    def forward(self, input: Tensor) -> Tensor:
        return layer_norm(input, self.normalized_shape, self.weight, self.bias, self.eps)

    def extra_repr(self) -> str:
        return (
            f"{self.normalized_shape}, eps={self.eps}, "
            f"elementwise_affine={self.elementwise_affine}, bias={self.bias is not None}"
        )


class RMSNorm(Steady):
    """y = x / sqrt(mean(x^2) + eps) * weight, over the last dims together.

    Args:
        normalized_shape: int or ints, the sizes of the last dims.
        eps: float, or None (the default) for the machine epsilon of the input's dtype, of float32
            for float16.
        elementwise_affine: bool, whether there is a weight; default True.
        device: 'cpu' or None.
        dtype: of the weight; default the default dtype (float32).

    Shape:
        (*, normalized_shape) -> the same

    Attributes:
        weight: (normalized_shape), 1; or None.

    Raises:
        ShapeError: in forward, if the input does not end in `normalized_shape`.

    Example:
        >>> import rushlight as rl
        >>> rl.nn.RMSNorm(2)(rl.tensor([[3.0, 4.0]])).detach()
        tensor([[0.8485, 1.1314]])

    Source: Zhang and Sennrich, Root Mean Square Layer Normalization, 2019;
    https://docs.pytorch.org/docs/stable/generated/torch.nn.RMSNorm.html
    """

    weight: Parameter | None

    def __init__(
        self,
        normalized_shape: int | Sequence[int],
        eps: float | None = None,
        elementwise_affine: bool = True,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        self.normalized_shape = _sizes("RMSNorm", normalized_shape)
        self.eps = eps
        self.elementwise_affine = elementwise_affine
        weight = None
        if elementwise_affine:
            weight = Parameter(ones(self.normalized_shape, device=device, dtype=dtype))
        self.register_parameter("weight", weight)

    def reset_parameters(self) -> None:
        """Set weight 1."""
        if self.weight is not None:
            init.ones_(self.weight)

    def forward(self, input: Tensor) -> Tensor:
        return rms_norm(input, self.normalized_shape, self.weight, self.eps)

    def extra_repr(self) -> str:
        return (
            f"{self.normalized_shape}, eps={self.eps}, elementwise_affine={self.elementwise_affine}"
        )
