"""Imports of students' code: what fails becomes a stub, what layers do not need is put off."""

from __future__ import annotations

import ast
import importlib
import importlib.util
import os
import pathlib
import sys
import types
from collections.abc import Callable, Iterator, Sequence
from importlib.machinery import ModuleSpec
from typing import Any

from rushlight.check.loading.source import SUFFIXES
from rushlight.check.loading.stubs import missing, postponed

__all__ = ["FolderFinder", "bind", "search_folder"]

_AT_ONCE = sys.stdlib_module_names | {"numpy", "scipy", "torch", "rushlight"}
_INSTALLED = ("site-packages", "dist-packages")

Failed = Callable[[str, str], None]  # takes the name of a module or of a name in it, and the error


def bind(node: ast.Import | ast.ImportFrom, namespace: dict[str, Any], failed: Failed) -> None:
    """Run an import statement; a name that cannot be had becomes a stub and is told to `failed`."""
    for name, value in _bindings(node, failed):
        namespace[name] = value


def _bindings(node: ast.Import | ast.ImportFrom, failed: Failed) -> Iterator[tuple[str, Any]]:
    if isinstance(node, ast.Import):
        for alias in node.names:
            bound = alias.name if alias.asname else alias.name.partition(".")[0]
            yield alias.asname or bound, _module(alias.name, bound, failed)
        return
    path = node.module or ""  # dots before it: a file beside this one is meant all the same
    module = _module(path, path, failed) if path else None
    for alias in node.names:
        if alias.name == "*":
            yield from _public(module)
        elif not path:
            yield alias.asname or alias.name, _module(alias.name, alias.name, failed)
        else:
            yield alias.asname or alias.name, _name(module, path, alias.name, failed)


def _module(name: str, bound: str, failed: Failed) -> Any:
    """Import the module `name` and return `bound`, it or its root; a stub if that fails."""
    root = name.partition(".")[0]
    try:
        if _can_wait(root):
            return postponed(bound)
        importlib.import_module(name)
        return sys.modules[bound]
    except Exception as error:
        why = _words(error)
        failed(name, why)
        return missing(bound, why)


def _can_wait(root: str) -> bool:
    """Tell whether an import may be put off; raise if there is no such module."""
    if root in _AT_ONCE or (root in sys.modules and root not in sys.builtin_module_names):
        return False
    spec = importlib.util.find_spec(root)
    if spec is None:
        raise ModuleNotFoundError(f"No module named {root!r}", name=root)
    return any(part in _INSTALLED for part in pathlib.Path(spec.origin or "").parts)


def _name(module: Any, path: str, name: str, failed: Failed) -> Any:
    """Return a name of a module, or the module of that name in it; a stub if there is neither."""
    if not isinstance(module, types.ModuleType):
        return getattr(module, name)  # of a stub
    try:
        return getattr(module, name)
    except AttributeError:
        pass
    try:
        return importlib.import_module(f"{path}.{name}")
    except Exception as error:
        absent = isinstance(error, ModuleNotFoundError) and error.name in (path, f"{path}.{name}")
        why = f"{path} has no {name}" if absent else _words(error)
        failed(f"{path}.{name}", why)
        return missing(f"{path}.{name}", why)


def _public(module: Any) -> Iterator[tuple[str, Any]]:
    """Yield what `import *` gives."""
    if not isinstance(module, types.ModuleType):
        if module is None or module._real is None:
            return
        module = importlib.import_module(module._name)
    names = getattr(module, "__all__", None)
    for name in [n for n in vars(module) if not n.startswith("_")] if names is None else names:
        yield name, getattr(module, name)


def _words(error: BaseException) -> str:
    return str(error) if isinstance(error, ImportError) else f"{type(error).__name__}: {error}"


class _DefinitionsLoader:
    """Loads a file of the student's folder as the file itself is loaded: definitions only."""

    def __init__(self, path: pathlib.Path, run: Callable[[pathlib.Path, dict[str, Any]], None]):
        self.path, self.run = path, run

    def create_module(self, spec: ModuleSpec) -> None:
        """Take the usual module."""

    def exec_module(self, module: types.ModuleType) -> None:
        """Run the definitions of the file in the module."""
        module.__file__ = str(self.path)
        self.run(self.path, vars(module))


class FolderFinder:
    """A finder for `sys.meta_path`: files beside the one that is checked, notebooks too.

    Args:
        folder: where they lie.
        run: runs the definitions of a file in a namespace.
    """

    def __init__(
        self, folder: pathlib.Path, run: Callable[[pathlib.Path, dict[str, Any]], None]
    ) -> None:
        self.folder, self.run = folder, run

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: Any = None
    ) -> ModuleSpec | None:
        """Return the spec of a file of the folder; the standard library comes first."""
        if "." in name or name in _AT_ONCE:
            return None
        for suffix in SUFFIXES:
            file = self.folder / f"{name}{suffix}"
            if file.is_file():
                loader: Any = _DefinitionsLoader(file, self.run)
                return ModuleSpec(name, loader, origin=str(file))
        return None


def search_folder(folder: pathlib.Path) -> None:
    """Let packages of a folder be imported: before what is installed, behind Python's own."""
    places = [i for i, entry in enumerate(sys.path) if os.path.basename(entry) in _INSTALLED]
    if str(folder) not in sys.path:
        sys.path.insert(min(places, default=len(sys.path)), str(folder))
