"""Optimizers as functions: sgd_momentum and adam, followed over several steps."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from rushlight import classic
from rushlight.arrays import Array
from rushlight.check import compare
from rushlight.check.families.wrong_steps import ADAM, SGD, Rule
from rushlight.check.family import Case, Evidence, Family
from rushlight.check.kept import flatten
from rushlight.check.student import StudentError, guarded
from rushlight.check.subject import Subject

__all__ = ["FAMILIES"]

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


def _grouped(arrays: Sequence[Array], nested: bool) -> list[Any]:
    if not nested:
        return list(arrays)
    left = list(arrays)
    return [[left.pop(0) for _ in range(count)] for count in LAYERS[len(arrays)]]


def _course(subject: Subject, shapes: Sequence[tuple[int, ...]], nested: bool) -> Course:
    source = subject.source.spawn(len(shapes))
    start = [source.normal(shape) for shape in shapes]
    gradients = [[source.normal(shape) for shape in shapes] for _ in range(STEPS)]
    return Course(start, gradients, Config(CONFIGS[subject.family.name]), nested)


def _run(subject: Subject, course: Course, state: dict[str, Any]) -> Course:
    """Let the student's function take the steps."""
    course.arrays = [np.array(w) for w in course.start]
    course.state = state
    lists = _grouped(course.arrays, course.nested)
    home = getattr(inspect.unwrap(subject.obj), "__code__", None)
    file = home.co_filename if home is not None else ""
    name = getattr(subject.obj, "__name__", "")
    for gradients in course.gradients:
        given = [np.array(g) for g in gradients]
        try:
            with guarded(name, file):
                subject.obj(lists, _grouped(given, course.nested), course.config, state)
        except StudentError as error:
            course.error = error
            return course
        course.touched |= not all(map(np.array_equal, given, gradients))
        now = flatten(lists)
        course.replaced |= len(now) != len(course.arrays) or any(
            a is not b for a, b in zip(now, course.arrays, strict=True)
        )
        course.steps.append([np.array(w) for w in course.arrays])
    return course


def _tried(subject: Subject, shapes: Sequence[tuple[int, ...]], nested: bool) -> Course:
    """Take the steps from an empty state, or from one with empty entries if that is asked for."""
    course = _run(subject, _course(subject, shapes, nested), {})
    if course.error is not None and isinstance(course.error.__cause__, KeyError):
        ready = {"accumulated_grads": {}, "m": {}, "v": {}, "t": 0}
        other = _run(subject, _course(subject, shapes, nested), ready)
        return course if other.error is not None else other
    return course


def _right(subject: Subject, course: Course) -> list[list[Array]]:
    """Return the parameters that the reference has after each step."""
    step = subject.family.reference(subject.dialect)
    arrays, state = [np.array(w) for w in course.start], {}  # type: ignore[var-annotated]
    steps = []
    for gradients in course.gradients:
        step(arrays, gradients, dict(course.config), state)
        steps.append([np.array(w) for w in arrays])
    return steps


def _first_wrong(got: list[list[Array]], want: list[list[Array]]) -> tuple[int, int] | None:
    """Return the first step and parameter that differ."""
    for step, (a, b) in enumerate(zip(got, want, strict=True)):
        for place, (x, y) in enumerate(zip(a, b, strict=True)):
            if not compare.close(x, y):
                return step, place
    return None


# --- the examination


def _examine(subject: Subject) -> Iterator[Evidence]:
    if not inspect.isroutine(subject.obj):
        return
    nested = _best_layout(subject)
    for shapes in (EQUAL, UNEQUAL):
        found = False
        for one in _judged(subject, _tried(subject, shapes, nested)):
            found = True
            yield one
        if found:
            return
    yield from _fresh_state(subject, nested)


def _best_layout(subject: Subject) -> bool:
    """Return whether lists are nested for this function: as it is right, else as it runs."""
    return _rank(subject, True) >= _rank(subject, False)


