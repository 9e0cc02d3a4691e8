"""Checks of files in processes of their own, which may hang, crash or be ended."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import pathlib
import queue
import secrets
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Mapping
from typing import Any

import rushlight
from rushlight.check.loading.problem import Problem, stop_message
from rushlight.check.loading.source import read_source
from rushlight.check.loading.stops import place_in_dump
from rushlight.check.loading.words import words
from rushlight.errors import explain

__all__ = ["Checked", "Limits", "run"]

_MOST_STOPS = 8  # definitions that end the process, after which the file is given up
_SLOWER = 5  # times as long as the processor time may a step take on a busy machine
_START = 60.0  # seconds for a process to come up
_MOST_DUMP = 1 << 16  # bytes of what faulthandler writes
_MOST_EVENT = 1 << 24  # bytes of one event
_TAKEN = words(
    "PATH HOME USER LOGNAME LANG LANGUAGE TZ SYSTEMROOT SYSTEMDRIVE USERPROFILE APPDATA "
    "LOCALAPPDATA PATHEXT COMSPEC PYTHONPATH PYTHONHOME VIRTUAL_ENV CONDA_PREFIX "
    "LD_LIBRARY_PATH DYLD_LIBRARY_PATH DYLD_FALLBACK_LIBRARY_PATH NUMBER_OF_PROCESSORS "
    "RUSHLIGHT_KERNELS"
)


@dataclasses.dataclass(frozen=True)
class Limits:
    """What a check of a file may take.

    Args:
        seconds_per_layer: float, processor time of one layer or definition; default 3. By the
            clock it may take five times as long: the machine may be busy.
        seconds: float, by the clock, for the whole file; default 60.
        memory: int, bytes beyond what NumPy and Rushlight take; default 4 GiB. Linux only.
    """

    seconds_per_layer: float = 3.0
    seconds: float = 60.0
    memory: int = 4 << 30

    def __post_init__(self) -> None:
        for name, value in dataclasses.asdict(self).items():
            if not value > 0:
                raise ValueError(explain("Limits", got=f"{name}={value!r}", expected="more than 0"))


@dataclasses.dataclass
class Checked:
    """What came of the check of one file.

    Attributes:
        path: pathlib.Path of the file.
        layers: list of dicts, what `check` returned for each layer, after its "name" and the "cell"
            and "line" of its definition (None if unknown). A layer whose check was ended has
            "status" "error", a "reason" for `stop_message`, the "error" in words and in "where" a
            Place as a dict, or None. A layer for which no time was left has "status" "skipped".
        problems: list of Problem.
        output: str, the first part of what the code printed.
        warnings: list of str, warnings that the code gave rise to.
    """

    path: pathlib.Path
    layers: list[dict[str, Any]] = dataclasses.field(default_factory=list)
    problems: list[Problem] = dataclasses.field(default_factory=list)
    output: str = ""
    warnings: list[str] = dataclasses.field(default_factory=list)


def run(
    path: str | os.PathLike[str],
    options: Mapping[str, Any] | None = None,
    *,
    limits: Limits | None = None,
    torch: str = "rushlight",
    find: str = "rushlight.check.layer:find_layers",
    check: str = "rushlight.check.layer:check_for_report",
    stop: threading.Event | None = None,
) -> Checked:
    """Check the layers of a file in a guarded process; one that dies is followed by another.

    Args:
        path: the .py or .ipynb file.
        options: handed to `check`; it must be possible to write them as JSON.
        limits: default `Limits()`.
        torch: "rushlight" (default) or "real", see `Loader`.
        find: "module:function", from a dict of the names that the file makes to a list of
            (name, object).
        check: "module:function", from name, object and options to a dict for JSON.
        stop: ends the check when it is set, from another thread.

    Returns:
        Checked: a problem of the file, too, is a result, not an error.

    Raises:
        ValueError: `torch` is neither.
        RuntimeError: no process could be started, or `find` and `check` are not there.
    """
    if torch not in ("rushlight", "real"):
        raise ValueError(explain("run", got=f"torch={torch!r}", expected="'rushlight' or 'real'"))
    limits = limits or Limits()
    request = {
        "path": os.path.abspath(path),
        "options": dict(options or {}),
        "torch": torch,
        "find": find,
        "check": check,
        "seconds_per_layer": limits.seconds_per_layer,
        "cpu_seconds": limits.seconds,
        "memory": limits.memory,
    }
    return _Run(request, limits, stop or threading.Event()).run()


class _Died(Exception):
    """A process has ended before it was done."""

    def __init__(self, reason: str, dump: str) -> None:
        super().__init__(reason)
        self.reason, self.dump = reason, dump


class _Run:
    """One file: processes one after the other, until all layers have a result."""

    def __init__(self, request: dict[str, Any], limits: Limits, stop: threading.Event) -> None:
        self.request, self.limits, self.stop = request, limits, stop
        self.end = time.monotonic() + limits.seconds
        self.checked = Checked(pathlib.Path(request["path"]))
        self.names: list[str] = []
        self.places: dict[str, dict[str, Any]] = {}
        self.stopped: list[Problem] = []
        self.loaded: list[Problem] = []
        self.skip: list[tuple[int | None, int | None]] = []
        self.step: dict[str, Any] = {}
        self.begun = 0.0

    def run(self) -> Checked:
        """Return the results of all layers."""
        try:
            while not self._one_process():
                pass
        finally:
            self.checked.problems = [*self.stopped, *self.loaded]
        while len(self.checked.layers) < len(self.names):
            self._add({"status": "skipped", "reason": "no_time"})
        return self.checked

    def _one_process(self) -> bool:
        """Run one process to its end; return whether it was the last."""
        self.step, self.begun = {"event": "started", "seconds": _START / _SLOWER}, time.monotonic()
        with tempfile.TemporaryDirectory(
            prefix="rushlight-check-", ignore_cleanup_errors=True
        ) as outer:
            folder = os.path.join(outer, "work")
            os.mkdir(folder)
            request = {
                **self.request,
                "folder": folder,
                "skip": self.skip,
                "start": len(self.checked.layers),
            }
            try:
                with _Process(request, os.path.join(outer, "errors")) as process:
                    return self._follow(process)
            except _Died as death:
                return self._after(death)

    def _follow(self, process: _Process) -> bool:
        """Take the events of a process until it is done."""
        while True:
            patience = _SLOWER * self.step["seconds"]
            step = process.next_event(min(self.end, time.monotonic() + patience), self.stop)
            self.step, self.begun = step, time.monotonic()
            event = step["event"]
            if event == "loaded":
                self.loaded = [Problem(**problem) for problem in step["problems"]]
            elif event == "found":
                self.names, self.places = step["names"], step["places"]
            elif event == "checked":
                self._add(step["result"])
            elif event == "failed":
                reason = step["reason"]
                failed = Problem("unfinished", reason) if reason else Problem("file", step["error"])
                self.stopped.append(failed)
                return True
            elif event == "done":
                return True
            self.checked.output += step.get("output", "")
            self.checked.warnings += step.get("warnings", [])

    def _after(self, death: _Died) -> bool:
        """Note for what was going on that the process has ended; return whether to give up."""
        event = self.step["event"]
        place = self._place(death.dump)
        out_of_time = time.monotonic() >= self.end or self.stop.is_set()
        lasted = time.monotonic() - self.begun
        cut_short = out_of_time and lasted < self.step["seconds"]
        reason = "no_time" if cut_short else death.reason
        if event == "checking":
            words = stop_message(reason)
            self._add({"status": "error", "reason": reason, "error": words, "where": place})
        elif event == "checked":  # between two layers: the next process goes on
            pass
        elif event == "defining":
            self._definition_stopped(reason, place)
        elif event == "started" and not out_of_time:
            last = death.dump.strip().split("\n")[-1] or stop_message(reason)
            raise RuntimeError(
                explain("run", got=last, expected="a process that can run find and check")
            ) from None
        elif not out_of_time:
            self.stopped.append(Problem("unfinished", reason))
            return True
        if out_of_time or len(self.skip) > _MOST_STOPS:
            self.stopped.append(Problem("unfinished", "no_time"))
            return True
        return event.startswith("check") and len(self.checked.layers) == len(self.names)

    def _add(self, result: dict[str, Any]) -> None:
        """Append the result of the next layer, with its name and place before what it says."""
        name = self.names[len(self.checked.layers)]
        place = self.places.get(name, {"cell": None, "line": None})
        head = {"name": name, "cell": place["cell"], "line": place["line"]}
        self.checked.layers.append({**head, **result})

    def _definition_stopped(self, reason: str, place: dict[str, Any] | None) -> None:
        begin = self.step["place"]
        self.skip.append((begin["cell"], begin["line"]))
        at = place or begin
        self.stopped.append(Problem("stopped", reason, **at, name=self.step["name"]))

    def _place(self, dump: str) -> dict[str, Any] | None:
        """Return the line of the student's code at the top of a dump of the stack."""
        with contextlib.suppress(OSError, ValueError):
            chunks = read_source(self.checked.path).chunks
            place = place_in_dump(dump, {chunk.filename: chunk for chunk in chunks})
            return None if place is None else place.to_dict()
        return None


