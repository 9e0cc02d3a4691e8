"""Attention of ONNX beside torch's and beside itself; masks, caches, gradients, errors."""

import numpy as np
import pytest
from tests.onnx.load.cases import Case, case, check_gradient, integers, normal, proto, run

import rushlight as rl

pytest.importorskip("onnx")

Q, K, V = normal(2, 4, 3, 6), normal(2, 4, 5, 6, seed=1), normal(2, 4, 5, 2, seed=2)
MASK = np.where(normal(2, 1, 3, 5, seed=3) > 0.5, -np.inf, normal(2, 1, 3, 5)).astype(np.float32)
MASK[..., 2] = 0.5
SEEN = normal(3, 5, seed=4) > -0.5


@pytest.mark.parametrize("mask", [None, SEEN, normal(3, 5)])
@pytest.mark.parametrize("scale", [None, 0.3])
def test_agrees_with_torch(mask, scale) -> None:
    torch = pytest.importorskip("torch")
    more = {} if scale is None else {"scale": scale}
    inputs = (Q, K, V) if mask is None else (Q, K, V, mask)
    wanted = torch.nn.functional.scaled_dot_product_attention(
        *map(torch.tensor, (Q, K, V)),
        attn_mask=None if mask is None else torch.tensor(mask),
        scale=scale,
    )
    for slow in ({}, {"softcap": 1e6}):  # a cap that is never met sends it the long way
        found = run(case("Attention", 24, *inputs, **more, **slow))[0].numpy()
        np.testing.assert_allclose(found, wanted.numpy(), rtol=1e-4, atol=1e-5)


def test_heads_may_lie_side_by_side() -> None:
    def flat(x: np.ndarray) -> np.ndarray:
        return np.ascontiguousarray(x.swapaxes(1, 2).reshape(x.shape[0], x.shape[2], -1))

    heads = {"q_num_heads": 4, "kv_num_heads": 4}
    y, k, v = run(case("Attention", 23, *map(flat, (Q, K, V)), outputs=3, **heads))
    np.testing.assert_allclose(y.numpy(), flat(run(case("Attention", 23, Q, K, V))[0].numpy()))
    np.testing.assert_array_equal(k.numpy(), K)
    np.testing.assert_array_equal(v.numpy(), V)


def test_a_cache_is_what_came_before() -> None:
    whole = run(case("Attention", 24, K[:, :, :, :], K, V, is_causal=1))[0].numpy()
    y, key, value = run(
        case(
            "Attention", 24, K[:, :, 3:].copy(), K[:, :, 3:].copy(), V[:, :, 3:].copy(), None,
            K[:, :, :3].copy(), V[:, :, :3].copy(), outputs=3, is_causal=1,
        )
    )  # fmt: skip
    np.testing.assert_allclose(y.numpy(), whole[:, :, 3:], rtol=1e-5, atol=1e-6)
    np.testing.assert_array_equal(key.numpy(), K)
    np.testing.assert_array_equal(value.numpy(), V)


def test_keys_beyond_a_length_are_not_seen() -> None:
    lengths = integers(3, 5)
    y = run(case("Attention", 24, Q, K, V, None, None, None, lengths))[0].numpy()
    for i, n in enumerate(lengths):
        part = run(
            case(
                "Attention", 24, *(x[i : i + 1, :, :m].copy() for x, m in ((Q, 3), (K, n), (V, n)))
            )
        )
        np.testing.assert_allclose(y[i : i + 1], part[0].numpy(), rtol=1e-5, atol=1e-6)


def test_windows() -> None:
    for left, right in ((1, 0), (0, 2), (-1, 1), (2, -1)):
        at, key = np.arange(3)[:, None], np.arange(5)
        seen = (key >= at - left) if left >= 0 else np.ones((3, 5), bool)
        seen &= (key <= at + right) if right >= 0 else True
        y = run(case("Attention", 25, Q, K, V, left_window_size=left, right_window_size=right))[0]
        wanted = run(case("Attention", 25, Q, K, V, seen))[0]
        np.testing.assert_allclose(y.numpy(), wanted.numpy(), rtol=1e-6)


