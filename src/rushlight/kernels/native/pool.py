"""The compiled kernels of `native/pool.cpp`."""

from __future__ import annotations

__all__: list[str] = []
