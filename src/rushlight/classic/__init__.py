"""The explicit layer API: forward and backward over arrays, on the ops that autograd uses."""

from rushlight.classic import practical_dl, torch_like
from rushlight.classic.torch_like import Criterion, Linear, Module, ReLU, Sequential
from rushlight.classic.wrapping import wrap

__all__ = [
    "Criterion",
    "Linear",
    "Module",
    "ReLU",
    "Sequential",
    "practical_dl",
    "torch_like",
    "wrap",
]
