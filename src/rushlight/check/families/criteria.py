"""Criteria: a value and its gradient by the input, for an input and a target."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from rushlight import classic, nn
from rushlight.arrays import Array
from rushlight.check import compare
from rushlight.check.family import Case, Evidence, Family, Hypothesis, Scene, Tensors
from rushlight.check.student import Student, StudentError, TensorStudent, guarded
from rushlight.check.subject import Subject
from rushlight.random import Generator

__all__ = ["FAMILIES"]


Layout = Callable[[Array], Array]


@dataclass
class Judged(Scene):
    """A scene with a target; `g` is the gradient of the value, one number.

    Args:
        target: what the input is compared with.
        handed: the target as the student's criterion takes it.
    """

    target: Array = field(default_factory=lambda: np.empty(0))
    handed: Array = field(default_factory=lambda: np.empty(0))

    def run(self) -> Tensors:
        layer = self.reference()
        output = layer.forward(self.x, self.target)
        gradient = layer.backward(self.x, self.target)
        scale = np.asarray(self.g, np.float64)
        return {"output": np.array(output), "gradInput": np.array(gradient) * scale}

    def reference(self) -> Any:
        """Return a new reference criterion with the student's constants."""
        assert self.made is not None
        return self.made(self)


@dataclass(frozen=True)
class Task:
    """What a criterion is tried with.

    Args:
        shape: of the input.
        make: gives input and target.
        check, wrong, crash: as of a Case.
    """

    shape: tuple[int, ...]
    make: Callable[[Generator, tuple[int, ...]], tuple[Array, Array]]
    check: str = "output"
    wrong: str = "unexplained"
    crash: str = "crash"


def _numbers(source: Generator, shape: tuple[int, ...]) -> tuple[Array, Array]:
    return source.normal(shape), source.normal(shape)


def _one_hot(source: Generator, shape: tuple[int, ...]) -> Array:
    labels = source.integers(0, shape[1], shape[:1])
    return np.eye(shape[1])[labels]


def _log_probabilities(source: Generator, shape: tuple[int, ...]) -> tuple[Array, Array]:
    x = classic.LogSoftMax().forward(source.normal(shape))
    return x, _one_hot(source, shape)


def _probabilities(source: Generator, shape: tuple[int, ...]) -> tuple[Array, Array]:
    x = classic.SoftMax().forward(source.normal(shape))
    return x, _one_hot(source, shape)


def _certain(source: Generator, shape: tuple[int, ...]) -> tuple[Array, Array]:
    """Probabilities of exactly 0 and 1, some of them for the wrong class."""
    target = _one_hot(source, shape)
    x = np.roll(target, 1, axis=1)
    x[::2] = target[::2]
    return x, target


def _examine(subject: Subject) -> Iterator[Evidence]:
    try:
        student = subject.student(subject.family.cases[0])
    except StudentError as error:
        yield Evidence("construction", "", error=error, cause="raises_in_constructor")
        return
    if subject.family.name != "NLLLoss":
        yield from _tasks(subject, student, lambda target: target)
        return
    layouts: tuple[Layout, ...] = (lambda target: target, lambda target: target.argmax(axis=1))
    yield from min((list(_tasks(subject, student, one)) for one in layouts), key=len)


def _tasks(subject: Subject, student: Student, layout: Layout) -> Iterator[Evidence]:
    """Do the tasks of the family with targets in a layout; stop where the plain ones fail."""
    earlier: Judged | None = None
    for task in TASKS[subject.family.name]:
        scene = _scene(subject, student, task, earlier)
        scene.handed = layout(scene.target)
        wrong = False
        for one in _compared(subject, student, scene):
            wrong = True
            yield one
        if wrong and task.wrong == "unexplained":
            return
        earlier = scene


def _scene(subject: Subject, student: Student, task: Task, earlier: Judged | None) -> Judged:
    x, target = task.make(subject.source, task.shape)
    case = Case({}, task.shape, check=task.check, wrong=task.wrong, crash=task.crash)

    def made(scene: Scene) -> Any:
        layer = subject.family.reference(scene.dialect)
        for name, value in scene.case.options.items():
            setattr(layer, name, value)
        return layer

    scene = Judged(subject.family, subject.dialect, case, x, np.ones(()), {}, target=target)
    scene.made, scene.earlier = made, earlier
    scene.want = scene.run()
    return scene


