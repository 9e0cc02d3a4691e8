"""The latency-bandwidth model of an all-reduce: fitted to exchanges, used to predict.

An exchange of m bytes with a partner takes alpha + m * beta seconds, alpha being another for
messages so short that they travel with their announcement. MPICH adds arrays of up to 2,048 bytes
by recursive doubling, log2(p) exchanges of the whole, and longer ones by recursive halving and
doubling (Rabenseifner): 2 * log2(p) exchanges that carry 2 * (p - 1) / p of the whole. gamma is the
seconds that a byte takes to be added, delta those in which it is copied to where the result goes,
and gets a place in fresh memory for what arrives.
"""

from __future__ import annotations

import dataclasses
import math

import numpy as np

DOUBLING = 2048  # bytes: MPICH's MPIR_CVAR_ALLREDUCE_SHORT_MSG_SIZE
SHORT = 128  # bytes of a message that travels with its announcement, at least


@dataclasses.dataclass(frozen=True)
class Costs:
    """What a link costs: seconds of a short and a long message, seconds of a byte."""

    short: float
    long: float
    beta: float
    gamma: float
    delta: float

    def all_reduce(self, size: int, ranks: int) -> float:
        """Return the seconds of an all-reduce of `size` bytes; `ranks` is a power of two."""
        if ranks < 1 or ranks & (ranks - 1):
            raise ValueError(f"the model knows powers of two as ranks, got {ranks}")
        steps = int(math.log2(ranks))
        if size <= DOUBLING:
            alpha = self.short if size <= SHORT else self.long
            return steps * (alpha + size * (self.beta + self.gamma)) + size * self.delta
        moved = size * (ranks - 1) / ranks
        total = moved * (2 * self.beta + self.gamma) + size * self.delta
        for step in range(1, steps + 1):  # halves, quarters, ...: there and back
            total += 2 * (self.short if size / 2**step <= SHORT else self.long)
        return total


def fitted(exchange: dict[int, float], add: dict[int, float], copy: dict[int, float]) -> Costs:
    """Return the costs that explain measured exchanges: least squares of the relative errors."""
    short = min(seconds for size, seconds in exchange.items() if size <= SHORT)
    sizes = np.array([size for size in exchange if size > SHORT], float)
    times = np.array([exchange[int(size)] for size in sizes])
    table = np.stack([1 / times, sizes / times], axis=1)
    long, beta = np.linalg.lstsq(table, np.ones(len(sizes)), rcond=None)[0]
    largest = max(add)
    own = add[largest] / largest, copy[largest] / largest
    return Costs(short, max(float(long), short), float(beta), *own)


def step(compute: float, parameters: int, ranks: int, costs: Costs, bucket: int) -> float:
    """Return the seconds of a training step: batch per rank fixed, float32 gradients in buckets.

    Backward is two thirds of the computation. Buckets are sent as soon as they are full, one after
    the other, all but the last while backward still runs: the step ends when both have ended.
    """
    size = 4 * parameters
    count = max(1, math.ceil(size / bucket))
    each = costs.all_reduce(math.ceil(size / count), ranks)
    backward = compute * 2 / 3
    sent = 0.0
    for number in range(1, count + 1):
        sent = max(sent, backward * number / count) + each
    return compute - backward + max(sent, backward)
