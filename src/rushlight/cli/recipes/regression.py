"""Regression: one or several numbers of a user's own table from its other columns."""

from __future__ import annotations

import dataclasses
import math
import pathlib
import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np

from rushlight.arrays import Array
from rushlight.cli.mistake import Mistake
from rushlight.cli.recipes import units
from rushlight.cli.recipes.columns import Columns, plan
from rushlight.cli.recipes.options import Options, option
from rushlight.cli.recipes.recipe import Data, Run, TestPart
from rushlight.cli.recipes.standardized import Standardized
from rushlight.cli.recipes.table import MISSING, Table, read_table, refuse_missing
from rushlight.data.transforms import Standardize
from rushlight.errors import explain
from rushlight.random import Generator

__all__ = ["Regression", "RegressionOptions"]

HIDDEN = {"small": (32,), "medium": (64, 32), "large": (256, 128, 64)}
FEWEST = 10  # rows to train on


@dataclasses.dataclass(kw_only=True)
class RegressionOptions(Options):
    """Options of `rushlight train regression`."""

    csv: str = option("", "The table, a CSV file with a line of column names.", metavar="FILE")
    targets: str = option("", "The columns to predict, a,b,...", metavar="NAMES")
    features: str = option(
        "", "The columns to predict them from.", metavar="NAMES", note="all others"
    )
    ignore: str = option("", "Columns to leave out.", metavar="NAMES", note="none")
    categorical: str = option(
        "", "Columns whose numbers are codes: one feature for each.", metavar="NAMES", note="none"
    )
    missing: str = option(
        "fill",
        "Missing values: fill them with the column's median, or drop the row.",
        choices=("fill", "drop"),
    )
    validation: float = option(0.15, "Share of the rows that chooses the epoch.", metavar="SHARE")
    test_share: float = option(0.15, "Share of the rows for the final test.", metavar="SHARE")
    metric: tuple[str, ...] = ("rmse",)
    warmup: float = 2.0
    epochs: int | None = 300
    patience: int = 40
    batch_size: int | None = 32
    dropout: float = 0.05

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in ("csv", "targets"):
            if not getattr(self, name):
                what = {"csv": "a CSV file", "targets": "the columns to predict: --targets a,b"}
                raise Mistake(explain(f"--{name}", got="none", expected=what[name]))
        shares = (self.validation, self.test_share)
        if not all(0 < share < 1 for share in shares) or sum(shares) >= 1:
            got = f"--validation {shares[0]:g} and --test-share {shares[1]:g}"
            raise Mistake(explain("train regression", got=got, expected="shares that leave some"))


