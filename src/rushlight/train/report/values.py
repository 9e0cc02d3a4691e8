"""Numbers and names as a person reads them."""

from __future__ import annotations

import datetime
import math
import re
from collections.abc import Iterable, Sequence
from functools import cache

from rushlight.pages import one_line
from rushlight.train.metrics import make_metrics

__all__ = [
    "aligned",
    "duration",
    "figure",
    "higher_is_better",
    "label",
    "number",
    "plain",
    "prefers_log",
]

_KNOWN = {
    "mse": "MSE",
    "rmse": "RMSE",
    "mae": "MAE",
    "r2": "R²",
    "psnr": "PSNR",
    "ssim": "SSIM",
    "f1": "F1",
    "roc": "ROC",
    "auc": "AUC",
    "bce": "BCE",
    "lr": "learning rate",
    "rmsep": "RMSEP",
    "pca": "PCA",
}
_PARTS = ("train_", "val_", "test_")
_PERCENT = re.compile(r"(.*[_.])?(accuracy|top_?\d+)([_.].*)?")


def label(name: str) -> str:
    """Return the name of a column as words.

    Example:
        >>> label("rmse_fat"), label("learning_curve"), label("roc_auc")
        ('RMSE fat', 'learning curve', 'ROC AUC')
    """
    words = re.split(r"[_\s.]+", one_line(name))
    return " ".join(_KNOWN.get(word, word) for word in words if word) or "value"


def is_share(name: str) -> bool:
    """Tell whether a value is a share of samples, which is read in percent."""
    return _PERCENT.fullmatch(name) is not None


@cache
def higher_is_better(name: str) -> bool | None:
    """Tell whether a larger value of a column is better; None where that is not known.

    Example:
        >>> higher_is_better("val_accuracy"), higher_is_better("rmse.fat"), higher_is_better("x")
        (True, False, None)
    """
    for part in _PARTS:
        name = name.removeprefix(part)
    words = re.split(r"[_.]", name)
    if "loss" in words:
        return False
    for end in range(len(words), 0, -1):
        known = "_".join(words[:end])
        if known == "rmsep":
            return False
        try:
            return bool(make_metrics(known, None)[0].higher_is_better)
        except ValueError:
            continue
        except ImportError:  # a metric that an extra computes; those are scores
            return True
    return None


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
        ('97.60 %', '0.0775')
    """
    if is_share(name) and 0 <= value <= 1:
        return f"{100 * value:.2f} %"
    return number(value)


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


def prefers_log(name: str, values: Iterable[float]) -> bool:
    """Tell whether a curve is better read on a logarithmic scale: positive, over a wide range."""
    known = [v for v in values if math.isfinite(v)]
    bounded = is_share(name) or name.partition("_")[0] in ("r2", "f1", "ssim", "precision")
    return bool(known) and not bounded and name != "lr" and 0 < 50 * min(known) < max(known)
