"""The training data of a fit: the batches of each epoch, from any place within it."""

from __future__ import annotations

import itertools
import warnings
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np

from rushlight.data import BatchSampler, DataLoader, IterableDataset, SequentialSampler
from rushlight.data.sampler import SeededSampler
from rushlight.train.feed import length

__all__ = ["Source", "place_of", "put_place"]


class Source:
    """Wraps a DataLoader whose place in an epoch can be written down and taken up.

    The order of an epoch is a function of a seed and its number, and what lies before a place is
    passed over unread; or it comes from a sampler of another kind, and is then drawn whole when
    the epoch begins and kept with the place. Only of an IterableDataset, of a sampler without
    a length and of a loader of the user's own class the batches before the place are read again.

    Args:
        loader: the DataLoader.

    Attributes:
        streams: whether batches before a place have to be read again.
    """

    def __init__(self, loader: DataLoader) -> None:
        self.loader = loader
        own = type(loader) is not DataLoader  # a class of the user's, which may do as it likes
        self.streams = isinstance(loader.dataset, IterableDataset) or (
            own and type(loader).__iter__ is not DataLoader.__iter__
        )
        sampler: Any = loader.batch_sampler
        self._sampler: Any = loader.sampler if sampler is None else sampler
        self._listed = not self.streams and not _repeatable(loader, self._sampler)
        if self._listed and (own or length(self._sampler) is None):
            self.streams, self._listed = True, False
        self._order: list[Any] | None = None
        self.ranks: Any = None  # the Ranks that share each batch

    def begin(self, done: int) -> None:
        """Let the next epoch be the one after so many."""
        self._order = None
        if not isinstance(self.loader.dataset, IterableDataset):
            self.loader.set_epoch(done)

    def epoch(self, skip: int = 0) -> Iterator[Any]:
        """Return the batches of the epoch behind the first `skip`."""
        if self._listed:
            if not skip or self._order is None:
                drawn = list(self._sampler)
                self._order = drawn if self.ranks is None else self.ranks.of_first(lambda: drawn)
            return iter(self._behind(self._order[skip:]))
        if not skip:
            return iter(self.loader)
        if self.streams:
            warnings.warn(
                f"resume: {skip} batches are read again and left out, for the data "
                f"({type(self.loader.dataset).__name__}) can only be read from its beginning; the "
                "result is that of a run without a break if it yields the same samples again",
                stacklevel=4,
            )
            batches = iter(self.loader)
            for _ in itertools.islice(batches, skip):
                pass
            return batches
        return iter(self.loader)  # `load_state_dict` has set its place

    def _behind(self, rest: list[Any]) -> Iterable[Any]:
        """Return a loader of what is left of an order."""
        loader, collate = self.loader, self.loader.collate_fn
        if loader.batch_sampler is None:
            left = DataLoader(loader.dataset, batch_size=None, sampler=rest, collate_fn=collate)
        else:
            left = DataLoader(loader.dataset, batch_sampler=rest, collate_fn=collate)
        left._share = loader._share
        return left

    def state_dict(self, within: bool) -> dict[str, Any]:
        """Return the place: the epoch (counted from 0) and, within one, a drawn order."""
        order = self._order if within and self._listed else None
        return place_of(self.loader) | {"order": None if order is None else _packed(order)}

    def load_state_dict(self, state: dict[str, Any], batch: int) -> None:
        """Go to a place: the epoch of the state, behind so many batches."""
        put_place(self.loader, state, 0 if self._listed or self.streams else batch)
        self._order = None if state["order"] is None else _unpacked(state["order"])


def place_of(loader: DataLoader) -> dict[str, Any]:
    """Return the epoch of a loader, and its seed where it has one already."""
    counter, current = loader._counter(), loader._current
    seeded = isinstance(counter, SeededSampler) and counter.generator is not None
    return {
        "epoch": loader.epoch if current is None else current.number,
        "seed": counter.seed() if seeded else None,
    }


def put_place(loader: DataLoader, state: dict[str, Any], batch: int = 0) -> None:
    """Put a loader where it was, or behind so many batches of that epoch."""
    if state["seed"] is None and isinstance(loader._counter(), SeededSampler):
        loader.set_epoch(state["epoch"])  # no epoch has begun: the seed is yet to be drawn
    else:
        loader.load_state_dict({"epoch": state["epoch"], "seed": state["seed"], "batch": batch})


def _repeatable(loader: DataLoader, sampler: Any) -> bool:
    """Tell whether the order is a function of seed and epoch, so that it can be had again."""
    if type(sampler) is BatchSampler:
        sampler = sampler.sampler
    if isinstance(sampler, SeededSampler):
        return type(sampler).__iter__ is SeededSampler.__iter__
    return type(sampler) is SequentialSampler or isinstance(sampler, range | list | tuple)


def _packed(order: list[Any]) -> Any:
    """Return an order as arrays where it is one of indices, or of lists of them."""
    if not all(isinstance(batch, list | tuple) for batch in order):
        return {"flat": np.asarray(order), "sizes": None}
    flat = [index for batch in order for index in batch]
    return {"flat": np.asarray(flat), "sizes": np.asarray([len(batch) for batch in order])}


def _unpacked(state: Any) -> list[Any]:
    flat, sizes = state["flat"].tolist(), state["sizes"]
    if sizes is None:
        return list(flat)
    ends = np.cumsum(sizes).tolist()
    starts = [0, *ends[:-1]]
    return [flat[a:b] for a, b in zip(starts, ends, strict=True)]
