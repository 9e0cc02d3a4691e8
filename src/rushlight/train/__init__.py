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
from rushlight.train.diagnostics import Diagnostics
from rushlight.train.ema import EMA
from rushlight.train.gradients import CheckGradients
from rushlight.train.guard import NonFiniteError
from rushlight.train.history import History
from rushlight.train.live import LiveCurves
from rushlight.train.logs import CSVLog, JSONLog
from rushlight.train.lr_finder import LRFinder, find_lr
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
from rushlight.train.nonfinite import NonFinite, first_nonfinite
from rushlight.train.progress import ProgressBar
from rushlight.train.resuming.lock import FolderInUse
from rushlight.train.switch import Switch, parse_switch
from rushlight.train.tensorboard import TensorBoard
from rushlight.train.trainer import Trainer

__all__ = [
    "EMA",
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
    "CSVLog",
    "Callback",
    "CheckGradients",
    "Checkpoint",
    "ConfusionMatrix",
    "Curves",
    "Diagnostics",
    "EarlyStopping",
    "Event",
    "FolderInUse",
    "History",
    "HistoryLog",
    "JSONLog",
    "KeepBest",
    "LRFinder",
    "LiveCurves",
    "Metric",
    "NonFinite",
    "NonFiniteError",
    "Precision",
    "ProgressBar",
    "Recall",
    "Switch",
    "TensorBoard",
    "TopK",
    "Trainer",
    "find_lr",
    "first_nonfinite",
    "make_activation",
    "parse_switch",
    "plot_history",
]
