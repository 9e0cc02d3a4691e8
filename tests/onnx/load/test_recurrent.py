"""Recurrent layers of ONNX beside onnxruntime's, by the op and step by step; gradients; errors."""

from typing import Any

import numpy as np
import pytest
from tests.onnx.load.cases import Case, agree, case, check_gradient, normal, run

pytest.importorskip("onnx")

STEPS, N, K, H = 5, 3, 4, 2
GATES = {"RNN": 1, "GRU": 3, "LSTM": 4}
LENGTHS = np.array([5, 2, 4], np.int32)


def layer(
    op: str, lengths: Any = None, states: bool = False, peepholes: bool = False, **more: Any
) -> Case:
    """Make a case; version 14, and inputs that fit its direction and its layout."""
    sides = 2 if more.get("direction") == "bidirectional" else 1
    gates, first = GATES[op], more.get("layout", 0)
    x = normal(STEPS, N, K)
    bias = normal(sides, 2 * gates * H, seed=1) / 2
    weights = normal(sides, gates * H, K, seed=2), normal(sides, gates * H, H, seed=3)
    start = [None, None] if op == "LSTM" else [None]
    if states:
        start = [normal(sides, N, H, seed=4 + i) for i in range(len(start))]
    if first:
        x = x.swapaxes(0, 1).copy()
        start = [s if s is None else s.swapaxes(0, 1).copy() for s in start]
    peep = [normal(sides, 3 * H, seed=7)] if peepholes else []
    inputs = (x, *weights, bias, lengths, *start, *peep)
    while inputs[-1] is None:
        inputs = inputs[:-1]
    return case(op, 14, *inputs, outputs=len(start) + 1, hidden_size=H, **more)


SIDES = ("forward", "reverse", "bidirectional")
PLAIN = [
    layer(op, lengths, states, direction=side)
    for op in GATES
    for side in SIDES
    for lengths, states in ((None, True), (LENGTHS, True), (LENGTHS, False))
]
UNUSUAL = [
    *[layer("GRU", LENGTHS, True, direction=s, linear_before_reset=1) for s in SIDES],
    *[layer("LSTM", LENGTHS, True, True, direction=s) for s in SIDES],
    layer("GRU", LENGTHS, True, clip=0.2),
    layer("LSTM", LENGTHS, True, input_forget=1),
    layer("RNN", None, True, activations=["Relu"], direction="reverse"),
    layer("RNN", LENGTHS, activations=["Relu", "Tanh"], direction="bidirectional"),
    layer("RNN", LENGTHS, clip=0.5),
    layer(
        "LSTM", direction="bidirectional",
        activations=["HardSigmoid", "Softsign", "ScaledTanh", "Affine", "LeakyRelu", "Elu"],
        activation_alpha=[0.3, 0.7, 0.9, 0.2, 0.6], activation_beta=[0.4, 1.3, 0.1],
    ),
    layer("GRU", activations=["Sigmoid", "Softplus"]),
    layer("RNN", activations=["ThresholdedRelu"], activation_alpha=[0.2]),
]  # fmt: skip


@pytest.mark.parametrize("node", PLAIN + UNUSUAL, ids=str)
def test_agrees_with_onnxruntime(node: Case) -> None:
    agree(node)


def test_clipping_bounds_what_goes_into_every_activation() -> None:
    """onnxruntime leaves the output gate of LSTM alone, so the formula is the judge."""
    clip = 0.3
    node = layer("LSTM", None, True, clip=clip)
    x, w, r, b, _, h, c = (None if v is None else v.astype(np.float64) for v in node.inputs)
    h, c = h[0], c[0]

    def bounded(v: Any) -> Any:
        return np.clip(v, -clip, clip)

    for t in range(STEPS):
        gates = x[t] @ w[0].T + h @ r[0].T + b[0, : 4 * H] + b[0, 4 * H :]
        i, o, f = (1 / (1 + np.exp(-bounded(gates[:, k * H : (k + 1) * H]))) for k in range(3))
        c = f * c + i * np.tanh(bounded(gates[:, 3 * H :]))
        h = o * np.tanh(bounded(c))
        np.testing.assert_allclose(run(node)[0].numpy()[t, 0], h, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("op", list(GATES))
@pytest.mark.parametrize("states", [False, True])
def test_the_batch_may_come_first(op: str, states: bool) -> None:
    """onnxruntime refuses this layout, so the other one is the judge."""
    side = {"direction": "bidirectional"}
    y, *finals = (t.numpy() for t in run(layer(op, LENGTHS, states, **side)))
    found, *last = (t.numpy() for t in run(layer(op, LENGTHS, states, layout=1, **side)))
    np.testing.assert_array_equal(found, y.transpose(2, 0, 1, 3))
    for a, b in zip(last, finals, strict=True):
        np.testing.assert_array_equal(a, b.swapaxes(0, 1))


@pytest.mark.parametrize("op", list(GATES))
def test_a_sequence_of_length_zero_keeps_its_state(op: str) -> None:
    lengths = np.array([3, 0, 1], np.int32)
    for more in ({}, {"clip": 1e6}):
        node = layer(op, lengths, True, **more)
        y, last, *_ = (t.numpy() for t in run(node))
        assert not y[:, :, 1].any()
        np.testing.assert_array_equal(last[0, 1], node.inputs[5][0, 1])
    nothing = run(layer(op, np.zeros(N, np.int32), True))
    assert not nothing[0].numpy().any()


@pytest.mark.parametrize("op", list(GATES))
@pytest.mark.parametrize("lengths", [None, LENGTHS])
def test_both_ways_of_running_agree(op: str, lengths: Any) -> None:
    """A clip that never clips sends the same layer step by step."""
    more = {"linear_before_reset": 1} if op == "GRU" else {}
    fast = run(layer(op, lengths, True, direction="bidirectional", **more))
    slow = run(layer(op, lengths, True, direction="bidirectional", clip=1e6, **more))
    for a, b in zip(fast, slow, strict=True):
        np.testing.assert_allclose(a.numpy(), b.numpy(), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    "node",
    [
        layer("RNN", LENGTHS, True, direction="bidirectional"),
        layer("LSTM", LENGTHS, True, direction="reverse"),
        layer("LSTM", LENGTHS, True, True, input_forget=1),
        layer("GRU", LENGTHS, True),
        layer("GRU", LENGTHS, True, linear_before_reset=1),
    ],
    ids=str,
)
def test_gradients(node: Case) -> None:
    check_gradient(node)


@pytest.mark.parametrize(
    "node, message",
    [
        (layer("RNN", activations=["Cosine"]), "activation 'Cosine', expected affine, elu"),
        (layer("LSTM", activations=["Tanh"]), r"activations \['Tanh'\], expected 3"),
        (layer("GRU", direction="sideways"), "direction='sideways'"),
        (layer("RNN", np.array([9, 1, 1], np.int32)), r"sequence_lens \[9, 1, 1\] for 5 steps"),
        (case("RNN", 14, normal(5, 3, 4), normal(1, 2, 3), normal(1, 2, 2)), "got X .* expected X"),
    ],
    ids=str,
)
def test_what_does_not_fit_is_refused(node: Case, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        run(node)
