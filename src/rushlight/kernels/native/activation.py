"""The compiled kernels of `native/pointwise.cpp`."""

from __future__ import annotations

__all__: list[str] = []
