"""`import torch` served by Rushlight: modules whose names are Rushlight's, or else stubs."""

from __future__ import annotations

import importlib
import importlib.machinery
import importlib.util
import sys
import types
from collections.abc import Sequence
from typing import Any

from rushlight.check.loading.stubs import unserved
from rushlight.check.loading.words import words

__all__ = ["TorchFinder"]

# They are built on torch and would get half of one.
_BUILT_ON_TORCH = words(
    "torchvision torchaudio torchtext torchmetrics torchinfo torchsummary torchviz lightning "
    "pytorch_lightning timm transformers accelerate ignite"
)
_ABSENT = object()


class _Served(types.ModuleType):
    """A module of torch's name with the names of Rushlight's module; what it lacks is a stub."""

    def __getattr__(self, name: str) -> Any:
        twin = self.__dict__.get("_twin")
        if name == "__version__" and twin is not None:
            return twin.__version__
        if name.startswith("__") and name.endswith("__"):
            raise AttributeError(f"module {self.__name__!r} has no attribute {name!r}")
        full = f"{self.__name__}.{name}"
        value = getattr(twin, name, _ABSENT)
        if value is _ABSENT or isinstance(value, types.ModuleType):
            if _twin_of(full) is None:
                return unserved(full)
            value = importlib.import_module(full)
        return value

    @property
    def __all__(self) -> list[str]:
        twin = self.__dict__.get("_twin")
        return [name for name in dir(twin) if not name.startswith("_")] if twin else []


def _twin_of(name: str) -> types.ModuleType | None:
    """Return Rushlight's module for one of torch."""
    own = f"rushlight{name.removeprefix('torch')}"
    try:
        if importlib.util.find_spec(own) is None:
            return None
        return importlib.import_module(own)
    except ImportError:
        return None


class TorchFinder:
    """A finder for `sys.meta_path` that serves torch and everything below it.

    Example:
        >>> finder = TorchFinder()
        >>> sys.meta_path.insert(0, finder)
        >>> import torch.nn as nn
        >>> nn.Linear(2, 3), nn.NoSuchLayer
        (Linear(in_features=2, out_features=3, bias=True), <stub of torch.nn.NoSuchLayer>)
        >>> finder.remove()
    """

    def __init__(self) -> None:
        self._before = {n: m for n, m in sys.modules.items() if n.partition(".")[0] == "torch"}
        for name in self._before:
            del sys.modules[name]

    def remove(self) -> None:
        """Undo it: take the finder out, and put back what `torch` was before."""
        if self in sys.meta_path:
            sys.meta_path.remove(self)
        for name in [n for n in sys.modules if n.partition(".")[0] == "torch"]:
            del sys.modules[name]
        sys.modules.update(self._before)

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: Any = None
    ) -> importlib.machinery.ModuleSpec | None:
        """Return the spec of a module of torch; refuse libraries that are built on torch."""
        root = name.partition(".")[0]
        if root in _BUILT_ON_TORCH:
            raise ModuleNotFoundError(
                f"{root} needs torch itself, for which Rushlight stands here", name=name
            )
        if root != "torch":
            return None
        loader: Any = self
        return importlib.machinery.ModuleSpec(name, loader, is_package=True)

    def create_module(self, spec: importlib.machinery.ModuleSpec) -> types.ModuleType:
        """Return the module."""
        module = _Served(spec.name)
        module.__dict__["_twin"] = _twin_of(spec.name)
        return module

    def exec_module(self, module: types.ModuleType) -> None:
        """Nothing is to run."""
