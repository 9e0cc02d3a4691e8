"""Small layers against torch over random configurations: sizes, options, layouts, no batch."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import rushlight as rl
from rushlight import nn

torch = pytest.importorskip("torch")

few = settings(max_examples=20, deadline=None)
draws = st.data()
SIZES = st.integers(0, 4)
SOME = st.integers(1, 4)


def array(draw: Callable[..., Any], *shape: int) -> Any:
    """Normal numbers in some memory order: C, Fortran, channels-last, or with gaps."""
    x = np.asarray(np.random.default_rng(draw(st.integers(0, 99))).standard_normal(shape)) * 2.0
    layout = draw(st.sampled_from(["C", "F", "last", "gaps"]))
    if not x.ndim:
        return np.asarray(x)
    if layout == "F":
        return np.asfortranarray(x)
    if layout == "last" and x.ndim > 2:
        return np.moveaxis(np.ascontiguousarray(np.moveaxis(x, 1, -1)), -1, 1)
    if layout == "gaps":
        wide = np.zeros((*x.shape[:-1], 2 * x.shape[-1]))
        wide[..., ::2] = x
        return wide[..., ::2]
    return x


def agree(ours: Any, theirs: Any, *inputs: Any, rtol: float = 1e-8) -> None:
    """Hold outputs and gradients (by random cotangents) of one call of either layer equal."""
    state = {k: rl.tensor(v.numpy()) for k, v in theirs.double().state_dict().items()}
    ours.double().load_state_dict(state)
    is_float = [isinstance(x, np.ndarray) and x.dtype.kind == "f" for x in inputs]
    mine = [
        rl.from_numpy(x).requires_grad_() if f else x if x is None else rl.tensor(x)
        for x, f in zip(inputs, is_float, strict=True)
    ]
    other = [
        torch.tensor(x.copy(order="C"), requires_grad=f) if x is not None else None
        for x, f in zip(inputs, is_float, strict=True)
    ]
    y, right = ours(*mine), theirs(*other)
    assert y.shape == tuple(right.shape)
    np.testing.assert_allclose(y.detach().numpy(), right.detach().numpy(), 1e-9, 1e-12)
    if not y.numel():
        return
    g = np.random.default_rng(0).standard_normal(y.shape)
    (y * rl.tensor(g)).sum().backward()
    (right * torch.tensor(g)).sum().backward()
    pairs = [(a, b) for a, b, f in zip(mine, other, is_float, strict=True) if f]
    for a, b in [*pairs, *zip(ours.parameters(), theirs.parameters(), strict=True)]:
        np.testing.assert_allclose(a.grad.numpy(), b.grad.numpy(), rtol, rtol * 1e-3)


def make(name: str, *args: Any, **options: Any) -> tuple[Any, Any]:
    return getattr(nn, name)(*args, **options), getattr(torch.nn, name)(*args, **options)


NUMBERS = st.floats(0.1, 2.0)
OPTIONS: dict[str, tuple[Any, ...]] = {
    **dict.fromkeys(("SELU", "Mish", "Softsign", "Tanhshrink", "ReLU6", "Hardswish"), ()),
    "CELU": (NUMBERS,),
    "ELU": (NUMBERS,),
    "LeakyReLU": (st.floats(-1, 1),),
    "Hardshrink": (NUMBERS,),
    "Softshrink": (NUMBERS,),
    "Threshold": (st.floats(-1, 1), st.floats(-9, 9)),
    "Hardtanh": (st.floats(-2, 0), NUMBERS),
    "Softplus": (NUMBERS, NUMBERS),
}


@few
@given(draws, st.sampled_from(sorted(OPTIONS)), st.lists(SIZES, max_size=4))
def test_elementwise(data: Any, name: str, shape: list[int]) -> None:
    options = [data.draw(option) for option in OPTIONS[name]]
    rtol = 1e-6 if name == "CELU" else 1e-8  # torch rounds 1 / alpha to float32 in its gradient
    agree(*make(name, *options), array(data.draw, *shape), rtol=rtol)


@few
@given(draws, st.lists(SIZES, max_size=4), st.booleans(), st.floats(-1, 1))
def test_prelu(data: Any, shape: list[int], shared: bool, init: float) -> None:
    channels = shape[1] if len(shape) > 1 else 1
    layers = make("PReLU", 1 if shared else channels, init)
    agree(*layers, array(data.draw, *shape))


@few
@given(draws, st.lists(SIZES, min_size=1, max_size=4), st.integers(-4, 3))
def test_glu_and_softmin(data: Any, shape: list[int], dim: int) -> None:
    dim %= len(shape)
    agree(*make("Softmin", dim), array(data.draw, *shape))
    shape[dim] *= 2
    agree(*make("GLU", dim - len(shape)), array(data.draw, *shape))


@few
@given(draws, st.lists(SIZES, max_size=3), SOME, SIZES, st.booleans(), st.booleans())
def test_embedding(
    data: Any, shape: list[int], rows: int, width: int, padded: bool, by_freq: bool
) -> None:
    padding = data.draw(st.integers(-rows, rows - 1)) if padded else None
    limit = data.draw(st.sampled_from([None, 0.5, 2.0]))
    p = data.draw(st.sampled_from([1.0, 2.0, 3.0]))
    layers = make("Embedding", rows, width, padding, limit, p, by_freq)
    index = np.random.default_rng(data.draw(SIZES)).integers(0, rows, shape)
    agree(*layers, index)


@few
@given(draws, st.sampled_from(["sum", "mean", "max"]), SOME, SOME, st.lists(SIZES, max_size=5))
def test_embedding_bag(data: Any, mode: str, rows: int, width: int, sizes: list[int]) -> None:
    closed, square = data.draw(st.booleans()), data.draw(st.booleans())
    rng = np.random.default_rng(data.draw(SIZES))
    options = {
        "mode": mode,
        "max_norm": data.draw(st.sampled_from([None, 0.5])),
        "include_last_offset": closed and not square,
        "padding_idx": data.draw(st.one_of(st.none(), st.integers(-rows, rows - 1))),
    }
    if square:
        index, offsets = rng.integers(0, rows, (len(sizes), data.draw(SOME))), None
    else:
        index, ends = rng.integers(0, rows, sum(sizes)), np.cumsum([0, *sizes])
        offsets = ends if closed else ends[:-1]
    factors = (
        rng.standard_normal(index.shape) if mode == "sum" and data.draw(st.booleans()) else None
    )
    agree(*make("EmbeddingBag", rows, width, **options), index, offsets, factors)


@few
@given(draws, st.lists(SIZES, max_size=2), SOME, SOME, SOME, st.booleans())
def test_bilinear(data: Any, lead: list[int], n: int, m: int, outs: int, bias: bool) -> None:
    layers = make("Bilinear", n, m, outs, bias=bias)
    agree(*layers, array(data.draw, *lead, n), array(data.draw, *lead, m))


@few
@given(draws, st.lists(SOME, min_size=1, max_size=3), st.integers(-3, 2), st.booleans())
def test_cosine_similarity_and_pairwise_distance(
    data: Any, shape: list[int], dim: int, keep: bool
) -> None:
    cut = [n if data.draw(st.booleans()) else 1 for n in shape]
    pair = array(data.draw, *shape), array(data.draw, *cut)
    eps = data.draw(st.sampled_from([1e-8, 3.0]))
    agree(*make("CosineSimilarity", dim % len(shape), eps), *pair)
    p = data.draw(st.sampled_from([0.5, 1.0, 1.5, 2.0, 3.0, float("inf")]))
    agree(*make("PairwiseDistance", p, eps, keep), *pair)


@few
@given(draws, st.lists(SOME, max_size=2), SOME, SOME, SOME, st.integers(1, 3))
def test_pixel_shuffles(data: Any, lead: list[int], c: int, h: int, w: int, r: int) -> None:
    agree(*make("PixelShuffle", r), array(data.draw, *lead, c * r * r, h, w))
    agree(*make("PixelUnshuffle", r), array(data.draw, *lead, c, h * r, w * r))


@few
@given(draws, SIZES, SOME, SOME, st.lists(SOME, min_size=1, max_size=3))
def test_channel_shuffle(data: Any, n: int, groups: int, c: int, rest: list[int]) -> None:
    agree(*make("ChannelShuffle", groups), array(data.draw, n, groups * c, *rest))


@few
@given(draws, st.lists(SOME, max_size=2), SIZES, SIZES, SIZES, st.sampled_from([0.5, 1, 1.5, 2, 3]))
def test_cdist(data: Any, lead: list[int], n: int, m: int, width: int, p: float) -> None:
    class Ours(nn.Module):
        def forward(self, a: Any, b: Any) -> Any:
            return rl.cdist(a, b, p)

    class Theirs(torch.nn.Module):  # type: ignore[misc]
        def forward(self, a: Any, b: Any) -> Any:
            return torch.cdist(a.contiguous(), b.contiguous(), p)

    cut = [k if data.draw(st.booleans()) else 1 for k in lead]
    agree(Ours(), Theirs(), array(data.draw, *lead, n, width), array(data.draw, *cut, m, width))
