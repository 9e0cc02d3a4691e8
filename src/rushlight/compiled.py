"""The compiled extension, where it was built and is wanted.

`RUSHLIGHT_KERNELS` chooses at import: `numpy` leaves the extension alone, `native` demands it,
`auto` (the default) takes it if it is there.
"""

from __future__ import annotations

import importlib
import os
from typing import Any

from rushlight.errors import explain

__all__ = ["CHOICE", "native"]

CHOICE = os.environ.get("RUSHLIGHT_KERNELS", "auto")
if CHOICE not in ("numpy", "native", "auto"):
    raise ValueError(
        explain(
            "RUSHLIGHT_KERNELS",
            got=repr(CHOICE),
            expected="'numpy', 'native' or 'auto'",
            fix="unset the variable or set it to one of these",
        )
    )

native: Any = None
if CHOICE != "numpy":
    try:
        native = importlib.import_module("rushlight._native")
    except ImportError as error:
        if CHOICE == "native":
            raise ImportError(
                explain(
                    "RUSHLIGHT_KERNELS=native",
                    got=f"no compiled extension ({error})",
                    expected="rushlight._native",
                    fix="install Rushlight where there is a C++ compiler, or unset the variable",
                )
            ) from None
