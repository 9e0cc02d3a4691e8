"""Attention against torch: options, masks, errors."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from tests.ops.sample import normal

import rushlight as rl
from rushlight.nn import functional as F

torch = pytest.importorskip("torch")

from tests.functional.parity import both, both_raise, compare  # noqa: E402

Q, K, V = normal(2, 6, 3, 4), normal(2, 6, 5, 4, seed=1), normal(2, 6, 5, 2, seed=2)
FEW = normal(2, 2, 5, 4, seed=3), normal(2, 3, 5, 2, seed=4)
MASK = normal(3, 5, seed=5)
SEEN = MASK < 0.5
SEEN[1] = False


def attend(lib: Any, *args: Any, **options: Any) -> Any:
    return lib.nn.functional.scaled_dot_product_attention(*args, **options)


CASES: list[tuple[Any, ...]] = [
    (attend, Q, K, V),
    (lambda t, q, k, v: attend(t, q, k, v, scale=0.3), Q, K, V),
    (lambda t, q, k, v: attend(t, q, k, v, scale=-2), Q, K, V),
    (lambda t, q, k, v: attend(t, q, k, v, None, 0.0, True), Q, K, V),
    (attend, Q, K, V, MASK),
    (attend, Q, K, V, MASK[None, :1]),
    (attend, Q, K, V, SEEN),
    (lambda t, q, k, v, m: attend(t, q[0], k[0], v[0], m[0]), Q, K, V, MASK),
    (lambda t, q, k, v, m: attend(t, q[0], k[0], v[0], m[0]), Q, K, V, SEEN),
    (attend, Q, K, V, np.stack([SEEN, ~SEEN])[:, None]),
    (lambda t, q, k, v, m: attend(t, q, k, v, m.float()), Q, K, V, MASK),
    (attend, *[a.astype("f4") for a in (Q, K, V)]),
    (lambda t, q, k, v: attend(t, q, k, v, enable_gqa=True), Q, *FEW),
    (lambda t, q, k, v, m: attend(t, q, k, v, m, enable_gqa=True), Q, *FEW, SEEN),
    (lambda t, q, k, v: attend(t, q, k, v, is_causal=True, enable_gqa=True), Q, K, V),
    (lambda t, q, k, v: attend(t, q[0, 0], k[0, 0], v[0, 0]), Q, K, V),
    (lambda t, q, k, v: attend(t, q, k[0], v[:1]), Q[:, :1], K, V),
    (lambda t, q, k, v: attend(t, q.transpose(1, 2), k[:, :3], v[:, :3]), Q, K, V),
    (lambda t, q, k, v: attend(t, q, k, v, dropout_p=1.0), Q, K, V),
]


@pytest.mark.parametrize("call", CASES)
def test_equals_torch(call: tuple[Any, ...]) -> None:
    both(*call)


ERRORS: list[tuple[Any, ...]] = [
    (lambda t, q, k, v: attend(t, q, k[:, :2], v), "broadcast; enable_gqa", Q, K, V),
    (lambda t, q, k, v: attend(t, q, k[..., :3], v), "query .*, L, E", Q, K, V),
    (lambda t, q, k, v: attend(t, q[0, 0, 0], k, v), r"query \(4,\)", Q, K, V),
    (lambda t, q, k, v: attend(t, q, k.float(), v), "one floating dtype", Q, K, V),
    (lambda t, q, k, v: attend(t, q.long(), k.long(), v.long()), "int64", Q, K, V),
    (
        lambda t, q, k, v, m: attend(t, q, k, v, m[None, None, None]),
        "that broadcasts",
        Q,
        K,
        V,
        MASK,
    ),
    (lambda t, q, k, v, m: attend(t, q, k, v, m.long()), "attn_mask int64", Q, K, V, MASK),
    (lambda t, q, k, v, m: attend(t, q.float(), k.float(), v.float(), m), "float64", Q, K, V, MASK),
    (
        lambda t, q, k, v, m: attend(t, q[0], k[0], v[0], m, is_causal=True),
        "is_causal",
        Q,
        K,
        V,
        MASK,
    ),
    (lambda t, q, k, v: attend(t, q, k[:, :4], v, enable_gqa=True), "4 of key", Q, K, V),
    (lambda t, q, k, v: attend(t, q[0, 0], k[0, 0], v, enable_gqa=True), "H, L, E", Q, K, V),
    (lambda t, q, k, v: attend(t, q, k, v, None, 0.0, False, 0.3), None, Q, K, V),
]


@pytest.mark.parametrize("call", ERRORS)
def test_errors(call: tuple[Any, ...]) -> None:
    f, match, *arrays = call
    both_raise(f, match, *arrays)


def test_a_probability_outside_of_0_to_1_is_refused() -> None:
    for p in (-0.1, 1.5):
        with pytest.raises(ValueError, match="0 <= p <= 1"):
            F.scaled_dot_product_attention(*map(rl.tensor, (Q, K, V)), dropout_p=p)


def test_dropout_is_of_the_weights_and_the_same_in_both_directions() -> None:
    rl.manual_seed(3)
    q, k = rl.zeros(400, 4), rl.zeros(300, 4)
    v = rl.eye(300).requires_grad_()
    y = F.scaled_dot_product_attention(q, k, v, dropout_p=0.25)  # the weights after dropout
    kept = y.detach().numpy() != 0
    assert abs(kept.mean() - 0.75) < 0.01
    np.testing.assert_allclose(y.detach().numpy()[kept], 1 / 300 / 0.75, 1e-5)
    y.sum().backward()
    np.testing.assert_allclose(
        v.grad.numpy(), np.repeat(kept.sum(0) / 225, 300).reshape(300, 300), 1e-4
    )


def test_half_precision() -> None:
    arrays = [a.astype("f2") for a in (Q, K, V)]
    ours = F.scaled_dot_product_attention(*map(rl.tensor, arrays))
    theirs = torch.nn.functional.scaled_dot_product_attention(*map(torch.tensor, arrays))
    compare(ours, theirs, 2e-3, 2e-3)


# ---- heads

N, H, E = 2, 2, 4
X, MEMORY = normal(3, N, E), normal(5, N, E, seed=1)
PARAMETERS = normal(3 * E, E), normal(3 * E), normal(1, 1, E), normal(1, 1, E, seed=1)
OUT = normal(E, E, seed=3), normal(E, seed=3)
FIXED = normal(N * H, 5, E // H, seed=4), normal(N * H, 5, E // H, seed=5)


def heads(lib: Any, q: Any, k: Any, v: Any, w: Any, b: Any, out: Any, bias: Any, **kw: Any) -> Any:
    options = {"bias_k": None, "bias_v": None, "add_zero_attn": False, "dropout_p": 0.0} | kw
    return lib.nn.functional.multi_head_attention_forward(
        q,
        k,
        v,
        E,
        options.pop("heads", H),
        w,
        b,
        out_proj_weight=out,
        out_proj_bias=bias,
        **options,
    )


GIVEN = X, MEMORY, MEMORY[::-1].copy(), *PARAMETERS[:2], *OUT
THREE = normal(E, E, seed=6), normal(E, E, seed=7), normal(E, E, seed=8)
HEADS: list[tuple[Any, ...]] = [
    (heads, *GIVEN),
    (lambda t, *a: heads(t, *a, need_weights=False), *GIVEN),
    (lambda t, *a: heads(t, *a, average_attn_weights=False), *GIVEN),
    (lambda t, *a: heads(t, *a[:-2], static_k=a[-2], static_v=a[-1]), *GIVEN, *FIXED),
    (lambda t, *a: heads(t, *a[:-1], static_k=a[-1], add_zero_attn=True), *GIVEN, FIXED[0]),
    (lambda t, *a: heads(t, *a[:-2], bias_k=a[-2], bias_v=a[-1]), *GIVEN, *PARAMETERS[2:]),
    (lambda t, *a: heads(t, *a, dropout_p=0.5, training=False), *GIVEN),
    (lambda t, *a: heads(t, *a, dropout_p=1.0), *GIVEN),
    (
        lambda t, *a: heads(
            t, *a[:3], None, *a[4:7], use_separate_proj_weight=True, need_weights=False,
            q_proj_weight=a[7], k_proj_weight=a[8], v_proj_weight=a[9],
        ),
        *GIVEN,
        *THREE,
    ),
    (
        lambda t, *a: heads(
            t, *a[:3], None, None, *a[5:7], use_separate_proj_weight=True,
            q_proj_weight=a[7], k_proj_weight=a[8], v_proj_weight=a[9],
        ),
        *GIVEN,
        *THREE,
    ),
    (lambda t, *a: heads(t, *a[:-1], attn_mask=a[-1]), *GIVEN, normal(3, 5, seed=9)),
    (
        lambda t, *a: heads(t, *a[:-1], attn_mask=a[-1], need_weights=False),
        *GIVEN,
        normal(3, 5).astype("f4"),
    ),
]  # fmt: skip


@pytest.mark.parametrize("call", HEADS)
def test_heads_equal_torch(call: tuple[Any, ...]) -> None:
    both(*call)


BAD: list[tuple[Any, str]] = [
    (lambda *a: heads(rl, *a, is_causal=True), "the mask with the hint"),
    (lambda *a: heads(rl, *a, heads=3), "3 heads"),
    (lambda x, *a: heads(rl, x[..., :3], *a), r"query \(3, 2, 3\)"),
    (lambda x, *a: heads(rl, x[:, 0], *a), "all of 3 dims"),
    (lambda x, *a: heads(rl, x[None], *a), "all of 3 dims"),
    (lambda x, *a: heads(rl, x[:, :1], *a), "see batch_first"),
    (lambda x, k, v, *a: heads(rl, x, k, v[:4], *a), "equal in length"),
    (lambda x, k, v, w, *a: heads(rl, x, k, v, w[:8], *a), "key and value"),
    (lambda x, k, v, w, *a: heads(rl, x, k, v, None, *a), "weights of the projections"),
    (lambda *a: heads(rl, *a, use_separate_proj_weight=True), "weights of the projections"),
    (lambda *a: heads(rl, *a, bias_k=rl.tensor(PARAMETERS[2])), "both or none"),
    (
        lambda *a: heads(
            rl, *a, bias_k=a[-1][None, None], bias_v=a[-1][None, None], static_v=rl.tensor(FIXED[0])
        ),
        "one kind",
    ),
    (lambda *a: heads(rl, *a, static_k=rl.tensor(FIXED[0][:3])), r"\(4, S, 2\)"),
    (lambda *a: heads(rl, *a, attn_mask=rl.zeros(4, 5).double()), r"attn_mask \(4, 5\), exp.*3, 5"),
    (lambda *a: heads(rl, *a, attn_mask=rl.zeros(3, 3, 5).double()), r"expected \(4, 3, 5\)"),
    (lambda *a: heads(rl, *a, attn_mask=rl.zeros(5).double()), "2 or 3 dims for a query of 3"),
    (lambda *a: heads(rl, *a, attn_mask=rl.zeros(3, 5).long()), "got attn_mask int64"),
    (lambda *a: heads(rl, *a, attn_mask=rl.zeros(3, 5)), "attn_mask float32, exp.*float64"),
    (lambda *a: heads(rl, *a, key_padding_mask=rl.zeros(2, 3) > 0), r"expected \(2, 5\)"),
    (lambda *a: heads(rl, *a, key_padding_mask=rl.zeros(5) > 0), "2 dims for a query of 3"),
    (lambda *a: heads(rl, *a, dropout_p=1.5), "0 <= p <= 1"),
]


@pytest.mark.parametrize(("call", "match"), BAD)
def test_heads_refuse(call: Any, match: str) -> None:
    with pytest.raises((RuntimeError, ValueError), match=match):
        call(*map(rl.tensor, GIVEN))


def test_masks_of_two_dtypes_are_taken_with_torchs_warning() -> None:
    hidden = np.array([[False] * 4 + [True]] * 2)
    added = normal(3, 5)
    found = []
    for lib in (rl, torch):
        given = [lib.tensor(a) for a in (*GIVEN, added, hidden)]
        with pytest.warns(UserWarning, match="mismatched|unequal dtypes"):
            found.append(heads(lib, *given[:-2], attn_mask=given[-2], key_padding_mask=given[-1]))
    compare(*found)
