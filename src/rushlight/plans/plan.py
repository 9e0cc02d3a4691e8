"""Plans: what one call of a function does, made ready to be done again for other values."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import repeat
from typing import Any, NamedTuple

import numpy as np
from numpy.lib.array_utils import byte_bounds

from rushlight.arrays import WARNINGS_OFF, Array, warning_switch
from rushlight.compiled import is_kernel, native
from rushlight.facts import Facts, Holders
from rushlight.ops.contract import Op, Saved
from rushlight.plans.calls import CONSTANT, Call, Recorder, Unplanned, root_of
from rushlight.plans.entry import Entry
from rushlight.plans.lending import Loans, Terms, is_dense
from rushlight.plans.program import Program, aligned
from rushlight.plans.routine import routine
from rushlight.plans.steps import Step
from rushlight.tape import Node, cell, root, state, wrap

__all__ = ["Gradient", "Output", "Plan"]


_NOTHING = Saved()
_LARGE = 1 << 14  # bytes of a result from which it takes less time to copy it by ourselves


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
        frozen: what kernels make of weights alone is kept until one of these changes.
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
        frozen: bool = False,
    ) -> None:
        self.inputs, self.tensors, self.arrays = list(inputs), list(tensors), list(arrays)
        self.recording = state.recording
        self.traits = _traits(tensors)
        self.structure, self.bumps = _bare(structure), bumps
        self.outputs = [output._replace(array=None) for output in outputs]
        self.results = [output.array for output in outputs]
        left = [g for g in gradients if g.array is not None]
        self.gradients: list[tuple[Any, Any, bool]] = [(g.tensor, g.array, True) for g in left]
        self.clears = [g.tensor for g in gradients if g.clears]
        self.without = [g.tensor for g in gradients if not g.clears]
        made = {id(g.tensor): g.array for g in left if g.array is not None}
        self.steps = [
            Step(optimizer, made, lambda array: recorder.level(array) == CONSTANT)
            for optimizer, _ in steps
        ]
        placed: dict[int, int] = {}
        size = 0
        for step in self.steps:
            size = step.place(placed, size)
        results = [g.array for g in left] + self.results
        for step, (_, at) in reversed(list(zip(self.steps, steps, strict=True))):
            reads = list(made.values())
            recorder.program.insert(at, Call(step, (), {}, tuple(reads), (), True))
        self.program = Program(
            recorder, [*inputs, *arrays], [a for a in results if a is not None], placed
        )
        # in memory that nothing writes to until it is known that nobody holds it
        self.gradients = [(t, a, self.program.is_late(a)) for t, a, _ in self.gradients]
        self.size = size
        alone = self.results[0] if len(self.results) == 1 else None
        self.terms = Terms.of(self.program.calls, self.inputs, alone)
        self.written = self._written()
        self.facts, self.same_traits = self._facts()
        self.versions: Any = None  # facts, of what is frozen
        if frozen:
            self.program.kept = self._kept()
            self.versions = _versions(self.tensors)
        self.link()

    def _written(self) -> set[int]:
        """Return the ids of the owners of memory that lasts and that the call may write to."""
        owners = {id(root_of(array)) for array in self.arrays}
        writes = bool(self.steps) or any(
            id(root_of(array)) in owners for call in self.program.calls for array in call.writes
        )
        owners |= {id(root_of(array)) for step in self.steps for array in step.arrays}
        return owners if writes else set()

    def _kept(self) -> list[Any]:
        """Return where calls keep what they make of tensors alone, or None for each call."""
        calls, weights = self.program.calls, [t._array for t in _matrices(self.tensors)]
        written = {id(root_of(array)) for call in calls for array in call.writes}
        if self.steps or any(id(root_of(array)) in written for array in weights):
            raise Unplanned("it changes what is frozen")
        found = []
        for call in calls:
            read = {id(root_of(array)) for array in call.reads}
            stay = [byte_bounds(array) for array in weights if id(root_of(array)) in read]
            keeps = native is not None and stay and is_kernel(call.function)
            found.append(native.Kept(stay) if keeps else None)
        return found

    def _facts(self) -> tuple[Any, Any]:
        """Return what must be the case for the call, and what makes the traits of tensors equal."""
        facts, traits = Facts(), Facts()
        facts.attributes("_array", self.tensors, self.arrays)
        facts.attributes("_grad", self.without, [None] * len(self.without))
        for step in self.steps:
            step.state_facts(facts)
        for name in ("_requires_grad", "_hooks", "_accumulated"):
            traits.attributes(name, self.tensors, [getattr(t, name) for t in self.tensors])
        for tensor in self.tensors:
            for hooks in (tensor._hooks, tensor._accumulated):
                if hooks is not None:  # they have been taken away, and others may come
                    traits.contents(hooks, hooks)
        return facts, traits

    def link(self) -> None:
        """Take new memory: somebody keeps a gradient that lies in the old one."""
        program = self.program
        self.memory = aligned(self.size)
        for step in self.steps:
            step.link(self.memory, self._leave_gradients)
        program.link(self.memory)
        self.gradients = [(t, program.at(a), late) for t, a, late in self.gradients]
        self.grads = [(t, wrap(a)) for t, a, late in self.gradients if late]
        # gradients that are the same at each call, or that decide what is called
        self.copied = [(t, a) for t, a, late in self.gradients if not late]
        self.results = [None if a is None else program.at(a) for a in self.results]
        self.copies = [None if a is None else _copier(a) for a in self.results]
        # what makes the one new tensor that is returned, without a graph
        alone = self.structure.__class__ is Output and self.outputs[0].op is None
        self.sole = self.copies[0] if alone else None
        program.settle()
        held = [gradient for _, gradient in self.grads]
        arrays = [gradient._array for gradient in held]
        if held:  # a view of one of them is a view of these
            arrays += map(root_of, [self.memory, *program.memory])
        self.holders, self.noted = Holders([*held, *arrays]), False

    # ---- a call

    def fits(self) -> bool:
        """Tell whether everything is as it was when the call was recorded.

        What was made of frozen tensors may be out of date by then: it will be made anew.
        """
        if not self.facts.hold():
            return False
        if self.recording and not self.same_traits.hold() and _traits(self.tensors) != self.traits:
            return False
        for step in self.steps:
            if not step.ready():
                return False
        self._renew()
        return True

    def _renew(self) -> None:
        """Let what was made of frozen tensors be made anew if one has changed."""
        if self.versions is None or self.versions.hold():
            return
        self.versions = _versions(self.tensors)
        for keep in self.program.kept:
            if keep is not None:
                keep.drop()

    def meets(self, arguments: Sequence[Any]) -> bool:
        """Tell whether an argument lies in memory that the call may write to."""
        written = self.written
        return bool(written) and any(id(root_of(t._array)) in written for t in arguments)

    def entry(self, arguments: tuple[Any, ...], facts: Sequence[Any]) -> Any:
        """Return what takes in arguments of the kind of these, in no time; None without such.

        Args:
            facts: what must hold beside that by which `fits` tells.
        """
        if any(step.counted for step in self.steps):
            return None
        facts = [*facts, self.facts, *([self.same_traits] if self.recording else [])]
        facts += [] if self.versions is None else [self.versions]
        entry = Entry(arguments, self.inputs, facts, list(self.written))
        if self.straight:
            program, result = self.program, self.results[0]
            loans = Loans(self.terms, program.calls, program.kept, self.inputs, result)
            run = routine(loans.calls, program.kept) if loans.lends else program.closing
            entry.lead_to(run, loans.take or self.sole, loans.cells)
        return entry

    @property
    def straight(self) -> bool:
        """Whether nothing but one new tensor comes of the call, and no Python is needed for it."""
        program = self.program
        more = self.steps or self.gradients or self.clears or self.bumps
        asked = program.before or program.guards
        compiled = native is not None and getattr(program.closing, "compiled", False)
        return compiled and self.sole is not None and not (more or asked)

    def __call__(self, arguments: Sequence[Any], taken: bool = False) -> tuple[bool, Any]:
        """Make the call, where `fits` says that it may.

        Args:
            arguments: tensors.
            taken: what they hold lies in the inputs already.

        Returns:
            Whether it was made: not if the values of the arguments demand other calls than the
            recorded ones; and what the function returns.
        """
        before = warning_switch.set(WARNINGS_OFF)
        try:
            if not (self._decided() if taken else self._opens(arguments)):
                return False, None
            if self.clears:
                for tensor in self.clears:
                    tensor._grad = None
            if not self.holders.same():
                self._let_go(arguments)
            self.program.closing()
        except Exception as error:
            if any(step.raised(error) for step in self.steps):  # after all gradients were made
                self._leave_gradients()
            raise
        finally:
            warning_switch.reset(before)
        if self.gradients:
            self._leave_gradients()
        for tensor, n in self.bumps:
            (tensor._version or cell(tensor))[0] += n
        if self.sole is not None:
            return True, wrap(self.sole())
        return True, _filled(self.structure, iter(self._results(arguments)))

    def _opens(self, arguments: Sequence[Any]) -> bool:
        """Take the arguments over and tell whether they demand the calls that were recorded."""
        for buffer, tensor in zip(self.inputs, arguments, strict=True):
            buffer[...] = tensor._array
        return self._decided()

    def _decided(self) -> bool:
        """Tell whether the inputs demand the calls that were recorded."""
        program = self.program
        program.opening()
        guards = program.guards
        return not guards or all(array.item() is truth for array, truth in guards)

    def _let_go(self, arguments: Sequence[Any]) -> None:
        """Leave the memory of gradients to whoever holds them from an earlier call."""
        if self.noted:
            self.link()
            self._opens(arguments)
        self.holders.note()
        self.noted = True

    def _leave_gradients(self) -> None:
        for tensor, gradient in self.grads:
            tensor._grad = gradient
        for tensor, array in self.copied:
            tensor._grad = wrap(array.copy())

    def _results(self, arguments: Sequence[Any]) -> list[Any]:
        found: list[Any] = []
        for output, copy in zip(self.outputs, self.copies, strict=True):
            if copy is not None:
                tensor = wrap(copy())
                if output.op is not None:
                    tensor._node, tensor._requires_grad = _spent(output.op), True
                found.append(tensor)
            else:
                given = output.argument
                found.append(output.tensor if given is None else arguments[given])
        return found


def _copier(array: Array) -> Callable[[], Array]:
    """Return what copies an array: a large one as `native/bind_entry.cpp` does."""
    large = array.nbytes >= _LARGE and array.dtype.char in "fd"
    if native is None or not large or not is_dense(array):
        return array.__copy__
    numbers = array.squeeze()  # the strides of dims of size 1 say nothing

    def copy() -> Array:
        made = np.empty_like(array)
        native.copy(numbers, made.squeeze())
        return made

    return copy


def _matrices(tensors: Sequence[Any]) -> list[Any]:
    """Return those of tensors that are frozen: weights. Rows of numbers are read as they are."""
    return [tensor for tensor in tensors if tensor._array.ndim > 1]


def _versions(tensors: Sequence[Any]) -> Any:
    """Return the facts that nobody has written to weights since."""
    facts = Facts()
    for tensor in _matrices(tensors):  # one that takes another counter takes another array, too
        versions = root(tensor._version or cell(tensor))
        facts.items(versions, list(versions))
    return facts


def _traits(tensors: Sequence[Any]) -> list[tuple[bool, bool, bool]]:
    """Return whether tensors require gradients, and whether anybody sees these."""
    return [(t._requires_grad, bool(t._hooks), bool(t._accumulated)) for t in tensors]


def _bare(structure: Any) -> Any:
    """Return a structure whose outputs hold no arrays of the recording."""
    return _filled(structure, repeat(Output(None, None, None, None)))


def _spent(op: Op) -> Node:
    """Return a node whose backward pass has been."""
    node = Node(op, _NOTHING, 1)
    node.saved = None
    return node


def _filled(structure: Any, tensors: Iterator[Any]) -> Any:
    """Return a structure with the next tensor in place of each `Output`."""
    if structure.__class__ is Output:
        return next(tensors)
    if structure.__class__ is dict:
        return {key: _filled(part, tensors) for key, part in structure.items()}
    if structure.__class__ in (tuple, list):
        return structure.__class__([_filled(part, tensors) for part in structure])
    if isinstance(structure, tuple) and hasattr(structure, "_fields"):
        return type(structure)(*[_filled(part, tensors) for part in structure])
    return structure
