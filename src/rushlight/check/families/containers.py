"""Sequential, tried with modules that write down how they are called."""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from rushlight import classic, nn
from rushlight.arrays import Array
from rushlight.check import compare
from rushlight.check.battery import Findings
from rushlight.check.families.probes import Container, Probe, probes
from rushlight.check.family import Case, Evidence, Family
from rushlight.check.kept import flatten
from rushlight.check.student import StudentError, TensorStudent, guarded
from rushlight.check.subject import Subject

__all__ = ["FAMILIES"]


def _examine(subject: Subject) -> Iterator[Evidence]:
    if not inspect.isclass(subject.obj):
        return
    try:
        order: list[Any] = []
        box = Container(subject, probes(subject, order))
    except StudentError as error:
        yield Evidence("construction", "", error=error, details=error.said, case="Sequential()")
        return
    if isinstance(box.student, TensorStudent):
        yield from _of_tensors(subject)
        return
    rng = subject.source
    x, g = rng.normal((5, 2)), rng.normal((5, 2))
    wrong = yield from _passes(subject, box, order, x, g)
    if not wrong:
        wrong = yield from _passes(
            subject, box, order, rng.normal((3, 2)), rng.normal((3, 2)), "repeated"
        )
    yield from _parameters(subject, box)
    yield from _modes(subject)
    if not wrong:
        yield from _layers(subject)
        yield from _shapes(subject, x, g)
        yield from _indexing(subject, box)


# --- forward and backward


def _passes(
    subject: Subject, box: Container, order: list[Any], x: Array, g: Array, check: str = ""
) -> Findings:
    """Run forward and backward; returns whether something was wrong."""
    case = f"Sequential of {len(box.modules)} modules, input {x.shape}"
    order.clear()
    for probe in box.modules:
        probe.inputs.clear()
        probe.calls.clear()
    given, handed = np.array(x), np.array(g)
    try:
        output = box.student.forward(given)
    except StudentError as error:
        yield Evidence(check or "output", "output", error=error, case=case, details=error.said)
        return True
    subject.comparisons += 1
    inputs = _inputs(box.modules, x)
    if not compare.close(output, inputs[-1]):
        cause = _missing(subject, output, "output")
        cause = cause or _of_output(box.modules, order, x, output)
        yield Evidence(check or "order", "output", None, inputs[-1], output, cause=cause, case=case)
        return True
    order.clear()
    try:
        result = box.student.backward(given, handed)
    except StudentError as error:
        cause, said = _of_calls(box.modules, order, inputs, None), error.said
        yield Evidence(
            check or "input_gradient", "gradInput", error=error, cause=cause, case=case,
            details=said,
        )  # fmt: skip
        return True
    subject.comparisons += 1
    gradients = _gradients(box.modules, inputs, g)
    cause = _of_calls(box.modules, order, inputs, gradients)
    if not cause and any(len(module.inputs) > 1 for module in box.modules):
        again = {"name": "forward"}
        yield Evidence("order", "", cause="wrong_inputs", case=case, details=again)
        return True
    if cause or not compare.close(result, gradients[0]):
        cause = _missing(subject, result, "gradInput") or cause
        cause = cause or ("" if result is None else "wrong_order")
        kind = check or ("order" if cause.startswith("wrong_") else "input_gradient")
        yield Evidence(kind, "gradInput", None, gradients[0], result, cause=cause, case=case)
        return True
    if not (np.array_equal(given, x) and np.array_equal(handed, g)):
        yield Evidence("input_unchanged", "input", cause="input_modified", case=case)
        return True
    return False


def _missing(subject: Subject, got: Any, tensor: str) -> str:
    """Return the cause of a result that is none; "" lets the source be read for it."""
    if got is None:
        return ""
    return "early_return" if subject.code.early_return(tensor) else ""


def _inputs(modules: Sequence[Probe], x: Array) -> list[Array]:
    """Return the input of each module, and the output of the last."""
    values = [x]
    for module in modules:
        values.append(module.value(values[-1]))
    return values


def _gradients(modules: Sequence[Probe], inputs: Sequence[Array], g: Array) -> list[Array]:
    """Return the gradient by the input of each module, and the one by the output."""
    values = [g]
    for module, x in zip(reversed(modules), reversed(inputs[:-1]), strict=True):
        values.append(2.0 * module.scale * x * values[-1])
    return values[::-1]


def _of_output(modules: Sequence[Probe], order: Sequence[Any], x: Array, output: Any) -> str:
    """Name what was done instead of sending the input through all modules in order."""
    if output is None:
        return ""
    if compare.close(output, _inputs(modules[::-1], x)[-1]):
        return "wrong_order"
    given = [m.inputs[0] for m in modules if m.inputs]
    if len(given) == len(modules) and all(np.array_equal(one, x) for one in given):
        return "wrong_inputs"
    if [id(m) for m in order] == [id(m) for m in modules[::-1]]:
        return "wrong_order"
    if len(order) == len(modules):
        return "wrong_inputs"
    if order and len(given) < len(modules):  # some are passed over
        return "wrong_order"
    return "" if np.shape(output) != np.shape(x) else "unexplained"