def _compared(subject: Subject, student: Student, scene: Judged) -> Iterator[Evidence]:
    """Call forward and backward and compare."""
    x, target = np.array(scene.x), np.array(scene.handed)
    check = scene.case.check
    try:
        scene.got["output"] = value = _forward(student, x, target)
    except StudentError as error:
        yield Evidence(check, "output", scene, error=error)
        return
    subject.comparisons += 2
    if not _close(value, scene.want["output"]):
        yield Evidence(check, "output", scene, scene.want["output"], value)
        if np.shape(value) != () or scene.case.wrong != "unexplained":
            return
    yield from _untouched(scene, x, target)
    previous = scene.earlier.got.get("gradInput") if scene.earlier else None
    kept = np.array(previous, np.float64)
    try:
        scene.got["gradInput"] = gradient = _backward(student, x, target)
    except StudentError as error:
        yield Evidence("input_gradient", "gradInput", scene, error=error)
        return
    if not compare.close(gradient, scene.want["gradInput"]):
        kind = "input_gradient" if check == "output" else check
        yield Evidence(kind, "gradInput", scene, scene.want["gradInput"], gradient)
    elif isinstance(previous, np.ndarray) and not np.array_equal(kept, previous, equal_nan=True):
        yield Evidence("repeated", "gradInput", scene, kept, previous, cause="stale_buffer")
    yield from _untouched(scene, x, target)


def _close(got: Any, want: Any) -> bool:
    """Compare the value; the last bit of a clipped logarithm is nobody's fault."""
    return compare.close(got, want) or (
        np.shape(got) == () and compare.as_array(got) is not None and abs(got - want) < 1e-9
    )


def _untouched(scene: Judged, x: Array, target: Array) -> Iterator[Evidence]:
    for name, now, before in (("input", x, scene.x), ("target", target, scene.handed)):
        if not np.array_equal(now, before):
            yield Evidence("input_unchanged", name, scene, before, now, cause="input_modified")
            return


def _forward(student: Student, x: Array, target: Array) -> Any:
    if not isinstance(student, TensorStudent):
        value = student.call(("forward", "updateOutput", "__call__"), x, target)
        return value
    with guarded("forward", student.home):
        student.x = student.tensor(x)
        student.y = student.layer(student.x, student.tensor(target).detach())
        return None if student.y is None else np.array(student.y.detach().numpy())


def _backward(student: Student, x: Array, target: Array) -> Any:
    if not isinstance(student, TensorStudent):
        return student.call(("backward", "updateGradInput"), x, target)
    with guarded("backward", student.home):
        student.y.backward()
        return None if student.x.grad is None else np.array(student.x.grad.numpy())


# --- ways of being wrong


def _by_target(scene: Any, name: str) -> Any:
    """The gradient by the target: -x / N of log probabilities, -log(x) / N of probabilities."""
    unstable = scene.family.name == "ClassNLLCriterionUnstable"
    return -(np.log(scene.x) if unstable else scene.x) / len(scene.x)


def _of_softmax(scene: Any, name: str) -> Iterator[Any]:
    """Gradients of neighbours: of softmax and cross-entropy in one, of exp(x), of the square."""
    n = len(scene.x)
    yield (scene.x - scene.target) / n
    yield (np.exp(scene.x) - scene.target) / n
    yield -scene.target * scene.x / n
    yield -scene.target / scene.x / n
    yield -scene.target / np.exp(scene.x) / n
    yield -scene.target / (1.0 - scene.x) / n
    if scene.family.name == "ClassNLLCriterionUnstable":
        yield -scene.target / n
        yield scene.want["gradInput"] + (1.0 - scene.target) / (1.0 - scene.x) / n


def _of_distance(scene: Any, name: str) -> Any:
    return np.sign(scene.x - scene.target) / len(scene.x)


def _other_values(scene: Any, name: str) -> Iterator[Any]:
    """Values of neighbours: the logarithm too often or not at all."""
    n = len(scene.x)
    with np.errstate(all="ignore"):
        yield -(scene.target * np.log(scene.x)).sum() / n
        yield -(scene.target * np.exp(scene.x)).sum() / n
        yield -(scene.target * scene.x).sum() / n
        yield np.abs(scene.x - scene.target).sum() / n
        yield np.sqrt(((scene.x - scene.target) ** 2).sum()) / n
        yield np.sqrt(((scene.x - scene.target) ** 2).sum() / n)
        yield np.sqrt(((scene.x - scene.target) ** 2).mean())


def _per_element(scene: Any, name: str) -> Iterator[Any]:
    """Means over all elements, over the classes or over one sample instead of the batch."""
    want, (n, c) = np.asarray(scene.want[name]), scene.x.shape
    yield want / c, {"n": str(c)}  # too small by this factor, whatever else was divided by
    yield want / n, {"n": str(n)}


def _with_eps(scene: Any, name: str) -> Iterator[Any]:
    for value in (1e-16, 1e-14, 1e-13, 1e-12, 1e-11, 1e-10, 1e-9, 1e-8, 1e-7, 1e-6, 1e-5, 1e-4):
        yield scene.again(EPS=value)[name], {"option": "EPS", "value": f"{value:g}"}


