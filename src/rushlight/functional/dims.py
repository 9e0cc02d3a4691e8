"""Dimension arguments: torch's conventions in one place."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rushlight.errors import explain

__all__ = ["one_dim", "some_dims", "varargs"]


def one_dim(dim: int, ndim: int, where: str) -> int:
    """Return `dim` counted from the front.

    Raises:
        IndexError: if it is not in [-ndim, ndim - 1] (a scalar has one virtual dim).
    """
    span = ndim if ndim > 0 else 1
    if not -span <= dim < span:
        raise IndexError(
            explain(where, got=f"dim {dim}", expected=f"-{span} to {span - 1} for {ndim} dims")
        )
    return dim + span if dim < 0 else dim


def some_dims(dim: int | Sequence[int] | None, ndim: int, where: str) -> tuple[int, ...]:
    """Return the dims as a sorted tuple; None or an empty sequence means all of them."""
    if dim is None:
        return tuple(range(ndim))
    if isinstance(dim, int):
        return (one_dim(dim, ndim, where),) if ndim else ()
    if not len(dim):
        return tuple(range(ndim))
    found = [one_dim(d, ndim, where) for d in dim]
    if len(set(found)) < len(found):
        raise RuntimeError(explain(where, got=f"dims {tuple(dim)}", expected="each dim once"))
    return tuple(sorted(found)) if ndim else ()


def varargs(sizes: tuple[Any, ...]) -> tuple[int, ...]:
    """Let f(2, 3), f((2, 3)) and f([2, 3]) mean the same."""
    if len(sizes) == 1 and not isinstance(sizes[0], int) and hasattr(sizes[0], "__iter__"):
        sizes = tuple(sizes[0])
    return tuple([int(n) for n in sizes])
