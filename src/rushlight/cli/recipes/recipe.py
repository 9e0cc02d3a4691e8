"""Recipe: what a recipe states; everything else is the same for all of them."""

from __future__ import annotations

import dataclasses
import json
import pathlib
from collections.abc import Callable, Iterable
from typing import Any, ClassVar, Generic, TextIO, TypeVar

import numpy as np

from rushlight import nn
from rushlight.arrays import Array
from rushlight.cli.mistake import Mistake
from rushlight.cli.recipes.options import Options
from rushlight.cli.recipes.table import write_table
from rushlight.errors import explain
from rushlight.io import atomic_write
from rushlight.train import Trainer
from rushlight.train.metrics import column_names, make_metrics

__all__ = ["Data", "Picture", "Recipe", "Refit", "Run", "TestPart"]

O = TypeVar("O", bound=Options)  # noqa: E741


class TestPart:
    """The test data, which nobody is given before the final evaluation.

    Args:
        load: returns the data: a data set or a pair (X, y).
        check: called at once, to find out before training whether it can be loaded.

    Example:
        >>> part = TestPart(lambda: "rows")
        >>> part.open(final=True)
        'rows'
    """

    __test__ = False  # pytest takes the name for a test

    def __init__(self, load: Callable[[], Any], check: Callable[[], Any] | None = None) -> None:
        self._load = load
        if check is not None:
            check()

    def open(self, *, final: bool = False) -> Any:
        """Return the data.

        Args:
            final: nothing will be chosen by it any more.

        Raises:
            PermissionError: without `final`.
        """
        if not final:
            raise PermissionError(
                explain(
                    "the test data",
                    got="a request before the final evaluation",
                    expected="none: a test error by which anything was chosen is none any more",
                )
            )
        return self._load()


@dataclasses.dataclass
class Data:
    """What a recipe trains on.

    Args:
        train: data set or pair (X, y).
        validation: likewise, or a fraction or number of the training samples.
        test: the test part.
        inputs: shape of a sample, without the batch.
        outputs: shape of what the net returns for a sample.
        about: a line that says what it is.
        facts: plain values for result.json, such as the number of samples.
        preparation: plain values that `evaluate` and `predict` need to treat data in the same way.
    """

    train: Any
    validation: Any
    test: TestPart
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    about: str
    facts: dict[str, Any] = dataclasses.field(default_factory=dict)
    preparation: dict[str, Any] = dataclasses.field(default_factory=dict)


@dataclasses.dataclass
class Refit:
    """A second training with the same options and seed, whose net takes the first one's place.

    Nothing is looked at meanwhile: no validation, no early stopping, the weights of the last step.

    Args:
        train: data set or pair (X, y).
        samples: how many there are.
        epochs: how many; the schedule goes over all of them.
        about: a line that says what it is.
    """

    train: Any
    samples: int
    epochs: int
    about: str


@dataclasses.dataclass
class Picture:
    """A picture of a run.

    Args:
        name: of the file, without number and ending.
        title: above it.
        caption: a sentence below it.
        figure: a matplotlib Figure.
    """

    name: str
    title: str
    caption: str
    figure: Any


@dataclasses.dataclass
class Run(Generic[O]):
    """A run whose training has ended.

    Attributes:
        options: the options, resolved.
        data: the data.
        trainer: the Trainer; its model has the weights of the best epoch, or of the refit.
        out: the folder.
    """

    options: O
    data: Data
    trainer: Trainer
    out: pathlib.Path


