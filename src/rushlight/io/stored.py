"""What the readers of files share: how they refuse what is not as it should be."""

from __future__ import annotations

from typing import NoReturn

from rushlight.errors import FileFormatError, explain

__all__ = ["refuse"]

_DAMAGED = "the file is truncated or altered; write or download it again"


def refuse(where: str, got: object, expected: object, fix: str = _DAMAGED) -> NoReturn:
    """Raise the error of a file that is not as it should be; most often, it is damaged."""
    raise FileFormatError(explain(where, got=got, expected=expected, fix=fix))
