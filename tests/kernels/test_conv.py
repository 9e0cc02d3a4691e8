"""Convolution kernels against a loop one can read, against their adjoints, and against torch."""

from __future__ import annotations

from math import prod

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rushlight.arrays import is_channels_last
from rushlight.kernels import kernel, source
from rushlight.kernels.reference import REFERENCE, conv
from rushlight.kernels.reference.conv import (
    conv_bias_grad,
    conv_forward,
    conv_input_grad,
    conv_weight_grad,
)

# (N, C, *S), features, kernel, stride, padding, dilation, groups
CASES = {
    "1d": ((2, 3, 9), 4, (3,), (1,), ((1, 1),), (1,), 1),
    "1d-remainder": ((2, 2, 10), 3, (3,), (4,), ((0, 0),), (1,), 1),
    "2d": ((2, 3, 5, 6), 4, (3, 3), (1, 1), ((1, 1), (1, 1)), (1, 1), 1),
    "2d-wide-channels": ((2, 9, 4, 3), 5, (3, 3), (1, 1), ((1, 1), (1, 1)), (1, 1), 1),
    "2d-one-channel": ((3, 1, 8, 9), 4, (3, 3), (1, 1), ((1, 1), (1, 1)), (1, 1), 1),
    "2d-one-feature": ((2, 6, 5, 5), 1, (3, 3), (1, 1), ((1, 1), (1, 1)), (1, 1), 1),
    "2d-many-features": ((2, 1, 5, 6), 9, (3, 2), (2, 1), ((1, 0), (0, 1)), (1, 2), 1),
    "2d-stride": ((2, 3, 8, 7), 4, (3, 3), (2, 2), ((1, 1), (1, 1)), (1, 1), 1),
    "2d-stride-beyond-kernel": ((2, 3, 9, 11), 4, (2, 2), (3, 4), ((0, 0), (1, 1)), (1, 1), 1),
    "2d-dilation": ((2, 3, 9, 8), 2, (3, 2), (1, 1), ((2, 2), (1, 1)), (2, 3), 1),
    "2d-stride-and-dilation": ((2, 3, 9, 9), 2, (3, 3), (2, 3), ((2, 2), (2, 2)), (2, 2), 1),
    "2d-asymmetric": ((2, 3, 5, 5), 2, (2, 4), (1, 1), ((0, 1), (1, 2)), (1, 1), 1),
    "2d-padding-beyond-kernel": ((1, 2, 3, 3), 2, (2, 2), (1, 1), ((3, 3), (4, 4)), (1, 1), 1),
    "2d-negative-padding": ((2, 3, 8, 9), 4, (3, 3), (1, 1), ((-1, 0), (1, -2)), (1, 1), 1),
    "2d-negative-padding-stride": ((2, 3, 8, 9), 4, (3, 3), (2, 2), ((-2, 3), (-1, -1)), (1, 1), 1),
    "2d-groups": ((2, 6, 5, 5), 4, (3, 3), (1, 1), ((1, 1), (1, 1)), (1, 1), 2),
    "2d-depthwise": ((2, 5, 6, 6), 5, (3, 3), (1, 1), ((1, 1), (1, 1)), (1, 1), 5),
    "2d-depthwise-stride": ((2, 5, 7, 6), 5, (3, 3), (2, 2), ((1, 1), (1, 1)), (1, 1), 5),
    "2d-depthwise-multiplier": ((2, 3, 6, 6), 6, (3, 3), (1, 1), ((1, 1), (1, 1)), (1, 1), 3),
    "2d-kernel-one": ((2, 3, 5, 5), 4, (1, 1), (1, 1), ((0, 0), (0, 0)), (1, 1), 1),
    "2d-kernel-one-stride": ((2, 4, 5, 6), 6, (1, 1), (2, 2), ((0, 0), (0, 0)), (1, 1), 2),
    "2d-kernel-one-padding": ((2, 3, 4, 4), 4, (1, 1), (1, 1), ((1, 1), (1, 1)), (1, 1), 1),
    "2d-whole-input": ((2, 3, 4, 4), 4, (4, 4), (1, 1), ((0, 0), (0, 0)), (1, 1), 1),
    "2d-empty-batch": ((0, 3, 5, 5), 4, (3, 3), (1, 1), ((1, 1), (1, 1)), (1, 1), 1),
    "3d": ((2, 2, 4, 5, 4), 3, (2, 3, 2), (1, 2, 1), ((1, 1), (1, 1), (0, 0)), (1, 1, 2), 1),
    "3d-negative-padding": (
        *((1, 1, 2, 2, 4), 7, (1, 1, 2), (1, 1, 1)),
        *(((0, 0), (0, 0), (-1, 0)), (1, 1, 1), 1),
    ),
    "3d-groups": ((1, 4, 4, 4, 4), 2, (3, 3, 3), (2, 1, 1), ((1, 1),) * 3, (1, 1, 1), 2),
}
cases = pytest.mark.parametrize("case", CASES.values(), ids=CASES)


