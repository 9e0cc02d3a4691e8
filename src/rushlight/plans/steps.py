"""Steps of optimizers within a plan."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from rushlight.arrays import Array
from rushlight.optim import Optimizer
from rushlight.plans.calls import root_of
from rushlight.tape import TensorBase

__all__ = ["Step"]

ALIGN = 64  # bytes


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
        self.counted: list[Any] = []  # the runs whose parameters must have taken equal steps
        kind = type(optimizer)
        self.whole = kind.step is not Optimizer.step or kind._step is not Optimizer._step
        self.settle()
        runs = [run for part in self.runs for run in part]
        waiting = [p for layout in self.layouts for p in layout.waiting if id(p) in made]
        fixed = any(constant(made[id(p)]) for run in runs for p in run.params if id(p) in made)
        lists = all(group["params"].__class__ is list for group in self.groups)
        self.whole = self.whole or fixed or bool(waiting) or not lists
        self.whole = self.whole or not all(_takes(run, made) for run in runs)

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
                if len(run.params) > 1:
                    self.counted.append(run)
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
        self.groups = list(optimizer.param_groups)
        self.runs = [list(layout.runs) for layout in optimizer._layouts]
        self.options = [dict(group) for group in optimizer.param_groups]
        self.params = [list(group["params"]) for group in optimizer.param_groups]
        self.entries = dict(optimizer.state)
        self.values = [dict(entry) for entry in self.entries.values()]
        values = [value for entry in self.values for value in entry.values()]
        self.state = [value for value in values if isinstance(value, TensorBase)]
        self.arrays = [value._array for value in self.state]

    def state_facts(self, facts: Any) -> None:
        """State what makes the step that which was recorded, and is told by identity."""
        optimizer = self.optimizer
        if self.whole:
            return
        groups, layouts = optimizer.param_groups, optimizer._layouts
        facts.attributes("param_groups", [optimizer], [groups])
        facts.attributes("_layouts", [optimizer], [layouts])
        facts.attributes("state", [optimizer], [optimizer.state])
        facts.items(groups, self.groups)
        facts.items(layouts, self.layouts)
        for i, group in enumerate(self.groups):
            facts.contents(group, self.options[i], ("lr",))
            facts.items(group["params"], self.params[i])
            facts.attributes("runs", [layouts[i]], [layouts[i].runs])
            facts.items(layouts[i].runs, self.runs[i])
        facts.contents(optimizer.state, self.entries)
        for entry, values in zip(self.entries.values(), self.values, strict=True):
            facts.contents(entry, values)
        facts.attributes("_array", self.state, self.arrays)

    def ready(self) -> bool:
        """Tell whether the numbers are such that the step would be that which was recorded."""
        for run in self.counted:
            counts = run.counts()
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
