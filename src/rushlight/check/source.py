"""What the text of the student's class says: nested methods, early returns, borrowed work."""

from __future__ import annotations

import ast
import inspect
import textwrap
import types
from collections.abc import Iterator, Sequence
from typing import Any

__all__ = ["Source"]

API = {
    "forward", "backward", "updateOutput", "updateGradInput", "accGradParameters",
    "zeroGradParameters", "getParameters", "getGradParameters", "train", "evaluate",
}  # fmt: skip
_MAKES = {
    "output": {"updateOutput", "forward"},
    "gradInput": {"updateGradInput", "backward"},
}


class Source:
    """The syntax tree of a class or function; empty where the text cannot be had.

    Args:
        obj: the class or function.
    """

    def __init__(self, obj: Any) -> None:
        self.obj = obj
        self.start = 0
        self.tree: ast.AST = ast.Module([], [])
        try:
            lines, self.start = inspect.getsourcelines(obj)
            self.tree = ast.parse(textwrap.dedent("".join(lines)))
        except (OSError, TypeError, SyntaxError, IndentationError):
            return

    def line(self, node: Any) -> str:
        """Return the number of a node's line in the file."""
        return str(max(self.start, 1) + node.lineno - 1)

    def methods(self) -> Iterator[ast.FunctionDef]:
        """Give the functions that stand in the body of the class (or the function itself)."""
        for node in ast.iter_child_nodes(self.tree):
            if isinstance(node, ast.ClassDef):
                yield from (part for part in node.body if isinstance(part, ast.FunctionDef))
            elif isinstance(node, ast.FunctionDef):
                yield node

    def nested(self) -> dict[str, str]:
        """Return the method that was defined inside another one, with its line; {} if none."""
        for method in self.methods():
            for node in ast.walk(method):
                if isinstance(node, ast.FunctionDef) and node is not method and node.name in API:
                    return {"method": node.name, "outer": method.name, "line": self.line(node)}
        return {}

    def early_return(self, tensor: str) -> str:
        """Return the line of a `return` inside a loop in the method that makes a tensor, or ""."""
        wanted = _MAKES.get(tensor, {"accGradParameters", "backward"})
        for method in self.methods():
            if method.name in wanted:
                for loop in ast.walk(method):
                    if isinstance(loop, (ast.For, ast.While)):
                        node = _return_in(loop)
                        if node is not None:
                            return self.line(node)
        return ""

    def uses(self, names: Sequence[str], packages: Sequence[str]) -> dict[str, str]:
        """Return the first use of one of these names out of one of these packages; {} if none."""
        known = getattr(_any_function(self.obj), "__globals__", {})
        for node in ast.walk(self.tree):
            if isinstance(node, (ast.Attribute, ast.Name)):
                path = _dotted(node)
                if path and path.rpartition(".")[2] in names and _from(known, path, packages):
                    return {"name": path, "line": self.line(node)}
        return {}


def _return_in(loop: ast.AST) -> ast.Return | None:
    for node in ast.iter_child_nodes(loop):
        if isinstance(node, ast.Return):
            return node
        if not isinstance(node, (ast.FunctionDef, ast.Lambda)):
            inner = _return_in(node)
            if inner is not None:
                return inner
    return None


def _any_function(obj: Any) -> Any:
    if inspect.isclass(obj):
        return next((v for v in vars(obj).values() if inspect.isfunction(v)), None)
    return obj


def _dotted(node: ast.AST) -> str:
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute):
        inner = _dotted(node.value)
        return f"{inner}.{node.attr}" if inner else ""
    return ""


def _from(known: Any, path: str, packages: Sequence[str]) -> bool:
    value = known.get(path.partition(".")[0])
    home = (
        value.__name__ if isinstance(value, types.ModuleType) else getattr(value, "__module__", "")
    )
    return str(home).partition(".")[0] in packages
