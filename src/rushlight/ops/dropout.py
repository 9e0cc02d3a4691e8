"""Dropout: y = x * keep / (1 - p), for a mask that the caller has drawn."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from rushlight.arrays import is_float
from rushlight.errors import DtypeError, ShapeError, explain
from rushlight.ops.contract import Saved, define

Result = tuple[tuple[Any, ...], Saved]


def _dropout_forward(x: Any, keep: Any, p: float) -> Result:
    if not is_float(x.dtype):
        raise DtypeError(
            explain("dropout", got=f"input {x.dtype.name}", expected="a floating dtype")
        )
    if keep.ndim != x.ndim or any(
        k not in (1, n) for k, n in zip(keep.shape, x.shape, strict=True)
    ):
        raise ShapeError(
            explain("dropout", got=f"mask {keep.shape}", expected=f"{x.shape}, or 1 in its place")
        )
    y = np.empty_like(x)  # in the memory order of x, whatever that of the mask
    np.multiply(x, keep, out=y)
    if p < 1.0:
        y *= 1.0 / (1.0 - p)
    return (y,), Saved((None,), constants=(keep, p))


def _dropout_backward(saved: Saved, grads: tuple[Any, ...], needs: Sequence[bool]) -> Sequence[Any]:
    keep, p = saved.constants
    return (dropout(grads[0], keep=keep, p=p),)


dropout = define("dropout", _dropout_forward, _dropout_backward, fresh=True)