def _of_calls(
    modules: Sequence[Probe],
    order: Sequence[Any],
    inputs: Sequence[Array],
    gradients: Sequence[Array] | None,
) -> str:
    """Name what is wrong in the calls of the modules' backward; "" if nothing is.

    Without gradients, after a crash, only the inputs of the modules that were called are looked at.
    """
    called = [m for m in modules if m.calls]
    if not called:
        return ""
    seen = [id(m) for m in order if any(m is one for one in called)]
    last = list(dict.fromkeys(reversed(seen)))[::-1]  # by each module's last call
    if last == [id(m) for m in called] and len(called) > 1:
        return "wrong_order"
    if gradients is not None and len(called) < len(modules):
        return "missing_gradient"
    wrong = any(
        m.calls and not _same(m.calls[-1][0], x) for m, x in zip(modules, inputs, strict=False)
    )
    if gradients is not None:
        handed = zip(modules, gradients[1:], strict=True)
        wrong |= any(not _same(m.calls[-1][1], g) for m, g in handed)
    return "wrong_inputs" if wrong else ""


def _same(a: Array, b: Array) -> bool:
    return a.shape == b.shape and bool(np.allclose(a, b))


# --- parameters and modes


def _parameters(subject: Subject, box: Container) -> Iterator[Evidence]:
    """All parameters are listed in order, as the very arrays, and zeroed together."""
    case = f"Sequential of {len(box.modules)} modules"
    for methods, kind in (
        (("getParameters", "parameters"), "shift"),
        (("getGradParameters",), "gradient"),
    ):
        own = [getattr(m, kind) for m in box.modules]
        try:
            listed = flatten(box.student.call(methods))
        except StudentError as error:
            yield Evidence("parameters", "", error=error, case=case, details=error.said)
            return
        subject.comparisons += 1
        names = {"method": methods[0]}
        if len(listed) != len(own) or not all(map(np.array_equal, listed, own)):
            cause = "parameters_not_collected"
            yield Evidence("parameters", "", cause=cause, case=case, details=names)
            return
        if not all(a is b for a, b in zip(listed, own, strict=True)):
            yield Evidence("parameters", "", cause="array_replaced", case=case, details=names)
            return
    for module in box.modules:
        module.gradient += 1.0
    try:
        box.student.zero()
    except StudentError as error:
        yield Evidence("zeroing", "", error=error, case=case, details=error.said)
        return
    subject.comparisons += 1
    if any(m.gradient.any() for m in box.modules):
        names = {"method": "zeroGradParameters"}
        cause = "parameters_not_collected"
        yield Evidence("zeroing", "", cause=cause, case=case, details=names)


def _modes(subject: Subject) -> Iterator[Evidence]:
    """train and evaluate reach every module, those of a container in it, too."""
    outer, inner = (probes(subject, [], count) for count in (3, 2))
    case = "Sequential in Sequential"
    try:
        box = Container(subject, [*outer[:2], Container(subject, inner).layer, outer[2]])
        for training in (False, True):
            box.student.train(training)
            subject.comparisons += 1
            late = [m for m in (*outer, *inner) if bool(m.training) != training]
            if late:
                names = {"method": "train" if training else "evaluate"}
                yield Evidence("modes", "", cause="mode_not_propagated", case=case, details=names)
                return
    except StudentError as error:
        yield Evidence("modes", "", error=error, case=case, details=error.said)


# --- nesting, one module, none, and real layers


def _shapes(subject: Subject, x: Array, g: Array) -> Iterator[Evidence]:
    """A container in a container, and a container of one module."""
    order: list[Any] = []
    for count in (3, 1):
        modules = probes(subject, order, count)
        case = "Sequential of one module" if count == 1 else "Sequential in Sequential"
        inputs = _inputs(modules, x)
        try:
            inner = Container(subject, modules[:2]).layer
            box = Container(subject, [inner, *modules[2:]])
            got = box.student.forward(np.array(x)), box.student.backward(np.array(x), np.array(g))
            listed = flatten(box.student.call(("getParameters", "parameters")))
        except StudentError as error:
            yield Evidence("order", "output", error=error, case=case, details=error.said)
            return
        subject.comparisons += 2
        want = inputs[-1], _gradients(modules, inputs, g)[0]
        for name, wanted, value in zip(("output", "gradInput"), want, got, strict=True):
            if not compare.close(value, wanted):
                cause = "" if value is None else "wrong_inputs"
                yield Evidence("order", name, None, wanted, value, cause=cause, case=case)
                return
        if len(listed) != len(modules):
            cause = "parameters_not_collected"
            yield Evidence("parameters", "", cause=cause, case=case)
            return


def _indexing(subject: Subject, box: Container) -> Iterator[Evidence]:
    """`container[i]`, where it is defined, is the module at that place."""
    if not hasattr(box.layer, "__getitem__"):
        return
    for place in (0, 1, -1):
        try:
            with guarded("__getitem__", box.student.home):
                found = box.layer[place]
        except StudentError as error:
            yield Evidence("order", "", error=error, case=f"Sequential()[{place}]")
            return
        subject.comparisons += 1
        if found is not box.modules[place]:
            yield Evidence("order", "", cause="wrong_order", case=f"Sequential()[{place}]")
            return


