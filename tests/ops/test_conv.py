"""Convolution: samples and errors for the contract test, and what samples cannot say."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.ops.sample import Error, Sample, normal

from rushlight.arrays import is_channels_last
from rushlight.errors import DtypeError, ShapeError
from rushlight.ops import conv as ops
from rushlight.ops.contract import OPS


def _geometry(n, stride=1, padding=0, dilation=1, groups=1):
    def each(value):
        return value if isinstance(value, tuple) else (value,) * n

    pairs = tuple(p if isinstance(p, tuple) else (p, p) for p in each(padding))
    return {"stride": each(stride), "padding": pairs, "dilation": each(dilation), "groups": groups}


def _torch(options):
    """Torch's convolution; uneven pads are padded first."""
    n = len(options["stride"])
    widths = [w for pair in reversed(options["padding"]) for w in pair]
    rest = (options["stride"], 0, options["dilation"], options["groups"])

    def call(torch, x, w, b):
        f = torch.nn.functional
        return getattr(f, f"conv{n}d")(f.pad(x, widths), w, b, *rest)

    return call


# (shape of x, shape of w, geometry)
CASES = [
    ((2, 3, 7), (4, 3, 3), {}),
    ((2, 4, 9), (6, 2, 2), {"stride": 2, "padding": 1, "groups": 2}),
    ((1, 3, 8), (3, 1, 3), {"dilation": 2, "padding": 2, "groups": 3}),
    ((2, 1, 5, 6), (3, 1, 3, 3), {"padding": 1}),
    ((2, 3, 6, 5), (4, 3, 3, 2), {"stride": (2, 1), "padding": (1, 0)}),
    ((2, 4, 7, 6), (6, 2, 3, 3), {"stride": 2, "padding": 1, "dilation": (1, 2), "groups": 2}),
    ((2, 4, 6, 6), (4, 1, 3, 3), {"padding": 1, "groups": 4}),
    ((2, 2, 5, 5), (6, 1, 2, 3), {"stride": 2, "padding": 1, "groups": 2}),
    ((2, 3, 4, 5), (2, 3, 1, 1), {}),
    ((2, 3, 5, 5), (2, 3, 1, 1), {"stride": 2}),
    ((2, 2, 5, 4), (3, 2, 2, 4), {"padding": ((0, 1), (1, 2))}),  # 'same'
    ((1, 2, 3, 3), (12, 2, 3, 3), {}),  # one output cell, many filters
    ((2, 2, 4, 4), (2, 2, 2, 2), {"stride": 3}),  # cells that no window sees
    ((1, 2, 4, 3, 5), (4, 2, 2, 2, 3), {"padding": (1, 0, 1), "stride": (2, 1, 2)}),
    ((2, 2, 3, 3, 3), (2, 1, 2, 2, 2), {"groups": 2}),
]


def _forward(x, w, bias, geometry):
    options = _geometry(len(x) - 2, **geometry)
    b = normal(w[0], seed=2) if bias else None
    return Sample((normal(*x), normal(*w, seed=1), b), options, _torch(options))


def _with_relu(sample):
    return Sample(
        sample.args,
        {**sample.options, "relu": True},
        lambda torch, *args: sample.torch(torch, *args).relu(),
        smooth=False,
    )


def _out(x, w, options):
    return (
        x[0],
        w[0],
        *ops._sizes(x, w, options["stride"], options["padding"], options["dilation"]),
    )


def _gradient(x, w, geometry, by):
    """conv_transpose (by="input") or conv_weight, against torch's gradient of the convolution."""
    options = _geometry(len(x) - 2, **geometry)
    g = normal(*_out(x, w, options), seed=3)
    forward = _torch(options)
    if by == "input":

        def call(torch, g, w, b):
            at = torch.zeros(x, dtype=g.dtype, requires_grad=True)
            return torch.autograd.grad(forward(torch, at, w, None), at, g, create_graph=True)[0]

        return Sample((g, normal(*w, seed=1), None), {"x_shape": x, **options}, call)

    def call(torch, x, g):
        at = torch.zeros(w, dtype=g.dtype, requires_grad=True)
        return torch.autograd.grad(forward(torch, x, at, None), at, g, create_graph=True)[0]

    return Sample((normal(*x), g), {"w_shape": w, **options}, call)


