"""Pooling: samples and errors for the contract test, and what samples cannot say."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from tests.ops.sample import Error, Sample, integers, normal, uniform

from rushlight import functional as F
from rushlight.arrays import is_channels_last
from rushlight.errors import DtypeError, ShapeError
from rushlight.functional import pooling
from rushlight.ops import pool as ops
from rushlight.tape import wrap


def _each(value, n):
    return value if isinstance(value, tuple) else (value,) * n


def _max_options(size, k, s=None, p=0, d=1, ceil_mode=False):
    return pooling._windows("max_pool", size, k, s, p, d, ceil_mode)


def _avg_options(size, k, s=None, p=0, ceil_mode=False, include=True, override=None):
    return pooling._averages("avg_pool", size, k, s, p, ceil_mode, include, override)


def _torch(name, n, *args, **options):
    return lambda torch, x: getattr(torch.nn.functional, f"{name}{n}d")(x, *args, **options)


def _max(shape, *args, indices=False, x=None, **options):
    size = shape[2:]
    call = _torch("max_pool", len(size), *args, return_indices=indices, **options)
    options["d"] = options.pop("dilation", 1)
    options["p"] = options.pop("padding", 0)
    x = normal(*shape) if x is None else x
    return Sample((x,), _max_options(size, *args, **options), call)


MAX_CASES = [
    (((2, 3, 7), 2), {}),
    (((2, 2, 8), 3, 2), {"padding": 1}),
    (((2, 3, 6, 4), 2), {}),
    (((2, 2, 7, 6), 3, 2), {"padding": 1}),
    (((2, 2, 7, 6), (3, 2), (1, 2)), {"padding": (1, 0)}),
    (((2, 2, 8, 9), (2, 3), 2), {"dilation": (2, 1)}),
    (((1, 2, 6, 7), 2, 2), {"ceil_mode": True}),
    (((1, 2, 7, 5), 3, 3), {"ceil_mode": True, "padding": 1}),
    (((2, 1, 4, 5, 3), 2, 1), {}),
    (((1, 2, 4, 6, 5), (2, 3, 2)), {"padding": (1, 0, 1), "ceil_mode": True}),
    (((2, 2, 5, 5), 1), {}),
    (((2, 2, 5, 5), 1, 2), {}),
]


def _avg(shape, *args, **options):
    call = _torch("avg_pool", len(shape) - 2, *args, **options)
    names = {"padding": "p", "count_include_pad": "include", "divisor_override": "override"}
    own = {names.get(key, key): value for key, value in options.items()}
    return Sample((normal(*shape),), _avg_options(shape[2:], *args, **own), call)


AVG_CASES = [
    (((2, 3, 7), 2), {}),
    (((2, 3, 7), 3, 2, 1), {"count_include_pad": False}),
    (((2, 3, 6, 4), 2), {}),
    (((2, 2, 7, 6), 3, 2, 1), {}),
    (((2, 2, 7, 6), 3, 2, 1), {"count_include_pad": False}),
    (((2, 2, 7, 6), (3, 2), (2, 1), (1, 0)), {"divisor_override": 4}),
    (((2, 2, 6, 7), 2), {"ceil_mode": True}),
    (((2, 2, 6, 7), 4, 3, 2), {"ceil_mode": True, "count_include_pad": False}),
    (((2, 2, 6, 7), 4, 3, 2), {"ceil_mode": True, "divisor_override": -3}),
    (((1, 2, 4, 5, 6), 2), {}),
    (((1, 2, 4, 5, 6), (2, 3, 2), 2, 1), {"ceil_mode": True, "count_include_pad": False}),
]


def _avg_gradient(shape, *args, **options):
    """The gradient as a function of g, against torch's."""
    sample = _avg(shape, *args, **options)
    own = dict(sample.options)
    g = normal(*shape[:2], *own.pop("out_size"), seed=3)

    def call(torch, g):
        at = torch.zeros(shape, dtype=g.dtype, requires_grad=True)
        return torch.autograd.grad(sample.torch(torch, at), at, g, create_graph=True)[0]

    return Sample((g,), {"x_shape": shape, **own}, call)


ADAPTIVE_CASES = [
    ((2, 3, 7), (3,)),
    ((2, 3, 6), (3,)),
    ((2, 2, 6, 4), (3, 2)),
    ((2, 2, 5, 7), (3, 4)),
    ((2, 2, 5, 7), (1, 1)),
    ((2, 2, 3, 4), (5, 4)),
    ((1, 2, 4, 5, 3), (2, 3, 3)),
]


