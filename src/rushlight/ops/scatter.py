"""Products and extremes of what several sources put into one cell."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from rushlight.ops.contract import Saved, define
from rushlight.ops.elementwise import mask, where
from rushlight.ops.index import along, gather, scatter_add

__all__ = ["scatter_reduce"]

_UFUNCS = {"prod": np.multiply, "amax": np.maximum, "amin": np.minimum}


def _forward(x: Any, src: Any, index: Any, dim: int, how: str) -> tuple[tuple[Any, ...], Saved]:
    y = x.ravel().copy()
    cells = np.arange(x.size).reshape(x.shape)
    cells = (cells[along(index, dim)] if x.ndim else cells.reshape(index.shape)).ravel()
    order = np.argsort(cells, kind="stable")  # sources of one cell become neighbours
    ordered, values = cells[order], src.ravel()[order]
    starts = np.flatnonzero(np.diff(ordered, prepend=-1))
    if starts.size:
        f = _UFUNCS[how]
        y[ordered[starts]] = f(y[ordered[starts]], f.reduceat(values, starts))
    y = y.reshape(x.shape)
    return (y,), Saved((x, src), (y,), constants=(index, dim, how))


def _backward(saved: Saved, grads: tuple[Any, ...], needs: Sequence[bool]) -> tuple[Any, ...]:
    (x, src), (y,), (index, dim, how), g = saved.inputs, saved.outputs, saved.constants, grads[0]
    place = {"index": index, "dim": dim}
    if how == "prod":
        found = _of_product(x, src, g, place)
        return tuple(f if need else None for f, need in zip(found, needs, strict=True))
    here, there = mask(x == y), mask(src == gather(y, **place))
    ones = there.astype(mask(g).dtype)
    share = g / (here + scatter_add(ones, shape=x.shape, **place)).clip(1)  # ties share, as amax
    return (
        where(share, 0.0, condition=here) if needs[0] else None,
        where(gather(share, **place), 0.0, condition=there) if needs[1] else None,
    )


def _of_product(x: Any, src: Any, g: Any, place: dict[str, Any]) -> tuple[Any, ...]:
    """g times the product of the other factors, which a zero needs without it."""
    zero_x, zero_src = mask(x == 0), mask(src == 0)
    safe_x, safe_src = where(1.0, x, condition=zero_x), where(1.0, src, condition=zero_src)
    others = scatter_reduce(safe_x, safe_src, how="prod", **place)  # of the non-zero factors
    kind = mask(g).dtype
    count = scatter_add(zero_src.astype(kind), shape=x.shape, **place) + zero_x
    left_x = mask(count) - zero_x  # zeros among the other factors
    left_src = gather(mask(count), **place) - zero_src
    gx = where(g * others / safe_x, 0.0, condition=left_x == 0)
    gs = where(gather(g * others, **place) / safe_src, 0.0, condition=left_src == 0)
    return gx, gs


scatter_reduce = define("scatter_reduce", _forward, _backward, fresh=True)
