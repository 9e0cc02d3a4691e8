"""Convolutions of ONNX: paddings, shapes and groups as onnxruntime has them; gradients; errors."""

import numpy as np
import pytest
from tests.onnx.load.cases import Case, agree, case, check_gradient, integers, normal, proto, run

import rushlight as rl

pytest.importorskip("onnx")

X, W, B = normal(2, 4, 7, 6), normal(6, 2, 3, 2, seed=1), normal(6, seed=2)
LINE, VOLUME = normal(2, 3, 9), normal(1, 2, 4, 5, 4)

CONVS = [
    case("Conv", 1, X, W, B, group=2),
    case("Conv", 11, X, W, B, group=2, pads=[1, 0, 2, 3], strides=[2, 1], dilations=[1, 2]),
    *[
        case("Conv", 11, X, W, group=2, auto_pad=mode, strides=list(strides))
        for mode in ("SAME_UPPER", "SAME_LOWER", "VALID")
        for strides in ((1, 1), (2, 3))
    ],
    case("Conv", 22, LINE, normal(5, 3, 4), normal(5), pads=[3, 0], kernel_shape=[4]),
    case("Conv", 22, VOLUME, normal(3, 2, 2, 3, 1), strides=[1, 2, 1], pads=[0, 1, 0, 1, 1, 0]),
]

TW = normal(4, 3, 3, 2, seed=3)
TRANSPOSED = [
    case("ConvTranspose", 1, X, TW, normal(3)),
    case("ConvTranspose", 11, X, TW, group=2, strides=[2, 3], output_padding=[1, 2]),
    case("ConvTranspose", 11, X, TW, strides=[3, 2], pads=[1, 0, 2, 1], dilations=[2, 1]),
    *[
        case("ConvTranspose", 11, X, TW, auto_pad=mode, strides=[2, 1])
        for mode in ("SAME_UPPER", "SAME_LOWER", "VALID")
    ],
    *[
        case("ConvTranspose", 11, X, TW, auto_pad=mode, strides=[2, 2], output_shape=[14, 11])
        for mode in ("NOTSET", "SAME_UPPER", "SAME_LOWER")
    ],
    case("ConvTranspose", 22, LINE, normal(3, 2, 4), strides=[2], pads=[1, 2]),
    case("ConvTranspose", 22, VOLUME, normal(2, 2, 2, 2, 3), strides=[2, 1, 2]),
]


@pytest.mark.parametrize("node", CONVS + TRANSPOSED, ids=str)
def test_agrees_with_onnxruntime(node: Case) -> None:
    agree(node)


@pytest.mark.parametrize(
    "node",
    [
        case("Conv", 11, X[:1], W, B, group=2, auto_pad="SAME_LOWER", strides=[2, 3]),
        case("Conv", 11, X[:1], W, B, group=2, pads=[1, 0, 2, 3], dilations=[1, 2]),
        case("ConvTranspose", 11, X[:1], TW, normal(3), strides=[2, 3], output_padding=[1, 2]),
        case("ConvTranspose", 11, X[:1], TW, strides=[2, 2], output_shape=[14, 11]),
    ],
    ids=str,
)
def test_gradients(node: Case) -> None:
    check_gradient(node)


def test_a_larger_output_holds_the_bias_behind() -> None:
    """As ONNX's text has it; onnxruntime refuses it, and makes less of SAME with long strides."""
    bias = normal(3, seed=4)
    full = run(case("ConvTranspose", 11, X, TW, bias, strides=[2, 2]))[0].numpy()
    wide = run(case("ConvTranspose", 11, X, TW, bias, strides=[2, 2], output_shape=[17, 14]))[0]
    h, w = full.shape[2:]
    assert wide.shape == (2, 3, 17, 14)
    np.testing.assert_allclose(wide.numpy()[:, :, :h, :w], full, rtol=1e-6)
    np.testing.assert_array_equal(wide.numpy()[0, :, -1, -1], bias)
    same = run(case("ConvTranspose", 11, X, TW, auto_pad="SAME_UPPER", strides=[2, 3]))[0]
    assert same.shape == (2, 3, 14, 18)