class Regression(Standardized[RegressionOptions]):
    """The recipe: rows are split by the seed; everything is fitted to the training rows."""

    name = "regression"
    title = "Regression"
    Options = RegressionOptions
    rates = {"adam": 3e-3, "adamw": 3e-3, "sgd": 0.01}  # noqa: RUF012 - read only
    hidden = HIDDEN

    def heading(self, options: RegressionOptions) -> str:
        """Return what is predicted."""
        targets = ", ".join(names_of(options.targets))
        return f"Regression: {targets} of {pathlib.Path(options.csv).name}"

    def load(self, options: RegressionOptions) -> Data:
        """Return the rows of the table in three parts."""
        table = read_table(options.csv)
        targets = names_of(options.targets)
        y = targets_of(table, targets)
        inputs = chosen(table, options, targets)
        kept = np.flatnonzero(~np.isnan(y).any(axis=1))
        told = _count(len(table) - len(kept), "row{s} without a target left out")
        if options.missing == "drop":
            whole = complete(table, inputs)
            told += _count(int((~whole[kept]).sum()), "row{s} with missing values left out")
            kept = kept[whole[kept]]
        train, held, tested = _split(len(kept), options, str(table.path))
        train, held, tested = kept[train], kept[held], kept[tested]
        columns, still = plan(
            table, inputs, train, names_of(options.categorical), options.missing == "fill"
        )
        told += [f"{', '.join(still)}: constant, left out"] if still else []
        x = columns.apply(table)
        if options.missing == "fill":
            told += _count(_missing(table, columns), "missing value{s} filled")
        before, after = Standardize().fit(x[train]), Standardize().fit(y[train])
        constant = (np.ptp(y[train], axis=0) == 0) | (y[train].std(axis=0) == 0)
        if constant.any():
            got = f"a target that is always the same: {targets[int(constant.argmax())]}"
            raise Mistake(explain(str(table.path), got=got, expected="targets that vary"))

        def part(rows: Array) -> tuple[Array, Array]:
            return before(x[rows]), after(y[rows])

        features = columns.features()
        return Data(
            train=part(train),
            validation=part(held),
            test=TestPart(lambda: part(tested)),
            inputs=(len(features),),
            outputs=(len(targets),),
            about="; ".join(
                [
                    f"{table.path.name}: {len(features)} features, {len(train)} rows to fit, "
                    f"{len(held)} to choose the epoch, {len(tested)} to test",
                    *told,
                ]
            ),
            facts={
                "train_samples": len(train),
                "validation_samples": len(held),
                "test_samples": len(tested),
            },
            preparation={
                "targets": targets,
                "columns": columns.as_dict(),
                "x": units.saved(before),
                "y": units.saved(after),
            },
        )

    def figures(self, run: Run[RegressionOptions], data: Any) -> dict[str, float]:
        """Return loss and metrics, and R2 and MAE in any case."""
        found = super().figures(run, data)
        return found | units.figures(run, data, [n for n in ("mae", "r2") if n not in found])

    # ---- a finished run

    def features(self, run: Run[RegressionOptions]) -> str:
        """Return the columns, and what stands for missing values."""
        columns = Columns(**run.data.preparation["columns"])
        lines = [f"{i}. {name}" for i, name in enumerate(columns.features(), start=1)]
        if columns.texts:
            lines += ["", "`column=text` is 1 where the column has that text, 0 elsewhere."]
        if columns.fill and columns.numeric:
            told = ", ".join(f"{name}: {value:.6g}" for name, value in columns.numeric.items())
            lines += ["", f"For a missing number give the median of training ({told})."]
        return "\n".join(["", *lines])

    def labelled(self, run: Run[RegressionOptions], source: pathlib.Path) -> Any:
        """Return features and targets of another table of the same columns."""
        table = read_table(source)
        y = targets_of(table, run.data.preparation["targets"])
        refuse_missing(table, y, "a target")
        return self._features(run, table), units.restored(run.data.preparation["y"])(y)

    def unlabelled(
        self, run: Run[RegressionOptions], source: pathlib.Path
    ) -> tuple[list[str], Any]:
        """Return the lines and the features of a table, which needs no targets."""
        table = read_table(source)
        return [str(line) for line in table.lines], self._features(run, table)

    def _features(self, run: Run[RegressionOptions], table: Table) -> Array:
        prepared = run.data.preparation
        columns = Columns(**prepared["columns"])
        for name, new in columns.unknown(table).items():
            shown = ", ".join(map(repr, new[:5]))
            text = f"{table.path}, column {name!r}: {shown} not seen in training: no feature is set"
            warnings.warn(text, stacklevel=2)
        x = columns.apply(table)
        refuse_missing(table, x, "a feature; the run was told to drop such rows")
        for text in _count(_missing(table, columns), "missing value{s} filled"):
            warnings.warn(f"{table.path}: {text}, as in training", stacklevel=2)
        made: Array = units.restored(prepared["x"])(x)
        return made


# ---- rows and columns


def names_of(text: str) -> list[str]:
    """Return the names of a list 'a,b', which may stand in quotes as in the table.

    Example:
        >>> names_of("fat, water")
        ['fat', 'water']
    """
    return [name.strip() for name in text.split(",") if name.strip()]


def targets_of(table: Table, names: Sequence[str]) -> Array:
    """Return the targets, float64 (N, targets), NaN where one is missing."""
    return np.stack([table.numbers(name) for name in names], axis=1)


def chosen(table: Table, options: RegressionOptions, targets: Sequence[str]) -> list[str]:
    """Return the columns that features are made of."""
    ignored = names_of(options.ignore)
    for name in (*ignored, *names_of(options.categorical)):
        table.index(name)
    found = names_of(options.features) or table.names
    if both := [name for name in names_of(options.features) if name in targets]:
        got = f"{both[0]!r} as a feature and as a target"
        raise Mistake(explain("--features", got=got, expected="one of them"))
    for name in found:
        table.index(name)
    return [name for name in found if name not in targets and name not in ignored]


def complete(table: Table, names: Sequence[str]) -> Array:
    """Return for each row whether none of these columns misses a value."""
    columns = [table.index(name) for name in names]
    return np.array(
        [all(row[at].strip().lower() not in MISSING for at in columns) for row in table.rows], bool
    )


def _missing(table: Table, columns: Columns) -> int:
    whole = [int((~complete(table, [name])).sum()) for name in (*columns.numeric, *columns.texts)]
    return sum(whole)


def _split(count: int, options: RegressionOptions, where: str) -> list[Array]:
    """Return the rows of the three parts, at random by the seed."""
    held, tested = (math.ceil(count * share) for share in (options.validation, options.test_share))
    if count - held - tested < FEWEST:
        left = max(count - held - tested, 0)
        got = f"{left} row{'s' * (left != 1)} to train on ({count} in all)"
        raise Mistake(explain(where, got=got, expected=f"at least {FEWEST}"))
    order = Generator(options.seed).spawn(*b"rows").permutation(count)
    return np.split(order, [count - held - tested, count - tested])


def _count(number: int, text: str) -> list[str]:
    return [f"{number:,} {text.replace('{s}', 's' * (number != 1))}"] if number else []
