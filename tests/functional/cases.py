"""Arrays that the tests of functions share, and calls of functions by name.

Import it after `pytest.importorskip("torch")`.
"""

from __future__ import annotations

import importlib
from typing import Any

import numpy as np
import pytest
from tests.ops.sample import integers, normal, uniform

import rushlight as rl
from rushlight import functional

torch = pytest.importorskip("torch")

X = normal(3, 4)
Y = normal(3, 4, seed=1)
P = uniform(3, 4, low=0.2, high=0.9)
CUBE = normal(2, 3, 4)
SQUARE = normal(4, 4)
V, W = normal(4), normal(4, seed=1)
N = integers(3, 4, high=5)
B = N > 2
HOLES = np.where(B, np.nan, X)
WILD = np.array([np.nan, np.inf, -np.inf, 0.0, 1e300])


class Cases(dict[str, list[tuple[Any, ...]]]):
    """Name -> calls of (lib, *arrays), each to be compared in value, dtype, shape and gradient.

    Args:
        modules: names of the modules of rushlight.functional whose functions are called.
    """

    def __init__(self, *modules: str) -> None:
        self.modules = modules

    def add(self, name: str, f: Any, *arrays: Any) -> None:
        """Note a call of a function."""
        self.setdefault(name, []).append((f, *arrays))

    def check(self) -> None:
        """Every public function of the modules has a call, and stands where torch has it."""
        found = [importlib.import_module(f"rushlight.functional.{m}") for m in self.modules]
        public = {name for module in found for name in module.__all__}
        assert sorted(public - set(self)) == [], "functions without a case"
        assert sorted(set(self) - public) == [], "cases without a function"
        assert all(hasattr(functional, name) for name in public)
        hidden = [name for name in sorted(public) if hasattr(torch, name) > hasattr(rl, name)]
        assert hidden == [], "names of torch that the door does not show"


def each(cases: Cases) -> list[Any]:
    """Return the calls as parameters of a test."""
    return [
        pytest.param(call, id=f"{name}-{i}")
        for name, calls in cases.items()
        for i, call in enumerate(calls)
    ]
