"""What recipes from numbers to numbers share: a fully connected net between standardized ones."""

from __future__ import annotations

from typing import Any, ClassVar

from rushlight import nn
from rushlight.arrays import Array
from rushlight.cli.recipes import units
from rushlight.cli.recipes.recipe import Data, O, Recipe, Run
from rushlight.train.layers import dense

__all__ = ["Standardized"]


class Standardized(Recipe[O]):
    """Base of recipes whose `Data.preparation` has 'targets', 'x' and 'y', as `units` saves them.

    Attributes:
        hidden: size -> the widths of the hidden layers.
    """

    hidden: ClassVar[dict[str, tuple[int, ...]]]

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

    def predictions(self, run: Run[O], output: Array) -> tuple[list[str], Array]:
        """Return the targets in their own units."""
        prepared = run.data.preparation
        return prepared["targets"], units.restored(prepared["y"]).inverse(output)
