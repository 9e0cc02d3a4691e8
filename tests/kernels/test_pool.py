"""Pooling kernels against a loop one can read, against their adjoints, and against torch."""

from __future__ import annotations

from math import ceil, prod

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rushlight.arrays import is_channels_last
from rushlight.kernels.reference import pool
from rushlight.kernels.reference.pool import (
    adaptive_avg_forward,
    adaptive_avg_grad,
    adaptive_max_forward,
    avg_pool_forward,
    avg_pool_grad,
    max_pool_forward,
    max_pool_gather,
    max_pool_grad,
    max_pool_indices,
    max_pool_scatter,
)

# (N, C, *S), kernel, stride, padding, dilation, ceil_mode
CASES = {
    "1d": ((2, 3, 9), (3,), (2,), (1,), (1,), False),
    "1d-ceil": ((2, 3, 10), (3,), (4,), (1,), (1,), True),
    "2d-tiles": ((2, 3, 6, 4), (2, 2), (2, 2), (0, 0), (1, 1), False),
    "2d-tiles-remainder": ((2, 3, 7, 5), (2, 2), (2, 2), (0, 0), (1, 1), False),
    "2d-tiles-ceil": ((2, 3, 7, 5), (2, 2), (2, 2), (0, 0), (1, 1), True),
    "2d-tiles-padding": ((2, 3, 7, 5), (3, 2), (3, 2), (1, 1), (1, 1), True),
    "2d-overlap": ((2, 3, 7, 8), (3, 3), (2, 2), (1, 1), (1, 1), False),
    "2d-overlap-ceil": ((2, 3, 6, 6), (3, 3), (2, 2), (1, 1), (1, 1), True),
    "2d-gaps": ((2, 3, 9, 9), (2, 1), (3, 4), (0, 0), (1, 1), False),
    "2d-dilation": ((2, 3, 9, 8), (3, 2), (1, 2), (1, 0), (2, 3), False),
    "2d-dilation-ceil": ((2, 2, 9, 8), (2, 3), (3, 3), (1, 1), (2, 2), True),
    "2d-one-channel": ((2, 1, 6, 6), (2, 2), (2, 2), (0, 0), (1, 1), False),
    "2d-one-tap": ((2, 3, 4, 4), (1, 1), (1, 1), (0, 0), (1, 1), False),
    "2d-whole": ((2, 3, 4, 5), (4, 5), (4, 5), (0, 0), (1, 1), False),
    "2d-empty-batch": ((0, 3, 4, 4), (2, 2), (2, 2), (0, 0), (1, 1), False),
    "3d": ((2, 2, 5, 4, 6), (2, 2, 3), (2, 1, 2), (0, 1, 1), (1, 1, 1), True),
}
cases = pytest.mark.parametrize("case", CASES.values(), ids=CASES)
layouts = pytest.mark.parametrize("last", [False, True], ids=["c-ordered", "channels-last"])
VALUES = ["distinct", "ties", "nan", "lowest"]
values = pytest.mark.parametrize("kind", VALUES)

# (N, C, *S), out_size
ADAPTIVE = {
    "1d": ((2, 3, 10), (4,)),
    "1d-divides": ((2, 3, 10), (5,)),
    "2d": ((2, 3, 7, 9), (3, 4)),
    "2d-divides": ((2, 3, 8, 9), (4, 3)),
    "2d-global": ((2, 3, 5, 7), (1, 1)),
    "2d-mixed": ((2, 3, 8, 7), (4, 3)),
    "2d-identity": ((2, 3, 4, 4), (4, 4)),
    "2d-larger": ((2, 3, 3, 4), (5, 7)),
    "2d-empty-batch": ((0, 3, 5, 5), (2, 2)),
    "3d": ((1, 2, 5, 4, 6), (2, 3, 4)),
}
adaptive = pytest.mark.parametrize(("shape", "out"), ADAPTIVE.values(), ids=ADAPTIVE)


def channels_last(x):
    return np.moveaxis(np.ascontiguousarray(np.moveaxis(x, 1, -1)), -1, 1)


