"""Attention of random options against torch, in float64: outputs and all gradients."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import rushlight as rl
from rushlight import nn

torch = pytest.importorskip("torch")

few = settings(max_examples=25, deadline=None, derandomize=True)
sizes = st.integers(0, 4)
seeds = st.integers(0, 2**31)


def _close(ours: Any, theirs: Any, what: str) -> None:
    assert (ours is None) == (theirs is None), what
    if ours is not None:
        assert ours.shape == tuple(theirs.shape), what
        a, b = ours.detach().numpy(), theirs.detach().numpy()
        np.testing.assert_allclose(a, b, 1e-8, 1e-10, err_msg=what)


def _both_ways(calls: list[Any], inputs: list[list[Any]], owned: list[Any], seed: int) -> None:
    """Compare the outputs of two calls, and the gradients of a random product with them."""
    found = [[y for y in call() if y is not None] for call in calls]
    assert len(found[0]) == len(found[1])
    for i, (a, b) in enumerate(zip(*found, strict=True)):
        _close(a, b, f"output {i}")
    rng = np.random.default_rng(seed)
    weights = [rng.standard_normal(y.shape) for y in found[0]]
    for lib, outputs in zip((rl, torch), found, strict=True):
        total = sum((y * lib.tensor(w)).sum() for y, w in zip(outputs, weights, strict=True))
        total.backward()  # type: ignore[union-attr]
    for i, (a, b) in enumerate(zip(*inputs, strict=True)):
        if b.requires_grad:
            # torch leaves out what a product of no elements would give
            grad = torch.zeros_like(b) if b.grad is None else b.grad
            _close(a.grad, grad, f"gradient of input {i}")
    for (name, a), (_, b) in zip(*[m.named_parameters() for m in owned], strict=True):
        _close(a.grad, b.grad, f"gradient of {name}")


def _pairs(arrays: list[Any]) -> list[list[Any]]:
    """The arrays as tensors of both libraries, of which the floating ones need a gradient."""
    made: list[list[Any]] = []
    for lib in (rl, torch):
        tensors = [lib.tensor(a) for a in arrays]
        for t in tensors:
            t.requires_grad_(t.is_floating_point())
        made.append(tensors)
    return made


@few
@given(
    st.lists(sizes, max_size=3),
    st.tuples(sizes, sizes, sizes, sizes),
    st.sampled_from(["none", "causal", "bool", "float", "row"]),
    st.sampled_from([None, 0.3, -1.5, 0.0]),
    st.lists(st.booleans(), min_size=4, max_size=4),
    seeds,
)
def test_scaled_dot_product(
    lead: list[int], shape: tuple[int, ...], kind: str, scale: Any, ones: list[bool], seed: int
) -> None:
    rng = np.random.default_rng(seed)
    rows, columns, width, out = shape
    if 0 in (*lead, *shape):  # torch does not broadcast where there is nothing
        ones = [False] * 4
    spread = [tuple(1 if one else n for n in lead) for one in ones]
    arrays = [
        rng.standard_normal((*spread[0], rows, width)),
        rng.standard_normal((*spread[1], columns, width)),
        rng.standard_normal((*spread[2], columns, out)),
    ]
    scores = (*np.broadcast_shapes(*spread[:2]), rows, columns)
    mask_shape = [1 if ones[3] and i < len(lead) else n for i, n in enumerate(scores)]
    if kind == "row":
        mask_shape[-2] = min(rows, 1)
    if kind in ("bool", "row"):
        arrays.append(rng.random(mask_shape) < 0.6)
    elif kind == "float":
        arrays.append(rng.standard_normal(mask_shape))
    pairs = _pairs(arrays)
    options = {"is_causal": kind == "causal", "scale": scale}
    calls = [
        lambda lib=lib, given=given: [
            lib.nn.functional.scaled_dot_product_attention(*given, **options)
        ]
        for lib, given in zip((rl, torch), pairs, strict=True)
    ]
    _both_ways(calls, pairs, [nn.Identity(), torch.nn.Identity()], seed)


@st.composite
def heads(draw: Any) -> dict[str, Any]:
    number, each = draw(st.integers(1, 3)), draw(st.integers(1, 3))
    widths = st.sampled_from([None, number * each, 2, 5])
    return {
        "embed_dim": number * each,
        "num_heads": number,
        "bias": draw(st.booleans()),
        "add_bias_kv": draw(st.booleans()),
        "add_zero_attn": draw(st.booleans()),
        "kdim": draw(widths),
        "vdim": draw(widths),
        "batch_first": draw(st.booleans()),
    }


@few
@given(
    heads(),
    st.sampled_from(["apart", "memory", "self"]),
    st.tuples(st.integers(0, 3), st.integers(1, 4), st.integers(1, 4)),
    st.booleans(),
    st.tuples(*[st.sampled_from(["none", "bool", "float"])] * 2),
    st.tuples(*[st.booleans()] * 3),
    seeds,
)
def test_multi_head_attention(
    options: dict[str, Any],
    relation: str,
    size: tuple[int, int, int],
    batched: bool,
    kinds: tuple[str, str],
    flags: tuple[bool, bool, bool],
    seed: int,
) -> None:
    rng = np.random.default_rng(seed)
    per_head, average, need = flags
    if relation != "apart":
        options |= (
            {"vdim": options["kdim"]} if relation == "memory" else {"kdim": None, "vdim": None}
        )
    ours = nn.MultiheadAttention(**options).double()
    theirs = torch.nn.MultiheadAttention(**options).double()
    theirs.load_state_dict(
        {k: torch.tensor(rng.standard_normal(v.shape)) for k, v in theirs.state_dict().items()}
    )
    ours.load_state_dict({k: rl.tensor(v.numpy()) for k, v in theirs.state_dict().items()})
    n, rows, columns = size if batched else (1, *size[1:])
    columns = rows if relation == "self" else columns

    def tokens(length: int, width: int) -> Any:
        shape = (n, length, width) if options["batch_first"] else (length, n, width)
        return rng.standard_normal(shape if batched else (length, width))

    arrays = [tokens(rows, options["embed_dim"])]
    if relation != "self":
        arrays.append(tokens(columns, ours.kdim))
    if relation == "apart":
        arrays.append(tokens(columns, ours.vdim))

    def mask(kind: str, shape: tuple[int, ...]) -> Any:
        hidden = rng.random(shape) < 0.4
        hidden[..., 0] = False  # who sees nothing gets nan: test_transformer.py
        return hidden if kind == "bool" else rng.standard_normal(shape)

    names, count = [], options["num_heads"] * n
    shapes = (count, rows, columns) if per_head else (rows, columns)
    wanted = {"attn_mask": shapes, "key_padding_mask": (n, columns) if batched else (columns,)}
    for (name, shape), kind in zip(wanted.items(), kinds, strict=True):
        if kind != "none" and (n or need):  # else torch stumbles over its own reshape
            names.append(name)
            arrays.append(mask(kind, shape))
    pairs = _pairs(arrays)

    def call(layer: Any, given: list[Any]) -> Any:
        inputs = given[: len(given) - len(names)]
        inputs = (inputs + [inputs[-1]] * 2)[:3]
        masks = dict(zip(names, given[len(given) - len(names) :], strict=True))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # unequal kinds of masks
            return layer(*inputs, need_weights=need, average_attn_weights=average, **masks)

    calls = [
        lambda layer=layer, given=given: call(layer, given)
        for layer, given in zip((ours, theirs), pairs, strict=True)
    ]
    _both_ways(calls, pairs, [ours, theirs], seed)
