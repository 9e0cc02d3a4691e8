"""Torch's files put together by hand, so that each of them can be wrong in one way."""

from __future__ import annotations

import io
import struct
import tarfile
import zipfile
from typing import Any, NamedTuple

import numpy as np
import pytest

from rushlight.errors import FileFormatError
from rushlight.io.torch_file.content import Content
from rushlight.io.torch_file.reading import read_content


class Global(NamedTuple):
    """A name in a pickle."""

    module: str
    name: str


class Call(NamedTuple):
    """A call in a pickle."""

    function: Any
    args: tuple[Any, ...]


class Persistent(NamedTuple):
    """A persistent id in a pickle."""

    key: Any


class Raw(NamedTuple):
    """Opcodes as they are."""

    code: bytes


def body(value: Any) -> bytes:
    """Return the opcodes that make a value."""
    match value:
        case Raw(code):
            return code
        case Global(module, name):
            return f"c{module}\n{name}\n".encode()
        case Call(function, args):
            return body(function) + body(args) + b"R"
        case Persistent(key):
            return body(key) + b"Q"
        case None | bool():
            return {None: b"N", True: b"\x88", False: b"\x89"}[value]
        case int():
            raw = value.to_bytes(value.bit_length() // 8 + 1, "little", signed=True)
            return b"\x8a" + bytes([len(raw)]) + raw
        case float():
            return b"G" + struct.pack(">d", value)
        case str():
            raw = value.encode()
            return b"X" + struct.pack("<I", len(raw)) + raw
        case tuple():
            return b"(" + b"".join(map(body, value)) + b"t"
        case list():
            return b"](" + b"".join(map(body, value)) + b"e"
        case dict():
            return b"}(" + b"".join(body(k) + body(v) for k, v in value.items()) + b"u"
    raise TypeError(type(value))


def pickled(value: Any) -> bytes:
    """Return a pickle of protocol 2."""
    return b"\x80\x02" + body(value) + b"."


REBUILD = Global("torch._utils", "_rebuild_tensor_v2")
HOOKS = Call(Global("collections", "OrderedDict"), ())


def storage(kind: str = "Float", name: str = "0", count: int = 6) -> Persistent:
    """Return a storage as an archive names it."""
    return Persistent(("storage", Global("torch", f"{kind}Storage"), name, "cpu", count))


def tensor(
    of: Any = None, offset: Any = 0, size: Any = (2, 3), stride: Any = (3, 1), grad: Any = False
) -> Call:
    """Return a tensor."""
    of = storage() if of is None else of
    return Call(REBUILD, (of, offset, size, stride, grad, HOOKS))


SIX = np.arange(6, dtype="<f4").tobytes()


def archive(value: Any, entries: dict[str, bytes] | None = None, folder: str = "archive/") -> bytes:
    """Return a zip archive with a pickle (of a value, or as it is) and other entries."""
    data = value if isinstance(value, bytes) else pickled(value)
    every = {"data.pkl": data, "byteorder": b"little", "data/0": SIX, "version": b"3\n"}
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as made:
        for name, raw in {**every, **(entries or {})}.items():
            made.writestr(zipfile.ZipInfo(folder + name), raw)
    return file.getvalue()


MAGIC = 0x1950A86A20F9469CFC6C
MACHINE = {"protocol_version": 1001, "little_endian": True, "type_sizes": {"long": 4}}


def old_storage(kind: str = "Float", name: str = "0", count: int = 6, view: Any = None) -> Any:
    """Return a storage as a stream names it."""
    return Persistent(("storage", Global("torch", f"{kind}Storage"), name, "cpu", count, view))


def stream(value: Any, storages: dict[str, tuple[int, bytes]] | None = None, **wrong: Any) -> bytes:
    """Return a file of torch before 1.6; `wrong` replaces parts."""
    storages = {"0": (6, SIX)} if storages is None else storages
    parts = {"magic": MAGIC, "version": 1001, "machine": MACHINE, "value": value} | wrong
    heads = [pickled(parts[name]) for name in ("magic", "version", "machine", "value")]
    keys = pickled(wrong.get("keys", list(storages)))
    data = b"".join(struct.pack("<Q", count) + raw for count, raw in storages.values())
    return b"".join([*heads, keys, data])


def tar(storages: bytes, tensors: bytes, value: Any, **more: bytes) -> bytes:
    """Return a file of torch before 0.1.10."""
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w:", format=tarfile.PAX_FORMAT) as made:
        members = {"storages": storages, "tensors": tensors, "pickle": pickled(value), **more}
        for name, raw in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(raw)
            made.addfile(info, io.BytesIO(raw))
    return file.getvalue()


def plain_tar() -> bytes:
    """Return such a file of one tensor of 2 x 3 and one that is a view of its last four."""
    float_storage = Global("torch", "FloatStorage")
    storages = pickled(1) + pickled((10, "cpu", float_storage)) + struct.pack("<Q", 6) + SIX
    storages += pickled([(11, 10, 2, 4)])
    kind = Global("torch", "FloatTensor")
    first = pickled((20, 10, kind)) + struct.pack("<i4x5q", 2, 2, 3, 3, 1, 0)
    second = pickled((21, 11, kind)) + struct.pack("<i4x3q", 1, 4, 1, 0)
    value = Call(Global("collections", "OrderedDict"), ([["w", Persistent("20")]],))
    both = {"state": value, "v": Persistent("21")}
    return tar(storages, pickled(2) + first + second, both, sys_info=pickled(MACHINE))


def read(content: bytes) -> Any:
    """Read a file that is at hand."""
    return read_content(Content(np.frombuffer(bytearray(content), np.uint8), "file.pt", False))


def refused(content: bytes, text: str) -> str:
    """Read a file that must be refused with this text, and return the whole."""
    with pytest.raises(FileFormatError, match=text) as caught:
        read(content)
    assert len(str(caught.value)) < 1000
    return str(caught.value)