# (shape of g, shape of w, stride, padding, output_padding, dilation, groups)
TRANSPOSED = [
    ((2, 3, 4), (3, 4, 3), 1, 0, 0, 1, 1),
    ((2, 4, 3), (4, 3, 2), 3, 0, 2, 1, 2),  # cells that no kernel reaches
    ((1, 3, 4), (3, 1, 3), 2, 1, 1, 2, 3),
    ((2, 3, 2, 3), (3, 4, 2, 2), 2, 0, 0, 1, 1),  # as a U-Net goes up
    ((2, 3, 3, 2), (3, 5, 3, 3), 2, 1, 1, 1, 1),
    ((2, 4, 2, 3), (4, 4, 3, 2), (2, 1), (1, 0), (1, 0), 1, 2),
    ((1, 2, 2, 2), (2, 4, 2, 2), 1, 0, 2, 3, 1),  # an output padding beyond the stride
    ((2, 12, 2, 2), (12, 2, 2, 2), 2, 1, 1, 1, 1),  # many channels to few
    ((0, 2, 2, 2), (2, 3, 2, 2), 2, 0, 0, 1, 1),
    ((1, 4, 1, 2, 2), (4, 2, 2, 1, 2), (2, 1, 3), 0, (1, 0, 2), 1, 2),
]


def _transposed(g, w, stride, padding, output_padding, dilation, groups, bias=True, relu=False):
    """conv_transpose as a layer, against torch's."""
    n = len(g) - 2

    def each(value):
        return value if isinstance(value, tuple) else (value,) * n

    more = each(output_padding)
    pairs = tuple((p, p - m) for p, m in zip(each(padding), more, strict=True))
    options = _geometry(n, stride, pairs, dilation, groups)
    size = [
        (i - 1) * s - 2 * p + d * (k - 1) + m + 1
        for i, k, s, p, m, d in zip(
            *(g[2:], w[2:], each(stride), each(padding), more, each(dilation)), strict=True
        )
    ]
    given = (stride, padding, output_padding, groups, dilation)

    def call(torch, g, w, b):
        y = getattr(torch.nn.functional, f"conv_transpose{n}d")(g, w, b, *given)
        return y.relu() if relu else y

    options["x_shape"] = (g[0], w[1] * groups, *size)
    if relu:
        options["relu"] = True
    b = normal(w[1] * groups, seed=2) if bias else None
    return Sample((normal(*g, seed=3), normal(*w, seed=1), b), options, call, smooth=not relu)


SAMPLES = {
    "conv": [
        *(_forward(x, w, i % 3 != 2, geometry) for i, (x, w, geometry) in enumerate(CASES)),
        *(_with_relu(_forward(x, w, True, geometry)) for x, w, geometry in CASES[:5]),
    ],
    "conv_transpose": [
        *(_gradient(x, w, geometry, "input") for x, w, geometry in CASES),
        *(_transposed(*case) for case in TRANSPOSED),
        *(_transposed(*case, bias=False) for case in TRANSPOSED[4:7]),
        *(_transposed(*case, relu=True) for case in TRANSPOSED[:6]),
    ],
    "conv_weight": [_gradient(x, w, geometry, "weight") for x, w, geometry in CASES],
}


def _error(x, w, match, b=None, error=ShapeError, **geometry):
    args = tuple(np.zeros(a) if isinstance(a, tuple) else a for a in (x, w, b))
    return Error(args, _geometry(2, **geometry), error, match)


def _transpose_error(g, x_shape, match, b=None, error=ShapeError, **geometry):
    args = (np.zeros(g), np.zeros((4, 3, 3, 3)), b)
    return Error(args, {"x_shape": x_shape, **_geometry(2, **geometry)}, error, match)


