"""Dimension arguments: torch's conventions in one place."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from operator import index
from typing import Any, SupportsIndex, TypeAlias, TypeVar

from rushlight.errors import explain
from rushlight.tape import TensorBase

__all__ = [
    "Ints",
    "Sizes",
    "expect_tensors",
    "hashable",
    "numpy_names",
    "one_dim",
    "one_int",
    "per_dim",
    "some_dims",
    "varargs",
]


Ints: TypeAlias = int | Sequence[int]  # an option of the last dims: one for all, or one each
Sizes: TypeAlias = int | Sequence[int | None]  # None keeps a dim as it is


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
    if isinstance(dim, SupportsIndex):
        found = [one_dim(index(dim), ndim, where)]
        return tuple(found) if ndim else ()
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
    return tuple([index(n) for n in sizes])


def one_int(value: Any, where: str, name: str) -> int:
    """Return an option that is one int.

    Raises:
        TypeError: if it is something else.
    """
    try:
        return index(value)
    except TypeError:
        raise TypeError(explain(where, got=f"{name}={value!r}", expected="an int")) from None


def expect_tensors(where: str, *given: Any) -> None:
    """Check that arguments are Tensors: an array has no gradient to follow.

    Raises:
        TypeError: if one is something else.
    """
    for value in given:
        if not isinstance(value, TensorBase):
            got = f"an argument of type {type(value).__name__}"
            fix = "make one with rushlight.tensor(...)"
            raise TypeError(explain(where, got=got, expected="a Tensor", fix=fix))


def per_dim(value: Any, n: int, where: str, name: str, low: int) -> tuple[int, ...]:
    """Return an option of the last n dims as n ints: one int (alone or in a sequence) serves all.

    Raises:
        TypeError: if it holds something else than ints.
        RuntimeError: if their number is neither 1 nor n, or one is below `low`.
    """
    given = tuple(value) if isinstance(value, (tuple, list)) else (value,)
    try:
        found = tuple(index(v) for v in given)
    except TypeError:
        raise TypeError(explain(where, got=f"{name}={value!r}", expected="ints")) from None
    if len(found) not in (1, n) or min(found) < low:
        raise RuntimeError(
            explain(where, got=f"{name}={value!r}", expected=f"1 or {n} ints >= {low}")
        )
    return found * n if len(found) == 1 else found


def hashable(value: Any) -> Any:
    """Return a list as a tuple, which a cache takes."""
    return tuple(value) if isinstance(value, list) else value


F = TypeVar("F", bound=Callable[..., Any])


def numpy_names(function: F) -> F:
    """Let `axis` and `keepdims` stand for `dim` and `keepdim`, as torch does for users of NumPy."""

    @functools.wraps(function)
    def renamed(*args: Any, **options: Any) -> Any:
        for theirs, ours in (("axis", "dim"), ("keepdims", "keepdim")):
            if theirs in options:
                if ours in options:
                    raise TypeError(
                        explain(
                            function.__name__, got=f"{theirs} and {ours}", expected="one of them"
                        )
                    )
                options[ours] = options.pop(theirs)
        return function(*args, **options)

    return renamed  # type: ignore[return-value]
