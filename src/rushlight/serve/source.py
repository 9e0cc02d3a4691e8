"""The source of NumPy functions with all that they need: what an exported file is made of.

An op's forward and the reference kernels behind it are ordinary functions over NumPy, so the file
that serves a model takes their text: there is no second copy of any arithmetic to keep right. What
a gradient needs, and checks that a recorded call has passed, is left out on the way.
"""

from __future__ import annotations

import ast
import builtins
import importlib
import inspect
import keyword
import re
import sys
import types
from collections.abc import Iterator
from functools import cache
from typing import Any

import numpy as np

from rushlight.kernels import kernel, names
from rushlight.kernels.reference import REFERENCE
from rushlight.ops.contract import OPS, Op
from rushlight.serve.edits import Edits, forward_edits, tidied

__all__ = ["Library", "NotPortable"]

# Modules of plain formulas: op = factory("name", f, ...) computes f and nothing else.
_FORMULAS = {"unary", "step", "binary", "with_slope"}
_PRAGMA = re.compile(r"  # (noqa|type: ignore|fmt: skip|pragma)[^\n]*")


class NotPortable(ValueError):
    """A function that needs more than NumPy."""


@cache
def _parsed(name: str) -> tuple[str, ast.Module]:
    text = inspect.getsource(importlib.import_module(name))
    return text, ast.parse(text)


@cache
def _module(name: str) -> tuple[str, dict[str, ast.stmt]]:
    """Return the text of a module and its definitions by name; the last of a name counts."""
    text, tree = _parsed(name)
    found: dict[str, ast.stmt] = {}
    for node in tree.body:
        for defined in _defined(node):
            found[defined] = node
    return text, found


@cache
def _functions(module: str) -> list[ast.FunctionDef]:
    return [node for node in ast.walk(_parsed(module)[1]) if isinstance(node, ast.FunctionDef)]


@cache
def _lambdas(module: str) -> list[ast.Lambda]:
    return [node for node in ast.walk(_parsed(module)[1]) if isinstance(node, ast.Lambda)]


def _defined(node: ast.stmt) -> Iterator[str]:
    if isinstance(node, ast.FunctionDef | ast.ClassDef):
        yield node.name
    elif isinstance(node, ast.Import | ast.ImportFrom):
        for alias in node.names:
            yield alias.asname or alias.name.partition(".")[0]
    elif isinstance(node, ast.Assign | ast.AnnAssign):
        targets = node.targets if isinstance(node, ast.Assign) else [node.target]
        for target in targets:
            parts = target.elts if isinstance(target, ast.Tuple) else [target]
            yield from (part.id for part in parts if isinstance(part, ast.Name))