def _by_classes(scene: Any, name: str) -> Any:
    """Divided by the number of classes instead of the batch size."""
    n, c = scene.x.shape
    return np.asarray(scene.want[name]) * n / c


HALF = Hypothesis("factor_two", (), lambda s, n: [np.asarray(s.want[n]) * f for f in (2.0, 0.5)])
PLAIN = (
    Hypothesis("times_n", (), lambda s, n: np.asarray(s.want[n]) * len(s.x)),
    Hypothesis("divided_by_n", (), _per_element),
    Hypothesis("wrong_axis", (), _by_classes),
    HALF,
)
NEIGHBOURS = (
    Hypothesis("target_gradient", ("gradInput",), _by_target),
    Hypothesis("local_derivative", ("gradInput",), _of_softmax),
    Hypothesis("local_derivative", ("output",), _other_values),
)


def _unclipped(scene: Any, name: str) -> Any:
    if name == "gradInput":
        return -scene.target / scene.x / len(scene.x)
    return -(scene.target * np.log(scene.x)).sum() / len(scene.x)


def _both_scaled(scene: Any, name: str) -> Iterator[Any]:
    """A factor of two beside a division that is missing, or one too many."""
    want, (n, c) = np.asarray(scene.want[name]), scene.x.shape
    yield from (want * f * n for f in (2.0, 0.5))
    yield from (want * f / c for f in (2.0, 0.5))


MSE = Family(
    name="MSECriterion",
    others=("MSE", "MSELossCriterion", "MeanSquaredError", "MSECriterium"),
    reference=lambda dialect, **options: classic.MSECriterion(),
    cases=(Case({}, (5, 3)),),
    examine=_examine,
    hypotheses=(
        *PLAIN,
        Hypothesis("factor_two", (), _both_scaled),
        Hypothesis("local_derivative", ("output",), _other_values),
        Hypothesis("local_derivative", ("gradInput",), _of_distance),
    ),
    fallback={"output": "local_derivative", "gradInput": "local_derivative"},
    dialect=lambda subject: "practical_dl",
    torch_names=("MSELoss", "mse_loss"),
)
MSE_LOSS = replace(  # torch's own name: its mean is over all elements
    MSE,
    name="MSELoss",
    others=(),
    reference=lambda dialect, **options: classic.wrap(nn.MSELoss()),
    hypotheses=tuple(h for h in MSE.hypotheses if h.cause != "divided_by_n"),
)
NLL = Family(
    name="ClassNLLCriterion",
    others=("NLLCriterion", "ClassNLL", "NLL", "ClassNLLCriterionStable"),
    reference=lambda dialect, **options: classic.ClassNLLCriterion(),
    cases=(Case({}, (5, 3)),),
    examine=_examine,
    hypotheses=(*PLAIN, *NEIGHBOURS),
    fallback={"output": "local_derivative", "gradInput": "local_derivative"},
    dialect=lambda subject: "practical_dl",
    torch_names=("NLLLoss", "nll_loss", "CrossEntropyLoss", "cross_entropy"),
)


NLL_LOSS = replace(NLL, name="NLLLoss", others=())  # torch's name: one-hot targets or labels
UNSTABLE = replace(
    NLL,
    name="ClassNLLCriterionUnstable",
    others=("NLLCriterionUnstable", "ClassNLLUnstable"),
    reference=lambda dialect, **options: classic.ClassNLLCriterionUnstable(),
    hypotheses=(
        Hypothesis("not_clipped", (), _unclipped),
        Hypothesis("wrong_constant", (), _with_eps),
        *PLAIN,
        *NEIGHBOURS,
    ),
)
TASKS: dict[str, tuple[Task, ...]] = {
    "MSECriterion": (Task((7, 3), _numbers), Task((7, 3), _numbers, "repeated"),
                     Task((1, 4), _numbers, "batch_of_one")),
    "ClassNLLCriterion": (
        Task((7, 3), _log_probabilities), Task((7, 3), _log_probabilities, "repeated"),
        Task((1, 4), _log_probabilities, "batch_of_one"),
    ),
    "ClassNLLCriterionUnstable": (
        Task((7, 3), _probabilities), Task((7, 3), _probabilities, "repeated"),
        Task((1, 4), _probabilities, "batch_of_one"),
        Task((6, 3), _certain, wrong="not_clipped", crash="not_clipped"),
    ),
}  # fmt: skip
IMAGES = Task((3, 2, 4, 5), _numbers, "options")
TASKS["MSELoss"] = (*TASKS["MSECriterion"], IMAGES)  # torch's takes any shape
TASKS["NLLLoss"] = TASKS["ClassNLLCriterion"]
FAMILIES = (MSE, MSE_LOSS, NLL, NLL_LOSS, UNSTABLE)
