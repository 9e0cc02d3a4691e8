"""Pools of ONNX beside onnxruntime's; gradients; errors."""

import numpy as np
import pytest
from tests.onnx.load.cases import Case, agree, case, check_gradient, integers, normal, proto, run

import rushlight as rl

pytest.importorskip("onnx")

X, LINE, VOLUME = normal(2, 3, 7, 9), normal(2, 3, 9), normal(1, 2, 5, 4, 6)
BYTES = np.random.default_rng(0).integers(0, 255, (1, 2, 6, 5)).astype(np.uint8)

OPTIONS = [
    {"kernel_shape": [3, 2]},
    {"kernel_shape": [3, 3], "strides": [2, 2], "pads": [1, 1, 1, 1], "ceil_mode": 1},
    {"kernel_shape": [3, 3], "strides": [2, 2], "pads": [0, 2, 1, 1]},
    {"kernel_shape": [2, 3], "strides": [3, 2], "pads": [1, 0, 0, 2], "ceil_mode": 1},
    {"kernel_shape": [3, 2], "strides": [2, 2], "auto_pad": "SAME_UPPER"},
    {"kernel_shape": [4, 2], "strides": [1, 1], "auto_pad": "SAME_LOWER"},
    {"kernel_shape": [3, 2], "strides": [2, 2], "auto_pad": "VALID"},
]
DILATED = [
    {"kernel_shape": [2, 3], "dilations": [3, 2], "pads": [1, 0, 1, 2]},
    {"kernel_shape": [2, 2], "dilations": [2, 1], "strides": [2, 2], "ceil_mode": 1},
]

POOLS = [
    *[case("MaxPool", 12, X, outputs=n, **o) for o in OPTIONS + DILATED for n in (1, 2)],
    *[
        case("AveragePool", 19, X, count_include_pad=n, **o)
        for o in OPTIONS + DILATED
        for n in (0, 1)
    ],
    *[case("LpPool", 18, X, p=p, **o) for o in (OPTIONS[0], OPTIONS[2]) for p in (1, 2, 3)],
    *[
        case(op, version, x, kernel_shape=kernel)
        for op, version in (("MaxPool", 8), ("AveragePool", 7), ("LpPool", 11))
        for x, kernel in ((LINE, [4]), (VOLUME, [2, 3, 1]))
    ],
    case("MaxPool", 12, BYTES, kernel_shape=[2, 2], pads=[1, 0, 0, 0]),
    case("MaxPool", 12, X, outputs=2, kernel_shape=[2, 2], strides=[2, 2], storage_order=1),
    *[case(op, 1, x) for op in ("GlobalAveragePool", "GlobalMaxPool") for x in (LINE, X, VOLUME)],
    *[case("GlobalLpPool", 2, X, p=p) for p in (1, 2, 3)],
]


@pytest.mark.parametrize("node", POOLS, ids=str)
def test_agrees_with_onnxruntime(node: Case) -> None:
    agree(node)


@pytest.mark.parametrize(
    "node",
    [
        *[
            case(op, version, X[:1, :2], **options)
            for op, version in (("MaxPool", 12), ("AveragePool", 19), ("LpPool", 18))
            for options in (OPTIONS[1], OPTIONS[2], DILATED[0])
        ],
        case("GlobalAveragePool", 1, X),
        case("GlobalMaxPool", 1, X),
        case("GlobalLpPool", 2, X, p=3),
    ],
    ids=str,
)
def test_gradients(node: Case) -> None:
    check_gradient(node)


def test_the_gradient_of_a_norm_of_zeros_is_zero() -> None:
    x = rl.zeros(1, 1, 4, 4, requires_grad=True)
    rl.onnx.load(
        proto(case("LpPool", 18, np.zeros((1, 1, 4, 4), np.float32), kernel_shape=[2, 2]))
    )(x).sum().backward()
    assert x.grad is not None and not x.grad.any()


@pytest.mark.parametrize("padding", [[0, 0, 0, 0], [1, 0, 1, 0]])
def test_unpooling_undoes_pooling(padding: list[int]) -> None:
    windows = {"kernel_shape": [2, 2], "strides": [2, 2], "pads": padding}
    x = abs(normal(2, 3, 6, 6)) + 0.1
    y, indices = run(case("MaxPool", 12, x, outputs=2, **windows))
    size = integers(*x.shape)
    found = run(case("MaxUnpool", 11, y.numpy(), indices.numpy(), size, **windows))[0].numpy()
    if not any(padding):
        back = np.zeros(x.size, np.float32)
        back[indices.numpy().reshape(-1)] = y.numpy().reshape(-1)
        np.testing.assert_array_equal(found, back.reshape(x.shape))
        agree(case("MaxUnpool", 11, y.numpy(), indices.numpy(), size, **windows))
    assert found.shape == x.shape
    assert (np.sort(found[found > 0]) == np.sort(np.unique(y.numpy()))).all()


@pytest.mark.parametrize(
    "node, message",
    [
        (case("MaxPool", 12, normal(2, 3), kernel_shape=[2]), r"\(N, C, \*S\)"),
        (case("MaxPool", 12, X, kernel_shape=[2]), r"kernel_shape=\[2\], expected 2 ints"),
        (case("AveragePool", 19, X, kernel_shape=[9, 9]), "no larger than the padded planes"),
        (case("LpPool", 18, X, kernel_shape=[0, 2]), "ints >= 1"),
        (case("GlobalMaxPool", 1, normal(2, 3)), r"\(N, C, \*S\)"),
    ],
    ids=str,
)
def test_what_does_not_fit_is_refused(node: Case, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        run(node)
