"""The compiled kernels of `native/linear.cpp`."""

from __future__ import annotations

__all__: list[str] = []
