"""What is known of data that lies in memory, before its batches are read."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from rushlight.arrays import Array
from rushlight.data.collate import default_collate
from rushlight.data.dataset import Rows, batch_reader
from rushlight.data.loader import DataLoader
from rushlight.train.guard import is_finite

__all__ = ["Known", "known"]


@dataclass(frozen=True)
class Known:
    """Facts about all batches of an epoch, which then need no look at each.

    Attributes:
        finite: whether the inputs are free of NaN and infinity; False also where nobody knows.
        classes: from the least to the largest target, where targets are integers; None elsewhere
            and where nobody knows.
    """

    finite: bool = False
    classes: range | None = None


def known(loader: Any, weighted: bool) -> Known:
    """Return what is known of the data of a loader.

    Args:
        loader: the DataLoader.
        weighted: whether the last part of a batch is its weights.
    """
    if type(loader) is not DataLoader or loader.collate_fn is not default_collate:
        return Known()
    reader = batch_reader(loader.dataset)
    if not isinstance(reader, Rows) or len(reader.arrays) < 2 + weighted:
        return Known()
    *inputs, target = reader.arrays[: len(reader.arrays) - weighted]
    return Known(all(map(is_finite, inputs)), _classes(target))


def _classes(target: Array) -> range | None:
    if target.dtype.kind not in "iu" or not target.size:
        return None
    return range(int(target.min()), int(target.max()) + 1)
