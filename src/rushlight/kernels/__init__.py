"""Kernels: pure array functions, one table from name to the fastest one available.

The reference (NumPy) is the definition of right; every compiled kernel is tested equal to it and
leaves to it what it does not do. `RUSHLIGHT_KERNELS` chooses at import: see `rushlight.compiled`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from rushlight.compiled import native
from rushlight.kernels.reference import REFERENCE

__all__ = ["kernel", "names", "source"]

_compiled: dict[str, Callable[..., Any]] = {}
if native is not None:
    from rushlight.kernels.native import NATIVE as _compiled


def kernel(name: str) -> Callable[..., Any]:
    """Return the fastest available function of that name."""
    return _compiled.get(name) or REFERENCE[name]


def source(name: str) -> str:
    """Return where the kernel of that name comes from: 'native' or 'numpy'."""
    if name not in REFERENCE:
        raise KeyError(name)
    return "native" if name in _compiled else "numpy"


def names() -> list[str]:
    """Return the names of all kernels."""
    return sorted(REFERENCE)