class _Process:
    """A child process, its request and its events."""

    def __init__(self, request: dict[str, Any], errors: str) -> None:
        self.errors = errors
        self.events: queue.Queue[bytes | None] = queue.Queue()
        self.token = secrets.token_hex(16).encode()
        text = json.dumps({**request, "token": self.token.decode()}).encode()
        with open(errors, "wb") as file:
            self.process = subprocess.Popen(
                [sys.executable, "-X", "utf8", "-m", "rushlight.check.loading.child"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=file,
                env=_environment(),
                cwd=request["folder"],
                start_new_session=True,
            )
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()
        stdin = self.process.stdin
        assert stdin is not None
        with contextlib.suppress(OSError), stdin:  # a child that is gone tells so by its events
            stdin.write(text)

    def _read(self) -> None:
        stdout = self.process.stdout
        assert stdout is not None
        for line in iter(lambda: stdout.readline(_MOST_EVENT), b""):
            _, found, text = line.partition(self.token)
            if found:  # else it is not ours: code may write to any descriptor it guesses
                self.events.put(text)
        self.events.put(None)

    def __enter__(self) -> _Process:
        return self

    def __exit__(self, *exception: object) -> None:
        self._kill()
        self.reader.join(5)
        if self.process.stdout is not None:
            self.process.stdout.close()

    def _kill(self) -> None:
        if hasattr(os, "killpg"):
            with contextlib.suppress(OSError):
                os.killpg(self.process.pid, signal.SIGKILL)
        self.process.kill()
        self.process.wait()

    def next_event(self, end: float, stop: threading.Event) -> dict[str, Any]:
        """Return the next event; raise _Died if none comes until `end`."""
        while True:
            left = end - time.monotonic()
            try:
                line = self.events.get(timeout=max(0.0, min(left, 0.5)))
            except queue.Empty:
                if left > 0 and not stop.is_set():
                    continue
                self._ask_to_end()
                raise _Died("timeout", self._dump()) from None
            if line is None:
                raise _Died(self._cause(), self._dump())
            return json.loads(line)

    def _ask_to_end(self) -> None:
        """End the process by a signal at which it writes where it stands."""
        if hasattr(signal, "SIGUSR1"):
            self.process.send_signal(signal.SIGUSR1)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.process.wait(2)
        self._kill()

    def _cause(self) -> str:
        """Return the reason for which a process has ended by itself."""
        try:
            code = self.process.wait(5)
        except subprocess.TimeoutExpired:  # it has closed its side, and goes on
            return "exit"
        if code >= 0:
            return "timeout" if "Timeout (" in self._dump() else "exit"
        names = {"SIGPROF": "timeout", "SIGXCPU": "timeout", "SIGUSR1": "timeout"}
        names |= {"SIGKILL": "killed", "SIGTERM": "killed", "SIGALRM": "kill"}
        try:
            return names.get(signal.Signals(-code).name, "crash")
        except ValueError:
            return "crash"

    def _dump(self) -> str:
        with open(self.errors, "rb") as file:
            file.seek(max(0, os.path.getsize(self.errors) - _MOST_DUMP))
            return file.read().decode("utf-8", "replace")


def _environment() -> dict[str, str]:
    """Return the environment of a child: no secrets of the user, one thread, no windows."""
    chosen = {
        name: value
        for name, value in os.environ.items()
        if name.upper() in _TAKEN or name.startswith("LC_")
    }
    paths = [os.path.abspath(p) for p in chosen.pop("PYTHONPATH", "").split(os.pathsep) if p]
    home = os.path.dirname(os.path.dirname(os.path.abspath(rushlight.__file__)))
    if os.path.basename(home) not in ("site-packages", "dist-packages"):
        paths.insert(0, home)
    threads = ("OMP", "OPENBLAS", "MKL", "NUMEXPR", "VECLIB_MAXIMUM", "BLIS")
    return {
        **chosen,
        **{f"{library}_NUM_THREADS": "1" for library in threads},
        "MPLBACKEND": "Agg",
        "PYTHONPATH": os.pathsep.join(paths),
        "PYTHONBREAKPOINT": "0",
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONSAFEPATH": "1",
    }
