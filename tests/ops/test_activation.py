"""Samples of the activations: plain values, kinks, extremes and undefined values."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from tests.ops.sample import Error, Sample, integers, normal, uniform
from tests.ops.test_elementwise import EXTREME, REAL, WHOLE, neural, unary

from rushlight.errors import DtypeError, ShapeError
from rushlight.ops import activation

REALS = np.array([-1000.0, -1.0, 0.0, 1.0, 1000.0])
KINKS = np.array([-np.inf, -7.0, -3.0, -0.5, -0.0, 0.0, 0.5, 1.0, 3.0, 6.0, 7.0, np.inf])
NAN = np.array([np.nan, 1.0])  # torch's gradient there depends on where in memory the nan stands


def smooth(name: str, edge: Any = REALS, **options: Any) -> list[Sample]:
    return unary(neural(name, **options), REAL, edge=edge, whole=WHOLE * 1.0)


def positional(name: str, *values: Any) -> Any:
    return lambda torch, x: getattr(torch.nn.functional, name)(x, *values)


def detached(name: str, *values: Any) -> Any:
    return lambda torch, x: getattr(torch.nn.functional, name)(x.detach(), *values)


SAMPLES: dict[str, list[Sample]] = {
    "silu": smooth("silu"),
    "gelu": smooth("gelu"),
    "gelu_tanh": smooth("gelu", approximate="tanh"),
    "mish": smooth("mish", EXTREME),
    "softsign": smooth("softsign", EXTREME[1:-2]),
    "tanhshrink": smooth("tanhshrink", EXTREME),
    "hardsigmoid": unary(neural("hardsigmoid"), REAL * 3, edge=KINKS, whole=WHOLE * 1.0),
    "hardswish": unary(neural("hardswish"), REAL * 3, edge=KINKS, whole=WHOLE * 1.0),
}
for _name in ("hardsigmoid", "hardswish"):
    SAMPLES[_name].append(Sample((NAN,), {}, detached(_name), gradient=False))


def with_options(
    name: str, *choices: dict[str, Any], torch: str = "", edge: Any = REALS, **traits: Any
) -> list[Sample]:
    """Calls of the op with each of the options, and of torch's function with the same values."""
    return [
        Sample((x,), options, positional(torch or name, *options.values()), **kind, **traits)
        for options in choices
        for x, kind in (
            (REAL * 3, {}),
            (normal(2, 3, 2, 2), {}),
            (np.array(0.7), {}),
            (edge, {"gradient": False}),
            (np.array([-np.inf, np.inf]), {"gradient": False}),
        )
    ] + [
        Sample((NAN,), options, detached(torch or name, *options.values()), gradient=False)
        for options in choices
    ]


SAMPLES["softplus"] = with_options(
    "softplus", {"beta": 1.0, "threshold": 20.0}, {"beta": 2.5, "threshold": 1.0}
)
SAMPLES["leaky_relu"] = with_options(
    "leaky_relu", {"negative_slope": 0.01}, {"negative_slope": -0.5}, {"negative_slope": 0.0}
)
SLOPES = uniform(4, 3, low=0.1, high=0.4, seed=5).astype("f4")
SAMPLES["leaky_relu"].append(
    Sample(
        (REAL,),
        {"negative_slope": SLOPES},
        lambda torch, x: torch.where(x > 0, x, x * torch.tensor(SLOPES)),
    )
)
SELU = {"alpha": 1.6732632423543772, "scale": 1.0507009873554805}
SAMPLES["elu"] = [
    *with_options("elu", {"alpha": 1.0}, {"alpha": 0.3}),
    *[
        Sample((x,), {"alpha": a, "rate": 1 / a}, positional("celu", a), gradient=x is not KINKS)
        for a in (2.0, -0.5)
        for x in (REAL, np.array(-0.7), KINKS)
    ],
    *[
        Sample((x,), SELU, positional("selu"), gradient=x is not KINKS)
        for x in (REAL, np.array(-0.7), KINKS)
    ],
]
SAMPLES["hardtanh"] = [
    *with_options(
        "hardtanh", {"low": -1.0, "high": 1.0}, {"low": 0.0, "high": 6.0}, edge=KINKS, smooth=False
    ),
    Sample((WHOLE,), {"low": -1, "high": 2}, positional("hardtanh", -1, 2)),
]
SAMPLES["threshold"] = [
    *with_options(
        "threshold",
        {"threshold": 0.5, "value": -9.0},
        {"threshold": -1.0, "value": 20.0},
        edge=KINKS,
        smooth=False,
    ),
    Sample((WHOLE,), {"threshold": 0, "value": 9}, positional("threshold", 0, 9)),
]
SAMPLES["hardshrink"] = with_options(
    "hardshrink", {"lambd": 0.5}, {"lambd": 0.0}, {"lambd": -1.0}, edge=KINKS, smooth=False
)
SAMPLES["softshrink"] = with_options(
    "softshrink", {"lambd": 0.5}, {"lambd": 0.0}, edge=KINKS, smooth=False
)


def prelu(x: Any, weight: Any, **traits: Any) -> Sample:
    return Sample((x, weight), {}, lambda torch, x, w: torch.prelu(x, w), **traits)


