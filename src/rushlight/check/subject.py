"""A student's layer and its reference, made alike: the pair that the battery plays on."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from rushlight.arrays import Array
from rushlight.check.family import Case, Dialect, Family, Field, Scene
from rushlight.check.signature import bind, defaults, plain
from rushlight.check.source import Source
from rushlight.check.student import Student, StudentError, explicit, make
from rushlight.random import Generator

__all__ = ["Pair", "Subject"]


@dataclass
class Subject:
    """What is being checked.

    Args:
        obj: the student's class or function.
        family: the kind of layer that it is taken for.
        dialect: the dialect that it is compared with.
        demanded: whether the user named the dialect: then it must be kept to the letter.
        comparisons: how many were made so far.
        source: of the random inputs and parameters.
        axes: in which order the student keeps the axes of a parameter, where it is not the usual.
    """

    obj: Any
    family: Family
    dialect: Dialect
    demanded: bool = False
    comparisons: int = 0
    source: Generator = field(default_factory=lambda: Generator(7))
    axes: dict[str, tuple[int, ...]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.code = Source(self.obj)

    @property
    def signature(self) -> set[str]:
        """The names of the constructor's arguments."""
        try:
            return set(inspect.signature(self.obj).parameters)
        except (TypeError, ValueError):
            return set()

    def takes(self, options: Mapping[str, Any]) -> bool:
        """Tell whether the student's constructor has these options."""
        bound = bind(self.obj, self.family.arguments, options)
        if bound is None:
            return False
        hidden = set(bound[1]) - self.signature  # they go into **kwargs: are they looked for?
        return all(self.code.mentions(name) for name in hidden & set(options))

    def default(self, name: str) -> Any:
        """Return the default of a constructor's argument, or None."""
        try:
            found = inspect.signature(self.obj).parameters.get(name)
        except (TypeError, ValueError):
            return None
        return None if found is None or found.default is found.empty else found.default

    def cases(self) -> list[Case]:
        """Return the family's cases that hold for the dialect and the student's constructor."""
        by_hand = explicit(self.obj) or self.code.applies()
        mine = (c for c in self.family.cases if by_hand or not c.by_hand)
        suited = [self.complete(c) for c in mine if self.dialect in c.dialects]
        return [c for c in suited if c is not None and self.takes(c.options)]

    def complete(self, case: Case) -> Case | None:
        """State the options whose defaults the student chose otherwise; None if that cannot be."""
        own = defaults(self.obj, self.family.arguments)
        options = dict(case.options)
        for argument in self.family.arguments:
            name = argument.name
            if name not in own:
                continue
            if name in options and not argument.fits(options, own[name]):
                return None
            stated = argument.state(case.options, own[name])
            if name not in options and stated is not None:
                options[name] = stated
        return replace(case, options=options)

    def refuses(self, case: Case, error: StudentError) -> bool:
        """Tell whether the student's layer does not claim a case, and may do so."""
        required = case.documented and self.demanded
        return case.optional and error.refusal and not required

    def student(self, case: Case) -> Student:
        """Construct the student's layer as the case wants it; raises StudentError."""
        args, kwargs = bind(self.obj, self.family.arguments, case.options)
        made = make(self.obj, args, kwargs, self.family.fields)
        made.axes = self.axes
        return made

    def pair(self, case: Case) -> Pair:
        """Construct both layers with equal random parameters; raises StudentError."""
        return Pair(self, case)


class Pair:
    """A student's layer, and scenes of it beside the reference.

    Args:
        subject: whose layer.
        case: how it is made.
    """

    def __init__(self, subject: Subject, case: Case) -> None:
        self.subject, self.case, self.family = subject, case, subject.family
        self.student = subject.student(case)
        given, own = set(map(plain, case.options)), self.family.adapt(self.student.layer)
        self.constants = {name: value for name, value in own.items() if plain(name) not in given}
        self.last: Scene | None = None
        self.hidden: dict[str, Array] = {}  # statistics that the student's layer does not show
        right = self._reference(None)
        for known in self.family.fields:
            value = getattr(right, known.name, None)
            shape = known.shape if value is None else np.shape(value)
            if shape is not None:
                self.student.shapes[known.name] = shape
        self._warm_up()
        self.misshapen: dict[str, str] = {}
        for known in self.family.fields:
            if known.gradient and self.student.value(known) is not None:
                self._randomize(known)

    def _randomize(self, known: Field) -> None:
        """Give the student's parameter new random values, if it has the shape for it."""
        own = np.shape(self.student.value(known))
        shape = self.student.shapes.get(known.name, own)  # a bias despite bias=False has its own
        cause = "" if own == shape else "wrong_shape"
        exact = known.exact and self.student.usual
        if exact and np.shape(self.student.parameter(known)) == shape[::-1] != shape:
            own, cause = shape[::-1], "transposed"
        if not cause:
            self.student.set(known, self.subject.source.normal(shape))
        elif not self.misshapen:
            shapes = {"wrong_shape": str(own), "right_shape": str(shape)}
            self.misshapen = {"name": known.name, "cause": cause, **shapes}

    def _reference(self, scene: Scene | None) -> Any:
        options = (scene.case if scene is not None else self.case).options
        dialect = self.subject.dialect if scene is None else scene.dialect
        layer = self.family.reference(dialect, **options)
        for name, value in self.constants.items():
            setattr(layer, name, value)
        return layer

    def _warm_up(self) -> None:
        """Let a layer that makes its parameters at the first input make them."""
        missing = [f for f in self.family.fields if f.gradient and f.required]
        if any(f.name in self.student.shapes and self.student.value(f) is None for f in missing):
            self.student.forward(self.input())

    def missing(self) -> str:
        """Return the name of a required array that the student's layer does not keep, or ""."""
        for known in self.family.fields:
            wanted = known.gradient and known.required and known.name in self.student.shapes
            if wanted and self.student.value(known) is None:
                return known.name
        return ""

    def input(self, batch: int | None = None) -> Array:
        """Return a new input of the case, with another batch if wanted."""
        shape = self.case.shape if batch is None else (batch, *self.case.shape[1:])
        return self.case.inputs(self.subject.source, shape)

    def scene(
        self, x: Array, *, training: bool = True, base: dict[str, Array] | None = None
    ) -> Scene:
        """Return the circumstances of a call that is about to be made.

        Args:
            x: the input.
            training: the mode.
            base: what the gradient arrays hold, if they were not zeroed.
        """
        params = dict(self.hidden)
        for known in self.family.fields:
            value = self.student.value(known)
            shape = self.student.shapes.get(known.name, np.shape(value))
            if value is not None and value.dtype.kind == "f" and value.shape == shape:
                params[known.name] = np.array(value, np.float64)
        scene = Scene(self.family, self.subject.dialect, self.case, x, x, params, training)
        scene.made, scene.base, scene.earlier = self._reference, base or {}, self.last
        self.last = scene
        reference = scene.reference()
        output = reference.forward(x)
        scene.g = self.subject.source.normal(np.shape(output))
        scene.want = scene.finish(reference, output)
        return scene

    def trains(self, known: Field) -> bool:
        """Tell whether a field is a parameter, which this layer has."""
        return bool(known.gradient) and self.student.parameter(known) is not None

    def gradients(self) -> dict[str, Array | None]:
        """Return copies of the student's parameter gradients by the reference's names."""
        found: dict[str, Array | None] = {}
        for known in self.family.fields:
            if self.trains(known):
                value = self.student.value(known, gradient=True)
                found[known.gradient] = None if value is None else np.array(value)
        return found
