"""Optimizer steps: elementwise, in place, with two arrays of scratch for intermediate results."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from rushlight.arrays import Array
from rushlight.kernels.reference.steps import average, average_square, directed, number

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
    gradient = directed(parameter, gradient, lr, decay, decoupled, maximize, scratch)
    work = scratch[0]
    average(mean, gradient, beta1, work)
    average_square(square, gradient, beta2, work)
    if largest is not None:
        square = np.maximum(largest, square, out=largest)

    # eps is added to the root of the corrected average, as in torch: the root's correction is
    # taken out of the denominator, which saves a pass
    root = (1 - beta2**step) ** 0.5
    np.sqrt(square, out=work)
    work += number(eps * root, work)
    np.divide(mean, work, out=work)
    work *= number(lr * root / (1 - beta1**step), work)
    parameter -= work


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
    gradient = directed(parameter, gradient, lr, decay, False, maximize, scratch)
    product, total = scratch
    if buffer is not None:
        if first:
            buffer[...] = gradient
        else:
            buffer *= momentum
            if dampening:
                buffer += np.multiply(gradient, 1 - dampening, out=product)
            else:
                buffer += gradient
        if nesterov:
            np.multiply(buffer, momentum, out=product)
            gradient = np.add(gradient, product, out=total)
        else:
            gradient = buffer
    parameter -= np.multiply(gradient, lr, out=product)
