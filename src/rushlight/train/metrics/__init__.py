"""Metrics: numbers over a whole epoch, exact also where the last batch is smaller."""

from rushlight.train.metrics.base import (
    Average,
    Metric,
    column_names,
    columns_of,
    metric_name,
    metric_values,
)
from rushlight.train.metrics.classes import Accuracy, ConfusionMatrix, TopK
from rushlight.train.metrics.images import PSNR, SSIM
from rushlight.train.metrics.named import make_metrics, metric_names, takes_classes
from rushlight.train.metrics.regression import MAE, MSE, R2, RMSE
from rushlight.train.metrics.scores import F1, ROCAUC, Precision, Recall

__all__ = [
    "F1",
    "MAE",
    "MSE",
    "PSNR",
    "R2",
    "RMSE",
    "ROCAUC",
    "SSIM",
    "Accuracy",
    "Average",
    "ConfusionMatrix",
    "Metric",
    "Precision",
    "Recall",
    "TopK",
    "column_names",
    "columns_of",
    "make_metrics",
    "metric_name",
    "metric_names",
    "metric_values",
    "takes_classes",
]
