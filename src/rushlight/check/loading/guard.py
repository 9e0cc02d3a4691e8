"""The guard: what a process gives up before it runs code of students.

It keeps accidents in and pranks out: endless loops, memory, files, programs, the net. It is no
prison for an attacker who knows CPython's internals; for such code use a container.
"""

from __future__ import annotations

import contextlib
import importlib
import io
import os
import sys
import warnings
from typing import Any, NoReturn

from rushlight.check.loading.landlock import lock
from rushlight.check.loading.stops import Stop
from rushlight.check.loading.words import words

__all__ = ["Guard", "Recorder", "limit_resources", "seal"]

_MOST_FILE = 1 << 26  # bytes of one file in the temporary folder
_MOST_NEW_THREADS = 64
_MOST_TEXT = 20_000  # characters of prints that are kept
_MOST_WARNINGS = 50
_NOT_THEIRS = (ResourceWarning, ImportWarning, PendingDeprecationWarning)

_WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
# Audit events and which of their arguments are paths, each followed by its folder's descriptor.
_CHANGES: dict[str, tuple[tuple[int, int | None], ...]] = {
    "os.chflags": ((0, None),),
    "os.chmod": ((0, 2),),
    "os.chown": ((0, 3),),
    "os.link": ((0, 2), (1, 3)),
    "os.mkdir": ((0, 2),),
    "os.remove": ((0, 1),),
    "os.removexattr": ((0, None),),
    "os.rename": ((0, 2), (1, 3)),
    "os.rmdir": ((0, 1),),
    "os.setxattr": ((0, None),),
    "os.symlink": ((1, 2),),
    "os.truncate": ((0, None),),
    "os.utime": ((0, 3),),
    "shutil.chown": ((0, None),),
    "sqlite3.connect": ((0, None),),
}
_PROGRAMS = words(
    "os.exec os.fork os.forkpty os.posix_spawn os.spawn os.startfile os.startfile/2 os.system "
    "pty.spawn subprocess.Popen webbrowser.open _winapi.CreateProcess"
)
_LIBRARIES = frozenset({"ctypes.dlopen"})
_SIGNALS = frozenset({"os.kill", "os.killpg", "signal.pthread_kill"})
_REGISTRY = words("winreg.CreateKey winreg.DeleteKey winreg.DeleteValue winreg.SetValue")


class Guard:
    """An audit hook that refuses what reaches out of a folder: files, programs, the net, signals.

    Args:
        folder: str, the temporary folder, where files may be written.
    """

    def __init__(self, folder: str) -> None:
        self.folder = os.path.realpath(folder)
        # Kept here: code may put something else in their place.
        self._realpath, self._join, self._isdir = os.path.realpath, os.path.join, os.path.isdir
        self._fsdecode, self._readlink, self._separator = os.fsdecode, os.readlink, os.sep
        self._null = os.devnull

    def __call__(self, event: str, args: tuple[Any, ...]) -> None:
        if event == "open":
            path, _, flags = args
            if isinstance(flags, int) and flags & _WRITES and not isinstance(path, int):
                self._check_path(path, None, "opens {} for writing")
        elif event in _CHANGES:
            self._check_change(event, args)
        elif event.startswith("socket."):
            if event not in ("socket.gethostname", "socket.sethostname"):
                raise PermissionError(f"the check has no network: {event} is refused")
        elif event in _PROGRAMS or event in _REGISTRY:
            raise PermissionError(f"the check runs no other programs: {event} is refused")
        elif event in _LIBRARIES:
            raise PermissionError(f"the check loads no libraries by ctypes: {args[0]!r} is refused")
        elif event in _SIGNALS:
            raise Stop("kill", f"{event} is refused")

    def _check_change(self, event: str, args: tuple[Any, ...]) -> None:
        for position, folder in _CHANGES[event]:
            path = args[position]
            if isinstance(path, int):  # an open file: it was checked when it was opened
                continue
            if event == "os.mkdir" and self._isdir(path):
                continue  # it will say that the folder exists
            if event == "sqlite3.connect" and path in (":memory:", ""):
                continue
            beside = args[folder] if folder is not None and folder < len(args) else None
            self._check_path(path, beside, f"{event} {{}}", link=event != "os.truncate")

    def _check_path(self, path: Any, beside: int | None, words: str, *, link: bool = False) -> None:
        """Raise unless a path lies in the folder; with `link` it is the link itself that counts."""
        text = self._fsdecode(path)
        if isinstance(beside, int) and beside >= 0 and not text.startswith(self._separator):
            text = self._join(self._folder_of(beside), text)
        if text == self._null:
            return
        if link:
            head, tail = os.path.split(text.rstrip(self._separator) or text)
            place = self._join(self._realpath(head or "."), tail)
            if tail in ("", ".", ".."):
                place = self._realpath(text)
        else:
            place = self._realpath(text)
        if place != self.folder and not place.startswith(self.folder + self._separator):
            raise PermissionError(
                f"the check writes only to its temporary folder: the code {words.format(text)!s}"
            )

    def _folder_of(self, descriptor: int) -> str:
        try:
            return self._readlink(f"/proc/self/fd/{descriptor}")
        except OSError:
            raise PermissionError("the check cannot tell which folder is meant") from None


