"""The `rushlight` command."""

from __future__ import annotations

import io
import os
import signal
import sys
import warnings
from collections.abc import Sequence
from typing import Any

from rushlight import comm
from rushlight.errors import MissingExtra

__all__ = ["main", "run"]

INTERRUPTED = 130  # what a shell reports of a program that Ctrl-C ended

# Mistakes of the user, of the data or of the machine. Anything else is a bug and shows where.
_EXPECTED = (
    OSError,
    ValueError,
    TypeError,
    RuntimeError,
    ImportError,
    ArithmeticError,
    MemoryError,
)


def main() -> int:
    """Run the command with the arguments of the process and return its exit code."""
    if isinstance(sys.stdout, io.TextIOWrapper):  # a path that it cannot show must not end a run
        sys.stdout.reconfigure(errors="backslashreplace")
    try:
        code = run(sys.argv[1:])
    except KeyboardInterrupt:  # again, while the first was being told
        code = INTERRUPTED
    # `try` alone: a call, such as that of `suppress`, has moments at which Ctrl-C passes it by
    for _ in range(9 if code == INTERRUPTED else 0):
        try:
            signal.signal(signal.SIGINT, signal.SIG_IGN)  # Python's own end is not ours to break
            break
        except KeyboardInterrupt:
            continue
    return code


def run(args: Sequence[str]) -> int:
    """Run the command and return its exit code: 0, 1 (failed), 2 (wrong usage) or 130 (Ctrl-C).

    Args:
        args: the arguments, without the name of the program.
    """
    try:
        import typer
    except ImportError:
        return _complain(str(MissingExtra("typer", "cli", "the rushlight command")))
    except KeyboardInterrupt:
        _complain("interrupted")
        return INTERRUPTED
    try:
        from rushlight.cli.app import app

        with warnings.catch_warnings():
            warnings.simplefilter("default", UserWarning)
            warnings.showwarning = _Warnings()
            command = typer.main.get_command(app)
            with command.make_context("rushlight", list(args)) as context:
                command.invoke(context)
            if sys.stdout is not None:  # None where the caller has closed it
                sys.stdout.flush()
            return 0
    except typer.Exit as request:
        return int(request.exit_code)
    except (KeyboardInterrupt, typer.Abort):
        _complain("interrupted")
        return INTERRUPTED
    except BrokenPipeError:  # the reader, such as head, has gone
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        return 1
    except Exception as error:
        if type(error).__name__ == "NoArgsIsHelpError":
            print(error.format_message(), file=sys.stderr)  # type: ignore[attr-defined]
            return 2
        if hasattr(error, "format_message"):  # a usage error of typer
            text = error.format_message() + _received(args, getattr(error, "param", None))
            hint = "" if hasattr(error, "param_hint") else " (--help shows what there is)"
            return _fail(text + hint, args, int(getattr(error, "exit_code", 2)))
        if isinstance(error, _EXPECTED):
            return _fail(_text(error), args)
        raise


def _fail(text: str, args: Sequence[str], code: int = 1) -> int:
    """Complain; of several processes, end all."""
    if comm.joined() or (comm.launched() and "train" in args[:1]):  # the others join there, too
        comm.fail(" ".join(text.split()), code)
    return _complain(text, code)


def _complain(text: str, code: int = 1) -> int:
    print(f"rushlight: {' '.join(text.split())}", file=sys.stderr)
    return code


def _received(args: Sequence[str], option: Any) -> str:
    """Return what was given for an option: typer's messages name the option alone."""
    for name, value in zip(reversed(args[:-1]), reversed(args[1:]), strict=True):
        if name in getattr(option, "opts", ()):
            return f", got {value!r}"
    return ""


def _text(error: Exception) -> str:
    text = str(error)
    if isinstance(error, OSError) and error.filename is None and error.strerror:
        text = error.strerror  # a message of our own, without the number of the errno
        if error.errno and text == os.strerror(error.errno):
            text = f"reading or writing failed: {text} (is stdout a full disk or a closed pipe?)"
    if isinstance(error, MemoryError):
        text = f"out of memory: {text}; a smaller --batch-size needs less"
    notes = [note for note in getattr(error, "__notes__", ()) if note not in text]
    return f"{text or type(error).__name__}{''.join(f' ({note})' for note in notes)}"


class _Warnings:
    """Prints warnings as one line each: of a class of its own the first, else each text once.

    Of several processes the first prints.
    """

    def __init__(self) -> None:
        self._seen: set[object] = set()

    def __call__(self, message: Any, category: type[Warning], *place: Any, **more: Any) -> None:
        kind: object = str(message) if category is UserWarning else category
        if kind not in self._seen:
            self._seen.add(kind)
            if comm.joined() and not comm.current().first:
                return
            _complain(f"warning: {message}")