def make(shape, kind="distinct", last=False, seed=0):
    rng = np.random.default_rng(seed)
    x = rng.standard_normal(shape) if kind == "distinct" else rng.integers(-2, 3, shape) * 1.0
    if kind in ("nan", "lowest"):
        x[rng.random(shape) < 0.2] = np.nan if kind == "nan" else -np.inf
    return channels_last(x) if last else x


def out_size(case):
    """torch's rule: with ceil_mode the last window must still begin inside the input or padding."""
    shape, kernel, stride, padding, dilation, up = case
    found = []
    for n, k, s, p, d in zip(shape[2:], kernel, stride, padding, dilation, strict=True):
        steps = (n + 2 * p - d * (k - 1) - 1) / s
        out = (ceil(steps) if up else int(steps)) + 1
        found.append(out - 1 if up and (out - 1) * s >= n + p else out)
    return tuple(found)


def windows(case):
    """Yield (output cell, input cells of its window in row-major order, without padding)."""
    shape, kernel, stride, padding, dilation, _ = case
    for o in np.ndindex(*out_size(case)):
        cells = [
            tuple(
                a * s - p + t * d
                for a, s, p, t, d in zip(o, stride, padding, tap, dilation, strict=True)
            )
            for tap in np.ndindex(*kernel)
        ]
        yield o, [c for c in cells if all(0 <= i < n for i, n in zip(c, shape[2:], strict=True))]


def direct_max(x, case):
    """The definition: maximum and flat index; the first of equals wins, the last of NaNs."""
    y = np.full((*x.shape[:2], *out_size(case)), -np.inf)
    index = np.zeros(y.shape, np.int64)
    for o, cells in windows(case):
        for n, c in np.ndindex(*x.shape[:2]):
            best = None
            for cell in cells:
                value = x[(n, c, *cell)]
                if best is None or value > y[(n, c, *o)] or np.isnan(value):
                    best, y[(n, c, *o)] = cell, value
            index[(n, c, *o)] = np.ravel_multi_index(best, x.shape[2:])
    return y, index


def assert_layout(result, like):
    """The layout of the input; where the last dimensions are 1, both layouts are the same."""
    if is_channels_last(like) and like.size:
        assert np.moveaxis(result, 1, -1).flags.c_contiguous
    elif prod(result.shape[2:]) > 1:
        assert result.flags.c_contiguous


@cases
@layouts
@values
def test_max_pool_equals_the_definition(case, last, kind):
    _, *geometry, _ = case
    x = make(case[0], kind, last)
    x.flags.writeable = False
    expected, index = direct_max(x, case)
    y = max_pool_forward(x, *geometry, out_size(case))
    np.testing.assert_array_equal(y, expected)
    found = max_pool_indices(x, y, *geometry)
    assert found.dtype == np.int64
    np.testing.assert_array_equal(found, index)
    g = make(y.shape, last=last, seed=1)
    dx = max_pool_grad(g, x, y, *geometry)
    planes = np.zeros((prod(x.shape[:2]), prod(x.shape[2:])))
    for plane, where, grads in zip(
        planes,
        index.reshape(len(planes), prod(y.shape[2:])),
        g.reshape(len(planes), prod(y.shape[2:])),
        strict=True,
    ):
        for cell, value in zip(where, grads, strict=True):
            plane[cell] += value
    np.testing.assert_allclose(dx, planes.reshape(x.shape), rtol=1e-12, atol=1e-14)
    np.testing.assert_allclose(max_pool_scatter(g, found, x.shape), dx, rtol=1e-12, atol=1e-14)
    np.testing.assert_array_equal(max_pool_gather(x, found), y)
    for result in (y, found, dx, max_pool_gather(x, found)):
        assert_layout(result, x)
        assert not np.shares_memory(result, x) and result.flags.writeable


@cases
@values
def test_max_pool_equals_torch(case, kind):
    torch = pytest.importorskip("torch")
    _, *geometry, up = case
    x = make(case[0], kind)
    tx = torch.tensor(x, requires_grad=True)
    function = getattr(torch.nn.functional, f"max_pool{x.ndim - 2}d")
    ty, index = function(tx, *geometry, ceil_mode=up, return_indices=True)
    y = max_pool_forward(x, *geometry, out_size(case))
    np.testing.assert_array_equal(y, ty.detach().numpy())
    np.testing.assert_array_equal(max_pool_indices(x, y, *geometry), index.numpy())
    if x.size:
        g = make(y.shape, seed=1)
        ty.backward(torch.tensor(g))
        dx = max_pool_grad(g, x, y, *geometry)
        np.testing.assert_allclose(dx, tx.grad.numpy(), rtol=1e-10, atol=1e-14)


