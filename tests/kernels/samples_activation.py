"""Samples of activations, softmax and cross-entropy: any shape, any axis, values that are none."""

from __future__ import annotations

from typing import Any

import numpy as np
from tests.kernels.native import Made, Sample, normal

SAMPLES: dict[str, list[Sample]] = {
    "clamp_forward": [],
    "clamp_grad": [],
    "cross_entropy_forward": [],
    "cross_entropy_grad": [],
    "elu_forward": [],
    "elu_grad": [],
    "erf_forward": [],
    "gelu_forward": [],
    "gelu_grad": [],
    "hardsigmoid_forward": [],
    "hardsigmoid_grad": [],
    "hardswish_forward": [],
    "hardswish_grad": [],
    "leaky_relu_forward": [],
    "leaky_relu_grad": [],
    "log_softmax_forward": [],
    "log_softmax_grad": [],
    "logsigmoid_forward": [],
    "prelu_forward": [],
    "prelu_input_grad": [],
    "prelu_weight_grad": [],
    "relu_forward": [],
    "relu_grad": [],
    "sigmoid_forward": [],
    "softmax_forward": [],
    "softmax_grad": [],
    "softplus_forward": [],
    "tanh_forward": [],
}
SPECIAL = [np.nan, np.inf, -np.inf, 0.0, -0.0]


def special(*shape: int, seed: int = 0) -> Any:
    """Normal numbers, a third of them replaced by NaN, infinities and both zeros."""
    a = normal(*shape, seed=seed)
    rng = np.random.default_rng(seed)
    np.copyto(a, rng.choice(SPECIAL, shape), where=rng.random(shape) < 1 / 3)
    return a


# ---- elementwise


def _elementwise() -> None:
    shapes = [(0,), (1,), (2,), (3,), (7,), (16,), (17,), (31,), (257,), (5, 0, 3), (3, 5, 7)]
    for shape in [*shapes, (2, 17, 5, 3), (32_769,), (100_003,)]:
        x, g, large = special(*shape), special(*shape, seed=1), shape[0] > 1 << 15
        SAMPLES["relu_forward"].append(Sample((x,), large=large))
        y = np.maximum(x, 0)
        SAMPLES["relu_grad"].append(Sample((g, y), large=large))
        SAMPLES["sigmoid_forward"].append(Sample((x * 5,), large=large))
        SAMPLES["erf_forward"].append(Sample((x,), large=large))
        _smooth(x * 5, large=large)
    number, nan = np.array(-1.5), np.array(np.nan)
    for x in (number, np.array(1.5), nan):
        SAMPLES["relu_forward"].append(Sample((x,), fixed=(0,)))
        SAMPLES["relu_grad"].append(Sample((number, np.asarray(np.maximum(x, 0))), fixed=(0, 1)))
        SAMPLES["sigmoid_forward"].append(Sample((x,), fixed=(0,)))
        SAMPLES["erf_forward"].append(Sample((x,), fixed=(0,)))
        _smooth(x, fixed=(0,))
    # beyond what exp can take, in both dtypes
    x = np.array([88.5, -88.5, 103.5, -103.5, -104.5, -740.0, 740.0, 1e30, -1e30])
    SAMPLES["sigmoid_forward"].append(Sample((x,)))
    _smooth(x)


def _smooth(x: Any, **traits: Any) -> None:
    g = np.asarray(special(*x.shape, seed=1)) if x.ndim else np.array(0.3)
    both = traits | {"fixed": (0, 1)} if "fixed" in traits else traits
    for name in ("gelu_forward", "tanh_forward", "logsigmoid_forward"):
        SAMPLES[name].append(Sample((x,), **traits))
    for options in ((1.0, 20.0), (0.7, 3.0), (-2.0, 1.0), (50.0, 1e9)):
        SAMPLES["softplus_forward"].append(Sample((x, *options), **traits))
    for curve in ((1.0, 1.0, 1.0), (1.7581, 1.0507, 1.0), (-0.5, 1.0, 2.5), (0.5, 1.0, -2.0)):
        SAMPLES["elu_forward"].append(Sample((x, *curve), **traits))
        if curve[2] >= 0 or not (x < -20).any():  # else exp is infinite, in float32 before float64
            SAMPLES["elu_grad"].append(Sample((g, x, *curve), **both))
    SAMPLES["elu_forward"].append(Sample((x, np.inf, 1.0, 1.0), **traits))  # 0 stays 0
    for name in ("gelu_grad", "hardsigmoid_grad", "hardswish_grad"):
        SAMPLES[name].append(Sample((g, x), **both))
    for name in ("hardsigmoid_forward", "hardswish_forward"):
        SAMPLES[name].append(Sample((x,), **traits))
    limits = [(-1.0, 1.0), (0.0, 6), (2.0, -1.0), (None, 0.5), (-0.25, None), (-np.inf, np.inf)]
    for low, high in [*limits, (1e-46, 1e37)]:
        SAMPLES["clamp_forward"].append(Sample((x, low, high), **traits))
        SAMPLES["clamp_grad"] += [Sample((g, x, low, high, ends), **both) for ends in (True, False)]
    for slope in (0.01, 0.0, 1.0, -0.5, 3.0):
        SAMPLES["leaky_relu_forward"].append(Sample((x, slope), **traits))
        SAMPLES["leaky_relu_grad"].append(Sample((g, x, slope), **both))


_elementwise()


