"""What every layer is put through, case by case."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from contextlib import suppress
from typing import Any

import numpy as np

from rushlight.check import compare
from rushlight.check.family import Case, Evidence, Scene
from rushlight.check.kept import content, flatten, own_slope
from rushlight.check.signature import swapped
from rushlight.check.student import StudentError, TensorStudent, explicit
from rushlight.check.subject import Pair, Subject

__all__ = ["examine"]

Findings = Generator[Evidence, None, Any]


def examine(subject: Subject) -> Iterator[Evidence]:
    """Give what is wrong with a layer, the plainest case first."""
    yield from _borrowed(subject)
    if subject.family.examine is not None:
        yield from subject.family.examine(subject)
        return
    turned = list(_turned(subject))
    if turned:  # all that follows would be wrong for this alone
        yield from turned
        return
    for case in subject.cases():
        yield from one_case(subject, case)
    for extra in subject.family.extras:
        yield from extra(subject)


def _borrowed(subject: Subject) -> Iterator[Evidence]:
    by_hand = explicit(subject.obj)
    names = (*subject.family.torch_names, *(("Conv2d", "Linear", "autograd") if by_hand else ()))
    used = subject.code.uses(names, ("torch", "rushlight", "tensorflow", "jax", "sklearn"))
    if used:
        yield Evidence("source", "", cause="delegated", details=used)


def _turned(subject: Subject) -> Iterator[Evidence]:
    """Backward passes that take the gradient first, where callers hand the input first."""
    for name in ("backward", "updateGradInput", "accGradParameters"):
        method = getattr(subject.obj, name, None)
        if method is not None and swapped(method):
            yield Evidence("source", "gradInput", cause="argument_order", details={"method": name})
            return


def one_case(subject: Subject, case: Case) -> Iterator[Evidence]:
    """Give what is wrong in one case: a forward, a backward, and what comes of calling again."""
    try:
        pair = subject.pair(case)
    except StudentError as error:
        if subject.refuses(case, error):
            return
        scene = Scene(subject.family, subject.dialect, case, np.empty(case.shape), np.empty(0), {})
        plain = case.if_it_raises("") == "crash" and not case.optional
        cause = "raises_in_constructor" if plain and error.method == "__init__" else ""
        yield Evidence("construction", "", scene, error=error, cause=cause, details=error.said)
        return
    missing = pair.missing()
    if missing:
        yield Evidence("construction", missing, cause="missing_method", details={"name": missing})
        return
    if pair.misshapen:
        wrong = dict(pair.misshapen)
        cause = wrong.pop("cause")
        yield Evidence("construction", wrong["name"], cause=cause, details=wrong)
        return
    first = yield from forward(pair, pair.input(), case.check)
    if first is None or not case.gradients:
        return
    special = "" if case.check == "output" else case.check
    if not (yield from backward(pair, first, check=special, fresh=True)):
        return
    if case.check != "output":
        return
    if "repeated" not in case.without:
        yield from _second_round(pair, first)
    for name, part in ROUNDS.items():
        if name not in case.without:
            yield from part(pair)


def forward(
    pair: Pair,
    x: Any,
    check: str = "output",
    *,
    training: bool = True,
    base: dict[str, Any] | None = None,
) -> Findings:
    """Call forward and compare; returns the scene, or None if something was wrong."""
    scene = pair.scene(x, training=training, base=base)
    given = np.array(x)
    try:
        scene.got["output"] = pair.student.forward(given)
    except StudentError as error:
        if not pair.subject.refuses(pair.case, error):
            yield Evidence(check, "output", scene, error=error)
        return None
    pair.subject.comparisons += 2
    if not compare.close(scene.got["output"], scene.want["output"]):
        yield Evidence(check, "output", scene, scene.want["output"], scene.got["output"])
        return None
    if not np.array_equal(given, x):
        yield Evidence("input_unchanged", "input", scene, x, given, cause="input_modified")
        return None
    scene.given = given
    return scene


def backward(
    pair: Pair,
    scene: Scene,
    *,
    check: str = "",
    fresh: bool = False,
    compare_parameters: bool = True,
) -> Findings:
    """Call backward and compare; returns whether all was right.

    Args:
        pair, scene: the layer and the forward that was called.
        check: what a wrong gradient is called; default: by its kind.
        fresh: zero the gradients before.
        compare_parameters: whether the parameters' gradients are looked at.
    """
    if fresh:
        with suppress(StudentError):  # there may be nothing yet; after a backward it counts
            pair.student.zero()
            if (yield from _left(pair, scene)):
                return False
    given, g = scene.given, np.array(scene.g)
    try:
        scene.got["gradInput"] = pair.student.backward(given, g)
    except StudentError as error:
        tensor = _broken_off(error, scene)
        kind = "input_gradient" if tensor == "gradInput" else "parameter_gradient"
        yield Evidence(check or kind, tensor, scene, error=error)
        return False
    right = True
    for name, value in {"gradInput": scene.got["gradInput"], **pair.gradients()}.items():
        if name not in scene.want or (name != "gradInput" and not compare_parameters):
            continue
        scene.got[name] = value
        pair.subject.comparisons += 1
        if not compare.close(value, scene.want[name]):
            right = False
            kind = "input_gradient" if name == "gradInput" else "parameter_gradient"
            yield Evidence(check or kind, name, scene, scene.want[name], value)
    if not np.array_equal(g, scene.g) or not np.array_equal(given, scene.x):
        right = False
        changed = "gradOutput" if not np.array_equal(g, scene.g) else "input"
        yield Evidence("input_unchanged", changed, scene, cause="input_modified")
    return right


def _broken_off(error: StudentError, scene: Scene) -> str:
    """Return which gradient was being made when backward raised."""
    gradients = [known.gradient for known in scene.family.fields if known.gradient]
    return gradients[0] if gradients and error.inside == "accGradParameters" else "gradInput"


def _second_round(pair: Pair, first: Scene) -> Iterator[Evidence]:
    """Call forward and backward on another input, without zeroing: gradients must add up."""
    output = first.got["output"]
    kept = np.array(output)
    held, own = _held(pair), _own(pair)
    before = {name: value for name, value in pair.gradients().items() if value is not None}
    second = yield from forward(pair, pair.input(), base=before)
    if second is None:
        return
    if isinstance(output, np.ndarray) and not np.array_equal(output, kept):
        yield Evidence("repeated", "output", first, kept, output, cause="stale_buffer")
        return
    given, g = second.given, np.array(second.g)
    try:
        result = pair.student.backward(given, g)
    except StudentError as error:
        yield Evidence("accumulation", _broken_off(error, second), second, error=error)
        return
    if not compare.close(result, second.want["gradInput"]):
        second.got["gradInput"] = result
        yield Evidence("repeated", "gradInput", second, second.want["gradInput"], result)
    right = True
    for name, value in pair.gradients().items():
        pair.subject.comparisons += 1
        if name in second.want and not compare.close(value, second.want[name]):
            right = False
            second.got[name] = value
            yield Evidence("accumulation", name, second, second.want[name], value)
    if right and held:
        same = all(a is b for a, b in zip(own, _own(pair), strict=False))
        yield from _identity(pair, held, second, {"kind": "copies"} if own and same else {})


def _own(pair: Pair) -> list[Any]:
    """Return the gradient arrays that the layer keeps."""
    own = [pair.student.gradient(f) for f in pair.family.fields if f.gradient]
    return [array for array in own if array is not None]


def _held(pair: Pair) -> list[Any]:
    """Return the gradient arrays that an optimizer would hold."""
    return pair.student.listed() or _own(pair)


def _identity(
    pair: Pair, held: list[Any], scene: Scene, details: dict[str, str]
) -> Iterator[Evidence]:
    """The arrays that getGradParameters gave before must hold the new gradients."""
    now = _held(pair)
    pair.subject.comparisons += 1
    for old, new in zip(held, now, strict=False):
        if old is not new and not (np.shape(old) == np.shape(new) and np.array_equal(old, new)):
            names = [f.gradient for f in pair.family.fields if f.gradient]
            places = [i for i, one in enumerate(now) if one is new]
            name = names[places[0]] if places and places[0] < len(names) else "gradW"
            yield Evidence(
                "gradient_identity",
                name,
                scene,
                new,
                old,
                cause="array_replaced",
                details=details,
            )
            return


def _collected(pair: Pair) -> Iterator[Evidence]:
    """getParameters and getGradParameters list the layer's own arrays, both in one order."""
    if not pair.student.usual:
        return
    trained = [known for known in pair.family.fields if pair.trains(known)]
    layer, orders = pair.student.layer, []
    sides = (
        ("getParameters", pair.student.parameter, content),
        ("getGradParameters", pair.student.gradient, own_slope),
    )
    for name, own, part in sides:
        if not callable(getattr(layer, name, None)):
            return
        try:
            listed = [a for a in map(part, flatten(pair.student.call((name,)))) if a is not None]
        except StudentError as error:
            yield Evidence("parameters", "", error=error, details=error.said)
            return
        if not listed and name not in vars(type(layer)):  # an inherited method claims nothing
            return
        pair.subject.comparisons += 1
        places = [_place(own(known), listed) for known in trained]
        if None in places:
            details = {"kind": "own_arrays", "method": name}
            yield Evidence("parameters", "", cause="parameters_not_collected", details=details)
            return
        orders.append(sorted(range(len(places)), key=places.__getitem__))  # type: ignore[arg-type]
    if orders[0] != orders[1]:
        details = {"kind": "order"}
        yield Evidence("parameters", "", cause="parameters_not_collected", details=details)