class Library:
    """Definitions, each once, those that others need before them.

    Args:
        pieces: what is taken instead: (module, name) -> (module, name); for ops ("ops", name).

    Attributes:
        chunks: their texts.
        imports: the import lines that they need.
    """

    def __init__(self, pieces: dict[tuple[str, str], tuple[str, str]]) -> None:
        self.pieces = pieces
        self.chunks: dict[str, str] = {}
        self.imports: set[str] = {"import numpy as np"}
        self.taken: set[str] = {"np"}
        self._names: dict[Any, str] = {}

    # ---- what to ask for

    def op(self, name: str) -> str:
        """Return the name under which the file has an op's forward, bare of what backward keeps.

        Raises:
            NotPortable: it needs more than NumPy.
        """
        before = (dict(self.chunks), set(self.imports), set(self.taken), dict(self._names))
        try:
            return self._op(name)
        except NotPortable:
            self.chunks, self.imports, self.taken, self._names = before
            raise

    def _op(self, name: str) -> str:
        key = ("ops", name)
        if key in self.pieces:
            return self.function(*self.pieces[key])
        if key not in self._names:
            run = OPS[name].run
            factory = run.__qualname__.partition(".")[0]
            if factory in _FORMULAS:
                formula = inspect.getclosurevars(run).nonlocals["f"]
                self._names[key] = self._value(formula, name)
            elif "<locals>" in run.__qualname__:
                self._names[key] = self._nested(run, name)
            else:
                self._define(key, run.__module__, run.__name__, name, forward=True)
        return self._names[key]

    def function(self, module: str, name: str) -> str:
        """Return the name under which the file has what a module calls `name`."""
        key = (module, name)
        if key in self.pieces:
            return self.function(*self.pieces[key])
        if key in self._names:
            return self._names[key]
        node = _module(module)[1].get(name)
        if node is None:
            if hasattr(builtins, name) or name.startswith("__"):
                return name
            raise NotPortable(f"{module}.{name} is not found in its source")
        if isinstance(node, ast.Import | ast.ImportFrom):
            self._names[key] = self._imported(node, name)
        elif isinstance(node, ast.Assign | ast.AnnAssign):
            self._assigned(module, name, node)
        else:
            self._define(key, module, name, name)
        return self._names[key]

    def text(self) -> str:
        """Return all definitions, in their order."""
        return "\n".join(_spaced(list(self.chunks.values())))

    # ---- how it is found

    def _imported(self, node: ast.Import | ast.ImportFrom, name: str) -> str:
        alias = next(a for a in node.names if (a.asname or a.name.partition(".")[0]) == name)
        origin = node.module or "" if isinstance(node, ast.ImportFrom) else alias.name
        if origin.partition(".")[0] == "rushlight":
            return self.function(origin, alias.name)
        if origin.partition(".")[0] not in sys.stdlib_module_names | {"numpy"}:
            raise NotPortable(f"it needs {origin.partition('.')[0]}")
        renamed = f" as {alias.asname}" if alias.asname else ""
        start = f"from {origin} import " if isinstance(node, ast.ImportFrom) else "import "
        self.imports.add(f"{start}{alias.name}{renamed}")
        self.taken.add(name)
        return name

    def _assigned(self, module: str, name: str, node: Any) -> None:
        value = getattr(importlib.import_module(module), name)
        if isinstance(value, Op):
            self._names[module, name] = self._op(value.name)
        elif callable(value) and not isinstance(value, type) and "kernel(" in ast.unparse(node):
            self._names[module, name] = self._value(value, name)
        else:
            self._constant(module, node)

    def _value(self, value: Any, hint: str) -> str:
        """Return an expression for a function that was found as a value."""
        known = next((n for n in names() if value in (kernel(n), REFERENCE[n])), None)
        if known is not None:
            reference = inspect.unwrap(REFERENCE[known])
            return self.function(reference.__module__, reference.__name__)
        called = getattr(value, "__name__", "")
        if getattr(np, called, None) is value:
            return f"np.{called}"
        if not isinstance(value, types.FunctionType):
            raise NotPortable(f"{value!r} has no source")
        if "<locals>" in value.__qualname__:
            return self._nested(value, hint)
        if value.__name__ == "<lambda>":
            return self._lambda(value, hint)
        return self.function(value.__module__, value.__name__)

    def _free(self, function: Any) -> dict[str, str]:
        """Return expressions for what a nested function takes from around it."""
        found = {}
        for name, value in inspect.getclosurevars(function).nonlocals.items():
            plain = isinstance(value, (str, int, float, tuple, type(None)))
            found[name] = repr(value) if plain else self._value(value, name)
        return found

    def _nested(self, function: Any, hint: str) -> str:
        if "scipy" in function.__code__.co_names:
            raise NotPortable("it needs scipy")
        if function.__name__ == "<lambda>":
            return self._lambda(function, hint)
        module, line = function.__module__, function.__code__.co_firstlineno
        node = next(n for n in _functions(module) if n.lineno == line)
        name = self._fresh(hint, module)
        self._emit(name, module, node, self._free(function), forward=True)
        return name

    def _lambda(self, function: Any, hint: str) -> str:
        """Turn a lambda into a named function."""
        module, code = function.__module__, function.__code__
        text = _module(module)[0]
        column = min(
            p[2] for p in code.co_positions() if p[0] == p[1] and p[2] is not None and p[2]
        )
        near = [
            n for n in _lambdas(module) if n.lineno <= code.co_firstlineno <= (n.end_lineno or 0)
        ]
        node = next(n for n in near if n.col_offset <= column <= (n.body.end_col_offset or 0))
        name = self._fresh(hint, module)
        edits = self._references(module, node, self._free(function))
        arguments, body = (edits.applied(text, part) for part in (node.args, node.body))
        self._keep(name, f"def {name}({arguments}: Any) -> Any:\n    return {body}")
        return name

    def _fresh(self, name: str, module: str) -> str:
        """Return a name that the file does not use yet, and that is none of Python's."""
        tail = module.rpartition(".")[2]
        found = name
        while found in self.taken or hasattr(builtins, found) or keyword.iskeyword(found):
            found = f"{name}_{tail}" if found != f"{name}_{tail}" else f"{found}_"
        self.taken.add(found)
        return found

    # ---- how it is written down

    def _define(self, key: Any, module: str, name: str, wanted: str, forward: bool = False) -> None:
        final = self._names[key] = self._fresh(wanted, module)
        self._emit(final, module, _module(module)[1][name], {name: final}, forward)

    def _constant(self, module: str, node: Any) -> None:
        """Take an assignment over; that of several names at once as one."""
        bound = list(_defined(node))
        known = {name: self._names.get((module, name), name) for name in bound}
        edits = self._references(module, node, {})
        written = edits.applied(_module(module)[0], node)
        if self.chunks.get(bound[0]) != written:
            known = {name: self._fresh(name, module) for name in bound}
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            for part in (p for target in targets for p in ast.walk(target)):
                if isinstance(part, ast.Name):
                    edits.replace(part, known[part.id])
            self._keep(known[bound[0]], edits.applied(_module(module)[0], node))
        self._names |= {(module, name): final for name, final in known.items()}

    def _emit(
        self, name: str, module: str, node: Any, known: dict[str, str], forward: bool = False
    ) -> None:
        text = _module(module)[0]
        edits = forward_edits(node) if forward else Edits()
        edits += self._references(module, node, known, edits)
        edits.rename(text, node, name)
        written = edits.applied(text, node)
        if isinstance(node, ast.FunctionDef):
            written = tidied(written)
        self._keep(name, written)

    def _keep(self, name: str, text: str) -> None:
        self.chunks[name] = _PRAGMA.sub("", text)

    def _references(
        self, module: str, node: ast.AST, known: dict[str, str], within: Edits | None = None
    ) -> Edits:
        """Return the edits that put the file's names in the place of the module's."""
        edits = Edits()
        for part, owner, name in _uses(module, node):
            if within is not None and within.covers(part):
                continue
            if isinstance(part, ast.Import | ast.ImportFrom):
                raise NotPortable(f"it needs {name}")
            plain = isinstance(part, ast.Name) and part.id in known
            edits.replace(part, known[name] if plain else self.function(owner, name))
        return edits


