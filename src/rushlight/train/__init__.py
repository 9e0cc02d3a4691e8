"""Training: the Trainer, callbacks, metrics, history and curves."""

from rushlight.train.callbacks import (
    Callback,
    Checkpoint,
    EarlyStopping,
    Event,
    HistoryLog,
    KeepBest,
)
from rushlight.train.curves import Curves, plot_history
from rushlight.train.guard import NonFiniteError
from rushlight.train.history import History
from rushlight.train.metrics import MAE, MSE, R2, RMSE, Accuracy, Average, Metric
from rushlight.train.progress import ProgressBar
from rushlight.train.trainer import Trainer

__all__ = [
    "MAE",
    "MSE",
    "R2",
    "RMSE",
    "Accuracy",
    "Average",
    "Callback",
    "Checkpoint",
    "Curves",
    "EarlyStopping",
    "Event",
    "History",
    "HistoryLog",
    "KeepBest",
    "Metric",
    "NonFiniteError",
    "ProgressBar",
    "Trainer",
    "plot_history",
]
