"""DataLoader: from a data set to the batches of an epoch, and back to any place in it."""

from __future__ import annotations

import functools
import itertools
import operator
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import numpy as np

from rushlight.arrays import Array
from rushlight.data.collate import default_collate, default_convert
from rushlight.data.dataset import IterableDataset, Rows, at_epoch, batch_reader
from rushlight.data.sampler import (
    BatchSampler,
    RandomSampler,
    SeededSampler,
    SequentialSampler,
)
from rushlight.data.transforms import varies
from rushlight.errors import ShapeError, explain
from rushlight.random import Generator, OwnRows
from rushlight.tensor import Tensor

__all__ = ["DataLoader"]


class DataLoader:
    """Iterates over a data set in batches.

    A TensorDataset, a Subset of one or an MNIST is read a batch at a time (batches of few bytes in
    a known order several at a time, so that what is written into the data set while an epoch is
    read may be seen a little later); other data sets by
    `__getitems__(indices)` where they have it, else sample by sample, put together by
    `collate_fn`. Each `iter` is one epoch, from 0 on; the order of a shuffled epoch is a function
    of a seed and its number. `state_dict` taken between two batches holds the place after the
    last one, and a loader that has loaded it continues there with the same batches. Everything
    happens in the calling thread: arguments about worker processes are known, but only at the
    values that mean none.

    Args:
        dataset: a Dataset, an IterableDataset or anything with `__getitem__` and `__len__`.
        batch_size: samples in a batch (default 1); None gives single samples.
        shuffle: a new random order each epoch (default None: False).
        sampler: an iterable of indices instead of `shuffle` (default None).
        batch_sampler: an iterable of lists of indices instead of `batch_size`, `shuffle`,
            `sampler` and `drop_last` (default None).
        num_workers: 0, the only number of worker processes there is.
        collate_fn: list of samples -> batch (default None: `default_collate`).
        pin_memory: False.
        drop_last: leave out a last batch that is smaller (default False).
        timeout: 0.
        worker_init_fn: None.
        multiprocessing_context: None.
        generator: its seed decides the shuffled orders (default None: a seed drawn once from the
            default generator when the first epoch begins).
        prefetch_factor: None.
        persistent_workers: False.
        pin_memory_device: ''.
        in_order: True.

    Attributes:
        epoch: the number of the epoch that the next `iter` begins.

    Raises:
        NotImplementedError: an argument about worker processes or pinned memory is set.
        ValueError: arguments that exclude each other.

    Example:
        >>> from rushlight.data import TensorDataset
        >>> data = TensorDataset(np.arange(10.0).reshape(5, 2), np.arange(5))
        >>> [tuple(x.shape) for x, y in DataLoader(data, batch_size=2)]
        [(2, 2), (2, 2), (1, 2)]

    Source: https://docs.pytorch.org/docs/stable/data.html#torch.utils.data.DataLoader
    """

    def __init__(
        self,
        dataset: Any,
        batch_size: int | None = 1,
        shuffle: bool | None = None,
        sampler: Iterable[int] | None = None,
        batch_sampler: Iterable[list[int]] | None = None,
        num_workers: int = 0,
        collate_fn: Callable[[list[Any]], Any] | None = None,
        pin_memory: bool = False,
        drop_last: bool = False,
        timeout: float = 0,
        worker_init_fn: Callable[[int], None] | None = None,
        multiprocessing_context: Any = None,
        generator: Generator | None = None,
        *,
        prefetch_factor: int | None = None,
        persistent_workers: bool = False,
        pin_memory_device: str = "",
        in_order: bool = True,
    ) -> None:
        for name, value, only in (
            ("num_workers", num_workers, 0),
            ("pin_memory", pin_memory, False),
            ("timeout", timeout, 0),
            ("worker_init_fn", worker_init_fn, None),
            ("multiprocessing_context", multiprocessing_context, None),
            ("prefetch_factor", prefetch_factor, None),
            ("persistent_workers", persistent_workers, False),
            ("pin_memory_device", pin_memory_device, ""),
            ("in_order", in_order, True),
        ):
            if value != only:
                raise NotImplementedError(
                    explain(
                        f"DataLoader {name}",
                        got=repr(value),
                        expected=repr(only),
                        fix="batches are read in the calling thread; leave the argument out",
                    )
                )
        iterable = isinstance(dataset, IterableDataset)
        if not iterable and not hasattr(dataset, "__getitem__"):
            raise TypeError(
                explain(
                    "DataLoader",
                    got=type(dataset).__name__,
                    expected="a data set with __getitem__ and __len__, or an IterableDataset",
                    fix="of what can be iterated only, make a list or an IterableDataset",
                )
            )
        if iterable and (shuffle or sampler is not None or batch_sampler is not None):
            _exclude("an IterableDataset", "shuffle, sampler and batch_sampler")
        if sampler is not None and shuffle:
            _exclude("sampler", "shuffle")
        if batch_sampler is not None:
            if batch_size != 1 or shuffle or sampler is not None or drop_last:
                _exclude("batch_sampler", "batch_size, shuffle, sampler and drop_last")
            batch_size = None
        elif batch_size is None and drop_last:
            _exclude("batch_size=None", "drop_last")
        if generator is not None and not isinstance(generator, Generator):
            raise TypeError(
                explain(
                    "DataLoader generator",
                    got=type(generator).__name__,
                    expected="a rushlight.Generator or None",
                )
            )
        if sampler is None and not iterable and batch_sampler is None:
            sampler = (
                RandomSampler(dataset, generator=generator)
                if shuffle
                else SequentialSampler(dataset)
            )
        if batch_size is not None:
            # For an IterableDataset it only checks and keeps the two arguments.
            batches = BatchSampler(() if sampler is None else sampler, batch_size, drop_last)
            batch_size, batch_sampler = batches.batch_size, None if iterable else batches
        self.dataset, self.batch_size, self.drop_last = dataset, batch_size, drop_last
        self.sampler, self.batch_sampler, self.generator = sampler, batch_sampler, generator
        self._batched = batch_size is not None or batch_sampler is not None
        default = default_collate if self._batched else default_convert
        self.collate_fn: Callable[[Any], Any] = default if collate_fn is None else collate_fn
        self._count = 0  # epochs begun, where no sampler counts them
        self._current: _Epoch | None = None  # the epoch begun last, until it is read to its end
        self._skip = 0  # batches that the next epoch begins behind
        self._share: Share | None = None  # of an epoch that begins now

    # ---- epochs

    def _counter(self) -> Any:
        """Return the sampler that counts epochs, or None."""
        below = getattr(self.batch_sampler, "sampler", None)
        for sampler in (self.batch_sampler, below, self.sampler):
            if hasattr(sampler, "set_epoch") and hasattr(sampler, "epoch"):
                return sampler
        return None

    @property
    def epoch(self) -> int:
        """The number of the epoch that the next `iter` begins."""
        counter = self._counter()
        return self._count if counter is None else int(counter.epoch)

    def set_epoch(self, epoch: int) -> None:
        """Let the next `iter` be that of `epoch` (an int >= 0), from its first batch.

        Args:
            epoch: the number of the epoch, counted from 0.
        """
        epoch = operator.index(epoch)
        if epoch < 0:
            raise ValueError(explain("set_epoch", got=epoch, expected="an int >= 0"))
        counter = self._counter()
        if counter is not None:
            counter.set_epoch(epoch)
        self._count, self._current, self._skip = epoch, None, 0

    def state_dict(self) -> dict[str, Any]:
        """Return the place: the epoch, the batches of it that were given out, the seed."""
        current, counter = self._current, self._counter()
        return {
            "epoch": self.epoch if current is None else current.number,
            "batch": self._skip if current is None else current.given,
            "seed": counter.seed() if isinstance(counter, SeededSampler) else None,
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continue, at the next `iter`, behind the batch at which `state_dict` was called.

        Args:
            state: what `state_dict` returned, of a loader made with the same arguments. Batches
                that are passed over are not read (those of an IterableDataset are).
        """
        if not isinstance(state, dict) or state.keys() != {"epoch", "batch", "seed"}:
            raise ValueError(
                explain(
                    "DataLoader.load_state_dict",
                    got=f"keys {sorted(map(str, state))}" if isinstance(state, dict) else state,
                    expected="epoch, batch and seed",
                    fix="give it what state_dict returned",
                )
            )
        counter = self._counter()
        if isinstance(counter, SeededSampler) != (state["seed"] is not None):
            raise ValueError(
                explain(
                    "DataLoader.load_state_dict",
                    got=f"the state of a loader with{'out' * (state['seed'] is None)} shuffling",
                    expected="the state of a loader made with the same arguments",
                )
            )
        self.set_epoch(state["epoch"])
        self._skip = operator.index(state["batch"])
        if isinstance(counter, SeededSampler):
            counter.set_seed(state["seed"])

    def __iter__(self) -> Iterator[Any]:
        current = _Epoch(self.epoch, self._skip)
        source = self._source(at_epoch(self.dataset, current.number), current.given)
        self._count = current.number + 1  # a SeededSampler counts by itself
        self._current, self._skip = current, 0
        return self._give(source, current)

    def _give(self, source: Iterator[Any], current: _Epoch) -> Iterator[Any]:
        """Count the batches that are given out."""
        for batch in source:
            current.given += 1
            yield batch
        if self._current is current:
            self._current = None

    # ---- batches

    def _source(self, dataset: Any, skip: int) -> Iterator[Any]:
        """Return the batches of the next epoch, of its data set, behind the first `skip`."""
        if isinstance(dataset, IterableDataset):
            return self._shared(itertools.islice(self._stream(iter(dataset)), skip, None))
        reader = batch_reader(dataset) if self.collate_fn is default_collate else None
        if not self._batched:
            singles = itertools.islice(iter(self.sampler or ()), skip, None)
            return self._shared(self.collate_fn(dataset[index]) for index in singles)
        if reader is None:
            assert self.batch_sampler is not None
            lists = itertools.islice(iter(self.batch_sampler), skip, None)
            return self._shared(map(functools.partial(self._fetch, dataset), lists))
        return self._read(reader, skip)

    def _read(self, reader: Any, skip: int) -> Iterator[Any]:
        """Return the batches that a reader makes of slices and arrays of indices."""
        batches = self.batch_sampler
        assert batches is not None
        if type(batches) is BatchSampler:
            sampler, step, size = batches.sampler, batches.batch_size, len(self.dataset)
            if type(sampler) is SequentialSampler and sampler.data_source is self.dataset:
                starts = range(skip * step, len(batches) * step, step)
                slices = (slice(start, min(start + step, size)) for start in starts)
                return self._parts(reader, slices)
            if isinstance(sampler, SeededSampler) and (
                type(sampler).__iter__ is SeededSampler.__iter__
            ):
                order = sampler.next_order()[: len(batches) * step]
                if isinstance(reader, Rows) and self._share is None:
                    return reader.in_order(order, step, skip)
                starts = range(skip * step, len(order), step)
                parts = (order[start : start + step] for start in starts)
                return self._parts(reader, parts)
        lists = map(_indices, itertools.islice(iter(batches), skip, None))
        return self._parts(reader, lists)

    def _shared(self, batches: Iterable[Any]) -> Iterator[Any]:
        """Return the own part of each batch, or of the indices of each; alone, all of it."""
        return iter(batches) if self._share is None else map(self._share.of, batches)

    def _parts(self, reader: Any, indices: Iterable[Any]) -> Iterator[Any]:
        """Read batches, or the own part of each: behind reading, where that draws for all rows."""
        if varies(self.dataset):
            return self._shared(map(reader, indices))
        return map(reader, self._shared(indices))

    def _fetch(self, dataset: Any, indices: list[int]) -> Any:
        many = getattr(dataset, "__getitems__", None)
        samples = many(indices) if callable(many) else [dataset[i] for i in indices]
        return self.collate_fn(samples)

    def _stream(self, samples: Iterator[Any]) -> Iterator[Any]:
        """Gather the samples of an IterableDataset."""
        if self.batch_size is None:
            yield from map(self.collate_fn, samples)
            return
        while batch := list(itertools.islice(samples, self.batch_size)):
            if len(batch) == self.batch_size or not self.drop_last:
                yield self.collate_fn(batch)

    def __len__(self) -> int:
        """Return the number of batches of an epoch."""
        if not isinstance(self.dataset, IterableDataset):
            return len(self.sampler if self.batch_sampler is None else self.batch_sampler)  # type: ignore[arg-type]
        size: int = len(self.dataset)  # type: ignore[arg-type]
        if self.batch_size is None:
            return size
        return size // self.batch_size if self.drop_last else -(-size // self.batch_size)


class Share:
    """The part of each batch that one of several processes reads: neighbours, of equal numbers, or
    one more.

    Args:
        rank: which process.
        size: how many there are.

    Attributes:
        rows: which rows of the batch that was shared out last are its own.
    """

    def __init__(self, rank: int, size: int) -> None:
        self.rank, self.size = rank, size
        self.rows = OwnRows(0, 0, 0)

    def of_slice(self, whole: slice) -> slice:
        """Return the part of a range of indices."""
        count = whole.stop - whole.start
        low, high = (count * r // self.size for r in (self.rank, self.rank + 1))
        self.rows = OwnRows(low, high, count)
        return slice(whole.start + low, whole.start + high)

    def of(self, batch: Any) -> Any:
        """Return the part of a slice, an array, a Tensor, or of each in a tuple or list.

        What holds anything else is no batch to train on, and is left to who says so.

        Raises:
            ShapeError: a batch without rows, or one whose parts have not the same number.
        """
        if isinstance(batch, slice):
            return self.of_slice(batch)
        listed = isinstance(batch, tuple | list)
        parts = batch if listed else [batch]
        if not parts or not all(isinstance(part, np.ndarray | Tensor) for part in parts):
            return batch
        shapes = [tuple(part.shape) for part in parts]
        if () in shapes or len({shape[0] for shape in shapes}) > 1:
            raise ShapeError(
                explain(
                    f"a batch on {self.size} ranks",
                    got=" and ".join(map(str, shapes)),
                    expected="as many rows in each, which can be shared out",
                    fix="put samples together to batches",
                )
            )
        own = self.of_slice(slice(0, shapes[0][0]))
        cut = [part[own] for part in parts]
        if not listed:
            return cut[0]
        return type(batch)(*cut) if hasattr(batch, "_fields") else type(batch)(cut)


class _Epoch:
    """An epoch being read: its number and the batches given out."""

    def __init__(self, number: int, given: int) -> None:
        self.number, self.given = number, given


def _indices(batch: list[int]) -> Array:
    """Return the indices of a batch as an array; it must not round what is no index."""
    table = np.asarray(batch)
    if table.size and table.dtype.kind not in "iu":
        raise TypeError(
            explain("DataLoader", got=f"indices {batch!r:.60}", expected="ints from the sampler")
        )
    return table.astype(np.int64, copy=False)


def _exclude(one: str, others: str) -> None:
    raise ValueError(
        explain("DataLoader", got=f"{one} together with {others}", expected="one or the other")
    )
