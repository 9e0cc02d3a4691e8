"""Modules that write down how a container calls them, and the container that does."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

import numpy as np

from rushlight.arrays import Array
from rushlight.check.student import Student, StudentError, make
from rushlight.check.subject import Subject

__all__ = ["Container", "Probe", "probes"]

SCALES = (0.5, -0.75, 1.25)


class Probe:
    """y = scale * x^2 + shift: neither the order nor the inputs of backward can be mixed up.

    Attributes:
        inputs: what forward was given, call by call.
        calls: (input, gradOutput) of each backward.
        order: a list that all probes of a container share; each adds itself when it is called.
    """

    scale: float
    order: list[Any]

    def set_up(self, scale: float, order: list[Any]) -> Probe:
        """Make it a probe, whatever class it was made a part of."""
        self.scale, self.order = scale, order
        self.shift = np.array([scale + 1.0, scale - 2.0])
        self.gradient = np.zeros(2)
        self.inputs: list[Array] = []
        self.calls: list[tuple[Array, Array]] = []
        self.training = True
        self.output: Any = None
        self.gradInput: Any = None
        return self

    def forward(self, input: Any) -> Any:
        return self.updateOutput(input)

    def updateOutput(self, input: Any) -> Any:
        self.inputs.append(np.array(input))
        self.order.append(self)
        self.output = self.value(input)
        return self.output

    def value(self, x: Any) -> Any:
        """Return the output for an input."""
        return self.scale * x * x + self.shift

    def backward(self, input: Any, gradOutput: Any) -> Any:
        self.updateGradInput(input, gradOutput)
        self.accGradParameters(input, gradOutput)
        return self.gradInput

    def updateGradInput(self, input: Any, gradOutput: Any) -> Any:
        self.calls.append((np.array(input), np.array(gradOutput)))
        self.order.append(self)
        self.gradInput = 2.0 * self.scale * input * gradOutput
        return self.gradInput

    def accGradParameters(self, input: Any, gradOutput: Any) -> None:
        self.gradient += np.asarray(gradOutput).sum(axis=0)

    def zeroGradParameters(self) -> None:
        self.gradient.fill(0.0)

    def getParameters(self) -> list[Array]:
        return [self.shift]

    def getGradParameters(self) -> list[Array]:
        return [self.gradient]

    def train(self) -> None:
        self.training = True

    def evaluate(self) -> None:
        self.training = False

    def __repr__(self) -> str:
        return "Probe"


def probes(subject: Subject, order: list[Any], count: int = 3) -> list[Probe]:
    """Make probes; they are of the student's own Module, too, where there is one."""
    for base in subject.obj.__mro__[1:-1]:
        with suppress(Exception):  # the base may be abstract, or want to be constructed
            kind: Any = type("Probe", (Probe, base), {})
            return [kind.__new__(kind).set_up(scale, order) for scale in SCALES[:count]]
    return [Probe().set_up(scale, order) for scale in SCALES[:count]]


class Container:
    """The student's container with modules in it."""

    def __init__(self, subject: Subject, modules: Sequence[Any]) -> None:
        self.modules = list(modules)
        self.student = self._filled(subject)
        self.layer = self.student.layer

    def _filled(self, subject: Subject) -> Student:
        try:
            return self._added(subject)
        except StudentError as first:
            try:
                return self._constructed(subject)
            except StudentError as second:
                raise second if first.method == "__init__" else first from None

    def _added(self, subject: Subject) -> Student:
        student = make(subject.obj, (), {}, ())
        for module in self.modules:
            student.call(("add", "append", "add_module", "addModule", "add_layer"), module)
        return student

    def _constructed(self, subject: Subject) -> Student:
        kinds = [p.kind for p in inspect.signature(subject.obj).parameters.values()]
        spread = inspect.Parameter.VAR_POSITIONAL in kinds
        return make(subject.obj, self.modules if spread else [list(self.modules)], {}, ())
