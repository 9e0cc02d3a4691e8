"""Elementwise activations."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from rushlight import classic, nn
from rushlight.arrays import Array
from rushlight.check.families.common import constant, instead
from rushlight.check.family import Argument, Case, Family, Hypothesis, Scene
from rushlight.random import Generator

__all__ = ["FAMILIES"]


def _spread(source: Generator, shape: tuple[int, ...]) -> Array:
    return 2.0 * source.normal(shape)


def _extreme(source: Generator, shape: tuple[int, ...]) -> Array:
    """Values about which exp overflows or vanishes, among others."""
    x = source.normal(shape)
    x.reshape(-1)[::3] *= 1000.0
    x.reshape(-1)[:2] = 1000.0, -1000.0
    return x


def _zeros(source: Generator, shape: tuple[int, ...]) -> Array:
    x = source.normal(shape)
    x.reshape(-1)[::2] = 0.0
    return x


PLAIN = Case({}, (5, 3), inputs=_spread)
IMAGES = Case({}, (2, 3, 4, 5), inputs=_spread)
EXTREME = Case({}, (4, 5), check="stability", inputs=_extreme, wrong="overflow", crash="overflow")
EDGE = Case({}, (4, 5), check="ties", inputs=_zeros, wrong="edge_value", by_hand=True)


def _at_output(scene: Scene, name: str) -> Any:
    return scene.again(x=scene.want["output"])[name]


def _of_derivative(scene: Scene, name: str) -> Iterator[Any]:
    """The derivative twice, the function for its derivative, or neither."""
    slope = scene.again(g=np.ones_like(scene.g))[name]
    yield scene.g * slope**2, {"kind": "squared"}
    yield scene.g * scene.want["output"], {"kind": "function"}
    yield scene.g, {"kind": "none"}


def _half_upstream(scene: Scene, name: str) -> Iterator[Any]:
    """Without the gradient from above on one side of zero."""
    alone = scene.again(g=np.ones_like(scene.g))[name]
    for side in (scene.x > 0, scene.x <= 0):
        yield np.where(side, alone, scene.want[name])


ELEMENTWISE = (
    Hypothesis("upstream_ignored", ("gradInput",), _half_upstream),
    Hypothesis("local_derivative", ("gradInput",), _at_output, details={"kind": "at_output"}),
    Hypothesis("local_derivative", ("gradInput",), _of_derivative),
)
FALLBACK = {"output": "local_derivative", "gradInput": "local_derivative"}


def _family(
    name: str, *, first: tuple[Case, ...] = (), edge: tuple[Case, ...] = (), **more: Any
) -> Family:
    """Return a family; `first`: cases with options, which tell more; `edge`: at a kink."""
    more.setdefault("hypotheses", ELEMENTWISE)
    return Family(
        name=name,
        reference=lambda dialect, **options: getattr(getattr(classic, dialect), name)(**options),
        cases=(*first, PLAIN, IMAGES, *edge, EXTREME),
        fallback=FALLBACK,
        **{"torch_names": (name, name.lower()), **more},
    )


def _by_the_input(formula: Callable[[Array], Array]) -> tuple[Hypothesis, ...]:
    """The derivative's formula in the output, with the input put in its place."""
    details = {"kind": "at_input"}

    def predict(scene: Scene, name: str) -> Array:
        return scene.g * formula(scene.x)

    return Hypothesis("local_derivative", ("gradInput",), predict, (), details), *ELEMENTWISE


def _one_term(scene: Scene, name: str) -> Iterator[Array]:
    """Of the derivative of a product, one term alone."""
    first = scene.g * scene.want["output"] / scene.x
    yield first
    yield scene.want[name] - first


def _approximations(scene: Scene, name: str) -> Iterator[Any]:
    yield instead(scene, classic.wrap(nn.GELU("tanh")))[name]
    inner = instead(scene, classic.wrap(nn.Sigmoid()), x=1.702 * scene.x, g=scene.g * scene.x)
    plain = scene.x * inner["output"]
    yield plain if name == "output" else scene.g * inner["output"] + 1.702 * inner["gradInput"]


def _constants(option: str) -> tuple[Hypothesis, ...]:
    """Another value than the one asked for was taken, or another default."""

    def asked(scene: Scene, name: str) -> Iterator[Any]:
        if option in scene.case.options:
            yield from constant(scene, name, option)

    def opposite(scene: Scene, name: str) -> Any:
        value = getattr(scene.reference(), option)
        return scene.again(**{option: -value})[name]

    return (
        *ELEMENTWISE,
        Hypothesis("sign", (), opposite),
        Hypothesis("option_ignored", (), asked),
        Hypothesis("wrong_constant", (), lambda scene, name: constant(scene, name, option)),
    )


SLOPE = Argument("slope", ("negative_slope", "alpha", "a", "leak"))
ALPHA = Argument("alpha", ("a",))

FAMILIES = (
    _family("ReLU", edge=(EDGE,)),
    _family(
        "LeakyReLU",
        first=(Case({"slope": 0.2}, (5, 4), inputs=_spread),),
        arguments=(SLOPE,),
        hypotheses=_constants("slope"),
    ),
    _family(
        "ELU",
        first=(Case({"alpha": 0.6}, (5, 4), inputs=_spread),),
        arguments=(ALPHA,),
        hypotheses=_constants("alpha"),
    ),
    _family("SoftPlus"),
    _family(
        "Gelu",
        hypotheses=(
            Hypothesis("tanh_gelu", (), _approximations),
            Hypothesis("missing_term", ("gradInput",), _one_term),
            *ELEMENTWISE,
        ),
    ),
    # torch.sigmoid and torch.tanh are elementary functions, as NumPy's are
    _family("Sigmoid", torch_names=("Sigmoid",), hypotheses=_by_the_input(lambda x: x * (1 - x))),
    _family("Tanh", torch_names=("Tanh",), hypotheses=_by_the_input(lambda x: 1 - x**2)),
)
