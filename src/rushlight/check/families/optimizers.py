"""Optimizers, functions or classes: sgd_momentum and adam, followed over several steps."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from rushlight import classic
from rushlight.arrays import Array
from rushlight.check import compare
from rushlight.check.families.courses import (
    EQUAL,
    UNEQUAL,
    Course,
    driven,
    new_course,
    options_for,
    right_steps,
    run,
    torch_steps,
    tried,
)
from rushlight.check.families.optimizer_classes import Driver
from rushlight.check.families.wrong_steps import ADAM, SGD, Rule
from rushlight.check.family import Case, Evidence, Family
from rushlight.check.student import StudentError, guarded, home_of
from rushlight.check.subject import Subject

__all__ = ["FAMILIES"]


def _first_wrong(got: list[list[Array]], want: list[list[Array]]) -> tuple[int, int] | None:
    """Return the first step and parameter that differ."""
    for step, (a, b) in enumerate(zip(got, want, strict=True)):
        for place, (x, y) in enumerate(zip(a, b, strict=True)):
            if not compare.close(x, y):
                return step, place
    return None


# --- the examination


def _examine(subject: Subject) -> Iterator[Evidence]:
    if driven(subject) is None:
        return
    nested = _best_layout(subject)
    if _misunderstood(subject, tried(subject, UNEQUAL, nested)):
        return
    for shapes in (EQUAL, UNEQUAL):
        found = False
        for one in _judged(subject, tried(subject, shapes, nested)):
            found = True
            yield one
        if found:
            return
    yield from _fresh_state(subject, nested)
    yield from _cleared(subject)


def _misunderstood(subject: Subject, course: Course) -> bool:
    """Tell whether it fails at once, as what is made for another kind of parameters does."""
    error = course.error.__cause__ if course.error is not None else None
    own = f"'{getattr(subject.obj, '__name__', '')}' object"
    at_once = not course.steps and isinstance(error, (AttributeError, TypeError))
    usual = driven(subject) is subject.obj
    return at_once and not usual and own not in str(error)


def _cleared(subject: Subject) -> Iterator[Evidence]:
    """A class's zero_grad clears the gradients."""
    driver = driven(subject)
    if not isinstance(driver, Driver):
        return
    course = run(subject, new_course(subject, UNEQUAL, False), {})
    if course.error is not None:
        return
    subject.comparisons += 1
    case = f"{subject.family.name}, zero_grad()"
    try:
        with guarded("zero_grad", home_of(subject.obj)):
            cleared = driver.cleared(course.state)
    except StudentError as error:
        yield Evidence("zeroing", "", error=error, case=case, details=error.said)
        return
    if not cleared:
        yield Evidence("zeroing", "", cause="not_zeroed", case=case)


def _best_layout(subject: Subject) -> bool:
    """Return whether lists are nested for this function: as it is right, else as it runs."""
    if getattr(driven(subject), "flat", False):
        return False
    return _rank(subject, True) >= _rank(subject, False)


def _rank(subject: Subject, nested: bool) -> list[bool]:
    courses = [tried(subject, shapes, nested) for shapes in (UNEQUAL, EQUAL)]
    ran = [course.error is None for course in courses]
    right = [one and _judge_all(subject, c) for one, c in zip(ran, courses, strict=True)]
    moved = [one and c.moved for one, c in zip(ran, courses, strict=True)]
    changed = [one and (m or c.replaced) for one, m, c in zip(ran, moved, courses, strict=True)]
    return [all(right), all(changed), *right, *moved, *ran]


def _judge_all(subject: Subject, course: Course) -> bool:
    return any(_first_wrong(course.steps, want) is None for want in _accepted(subject, course))


def _accepted(subject: Subject, course: Course) -> Iterator[list[list[Array]]]:
    """Give the right steps, and those that the other place of Adam's epsilon makes."""
    yield right_steps(subject, course)
    if subject.dialect == "torch_like":
        yield from torch_steps(subject, course)


def _judged(subject: Subject, course: Course) -> Iterator[Evidence]:
    case = _case(subject, course)
    subject.comparisons += len(course.steps)
    if course.error is not None:
        cause, details = _of_crash(subject, course)
        yield Evidence("steps", "", error=course.error, cause=cause, case=case, details=details)
        return
    changed = dict(course.config) != options_for(subject)
    if course.touched or changed:
        name = "config" if changed else "gradients"
        yield Evidence("input_unchanged", name, cause="input_modified", case=case)
        return
    if _judge_all(subject, course):
        return
    want = right_steps(subject, course)
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
    layer, place = course.places[index]
    return f"variables[{layer}][{place}]" if course.nested else f"variables[{place}]"


def _of_crash(subject: Subject, course: Course) -> tuple[str, dict[str, str]]:
    """Name what a crash comes of.

    A function that fails only where shapes differ shares its state among parameters; one that puts
    new arrays into the lists may stumble over them.
    """
    error = course.error
    assert error is not None
    if course.replaced and not course.moved:
        return "not_in_place", {}
    details = error.said
    shapes = isinstance(error.__cause__, ValueError) and "broadcast" in str(error)
    if shapes and course.arrays[0].shape != course.arrays[1].shape:
        return "state_not_kept", details
    return "crash", details


def _cause(subject: Subject, course: Course) -> tuple[str, dict[str, str]]:
    if not course.moved:
        return "not_in_place", {}
    config, places = dict(course.config), course.places
    with np.errstate(all="ignore"):
        for rule in RULES[subject.family.name]:
            for steps in rule.steps(course.start, course.gradients, config, places):
                if _first_wrong(course.steps, steps) is None:
                    return _named(rule.cause, course)
    unread = [name for name in course.config if name not in course.config.read]
    for want in (right_steps(subject, course), *torch_steps(subject, course)):
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


def _fresh_state(subject: Subject, nested: bool) -> Iterator[Evidence]:
    """A second course with a state of its own must not remember the first."""
    course = tried(subject, UNEQUAL, nested)
    if course.error is None and not _judge_all(subject, course):
        case = f"{_case(subject, course)}, a second time with an empty state"
        want = right_steps(subject, course)
        place = _first_wrong(course.steps, want)
        assert place is not None
        yield Evidence(
            "steps", "W", None, want[place[0]][place[1]], course.steps[place[0]][place[1]],
            cause="state_not_kept", case=case,
        )  # fmt: skip


RULES: dict[str, Sequence[Rule]] = {"sgd_momentum": SGD, "adam_optimizer": ADAM}


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
