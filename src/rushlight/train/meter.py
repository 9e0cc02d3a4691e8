"""The meter: loss and metrics over the batches of an epoch."""

from __future__ import annotations

import copy
import math
from typing import Any

import numpy as np

from rushlight.errors import explain
from rushlight.tensor import Tensor
from rushlight.train import feed
from rushlight.train.guard import check_finite, explain_loss
from rushlight.train.metrics import metric_values
from rushlight.train.nonfinite import in_batch
from rushlight.train.resuming.plain import plain_state, set_plain_state
from rushlight.train.weights import counts_all, is_sum, samples

__all__ = ["Meter"]


class Meter:
    """Loss and metrics over the batches of an epoch, each sample counted once.

    The loss is that of one large batch: of cross-entropy with weights of classes or an ignored
    index, batches count by what their mean divides by.

    Args:
        trainer: the Trainer.
        metrics: the metrics to update (default None: the Trainer's).
        classes: what targets the batches will have, where they are classes and that is known.
        ranks: the processes whose batches together are the epoch's; None: this one alone.
    """

    def __init__(
        self,
        trainer: Any,
        metrics: list[Any] | None = None,
        classes: range | None = None,
        ranks: Any = None,
    ) -> None:
        self._ranks = ranks
        self._trainer = trainer
        self._metrics = trainer.metrics if metrics is None else metrics
        self._summed = is_sum(trainer.loss)
        self._plain = trainer.loss if counts_all(trainer.loss, classes) else None
        self._total, self._count = 0.0, 0.0
        for metric in self._metrics:
            metric.reset()

    def update(self, output: Any, target: Any, loss: Any, where: object) -> float:
        """Take in a batch and return its loss, which must be one finite number."""
        if not isinstance(loss, Tensor) or math.prod(loss.shape) != 1:
            shown = f"a Tensor {loss.shape}" if isinstance(loss, Tensor) else type(loss).__name__
            fix = "return its mean over the batch"
            raise TypeError(explain("loss", got=shown, expected="a scalar Tensor", fix=fix))
        value = float(loss.item())
        if not math.isfinite(value):
            where = str(where)
            check_finite(where, "the target", target._array)
            outputs = [a for a in feed.leaves(feed.to_array(output)) if isinstance(a, np.ndarray)]
            first = in_batch(self._trainer)
            raise explain_loss(where, self._trainer.model, outputs, value, first)
        loss_fn = self._trainer.loss  # a callback may have put another in its place
        size = target._array.size if loss_fn is self._plain else samples(loss_fn, target)
        self._total += value if self._summed else value * size
        self._count += size
        self.measure(output, target)
        return value

    def measure(self, output: Any, target: Any) -> None:
        """Update the metrics alone: of a batch whose targets the loss ignores, all of them."""
        if self._metrics:
            found, wanted = feed.to_array(output), feed.to_array(target)
            for metric in self._metrics:
                metric.update(found, wanted)

    def compute(self) -> dict[str, float]:
        """Return 'loss' and the columns of each metric."""
        total, count, metrics = self._whole()
        values = {"loss": total / (count or 1)}
        for metric in metrics:
            values |= metric_values(metric)
        return values

    def _whole(self) -> tuple[float, float, list[Any]]:
        """Return the sums, and the metrics, over the batches of all processes."""
        if self._ranks is None:
            return self._total, self._count, self._metrics
        return self._merged(self._parts())

    def _parts(self) -> list[dict[str, Any]]:
        """Return what each process has of the sums."""
        metrics = [plain_state(metric) for metric in self._metrics]
        own = {"total": self._total, "count": self._count, "metrics": metrics}
        return [own] if self._ranks is None else self._ranks.comm.gather_objects(own)

    def _merged(self, parts: list[dict[str, Any]]) -> tuple[float, float, list[Any]]:
        """Return the sums of several, and copies of the metrics with their batches."""
        merged = []
        for place, metric in enumerate(self._metrics):
            copies = []
            for part in parts:
                copies.append(copy.deepcopy(metric))  # one may hold another
                set_plain_state(copies[-1], part["metrics"][place])
            for other in copies[1:]:
                copies[0].merge(other)
            merged.append(copies[0])
        return sum(part["total"] for part in parts), sum(part["count"] for part in parts), merged

    def state_dict(self) -> dict[str, Any] | None:
        """Return the running sums; None where a metric holds what cannot be written.

        Those of each process: added up in another order, they would have other last bits.
        """
        parts = self._parts()
        if any(state is None for part in parts for state in part["metrics"]):
            return None
        return {"parts": parts}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on with the sums of other meters; where they are not as many, the first has all."""
        parts, ranks = state["parts"], self._ranks
        if ranks is not None and len(parts) == ranks.comm.size:
            parts = [parts[ranks.comm.rank]]
        elif ranks is not None and not ranks.first:
            return
        self._total, self._count, metrics = self._merged(parts)
        for metric, held in zip(self._metrics, metrics, strict=True):
            found = plain_state(held)
            assert found is not None, "it was written"
            set_plain_state(metric, found)
