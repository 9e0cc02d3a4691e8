"""What students' code may put something else in place of, though all layers share it."""

from __future__ import annotations

import builtins
import json
import math
import random
import sys
from typing import Any

import numpy as np

__all__ = ["Untouched"]


class Untouched:
    """Modules as they were: `np.exp = mine` in one layer must not be another layer's fault.

    Example:
        >>> before, real = Untouched(), np.exp
        >>> np.exp = builtins.len = None
        >>> before.restore()
        >>> np.exp is real, len("ab")
        (True, 2)
    """

    def __init__(self) -> None:
        modules = (builtins, json, math, random, np, np.fft, np.linalg, np.random)
        self._kept: list[tuple[dict[str, Any], dict[str, Any]]] = [
            (vars(module), dict(vars(module))) for module in modules
        ]
        self._kept.append((sys.modules, dict(sys.modules)))
        self._errors = np.geterr()

    def restore(self) -> None:
        """Put back what was replaced; names that were added stay (`np.float = float`)."""
        for names, kept in self._kept:
            names.update(kept)  # needs no name that may have been replaced
        np.seterr(**self._errors)
