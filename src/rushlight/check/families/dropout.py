"""Dropout: its mask is random, so what it does is read off the elements that it keeps."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from rushlight import classic
from rushlight.arrays import Array
from rushlight.check import compare
from rushlight.check.battery import Findings
from rushlight.check.family import Argument, Case, Evidence, Family, Scene
from rushlight.check.signature import defaults, plain
from rushlight.check.student import Student, StudentError
from rushlight.check.subject import Subject

__all__ = ["FAMILIES"]

SHAPE = (211, 160)  # so many elements that a rate is known to a hundredth
KEPT = ("keepprob", "keepprobability", "keeprate", "keepp", "pkeep", "keep", "probkeep", "retain",
        "retainprob", "keepratio")  # fmt: skip
SIGMAS = 7.0  # a right rate strays as far once in 4e11 draws
SEED = 20011
DRAWS = 40  # one draw for all elements keeps them all so often in a row once in a million


@contextmanager
def _seeded() -> Iterator[None]:
    """Run with the random numbers that students draw from seeded; then they are as before."""
    before = np.random.get_state()  # noqa: NPY002
    np.random.seed(SEED)  # noqa: NPY002
    try:
        yield
    finally:
        np.random.set_state(before)  # noqa: NPY002


@dataclass
class Play:
    """A student's layer between two calls.

    Args:
        subject, student, case: the layer and how it was made.
        p: the probability to drop that it should have.
    """

    subject: Subject
    student: Student
    case: Case
    p: float

    def input(self, shape: tuple[int, ...]) -> Array:
        """Return an input or cotangent without zeros."""
        return self.subject.source.uniform(shape, 1.0, 2.0)

    @property
    def given(self) -> dict[str, str]:
        """The rate as the constructor was given it, for the texts."""
        name, value = next(iter(self.case.options.items()), ("p", self.p))
        return {"option": name, "value": f"{value:g}"}

    def scene(self, x: Array, training: bool = True) -> Scene:
        """Return the circumstances of a call, for the report."""
        self.subject.comparisons += 1
        return Scene(
            self.subject.family, self.subject.dialect, self.case, x, x, {}, training=training
        )


def _examine(subject: Subject) -> Iterator[Evidence]:
    with _seeded():
        for case in _cases(subject):
            found = False
            for one in _one_case(subject, case):
                found = True
                yield one
            if found:
                return


def _cases(subject: Subject) -> list[Case]:
    """Return the cases of p, or of 1 - p for a constructor that is given what to keep."""
    if not {plain(name) for name in subject.signature} & set(KEPT):
        return subject.cases()
    own = defaults(subject.obj, DROPOUT.arguments).get("keep_prob", 0.5)
    kept = [1.0 - case.options["p"] if case.options else own for case in DROPOUT.cases]
    return [
        replace(case, options={"keep_prob": share})
        for case, share in zip(DROPOUT.cases, kept, strict=True)
        if isinstance(share, float) and 0.0 < share < 1.0 and subject.takes({"keep_prob": share})
    ]


def _one_case(subject: Subject, case: Case) -> Iterator[Evidence]:
    scene = Scene(subject.family, subject.dialect, case, np.empty(case.shape), np.empty(0), {})
    try:
        student = subject.student(case)
    except StudentError as error:
        cause = "raises_in_constructor"
        yield Evidence("construction", "", scene, error=error, cause=cause, details=error.said)
        return
    options = {"p": 0.5, **case.options}
    play = Play(subject, student, case, 1.0 - options.get("keep_prob", 1.0 - options["p"]))
    x = play.input(case.shape)
    y = yield from _call(play, x)
    if y is not None:
        right = yield from _training(play, x, y)
        if right:
            yield from _backward(play, x, y)
            yield from _fresh(play, x, y)
    yield from _evaluation(play, case.shape)
    if y is not None and case.shape == SHAPE:
        yield from _again(play)


def _call(play: Play, x: Array, check: str = "output", training: bool = True) -> Findings:
    """Call forward; gives evidence and returns None if that is no use."""
    scene, given = play.scene(x, training), np.array(x)
    try:
        y = play.student.forward(given)
    except StudentError as error:
        yield Evidence(check, "output", scene, error=error)
        return None
    if not np.array_equal(given, x):
        yield Evidence("input_unchanged", "input", scene, x, given, cause="input_modified")
        return None
    array = compare.as_array(y)
    if array is None or array.shape != x.shape:
        yield Evidence(check, "output", scene, x, y, cause="" if y is None else "wrong_shape")
        return None
    if y.dtype != x.dtype:
        details = {"dtype": str(y.dtype), "right_dtype": str(x.dtype)}
        yield Evidence(
            "dtype", "output", scene, cause="dtype_changed", severity="note", details=details
        )
    return np.array(array)


# --- training


def _training(play: Play, x: Array, y: Array) -> Findings:
    """Judge the mask and the scale of a training forward; returns whether all is right."""
    kept = y != 0.0
    scale = 1.0 / (1.0 - play.p)
    scene = play.scene(x)
    wanted = x * kept * scale
    dropped = 1.0 - float(kept.mean())
    numbers = {"rate": f"{dropped:.3g}", "p": f"{play.p:g}"}
    if kept.all():
        cause, more = _of_nothing_dropped(play, x, y)
        yield Evidence("mask", "output", scene, _example(play, x), y, cause=cause, details=more)
        return False
    if _shared(kept):
        yield Evidence("mask", "mask", scene, cause="mask_shape", details=_shape_of(kept))
        return False
    if abs(dropped - play.p) > _spread(play.p, kept.size):
        cause, more = _of_rate(play, dropped, kept.size)
        yield Evidence("mask", "output", scene, cause=cause, details={**numbers, **more})
        return False
    if not compare.close(y, wanted):
        factor = float(np.median(y[kept] / x[kept]))
        same = compare.close(y, x * kept * factor)
        details = {**numbers, "factor": f"{factor:.6g}"} if same else numbers
        cause = "not_rescaled" if same else "local_derivative"
        yield Evidence("output", "output", scene, wanted, y, cause=cause, details=details)
        return False
    return True


def _example(play: Play, x: Array) -> Array:
    """Return an output that would be right."""
    layer = classic.torch_like.Dropout(play.p)
    return np.asarray(layer.forward(x))


def _spread(p: float, size: int) -> float:
    return SIGMAS * float(np.sqrt(max(p * (1.0 - p), 0.01) / size))


def _of_rate(play: Play, dropped: float, size: int) -> tuple[str, dict[str, str]]:
    """Say why another part than p is dropped."""
    if abs(dropped - (1.0 - play.p)) <= _spread(play.p, size):
        return "rate_swapped", play.given if "keep_prob" in play.case.options else {}
    if not play.case.options:
        return "wrong_constant", {"option": "p", "value": f"{dropped:.2g}"}
    return "option_ignored", play.given


def _of_nothing_dropped(play: Play, x: Array, y: Array) -> tuple[str, dict[str, str]]:
    """Say why training mode keeps everything: one draw for all, modes exchanged, or no mask."""
    try:
        for _ in range(DRAWS):
            other = compare.as_array(play.student.forward(np.array(x)))
            if other is not None and not other.any():
                return "mask_shape", {"wrong_shape": "()", "right_shape": str(x.shape)}
        play.student.train(False)
        other = compare.as_array(play.student.forward(np.array(x)))
        play.student.train(True)
    except StudentError:
        other = None
    if other is not None and other.shape == x.shape and (other == 0.0).any():
        return "not_identity_in_evaluation", {}
    return "option_ignored", play.given


def _shared(kept: Array) -> bool:
    """Tell whether whole samples or whole channels are dropped together."""
    flat = kept.reshape(len(kept), -1)
    return bool((flat == flat[:1]).all() or (flat == flat[:, :1]).all())


def _shape_of(kept: Array) -> dict[str, str]:
    flat = kept.reshape(len(kept), -1)
    per_channel = bool((flat == flat[:1]).all())
    shape = kept.shape[1:] if per_channel else kept.shape[:1]
    return {
        "axis": "0" if per_channel else "1",
        "wrong_shape": str(shape),
        "right_shape": str(kept.shape),
    }


def _backward(play: Play, x: Array, y: Array) -> Iterator[Evidence]:
    """The gradient must have passed the mask and the scale of the forward before."""
    scene, g = play.scene(x), play.input(x.shape)
    given, handed = np.array(x), np.array(g)
    try:
        result = play.student.backward(given, handed)
    except StudentError as error:
        yield Evidence("input_gradient", "gradInput", scene, error=error)
        return
    wanted = g * (y / x)
    if not compare.close(result, wanted):
        cause = _of_gradient(play, result, g, y, wanted)
        yield Evidence("input_gradient", "gradInput", scene, wanted, result, cause=cause)
    elif not (np.array_equal(given, x) and np.array_equal(handed, g)):
        changed = "input" if np.array_equal(handed, g) else "gradOutput"
        yield Evidence("input_unchanged", changed, scene, cause="input_modified")


def _of_gradient(play: Play, result: Any, g: Array, y: Array, wanted: Array) -> str:
    got = compare.as_array(result)
    if got is None or got.shape != wanted.shape:
        return "" if got is None else "wrong_shape"
    kept = y != 0.0
    if not np.array_equal(got != 0.0, kept):
        return "missing_gradient" if not got.any() else "mask_not_shared"
    factor = float(np.median(got[kept] / wanted[kept]))
    if compare.close(got, -wanted):
        return "sign"
    if compare.close(got, factor * wanted):
        return "not_rescaled"
    scale = 1.0 / (1.0 - play.p)
    return "upstream_ignored" if compare.close(got, kept * scale) else "local_derivative"


def _fresh(play: Play, x: Array, y: Array) -> Iterator[Evidence]:
    """The next call must draw another mask, and must not write into the last result."""
    second = yield from _call(play, x, "mask")
    if second is None:
        return
    if np.array_equal(second != 0.0, y != 0.0):
        yield Evidence("mask", "mask", play.scene(x), cause="mask_not_fresh")
        return
    yield from _backward(play, x, second)


# --- evaluation, and what comes after


def _evaluation(play: Play, shape: tuple[int, ...]) -> Iterator[Evidence]:
    """Without training, forward and backward hand on what they are given."""
    cause = "not_identity_in_evaluation"
    try:
        play.student.train(False)
    except StudentError as error:
        yield Evidence("modes", "", play.scene(play.input(shape)), error=error)
        return
    for size in (shape, (3, *shape[1:])):
        x, g = play.input(size), play.input(size)
        scene = play.scene(x, training=False)
        y = yield from _call(play, x, "evaluation_output", training=False)
        if y is None:
            return
        if not compare.close(y, x):
            yield Evidence("evaluation_output", "output", scene, x, y, cause=cause)
            return
        try:
            result = play.student.backward(np.array(x), np.array(g))
        except StudentError as error:
            said = error.said
            yield Evidence(
                "evaluation_gradient", "gradInput", scene, error=error, cause=cause, details=said
            )
            return
        if not compare.close(result, g):
            known = cause if compare.as_array(result) is not None else ""
            yield Evidence("evaluation_gradient", "gradInput", scene, g, result, cause=known)
            return


def _again(play: Play) -> Iterator[Evidence]:
    """Back in training mode it drops again, for one sample and for images, too."""
    try:
        play.student.train(True)
    except StudentError as error:
        yield Evidence("modes", "", play.scene(play.input(SHAPE)), error=error)
        return
    for shape, check in (((1, 1600), "batch_of_one"), ((7, 5, 9, 8), "output")):
        x = play.input(shape)
        y = yield from _call(play, x, check)
        if y is None:
            return
        kept = y != 0.0
        if kept.all():
            yield Evidence("modes", "output", play.scene(x), cause="mode_not_propagated")
            return
        if len(kept) > 1 and (kept == kept.any(axis=(2, 3), keepdims=True)).all():
            yield Evidence("mask", "mask", play.scene(x), cause="mask_shape", details=_planes(kept))
            return
        yield from _backward(play, x, y)


def _planes(kept: Array) -> dict[str, str]:
    return {"axis": "2, 3", "wrong_shape": str(kept.shape[:2]), "right_shape": str(kept.shape)}


def _reference(dialect: str, **options: Any) -> Any:
    if "keep_prob" in options:
        options = {"p": 1.0 - options["keep_prob"]}
    return getattr(classic, dialect).Dropout(**options)


DROPOUT = Family(
    name="Dropout",
    others=("DropoutLayer", "InvertedDropout"),
    reference=_reference,
    arguments=(
        Argument(
            "p",
            ("rate", "drop_prob", "dropout_rate", "drop_rate", "prob", "probability", "p_drop",
             "drop_probability", "dropout", "dropout_p", "dropout_prob", "drop"),
            required=True,
        ),
        Argument("keep_prob", KEPT),
    ),
    cases=(
        Case({"p": 0.3}, SHAPE),
        Case({"p": 0.8}, SHAPE),
        Case({}, SHAPE),
    ),
    examine=_examine,
    dialect=lambda subject: "torch_like",
    torch_names=("Dropout", "dropout", "Dropout1d", "Dropout2d"),
    random=True,
)  # fmt: skip
FAMILIES = (DROPOUT,)