@cases
def test_any_strides_give_the_same(case):
    shape, kernel, stride, padding, dilation, _ = case
    out = out_size(case)
    x = make(shape, "nan")
    odd = np.repeat(x, 2, axis=1)[..., ::-1][:, ::2].copy()[..., ::-1]
    assert x.size == 0 or not odd.flags.c_contiguous
    geometry = (kernel, stride, padding, dilation)
    y = max_pool_forward(x, *geometry, out)
    np.testing.assert_array_equal(max_pool_forward(odd, *geometry, out), y)
    index = max_pool_indices(x, y, *geometry)
    np.testing.assert_array_equal(max_pool_indices(odd, y, *geometry), index)
    g = make(y.shape, seed=1)
    odd_g = np.repeat(g, 2, axis=-1)[..., ::2]
    dx = max_pool_grad(g, x, y, *geometry)
    np.testing.assert_array_equal(max_pool_grad(odd_g, odd, y, *geometry), dx)
    np.testing.assert_allclose(max_pool_scatter(odd_g, index, shape), dx, rtol=1e-12)


@layouts
@pytest.mark.parametrize("case", ["2d-tiles", "2d-tiles-remainder", "2d-overlap"])
def test_max_pool_grad_in_blocks_of_samples(case, last, monkeypatch):
    shape, *geometry, _ = CASES[case]
    x = make((5, *shape[1:]), "nan", last)
    x[:2] = make((2, *shape[1:]), "ties")  # blocks without and with NaN
    y = max_pool_forward(x, *geometry, out_size(CASES[case]))
    g = make(y.shape, last=last, seed=1)
    whole = max_pool_grad(g, x, y, *geometry)
    monkeypatch.setattr(pool, "BLOCK_BYTES", 2 * prod(shape[1:]) * 8)
    np.testing.assert_array_equal(max_pool_grad(g, x, y, *geometry), whole)


@pytest.mark.parametrize("case", ["2d-tiles", "2d-overlap"])
def test_infinite_gradient_reaches_the_winner_only(case):
    shape, *geometry, _ = CASES[case]
    x = make(shape)
    y = max_pool_forward(x, *geometry, out_size(CASES[case]))
    g = np.zeros(y.shape)
    g[0, 0, 1, 1] = np.inf
    dx = max_pool_grad(g, x, y, *geometry)
    assert np.isinf(dx).sum() == 1 and not np.isnan(dx).any()


@pytest.mark.parametrize("dtype", ["bool", "uint8", "int8", "int64", "float16", "float32"])
def test_max_pool_of_other_dtypes(dtype):
    case = CASES["2d-overlap"]
    _, *geometry, _ = case
    x = np.random.default_rng(0).integers(0, 9, case[0]).astype(dtype)
    if x.dtype.kind == "i":
        x -= 9  # padding must lose against negative numbers
    y = max_pool_forward(x, *geometry, out_size(case))
    assert y.dtype == x.dtype
    expected, index = direct_max(x.astype(np.float64), case)
    np.testing.assert_array_equal(y.astype(np.float64), expected)
    np.testing.assert_array_equal(max_pool_indices(x, y, *geometry), index)
    if x.dtype.kind == "f":
        dx = max_pool_grad(np.ones_like(y), x, y, *geometry)
        assert dx.dtype == x.dtype and dx.sum() == y.size


def test_scatter_adds_up_repeated_cells_and_gather_is_its_adjoint():
    rng = np.random.default_rng(0)
    index = rng.integers(0, 12, (2, 3, 5, 2))
    g, x = rng.standard_normal(index.shape), rng.standard_normal((2, 3, 4, 3))
    spread = max_pool_scatter(g, index, x.shape)
    np.testing.assert_allclose((spread * x).sum(), (g * max_pool_gather(x, index)).sum())
    index[0, 1, 2, 1], index[1, 0, 0, 0], index[1, 2, 4, 1] = -3, 12, 40  # in no plane
    spread = max_pool_scatter(g, index, x.shape)
    np.testing.assert_allclose((spread * x).sum(), (g * max_pool_gather(x, index)).sum())
    np.testing.assert_allclose(spread.sum(), g[(index >= 0) & (index < 12)].sum())
    assert max_pool_scatter(g.astype(np.float32), index, x.shape).dtype == np.float32
    assert is_channels_last(max_pool_scatter(channels_last(g), index, x.shape))


