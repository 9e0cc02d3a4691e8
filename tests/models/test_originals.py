"""The zoo beside the same architectures in torch: names, values, gradients and counts."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import pytest

import rushlight as rl
from rushlight import models, nn

torch = pytest.importorskip("torch")

from tests.models import torch_models as T  # noqa: E402

PLAN = [64, "M", 128, "M", 256, 256, "M", 512, 512, "M", 512, 512, "M"]
MOBILE = [8, 8, 8, 8, 16, 24, 40, 80, 1280]


class Pair(NamedTuple):
    ours: Callable[[], Any]
    theirs: Callable[[], Any]
    shape: tuple[int, ...]
    symbols: int = 0


PAIRS = {
    "LeNet": Pair(models.LeNet, T.LeNet, (2, 1, 32, 32)),
    "ResNet-18": Pair(
        lambda: models.resnet18(num_classes=7, width=4),
        lambda: T.ResNet(False, [2, 2, 2, 2], 7, 4),
        (2, 3, 48, 40),
    ),
    "ResNet-34": Pair(
        lambda: models.resnet34(num_classes=7, width=2),
        lambda: T.ResNet(False, [3, 4, 6, 3], 7, 2),
        (2, 3, 40, 40),
    ),
    "ResNet-50": Pair(
        lambda: models.resnet50(num_classes=7, width=2),
        lambda: T.ResNet(True, [3, 4, 6, 3], 7, 2),
        (2, 3, 40, 40),
    ),
    "VGG-11": Pair(
        lambda: models.vgg11(num_classes=7, width=2, dropout=0.0),
        lambda: T.VGG(PLAN, False, 7, 2),
        (2, 3, 64, 64),
    ),
    "VGG-11-BN": Pair(
        lambda: models.vgg11_bn(num_classes=7, width=2, dropout=0.0),
        lambda: T.VGG(PLAN, True, 7, 2),
        (2, 3, 64, 64),
    ),
    "MobileNetV2": Pair(
        lambda: models.mobilenet_v2(num_classes=7, width_mult=0.25, dropout=0.0),
        lambda: T.MobileNetV2(MOBILE, 7),
        (2, 3, 40, 40),
    ),
    **{
        f"CharRNN-{kind}": Pair(
            lambda kind=kind: models.CharRNN(11, 6, model=kind, n_layers=2),
            lambda kind=kind: T.CharRNN(11, 6, kind, 2),
            (3, 5),
            11,
        )
        for kind in ("rnn", "gru", "lstm")
    },
    "GPT-2": Pair(
        lambda: models.GPT2(13, 8, 12, 2, 3, resid_pdrop=0, embd_pdrop=0, attn_pdrop=0),
        lambda: T.GPT2(13, 8, 12, 2, 3),
        (2, 7),
        13,
    ),
}


def _filled(model: Any) -> Any:
    """Give a torch model random weights and statistics of a size that keeps its values small."""
    random = torch.Generator().manual_seed(0)
    for name, value in model.state_dict().items():
        if value.is_floating_point():
            draw = torch.randn(value.shape, generator=random, dtype=torch.float64)
            fan = value[0].numel() if value.ndim > 1 else 1
            value.copy_(draw / fan**0.5 if value.ndim > 1 else 1 + 0.1 * draw)
            if name.endswith("running_var"):
                value.abs_()
    return model


def _inputs(pair: Pair, dtype: str) -> Any:
    random = np.random.default_rng(1)
    if pair.symbols:
        return random.integers(0, pair.symbols, pair.shape)
    return random.standard_normal(pair.shape).astype(dtype)


def _close(mine: Any, theirs: Any, limit: float, what: str) -> None:
    a, b = np.asarray(mine.detach().numpy()), theirs.detach().numpy()
    assert a.shape == b.shape, what
    assert a.dtype == b.dtype, what
    assert np.abs(a - b).max() <= limit * np.abs(b).max(), what


@pytest.mark.parametrize("name", PAIRS)
def test_values_and_gradients_in_training(name: str) -> None:
    pair = PAIRS[name]
    theirs = _filled(pair.theirs().double()).train()
    ours = pair.ours().double().train()
    ours.load_state_dict({k: rl.from_torch(v) for k, v in theirs.state_dict().items()})
    x = _inputs(pair, "float64")
    expected = theirs(torch.tensor(x))
    found = ours(rl.from_numpy(x))
    found = found[0] if isinstance(found, tuple) else found
    _close(found, expected, 1e-10, "output")
    weights = np.random.default_rng(2).standard_normal(tuple(expected.shape))
    (expected * torch.tensor(weights)).sum().backward()
    (found * rl.from_numpy(weights)).sum().backward()
    wanted = dict(theirs.named_parameters())
    largest = max(p.grad.abs().max() for p in wanted.values())
    for key, parameter in ours.named_parameters():
        a, b = parameter.grad.numpy(), wanted[key].grad.numpy()
        scale = max(np.abs(b).max(), 1e-6 * largest)  # sums that should be 0 are not
        assert np.abs(a - b).max() <= 1e-9 * scale, key


@pytest.mark.parametrize("name", PAIRS)
def test_states_move_both_ways_and_evaluation_is_equal(name: str) -> None:
    pair = PAIRS[name]
    theirs, ours = _filled(pair.theirs()).eval(), pair.ours().eval()
    first = theirs.state_dict()
    assert {k: tuple(v.shape) for k, v in first.items()} == {
        k: v.shape for k, v in ours.state_dict().items()
    }
    assert list(first) == list(ours.state_dict())
    ours.load_state_dict({k: rl.from_torch(v, copy=True) for k, v in first.items()})
    x = _inputs(pair, "float32")
    found = ours(rl.from_numpy(x))
    found = found[0] if isinstance(found, tuple) else found
    _close(found, theirs(torch.tensor(x)), 1e-5, "output")
    back = pair.theirs().eval()
    assert rl.to_torch(ours, into=back) is back
    for key, value in back.state_dict().items():
        assert value.dtype == first[key].dtype
        assert torch.equal(value, first[key]), key
    assert torch.equal(back(torch.tensor(x)), theirs(torch.tensor(x)))


WHOLE = {  # as published: torchvision's table of weights, GPT-2's checkpoint
    "resnet18": 11_689_512,
    "resnet34": 21_797_672,
    "resnet50": 25_557_032,
    "resnet101": 44_549_160,
    "resnet152": 60_192_808,
    "vgg11": 132_863_336,
    "vgg11_bn": 132_868_840,
    "vgg13": 133_047_848,
    "vgg13_bn": 133_053_736,
    "vgg16": 138_357_544,
    "vgg16_bn": 138_365_992,
    "vgg19": 143_667_240,
    "vgg19_bn": 143_678_248,
    "mobilenet_v2": 3_504_872,
    "gpt2": 124_439_808,
}


@pytest.mark.parametrize("name", WHOLE)
def test_counts_are_the_published_ones(name: str) -> None:
    with nn.init.skipped():  # memory that is never written to is never taken
        model = getattr(models, name)()
    assert sum(p.numel() for p in model.parameters()) == WHOLE[name]


@pytest.mark.parametrize("name", [name for name in WHOLE if name != "gpt2"])
def test_states_are_torchvisions(name: str) -> None:
    originals = pytest.importorskip("torchvision.models")
    with nn.init.skipped():
        ours = getattr(models, name)().state_dict()
    with torch.device("meta"):
        theirs = getattr(originals, name)().state_dict()
    assert list(ours) == list(theirs)
    assert [v.shape for v in ours.values()] == [tuple(v.shape) for v in theirs.values()]
