"""Tecator: water, fat and protein of meat from its near-infrared spectrum, by one net."""

from __future__ import annotations

import dataclasses
import pathlib
from typing import Any, TextIO

import numpy as np

from rushlight import comm
from rushlight.arrays import Array
from rushlight.cli.mistake import Mistake
from rushlight.cli.recipes import units
from rushlight.cli.recipes.options import Options, option
from rushlight.cli.recipes.recipe import Data, Refit, Run, TestPart
from rushlight.cli.recipes.standardized import Standardized
from rushlight.cli.recipes.table import Table, read_table, refuse_missing
from rushlight.data import Tecator
from rushlight.data.spectra import SNV, Derivative
from rushlight.data.transforms import Compose, Standardize
from rushlight.errors import explain

__all__ = ["TecatorOptions", "TecatorRecipe"]

# chosen, as all defaults, by cross-validation over the calibration and monitoring parts
HIDDEN = {"small": (32,), "medium": (128, 64), "large": (256, 128, 64)}

# What is done to each spectrum by itself: derivatives are free of its offset and slope, SNV of its
# scale.
PREPARE: dict[str, list[Any]] = {
    "none": [],
    "snv": [SNV()],
    "slope": [Derivative(1, 17, 4), SNV()],
    "curvature": [Derivative(2, 17, 4), SNV()],
}


@dataclasses.dataclass(kw_only=True)
class TecatorOptions(Options):
    """Options of `rushlight train tecator`."""

    size: str = option("medium", choices=("small", "medium", "large", "all"))
    activation: str = "elu"
    preprocessing: str = option(
        "curvature",
        "What is done to each spectrum: SNV, or a derivative before it.",
        choices=tuple(PREPARE),
    )
    refit: bool = option(
        True,
        "Train anew on calibration and monitoring part together, for all epochs, and test that.",
    )
    seeds: int = option(
        1, "With --size all, how many nets of each kind; their median counts.", least=1
    )
    metric: tuple[str, ...] = ("rmse",)
    lr: float | None = 3e-3
    warmup: float = 5.0
    epochs: int | None = 1500
    patience: int = 500
    batch_size: int | None = option(172, note="172, all")
    dropout: float = 0.05
    weight_decay: float = 1e-3

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.seeds > 1 and self.size != "all":
            got = f"{self.seeds} with --size {self.size}"
            raise Mistake(explain("--seeds", got=got, expected="--size all beside it"))


class TecatorRecipe(Standardized[TecatorOptions]):
    """The recipe: calibration part to fit, monitoring part to choose the epoch, test part.

    What is tested is a second net, trained on both parts together for all epochs.
    """

    name = "tecator"
    title = "Tecator: water, fat and protein"
    Options = TecatorOptions
    rates = {"sgd": 0.01}  # noqa: RUF012 - read only
    hidden = HIDDEN

    def load(self, options: TecatorOptions) -> Data:
        """Return spectra and contents, standardized by the calibration part alone."""
        (x, y), (held_x, held_y) = (
            Tecator(part).arrays() for part in ("calibration", "monitoring")
        )
        steps = Compose(PREPARE[options.preprocessing])
        before, after = Standardize().fit(steps(x)), Standardize().fit(y)

        def test() -> Any:
            spectra, contents = Tecator("test", final=True).arrays()
            return before(steps(spectra)), after(contents)

        return Data(
            train=(before(steps(x)), after(y)),
            validation=(before(steps(held_x)), after(held_y)),
            test=TestPart(test),
            inputs=x.shape[1:],
            outputs=y.shape[1:],
            about=f"Tecator: {len(x)} spectra to fit (calibration), {len(held_x)} to choose the "
            "epoch (monitoring)",
            facts={"train_samples": len(x), "validation_samples": len(held_x)},
            preparation={
                "targets": list(Tecator.target_names),
                "x": units.saved(before),
                "y": units.saved(after),
            },
        )

    def refit(self, run: Run[TecatorOptions]) -> Refit | None:
        """Return the training on calibration and monitoring part; the standardization stays."""
        if not run.options.refit:
            return None
        parts = zip(run.data.train, run.data.validation, strict=True)
        spectra, contents = (np.concatenate(arrays) for arrays in parts)
        about = f"trained anew on both parts together: {len(spectra)} spectra"
        return Refit((spectra, contents), len(spectra), run.options.epochs or 1, about)

    def lines(self, result: dict[str, Any]) -> list[str]:
        """Return the error of each content."""
        test = result["test"]
        return [f"test {name.replace('_', ' ')} {value:.3f}" for name, value in test.items()]

    def sweep(
        self, options: TecatorOptions, given: dict[str, Any], out: pathlib.Path, log: TextIO
    ) -> dict[str, Any] | None:
        """Train nets of all sizes and several activations, where that is asked for."""
        if options.size != "all":
            return None
        if comm.current().size > 1:
            got = f"--size all on {comm.current().size} ranks"
            fix = "start it without mpiexec"
            raise Mistake(explain("tecator", got=got, expected="one process", fix=fix))
        from rushlight.cli.recipes.tecator_table import sweep

        return sweep(self, options, given, out, log)

    # ---- a finished run

    def steps(self, options: TecatorOptions) -> list[Any]:
        """Return what is done to each spectrum."""
        return PREPARE[options.preprocessing]

    def features(self, run: Run[TecatorOptions]) -> str:
        """Return which channels there are."""
        first, *_, last = Tecator.wavelengths
        return f"spectra of 100 channels, {first} to {last} nm, as absorbances -log10(T)."

    def calibration(self, run: Run[TecatorOptions]) -> Any:
        """Return spectra and contents of the calibration part."""
        return Tecator("calibration").arrays()

    def labelled(self, run: Run[TecatorOptions], source: pathlib.Path) -> Any:
        """Return spectra and contents of a CSV file with columns of their names."""
        table = read_table(source)
        contents = np.stack([table.numbers(name) for name in Tecator.target_names], axis=1)
        refuse_missing(table, contents, "a content")
        return self._spectra(run, table), units.restored(run.data.preparation["y"])(contents)

    def unlabelled(self, run: Run[TecatorOptions], source: pathlib.Path) -> tuple[list[str], Any]:
        """Return the spectra of a CSV file: 100 columns of numbers, or 100 that name them."""
        table = read_table(source)
        return [str(line) for line in table.lines], self._spectra(run, table)

    def _spectra(self, run: Run[TecatorOptions], table: Table) -> Array:
        """Return the spectra of a table, prepared for the net."""
        spectra = np.stack([table.numbers(name) for name in _channels(table)], axis=1)
        refuse_missing(table, spectra, "a channel")
        steps = Compose(PREPARE[run.options.preprocessing])
        made: Array = units.restored(run.data.preparation["x"])(steps(spectra))
        return made


def _channels(table: Table) -> list[str]:
    """Return the columns of the 100 channels: those with a wavelength in their name, or all."""
    wanted = [str(nm) for nm in Tecator.wavelengths]
    found = {"".join(c for c in name if c.isdigit()): name for name in table.names}
    if all(nm in found for nm in wanted):
        return [found[nm] for nm in wanted]
    if len(table.names) == len(wanted):
        return table.names
    got = f"{len(table.names)} columns"
    expected = "100 channels, 850 to 1048 nm by 2 nm: 100 columns, or a wavelength in their names"
    raise Mistake(explain(str(table.path), got=got, expected=expected))