def channels_last(x):
    return np.moveaxis(np.ascontiguousarray(np.moveaxis(x, 1, -1)), -1, 1)


def make(case, seed=0, dtype=np.float64):
    """Return x, w, b and the geometry (stride, padding, dilation, groups)."""
    shape, features, kernel, *geometry = case
    rng = np.random.default_rng(seed)
    w_shape = (features, shape[1] // geometry[-1], *kernel)
    arrays = (rng.standard_normal(s) for s in (shape, w_shape, (features,)))
    return (*(a.astype(dtype) for a in arrays), tuple(geometry))


def direct(x, w, b, stride, padding, dilation, groups):
    """The definition: one sum per output cell."""
    x = np.pad(x, [(0, 0), (0, 0), *((max(0, lo), max(0, hi)) for lo, hi in padding)])
    kept = (
        slice(max(0, -lo), n - max(0, -hi))
        for n, (lo, hi) in zip(x.shape[2:], padding, strict=True)
    )
    x = x[(..., *kept)]
    span = [d * (k - 1) + 1 for d, k in zip(dilation, w.shape[2:], strict=True)]
    out = [(n - m) // s + 1 for n, m, s in zip(x.shape[2:], span, stride, strict=True)]
    y = np.zeros((x.shape[0], w.shape[0], *out))
    channels, features = w.shape[1], w.shape[0] // groups
    for f in range(w.shape[0]):
        group = x[:, f // features * channels :][:, :channels]
        for cell in np.ndindex(*out):
            window = tuple(
                slice(o * s, o * s + m, d)
                for o, s, m, d in zip(cell, stride, span, dilation, strict=True)
            )
            seen = group[(slice(None), slice(None), *window)]
            y[(slice(None), f, *cell)] = (seen * w[f]).sum(axis=tuple(range(1, x.ndim))) + b[f]
    return y


def check_adjoint(x, w, geometry, y):
    """<conv(x, w), g> = <x, input_grad(g, w)> = <w, weight_grad(x, g)>"""
    g = np.random.default_rng(1).standard_normal(y.shape)
    dx = conv_input_grad(g, w, x.shape, *geometry)
    dw = conv_weight_grad(x, g, w.shape, *geometry)
    assert dx.shape == x.shape and dw.shape == w.shape and dw.flags.c_contiguous
    inner = (conv_forward(x, w, None, *geometry) * g).sum()
    np.testing.assert_allclose((x * dx).sum(), inner, rtol=1e-10, atol=1e-10)
    np.testing.assert_allclose((w * dw).sum(), inner, rtol=1e-10, atol=1e-10)


@cases
def test_forward_equals_the_definition(case):
    x, w, b, geometry = make(case)
    y = conv_forward(x, w, b, *geometry)
    np.testing.assert_allclose(y, direct(x, w, b, *geometry), rtol=1e-10, atol=1e-12)
    without = conv_forward(x, w, None, *geometry)
    np.testing.assert_allclose(without, direct(x, w, 0 * b, *geometry), rtol=1e-10, atol=1e-12)


@cases
def test_gradients_are_the_adjoints(case):
    x, w, b, geometry = make(case)
    check_adjoint(x, w, geometry, direct(x, w, b, *geometry))


@cases
def test_equals_torch(case):
    torch = pytest.importorskip("torch")
    x, w, b, (stride, padding, dilation, groups) = make(case)
    tx, tw, tb = (torch.tensor(a, requires_grad=True) for a in (x, w, b))
    pads = [side for pair in reversed(padding) for side in pair]
    function = getattr(torch.nn.functional, f"conv{len(stride)}d")
    padded = torch.nn.functional.pad(tx, pads)
    expected = function(padded, tw, tb, stride, 0, dilation, groups)
    geometry = (stride, padding, dilation, groups)
    y = conv_forward(x, w, b, *geometry)
    np.testing.assert_allclose(y, expected.detach().numpy(), rtol=1e-10, atol=1e-12)
    g = np.random.default_rng(2).standard_normal(y.shape)
    expected.backward(torch.tensor(g))
    for found, leaf in (
        (conv_input_grad(g, w, x.shape, *geometry), tx),
        (conv_weight_grad(x, g, w.shape, *geometry), tw),
        (conv_bias_grad(g), tb),
    ):
        np.testing.assert_allclose(found, leaf.grad.numpy(), rtol=1e-10, atol=1e-12)


@cases
@pytest.mark.parametrize("layout", ["channels-last", "reversed", "sliced", "swapped"])
def test_any_strides_give_the_same(case, layout):
    x, w, b, geometry = make(case)
    g = np.random.default_rng(3).standard_normal(conv_forward(x, w, b, *geometry).shape)

    def laid(a):
        if layout == "channels-last":
            return channels_last(a)
        if layout == "reversed":
            return np.ascontiguousarray(a[..., ::-1, :, ::-1])[..., ::-1, :, ::-1]
        if layout == "sliced":
            return np.repeat(np.repeat(a, 2, axis=-1), 2, axis=1)[:, ::2, ..., ::2]
        return np.ascontiguousarray(a.swapaxes(0, -1)).swapaxes(0, -1)

    def run(x, w, g):
        return (
            conv_forward(x, w, b, *geometry),
            conv_input_grad(g, w, x.shape, *geometry),
            conv_weight_grad(x, g, w.shape, *geometry),
            conv_bias_grad(g),
        )

    for found, expected in zip(run(laid(x), laid(w), laid(g)), run(x, w, g), strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-10, atol=1e-12)


@cases
@pytest.mark.parametrize("last", [False, True], ids=["c-ordered", "channels-last"])
def test_results_are_fresh_and_channels_last(case, last):
    x, w, b, geometry = make(case)
    x = channels_last(x) if last else x
    x.flags.writeable = w.flags.writeable = b.flags.writeable = False
    y = conv_forward(x, w, b, *geometry)
    dx = conv_input_grad(y, w, x.shape, *geometry)
    for result in (y, dx):
        assert np.moveaxis(result, 1, -1).flags.c_contiguous
        assert is_channels_last(result) or result.shape[1] == 1
        assert not np.shares_memory(result, x) and result.flags.writeable
    assert not np.shares_memory(y, dx)


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_dtype_is_kept(dtype):
    case = CASES["2d-stride"]
    x, w, b, geometry = make(case, dtype=dtype)
    y = conv_forward(x, w, b, *geometry)
    dx = conv_input_grad(y, w, x.shape, *geometry)
    dw = conv_weight_grad(x, y, w.shape, *geometry)
    assert {a.dtype for a in (y, dx, dw, conv_bias_grad(y))} == {np.dtype(dtype)}
    assert is_channels_last(y) and is_channels_last(dx)
    rtol = {"float16": 4e-3, "float32": 1e-5, "float64": 1e-12}[dtype]
    wide = [a.astype(np.float64) for a in (x, w, b)]
    np.testing.assert_allclose(y, direct(*wide, *geometry), rtol=rtol, atol=rtol)


def test_integers():
    x, w, b, geometry = make(CASES["2d"])
    x, w, b = ((a * 10).astype(np.int64) for a in (x, w, b))
    y = conv_forward(x, w, b, *geometry)
    assert y.dtype == np.int64
    np.testing.assert_array_equal(y, direct(x, w, b, *geometry))


@cases
@pytest.mark.parametrize("rows", [1, 7, 30])
def test_block_size_changes_nothing(case, rows, monkeypatch):
    """Blocks of lines, of one sample and of several, with remainders, chunks of padding too."""
    x, w, b, geometry = make(case)
    x = np.concatenate([x, x[::-1], x * 2])  # more samples than one chunk
    y = conv_forward(x, w, b, *geometry)
    dx = conv_input_grad(y, w, x.shape, *geometry)
    dw = conv_weight_grad(x, y, w.shape, *geometry)
    k = prod(w.shape[1:])
    monkeypatch.setattr(conv, "MIN_ROWS", 1)
    monkeypatch.setattr(conv, "SMALL_PRODUCT", rows * k * (w.shape[0] // geometry[-1]))
    monkeypatch.setattr(conv, "COLUMN_BYTES", rows * k * 8)
    monkeypatch.setattr(conv, "PADDED_BYTES", 2 * prod(x.shape[1:]) * 8)
    small = (
        conv_forward(x, w, b, *geometry),
        conv_input_grad(y, w, x.shape, *geometry),
        conv_weight_grad(x, y, w.shape, *geometry),
    )
    for found, expected in zip(small, (y, dx, dw), strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-10, atol=1e-11)


@cases
def test_both_ways_to_the_input_gradient_agree(case, monkeypatch):
    x, w, b, geometry = make(case)
    g = conv_forward(x, w, b, *geometry)
    found = []
    for ratio in (0, 1 << 30):
        monkeypatch.setattr(conv, "SCATTER_RATIO", ratio)
        found.append(conv_input_grad(g, w, x.shape, *geometry))
    np.testing.assert_allclose(found[0], found[1], rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("ratio", [0, 1 << 30])
def test_cells_that_no_window_sees_get_zero(ratio, monkeypatch):
    """The rows that output_padding adds to a transposed convolution."""
    monkeypatch.setattr(conv, "SCATTER_RATIO", ratio)
    g, w = np.ones((2, 4, 3, 3)), np.ones((4, 2, 2, 2))
    geometry = ((3, 3), ((0, 0), (0, 0)), (1, 1), 1)
    dx = conv_input_grad(g, w, (2, 2, 10, 9), *geometry)
    np.testing.assert_array_equal(dx[:, :, 8:], 0)
    np.testing.assert_array_equal(dx[:, :, :, 2::3], 0)
    np.testing.assert_array_equal(dx[:, :, :8:3, ::3], 4)


@pytest.mark.parametrize("channels, groups", [(5, 1), (1, 1), (1, 9)])
@pytest.mark.parametrize("of", [REFERENCE.get, kernel], ids=["reference", "fastest"])
@pytest.mark.parametrize("k", [1, 3])
@pytest.mark.parametrize("stride", [2**31, 2**32, 2**62])
def test_a_stride_that_nobody_takes_may_be_huge(stride, k, of, channels, groups):
    rng = np.random.default_rng(0)
    x, w = rng.normal(size=(2, channels * groups, 5, 5)), rng.normal(size=(9, channels, k, k))
    g, found = rng.normal(size=(2, 9, 1, 1)), []
    for step, spread in ((5, 1), (stride, stride if k == 1 else 1)):
        geometry = (step,) * 2, ((0, 0), (0, 0)), (spread,) * 2, groups
        y = of("conv_forward")(x, w, None, *geometry)
        dx = of("conv_input_grad")(g, w, x.shape, *geometry)
        found.append((y, dx, of("conv_weight_grad")(x, g, w.shape, *geometry)))
    for one, other in zip(*found, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-12, atol=1e-13)


def test_nan_stays_in_the_windows_that_see_it():
    x, w, b, geometry = make(CASES["2d-one-channel"])
    x[0, 0, 4, 4] = np.nan
    y = conv_forward(x, w, b, *geometry)
    seen = np.zeros(y.shape, bool)
    seen[0, :, 3:6, 3:6] = True
    np.testing.assert_array_equal(np.isnan(y), seen)


@st.composite
def configurations(draw):
    dims = draw(st.integers(1, 3))
    small = st.integers(1, 3)
    groups, channels, features = draw(small), draw(small), draw(small)

    def each(strategy):
        return tuple(draw(strategy) for _ in range(dims))

    kernel, stride, dilation = each(small), each(small), each(small)
    padding = each(st.tuples(st.integers(-2, 2), st.integers(-2, 2)))
    size = tuple(
        max(1 + max(0, -lo) + max(0, -hi), d * (k - 1) + 1 - lo - hi) + draw(st.integers(0, 4))
        for k, d, (lo, hi) in zip(kernel, dilation, padding, strict=True)
    )
    shape = (draw(st.integers(0, 3)), groups * channels, *size)
    return (shape, groups * features, kernel, stride, padding, dilation, groups)


@settings(max_examples=60, deadline=None)
@given(configurations(), st.booleans(), st.booleans())
def test_any_configuration(case, last, scatter):
    x, w, b, geometry = make(case)
    x = channels_last(x) if last else x
    expected = direct(x, w, b, *geometry)
    found = conv_forward(x, w, b, *geometry)
    np.testing.assert_allclose(found, expected, rtol=1e-10, atol=1e-12)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(conv, "SCATTER_RATIO", 0 if scatter else 1 << 30)
        check_adjoint(x, w, geometry, expected)


def test_arrays_in_the_midst_of_a_number_are_copied() -> None:
    pytest.importorskip("rushlight._native")
    if source("conv_forward") == "numpy":
        pytest.skip("the compiled kernels are switched off")
    from rushlight.kernels.native.conv import _last as conv_last

    for shape in [(1, 1, 1, 1), (2, 3, 4, 4), (1, 8, 1, 1)]:
        x = np.zeros(4 * np.prod(shape) + 1, np.uint8)[1:].view(np.float32).reshape(shape)
        assert not x.flags.aligned
        assert conv_last(x).flags.aligned
        assert conv_last(x, 1, (4, shape[1], 2, 2), (1, 1)).flags.aligned


def _shifted(a):
    """The numbers of a, in the midst of numbers of their own."""
    memory = np.zeros(a.nbytes + 1, np.uint8)[1:].view(a.dtype).reshape(a.shape)
    memory[...] = a
    assert not memory.flags.aligned
    return memory


@cases
def test_arrays_in_the_midst_of_a_number_give_the_same(case):
    x, w, b, geometry = make(case)
    if not x.size:
        return
    forward, input_grad, weight_grad = (
        kernel(f"conv_{name}") for name in ("forward", "input_grad", "weight_grad")
    )
    y = forward(x, w, b, *geometry)
    shifted = _shifted(w), _shifted(b)
    np.testing.assert_array_equal(forward(_shifted(x), *shifted, *geometry), y)
    for found, expected in (
        (input_grad(_shifted(y), shifted[0], x.shape, *geometry), (y, w, x.shape)),
        (weight_grad(_shifted(x), _shifted(y), w.shape, *geometry), (x, y, w.shape)),
    ):
        function = input_grad if expected[1] is w else weight_grad
        np.testing.assert_allclose(found, function(*expected, *geometry), rtol=1e-12, atol=1e-12)
