"""Samplers: in which order the samples of an epoch come.

A shuffled order is a function of a seed and the number of the epoch, nothing else: what was
drawn from other generators in between does not change it, and epoch 7 can be had again.
"""

from __future__ import annotations

import operator
from collections.abc import Iterable, Iterator, Sequence, Sized
from typing import Any, Generic, TypeVar

import numpy as np

from rushlight.arrays import Array
from rushlight.errors import explain
from rushlight.random import Generator, default_generator

__all__ = [
    "BatchSampler",
    "RandomSampler",
    "Sampler",
    "SequentialSampler",
    "SubsetRandomSampler",
    "WeightedRandomSampler",
]

T_co = TypeVar("T_co", covariant=True)


class Sampler(Generic[T_co]):
    """Base of all samplers: subclasses define `__iter__`, and `__len__` where it is known.

    A sampler that has `epoch` and `set_epoch` is told by the DataLoader where to continue.
    """

    def __iter__(self) -> Iterator[T_co]:
        raise NotImplementedError(f"{type(self).__name__} must define __iter__")


class SequentialSampler(Sampler[int]):
    """The indices 0, 1, 2, ... of a data set.

    Args:
        data_source: the data set.

    Example:
        >>> list(SequentialSampler("abc"))
        [0, 1, 2]
    """

    def __init__(self, data_source: Sized) -> None:
        self.data_source = data_source

    def __iter__(self) -> Iterator[int]:
        return iter(range(len(self.data_source)))

    def __len__(self) -> int:
        return len(self.data_source)


class SeededSampler(Sampler[int]):
    """Base of the random samplers: the order of epoch e comes from generator.spawn(e).

    Each iteration advances `epoch` by one; `set_epoch` goes to any.
    """

    def __init__(self, generator: Generator | None) -> None:
        if generator is not None and not isinstance(generator, Generator):
            raise TypeError(
                explain(
                    f"{type(self).__name__} generator",
                    got=type(generator).__name__,
                    expected="a rushlight.Generator or None",
                )
            )
        self.generator = generator
        self.epoch = 0

    def set_epoch(self, epoch: int) -> None:
        """Let the next iteration be that of `epoch` (an int >= 0, counted from 0)."""
        epoch = operator.index(epoch)
        if epoch < 0:
            raise ValueError(explain("set_epoch", got=epoch, expected="an int >= 0"))
        self.epoch = epoch

    def root(self) -> Generator:
        """Return the generator of all epochs; its seed is drawn once where none was given."""
        if self.generator is None:
            self.generator = Generator(int(default_generator.integers(0, 2**63 - 1, ())))
        return self.generator

    def seed(self) -> dict[str, Any]:
        """Return the seed as plain values that `set_seed` takes."""
        state = self.root().get_state()
        return {"entropy": state["entropy"], "spawn_key": state["spawn_key"]}

    def set_seed(self, seed: dict[str, Any]) -> None:
        """Use the orders of another sampler, given its `seed()`."""
        self.generator = Generator(seed["entropy"]).spawn(*seed["spawn_key"])

    def draw(self, generator: Generator) -> Array:
        """Return the indices of one epoch."""
        raise NotImplementedError(f"{type(self).__name__} must define draw")

    def next_order(self) -> Array:
        """Return the indices of this epoch as an int64 array and go on to the next epoch."""
        order = self.draw(self.root().spawn(self.epoch))
        self.epoch += 1
        return order

    def __iter__(self) -> Iterator[int]:
        return iter(self.next_order().tolist())


