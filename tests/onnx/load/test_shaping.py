"""Shapes, places, paddings and reductions of ONNX beside onnxruntime's, at their edges."""

import numpy as np
import pytest
from tests.onnx.load.cases import Case, agree, case, integers, normal, run

pytest.importorskip("onnx")

X = normal(3, 4, 5)
LOW, HIGH = -(2**63), 2**63 - 1
AXES = integers(-1, 0)

SLICES = [
    case("Slice", 13, X, integers(*first), integers(*last), AXES, integers(*step))
    for first, last, step in (
        ((1, 0), (4, 2), (1, 1)),
        ((-3, -1), (HIGH, HIGH), (2, 1)),
        ((HIGH, HIGH), (LOW, LOW), (-1, -2)),
        ((LOW, -9), (LOW, -9), (-1, -2)),  # the first place is left
        ((LOW, 1), (HIGH, -9), (3, -1)),
        ((9, -9), (12, 9), (1, 1)),
        ((0, 2), (0, 0), (-1, -2)),
    )
]

CASES = [
    *SLICES,
    case("Split", 18, X, outputs=3, axis=-1, num_outputs=3),
    case("Split", 13, X, integers(0, 4), outputs=2, axis=1),
    case("Reshape", 14, X, integers(0, -1, 2, 2)),
    case("Squeeze", 13, X[:1, :, :1], integers(-1)),
    case("Squeeze", 13, X[:1, :, :1]),
    case("Unsqueeze", 13, X, integers(-1, 0)),
    case("Flatten", 13, X, axis=-1),
    case("Expand", 13, X[:, :1], integers(2, 1, 4, 1)),
    case("Tile", 13, X, integers(2, 0, 1)),
    case("Trilu", 14, X, np.array(-2, np.int64), upper=0),
    case("DepthToSpace", 13, normal(1, 8, 2, 3), blocksize=2, mode="CRD"),
    case("Pad", 19, X, integers(1, 2, 0, 2), None, integers(-1, 0), mode="wrap"),
    case("Pad", 19, X, integers(-1, 2, 0, 2, -1, 1), np.array(1.5, np.float32)),
    case("Gather", 13, X, integers(-1, 0, 2), axis=-2),
    case("GatherElements", 13, X[0], integers([-1, 0, 1, 2, 0]), axis=0),
    case("GatherND", 13, X, integers([[0], [-1]], [[3], [1]], [[2], [2]]), batch_dims=1),
    case("ScatterElements", 18, X[0], integers([0, 0, 1]), X[1, :1, :3], reduction="max"),
    case("ScatterND", 18, X, integers([-1], [-1]), X[:2], reduction="mul"),
    case("OneHot", 11, integers(-6, 5, 3), np.array(5, np.int64), integers(2, 7), axis=0),
    case("CumSum", 14, X, np.array(-2, np.int64), exclusive=1, reverse=1),
    case("TopK", 11, np.round(X), integers(3), outputs=2, axis=1, largest=0),
    case("Unique", 11, integers(3, 1, 3, 2, 1), outputs=4, sorted=0),
    case("ArgMax", 13, np.round(X), axis=-1, keepdims=0, select_last_index=1),
    case("ReduceSum", 13, X, integers(), noop_with_empty_axes=1),
    case("ReduceMean", 18, X, AXES, keepdims=0),
    case("ReduceLogSumExp", 11, X, axes=[-1, 0]),
    case("ReduceProd", 18, integers([1, -2, 3], [2, 2, -1]), integers(-1)),
    case("Mod", 13, np.int8([-5, 5, -5, 5]), np.int8([3, -3, -3, 3])),
    case("Mod", 13, X, -X[:1] * 2, fmod=1),
    case("Pow", 15, integers(2, -3, 4), np.float32([0.5, 2, -1])),
    case("Div", 14, integers(-7, 7, -7), integers(2, -2, -2)),
    *[
        case(f"Reduce{kind}", 18, np.abs(X), noop_with_empty_axes=1)
        for kind in ("L1", "L2", "LogSum", "LogSumExp", "Max", "Mean", "Min", "Prod", "SumSquare")
    ],
]


@pytest.mark.parametrize("node", CASES, ids=str)
def test_outputs(node: Case) -> None:
    agree(node)


def test_a_backward_slice_to_the_largest_end_is_empty() -> None:
    """ONNX clamps an end to the last place; onnxruntime takes it for 'to the first'."""
    (y,) = run(case("Slice", 13, X, integers(1), integers(HIGH), integers(0), integers(-1)))
    assert y.shape == (0, 4, 5)


def test_a_clipped_lstm_clips_what_goes_into_the_last_activation_too() -> None:
    """ONNX clips the inputs of all activations; onnxruntime does not clip c on its way to h."""
    w, r = np.zeros((1, 4, 1), np.float32), np.zeros((1, 4, 1), np.float32)
    b = np.array([[0, 9, 9, 9, 0, 0, 0, 0]], np.float32)  # gates i, o, f, c
    start = np.full((1, 1, 1), 4, np.float32)
    inputs = np.zeros((1, 1, 1), np.float32), w, r, b, None, start, start
    _, h, c = run(case("LSTM", 14, *inputs, outputs=3, hidden_size=1, clip=0.5))
    gate, new = 1 / (1 + np.exp(-0.5)), np.tanh(0.5)
    np.testing.assert_allclose(c.item(), gate * 4 + new / 2, rtol=1e-5)
    np.testing.assert_allclose(h.item(), gate * new, rtol=1e-5)
