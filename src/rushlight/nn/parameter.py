"""Parameters and buffers: tensors that a Module registers by their type."""

from __future__ import annotations

from typing import Any, Self

from rushlight.errors import explain
from rushlight.functional.creation import empty
from rushlight.tape import TensorBase, cell
from rushlight.tensor import Tensor

__all__ = ["Buffer", "Parameter"]


class _Member(Tensor):
    """A tensor that shares the memory of `data` and is a leaf of its own."""

    def __init__(self, data: Tensor | None, requires_grad: bool) -> None:
        if data is None:
            data = empty(0)
        if not isinstance(data, TensorBase):
            raise TypeError(
                explain(
                    type(self).__name__,
                    got=type(data).__name__,
                    expected="a Tensor",
                    fix="make one with rushlight.tensor(...)",
                )
            )
        self._array = data._array
        self._version = cell(data)
        if requires_grad:
            self.requires_grad = True


class Parameter(_Member):
    """A tensor that a Module trains: assigned as an attribute, it is in `parameters()`.

    What is computed from it is a plain Tensor. It requires a gradient even if it is made under
    `no_grad()`.

    Args:
        data: the tensor whose memory it shares; default an empty one.
        requires_grad: bool, whether it is trained; default True.

    Raises:
        TypeError: if `data` is not a Tensor, or requires a gradient but is not floating.

    Example:
        >>> import rushlight as rl
        >>> weight = rl.nn.Parameter(rl.zeros(2))
        >>> weight
        Parameter containing:
        tensor([0., 0.], requires_grad=True)
        >>> type(weight * 2).__name__
        'Tensor'

    Source: https://docs.pytorch.org/docs/stable/generated/torch.nn.parameter.Parameter.html
    """

    def __init__(self, data: Tensor | None = None, requires_grad: bool = True) -> None:
        super().__init__(data, requires_grad)

    def __repr__(self) -> str:
        return f"Parameter containing:\n{super().__repr__()}"

    def __deepcopy__(self, memo: dict[Any, Any]) -> Self:
        out = type(self)(self.data.clone(), self._requires_grad)  # without .grad, as in torch
        memo[id(self)] = out
        return out


class Buffer(_Member):
    """A tensor that belongs to a Module's state but is not trained, such as a running mean.

    Args:
        data: the tensor whose memory it shares; default an empty one.
        persistent: bool, whether it is in the module's `state_dict`; default True.

    Attributes:
        persistent: as given.

    Example:
        >>> import rushlight as rl
        >>> rl.nn.Buffer(rl.ones(2), persistent=False)
        tensor([1., 1.])

    Source: https://docs.pytorch.org/docs/stable/generated/torch.nn.parameter.Buffer.html
    """

    persistent: bool

    def __init__(self, data: Tensor | None = None, *, persistent: bool = True) -> None:
        super().__init__(data, data is not None and data.requires_grad)
        self.persistent = persistent

    def __deepcopy__(self, memo: dict[Any, Any]) -> Self:
        out = type(self)(self.data.clone(), persistent=self.persistent)
        if self._requires_grad:
            out.requires_grad = True
        memo[id(self)] = out
        return out
