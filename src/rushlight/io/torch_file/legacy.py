"""The format of torch before 1.6: pickles one behind the other, then the storages' bytes.

In turn: a number that marks the format, its version, a dict about the machine, the object, the
list of the storages' keys, and for each key the number of elements (8 bytes) and the elements.
Where the bytes of a storage lie is known only after the object: its tensors look when they are
used.
"""

from __future__ import annotations

from typing import Any

from rushlight.io.stored import refuse
from rushlight.io.torch_file.allowed import Allowed, storage_type
from rushlight.io.torch_file.content import Content, shown
from rushlight.io.torch_file.machine import Machine
from rushlight.io.torch_file.result import check_result
from rushlight.io.torch_file.storage import Part, Storage

__all__ = ["Stream", "is_stream", "load_stream"]

_MAGIC = 0x1950A86A20F9469CFC6C
_VERSION = 1001
_TEXT = f"L{_MAGIC}L\n".encode()  # as protocol 1 has it


def is_stream(start: bytes) -> bool:
    """Tell whether a file that begins so is in this format."""
    packed = _MAGIC.to_bytes(10, "little") in start[:32]
    return (start[:1] == b"\x80" and packed) or start.startswith(_TEXT)


class Stream:
    """Reads pickles, and storages between them, one behind the other.

    Args:
        content: the file.
        start, stop: the part of it that is read.
    """

    def __init__(self, content: Content, start: int = 0, stop: int | None = None) -> None:
        self.content, self.at = content, start
        self.stop = content.size if stop is None else stop

    def pickle(self, names: Allowed, check: bool = True) -> Any:
        """Return the object of the next pickle; checked, unless it stays in the reader."""
        raw = self.content.raw[: self.stop].data
        machine = Machine(raw, self.at, names, self.content.where)
        value = machine.run()
        start, self.at = self.at, machine.at
        return check_result(value, self.at - start, self.content.where) if check else value

    def number(self, expected: int, what: str) -> None:
        """Read a pickle of a number that must be the one expected."""
        found = self.pickle(_Nothing())
        if found != expected:
            refuse(self.content.where, f"{shown(found)} as the {what}", expected)

    def take(self, count: int, what: str) -> Any:
        """Return the next bytes."""
        if not 0 <= count <= self.stop - self.at:
            got = f"{self.stop - self.at:,} bytes for {what}"
            refuse(self.content.where, got, f"{count:,}" if 0 <= count < 1 << 62 else "a count")
        self.at += count
        return self.content.raw[self.at - count : self.at]

    def elements(self, storage: Storage, what: str) -> None:
        """Find the bytes of a storage, behind the number of its elements."""
        count = int.from_bytes(self.take(8, what).tobytes(), "little")
        assert storage.kind is not None
        size = count * storage.kind.stored.itemsize
        if storage.size < 0:
            storage.size = size
        if size != storage.size:
            got = f"{count:,} elements of {what}"
            refuse(self.content.where, got, f"the {storage.size:,} bytes that were stated")
        storage.raw = self.take(size, what)


def load_stream(content: Content) -> Any:
    """Return the object in a file of this format."""
    stream = Stream(content)
    stream.number(_MAGIC, "mark of the format")
    stream.number(_VERSION, "version of the format")
    if not isinstance(stream.pickle(_Nothing()), dict):
        refuse(content.where, "no dict about the machine", "one")
    names = _Storages(content)
    value = stream.pickle(names)
    keys = stream.pickle(_Nothing())
    if type(keys) is not list or any(type(key) is not str for key in keys):
        refuse(content.where, "no list of the storages' names", "one")
    if len(set(keys)) != len(keys) or set(keys) != set(names.roots):
        refuse(content.where, f"data of {len(keys)} storages", f"of the {len(names.roots)} in use")
    for key in keys:
        stream.elements(names.roots[key], f"storage {shown(key)}")
    if stream.at != content.size:
        refuse(content.where, f"{content.size - stream.at:,} bytes behind the last", "none")
    return value


class _Nothing(Allowed):
    """A pickle of plain data: it may name nothing."""

    def find(self, module: str, name: str) -> Any:
        """Return None."""
        return None


class _Storages(Allowed):
    """The storages that the object of a file refers to; their bytes come behind it."""

    def __init__(self, content: Content) -> None:
        self.content = content
        self.roots: dict[str, Storage] = {}
        self.views: dict[str, Part] = {}

    def persistent(self, key: Any, where: str) -> Storage:
        """Return a storage by torch's id: ('storage', class, name, device, elements, view)."""
        if type(key) is not tuple or len(key) != 6 or key[0] != "storage":
            fix = "save a state dict: torch.save(model.state_dict(), path)"
            refuse(where, "a persistent id that is no storage's", "('storage', ...)", fix)
        _, kind, name, _, count, view = key
        found = storage_type(kind, where).kind
        if found is None or type(name) is not str or type(count) is not int or count < 0:
            refuse(where, "a storage without dtype, name or size", "all three")
        size = count * found.stored.itemsize
        if name not in self.roots:
            self.roots[name] = Storage(size, found, where, self.content.size)
        root = self.roots[name]
        if (root.kind, root.size) != (found, size):
            refuse(where, f"storage {shown(name)} with another dtype or size", "one of each")
        return root if view is None else self._view(root, view, where)

    def _view(self, root: Storage, view: Any, where: str) -> Storage:
        """Return a storage that is a part of another."""
        if type(view) is not tuple or len(view) != 3 or type(view[0]) is not str:
            refuse(where, "a view without name, offset and size", "all three")
        name, offset, count = view
        assert root.kind is not None
        if any(type(n) is not int or n < 0 for n in (offset, count)):
            refuse(where, "a view with an offset or a size that is no count", "integers >= 0")
        if (offset + count) * root.kind.stored.itemsize > root.size:
            refuse(where, "a view beyond its storage", f"one of {root.size:,} bytes at most")
        part = self.views.setdefault(name, Part(root, offset, count))
        if (part.root, part.start, part.count) != (root, offset, count):
            refuse(where, f"the view {shown(name)} of another place", "one of each")
        return part
