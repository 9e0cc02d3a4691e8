"""Numbers as a person reads them."""

from __future__ import annotations

import datetime
import math
import re
from collections.abc import Sequence

from rushlight.pages import one_line
from rushlight.train.columns import is_share

__all__ = [
    "aligned",
    "duration",
    "figure",
    "number",
    "plain",
]


def number(value: float, digits: int = 4) -> str:
    """Return a number with so many significant digits.

    Example:
        >>> number(0.0775123), number(206922), number(1.7634e-08), number(float("nan"))
        ('0.07751', '206,922', '1.763e-8', 'nan')
    """
    if isinstance(value, int) or (math.isfinite(value) and value == int(value) and value >= 1000):
        return f"{int(value):,}" if abs(value) < 10**15 else _short(f"{value:.{digits}g}")
    return _short(f"{value:.{digits}g}")


def _short(text: str) -> str:
    return re.sub(r"e([+-])0*(\d)", lambda m: f"e{m[1].replace('+', '')}{m[2]}", text)


def figure(name: str, value: float) -> str:
    """Return a figure as a headline has it: shares of samples in percent.

    Example:
        >>> figure("accuracy", 0.976), figure("loss", 0.0775)
        ('97.60 %', '0.07750')
    """
    if is_share(name) and 0 <= value <= 1:
        return f"{100 * value:.2f} %"
    return number(value) if isinstance(value, int) else _short(f"{value:#.4g}").rstrip(".")


def aligned(values: Sequence[float]) -> list[str]:
    """Return numbers of a column with the same number of decimals, where that suits them.

    Example:
        >>> aligned([0.7075501, 0.0529688]), aligned([1.0, 20.0]), aligned([1e-9, 1.0])
        (['0.7076', '0.0530'], ['1', '20'], ['1e-9', '1'])
    """
    known = [abs(v) for v in values if math.isfinite(v)]
    if all(v == int(v) for v in known):
        return [str(int(v)) if math.isfinite(v) else str(v) for v in values]
    least, most = min(v for v in known if v), max(known)
    if most > 1e5 * least or most < 1e-3:
        return [number(v) for v in values]
    enough = 3 - math.floor(math.log10(most))  # four significant digits of the largest
    decimals = max(0, min(2 - math.floor(math.log10(least)), enough + 2), enough)
    if decimals > 6:
        return [number(v) for v in values]
    return [f"{v:.{decimals}f}" if math.isfinite(v) else str(v) for v in values]


def duration(seconds: float) -> str:
    """Return a time as a person says it.

    Example:
        >>> duration(2.34), duration(192.0), duration(7384)
        ('2.3 s', '3 min 12 s', '2 h 3 min')
    """
    if not math.isfinite(seconds) or seconds < 0:
        return "unknown"
    if seconds < 59.95:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest} s" if rest else f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    return f"{hours:,} h {minutes} min"


def plain(value: object) -> str:
    """Return a value of a configuration as text.

    Example:
        >>> plain(True), plain(None), plain([1, 2]), plain(55000), plain("")
        ('yes', '-', '1, 2', '55,000', '""')
    """
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int) and abs(value) >= 10_000:
        return f"{value:,}"
    if isinstance(value, float):
        return f"{value:.10g}"
    if isinstance(value, list | tuple):
        return ", ".join(plain(item) for item in value) or "none"
    if isinstance(value, datetime.datetime):
        return value.isoformat(" ", "seconds")
    return one_line(value) or '""'
