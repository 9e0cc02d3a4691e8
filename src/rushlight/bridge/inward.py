"""From torch to Rushlight."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

from rushlight import nn
from rushlight.bridge.crossing import Crossing
from rushlight.bridge.functions import from_torch
from rushlight.bridge.recorded import Inlined
from rushlight.bridge.tensors import array_of
from rushlight.nn import init
from rushlight.nn.attention import NonDynamicallyQuantizableLinear
from rushlight.tensor import Tensor, from_numpy

__all__ = ["Inward", "class_of"]

_HOOKS = (
    "_forward_hooks",
    "_forward_pre_hooks",
    "_backward_hooks",
    "_backward_pre_hooks",
)
_ROWS = ("Sequential", "ModuleList", "ModuleDict")


def class_of(torch: Any, module: Any) -> type | None:
    """Return our class of a torch module; None if its class is somebody's own."""
    cls = type(module)
    if "forward" in vars(module):  # the object has a forward of its own
        return None
    if cls is torch.nn.modules.linear.NonDynamicallyQuantizableLinear:
        return NonDynamicallyQuantizableLinear
    for name in _ROWS:  # a Sequential under another name is one
        base = getattr(torch.nn, name)
        same = ("forward", "__iter__", "__call__", "__getitem__")
        if isinstance(module, base) and all(
            getattr(cls, method, None) is getattr(base, method, None) for method in same
        ):
            found: type = getattr(nn, name)
            return found
    if getattr(torch.nn, cls.__name__, None) is not cls:
        return None
    ours = getattr(nn, cls.__name__, None)
    return ours if isinstance(ours, type) and issubclass(ours, nn.Module) else None


class Inward(Crossing):
    """A conversion from torch.

    Attributes:
        record: what converts a module of another class by recording its forward.
        inside: whether modules of other classes are parts of one that is recorded, which has
            their calls in it.
    """

    def __init__(
        self, torch: Any, copy: bool, record: Callable[[Inward, Any, str], nn.Module | None]
    ) -> None:
        super().__init__()
        self.torch, self.copy, self.record, self.inside = torch, copy, record, False
        self.tensor_type = torch.Tensor
        self.parameter_type = torch.nn.Parameter
        self.module_type = torch.nn.Module
        self._memory: dict[Any, Tensor] = {}

    def counterpart(self, source: Any) -> tuple[type, type] | None:
        found = class_of(self.torch, source)
        return None if found is None else (found, found)

    def other(self, source: Any, path: str) -> nn.Module | None:
        if isinstance(source, self.torch.jit.ScriptModule):
            return self.problem(path, source, "it is compiled by torch.jit; give the original")
        if isinstance(source, self.torch.nn.DataParallel):
            return self.problem(path, source, "it only wraps another; give its .module")
        if not self.inside:
            return self.record(self, source, path)
        target = Inlined(type(source).__name__)
        self._done[id(source)] = target
        self.fill(target, source, path)
        return target

    def refusal(self, source: Any) -> str:
        if self.torch.nn.utils.parametrize.is_parametrized(source):
            names = ", ".join(source.parametrizations)
            return (
                f"its {names} is parametrized; call "
                "torch.nn.utils.parametrize.remove_parametrizations(module, name) first"
            )
        hooks = [hook for kind in _HOOKS for hook in getattr(source, kind).values()]
        if isinstance(
            source, self.torch.nn.modules.lazy.LazyModuleMixin
        ):  # its own, which ours has
            hooks = [hook for hook in hooks if getattr(hook, "__self__", None) is not source]
        if not hooks:
            return ""
        names = ", ".join(
            getattr(hook, "__qualname__", type(hook).__name__).partition(".")[0] for hook in hooks
        )
        if "WeightNorm" in names or "SpectralNorm" in names:
            kind = "weight_norm" if "WeightNorm" in names else "spectral_norm"
            return f"it has {kind}; call torch.nn.utils.remove_{kind}(module) first"
        return f"it has the hooks {names}, which would not be called here; remove them first"

    def new_tensor(self, tensor: Any, where: str) -> Tensor:
        lazy = self.torch.nn.parameter
        if isinstance(tensor, lazy.UninitializedTensorMixin):
            cls: Any = nn.UninitializedParameter
            if not isinstance(tensor, lazy.UninitializedParameter):
                cls = nn.UninitializedBuffer
            found: Tensor = cls(dtype=str(tensor.dtype).removeprefix("torch."))
            return found
        key = (tensor.data_ptr(), tensor.dtype, tuple(tensor.shape), tensor.stride())
        if not tensor.numel():
            return from_numpy(array_of(tensor, where, self.copy))
        if key not in self._memory:  # two parameters over one memory share it here, too
            self._kept.append(tensor)
            self._memory[key] = from_numpy(array_of(tensor, where, self.copy))
        return self._memory[key]

    def new_parameter(self, tensor: Any, requires_grad: bool) -> nn.Parameter:
        if isinstance(tensor, nn.UninitializedParameter):
            tensor.requires_grad = requires_grad
            return tensor
        return nn.Parameter(tensor, requires_grad=requires_grad)

    def function(self, function: Callable[..., Any]) -> Callable[..., Any] | None:
        return from_torch(self.torch, function)

    def record_class(self, value: Any) -> type | None:
        return getattr(nn, type(value).__name__, None)

    def make(self, cls: type, options: dict[str, Any]) -> Any:
        with init.skipped(), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of options that stand already
            return cls(**options)
