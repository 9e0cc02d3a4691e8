"""Losses of ONNX beside torch's; gradients; errors."""

from typing import Any

import numpy as np
import pytest
from tests.onnx.load.cases import case, check_gradient, normal, run

pytest.importorskip("onnx")

X = normal(4, 3, 2)
TARGET = np.array([[0, 2], [1, 1], [2, 0], [2, 1]], np.int32)
WEIGHT = np.array([0.5, 1.5, 2.0], np.float32)


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize("weight", [None, WEIGHT])
@pytest.mark.parametrize("ignored", [None, 1, -7])
def test_agrees_with_torch(reduction: str, weight: Any, ignored: Any) -> None:
    torch = pytest.importorskip("torch")
    target = TARGET if ignored is None else np.where(TARGET == 1, ignored, TARGET)
    inputs = (X, target.astype(np.int64)) if weight is None else (X, target, weight)
    more = {"reduction": reduction, **({} if ignored is None else {"ignore_index": ignored})}
    options: dict[str, Any] = {"weight": None if weight is None else torch.tensor(weight), **more}
    pair = torch.tensor(X), torch.tensor(target.astype(np.int64))
    for op, name in (
        ("NegativeLogLikelihoodLoss", "nll_loss"),
        ("SoftmaxCrossEntropyLoss", "cross_entropy"),
    ):
        wanted = getattr(torch.nn.functional, name)(*pair, **options).numpy()
        found = run(case(op, 13, *inputs, **more))[0].numpy()
        np.testing.assert_allclose(found, wanted, rtol=1e-5, atol=1e-6)
    loss, log_prob = run(case("SoftmaxCrossEntropyLoss", 13, *inputs, outputs=2, **more))
    np.testing.assert_allclose(loss.numpy(), wanted, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(np.exp(log_prob.numpy()).sum(1), 1, rtol=1e-5)


@pytest.mark.parametrize("op", ["NegativeLogLikelihoodLoss", "SoftmaxCrossEntropyLoss"])
@pytest.mark.parametrize("outputs", [1, 2])
def test_gradients(op: str, outputs: int) -> None:
    if op.startswith("N") and outputs == 2:
        pytest.skip("it has one output")
    check_gradient(case(op, 13, X, TARGET, WEIGHT, outputs=outputs, ignore_index=2), (0,))


def test_a_target_that_is_no_class_is_refused() -> None:
    """Also torch's -100, which ONNX does not know."""
    for wrong in (3, -100):
        target = np.where(TARGET == 2, wrong, TARGET)
        with pytest.raises(IndexError, match=str(wrong)):
            run(case("SoftmaxCrossEntropyLoss", 13, X, target))
