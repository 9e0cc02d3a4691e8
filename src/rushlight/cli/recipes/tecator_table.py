"""`rushlight train tecator --size all`: sizes by activations, beside partial least squares."""

from __future__ import annotations

import dataclasses
import importlib
import io
import pathlib
from collections.abc import Sequence
from typing import Any, TextIO

import numpy as np

from rushlight.arrays import Array
from rushlight.cli.mistake import Mistake
from rushlight.cli.recipes.run import run
from rushlight.cli.recipes.tecator import HIDDEN, PREPARE, TecatorOptions, TecatorRecipe
from rushlight.data import Tecator
from rushlight.data.transforms import Compose
from rushlight.errors import explain
from rushlight.io import write_text
from rushlight.train.files import check_folder

__all__ = ["least_squares", "sweep"]

ACTIVATIONS = ("relu", "elu", "tanh")
COMPONENTS = 15
_TOLD = {
    "none": "spectra as they are",
    "snv": "SNV",
    "slope": "first derivative, SNV",
    "curvature": "second derivative, SNV",
}

Row = tuple[str, str, Sequence[float]]  # what, how, errors of the contents


def sweep(
    recipe: TecatorRecipe,
    options: TecatorOptions,
    given: dict[str, Any],
    out: pathlib.Path,
    log: TextIO,
) -> dict[str, Any]:
    """Train all nets, each into a folder of its own; print the table and write it to table.md.

    Each cell is a look at the test part: the table compares, and nothing may be chosen by it.

    Args:
        recipe: the recipe.
        options: its options, of which size, activation and seed are varied.
        given: the options that the user named: an activation is then the only one (or a,b,...).
        out: the folder of all runs.
        log: where to print.
    """
    activations: Sequence[str] = ACTIVATIONS
    if "activation" in given:
        activations = tuple(options.activation.split(","))
    check_folder(out)
    rows: list[Row] = []
    interrupted = False
    for size in HIDDEN:
        for activation in activations:
            found = []
            for seed in range(options.seed, options.seed + options.seeds):
                one = dataclasses.replace(
                    options, size=size, activation=activation, seed=seed, seeds=1
                )
                folder = out / f"{size}-{activation}-{seed}"
                if (folder / "config.toml").exists():
                    got = f"{str(folder)!r}, a run's"
                    raise Mistake(explain("--out", got=got, expected="a new folder"))
                result = run(recipe, one, folder, curves=False, log=io.StringIO())
                interrupted = result["interrupted"]
                if interrupted:
                    break
                found.append([result["test"][f"rmse_{name}"] for name in Tecator.target_names])
            if found:
                rows.append((size, activation, np.median(found, axis=0).tolist()))
                print(_line(rows[-1]), file=log, flush=True)
            if interrupted:
                break
        if interrupted:
            break
    linear = least_squares(log)
    text = _markdown(rows, linear, options)
    write_text(out / "table.md", text)
    print(f"\n{text}\ntable  {out / 'table.md'}", file=log, flush=True)
    return {
        "recipe": recipe.name,
        "nets": [_plain(row) for row in rows],
        "linear": [_plain(row) for row in linear],
        "seeds": options.seeds,
        "interrupted": interrupted,
        "out": str(out),
    }


def least_squares(log: TextIO) -> list[Row]:
    """Return the test errors of partial least squares after each way to prepare spectra.

    It is fitted to the calibration and the monitoring part together, with 15 components.

    Args:
        log: told where scikit-learn is not installed.
    """
    try:
        regression = importlib.import_module("sklearn.cross_decomposition").PLSRegression
    except ImportError:
        print(
            "no linear model beside the nets: it needs scikit-learn, pip install "
            "'rushlight[sklearn]'",
            file=log,
        )
        return []
    parts = (Tecator("calibration").arrays(), Tecator("monitoring").arrays())
    x, y = (np.concatenate(arrays) for arrays in zip(*parts, strict=True))
    spectra, contents = Tecator("test", final=True).arrays()
    rows: list[Row] = []
    for name, steps in PREPARE.items():
        prepare = Compose(steps)
        model = regression(COMPONENTS, scale=False).fit(prepare(x), y)
        error: Array = model.predict(prepare(spectra)) - contents
        rows.append(("PLS", _TOLD[name], np.sqrt(np.square(error).mean(axis=0)).tolist()))
    return rows


def _plain(row: Row) -> dict[str, Any]:
    what, how, errors = row
    return {"model": what, "form": how, **dict(zip(Tecator.target_names, errors, strict=True))}


def _line(row: Row) -> str:
    what, how, errors = row
    shown = (f"{name} {e:.2f}" for name, e in zip(Tecator.target_names, errors, strict=True))
    return f"{what:<7} {how:<11} {'  '.join(shown)}"


def _markdown(rows: Sequence[Row], linear: Sequence[Row], options: TecatorOptions) -> str:
    """Return the table; the smallest error of each content is bold."""
    every = [*rows, *linear]
    least = np.min([errors for *_, errors in every], axis=0) if every else ()
    fitted = "calibration and monitoring part" if options.refit else "the calibration part"
    lines = [
        f"RMSEP in percent of the meat on the 43 test samples; "
        f"{'single nets' if options.seeds == 1 else f'median of {options.seeds} seeds'}, "
        f"preprocessing {options.preprocessing!r}, fitted on {fitted}. PLS: partial least "
        f"squares, {COMPONENTS} components, fitted on calibration and monitoring part.",
        "",
        f"| model | activation, preprocessing | {' | '.join(Tecator.target_names)} |",
        f"|---|---|{'---|' * len(Tecator.target_names)}",
    ]
    for what, how, errors in every:
        cells = [
            f"**{error:.2f}**" if error == best else f"{error:.2f}"
            for error, best in zip(errors, least, strict=True)
        ]
        lines.append(f"| {what} | {how} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"
