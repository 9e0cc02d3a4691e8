"""Storages, stretches of the file with a dtype, and the tensors that are views of them."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable
from math import prod
from typing import Any, NamedTuple, SupportsIndex

import numpy as np

from rushlight import arrays
from rushlight.arrays import Array, DType
from rushlight.io.bfloat16 import widen
from rushlight.io.stored import as_booleans, refuse
from rushlight.tape import wrap
from rushlight.tensor import Tensor

__all__ = [
    "KINDS",
    "UNFIT",
    "Kind",
    "Part",
    "Storage",
    "Unread",
    "as_parameter",
    "c_strides",
    "is_parameter",
]

_DIMS = 64  # NumPy's own limit
_LEAST = 1 << 20  # bytes: as much may be shown of a smaller file by repeating its elements


class Kind(NamedTuple):
    """A dtype of torch's: what its elements are in the file, and what they become."""

    name: str
    stored: DType
    made: DType


_SAME: dict[str, DType] = {
    "Half": arrays.float16,
    "Float": arrays.float32,
    "Double": arrays.float64,
    "Char": arrays.int8,
    "Short": arrays.int16,
    "Int": arrays.int32,
    "Long": arrays.int64,
    "Byte": arrays.uint8,
    "Bool": arrays.bool_,
}
#: By the beginning of the storage class's name: FloatStorage holds float32.
KINDS: dict[str, Kind] = {
    "BFloat16": Kind("bfloat16", np.dtype(np.uint16), arrays.float32),
    **{name: Kind(dtype.name, dtype, dtype) for name, dtype in _SAME.items()},
}
#: Storage classes whose elements no tensor of ours can hold.
UNFIT = {
    "ComplexHalf": "complex32",
    "ComplexFloat": "complex64",
    "ComplexDouble": "complex128",
    "QInt8": "qint8",
    "QUInt8": "quint8",
    "QInt32": "qint32",
    "QUInt4x2": "quint4x2",
    "QUInt2x4": "quint2x4",
}


class Storage:
    """A stretch of the file.

    Args:
        size: the number of its bytes.
        kind: what they are; None: bytes, of which each tensor says what they are.
        where: how errors name it.
        limit: bytes that one tensor may show.
        little: whether numbers have their lowest byte first.

    Attributes:
        raw: its bytes, once it is known where in the file they lie.
        check: refuses bytes that are not right; called before they are used, until it has passed.
        version: the count of writes, one for all tensors that share it.
    """

    def __init__(
        self, size: int, kind: Kind | None, where: str, limit: int, little: bool = True
    ) -> None:
        self.size, self.kind, self.where = size, kind, where
        self.little, self.limit = little, max(limit, _LEAST)
        self.raw: Array | None = None
        self.check: Callable[[Array], None] | None = None
        self.version = [0]
        self._converted: dict[Kind, Array] = {}
        self._lock = threading.Lock()

    def direct(self, kind: Kind) -> bool:
        """Tell whether its bytes are there and can be used as they are."""
        if self.raw is None or self.check is not None:
            return False
        if self.raw.ctypes.data % kind.stored.itemsize:
            return False
        native = self.little == (sys.byteorder == "little") or kind.stored.itemsize == 1
        return native and kind.stored == kind.made != arrays.bool_

    def elements(self, kind: Kind) -> Array:
        """Return all elements: the bytes of the file themselves, or their conversion, made once."""
        assert self.raw is not None, "every storage gets its bytes before the file is read"
        with self._lock:
            if self.check is not None:
                self.check(self.raw)
                self.check = None
        size = self.raw.size // kind.stored.itemsize * kind.stored.itemsize
        if self.direct(kind):
            return self.raw[:size].view(kind.stored)
        with self._lock:
            if kind not in self._converted:
                dtype = kind.stored.newbyteorder("<" if self.little else ">")
                stored = self.raw[:size].view(dtype)
                self._converted[kind] = self._convert(stored, kind)
            return self._converted[kind]

    def _convert(self, stored: Array, kind: Kind) -> Array:
        if kind.name == "bfloat16":
            return widen(stored)
        if kind.made == arrays.bool_:
            return as_booleans(stored.view(np.uint8), self.where)
        return stored.astype(kind.made)

    def tensor(
        self,
        kind: Kind,
        offset: int,
        shape: tuple[int, ...],
        strides: tuple[int, ...],
        where: str,
    ) -> Tensor:
        """Return the tensor that shows a part of it; offset and strides count elements."""
        self._check(kind, offset, shape, strides, where)
        view = _View(self, kind, offset, shape, strides)
        if self.direct(kind) or not prod(shape):
            out = wrap(view.array())
            out._version = self.version
            return out
        return _unread(view, Tensor)

    def _check(
        self, kind: Kind, offset: int, shape: tuple[int, ...], strides: tuple[int, ...], where: str
    ) -> None:
        numbers = (offset, *shape, *strides)
        if any(type(value) is not int or value < 0 for value in numbers):
            refuse(where, "sizes, strides or an offset that are no counts", "integers >= 0")
        if len(shape) != len(strides) or len(shape) > _DIMS:
            got = f"{len(shape)} sizes and {len(strides)} strides"
            refuse(where, got, f"as many of both, {_DIMS} at most")
        there, size = self.size // kind.stored.itemsize, prod(shape)
        if not size:
            if prod(max(n, 1) for n in shape) * 8 > sys.maxsize:
                refuse(where, "sizes beyond all memory around a size of 0", "a shape")
            return
        last = offset + sum((n - 1) * s for n, s in zip(shape, strides, strict=True))
        if last >= there:
            got = "an element beyond 2**62" if last >> 62 else f"element {last:,} of its storage"
            refuse(where, got, f"one of the {there:,} that the storage has")
        if size > there and size * kind.made.itemsize > self.limit:
            refuse(
                where,
                f"a tensor that repeats {there:,} elements until they are "
                + (f"{size:,}" if size < 1 << 62 else "more than 2**62"),
                f"at most {self.limit:,} bytes, the size of the file",
                "save it before it is expanded, and expand it after loading",
            )


