"""What ends a check before its end: how it is called, and where the student's code stood."""

from __future__ import annotations

import re
from collections.abc import Mapping

from rushlight.check.loading.problem import Place
from rushlight.check.loading.source import Chunk
from rushlight.check.loading.stubs import StubUsed

__all__ = ["Stop", "place_in_dump", "place_of", "reason_in_check", "reason_of"]

_FRAME = re.compile(r'^  File "(.*)", line (\d+) in ', re.MULTILINE)


class Stop(BaseException):
    """Code does what ends its check at once; no `except Exception` holds it up.

    Attributes:
        reason: str, as in `stop_message`.
    """

    def __init__(self, reason: str, text: str) -> None:
        super().__init__(text)
        self.reason = reason


def reason_of(error: BaseException) -> str | None:
    """Return the reason, if an exception ends the check; None for the errors of ordinary code."""
    if isinstance(error, Stop):
        return error.reason
    reasons = {SystemExit: "exit", KeyboardInterrupt: "interrupt", MemoryError: "memory"}
    found = (reason for kind, reason in reasons.items() if isinstance(error, kind))
    return next(found, None)


def reason_in_check(error: BaseException) -> str:
    """Return the reason for an exception that came out of the check of a layer."""
    return reason_of(error) or ("unused" if isinstance(error, StubUsed) else "exception")


def place_of(error: BaseException, files: Mapping[str, Chunk]) -> Place | None:
    """Return the innermost line of the student's code in the traceback of an exception."""
    found, trace = None, error.__traceback__
    while trace is not None:
        chunk = files.get(trace.tb_frame.f_code.co_filename)
        if chunk is not None:
            found = chunk.place(trace.tb_lineno)
        trace = trace.tb_next
    return found


def place_in_dump(dump: str, files: Mapping[str, Chunk]) -> Place | None:
    r"""Return the innermost line of the student's code in what faulthandler has written.

    Example:
        >>> dump = 'Stack (most recent call first):\n  File "<cell 2>", line 1 in forward\n'
        >>> place_in_dump(dump, {"<cell 2>": Chunk(2, "<cell 2>", "while True: pass")})
        Place(cell=2, line=1, text='while True: pass')
    """
    escaped = {
        name.encode("ascii", "backslashreplace").decode(): chunk for name, chunk in files.items()
    }
    for name, line in _FRAME.findall(dump):
        if name in escaped:
            return escaped[name].place(int(line))
    return None
