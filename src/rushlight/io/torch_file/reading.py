"""The door for reading: which of torch's three formats a file has, and what is in it."""

from __future__ import annotations

import sys
from typing import Any

from rushlight.io.stored import refuse
from rushlight.io.torch_file.allowed import Allowed, StorageType, storage_type
from rushlight.io.torch_file.archive import Archive
from rushlight.io.torch_file.content import Content, Path, open_content, shown
from rushlight.io.torch_file.legacy import is_stream, load_stream
from rushlight.io.torch_file.machine import Machine
from rushlight.io.torch_file.result import check_result
from rushlight.io.torch_file.storage import Storage
from rushlight.io.torch_file.tar import is_tar, load_tar

__all__ = ["is_torch_file", "load_torch_file", "read_content"]

_ORDERS = {b"little": True, b"big": False}


def is_torch_file(start: bytes) -> bool:
    """Tell whether a file that begins so is one of torch's, or claims to be.

    Args:
        start: the first 512 bytes, or the whole of a shorter file.
    """
    magics = (b"PK\x03\x04", b"PK\x05\x06", b"\x80")
    return start.startswith(magics) or is_stream(start) or is_tar(start)


def load_torch_file(path: Path, mapped: bool | None = None) -> Any:
    """Read a file that torch.save, or `rushlight.save`, wrote.

    Containers, numbers, text, Tensors and Parameters come back as they were saved; tensors that
    shared memory share it again. float16, float32, float64, bool, uint8 and int8 to int64 keep
    their dtype; bfloat16 becomes float32, which holds it exactly. Such tensors, booleans and
    tensors that lie unaligned in the file are converted when they are first used; all others are
    the bytes of the file themselves. Tensors of any device are put on the CPU.

    Args:
        path: the file: a zip archive (torch 1.6 and newer), a stream of pickles (before) or a
            tar archive (before 0.1.10).
        mapped: whether to map the file into memory instead of reading it: a tensor then costs
            memory once it is used; default None: a file of 16 MB or more is mapped.

    Raises:
        FileFormatError: the file is truncated, altered, or holds something else than plain data;
            a tensor is complex, quantized, sparse or of another dtype that there is not here.
        OSError: the file cannot be opened.

    Source: https://docs.pytorch.org/docs/stable/notes/serialization.html
    """
    return read_content(open_content(path, mapped))


def read_content(content: Content) -> Any:
    """Return what `load_torch_file` does, for bytes that are at hand."""
    start = content.raw[:512].tobytes()
    if start.startswith(b"PK"):
        return _load_archive(content)
    if is_tar(start):
        return load_tar(content)
    if is_stream(start):
        return load_stream(content)
    return refuse(
        content.where,
        "a Python pickle",
        "a file of torch.save (other pickles are not read: they can run code)",
        "write it with torch.save, or its arrays with rushlight.save",
    )


def _load_archive(content: Content) -> Any:
    archive = Archive(content)
    if "constants.pkl" in archive.records:
        refuse(
            content.where,
            "a TorchScript program",
            "a state dict",
            "save its weights in torch: torch.save(torch.jit.load(path).state_dict(), other)",
        )
    if "data.pkl" not in archive.records:
        refuse(content.where, "a zip archive without data.pkl", "that of torch.save")
    little = sys.byteorder == "little"
    if "byteorder" in archive.records:
        order = archive.bytes_of("byteorder").tobytes()
        if order not in _ORDERS:
            refuse(content.where, f"the byte order {shown(order)}", "little or big")
        little = _ORDERS[order]
    pickled = archive.bytes_of("data.pkl")
    value = Machine(pickled.data, 0, _Records(archive, little), content.where).run()
    return check_result(value, pickled.size, content.where)


class _Records(Allowed):
    """What the pickle of an archive may name: the list of names, and the archive's storages."""

    def __init__(self, archive: Archive, little: bool) -> None:
        self.archive, self.little = archive, little
        self.storages: dict[str, tuple[StorageType, int, Storage]] = {}

    def persistent(self, key: Any, where: str) -> Storage:
        """Return a storage by torch's id: ('storage', class, name, device, elements)."""
        if type(key) is not tuple or len(key) != 5 or key[0] != "storage":
            refuse(where, "a persistent id that is no storage's", "('storage', ...)")
        _, kind, name, _, count = key
        kind = storage_type(kind, where)
        if type(name) is not str or type(count) is not int:
            refuse(where, "a storage without a name or a size", "both")
        if name not in self.storages:
            self.storages[name] = kind, count, self._storage(kind, name, count, where)
        before, elements, storage = self.storages[name]
        if (before, elements) != (kind, count):
            refuse(where, f"storage {shown(name)} with another dtype or size", "one of each")
        return storage

    def _storage(self, kind: StorageType, name: str, count: int, where: str) -> Storage:
        entry = f"data/{name}"
        if entry not in self.archive.records:
            refuse(where, f"no entry {shown(entry)}", "that of its storage")
        raw = self.archive.bytes_of(entry, check=not self.archive.content.mapped)
        size = 1 if kind.kind is None else kind.kind.stored.itemsize
        if count * size != raw.size:
            got = f"{raw.size:,} bytes in storage {shown(name)}"
            refuse(where, got, f"{count:,} elements of {size} bytes")
        storage = Storage(raw.size, kind.kind, where, self.archive.content.size, self.little)
        storage.raw = raw
        return storage
