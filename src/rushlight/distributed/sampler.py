"""DistributedSampler: the share of a data set that is this rank's."""

from __future__ import annotations

import operator
from collections.abc import Iterator, Sized

from rushlight import comm
from rushlight.arrays import Array
from rushlight.data import Sampler
from rushlight.errors import explain
from rushlight.random import Generator

__all__ = ["DistributedSampler"]


class DistributedSampler(Sampler[int]):
    """The indices of a data set that are one rank's: every `num_replicas`-th, from `rank` on.

    Each sample comes once in an epoch, on one of the ranks: 7 samples on 4 ranks are 2, 2, 2 and
    1, and where there are fewer samples than ranks some get none. torch repeats samples until all
    have as many; here `pad=True` does. A validation is then exact, and a training loop counts by
    its samples (`GradientAverager.backward`).

    Args:
        dataset: the data set.
        num_replicas: how many ranks; default None: those of the job.
        rank: which one; default None: that of this process.
        shuffle: a new order in each epoch, a function of seed and epoch; default True.
        seed: int >= 0, the same on all ranks; default 0.
        drop_last: leave out the last samples, so that all ranks have as many; default False.
        pad: repeat the first samples, so that all ranks have as many; default False.

    Attributes:
        epoch: that of the next iteration; `set_epoch` sets it, nothing else does, as in torch.

    Raises:
        ValueError: a rank that is not one of `num_replicas`; both drop_last and pad.

    Example:
        >>> [list(DistributedSampler(range(7), 4, rank, shuffle=False)) for rank in range(4)]
        [[0, 4], [1, 5], [2, 6], [3]]

    Source: https://docs.pytorch.org/docs/stable/data.html#torch.utils.data.distributed.DistributedSampler
    """

    def __init__(
        self,
        dataset: Sized,
        num_replicas: int | None = None,
        rank: int | None = None,
        shuffle: bool = True,
        seed: int = 0,
        drop_last: bool = False,
        *,
        pad: bool = False,
    ) -> None:
        now = comm.current()
        self.num_replicas = now.size if num_replicas is None else operator.index(num_replicas)
        self.rank = now.rank if rank is None else operator.index(rank)
        if not 0 <= self.rank < self.num_replicas:
            got = f"rank {self.rank} of {self.num_replicas}"
            raise ValueError(explain("DistributedSampler", got=got, expected="0 <= rank < ranks"))
        if drop_last and pad:
            expected = "one of them: samples are left out, or repeated"
            raise ValueError(
                explain("DistributedSampler", got="drop_last and pad", expected=expected)
            )
        self.dataset, self.shuffle, self.seed = dataset, shuffle, operator.index(seed)
        self.drop_last, self.pad, self.epoch = drop_last, pad, 0

    def set_epoch(self, epoch: int) -> None:
        """Let the next iterations be those of `epoch` (an int >= 0)."""
        epoch = operator.index(epoch)
        if epoch < 0:
            raise ValueError(explain("set_epoch", got=epoch, expected="an int >= 0"))
        self.epoch = epoch

    @property
    def total_size(self) -> int:
        """How many indices all ranks have together."""
        size, ranks = len(self.dataset), self.num_replicas
        if self.drop_last:
            return size // ranks * ranks
        return -(-size // ranks) * ranks if self.pad else size

    @property
    def num_samples(self) -> int:
        """How many indices this rank has."""
        return len(range(self.rank, self.total_size, self.num_replicas))

    def order(self) -> Array | range:
        """Return the indices of all ranks in this epoch, before they are shared out."""
        size = len(self.dataset)
        if not self.shuffle:
            return range(size)
        return Generator(self.seed).spawn(self.epoch).permutation(size)

    def __iter__(self) -> Iterator[int]:
        order, size = self.order(), len(self.dataset)
        places = range(self.rank, self.total_size, self.num_replicas)
        return iter([int(order[place % size]) for place in places])

    def __len__(self) -> int:
        return self.num_samples
