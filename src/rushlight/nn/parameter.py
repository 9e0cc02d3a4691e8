"""Parameters and buffers: tensors that a Module registers by their type."""

from __future__ import annotations

from typing import Any, ClassVar, NoReturn, Self

import numpy as np

from rushlight.arrays import is_float
from rushlight.errors import DtypeError, explain
from rushlight.functional.creation import check_device, empty
from rushlight.tape import TensorBase, cell
from rushlight.tensor import Tensor
from rushlight.tensor.convert import conversion

__all__ = [
    "Buffer",
    "Parameter",
    "UninitializedBuffer",
    "UninitializedParameter",
    "UninitializedTensorMixin",
    "is_lazy",
]


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


class UninitializedTensorMixin(Tensor):
    """A tensor whose shape is not known yet: it has a dtype, and any use of its values raises.

    Attributes:
        cls_to_become: the class that `materialize` turns it into.
    """

    cls_to_become: ClassVar[type[Tensor]]
    _dtype: np.dtype[Any]

    def __init__(self, requires_grad: bool, device: Any, dtype: Any) -> None:
        check_device(device)
        self._dtype = empty(0, dtype=dtype).dtype
        self.requires_grad = requires_grad

    def materialize(
        self, shape: int | tuple[int, ...], device: Any = None, dtype: Any = None
    ) -> None:
        """Become an ordinary tensor of this shape, whose values are whatever is in the memory.

        Args:
            shape: int or tuple of ints.
            device: 'cpu' or None.
            dtype: default the dtype that it has.
        """
        made = empty(shape, device=device, dtype=self._dtype if dtype is None else dtype)
        del self._dtype
        self.__class__ = self.cls_to_become  # type: ignore[assignment]
        self._array = made._array

    # ---- what may be asked

    @property
    def dtype(self) -> np.dtype[Any]:
        """The dtype it will have."""
        return self._dtype

    def is_floating_point(self) -> bool:
        """Tell whether the dtype is floating."""
        return is_float(self._dtype)

    @property
    def requires_grad(self) -> bool:
        """Whether gradients will be computed for it."""
        return self._requires_grad

    @requires_grad.setter
    def requires_grad(self, value: bool) -> None:
        if value and not is_float(self._dtype):
            got = self._dtype.name
            raise DtypeError(explain("requires_grad", got=got, expected="a floating dtype"))
        self._requires_grad = bool(value)

    @property
    def data(self) -> Tensor:
        """An empty tensor of the dtype."""
        return empty(0, dtype=self._dtype)

    @data.setter
    def data(self, value: Tensor) -> None:
        if value.shape != (0,):
            got = f"a tensor {value.shape}"
            raise ValueError(
                explain(f".data of {self!r}", got=got, expected="none yet", fix="use materialize()")
            )
        self._dtype = value.dtype

    @property
    def grad(self) -> Tensor | None:
        """None."""
        return None

    @grad.setter
    def grad(self, value: Tensor | None) -> None:
        if value is not None:
            raise ValueError(self._refusal("a gradient"))

    def to(self, *args: Any, **kwargs: Any) -> Any:
        """Convert to a dtype; a device may be named, 'cpu'."""
        dtype, _ = conversion(self._dtype, args, dict(kwargs))
        return self if dtype == self._dtype else self._again(dtype)

    def _again(self, dtype: np.dtype[Any]) -> Self:
        """Return another of this dtype."""
        raise NotImplementedError

    def __repr__(self) -> str:
        return f"<{type(self).__name__}>"

    def __deepcopy__(self, memo: dict[Any, Any]) -> Self:
        memo[id(self)] = out = self._again(self._dtype)
        return out

    # ---- what may not

    @property  # type: ignore[override]
    def _array(self) -> NoReturn:
        raise ValueError(self._refusal("a use of its values"))

    @_array.setter
    def _array(self, value: Any) -> NoReturn:
        raise ValueError(self._refusal("new values"))

    @property
    def shape(self) -> NoReturn:
        """Not known yet.

        Raises:
            RuntimeError: always.
        """
        raise RuntimeError(self._refusal("a question for the shape of an uninitialized tensor"))

    def requires_grad_(self, requires_grad: bool = True) -> NoReturn:
        """Refuse, as torch does; the attribute `requires_grad` can be set.

        Raises:
            ValueError: always.
        """
        raise ValueError(self._refusal("requires_grad_()"))

    def register_hook(self, hook: Any) -> NoReturn:
        """Refuse.

        Raises:
            ValueError: always.
        """
        raise ValueError(self._refusal("register_hook()"))

    def _refusal(self, got: str) -> str:
        return explain(
            type(self).__name__,
            got=got,
            expected="an initialized one",
            fix="call the lazy module once, or materialize() it",
        )


def is_lazy(param: Any) -> bool:
    """Tell whether a parameter or buffer is not initialized yet."""
    return isinstance(param, UninitializedTensorMixin)


class UninitializedParameter(UninitializedTensorMixin, Parameter):
    """A parameter whose shape a lazy module learns from its first input.

    Args:
        requires_grad: bool, whether it will be trained; default True.
        device: 'cpu' or None.
        dtype: default the default dtype (float32).

    Raises:
        ValueError: for any use of its values.
        RuntimeError: for its shape.

    Example:
        >>> import rushlight as rl
        >>> weight = rl.nn.UninitializedParameter()
        >>> weight
        <UninitializedParameter>
        >>> weight.materialize((2, 3))
        >>> type(weight).__name__, weight.shape
        ('Parameter', (2, 3))

    Source: https://docs.pytorch.org/docs/stable/generated/torch.nn.parameter.UninitializedParameter.html
    """

    cls_to_become = Parameter

    def __init__(self, requires_grad: bool = True, device: Any = None, dtype: Any = None) -> None:
        super().__init__(requires_grad, device, dtype)

    def _again(self, dtype: np.dtype[Any]) -> Self:
        return type(self)(self._requires_grad, None, dtype)

    def __reduce_ex__(self, protocol: Any) -> Any:
        return type(self), (self._requires_grad, None, self._dtype)


class UninitializedBuffer(UninitializedTensorMixin, Buffer):
    """A buffer whose shape a lazy module learns from its first input.

    Args:
        requires_grad: bool; default False.
        device: 'cpu' or None.
        dtype: default the default dtype (float32).
        persistent: bool, whether it is in the module's `state_dict`; default True.

    Raises:
        ValueError: for any use of its values.
        RuntimeError: for its shape.

    Example:
        >>> import rushlight as rl
        >>> mean = rl.nn.UninitializedBuffer(dtype="float64")
        >>> mean
        <UninitializedBuffer>
        >>> mean.materialize(4)
        >>> type(mean).__name__, mean.shape, mean.dtype.name
        ('Tensor', (4,), 'float64')

    Source: https://docs.pytorch.org/docs/stable/generated/torch.nn.parameter.UninitializedBuffer.html
    """

    cls_to_become = Tensor

    def __init__(
        self,
        requires_grad: bool = False,
        device: Any = None,
        dtype: Any = None,
        persistent: bool = True,
    ) -> None:
        super().__init__(requires_grad, device, dtype)
        self.persistent = persistent

    def _again(self, dtype: np.dtype[Any]) -> Self:
        return type(self)(self._requires_grad, None, dtype, self.persistent)

    def __reduce_ex__(self, protocol: Any) -> Any:
        return type(self), (self._requires_grad, None, self._dtype, self.persistent)
