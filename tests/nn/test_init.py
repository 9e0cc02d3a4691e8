"""Initial distributions: moments, bounds, exact structures, and torch's gains and fans."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

import rushlight as rl
from rushlight.nn import Parameter, init

SHAPE = (64, 32, 5, 5)


@pytest.fixture(autouse=True)
def _seed() -> None:
    rl.manual_seed(0)


def _moments(values: Any, mean: float, std: float) -> None:
    n = values.size
    assert abs(values.mean() - mean) < 5 * std / math.sqrt(n)
    assert abs(values.std() - std) < 5 * std / math.sqrt(n)


def _uniform(values: Any, low: float, high: float) -> None:
    _moments(values, (low + high) / 2, (high - low) / math.sqrt(12))
    edge = (high - low) * 1e-3
    assert low <= values.min() < low + edge and high - edge < values.max() <= high


def test_uniform_and_normal() -> None:
    w = rl.empty(*SHAPE)
    assert init.uniform_(w, -2, 3) is w
    _uniform(w.numpy(), -2, 3)
    _moments(init.normal_(w, 1.0, 0.5).numpy(), 1.0, 0.5)
    _uniform(init.uniform_(w).numpy(), 0, 1)


@pytest.mark.parametrize("dtype", [rl.float32, rl.float64])
@pytest.mark.parametrize(
    ("mean", "std", "a", "b"),
    [(0.0, 1.0, -2.0, 2.0), (1.0, 2.0, 0.5, 2.0), (0.0, 0.02, -2.0, 2.0), (0.0, 1.0, 1.0, 2.0)],
)
def test_truncated_normal(mean: float, std: float, a: float, b: float, dtype: Any) -> None:
    from scipy.stats import kstest, truncnorm

    w = init.trunc_normal_(rl.empty(200, 100, dtype=dtype), mean, std, a, b).numpy().ravel()
    assert w.dtype == dtype and w.min() >= a and w.max() <= b
    law = truncnorm((a - mean) / std, (b - mean) / std, mean, std)
    assert kstest(w.astype("f8"), law.cdf).pvalue > 1e-3


def test_truncated_normal_arguments() -> None:
    with pytest.warns(UserWarning, match="more than 2 std"):
        w = init.trunc_normal_(rl.empty(100), 0.0, 1.0, 3.0, 4.0).numpy()
    assert w.min() >= 3 and w.max() <= 4
    for std, a, b in ((0.0, -1, 1), (1.0, 1, -1)):
        with pytest.raises(ValueError, match="expected std > 0, a <= b"):
            init.trunc_normal_(rl.empty(1), 0.0, std, a, b)


def test_constants_and_identity() -> None:
    w = rl.empty(2, 3)
    assert init.constant_(w, 2.5).tolist() == [[2.5] * 3] * 2
    assert init.ones_(w).tolist() == [[1.0] * 3] * 2
    assert init.zeros_(w).tolist() == [[0.0] * 3] * 2
    assert init.eye_(w).tolist() == [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]]
    with pytest.raises(ValueError, match="expected 2 dims"):
        init.eye_(rl.empty(2))


@pytest.mark.parametrize("shape", [(4, 3, 3), (6, 2, 3, 2), (2, 4, 3, 3, 1)])
@pytest.mark.parametrize("groups", [1, 2])
def test_dirac_equals_torch(shape: tuple[int, ...], groups: int) -> None:
    torch = pytest.importorskip("torch")
    ours = init.dirac_(rl.empty(*shape), groups).numpy()
    assert (ours == torch.nn.init.dirac_(torch.empty(shape), groups).numpy()).all()


def test_dirac_arguments() -> None:
    with pytest.raises(ValueError, match="3 to 5 dims"):
        init.dirac_(rl.empty(2, 2))
    with pytest.raises(ValueError, match="a multiple of groups=2"):
        init.dirac_(rl.empty(3, 2, 2), 2)


def test_xavier() -> None:
    fan_in, fan_out = 32 * 25, 64 * 25
    bound = 2.0 * math.sqrt(6 / (fan_in + fan_out))
    _uniform(init.xavier_uniform_(rl.empty(*SHAPE), 2.0).numpy(), -bound, bound)
    _moments(init.xavier_normal_(rl.empty(*SHAPE)).numpy(), 0, math.sqrt(2 / (fan_in + fan_out)))
    with pytest.raises(ValueError, match="2 dims or more"):
        init.xavier_uniform_(rl.empty(3))


@pytest.mark.parametrize("mode", ["fan_in", "fan_out"])
@pytest.mark.parametrize(("name", "a"), [("relu", 0), ("leaky_relu", 0.3), ("tanh", 0)])
def test_kaiming(mode: str, name: str, a: float) -> None:
    fan = (32 if mode == "fan_in" else 64) * 25
    std = init.calculate_gain(name, a) / math.sqrt(fan)
    w = init.kaiming_uniform_(rl.empty(*SHAPE), a, mode, name).numpy()
    _uniform(w, -math.sqrt(3) * std, math.sqrt(3) * std)
    _moments(init.kaiming_normal_(rl.empty(*SHAPE), a, mode, name).numpy(), 0, std)


def test_kaiming_arguments() -> None:
    with pytest.raises(ValueError, match="expected 'fan_in' or 'fan_out'"):
        init.kaiming_normal_(rl.empty(2, 2), mode="fan")
    with pytest.warns(UserWarning, match="does nothing"):
        assert init.kaiming_uniform_(rl.empty(0, 2)).shape == (0, 2)


def test_gains_equal_torch() -> None:
    torch = pytest.importorskip("torch")
    for name in [*init._GAINS, "leaky_relu"]:
        assert init.calculate_gain(name) == pytest.approx(torch.nn.init.calculate_gain(name))
    assert init.calculate_gain("leaky_relu", 2) == torch.nn.init.calculate_gain("leaky_relu", 2)
    with pytest.raises(ValueError, match="got 'swish'"):
        init.calculate_gain("swish")
    with pytest.raises(ValueError, match="expected a slope"):
        init.calculate_gain("leaky_relu", True)


@pytest.mark.parametrize("shape", [(5, 5), (3, 7), (7, 3), (4, 3, 2, 2)])
def test_orthogonal(shape: tuple[int, ...]) -> None:
    w = init.orthogonal_(rl.empty(*shape, dtype=rl.float64), gain=2.0).numpy()
    flat = w.reshape(shape[0], -1)
    gram = flat @ flat.T if flat.shape[0] <= flat.shape[1] else flat.T @ flat
    assert np.allclose(gram, 4 * np.eye(len(gram)))


def test_orthogonal_is_uniform() -> None:
    """The corner of a random 2 x 2 rotation or reflection is the cosine of a uniform angle."""
    corners = [init.orthogonal_(rl.empty(2, 2)).numpy()[0, 0] for _ in range(2000)]
    assert abs(np.mean(corners)) < 5 * math.sqrt(0.5 / 2000)
    assert abs(np.var(corners) - 0.5) < 0.05
    assert init.orthogonal_(rl.empty(0, 2)).shape == (0, 2)
    with pytest.raises(ValueError, match="2 dims or more"):
        init.orthogonal_(rl.empty(2))


def test_sparse() -> None:
    w = init.sparse_(rl.empty(50, 400), 0.13, std=0.5).numpy()
    assert ((w == 0).sum(axis=0) == math.ceil(0.13 * 50)).all()
    _moments(w[w != 0], 0, 0.5)
    assert len({tuple(np.flatnonzero(c == 0)) for c in w.T}) > 300
    with pytest.raises(ValueError, match="expected 2 dims"):
        init.sparse_(rl.empty(2), 0.5)


@pytest.mark.parametrize(
    "fill",
    [
        init.uniform_,
        init.normal_,
        init.trunc_normal_,
        init.xavier_uniform_,
        init.xavier_normal_,
        init.kaiming_uniform_,
        init.kaiming_normal_,
        init.orthogonal_,
        lambda w, generator: init.sparse_(w, 0.5, generator=generator),
    ],
)
def test_a_generator_repeats_and_parameters_stay_leaves(fill: Any) -> None:
    a, b = Parameter(rl.empty(6, 4)), Parameter(rl.empty(6, 4))
    state = rl.get_rng_state()
    assert fill(a, generator=rl.Generator(3)) is a
    fill(b, generator=rl.Generator(3))
    assert rl.equal(a, b) and a.is_leaf and a.requires_grad
    assert (rl.get_rng_state()["state"] == state["state"]).all()


def test_nothing_is_drawn_within_skipped() -> None:
    rl.manual_seed(4)
    expected = rl.rand(3).tolist()
    rl.manual_seed(4)
    with init.skipped():
        for layer in (rl.nn.Linear(3, 2), rl.nn.Embedding(3, 2), rl.nn.LSTM(2, 2)):
            assert layer.state_dict()
        weight = rl.zeros(3, 3)
        for fill in (init.uniform_, init.normal_, init.trunc_normal_, init.orthogonal_):
            assert fill(weight) is weight
        init.sparse_(weight, 0.5)
        init.kaiming_normal_(weight)
        assert (weight == 0).all()
    assert rl.rand(3).tolist() == expected
    assert (init.uniform_(weight, 1, 2) >= 1).all()
