"""Runs the definitions of a file, statement by statement, so that a bad one harms no other."""

from __future__ import annotations
import __future__

import ast
import contextlib
import dataclasses
import linecache
import os
import pathlib
import sys
import types
import warnings
from collections.abc import Callable, Iterator
from typing import Any

from rushlight import classic
from rushlight.check.loading.definitions import Filter, bound_names
from rushlight.check.loading.imports import FolderFinder, bind, search_folder
from rushlight.check.loading.problem import Place, Problem
from rushlight.check.loading.source import Chunk, NotPython, parse, read_source
from rushlight.check.loading.stops import place_of, reason_of
from rushlight.check.loading.stubs import Stub, StubUsed, uncomputed
from rushlight.check.loading.torch_names import TorchFinder
from rushlight.errors import explain

__all__ = ["Loader"]

_DEFINITIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
_IMPORTS = (ast.Import, ast.ImportFrom)
_ASSIGNMENTS = (ast.Assign, ast.AnnAssign, ast.AugAssign)

Definition = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef
_LENT = {"Module", "Criterion", "Sequential"}  # base classes that Rushlight has, too

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
        self._undo.callback(self._forget, {*sys.modules}, list(sys.path))
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

    def _forget(self, modules: set[str], entries: list[str]) -> None:
        """Put the path of imports back, and take out the modules of the folder."""
        sys.path[:] = entries
        for name in {*sys.modules} - modules:
            module = sys.modules[name]
            file = getattr(module, "__file__", None) or ""
            if isinstance(module, _CellModule) or file.startswith(str(self.path.parent)):
                del sys.modules[name]

    def load(self) -> None:
        """Run the definitions; whatever goes wrong becomes a Problem."""
        module = types.ModuleType(self.module_name)
        module.__file__ = str(self.path)
        self.namespace = vars(module)
        sys.modules[self.module_name] = module
        try:
            self.chunks = read_source(self.path).chunks
        except NotPython as error:
            self.problems.append(Problem("file", error.english, error_ru=error.russian))
            return
        except OSError as error:
            self.problems.append(Problem("file", error.strerror or str(error)))
            return
        _Run(self, self.namespace, "", self.before).run(self.chunks)

    def _load_sibling(self, path: pathlib.Path, namespace: dict[str, Any]) -> None:
        try:
            chunks = read_source(path).chunks
        except NotPython as error:
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
            if not self.file:
                self.loader.files[chunk.filename] = chunk
            elif chunk.cell is not None:  # the file itself has cells of that name
                filename = f"<{self.file}, cell {chunk.cell}>"
                chunk = dataclasses.replace(chunk, filename=filename)
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
                feature = getattr(__future__, alias.name, None)
                self.flags |= feature.compiler_flag if feature is not None else 0
            return
        kept = self.filter.keep(node)
        if kept is None:
            self._leave_out(chunk, node)
            return
        name = next(bound_names(node), "")
        place = chunk.place(node.lineno)
        if not self.file:
            for inner in _definitions(kept):
                places = self.loader.places.setdefault(inner.name, [])
                places.append(chunk.place(inner.lineno))
        if not self.before(kept, place, name):
            self._leave_out(chunk, node)
            return
        self._lend_bases(chunk, kept)
        try:
            _drop_decorators(kept, self._is_stub)
            self._run_statement(chunk, kept, place)
        except BaseException as error:  # of students: SystemExit and the like, too
            self._leave_out(chunk, node)
            if not isinstance(error, StubUsed) or not isinstance(node, _ASSIGNMENTS):
                self._report(chunk, node, name, error)

    def _lend_bases(self, chunk: Chunk, node: ast.stmt) -> None:
        """Let Rushlight's own base classes stand in for those of a file that is not here."""
        for name in _names_of_bases(node) & _LENT:
            value = self.namespace.get(name)
            if value is None or _never_real(value):
                self.namespace[name] = getattr(classic, name)
                at = chunk.place(node.lineno).to_dict()
                self.loader.problems.append(self._of_file(Problem("lent", name=name, **at)))

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
        place = Place(chunk.cell, node.lineno)
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
        kind, words, russian = "definition", f"{type(error).__name__}: {error}", ""
        inner = place_of(error, {chunk.filename: chunk})
        line = inner.line if inner is not None else node.lineno
        if (reason := reason_of(error)) is not None:
            kind, words = "stopped", reason
        elif isinstance(error, StubUsed):
            words, russian = str(error), error.russian
        elif isinstance(error, SyntaxError):
            kind, words, line = "syntax", str(error.msg), error.lineno or line
        elif isinstance(error, NameError) and error.name in _names_of_bases(node):
            kind, words, line = "base", str(error.name), node.lineno
        place = chunk.place(line)
        at = (place.cell, place.line, place.text)
        problem = Problem(kind, words, *at, name, self.file, error_ru=russian)
        self.loader.problems.append(problem)


def _definitions(node: ast.stmt) -> Iterator[Definition]:
    """Yield the functions and classes that a statement, or a block in it, defines."""
    if isinstance(node, _DEFINITIONS):
        yield node
        return
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.stmt):
            yield from _definitions(child)
        elif isinstance(child, ast.ExceptHandler):
            for inner in child.body:
                yield from _definitions(inner)


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
