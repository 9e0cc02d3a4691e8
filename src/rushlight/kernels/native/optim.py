"""The compiled kernels of `native/optim.cpp`."""

from __future__ import annotations

__all__: list[str] = []