class Recipe(Generic[O]):
    """Base of the recipes.

    Attributes:
        name: of the command: `rushlight train NAME`.
        title: of curves and report.
        Options: its options, a dataclass; their defaults are those of the recipe.
        rates: learning rates that suit the optimizers here; others take their own.
        monitor: the column that decides which epoch is the best, unless a metric is given.
    """

    name: ClassVar[str]
    title: ClassVar[str]
    Options: ClassVar[type[Options]]
    rates: ClassVar[dict[str, float]] = {}
    monitor: ClassVar[str] = "val_loss"

    def check(self, options: O) -> None:
        """Refuse options that do not suit the recipe; called before any data is read."""

    def heading(self, options: O) -> str:
        """Return what stands above curves and report. Default: the title."""
        return self.title

    def load(self, options: O) -> Data:
        """Return the data; what is wrong with it is found out here, before training."""
        raise NotImplementedError

    def settle(self, options: O, data: Data) -> None:
        """Fill in the options whose defaults depend on the data."""

    def build(self, options: O, inputs: tuple[int, ...], outputs: tuple[int, ...]) -> nn.Module:
        """Return the net.

        Args:
            options: size, activation, dropout, ... of it.
            inputs: shape of a sample, without the batch.
            outputs: shape of what it returns for a sample.
        """
        raise NotImplementedError

    def metrics(self, options: O, data: Data) -> list[Any]:
        """Return the metrics: names or objects. Default: those of the option."""
        return list(options.metric)

    def monitored(self, options: O, made: list[Any]) -> str:
        """Return the column that decides which epoch is the best: that of a metric asked for."""
        asked = options.metric != type(options).__dataclass_fields__["metric"].default
        columns = column_names(made[0]) if asked and made else ()
        return f"val_{columns[0]}" if columns else self.monitor

    def callbacks(self, options: O, data: Data) -> list[Any]:
        """Return callbacks of the recipe's own."""
        return []

    def refit(self, run: Run[O]) -> Refit | None:
        """Return a second training, for the data that chose the epoch too. Default: none.

        Args:
            run: the run, whose first training has ended.
        """
        return None

    def test(self, run: Run[O]) -> dict[str, float]:
        """Return the figures of the final evaluation."""
        return self.figures(run, run.data.test.open(final=True))

    def figures(self, run: Run[O], data: Any) -> dict[str, float]:
        """Return figures over a data set: name -> number. Default: the loss and all metrics."""
        found = run.trainer.evaluate(data)
        return {name: value for name, value in found.items() if isinstance(value, float | int)}

    def pictures(self, run: Run[O]) -> Iterable[Picture]:
        """Return the pictures; called with matplotlib at hand, after the test."""
        return ()

    def lines(self, result: dict[str, Any]) -> list[str]:
        """Return the lines that end the run. Default: each test figure."""
        return [f"test {name.replace('_', ' ')} {v:.4g}" for name, v in result["test"].items()]

    def make_metrics(self, options: O, data: Data, loss: Any) -> list[Any]:
        """Return the metrics as objects."""
        return make_metrics(self.metrics(options, data), loss)

    def sweep(
        self, options: O, given: dict[str, Any], out: pathlib.Path, log: TextIO
    ) -> dict[str, Any] | None:
        """Return the result of many runs where the options ask for them, else None.

        Args:
            options: the options.
            given: those of them that the user named.
            out: the folder of all these runs.
            log: where to print.
        """
        return None

    # ---- a finished run, applied to other data

    def labelled(self, run: Run[O], source: pathlib.Path) -> Any:
        """Return a data set or pair (X, y) for `rushlight evaluate`, as the net wants it.

        Args:
            run: the finished run; its `data` has shapes and preparation alone.
            source: what the user named.
        """
        raise Mistake(f"evaluate: runs of {self.name!r} take 'test' only")

    def unlabelled(self, run: Run[O], source: pathlib.Path) -> tuple[list[str], Any]:
        """Return the names of the samples and X for `rushlight predict`."""
        raise Mistake(f"predict: there is none for runs of {self.name!r}")

    def preparing(self, run: Run[O]) -> str:
        """Return what is done to data before the net takes it, for who applies the net elsewhere.

        Args:
            run: the finished run.
        """
        if not run.data.preparation:
            return ""
        told = json.dumps(run.data.preparation, indent=2)
        return (
            "The net takes and returns values as they were prepared for training: `(value - mean)\n"
            f"/ std` where these are given.\n\n```json\n{told}\n```"
        )

    def served(self, run: Run[O]) -> nn.Module:
        """Return what `rushlight export` writes: the net, with plain arithmetic around it.

        Args:
            run: the finished run.
        """
        return run.trainer.model

    def example(self, run: Run[O]) -> Array:
        """Return two samples of noise that look to `served` as data do.

        Args:
            run: the finished run.
        """
        shape = (2, *run.data.inputs)
        return np.random.default_rng(0).standard_normal(shape).astype(np.float32)

    def calibration(self, run: Run[O]) -> Any:
        """Return training data, a data set or pair (X, y), as `served` takes and returns them.

        Args:
            run: the finished run.
        """
        return self.load(run.options).train

    def predictions(self, run: Run[O], output: Any) -> tuple[list[str], Any]:
        """Return the names of columns and a row for each sample.

        Args:
            run: the finished run.
            output: what the net returned.
        """
        raise NotImplementedError

    def predict(self, run: Run[O], source: pathlib.Path, out: pathlib.Path | None) -> str:
        """Apply the net and return what to print: a CSV table, or what was written where.

        Args:
            run: the finished run.
            source: what the user named.
            out: a file to write: .npy, or else CSV.
        """
        samples, x = self.unlabelled(run, source)
        names, found = self.predictions(run, run.trainer.predict(x))
        if out is not None and out.suffix == ".npy":
            with atomic_write(out) as file:
                np.save(file, np.asarray(found))
        else:
            rows = [[s, *row] for s, row in zip(samples, found, strict=True)]
            text = write_table(out, ["sample", *names], rows)
        return text if out is None else f"{len(samples):,} predictions  {out}"