ERRORS = {
    "conv": [
        _error((2, 3, 5, 5), (4, 2, 3, 3), r"conv2d: got input \(2, 3, 5, 5\).*2 channels.*not 3"),
        _error((2, 5, 5, 3), (4, 3, 3, 3), "the channels are last: move them with permute"),
        _error((2, 3, 5, 5), (4, 2, 3, 3), "set in_channels to 3"),
        _error((2, 3, 2, 5), (4, 3, 3, 3), r"padded size is \(2, 5\).*spans \(3, 3\).*pad more"),
        _error((2, 3, 4, 4), (4, 3, 3, 3), r"spans \(5, 5\)", dilation=2),
        _error((2, 3, 5), (4, 3, 3, 3), r"expected input \(N, C, H, W\).*unsqueeze"),
        _error((2, 3, 5, 5), (4, 3), r"weight \(4, 3\)"),
        _error((2, 3, 5, 5), (4, 1, 3, 3), "filters that groups divides", groups=3),
        _error((2, 3, 0, 5), (4, 3, 3, 3), "no size 0 but that of the batch", padding=2),
        _error((2, 3, 5, 5), (4, 3, 3, 3), r"bias \(3,\), expected \(4,\)", (3,)),
        _error((2, 3, 5, 5), np.zeros((4, 3, 3, 3), "f4"), "one dtype.*convert", error=DtypeError),
        _error((2, 3, 5, 5), (4, 3, 3, 3), "one dtype", np.zeros(4, "f4"), DtypeError),
    ],
    "conv_transpose": [
        _transpose_error((2, 4, 3, 3), (2, 3, 6, 5), r"gradient \(2, 4, 3, 3\).*\(2, 4, 4, 3\)"),
        _transpose_error((2, 4, 3, 3), (2, 2, 5, 5), "3 channels"),
        _transpose_error((2, 5, 3, 3), (2, 3, 5, 5), "4 channels in dim 1 .*not 5; set in_"),
        _transpose_error((2, 3, 3, 4), (2, 3, 5, 6), "the channels are last"),
        _transpose_error((2, 4, 3), (2, 3, 5), "conv_transpose2d.*as many dims.*unsqueeze"),
        _transpose_error((2, 4, 3, 3), (2, 9, 5, 5), "in_channels that groups divides", groups=3),
        _transpose_error((2, 4, 0, 3), (2, 3, 2, 5), "no size 0 but that of the batch"),
        _transpose_error((2, 4, 1, 3), (2, 3, 0, 2), "at least 1 cell; pad less", padding=2),
        _transpose_error((2, 4, 3, 3), (2, 3, 5, 5), r"bias \(4,\), expected \(3,\)", np.zeros(4)),
        _transpose_error((2, 4, 3, 3), (2, 3, 5, 5), "one dtype", np.zeros(3, "f4"), DtypeError),
        Error(
            (np.zeros((2, 4, 3, 3)), np.zeros((4, 3, 3, 3), "f4"), None),
            {"x_shape": (2, 3, 5, 5), **_geometry(2)},
            DtypeError,
            "one dtype",
        ),
    ],
    "conv_weight": [
        Error(
            (np.zeros((2, 3, 5, 5)), np.zeros((2, 4, 3, 4))),
            {"w_shape": (4, 3, 3, 3), **_geometry(2)},
            ShapeError,
            r"conv_weight: .*expected gradient \(2, 4, 3, 3\)",
        ),
        Error(
            (np.zeros((2, 3, 5, 5)), np.zeros((2, 4, 3, 3), "f4")),
            {"w_shape": (4, 3, 3, 3), **_geometry(2)},
            DtypeError,
            "one dtype",
        ),
    ],
}


def test_the_first_layer_never_computes_its_input_gradient(monkeypatch):
    def refuse(*args):
        raise AssertionError("an unwanted gradient was computed")

    x, w, b = normal(2, 3, 5, 5), normal(4, 3, 3, 3), normal(4)
    (y,), saved = ops.conv.forward(x, w, b, **_geometry(2))
    monkeypatch.setattr(ops, "_input_grad", refuse)
    gx, gw, gb = ops.conv.backward(saved, (y,), (False, True, True))
    assert gx is None and gw.shape == w.shape and gb.shape == b.shape
    monkeypatch.setattr(ops, "_weight_grad", refuse)
    assert ops.conv.backward(saved, (y,), (False, False, True))[:2] == (None, None)