def _adaptive(shape, out, kind, **options):
    call = _torch(f"adaptive_{kind}_pool", len(out), out, **options)
    return Sample((normal(*shape),), {"out_size": out}, call)


def _adaptive_gradient(shape, out):
    forward = _torch("adaptive_avg_pool", len(out), out)

    def call(torch, g):
        at = torch.zeros(shape, dtype=g.dtype, requires_grad=True)
        return torch.autograd.grad(forward(torch, at), at, g, create_graph=True)[0]

    return Sample((normal(*shape[:2], *out, seed=3),), {"x_shape": shape}, call)


PLACES = [((2, 3, 5, 4), (3, 2)), ((2, 2, 7), (5,)), ((1, 2, 3, 2, 4), (2, 2, 2))]


def _places(shape, out):
    return integers(*shape[:2], *out, high=int(np.prod(shape[2:])), seed=5)


def _scatter(shape, out):
    index = _places(shape, out)

    def call(torch, g):
        flat = torch.zeros(*shape[:2], int(np.prod(shape[2:])), dtype=g.dtype)
        where = torch.from_numpy(index).flatten(2)
        return flat.scatter_add(2, where, g.flatten(2)).reshape(shape)

    return Sample((normal(*index.shape),), {"indices": index, "x_shape": shape}, call)


def _gather(shape, out):
    index = _places(shape, out)

    def call(torch, x):
        return x.flatten(2).gather(2, torch.from_numpy(index).flatten(2)).reshape(index.shape)

    return Sample((normal(*shape),), {"indices": index}, call)


FRACTIONAL = [
    ((2, 3, 7, 6), 2, (3, 4)),
    ((2, 2, 5, 5), (3, 1), (3, 2)),
    ((1, 2, 5, 4, 6), 2, (2, 2, 4)),
]


def _fractional(shape, kernel, out):
    n = len(out)
    samples = uniform(*shape[:2], n, seed=7)

    def call(torch, x):
        order = samples[..., ::-1].copy() if n == 2 else samples
        given = torch.from_numpy(order).to(x.dtype)
        f = getattr(torch.nn.functional, f"fractional_max_pool{n}d")
        return f(x, kernel, out, return_indices=True, _random_samples=given)

    options = {"samples": samples, "kernel": _each(kernel, n), "out_size": out}
    return Sample((normal(*shape),), options, call)


def _unpool(shape, size):
    cells = int(np.prod(size))
    rows = [np.random.default_rng(i).permutation(cells) for i in range(shape[0] * shape[1])]
    index = np.array([row[: int(np.prod(shape[2:]))] for row in rows]).reshape(shape)

    def call(torch, x):
        flat = torch.zeros(*shape[:2], cells, dtype=x.dtype)
        where = torch.from_numpy(index).flatten(2)
        return flat.scatter(2, where, x.flatten(2)).reshape(*shape[:2], *size)

    return Sample((normal(*shape),), {"indices": index, "size": size}, call)


def _with_relu(sample):
    return sample._replace(
        options={**sample.options, "relu": True},
        torch=lambda torch, x: sample.torch(torch, x.relu()),
        smooth=False,
    )


SAMPLES = {
    "max_pool": [
        *(_max(*args, **options) for args, options in MAX_CASES),
        _max((2, 2, 4, 4), 2, x=np.full((2, 2, 4, 4), -np.inf))._replace(gradient=False),
        *(_with_relu(_max(*args, **options)) for args, options in MAX_CASES[:4]),
    ],
    "max_pool_with_indices": [_max(*args, indices=True, **options) for args, options in MAX_CASES],
    "avg_pool": [_avg(*args, **options) for args, options in AVG_CASES],
    "avg_pool_grad": [_avg_gradient(*args, **options) for args, options in AVG_CASES],
    "adaptive_avg_pool": [_adaptive(*case, "avg") for case in ADAPTIVE_CASES],
    "adaptive_avg_pool_grad": [_adaptive_gradient(*case) for case in ADAPTIVE_CASES],
    "adaptive_max_pool": [_adaptive(*case, "max", return_indices=True) for case in ADAPTIVE_CASES],
    "max_pool_scatter": [_scatter(*case) for case in PLACES],
    "max_pool_gather": [_gather(*case) for case in PLACES],
    "fractional_max_pool": [_fractional(*case) for case in FRACTIONAL],
    "max_unpool": [
        _unpool(*case)
        for case in (((2, 3, 2), (5,)), ((2, 3, 2, 3), (4, 5)), ((1, 2, 2, 1, 2), (3, 2, 4)))
    ],
}

