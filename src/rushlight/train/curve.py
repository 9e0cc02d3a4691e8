"""Schedules over a run by name: closed-form curves of `rushlight.optim.lr_scheduler`."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, Protocol

from rushlight.errors import explain
from rushlight.functional import tensor
from rushlight.optim import SGD, lr_scheduler
from rushlight.train.names import Names

__all__ = ["CURVES", "SCHEDULES", "Curve", "make_curve", "schedule_names"]


class Curve(Protocol):
    """Gives the rate of each step."""

    def value(self, base_lr: float, step: int) -> float:
        """Return the rate of a step, where `base_lr` is that of the optimizer."""


def _constant(steps: int, batches: int, warm: int) -> Curve:
    return lr_scheduler.ConstantLR(_stand_in(), 1.0)


def _cosine(steps: int, batches: int, warm: int, eta_min: float = 0.0) -> Curve:
    return lr_scheduler.CosineAnnealingLR(_stand_in(), steps, eta_min)


def _linear(steps: int, batches: int, warm: int, end_factor: float = 0.0) -> Curve:
    return lr_scheduler.LinearLR(_stand_in(), 1.0, end_factor, steps)


def _polynomial(steps: int, batches: int, warm: int, power: float = 2.0) -> Curve:
    return lr_scheduler.PolynomialLR(_stand_in(), steps, power)


def _cosine_restarts(
    steps: int, batches: int, warm: int, cycles: int = 3, T_mult: int = 1, eta_min: float = 0.0
) -> Curve:
    if cycles < 1:
        got = f"cycles={cycles}"
        raise ValueError(explain("schedule 'cosine_restarts'", got=got, expected="an int >= 1"))
    first = -(-steps // sum(T_mult**cycle for cycle in range(cycles)))
    return lr_scheduler.CosineAnnealingWarmRestarts(_stand_in(), first, T_mult, eta_min)


class _InverseSqrt:
    """lr * sqrt(scale / (scale + step)): falls as 1 / sqrt(step), and begins at lr."""

    def __init__(self, steps: int, batches: int, warm: int, timescale: float | None = None) -> None:
        if timescale is not None and not timescale > 0:
            got = f"timescale={timescale}"
            expected = "epochs, a number > 0"
            raise ValueError(explain("schedule 'inverse_sqrt'", got=got, expected=expected))
        self._scale = (warm or batches) if timescale is None else timescale * batches

    def value(self, base_lr: float, step: int) -> float:
        """Return the rate of a step."""
        return base_lr * math.sqrt(self._scale / (self._scale + step))


class _OneCycle:
    """`OneCycleLR` of the optimizer's rate as the highest; it leaves the momentum alone."""

    def __init__(
        self,
        steps: int,
        batches: int,
        warm: int,
        pct_start: float = 0.3,
        anneal_strategy: str = "cos",
        div_factor: float = 25.0,
        final_div_factor: float = 1e4,
        three_phase: bool = False,
    ) -> None:
        self._share = lr_scheduler.OneCycleLR(
            _stand_in(),
            1.0,
            steps,
            pct_start=pct_start,
            anneal_strategy=anneal_strategy,  # type: ignore[arg-type]
            cycle_momentum=False,
            div_factor=div_factor,
            final_div_factor=final_div_factor,
            three_phase=three_phase,
        )

    def value(self, base_lr: float, step: int) -> float:
        """Return the rate of a step."""
        self._share.step(step)
        return base_lr * self._share.get_last_lr()[0]


def _stand_in() -> SGD:
    """Return an optimizer of rate 1, which has stepped, for a schedule that is only asked."""
    optimizer = SGD([tensor([0.0], requires_grad=True)], lr=1.0)
    optimizer.step()
    return optimizer


# Over the steps from warm-up to the end of the run.
CURVES: dict[str, Callable[..., Curve]] = {
    "constant": _constant,
    "cosine": _cosine,
    "linear": _linear,
    "polynomial": _polynomial,
    "onecycle": _OneCycle,
    "cosine_restarts": _cosine_restarts,
    "inverse_sqrt": _InverseSqrt,
}

# torch's, stepped each epoch (or batch): their options count in those.
_STEPPED: dict[str, Any] = {
    "step": lr_scheduler.StepLR,
    "multistep": lr_scheduler.MultiStepLR,
    "exponential": lr_scheduler.ExponentialLR,
    "plateau": lr_scheduler.ReduceLROnPlateau,
    "ConstantLR": lr_scheduler.ConstantLR,
    "LinearLR": lr_scheduler.LinearLR,
    "PolynomialLR": lr_scheduler.PolynomialLR,
    "CosineAnnealingLR": lr_scheduler.CosineAnnealingLR,
    "CosineAnnealingWarmRestarts": lr_scheduler.CosineAnnealingWarmRestarts,
    "CyclicLR": lr_scheduler.CyclicLR,
    "OneCycleLR": lr_scheduler.OneCycleLR,
}

SCHEDULES = Names(
    "scheduler",
    {**CURVES, **_STEPPED},
    {
        "StepLR": "step",
        "MultiStepLR": "multistep",
        "ExponentialLR": "exponential",
        "ReduceLROnPlateau": "plateau",
        "reduce_on_plateau": "plateau",
        "noam": "inverse_sqrt",
        "poly": "polynomial",
        "none": "constant",
    },
    instead="a scheduler object",
    elsewhere={
        "LambdaLR": "give a function optimizer -> scheduler",
        "MultiplicativeLR": "give a function optimizer -> scheduler",
        "warmup": "a warm-up is put before any schedule: warmup=1 (epochs)",
    },
    given=("optimizer", "steps", "batches", "warm"),
)


def schedule_names() -> tuple[str, ...]:
    """Return the names of schedules: those over the run, then those that step each epoch."""
    return tuple(SCHEDULES.makers)


def make_curve(text: str, steps: int, batches: int, warm: int) -> Curve:
    """Return the curve of a name.

    Args:
        text: a name of CURVES, with options if wanted.
        steps: how many steps are left after the warm-up.
        batches: steps of an epoch.
        warm: steps of the warm-up.
    """
    curve: Curve = SCHEDULES.make(text, steps=max(steps, 1), batches=max(batches, 1), warm=warm)
    curve.value(1.0, 0)  # what is wrong with an option is found before the first step
    return curve
