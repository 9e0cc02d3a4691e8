"""Courses of steps that an optimizer takes, beside the reference's."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from rushlight.arrays import Array
from rushlight.check.families.optimizer_classes import Driver, Returning, drive
from rushlight.check.kept import flatten
from rushlight.check.student import StudentError, guarded, home_of
from rushlight.check.subject import Subject

__all__ = [
    "EQUAL",
    "UNEQUAL",
    "Course",
    "driven",
    "new_course",
    "options_for",
    "right_steps",
    "run",
    "torch_steps",
    "tried",
]

CONFIGS = {
    "sgd_momentum": {"learning_rate": 0.13, "momentum": 0.7},
    "adam_optimizer": {"learning_rate": 0.13, "beta1": 0.8, "beta2": 0.95, "epsilon": 0.05},
}


STEPS = 5
EQUAL = ((3, 2), (3, 2), (3, 2))  # equal shapes do not crash where a state is shared
UNEQUAL = ((3, 4), (3,), (2, 3), (2,))
LAYERS = {3: (2, 1), 4: (2, 2)}  # parameters in each layer, where lists are nested


class Config(dict[str, float]):
    """A configuration that knows which of its options were read."""

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self.read: set[str] = set()

    def __getitem__(self, name: str) -> float:
        self.read.add(name)
        return super().__getitem__(name)

    def get(self, name: str, default: Any = None) -> Any:
        self.read.add(name)
        return super().get(name, default)

    def items(self) -> Any:
        self.read |= set(self)
        return super().items()

    def values(self) -> Any:
        self.read |= set(self)
        return super().values()

    def copy(self) -> dict[str, float]:
        self.read |= set(self)
        return super().copy()


@dataclass
class Course:
    """A course of steps: what was given and what came out.

    Args:
        start: the parameters before the first step.
        gradients: of each step.
        config: the options.
        nested: whether lists are nested.
        arrays: the parameters that the student's function was given.
        steps: copies of them after each step.
        error: what the function raised, and in which step.
        state: the student's state.
        touched: whether gradients were changed.
        replaced: whether other arrays were put into the lists.
    """

    start: list[Array]
    gradients: list[list[Array]]
    config: Config
    nested: bool
    arrays: list[Array] = field(default_factory=list)
    steps: list[list[Array]] = field(default_factory=list)
    error: StudentError | None = None
    state: dict[str, Any] = field(default_factory=dict)
    touched: bool = False
    replaced: bool = False

    @property
    def moved(self) -> bool:
        """Whether a step has changed an array that the function was given."""
        pairs = zip(self.arrays, self.start, strict=True)
        return any(not np.array_equal(a, b) for a, b in pairs)

    @property
    def places(self) -> list[tuple[int, int]]:
        """The layer of each parameter and its place in that."""
        if not self.nested:
            return [(0, place) for place in range(len(self.start))]
        counts = LAYERS[len(self.start)]
        return [(layer, place) for layer, count in enumerate(counts) for place in range(count)]


def _grouped(arrays: Sequence[Array], nested: bool) -> list[Any]:
    if not nested:
        return list(arrays)
    left = list(arrays)
    return [[left.pop(0) for _ in range(count)] for count in LAYERS[len(arrays)]]


def new_course(subject: Subject, shapes: Sequence[tuple[int, ...]], nested: bool) -> Course:
    source = subject.source.spawn(len(shapes))
    start = [source.normal(shape) for shape in shapes]
    gradients = [[source.normal(shape) for shape in shapes] for _ in range(STEPS)]
    return Course(start, gradients, Config(options_for(subject)), nested)


def options_for(subject: Subject) -> dict[str, float]:
    """Return the options; for a class those that it can be given."""
    wanted, step = CONFIGS[subject.family.name], driven(subject)
    return step.config(wanted) if isinstance(step, (Driver, Returning)) else wanted


def driven(subject: Subject) -> Any:
    """Return the step as a function of variables, gradients, config, state; None if it is none."""
    return drive(subject.obj, tuple(CONFIGS[subject.family.name]))


def run(subject: Subject, course: Course, state: dict[str, Any]) -> Course:
    """Let the student's function take the steps."""
    course.arrays = [np.array(w) for w in course.start]
    course.state = state
    lists = _grouped(course.arrays, course.nested)
    step = driven(subject)
    name, file = getattr(step, "__name__", ""), home_of(subject.obj)
    for gradients in course.gradients:
        given = [np.array(g) for g in gradients]
        try:
            with guarded(name, file):
                step(lists, _grouped(given, course.nested), course.config, state)
        except StudentError as error:
            course.error = error
        course.touched |= not all(map(np.array_equal, given, gradients))
        now = flatten(lists)
        course.replaced |= len(now) != len(course.arrays) or any(
            a is not b for a, b in zip(now, course.arrays, strict=True)
        )
        if course.error is not None:
            return course
        course.steps.append([np.array(w) for w in course.arrays])
    return course


def tried(subject: Subject, shapes: Sequence[tuple[int, ...]], nested: bool) -> Course:
    """Take the steps from an empty state, or from one with empty entries if that is asked for."""
    course = run(subject, new_course(subject, shapes, nested), {})
    if course.error is not None and isinstance(course.error.__cause__, KeyError):
        ready = {"accumulated_grads": {}, "m": {}, "v": {}, "t": 0}
        other = run(subject, new_course(subject, shapes, nested), ready)
        return course if other.error is not None else other
    return course


def right_steps(subject: Subject, course: Course) -> list[list[Array]]:
    """Return the parameters that the reference has after each step."""
    step = subject.family.reference(subject.dialect)
    arrays, state = [np.array(w) for w in course.start], {}  # type: ignore[var-annotated]
    steps = []
    for gradients in course.gradients:
        step(arrays, gradients, dict(course.config), state)
        steps.append([np.array(w) for w in arrays])
    return steps


def torch_steps(subject: Subject, course: Course) -> Iterator[list[list[Array]]]:
    """Give the steps of `rushlight.optim.Adam`, which adds epsilon to the corrected root."""
    if subject.family.name != "adam_optimizer":
        return
    from rushlight import optim
    from rushlight.tensor import Tensor

    config = dict(course.config)
    weights = [Tensor(np.array(w)) for w in course.start]
    optimizer = optim.Adam(
        weights, lr=config["learning_rate"], betas=(config["beta1"], config["beta2"]),
        eps=config["epsilon"],
    )  # fmt: skip
    steps = []
    for gradients in course.gradients:
        for w, g in zip(weights, gradients, strict=True):
            w.grad = Tensor(np.array(g))
        optimizer.step()
        steps.append([np.array(w.detach().numpy()) for w in weights])
    yield steps
