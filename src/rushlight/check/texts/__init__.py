"""The words of the checker, in English and in Russian."""

from rushlight.check.texts.sentences import hint, message, reason, title
from rushlight.check.texts.tables import CAUSES, CHECKS, REASONS
from rushlight.check.texts.text import LANGUAGES, Text

__all__ = [
    "CAUSES",
    "CHECKS",
    "LANGUAGES",
    "REASONS",
    "Text",
    "hint",
    "message",
    "reason",
    "title",
]