def _place(own: Any, listed: list[Any]) -> int | None:
    """Return where in a list a layer's own array stands, or a part or view of it."""
    parts = own if isinstance(own, list) else [own]
    return next(
        (i for i, one in enumerate(listed) if any(np.may_share_memory(one, p) for p in parts)), None
    )


def _zeroing(pair: Pair) -> Iterator[Evidence]:
    """After zeroGradParameters the gradients are zero, and count anew from there."""
    if not any(f.gradient for f in pair.family.fields) or not pair.gradients():
        return
    held = _held(pair)
    scene = pair.scene(pair.input())
    try:
        pair.student.zero()
    except StudentError as error:
        yield Evidence("zeroing", "", scene, error=error)
        return
    if (yield from _left(pair, scene)):
        return
    if any(np.any(array) for array in held):
        details = {"method": "zeroGradParameters"}
        yield Evidence("zeroing", "", scene, cause="array_replaced", details=details)
        return
    again = yield from forward(pair, pair.input())
    if again is not None and (yield from backward(pair, again)):
        again.base = {name: again.want[name] for name in pair.gradients() if name in again.want}
        again.want = again.run()
        yield from backward(pair, again, check="accumulation")  # twice after one forward


def _left(pair: Pair, scene: Scene) -> Findings:
    """Tell of a gradient that is not zero after zeroing; returns whether there is one."""
    for name, value in pair.gradients().items():
        pair.subject.comparisons += 1
        if value is not None and np.any(value):
            yield Evidence("zeroing", name, scene, np.zeros_like(value), value, cause="not_zeroed")
            return True
    return False


