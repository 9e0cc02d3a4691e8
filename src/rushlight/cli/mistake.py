"""A wrong use of the command, as opposed to bad data or a bug."""

from __future__ import annotations

__all__ = ["Mistake"]


class Mistake(ValueError):
    """A wrong use of the command: told in one line, exit code 2."""

    exit_code = 2
    param_hint = None

    def format_message(self) -> str:
        """Return the line."""
        return str(self)
