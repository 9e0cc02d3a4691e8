"""Locks of run folders: two processes never train into one folder."""

from __future__ import annotations

import contextlib
import errno
import os
import pathlib
import sys
import warnings
from typing import Any

from rushlight.errors import explain

__all__ = ["FolderInUse", "Locks"]

NAME = ".lock"
_AT = 1 << 30  # the byte that Windows locks: far behind the text, which others may then read


class FolderInUse(OSError):
    """Another process (or another fit of this one) trains into the folder."""


class Locks:
    """The folders that one `fit` holds, until the block ends.

    The operating system keeps the locks and takes them back from a process that is killed: a
    lock is never stale, whatever files lie about.
    """

    def __init__(self) -> None:
        self._held: dict[str, int] = {}

    def __enter__(self) -> Locks:
        return self

    def __exit__(self, *exception: object) -> None:
        for path, descriptor in self._held.items():
            with contextlib.suppress(OSError):
                os.unlink(path)  # before it is let go: nobody else has locked this file
            os.close(descriptor)
            if os.name == "nt":
                with contextlib.suppress(OSError):
                    os.unlink(path)
        self._held = {}

    def claim(self, folder: str | os.PathLike[str]) -> None:
        """Take a folder, which must exist; taking it twice does nothing.

        Raises:
            FolderInUse: somebody else has it; the message names the process.
            OSError: no file can be made there.
        """
        path = os.path.join(os.path.realpath(folder), NAME)
        while path not in self._held:
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
            try:
                taken = _lock(descriptor)
                if taken and not _is(descriptor, path):  # removed by who had it before
                    os.close(descriptor)
                    continue
                if not taken:
                    raise _in_use(folder, path)
                os.ftruncate(descriptor, 0)
                os.write(descriptor, f"{os.getpid()}\n".encode())
            except BaseException:
                with contextlib.suppress(OSError):
                    os.close(descriptor)
                raise
            self._held[path] = descriptor


def _in_use(folder: str | os.PathLike[str], path: str) -> FolderInUse:
    try:
        pid = pathlib.Path(path).read_text("ascii").strip()
    except (OSError, ValueError):
        pid = ""
    who = f"process {pid}" if pid.isdigit() else "another process"
    if pid == str(os.getpid()):
        who = f"another fit of this process ({pid})"
    return FolderInUse(
        errno.EBUSY,
        explain(
            f"the folder {os.fspath(folder)!r}",
            got=f"a folder into which {who} is training",
            expected="a folder of its own for each run",
            fix="choose another one, or wait until that run has ended",
        ),
    )


def _is(descriptor: int, path: str) -> bool:
    """Tell whether an open file is still the one at its path."""
    try:
        return os.path.samestat(os.fstat(descriptor), os.stat(path))
    except OSError:
        return False


def _lock(descriptor: int) -> bool:
    """Take the lock of an open file without waiting; False where another one has it."""
    module: Any
    try:
        if sys.platform == "win32":
            import msvcrt as module

            os.lseek(descriptor, _AT, os.SEEK_SET)
            try:
                module.locking(descriptor, module.LK_NBLCK, 1)
            finally:
                os.lseek(descriptor, 0, os.SEEK_SET)
        else:
            import fcntl as module

            module.flock(descriptor, module.LOCK_EX | module.LOCK_NB)
    except (BlockingIOError, PermissionError):
        return False
    except OSError as error:  # a file system that knows no locks
        warnings.warn(
            f"the run's folder cannot be locked ({error.strerror or error}): see to it that no "
            "other process trains into it",
            stacklevel=2,
        )
    return True
