"""Learning-rate schedules: closed-form functions of the step, held by classes with torch's names.

A schedule is one function, `factor(step)` (or `value(base_lr, step)`): it does not depend on what
happened before, so resuming at any step gives the same rates bit for bit. `scheduler.step()` sets
`group["lr"]` to its value.

If somebody else has changed `group["lr"]` since (by hand, or a second scheduler over the same
optimizer), a step multiplies the rate it finds by the quotient of the schedule's values at this
and the last step, as torch's schedulers do: chained schedules multiply. A rate that has become 0
so stays 0. `LambdaLR`, the cycles and a warm-up set the rate outright, as torch's do.
"""

from rushlight.optim.lr_scheduler.base import LRScheduler
from rushlight.optim.lr_scheduler.compose import (
    ChainedScheduler,
    SequentialLR,
    WarmupLR,
    warmup,
)
from rushlight.optim.lr_scheduler.cycles import (
    CosineAnnealingWarmRestarts,
    CyclicLR,
    OneCycleLR,
)
from rushlight.optim.lr_scheduler.plateau import ReduceLROnPlateau
from rushlight.optim.lr_scheduler.schedules import (
    ConstantLR,
    CosineAnnealingLR,
    ExponentialLR,
    LambdaLR,
    LinearLR,
    MultiplicativeLR,
    MultiStepLR,
    PolynomialLR,
    StepLR,
)

__all__ = [
    "ChainedScheduler",
    "ConstantLR",
    "CosineAnnealingLR",
    "CosineAnnealingWarmRestarts",
    "CyclicLR",
    "ExponentialLR",
    "LRScheduler",
    "LambdaLR",
    "LinearLR",
    "MultiStepLR",
    "MultiplicativeLR",
    "OneCycleLR",
    "PolynomialLR",
    "ReduceLROnPlateau",
    "SequentialLR",
    "StepLR",
    "WarmupLR",
    "warmup",
]
