"""The learning rate of each step: a scheduler or a named curve, and a warm-up over either."""

from __future__ import annotations

import inspect
import math
from typing import Any

from rushlight.errors import explain
from rushlight.train.curve import CURVES, SCHEDULES, Curve, make_curve
from rushlight.train.parts import is_number
from rushlight.train.resuming.plain import plain_state, set_plain_state

__all__ = ["Rates", "check_warmup"]


class Rates:
    """Takes the optimizer's steps, each at its learning rate.

    A warm-up multiplies the rate, and a named curve sets it, for the duration of one step: both
    compose with whatever a scheduler does to the optimizer.

    Args:
        optimizer: the optimizer.
        scheduler: a name with options if wanted, a scheduler of this optimizer, a function
            optimizer -> scheduler, or None.
        each: when a scheduler object steps, each 'epoch' or 'batch'.
        warmup: epochs over which the rate rises.

    Attributes:
        given: the `scheduler` that was given.
        lr: the rate of the last step.
    """

    def __init__(self, optimizer: Any, scheduler: Any, each: str, warmup: float) -> None:
        if each not in ("epoch", "batch"):
            raise ValueError(
                explain("scheduler_step", got=repr(each), expected="'epoch' or 'batch'")
            )
        self.optimizer, self.given, self.each = optimizer, scheduler, each
        self.warmup = check_warmup(warmup)
        self.curve: Curve | None = None
        self.scheduler: Any = None
        self._named: str | None = None  # the text of a curve
        self._modeless = False  # a plateau by name, which has not been told which way is better
        if isinstance(scheduler, str):
            self._by_name(scheduler)
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
        self._step = self._warm = self._steps = self._batches = self._epochs = 0

    @property
    def movable(self) -> bool:
        """Whether the same schedule can be made anew, for another optimizer."""
        return self.scheduler is None or self.scheduler is not self.given

    def _by_name(self, text: str) -> None:
        name, options = SCHEDULES.read(text)
        if name == "constant":
            return
        if name in CURVES:
            self._named = text
            self.curve = make_curve(text, 100, 10, 0)
            return
        self.scheduler = SCHEDULES.makers[name](self.optimizer, **options)
        self._modeless = name == "plateau" and "mode" not in options

    def begin(self, epochs: int, batches: int | None) -> None:
        """Start the curve and the warm-up anew for so many epochs of so many steps."""
        if (self.curve or self.warmup) and batches is None:
            raise ValueError(
                explain(
                    "fit",
                    got="a warm-up or a named scheduler with data of unknown length",
                    expected="a loader with a length",
                    fix="give the data set __len__, or use a scheduler object",
                )
            )
        self._batches, self._epochs = batches or 0, epochs
        self._start(epochs * self._batches)

    def follow(self, before: Rates) -> None:
        """Begin where the steps of others end, for the rest of the run."""
        self.lr, self._batches, self._epochs = before.lr, before._batches, before._epochs
        self._start(max(before._steps - before._step, 0))

    def rescale(self, batches: int) -> None:
        """Keep the place in the run where an epoch has another number of steps from now on."""
        if not self._batches:
            return
        share, self._batches = batches / self._batches, batches
        self._step, self._steps = round(self._step * share), round(self._steps * share)
        self._warm = min(round(self.warmup * batches), self._steps)
        self._draw()

    def _start(self, steps: int) -> None:
        self._step, self._steps = 0, steps
        self._warm = min(round(self.warmup * self._batches), self._steps)
        self._draw()

    def _draw(self) -> None:
        if self._named is not None:
            left = self._steps - self._warm
            self.curve = make_curve(self._named, left, self._batches, self._warm)

    def rate(self, base_lr: float) -> float:
        """Return the rate of the next step, where `base_lr` is that of the optimizer."""
        if self._step < self._warm:
            start = base_lr if self.curve is None else self.curve.value(base_lr, 0)
            return start * ((self._step + 1) / self._warm)
        if self.curve is None:
            return base_lr
        return self.curve.value(base_lr, min(self._step, self._steps) - self._warm)

    def step(self) -> None:
        """Let the optimizer take a step."""
        if self.curve is None and self._step >= self._warm:
            self.lr = self._lr()
            self.optimizer.step()
        else:
            groups = self.optimizer.param_groups
            rates = [group["lr"] for group in groups]
            try:
                for group, rate in zip(groups, rates, strict=True):
                    group["lr"] = self.rate(float(rate))
                self.lr = self._lr()
                self.optimizer.step()
            finally:
                for group, rate in zip(groups, rates, strict=True):
                    group["lr"] = rate
        self._step += 1
        if self.scheduler is not None and self.each == "batch":
            self.scheduler.step()

    def end_epoch(self, monitored: float, higher: bool = False) -> None:
        """Let a scheduler that counts epochs take its step.

        Args:
            monitored: the value by which the best epoch is chosen.
            higher: whether a larger one is better.
        """
        if self.scheduler is None or self.each != "epoch":
            return
        if not self.plateau:
            self.scheduler.step()
            return
        if self._modeless and higher and self.scheduler.last_epoch == 0:
            options = SCHEDULES.read(self.given)[1]
            self.scheduler = type(self.scheduler)(self.optimizer, mode="max", **options)
        self.scheduler.step(monitored)

    def forget(self) -> None:
        """Let a scheduler that listens to a value forget it: it is another quantity now."""
        if self.plateau:
            self.scheduler._start(0)

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
        return {
            "step": self._step,
            "steps": self._steps,
            "epochs": self._epochs,
            "lr": self.lr,
            "scheduler": held,
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from a place; where the run has become longer since, so has the curve.

        The rates themselves are in the optimizer's state.
        """
        self._start(state["steps"] + (self._epochs - state["epochs"]) * self._batches)
        self._step, self.lr = state["step"], state["lr"]
        if self.scheduler is not None:
            set_plain_state(self.scheduler, state["scheduler"])

    def _lr(self) -> float:
        return float(self.optimizer.param_groups[0]["lr"])


def check_warmup(warmup: Any) -> float:
    """Return a warm-up as a float, or say that it is none."""
    if not (is_number(warmup) and 0 <= warmup < math.inf):
        raise ValueError(explain("warmup", got=repr(warmup), expected="epochs, a number >= 0"))
    return float(warmup)