SAMPLES["prelu"] = [
    prelu(normal(4, 3), np.array([0.25])),
    prelu(normal(4, 3), normal(3, seed=1)),
    prelu(normal(2, 3, 4, 2), normal(3, seed=1)),
    prelu(normal(2, 3, 4), np.array(0.3)),
    prelu(normal(5), np.array([-0.5])),
    prelu(np.array(-0.7), np.array([0.5])),
    prelu(np.array(-0.7), np.array(0.5)),
    prelu(normal(0, 3), normal(3)),
    prelu(normal(4, 0), normal(0)),
    prelu(KINKS[1:-1], np.array([0.25]), gradient=False),
    prelu(KINKS[None, 1:-1], uniform(10), gradient=False),
]


def glu(x: Any, dim: int, **traits: Any) -> Sample:
    return Sample((x,), {"dim": dim}, lambda torch, x: torch.nn.functional.glu(x, dim), **traits)


SAMPLES["glu"] = [
    glu(normal(4), 0),
    glu(normal(4, 6), 1),
    glu(normal(4, 6), 0),
    glu(normal(2, 4, 3, 2), 1),
    glu(normal(0, 4), 1),
    glu(normal(3, 0), 1),
    glu(np.array([-1000.0, 1000.0, -np.inf, np.nan, 1000.0, -1000.0, 1.0, 0.0]), 0, gradient=False),
]

ERRORS: dict[str, list[Error]] = {
    "prelu": [
        Error(
            (normal(2, 3), normal(2)),
            {},
            ShapeError,
            r"^prelu: got weight \(2,\) for input \(2, 3\), expected \(1,\) or \(3,\)",
        ),
        Error((normal(3), normal(3)), {}, ShapeError, r"expected \(1,\)"),
        Error((np.array(1.0), normal(3)), {}, ShapeError, "num_parameters"),
        Error((normal(2, 3), normal(3, 1)), {}, ShapeError, r"weight \(3, 1\)"),
        Error((normal(2, 3), normal(3).astype("f4")), {}, DtypeError, "weight float32"),
        Error((integers(2, 3, high=5), normal(3)), {}, DtypeError, "input int64"),
    ],
    "glu": [
        Error((normal(3),), {"dim": 0}, ShapeError, r"^glu: got input \(3,\), expected an even"),
        Error((normal(2, 5),), {"dim": 1}, ShapeError, "an even size in dim 1"),
    ],
}


PIECES: list[tuple[str, dict[str, float]]] = [
    *(("leaky_relu", {"negative_slope": s}) for s in (0.0, 1e-60, 0.01, 1.0, 2.0, -0.5)),
    ("hardtanh", {"low": -1.0, "high": 3.0}),
    *(("threshold", {"threshold": 0.1, "value": v}) for v in (0.0, -0.0, 2.0)),
    ("hardshrink", {"lambd": 0.5}),
    *(("softshrink", {"lambd": v}) for v in (0.0, 0.5)),
    ("hardsigmoid", {}),
    ("hardswish", {}),
]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_slopes_of_hardsigmoid_are_those_of_torch_at_its_limits(dtype: str) -> None:
    torch = pytest.importorskip("torch")
    step = np.nextafter(np.array([3.0, -3.0], dtype), np.array(0.0, dtype))
    x = np.array([-np.inf, -4, -3, step[1], 0, step[0], 3, 4, np.inf, np.nan] * 5, dtype)
    g = np.repeat(np.array([1.0, -2.5, np.inf, np.nan, 0.0], dtype), 10)
    t = torch.tensor(x, requires_grad=True)
    wanted = torch.nn.functional.hardsigmoid(t)
    wanted.backward(torch.tensor(g))
    (y,), saved = activation.hardsigmoid.forward(x)
    (dx,) = activation.hardsigmoid.backward(saved, (g,), (True,))
    np.testing.assert_allclose(y, wanted.detach(), rtol=1e-6)
    np.testing.assert_allclose(dx, t.grad, rtol=1e-6)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(("name", "options"), PIECES)
def test_many_numbers_as_few(name: str, options: dict[str, float], dtype: str) -> None:
    """Many are computed by their bits or by maximum, few by np.where: the same bits."""
    rng, op = np.random.default_rng(0), getattr(activation, name)
    x = rng.choice(KINKS, (2, 2048)) + rng.choice([0.0, 0.125], (2, 2048))
    g = rng.choice([1.0, -2.5, np.inf, 0.0], x.shape).astype(dtype)
    x[0, 7], x = np.nan, x.astype(dtype)

    def run(x: Any, g: Any) -> list[Any]:
        with np.errstate(invalid="ignore"):
            (y,), saved = op.forward(x, **options)
            return [y, *op.backward(saved, (g,), (True,))]

    few = [run(x[:, i : i + 64], g[:, i : i + 64]) for i in range(0, 2048, 64)]
    for found, parts in zip(run(x, g), zip(*few, strict=True), strict=True):
        assert found.dtype == dtype
        np.testing.assert_array_equal(found, np.concatenate(parts, 1))
    if name == "leaky_relu":
        with np.errstate(invalid="ignore"):
            found = op.forward(x, **options)[0][0]
            right = np.where(x > 0, x, x * x.dtype.type(options["negative_slope"]))
        np.testing.assert_array_equal(found, right)
        np.testing.assert_array_equal(np.signbit(found), np.signbit(right))
