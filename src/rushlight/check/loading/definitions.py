"""The filter: which statements of a file define something, and may run without its training."""

from __future__ import annotations

import ast
import builtins
from collections.abc import Callable, Iterable, Iterator

from rushlight.check.loading.words import words

__all__ = ["Filter", "bound_names"]

# Calls that make constants: of names of the language and of NumPy, math and torch.
_PURE_BUILTINS = words(
    "abs bool bytes complex dict enumerate float frozenset getattr hasattr int isinstance "
    "issubclass len list max min object pow range reversed round set slice sorted str sum tuple "
    "type zip"
)
_PURE_METHODS = words(
    "arange array asarray ceil cos device dtype eye exp finfo float16 float32 float64 floor full "
    "geomspace get_logger getLogger iinfo int32 int64 linspace log log2 logspace manual_seed ones "
    "prod sin sqrt sum tan tanh tensor uint8 zeros "
    "compile is_available namedtuple partial defaultdict OrderedDict Counter deque "
    "default_rng RandomState Generator TypeVar NewType Path join vectorize frompyfunc lru_cache"
)
_PURE_ROOTS = words(
    "np numpy math torch cmath re functools collections typing random logging pathlib os sys rl "
    "rushlight xp scipy special operator itertools"
)
_PURE_NAMES = words(
    "namedtuple partial defaultdict OrderedDict Counter deque default_rng RandomState TypeVar "
    "NewType Path sqrt exp log device getLogger vectorize frompyfunc"
)
_DEFINITIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
_TYPE_ALIAS: tuple[type[ast.AST], ...] = (getattr(ast, "TypeAlias", ast.ClassDef),)  # of 3.12


