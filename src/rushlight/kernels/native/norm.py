"""The compiled kernels of `native/norm.cpp`."""

from __future__ import annotations

__all__: list[str] = []
