"""Changes to the source of a function that leave the rest of it as its author wrote it."""

from __future__ import annotations

import ast
import textwrap
from collections.abc import Iterator
from functools import lru_cache
from typing import Any, TypeAlias

__all__ = ["Edits", "forward_edits", "tidied"]

Place: TypeAlias = tuple[int, int]  # line, counted from 1, and byte in it, as the nodes have them
_CHECKS = {"require_float", "_match", "_same_dtype"}  # what is called to complain, beside *check*
_COMPLAINTS = {"ShapeError", "DtypeError", "_misfit", "misfit"}


class Edits:
    """Replacements of stretches of a text, each by what stands in its place."""

    def __init__(self) -> None:
        self.items: list[tuple[Place, Place, str]] = []

    def __iadd__(self, other: Edits) -> Edits:
        self.items += other.items
        return self

    def put(self, start: Place, end: Place, text: str = "") -> None:
        """Replace what lies between two places."""
        self.items.append((start, end, text))

    def replace(self, node: Any, text: str) -> None:
        """Replace a node, unless it reads so already."""
        if not (isinstance(node, ast.Name) and node.id == text):
            self.put(*_span(node), text)

    def drop(self, node: Any) -> None:
        """Take a statement out, with its lines."""
        self.put((node.lineno, 0), (node.end_lineno + 1, 0))

    def rename(self, text: str, node: Any, name: str) -> None:
        """Give a function or class another name."""
        if name != node.name:
            line = text.splitlines()[node.lineno - 1]
            at = line.index(node.name, node.col_offset + 3)
            self.put((node.lineno, at), (node.lineno, at + len(node.name)), name)

    def covers(self, node: Any) -> bool:
        """Tell whether a node stands in what is replaced."""
        if not hasattr(node, "lineno"):
            return False
        start, end = _span(node)
        return any(a <= start and end <= b and a != b for a, b, _ in self.items)

    def applied(self, text: str, node: Any) -> str:
        """Return the text of a node with the changes that lie in it."""
        lines = [line.encode() for line in text.splitlines(keepends=True)]
        (first, column), (last, stop) = _span(node)
        if isinstance(node, ast.stmt):
            column = 0
        starts = [0]
        for line in lines:
            starts.append(starts[-1] + len(line))
        raw = b"".join(lines)
        at, end = starts[first - 1] + column, starts[last - 1] + stop
        parts: list[bytes] = []
        for (a, i), (b, j), new in sorted(
            self.items, key=lambda item: (item[0], item[0] != item[1])
        ):
            left, right = starts[a - 1] + i, starts[b - 1] + j
            if left < at or left > end:
                continue  # of another part, or within what another change has taken
            parts += [raw[at:left], new.encode()]
            at = right
        found = b"".join([*parts, raw[at:end]] if at < end else parts).decode()
        return textwrap.dedent(found).rstrip() if isinstance(node, ast.stmt) else found


def _span(node: Any) -> tuple[Place, Place]:
    if isinstance(node, ast.arguments):
        parts = [*node.posonlyargs, *node.args, *node.kwonlyargs, *node.defaults]
        return _span(parts[0])[0], max(_span(part)[1] for part in parts)
    decorators = getattr(node, "decorator_list", None)
    start = decorators[0] if decorators else node
    column = start.col_offset - 1 if decorators else start.col_offset
    return (start.lineno, column), (node.end_lineno, node.end_col_offset)


def forward_edits(function: ast.FunctionDef) -> Edits:
    """Return what turns an op's forward into a function of arrays alone.

    `return (y,), Saved(...)` becomes `return y`, and checks that a recorded call has passed go.
    """
    edits = Edits()
    if function.returns is not None:
        edits.replace(function.returns, "Any")
    for statement in _statements(function.body):
        if isinstance(statement, ast.Return):
            _bare(edits, statement)
        elif _is_check(statement) or _keeps(statement):
            edits.drop(statement)
        elif isinstance(statement, ast.Try):
            _untried(edits, statement)
    return edits


def _statements(body: list[ast.stmt]) -> Iterator[ast.stmt]:
    """Iterate over statements and those within them, not over those of nested functions."""
    for statement in body:
        yield statement
        if isinstance(statement, ast.If | ast.For | ast.While | ast.With | ast.Try):
            if _is_check(statement):
                continue
            yield from _statements(statement.body)
            yield from _statements(getattr(statement, "orelse", []))


def _bare(edits: Edits, statement: ast.Return) -> None:
    value = statement.value
    if not isinstance(value, ast.Tuple) or len(value.elts) != 2:
        return
    outputs, saved = value.elts
    if not (_is_call(saved, {"Saved"}) or (isinstance(saved, ast.Name) and saved.id == "saved")):
        return
    single = isinstance(outputs, ast.Tuple) and len(outputs.elts) == 1
    kept = outputs.elts[0] if single else outputs  # type: ignore[attr-defined]
    (start, end), (first, last) = _span(value), _span(kept)
    edits.put(start, first)
    edits.put(last, end)


def _is_call(node: ast.AST | None, names: set[str]) -> bool:
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in names


def _keeps(statement: ast.stmt) -> bool:
    """Tell whether a statement makes what backward keeps."""
    return isinstance(statement, ast.Assign) and _is_call(statement.value, {"Saved"})


def _is_check(statement: ast.stmt) -> bool:
    """Tell whether a statement only complains of shapes or dtypes."""
    if isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Call):
        called = statement.value.func
        name = called.id if isinstance(called, ast.Name) else ""
        return "check" in name or name in _CHECKS
    if not isinstance(statement, ast.If) or statement.orelse or len(statement.body) != 1:
        return False
    only = statement.body[0]
    return _is_check(only) or (isinstance(only, ast.Raise) and _is_call(only.exc, _COMPLAINTS))


def _untried(edits: Edits, statement: ast.Try) -> None:
    """Take the body out of a try that only words an error anew."""
    handlers = statement.handlers
    if not all(len(h.body) == 1 and isinstance(h.body[0], ast.Raise) for h in handlers):
        return
    edits.put((statement.lineno, 0), (statement.lineno + 1, 0))
    for line in range(statement.body[0].lineno, (statement.body[-1].end_lineno or 0) + 1):
        edits.put((line, 0), (line, 4))
    edits.put((handlers[0].lineno, 0), ((handlers[-1].end_lineno or 0) + 1, 0))


@lru_cache(maxsize=4096)
def tidied(text: str) -> str:
    """Return a function without assignments whose names nobody reads any more."""
    while True:
        function = ast.parse(text).body[0]
        read = {name for node in ast.walk(function) for name in _read(node)}
        idle = [
            s
            for s in ast.walk(function)
            if isinstance(s, ast.Assign)
            and all(isinstance(t, ast.Name) and t.id not in read for t in s.targets)
            and not any(isinstance(part, ast.Call) for part in ast.walk(s.value))
        ]
        if not idle:
            return text
        edits = Edits()
        edits.drop(idle[0])
        text = edits.applied(text, function)


def _read(node: ast.AST) -> set[str]:
    """Return the name that a node reads; `x += 1` may write to what others see."""
    if isinstance(node, ast.AugAssign):
        return {node.target.id} if isinstance(node.target, ast.Name) else set()
    return {node.id} if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load) else set()