def _layers(subject: Subject) -> Iterator[Evidence]:
    """Layers of Rushlight's own, which refuse to go backward with another input."""
    rng = subject.source
    weights = [(rng.normal((4, 3)), rng.normal((4,))), (rng.normal((2, 4)), rng.normal((2,)))]
    x, g = rng.normal((6, 3)), rng.normal((6, 2))
    case = "Sequential of Linear, ReLU, Linear"

    def layers() -> list[Any]:
        made: list[Any] = [classic.Linear(3, 4), classic.ReLU(), classic.Linear(4, 2)]
        for layer, (weight, bias) in zip(made[::2], weights, strict=True):
            layer.W, layer.b = np.array(weight), np.array(bias)
        return made

    right = classic.Sequential(*layers())
    want = right.forward(x), right.backward(x, g), *right.getGradParameters()
    try:
        box = Container(subject, layers())
    except StudentError:
        return  # it may take modules of the student's own only
    try:
        got = [box.student.forward(np.array(x)), box.student.backward(np.array(x), np.array(g))]
    except StudentError as error:
        yield Evidence("order", "output", error=error, case=case, details=error.said)
        return
    got += [np.array(a) for layer in box.modules for a in layer.getGradParameters()]
    names = ("output", "gradInput", "gradW", "gradb", "gradW", "gradb")
    for name, wanted, value in zip(names, want, got, strict=True):
        subject.comparisons += 1
        if not compare.close(value, wanted):
            cause = _of_layers(wanted, value)
            kind = "parameter_gradient" if name.startswith("gradW") else "order"
            yield Evidence(kind, name, None, wanted, value, cause=cause, case=case)
            return
    yield from _accumulation(box, x, g, want[2:], case)


def _of_layers(wanted: Any, value: Any) -> str:
    """Name what the gradients of layers say of the container's backward."""
    if value is None:
        return ""
    if not np.any(value):
        return "missing_gradient"
    return "factor_two" if compare.close(value, 2 * np.asarray(wanted)) else "wrong_inputs"


def _accumulation(
    box: Container, x: Array, g: Array, once: Sequence[Any], case: str
) -> Iterator[Evidence]:
    """A second backward without zeroing doubles the gradients."""
    try:
        box.student.forward(np.array(x))
        box.student.backward(np.array(x), np.array(g))
    except StudentError as error:
        yield Evidence("accumulation", "", error=error, case=case, details=error.said)
        return
    first = box.modules[0].getGradParameters()[0]
    if not compare.close(first, 2 * once[0]):
        lost = "overwritten" if compare.close(first, once[0]) else "unexplained"
        yield Evidence("accumulation", "gradW", None, 2 * once[0], first, cause=lost, case=case)


# --- containers in torch's style


def _of_tensors(subject: Subject) -> Iterator[Evidence]:
    """A module of modules: autograd goes backward, so order, modes and parameters are left."""
    case = "Sequential of Linear, Tanh, Linear"
    x = subject.source.normal((5, 3))
    modules = [_torch_like(subject, kind, *args) for kind, args in
               (("Linear", (3, 3)), ("Tanh", ()), ("Linear", (3, 3)))]  # fmt: skip
    try:
        box = Container(subject, modules)
        got = box.student.forward(x)
        chained = box.student.tensor(x)  # type: ignore[attr-defined]
        for module in modules:
            chained = module(chained)
        want = chained.detach().numpy()
        subject.comparisons += 1
        if not compare.close(got, want):
            turned = box.student.tensor(x)  # type: ignore[attr-defined]
            for module in reversed(modules):
                turned = module(turned)
            swapped = compare.close(got, turned.detach().numpy())
            cause = "" if got is None else "wrong_order" if swapped else "wrong_inputs"
            yield Evidence("order", "output", None, want, got, cause=cause, case=case)
            return
        wanted = [p for m in modules for p in m.parameters()]
        own = list(box.layer.parameters())
        subject.comparisons += 2
        if len(own) != len(wanted) or not all(a is b for a, b in zip(own, wanted, strict=True)):
            yield Evidence("parameters", "", cause="parameters_not_collected", case=case)
        box.student.train(False)
        if any(m.training for m in modules):
            yield Evidence("modes", "", cause="mode_not_propagated", case=case)
    except StudentError as error:
        yield Evidence("order", "output", error=error, case=case, details=error.said)


def _torch_like(subject: Subject, kind: str, *args: Any) -> Any:
    if any(base.__module__.partition(".")[0] == "torch" for base in subject.obj.__mro__):
        import torch

        return getattr(torch.nn, kind)(*args).double()
    return getattr(nn, kind)(*args).double()


SEQUENTIAL = Family(
    name="Sequential",
    others=("Seq", "Container", "SequentialContainer"),
    reference=lambda dialect, **options: getattr(classic, dialect).Sequential(),
    cases=(Case({}, (5, 2)),),
    examine=_examine,
    dialect=lambda subject: "torch_like",
    torch_names=("Sequential",),
)
FAMILIES = (SEQUENTIAL,)
