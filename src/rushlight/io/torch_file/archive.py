"""Zip archives as torch.save writes them: stored entries, found by the directory at the end.

Nothing is unpacked: an entry is a stretch of the file. The directory is held against the file
before any entry is used: every entry lies inside, has the header it claims and is not encrypted,
and no two share a byte. One that is compressed cannot be read. So an archive never yields more
bytes than it has.

Source: https://pkware.cachefly.net/webdocs/casestudies/APPNOTE.TXT
"""

from __future__ import annotations

import struct
import zlib
from typing import NamedTuple

from rushlight.arrays import Array
from rushlight.io.stored import refuse
from rushlight.io.torch_file.content import Content, shown

__all__ = ["Archive"]

_LOCAL, _CENTRAL, _END = b"PK\x03\x04", b"PK\x01\x02", b"PK\x05\x06"
_END64, _LOCATOR = b"PK\x06\x06", b"PK\x06\x07"
_COMMENT = 0xFFFF  # the longest comment that may follow the end record
_WIDE = 0xFFFFFFFF  # the field that stands in the zip64 extra instead
_STREAMED = 8  # flag: sizes and checksum stand behind the data, not before
_LOCKED = 1 | 64 | 8192  # flags: encrypted in one of three ways
_STORED = "write it with torch.save or rushlight.save, or pack it again without compression"


class _Entry(NamedTuple):
    """One line of the directory."""

    name: str
    crc: int
    size: int
    header: int
    method: int


class _Record(NamedTuple):
    """Where the bytes of an entry lie; a checksum of 0 is none (torch can leave it out)."""

    start: int
    size: int
    crc: int
    method: int


class Archive:
    """The entries of an archive by name, without the folder that they all lie in.

    Args:
        content: the file.

    Raises:
        FileFormatError: the directory does not agree with the file.
    """

    def __init__(self, content: Content) -> None:
        self.content = content
        self.records: dict[str, _Record] = {}
        first, last, count = _directory(content)
        entries = _entries(content, first, last)
        where = content.where
        if len(entries) != count:
            refuse(where, f"{len(entries)} entries in the directory", f"the {count} that it states")
        end = 0
        for entry in sorted(entries, key=lambda entry: entry.header):
            here = f"{where}, entry {shown(entry.name)}"
            if entry.header < end:
                refuse(here, f"a header at byte {entry.header:,}", f"one behind byte {end:,}")
            start = _data(content, entry, first)
            end = start + entry.size
            self.records[entry.name] = _Record(start, entry.size, entry.crc, entry.method)
        self._inside(entries)

    def _inside(self, entries: list[_Entry]) -> None:
        """Take off the folder that all entries lie in."""
        folders = {entry.name.partition("/")[0] for entry in entries}
        if len(folders) != 1 or any("/" not in entry.name for entry in entries):
            refuse(
                self.content.where,
                f"entries in {len(folders)} folders or in none",
                "all in one, as torch.save writes them",
                "it is another kind of zip archive",
            )
        cut = len(folders.pop()) + 1
        self.records = {
            name[cut:]: record for name, record in self.records.items() if name[-1] != "/"
        }

    def bytes_of(self, name: str, check: bool = True) -> Array:
        """Return the bytes of an entry, in place.

        Args:
            name: without the folder.
            check: whether to compare the checksum, for which all bytes are read.
        """
        record = self.records[name]
        if record.method:
            here = f"{self.content.where}, entry {shown(name)}"
            refuse(here, f"compressed data (method {record.method})", "data as it is", _STORED)
        raw = self.content.raw[record.start : record.start + record.size]
        if check and record.crc and zlib.crc32(raw.data) != record.crc:
            refuse(
                f"{self.content.where}, entry {shown(name)}",
                f"the checksum {zlib.crc32(raw.data):08x}",
                f"{record.crc:08x}, stated in the directory",
            )
        return raw


def _unpack(form: str, content: Content, at: int) -> tuple[int, ...]:
    """Read a little-endian record; one that reaches beyond the file is refused."""
    size = struct.calcsize(f"<{form}")
    if at < 0 or at + size > content.size:
        refuse(content.where, f"a record at byte {at:,} of {content.size:,}", "one inside the file")
    return struct.unpack_from(f"<{form}", content.raw.data, at)


def _starts(content: Content, at: int, magic: bytes) -> bool:
    return at >= 0 and content.raw[at : at + 4].tobytes() == magic


