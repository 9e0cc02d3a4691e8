"""Guards of the loop: Ctrl-C between two batches, and numbers that are not finite."""

from __future__ import annotations

import signal
import threading
from collections.abc import Sequence
from typing import Any

import numpy as np

from rushlight.arrays import Array
from rushlight.errors import explain

__all__ = ["Interrupt", "NonFiniteError", "check_finite", "explain_loss"]


class NonFiniteError(FloatingPointError):
    """NaN or infinity in the data or in the loss; the message says where."""


class Interrupt:
    """Within the block the first Ctrl-C only sets `asked`; a second one interrupts at once.

    It leaves alone a handler of the program's own, and threads, which no Ctrl-C reaches.
    """

    def __init__(self) -> None:
        self.asked = self.twice = False
        self._before: Any = None

    def __enter__(self) -> Interrupt:
        in_main = threading.current_thread() is threading.main_thread()
        if in_main and signal.getsignal(signal.SIGINT) is signal.default_int_handler:
            self._before = signal.signal(signal.SIGINT, self._handle)
        return self

    def __exit__(self, *exception: object) -> None:
        if self._before is not None:
            signal.signal(signal.SIGINT, self._before)

    def _handle(self, number: int, frame: Any) -> None:
        if self.asked:
            self.twice = True
            raise KeyboardInterrupt
        self.asked = True

    def check(self) -> None:
        """Raise KeyboardInterrupt if Ctrl-C was pressed."""
        if self.asked:
            raise KeyboardInterrupt


def check_finite(where: str, what: str, array: Array, row: str = "row") -> None:
    """Raise NonFiniteError if a floating array holds NaN or infinity, naming the first row."""
    if array.dtype.kind != "f" or np.isfinite(array).all():
        return
    bad = ~np.isfinite(array)
    rows = np.flatnonzero(bad.reshape(len(array), -1).any(1)) if array.ndim else [0]
    kind = "NaN" if np.isnan(array[bad][0]) else "infinity"
    raise NonFiniteError(
        explain(
            where,
            got=f"{kind} in {what}, first in {row} {rows[0]} ({len(rows)} of {len(array)})",
            expected="finite numbers",
            fix="drop those samples or fill the missing values",
        )
    )


def explain_loss(where: str, model: Any, output: Sequence[Array], value: float) -> NonFiniteError:
    """Return the error for a loss that is not finite, with its likely cause."""
    broken = [
        name
        for name, parameter in model.named_parameters()
        if not np.isfinite(parameter.numpy(force=True)).all()
    ]
    if broken:
        cause = f"the weights {broken[0]!r} are not finite: an earlier step was too large"
        fix = "lower the learning rate, add warm-up or set clip_norm"
    elif not all(np.isfinite(array).all() for array in output if array.dtype.kind == "f"):
        cause = "the model's output is not finite while its weights are"
        fix = "look for an overflow, a division by 0 or log(0) in the model"
    else:
        cause = "the model's output is finite"
        fix = "does it lie where the loss is defined (for BCE 0..1, for NLL log-probabilities)?"
    got = f"a loss of {value} ({cause})"
    return NonFiniteError(explain(where, got=got, expected="a finite loss", fix=fix))
