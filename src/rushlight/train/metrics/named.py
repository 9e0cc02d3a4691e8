"""Metrics by name, function or object."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterable
from typing import Any

from rushlight.errors import explain
from rushlight.train.metrics.base import Average, Metric, column_names, metric_name
from rushlight.train.metrics.classes import Accuracy, ConfusionMatrix, TopK
from rushlight.train.metrics.images import PSNR, SSIM
from rushlight.train.metrics.regression import MAE, MSE, R2, RMSE
from rushlight.train.metrics.scores import F1, ROCAUC, Precision, Recall

__all__ = ["make_metrics", "takes_classes"]

_Maker = Callable[[float | None, int | None], Metric]  # of the loss's threshold and ignored class

_KNOWN: dict[str, _Maker] = {
    "accuracy": Accuracy,
    "top5": lambda threshold, ignored: TopK(5, ignored),  # any other k by its number
    "confusion_matrix": lambda threshold, ignored: ConfusionMatrix(None, threshold, ignored),
    "precision": lambda threshold, ignored: _score(Precision, threshold, ignored),
    "recall": lambda threshold, ignored: _score(Recall, threshold, ignored),
    "f1": lambda threshold, ignored: _score(F1, threshold, ignored),
    "roc_auc": lambda threshold, ignored: ROCAUC(
        binary=threshold is not None, ignore_index=ignored
    ),
    "mse": lambda threshold, ignored: MSE(),
    "rmse": lambda threshold, ignored: RMSE(),
    "mae": lambda threshold, ignored: MAE(),
    "r2": lambda threshold, ignored: R2(),
    "psnr": lambda threshold, ignored: PSNR(),
    "ssim": lambda threshold, ignored: SSIM(),
}


def _score(kind: Any, threshold: float | None, ignored: int | None) -> Metric:
    average = "macro" if threshold is None else "binary"
    return kind(average, threshold=threshold, ignore_index=ignored)


def make_metrics(metrics: Any, loss: object) -> list[Metric]:
    """Return the metrics that names and objects stand for; 'auto' is decided by the loss."""
    binary = {"BCELoss": 0.5, "BCEWithLogitsLoss": 0.0}.get(type(loss).__name__)
    ignored = getattr(loss, "ignore_index", None) if binary is None else None
    if isinstance(metrics, str) and metrics == "auto":
        metrics = ("accuracy",) if binary is not None or takes_classes(loss) else ()
    elif isinstance(metrics, str) or not isinstance(metrics, Iterable):
        metrics = (metrics,)
    made: list[Metric] = []
    for metric in metrics:
        if inspect.isclass(metric):
            metric = metric()
        if isinstance(metric, str):
            made.append(_by_name(metric, binary, ignored))
        elif all(callable(getattr(metric, part, None)) for part in ("reset", "update", "compute")):
            made.append(metric)
        elif callable(metric):
            made.append(Average(metric))
        else:
            raise TypeError(
                explain(
                    "metrics",
                    got=repr(metric),
                    expected="names, functions (output, target) -> number, or objects with reset, "
                    "update and compute",
                )
            )
    _check_names(made)
    return made


def _by_name(name: str, binary: float | None, ignored: int | None) -> Metric:
    if top := re.fullmatch(r"top([1-9]\d*)", name):
        return TopK(int(top[1]), ignored)
    if name not in _KNOWN:
        raise ValueError(
            explain(
                "metrics",
                got=repr(name),
                expected=f"one of {', '.join(map(repr, _KNOWN))}, or a Metric object",
            )
        )
    return _KNOWN[name](binary, ignored)


def _check_names(made: list[Metric]) -> None:
    """Refuse names or columns that would overwrite each other."""
    for names in (
        [metric_name(metric) for metric in made],
        [column for metric in made for column in column_names(metric)],
    ):
        if len(set(names)) < len(names) or "loss" in names:
            raise ValueError(
                explain(
                    "metrics",
                    got=f"names {names}",
                    expected="each name once, and none 'loss'",
                    fix="set another one: metric.name = '...'",
                )
            )


def takes_classes(loss: object) -> bool:
    """Tell whether the targets of a loss are class indices."""
    return type(loss).__name__ in ("CrossEntropyLoss", "NLLLoss")