class _NoInput(io.TextIOBase):
    """Standard input that stops whoever reads it."""

    def _stop(self, *_: Any, **__: Any) -> NoReturn:
        raise Stop("stdin", "standard input is closed during the check")

    read = readline = readlines = __iter__ = __next__ = _stop

    def readable(self) -> bool:
        return True

    @property
    def buffer(self) -> _NoInput:
        """Binary input is as closed."""
        return self


class _Kept(io.TextIOBase):
    """Standard output of which the first characters are kept and the rest is forgotten."""

    encoding = "utf-8"

    def __init__(self) -> None:
        self.parts: list[str] = []
        self.room = _MOST_TEXT
        self.buffer = _KeptBytes(self)

    def writable(self) -> bool:
        return True

    def write(self, text: str) -> int:
        if not isinstance(text, str):
            raise TypeError(f"write() argument must be str, not {type(text).__name__}")
        if self.room > 0:
            self.parts.append(text[: self.room])
            self.room -= len(text)
        return len(text)


class _KeptBytes(io.RawIOBase):
    """The binary side of `_Kept`."""

    def __init__(self, text: _Kept) -> None:
        self.text = text

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        view = memoryview(data)
        self.text.write(bytes(view[:_MOST_TEXT]).decode("utf-8", "replace"))
        return view.nbytes


class Recorder:
    """Takes prints and warnings of the code, in limited amounts, instead of the terminal."""

    def __init__(self) -> None:
        self.text = _Kept()
        self.warnings: list[str] = []

    def start(self) -> None:
        """Stand in the place of the standard streams and of the display of warnings."""
        sys.stdout = sys.stderr = sys.__stdout__ = sys.__stderr__ = self.text  # type: ignore
        sys.stdin = sys.__stdin__ = _NoInput()  # type: ignore
        warnings.resetwarnings()
        warnings.simplefilter("default")
        for category in _NOT_THEIRS:
            warnings.simplefilter("ignore", category)
        warnings.showwarning = self._warn  # type: ignore[assignment]

    def _warn(
        self, message: Any, category: type[Warning], filename: str, lineno: int, *_: Any
    ) -> None:
        if len(self.warnings) < _MOST_WARNINGS:
            where = f"{filename[1:-1]}, " if filename.startswith("<") else ""
            self.warnings.append(f"{where}line {lineno}: {category.__name__}: {message}")

    def take(self) -> dict[str, Any]:
        """Return what has come since the last time, and forget it."""
        taken = {"output": "".join(self.text.parts), "warnings": self.warnings}
        self.text.parts, self.warnings = [], []
        return taken


def limit_resources(memory: int, cpu_seconds: float) -> None:
    """Limit memory, processor time, files and processes, where the system can.

    Args:
        memory: int, bytes beyond what is in use now.
        cpu_seconds: float, of the whole process.
    """
    try:
        resource = importlib.import_module("resource")
    except ImportError:  # Windows
        return
    limits = {
        "RLIMIT_CPU": int(cpu_seconds) + 1,
        "RLIMIT_FSIZE": _MOST_FILE,
        "RLIMIT_CORE": 0,
        "RLIMIT_AS": None if (used := _address_space()) is None else used + memory,
        "RLIMIT_NPROC": None if (count := _threads()) is None else count + _MOST_NEW_THREADS,
    }
    for name, limit in limits.items():
        kind = getattr(resource, name, None)
        if kind is None or limit is None:
            continue
        hard = resource.getrlimit(kind)[1]
        if hard != resource.RLIM_INFINITY:
            limit = min(limit, hard)
        with contextlib.suppress(ValueError, OSError):
            resource.setrlimit(kind, (limit, limit))


def _address_space() -> int | None:
    """Return the bytes of address space in use; None where the system does not tell."""
    try:
        with open("/proc/self/statm", encoding="ascii") as file:
            return int(file.read().split()[0]) * os.sysconf("SC_PAGE_SIZE")
    except OSError:
        return None


def _threads() -> int | None:
    """Return how many threads the user has now: RLIMIT_NPROC counts them all."""
    count, user = 0, os.getuid()
    try:
        names = [name for name in os.listdir("/proc") if name.isdecimal()]
    except OSError:
        return None
    for name in names:
        with contextlib.suppress(OSError):
            if os.stat(f"/proc/{name}").st_uid == user:
                count += len(os.listdir(f"/proc/{name}/task"))
    return count


def seal(folder: str) -> None:
    """Give up everything outside of `folder`; there is no way back in this process.

    Args:
        folder: str, the temporary folder; it becomes the current one.
    """
    os.chdir(folder)
    os.environ["TMPDIR"] = os.environ["TEMP"] = os.environ["TMP"] = folder
    importlib.import_module("ctypes")  # it loads a library itself, when it is imported
    with contextlib.suppress(OSError):
        lock(folder)
    os._exit = _exit
    _refuse_fork()
    sys.addaudithook(Guard(folder))


def _exit(status: int = 0) -> NoReturn:
    raise Stop("exit", f"os._exit({status})")


def _refuse_fork() -> None:
    """Refuse what starts processes without an audit event (multiprocessing's spawn)."""

    def refuse(*_: Any) -> NoReturn:
        raise PermissionError("the check runs no other programs")

    for name, attribute in (("_posixsubprocess", "fork_exec"), ("subprocess", "_fork_exec")):
        with contextlib.suppress(ImportError):
            module = importlib.import_module(name)
            if hasattr(module, attribute):
                setattr(module, attribute, refuse)
