"""The time in which a process runs: a process that was stopped has not waited for others."""

from __future__ import annotations

import time

__all__ = ["Clock"]


class Clock:
    """Seconds between the ticks of a process, but for those in which it stood still.

    Args:
        most: seconds between two ticks above which the process stood still, or was starved.

    Attributes:
        now: the time of the last tick.

    Example:
        >>> Clock(most=6.0).tick() < 1
        True
    """

    def __init__(self, most: float) -> None:
        self._most, self._last, self.now = most, time.monotonic(), 0.0

    def tick(self) -> float:
        """Go on, and return the time."""
        before, self._last = self._last, time.monotonic()
        passed = self._last - before
        self.now += passed if passed <= self._most else 0.0
        return self.now
