"""Lazy modules: they learn a size from their first input and are ordinary modules from then on.

`lazy_conv.py` has the convolutions.
"""

from __future__ import annotations

from typing import Any, ClassVar

from rushlight.errors import explain
from rushlight.functional.creation import zeros
from rushlight.nn.instancenorm import InstanceNorm1d, InstanceNorm2d, InstanceNorm3d
from rushlight.nn.linear import Linear
from rushlight.nn.module import Module
from rushlight.nn.normalization import BatchNorm1d, BatchNorm2d, BatchNorm3d, NormBase
from rushlight.nn.parameter import UninitializedBuffer, UninitializedParameter, is_lazy
from rushlight.tensor import Tensor
from rushlight.tensor.tensor import Handle

__all__ = [
    "LazyBatchNorm1d",
    "LazyBatchNorm2d",
    "LazyBatchNorm3d",
    "LazyInstanceNorm1d",
    "LazyInstanceNorm2d",
    "LazyInstanceNorm3d",
    "LazyLinear",
    "LazyModuleMixin",
]


class LazyModuleMixin(Module):
    """What stands before a module's class to make its parameters at the first call.

    The first call, or a state dict that is loaded before it, gives the uninitialized parameters
    their shapes; then the module takes the class `cls_to_become` and is as any other. Give it its
    dtype before; make optimizers after.

    Attributes:
        cls_to_become: the class it turns into; None if it keeps its own.

    Raises:
        NotImplementedError: at the first call, if `initialize_parameters` is not defined.
        RuntimeError: at the first call, if that left something uninitialized.

    Example:
        >>> import rushlight as rl
        >>> class Scale(LazyModuleMixin, rl.nn.Module):
        ...     def __init__(self):
        ...         super().__init__()
        ...         self.factor = rl.nn.UninitializedParameter()
        ...     def initialize_parameters(self, x):
        ...         self.factor.materialize(x.shape[-1])
        ...         rl.nn.init.ones_(self.factor)
        ...     def forward(self, x):
        ...         return x * self.factor
        >>> layer = Scale()
        >>> layer.state_dict()["factor"]
        <UninitializedParameter>
        >>> layer(rl.tensor([[2.0, 3.0]])).tolist()
        [[2.0, 3.0]]

    Source: https://docs.pytorch.org/docs/stable/generated/torch.nn.modules.lazy.LazyModuleMixin.html
    """

    cls_to_become: ClassVar[type[Module] | None] = None
    _load_hook: Handle
    _initialize_hook: Handle

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._load_hook = self.register_load_state_dict_pre_hook(self._lazy_load_hook)
        self._initialize_hook = self.register_forward_pre_hook(
            self._infer_parameters, with_kwargs=True
        )

    def initialize_parameters(self, *args: Any, **kwargs: Any) -> None:
        """Materialize and fill the parameters for these arguments of forward."""
        raise NotImplementedError(f"{type(self).__name__} must define initialize_parameters")

    def has_uninitialized_params(self) -> bool:
        """Tell whether a parameter or buffer of the module itself has no shape yet."""
        return any(map(is_lazy, [*self._parameters.values(), *self._buffers.values()]))

    def _lazy_load_hook(
        self, module: Module, state_dict: dict[str, Any], prefix: str, *_: Any
    ) -> None:
        """Give the uninitialized ones the shapes of the state that is to be loaded."""
        for name, own in [*self._parameters.items(), *self._buffers.items()]:
            new = state_dict.get(prefix + name)
            if is_lazy(own) and isinstance(new, Tensor) and not is_lazy(new):
                own.materialize(new.shape)  # type: ignore[union-attr]

    def _infer_parameters(
        self, module: Module, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> None:
        """Initialize the module for its first input, before forward."""
        self.initialize_parameters(*args, **kwargs)
        if self.has_uninitialized_params():
            left = [name for name, p in self.named_parameters(recurse=False) if is_lazy(p)]
            left += [name for name, b in self.named_buffers(recurse=False) if is_lazy(b)]
            raise RuntimeError(
                explain(
                    type(self).__name__,
                    got=f"uninitialized {left} after initialize_parameters",
                    expected="none",
                    fix="materialize() them there",
                )
            )
        for hook in (self._initialize_hook, self._load_hook):
            hook.remove()
        del self._initialize_hook, self._load_hook
        if self.cls_to_become is not None:
            self.__class__ = self.cls_to_become  # type: ignore[assignment]


class LazyLinear(LazyModuleMixin, Linear):
    """A `Linear` that learns `in_features` from the last dim of its first input.

    Args:
        out_features: int, size of the last dim of the output.
        bias: bool, whether to add b; default True.
        device: 'cpu' or None.
        dtype: of the parameters; default the default dtype (float32).

    Attributes:
        weight, bias: UninitializedParameters until the first call; then as those of `Linear`.

    Example:
        >>> import rushlight as rl
        >>> layer = rl.nn.LazyLinear(3)
        >>> layer
        LazyLinear(in_features=0, out_features=3, bias=True)
        >>> layer(rl.zeros(2, 5)).shape
        (2, 3)
        >>> layer
        Linear(in_features=5, out_features=3, bias=True)

    Source: https://docs.pytorch.org/docs/stable/generated/torch.nn.LazyLinear.html
    """

    cls_to_become = Linear

    def __init__(
        self, out_features: int, bias: bool = True, device: Any = None, dtype: Any = None
    ) -> None:
        super().__init__(0, 0, False)
        self.weight = UninitializedParameter(device=device, dtype=dtype)
        self.out_features = out_features
        if bias:
            self.bias = UninitializedParameter(device=device, dtype=dtype)

    def reset_parameters(self) -> None:
        """Draw the initial weight and bias again; nothing before the first call."""
        if not self.has_uninitialized_params() and self.in_features != 0:
            super().reset_parameters()

    def initialize_parameters(self, input: Tensor) -> None:
        """Learn `in_features`; make the parameters if none were loaded."""
        size = input.shape[-1]
        if self.has_uninitialized_params():
            self.in_features = size
            _materialize(self, weight=(self.out_features, size), bias=(self.out_features,))
            self.reset_parameters()
        if self.in_features == 0:
            if size != self.weight.shape[-1]:
                raise AssertionError(
                    explain(
                        "LazyLinear",
                        got=f"input {tuple(input.shape)}",
                        expected=f"{self.weight.shape[-1]} in the last dim, as the loaded weight",
                    )
                )
            self.in_features = size


def _materialize(module: Module, **shapes: tuple[int, ...]) -> None:
    """Give shapes to those of the named parameters and buffers that are not None."""
    members: dict[str, Any] = {name: getattr(module, name) for name in shapes}
    loaded = [name for name, m in members.items() if m is not None and not is_lazy(m)]
    if loaded:
        raise RuntimeError(
            explain(
                type(module).__name__,
                got=f"a loaded {', '.join(loaded)}, but not the rest of its state",
                expected="all of it or nothing",
            )
        )
    for name, member in members.items():
        if member is not None:
            member.materialize(shapes[name])


class _LazyNorm(LazyModuleMixin, NormBase):
    """Stands before a normalization with running statistics."""

    def __init__(
        self,
        eps: float = 1e-5,
        momentum: float | None = 0.1,
        affine: bool = True,
        track_running_stats: bool = True,
        device: Any = None,
        dtype: Any = None,
        *,
        bias: bool = True,
    ) -> None:
        make: dict[str, Any] = {"device": device, "dtype": dtype}
        super().__init__(0, eps, momentum, False, False, **make, bias=False)
        self.affine = affine
        self.track_running_stats = track_running_stats
        if affine:
            self.weight = UninitializedParameter(**make)
            if bias:
                self.bias = UninitializedParameter(**make)
        if track_running_stats:
            self.running_mean = UninitializedBuffer(**make)
            self.running_var = UninitializedBuffer(**make)
            self.num_batches_tracked = zeros((), dtype="int64", device=device)

    def reset_parameters(self) -> None:
        """Set weight 1 and bias 0, reset the statistics; nothing before the first call."""
        if not self.has_uninitialized_params() and self.num_features != 0:
            super().reset_parameters()

    def initialize_parameters(self, input: Tensor) -> None:
        """Learn `num_features`; make parameters and statistics if none were loaded."""
        shape = tuple(input.shape)
        if len(shape) < 2:
            got = f"input {shape}"
            raise IndexError(explain(type(self).__name__, got=got, expected="channels in dim 1"))
        if self.has_uninitialized_params():
            self.num_features = n = shape[1]
            _materialize(self, weight=(n,), bias=(n,), running_mean=(n,), running_var=(n,))
            self.reset_parameters()
        elif self.num_features == 0:  # a state was loaded, or there is none
            own = [*self._parameters.values(), self._buffers["running_mean"]]
            self.num_features = next((p.shape[0] for p in own if p is not None), shape[1])


class LazyBatchNorm1d(_LazyNorm, BatchNorm1d):
    """A `BatchNorm1d` that learns `num_features` from dim 1 of its first input.

    Args:
        eps, momentum, affine, track_running_stats, device, dtype, bias: as `BatchNorm1d` has them,
            by default (1e-5, 0.1, True, True, None, None, True).

    Attributes:
        weight, bias: UninitializedParameters until the first call, or None.
        running_mean, running_var: UninitializedBuffers until the first call, or None.

    Example:
        >>> import rushlight as rl
        >>> layer = rl.nn.LazyBatchNorm1d()
        >>> layer(rl.zeros(3, 5, 7)).shape
        (3, 5, 7)
        >>> type(layer).__name__, layer.num_features
        ('BatchNorm1d', 5)

    Source: https://docs.pytorch.org/docs/stable/generated/torch.nn.LazyBatchNorm1d.html
    """

    cls_to_become = BatchNorm1d


class LazyBatchNorm2d(_LazyNorm, BatchNorm2d):
    """A `BatchNorm2d` that learns `num_features` from dim 1 of its first input.

    Args:
        eps, momentum, affine, track_running_stats, device, dtype, bias: as `BatchNorm2d` has them,
            by default (1e-5, 0.1, True, True, None, None, True).

    Attributes:
        weight, bias: UninitializedParameters until the first call, or None.
        running_mean, running_var: UninitializedBuffers until the first call, or None.

    Example:
        >>> import rushlight as rl
        >>> layer = rl.nn.LazyBatchNorm2d()
        >>> layer(rl.zeros(3, 5, 7, 7)).shape
        (3, 5, 7, 7)
        >>> type(layer).__name__, layer.num_features
        ('BatchNorm2d', 5)

    Source: https://docs.pytorch.org/docs/stable/generated/torch.nn.LazyBatchNorm2d.html
    """

    cls_to_become = BatchNorm2d


class LazyBatchNorm3d(_LazyNorm, BatchNorm3d):
    """A `BatchNorm3d` that learns `num_features` from dim 1 of its first input.

    Args:
        eps, momentum, affine, track_running_stats, device, dtype, bias: as `BatchNorm3d` has them,
            by default (1e-5, 0.1, True, True, None, None, True).

    Attributes:
        weight, bias: UninitializedParameters until the first call, or None.
        running_mean, running_var: UninitializedBuffers until the first call, or None.

    Example:
        >>> import rushlight as rl
        >>> layer = rl.nn.LazyBatchNorm3d()
        >>> layer(rl.zeros(3, 5, 7, 7, 7)).shape
        (3, 5, 7, 7, 7)
        >>> type(layer).__name__, layer.num_features
        ('BatchNorm3d', 5)

    Source: https://docs.pytorch.org/docs/stable/generated/torch.nn.LazyBatchNorm3d.html
    """

    cls_to_become = BatchNorm3d


class LazyInstanceNorm1d(_LazyNorm, InstanceNorm1d):
    """A `InstanceNorm1d` that learns `num_features` from dim 1 of its first input.

    Args:
        eps, momentum, affine, track_running_stats, device, dtype, bias: as in `InstanceNorm1d`, but
            affine and track_running_stats are True by default, as they are in torch here.

    Attributes:
        weight, bias: UninitializedParameters until the first call, or None.
        running_mean, running_var: UninitializedBuffers until the first call, or None.

    Example:
        >>> import rushlight as rl
        >>> layer = rl.nn.LazyInstanceNorm1d()
        >>> layer(rl.zeros(3, 5, 7)).shape
        (3, 5, 7)
        >>> type(layer).__name__, layer.num_features
        ('InstanceNorm1d', 5)

    Source: https://docs.pytorch.org/docs/stable/generated/torch.nn.LazyInstanceNorm1d.html
    """

    cls_to_become = InstanceNorm1d


class LazyInstanceNorm2d(_LazyNorm, InstanceNorm2d):
    """A `InstanceNorm2d` that learns `num_features` from dim 1 of its first input.

    Args:
        eps, momentum, affine, track_running_stats, device, dtype, bias: as in `InstanceNorm2d`, but
            affine and track_running_stats are True by default, as they are in torch here.

    Attributes:
        weight, bias: UninitializedParameters until the first call, or None.
        running_mean, running_var: UninitializedBuffers until the first call, or None.

    Example:
        >>> import rushlight as rl
        >>> layer = rl.nn.LazyInstanceNorm2d()
        >>> layer(rl.zeros(3, 5, 7, 7)).shape
        (3, 5, 7, 7)
        >>> type(layer).__name__, layer.num_features
        ('InstanceNorm2d', 5)

    Source: https://docs.pytorch.org/docs/stable/generated/torch.nn.LazyInstanceNorm2d.html
    """

    cls_to_become = InstanceNorm2d


class LazyInstanceNorm3d(_LazyNorm, InstanceNorm3d):
    """A `InstanceNorm3d` that learns `num_features` from dim 1 of its first input.

    Args:
        eps, momentum, affine, track_running_stats, device, dtype, bias: as in `InstanceNorm3d`, but
            affine and track_running_stats are True by default, as they are in torch here.

    Attributes:
        weight, bias: UninitializedParameters until the first call, or None.
        running_mean, running_var: UninitializedBuffers until the first call, or None.

    Example:
        >>> import rushlight as rl
        >>> layer = rl.nn.LazyInstanceNorm3d()
        >>> layer(rl.zeros(3, 5, 7, 7, 7)).shape
        (3, 5, 7, 7, 7)
        >>> type(layer).__name__, layer.num_features
        ('InstanceNorm3d', 5)

    Source: https://docs.pytorch.org/docs/stable/generated/torch.nn.LazyInstanceNorm3d.html
    """

    cls_to_become = InstanceNorm3d