def _prelu(*shape: int, large: bool = False) -> None:
    channels = shape[1] if len(shape) > 1 else 1
    g, scale = normal(*shape, seed=1), np.sqrt(float(np.prod(shape)))  # the slopes' sums cancel
    for x in (normal(*shape), special(*shape)):
        for slopes in {(), (1,), (channels,)}:
            w = np.asarray(normal(*slopes, seed=2))
            one, two = ((1,), (2,)) if slopes == () else ((), ())
            SAMPLES["prelu_forward"].append(Sample((x, w), fixed=one, large=large))
            grad = Sample((g, x, w), fixed=two, large=large)
            SAMPLES["prelu_input_grad"].append(grad)
            SAMPLES["prelu_weight_grad"].append(grad._replace(scale=scale))


for _shape in [(0,), (1,), (17,), (0, 3), (3, 0), (2, 0, 3), (2, 3, 0), (1, 1), (5, 1), (257, 3)]:
    _prelu(*_shape)
for _shape in [
    (7, 65),
    (2, 3, 5),
    (2, 1500, 3),
    (3, 1, 7),
    (1, 2, 1),
    (2, 17, 5, 3),
    (3, 4, 2, 3, 2),
]:
    _prelu(*_shape)
for _shape in [(40_009, 3), (130, 600), (3, 5, 9, 500), (2, 3, 33_000), (100_003,)]:
    _prelu(*_shape, large=True)

# ---- softmax

SMALL: list[tuple[int, ...]] = [
    *((1, 1), (1, 2), (7, 16), (5, 17), (33, 31), (64, 10), (3, 1009), (1009, 3), (9, 1), (0, 4)),
    *((5,), (3, 5, 7), (6, 5, 4, 3)),
    # planes: of a vector or less, of one block or several; many channels; rows that end a block
    *(
        (2, 5, 8),
        (131, 3, 4),
        (1, 1, 9),
        (3, 4, 1, 1),
        (2, 3, 17),
        (2, 2, 5, 7),
        (0, 3, 4, 4),
        (2, 3, 0, 4),
    ),
    *((1, 7, 129), (2, 4, 131, 1), (1, 3, 255), (1, 2, 2, 11, 13), (2, 1030, 10)),
    *((127, 8), (129, 13), (259, 48), (131, 49), (261, 2)),
]
LARGE: list[tuple[int, ...]] = [(2, 50_021), (40_009, 3), (300, 257), (1031, 64)]
PLANES: list[tuple[int, ...]] = [(3, 21, 67, 61), (2, 2, 40_009), (2, 1500, 4, 5), (30, 33, 300)]


def _odd_rows(c: int) -> Any:
    """Rows with NaN, with infinities, of nothing but minus infinity, with one that is finite."""
    x = normal(7, c) * 5
    x[0, c // 2], x[1, -1], x[2, 0] = np.nan, np.nan, np.inf
    x[3] = -np.inf
    x[4, 1] = -np.inf
    x[5] = -np.inf
    x[5, c // 2] = 2.0
    return x


def _odd_planes(c: int, size: int) -> Any:
    """The same as channels (1, C, size) of positions in a row, the rows again and again."""
    return np.resize(_odd_rows(c), (size, c)).T[None].copy()


def _along(x: Any, dim: int, large: bool = False) -> None:
    g = normal(*x.shape, seed=1)
    shifted = x - np.max(x, axis=dim, keepdims=True, initial=-np.inf)
    log = shifted - np.log(np.exp(shifted).sum(dim, keepdims=True))
    for name, y in (("softmax", np.exp(log)), ("log_softmax", log)):
        SAMPLES[f"{name}_forward"].append(Sample((x, dim), large=large))
        # a row of one gives zero: g - g
        SAMPLES[f"{name}_grad"].append(Sample((g, y, dim), large=large, scale=1.0))


with np.errstate(all="ignore"):
    for _shape in SMALL:
        for _dim in range(len(_shape)):
            if _shape[_dim]:
                _along(normal(*_shape) * 5, _dim)
                _along(normal(*_shape) * 5e3, _dim)
    for _shape in LARGE + PLANES:
        _along(normal(*_shape) * 5, 1, large=True)
    for _c in (3, 21, 64):
        _along(_odd_rows(_c), 1)
        for _size in (3, 35, 140):
            _along(_odd_planes(_c, _size), 1)


# ---- cross-entropy; its callers make the classes, and a scale that is a number


def _cross_entropy(x: Any, large: bool = False) -> None:
    c = x.shape[1]
    m = x.size // c
    classes = np.random.default_rng(m).integers(0, c, m)
    # a loss of nothing: log(1)
    sample = Sample((x, classes), fixed=(1,), large=large, scale=1.0)
    SAMPLES["cross_entropy_forward"].append(sample)
    cache = Made("cross_entropy_forward", sample)
    SAMPLES["cross_entropy_grad"] += [
        Sample((cache, classes, normal(m, seed=1)), fixed=(1,), large=large, scale=1.0),
        Sample((cache, classes, np.array(0.3)), fixed=(1, 2), large=large, scale=1.0),
    ]


for _shape in SMALL:
    if len(_shape) > 1:
        _cross_entropy(normal(*_shape) * 5)
        _cross_entropy(normal(*_shape) * 5e3)
for _shape in LARGE + PLANES:
    _cross_entropy(normal(*_shape) * 5, large=True)
for _c in (3, 21, 64):
    _cross_entropy(_odd_rows(_c))
    for _size in (3, 35, 140):
        _cross_entropy(_odd_planes(_c, _size))