class Filter:
    r"""Chooses the statements to run, from top to bottom; it remembers the names made so far.

    Args:
        defined: tells whether a name has a value by now, besides those that were seen here.

    Kept are imports, functions, classes, assignments of constants (literals, arithmetic of known
    names, lambdas, aliases, calls such as `np.sqrt(2)`), assignments to attributes of classes, and
    `try` and `if` around such; the rest, above all what trains, is dropped.

    Example:
        >>> chosen = Filter()
        >>> text = "import numpy as np\nEPS = np.sqrt(1e-5)\nnet = train(EPS)\nprint(net)"
        >>> [type(node).__name__ for node in ast.parse(text).body if chosen.keep(node)]
        ['Import', 'Assign']
    """

    def __init__(self, defined: Callable[[str], bool] = lambda name: False) -> None:
        self.defined = defined
        self.known: set[str] = set()
        self.classes: set[str] = set()

    def keep(self, node: ast.stmt) -> ast.stmt | None:
        """Return the statement to run, with what is dropped inside cut out; None if nothing."""
        if isinstance(node, (ast.Import, ast.ImportFrom, *_DEFINITIONS)):
            if isinstance(node, ast.ClassDef):
                self.classes.add(node.name)
            self.known |= {*bound_names(node)}
            return node
        if isinstance(node, (ast.Assign, ast.AnnAssign, ast.AugAssign)):
            return self._assignment(node)
        if isinstance(node, ast.If):
            return self._if(node)
        if isinstance(node, ast.Try):
            return self._try(node)
        if isinstance(node, ast.Expr) and self._is_registration(node.value):
            return node
        if isinstance(node, ast.Pass) or type(node) in _TYPE_ALIAS:
            self.known |= {*bound_names(node)}
            return node
        return None

    def _assignment(self, node: ast.Assign | ast.AnnAssign | ast.AugAssign) -> ast.stmt | None:
        targets = node.targets if isinstance(node, ast.Assign) else [node.target]
        names = {*bound_names(node)}
        if node.value is None or not self.is_constant(node.value):
            return None
        for target in targets:
            if isinstance(target, ast.Attribute) and _root(target) not in self.classes:
                return None
            if isinstance(target, ast.Subscript):
                return None
        if isinstance(node, ast.AugAssign) and not names <= self.known:
            return None
        if isinstance(node.value, ast.Name) and node.value.id in self.classes:
            self.classes |= names
        self.known |= names
        return node

    def _if(self, node: ast.If) -> ast.stmt | None:
        if any(isinstance(n, ast.Name) and n.id == "__name__" for n in ast.walk(node.test)):
            return None
        if not self.is_constant(node.test):
            return None
        body, other = self._block(node.body), self._block(node.orelse)
        if not body and not other:
            return None
        kept = ast.If(test=node.test, body=body or [_pass(node)], orelse=other)
        return ast.copy_location(kept, node)

    def _try(self, node: ast.Try) -> ast.stmt | None:
        body = self._block(node.body)
        if not body:
            return None
        handlers = [
            ast.copy_location(
                ast.ExceptHandler(h.type, h.name, self._block(h.body) or [_pass(h)]), h
            )
            for h in node.handlers
        ]
        other, final = self._block(node.orelse), self._block(node.finalbody)
        if not handlers and not final:
            final = [_pass(node)]
        return ast.copy_location(ast.Try(body, handlers, other, final), node)

    def _block(self, body: Iterable[ast.stmt]) -> list[ast.stmt]:
        return [kept for node in body if (kept := self.keep(node)) is not None]

    def _is_registration(self, node: ast.expr) -> bool:
        """Tell whether a call sets an attribute of a class, or the path of imports."""
        if not isinstance(node, ast.Call) or node.keywords:
            return False
        if not all(self.is_constant(value) for value in node.args):
            return False
        if isinstance(node.func, ast.Name):
            return (
                node.func.id == "setattr"
                and bool(node.args)
                and (_root(node.args[0]) in self.classes)
            )
        return ast.unparse(node.func) in ("sys.path.append", "sys.path.insert")

    def is_constant(self, node: ast.expr) -> bool:
        """Tell whether an expression needs nothing but constants, and costs next to nothing."""
        if isinstance(node, ast.Name):
            name = node.id
            return name in self.known or hasattr(builtins, name) or self.defined(name)
        if isinstance(node, ast.Call):
            return self._is_pure(node.func) and all(
                self.is_constant(value)
                for value in [*node.args, *(keyword.value for keyword in node.keywords)]
            )
        if isinstance(node, (ast.Constant, ast.Lambda)):
            return True
        if isinstance(node, (ast.ListComp, ast.SetComp, ast.GeneratorExp, ast.DictComp)):
            return self._is_constant_comprehension(node)
        if isinstance(node, (ast.Await, ast.Yield, ast.YieldFrom, ast.NamedExpr)):
            return False
        return all(self.is_constant(child) for child in _expressions(node))

    def _is_constant_comprehension(
        self, node: ast.ListComp | ast.SetComp | ast.GeneratorExp | ast.DictComp
    ) -> bool:
        inner = Filter(self.defined)
        inner.known |= self.known
        for loop in node.generators:
            if loop.is_async or not inner.is_constant(loop.iter):
                return False
            inner.known |= {n.id for n in ast.walk(loop.target) if isinstance(n, ast.Name)}
            if not all(inner.is_constant(test) for test in loop.ifs):
                return False
        parts = [node.key, node.value] if isinstance(node, ast.DictComp) else [node.elt]
        return all(inner.is_constant(part) for part in parts)

    def _is_pure(self, function: ast.expr) -> bool:
        if isinstance(function, ast.Name):
            return function.id in _PURE_BUILTINS | _PURE_NAMES
        return (
            isinstance(function, ast.Attribute)
            and function.attr in _PURE_METHODS
            and _root(function) in _PURE_ROOTS
        )


def bound_names(node: ast.stmt) -> Iterator[str]:
    r"""Yield the names that a statement binds at its own level, those of blocks in it included.

    Example:
        >>> list(bound_names(ast.parse("for i in x:\n    a, b = i").body[0]))
        ['i', 'a', 'b']
    """
    if isinstance(node, _DEFINITIONS):
        yield node.name
    elif isinstance(node, (ast.Import, ast.ImportFrom)):
        for alias in node.names:
            if alias.name != "*":
                yield alias.asname or (
                    alias.name.partition(".")[0] if isinstance(node, ast.Import) else alias.name
                )
    else:
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.stmt):
                yield from bound_names(child)
            elif isinstance(child, ast.ExceptHandler):
                for inner in child.body:
                    yield from bound_names(inner)
            elif not isinstance(child, ast.match_case):
                yield from _stored(child)


def _stored(node: ast.AST) -> Iterator[str]:
    """Yield the names that an expression stores into, outside of functions inside it."""
    if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
        yield node.id
    elif not isinstance(
        node, (ast.Lambda, ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)
    ):
        for child in ast.iter_child_nodes(node):
            yield from _stored(child)


def _expressions(node: ast.AST) -> Iterator[ast.expr]:
    """Yield the expressions directly inside one: operands, elements, parts of a slice."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.expr):
            yield child


def _root(node: ast.expr) -> str | None:
    """Return the name at the left end of `a.b.c`."""
    while isinstance(node, ast.Attribute):
        node = node.value
    return node.id if isinstance(node, ast.Name) else None


def _pass(node: ast.AST) -> ast.stmt:
    return ast.copy_location(ast.Pass(), node)