def _rank(subject: Subject, nested: bool) -> list[bool]:
    courses = [_tried(subject, shapes, nested) for shapes in (UNEQUAL, EQUAL)]
    ran = [course.error is None for course in courses]
    right = [one and _judge_all(subject, c) for one, c in zip(ran, courses, strict=True)]
    return [*right, *(one and _moved(c) for one, c in zip(ran, courses, strict=True)), *ran]


def _judge_all(subject: Subject, course: Course) -> bool:
    return any(_first_wrong(course.steps, want) is None for want in _accepted(subject, course))


def _accepted(subject: Subject, course: Course) -> Iterator[list[list[Array]]]:
    """Give the right steps, and those that the other place of Adam's epsilon makes."""
    yield _right(subject, course)
    if subject.dialect == "torch_like":
        yield from _torch_steps(subject, course)


def _torch_steps(subject: Subject, course: Course) -> Iterator[list[list[Array]]]:
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


def _moved(course: Course) -> bool:
    return any(not np.array_equal(a, b) for a, b in zip(course.arrays, course.start, strict=True))


def _judged(subject: Subject, course: Course) -> Iterator[Evidence]:
    case = _case(subject, course)
    subject.comparisons += len(course.steps)
    if course.error is not None:
        cause, details = _of_crash(subject, course)
        yield Evidence("steps", "", error=course.error, cause=cause, case=case, details=details)
        return
    changed = dict(course.config) != CONFIGS[subject.family.name]
    if course.touched or changed:
        name = "config" if changed else "gradients"
        yield Evidence("input_unchanged", name, cause="input_modified", case=case)
        return
    if _judge_all(subject, course):
        return
    want = _right(subject, course)
    place = _first_wrong(course.steps, want)
    assert place is not None
    step, index = place
    cause, more = _cause(subject, course)
    said = {"name": _name(course, index), "numbers": str(step + 1), **more}
    convention = cause == "dialect_convention"
    yield Evidence(
        "steps", "W", None, want[step][index], course.steps[step][index], cause=cause,
        severity="note" if convention else "defect", details=said, case=case,
    )  # fmt: skip


def _case(subject: Subject, course: Course) -> str:
    kind = "lists of lists" if course.nested else "lists"
    return f"{subject.family.name}, {kind} of {len(course.start)} arrays"


def _name(course: Course, index: int) -> str:
    if not course.nested:
        return f"variables[{index}]"
    layer = 0
    for count in LAYERS[len(course.start)]:
        if index < count:
            break
        layer, index = layer + 1, index - count
    return f"variables[{layer}][{index}]"


def _of_crash(subject: Subject, course: Course) -> tuple[str, dict[str, str]]:
    """A function that fails only where shapes differ shares its state among parameters."""
    error = course.error
    assert error is not None
    said = {"error": str(error), "line": error.line, "method": error.method}
    details = {key: value for key, value in said.items() if value}
    shapes = isinstance(error.__cause__, ValueError) and "broadcast" in str(error)
    if shapes and course.arrays[0].shape != course.arrays[1].shape:
        return "state_not_kept", details
    return "crash", details


def _cause(subject: Subject, course: Course) -> tuple[str, dict[str, str]]:
    if not _moved(course):
        return "not_in_place", {}
    config, places = dict(course.config), _places(course)
    with np.errstate(all="ignore"):
        for rule in RULES[subject.family.name]:
            for steps in rule.steps(course.start, course.gradients, config, places):
                if _first_wrong(course.steps, steps) is None:
                    return _named(rule.cause, course)
    unread = [name for name in course.config if name not in course.config.read]
    for want in (_right(subject, course), *_torch_steps(subject, course)):
        cause = _of_rates(_rates(course, want))
        if cause and "learning_rate" not in unread:
            return cause, {}
    return _ignored(course, unread[0]) if unread else ("unexplained", {})


