"""A small example of each layer, computed by `rushlight.classic` when it is asked for."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from math import prod
from types import ModuleType
from typing import Any, TypeAlias

import numpy as np

from rushlight import classic
from rushlight.arrays import Array
from rushlight.check.formulas.names import DIALECTS
from rushlight.check.texts.text import Text
from rushlight.random import default_generator

__all__ = ["Example", "example"]

Shown: TypeAlias = tuple[str, Any]  # a name and an array or number
Part: TypeAlias = tuple[Text | None, tuple[Shown, ...]]

_PARAMETERS = ("W", "b", "gamma", "beta")
_GRADIENTS = ("gradW", "gradb", "gradGamma", "gradBeta")
_STATISTICS = ("moving_mean", "moving_variance")
_EVALUATION = Text("in evaluation mode", "в режиме evaluate")
_STEP = (Text("step 1", "шаг 1"), Text("step 2", "шаг 2"))


@dataclass(frozen=True)
class Example:
    """What a layer has computed.

    Args:
        made: how it was made, such as "Linear(3, 2)".
        layer: the layer, after its passes; None for an optimizer.
        given: what was put in: the input, gradOutput or target, or the variables.
        parts: a heading, None for the first part, and what was computed.
    """

    made: str
    layer: Any
    given: dict[str, Any]
    parts: tuple[Part, ...]


def example(name: str, dialect: str = "torch_like") -> Example:
    """Run the example of a layer; the numbers that others draw at random stay what they were.

    Args:
        name: of `NAMES`.
        dialect: "torch_like" or "practical_dl".
    """
    classes = getattr(classic, dialect)
    with _own_numbers():
        if name in ("sgd_momentum", "adam_optimizer"):
            return _steps(name, getattr(classes, name))
        if name.endswith(("Criterion", "Unstable")):
            return _loss(name, getattr(classes, name)())
        made, layer = _make(name, classes, DIALECTS.index(dialect))
        return _passes(made, layer, _values(_SHAPES.get(name, (2, 3)), 1))


@contextmanager
def _own_numbers() -> Iterator[None]:
    state = default_generator.get_state()
    default_generator.manual_seed(0)
    try:
        yield
    finally:
        default_generator.set_state(state)


def _values(shape: tuple[int, ...], start: int) -> Array:
    """Return small different numbers of both signs, halves at most, never 0."""
    order = np.random.default_rng([start, *shape]).permutation(prod(shape))
    halves = order - prod(shape) // 3
    return ((halves + (halves >= 0)) / 2).reshape(shape)


_SHAPES: Mapping[str, tuple[int, ...]] = {
    "Conv2d": (1, 1, 4, 3),
    "MaxPool2d": (1, 1, 4, 4),
    "AvgPool2d": (1, 1, 4, 4),
    "GlobalMaxPool2d": (1, 2, 2, 3),
    "GlobalAvgPool2d": (1, 2, 2, 3),
    "Flatten": (2, 1, 2, 2),
    "BatchNormalization": (4, 2),
    "Dropout": (2, 4),
}

# arguments of the constructor: those of practical_dl, those of torch_like
_ARGUMENTS: Mapping[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "Linear": ({"n_in": 3, "n_out": 2},) * 2,
    "Conv2d": (
        {"in_channels": 1, "out_channels": 1, "kernel_size": 3},
        {
            "in_channels": 1,
            "out_channels": 1,
            "kernel_size": (3, 2),
            "stride": (2, 1),
            "padding": 1,
        },
    ),
    "MaxPool2d": ({"kernel_size": 2}, {"kernel_size": 3, "stride": 2, "padding": 1}),
    "AvgPool2d": ({"kernel_size": 2}, {"kernel_size": 3, "stride": 2, "padding": 1}),
    "BatchNormalization": ({"alpha": 0.9}, {"num_features": 2, "momentum": 0.1}),
    "ChannelwiseScaling": ({"n_out": 3},) * 2,
    "Dropout": ({"p": 0.5},) * 2,
}


def _make(name: str, classes: ModuleType, column: int) -> tuple[str, Any]:
    """Return how the layer is made, and the layer with parameters that are easy to read."""
    if name == "Sequential":
        net = classes.Sequential()
        net.add(_readable(classes.Linear(3, 2)))
        net.add(classes.Tanh())
        return "Sequential: Linear(3, 2), Tanh()", net
    arguments = _ARGUMENTS.get(name, ({}, {}))[column]
    told = ", ".join(f"{key}={value}" for key, value in arguments.items())
    return f"{name}({told})", _readable(getattr(classes, name)(**arguments))


def _readable(layer: Any) -> Any:
    for start, attribute in enumerate(_PARAMETERS, 3):
        current = getattr(layer, attribute, None)
        if current is not None:
            setattr(layer, attribute, _values(current.shape, start))
    for attribute in _STATISTICS:  # of float64, as the input
        current = getattr(layer, attribute, None)
        if current is not None:
            setattr(layer, attribute, current.astype(np.float64))
    return layer


def _passes(made: str, layer: Any, x: Array) -> Example:
    """Run forward and backward, in evaluation mode too where that differs."""
    g = _values(layer.forward(x).shape, 6)
    parts: list[Part] = [(None, tuple(_training(layer, x, g)))]
    if any(hasattr(layer, name) for name in ("mask", *_STATISTICS)):
        layer.evaluate()
        computed = ("output", layer.forward(x)), ("gradInput", layer.backward(x, g))
        parts.append((_EVALUATION, computed))
        layer.train()
    return Example(made, layer, {"input": x, "gradOutput": g}, tuple(parts))


def _training(layer: Any, x: Array, g: Array) -> Iterator[Shown]:
    layers = getattr(layer, "modules", [layer])
    for part in layers:
        yield from _attributes(part, _PARAMETERS)
    yield "output", layer.output
    yield from _attributes(layer, ("mask", *_STATISTICS))
    yield "gradInput", layer.backward(x, g)
    for part in layers:
        yield from _attributes(part, _GRADIENTS)


def _attributes(layer: Any, names: tuple[str, ...]) -> Iterator[Shown]:
    for name in names:
        value = getattr(layer, name, None)
        if value is not None:
            yield name, np.array(value)


def _loss(name: str, criterion: Any) -> Example:
    """Run a criterion; its input is what it is meant for."""
    x, target = _values((2, 3), 1), np.eye(3)[[2, 0]]
    if name == "MSECriterion":
        target = _values((2, 3), 2)
    else:
        soft = classic.SoftMax() if name.endswith("Unstable") else classic.LogSoftMax()
        x = soft.forward(x)
    computed = (
        ("output", criterion.forward(x, target)),
        ("gradInput", criterion.backward(x, target)),
    )
    return Example(f"{name}()", criterion, {"input": x, "target": target}, ((None, computed),))


def _steps(name: str, step: Callable[..., None]) -> Example:
    """Take two steps down from the same gradient."""
    config = {"learning_rate": 0.1, "momentum": 0.9}
    if name == "adam_optimizer":
        config = {"learning_rate": 0.1, "beta1": 0.9, "beta2": 0.999, "epsilon": 1e-8}
    w, g = _values((3,), 1), _values((3,), 2)
    given: dict[str, Any] = {"w": w.copy(), "g": g}
    state: dict[str, Any] = {}
    parts: list[Part] = []
    for heading in _STEP:
        step([w], [g], config, state)
        kept = [(key, np.array(value[0])) for key, value in state.items() if key != "t"]
        parts.append((heading, (*kept, ("w", w.copy()))))
    told = ", ".join(f"{key}={value}" for key, value in config.items())
    return Example(f"{name}: {told}", None, given, tuple(parts))