def test_results_are_channels_last():
    x, w = normal(2, 3, 6, 5), normal(4, 3, 3, 3)
    (y,), saved = ops.conv.forward(x, w, None, **_geometry(2, padding=1))
    gx, gw, _ = ops.conv.backward(saved, (y,), (True, True, False))
    assert is_channels_last(y) and is_channels_last(gx) and gw.flags.c_contiguous


@pytest.mark.parametrize("case", TRANSPOSED[3:8])
def test_transposed_results_are_channels_last(case):
    args, options, *_ = _transposed(*case)
    (y,), saved = ops.conv_transpose.forward(*args, **options)
    gx, gw, _ = ops.conv_transpose.backward(saved, (y,), (True, True, False))
    assert is_channels_last(y) and is_channels_last(gx) and gw.flags.c_contiguous


def test_cells_that_no_kernel_reaches_hold_the_bias():
    w, b = np.ones((1, 4, 1, 1), "f4"), np.arange(4, dtype="f4") - 1
    options = {"x_shape": (1, 4, 5, 5), **_geometry(2, stride=2)}
    for relu in (False, True):
        y = ops.conv_transpose(np.full((1, 1, 3, 3), np.nan, "f4"), w, b, **options, relu=relu)
        empty = np.ones((5, 5), bool)
        empty[::2, ::2] = False
        assert np.isnan(y[0][:, ~empty]).all()
        right = np.maximum(b, 0) if relu else b
        assert (y[0][:, empty] == right[:, None]).all()


def test_integers_as_torch():
    torch = pytest.importorskip("torch")
    x = np.arange(50).reshape(1, 2, 5, 5)
    w = np.arange(24).reshape(3, 2, 2, 2) - 12
    right = torch.nn.functional.conv2d(torch.from_numpy(x), torch.from_numpy(w))
    assert (ops.conv(x, w, None, **_geometry(2)) == right.numpy()).all()


# ---- random configurations against torch


@st.composite
def configurations(draw: Any) -> tuple[Any, Any, Any]:
    n = draw(st.integers(1, 3))
    groups = draw(st.integers(1, 3))
    each = st.tuples(*[st.integers(1, 3)] * n)
    kernel, stride, dilation = draw(each), draw(each), draw(each)
    padding = draw(st.tuples(*[st.tuples(st.integers(0, 3), st.integers(0, 3))] * n))
    channels, features = draw(st.integers(1, 3)), draw(st.integers(1, 6))
    size = tuple(
        max(1, d * (k - 1) + 1 - lo - hi) + draw(st.integers(0, 4))
        for k, d, (lo, hi) in zip(kernel, dilation, padding, strict=True)
    )
    x = (draw(st.integers(0, 3)), channels * groups, *size)
    w = (features * groups, channels, *kernel)
    return x, w, _geometry(n, stride, padding, dilation, groups)


@settings(deadline=None, max_examples=40)
@given(configurations())
def test_equals_torch(configuration: Any) -> None:
    torch = pytest.importorskip("torch")
    x_shape, w_shape, options = configuration
    arrays = normal(*x_shape), normal(*w_shape, seed=1), normal(w_shape[0], seed=2)
    y, saved = OPS["conv"].forward(*arrays, **options)
    g = normal(*y[0].shape, seed=3)
    found = OPS["conv"].backward(saved, (g,), (True, True, True))
    tensors = [torch.tensor(a, requires_grad=True) for a in arrays]
    right = _torch(options)(torch, *tensors)
    assert y[0].shape == right.shape
    np.testing.assert_allclose(y[0], right.detach().numpy(), 1e-9, 1e-11)
    for a, b in zip(found, torch.autograd.grad(right, tensors, torch.from_numpy(g)), strict=True):
        np.testing.assert_allclose(a, b.numpy(), 1e-9, 1e-11)
