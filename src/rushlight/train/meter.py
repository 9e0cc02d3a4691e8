"""The meter: loss and metrics over the batches of an epoch."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from rushlight.errors import explain
from rushlight.tensor import Tensor
from rushlight.train import feed
from rushlight.train.guard import check_finite, explain_loss
from rushlight.train.metrics import metric_values

__all__ = ["Meter"]


class Meter:
    """Loss and metrics over the batches of an epoch, each sample counted once."""

    def __init__(self, trainer: Any, metrics: list[Any] | None = None) -> None:
        self._model = trainer.model
        self._metrics = trainer.metrics if metrics is None else metrics
        self._summed = getattr(trainer.loss, "reduction", "mean") == "sum"
        self._total, self._count = 0.0, 0
        for metric in self._metrics:
            metric.reset()

    def update(self, output: Any, target: Any, loss: Any, where: str) -> float:
        """Take in a batch and return its loss, which must be one finite number."""
        if not isinstance(loss, Tensor) or math.prod(loss.shape) != 1:
            shown = f"a Tensor {loss.shape}" if isinstance(loss, Tensor) else type(loss).__name__
            fix = "return its mean over the batch"
            raise TypeError(explain("loss", got=shown, expected="a scalar Tensor", fix=fix))
        value = float(loss.item())
        if not math.isfinite(value):
            check_finite(where, "the target", target._array)
            outputs = [a for a in feed.leaves(feed.to_array(output)) if isinstance(a, np.ndarray)]
            raise explain_loss(where, self._model, outputs, value)
        size = target.shape[0] if target.ndim else 1
        self._total += value if self._summed else value * size
        self._count += size
        if self._metrics:
            found, wanted = feed.to_array(output), feed.to_array(target)
            for metric in self._metrics:
                metric.update(found, wanted)
        return value

    def compute(self) -> dict[str, float]:
        """Return 'loss' and the columns of each metric."""
        values = {"loss": self._total / self._count}
        for metric in self._metrics:
            values |= metric_values(metric)
        return values
