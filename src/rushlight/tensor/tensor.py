"""Tensor: an array with a place in the graph, and torch's methods."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import count
from typing import Any, Self, SupportsIndex
from weakref import ref

import numpy as np

from rushlight import functional as F
from rushlight.arrays import Array, is_float
from rushlight.autograd import backward
from rushlight.errors import DtypeError, ShapeError, explain
from rushlight.functional.creation import check_device
from rushlight.functional.dims import varargs
from rushlight.ops import shape as sh
from rushlight.ops.reduce import sum_to
from rushlight.tape import Beside, TensorBase, apply, cell, left, nodes, state, wrap
from rushlight.tensor.convert import Convert
from rushlight.tensor.display import text
from rushlight.tensor.exchange import Exchange
from rushlight.tensor.inplace import InPlace
from rushlight.tensor.methods import Methods

__all__ = ["Tensor", "device"]

_hook_ids = count()
_COMPARABLE = (TensorBase, bool, int, float, np.generic, np.ndarray)


class device(str):
    """The place of a tensor's memory; only 'cpu' so far.

    Example:
        >>> device("cpu").type
        'cpu'
    """

    def __new__(cls, type: str = "cpu", index: int | None = None) -> Self:
        check_device(type)
        return super().__new__(cls, "cpu")

    @property
    def type(self) -> str:
        """The kind of device."""
        return "cpu"

    @property
    def index(self) -> None:  # type: ignore[override]
        """The number of the device; a CPU has none."""
        return None


CPU = device("cpu")


class Handle:
    """Removes the hook that it was returned for."""

    def __init__(self, hooks: dict[int, Any], key: int) -> None:
        self._hooks, self._key = hooks, key

    def remove(self) -> None:
        """Take the hook off; a second time does nothing."""
        self._hooks.pop(self._key, None)


class Tensor(Methods, Convert, Exchange, InPlace):
    """An N-dimensional array that records what is done to it, so that gradients can be computed.

    Args:
        data: a number, nested sequence, array or tensor; copied.
        dtype: default: the default dtype (float32) for Python floats, else the data's own.
        requires_grad: whether gradients are to be computed; default False.

    Attributes:
        data: a detached tensor that shares the memory.
        grad: the accumulated gradient, a Tensor or None.
        dtype, shape, ndim, device, is_leaf, grad_fn: as in torch.

    Example:
        >>> x = Tensor([1.0, 2.0], requires_grad=True)
        >>> (x * x).sum().backward()
        >>> x.grad
        tensor([2., 4.])
    """

    __array_ufunc__ = None  # array + tensor asks the tensor

    def __init__(self, data: Any = (), *, dtype: Any = None, requires_grad: bool = False) -> None:
        self._array = F.tensor(data, dtype=dtype)._array
        if requires_grad:
            self.requires_grad = True

    # ---- what it is

    @property
    def shape(self) -> tuple[int, ...]:
        """The sizes of the dims."""
        return self._array.shape

    @property
    def dtype(self) -> np.dtype[Any]:
        """The NumPy dtype."""
        return self._array.dtype

    @property
    def ndim(self) -> int:
        """The number of dims."""
        return self._array.ndim

    @property
    def device(self) -> device:
        """The device, always the CPU."""
        return CPU

    @property
    def is_leaf(self) -> bool:
        """Whether no recorded op made it."""
        return self._node is None

    @property
    def grad_fn(self) -> Any:
        """The node of the graph that made it, or None."""
        return self._node

    @property
    def T(self) -> Tensor:
        """The dims in reverse order."""
        return self.permute(*reversed(range(self.ndim)))

    @property
    def mT(self) -> Tensor:
        """The last two dims swapped."""
        return self.transpose(-2, -1)

    def size(self, dim: int | None = None) -> Any:
        """Return the shape, or the size of one dim."""
        return self.shape if dim is None else self.shape[dim]

    def dim(self) -> int:
        """Return the number of dims."""
        return self._array.ndim

    ndimension = dim

    def stride(self, dim: int | None = None) -> Any:
        """Return the strides in elements, or that of one dim."""
        strides = tuple(s // self._array.itemsize for s in self._array.strides)
        return strides if dim is None else strides[dim]

    def is_contiguous(self) -> bool:
        """Tell whether the memory is in row-major order."""
        return bool(self._array.flags.c_contiguous)

    @property
    def is_cuda(self) -> bool:
        """Whether it is on a GPU; none is."""
        return False

    @property
    def nbytes(self) -> int:
        """The bytes of all elements."""
        return self._array.nbytes

    def nelement(self) -> int:
        """Return the number of elements."""
        return self._array.size

    def data_ptr(self) -> int:
        """Return the address of the first element."""
        return int(self._array.ctypes.data)

    def element_size(self) -> int:
        """Return the bytes of one element."""
        return self._array.itemsize

    def __len__(self) -> int:
        if self._array.ndim == 0:
            raise TypeError("len() of a tensor without dims")
        return len(self._array)

    def __iter__(self) -> Iterator[Tensor]:
        if self._array.ndim == 0:
            raise TypeError("iteration over a tensor without dims")
        return iter(self.unbind())

    def __contains__(self, element: Any) -> bool:
        return bool((self == element).any())

    def __repr__(self) -> str:
        return text(self)

    def __format__(self, spec: str) -> str:
        if self.ndim == 0 and type(self) is Tensor:
            return format(self.item(), spec)
        return object.__format__(self, spec)

    # ---- out of the library

    def item(self) -> Any:
        """Return the only element as a Python number."""
        if state.trace is not None:
            left("item", self)
        if self._array.size != 1:
            raise ShapeError(
                explain(
                    "item", got=f"a tensor {self.shape}", expected="one element", fix="tolist()"
                )
            )
        return self._array.item()

    def tolist(self) -> Any:
        """Return nested lists of Python numbers."""
        if state.trace is not None:
            left("tolist", self)
        return self._array.tolist()

    def __float__(self) -> float:
        return float(self.item())

    def __int__(self) -> int:
        return int(self.item())

    def __index__(self) -> int:
        value = self.item()
        if isinstance(value, float):
            raise TypeError("only an integer tensor can be used as an index")
        return int(value)

    def __bool__(self) -> bool:
        if state.trace is not None:
            left("bool", self)
        if self._array.size != 1:
            raise RuntimeError(
                explain(
                    "bool", got=f"a tensor {self.shape}", expected="one element", fix="any(), all()"
                )
            )
        return bool(self._array)

    # ---- the graph

    @property
    def requires_grad(self) -> bool:
        """Whether gradients are computed for it."""
        return self._requires_grad

    @requires_grad.setter
    def requires_grad(self, value: bool) -> None:
        if self._node is not None and not value:
            raise RuntimeError("requires_grad can be cleared on leaves only; use detach()")
        if value and not is_float(self._array.dtype):
            raise DtypeError(
                explain("requires_grad", got=self._array.dtype.name, expected="a floating dtype")
            )
        self._requires_grad = bool(value)

    def requires_grad_(self, requires_grad: bool = True) -> Self:
        """Set `requires_grad` and return the tensor."""
        self.requires_grad = requires_grad
        return self

    @property
    def data(self) -> Tensor:
        """A detached tensor that shares the memory; backward does not see writes through it."""
        found = wrap(self._array)
        found._version = Beside(self._version or cell(self))
        return found

    @data.setter
    def data(self, value: Tensor) -> None:
        if not isinstance(value, TensorBase):
            raise TypeError(explain(".data", got=type(value).__name__, expected="a Tensor"))
        if self._requires_grad and not is_float(value._array.dtype):
            got = value._array.dtype.name
            raise DtypeError(explain(".data of what requires grad", got=got, expected="a float"))
        self._array = value._array
        count = (self._version or [0])[0]
        self._version = Beside(value._version or cell(value), count)

    @property
    def grad(self) -> Tensor | None:
        """The accumulated gradient."""
        found: Tensor | None = self._grad
        return found

    @grad.setter
    def grad(self, value: Tensor | None) -> None:
        expected = f"a Tensor {self.shape} or None"
        if value is not None and not isinstance(value, Tensor):
            raise TypeError(explain(".grad", got=type(value).__name__, expected=expected))
        if value is not None and value.shape != self.shape:
            raise ShapeError(explain(".grad", got=value.shape, expected=expected))
        if value is not None and value.dtype != self.dtype:
            raise DtypeError(explain(".grad", got=value.dtype.name, expected=self.dtype.name))
        self._grad = value

    def detach_(self) -> Self:
        """Take the tensor itself out of the graph."""
        self._node, self._index, self._requires_grad = None, 0, False
        return self

    def backward(
        self,
        gradient: Tensor | None = None,
        retain_graph: bool | None = None,
        create_graph: bool = False,
        inputs: Any = None,
    ) -> None:
        """Accumulate the gradients of this tensor into the leaves it came from.

        Args:
            gradient: the gradient of the final result by this tensor; default 1 for one element.
            retain_graph: keep what backward needs for another pass; default `create_graph`.
            create_graph: record the backward pass itself, for higher derivatives.
            inputs: accumulate into these leaves only; default all.
        """
        backward([self], [gradient], retain_graph, create_graph, inputs)

    @property
    def retains_grad(self) -> bool:
        """Whether it keeps `.grad` though it is not a leaf."""
        kept = None if self._node is None else self._node.retains
        return kept is not None and self._index in kept

    def retain_grad(self) -> None:
        """Keep `.grad` for a tensor that is not a leaf."""
        if not self._requires_grad:
            raise RuntimeError("retain_grad() on a tensor that does not require grad")
        if self._node is not None:
            if self._node.retains is None:
                self._node.retains = {}
            self._node.retains[self._index] = ref(self)

    def register_hook(self, hook: Callable[[Tensor], Tensor | None]) -> Handle:
        """Call `hook(gradient)` in backward; what it returns replaces the gradient."""
        if not self._requires_grad:
            raise RuntimeError("register_hook() on a tensor that does not require grad")
        if self._node is None:
            if self._hooks is None:
                self._hooks = {}
            hooks = self._hooks
        else:
            if self._node.hooks is None:
                self._node.hooks = {}
            hooks = self._node.hooks.setdefault(self._index, {})
        key = next(_hook_ids)
        hooks[key] = hook
        return Handle(hooks, key)

    def register_post_accumulate_grad_hook(self, hook: Callable[[Tensor], None]) -> Handle:
        """Call `hook(tensor)` each time a backward pass has added to `.grad` of this leaf.

        Raises:
            RuntimeError: for a tensor that does not require grad, or is not a leaf.

        Example:
            >>> w = Tensor([1.0], requires_grad=True)
            >>> _ = w.register_post_accumulate_grad_hook(lambda w: print(w.grad))
            >>> (w * 3).sum().backward()
            tensor([3.])
        """
        if not self._requires_grad or self._node is not None:
            kind = "one that does not require grad" if self._node is None else "a result of an op"
            expected = "a leaf that requires grad"
            raise RuntimeError(
                explain("register_post_accumulate_grad_hook", got=kind, expected=expected)
            )
        if self._accumulated is None:
            self._accumulated = {}
        key = next(_hook_ids)
        self._accumulated[key] = hook
        return Handle(self._accumulated, key)

    # ---- conversion (dtypes are in convert.py)

    def contiguous(self) -> Tensor:
        """Return the tensor in row-major memory, itself if it is so already."""
        if self._array.flags.c_contiguous:
            return self
        return apply(sh.contiguous, (self,), {})

    def new_tensor(self, data: Any, *, dtype: Any = None, **options: Any) -> Tensor:
        """Make a tensor of `data` with this one's dtype."""
        return F.tensor(data, dtype=self.dtype if dtype is None else dtype, **options)

    def new_zeros(self, *size: Any, dtype: Any = None, **options: Any) -> Tensor:
        """Make zeros of this dtype."""
        return F.zeros(*size, dtype=self.dtype if dtype is None else dtype, **options)

    def new_ones(self, *size: Any, dtype: Any = None, **options: Any) -> Tensor:
        """Make ones of this dtype."""
        return F.ones(*size, dtype=self.dtype if dtype is None else dtype, **options)

    def new_full(
        self, size: Sequence[int], fill_value: Any, *, dtype: Any = None, **options: Any
    ) -> Tensor:
        """Make a filled tensor of this dtype."""
        kind = self.dtype if dtype is None else dtype
        return F.full(size, fill_value, dtype=kind, **options)

    def new_empty(self, *size: Any, dtype: Any = None, **options: Any) -> Tensor:
        """Make an uninitialized tensor of this dtype."""
        return F.empty(*size, dtype=self.dtype if dtype is None else dtype, **options)

    # ---- copies and pickles

    def __deepcopy__(self, memo: dict[Any, Any]) -> Self:
        if self._node is not None:
            raise RuntimeError("only leaves can be deep-copied; use clone() or detach() first")
        out = object.__new__(self.__class__)
        memo[id(self)] = out
        out._array = self._array.copy(order="K")
        out._requires_grad = self._requires_grad
        if self._grad is not None:
            out._grad = wrap(self._grad._array.copy())
        return out

    def __reduce_ex__(self, protocol: SupportsIndex) -> Any:
        if self._node is not None:
            raise RuntimeError("only leaves can be pickled; use detach() first")
        own = {key: v for key, v in self.__dict__.items() if not key.startswith("_")}
        return _rebuild, (self.__class__, self._array, self._requires_grad), own or None

    # ---- operators

    def __add__(self, other: Any) -> Tensor:
        return F.add(self, other)

    def __sub__(self, other: Any) -> Tensor:
        return F.sub(self, other)

    def __rsub__(self, other: Any) -> Tensor:
        return F.sub(other, self)

    def __mul__(self, other: Any) -> Tensor:
        return F.mul(self, other)

    def __truediv__(self, other: Any) -> Tensor:
        return F.div(self, other)

    def __rtruediv__(self, other: Any) -> Tensor:
        return F.div(other, self)

    def __pow__(self, other: Any) -> Tensor:
        return F.pow(self, other)

    def __rpow__(self, other: Any) -> Tensor:
        return F.pow(other, self)

    def __floordiv__(self, other: Any) -> Tensor:
        return F.floor_divide(self, other)

    def __rfloordiv__(self, other: Any) -> Tensor:
        return F.floor_divide(other, self)

    def __mod__(self, other: Any) -> Tensor:
        return F.remainder(self, other)

    def __rmod__(self, other: Any) -> Tensor:
        return F.remainder(other, self)

    def __matmul__(self, other: Any) -> Tensor:
        return F.matmul(self, other)

    def __rmatmul__(self, other: Any) -> Tensor:
        return F.matmul(other, self)

    __radd__ = __add__
    __rmul__ = __mul__
    __neg__ = F.neg
    __abs__ = F.abs
    __getitem__ = F.getitem
    __hash__ = object.__hash__
    __lt__ = F.lt
    __le__ = F.le
    __gt__ = F.gt
    __ge__ = F.ge
    __and__ = __rand__ = F.bitwise_and
    __or__ = __ror__ = F.bitwise_or
    __xor__ = __rxor__ = F.bitwise_xor
    __invert__ = F.bitwise_not

    def __pos__(self) -> Tensor:
        return self

    def __eq__(self, other: object) -> Any:
        return F.eq(self, other) if isinstance(other, _COMPARABLE) else NotImplemented

    def __ne__(self, other: object) -> Any:
        return F.ne(self, other) if isinstance(other, _COMPARABLE) else NotImplemented

    # ---- shapes

    def view(self, *shape: Any) -> Tensor:
        """Return the tensor in another shape (or dtype: reinterpreted bytes are not supported).

        Shares memory where the layout allows it and copies where it does not.
        """
        return F.reshape(self, *shape)

    def polygamma(self, n: int) -> Tensor:
        """Return the n-th derivative of digamma, elementwise."""
        return F.polygamma(n, self)

    def where(self, condition: Tensor, other: Any) -> Tensor:
        """Return the tensor where the condition holds and `other` elsewhere."""
        return F.where(condition, self, other)

    def view_as(self, other: Tensor) -> Tensor:
        """Return the tensor in the shape of another."""
        return F.reshape(self, other.shape)

    def reshape_as(self, other: Tensor) -> Tensor:
        """Return the tensor in the shape of another."""
        return F.reshape(self, other.shape)

    def sum_to_size(self, *size: Any) -> Tensor:
        """Return the sum over what broadcasting to this shape from that size has added."""
        shape = varargs(size)
        try:
            fits = np.broadcast_shapes(shape, self.shape) == self.shape
        except ValueError:
            fits = False
        if not fits:
            got = f"size {shape}"
            raise ShapeError(
                explain("sum_to_size", got=got, expected=f"one that broadcasts to {self.shape}")
            )
        return sum_to(self, shape)

    def expand_as(self, other: Tensor) -> Tensor:
        """Broadcast to the shape of another tensor."""
        return F.expand(self, other.shape)


def _rebuild(cls: type[Any], array: Array, requires_grad: bool) -> Any:
    out = object.__new__(cls)
    out._array = array
    out._requires_grad = requires_grad
    return out


nodes.tensor_type = Tensor
