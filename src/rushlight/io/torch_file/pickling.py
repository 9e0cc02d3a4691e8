"""The pickle of an object as torch.save writes it: protocol 2, with names that torch allows."""

from __future__ import annotations

import struct
from collections import Counter, OrderedDict
from functools import partial
from types import MethodType
from typing import Any

import numpy as np

from rushlight.io.torch_file.placing import Place, Source
from rushlight.io.torch_file.storage import KINDS, is_parameter
from rushlight.io.torch_file.values import plain
from rushlight.tape import TensorBase
from rushlight.tensor.tensor import device

__all__ = ["Pickler"]

_CLASSES = {kind.stored: name for name, kind in KINDS.items() if kind.stored == kind.made}
_SHORT = 1 << 8


class Pickler:
    """Writes one object, which `arrays_of` has found fit.

    Args:
        sources: the storages.
        places: where tensors and arrays lie in them, by id.
    """

    def __init__(self, sources: list[Source], places: dict[int, Place]) -> None:
        self._sources, self._places = sources, places
        self._out = bytearray(b"\x80\x02")
        self._memo: dict[Any, int] = {}
        self._kept: list[Any] = []  # what was made here: an id is one's own while one lives

    def dump(self, value: Any) -> bytes:
        """Return the pickle of an object."""
        self._any(value)
        return bytes(self._out) + b"."

    def _put(self, key: Any) -> None:
        """Let what was written last be named again."""
        index = self._memo[key] = len(self._memo)
        short = index < _SHORT
        self._out += b"q" + bytes([index]) if short else b"r" + index.to_bytes(4, "little")

    def _got(self, key: Any) -> bool:
        """Name what was written before, if it was."""
        index = self._memo.get(key)
        if index is None:
            return False
        short = index < _SHORT
        self._out += b"h" + bytes([index]) if short else b"j" + index.to_bytes(4, "little")
        return True

    def _any(self, value: Any) -> None:
        value = plain(value)
        if value is None or type(value) is bool:
            self._out += {None: b"N", True: b"\x88", False: b"\x89"}[value]
        elif type(value) is int:
            self._int(value)
        elif type(value) is float:
            self._out += b"G" + struct.pack(">d", value)
        elif type(value) is str:
            self._text(value)
        elif isinstance(value, np.dtype):
            self._global("torch", value.name)
        elif type(value) is tuple and not value:
            self._out += b")"
        elif not self._got(id(value)):
            self._object(value)
            if id(value) not in self._memo:
                self._put(id(value))

    def _int(self, value: int) -> None:
        if 0 <= value < _SHORT:
            self._out += b"K" + bytes([value])
        elif 0 <= value < 1 << 16:
            self._out += b"M" + value.to_bytes(2, "little")
        elif -(1 << 31) <= value < 1 << 31:
            self._out += b"J" + value.to_bytes(4, "little", signed=True)
        else:
            raw = value.to_bytes(value.bit_length() // 8 + 1, "little", signed=True)
            self._out += b"\x8a" + bytes([len(raw)]) + raw

    def _text(self, text: str) -> None:
        if not self._got((str, text)):
            raw = text.encode("utf-8", "surrogatepass")
            self._out += b"X" + len(raw).to_bytes(4, "little") + raw
            self._put((str, text))

    def _global(self, module: str, name: str) -> None:
        if not self._got((None, module, name)):
            self._out += f"c{module}\n{name}\n".encode()
            self._put((None, module, name))

    def _call(self, module: str, name: str, *args: Any) -> None:
        """Write a call; arguments that are functions write themselves."""
        self._global(module, name)
        self._row(args)
        self._out += b"R"

    def _row(self, items: Any) -> None:
        """Write a tuple."""
        self._out += b"(" if len(items) > 3 else b""
        for item in items:
            if isinstance(item, partial | MethodType):
                item()
            else:
                self._any(item)
        self._out += {0: b")", 1: b"\x85", 2: b"\x86", 3: b"\x87"}.get(len(items), b"t")

    def _object(self, value: Any) -> None:
        if isinstance(value, TensorBase) or type(value) is np.ndarray:
            self._tensor(value)
        elif type(value) is tuple:
            self._row(value)
        elif type(value) is list:
            self._out += b"]"
            self._put(id(value))
            self._items(b"e", value)
        elif type(value) is set:
            ordered = sorted(value, key=lambda item: (type(item).__name__, repr(item)))
            self._call("__builtin__", "set", self._keep(ordered))
        elif type(value) is bytes:
            self._call("_codecs", "encode", value.decode("latin1"), "latin1")
        elif type(value) is complex:
            self._call("__builtin__", "complex", value.real, value.imag)
        elif type(value) is device:
            self._call("torch", "device", str(value))
        elif type(value) is Counter:
            self._call("collections", "Counter", self._keep(dict(value)))
        else:
            self._dict(value)

    def _dict(self, value: dict[Any, Any]) -> None:
        if type(value) is OrderedDict:
            self._call("collections", "OrderedDict")
        else:
            self._out += b"}"
        self._put(id(value))
        self._items(b"u", [part for pair in value.items() for part in pair])
        metadata = getattr(value, "_metadata", None)
        if metadata is not None:  # torch's state dicts have the versions of their modules there
            self._any(self._keep({"_metadata": metadata}))
            self._out += b"b"

    def _items(self, end: bytes, items: list[Any]) -> None:
        if items:
            self._out += b"("
            for item in items:
                self._any(item)
            self._out += end

    def _keep(self, made: Any) -> Any:
        self._kept.append(made)
        return made

    # ---- tensors

    def _tensor(self, value: Any) -> None:
        needs_grad = isinstance(value, TensorBase) and value._requires_grad
        if not is_parameter(value):
            self._values(value, needs_grad)
            return
        tensor = partial(self._values, value, False)
        self._call("torch._utils", "_rebuild_parameter", tensor, needs_grad, self._no_hooks)

    def _values(self, value: Any, needs_grad: bool) -> None:
        where = self._places[id(value)]
        self._call(
            "torch._utils",
            "_rebuild_tensor_v2",
            partial(self._storage, where.storage),
            where.offset,
            partial(self._row, where.shape),
            partial(self._row, where.strides),
            needs_grad,
            self._no_hooks,
        )

    def _storage(self, index: int) -> None:
        source = self._sources[index]
        count = source.size // source.dtype.itemsize
        kind = partial(self._global, "torch", f"{_CLASSES[source.dtype]}Storage")
        self._row(("storage", kind, str(index), "cpu", count))
        self._out += b"Q"

    def _no_hooks(self) -> None:
        self._call("collections", "OrderedDict")
