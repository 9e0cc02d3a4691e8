"""Lines that the steps of most optimizers have in common: elementwise, in place."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from rushlight.arrays import Array

__all__ = ["average", "average_square", "directed", "lerp", "number"]


def number(value: float, beside: Array) -> Array:
    """Return a number in the dtype of an array, beside which NumPy then takes half the time."""
    return np.asarray(value, beside.dtype)


def directed(
    parameter: Array,
    gradient: Array,
    lr: float,
    decay: float,
    decoupled: bool,
    maximize: bool,
    scratch: Sequence[Array],
) -> Array:
    """Return the gradient to descend along: negated if `maximize`, with the L2 penalty in it.

    A decoupled decay is taken from the parameter instead. The result may be `gradient` itself or
    the second array of scratch; the first is free again.
    """
    work, total = scratch
    if maximize:
        gradient = np.negative(gradient, out=total)
    if decay != 0 and decoupled:
        parameter *= 1 - lr * decay
    elif decay != 0:
        np.multiply(parameter, decay, out=work)
        gradient = np.add(gradient, work, out=total)
    return gradient


def average(mean: Array, value: Array, keep: float, work: Array) -> None:
    """Move an average in place: mean <- keep * mean + (1 - keep) * value; `work` may be `value`."""
    mean *= number(keep, mean)
    mean += np.multiply(value, number(1 - keep, value), out=work)


def average_square(mean: Array, value: Array, keep: float, work: Array) -> None:
    """Move an average of squares in place: mean <- keep * mean + (1 - keep) * value * value.

    The share comes first, as in torch: the square alone would overflow where its share does not.
    """
    mean *= number(keep, mean)
    np.multiply(value, number(1 - keep, value), out=work)
    mean += np.multiply(work, value, out=work)


def lerp(start: Array, end: Array, weight: float, work: Array | None = None) -> None:
    """Move `start` towards `end` in place: start <- start + weight * (end - start).

    The same average as that of `average`, but nan where `start` is infinite and the weight less
    than 1/2, as in torch.
    """
    work = np.subtract(end, start, out=work)
    if weight < 0.5:
        work *= weight
        start += work
    else:
        work *= 1 - weight
        np.subtract(end, work, out=start)
