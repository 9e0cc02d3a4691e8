"""Distances of all rows of one matrix from all rows of another."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import prod
from typing import Any

from rushlight.ops.contract import Saved, define
from rushlight.ops.reduce import norm_p, norm_pull
from rushlight.ops.reduce import sum as sum_
from rushlight.ops.shape import cat

Result = tuple[tuple[Any, ...], Saved]
Grads = tuple[Any, ...]

BLOCK = 1 << 20  # differences that are in memory at a time


def _blocks(a: Any, b: Any) -> Iterator[slice]:
    """Cut the rows of `a` so that their differences from all rows of `b` are about one block."""
    step = max(1, BLOCK // max(1, prod(a.shape[:-2]) * prod(b.shape[-2:])))
    for start in range(0, max(a.shape[-2], 1), step):
        yield slice(start, start + step)


def _differences(a: Any, b: Any, rows: slice) -> Any:
    """(*, P, M), (*, R, M) -> (*, rows, R, M)"""
    return a[..., rows, None, :] - b[..., None, :, :]


def _cdist_forward(a: Any, b: Any, p: float) -> Result:
    """(*, P, M), (*, R, M) -> (*, P, R)"""
    parts = [
        norm_p(apart, dims=(apart.ndim - 1,), keepdim=False, p=p)
        for apart in (_differences(a, b, rows) for rows in _blocks(a, b))
    ]
    y = cat(*parts, dim=a.ndim - 2)
    return (y,), Saved((a, b), (y,), constants=p)


def _cdist_backward(saved: Saved, grads: Grads, needs: Sequence[bool]) -> Sequence[Any]:
    (a, b), (y,), g = saved.inputs, saved.outputs, grads[0]
    from_a, from_b = [], None
    for rows in _blocks(a, b):
        apart = _differences(a, b, rows)
        slope = norm_pull(g[..., rows, :, None], apart, y[..., rows, :, None], saved.constants)
        if needs[0]:
            from_a.append(sum_(slope, dims=(apart.ndim - 2,), keepdim=False))
        if needs[1]:
            part = -sum_(slope, dims=(apart.ndim - 3,), keepdim=False)
            from_b = part if from_b is None else from_b + part
    return (cat(*from_a, dim=a.ndim - 2) if needs[0] else None, from_b)


cdist = define("cdist", _cdist_forward, _cdist_backward)
