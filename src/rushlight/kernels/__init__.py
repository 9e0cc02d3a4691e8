"""Kernels: pure array functions, one table from name to the fastest one available.

`RUSHLIGHT_KERNELS` chooses at import: `numpy` takes the reference everywhere, `auto` (the default)
takes a compiled kernel where there is one. The reference is the definition of right; every other
kernel is tested equal to it.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

from rushlight.errors import explain
from rushlight.kernels.reference import REFERENCE

__all__ = ["CHOICE", "kernel", "names", "source"]

CHOICE = os.environ.get("RUSHLIGHT_KERNELS", "auto")
if CHOICE not in ("numpy", "auto"):
    raise ValueError(
        explain(
            "RUSHLIGHT_KERNELS",
            got=repr(CHOICE),
            expected="'numpy' or 'auto'",
            fix="unset the variable or set it to one of these",
        )
    )

_table: dict[str, tuple[str, Callable[..., Any]]] = {
    name: ("numpy", function) for name, function in REFERENCE.items()
}


def kernel(name: str) -> Callable[..., Any]:
    """Return the fastest available function of that name."""
    return _table[name][1]


def source(name: str) -> str:
    """Return where the kernel of that name comes from: 'numpy' (the only one so far)."""
    return _table[name][0]


def names() -> list[str]:
    """Return the names of all kernels."""
    return sorted(_table)
