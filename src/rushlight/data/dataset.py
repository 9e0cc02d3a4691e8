"""Data sets: what can be indexed or iterated for samples."""

from __future__ import annotations

import bisect
import copy
import itertools
import math
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, Generic, TypeAlias, TypeVar

import numpy as np

from rushlight.arrays import Array
from rushlight.data.transforms import varies
from rushlight.errors import ShapeError, explain
from rushlight.random import Generator, source_of
from rushlight.tape import wrap
from rushlight.tensor import Tensor, from_numpy

__all__ = [
    "ChainDataset",
    "ConcatDataset",
    "Dataset",
    "IterableDataset",
    "Subset",
    "TensorDataset",
    "random_split",
]

T_co = TypeVar("T_co", covariant=True)

# Takes a slice or an array of indices, returns what collating those samples would give.
BatchReader: TypeAlias = Callable[[Any], Any]

_AHEAD = 2**17  # bytes that are read ahead at most: what a core's own cache holds easily
_MANY = 32  # batches


class Dataset(Generic[T_co]):
    """A data set whose samples are reached by index.

    Subclasses define `__getitem__`, and `__len__` where its size is known. A subclass that reads
    many samples at once faster than one by one may define `__getitems__(indices)`, which takes a
    list of ints and returns the list of samples.

    Example:
        >>> class Squares(Dataset):
        ...     def __getitem__(self, index):
        ...         return index**2
        ...     def __len__(self):
        ...         return 3
        >>> (Squares() + Squares())[4]
        1

    Source: https://docs.pytorch.org/docs/stable/data.html
    """

    varies: bool = True  # reading may draw random numbers: processes that share a batch read it all

    def __getitem__(self, index: Any) -> T_co:
        raise NotImplementedError(f"{type(self).__name__} must define __getitem__")

    def __add__(self, other: Dataset[T_co]) -> ConcatDataset[T_co]:
        return ConcatDataset([self, other])

    def batch_reader(self) -> BatchReader | None:
        """Return a function that reads a whole batch at once, or None where there is none."""
        return None

    def at_epoch(self, epoch: int) -> Dataset[T_co]:
        """Return the data set as it is in an epoch, counted from 0: itself unless overridden.

        The DataLoader asks for it when an epoch begins.
        """
        return self


def overrides(dataset: object, base: type) -> bool:
    """Tell whether a subclass changed how samples of `base` are read one by one."""
    return any(
        getattr(type(dataset), name, None) is not getattr(base, name, None)
        for name in ("__getitem__", "__getitems__")
    )


class IterableDataset(Dataset[T_co]):
    """A data set that can only be iterated: subclasses define `__iter__`.

    Example:
        >>> class Count(IterableDataset):
        ...     def __iter__(self):
        ...         return iter(range(3))
        >>> list(Count() + Count())
        [0, 1, 2, 0, 1, 2]
    """

    def __iter__(self) -> Iterator[T_co]:
        raise NotImplementedError(f"{type(self).__name__} must define __iter__")

    def __add__(self, other: Dataset[T_co]) -> ChainDataset[T_co]:  # type: ignore[override]
        return ChainDataset([self, other])


class TensorDataset(Dataset[tuple[Tensor, ...]]):
    """Samples along the first axis of one or more tensors.

    Args:
        tensors: Tensors or arrays of one length; arrays are shared, not copied.

    Attributes:
        tensors: the tuple of Tensors.

    Raises:
        ShapeError: the lengths differ, or a tensor has no axis.
        TypeError: one of them is no Tensor or array.

    Example:
        >>> data = TensorDataset(np.zeros((3, 2), "float32"), np.arange(3))
        >>> len(data), data[1][0].shape
        (3, (2,))
    """

    tensors: tuple[Tensor, ...]

    def __init__(self, *tensors: Tensor | Array) -> None:
        if others := [t for t in tensors if not isinstance(t, Tensor | np.ndarray)]:
            raise TypeError(
                explain(
                    "TensorDataset",
                    got=type(others[0]).__name__,
                    expected="Tensors or arrays",
                    fix="make one: rushlight.tensor(data)",
                )
            )
        shapes = [tuple(tensor.shape) for tensor in tensors]
        if not tensors or () in shapes or len({shape[0] for shape in shapes}) > 1:
            raise ShapeError(
                explain(
                    "TensorDataset",
                    got=f"shapes {', '.join(map(str, shapes)) or 'of no tensor'}",
                    expected="at least one tensor, all of the same length along axis 0",
                    fix="give one row for each sample in every tensor",
                )
            )
        self.tensors = tuple(t if isinstance(t, Tensor) else from_numpy(t) for t in tensors)

    def __getitem__(self, index: Any) -> tuple[Tensor, ...]:
        if type(index) is int:  # as below, without the way through the graph
            return tuple(
                t[index] if t.requires_grad else from_numpy(t._array[index, ...])
                for t in self.tensors
            )
        return tuple(tensor[index] for tensor in self.tensors)

    def __len__(self) -> int:
        return int(self.tensors[0].shape[0])

    varies = False

    def batch_reader(self) -> BatchReader | None:
        """Read a batch by one index operation for each tensor."""
        if overrides(self, TensorDataset) or any(t.requires_grad for t in self.tensors):
            return None
        return Rows([tensor._array for tensor in self.tensors])


