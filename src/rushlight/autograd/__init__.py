"""Autograd: gradients on request, modes of recording, user-defined functions."""

from rushlight.autograd.function import Function
from rushlight.autograd.gradients import backward, grad
from rushlight.autograd.modes import (
    enable_grad,
    inference_mode,
    is_grad_enabled,
    no_grad,
    set_grad_enabled,
)

__all__ = [
    "Function",
    "backward",
    "enable_grad",
    "grad",
    "inference_mode",
    "is_grad_enabled",
    "no_grad",
    "set_grad_enabled",
]