def _directory(content: Content) -> tuple[int, int, int]:
    """Return where the directory begins and ends, and how many entries it has."""
    tail = content.raw[max(0, content.size - _COMMENT - 22) :].tobytes()
    at = tail.rfind(_END)
    while at >= 0 and not (
        at + 22 <= len(tail)
        and at + 22 + int.from_bytes(tail[at + 20 : at + 22], "little") == len(tail)
    ):
        at = tail.rfind(_END, 0, at)
    if at < 0:
        refuse(content.where, "no directory at its end", "that of a zip archive")
    end = content.size - len(tail) + at
    disk, other, here, count, size, first, _ = _unpack("4H2IH", content, end + 4)
    if _starts(content, end - 20, _LOCATOR):
        disk, record, disks = _unpack("IQI", content, end - 16)
        if record > end - 76 or not _starts(content, record, _END64):
            refuse(content.where, f"no zip64 record at byte {record:,}", "the one that is stated")
        length, _, _, other, second, here, count, size, first = _unpack(
            "QHHIIQQQQ", content, record + 4
        )
        if record + 12 + length != end - 20 or disks > 1 or second:
            refuse(content.where, "a zip64 record of another length", "one up to its locator")
        end = record
    if disk or other or here != count or first + size != end:
        refuse(
            content.where,
            f"a directory of {size:,} bytes at byte {first:,}",
            f"one that ends at byte {end:,}, of one archive in one part",
        )
    return first, end, count


def _entries(content: Content, first: int, last: int) -> list[_Entry]:
    """Read the directory."""
    found: list[_Entry] = []
    names: set[str] = set()
    at = first
    while at < last:
        if not _starts(content, at, _CENTRAL) or at + 46 > last:
            refuse(content.where, f"no entry at byte {at:,} of the directory", "one")
        fields = _unpack("6H3I5H2I", content, at + 4)
        flags, method, crc, packed, size = fields[2], fields[3], *fields[6:9]
        name_size, extra_size, _, disk = fields[9:13]
        header, stop = fields[15], at + 46 + sum(fields[9:12])
        if stop > last:
            refuse(content.where, f"an entry at byte {at:,} beyond the directory", "one inside")
        raw = content.raw[at + 46 : stop].tobytes()
        name = _name(content.where, raw[:name_size])
        here = f"{content.where}, entry {shown(name)}"
        if name in names:
            refuse(here, "the name twice", "every name once")
        if flags & _LOCKED:
            refuse(here, "encrypted data", "plain data", _STORED)
        wide = [value == _WIDE for value in (size, packed, header)]
        extra = raw[name_size : name_size + extra_size]
        size, packed, header = _wide(here, extra, wide, [size, packed, header])
        if (packed != size and not method) or disk not in (0, 0xFFFF):
            refuse(here, f"{packed:,} bytes for {size:,}", "as many in the archive as outside")
        names.add(name)
        found.append(_Entry(name, crc, packed, header, method))
        at = stop
    return found


def _wide(here: str, extra: bytes, wide: list[bool], values: list[int]) -> list[int]:
    """Return the values, of which the wide ones stand in the zip64 field of the extra data."""
    if not any(wide):
        return values
    at = 0
    while at + 4 <= len(extra):
        kind, size = struct.unpack_from("<HH", extra, at)
        if kind == 1 and 8 * sum(wide) <= size <= len(extra) - at - 4:
            numbers = iter(struct.unpack_from(f"<{sum(wide)}Q", extra, at + 4))
            return [next(numbers) if w else v for w, v in zip(wide, values, strict=True)]
        at += 4 + size
    return refuse(here, "no zip64 field", "one with its size and place")


def _name(where: str, raw: bytes) -> str:
    """Return an entry's name, if it is a plain path: it is never used as one all the same."""
    try:
        name = raw.decode()
    except UnicodeDecodeError:
        return refuse(where, f"the entry name {shown(raw)}", "UTF-8")
    parts = name.removesuffix("/").split("/")  # a folder may be an entry, too
    if not name.isprintable() or "\\" in name or ":" in parts[0] or {"", ".", ".."} & set(parts):
        refuse(where, f"the entry name {shown(name)}", "a path inside the archive")
    return name


def _data(content: Content, entry: _Entry, limit: int) -> int:
    """Return where an entry's data begin; its own header must say what the directory says."""
    here = f"{content.where}, entry {shown(entry.name)}"
    if not _starts(content, entry.header, _LOCAL):
        refuse(here, f"no header at byte {entry.header:,}", "the one that is stated")
    flags, method, crc, packed, size, names, extras = _unpack(
        "2x2H4x3I2H", content, entry.header + 4
    )
    start = entry.header + 30 + names + extras
    if start + entry.size > limit:
        refuse(here, f"{entry.size:,} bytes at byte {start:,}", f"an end before byte {limit:,}")
    name = content.raw[entry.header + 30 : entry.header + 30 + names].tobytes()
    stated = (entry.crc, min(entry.size, _WIDE))
    later = flags & _STREAMED and crc in (0, entry.crc) and size == packed == 0
    wide = size == packed == _WIDE and crc in (entry.crc, 0 if flags & _STREAMED else entry.crc)
    if name != entry.name.encode() or flags & _LOCKED or method != entry.method:
        refuse(here, f"a header of {shown(name)}", "what the directory says")
    if not later and not wide and (crc, packed) != stated:
        refuse(here, f"a header of {packed:,} bytes", f"{entry.size:,}, as in the directory")
    return start
