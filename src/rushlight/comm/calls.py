"""The collective calls that this process has begun, in order, to be held against other ranks'."""

from __future__ import annotations

from collections import deque
from typing import Any

__all__ = ["begin", "latest", "restart", "unlike"]

_KEPT = 16
_APART = 2**40
_last: deque[tuple[int, tuple[Any, ...]]] = deque(maxlen=_KEPT)
_count = 0


def begin(*call: Any) -> None:
    """Note a call: its name and what must be the same on all ranks."""
    global _count
    _count += 1
    _last.append((_count, call))


def latest() -> list[tuple[int, str]]:
    """Return the number and the text of the last calls, oldest first."""
    return [(number, " ".join(map(str, call))) for number, call in tuple(_last)]


def restart() -> None:
    """Count on from one number on all ranks, which have failed at different calls."""
    global _count
    _count = (_count // _APART + 1) * _APART
    _last.clear()


def unlike(made: dict[int, list[tuple[int, str]]]) -> tuple[int, str, int, str] | None:
    """Return the first rank that makes another call than one before it at the same place.

    Args:
        made: rank -> what `latest` returned there.

    Returns:
        rank, its call, the other rank, that one's call; None where all agree, so far.

    Example:
        >>> unlike({0: [(7, "barrier"), (8, "all_reduce")], 1: [(8, "barrier")]})
        (1, 'barrier', 0, 'all_reduce')
    """
    known: dict[int, tuple[int, str]] = {}
    for rank in sorted(made):
        for number, text in made[rank]:
            other, said = known.setdefault(number, (rank, text))
            if said != text:
                return rank, text, other, said
    return None
