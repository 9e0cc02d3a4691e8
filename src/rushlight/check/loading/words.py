"""Sets of words, written as a text."""

from __future__ import annotations

__all__ = ["words"]


def words(text: str) -> frozenset[str]:
    """Return the words of a text, parted by blanks.

    Example:
        >>> sorted(words("of a text"))
        ['a', 'of', 'text']
    """
    return frozenset(text.split())
