"""The compiled kernels, with the signatures of their references.

Each function here brings its arguments to the form that the C++ wants, and hands to the reference
what that does not do (half precision, more than three spatial dims).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from rushlight.kernels.native import (
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
)

__all__ = ["NATIVE"]

NATIVE: dict[str, Callable[..., Any]] = {
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
    )
    for function in (getattr(module, name) for name in module.__all__)
}
