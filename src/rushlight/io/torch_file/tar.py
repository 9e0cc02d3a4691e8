"""The format of torch before 0.1.10: a tar archive of storages, tensors and a pickle.

`storages` has the bytes, `tensors` what shows which part of them, and `pickle` is the object, in
which tensors stand by their numbers. All that is used are the stretches of the file that these
three members are.
"""

from __future__ import annotations

import struct
from typing import Any

from rushlight.io.stored import refuse
from rushlight.io.torch_file.allowed import Allowed, Foreign, storage_type
from rushlight.io.torch_file.content import Content, shown
from rushlight.io.torch_file.legacy import Stream
from rushlight.io.torch_file.storage import Part, Storage
from rushlight.tensor import Tensor

__all__ = ["is_tar", "load_tar"]

_BLOCK = 512
_MEMBERS = ("storages", "tensors", "pickle")


def is_tar(start: bytes) -> bool:
    """Tell whether a file that begins so is a tar archive."""
    return start[257:262] == b"ustar"


def load_tar(content: Content) -> Any:
    """Return the object in a file of this format."""
    members = _members(content)
    missing = [name for name in _MEMBERS if name not in members]
    if missing:
        refuse(content.where, f"a tar archive without {', '.join(missing)}", "one of torch.save")
    names = _Objects(content)
    storages, tensors, pickled = (Stream(content, *members[name]) for name in _MEMBERS)
    for _ in range(_count(storages, names)):
        key, _device, kind = _three(storages, names)
        made = storage_type(kind, content.where).kind
        if made is None:
            refuse(content.where, "a storage without a dtype", "one with")
        storage = names.add(key, Storage(-1, made, content.where, content.size))
        storages.elements(storage, f"storage {shown(key)}")
    for view in storages.pickle(names):
        names.add_view(view)
    for _ in range(_count(tensors, names)):
        key, storage, _class = _three(tensors, names)
        names.add(
            key, _tensor(tensors, names.object(storage), f"{content.where}, tensor {shown(key)}")
        )
    return pickled.pickle(names)


def _members(content: Content) -> dict[str, tuple[int, int]]:
    """Return where the members begin and end."""
    found: dict[str, tuple[int, int]] = {}
    at = 0
    while at + _BLOCK <= content.size:
        header = content.raw[at : at + _BLOCK].tobytes()
        if not any(header):
            return found
        total = sum(header) - sum(header[148:156]) + 8 * ord(" ")
        try:
            stated, size = (int(header[a:b].strip(b" \0"), 8) for a, b in ((148, 156), (124, 136)))
        except ValueError:
            stated, size = -1, 0
        if stated != total or size < 0 or at + _BLOCK + size > content.size:
            refuse(content.where, f"a damaged header at byte {at:,}", "one of a tar archive")
        name = header[:100].partition(b"\0")[0].decode("latin1")
        if header[156:157] in (b"0", b"\0"):  # a plain file
            if name in found:
                refuse(content.where, f"the member {shown(name)} twice", "every name once")
            found[name] = at + _BLOCK, at + _BLOCK + size
        at += _BLOCK + -(-size // _BLOCK) * _BLOCK
    return refuse(content.where, "an end without an empty block", "that of a tar archive")


def _count(stream: Stream, names: _Objects) -> int:
    count = stream.pickle(names)
    if type(count) is not int or not 0 <= count <= stream.stop - stream.at:
        refuse(
            stream.content.where, f"{shown(count)} objects", "as many as there are bytes at most"
        )
    return count


def _three(stream: Stream, names: _Objects) -> tuple[Any, Any, Any]:
    """Return a tuple about an object; it may name classes, which nothing else may."""
    value = stream.pickle(names, check=False)
    if type(value) is not tuple or len(value) != 3:
        refuse(
            stream.content.where, f"a {type(value).__name__} about an object", "a tuple of three"
        )
    return value


def _tensor(stream: Stream, storage: Any, where: str) -> Tensor:
    """Read sizes, strides and offset of a tensor."""
    if not isinstance(storage, Storage) or storage.kind is None:
        refuse(where, "a tensor without a storage", "one")
    (dims,) = struct.unpack("<i4x", stream.take(8, where).tobytes())
    raw = stream.take(16 * dims + 8, where).tobytes()
    numbers = struct.unpack(f"<{2 * dims + 1}q", raw)
    shape, strides, offset = numbers[:dims], numbers[dims : 2 * dims], numbers[-1]
    return storage.tensor(storage.kind, offset, shape, strides, where)


class _Objects(Allowed):
    """The storages and tensors of an archive by their numbers."""

    def __init__(self, content: Content) -> None:
        self.content = content
        self.objects: dict[int, Any] = {}

    def find(self, module: str, name: str) -> Any:
        """Return what stands for a name; tensors come with the names of their classes."""
        if module in ("torch", "torch.cuda") and name.endswith("Tensor"):
            return Foreign(name)
        return super().find(module, name)

    def add(self, key: Any, made: Any) -> Any:
        """Keep an object under its number, and return it."""
        if type(key) is not int or key in self.objects:
            refuse(self.content.where, f"{shown(key)} as an object's number", "another for each")
        self.objects[key] = made
        return made

    def add_view(self, view: Any) -> None:
        """Keep a storage that is a part of another."""
        if type(view) is not tuple or len(view) != 4 or any(type(n) is not int for n in view):
            refuse(self.content.where, "a view that is no four numbers", "four")
        key, root, offset, count = view
        whole = self.object(root)
        if not isinstance(whole, Storage) or whole.kind is None:
            refuse(self.content.where, "a view of something else", "of a storage")
        if offset < 0 or count < 0 or (offset + count) * whole.kind.stored.itemsize > whole.size:
            refuse(self.content.where, "a view beyond its storage", f"{whole.size:,} bytes")
        self.add(key, Part(whole, offset, count))

    def object(self, key: Any) -> Any:
        """Return what has a number."""
        if type(key) is str and key.isascii() and key.isdigit() and len(key) < 25:
            key = int(key)
        if type(key) is not int or key not in self.objects:
            refuse(self.content.where, f"{shown(key)} as an object's number", "one that there is")
        return self.objects[key]

    def persistent(self, key: Any, where: str) -> Any:
        """Return a tensor or a storage by its number."""
        return self.object(key)
