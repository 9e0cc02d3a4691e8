"""From Rushlight to torch."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

from rushlight import nn
from rushlight.bridge.crossing import Crossing
from rushlight.bridge.functions import from_rushlight
from rushlight.bridge.library import library
from rushlight.bridge.tensors import torch_tensor
from rushlight.errors import explain
from rushlight.nn.attention import NonDynamicallyQuantizableLinear
from rushlight.nn.parameter import is_lazy
from rushlight.tensor import Tensor

__all__ = ["to_torch"]

_DO = (
    "define the model in torch and load the weights: to_torch(module, into=torch_model), "
    "or through a file: rushlight.save(module.state_dict(), 'model.pt')"
)


def to_torch(value: Any, *, into: Any = None, copy: bool | None = None) -> Any:
    """Return the torch module of a module, or the torch tensor of a tensor.

    A module is converted by class: layers and containers of `rushlight.nn` become torch's of the
    same name, with the same options, parameters, buffers, modes and `requires_grad`; what is tied
    stays tied. Modules of other classes have no counterpart in torch: make the torch module
    yourself and give it as `into`.

    Args:
        value: an `nn.Module` or a Tensor.
        into: a torch module that takes the parameters and buffers of `value`, whose names and
            shapes must be equal; values are cast to its dtypes. Default None: a new module is made.
        copy: whether the result owns its memory. Default None: modules are copied, tensors are
            not. Where memory is shared, what is written on one side is seen on the other, and no
            graph of either side knows of it.

    Returns:
        The torch module (`into`, if it was given), or a torch tensor that is in no graph.

    Raises:
        MissingTorch: torch is not installed.
        NotImplementedError: modules cannot be converted; all are listed, with their paths.
        ValueError: names or shapes differ from those of `into`, which is as it was then; or memory
            cannot be shared.
        TypeError: `value` is neither module nor Tensor.

    Example:
        >>> import rushlight as rl
        >>> layer = rl.nn.Linear(2, 3)
        >>> try:
        ...     print(rl.to_torch(layer))
        ... except ImportError:  # without torch
        ...     print(layer)
        Linear(in_features=2, out_features=3, bias=True)
    """
    torch = library("rushlight.to_torch")
    if isinstance(value, Tensor):
        if into is not None:
            got, fix = "into= and a tensor", "use into.copy_(rushlight.to_torch(tensor))"
            raise TypeError(explain("to_torch", got=got, expected="a module", fix=fix))
        found = torch_tensor(torch, value, "to_torch", bool(copy))
        if isinstance(value, nn.Parameter):
            return torch.nn.Parameter(found, requires_grad=value.requires_grad)
        return found
    if not isinstance(value, nn.Module):
        raise TypeError(
            explain("to_torch", got=type(value).__name__, expected="a module or a Tensor")
        )
    if into is not None:
        if copy is not None:
            got, fix = f"copy={copy} and into=", "leave copy away: values are copied"
            raise TypeError(explain("to_torch", got=got, expected="one of them", fix=fix))
        return _load(torch, value, into)
    crossing = _Outward(torch, copy is None or copy)
    made = crossing.module(value)
    if crossing.problems:
        lines = "\n    ".join(crossing.problems)
        raise NotImplementedError(f"to_torch: what torch has no class for:\n    {lines}\n{_DO}")
    return made


def _load(torch: Any, module: nn.Module, into: Any) -> Any:
    """Copy the state of a module into a torch module, all of it or nothing."""
    if not isinstance(into, torch.nn.Module):
        raise TypeError(explain("to_torch, into", got=type(into).__name__, expected="torch's"))
    ours, theirs = module.state_dict(), into.state_dict()
    found = [f"missing in the torch module: {name}" for name in ours if name not in theirs]
    found += [f"missing here: {name}" for name in theirs if name not in ours]
    for name in ours:
        if name in theirs and ours[name].shape != tuple(theirs[name].shape):
            found.append(f"{name}: {ours[name].shape} here, {tuple(theirs[name].shape)} there")
    if found:
        lines = "\n    ".join(found)
        raise ValueError(f"to_torch(module, into=...): the states differ:\n    {lines}")
    into.load_state_dict(
        {name: torch_tensor(torch, value, name, copy=True) for name, value in ours.items()}
    )
    return into


class _Outward(Crossing):
    """A conversion to torch."""

    tensor_type, parameter_type, module_type = Tensor, nn.Parameter, nn.Module

    def __init__(self, torch: Any, copy: bool) -> None:
        super().__init__()
        self.torch, self.copy = torch, copy

    def counterpart(self, source: Any) -> tuple[type, type] | None:
        cls = type(source)
        if "forward" in vars(source):  # the object has a forward of its own
            return None
        if cls is NonDynamicallyQuantizableLinear:
            inner = self.torch.nn.modules.linear.NonDynamicallyQuantizableLinear
            return cls, inner
        if getattr(nn, cls.__name__, None) is cls:
            theirs = getattr(self.torch.nn, cls.__name__, None)
            return None if theirs is None else (cls, theirs)
        return None

    def other(self, source: Any, path: str) -> Any:
        self.problem(path, source, "it is no class of rushlight.nn")
        for name, child in source._modules.items():  # to name what else is not
            self.module(child, f"{path}.{name}" if path else name)

    def refusal(self, source: Any) -> str:
        hooks = source._call_hooks
        own = 1 if "_initialize_hook" in vars(source) else 0  # a lazy layer's, which torch's has
        if hooks is not None and sum(map(len, vars(hooks).values())) > own:
            return "it has hooks, which would not be called in torch; remove them first"
        return ""

    def new_tensor(self, tensor: Any, where: str) -> Any:
        if is_lazy(tensor):
            made = self.torch.nn.parameter
            cls = made.UninitializedParameter
            if not isinstance(tensor, nn.Parameter):
                cls = made.UninitializedBuffer
            return cls(dtype=getattr(self.torch, tensor.dtype.name))
        return torch_tensor(self.torch, tensor, where, self.copy)

    def new_parameter(self, tensor: Any, requires_grad: bool) -> Any:
        if isinstance(tensor, self.torch.nn.parameter.UninitializedTensorMixin):
            tensor.requires_grad = requires_grad
            return tensor
        return self.torch.nn.Parameter(tensor, requires_grad=requires_grad)

    def function(self, function: Callable[..., Any]) -> Callable[..., Any] | None:
        return from_rushlight(self.torch, function)

    def record_class(self, value: Any) -> type | None:
        return getattr(self.torch.nn, type(value).__name__, None)

    def make(self, cls: type, options: dict[str, Any]) -> Any:
        # without memory and without a draw of random numbers: all members are replaced
        if cls in (self.torch.nn.Embedding, self.torch.nn.EmbeddingBag):
            shape = options["num_embeddings"], options["embedding_dim"]
            options["_weight"] = self.torch.empty(shape, device="meta")  # a draw there is slow
        lazy = issubclass(cls, self.torch.nn.modules.lazy.LazyModuleMixin)
        with warnings.catch_warnings(), self.torch.device("cpu" if lazy else "meta"):
            warnings.simplefilter("ignore")  # torch's opinion of options that stand already
            return cls(**options)