def test_integers_with_a_zero_for_each_filter() -> None:
    generator = np.random.default_rng(0)
    x = generator.integers(0, 255, (1, 2, 5, 5)).astype(np.uint8)
    w = generator.integers(-128, 127, (3, 2, 3, 3)).astype(np.int8)
    agree(case("ConvInteger", 10, x, w, np.array(7, np.uint8), pads=[1, 1, 1, 1]))
    zeros = np.array([1, -2, 3], np.int8)
    found = run(case("ConvInteger", 10, x, w, np.array(7, np.uint8), zeros))[0]
    plain = run(
        case(
            "Conv",
            11,
            x.astype(np.float32) - 7,
            w.astype(np.float32) - zeros.reshape(3, 1, 1, 1),
        )
    )[0]
    assert found.dtype == np.int32
    np.testing.assert_array_equal(found.numpy(), plain.numpy())


@pytest.mark.parametrize(
    "node",
    [
        case("Col2Im", 18, normal(2, 12, 20), integers(5, 6), integers(2, 2)),
        case(
            "Col2Im", 18, normal(2, 18, 9), integers(5, 6), integers(3, 2),
            pads=[1, 0, 1, 0], strides=[2, 1], dilations=[1, 3],
        ),
        case("Col2Im", 18, normal(1, 8, 12), integers(3, 4, 3), integers(2, 2, 2)),
    ],
    ids=str,
)  # fmt: skip
def test_columns_are_summed_back_as_by_onnxruntime(node: Case) -> None:
    agree(node)
    check_gradient(node)


@pytest.mark.parametrize(
    "node, message",
    [
        (case("Conv", 11, X, W, pads=[1, 1]), r"Conv \(node\): got pads=\[1, 1\], expected 4 ints"),
        (case("Conv", 11, X, W, strides=[1]), r"got strides=\[1\], expected 2 ints"),
        (case("Conv", 11, X, W, kernel_shape=[3, 3]), r"kernel_shape=\[3, 3\] with weight"),
        (case("Conv", 11, X, W[:, :, 0]), "input .* with weight"),
        (case("Conv", 11, X, normal(2, 4, 9, 1)), "windows no larger than the padded planes"),
        (case("Conv", 11, X, W, auto_pad="SAME"), "auto_pad='SAME'"),
        (case("Conv", 11, X, W), "2 channels"),
        (case("ConvTranspose", 11, X, TW, group=0), "group=0, expected 1 or more"),
        (
            case("Col2Im", 18, normal(2, 12, 7), integers(5, 6), integers(2, 2)),
            r"\(N, C \* 4, 20\)",
        ),
    ],
    ids=str,
)
def test_what_does_not_fit_is_refused(node: Case, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        run(node)


def test_sizes_may_change_from_call_to_call() -> None:
    module = rl.onnx.load(proto(case("Conv", 11, X, W, auto_pad="SAME_UPPER", group=2)))
    weight = rl.tensor(W)
    assert module(rl.tensor(X), weight).shape == (2, 6, 7, 6)
    assert module(rl.zeros(3, 4, 1, 20), weight).shape == (3, 6, 1, 20)


def test_one_node_serves_images_of_several_sizes() -> None:
    node = case("Conv", 11, normal(1, 2, 5, 6), normal(3, 2, 3, 3), auto_pad="SAME_UPPER")
    net = rl.onnx.load(proto(node))
    w = rl.tensor(node.inputs[1])
    for size in ((5, 6), (7, 4), (5, 6)):
        x = rl.tensor(normal(1, 2, *size))
        wanted = rl.nn.functional.conv2d(x, w, padding=1)
        assert rl.allclose(net(x, w), wanted, atol=1e-6)