def _evaluation(pair: Pair) -> Iterator[Evidence]:
    """In evaluation mode, forward and backward once more; then training mode again."""
    try:
        pair.student.train(False)
        scene = yield from forward(pair, pair.input(), "evaluation_output", training=False)
        if scene is not None:
            yield from backward(pair, scene, check="evaluation_gradient", fresh=True)
        pair.student.train(True)
    except StudentError as error:
        yield Evidence("modes", "", None, error=error)


def _batch_of_one(pair: Pair) -> Iterator[Evidence]:
    """One sample alone, and then a larger batch than before."""
    for batch in (1, pair.case.shape[0] + 2):
        scene = yield from forward(pair, pair.input(batch), "batch_of_one")
        if scene is None:
            return
        if not (yield from backward(pair, scene, check="batch_of_one", fresh=True)):
            return


def _dtype(pair: Pair) -> Iterator[Evidence]:
    """The output's dtype should be that of the input and the parameters together."""
    if isinstance(pair.student, TensorStudent):  # its parameters follow the input
        return
    kept = [(f, pair.student.value(f)) for f in pair.family.fields]
    floating = [(f, a.dtype) for f, a in kept if a is not None and a.dtype.kind == "f"]
    own = [dtype for known, dtype in floating if known.gradient]
    # a layer that computes in float32 throughout keeps to its own, statistics included
    narrow = any(dtype == np.float32 for _, dtype in floating)
    for dtype in (np.float32, np.float64):
        try:
            y = pair.student.forward(pair.input().astype(dtype))
        except StudentError:
            return
        pair.subject.comparisons += 1
        right = np.result_type(dtype, *own)
        if getattr(y, "dtype", None) not in (right, dtype, np.float32 if narrow else right, None):
            details = {"dtype": str(y.dtype), "right_dtype": str(right)}
            yield Evidence(
                "dtype", "output", cause="dtype_changed", severity="note", details=details
            )
            return


ROUNDS = {
    "collected": _collected,
    "zeroing": _zeroing,
    "evaluation": _evaluation,
    "batch_of_one": _batch_of_one,
    "dtype": _dtype,
}
