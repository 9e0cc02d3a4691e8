"""Metrics by name, function or object."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterable
from typing import Any

from rushlight.errors import explain
from rushlight.train.metrics.base import Average, Metric, column_names, metric_name
from rushlight.train.metrics.classes import Accuracy, ConfusionMatrix, TopK
from rushlight.train.metrics.images import PSNR, SSIM
from rushlight.train.metrics.regression import MAE, MSE, R2, RMSE
from rushlight.train.metrics.scores import F1, ROCAUC, Precision, Recall
from rushlight.train.names import Names, read_list

__all__ = ["make_metrics", "metric_names", "takes_classes"]

_METRICS = Names(
    "metrics",
    {
        "accuracy": Accuracy,
        "top5": TopK,  # any other k by its number
        "confusion_matrix": ConfusionMatrix,
        "precision": Precision,
        "recall": Recall,
        "f1": F1,
        "roc_auc": ROCAUC,
        "mse": MSE,
        "rmse": RMSE,
        "mae": MAE,
        "r2": R2,
        "psnr": PSNR,
        "ssim": SSIM,
    },
    {
        "auc": "roc_auc",
        "mean_absolute_error": "mae",
        "mean_squared_error": "mse",
        "topk": "top5",
    },
    instead="a Metric object",
    elsewhere={"loss": "it stands in the history in any case: leave it out"},
)


def metric_names() -> tuple[str, ...]:
    """Return the names of metrics."""
    return tuple(_METRICS.makers)


def make_metrics(metrics: Any, loss: object) -> list[Metric]:
    """Return the metrics that names and objects stand for; 'auto' is decided by the loss.

    Args:
        metrics: names with options if wanted, one by one or in a list 'mae,f1:average=micro',
            objects with reset, update and compute, or functions (output, target) -> number.
        loss: the loss, which tells what outputs and targets are.
    """
    binary = _THRESHOLDS.get(type(loss).__name__)
    if isinstance(metrics, str) and metrics == "auto":
        metrics = ("accuracy",) if binary is not None or takes_classes(loss) else ()
    elif isinstance(metrics, str):
        metrics = read_list("metrics", metrics)
    elif not isinstance(metrics, Iterable):
        metrics = (metrics,)
    made: list[Metric] = []
    for metric in metrics:
        if inspect.isclass(metric):
            metric = metric()
        if isinstance(metric, str):
            made.append(_by_name(metric, loss))
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


def _by_name(text: str, loss: object) -> Metric:
    """Return the metric of a name; what is not said about classes, the loss tells."""
    if top := re.fullmatch(r"top_?([1-9]\d*)(:.*)?", text):
        text = f"top5:k={top[1]}" + (f",{top[2][1:]}" if top[2] else "")
    name, options = _METRICS.read(text)
    known = _METRICS.options(name)
    threshold = options.get("threshold", _THRESHOLDS.get(type(loss).__name__))
    binary = options.get("binary", threshold is not None)
    told: dict[str, Any] = {"threshold": threshold, "binary": binary}
    if not binary:
        told["ignore_index"] = getattr(loss, "ignore_index", None)
    elif known.keys() >= {"average", "threshold"}:
        told["average"] = "binary"
    told = {option: value for option, value in told.items() if option in known}
    made: Metric = _METRICS.makers[name](**{**told, **options})
    return made


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
    return type(loss).__name__ in ("CrossEntropyLoss", "MultiMarginLoss", "NLLLoss")


# above which an output of a loss of yes and no means yes
_THRESHOLDS = {"BCELoss": 0.5, "BCEWithLogitsLoss": 0.0, "MultiLabelSoftMarginLoss": 0.0}
