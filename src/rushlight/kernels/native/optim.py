"""Optimizer steps by the compiled kernels (`native/optim.cpp`): one pass, without scratch.

They tell whether they took the arrays: floats of one dtype, in a row. Other arrays go to the
reference.
"""

from __future__ import annotations

from collections.abc import Sequence

from rushlight.arrays import Array
from rushlight.compiled import native
from rushlight.kernels.reference import optim as reference

__all__ = ["adam_step", "sgd_step"]


def adam_step(
    parameter: Array,
    gradient: Array,
    mean: Array,
    square: Array,
    largest: Array | None,
    step: float,
    lr: float,
    beta1: float,
    beta2: float,
    eps: float,
    decay: float,
    decoupled: bool,
    maximize: bool,
    scratch: Sequence[Array],
) -> None:
    """Take Adam's step number `step`; with `largest` (of the squares so far) it is AMSGrad's."""
    options = (step, lr, beta1, beta2, eps, decay, bool(decoupled), bool(maximize))
    if not native.adam_step(parameter, gradient, mean, square, largest, *options):
        reference.adam_step(parameter, gradient, mean, square, largest, *options, scratch)


def sgd_step(
    parameter: Array,
    gradient: Array,
    buffer: Array | None,
    lr: float,
    momentum: float,
    dampening: float,
    decay: float,
    nesterov: bool,
    maximize: bool,
    first: bool,
    scratch: Sequence[Array],
) -> None:
    """Take a step of gradient descent; with a momentum buffer, which the first step fills."""
    options = (lr, momentum, dampening, decay, bool(nesterov), bool(maximize), bool(first))
    if not native.sgd_step(parameter, gradient, buffer, *options):
        reference.sgd_step(parameter, gradient, buffer, *options, scratch)
