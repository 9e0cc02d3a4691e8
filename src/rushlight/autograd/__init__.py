"""Autograd: gradients on request, modes of recording, user-defined functions."""

from __future__ import annotations

from importlib import import_module as _import_module
from typing import TYPE_CHECKING
from typing import Any as _Any

from rushlight.autograd.function import Function
from rushlight.autograd.gradients import backward, grad
from rushlight.autograd.modes import (
    enable_grad,
    inference_mode,
    is_grad_enabled,
    no_grad,
    set_grad_enabled,
)

if TYPE_CHECKING:
    from rushlight.autograd import functional as functional

__all__ = [
    "Function",
    "backward",
    "enable_grad",
    "functional",
    "grad",
    "inference_mode",
    "is_grad_enabled",
    "no_grad",
    "set_grad_enabled",
]


def __getattr__(name: str) -> _Any:
    if name == "functional":  # imported when it is first used
        return _import_module("rushlight.autograd.functional")
    raise AttributeError(f"module 'rushlight.autograd' has no attribute {name!r}")
