"""The door `rushlight.autograd`: gradients on request, recording modes, user-defined functions."""

from rushlight.tensor.autograd import (
    Function,
    backward,
    enable_grad,
    grad,
    inference_mode,
    no_grad,
    set_grad_enabled,
)

__all__ = [
    "Function",
    "backward",
    "enable_grad",
    "grad",
    "inference_mode",
    "no_grad",
    "set_grad_enabled",
]
