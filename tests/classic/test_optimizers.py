"""sgd_momentum and adam_optimizer against their formulas in plain NumPy."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import rushlight as rl
from rushlight import classic
from rushlight.classic import adam, adam_optimizer, practical_dl, sgd_momentum
from rushlight.errors import DtypeError, ShapeError

SHAPES = [(3, 4), (4,), (2, 1, 3, 3), ()]
ADAM = {"learning_rate": 0.05, "beta1": 0.9, "beta2": 0.99, "epsilon": 1e-3}


def _start(dtype: str) -> list[Any]:
    rng = np.random.default_rng(0)
    return [np.asarray(rng.standard_normal(shape), dtype) for shape in SHAPES]


def _nested(arrays: list[Any], nested: bool) -> Any:
    return [[arrays[0], arrays[1]], [], [[arrays[2]], arrays[3]]] if nested else arrays


both = pytest.mark.parametrize("dtype, rtol", [("float64", 1e-11), ("float32", 1e-4)])
layouts = pytest.mark.parametrize("nested", [False, True], ids=["flat", "nested"])


@both
@layouts
def test_sgd_momentum(dtype: str, rtol: float, nested: bool) -> None:
    ws, rng, state = _start(dtype), np.random.default_rng(1), {}
    expected, sums = [w.astype(float) for w in ws], [np.zeros(s) for s in SHAPES]
    for step in range(20):
        config = {"learning_rate": 0.1 / (1 + step), "momentum": 0.9}  # the rate changes
        gs = [rng.standard_normal(shape) for shape in SHAPES]
        kept = [g.copy() for g in gs]
        sgd_momentum(_nested(ws, nested), _nested(gs, nested), config, state)
        assert all((g == k).all() for g, k in zip(gs, kept, strict=True))
        for i, g in enumerate(gs):
            sums[i] = 0.9 * sums[i] + config["learning_rate"] * g
            expected[i] = expected[i] - sums[i]
            np.testing.assert_allclose(ws[i], expected[i], rtol, rtol)
            np.testing.assert_allclose(state["accumulated_grads"][i], sums[i], rtol, rtol)
    assert set(state) == {"accumulated_grads"} and set(state["accumulated_grads"]) == {0, 1, 2, 3}
    assert all(w.dtype == dtype for w in ws)


@both
@layouts
def test_adam(dtype: str, rtol: float, nested: bool) -> None:
    ws, rng, state = _start(dtype), np.random.default_rng(1), {}
    expected = [w.astype(float) for w in ws]
    ms, vs = ([np.zeros(s) for s in SHAPES] for _ in range(2))
    for t in range(1, 21):
        gs = [rng.standard_normal(shape) for shape in SHAPES]
        adam_optimizer(_nested(ws, nested), _nested(gs, nested), ADAM, state)
        lr_t = 0.05 * (1 - 0.99**t) ** 0.5 / (1 - 0.9**t)
        for i, g in enumerate(gs):
            ms[i] = 0.9 * ms[i] + 0.1 * g
            vs[i] = 0.99 * vs[i] + 0.01 * g * g
            expected[i] = expected[i] - lr_t * ms[i] / (np.sqrt(vs[i]) + 1e-3)
            np.testing.assert_allclose(ws[i], expected[i], rtol, rtol)
            np.testing.assert_allclose(state["m"][i], ms[i], rtol, rtol)
            np.testing.assert_allclose(state["v"][i], vs[i], rtol, rtol)
        assert state["t"] == t
    assert set(state) == {"m", "v", "t"} and set(state["m"]) == {0, 1, 2, 3}
    assert adam is adam_optimizer


def test_adam_equals_the_optimizer_to_the_last_bit() -> None:
    start = [w.astype("f4") for w in _start("float64")]
    ws, state = [w.copy() for w in start], {}
    params = [rl.tensor(w, requires_grad=True) for w in start]
    optimizer = rl.optim.Adam(params, 0.05, (0.9, 0.99), 1e-3, epsilon_hat=True)
    rng = np.random.default_rng(2)
    for _ in range(20):
        gs = [np.asarray(rng.standard_normal(shape), "f4") for shape in SHAPES]
        adam_optimizer(ws, gs, ADAM, state)
        for p, g in zip(params, gs, strict=True):
            p.grad = rl.tensor(g)
        optimizer.step()
        for p, w in zip(params, ws, strict=True):
            assert (p.detach().numpy() == w).all()


@pytest.mark.parametrize(
    "step, config",
    [(sgd_momentum, {"learning_rate": 0.02, "momentum": 0.9}), (adam_optimizer, ADAM)],
)
@pytest.mark.parametrize("kind", [classic.Sequential, practical_dl.Sequential])
def test_training(step: Any, config: Any, kind: Any) -> None:
    rl.manual_seed(0)
    rng = np.random.default_rng(0)
    net, criterion = kind(classic.Linear(2, 16), classic.Tanh(), classic.Linear(16, 1)), None
    criterion = classic.MSECriterion()
    x = rng.standard_normal((64, 2))
    y, state, losses = x[:, :1] * x[:, 1:], {}, []
    for _ in range(200):
        net.zeroGradParameters()
        losses.append(criterion.forward(net.forward(x), y))
        net.backward(x, criterion.backward(net.output, y))
        step(net.getParameters(), net.getGradParameters(), config, state)
    assert losses[-1] < 0.1 * losses[0]


def test_errors() -> None:
    w = np.ones(2)
    with pytest.raises(KeyError, match="a config without momentum"):
        sgd_momentum([w], [w], {"learning_rate": 0.1}, {})
    with pytest.raises(KeyError, match="without beta1, epsilon"):
        adam_optimizer([w], [w], {"learning_rate": 0.1, "beta2": 0.9}, {})
    with pytest.raises(ShapeError, match="1 variables and 2 gradients"):
        sgd_momentum([w], [w, w], {"learning_rate": 0.1, "momentum": 0.0}, {})
    state: dict[str, Any] = {}
    with pytest.raises(ShapeError, match=r"gradient 1 \(2, 1\) of a variable \(2,\)"):
        adam_optimizer([w, w], [w, w[:, None]], ADAM, state)
    assert (w == 1).all() and "t" not in state
    with pytest.raises(DtypeError, match="variable 0, int64, expected a floating array"):
        adam_optimizer([np.ones(2, int)], [w], ADAM, {})
    with pytest.raises(DtypeError, match="variable 0, float, expected"):
        adam_optimizer([1.0], [w], ADAM, {})
