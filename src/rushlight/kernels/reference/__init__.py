"""The NumPy kernels: always there, the definition of right."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from rushlight.kernels.reference import (
    activation,
    attention,
    conv,
    dropout,
    layout,
    linear,
    norm,
    onward,
    optim,
    pool,
    resample,
    rnn,
    softmax,
)

__all__ = ["REFERENCE"]

REFERENCE: dict[str, Callable[..., Any]] = {
    function.__name__: function
    for module in (
        activation,
        attention,
        conv,
        dropout,
        layout,
        linear,
        norm,
        onward,
        optim,
        pool,
        resample,
        rnn,
        softmax,
    )
    for function in (getattr(module, name) for name in module.__all__)
}
