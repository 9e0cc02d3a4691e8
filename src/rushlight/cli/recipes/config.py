"""config.toml: what a run was told, written so that the same run can be made again."""

from __future__ import annotations

import json
import math
import os
import pathlib
import platform
import tomllib
from typing import Any

import numpy as np

from rushlight._version import __version__
from rushlight.cli.mistake import Mistake
from rushlight.cli.recipes.options import Options, flag
from rushlight.compiled import CHOICE, native
from rushlight.errors import explain
from rushlight.io import write_text
from rushlight.threads import get_num_threads

__all__ = [
    "changes",
    "check_options",
    "environment",
    "read_config",
    "refuse_differences",
    "saved_options",
    "write_config",
]


def environment() -> dict[str, Any]:
    """Return versions, platform, kernels and threads: what the bits of a result depend on."""
    import importlib.metadata

    return {
        "rushlight": __version__,
        "numpy": np.__version__,
        "scipy": importlib.metadata.version("scipy"),
        "python": platform.python_version(),
        "platform": f"{platform.system()} {platform.machine()}",
        "kernels": CHOICE if native is None else f"{CHOICE}, {native.level()}",
        "threads": get_num_threads(),
    }


def write_config(path: str | os.PathLike[str], recipe: str, options: Options) -> None:
    """Write recipe, options and environment; options that are None are left out.

    Args:
        path: the file.
        recipe: the recipe's name.
        options: its options.
    """
    tables = {"options": options.as_dict(), "environment": environment()}
    lines = [f"# rushlight train --config {pathlib.Path(path).name} makes this run again"]
    lines.append(f"recipe = {_literal(recipe)}")
    for title, table in tables.items():
        lines += ["", f"[{title}]"]
        lines += [f"{k} = {_literal(v)}" for k, v in table.items() if v is not None]
    write_text(path, "\n".join(lines) + "\n")


def _literal(value: Any) -> str:
    """Return a value as TOML writes it."""
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(_literal, value))}]"
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)  # inf and nan, as TOML has them
    if isinstance(value, float):
        return repr(value)
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


def read_config(path: str | os.PathLike[str]) -> tuple[str, dict[str, Any]]:
    """Return the recipe and the options that a config.toml states.

    Args:
        path: the file, or the folder of a run.

    Raises:
        Mistake: it is missing, or is no such file.
    """
    where = pathlib.Path(path)
    where = where / "config.toml" if where.is_dir() else where
    try:
        content = tomllib.loads(where.read_text(encoding="utf-8"))
    except FileNotFoundError:
        fix = "every run of `rushlight train` has one in its folder"
        raise Mistake(
            explain(str(where), got="no such file", expected="a config.toml", fix=fix)
        ) from None
    except ValueError as error:  # of TOML or of UTF-8
        raise Mistake(explain(str(where), got=str(error), expected="a config.toml")) from error
    recipe, options = content.get("recipe"), content.get("options", {})
    known = {"recipe", "options", "environment"}
    if not isinstance(recipe, str) or not isinstance(options, dict) or set(content) - known:
        expected = 'recipe = "...", a table [options] and, if you like, [environment]'
        got = f"the keys {', '.join(content) or '(none)'}"
        raise Mistake(explain(str(where), got=got, expected=expected))
    return recipe, options


_KINDS: dict[str, Any] = {
    "str": str,
    "int": int,
    "float": (int, float),
    "bool": bool,
    "tuple[str, ...]": list,
}


def check_options(where: str, kind: type[Options], given: dict[str, Any]) -> dict[str, Any]:
    """Return options from a file if all of them are known and of their types.

    Args:
        where: the file, for messages.
        kind: the recipe's Options.
        given: the table.

    Raises:
        Mistake: one is not.
    """
    known = {each.name: each for each in kind.described()}
    found: dict[str, Any] = {}
    for name, value in given.items():
        if name not in known:
            expected = f"one of {', '.join(known)}"
            raise Mistake(explain(f"{where}: [options]", got=repr(name), expected=expected))
        wanted, least = known[name].kind, known[name].least
        right = isinstance(value, _KINDS[wanted]) and isinstance(value, bool) == (wanted == "bool")
        if wanted == "tuple[str, ...]" and right:
            right, value = all(isinstance(part, str) for part in value), tuple(value)
        if not right or (least is not None and value < least):
            expected = wanted if least is None else f"{wanted} >= {least}"
            got = f"{name} = {_literal(value)}"
            raise Mistake(explain(f"{where}: [options]", got=got, expected=expected))
        found[name] = float(value) if wanted == "float" else value
    return found


def saved_options(recipe: Any, path: str | os.PathLike[str]) -> dict[str, Any]:
    """Return the options of a config.toml, which must be one of this recipe.

    Args:
        recipe: the recipe.
        path: the file, or the folder of a run.

    Raises:
        Mistake: a file of another recipe, an unknown option or a value of the wrong type.
    """
    name, found = read_config(path)
    if name != recipe.name:
        fix = f"run `rushlight train {name}` with it"
        got = f"the options of the recipe {name!r}"
        raise Mistake(explain(os.fspath(path), got=got, expected=repr(recipe.name), fix=fix))
    return check_options(os.fspath(path), recipe.Options, found)


def refuse_differences(out: pathlib.Path, saved: dict[str, Any], given: dict[str, Any]) -> None:
    """Refuse options that are not those of the run that is resumed, but for those that may change.

    More epochs may be asked for, and the processes may share memory and send gradients otherwise.

    Args:
        out: the folder of the run.
        saved: the options of its config.toml.
        given: the options of the command line.
    """
    told = [
        f"{flag(name)} {_literal(value)} (was {_literal(saved.get(name, 'its default'))})"
        for name, value in given.items()
        if name not in ("epochs", "sharded", "compress") and value != saved.get(name)
    ]
    if told:
        fix = "leave them out, or begin another run with another --out"
        expected = f"the options of the run in {str(out)!r}"
        raise Mistake(explain("--resume", got=", ".join(told), expected=expected, fix=fix))


def changes(path: str | os.PathLike[str]) -> list[str]:
    """Return what is not as it was when a config.toml was written, on which bits depend.

    Args:
        path: the folder of a run.
    """
    where = pathlib.Path(path) / "config.toml"
    before = tomllib.loads(where.read_text(encoding="utf-8")).get("environment", {})
    return [
        f"{name} was {before[name]}, is {value}"
        for name, value in environment().items()
        if name in before and before[name] != value
    ]
