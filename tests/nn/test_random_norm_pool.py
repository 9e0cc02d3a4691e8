"""Random configurations of group norm, instance norm and the rarer pooling layers against torch."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from tests.ops.sample import normal

import rushlight as rl
from rushlight import nn

torch = pytest.importorskip("torch")

BATCH = st.sampled_from([0, 1, 3])
few = settings(deadline=None, max_examples=20)


def _last(x: Any) -> Any:
    return np.moveaxis(np.ascontiguousarray(np.moveaxis(x, 1, -1)), -1, 1)


LAYOUTS = st.sampled_from([np.ascontiguousarray, np.asfortranarray, _last])


def _close(ours: Any, theirs: Any, what: str) -> None:
    a, b = ours.detach().numpy(), theirs.detach().numpy()
    np.testing.assert_allclose(a, b, 1e-7, 1e-8, err_msg=what)


def _compare(ours: Any, theirs: Any, x: Any, layout: Any, calls: int = 1, *more: Any) -> Any:
    """Hold outputs, gradients and buffers of two float64 layers against each other."""
    ours.double()
    theirs.double()
    for name, p in ours.named_parameters():
        value = normal(*p.shape, seed=len(name)) + 1
        p.data.copy_(rl.tensor(value))
        dict(theirs.named_parameters())[name].data.copy_(torch.tensor(value))
    given = layout(x) if x.ndim > 2 else x
    for _ in range(calls):
        a = rl.from_numpy(given).requires_grad_()
        b = torch.tensor(x, requires_grad=True)
        y, right = ours(a, *more), theirs(b, *(torch.tensor(m.numpy()) for m in more))
        if isinstance(right, tuple):
            np.testing.assert_array_equal(y[1].numpy(), right[1].numpy())
            y, right = y[0], right[0]
        assert y.shape == tuple(right.shape)
        _close(y, right, "output")
        g = normal(*y.shape, seed=5)
        y.backward(rl.tensor(g))
        right.backward(torch.tensor(g))
        _close(a.grad, b.grad, "gradient of the input")
        for (name, p), q in zip(ours.named_parameters(), theirs.parameters(), strict=True):
            _close(p.grad, q.grad, name)
        for (name, p), q in zip(ours.named_buffers(), theirs.buffers(), strict=True):
            _close(p, q, name)
    return y


@few
@given(
    st.integers(1, 3), st.integers(1, 3), BATCH, LAYOUTS, st.booleans(), st.booleans(), st.data()
)
def test_group_norm(
    groups: int, each: int, batch: int, layout: Any, affine: bool, bias: bool, data: Any
) -> None:
    size = data.draw(st.lists(st.integers(1, 4), max_size=3))
    c = groups * each
    assume(batch * each * np.prod(size) > 1)  # torch's backward of an empty batch gives NaN
    args = (groups, c, data.draw(st.sampled_from([1e-5, 0.1])), affine)
    x = normal(batch, c, *size) * 3 + 2
    _compare(nn.GroupNorm(*args, bias=bias), torch.nn.GroupNorm(*args, bias=bias), x, layout)


@few
@given(st.integers(1, 3), st.sampled_from([(), (1,), (3,)]), LAYOUTS, st.data())
def test_instance_norm(n: int, batch: Any, layout: Any, data: Any) -> None:
    c = data.draw(st.integers(1, 4))
    size = data.draw(st.tuples(*[st.integers(1, 4)] * n))
    assume(np.prod(size) > 1)
    options = {
        "affine": data.draw(st.booleans()),
        "track_running_stats": data.draw(st.booleans()),
        "momentum": data.draw(st.sampled_from([0.1, 0.6, None])),
        "bias": data.draw(st.booleans()),
    }
    name = f"InstanceNorm{n}d"
    ours, theirs = getattr(nn, name)(c, **options), getattr(torch.nn, name)(c, **options)
    x = normal(*batch, c, *size) * 2 + 1
    _compare(ours, theirs, x, layout if batch else np.asarray, 2)
    _compare(ours.eval(), theirs.eval(), x, layout if batch else np.asarray)


@few
@given(BATCH, st.integers(1, 7), st.integers(1, 9), st.integers(1, 3), LAYOUTS)
def test_local_response_norm(batch: int, c: int, size: int, n: int, layout: Any) -> None:
    x = normal(batch, c, *range(2, 2 + n))
    args = (size, 0.5, 0.75, 1.5)
    ours, theirs = nn.LocalResponseNorm(*args), torch.nn.LocalResponseNorm(*args)
    _compare(ours, theirs, x, layout)


@few
@given(
    st.integers(1, 3),
    st.sampled_from([(), (0,), (1,), (2,)]),
    st.sampled_from([1, 2, 3.5, 0.5, float("inf"), -float("inf")]),
    st.booleans(),
    LAYOUTS,
    st.data(),
)
def test_lp_pool(n: int, batch: Any, p: float, ceil_mode: bool, layout: Any, data: Any) -> None:
    kernel = data.draw(st.tuples(*[st.integers(1, 3)] * n))
    stride = data.draw(st.none() | st.tuples(*[st.integers(1, 3)] * n))
    size = [k + data.draw(st.integers(0, 4)) for k in kernel]
    args = (p, kernel if n > 1 else kernel[0], stride, ceil_mode)
    ours, theirs = getattr(nn, f"LPPool{n}d")(*args), getattr(torch.nn, f"LPPool{n}d")(*args)
    x = abs(normal(*batch, 2, *size)) + 0.1
    _compare(ours, theirs, x, layout if batch else np.asarray)


@few
@given(st.sampled_from([2, 3]), st.sampled_from([(), (0,), (1,), (2,)]), LAYOUTS, st.data())
def test_fractional_max_pool(n: int, batch: Any, layout: Any, data: Any) -> None:
    kernel = data.draw(st.tuples(*[st.integers(1, 3)] * n))
    out = data.draw(st.tuples(*[st.integers(1, 4)] * n))
    size = [k + o + data.draw(st.integers(0, 4)) for k, o in zip(kernel, out, strict=True)]
    c = data.draw(st.integers(1, 3))
    samples = np.random.default_rng(data.draw(st.integers(0, 99))).random((*(batch or (1,)), c, n))
    name = f"FractionalMaxPool{n}d"
    ours, theirs = (
        getattr(lib, name)(kernel, out, None, True, _random_samples=tensor(samples))
        for lib, tensor in ((nn, rl.tensor), (torch.nn, torch.tensor))
    )
    _compare(ours, theirs, normal(*batch, c, *size), layout if batch else np.asarray)


@few
@given(st.integers(1, 3), st.sampled_from([(), (0,), (1,), (2,)]), LAYOUTS, st.data())
def test_max_unpool_of_max_pool(n: int, batch: Any, layout: Any, data: Any) -> None:
    kernel = data.draw(st.tuples(*[st.integers(1, 3)] * n))
    stride = data.draw(st.tuples(*[st.integers(1, 3)] * n))
    padding = tuple(data.draw(st.integers(0, k // 2)) for k in kernel)
    size = [k + data.draw(st.integers(0, 5)) for k in kernel]
    x = normal(*batch, 2, *size)
    args = (kernel, stride, padding)
    pool = getattr(nn, f"MaxPool{n}d")(*args, return_indices=True)
    y, indices = pool(rl.tensor(x))
    name = f"MaxUnpool{n}d"
    ours, theirs = getattr(nn, name)(*args), getattr(torch.nn, name)(*args)
    chosen = rl.tensor(list(size))
    back = _compare(
        _Sized(ours, chosen.tolist()),
        _TorchSized(theirs, chosen.tolist()),
        y.numpy(),
        layout if batch else np.asarray,
        1,
        indices,
    )
    assert back.shape == x.shape and set(back.detach().numpy().ravel()) <= {0.0, *x.ravel()}


class _Sized(nn.Module):
    """Unpooling to the size that was pooled."""

    def __init__(self, layer: Any, size: Any) -> None:
        super().__init__()
        self.layer, self.size = layer, tuple(size)

    def forward(self, x: Any, indices: Any) -> Any:
        return self.layer(x, indices, self.size)


class _TorchSized(torch.nn.Module):
    def __init__(self, layer: Any, size: Any) -> None:
        super().__init__()
        self.layer, self.size = layer, tuple(size)

    forward = _Sized.forward
