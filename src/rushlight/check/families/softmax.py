"""SoftMax and LogSoftMax over the classes, and Flatten."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import permutations
from typing import Any

import numpy as np

from rushlight import classic
from rushlight.arrays import Array
from rushlight.check.family import Argument, Case, Family, Hypothesis, Scene
from rushlight.random import Generator

__all__ = ["FAMILIES"]


def _far(source: Generator, shape: tuple[int, ...]) -> Array:
    """Rows about 1000, about -1000 and between: exp overflows, or all of a row vanishes."""
    middle = np.array([1000.0, -1000.0, 0.0, 500.0])[: shape[0]]
    x = source.normal(shape) + middle[:, None]
    x[2:] *= 300.0
    return x


PLAIN = Case({}, (5, 4))
FAR = Case({}, (4, 3), check="stability", inputs=_far, wrong="missing_max_subtraction")


def _naive(scene: Scene, name: str) -> Iterator[Array]:
    """What the textbook formula gives when nothing is subtracted."""
    e = np.exp(scene.x)
    total = e.sum(axis=1, keepdims=True)
    y = e / total
    if scene.family.name == "SoftMax":
        yield y if name == "output" else y * (scene.g - (scene.g * y).sum(axis=1, keepdims=True))
        return
    if name == "gradInput":
        yield scene.g - y * scene.g.sum(axis=1, keepdims=True)
        return
    yield np.log(y)
    yield scene.x - np.log(total)


def _probabilities(scene: Scene) -> Any:
    return classic.SoftMax().forward(scene.x)


def _other_axis(scene: Scene, name: str) -> Iterator[Array]:
    yield scene.again(x=scene.x.T, g=scene.g.T)[name].T
    if name == "output":  # one sum for all samples
        flat = scene.again(x=scene.x.reshape(1, -1), g=scene.g.reshape(1, -1))[name]
        yield flat.reshape(scene.x.shape)


def _one_maximum(scene: Scene, name: str) -> Iterator[Array]:
    """The maximum of the whole batch is subtracted: rows far below it vanish."""
    e = np.exp(scene.x - scene.x.max())
    y = e / e.sum(axis=1, keepdims=True)
    yield y if scene.family.name == "SoftMax" else np.log(y)


def _maxima_of_columns(scene: Scene, name: str) -> Array:
    """The maxima of the rows are subtracted without keepdims, so from the columns."""
    e = np.exp(scene.x - scene.x.max(axis=1))
    y = e / e.sum(axis=1, keepdims=True)
    return y if scene.family.name == "SoftMax" else np.log(y)


def _softmax_terms(scene: Scene, name: str) -> Iterator[Array]:
    y = _probabilities(scene)
    yield scene.g * y  # the sum is missing
    yield scene.g * y * (1 - y)  # only the diagonal of the Jacobian
    yield y * (scene.g - (scene.g * y).mean(axis=1, keepdims=True))
    yield y * (scene.g - scene.g.sum(axis=1, keepdims=True))
    yield scene.g - (scene.g * y).sum(axis=1, keepdims=True)


def _log_terms(scene: Scene, name: str) -> Iterator[Array]:
    y = _probabilities(scene)
    yield scene.g * (1 - y)  # the diagonal alone
    yield scene.g - y  # the sum of the gradients is missing
    yield scene.g
    yield scene.g - (scene.g * y).sum(axis=1, keepdims=True)
    yield scene.g - y * scene.g


def _sum_axis(scene: Scene, name: str) -> Iterator[Array]:
    y = _probabilities(scene)
    if scene.family.name == "SoftMax":
        yield y * (scene.g - (scene.g * y).sum(axis=0, keepdims=True))
        yield y * (scene.g - (scene.g * y).sum())
    else:
        yield scene.g - y * scene.g.sum(axis=0, keepdims=True)
        yield scene.g - y * scene.g.sum()


def _underflow(scene: Scene, name: str) -> Iterator[Array]:
    """The logarithm of what softmax has rounded to zero, bare or with a small constant added."""
    y = _probabilities(scene)
    yield np.log(y)
    lowest = np.exp(np.min(np.asarray(scene.got[name], float)))
    yield np.log(y + lowest)
    yield np.log(np.maximum(y, lowest))


SHARED = (
    Hypothesis("missing_max_subtraction", (), _naive, checks=("stability",)),
    Hypothesis("wrong_axis", (), _other_axis),
    Hypothesis("wrong_axis", ("gradInput",), _sum_axis),
    Hypothesis("wrong_axis", ("output",), _one_maximum, ("stability",), {"kind": "maximum"}),
    Hypothesis("wrong_axis", ("output",), _maxima_of_columns, details={"kind": "maximum"}),
)


def _softmax(name: str, others: tuple[str, ...], terms: Any, **more: Any) -> Family:
    return Family(
        name=name,
        others=others,
        reference=lambda dialect, **options: getattr(classic, name)(**options),
        cases=(PLAIN, Case({}, (4, 4), check="square"), FAR),
        hypotheses=(
            *more.pop("first", ()),
            *SHARED,
            Hypothesis("missing_term", ("gradInput",), terms),
        ),
        fallback={"output": "local_derivative", "gradInput": "local_derivative"},
        torch_names=(name, *others, "softmax", "log_softmax"),
        **more,
    )


def _other_order(scene: Scene, name: str) -> Iterator[Array]:
    x, g, shape = scene.x, scene.g, scene.want["output"].shape
    yield x.reshape(shape, order="F") if name == "output" else g.reshape(x.shape, order="F")
    for axes in permutations(range(1, x.ndim)):
        order = (0, *axes)
        if name == "output":
            yield x.transpose(order).reshape(shape)
        else:
            inner = g.reshape([x.shape[a] for a in order])
            yield inner.transpose(np.argsort(order))


def _fewer_options(scene: Scene, name: str) -> Iterator[Any]:
    """The output without one of the options; its shape is another, so there is no backward."""
    for option, value in scene.case.options.items():
        rest = {k: v for k, v in scene.case.options.items() if k != option}
        layer = scene.family.reference(scene.dialect, **rest)
        yield layer.forward(scene.x), {"option": option, "value": repr(value)}


FLATTEN = Family(
    name="Flatten",
    reference=lambda dialect, **options: getattr(classic, dialect).Flatten(**options),
    arguments=(Argument("start_dim", ("start",)), Argument("end_dim", ("end",))),
    cases=(
        Case({}, (3, 2, 4, 5)),
        Case({}, (4, 5)),
        Case({"start_dim": 2}, (3, 2, 4, 5), dialects=("torch_like",)),
        Case({"start_dim": 0, "end_dim": 1}, (3, 2, 4, 5), dialects=("torch_like",)),
    ),
    hypotheses=(
        Hypothesis("transposed", (), _other_order),
        Hypothesis("option_ignored", ("output",), _fewer_options),
        Hypothesis("wrong_shape", ("output",), lambda s, n: s.x.reshape(-1)),
        Hypothesis("wrong_shape", ("output",), lambda s, n: s.x),
        Hypothesis("wrong_shape", ("gradInput",), lambda s, n: s.g),
    ),
    torch_names=("Flatten", "flatten"),
)

FAMILIES = (
    _softmax("SoftMax", (), _softmax_terms),
    _softmax(
        "LogSoftMax",
        (),
        _log_terms,
        first=(Hypothesis("log_of_zero", ("output",), _underflow, checks=("stability",)),),
    ),
    FLATTEN,
)