def direct_avg(x, case, include, override):
    y = np.zeros((*x.shape[:2], *out_size(case)))
    _, kernel, stride, padding, _, _ = case
    for o, cells in windows(case):
        count = len(cells)
        if include:
            starts = [a * s - p for a, s, p in zip(o, stride, padding, strict=True)]
            count = prod(
                min(start + k, n + p) - start
                for start, k, n, p in zip(starts, kernel, x.shape[2:], padding, strict=True)
            )
        total = sum(x[(slice(None), slice(None), *cell)] for cell in cells)
        y[(slice(None), slice(None), *o)] = total / (override or count)
    return y


def undilated(case):
    shape, kernel, stride, padding, _, up = case
    padding = tuple(min(p, k // 2) for p, k in zip(padding, kernel, strict=True))
    return (shape, kernel, stride, padding, (1,) * len(kernel), up)


def check_avg(x, case, include, override):
    _, kernel, stride, padding, _, _ = case
    out = out_size(case)
    y = avg_pool_forward(x, kernel, stride, padding, out, include, override)
    np.testing.assert_allclose(y, direct_avg(x, case, include, override), rtol=1e-10, atol=1e-12)
    g = make(y.shape, seed=1)
    dx = avg_pool_grad(g, x.shape, kernel, stride, padding, include, override)
    np.testing.assert_allclose((dx * x).sum(), (g * y).sum(), rtol=1e-10, atol=1e-10)
    return y, g, dx


@cases
@layouts
@pytest.mark.parametrize(("include", "override"), [(True, None), (False, None), (True, 5)])
def test_avg_pool(case, last, include, override):
    case = undilated(case)
    x = make(case[0], last=last)
    x.flags.writeable = False
    y, g, dx = check_avg(x, case, include, override)
    assert_layout(y, x)
    if last:
        g = channels_last(g)
        found = avg_pool_grad(g, x.shape, *case[1:4], include, override)
        np.testing.assert_array_equal(found, dx)
        assert_layout(found, g)


@cases
@pytest.mark.parametrize(("include", "override"), [(True, None), (False, None), (True, 5)])
def test_avg_pool_equals_torch(case, include, override):
    torch = pytest.importorskip("torch")
    _, kernel, stride, padding, _, up = case = undilated(case)
    if override and len(kernel) == 1:
        pytest.skip("torch has no divisor_override in one dimension")
    x = make(case[0])
    tx = torch.tensor(x, requires_grad=True)
    function = getattr(torch.nn.functional, f"avg_pool{x.ndim - 2}d")
    extra = () if len(kernel) == 1 else (override,)
    ty = function(tx, kernel, stride, padding, up, include, *extra)
    y, g, dx = check_avg(x, case, include, override)
    np.testing.assert_allclose(y, ty.detach().numpy(), rtol=1e-10, atol=1e-13)
    if x.size:
        ty.backward(torch.tensor(g))
        np.testing.assert_allclose(dx, tx.grad.numpy(), rtol=1e-10, atol=1e-13)


@pytest.mark.parametrize("dtype", ["float16", "float32"])
def test_avg_pool_keeps_the_dtype(dtype):
    x = make((2, 3, 4, 4)).astype(dtype)
    y = avg_pool_forward(x, (2, 2), (2, 2), (0, 0), (2, 2), True, None)
    dx = avg_pool_grad(y, x.shape, (2, 2), (2, 2), (0, 0), True, None)
    z = adaptive_avg_forward(x, (3, 3))
    dz = adaptive_avg_grad(z, x.shape)
    assert {a.dtype for a in (y, dx, z, dz)} == {np.dtype(dtype)}


def edges(size, out):
    return [(o * size // out, -(-(o + 1) * size // out)) for o in range(out)]


@adaptive
@layouts
@values
def test_adaptive_equals_the_definition(shape, out, last, kind):
    x = make(shape, kind, last)
    x.flags.writeable = False
    smooth = make(shape, last=last)
    y, index = adaptive_max_forward(x, out)
    mean = adaptive_avg_forward(smooth, out)
    flat = np.broadcast_to(np.arange(prod(shape[2:])).reshape(shape[2:]), shape)
    for o in np.ndindex(*out):
        window = (..., *(slice(*edges(n, m)[i]) for n, m, i in zip(shape[2:], out, o, strict=True)))
        at = (slice(None), slice(None), *o)
        axes = tuple(range(2, x.ndim))
        np.testing.assert_allclose(mean[at], smooth[window].mean(axis=axes), rtol=1e-10, atol=1e-12)
        cells = x[window]
        cells = cells.reshape(*shape[:2], prod(cells.shape[2:]))
        nan = np.isnan(cells)
        best = np.where(
            nan.any(-1), cells.shape[-1] - 1 - nan[..., ::-1].argmax(-1), cells.argmax(-1)
        )[..., None]
        np.testing.assert_array_equal(y[at], np.take_along_axis(cells, best, -1)[..., 0])
        where = np.take_along_axis(flat[window].reshape(cells.shape), best, -1)[..., 0]
        np.testing.assert_array_equal(index[at], where)
    g = make(mean.shape, last=last, seed=1)
    dx = adaptive_avg_grad(g, shape)
    np.testing.assert_allclose((dx * smooth).sum(), (g * mean).sum(), rtol=1e-10, atol=1e-10)
    for result, like in ((y, x), (index, x), (mean, x), (dx, g)):
        assert_layout(result, like)


@adaptive
@values
def test_adaptive_equals_torch(shape, out, kind):
    torch = pytest.importorskip("torch")
    dims = len(out)
    x, smooth = make(shape, kind), make(shape)
    if x.size:  # torch refuses an empty batch here
        ty, where = getattr(torch.nn.functional, f"adaptive_max_pool{dims}d")(
            torch.tensor(x), out, return_indices=True
        )
        y, index = adaptive_max_forward(x, out)
        np.testing.assert_array_equal(y, ty.numpy())
        np.testing.assert_array_equal(index, where.numpy())
    tx = torch.tensor(smooth, requires_grad=True)
    ty = getattr(torch.nn.functional, f"adaptive_avg_pool{dims}d")(tx, out)
    mean = adaptive_avg_forward(smooth, out)
    np.testing.assert_allclose(mean, ty.detach().numpy(), rtol=1e-10, atol=1e-13)
    g = make(mean.shape, seed=1)
    ty.backward(torch.tensor(g))
    dx = adaptive_avg_grad(g, shape)
    np.testing.assert_allclose(dx, tx.grad.numpy(), rtol=1e-10, atol=1e-13)


@st.composite
def configurations(draw):
    dims = draw(st.integers(1, 3))

    def each(strategy):
        return tuple(draw(strategy) for _ in range(dims))

    kernel = each(st.integers(1, 3))
    stride, dilation = each(st.integers(1, 3)), each(st.integers(1, 2))
    padding = tuple(draw(st.integers(0, k // 2)) for k in kernel)
    size = tuple(
        d * (k - 1) + 1 + draw(st.integers(0, 3)) for k, d in zip(kernel, dilation, strict=True)
    )
    shape = (draw(st.integers(0, 2)), draw(st.integers(1, 3)), *size)
    return (shape, kernel, stride, padding, dilation, draw(st.booleans()))


@settings(max_examples=60, deadline=None)
@given(configurations(), st.booleans(), st.sampled_from(VALUES), st.booleans())
def test_any_configuration(case, last, kind, include):
    _, *geometry, _ = case
    x = make(case[0], kind, last)
    expected, index = direct_max(x, case)
    y = max_pool_forward(x, *geometry, out_size(case))
    np.testing.assert_array_equal(y, expected)
    np.testing.assert_array_equal(max_pool_indices(x, y, *geometry), index)
    g = make(y.shape, last=last, seed=1)
    dx = max_pool_grad(g, x, y, *geometry)
    np.testing.assert_allclose(dx, max_pool_scatter(g, index, x.shape), rtol=1e-12, atol=1e-14)
    check_avg(make(case[0], last=last), undilated(case), include, None)
