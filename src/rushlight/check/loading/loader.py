"""Runs the definitions of a file, statement by statement, so that a bad one harms no other."""

from __future__ import annotations

import ast
import contextlib
import importlib
import linecache
import os
import pathlib
import sys
import types
import warnings
from collections.abc import Callable, Iterator
from typing import Any

from rushlight.check.loading.definitions import Filter, bound_names
from rushlight.check.loading.imports import FolderFinder, bind, search_folder
from rushlight.check.loading.problem import Place, Problem
from rushlight.check.loading.source import Chunk, parse, read_source
from rushlight.check.loading.stops import reason_of
from rushlight.check.loading.stubs import Stub, StubUsed, uncomputed
from rushlight.check.loading.torch_names import TorchFinder
from rushlight.errors import FileFormatError, explain

__all__ = ["Loader"]

_DEFINITIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
_IMPORTS = (ast.Import, ast.ImportFrom)
_ASSIGNMENTS = (ast.Assign, ast.AnnAssign, ast.AugAssign)

Before = Callable[[ast.stmt, Place, str], bool]  # a statement, where it stands, the name it makes


def _always(node: ast.stmt, place: Place, name: str) -> bool:
    return True


class _CellModule(types.ModuleType):
    """The module of one cell, for `inspect`; its names are those of the whole notebook."""

    def __init__(self, name: str, file: str, namespace: dict[str, Any]) -> None:
        super().__init__(name)
        self.__file__ = file
        self.__dict__["_names"] = namespace

    def __getattr__(self, name: str) -> Any:
        try:
            return self.__dict__["_names"][name]
        except KeyError:
            raise AttributeError(name) from None


