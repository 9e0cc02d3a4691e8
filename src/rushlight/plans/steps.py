"""Steps of optimizers within a plan."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import chain
from operator import attrgetter, is_
from typing import Any

import numpy as np

from rushlight.arrays import Array
from rushlight.optim import Optimizer
from rushlight.plans.calls import root_of
from rushlight.tape import TensorBase

__all__ = ["Step"]

ALIGN = 64  # bytes
_ARRAY = attrgetter("_array")


class Step:
    """An optimizer's step, whose gradients are placed where the optimizer reads them.

    Args:
        optimizer: which.
        made: the arrays of the gradients at the time of its step, by the ids of their tensors.
        constant: tells of an array whether it is the same at each call.

    Without its own layout of parameters (where it takes them one by one, say) its `step` is called.
    """

    def __init__(
        self, optimizer: Any, made: dict[int, Array], constant: Callable[[Array], bool]
    ) -> None:
        self.optimizer, self.made = optimizer, made
        self.layouts = list(optimizer._layouts)
        self.places: list[tuple[int, Any, int]] = []  # which group, run, offset
        kind = type(optimizer)
        self.whole = kind.step is not Optimizer.step or kind._step is not Optimizer._step
        self.settle()
        runs = [run for part in self.runs for run in part]
        waiting = [p for layout in self.layouts for p in layout.waiting if id(p) in made]
        fixed = any(constant(made[id(p)]) for run in runs for p in run.params if id(p) in made)
        self.whole = (
            self.whole or fixed or bool(waiting) or not all(_takes(run, made) for run in runs)
        )

    def place(self, placed: dict[int, int], size: int) -> int:
        """Give the gradients offsets (bytes) from `size` on; return the size after them."""
        if self.whole:
            return size
        for i, part in enumerate(self.runs):
            for run in part:
                flat, starts = run.weights.flat, run.weights.starts
                for p, start in zip(run.params, starts, strict=False):
                    placed[id(root_of(self.made[id(p)]))] = size + start * flat.itemsize
                self.places.append((i, run, size))
                size += -(-flat.nbytes // ALIGN) * ALIGN
        self.made = {}
        return size

    def link(self, memory: Array, leave: Callable[[], None]) -> None:
        """Find the gradients in `memory`; `leave` puts them into `.grad`."""
        self.leave = leave
        self.flats = [
            np.ndarray(run.weights.flat.shape, run.weights.flat.dtype, memory, offset)
            for _, run, offset in self.places
        ]

    def settle(self) -> None:
        """Remember how the optimizer stands once the step was taken."""
        optimizer = self.optimizer
        self.runs = [list(layout.runs) for layout in optimizer._layouts]
        self.options = [_options(group) for group in optimizer.param_groups]
        self.params = [list(group["params"]) for group in optimizer.param_groups]
        self.entries = list(optimizer.state.values())
        self.values = list(_values(self.entries))
        self.state = [value for value in self.values if isinstance(value, TensorBase)]
        self.arrays = [value._array for value in self.state]

    def ready(self) -> bool:
        """Tell whether the step would be that which was recorded."""
        optimizer = self.optimizer
        if self.whole:
            return True
        groups, layouts = optimizer.param_groups, optimizer._layouts
        if layouts != self.layouts or len(groups) != len(layouts):
            return False
        for i, group in enumerate(groups):
            if not (_same(_options(group), self.options[i]) and layouts[i].runs == self.runs[i]):
                return False
            if not _same(group["params"], self.params[i]):
                return False
        if not _same(list(optimizer.state.values()), self.entries):
            return False
        if not _same(list(_values(self.entries)), self.values):
            return False
        if not all(map(is_, map(_ARRAY, self.state), self.arrays)):
            return False
        for _, run, _ in self.places:
            counts = run.counts() if len(run.params) > 1 else ()
            if counts and counts.count(counts[0]) != len(counts):
                return False
        return True

    def __call__(self) -> None:
        optimizer = self.optimizer
        if self.whole:
            self.leave()
            optimizer.step()
            return
        groups = optimizer.param_groups
        for (i, run, _), gradient in zip(self.places, self.flats, strict=True):
            group = groups[i]
            run.take(optimizer, gradient, float(group["lr"]), group)


def _options(group: dict[str, Any]) -> list[Any]:
    return [value for key, value in group.items() if key != "lr"]


def _values(entries: list[dict[str, Any]]) -> Iterator[Any]:
    return chain.from_iterable(map(dict.values, entries))


def _same(found: list[Any], expected: list[Any]) -> bool:
    return len(found) == len(expected) and all(map(is_, found, expected))


def _takes(run: Any, made: dict[int, Array]) -> bool:
    """Tell whether the gradients of a run can be placed as its weights lie."""
    roots = set()
    for p, view in zip(run.params, run.weights.views, strict=True):
        array = made.get(id(p))
        if array is None or array.dtype != view.dtype or array.shape != view.shape:
            return False
        root = root_of(array)
        if not array.flags.c_contiguous or root.nbytes != array.nbytes or id(root) in roots:
            return False
        roots.add(id(root))
    return all(cut is not None for cut, *_ in run.blocks)
