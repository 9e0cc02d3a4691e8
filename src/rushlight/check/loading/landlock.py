"""Landlock: the Linux kernel itself refuses to write outside of a folder, and to run programs."""

from __future__ import annotations

import ctypes
import os
import sys

__all__ = ["lock"]

# The numbers are the same on all architectures; the rights are those of linux/landlock.h.
_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF, _NO_NEW_PRIVS = 444, 445, 446, 38
_ASK_VERSION, _PATH_BENEATH = 1, 1
_EXECUTE, _WRITE_FILE, _TRUNCATE = 1, 1 << 1, 1 << 14
_READ = (1 << 2) | (1 << 3)  # files and folders: left as they are
_RIGHTS = {1: 13, 2: 14, 3: 15}  # version: how many rights of files it knows
_TCP = 3  # bind and connect, from version 4
_SCOPES = 3  # abstract sockets and signals to other processes, from version 6


class _Ruleset(ctypes.Structure):
    _fields_ = (
        ("files", ctypes.c_uint64),
        ("net", ctypes.c_uint64),
        ("scoped", ctypes.c_uint64),
    )


class _PathBeneath(ctypes.Structure):
    _pack_ = 1
    _layout_ = "ms"
    _fields_ = (("allowed", ctypes.c_uint64), ("parent", ctypes.c_int32))


def lock(folder: str) -> int:
    """Forbid the process, for good, to write anywhere but in `folder`, to run programs, and TCP.

    Args:
        folder: str, the folder; `/dev/null` may be written to as well.

    Returns:
        int: the version of Landlock, 0 where the kernel has none: then nothing is forbidden.

    Source: https://docs.kernel.org/userspace-api/landlock.html
    """
    if not sys.platform.startswith("linux"):
        return 0
    libc = ctypes.CDLL(None, use_errno=True)
    libc.syscall.restype = ctypes.c_long
    version = int(libc.syscall(_CREATE_RULESET, None, ctypes.c_size_t(0), _ASK_VERSION))
    if version < 1:
        return 0
    rights = ((1 << _RIGHTS.get(version, 15)) - 1) & ~_READ
    rules = _Ruleset(rights, _TCP if version >= 4 else 0, _SCOPES if version >= 6 else 0)
    size = 8 if version < 4 else 16 if version < 6 else 24
    ruleset = libc.syscall(_CREATE_RULESET, ctypes.byref(rules), ctypes.c_size_t(size), 0)
    if ruleset < 0:
        return 0
    try:
        _allow(libc, ruleset, folder, rights & ~_EXECUTE)
        _allow(libc, ruleset, os.devnull, rights & (_WRITE_FILE | _TRUNCATE))
        libc.prctl(_NO_NEW_PRIVS, 1, 0, 0, 0)
        return version if libc.syscall(_RESTRICT_SELF, ruleset, 0) == 0 else 0
    finally:
        os.close(ruleset)


def _allow(libc: ctypes.CDLL, ruleset: int, path: str, rights: int) -> None:
    parent = os.open(path, getattr(os, "O_PATH", 0))
    try:
        rule = _PathBeneath(rights, parent)
        libc.syscall(_ADD_RULE, ruleset, _PATH_BENEATH, ctypes.byref(rule), 0)
    finally:
        os.close(parent)
