"""Targets that were standardized to train on, and figures in their own units."""

from __future__ import annotations

from typing import Any

import numpy as np

from rushlight.arrays import Array
from rushlight.data.transforms import Standardize
from rushlight.train.metrics import MSE, R2, Metric, make_metrics
from rushlight.train.resuming.plain import plain_state, set_plain_state

__all__ = ["Around", "InUnits", "figures", "metrics_in_units", "restored", "saved"]


def saved(scale: Standardize) -> dict[str, list[float]]:
    """Return mean and standard deviation as plain values."""
    assert scale.mean is not None
    assert scale.std is not None
    return {"mean": scale.mean.tolist(), "std": scale.std.tolist()}


def restored(state: dict[str, list[float]]) -> Standardize:
    """Return the transform that `saved` has taken down."""
    scale = Standardize()
    scale.mean, scale.std = np.array(state["mean"]), np.array(state["std"])
    return scale


class Around(Metric):
    """A metric that shows another one what it makes of outputs and targets.

    Args:
        metric: the other one.
    """

    def __init__(self, metric: Any) -> None:
        self.metric = metric
        self.name, self.higher_is_better = metric.name, metric.higher_is_better

    @property
    def columns(self) -> tuple[str, ...]:
        """The names of the columns in the history."""
        found: tuple[str, ...] = self.metric.columns
        return found

    def reset(self) -> None:
        """Forget all batches."""
        self.metric.reset()

    def merge(self, other: Around) -> None:
        """Take in the batches of another process."""
        self.metric.merge(other.metric)

    def compute(self) -> Any:
        """Return the value over all batches."""
        return self.metric.compute()

    def values(self) -> dict[str, float]:
        """Return the number of each column."""
        found: dict[str, float] = self.metric.values()
        return found

    def state_dict(self) -> dict[str, Any] | None:
        """Return the state of the metric within an epoch."""
        return plain_state(self.metric)

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on within an epoch."""
        set_plain_state(self.metric, state)


class InUnits(Around):
    """A metric of outputs and targets in the units that these had before.

    Args:
        metric: the metric.
        scale: what was done to the targets.
    """

    def __init__(self, metric: Any, scale: Standardize) -> None:
        super().__init__(metric)
        self.scale = scale

    def update(self, output: Array, target: Array) -> None:
        """Take in one batch, as the loss has it."""
        self.metric.update(self.scale.inverse(output), self.scale.inverse(target))


def metrics_in_units(
    names: Any, loss: Any, scale: dict[str, list[float]], outputs: list[str]
) -> list[Any]:
    """Return metrics in the targets' units, errors with a column for each output.

    Args:
        names: names of metrics.
        loss: the loss.
        scale: what `saved` has taken down of the targets.
        outputs: the names of the targets.
    """
    made = make_metrics(names, loss)
    several = len(outputs) > 1
    named = [
        type(m)(outputs) if isinstance(m, MSE | R2) and m.outputs is None and several else m
        for m in made
    ]
    return [InUnits(metric, restored(scale)) for metric in named]


def figures(run: Any, data: Any, names: list[str]) -> dict[str, float]:
    """Return further metrics over a pair (X, y), in the targets' units.

    Args:
        run: the run.
        data: the pair.
        names: of the metrics.
    """
    prepared = run.data.preparation
    found: dict[str, float] = {}
    output = run.trainer.predict(data[0])
    for metric in metrics_in_units(names, run.trainer.loss, prepared["y"], prepared["targets"]):
        metric.reset()
        metric.update(output, data[1])
        found |= metric.values()
    return found
