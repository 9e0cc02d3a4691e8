"""Limits of a fit: so many steps, so much time."""

from __future__ import annotations

import math
import time

from rushlight.errors import explain
from rushlight.train.feed import check_count
from rushlight.train.parts import is_number

__all__ = ["Limits"]


class Limits:
    """Says when a limit is reached.

    Args:
        steps: steps of the optimizer, those before a resume counted, or None.
        seconds: seconds since `begin`, or None.

    Attributes:
        any: whether there is a limit.
    """

    def __init__(self, steps: int | None, seconds: float | None) -> None:
        self.steps = None if steps is None else check_count("max_steps", steps)
        if seconds is not None and not (is_number(seconds) and 0 < seconds < math.inf):
            expected = "seconds, a number > 0"
            raise ValueError(explain("max_seconds", got=repr(seconds), expected=expected))
        self.seconds = seconds
        self._end = math.inf
        self.any = steps is not None or seconds is not None

    def begin(self) -> None:
        """Start the clock."""
        self._end = math.inf if self.seconds is None else time.monotonic() + self.seconds

    def text(self, reached: bool) -> str | None:
        """Return what to say where another process has found a limit reached, None where not."""
        if not reached:
            return None
        named = {"max_steps": self.steps, "max_seconds": self.seconds}
        shown = " or ".join(f"{name}={value:g}" for name, value in named.items() if value)
        return f"{shown} reached"

    def reached(self, step: int) -> str | None:
        """Return which limit is reached, None where none is."""
        if self.steps is not None and step >= self.steps:
            return f"max_steps={self.steps} reached"
        if self._end < math.inf and time.monotonic() >= self._end:
            return f"max_seconds={self.seconds:g} have passed"
        return None
