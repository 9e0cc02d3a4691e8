"""`rushlight train`: one command for each recipe, all of one form."""

from __future__ import annotations

import dataclasses
import importlib
import inspect
import json
import os
import pathlib
import sys
import time
import warnings
from collections.abc import Callable
from typing import Annotated, Any

import typer
import typer.core

from rushlight import comm
from rushlight.cli.mistake import Mistake
from rushlight.cli.recipes.options import Described, Options, flag
from rushlight.errors import explain
from rushlight.threads import set_num_threads

__all__ = ["train"]

# name -> module, class, help: what `rushlight train --help` says without importing any of them
RECIPES = {
    "regression": ("Regression", "Train a net on a CSV file: one or several numbers of a row."),
    "tecator": ("TecatorRecipe", "Train a net on spectra of meat: water, fat and protein."),
    "mnist": ("Mnist", "Train a convolutional network on the MNIST digits."),
    "autoencoder": ("Autoencoding", "Train an autoencoder on MNIST or on a folder of images."),
}

KINDS: dict[str, Any] = {
    "str": str,
    "int": int,
    "float": float,
    "bool": bool,
    "tuple[str, ...]": list[str],
}

METAVARS = {"str": "NAME", "int": "N", "float": "NUMBER", "tuple[str, ...]": "NAME"}


class _Recipes(typer.core.TyperGroup):
    """The recipes' commands, each made when it is asked for: `rushlight info` needs none."""

    def list_commands(self, ctx: Any) -> list[str]:
        """Return the names."""
        return list(RECIPES)

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Put the recipe's name before options that name a run: its config.toml tells it."""
        if args and args[0].startswith("--"):
            named = [_value(args, "--config")]
            named += [_value(args, "--out")] if "--resume" in args else []
            for path in filter(None, named):
                from rushlight.cli.recipes.config import read_config

                args = [read_config(path)[0], *args]
                break
            else:
                _refuse_nameless(args)
        return super().parse_args(ctx, args)

    def get_command(self, ctx: Any, name: str) -> Any:
        """Return the command of a recipe."""
        if name not in RECIPES:
            return None
        one = typer.Typer(add_completion=False, rich_markup_mode=None)
        one.command(name)(_command(name, recipe_named(name).Options))
        return typer.main.get_command(one)


train = typer.Typer(
    cls=_Recipes, no_args_is_help=True, help="Train a known model on a known data set."
)


def _refuse_nameless(args: list[str]) -> None:
    """Refuse options of a recipe that is not named; those of the group itself are its own."""
    if not {"--help", "--version"} & {*args}:
        fix = "or a run that tells it: --config FILE, or --resume --out FOLDER"
        expected = f"a recipe before the options: {', '.join(RECIPES)}"
        raise Mistake(explain("train", got=args[0], expected=expected, fix=fix))


def _value(args: list[str], option: str) -> str | None:
    """Return what stands behind an option, None where it is not given."""
    for arg, behind in zip(args, [*args[1:], ""], strict=True):
        if arg == option:
            return behind
        if arg.startswith(f"{option}="):
            return arg.partition("=")[2]
    return None


def recipe_named(name: str) -> Any:
    """Return a recipe.

    Raises:
        Mistake: there is none of that name.
    """
    if name not in RECIPES:
        expected = f"one of {', '.join(RECIPES)}"
        raise Mistake(explain("recipe", got=repr(name), expected=expected))
    module = importlib.import_module(f"rushlight.cli.recipes.{name}")
    return getattr(module, RECIPES[name][0])()


# ---- the options of every command that are no options of a recipe

OUT = typer.Option(
    metavar="FOLDER", help="Folder for what is written [default: runs/RECIPE-DATE-TIME]."
)
CONFIG = typer.Option(
    metavar="FILE", help="Take the options of a run's config.toml; others given here win."
)
RESUME = typer.Option(
    "--resume", help="Go on with the run in --out [default: the recipe's newest under runs/]."
)
THREADS = typer.Option(
    min=1, max=256, metavar="N", help="Threads of BLAS and kernels [default: one for each core]."
)
CURVES = typer.Option(
    "--curves/--no-curves", help="Draw curves and pictures [default: if matplotlib is installed]."
)
JSON = typer.Option("--json", help="Last line of stdout: the result as JSON.")

COMMON: dict[str, tuple[Any, Any]] = {  # name -> annotation, default
    "out": (Annotated[pathlib.Path | None, OUT], None),
    "resume": (Annotated[bool, RESUME], False),
    "config": (Annotated[pathlib.Path | None, CONFIG], None),
    "threads": (Annotated[int | None, THREADS], None),
    "curves": (Annotated[bool | None, CURVES], None),
    "as_json": (Annotated[bool, JSON], False),
}


def _parameter(known: Described) -> inspect.Parameter:
    """Return an option of a recipe as typer wants it: None where it is not given."""
    several = isinstance(known.default, tuple)
    note = ", ".join(known.default) if several else str(known.default)
    if known.default in (None, (), ""):
        note = known.note
    text = known.text + (f" [default: {note}]" if note else "")
    metavar = known.metavar or "|".join(known.choices) or METAVARS.get(known.kind)
    kind: Any = KINDS[known.kind]
    names = [f"{flag(known.name)}/--no-{flag(known.name)[2:]}"] if kind is bool else []
    given = typer.Option(*names, help=text, min=known.least, metavar=metavar)
    return _keyword(known.name, Annotated[kind | None, given], None)


