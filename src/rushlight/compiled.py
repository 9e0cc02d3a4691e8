"""The compiled extension, where it was built and is wanted.

`RUSHLIGHT_KERNELS` chooses at import: `numpy` leaves the extension alone, `native` demands it,
`auto` (the default) takes it if it is there.
"""

from __future__ import annotations

import importlib
import os
from typing import Any

from rushlight.errors import explain

__all__ = ["CHOICE", "default_threads", "is_kernel", "missing", "native"]

CHOICE = os.environ.get("RUSHLIGHT_KERNELS") or "auto"
if CHOICE not in ("numpy", "native", "auto"):
    raise ValueError(
        explain(
            "RUSHLIGHT_KERNELS",
            got=repr(CHOICE),
            expected="'numpy', 'native' or 'auto'",
            fix="unset the variable or set it to one of these",
        )
    )

_VARIABLES = ("OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "OMP_NUM_THREADS")


def default_threads() -> int:
    """Return what the environment says, or else the number of cores that the process may use."""
    for name in _VARIABLES:
        value = os.environ.get(name, "")
        if value.isdecimal() and int(value) > 0:
            return int(value)
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def is_kernel(function: Any) -> bool:
    """Tell whether a function is one of the extension."""
    return type(function).__module__ == "nanobind"  # which makes their type


native: Any = None
missing = "RUSHLIGHT_KERNELS=numpy"  # why there is none
if CHOICE != "numpy":
    try:
        native = importlib.import_module("rushlight._native")
        native.set_threads(default_threads())
        missing = ""
    except ImportError as error:
        built = not isinstance(error, ModuleNotFoundError)
        missing = str(error) if built else "it was not built: there was no C++ compiler"
        if CHOICE == "native":
            raise ImportError(
                explain(
                    "RUSHLIGHT_KERNELS=native",
                    got=f"no compiled extension ({error})",
                    expected="rushlight._native",
                    fix="install Rushlight where there is a C++ compiler, or unset the variable",
                )
            ) from None
