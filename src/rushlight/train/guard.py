"""Guards of the loop: Ctrl-C between two batches, and numbers that are not finite."""

from __future__ import annotations

import math
import signal
import threading
import time
from collections.abc import Sequence
from typing import Any

import numpy as np

from rushlight.arrays import Array
from rushlight.errors import explain

__all__ = [
    "Interrupt",
    "NonFiniteError",
    "check_finite",
    "explain_loss",
    "finite_or_none",
    "is_finite",
]


_PAUSE = 1.0  # seconds


class NonFiniteError(FloatingPointError):
    """NaN or infinity in the data or in the loss; the message says where."""


class Interrupt:
    """Within the block the first Ctrl-C only sets `asked`; a second one interrupts at once.

    Those of the next second are taken for the same one: they must not find us tidying up. A handler
    of the program's own is left alone, and so are threads, which no Ctrl-C reaches.
    """

    def __init__(self) -> None:
        self.asked = self.twice = False
        self._before: Any = None
        self._deaf = -math.inf  # until when

    def __enter__(self) -> Interrupt:
        in_main = threading.current_thread() is threading.main_thread()
        if in_main and signal.getsignal(signal.SIGINT) is signal.default_int_handler:
            self._before = signal.signal(signal.SIGINT, self._handle)
        return self

    def __exit__(self, *exception: object) -> None:
        if self._before is not None:
            signal.signal(signal.SIGINT, self._before)

    def _handle(self, number: int, frame: Any) -> None:
        if not self.asked:
            self.asked = True
        elif time.monotonic() >= self._deaf:
            self.twice, self._deaf = True, time.monotonic() + _PAUSE
            raise KeyboardInterrupt

    def check(self) -> None:
        """Raise KeyboardInterrupt if Ctrl-C was pressed."""
        if self.asked:
            raise KeyboardInterrupt


def is_finite(array: Array) -> bool:
    """Tell whether an array is free of NaN and infinity."""
    if array.dtype.char in "fd" and array.flags.c_contiguous:
        flat = array.ravel()
        if flat.dot(flat) < math.inf:  # one pass, nothing allocated; infinite if it overflows
            return True
    return array.dtype.kind != "f" or bool(np.isfinite(array).all())


def finite_or_none(value: Any) -> Any:
    """Return what JSON can hold: None for NaN and infinity, in dicts, too."""
    if isinstance(value, dict):
        return {name: finite_or_none(item) for name, item in value.items()}
    return None if isinstance(value, float) and not math.isfinite(value) else value


def check_finite(where: str, what: str, array: Array) -> None:
    """Raise NonFiniteError if an array holds NaN or infinity, naming the first row."""
    if is_finite(array):
        return
    bad = np.atleast_1d(~np.isfinite(array))
    rows = np.flatnonzero(bad.reshape(len(bad), -1).any(1))
    kind = "NaN" if np.isnan(np.atleast_1d(array)[bad][0]) else "infinity"
    raise NonFiniteError(
        explain(
            where,
            got=f"{kind} in {what}, first in row {rows[0]} ({len(rows)} of {len(bad)})",
            expected="finite numbers",
            fix="drop those samples or fill the missing values",
        )
    )


def explain_loss(
    where: str, model: Any, output: Sequence[Array], value: float, first: Any = None
) -> NonFiniteError:
    """Return the error for a loss that is not finite, with its likely cause.

    Args:
        where: epoch and batch.
        model: the Module.
        output: its output, as arrays.
        value: the loss.
        first: the NonFinite that `first_nonfinite` has found, where it has found one.
    """
    sizes = {
        name: float(np.abs(parameter.numpy(force=True)).max(initial=0))
        for name, parameter in model.named_parameters()
    }
    broken = [name for name, size in sizes.items() if not math.isfinite(size)]
    largest = max(sizes, key=lambda name: sizes[name])
    if broken:
        cause = f"the weights {broken[0]!r} are not finite: an earlier step was too large"
        fix = f"{_SMALLER}; CheckGradients() names the op if a gradient was not finite"
    elif sizes[largest] > _HUGE:
        cause = f"the weights {largest!r} have grown to {sizes[largest]:.1e}"
        fix = _SMALLER
    elif not all(np.isfinite(array).all() for array in output if array.dtype.kind == "f"):
        cause = "the model's output is not finite while its weights are"
        fix = "look for an overflow, a division by 0 or log(0) in the model"
    else:
        cause = "the model's output is finite"
        fix = "does it lie where the loss is defined (for BCE 0..1, for NLL log-probabilities)?"
    if first is not None and not broken:
        cause = f"{cause}; {first.found}"
        fix = fix if fix is _SMALLER else f"likely {first.reason}"
    got = f"a loss of {value} ({cause})"
    return NonFiniteError(explain(where, got=got, expected="a finite loss", fix=fix))


_HUGE = 1e6  # no layer needs such weights
_SMALLER = "lower the learning rate, add warm-up or set clip_norm"