_BAD = np.zeros((2, 3, 4))
_INTEGERS = np.zeros((2, 3, 4, 4), np.int64)
_DRAWN = {"samples": np.zeros((2, 3, 2)), "kernel": (2, 2), "out_size": (2, 2)}
_PUT = {"indices": np.zeros((1, 1, 2, 2), np.int64), "size": (4, 4)}

ERRORS = {
    "max_pool": [
        Error((_BAD,), _max_options((4, 4), 2), ShapeError, r"max_pool2d: got input \(2, 3, 4\)"),
        Error(
            (np.zeros((2, 0, 4, 4)),), _max_options((4, 4), 2), ShapeError, "none but N of size 0"
        ),
        Error((_INTEGERS > 0,), _max_options((4, 4), 2), DtypeError, "max_pool2d: got bool"),
        Error((_INTEGERS[0],), _max_options((4,), 2), DtypeError, "max_pool1d: got int64"),
    ],
    "max_pool_with_indices": [
        Error((_INTEGERS > 0,), _max_options((4, 4), 2), DtypeError, "max_pool2d: got bool"),
        Error((_BAD,), _max_options((4, 4), 2), ShapeError, r"with 2 dims S"),
    ],
    "avg_pool": [
        Error((_BAD,), _avg_options((4, 4), 2), ShapeError, r"avg_pool2d: got input \(2, 3, 4\)"),
        Error((_INTEGERS,), _avg_options((4, 4), 2), DtypeError, "got int64.*floating.*float()"),
        Error(
            (np.zeros((1, 1, 4, 4, 4), np.float16),),
            _avg_options((4, 4, 4), 2),
            DtypeError,
            "avg_pool3d: got float16",
        ),
    ],
    "adaptive_avg_pool": [
        Error((_BAD,), {"out_size": (2, 2)}, ShapeError, "adaptive_avg_pool2d: got input"),
        Error((_INTEGERS,), {"out_size": (2, 2)}, DtypeError, "got int64"),
    ],
    "adaptive_max_pool": [
        Error((_BAD,), {"out_size": (2, 2)}, ShapeError, "adaptive_max_pool2d: got input"),
        Error((_INTEGERS,), {"out_size": (2, 2)}, DtypeError, "adaptive_max_pool: got int64"),
    ],
    "avg_pool_grad": [
        Error(
            (_BAD,),
            {
                "x_shape": (2, 2, 8),
                "kernel": (2,),
                "stride": (2,),
                "padding": (0,),
                "count_include_pad": True,
                "divisor_override": None,
            },
            ShapeError,
            r"avg_pool_grad: got \(2, 3, 4\) for an input \(2, 2, 8\), expected the same N and C",
        ),
    ],
    "adaptive_avg_pool_grad": [
        Error((_BAD,), {"x_shape": (1, 3, 8)}, ShapeError, "the same N and C"),
    ],
    "max_pool_scatter": [
        Error(
            (_BAD,),
            {"indices": np.zeros((2, 3, 4), np.int64), "x_shape": (2, 3, 8, 8)},
            ShapeError,
            "max_pool_scatter: got .* for an input",
        ),
    ],
    "fractional_max_pool": [
        Error((_BAD,), _DRAWN, ShapeError, r"fractional_max_pool2d: got input \(2, 3, 4\)"),
        Error((_INTEGERS,), _DRAWN, DtypeError, "fractional_max_pool: got int64"),
        Error((np.zeros((2, 2, 4, 4)),), _DRAWN, ShapeError, r"samples \(2, 3, 2\).*\(2, 2, 2\)"),
    ],
    "max_unpool": [
        Error((_BAD,), _PUT, ShapeError, r"max_unpool2d: got input \(2, 3, 4\)"),
        Error((_INTEGERS[:1, :1],), _PUT, DtypeError, "max_unpool2d: got int64"),
        Error((np.zeros((1, 1, 4, 4)),), _PUT, ShapeError, r"with indices \(1, 1, 2, 2\).*equal"),
        Error(
            (np.zeros((1, 1, 2, 2)),),
            {**_PUT, "indices": np.zeros((1, 1, 2, 2), np.int32)},
            DtypeError,
            "indices int32, expected int64",
        ),
        *(
            Error(
                (np.zeros((1, 1, 2, 2)),),
                {**_PUT, "indices": np.full((1, 1, 2, 2), i)},
                RuntimeError,
                rf"indices {i} to {i}, expected 0 to 15 for planes \(4, 4\); .*output_size",
            )
            for i in (-1, 16)
        ),
    ],
    "max_pool_gather": [
        Error((_BAD,), {"indices": np.zeros((1, 3, 4), np.int64)}, ShapeError, "the same N and C"),
    ],
}


