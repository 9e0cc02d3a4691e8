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
    """The syntax trees of the methods of a class, or of a function; none where there is no text.

    Args:
        obj: the class or function.
    """

    def __init__(self, obj: Any) -> None:
        self.obj = obj
        self.methods = list(_trees(obj))
        self._returns: dict[str, str] = {}  # by tensor: each of its mistakes asks again

    def mentions(self, name: str) -> bool:
        """Tell whether a string stands in the text, as in `options.get("stride")`."""
        nodes = (node for method in self.methods for node in ast.walk(method))
        return any(isinstance(node, ast.Constant) and node.value == name for node in nodes)

    def nested(self) -> dict[str, str]:
        """Return the method that was defined inside another one, with its line; {} if none."""
        for method in self.methods:
            for node in ast.walk(method):
                if isinstance(node, ast.FunctionDef) and node is not method and node.name in API:
                    return {"method": node.name, "outer": method.name, "line": str(node.lineno)}
        return {}

    def early_return(self, tensor: str) -> str:
        """Return the line of a `return` inside a loop in the method that makes a tensor, or ""."""
        if tensor not in self._returns:
            self._returns[tensor] = self._return_in_a_loop(tensor)
        return self._returns[tensor]

    def _return_in_a_loop(self, tensor: str) -> str:
        wanted = _MAKES.get(tensor, {"accGradParameters", "backward"})
        for method in self.methods:
            loops = (n for n in ast.walk(method) if isinstance(n, (ast.For, ast.While)))
            for loop in loops if method.name in wanted else ():
                node = _return_in(loop)
                if node is not None:
                    return str(node.lineno)
        return ""

    def applies(self) -> bool:
        """Tell whether it calls `apply`, as of an autograd function that the student wrote."""
        nodes = (node for method in self.methods for node in ast.walk(method))
        return any(isinstance(node, ast.Attribute) and node.attr == "apply" for node in nodes)

    def uses(self, names: Sequence[str], packages: Sequence[str]) -> dict[str, str]:
        """Return the first use of one of these names out of one of these packages; {} if none."""
        for method in self.methods:
            for node in ast.walk(method):
                path = _dotted(node)
                known = getattr(_function(self.obj), "__globals__", {})
                if path and path.rpartition(".")[2] in names and _from(known, path, packages):
                    return {"name": path, "line": str(getattr(node, "lineno", ""))}
        return {}


def _trees(obj: Any) -> Iterator[ast.FunctionDef]:
    """Give the tree of each function; one by one, so that a broken file does not matter."""
    for function in vars(obj).values() if inspect.isclass(obj) else (obj,):
        function = getattr(function, "__func__", getattr(function, "fget", function))
        if not inspect.isfunction(function):
            continue
        try:
            lines, start = inspect.getsourcelines(function)
            tree = ast.parse(textwrap.dedent("".join(lines)))
        except (OSError, TypeError, SyntaxError):
            continue
        ast.increment_lineno(tree, max(start, 1) - 1)
        yield from (node for node in tree.body if isinstance(node, ast.FunctionDef))


def _return_in(loop: ast.AST) -> ast.Return | None:
    for node in ast.iter_child_nodes(loop):
        if isinstance(node, ast.Return):
            return node
        if not isinstance(node, (ast.FunctionDef, ast.Lambda)):
            inner = _return_in(node)
            if inner is not None:
                return inner
    return None


def _function(obj: Any) -> Any:
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
