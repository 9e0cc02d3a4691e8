"""Padding layers: attributes, and inputs and widths that do not fit."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import rushlight as rl
from rushlight import nn
from rushlight.arrays import is_channels_last


@pytest.mark.parametrize("kind", ["ConstantPad", "ZeroPad"])
def test_attributes(kind: str) -> None:
    torch = pytest.importorskip("torch")
    value = (2,) if kind == "ConstantPad" else ()
    for given in (1, np.int64(2), [1, 2, 3, 4], (0, 1, 0, -1)):
        ours = getattr(nn, f"{kind}2d")(given, *value)
        theirs = getattr(torch.nn, f"{kind}2d")(given, *value)
        assert ours.padding == theirs.padding and ours.value == theirs.value
        assert type(ours.value) is type(theirs.value)


def test_integers_and_constants() -> None:
    assert nn.ConstantPad1d(1, 7)(rl.tensor([[1, 2]])).tolist() == [[7, 1, 2, 7]]
    assert nn.ZeroPad1d((0, 1))(rl.tensor([[1, 2]])).dtype == rl.int64
    assert nn.ConstantPad1d(1, float("inf"))(rl.ones(1, 1)).tolist() == [[np.inf, 1, np.inf]]


def test_images_stay_channels_last_on_the_way_to_a_convolution() -> None:
    net = nn.Sequential(nn.Conv2d(2, 3, 3), nn.ReflectionPad2d(2), nn.ZeroPad2d((1, 0, 0, 2)))
    assert is_channels_last(net(rl.ones(2, 2, 5, 6))._array)
    x = rl.ones(2, 2, 5, 6)
    assert rl.equal(net(x), net[2](net[1](net[0](x))))


@pytest.mark.parametrize(
    ("layer", "shape", "error", "match"),
    [
        (nn.CircularPad1d(1), (2, 2, 3, 3), ValueError, r"CircularPad1d: .*3 dims .* or 2"),
        (nn.CircularPad2d(1), (3, 3), ValueError, "CircularPad2d: .*4 dims"),
        (nn.CircularPad3d(1), (3, 3, 3), ValueError, "CircularPad3d: .*5 dims"),
        (nn.CircularPad2d(4), (1, 3, 3), RuntimeError, "expected widths up to 3"),
        (nn.ReflectionPad2d(3), (1, 3, 3), RuntimeError, "expected widths up to 2"),
        (nn.ReflectionPad1d(1), (2, 0, 3), RuntimeError, "no size 0 but that of the batch"),
        (nn.ReplicationPad1d(1), (3,), RuntimeError, "2 for 2 or 3 dims"),
        (nn.ReplicationPad3d(-2), (1, 3, 3, 3), RuntimeError, "no more cut off than there is"),
        (nn.ZeroPad1d(-2), (1, 3), RuntimeError, "no more cut off"),
        (nn.ZeroPad2d(1), (3,), RuntimeError, "got 4 widths"),
        (nn.ConstantPad1d((1, 2, 3), 0.0), (1, 3), RuntimeError, "got 3 widths"),
        (nn.ConstantPad1d(1.5, 0.0), (1, 3), TypeError, "1.5"),
    ],
)
def test_errors(layer: Any, shape: Any, error: Any, match: str) -> None:
    with pytest.raises(error, match=match):
        layer(rl.ones(*shape))
