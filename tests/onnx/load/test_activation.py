"""Activations and the softmax family of ONNX beside onnxruntime's; gradients."""

import numpy as np
import pytest
from tests.onnx.load.cases import Case, agree, case, check_gradient, normal, run

pytest.importorskip("onnx")

X = normal(2, 3, 4) * 2

PLAIN = [("Relu", 6), ("Relu", 14), ("Sigmoid", 6), ("Tanh", 6), ("Softplus", 1), ("Softsign", 1)]
CASES = [
    *[case(op, version, X) for op, version in [*PLAIN, ("HardSwish", 14), ("Mish", 18)]],
    *[case("LeakyRelu", 6, X, **o) for o in ({}, {"alpha": 0.3})],
    *[case("Elu", 6, X, **o) for o in ({}, {"alpha": 0.3})],
    *[case("Celu", 12, X, **o) for o in ({}, {"alpha": 0.3})],
    *[case("Selu", 6, X, **o) for o in ({}, {"alpha": 1.3, "gamma": 0.7})],
    *[case("HardSigmoid", 6, X, **o) for o in ({}, {"alpha": 0.3, "beta": 0.4})],
    *[case("ThresholdedRelu", 10, X, **o) for o in ({}, {"alpha": 0.3})],
    *[case("Gelu", 20, X, **o) for o in ({}, {"approximate": "tanh"})],
    *[case("Shrink", 9, X, **o) for o in ({}, {"lambd": 0.8, "bias": 0.2})],
    *[
        case("PRelu", 16, X, abs(normal(*shape)))
        for shape in ((1,), (3, 1), (4,), (2, 3, 4), (1, 1))
    ],
    *[
        case(op, version, X, axis=axis)
        for op in ("Softmax", "LogSoftmax", "Hardmax")
        for version in (11, 13)
        for axis in (0, 1, 2, -1, -2)
    ],
    *[case(op, version, X) for op in ("Softmax", "LogSoftmax") for version in (1, 11, 13)],
]


@pytest.mark.parametrize("node", CASES, ids=str)
def test_agrees_with_onnxruntime(node: Case) -> None:
    agree(node)


@pytest.mark.parametrize("node", [c for c in CASES if c.op != "Hardmax"], ids=str)
def test_gradients(node: Case) -> None:
    check_gradient(node)


def test_swish_and_its_gate() -> None:
    def swish(x: np.ndarray, alpha: float) -> np.ndarray:
        return x / (1 + np.exp(-alpha * x))

    gate = normal(2, 3, 4, seed=1)
    for alpha in (1.0, 1.7):
        y = run(case("Swish", 24, X, alpha=alpha))[0].numpy()
        np.testing.assert_allclose(y, swish(X, alpha), rtol=1e-5, atol=1e-6)
        y = run(case("SwiGLU", 28, gate, X, alpha=alpha))[0].numpy()
        np.testing.assert_allclose(y, swish(gate, alpha) * X, rtol=1e-5, atol=1e-6)
        check_gradient(case("SwiGLU", 28, gate, X, alpha=alpha))


@pytest.mark.parametrize("version", [1, 6])
def test_the_slopes_of_old_prelu_belong_to_channels(version: int) -> None:
    slope = np.array([0.1, 0.2, 0.3], np.float32)
    y = run(case("PRelu", version, X, slope))[0].numpy()
    np.testing.assert_allclose(y, np.where(X < 0, X * slope[:, None], X), rtol=1e-6)


def test_integers_and_nan() -> None:
    whole = np.array([-3, 0, 2], np.int32)
    np.testing.assert_array_equal(run(case("Relu", 14, whole))[0].numpy(), [0, 0, 2])
    slope = np.array([2], np.int32)
    np.testing.assert_array_equal(run(case("PRelu", 16, whole, slope))[0].numpy(), [-6, 0, 2])
    shrunk = run(case("Shrink", 9, whole, lambd=1.0, bias=1.0))[0].numpy()
    np.testing.assert_array_equal(shrunk, [-2, 0, 1])
    assert shrunk.dtype == np.int32
    nan = np.array([np.nan], np.float32)
    assert np.isnan(run(case("PRelu", 16, nan, np.ones(1, np.float32)))[0].numpy()).all()
