"""Columns of a history: what they are called, which way is better, on which scale they are read."""

from __future__ import annotations

import math
import re
import statistics
from collections.abc import Iterable
from functools import cache

from rushlight.pages import one_line
from rushlight.train.metrics import make_metrics

__all__ = ["higher_is_better", "is_share", "label", "prefers_log"]

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


def prefers_log(name: str, values: Iterable[float]) -> bool:
    """Tell whether curves are better read on a logarithmic scale.

    They are where they are positive and either span much, or come down from far above what most
    of their values are. Rates are where most of them span decades: what the last epochs of a
    cosine come down to does so, too, but says nothing.

    Example:
        >>> prefers_log("rmse", [14.0, 0.8, 0.7]), prefers_log("accuracy", [0.01, 0.9])
        (True, False)
    """
    known = sorted(v for v in values if math.isfinite(v))
    bounded = is_share(name) or name.partition("_")[0] in ("r2", "f1", "ssim", "precision")
    if not known or bounded or known[0] <= 0:
        return False
    if name == "lr":
        return known[-1] > 15 * known[len(known) // 4]
    return known[-1] > min(50 * known[0], 8 * statistics.median(known))