class Part(Storage):
    """A stretch of another storage, whose memory and conversion it shares.

    Args:
        root: the whole, of a dtype.
        start, count: the part, in elements; it lies inside.
    """

    def __init__(self, root: Storage, start: int, count: int) -> None:
        assert root.kind is not None
        size = count * root.kind.stored.itemsize
        super().__init__(size, root.kind, root.where, root.limit, root.little)
        self.root, self.start, self.count = root, start, count
        self.version = root.version

    def direct(self, kind: Kind) -> bool:
        """Tell whether the bytes are there and can be used as they are."""
        return self.root.direct(kind)

    def elements(self, kind: Kind) -> Array:
        """Return all elements of the part."""
        return self.root.elements(kind)[self.start : self.start + self.count]


class _View(NamedTuple):
    """A part of a storage."""

    storage: Storage
    kind: Kind
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]

    def array(self) -> Array:
        """Return the elements as an array, which shares the storage's memory."""
        made = self.kind.made
        if not prod(self.shape):
            return np.empty(self.shape, made)
        flat = self.storage.elements(self.kind)
        strides = tuple(stride * made.itemsize for stride in self.strides)
        return np.ndarray(self.shape, made, flat, self.offset * made.itemsize, strides)


class Unread(Tensor):
    """A tensor whose elements are converted when they are first used; it is then an ordinary one.

    Shape and dtype are known without.
    """

    _view: _View
    _becomes: type[Tensor] = Tensor

    def __getattr__(self, name: str) -> Any:
        if name != "_array" or "_view" not in self.__dict__:
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")
        array = self._view.array()
        self._array = array
        self.__class__ = self._becomes  # type: ignore[assignment]
        return array

    @property
    def shape(self) -> tuple[int, ...]:
        """The sizes of the dims."""
        return self._array.shape if "_array" in self.__dict__ else self._view.shape

    @property
    def dtype(self) -> DType:
        """The dtype that the elements will have."""
        return self._array.dtype if "_array" in self.__dict__ else self._view.kind.made

    @property
    def ndim(self) -> int:
        """The number of dims."""
        return len(self.shape)

    @property
    def requires_grad(self) -> bool:
        """Whether gradients are computed for it."""
        return self._requires_grad

    @requires_grad.setter
    def requires_grad(self, value: bool) -> None:
        self._converted().requires_grad = value

    def _converted(self) -> Any:
        becomes = self._becomes  # which an ordinary tensor, as the next line makes it, has not
        self._array  # noqa: B018
        self.__class__ = becomes  # type: ignore[assignment]  # if `data` was set before
        return self

    def __repr__(self) -> str:
        return repr(self._converted())

    def __deepcopy__(self, memo: dict[Any, Any]) -> Any:
        return self._converted().__deepcopy__(memo)

    def __reduce_ex__(self, protocol: SupportsIndex) -> Any:
        return self._converted().__reduce_ex__(protocol)


def c_strides(shape: tuple[int, ...]) -> tuple[int, ...]:
    """Return the strides of C order, in elements, as torch counts them."""
    strides, step = [], 1
    for n in reversed(shape):
        strides.append(step)
        step *= max(n, 1)
    return tuple(reversed(strides))


def _unread(view: _View, becomes: type[Tensor]) -> Any:
    """Make a tensor that will be converted when it is used."""
    parts = {"_becomes": becomes}
    kind = Unread if becomes is Tensor else type("Unread", (Unread, becomes), parts)
    out: Any = object.__new__(kind)
    out._view, out._version = view, view.storage.version
    return out


def is_parameter(value: object) -> bool:
    """Tell whether something is a Parameter."""
    from rushlight.nn.parameter import Parameter  # torch's files name it

    return isinstance(value, Parameter)


def as_parameter(tensor: Tensor, requires_grad: bool) -> Any:
    """Return a Parameter that shares the memory of a tensor."""
    from rushlight.nn.parameter import Parameter  # torch's files name it

    if "_array" in tensor.__dict__:
        return Parameter(tensor, requires_grad)
    out = _unread(tensor.__dict__["_view"], Parameter)
    out._requires_grad = requires_grad
    return out