# ---- what samples cannot say


@pytest.mark.parametrize("values", ["ties", "nan", "-inf", "integers"])
def test_ties_and_special_values_as_torch(values):
    torch = pytest.importorskip("torch")
    x = integers(2, 3, 7, 8, high=3).astype(np.float64)
    if values == "nan":
        x[x == 1] = np.nan
    elif values == "-inf":
        x[:] = -np.inf
    elif values == "integers":
        x = x.astype(np.int64)
    options = _max_options((7, 8), 3, 2, 1)
    (y, indices), saved = ops.max_pool_with_indices.forward(x, **options)
    right = torch.tensor(x, requires_grad=values != "integers")
    expected, places = torch.nn.functional.max_pool2d(right, 3, 2, 1, return_indices=True)
    np.testing.assert_array_equal(y, expected.detach().numpy())
    np.testing.assert_array_equal(indices, places.numpy())
    if values == "integers":
        return
    g = normal(*y.shape, seed=3)
    expected.backward(torch.from_numpy(g))
    (by_indices,) = ops.max_pool_with_indices.backward(saved, (g, None), (True,))
    _, saved = ops.max_pool.forward(x, **options)
    (by_values,) = ops.max_pool.backward(saved, (g,), (True,))
    for found in (by_indices, by_values):
        np.testing.assert_allclose(found, right.grad.numpy(), 1e-12)


def test_unpool_of_equal_indices_keeps_the_last_and_gives_all_a_gradient():
    torch = pytest.importorskip("torch")
    x, index = normal(2, 3, 4, 5), integers(2, 3, 4, 5, high=6)
    right = torch.tensor(x, requires_grad=True)
    expected = torch.nn.functional.max_unpool2d(
        right, torch.tensor(index), (1, 1), output_size=(4, 5)
    )
    g = normal(2, 3, 4, 5, seed=1)
    expected.backward(torch.tensor(g))
    for change in (
        np.ascontiguousarray,
        lambda a: np.moveaxis(np.moveaxis(a, 1, -1).copy(), -1, 1),
    ):
        (y,), saved = ops.max_unpool.forward(change(x), indices=change(index), size=(4, 5))
        np.testing.assert_array_equal(y, expected.detach().numpy())
        (dx,) = ops.max_unpool.backward(saved, (change(g),), (True,))
        np.testing.assert_array_equal(dx, right.grad.numpy())


def test_the_gradient_of_a_window_without_a_cell_goes_nowhere():
    """With indices, too, which torch lets point out of the plane."""
    x = normal(2, 3, 1, 3)
    found = []
    for indices in (False, True):
        leaf = wrap(x).requires_grad_()
        y = F.max_pool2d(leaf, (2, 3), 2, (1, 0), (2, 1), return_indices=indices)
        y = y[0] if indices else y
        assert (y.detach().numpy() == -np.inf).all()
        y.backward(wrap(normal(*y.shape)))
        found.append(leaf.grad.numpy())
    assert not found[0].any() and not found[1].any()


def test_layout_is_kept():
    def last(x):
        return np.moveaxis(np.ascontiguousarray(np.moveaxis(x, 1, -1)), -1, 1)

    x = normal(2, 3, 8, 6)
    calls = [
        (ops.max_pool, _max_options((8, 6), 2)),
        (ops.max_pool_with_indices, _max_options((8, 6), 3, 2, 1)),
        (ops.avg_pool, _avg_options((8, 6), 2)),
        (ops.adaptive_avg_pool, {"out_size": (3, 4)}),
        (ops.adaptive_max_pool, {"out_size": (3, 4)}),
        (
            ops.fractional_max_pool,
            {"samples": uniform(2, 3, 2), "kernel": (2, 2), "out_size": (5, 4)},
        ),
        (ops.max_unpool, {"indices": integers(2, 3, 8, 6, high=99), "size": (9, 11)}),
    ]
    for op, options in calls:
        for change, check in (
            (last, is_channels_last),
            (np.ascontiguousarray, lambda a: a.flags.c_contiguous),
        ):
            outputs, saved = op.forward(change(x), **options)
            g = change(normal(*outputs[0].shape))
            (gx,) = op.backward(saved, (g, None)[: len(outputs)], (True,))
            assert check(gx) and all(check(y) for y in outputs), op
        # behind a flatten the gradient comes in C order
        outputs, saved = op.forward(last(x), **options)
        g = normal(*outputs[0].shape)
        (gx,) = op.backward(saved, (g, None)[: len(outputs)], (True,))
        assert is_channels_last(gx), op


