"""The error of a model that cannot be served by NumPy alone."""

from __future__ import annotations

__all__ = ["ExportError"]


class ExportError(ValueError):
    """A model that cannot be written for NumPy alone; nothing was written."""