@cache
def _uses(module: str, node: ast.AST) -> list[tuple[ast.AST, str, str]]:
    """Return each part that names what a definition takes from its module: part, module, name.

    An import of what is neither Python's nor NumPy's stands among them.
    """
    found: list[tuple[ast.AST, str, str]] = []
    local, inner = _bound(node), set()
    for part in ast.walk(node):
        if isinstance(part, ast.Import | ast.ImportFrom):
            origin = (getattr(part, "module", None) or part.names[0].name).partition(".")[0]
            if origin not in sys.stdlib_module_names | {"numpy"}:
                found.append((part, module, origin))
        elif isinstance(part, ast.Attribute) and isinstance(part.value, ast.Name):
            owner = _submodule(module, part.value.id)
            if owner is not None and part.value.id not in local:
                found.append((part, owner, part.attr))
                inner.add(part.value)
        elif isinstance(part, ast.Name) and isinstance(part.ctx, ast.Load) and part not in inner:
            found += [(part, module, part.id)] if part.id not in local else []
    return found


@cache
def _submodule(module: str, name: str) -> str | None:
    """Return which of Rushlight's modules a name stands for, if it stands for one."""
    value = getattr(importlib.import_module(module), name, None)
    own = isinstance(value, types.ModuleType) and value.__name__.startswith("rushlight.")
    return value.__name__ if own else None  # type: ignore[union-attr]


def _bound(node: ast.AST) -> set[str]:
    """Return the names that a definition binds within itself; of an assignment those of loops."""
    if isinstance(node, ast.Assign | ast.AnnAssign):
        node = node.value or node
    found = {a.arg for n in ast.walk(node) if isinstance(n, ast.arguments) for a in _arguments(n)}
    for part in ast.walk(node):
        if isinstance(part, ast.Name) and not isinstance(part.ctx, ast.Load):
            found.add(part.id)
        elif isinstance(part, ast.FunctionDef | ast.ClassDef) and part is not node:
            found.add(part.name)
        elif isinstance(part, ast.Import | ast.ImportFrom):
            found |= {a.asname or a.name for a in part.names}
        elif isinstance(part, ast.ExceptHandler) and part.name:
            found.add(part.name)
    return found


def _arguments(node: ast.arguments) -> list[ast.arg]:
    extra = [a for a in (node.vararg, node.kwarg) if a is not None]
    return [*node.posonlyargs, *node.args, *node.kwonlyargs, *extra]


def _spaced(chunks: list[str]) -> Iterator[str]:
    """Put two empty lines around functions and classes, none between assignments."""
    before = None
    for chunk in chunks:
        block = chunk.startswith(("def ", "class ", "@"))
        if before is not None and (block or before):
            yield "\n"
        yield chunk
        before = block
