"""Sliding windows of any dims, as a view, and their sum back in place: each other's gradient.

<windows(x), g> = <x, overlap_add(g)>
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product
from typing import Any, TypeAlias

import numpy as np
from numpy.lib.stride_tricks import as_strided

from rushlight.errors import ShapeError, explain
from rushlight.ops.contract import Saved, define

__all__ = ["overlap_add", "windows"]

Result = tuple[tuple[Any, ...], Saved]
Grads = tuple[Any, ...]
Ints: TypeAlias = tuple[int, ...]


def _counts(shape: Ints, dims: Ints, size: Ints, step: Ints, dilation: Ints) -> Ints:
    """Return how many windows fit along each of `dims`."""
    return tuple(
        [
            (shape[axis] - (d * (k - 1) + 1 if k else 0)) // s + 1
            for axis, k, s, d in zip(dims, size, step, dilation, strict=True)
        ]
    )


def _view(x: Any, dims: Ints, size: Ints, step: Ints, dilation: Ints, writeable: bool) -> Any:
    counts = dict(zip(dims, _counts(x.shape, dims, size, step, dilation), strict=True))
    steps = dict(zip(dims, step, strict=True))
    shape = (*(counts.get(axis, n) for axis, n in enumerate(x.shape)), *size)
    inner = [x.strides[axis] * d for axis, d in zip(dims, dilation, strict=True)]
    outer = [stride * steps.get(axis, 1) for axis, stride in enumerate(x.strides)]
    return as_strided(x, shape, (*outer, *inner), writeable=writeable)


def _apart(size: int, step: int, dilation: int) -> bool:
    """Tell whether neighbouring windows share no cell of their span."""
    return dilation * (size - 1) < step


def _windows_forward(x: Any, dims: Ints, size: Ints, step: Ints, dilation: Ints) -> Result:
    """(..., S, ...) -> (..., O, ..., *size), O = (S - dilation * (size - 1) - 1) // step + 1"""
    geometry = (dims, size, step, dilation)
    if min(_counts(x.shape, *geometry)) < 1:
        raise ShapeError(
            explain(
                "windows",
                got=f"windows {size} with dilation {dilation} in dims {dims} of {x.shape}",
                expected="windows that fit",
            )
        )
    free = all(map(_apart, size, step, dilation))  # else a write would reach several windows
    y = _view(x, *geometry, writeable=free and x.flags.writeable)
    return (y,), Saved((None,), constants=(x.shape, *geometry))


def _windows_backward(saved: Saved, grads: Grads, needs: Sequence[bool]) -> Sequence[Any]:
    shape, dims, size, step, dilation = saved.constants
    options = {"dims": dims, "size": size, "step": step, "dilation": dilation}
    return (overlap_add(grads[0], shape=shape, **options),)


windows = define("windows", _windows_forward, _windows_backward, view=True, fresh=True)


def _add_forward(g: Any, shape: Ints, dims: Ints, size: Ints, step: Ints, dilation: Ints) -> Result:
    """(..., O, ..., *size) -> shape: cells that several windows hold get the sum of them."""
    geometry = (dims, size, step, dilation)
    counts = dict(zip(dims, _counts(shape, *geometry), strict=True))
    right = (*(counts.get(axis, n) for axis, n in enumerate(shape)), *size)
    if g.shape != right:
        raise ShapeError(
            explain("overlap_add", got=f"windows {g.shape}", expected=f"{right} for {shape}")
        )
    y = np.zeros(shape, g.dtype)
    if g.size:
        _add(y, g, *geometry)
    return (y,), Saved((None,), constants=geometry)


def _add(y: Any, g: Any, dims: Ints, size: Ints, step: Ints, dilation: Ints) -> None:
    """Add tap by tap along the dims whose windows overlap, all taps at once along the others."""
    target = _view(y, dims, size, step, dilation, writeable=True)
    taps = [
        (slice(None),) if _apart(k, s, d) else range(k)
        for k, s, d in zip(size, step, dilation, strict=True)
    ]
    if all(tap == (slice(None),) for tap in taps):
        target[...] = g
        return
    for tap in product(*taps):
        part = target[(..., *tap)]
        part += g[(..., *tap)]


def _add_backward(saved: Saved, grads: Grads, needs: Sequence[bool]) -> Sequence[Any]:
    dims, size, step, dilation = saved.constants
    return (windows(grads[0], dims=dims, size=size, step=step, dilation=dilation),)


overlap_add = define("overlap_add", _add_forward, _add_backward)
