"""Errors: one message builder and the exception types of the package.

Every message says what was received, what was expected and what to do. The text is built only
after a check has failed, so a check that passes costs one comparison.
"""

from __future__ import annotations

__all__ = [
    "DeviceError",
    "DtypeError",
    "FileFormatError",
    "LinAlgError",
    "MissingExtra",
    "ShapeError",
    "explain",
]


class ShapeError(ValueError, RuntimeError):
    """Shapes that do not fit. Also a RuntimeError, because that is what torch raises."""


class DtypeError(TypeError, RuntimeError):
    """A dtype that an operation cannot take. Also a RuntimeError, as in torch."""


class DeviceError(NotImplementedError, RuntimeError):
    """A device that this build cannot use."""


class LinAlgError(RuntimeError):
    """A matrix for which the result does not exist: singular, not positive definite, no limit."""


class FileFormatError(ValueError):
    """A file that is truncated, altered or not of the format it claims."""


class MissingExtra(ImportError):
    """An optional dependency is not installed; the message names the extra to install."""

    def __init__(self, package: str, extra: str, purpose: str) -> None:
        super().__init__(
            f"{purpose} needs the package {package!r}, which is not installed. "
            f"Install it with: pip install 'rushlight[{extra}]'",
            name=package,
        )
        self.extra = extra


def explain(where: str, *, got: object, expected: object, fix: str = "") -> str:
    """Return the one-line text of an error.

    Args:
        where: the operation, layer or file that complains.
        got: what was received.
        expected: what would have been right.
        fix: what to do about it; may be empty.

    Example:
        >>> explain("linear", got="input (2, 3)", expected="input (*, 4)", fix="check in_features")
        'linear: got input (2, 3), expected input (*, 4); check in_features'
    """
    text = f"{where}: got {got}, expected {expected}"
    return f"{text}; {fix}" if fix else text
