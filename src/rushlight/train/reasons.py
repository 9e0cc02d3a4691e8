"""Why an op may have made NaN or infinity of what it was given, in plain words."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from rushlight.arrays import Array

__all__ = ["Given", "backward_reason", "forward_reason", "given"]


@dataclass(frozen=True)
class Given:
    """One argument of an op: its name and the range of its finite numbers.

    Attributes:
        name: path of a parameter, 'input', 'target' or its place among the arguments.
        shape: of the array; () for a Python number.
        low, high: the smallest and the largest finite number; both 0 where there is none. Of a
            Python number, itself.
        nans, infinities: how many there are of either.
    """

    name: str
    shape: tuple[int, ...]
    low: float
    high: float
    nans: int = 0
    infinities: int = 0

    @property
    def finite(self) -> bool:
        """Whether it holds neither NaN nor infinity."""
        return not (self.nans or self.infinities)

    def __str__(self) -> str:
        if not self.shape:
            return f"{self.name} = {'NaN' if self.nans else f'{self.low:.4g}'}"
        counts = ((self.nans, "NaN"), (self.infinities, "infinite"))
        bad = [f"{count} {kind}" for count, kind in counts if count]
        return f"{self.name} {self.shape} " + " and ".join(
            [f"from {self.low:.4g} to {self.high:.4g}", *bad]
        )


def given(name: str, value: Any) -> Given:
    """Return name, shape and range of an array or number.

    Example:
        >>> print(given("input", np.array([0.5, np.inf, -2.0])))
        input (3,) from -2 to 0.5 and 1 infinite
    """
    array: Array = np.asarray(value)
    nans = infinities = 0
    fine = array
    if array.dtype.kind == "f":
        nans, infinities = int(np.isnan(array).sum()), int(np.isinf(array).sum())
        fine = array[np.isfinite(array)]
    if infinities and not array.ndim:
        fine = array
    low, high = (float(fine.min()), float(fine.max())) if fine.size else (0.0, 0.0)
    return Given(name, array.shape, low, high, nans, infinities)


Test = Callable[[Sequence[Given]], bool]


def _low(limit: float, at: int = 0) -> Test:
    return lambda args: len(args) > at and args[at].low <= limit


def _zero(at: int) -> Test:
    return lambda args: len(args) > at and args[at].low <= 0 <= args[at].high


def _outside(low: float, high: float) -> Test:
    return lambda args: bool(args) and (args[0].low < low or args[0].high > high)


def _over(limit: float) -> Test:
    return lambda args: bool(args) and max(-args[0].low, args[0].high) > limit


def _always(args: Sequence[Given]) -> bool:
    return True


_LOG = "the logarithm of 0 or of a negative number: clamp its argument from below"
_ROOT = "the root of a negative number: clamp its argument at 0"
_DIVISION = "a division by 0: add a small eps to the divisor"
_EXP = "exp overflows: subtract the maximum first, or use softmax, logsumexp or softplus"
_ARC = "its argument lies outside of -1..1: clamp it"
_ONE_CLASS = "every score of a row is -inf: a mask hides the whole row"
_SPREAD = "the spread of a single number: it needs two or more"

# op -> what may be wrong with its arguments, and in which words
_FORWARD: dict[str, list[tuple[Test, str]]] = {
    **{name: [(_low(0), _LOG)] for name in ("log", "log2", "log10")},
    "log1p": [(_low(-1), "the logarithm of 0 or of a negative number: log1p needs more than -1")],
    **{name: [(_low(0, 1), _LOG)] for name in ("xlogy",)},
    "sqrt": [(_low(0), _ROOT)],
    "rsqrt": [(_low(0), "1 / sqrt of 0 or of a negative number: add a small eps")],
    "reciprocal": [(_zero(0), _DIVISION)],
    **{name: [(_zero(1), _DIVISION)] for name in ("div", "floor_divide", "trunc_divide")},
    **{name: [(_zero(1), _DIVISION)] for name in ("fmod", "remainder")},
    **{name: [(_over(80), _EXP)] for name in ("exp", "exp2", "expm1", "sinh", "cosh")},
    "pow": [
        (_zero(0), "a power of 0: its exponent is negative, or not whole"),
        (_low(0), "a power of a negative number with an exponent that is not whole"),
    ],
    **{name: [(_outside(-1, 1), _ARC)] for name in ("acos", "asin")},
    **{name: [(_outside(-0.9999999, 0.9999999), _ARC)] for name in ("atanh", "erfinv")},
    **{
        name: [(lambda args: bool(args and args[0].infinities), _ONE_CLASS)]
        for name in ("softmax", "log_softmax", "logsumexp", "attention", "head_attention")
    },
    **{name: [(_always, _SPREAD)] for name in ("std", "var")},
    "mean": [(lambda args: bool(args) and 0 in args[0].shape, "the mean of no numbers")],
}
_AT_ZERO = "the slope is infinite at 0: add a small eps to the argument"
_BACKWARD: dict[str, list[tuple[Test, str]]] = {
    **{name: [(_zero(0), _AT_ZERO)] for name in ("sqrt", "rsqrt", "log", "log2", "log10", "pow")},
    **{name: [(_zero(0), _AT_ZERO)] for name in ("norm", "norm_p", "reciprocal", "cdist")},
    **{name: [(_zero(1), _DIVISION)] for name in ("div", "atan2")},
    **{name: [(_outside(-0.999999, 0.999999), "the slope is infinite at -1 and 1: clamp the "
               "argument")] for name in ("acos", "asin", "atanh", "erfinv")},
    **{name: [(_always, "the spread of equal numbers has no slope: add noise or use the "
               "variance")] for name in ("std",)},
}  # fmt: skip


def forward_reason(op: str, args: Sequence[Given], value: str) -> str:
    """Return the likely cause of a non-finite output.

    Args:
        op: the op's name.
        args: what it was given.
        value: 'NaN' or 'infinity', what came out.
    """
    for test, words in _FORWARD.get(op, ()):
        if test(args):
            return words
    bad = [arg for arg in args if not arg.finite]
    if bad:
        return f"it was given what is not finite: {bad[0].name}"
    largest = max(args, key=lambda arg: max(-arg.low, arg.high), default=None)
    if value == "infinity" and largest is not None:
        size = max(-largest.low, largest.high)
        return (
            f"an overflow, the result is beyond its dtype; the largest number that went in is "
            f"{size:.2g} in {largest.name}: scale it down or normalize before"
        )
    return "0 / 0, infinity - infinity or a number where the op is not defined"


def backward_reason(op: str, args: Sequence[Given], value: str) -> str:
    """Return the likely cause of a non-finite gradient; the arguments are those of the forward."""
    for test, words in _BACKWARD.get(op, ()):
        if test(args):
            return words
    if value == "infinity":
        return "an overflow of the gradient: scale the loss down or normalize before"
    return "its forward was finite, but its slope there is not"
