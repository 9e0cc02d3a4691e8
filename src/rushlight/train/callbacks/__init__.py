"""Callbacks: what happens beside the loop, in the order in which they are listed."""

from rushlight.train.callbacks.best import Best, KeepBest
from rushlight.train.callbacks.checkpoint import Checkpoint
from rushlight.train.callbacks.early_stopping import EarlyStopping
from rushlight.train.callbacks.events import Callback, Event
from rushlight.train.callbacks.log import HistoryLog

__all__ = ["Best", "Callback", "Checkpoint", "EarlyStopping", "Event", "HistoryLog", "KeepBest"]
