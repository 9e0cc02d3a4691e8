"""A line search for a point that satisfies the strong Wolfe conditions."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from rushlight.arrays import Array

__all__ = ["Point", "strong_wolfe"]

ARMIJO = 1e-4  # share of the first slope by which the loss must fall
CURVATURE = 0.9  # share of the first slope that the slope may keep


class Point(NamedTuple):
    """A point of a line: how far, the loss there, its gradient, and its slope along the line."""

    t: float
    loss: float
    gradient: Array
    slope: float = 0.0


def strong_wolfe(
    along: Callable[[float], Point],
    start: Point,
    t: float,
    direction: Array,
    limit: int,
    tolerance: float,
) -> Point:
    """Return a point where the loss is less by enough and the slope flat enough.

    First the steps grow until two points have such a point between them, then the bracket shrinks,
    both by cubic interpolation.

    Args:
        along: the loss as a function of t.
        start: the point at t = 0.
        t: the first step to try.
        direction: of the line.
        limit: most points to try after the first; the best is then returned, whatever it is.
        tolerance: a bracket that moves no parameter by more is not searched further.

    Source: Nocedal and Wright 2006, Numerical Optimization (algorithms 3.5 and 3.6)
    """

    def too_high(point: Point) -> bool:
        return point.loss > start.loss + ARMIJO * point.t * start.slope

    def flat(point: Point) -> bool:
        return abs(point.slope) <= -CURVATURE * start.slope

    before, new, tried = start, along(t), 0
    while tried < limit:
        if too_high(new) or (tried > 1 and new.loss >= before.loss):
            break
        if flat(new):
            return new
        if new.slope >= 0:
            break
        t = _minimum(before, new, new.t + 0.01 * (new.t - before.t), new.t * 10)
        before, new = new, along(t)
        tried += 1
    else:
        before = start

    ends = [before, new]
    low = int(not ends[0].loss <= ends[1].loss)
    width = float(np.abs(direction).max())
    stuck = False
    while tried < limit and not abs(ends[1].t - ends[0].t) * width < tolerance:
        left, right = sorted(end.t for end in ends)
        t = _minimum(ends[0], ends[1], left, right)
        # twice in a row near an end of the bracket, or beyond it: go a tenth of it inside
        margin = 0.1 * (right - left)
        near = min(right - t, t - left) < margin
        inside = near and (stuck or t >= right or t <= left)
        if inside:
            t = right - margin if abs(t - right) < abs(t - left) else left + margin
        stuck = near and not inside

        new = along(t)
        tried += 1
        if too_high(new) or new.loss >= ends[low].loss:
            ends[1 - low] = new
            low = int(not ends[0].loss <= ends[1].loss)
            continue
        if not flat(new) and new.slope * (ends[1 - low].t - ends[low].t) >= 0:
            ends[1 - low] = ends[low]
        ends[low] = new
        if flat(new):
            break
    return ends[low]


def _minimum(a: Point, b: Point, low: float, high: float) -> float:
    """Return where in [low, high] the cubic through two points with these slopes is least."""
    if a.t > b.t:
        a, b = b, a
    c = np.float64(a.slope + b.slope) - 3 * np.divide(a.loss - b.loss, a.t - b.t)
    square = c * c - a.slope * b.slope
    if not square >= 0:
        return (low + high) / 2
    root = np.sqrt(square)
    t = b.t - (b.t - a.t) * np.divide(b.slope + root - c, b.slope - a.slope + 2 * root)
    return float(min(max(t, low), high))
