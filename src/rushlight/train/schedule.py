"""The learning rate of each step: a scheduler or a named curve, and a warm-up over either."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable
from typing import Any

from rushlight.errors import explain
from rushlight.train.parts import is_number
from rushlight.train.plain import plain_state, set_plain_state

__all__ = ["Rates"]


def _cosine(done: float) -> float:
    return 0.5 * (1 + math.cos(math.pi * done))


def _linear(done: float) -> float:
    return 1 - done


# Share of the learning rate, given the share of the steps after warm-up that are done. They have
# names so that a Trainer can be pickled.
_CURVES: dict[str, Callable[[float], float]] = {"cosine": _cosine, "linear": _linear}


class Rates:
    """Takes the optimizer's steps, each at its learning rate.

    A warm-up or a named curve multiplies the rate for the duration of one step, so it composes
    with whatever a scheduler does to the optimizer.
    """

    def __init__(self, optimizer: Any, scheduler: Any, each: str, warmup: float) -> None:
        if each not in ("epoch", "batch"):
            raise ValueError(
                explain("scheduler_step", got=repr(each), expected="'epoch' or 'batch'")
            )
        if not (is_number(warmup) and 0 <= warmup < math.inf):
            raise ValueError(explain("warmup", got=repr(warmup), expected="epochs, a number >= 0"))
        self.optimizer, self.each, self.warmup = optimizer, each, float(warmup)
        self.curve: Callable[[float], float] | None = None
        self.scheduler: Any = None
        if isinstance(scheduler, str):
            if scheduler not in _CURVES:
                expected = f"one of {', '.join(map(repr, _CURVES))}, or a scheduler object"
                raise ValueError(explain("scheduler", got=repr(scheduler), expected=expected))
            self.curve = _CURVES[scheduler]
        elif scheduler is not None:
            made = None if inspect.isclass(scheduler) else scheduler
            if not hasattr(made, "step") and callable(scheduler):
                made = scheduler(optimizer)
            if not callable(getattr(made, "step", None)):
                expected = "a name, a scheduler, or a function optimizer -> scheduler"
                raise TypeError(
                    explain("scheduler", got=type(scheduler).__name__, expected=expected)
                )
            self.scheduler = made
        self.plateau = type(self.scheduler).__name__ == "ReduceLROnPlateau"
        if self.plateau and each == "batch":
            got = "ReduceLROnPlateau at each batch"
            raise ValueError(explain("scheduler_step", got=got, expected="'epoch'"))
        self.lr = self._lr()
        self._step = self._warm = self._steps = 0

    def begin(self, epochs: int, batches: int | None) -> None:
        """Start the curve and the warm-up anew for so many epochs."""
        if (self.curve or self.warmup) and batches is None:
            raise ValueError(
                explain(
                    "fit",
                    got="a warm-up or a named scheduler with data of unknown length",
                    expected="a loader with a length",
                    fix="give the data set __len__, or use a scheduler object",
                )
            )
        self._step, self._steps = 0, epochs * (batches or 0)
        self._warm = min(round(self.warmup * (batches or 0)), self._steps)

    def factor(self) -> float:
        """Return the share of the learning rate for the next step."""
        share = 1.0
        if self._step < self._warm:
            share = (self._step + 1) / self._warm
        elif self.curve is not None:
            share = self.curve((self._step - self._warm) / max(self._steps - self._warm, 1))
        return share

    def step(self) -> None:
        """Let the optimizer take a step."""
        share = self.factor()
        self._step += 1
        if share == 1.0:
            self.lr = self._lr()
            self.optimizer.step()
        else:
            groups = self.optimizer.param_groups
            rates = [group["lr"] for group in groups]
            try:
                for group, rate in zip(groups, rates, strict=True):
                    group["lr"] = rate * share
                self.lr = self._lr()
                self.optimizer.step()
            finally:
                for group, rate in zip(groups, rates, strict=True):
                    group["lr"] = rate
        if self.scheduler is not None and self.each == "batch":
            self.scheduler.step()

    def end_epoch(self, monitored: float) -> None:
        """Let a scheduler that counts epochs take its step."""
        if self.scheduler is not None and self.each == "epoch":
            if self.plateau:
                self.scheduler.step(monitored)
            else:
                self.scheduler.step()

    def state_dict(self) -> dict[str, Any]:
        """Return the place in the curve and the state of a scheduler."""
        held = None if self.scheduler is None else plain_state(self.scheduler, ("optimizer",))
        if self.scheduler is not None and held is None:
            raise TypeError(
                explain(
                    f"the state of {type(self.scheduler).__name__}",
                    got="attributes that no checkpoint can hold",
                    expected="numbers, text, arrays, lists and dicts",
                    fix="define state_dict and load_state_dict",
                )
            )
        return {"step": self._step, "lr": self.lr, "scheduler": held}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from a place; the rates themselves are in the optimizer's state."""
        self._step, self.lr = state["step"], state["lr"]
        if self.scheduler is not None:
            set_plain_state(self.scheduler, state["scheduler"])

    def _lr(self) -> float:
        return float(self.optimizer.param_groups[0]["lr"])
