"""Normalizations of ONNX beside onnxruntime's, old versions and training; gradients; errors."""

from typing import Any

import numpy as np
import pytest
from tests.onnx.load.cases import Case, agree, case, check_gradient, normal, proto, run

import rushlight as rl

pytest.importorskip("onnx")

X = normal(3, 4, 2, 5)
SCALE, BIAS, MEAN = (normal(4, seed=s) for s in (1, 2, 3))
VAR = abs(normal(4, seed=4)) + 0.1
BATCH = (X, SCALE, BIAS, MEAN, VAR)

CASES = [
    *[case("BatchNormalization", version, *BATCH, epsilon=0.02) for version in (7, 9, 14, 15)],
    case("BatchNormalization", 15, *BATCH, outputs=3, training_mode=1, momentum=0.7),
    case("BatchNormalization", 15, X[:, :, 0, 0].copy(), SCALE, BIAS, MEAN, VAR),
    case("InstanceNormalization", 6, X, SCALE, BIAS, epsilon=0.1),
    case("InstanceNormalization", 6, normal(2, 4, 6), SCALE, BIAS),
    case("GroupNormalization", 18, X, SCALE[:2], BIAS[:2], num_groups=2),
    case("GroupNormalization", 21, X, SCALE, BIAS, num_groups=2, epsilon=0.1),
    *[
        case(
            "LayerNormalization", 17, X, normal(*X.shape[a:]), normal(*X.shape[a:], seed=1), axis=a
        )
        for a in (-1, 1, 2, -2)
    ],
    case("LayerNormalization", 17, X, normal(5), outputs=3, axis=-1, epsilon=0.1),
    case("MeanVarianceNormalization", 13, X, axes=[0, 2, 3]),
    case("MeanVarianceNormalization", 9, X),
    *[case("LpNormalization", 1, X, axis=a, p=p) for a in (-1, 1) for p in (1, 2)],
    *[case("LRN", 13, X, size=s, alpha=0.3, beta=0.6, bias=1.5) for s in (1, 3)],
]


@pytest.mark.parametrize("node", CASES, ids=str)
def test_agrees_with_onnxruntime(node: Case) -> None:
    agree(node)


def test_a_window_of_even_size_has_more_channels_behind() -> None:
    x = np.arange(1.0, 5.0, dtype=np.float32).reshape(1, 4, 1, 1)
    found = run(case("LRN", 13, x, size=2, alpha=2.0, beta=1.0))[0].numpy().reshape(-1)
    squares = np.array([1 + 4, 4 + 9, 9 + 16, 16])
    np.testing.assert_allclose(found, np.arange(1, 5) / (1 + squares), rtol=1e-6)


