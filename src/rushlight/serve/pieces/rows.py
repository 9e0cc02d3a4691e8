"""Sums of rows of a table, bag by bag, without SciPy's sparse matrices."""

from __future__ import annotations

from typing import Any

import numpy as np

__all__ = ["sum_rows"]


def sum_rows(table: Any, weights: Any, index: Any, starts: Any, shares: Any = None) -> Any:
    """(rows, width), (K,) -> (bags, width): sums of the rows index[starts[i] : starts[i + 1]]"""
    if index.size and not 0 <= index.min() <= index.max() < len(table):
        raise IndexError(f"rows {index.min()} to {index.max()} of a table of {len(table)}")
    rows = table.take(index, axis=0)
    if weights is not None:
        rows = rows * weights[:, None]
    y = np.zeros((starts.size - 1, table.shape[1]), table.dtype)
    filled = np.flatnonzero(np.diff(starts))
    if filled.size:
        y[filled] = np.add.reduceat(rows, starts[filled], axis=0)
    return y
