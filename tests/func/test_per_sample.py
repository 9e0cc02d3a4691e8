"""Gradients of each sample against a loop over the samples."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from tests.ops.sample import integers, normal

import rushlight as rl
from rushlight import nn
from rushlight.func import per_sample_grad


class Scaled(nn.Module):
    """A module of the user's with parameters of its own, used by plain arithmetic."""

    def __init__(self) -> None:
        super().__init__()
        self.scale = nn.Parameter(rl.tensor(normal(4)))
        self.shift = nn.Parameter(rl.tensor(normal(1, 4)))
        self.table = nn.Parameter(rl.tensor(normal(5, 4)))
        self.inner = nn.Linear(4, 4)

    def forward(self, x: Any) -> Any:
        rows = self.table[rl.tensor(integers(x.shape[0], 1, high=5))[:, 0]]
        return self.inner(x * self.scale + self.shift) * self.scale + rows


class Twice(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(4, 4)

    def forward(self, x: Any) -> Any:
        return self.layer(self.layer(x).tanh())


def _images(*layers: Any) -> Any:
    return nn.Sequential(*layers, nn.Flatten())


LINE, IMAGE, VOLUME = (5, 4, 9), (5, 4, 8, 7), (3, 2, 4, 5, 4)

# name -> how the net is made, and the shape of its input
NETS: dict[str, tuple[Callable[[], Any], tuple[int, ...]]] = {
    "linear": (lambda: nn.Sequential(nn.Linear(4, 3), nn.Tanh(), nn.Linear(3, 2)), (5, 4)),
    "linear over positions": (lambda: nn.Linear(4, 3, bias=False), (5, 6, 2, 4)),
    "conv1d": (lambda: _images(nn.Conv1d(4, 6, 3, 2, 1, groups=2), nn.ReLU()), LINE),
    "conv2d": (
        lambda: _images(nn.Conv2d(4, 3, (3, 2), padding="same"), nn.GELU(), nn.MaxPool2d(2)),
        IMAGE,
    ),
    "circular": (lambda: _images(nn.Conv2d(4, 3, 3, padding=1, padding_mode="circular")), IMAGE),
    "depthwise": (lambda: _images(nn.Conv2d(4, 8, 3, groups=4, dilation=2)), IMAGE),
    "conv3d": (lambda: _images(nn.Conv3d(2, 3, 2, stride=(1, 2, 1)), nn.AvgPool3d(2)), VOLUME),
    "layer norm": (lambda: nn.Sequential(nn.LayerNorm((7, 4)), nn.Linear(4, 2)), (5, 3, 7, 4)),
    "rms norm": (lambda: nn.Sequential(nn.RMSNorm(4), nn.Linear(4, 2)), (5, 3, 4)),
    "upsampling": (
        lambda: _images(nn.Upsample(scale_factor=2, mode="bilinear"), nn.Conv2d(4, 2, 3)),
        IMAGE,
    ),
    "unfold": (lambda: nn.Sequential(nn.Unfold(2, stride=2), nn.Linear(12, 3)), IMAGE),
    "the user's": (lambda: nn.Sequential(nn.Linear(4, 4), Scaled()), (5, 4)),
    "used twice": (Twice, (5, 4)),
}
if hasattr(nn, "GroupNorm"):
    NETS["group norm"] = (lambda: _images(nn.Conv2d(4, 6, 3), nn.GroupNorm(3, 6)), IMAGE)
    NETS["instance norm"] = (lambda: _images(nn.InstanceNorm2d(4, affine=True)), IMAGE)
if hasattr(nn, "PReLU"):
    NETS["prelu"] = (lambda: _images(nn.PReLU(), nn.Conv2d(4, 3, 3), nn.PReLU(3)), IMAGE)
if hasattr(nn, "ConvTranspose2d"):
    NETS["transposed"] = (lambda: _images(nn.ConvTranspose2d(4, 6, 3, 2, 1, groups=2)), IMAGE)


def _loss(y: Any, target: Any) -> Any:
    return ((y - target) ** 2).flatten(1).sum(1)


def _loop(model: Any, loss: Any, x: Any, *targets: Any) -> dict[str, list[Any]]:
    named = {k: p for k, p in model.named_parameters() if p.requires_grad}
    found: dict[str, list[Any]] = {name: [] for name in named}
    for i in range(x.shape[0]):
        value = loss(model(x[i : i + 1]), *(t[i : i + 1] for t in targets)).sum()
        grads = rl.autograd.grad(value, list(named.values()), allow_unused=True)
        for name, g, p in zip(named, grads, named.values(), strict=True):
            found[name].append(np.zeros(p.shape) if g is None else g.numpy())
    return found


def _same(found: dict[str, Any], looped: dict[str, list[Any]]) -> None:
    assert list(found) == list(looped)
    for name, parts in looped.items():
        assert not found[name].requires_grad
        np.testing.assert_allclose(found[name].numpy(), np.stack(parts), 1e-9, 1e-11, err_msg=name)


@pytest.mark.parametrize("name", NETS)
def test_equals_the_loop(name: str) -> None:
    make, shape = NETS[name]
    rl.manual_seed(0)
    model = make().double()
    x = rl.tensor(normal(*shape))
    if name == "the user's":  # which row a sample takes depends on the batch
        model[1].table.requires_grad_(False)
    target = rl.tensor(normal(*model(x).shape, seed=1))
    if name == "the user's":
        model[1].table.data[...] = 0.0
    for _ in range(2):  # a Sequential would run as a chain from the second call on
        found = per_sample_grad(model, _loss)(x, target)
        _same(found, _loop(model, _loss, x, target))
    assert all(p.grad is None for p in model.parameters())


def test_the_sum_is_the_gradient_of_the_batch() -> None:
    model = Scaled().double()
    x, target = rl.tensor(normal(5, 4)), rl.tensor(normal(5, 4, seed=1))
    found = per_sample_grad(model, _loss)(x, target)
    _loss(model(x), target).sum().backward()
    for name, p in model.named_parameters():
        np.testing.assert_allclose(found[name].sum(0).numpy(), p.grad.numpy(), 1e-9, 1e-11)


def test_losses_of_the_library_and_frozen_parameters() -> None:
    model = nn.Sequential(nn.Linear(4, 6), nn.ReLU(), nn.Linear(6, 3)).double()
    model[0].bias.requires_grad_(False)
    x, target = rl.tensor(normal(7, 4)), rl.tensor(integers(7, high=3))
    loss = nn.CrossEntropyLoss(reduction="none")
    found = per_sample_grad(model, loss)(x, target)
    assert list(found) == ["0.weight", "2.weight", "2.bias"]
    _same(found, _loop(model, loss, x, target))


@pytest.mark.skipif(not hasattr(nn, "Embedding"), reason="built beside this")
def test_embedding() -> None:
    net = nn.Sequential(nn.Embedding(5, 3, padding_idx=1), nn.Linear(3, 2)).double()
    x, target = rl.tensor(integers(6, 4, high=5)), rl.tensor(normal(6, 4, 2))
    _same(per_sample_grad(net, _loss)(x, target), _loop(net, _loss, x, target))
    net[0].scale_grad_by_freq = True
    with pytest.raises(NotImplementedError, match="scale_grad_by_freq"):
        per_sample_grad(net, _loss)(x, target)


def test_an_unused_parameter_has_zeros_and_an_empty_batch_no_samples() -> None:
    found = per_sample_grad(Odd(lambda y, p: y), _loss)(rl.ones(2, 4), rl.ones(2, 4))
    assert found["own"].shape == (2, 3, 4) and not found["own"].any()
    assert found["layer.weight"].any()
    convs = _images(nn.Conv2d(4, 2, 3))
    grads = per_sample_grad(convs, lambda y: y.sum(1))(rl.ones(0, 4, 8, 7))
    assert grads["0.weight"].shape == (0, 2, 4, 3, 3) and grads["0.bias"].shape == (0, 2)


def test_the_layers_are_left_as_they_were() -> None:
    model = nn.Sequential(nn.Linear(4, 4), nn.ReLU(), nn.Linear(4, 2))
    seen = []
    model[1].register_forward_hook(lambda *_: seen.append(1))
    x = rl.ones(3, 4)
    before = model(x)
    per_sample_grad(model, _loss)(x, rl.ones(3, 2))
    assert len(seen) == 2 and model[0]._call_hooks is None and model[1]._call_hooks is not None
    assert rl.equal(model(x), before)


class Mean(nn.Module):
    def forward(self, x: Any) -> Any:
        return x - x.mean(0)


REFUSED: list[tuple[Any, str]] = [
    (lambda: nn.Sequential(nn.Linear(4, 4), nn.BatchNorm1d(4)), r"1: BatchNorm1d\(4.*mixes"),
    (lambda: nn.BatchNorm1d(4, affine=False), "the model: BatchNorm1d.*mixes"),
    (lambda: nn.Sequential(nn.Linear(4, 4), Mean()), r"1: Mean\(\) is unknown"),
    (lambda: nn.Sequential(nn.Linear(4, 4), nn.MSELoss()), "1: MSELoss.*is unknown"),
    (lambda: nn.Sequential(nn.Linear(4, 4), nn.Softmax(0)), "Softmax.*works along dim 0"),
    (lambda: nn.Sequential(nn.Linear(4, 4), nn.Softmax(-2)), "Softmax.*works along dim 0"),
    (lambda: nn.Sequential(nn.Linear(4, 4), nn.Flatten(0)), "Flatten.*works along dim 0"),
    (lambda: nn.Sequential(nn.LayerNorm((3, 4)), nn.Linear(4, 4)), "LayerNorm.*along dim 0"),
]


@pytest.mark.parametrize("case", REFUSED)
def test_layers_that_mix_samples_are_named(case: tuple[Any, str]) -> None:
    make, match = case
    with pytest.raises(NotImplementedError, match=match):
        per_sample_grad(make(), _loss)(rl.ones(3, 4), rl.ones(3, 4))


class Odd(nn.Module):
    def __init__(self, use: Callable[[Any, Any], Any]) -> None:
        super().__init__()
        self.layer, self.use = nn.Linear(4, 4), use
        self.own = nn.Parameter(rl.ones(3, 4))

    def forward(self, x: Any) -> Any:
        return self.use(self.layer(x), self.own)


@pytest.mark.parametrize(
    "use, match",
    [
        (lambda y, p: y + p.exp(), r"'own' is used by the op 'exp' \(argument 1\)"),
        (lambda y, p: y + p, r"\(3, 4\) has a dim for the samples in the op 'add'"),
        (lambda y, p: y + p[:3], "only that by a tensor of ints"),
        (lambda y, p: y + p[rl.tensor([0, 1])].sum(0), r"\(2, 4\) out of the op 'getitem'"),
    ],
)
def test_uses_without_a_rule_are_named(use: Any, match: str) -> None:
    with pytest.raises(RuntimeError, match=match):  # NotImplementedError is one
        per_sample_grad(Odd(use), _loss)(rl.ones(3, 4), rl.ones(3, 4))


def test_other_errors() -> None:
    layer = nn.Linear(4, 4)
    for input in (1.0, rl.tensor(1.0), ()):
        with pytest.raises(TypeError, match=r"expected a Tensor \(N, \*\) first"):
            per_sample_grad(layer, _loss)(input, rl.ones(3, 4))
    with pytest.raises(RuntimeError, match=r"a loss of shape \(\) for 3 samples.*reduction"):
        per_sample_grad(layer, nn.MSELoss())(rl.ones(3, 4), rl.ones(3, 4))
    with pytest.raises(RuntimeError, match=r"\(6, 4\) out of the op 'linear'.*the 3 samples"):
        odd = Odd(lambda y, p: y)
        odd.forward = lambda x: layer(x.reshape(6, 4)).reshape(3, 8)  # type: ignore[method-assign]
        odd.layer = layer
        per_sample_grad(odd, lambda y: y.sum(1))(rl.ones(3, 2, 4))
