"""Training: the Trainer, callbacks, metrics, history and curves."""

from rushlight.train.activations import make_activation
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
from rushlight.train.metrics import (
    F1,
    MAE,
    MSE,
    PSNR,
    R2,
    RMSE,
    ROCAUC,
    SSIM,
    Accuracy,
    Average,
    ConfusionMatrix,
    Metric,
    Precision,
    Recall,
    TopK,
)
from rushlight.train.progress import ProgressBar
from rushlight.train.switch import Switch, parse_switch
from rushlight.train.trainer import Trainer

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
    "Callback",
    "Checkpoint",
    "ConfusionMatrix",
    "Curves",
    "EarlyStopping",
    "Event",
    "History",
    "HistoryLog",
    "KeepBest",
    "Metric",
    "NonFiniteError",
    "Precision",
    "ProgressBar",
    "Recall",
    "Switch",
    "TopK",
    "Trainer",
    "make_activation",
    "parse_switch",
    "plot_history",
]
