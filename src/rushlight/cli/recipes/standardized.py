"""What recipes from numbers to numbers share: a fully connected net between standardized ones."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np

from rushlight import nn
from rushlight.arrays import Array
from rushlight.cli.recipes import units
from rushlight.cli.recipes.recipe import Data, O, Recipe, Run
from rushlight.data.spectra import SNV, snv
from rushlight.data.transforms import Standardize
from rushlight.tensor import Tensor, from_numpy
from rushlight.train.layers import dense

__all__ = ["Standardized"]


class Standardized(Recipe[O]):
    """Base of recipes whose `Data.preparation` has 'targets', 'x' and 'y', as `units` saves them.

    Attributes:
        hidden: size -> the widths of the hidden layers.
    """

    hidden: ClassVar[dict[str, tuple[int, ...]]]

    def steps(self, options: O) -> Sequence[Any]:
        """Return what is done to each sample by itself before it is standardized. Default: none.

        Steps are `SNV`, or linear.
        """
        return ()

    def features(self, run: Run[O]) -> str:
        """Return what the columns of X are, in their order, for the README of an export."""
        raise NotImplementedError

    def build(self, options: O, inputs: tuple[int, ...], outputs: tuple[int, ...]) -> nn.Module:
        """Return the net: standardized features -> standardized targets."""
        (features,), (targets,) = inputs, outputs
        return dense(
            features,
            targets,
            hidden=self.hidden[options.size],
            activation=options.activation,
            dropout=options.dropout,
            batch_norm=True,
        )

    def make_metrics(self, options: O, data: Data, loss: Any) -> list[Any]:
        """Return the metrics in the targets' own units, errors of each target, too."""
        made = data.preparation
        return units.metrics_in_units(options.metric, loss, made["y"], made["targets"])

    # ---- a finished run

    def predictions(self, run: Run[O], output: Array) -> tuple[list[str], Array]:
        """Return the targets in their own units."""
        prepared = run.data.preparation
        return prepared["targets"], units.restored(prepared["y"]).inverse(output)

    def served(self, run: Run[O]) -> nn.Module:
        """Return the net in the units of the data: raw features -> targets in their units."""
        prepared, (width,) = run.data.preparation, run.data.inputs
        before: list[nn.Module] = [
            _Snv() if isinstance(step, SNV) else _Linear(step, width)
            for step in self.steps(run.options)
        ]
        x, y = (units.restored(prepared[part]) for part in ("x", "y"))
        return NetInUnits(before, x, run.trainer.model, y)

    def example(self, run: Run[O]) -> Array:
        """Return two rows of noise, spread as the features are."""
        noise = np.random.default_rng(0).standard_normal((2, *run.data.inputs))
        prepared = units.restored(run.data.preparation["x"])
        return noise if self.steps(run.options) else np.asarray(prepared.inverse(noise))

    def calibration(self, run: Run[O]) -> Any:
        """Return features and targets of the training part, in their own units."""
        x, y = self.load(run.options).train
        prepared = run.data.preparation
        return tuple(units.restored(prepared[part]).inverse(a) for part, a in (("x", x), ("y", y)))

    def preparing(self, run: Run[O]) -> str:
        """Return what goes in and comes out."""
        targets = ", ".join(run.data.preparation["targets"])
        return (
            "It takes numbers in their own units and does itself what was done to them for "
            f"training:\n{self.features(run)}\n\nIt returns, in their own units: {targets}."
        )


class _Snv(nn.Module):
    """(N, C) -> (N, C), each row scaled by itself"""

    def forward(self, x: Tensor) -> Tensor:
        scaled: Tensor = snv(x)
        return scaled


class _Linear(nn.Module):
    """(N, C) -> (N, C), a linear transform of each row as a matrix: what it makes of units."""

    matrix: Tensor

    def __init__(self, step: Any, width: int) -> None:
        super().__init__()
        self.register_buffer("matrix", from_numpy(np.asarray(step(np.eye(width)))))

    def forward(self, x: Tensor) -> Tensor:
        return x @ self.matrix


class NetInUnits(nn.Module):
    """A net of standardized numbers as one of numbers in their own units, in float64 outside it."""

    x_mean: Tensor
    x_std: Tensor
    y_mean: Tensor
    y_std: Tensor

    def __init__(
        self, before: list[nn.Module], x: Standardize, net: nn.Module, y: Standardize
    ) -> None:
        super().__init__()
        self.before, self.net = nn.Sequential(*before), net
        for part, scale in (("x", x), ("y", y)):
            self.register_buffer(f"{part}_mean", from_numpy(np.asarray(scale.mean)))
            self.register_buffer(f"{part}_std", from_numpy(np.asarray(scale.std)))

    def forward(self, x: Tensor) -> Tensor:
        wide = self.before(x.double())
        output = self.net(((wide - self.x_mean) / self.x_std).float())
        return (output.double() * self.y_std + self.y_mean).float()