class RandomSampler(SeededSampler):
    """The indices of a data set in random order.

    Args:
        data_source: the data set.
        replacement: draw each index anew (default False: each comes once before one comes twice).
        num_samples: indices in an epoch (default None: the length of the data set).
        generator: its seed, not its position, decides the orders (default None: a seed drawn once
            from the default generator, when it is first needed).

    Raises:
        ValueError: `num_samples` is not positive (also for an empty data set, as in torch).

    Example:
        >>> sampler = RandomSampler(range(5), generator=Generator(0))
        >>> first, second = list(sampler), list(sampler)
        >>> sampler.set_epoch(0)
        >>> first == list(sampler), sorted(second)
        (True, [0, 1, 2, 3, 4])
    """

    def __init__(
        self,
        data_source: Sized,
        replacement: bool = False,
        num_samples: int | None = None,
        generator: Generator | None = None,
    ) -> None:
        super().__init__(generator)
        if not isinstance(replacement, bool):
            raise TypeError(
                explain("RandomSampler replacement", got=repr(replacement), expected="a bool")
            )
        self.data_source, self.replacement, self._num_samples = (
            data_source,
            replacement,
            num_samples,
        )
        _check_count("RandomSampler", self.num_samples)

    @property
    def num_samples(self) -> int:
        """The number of indices in an epoch."""
        return len(self.data_source) if self._num_samples is None else self._num_samples

    def draw(self, generator: Generator) -> Array:
        """Return the indices of one epoch."""
        size, count = len(self.data_source), self.num_samples
        if self.replacement:
            return generator.integers(0, size, (count,))
        rounds = [generator.permutation(size) for _ in range(-(-count // size))]
        return (rounds[0] if len(rounds) == 1 else np.concatenate(rounds))[:count]

    def __len__(self) -> int:
        return self.num_samples


class SubsetRandomSampler(SeededSampler):
    """Given indices in random order, each once.

    Args:
        indices: the indices.
        generator: as for RandomSampler (default None).

    Example:
        >>> sorted(SubsetRandomSampler([3, 1, 4], Generator(0)))
        [1, 3, 4]
    """

    def __init__(self, indices: Sequence[int], generator: Generator | None = None) -> None:
        super().__init__(generator)
        self.indices = indices

    def draw(self, generator: Generator) -> Array:
        """Return the indices of one epoch."""
        table = np.asarray(self.indices, dtype=np.int64)
        return table[generator.permutation(len(table))]

    def __len__(self) -> int:
        return len(self.indices)


class WeightedRandomSampler(SeededSampler):
    """Indices drawn with probabilities proportional to given weights.

    Args:
        weights: a weight >= 0 for each index; they need not sum to 1.
        num_samples: indices in an epoch.
        replacement: draw each index anew (default True); False draws each at most once.
        generator: as for RandomSampler (default None).

    Raises:
        ValueError: a weight is negative, infinite or NaN, all are zero, or more indices without
            replacement are asked for than have a weight above zero.

    Example:
        >>> set(WeightedRandomSampler([0.0, 1.0, 1.0], 100, generator=Generator(0)))
        {1, 2}
    """

    def __init__(
        self,
        weights: Sequence[float],
        num_samples: int,
        replacement: bool = True,
        generator: Generator | None = None,
    ) -> None:
        super().__init__(generator)
        _check_count("WeightedRandomSampler", num_samples)
        if not isinstance(replacement, bool):
            raise TypeError(
                explain(
                    "WeightedRandomSampler replacement", got=repr(replacement), expected="a bool"
                )
            )
        values = getattr(weights, "numpy", lambda: weights)()  # a Tensor or a sequence
        self.weights: Array = np.asarray(values, dtype=np.float64)
        self.num_samples, self.replacement = num_samples, replacement
        if self.weights.ndim != 1 or not (
            np.isfinite(self.weights).all() and (self.weights >= 0).all() and self.weights.any()
        ):
            raise ValueError(
                explain(
                    "WeightedRandomSampler weights",
                    got=f"shape {self.weights.shape}, values from {self.weights.min(initial=0)}"
                    f" to {self.weights.max(initial=0)}",
                    expected="a list of finite numbers >= 0, one of them above 0",
                )
            )
        if not replacement and num_samples > np.count_nonzero(self.weights):
            raise ValueError(
                explain(
                    "WeightedRandomSampler",
                    got=f"num_samples={num_samples} without replacement",
                    expected=f"at most {np.count_nonzero(self.weights)}, the weights above 0",
                    fix="set replacement=True",
                )
            )

    def draw(self, generator: Generator) -> Array:
        """Return the indices of one epoch."""
        if self.replacement:
            edges = np.cumsum(self.weights / self.weights.max())
            edges /= edges[-1]
            points = generator.uniform((self.num_samples,))  # below 1, so below the last edge
            return np.searchsorted(edges, points, side="right")
        chance = np.flatnonzero(self.weights)
        # The races of exponential clocks: the order of arrival is the order of weighted draws.
        with np.errstate(over="ignore"):  # a weight near zero never arrives
            times = -np.log1p(-generator.uniform((len(chance),))) / self.weights[chance]
        return chance[np.argsort(times, kind="stable")[: self.num_samples]]

    def __len__(self) -> int:
        return self.num_samples


class BatchSampler(Sampler[list[int]]):
    """Lists of the indices of another sampler.

    Args:
        sampler: the sampler, or any iterable of indices.
        batch_size: indices in a batch.
        drop_last: leave out a last batch that is smaller.

    Example:
        >>> list(BatchSampler(SequentialSampler(range(5)), 2, drop_last=False))
        [[0, 1], [2, 3], [4]]
    """

    def __init__(self, sampler: Iterable[int], batch_size: int, drop_last: bool) -> None:
        size: Any = batch_size
        if isinstance(size, np.integer):
            size = int(size)
        if isinstance(size, bool) or not isinstance(size, int) or size <= 0:
            raise ValueError(
                explain("BatchSampler batch_size", got=repr(size), expected="an int >= 1")
            )
        if not isinstance(drop_last, bool):
            raise ValueError(
                explain("BatchSampler drop_last", got=repr(drop_last), expected="a bool")
            )
        self.sampler, self.batch_size, self.drop_last = sampler, size, drop_last

    def __iter__(self) -> Iterator[list[int]]:
        return self._batches(iter(self.sampler))  # the order is settled now, not at the first next

    def _batches(self, indices: Iterator[int]) -> Iterator[list[int]]:
        batch = []
        for index in indices:
            batch.append(index)
            if len(batch) == self.batch_size:
                yield batch
                batch = []
        if batch and not self.drop_last:
            yield batch

    def __len__(self) -> int:
        count: int = len(self.sampler)  # type: ignore[arg-type]
        return count // self.batch_size if self.drop_last else -(-count // self.batch_size)


def _check_count(who: str, count: object) -> None:
    if isinstance(count, bool) or not isinstance(count, int) or count <= 0:
        raise ValueError(
            explain(f"{who} num_samples", got=repr(count), expected="an int >= 1 (is it empty?)")
        )
