"""A finished run, taken from its folder and applied: `rushlight evaluate` and `predict`."""

from __future__ import annotations

import json
import pathlib
from collections.abc import Callable
from typing import Any

import rushlight
from rushlight.cli.mistake import Mistake
from rushlight.cli.recipes.config import check_options, read_config
from rushlight.cli.recipes.recipe import Data, Recipe, Run, TestPart
from rushlight.cli.recipes.run import make_model
from rushlight.errors import explain
from rushlight.train import Trainer
from rushlight.train.parts import make_loss

__all__ = ["evaluate", "open_run"]


def open_run(
    folder: pathlib.Path, recipe_named: Callable[[str], Recipe[Any]]
) -> tuple[Recipe[Any], Run[Any]]:
    """Return recipe and run of a folder, the net with the weights of the best epoch.

    Args:
        folder: the run's folder.
        recipe_named: returns a recipe.

    Raises:
        Mistake: it is no folder of a run, or the run has not ended its first epoch.
    """
    if not folder.is_dir():
        expected = "the folder of a run, as `rushlight train` makes it"
        raise Mistake(explain(str(folder), got="no folder", expected=expected))
    name, saved = read_config(folder)
    recipe = recipe_named(name)
    options = recipe.Options(**check_options(str(folder / "config.toml"), recipe.Options, saved))
    prepared = _read(folder / "preparation.json")
    data = Data(
        train=None,
        validation=None,
        test=TestPart(lambda: recipe.load(options).test.open(final=True)),
        inputs=tuple(prepared.pop("inputs")),
        outputs=tuple(prepared.pop("outputs")),
        about="",
        preparation=prepared,
    )
    model = make_model(recipe, options, data)
    weights = folder / "best.safetensors"
    if not weights.exists():
        fix = f"go on with it: rushlight train {name} --resume --out {folder}"
        got = "no best.safetensors"
        raise Mistake(explain(str(folder), got=got, expected="a run of an epoch or more", fix=fix))
    model.load_state_dict(rushlight.load(weights))
    loss = make_loss(options.loss)
    trainer = Trainer(
        model.eval(), loss, metrics=recipe.make_metrics(options, data, loss), progress="none"
    )
    return recipe, Run(options, data, trainer, folder)


def _read(path: pathlib.Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        if isinstance(found, dict) and {"inputs", "outputs"} <= found.keys():
            return found
        got = "other content"
    except (OSError, ValueError) as error:
        got = str(error)
    raise Mistake(explain(str(path), got=got, expected="the file that the run wrote"))


def evaluate(recipe: Recipe[Any], run: Run[Any], source: str) -> dict[str, float]:
    """Return the figures of a run over other data.

    Args:
        recipe: the recipe.
        run: the run.
        source: a path, or 'test' for the test part of the run's own data.
    """
    if source == "test" and not pathlib.Path(source).exists():
        return recipe.test(run)
    return recipe.figures(run, recipe.labelled(run, pathlib.Path(source)))
