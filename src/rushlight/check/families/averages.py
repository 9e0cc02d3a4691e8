"""What a batch norm keeps from batch to batch, and what it does with it in evaluation."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np

from rushlight.arrays import Array
from rushlight.check import battery, compare
from rushlight.check.family import Case, Evidence, Scene
from rushlight.check.student import StudentError
from rushlight.check.subject import Pair, Subject

__all__ = ["statistics"]

NAMES = ("moving_mean", "moving_variance")
CAUSE = "batch_statistics_in_evaluation"
ROUNDS = 3


def statistics(subject: Subject, plain: Case, told: bool = False) -> Iterator[Evidence]:
    """Give what is wrong with the averages, after some batches, and with evaluation by them.

    Args:
        subject, plain: the layer and how it is made, the share in the averages left open.
        told: whether something is wrong in this case already: a crash says nothing more then.
    """
    for case in _with_share(subject, plain):
        try:
            pair = subject.pair(case)
        except StudentError:
            continue  # the battery has told it
        found = False
        for one in _one(pair, told):
            found = True
            yield one
        if found:
            return


def _with_share(subject: Subject, case: Case) -> Iterator[Case]:
    """Give the case with the share of the old average set, and as the default has it."""
    for option in ({"alpha": 0.8}, {"momentum": 0.3}):
        rest = {k: v for k, v in case.options.items() if k not in ("alpha", "momentum")}
        options = {**rest, **option}
        known = "alpha" if subject.dialect == "practical_dl" else "momentum"
        if known in option and subject.takes(options):
            yield replace(case, options=options)
    yield case


def _one(pair: Pair, told: bool) -> Iterator[Evidence]:
    yield from _start(pair)
    _set(pair, np.linspace(0.5, 2.0, pair.case.shape[1]))  # from 0, much would look alike
    try:
        for number in range(ROUNDS):
            wrong = yield from _batch(pair, number)
            if wrong:
                return
        yield from _evaluation(pair)
        yield from _small_variance(pair)
    except StudentError as error:
        if not told:
            yield Evidence("running_statistics", "", pair.last, error=error)


def _seen(pair: Pair, name: str) -> Any:
    """Return a copy of an average that the student's layer shows, or None."""
    known = next(f for f in pair.family.fields if f.name == name)
    value = pair.student.value(known)
    return None if value is None else np.array(value, np.float64)


def _start(pair: Pair) -> Iterator[Evidence]:
    """Averages that are there before the first batch are 0 and 1."""
    for name, right in zip(NAMES, (0.0, 1.0), strict=True):
        value = _seen(pair, name)
        if value is not None and value.size and np.any(value != right):
            scene = replace(pair.scene(pair.input()), want={}, got={})
            details = {"option": name, "value": f"{value.flat[0]:g}"}
            want = np.full(value.shape, right)
            yield Evidence(
                "running_statistics", name, scene, want, value, cause="wrong_constant",
                details=details,
            )  # fmt: skip


def _batch(pair: Pair, number: int) -> battery.Findings:
    """Train on a batch and compare the averages; returns whether they are wrong."""
    x = pair.input() + 0.5 * number
    before = {name: _seen(pair, name) for name in NAMES}
    scene = pair.scene(x)
    pair.student.forward(np.array(x))
    wrong = False
    for name in NAMES:
        got = _seen(pair, name)
        if got is None:  # it may be kept under another name, which evaluation will show
            pair.hidden[name] = scene.want[name]
            continue
        pair.subject.comparisons += 1
        right = [scene.want[name]]
        if before[name] is None:
            right += _other_starts(scene, name)
        scene.got[name] = got
        if not any(compare.close(got, want) for want in right):
            wrong = True
            scene.params.setdefault(name, np.full(right[0].shape, float(name != NAMES[0])))
            yield Evidence("running_statistics", name, scene, scene.want[name], got)
    return wrong


def _other_starts(scene: Scene, name: str) -> list[Any]:
    """Return what the first batch makes where nothing was before: from 0 and 1, or itself."""
    size = scene.x.shape[1]
    zero_one = {NAMES[0]: np.zeros(size), NAMES[1]: np.ones(size)}
    whole = {"alpha": 0.0} if scene.dialect == "practical_dl" else {"momentum": 1.0}
    started = scene.again(params={**scene.params, **zero_one})[name]
    return [started, scene.again(**whole)[name]]


# --- evaluation


def _evaluation(pair: Pair, batches: tuple[int, ...] = (0, 1)) -> Iterator[Evidence]:
    """Forward and backward by the averages, which stay what they are; then training again."""
    pair.student.train(False)
    for batch in batches:
        before = {name: _seen(pair, name) for name in NAMES}
        x = pair.input(batch or None) + 0.7
        scene = yield from battery.forward(pair, x, "evaluation_output", training=False)
        if scene is None:
            return
        for name in NAMES:
            now, old = _seen(pair, name), before[name]
            if now is not None and old is not None and not compare.close(now, old):
                yield Evidence(
                    "running_statistics", name, scene, old, now,
                    cause="running_statistics_not_updated", details={"method": "evaluate"},
                )  # fmt: skip
                return
        scene.case = replace(scene.case, wrong=CAUSE, crash=CAUSE)
        if not (yield from battery.backward(pair, scene, check="evaluation_gradient", fresh=True)):
            return
    pair.student.train(True)
    again = yield from battery.forward(pair, pair.input(), "modes")
    if again is not None:
        yield from battery.backward(pair, again, check="modes", fresh=True)


def _small_variance(pair: Pair) -> Iterator[Evidence]:
    """Averages of a small variance show where EPS stands in evaluation."""
    if _set(pair, np.geomspace(1e-4, 2.0, pair.case.shape[1])):
        yield from _evaluation(pair, (0,))


def _set(pair: Pair, variance: Array) -> bool:
    """Write averages into the student's layer, if it shows them; returns whether it does."""
    fields = [f for f in pair.family.fields if f.name in NAMES]
    if any(np.shape(pair.student.value(f)) != variance.shape for f in fields):
        return False
    for known, value in zip(fields, (np.linspace(-1.0, 1.0, len(variance)), variance), strict=True):
        pair.student.set(known, value)
    return True
