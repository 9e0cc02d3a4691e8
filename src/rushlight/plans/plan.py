"""Plans: what one call of a function does, made ready to be done again for other values."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from operator import is_
from sys import getrefcount
from typing import Any, NamedTuple

import numpy as np

from rushlight.arrays import WARNINGS_OFF, Array, warning_switch
from rushlight.ops.contract import Op, Saved
from rushlight.plans.calls import Call, Recorder, root_of
from rushlight.plans.program import Program, aligned
from rushlight.plans.steps import Step
from rushlight.tape import Node, cell, wrap

__all__ = ["Gradient", "Output", "Plan"]


class Output(NamedTuple):
    """A tensor that a call returns: a new one of an array, an argument or another known one.

    `op` is what it came from where it required a gradient, which is spent.
    """

    array: Array | None
    argument: int | None
    tensor: Any
    op: Op | None


class Gradient(NamedTuple):
    """What a call leaves in `.grad` of a tensor: an array, or None.

    `clears`: there was a gradient before, which the call has dropped; else there must be none.
    """

    tensor: Any
    array: Array | None
    clears: bool


class Plan:
    """One recorded call.

    Args:
        recorder: the calls on arrays.
        inputs: the arrays that stood for the arguments.
        tensors: what else it reads and writes, `arrays` what they held.
        structure: what it returns, an `Output` in place of each tensor.
        outputs: the same, in a list.
        gradients: what it leaves in `.grad`.
        bumps: how many writes it counts in which tensors.
        steps: optimizers that it steps, each after so many items of the recorded program.
    """

    def __init__(
        self,
        recorder: Recorder,
        inputs: Sequence[Array],
        tensors: Sequence[Any],
        arrays: Sequence[Array],
        structure: Any,
        outputs: Sequence[Output],
        gradients: Sequence[Gradient],
        bumps: Sequence[tuple[Any, int]],
        steps: Sequence[tuple[Any, int]],
    ) -> None:
        self.inputs, self.tensors, self.arrays = list(inputs), list(tensors), list(arrays)
        self.needs = [t._requires_grad for t in tensors]
        self.structure, self.outputs, self.bumps = structure, outputs, bumps
        self.gradients = [g for g in gradients if g.array is not None]
        self.clears = [g.tensor for g in gradients if g.clears]
        self.without = [g.tensor for g in gradients if not g.clears]
        made = {id(g.tensor): g.array for g in self.gradients}
        self.steps = [Step(optimizer, made) for optimizer, _ in steps]
        placed: dict[int, int] = {}
        size = 0
        for step in self.steps:
            size = step.place(placed, size)
        results = [g.array for g in self.gradients] + [o.array for o in outputs]
        for step, (_, at) in reversed(list(zip(self.steps, steps, strict=True))):
            reads = [array for array in made.values() if array is not None]
            recorder.program.insert(at, Call(step, (), {}, tuple(reads), (), True))
        self.program = Program(
            recorder, [*inputs, *arrays], [a for a in results if a is not None], placed
        )
        self.size = size
        self.link()

    def link(self) -> None:
        """Take new memory: somebody keeps a gradient that lies in the old one."""
        program = self.program
        self.memory = aligned(self.size)
        program.link(self.memory)
        self.grads: list[Any] = []
        for gradient in self.gradients:
            assert gradient.array is not None
            own = id(root_of(gradient.array)) in program.slots
            self.grads.append(wrap(program.at(gradient.array)) if own else None)
        for step in self.steps:
            step.link(self.memory, self._leave_gradients)
        self.results = [None if o.array is None else program.at(o.array) for o in self.outputs]
        self.held = [
            *(t for t in self.grads if t is not None),
            *(t._array for t in self.grads if t is not None),
            root_of(self.memory),
            root_of(program._own),
        ]
        self.counts: list[int] = []

    # ---- a call

    def fits(self) -> bool:
        """Tell whether everything is as it was when the call was recorded."""
        return (
            all(map(is_, [t._array for t in self.tensors], self.arrays))
            and [t._requires_grad for t in self.tensors] == self.needs
            and not any([t._grad is not None for t in self.without])
            and not any([t._hooks or t._accumulated for t in self.tensors])
            and all([step.ready() for step in self.steps])
        )

    def __call__(self, arguments: Sequence[Any]) -> tuple[bool, Any]:
        """Make the call, where `fits` says that it may.

        Returns:
            Whether it was made: not if the values of the arguments demand other calls than the
            recorded ones; and what the function returns.
        """
        before = warning_switch.set(WARNINGS_OFF)
        try:
            return self._run(arguments)
        finally:
            warning_switch.reset(before)

    def _run(self, arguments: Sequence[Any]) -> tuple[bool, Any]:
        for buffer, tensor in zip(self.inputs, arguments, strict=True):
            np.copyto(buffer, tensor._array)
        program = self.program
        for call in program.opening:
            call()
        for array, truth in program.truths:
            if bool(array) is not truth:
                return False, None
        for tensor in self.clears:
            tensor._grad = None
        counts = list(map(getrefcount, self.held))
        if counts != self.counts:
            if self.counts:
                self.link()
                program = self.program
                for call in program.opening:
                    call()
                counts = list(map(getrefcount, self.held))
            self.counts = counts
        for call in program.closing:
            call()
        self._leave_gradients()
        for tensor, n in self.bumps:
            cell(tensor)[0] += n
        return True, self._returned(self.structure, iter(self._tensors(arguments)))

    def _leave_gradients(self) -> None:
        for gradient, tensor in zip(self.gradients, self.grads, strict=True):
            if tensor is None:  # the same at each call
                assert gradient.array is not None
                tensor = wrap(gradient.array.copy())
            gradient.tensor._grad = tensor

    def _tensors(self, arguments: Sequence[Any]) -> list[Any]:
        return [
            self._tensor(output, result, arguments)
            for output, result in zip(self.outputs, self.results, strict=True)
        ]

    def _tensor(self, output: Output, result: Any, arguments: Sequence[Any]) -> Any:
        if result is None:
            return output.tensor if output.argument is None else arguments[output.argument]
        tensor = wrap(result.copy("K"))
        if output.op is not None:
            node = Node(output.op, Saved(), 1)
            node.saved = None
            tensor._node, tensor._requires_grad = node, True
        return tensor

    def _returned(self, structure: Any, tensors: Any) -> Any:
        if structure.__class__ is Output:
            return next(tensors)
        if structure.__class__ is dict:
            return {key: self._returned(part, tensors) for key, part in structure.items()}
        if structure.__class__ in (tuple, list):
            return structure.__class__([self._returned(part, tensors) for part in structure])
        if isinstance(structure, tuple) and hasattr(structure, "_fields"):
            return type(structure)(*[self._returned(part, tensors) for part in structure])
        return structure
