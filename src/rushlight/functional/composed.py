"""Elementwise functions made of others, and torch's second names for some."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from rushlight.functional.elementwise import (
    abs,
    clamp,
    div,
    log,
    mul,
    neg,
    sub,
    trunc,
    where,
)

if TYPE_CHECKING:
    from rushlight.tensor.tensor import Tensor

__all__ = [
    "absolute",
    "addcdiv",
    "addcmul",
    "clamp_max",
    "clamp_min",
    "clip",
    "divide",
    "frac",
    "logit",
    "multiply",
    "nan_to_num",
    "negative",
    "subtract",
    "true_divide",
]

absolute = abs
clip = clamp
divide = true_divide = div
multiply = mul
negative = neg
subtract = sub


def clamp_min(input: Tensor, min: Any) -> Tensor:
    """Return x limited from below."""
    return clamp(input, min=min)


def clamp_max(input: Tensor, max: Any) -> Tensor:
    """Return x limited from above."""
    return clamp(input, max=max)


def addcmul(input: Tensor, tensor1: Tensor, tensor2: Tensor, *, value: float = 1) -> Tensor:
    """Return x + value * a * b."""
    return input + tensor1 * tensor2 * value


def addcdiv(input: Tensor, tensor1: Tensor, tensor2: Tensor, *, value: float = 1) -> Tensor:
    """Return x + value * a / b."""
    return input + tensor1 / tensor2 * value


def frac(input: Tensor) -> Tensor:
    """Return the fraction of x, with its sign."""
    return input - trunc(input)


def logit(input: Tensor, eps: float | None = None) -> Tensor:
    """Return ln(x / (1 - x)), with x limited to [eps, 1 - eps] if eps is given."""
    x = input if eps is None else clamp(input, eps, 1.0 - eps)
    return log(x / (1.0 - x))


def nan_to_num(
    input: Tensor, nan: float = 0.0, posinf: float | None = None, neginf: float | None = None
) -> Tensor:
    """Return x with nan, inf and -inf replaced (by default 0 and the dtype's limits)."""
    array = input._array
    if array.dtype.kind != "f":
        return input.clone()
    limits = np.finfo(array.dtype)
    x = where(input != input, nan, input)
    x = where(x == np.inf, float(limits.max) if posinf is None else posinf, x)
    return where(x == -np.inf, float(limits.min) if neginf is None else neginf, x)