class Loader:
    r"""Loads a student's file: its imports, functions, classes and constants, and nothing else.

    Args:
        path: the .py or .ipynb file. Files beside it may be imported; of them, too, only the
            definitions run.
        torch: str, "rushlight" (default): Rushlight stands for torch, even where torch is
            installed, because it is there at once; "real": the installed one.
        before: asked before each statement with the node, its place and the name that it makes;
            the statement is left out if it says False.

    Attributes:
        namespace: dict, the names that the file makes; some may be a `Stub`.
        module_name: str, of the module that the file becomes; a cell's is that and `_cell_3`.
        chunks: list of Chunk, the code of the file.
        problems: list of Problem.
        places: dict, for each function and class where it is defined, each time.
        files: dict, for each file name in tracebacks its Chunk.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     file = pathlib.Path(folder, "layers.py")
        ...     _ = file.write_text("import torch.nn as nn\nclass Net(nn.Module):\n    pass\n1 / 0")
        ...     with Loader(file) as loaded:
        ...         loaded.load()
        >>> loaded.namespace["Net"].__name__, loaded.places["Net"][0].line, loaded.problems
        ('Net', 2, [])
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        torch: str = "rushlight",
        before: Before = _always,
    ) -> None:
        if torch not in ("rushlight", "real"):
            raise ValueError(
                explain("Loader", got=f"torch={torch!r}", expected="'rushlight' or 'real'")
            )
        self.path = pathlib.Path(os.path.abspath(path))
        self.torch, self.before = torch, before
        self.module_name = self.path.stem
        if not self.module_name.isidentifier() or self.module_name in sys.modules:
            self.module_name = "checked_file"
        self.namespace: dict[str, Any] = {}
        self.chunks: list[Chunk] = []
        self.problems: list[Problem] = []
        self.places: dict[str, list[Place]] = {}
        self.files: dict[str, Chunk] = {}
        self._undo = contextlib.ExitStack()

    def __enter__(self) -> Loader:
        modules, entries = {*sys.modules}, list(sys.path)
        self._undo.callback(lambda: sys.path.__setitem__(slice(None), entries))
        self._undo.callback(
            lambda: [
                sys.modules.pop(n)
                for n in {*sys.modules} - modules
                if self._is_ours(sys.modules[n])
            ]
        )
        if self.torch == "rushlight":
            served = TorchFinder()
            sys.meta_path.insert(0, served)
            self._undo.callback(served.remove)
        finder: Any = FolderFinder(self.path.parent, self._load_sibling)
        sys.meta_path.insert(0, finder)
        self._undo.callback(lambda: sys.meta_path.remove(finder))
        search_folder(self.path.parent)
        return self

    def __exit__(self, *exception: object) -> None:
        self._undo.close()

    def _is_ours(self, module: Any) -> bool:
        file = getattr(module, "__file__", None) or ""
        return file in self.files or file.startswith(str(self.path.parent))

    def load(self) -> None:
        """Run the definitions; whatever goes wrong becomes a Problem."""
        module = types.ModuleType(self.module_name)
        module.__file__ = str(self.path)
        self.namespace = vars(module)
        sys.modules[self.module_name] = module
        try:
            self.chunks = read_source(self.path).chunks
        except (FileFormatError, OSError) as error:
            self.problems.append(Problem("file", str(error)))
            return
        _Run(self, self.namespace, "", self.before).run(self.chunks)

    def _load_sibling(self, path: pathlib.Path, namespace: dict[str, Any]) -> None:
        try:
            chunks = read_source(path).chunks
        except FileFormatError as error:
            raise ImportError(str(error)) from None
        _Run(self, namespace, path.name, _always).run(chunks)


class _Run:
    """One file of a loader: its statements, run in one namespace."""

    def __init__(
        self, loader: Loader, namespace: dict[str, Any], file: str, before: Before
    ) -> None:
        self.loader, self.namespace, self.file, self.before = loader, namespace, file, before
        self.filter = Filter(self._has_value)
        self.flags = 0

    def _has_value(self, name: str) -> bool:
        return name in self.namespace and not isinstance(self.namespace[name], Stub)

    def run(self, chunks: list[Chunk]) -> None:
        """Run all chunks, from top to bottom."""
        name = self.namespace["__name__"]
        for chunk in chunks:
            self.loader.files[chunk.filename] = chunk
            statements, problems, clean = parse(chunk)
            self.loader.problems += [self._of_file(problem) for problem in problems]
            _show_source(chunk.filename, clean, statements)
            if chunk.cell is not None:
                self.namespace["__name__"] = self._cell_module(name, chunk)
            for node in statements:
                self._statement(chunk, node)
        self.namespace["__name__"] = name

    def _cell_module(self, name: str, chunk: Chunk) -> str:
        module = _CellModule(f"{name}_cell_{chunk.cell}", chunk.filename, self.namespace)
        sys.modules[module.__name__] = module
        return module.__name__

    def _of_file(self, problem: Problem) -> Problem:
        return Problem(**{**problem.to_dict(), "file": self.file})

    def _statement(self, chunk: Chunk, node: ast.stmt) -> None:
        """Run one statement of the top level, if it defines something."""
        if isinstance(node, ast.ImportFrom) and node.module == "__future__":
            for alias in node.names:
                feature = getattr(importlib.import_module("__future__"), alias.name, None)
                self.flags |= feature.compiler_flag if feature is not None else 0
            return
        kept = self.filter.keep(node)
        if kept is None:
            self._leave_out(chunk, node)
            return
        name = next(bound_names(node), "")
        place = chunk.place(node.lineno)
        if isinstance(node, _DEFINITIONS):
            if not self.file:
                self.loader.places.setdefault(name, []).append(place)
            _drop_decorators(node, self._is_stub)
        if not self.before(kept, place, name):
            self._leave_out(chunk, node)
            return
        try:
            self._run_statement(chunk, kept, place)
        except BaseException as error:  # of students: SystemExit and the like, too
            self._leave_out(chunk, node)
            if not isinstance(error, StubUsed) or not isinstance(node, _ASSIGNMENTS):
                self._report(chunk, node, name, error)

    def _run_statement(self, chunk: Chunk, node: ast.stmt, place: Place) -> None:
        if isinstance(node, _IMPORTS):

            def failed(name: str, why: str) -> None:
                at = {"cell": place.cell, "line": place.line, "text": place.text}
                problem = Problem("import", why, name=name, **at)  # type: ignore[arg-type]
                self.loader.problems.append(self._of_file(problem))

            bind(node, self.namespace, failed)
            return
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", SyntaxWarning)
            tree = ast.Module([node], [])
            code = compile(tree, chunk.filename, "exec", self.flags, dont_inherit=True)
        exec(code, self.namespace)
        folder = str(self.loader.path.parent)
        sys.path[:] = [os.path.join(folder, entry) if entry else "" for entry in sys.path]

    def _leave_out(self, chunk: Chunk, node: ast.stmt) -> None:
        """Give names without a value a stub that says so."""
        if isinstance(node, _DEFINITIONS):
            return
        place = Place(chunk.cell, node.lineno).words()
        for name in bound_names(node):
            if name not in self.namespace:
                self.namespace[name] = uncomputed(name, place)

    def _is_stub(self, node: ast.expr) -> bool:
        """Tell whether an expression, a decorator, comes from a stub."""
        if isinstance(node, ast.Call):
            return self._is_stub(node.func)
        if isinstance(node, ast.Name):
            return _never_real(self.namespace.get(node.id))
        if isinstance(node, ast.Attribute):
            if self._is_stub(node.value):
                return True
            with contextlib.suppress(Exception):
                text = ast.unparse(node)
                return _never_real(eval(text, self.namespace))
        return False

    def _report(self, chunk: Chunk, node: ast.stmt, name: str, error: BaseException) -> None:
        """Add the problem of a statement that raised."""
        kind, words = "definition", f"{type(error).__name__}: {error}"
        line = _line_of(error, chunk.filename) or node.lineno
        if (reason := reason_of(error)) is not None:
            kind, words = "stopped", reason
        elif isinstance(error, StubUsed):
            words = str(error)
        elif isinstance(error, SyntaxError):
            kind, words, line = "syntax", str(error.msg), error.lineno or line
        elif isinstance(error, NameError) and error.name in _names_of_bases(node):
            kind, words, line = "base", str(error.name), node.lineno
        place = chunk.place(line)
        problem = Problem(kind, words, place.cell, place.line, place.text, name, self.file)
        self.loader.problems.append(problem)


def _names_of_bases(node: ast.stmt) -> set[str]:
    bases = node.bases if isinstance(node, ast.ClassDef) else []
    return {n.id for base in bases for n in ast.walk(base) if isinstance(n, ast.Name)}


def _never_real(value: object) -> bool:
    """Tell whether a value is a stub that cannot be had."""
    if not isinstance(value, Stub):
        return False
    try:
        value._resolve("is a decorator")
    except StubUsed:
        return True
    return False


def _drop_decorators(node: ast.stmt, is_stub: Callable[[ast.expr], bool]) -> None:
    """Take away decorators that would raise because they are stubs, in classes and functions."""
    for inner in ast.walk(node):
        if isinstance(inner, _DEFINITIONS):
            inner.decorator_list = [d for d in inner.decorator_list if not is_stub(d)]


def _line_of(error: BaseException, filename: str) -> int | None:
    """Return the innermost line of a file in a traceback."""
    line, trace = None, error.__traceback__
    while trace is not None:
        if trace.tb_frame.f_code.co_filename == filename:
            line = trace.tb_lineno
        trace = trace.tb_next
    return line


def _show_source(filename: str, text: str, statements: list[ast.stmt]) -> None:
    """Let tracebacks and `inspect` find the text, of classes defined twice the last one."""
    lines = text.split("\n")
    for node in _superseded(statements):
        start = min([node.lineno, *(d.lineno for d in node.decorator_list)])
        lines[start - 1 : node.end_lineno] = [""] * ((node.end_lineno or start) - start + 1)
    entry = (len(text), None, [f"{line}\n" for line in lines], filename)
    linecache.cache[filename] = entry


def _superseded(statements: list[ast.stmt]) -> Iterator[ast.ClassDef]:
    last = {node.name: node for node in statements if isinstance(node, ast.ClassDef)}
    for node in statements:
        if isinstance(node, ast.ClassDef) and last[node.name] is not node:
            yield node