class Rows:
    """Reads batches of arrays that lie in memory.

    Args:
        arrays: the arrays; a batch has some rows of each.
        table: which rows there are, in their order; None: all.
    """

    def __init__(self, arrays: list[Array], table: Array | None = None) -> None:
        self.arrays, self.table = arrays, table

    def __call__(self, index: Any) -> list[Tensor]:
        """Return the rows of an index array or a slice, copied: a batch may be written to."""
        if self.table is not None:
            index = self.table[index]
        copied = isinstance(index, np.ndarray)
        return [wrap(array[index] if copied else array[index].copy()) for array in self.arrays]

    def in_order(self, order: Array, size: int, skip: int) -> Iterator[list[Tensor]]:
        """Yield the batches of an order behind the first `skip`, small ones read several at once.

        Of few bytes it is the call that takes time, not the copying.
        """
        row = sum(array.itemsize * math.prod(array.shape[1:]) for array in self.arrays)
        stride = size * max(1, min(_MANY, _AHEAD // (size * row or 1)))
        for first in range(skip * size, len(order), stride):
            whole = self(order[first : first + stride])
            for start in range(0, len(whole[0]), size):
                yield [wrap(tensor._array[start : start + size]) for tensor in whole]


class Subset(Dataset[T_co]):
    """The samples of another data set at given indices.

    Args:
        dataset: the data set.
        indices: the indices into it, in the order wanted.

    Example:
        >>> Subset(["a", "b", "c"], [2, 0])[0]
        'c'
    """

    def __init__(self, dataset: Dataset[T_co] | Sequence[T_co], indices: Sequence[int]) -> None:
        self.dataset, self.indices = dataset, indices

    def __getitem__(self, index: Any) -> T_co:
        if isinstance(index, list):
            return self.dataset[[self.indices[i] for i in index]]  # type: ignore[call-overload]
        return self.dataset[self.indices[index]]

    def __getitems__(self, indices: list[int]) -> list[T_co]:
        below = [self.indices[i] for i in indices]
        many = getattr(self.dataset, "__getitems__", None)
        return list(many(below)) if callable(many) else [self.dataset[i] for i in below]

    def __len__(self) -> int:
        return len(self.indices)

    @property
    def varies(self) -> bool:  # type: ignore[override]
        """Whether reading a sample of the data set below may draw random numbers."""
        return varies(self.dataset)

    def batch_reader(self) -> BatchReader | None:
        """Read a batch from the data set below, where that can."""
        inner = None if overrides(self, Subset) else batch_reader(self.dataset)
        table = np.asarray(self.indices)
        if inner is None or (table.size and table.dtype.kind not in "iu"):
            return None
        table = table.astype(np.int64, copy=False)
        if isinstance(inner, Rows):
            return Rows(inner.arrays, table if inner.table is None else inner.table[table])
        return lambda index: inner(table[index])

    def at_epoch(self, epoch: int) -> Subset[T_co]:
        """Return the same samples of the data set below as it is in that epoch."""
        inner = at_epoch(self.dataset, epoch)
        if inner is self.dataset:
            return self
        other = copy.copy(self)
        other.dataset = inner
        return other


def batch_reader(dataset: object) -> BatchReader | None:
    """Return the batch reader of anything that may be a data set."""
    return dataset.batch_reader() if isinstance(dataset, Dataset) else None


def at_epoch(dataset: Any, epoch: int) -> Any:
    """Return anything that may be a data set as it is in an epoch."""
    return dataset.at_epoch(epoch) if isinstance(dataset, Dataset) else dataset


class ConcatDataset(Dataset[T_co]):
    """Several data sets one after the other.

    Args:
        datasets: the data sets, each with a length.

    Attributes:
        cumulative_sizes: the number of samples up to and with each data set.

    Example:
        >>> both = ConcatDataset(["ab", "cde"])
        >>> len(both), both[2], both[-1]
        (5, 'c', 'e')
    """

    def __init__(self, datasets: Iterable[Dataset[T_co]]) -> None:
        self.datasets: list[Any] = list(datasets)
        if not self.datasets:
            raise ValueError(
                explain("ConcatDataset", got="no data set", expected="one or more", fix="add one")
            )
        for dataset in self.datasets:
            if isinstance(dataset, IterableDataset):
                raise TypeError(
                    explain(
                        "ConcatDataset",
                        got="an IterableDataset",
                        expected="data sets that can be indexed",
                        fix="use ChainDataset",
                    )
                )
        self.cumulative_sizes = list(itertools.accumulate(len(d) for d in self.datasets))

    def __getitem__(self, index: Any) -> T_co:
        size = len(self)
        if not -size <= index < size:
            raise IndexError(explain("ConcatDataset", got=index, expected=f"an index below {size}"))
        index %= size
        which = bisect.bisect_right(self.cumulative_sizes, index)
        before = self.cumulative_sizes[which - 1] if which else 0
        return self.datasets[which][index - before]

    def __len__(self) -> int:
        return self.cumulative_sizes[-1]

    def at_epoch(self, epoch: int) -> ConcatDataset[T_co]:
        """Return the data sets, each as it is in that epoch, one after the other."""
        inner = [at_epoch(dataset, epoch) for dataset in self.datasets]
        if all(a is b for a, b in zip(inner, self.datasets, strict=True)):
            return self
        other = copy.copy(self)
        other.datasets = inner
        return other


class ChainDataset(IterableDataset[T_co]):
    """Several iterable data sets one after the other.

    Args:
        datasets: the data sets.
    """

    def __init__(self, datasets: Iterable[Dataset[T_co]]) -> None:
        self.datasets: list[Any] = list(datasets)

    def __iter__(self) -> Iterator[T_co]:
        for dataset in self.datasets:
            if not isinstance(dataset, IterableDataset):
                raise TypeError(
                    explain(
                        "ChainDataset",
                        got=type(dataset).__name__,
                        expected="IterableDatasets",
                        fix="use ConcatDataset for data sets that can be indexed",
                    )
                )
            yield from dataset

    def __len__(self) -> int:
        return sum(len(dataset) for dataset in self.datasets)


def random_split(
    dataset: Any, lengths: Sequence[int | float], generator: Generator | None = None
) -> list[Subset[Any]]:
    """Split a data set at random into parts that do not overlap.

    Args:
        dataset: the data set; it must have a length.
        lengths: the number of samples of each part, or fractions that sum to 1 (rounded down;
            what remains goes one by one to the first parts).
        generator: source of the permutation (default None: the default generator).

    Raises:
        ValueError: the lengths do not sum to the length of the data set, or a length is negative.

    Example:
        >>> a, b = random_split(range(10), [0.75, 0.25], Generator(0))
        >>> len(a), len(b), sorted([*a.indices, *b.indices]) == list(range(10))
        (8, 2, True)
    """
    size, total = len(dataset), sum(lengths)
    if math.isclose(total, 1) and total <= 1 and min(lengths) >= 0:
        sizes = [math.floor(size * fraction) for fraction in lengths]
        for i in range(size - sum(sizes)):
            sizes[i % len(sizes)] += 1
        for i, length in enumerate(sizes):
            if length == 0:
                warnings.warn(f"random_split: part {i} has no samples", stacklevel=2)
    else:
        sizes = [int(length) for length in lengths if length >= 0 and length % 1 == 0]
        if len(sizes) != len(lengths) or sum(sizes) != size:
            raise ValueError(
                explain(
                    "random_split",
                    got=f"lengths {list(lengths)} that sum to {total}",
                    expected=f"whole numbers >= 0 that sum to {size}, or fractions that sum to 1",
                    fix="let one length be what remains",
                )
            )
    order = source_of(generator).permutation(size).tolist()
    ends = itertools.accumulate(sizes)
    return [
        Subset(dataset, order[end - length : end]) for end, length in zip(ends, sizes, strict=True)
    ]