@pytest.mark.parametrize("version", [1, 6, 7, 9])
def test_old_batch_norm_goes_by_the_batch_where_statistics_are_wanted(version: int) -> None:
    more: dict[str, Any] = {"consumed_inputs": [0] * 5} if version == 1 else {}
    y, mean, var, now, spread = run(
        case("BatchNormalization", version, *BATCH, outputs=5, momentum=0.8, **more)
    )
    np.testing.assert_allclose(now.numpy(), X.mean((0, 2, 3)), rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(spread.numpy(), X.var((0, 2, 3)), rtol=1e-5)
    np.testing.assert_allclose(mean.numpy(), MEAN * 0.8 + now.numpy() * 0.2, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(var.numpy(), VAR * 0.8 + spread.numpy() * 0.2, rtol=1e-5)
    new = run(case("BatchNormalization", 15, *BATCH, outputs=3, training_mode=1, momentum=0.8))
    np.testing.assert_array_equal(y.numpy(), new[0].numpy())


@pytest.mark.parametrize("version", [6, 7])
def test_without_spatial_every_place_has_statistics(version: int) -> None:
    shape = X.shape[1:]
    scale, bias, mean = (normal(*shape, seed=s) for s in (1, 2, 3))
    var = abs(normal(*shape, seed=4)) + 0.1
    more = {"spatial": 0, "epsilon": 0.01}
    if version == 6:
        more["is_test"] = 1
    y = run(case("BatchNormalization", version, X, scale, bias, mean, var, **more))[0]
    wanted = (X - mean) / np.sqrt(var + 0.01) * scale + bias
    np.testing.assert_allclose(y.numpy(), wanted, rtol=1e-4, atol=1e-5)
    found = run(case("BatchNormalization", 7, X, scale, bias, mean, var, outputs=5, spatial=0))
    np.testing.assert_allclose(found[3].numpy(), X.mean(0), rtol=1e-4, atol=1e-6)
    assert [f.shape for f in found] == [X.shape, *[shape] * 4]


def test_a_module_that_trains_moves_its_statistics_as_a_layer_does() -> None:
    from onnx import numpy_helper

    model = proto(case("BatchNormalization", 15, *BATCH, momentum=0.6))
    for name, array in zip(("x1", "x2", "x3", "x4"), BATCH[1:], strict=True):
        model.graph.initializer.append(numpy_helper.from_array(array, name))
    module = rl.onnx.load(model)
    layer = rl.nn.BatchNorm2d(4, momentum=0.4)
    state = zip(("weight", "bias", "running_mean", "running_var"), BATCH[1:], strict=True)
    layer.load_state_dict({name: rl.tensor(a) for name, a in state}, strict=False)
    for mode in (True, False):
        got, want = module.train(mode)(rl.tensor(X)), layer.train(mode)(rl.tensor(X))
        np.testing.assert_allclose(
            got.detach().numpy(), want.detach().numpy(), rtol=1e-5, atol=1e-6
        )
    state = module.state_dict()
    np.testing.assert_allclose(state["x3"].numpy(), layer.running_mean.numpy(), rtol=1e-6)
    np.testing.assert_allclose(state["x4"].numpy(), layer.running_var.numpy(), rtol=1e-6)
    assert [name for name, _ in module.named_parameters()] == ["x1", "x2"]


@pytest.mark.parametrize(
    "node",
    [
        case("BatchNormalization", 15, *BATCH, outputs=3, training_mode=1),
        case("InstanceNormalization", 6, X, SCALE, BIAS),
        case("GroupNormalization", 18, X, SCALE[:2], BIAS[:2], num_groups=2),
        case("LayerNormalization", 17, X, normal(2, 5), normal(5), outputs=3, axis=2),
        case("RMSNormalization", 23, X, normal(5), axis=-2),
        case("MeanVarianceNormalization", 13, X),
        case("LpNormalization", 1, X, p=1, axis=1),
        case("LRN", 13, X, size=3, alpha=0.5),
    ],
    ids=str,
)
def test_gradients(node: Case) -> None:
    check_gradient(node, tuple(i for i in range(len(node.inputs)) if i < 3))


def test_a_norm_of_zero_gives_zeros() -> None:
    x = np.array([[0.0, 0.0], [3.0, 4.0]], np.float32)
    np.testing.assert_allclose(
        run(case("LpNormalization", 22, x))[0].numpy(), [[0, 0], [0.6, 0.8]], rtol=1e-6
    )


@pytest.mark.parametrize("op, version", [("LayerNormalization", 17), ("RMSNormalization", 23)])
def test_halves_are_normalized_in_float32(op: str, version: int) -> None:
    x = (normal(4, 64) * 300).astype(np.float16)  # the squares overflow halves
    ones = np.ones(64, np.float16)
    found = run(case(op, version, x, ones))[0].numpy()
    wide = run(case(op, version, x.astype(np.float32), ones.astype(np.float32)))[0].numpy()
    assert found.dtype == np.float16
    np.testing.assert_allclose(found, wide, rtol=2e-3, atol=2e-3)


@pytest.mark.parametrize(
    "node, message",
    [
        (case("BatchNormalization", 15, X, SCALE, BIAS, MEAN[:2], VAR), r"with mean \(2,\)"),
        (case("GroupNormalization", 18, X, SCALE, BIAS, num_groups=2), r"expected \(2,\)"),
        (case("LayerNormalization", 17, X, normal(5), axis=7), "axis=7 for an input"),
        (case("LpNormalization", 22, X, p=2, axis=9), "9"),
    ],
    ids=str,
)
def test_what_does_not_fit_is_refused(node: Case, message: str) -> None:
    with pytest.raises((ValueError, IndexError), match=message):
        run(node)