def _rates(course: Course, want: list[list[Array]]) -> list[float]:
    """Return how many times the right change each step made; [] if it was another change."""
    rates = []
    for got, right in zip(_changes(course.start, course.steps), _changes(course.start, want),
                          strict=True):  # fmt: skip
        if not np.isfinite(got).all():
            return []
        rate = float(np.dot(got, right) / np.dot(right, right))
        if not np.allclose(got, rate * right, rtol=1e-5, atol=1e-7):
            return []
        rates.append(rate)
    return rates


def _changes(start: list[Array], steps: list[list[Array]]) -> Iterator[Array]:
    before = start
    for after in steps:
        yield np.concatenate([(b - a).ravel() for a, b in zip(before, after, strict=True)])
        before = after


def _of_rates(rates: list[float]) -> str:
    """Name a learning rate that is off: the same in all steps, or with the number of steps."""
    if not rates:
        return ""
    if not np.allclose(rates, rates[0], rtol=1e-5):
        return "bias_correction"
    known = {-1.0: "sign", 2.0: "factor_two", 0.5: "factor_two", 0.0: "missing_gradient"}
    return known.get(round(rates[0], 5), "factor")


def _ignored(course: Course, name: str) -> tuple[str, dict[str, str]]:
    return "option_ignored", {"option": name, "value": f"{dict(course.config)[name]:g}"}


def _named(cause: str, course: Course) -> tuple[str, dict[str, str]]:
    """A momentum that was never read is an option ignored, not a state that is lost."""
    lost = cause == "state_not_kept" and "momentum" in course.config
    if lost and "momentum" not in course.config.read:
        return _ignored(course, "momentum")
    return cause, {}


def _places(course: Course) -> list[tuple[int, int]]:
    """Return the layer of each parameter and its place in that."""
    if not course.nested:
        return [(0, place) for place in range(len(course.start))]
    counts = LAYERS[len(course.start)]
    return [(layer, place) for layer, count in enumerate(counts) for place in range(count)]


def _fresh_state(subject: Subject, nested: bool) -> Iterator[Evidence]:
    """A second course with a state of its own must not remember the first."""
    course = _tried(subject, UNEQUAL, nested)
    if course.error is None and not _judge_all(subject, course):
        case = f"{_case(subject, course)}, a second time with an empty state"
        want = _right(subject, course)
        place = _first_wrong(course.steps, want)
        assert place is not None
        yield Evidence(
            "steps", "W", None, want[place[0]][place[1]], course.steps[place[0]][place[1]],
            cause="state_not_kept", case=case,
        )  # fmt: skip


RULES: dict[str, Sequence[Rule]] = {"sgd_momentum": SGD, "adam_optimizer": ADAM}
CONFIGS = {
    "sgd_momentum": {"learning_rate": 0.13, "momentum": 0.7},
    "adam_optimizer": {"learning_rate": 0.13, "beta1": 0.8, "beta2": 0.95, "epsilon": 0.05},
}


def _sgd(dialect: str, **options: Any) -> Callable[..., Any]:
    return classic.sgd_momentum


def _adam(dialect: str, **options: Any) -> Callable[..., Any]:
    return classic.adam_optimizer


FAMILIES = (
    Family(
        name="sgd_momentum",
        others=("sgd", "momentum_sgd", "sgd_with_momentum", "momentum", "sgd_optimizer"),
        reference=_sgd,
        cases=(Case({}, (3, 4)),),
        examine=_examine,
        dialect=lambda subject: "practical_dl",
        torch_names=("SGD", "sgd_momentum"),
    ),
    Family(
        name="adam_optimizer",
        others=("adam", "adam_step", "adam_update"),
        reference=_adam,
        cases=(Case({}, (3, 4)),),
        examine=_examine,
        torch_names=("Adam", "AdamW", "adam_optimizer"),
    ),
)
