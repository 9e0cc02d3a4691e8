"""Steps of optimizers within a plan."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from rushlight.arrays import Array
from rushlight.compiled import native
from rushlight.facts import lookup
from rushlight.optim import SGD, Adam, Optimizer
from rushlight.optim.flat import ALIGN, COUNTER
from rushlight.plans.calls import root_of
from rushlight.tape import TensorBase

__all__ = ["Step"]

_ONE_KERNEL = {Adam.update, SGD.update}  # that call one kernel, and do no more
_LASTING = {int, float, bool, str, type(None)}  # classes of options that cannot change unseen
_UNREAD = ("params", "param_names", "lr")  # options that `update` does not read in the group


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
        self.whole = self.whole or optimizer._shards is not None
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
                if len(run.params) > 1 and (run.counter is not None or run.others):
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
            facts.keys(group, list(group))
            for name, value in self.options[i].items():
                if name != "lr":
                    facts.entry(group, name, value)
            facts.items(group["params"], self.params[i])
            facts.attributes("runs", [layouts[i]], [layouts[i].runs])
            facts.items(layouts[i].runs, self.runs[i])
        facts.contents(optimizer.state, self.entries)
        for entry, values in zip(self.entries.values(), self.values, strict=True):
            facts.contents(entry, values)
        facts.attributes("_array", self.state, self.arrays)
        facts.attributes("__class__", [optimizer], [type(optimizer)])
        facts.attributes("__dict__", [optimizer], [vars(optimizer)])
        facts.lookup(type(optimizer), "update", lookup(type(optimizer), "update"))
        own = vars(optimizer)
        for name in ("update", "_shards"):
            if name in own:
                facts.entry(own, name, own[name])
            else:
                facts.lacks(own, name)
        for run in self.counted:
            if not run.others and run.counter.flat.dtype == np.float32:
                facts.alike(run.counter.flat)
        self.counted = [r for r in self.counted if r.others or r.counter.flat.dtype != np.float32]

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
        for place, gradient in zip(self.places, self.flats, strict=True):
            self._take(place, gradient)

    def _take(self, place: tuple[int, Any, int], gradient: Array) -> None:
        i, run, _ = place
        group = self.optimizer.param_groups[i]
        try:
            run.take(self.optimizer, gradient, float(group["lr"]), group)
        except BaseException:
            self.leave()
            raise

    def raised(self, error: Exception) -> bool:
        """Tell whether an error is that of a rate which no Python reads (`_kernels`)."""
        try:
            for group in self.groups:
                float(group["lr"])
        except Exception as found:
            return repr(found) == repr(error)
        return False

    def calls(self) -> list[Callable[[], Any]]:
        """Return the step as calls without arguments: where one kernel does it, without Python."""
        if self.whole:
            return [self]
        calls: list[Callable[[], Any]] = []
        for place, gradient in zip(self.places, self.flats, strict=True):
            calls += self._kernels(place, gradient) or [partial(self._take, place, gradient)]
        return calls

    def _kernels(self, place: tuple[int, Any, int], gradient: Array) -> list[Callable[[], Any]]:
        """Return what reads the rate and counts a step, and the kernels of a run, made ready.

        Nothing, where there is more to a step, or what it goes by may change unseen.
        """
        i, run, _ = place
        optimizer, group = self.optimizer, self.optimizer.param_groups[i]
        arrays = [
            array for _, weight, state, _ in run.blocks for array in (weight, *_arrays(state))
        ]
        if (
            native is None
            or type(optimizer).update not in _ONE_KERNEL
            or "update" in vars(optimizer)
            or run.first
            or run.others
            or not all(_lasts(v) for key, v in group.items() if key not in _UNREAD)
            or not all(_in_a_row(array, gradient.dtype) for array in (gradient, *arrays))
            or (run.counter is not None and not _in_a_row(run.counter.flat, np.float32))
        ):
            return []
        lr, step = native.Live(), native.Live()
        counts = None if run.counter is None else run.counter.flat
        calls = [native.Advance(group, lr, step, counts, list(run.params))]
        for cut, weight, state, _ in run.blocks:
            names = [name for name, value in state.items() if isinstance(value, np.ndarray)]

            def update(weight: Array, part: Array, *held: Array, names: Any = names) -> None:
                state = {**dict(zip(names, held, strict=True)), COUNTER: step}
                optimizer.update(weight, part, state, lr, group, False, ())

            try:
                call = native.prepare(update, (weight, gradient[cut], *_arrays(state)))
            except TypeError:  # it computes with the number of the step
                return []
            if call is None:
                return []
            calls.append(call)
        return calls


def _arrays(state: dict[str, Any]) -> list[Array]:
    return [value for value in state.values() if isinstance(value, np.ndarray)]


def _lasts(value: Any) -> bool:
    """Tell whether an option that is the same object is the same value."""
    if value.__class__ is tuple:
        return all(map(_lasts, value))
    return value.__class__ in _LASTING


def _in_a_row(array: Array, dtype: Any) -> bool:
    return (
        array.dtype == dtype
        and dtype in (np.float32, np.float64)
        and array.ndim == 1
        and array.flags.c_contiguous
    )


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
