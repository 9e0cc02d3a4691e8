"""Activation layers: randomness, kinks, large and small inputs, chains, messages of errors."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from tests.ops.sample import normal

import rushlight as rl
import rushlight.nn.functional as F
from rushlight import nn
from rushlight.arrays import channels_last_empty, is_channels_last

LAYERS: dict[str, tuple[Any, ...]] = {
    **dict.fromkeys(("CELU", "ELU", "SELU", "Mish", "GELU", "SiLU", "Softsign", "Sigmoid"), ()),
    **dict.fromkeys(("Tanhshrink", "Softplus", "LogSigmoid", "ReLU", "ReLU6", "LeakyReLU"), ()),
    **dict.fromkeys(("Hardtanh", "Hardsigmoid", "Hardswish", "Hardshrink", "Softshrink"), ()),
    "Tanh": (),
    "PReLU": (4,),
    "RReLU": (),
    "GLU": (1,),
    "Threshold": (0.1, 5.0),
    "Softmax2d": (),
}


@pytest.mark.parametrize("name", LAYERS)
def test_images_stay_channels_last(name: str) -> None:
    array = channels_last_empty((2, 4, 5, 3), np.ones(1))
    array[:] = normal(2, 4, 5, 3)
    x = rl.from_numpy(array).requires_grad_()
    layer = getattr(nn, name)(*LAYERS[name]).double()
    y = layer(x)
    assert is_channels_last(y._array)
    (g,) = rl.autograd.grad((y * y).sum(), x)
    assert is_channels_last(g._array)


@pytest.mark.parametrize("name", [n for n in LAYERS if n != "Softmax2d"])
@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_extreme_inputs_give_finite_values_and_gradients(name: str, dtype: str) -> None:
    x = rl.tensor([[-6e4, -100.0, -20.0, -1e-7], [0.0, 1e-7, 20.0, 6e4]], dtype=dtype)
    layer = getattr(nn, name)(*LAYERS[name]).to(dtype)
    y = layer(x.requires_grad_())
    (g,) = rl.autograd.grad(y.sum(), x)
    assert y.dtype == g.dtype == dtype
    assert np.isfinite(y.detach().numpy()).all() and np.isfinite(g.numpy()).all()


@pytest.mark.parametrize("name", [n for n in LAYERS if n not in ("RReLU", "GLU", "Softmax2d")])
def test_in_a_chain_the_layer_gives_the_same_bits(name: str) -> None:
    make = [nn.Linear(4, 4), getattr(nn, name)(*LAYERS[name]), nn.Linear(4, 2)]
    chain, x = nn.Sequential(*make), rl.tensor(normal(3, 4), dtype=rl.float32)
    apart = chain[2](chain[1](chain[0](x)))
    first, second = chain(x), chain(x)
    assert rl.equal(first, apart) and rl.equal(second, apart)
    assert "Chain" in repr(second.grad_fn)
    grads = []
    for y in (apart, second):
        chain.zero_grad()
        (y * y).sum().backward()
        grads.append([p.grad.numpy() for p in chain.parameters()])
    assert all((a == b).all() for a, b in zip(*grads, strict=True))


def test_rrelu_draws_each_slope_in_training_and_takes_the_mean_else() -> None:
    rl.manual_seed(0)
    layer, x = nn.RReLU(0.1, 0.3), rl.full((20_000,), -2.0, requires_grad=True)
    y = layer(x)
    (g,) = rl.autograd.grad(y.sum(), x)
    slopes = g.numpy()
    assert (y.detach().numpy() == slopes * np.float32(-2)).all()
    assert slopes.min() >= 0.1 and slopes.max() <= 0.3 and abs(slopes.mean() - 0.2) < 0.002
    assert abs(slopes.std() - 0.2 / 12**0.5) < 0.001
    assert np.allclose(layer.eval()(x).detach().numpy(), -0.4)
    rl.manual_seed(1)
    a, b = layer.train()(x), layer(x)
    rl.manual_seed(1)
    assert not rl.equal(a, b) and rl.equal(layer(x), a)


def test_gumbel_softmax_draws_each_class_at_its_probability() -> None:
    rl.manual_seed(0)
    weights = np.array([0.1, 0.2, 0.7])
    logits = rl.tensor(np.tile(np.log(weights), (20_000, 1)), requires_grad=True)
    hard = F.gumbel_softmax(logits, tau=0.5, hard=True)
    assert np.allclose(np.unique(hard.detach().numpy().round(9)), [0.0, 1.0])
    assert abs(hard.detach().numpy().mean(0) - weights).max() < 0.01
    rl.manual_seed(0)
    soft = F.gumbel_softmax(logits, tau=0.5)
    weight = rl.tensor(normal(3))
    (a,) = rl.autograd.grad((hard * weight).sum(), logits)
    (b,) = rl.autograd.grad((soft * weight).sum(), logits)
    assert rl.equal(a, b) and soft.isfinite().all()
    with pytest.warns(UserWarning, match="eps is deprecated"):
        F.gumbel_softmax(logits[:1], eps=0.1)


def test_inplace_computes_out_of_place() -> None:
    x = rl.tensor([-1.0, 2.0, 9.0])
    for name in ("relu", "relu6", "celu", "selu", "elu", "mish", "silu", "hardtanh", "hardswish"):
        y = getattr(F, name)(x, inplace=True)
        assert y is not x and x.tolist() == [-1.0, 2.0, 9.0]


def test_hardtanh_takes_the_old_names_with_a_warning() -> None:
    with pytest.warns(FutureWarning, match="max_value is deprecated, use max_val"):
        layer = nn.Hardtanh(max_value=3.0)
    with pytest.warns(FutureWarning, match="min_value is deprecated"):
        assert nn.Hardtanh(min_value=-3.0).min_val == -3.0
    assert layer.max_val == 3.0 and repr(nn.ReLU6()) == "ReLU6()"
    with pytest.raises(AssertionError, match="expected min_val < max_val"):
        nn.Hardtanh(1.0, 1.0)


def test_softmin_without_dim_warns_and_takes_torchs() -> None:
    with pytest.warns(UserWarning, match="make it with dim="):
        y = nn.Softmin()(rl.ones(2, 4))
    assert np.allclose(y.numpy(), 0.25)


@pytest.mark.parametrize(
    ("call", "error", "match"),
    [
        (lambda: nn.Softmax2d()(rl.ones(2, 3)), ValueError, r"Softmax2d: got input \(2, 3\)"),
        (lambda: nn.PReLU(3)(rl.ones(2, 4)), RuntimeError, r"weight \(3,\) for input \(2, 4\)"),
        (lambda: nn.PReLU()(rl.ones(2).double()), RuntimeError, "input float64 with weight"),
        (lambda: nn.GLU()(rl.ones(3)), RuntimeError, "an even size in dim 0"),
        (lambda: nn.RReLU(0.5, 0.1)(rl.ones(3)), RuntimeError, "finite lower <= upper"),
        (lambda: nn.Softshrink(-1.0)(rl.ones(3)), RuntimeError, "lambd=-1.0"),
        (lambda: nn.CELU(0.0)(rl.ones(3)), RuntimeError, "alpha=0.0"),
        (lambda: nn.Bilinear(0, 1, 1), ValueError, "in1_features=0"),
        (lambda: nn.Bilinear(2, 3, 1)(rl.ones(4, 2), rl.ones(3, 3)), RuntimeError, "bilinear: got"),
        (lambda: nn.PixelShuffle(2)(rl.ones(1, 3, 2, 2)), RuntimeError, "got 3 channels"),
        (lambda: nn.PixelUnshuffle(2)(rl.ones(1, 3, 3, 2)), RuntimeError, "got height 3, width 2"),
        (lambda: nn.ChannelShuffle(2)(rl.ones(1, 3, 3)), RuntimeError, "got 3 channels"),
    ],
)
def test_errors(call: Any, error: type[Exception], match: str) -> None:
    with pytest.raises(error, match=match) as info:
        call()
    assert "expected" in str(info.value)
