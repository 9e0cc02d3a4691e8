"""Atomic writes: a reader of the path sees the old file or the whole new one, never a part."""

from __future__ import annotations

import contextlib
import errno
import os
from collections.abc import Iterator
from typing import BinaryIO

from rushlight.errors import explain

__all__ = ["atomic_write", "write_text"]

_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_FIX = {
    errno.ENOENT: ("a folder that exists", "create the folder first"),
    errno.ENOTDIR: ("a folder that exists", "a part of the path is a file; choose another path"),
    errno.EACCES: ("a folder one may write to", "change its permissions or choose another path"),
    errno.EPERM: ("a folder one may write to", "change its permissions or choose another path"),
    errno.EROFS: ("a file system one may write to", "it is mounted read-only; choose another path"),
    errno.EISDIR: ("the path of a file", "add a file name"),
    errno.ENAMETOOLONG: ("a shorter file name", "choose another path"),
    **dict.fromkeys(_FULL, ("enough free space", "free some, or choose another path")),
}


@contextlib.contextmanager
def atomic_write(path: str | os.PathLike[str]) -> Iterator[BinaryIO]:
    """Open a binary file that takes the place of `path` when the block ends without an error.

    The bytes go to a temporary file in the same folder, are forced to the disk and then renamed
    over `path`. An exception (an interrupt included) removes the temporary file and leaves what
    was there untouched. A symbolic link is followed: the file it points to is replaced. The mode
    of an existing file is kept.

    Args:
        path: the file to write; its folder must exist.

    Raises:
        OSError: the folder is missing, read-only or full (the subclass and `errno` of the
            failure are kept; the text says which path and what to do).

    Example:
        >>> import pathlib, tempfile
        >>> folder = tempfile.TemporaryDirectory()
        >>> path = pathlib.Path(folder.name, "weights.bin")
        >>> with atomic_write(path) as file:
        ...     _ = file.write(b"new")
        >>> path.read_bytes(), [found.name for found in path.parent.iterdir()]
        (b'new', ['weights.bin'])
        >>> folder.cleanup()
    """
    target = os.path.realpath(path)
    folder, name = os.path.split(target)
    temporary = os.path.join(folder, f".{name[:200]}.{os.urandom(8).hex()}.tmp")
    opened = False
    try:
        if os.path.isdir(target):
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
        with os.fdopen(os.open(temporary, flags, 0o666), "wb") as file:
            opened = True
            with contextlib.suppress(OSError):  # no old file, or a system without modes
                os.chmod(temporary, os.stat(target).st_mode & 0o7777)
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, target)
    except BaseException as error:
        _remove(temporary)
        if isinstance(error, OSError) and (not opened or error.errno in _FULL):
            raise _told(error, path) from error
        raise
    _sync_folder(folder)


def _remove(path: str) -> None:
    """Remove a file that may be there; Ctrl-C, which is pressed again and again, does not help."""
    try:
        with contextlib.suppress(OSError):
            os.unlink(path)
    except KeyboardInterrupt:
        _remove(path)
        raise


def _told(error: OSError, path: str | os.PathLike[str]) -> OSError:
    """Return the same kind of error with a text that says what to do."""
    text = error.strerror or str(error)
    expected, fix = _FIX.get(error.errno or 0, ("a path one may write to", "choose another path"))
    message = explain(f"writing {os.fspath(path)!r}", got=text, expected=expected, fix=fix)
    return OSError(error.errno or errno.EIO, message)  # OSError picks the subclass of the errno


def _sync_folder(folder: str) -> None:
    """Force the renaming to the disk, where the system can do that."""
    if os.name != "posix":
        return
    with contextlib.suppress(OSError):  # some network file systems refuse: the file is in place
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def write_text(path: str | os.PathLike[str], text: str) -> None:
    """Write a text file in UTF-8, whole or not at all, by `atomic_write`.

    Args:
        path: the file to write; its folder must exist.
        text: its content.

    Raises:
        OSError: as `atomic_write`.
    """
    with atomic_write(path) as file:
        file.write(text.encode("utf-8"))