def _keyword(name: str, annotation: Any, default: Any) -> inspect.Parameter:
    kind = inspect.Parameter.KEYWORD_ONLY
    return inspect.Parameter(name, kind, default=default, annotation=annotation)


def _command(name: str, options: type[Options]) -> Callable[..., None]:
    """Return the command of a recipe: its own options, then the common ones."""
    shared = {field.name for field in dataclasses.fields(Options)}
    known = sorted(options.described(), key=lambda each: each.name in shared)  # its own first
    parameters = [_parameter(each) for each in known]
    parameters += [_keyword(each, *form) for each, form in COMMON.items()]

    def command(**given: Any) -> None:
        common = {each: given.pop(each) for each in COMMON}
        _train(
            name,
            {
                k: tuple(v) if isinstance(v, list) else v
                for k, v in given.items()
                if v not in (None, [])
            },
            **common,
        )

    command.__doc__ = RECIPES[name][1]
    command.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    command.__annotations__ = {each.name: each.annotation for each in parameters}
    return command


def _train(
    name: str,
    given: dict[str, Any],
    *,
    out: pathlib.Path | None,
    resume: bool,
    config: pathlib.Path | None,
    threads: int | None,
    curves: bool | None,
    as_json: bool,
) -> None:
    """Run a recipe and tell how it ended."""
    from rushlight.cli.recipes.run import resolve, run

    if threads is not None:
        set_num_threads(threads)
    recipe = recipe_named(name)
    first = comm.current().first
    log: Any = sys.stderr if as_json else sys.stdout
    if not first:  # of several processes one prints and writes
        log = open(os.devnull, "w")  # noqa: SIM115 (until the process ends)
    if resume:
        if config is not None:
            raise Mistake(explain("--resume", got="--config, too", expected="one of them"))
        out = _newest(name, log) if out is None else out
        config = _resumed(recipe, given, out, log)
    elif out is not None and (out / "config.toml").exists():
        fix = "--resume goes on with it; another --out begins another"
        raise Mistake(explain("--out", got=f"{str(out)!r}, a run's", expected="a new one", fix=fix))
    options = resolve(recipe, given, config)
    folder = pathlib.Path("runs", time.strftime(f"{name}-%Y%m%d-%H%M%S")) if out is None else out
    result = recipe.sweep(options, given, folder, log)
    if result is None:
        result = run(recipe, options, folder, resume=resume, curves=curves, log=log)
        print("\n".join(_ending(recipe, result, folder)), file=log, flush=True)
    if as_json and first:
        print(json.dumps(result), flush=True)
    if result["interrupted"]:
        raise typer.Exit(130)


def _newest(name: str, log: Any) -> pathlib.Path:
    """Return the folder of the recipe's newest run under runs/."""
    from rushlight.cli.recipes.config import read_config

    runs = [path.parent for path in pathlib.Path("runs").glob("*/config.toml")]
    mine = [folder for folder in runs if read_config(folder)[0] == name]
    if not mine:
        fix = "name its folder: --out FOLDER"
        got = f"no run of {name!r} under runs/"
        raise Mistake(explain("--resume", got=got, expected="one to go on with", fix=fix))
    found = max(mine, key=lambda folder: (folder / "config.toml").stat().st_mtime_ns)
    print(f"going on with {found}", file=log, flush=True)
    return found


def _resumed(recipe: Any, given: dict[str, Any], out: pathlib.Path, log: Any) -> Any:
    """Return the config.toml to go on by, None where there is no run yet, and tell what is new."""
    from rushlight.cli.recipes.config import changes, refuse_differences, saved_options

    config = out / "config.toml"
    if not config.exists():
        print(f"no run in {out} yet: a new one begins", file=log, flush=True)
        return None
    refuse_differences(out, saved_options(recipe, config), given)
    if new := changes(out):
        text = f"{'; '.join(new)}: the last bits of the result may be others"
        warnings.warn(text, stacklevel=2)
    return config


def _ending(recipe: Any, result: dict[str, Any], out: pathlib.Path) -> list[str]:
    """Return the lines that end a run: the figures and what was written."""
    done = _epochs(result["epochs"])
    if result["interrupted"]:
        saved = "best weights" if result["best_epoch"] else "weights so far"
        lines = [f"{done} done; the {saved} are kept, the test is left out"]
        lines.append(f"go on with it: rushlight train {recipe.name} --resume --out {out}")
    else:
        lines = [f"best of {done}: {result['best_epoch']}"]
        if more := result.get("refit"):
            lines.append(
                f"tested and kept: the net trained anew on {more['samples']} samples, "
                f"{_epochs(more['epochs'])}"
            )
        lines += recipe.lines(result)
    names = ("best.safetensors", "history.json", "curves.png", "report.html")
    return lines + [f"{name:<17} {out / name}" for name in names if (out / name).exists()]


def _epochs(count: int) -> str:
    return f"{count} epoch{'s' * (count != 1)}"
