"""The process that runs code of students: `python -m rushlight.check.loading.child`.

A request comes as JSON on standard input; events go, as lines of JSON, to what was standard
output before the code of the student could touch it. Each event says what begins next, so that the
parent knows what was going on if no other follows.
"""

from __future__ import annotations

import ast
import contextlib
import faulthandler
import importlib
import json
import os
import random
import signal
import sys
import types
from collections.abc import Callable
from typing import Any

import numpy as np

import rushlight
from rushlight.check.loading.guard import Recorder, limit_resources, seal
from rushlight.check.loading.loader import Loader
from rushlight.check.loading.problem import Place
from rushlight.check.loading.stops import Stop, place_of, reason_in_check, reason_of
from rushlight.check.loading.stubs import Stub, StubUsed
from rushlight.check.loading.untouched import Untouched

__all__ = ["main", "own_names"]

_READ = 10.0  # seconds of processor time to read a file
_IMPORTS = 4  # times as long as a definition may an import take
_really_exit = os._exit  # the guard will put something else in its place


class _Child:
    """One request, from the guard to the last layer."""

    def __init__(self, request: dict[str, Any]) -> None:
        self.request = request
        self.token = request.pop("token")  # marks what comes from here
        self.seconds = float(request["seconds_per_layer"])
        self.skip = {(cell, line) for cell, line in request["skip"]}
        self.events = os.fdopen(os.dup(1), "w", encoding="ascii")
        self.dumps = os.fdopen(os.dup(2), "w")
        os.dup2(2, 1)
        self.recorder = Recorder()
        self.untouched = Untouched()
        self.out_of_memory = False
        # Signals only the child's own thread sets; Windows has none of them.
        self.set_timer = getattr(signal, "setitimer", None)

    def send(self, event: str, seconds: float, **what: Any) -> None:
        """Announce what begins now and may take `seconds` of processor time.

        The system ends the process after them, inside of C functions too, which no thread and no
        Python handler could interrupt, and faulthandler writes where the code stood.
        """
        line = {"event": event, "seconds": seconds, **what}
        self.events.write(f"{self.token}{json.dumps(line, default=_plain)}\n")
        self.events.flush()
        if self.set_timer is not None:
            self.set_timer(signal.ITIMER_PROF, seconds)
        else:
            faulthandler.dump_traceback_later(5 * seconds, file=self.dumps, exit=True)

    def run(self) -> None:
        """Do what the request asks for."""
        find, check = (_function(self.request[what]) for what in ("find", "check"))
        self._watch()
        nothing = os.open(os.devnull, os.O_RDWR)
        for descriptor in (0, 1, 2):
            os.dup2(nothing, descriptor)
        if self.request["torch"] == "real":  # it loads libraries, which the guard refuses
            with contextlib.suppress(ImportError):
                importlib.import_module("torch")
        limit_resources(self.request["memory"], self.request["cpu_seconds"])
        self.recorder.start()
        seal(self.request["folder"])
        self.send("guarded", _READ)
        try:
            self._run(find, check)
        except BaseException as error:
            self.send("failed", self.seconds, error=_words(error), reason=reason_of(error))

    def _run(self, find: Callable[..., Any], check: Callable[..., Any]) -> None:
        """Load the file and check what is found in it."""
        loader = Loader(self.request["path"], torch=self.request["torch"], before=self._before)
        with loader:
            loader.load()
            problems = [problem.to_dict() for problem in loader.problems]
            self.send("loaded", self.seconds, problems=problems, **self.recorder.take())
            found = list(find(own_names(loader)))
            names = [name for name, _ in found]
            places = {n: loader.places[n][-1].to_dict() for n in names if n in loader.places}
            self.send("found", self.seconds, names=names, places=places)
            for index, (name, layer) in enumerate(found):
                if index >= self.request["start"]:
                    self._check(index, check, name, layer, loader)
                    if self.out_of_memory:
                        return  # what took it may still be held: the rest gets a new process
        self.send("done", self.seconds)

    def _watch(self) -> None:
        """Let faulthandler write where the code stands when the process is ended."""
        faulthandler.enable(file=self.dumps, all_threads=False)
        for name in ("SIGPROF", "SIGUSR1"):
            number = getattr(signal, name, None)
            if number is not None:
                signal.signal(number, signal.SIG_DFL)
                faulthandler.register(number, file=self.dumps, all_threads=False, chain=True)

    def _before(self, node: ast.stmt, place: Place, name: str) -> bool:
        if (place.cell, place.line) in self.skip:
            return False
        imports = any(isinstance(n, (ast.Import, ast.ImportFrom)) for n in _block(node))
        seconds = self.seconds * (_IMPORTS if imports else 1)
        self.send("defining", seconds, name=name, place=place.to_dict())
        return True

    def _check(
        self,
        index: int,
        check: Callable[..., dict[str, Any]],
        name: str,
        layer: Any,
        loader: Loader,
    ) -> None:
        self.untouched.restore()
        self.send("checking", self.seconds, index=index)
        random.seed(0)
        np.random.seed(0)  # noqa: NPY002 (what students' code draws from)
        rushlight.manual_seed(0)
        try:
            result = dict(check(name, layer, self.request["options"]))
            self.untouched.restore()
            json.dumps(result, default=_plain)
        except BaseException as error:
            self.untouched.restore()
            where = place_of(error, loader.files)
            self.out_of_memory = isinstance(error, MemoryError)
            result = {
                "status": "error",
                "reason": reason_in_check(error),
                "error": _words(error),
                "error_ru": getattr(error, "russian", "") if isinstance(error, StubUsed) else "",
                "where": None if where is None else where.to_dict(),
            }
        self.send("checked", self.seconds, index=index, result=result, **self.recorder.take())


def _block(node: ast.stmt) -> list[ast.AST]:
    """Return a statement and those in it, without the insides of definitions."""
    if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
        return [node]
    return list(ast.walk(node))


def own_names(loader: Loader) -> dict[str, Any]:
    """Return the names that a file makes itself: no modules, and no classes from elsewhere."""
    own = {loader.module_name, *(f"{loader.module_name}_cell_{c.cell}" for c in loader.chunks)}
    kinds = (type, types.FunctionType, types.BuiltinFunctionType)
    return {
        name: value
        for name, value in loader.namespace.items()
        if not name.startswith("__")
        and not isinstance(value, (Stub, types.ModuleType))
        and not (isinstance(value, kinds) and getattr(value, "__module__", None) not in own)
    }


def _function(name: str) -> Callable[..., Any]:
    """Return the function called "module:function"."""
    module, _, function = name.partition(":")
    return getattr(importlib.import_module(module), function)


def _plain(value: Any) -> Any:
    """Return what JSON can write, for numbers and arrays of NumPy."""
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, np.ndarray):
        return value.tolist()
    raise TypeError(f"{type(value).__name__} cannot be written as JSON")


def _words(error: BaseException) -> str:
    """Return what an exception says, with its kind unless the reason says that already."""
    try:
        text = str(error)
    except Exception:  # of a class of the student's
        text = ""
    if isinstance(error, (Stop, StubUsed, MemoryError)):
        return text
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


def main() -> None:
    """Read the request, run it, and leave at once, whatever threads the code has started."""
    _Child(json.loads(sys.stdin.buffer.read())).run()
    _really_exit(0)


if __name__ == "__main__":
    main()