def test_adaptive_size_0_as_torch():
    x = normal(2, 3, 4, 5)
    assert ops.adaptive_avg_pool(x, out_size=(0, 2)).shape == (2, 3, 0, 2)
    y, indices = ops.adaptive_max_pool(x, out_size=(2, 0))
    assert y.shape == indices.shape == (2, 3, 2, 0)


# ---- random configurations against torch, through the functions with torch's names


@st.composite
def windows(draw: Any) -> tuple[Any, ...]:
    n = draw(st.integers(1, 3))
    kernel = draw(st.tuples(*[st.integers(1, 4)] * n))
    stride = draw(st.tuples(*[st.integers(1, 4)] * n))
    padding = tuple(draw(st.integers(0, k // 2)) for k in kernel)
    dilation = draw(st.tuples(*[st.integers(1, 2)] * n))
    # From size d on every window has a cell. Of one without, torch scatters the gradient anywhere.
    size = tuple(
        max(d, d * (k - 1) + 1 - 2 * p) + draw(st.integers(0, 5))
        for k, p, d in zip(kernel, padding, dilation, strict=True)
    )
    batch = draw(st.sampled_from([(), (0,), (1,), (3,)]))
    shape = (*batch, draw(st.integers(1, 3)), *size)
    return n, shape, kernel, stride, padding, dilation


def _compare(name: str, shape: Any, *args: Any, **options: Any) -> None:
    torch = pytest.importorskip("torch")
    values = np.random.default_rng(0).permutation(int(np.prod(shape))).reshape(shape) / 7.0
    x, right = wrap(values).requires_grad_(), torch.tensor(values, requires_grad=True)
    y = getattr(F, name)(x, *args, **options)
    # of a window without any cell torch takes an index outside, and its backward writes there
    assume(bool(np.isfinite((y[0] if isinstance(y, tuple) else y).detach().numpy()).all()))
    expected = getattr(torch.nn.functional, name)(right, *args, **options)
    if isinstance(y, tuple):
        np.testing.assert_array_equal(y[1].numpy(), expected[1].numpy())
        y, expected = y[0], expected[0]
    assert y.shape == tuple(expected.shape)
    np.testing.assert_allclose(y.detach().numpy(), expected.detach().numpy(), 1e-10, 1e-12)
    g = normal(*y.shape, seed=3)
    y.backward(wrap(g))
    expected.backward(torch.from_numpy(g))
    np.testing.assert_allclose(x.grad.numpy(), right.grad.numpy(), 1e-10, 1e-12)


@settings(deadline=None, max_examples=60)
@given(windows(), st.booleans(), st.booleans())
def test_max_pool_equals_torch(config: Any, ceil_mode: bool, indices: bool) -> None:
    n, shape, *args = config
    _compare(f"max_pool{n}d", shape, *args, ceil_mode=ceil_mode, return_indices=indices)


@settings(deadline=None, max_examples=60)
@given(windows(), st.booleans(), st.booleans(), st.sampled_from([None, 1, 3, -2]))
def test_avg_pool_equals_torch(
    config: Any, ceil_mode: bool, include: bool, override: int | None
) -> None:
    n, shape, *args, _ = config
    if n == 3:  # here alone torch refuses planes that are smaller than the kernel but for padding
        assume(all(s >= k for s, k in zip(shape[-3:], args[0], strict=True)))
    options = {} if n == 1 else {"divisor_override": override}
    _compare(
        f"avg_pool{n}d", shape, *args, ceil_mode=ceil_mode, count_include_pad=include, **options
    )


@settings(deadline=None, max_examples=60)
@given(st.integers(1, 3), st.sampled_from([(), (0,), (1,), (3,)]), st.data())
def test_adaptive_pool_equals_torch(n: int, batch: Any, data: Any) -> None:
    size = data.draw(st.tuples(*[st.integers(1, 7)] * n))
    lengths = st.integers(1, 8) if n == 1 else st.none() | st.integers(1, 8)
    out = data.draw(st.tuples(*[lengths] * n))
    shape = (*batch, data.draw(st.integers(1, 3)), *size)
    _compare(f"adaptive_avg_pool{n}d", shape, out)
    _compare(f"adaptive_max_pool{n}d", shape, out, return_indices=True)
