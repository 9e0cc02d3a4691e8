"""Image geometry over random configurations against torch, in float64."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

import rushlight as rl
from rushlight.functional.dims import per_dim

torch = pytest.importorskip("torch")

CASES = settings(deadline=None, max_examples=35)
Layout = Callable[[Any], Any]
layouts = st.sampled_from(
    [
        lambda x: x,
        lambda x: np.moveaxis(np.ascontiguousarray(np.moveaxis(x, 1, -1)), -1, 1),
        lambda x: np.repeat(x, 2, -1)[..., ::2],
        np.asfortranarray,
    ]
)
factors = st.sampled_from([0.5, 0.7, 1.0, 1.3, 2.0, 2.5, 3.0])


def _compare(function: Callable[..., Any], *arrays: Any, change: Layout = lambda x: x) -> None:
    """Hold function(lib, *tensors) and its gradients against torch's."""
    theirs = [torch.tensor(a, requires_grad=True) for a in arrays]
    ours = [rl.as_tensor(change(a) if a.ndim > 2 else a).requires_grad_() for a in arrays]
    expected, y = function(torch, *theirs), function(rl, *ours)
    assert y.shape == tuple(expected.shape)
    np.testing.assert_allclose(y.detach().numpy(), expected.detach().numpy(), 1e-9, 1e-10)
    g = np.random.default_rng(1).standard_normal(y.shape)
    y.backward(rl.tensor(g))
    expected.backward(torch.tensor(g))
    for a, b in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(a.grad.numpy(), b.grad.numpy(), 1e-8, 1e-9)


def _normal(*shape: int) -> Any:
    return np.random.default_rng(shape).standard_normal(shape)


@CASES
@given(st.data(), layouts)
def test_fold_and_unfold(data: Any, change: Layout) -> None:
    pair = st.tuples(st.integers(1, 3), st.integers(1, 3))
    one_or_two = st.integers(1, 3) | pair
    kernel, stride, dilation = (data.draw(one_or_two) for _ in range(3))
    padding = data.draw(st.integers(0, 2) | st.tuples(st.integers(0, 2), st.integers(0, 2)))
    batch = data.draw(st.sampled_from([(), (0,), (1,), (3,)]))
    room = [per_dim(v, 2, "", "", 0) for v in (kernel, dilation, padding)]
    size = tuple(
        max(1, d * (k - 1) + 1 - 2 * p) + data.draw(st.integers(0, 4))
        for k, d, p in zip(*room, strict=True)
    )
    x = _normal(*batch, data.draw(st.integers(1, 3)), *size)
    options = {"dilation": dilation, "padding": padding, "stride": stride}
    _compare(lambda t, x: t.nn.Unfold(kernel, **options)(x), x, change=change)
    columns = torch.nn.functional.unfold(torch.tensor(x), kernel, **options).numpy()
    _compare(lambda t, x: t.nn.Fold(size, kernel, **options)(x), columns, change=change)


@CASES
@given(st.data(), layouts)
def test_unfold_of_one_dim(data: Any, change: Layout) -> None:
    shape = tuple(data.draw(st.lists(st.integers(1, 6), min_size=1, max_size=4)))
    dim = data.draw(st.integers(-len(shape), len(shape) - 1))
    size, step = data.draw(st.integers(1, shape[dim])), data.draw(st.integers(1, 4))
    _compare(lambda t, x: x.unfold(dim, size, step), _normal(*shape), change=change)


@CASES
@given(st.data(), layouts)
def test_upsample(data: Any, change: Layout) -> None:
    n = data.draw(st.integers(1, 3))
    linear = {1: ["linear"], 2: ["bilinear", "bicubic"], 3: ["trilinear"]}[n]
    mode = data.draw(st.sampled_from(["nearest", "nearest-exact", "area", *linear]))
    size = data.draw(st.tuples(*[st.integers(1, 9)] * n))
    options: dict[str, Any] = {"mode": mode}
    if data.draw(st.booleans()):
        options["size"] = data.draw(st.integers(1, 12) | st.tuples(*[st.integers(1, 12)] * n))
    else:
        factor = data.draw(factors | st.tuples(*[factors] * n))
        each = factor if isinstance(factor, tuple) else (factor,) * n
        out = [int(s * f) for s, f in zip(size, each, strict=True)]
        assume(min(out) > 0)
        # where rounding leaves a size as it is, torch's gradient of nearest is that of the identity
        assume(
            "nearest" not in mode
            or all(o != s or f == 1 for o, s, f in zip(out, size, each, strict=True))
        )
        options["scale_factor"] = factor
        options["recompute_scale_factor"] = data.draw(st.sampled_from([None, True, False]))
    if mode in linear:
        options["align_corners"] = data.draw(st.sampled_from([None, True, False]))
    shape = (data.draw(st.integers(0, 2)), data.draw(st.integers(1, 3)), *size)
    _compare(lambda t, x: t.nn.Upsample(**options)(x), _normal(*shape), change=change)


@CASES
@given(st.data(), layouts)
def test_antialias(data: Any, change: Layout) -> None:
    mode = data.draw(st.sampled_from(["bilinear", "bicubic", "lanczos"]))
    # to a width of 1 torch repeats the first row
    size = (data.draw(st.integers(1, 12)), data.draw(st.integers(2, 12)))
    align = None if mode == "lanczos" else data.draw(st.sampled_from([None, True, False]))
    options = {"mode": mode, "size": size, "align_corners": align, "antialias": True}
    x = _normal(data.draw(st.integers(0, 2)), 2, *data.draw(st.tuples(*[st.integers(1, 12)] * 2)))
    _compare(lambda t, x: t.nn.functional.interpolate(x, **options), x, change=change)


@CASES
@given(st.data(), layouts)
def test_grid_sample(data: Any, change: Layout) -> None:
    n = data.draw(st.sampled_from([2, 3]))
    mode = data.draw(st.sampled_from(["bilinear", "nearest", "bicubic"][: 5 - n]))
    padding = data.draw(st.sampled_from(["zeros", "border", "reflection"]))
    align, batch = data.draw(st.booleans()), data.draw(st.integers(0, 2))
    size, out = (data.draw(st.tuples(*[st.integers(1, 5)] * n)) for _ in range(2))
    x = _normal(batch, data.draw(st.integers(0, 3)), *size)
    grid = data.draw(st.sampled_from([0.5, 1.5, 5.0])) * _normal(batch, *out, n)

    def sampled(t: Any, x: Any, grid: Any) -> Any:
        return t.nn.functional.grid_sample(x, grid, mode, padding, align)

    _compare(sampled, x, grid, change=change)


@CASES
@given(st.data())
def test_affine_grid(data: Any) -> None:
    n = data.draw(st.sampled_from([2, 3]))
    align, batch = data.draw(st.booleans()), data.draw(st.integers(1, 3))
    out = data.draw(st.tuples(*[st.integers(2, 5)] * n))

    def grid(t: Any, theta: Any) -> Any:
        return t.nn.functional.affine_grid(theta, (batch, 1, *out), align)

    _compare(grid, _normal(batch, n, n + 1))
