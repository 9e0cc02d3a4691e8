"""`rushlight summary`: the table and the drawing of a model that a file or a module defines.

What stands behind the colon is a name and, in parentheses, literals: `UNet(channels=3)`. It is
read, not evaluated. The file itself is run, as `python FILE` would, but not as `__main__`: it is
the user's own.
"""

from __future__ import annotations

import ast
import dataclasses
import importlib
import importlib.util
import json
import pathlib
import re
import sys
from types import ModuleType
from typing import Any

import typer

from rushlight.errors import explain
from rushlight.nn import Module
from rushlight.nn.summary import Summary

__all__ = ["as_json", "load_model", "parse_inputs", "show"]

_MODELS = "FILE.py:name or module:name, such as unet.py:UNet or 'unet.py:UNet(channels=3)'"


def _wrong(where: str, got: object, expected: object, fix: str = "") -> typer.BadParameter:
    return typer.BadParameter(explain(where, got=got, expected=expected, fix=fix))


# ---- the model


def load_model(target: str) -> Module:
    """Return the model that FILE.py:name or module:name stands for.

    Args:
        target: the name is a module, or a class or function that makes one; it may have dots, and
            literals as arguments in parentheses.

    Raises:
        typer.BadParameter: for what names no model.
        Exception: what the file, or the making of the model, raises.
    """
    source, colon, call = _split(target)
    path = pathlib.Path(source)
    if path.is_dir():
        raise _wrong("summary", f"the folder {source!r}", _MODELS, "a run holds only its weights")
    is_file = path.suffix == ".py" or path.exists()
    found = _run_file(path) if is_file else _imported(source)
    if not colon:
        raise _wrong("summary", f"{target!r} without a name", _MODELS, _offer(found))
    name, args, kwargs = _read_call(call)
    value: Any = found
    for part in name.split("."):
        if not hasattr(value, part):
            raise _wrong("summary", f"the name {name!r}", f"one in {source}", _offer(found))
        value = getattr(value, part)
    return _made(value, name, args, kwargs, "(" in call)


def _split(target: str) -> tuple[str, str, str]:
    """Cut at the last colon before the arguments; one behind a drive's letter is none."""
    head, paren, tail = target.partition("(")
    source, colon, name = head.rpartition(":")
    if not colon or re.search(r"[\\/]", name):
        return target, "", ""
    return source, colon, name + paren + tail


def _run_file(path: pathlib.Path) -> ModuleType:
    if not path.is_file():
        raise FileNotFoundError(2, "there is no such file", str(path))
    sys.path.insert(0, str(path.resolve().parent))  # as `python FILE` has it
    try:
        spec = importlib.util.spec_from_file_location(path.stem, path)
        if spec is None or spec.loader is None:
            raise _wrong("summary", f"the file {str(path)!r}", "a Python file")
        module = importlib.util.module_from_spec(spec)
        before = sys.modules.get(path.stem)
        sys.modules[path.stem] = module  # dataclasses look it up while it runs
        try:
            spec.loader.exec_module(module)
        finally:
            if before is None:
                sys.modules.pop(path.stem, None)
            else:
                sys.modules[path.stem] = before
    finally:
        sys.path.pop(0)
    return module


def _imported(name: str) -> ModuleType:
    if not all(part.isidentifier() for part in name.split(".")):
        raise _wrong("summary", repr(name), _MODELS)
    sys.path.insert(0, "")  # as `python -m` has it
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name and f"{name}.".startswith(f"{error.name}."):
            raise _wrong("summary", f"no module {name!r}", _MODELS) from None
        raise
    finally:
        sys.path.pop(0)


def _offer(found: ModuleType) -> str:
    """Name the models of a file."""
    names = [
        name
        for name, value in vars(found).items()
        if isinstance(value, Module)
        or (isinstance(value, type) and issubclass(value, Module)
            and value.__module__ == found.__name__)
    ]  # fmt: skip
    return f"it has {', '.join(names)}" if names else "it has no nn.Module at its top"


def _read_call(text: str) -> tuple[str, list[Any], dict[str, Any]]:
    """Read `name`, `name()` or `name(1, width=16)`, of literals alone."""
    try:
        tree = ast.parse(text, mode="eval").body
        args, kwargs = [], {}
        if isinstance(tree, ast.Call):
            args = [ast.literal_eval(arg) for arg in tree.args]
            kwargs = {str(word.arg): ast.literal_eval(word.value) for word in tree.keywords}
            tree = tree.func
        name = ast.unparse(tree)
        if all(part.isidentifier() for part in name.split(".")):
            return name, args, kwargs
    except (SyntaxError, ValueError):
        pass
    raise _wrong("summary", f"the name {text!r}", "a name, or a name with literals: Net(width=16)")


def _made(value: Any, name: str, args: list[Any], kwargs: dict[str, Any], called: bool) -> Module:
    if isinstance(value, Module):
        if called:
            raise _wrong("summary", f"{name}(...)", f"{name} alone: it is a model already")
        return value
    if not callable(value):
        kind = type(value).__name__
        raise _wrong("summary", f"{name}, a {kind}", "a model, or what makes one when called")
    try:
        model = value(*args, **kwargs)
    except TypeError as error:
        if error.__traceback__ is None or error.__traceback__.tb_next is not None:
            raise  # it was called, and failed inside
        fix = f"give its arguments: '{name}(...)'"
        raise _wrong("summary", str(error), f"a call of {name} as given", fix) from None
    if not isinstance(model, Module):
        kind = type(model).__name__
        raise _wrong("summary", f"{name}, which returns a {kind}", "an nn.Module")
    return model


# ---- the input


def parse_inputs(texts: list[str]) -> tuple[Any, Any]:
    """Return shapes and dtypes of `1x3x64x64`, `?x28x28`, `2x7:int64`, `src=2x7:int64`.

    Raises:
        typer.BadParameter: for anything else, or where some have names and others none.
    """
    found = [_parse_input(text) for text in texts]
    names = [name for name, _, _ in found]
    shapes, kinds = [shape for _, shape, _ in found], [kind for _, _, kind in found]
    if not any(names):
        return shapes, kinds
    if not all(names) or len(set(names)) < len(names):
        raise _wrong("--input", ", ".join(texts), "a name of its own for each, or for none")
    chosen = {name: kind for name, kind in zip(names, kinds, strict=True) if kind is not None}
    return dict(zip(names, shapes, strict=True)), chosen


def _parse_input(text: str) -> tuple[str, tuple[int | None, ...], str | None]:
    match = re.fullmatch(r"(?:(\w+)=)?((?:\?|\d+)(?:[x,]\d+)*)(?::(\w+))?", text)
    if match is None:
        expected = "sizes such as 1x3x64x64, ?x28x28 for any batch, 2x7:int64 or src=2x7:int64"
        raise _wrong("--input", repr(text), expected)
    sizes = re.split("[x,]", match[2])
    return match[1] or "", tuple(None if n == "?" else int(n) for n in sizes), match[3]


# ---- what comes out


def show(summary: Summary) -> None:
    """Print the table; where stdout has no letters for the tree, in plain ones."""
    text = str(summary)
    try:
        text.encode(sys.stdout.encoding or "utf-8")
    except UnicodeEncodeError:
        text = text.translate(str.maketrans("─│├└", "-|++"))
    print(text)


def as_json(summary: Summary) -> str:
    """Return rows, totals and graph as JSON."""
    return json.dumps(dataclasses.asdict(summary))