@pytest.mark.parametrize("mode", [0, 1, 2, 3])
def test_what_stands_in_the_way_of_the_result(mode: int) -> None:
    y, _, _, scores = run(
        case("Attention", 24, Q, K, V, MASK, outputs=4, softcap=0.7, qk_matmul_output_mode=mode)
    )
    raw = Q @ K.swapaxes(-1, -2) / np.sqrt(6)
    capped = 0.7 * np.tanh(raw / 0.7)
    p = np.exp(capped + MASK)
    stages = [raw, capped, capped + MASK, p / p.sum(-1, keepdims=True)]
    np.testing.assert_allclose(scores.numpy(), stages[mode], rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(y.numpy(), stages[3] @ V, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("softcap", [0.0, 2.0])
@pytest.mark.parametrize("kind", ["bool", "float"])
def test_a_query_that_sees_nothing_gets_zeros_and_gives_no_nan(softcap: float, kind: str) -> None:
    seen = np.array([[True] * 5, [False] * 5, [True, False] * 2 + [True]])
    mask = seen if kind == "bool" else np.where(seen, 0, -np.inf).astype(np.float32)
    node = case("Attention", 24, Q, K, V, mask, softcap=softcap)
    inputs = [rl.tensor(x) for x in node.inputs]
    for x in inputs[:3]:
        x.requires_grad_()
    y = rl.onnx.load(proto(node))(*inputs)
    assert not y.detach().numpy()[:, :, 1].any()
    y.sum().backward()
    assert all(np.isfinite(x.grad.numpy()).all() for x in inputs[:3])
    assert not inputs[0].grad.numpy()[:, :, 1].any()


GROUPED = (Q, K[:, :2].copy(), V[:, :2].copy())
TURNS = normal(9, 2), normal(9, 2), integers([1, 4, 8], [0, 2, 3])
STATES = (normal(1, 2, 2, 2), normal(1, 3, 4, seed=5), abs(normal(1, 3, 2)))
TAPS = (normal(1, 2, 4), normal(2, 1, 3), normal(2), normal(1, 2, 2))
TWO = {"q_num_heads": 2, "kv_num_heads": 2}


@pytest.mark.parametrize(
    "node",
    [
        case("Attention", 24, *GROUPED, MASK[:, :, :, :4].copy(), is_causal=1),
        case("Attention", 25, *GROUPED, outputs=4, softcap=0.9, qk_matmul_output_mode=2),
        case("RotaryEmbedding", 23, Q, *TURNS, rotary_embedding_dim=4, interleaved=1),
        case("LinearAttention", 27, *[normal(1, 3, 4)] * 3, *STATES, outputs=2, **TWO),
        case("CausalConvWithState", 27, *TAPS, outputs=2, activation="silu"),
    ],
    ids=str,
)
def test_gradients(node: Case) -> None:
    check_gradient(node)


def test_parts_of_a_causal_convolution_join() -> None:
    x, w = normal(1, 2, 7), normal(2, 1, 4)
    whole = run(case("CausalConvWithState", 27, x, w, outputs=2))
    first = run(case("CausalConvWithState", 27, x[:, :, :2].copy(), w, outputs=2))
    state = first[1].numpy()
    rest = run(case("CausalConvWithState", 27, x[:, :, 2:].copy(), w, None, state, outputs=2))
    joined = np.concatenate([first[0].numpy(), rest[0].numpy()], 2)
    np.testing.assert_allclose(joined, whole[0].numpy(), rtol=1e-5, atol=1e-6)
    np.testing.assert_array_equal(rest[1].numpy(), whole[1].numpy())


HEADS = {"q_num_heads": 1, "kv_num_heads": 1, "outputs": 2}


@pytest.mark.parametrize(
    "node, message",
    [
        (case("Attention", 24, *GROUPED[:2], K[:, :3].copy()), "heads of queries"),
        (case("Attention", 24, Q[:, 0], K[:, 0], V[:, 0]), "q_num_heads=0"),
        (case("Attention", 24, Q, K, V, None, K), "one of past_key and past_value"),
        (case("RotaryEmbedding", 23, Q, normal(2, 3, 4), normal(2, 3, 4)), "caches .* even width"),
        (case("LinearAttention", 27, Q[:, 0], Q[:, 0], Q[:, 0], **HEADS), "without decay"),
        (
            case("CausalConvWithState", 27, Q[:, 0], K[:, 0], outputs=2, activation="relu"),
            "activation='relu'",
        ),
    ],
    ids=str,
)
def test_what_does_not_fit_is_refused(node: Case, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        run(node)
