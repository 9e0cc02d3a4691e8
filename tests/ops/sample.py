"""What an op is tested with: samples, error samples, and seeded arrays to make them of."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np


class Sample(NamedTuple):
    """One call of an op.

    args: the array arguments in float64 (ints and bools stay what they are; None and Python
    scalars may stand among them). options: keyword options. torch: `f(torch, *tensors)` gives the
    same result (a tensor or a tuple of them) with torch; None where torch has no such function.
    smooth: whether gradgradcheck holds on this sample (False near a kink); gradient: whether the
    op has a gradient on this sample.
    """

    args: tuple[Any, ...]
    options: dict[str, Any] = {}  # noqa: RUF012
    torch: Callable[..., Any] | None = None
    smooth: bool = True
    gradient: bool = True


class Error(NamedTuple):
    """A call that must raise `error` with a message that matches the pattern `match`."""

    args: tuple[Any, ...]
    options: dict[str, Any]
    error: type[Exception]
    match: str


def normal(*shape: int, seed: int = 0) -> Any:
    """Standard normal float64, a function of shape and seed."""
    return np.random.default_rng([seed, *shape]).standard_normal(shape)


def uniform(*shape: int, low: float = 0.0, high: float = 1.0, seed: int = 0) -> Any:
    """Uniform float64 on [low, high)."""
    return np.random.default_rng([seed, *shape]).uniform(low, high, shape)


def integers(*shape: int, high: int, seed: int = 0) -> Any:
    """int64 from {0, ..., high - 1}."""
    return np.random.default_rng([seed, *shape]).integers(0, high, shape)
