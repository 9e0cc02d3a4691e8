"""The place that training has reached: epoch, batch and what belongs to the epoch so far."""

from __future__ import annotations

import time
from typing import Any

from rushlight.train.meter import Meter
from rushlight.train.resuming.generators import Generators

__all__ = ["Place"]


class Place:
    """Between two epochs or, with a meter, within one.

    Args:
        first: the first epoch of this `fit`.

    Attributes:
        epoch: the epoch that comes next or is going on, from 1.
        batch: how many batches of it have been read.
        meter: the running sums of the epoch that is going on.
        held: what a checkpoint holds of them, until the epoch goes on.
        generators: the states of the generators when the epoch began, for data that streams.
    """

    def __init__(self, first: int) -> None:
        self.first, self.epoch, self.batch = first, first, 0
        self.meter: Meter | None = None
        self.held: dict[str, Any] | None = None
        self.generators: dict[str, Any] | None = None
        self._now: dict[str, Any] | None = None
        self._before = 0.0
        self._begun = time.perf_counter()

    def __str__(self) -> str:
        return f"epoch {self.epoch}, batch {self.batch}"

    def begin(self, epoch: int) -> None:
        """Start the clock of an epoch."""
        self.epoch, self._begun = epoch, time.perf_counter() - self._before
        self._before = 0.0

    def end(self) -> None:
        """Go behind the epoch that has ended."""
        self.epoch, self.batch, self.meter = self.epoch + 1, 0, None

    @property
    def seconds(self) -> float:
        """The time that the epoch has taken so far."""
        return time.perf_counter() - self._begun

    def at_begin(self, generators: Generators) -> None:
        """Keep, or put back, the generators of the beginning of the epoch."""
        if self.batch and self.generators is not None:
            generators.load_state_dict(self.generators)
        else:
            self.generators = generators.state_dict()

    def put_back(self, generators: Generators) -> None:
        """Put the generators into the states of the checkpoint that was resumed."""
        if self._now is not None:
            generators.load_state_dict(self._now)
            self._now = None

    def state_dict(self) -> dict[str, Any]:
        """Return the place as plain values."""
        within = self.meter is not None
        return {
            "epoch": self.epoch,
            "first": self.first,
            "batch": self.batch,
            "seconds": self.seconds if within else 0.0,
            "meter": None if self.meter is None else self.meter.state_dict(),
            "generators": self.generators if within else None,
        }

    @classmethod
    def resumed(cls, state: dict[str, Any]) -> Place:
        """Return the place of a checkpoint."""
        held = state["place"]
        place = cls(held["first"])
        place.epoch, place.batch, place._before = held["epoch"], held["batch"], held["seconds"]
        place.held, place.generators = held["meter"], held["generators"]
        place._now = state["generators"]
        return place
