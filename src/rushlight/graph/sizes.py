"""Which formula gives a size that was seen in several recordings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction
from itertools import combinations
from math import prod

from rushlight.graph.structure import Size

__all__ = ["formula"]


def formula(seen: tuple[int, ...], samples: Sequence[Mapping[str, int]]) -> Size:
    """Return the size that was `seen` when the symbols had the sizes of `samples`.

    A formula is kept only if it gives what was seen in all samples; there are more of them than
    it has coefficients.
    """
    symbols = list(samples[0])
    for count in range(1, min(len(symbols), 3) + 1):
        for chosen in combinations(symbols, count):
            products = [prod(sample[symbol] for symbol in chosen) for sample in samples]
            found = _line(seen, products)
            if found is not None:
                return Size(seen, chosen, *found)
    return Size(seen)


def _line(seen: Sequence[int], products: Sequence[int]) -> tuple[int, int, int] | None:
    """Return (times, plus, over) with seen = (times * product + plus) // over, or None."""
    pairs = sorted(set(zip(products, seen, strict=True)))
    if len({x for x, _ in pairs}) < 2 or len(pairs) != len({x for x, _ in pairs}):
        return None
    (x0, y0), (x1, y1) = pairs[0], pairs[-1]
    slope = Fraction(y1 - y0, x1 - x0)
    tries = [slope] if slope.denominator == 1 else []
    # rounding down hides up to 1 at each end
    for over in (1, 2, 4, 8, 16, 32, 3, 6, 5):
        near = round(slope * over)
        tries += [Fraction(near + d, over) for d in (0, -1, 1) if near + d > 0]
    for slope in dict.fromkeys(tries):
        times, over = slope.numerator, slope.denominator
        if times > 1 and over > 4:
            continue  # no layer has such sizes; logarithms and limits look like them for a while
        for plus in range(y0 * over - times * x0, y0 * over - times * x0 + over):
            if all((times * x + plus) // over == y for x, y in pairs):
                return times, plus, over
    return None
