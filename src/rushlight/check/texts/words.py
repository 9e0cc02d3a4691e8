"""What a cause is said with."""

from __future__ import annotations

from dataclasses import dataclass

from rushlight.check.texts.text import Text

__all__ = ["Words"]


@dataclass(frozen=True)
class Words:
    """The words of one cause.

    Args:
        title: a few words, for tables.
        says: what has happened; goes on after "Likely cause: ".
        hint: what to do; behind a colon at its end follow the layer's lines of NumPy.
    """

    title: Text
    says: Text
    hint: Text
