"""Random numbers and dropout of ONNX: from Rushlight's generators, by mode and by seed."""

import numpy as np
import pytest
from tests.onnx.load.cases import Case, case, normal, proto, run

import rushlight as rl

pytest.importorskip("onnx")

X = np.ones((200, 50), np.float32)


@pytest.mark.parametrize("op", ["RandomNormal", "RandomUniform"])
def test_moments_dtypes_and_the_default_generator(op: str) -> None:
    more = {"mean": 2.0, "scale": 0.5} if op == "RandomNormal" else {"low": 1.0, "high": 3.0}
    for node in (
        case(op, 1, shape=[200, 50], **more),
        case(f"{op}Like", 1, X, **more),
        case(f"{op}Like", 22, X.astype(np.float64), dtype=1, **more),
    ):
        rl.manual_seed(3)
        first = run(node)[0].numpy()
        rl.manual_seed(3)
        again = run(node)[0].numpy()
        np.testing.assert_array_equal(first, again)
        assert first.dtype == np.float32 and first.shape == (200, 50)
        assert abs(first.mean() - 2.0) < 0.03
        assert abs(first.std() - (0.5 if op == "RandomNormal" else 1 / np.sqrt(3))) < 0.02


def test_a_seed_gives_a_node_a_stream_of_its_own() -> None:
    module = rl.onnx.load(proto(case("RandomNormal", 1, shape=[5], seed=1.5)))
    rl.manual_seed(0)
    first, second = module().numpy(), module().numpy()
    assert (first != second).any()
    rl.manual_seed(1)
    fresh = rl.onnx.load(proto(case("RandomNormal", 1, shape=[5], seed=1.5)))
    np.testing.assert_array_equal(fresh().numpy(), first)
    other = rl.onnx.load(proto(case("RandomNormal", 1, shape=[5], seed=2.5)))
    assert (other().numpy() != first).any()


def test_classes_and_coins() -> None:
    rl.manual_seed(0)
    coins = run(case("Bernoulli", 15, X * 0.3, dtype=7))[0].numpy()
    assert coins.dtype == np.int64 and abs(coins.mean() - 0.3) < 0.02
    logits = np.log(np.array([[0.2, 0.0, 0.8]] * 3, np.float32) + 1e-30) + 5
    found = run(case("Multinomial", 7, logits, sample_size=3000))[0].numpy()
    assert found.dtype == np.int32 and found.shape == (3, 3000)
    assert set(np.unique(found)) == {0, 2} and abs((found == 2).mean() - 0.8) < 0.03


def dropout(version: int, mode: bool | None, **more: float) -> Case:
    ratio, flag = np.array(0.25, np.float32), np.array(bool(mode))
    inputs = (X, ratio) if mode is None else (X, ratio, flag)
    return case("Dropout", version, *inputs, outputs=2, **more)


def test_dropout_drops_where_the_file_or_the_module_trains() -> None:
    quiet, mask = run(dropout(13, None))
    assert (quiet.numpy() == 1).all() and mask.numpy().dtype == bool and mask.numpy().all()
    module = rl.onnx.load(proto(dropout(13, None)))
    for y, kept in (
        run(dropout(13, True, seed=4)),
        module.train()(rl.tensor(X), rl.tensor(0.25)),
    ):
        values = y.numpy()
        np.testing.assert_allclose(np.unique(values), [0.0, 4 / 3], rtol=1e-6)
        np.testing.assert_array_equal(values > 0, kept.numpy())
        assert abs(kept.numpy().mean() - 0.75) < 0.02


@pytest.mark.parametrize("version", [1, 6, 7, 10])
def test_old_dropout_goes_by_the_module(version: int) -> None:
    more = {"is_test": 0} if version < 7 else {}
    module = rl.onnx.load(proto(case("Dropout", version, X, outputs=2, ratio=0.25, **more)))
    y, mask = module(rl.tensor(X))
    assert (y.numpy() == 1).all() and mask.numpy().all()
    assert mask.numpy().dtype == (bool if version >= 10 else np.float32)
    y = module.train()(rl.tensor(X))[0].numpy()
    assert abs((y == 0).mean() - 0.25) < 0.02
    if version < 7:
        still = rl.onnx.load(proto(case("Dropout", version, X, ratio=0.25, is_test=1))).train()
        assert (still(rl.tensor(X)).numpy() == 1).all()


def test_the_gradient_goes_where_the_value_went() -> None:
    x = rl.tensor(normal(6, 7)).requires_grad_()
    module = rl.onnx.load(proto(dropout(13, True)))
    y, mask = module(x, rl.tensor(0.25), rl.tensor(True))
    y.sum().backward()
    assert x.grad is not None
    np.testing.assert_allclose(x.grad.numpy(), mask.numpy() / 0.75, rtol=1e-6)


def test_a_ratio_that_is_no_probability_is_refused() -> None:
    node = case("Dropout", 13, X, np.array(1.5, np.float32), np.array(True))
    with pytest.raises(ValueError, match=r"ratio 1\.5, expected a probability"):
        run(node)
