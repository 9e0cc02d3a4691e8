"""Samples of power-average pooling, fractional pooling and unpooling."""

from __future__ import annotations

from typing import Any

import numpy as np
from tests.nn.modules import ModuleSample as S
from tests.nn.samples_pool import IMAGE, LINE, VOLUME, _sample
from tests.ops.sample import normal, uniform

import rushlight as rl
from rushlight import nn


def _positive(sample: S) -> S:
    """Powers that are no integers have no values below 0."""
    assert sample.inputs is not None and sample.unbatched is not None
    return sample._replace(inputs=(abs(sample.inputs[0]),), unbatched=(abs(sample.unbatched[0]),))


def _fractional(name: str, shape: tuple[int, ...], *args: Any, **options: Any) -> S:
    samples = uniform(*shape[:2], len(shape) - 2, seed=3)
    return S(
        lambda: getattr(nn, name)(*args, **options, _random_samples=rl.tensor(samples).float()),
        lambda torch: getattr(torch.nn, name)(
            *args, **options, _random_samples=torch.tensor(samples).float()
        ),
        (normal(*shape),),
        (normal(*shape[1:], seed=1),),
    )


def _unpool(n: int, shape: tuple[int, ...], *args: Any, size: Any = None) -> S:
    """Called with distinct indices: of equal ones the gradients of module checks would differ."""
    kernel = np.broadcast_to(args[0], n)
    cells = int(np.prod(np.array(shape[2:]) * kernel if size is None else size[-n:]))
    planes = shape[0] * shape[1]
    count = int(np.prod(shape[2:]))
    index = np.array([np.random.default_rng(i).permutation(cells)[:count] for i in range(planes)])
    index = index.reshape(shape)
    x, more = normal(*shape), () if size is None else (size,)
    return S(
        lambda: getattr(nn, f"MaxUnpool{n}d")(*args),
        lambda torch: getattr(torch.nn, f"MaxUnpool{n}d")(*args),
        (x, index, *more),
        (x[0], index[0], *more),
    )


SAMPLES = [
    _sample("LPPool1d", LINE, 2, 3),
    _positive(_sample("LPPool1d", LINE, 3.0, 2, stride=1)),
    _positive(_sample("LPPool1d", LINE, 1.5, 4, 3, ceil_mode=True)),
    _sample("LPPool1d", LINE, float("inf"), 3, 2),
    _sample("LPPool2d", IMAGE, 2, 2),
    _sample("LPPool2d", IMAGE, 1, (2, 3), stride=(1, 2)),
    _sample("LPPool2d", IMAGE, -float("inf"), 3, 2, True),
    _positive(_sample("LPPool2d", IMAGE, 0.7, (3, 2), 2, True)),
    _positive(_sample("LPPool2d", IMAGE, -1, 2)),
    _sample("LPPool3d", VOLUME, 2, 2),
    _sample("LPPool3d", VOLUME, 4, (2, 3, 1), stride=1, ceil_mode=True),
    _fractional("FractionalMaxPool2d", IMAGE, 2, output_size=(4, 3)),
    _fractional("FractionalMaxPool2d", IMAGE, (3, 1), output_ratio=(0.5, 0.9)),
    _fractional("FractionalMaxPool2d", IMAGE, 2, output_ratio=0.4, return_indices=True),
    _fractional("FractionalMaxPool2d", IMAGE, 3, 1),
    _fractional("FractionalMaxPool3d", VOLUME, 2, output_size=(2, 4, 3)),
    _fractional("FractionalMaxPool3d", VOLUME, (1, 2, 3), output_ratio=0.5, return_indices=True),
    _unpool(1, (2, 3, 4), 2),
    _unpool(1, (2, 3, 4), 3, 2, 1, size=[8]),
    _unpool(2, (2, 3, 3, 2), 2),
    _unpool(2, (2, 3, 3, 2), (2, 3), (2, 2), (0, 1), size=(7, 4)),
    _unpool(2, (2, 3, 3, 2), 2, size=(2, 3, 7, 4)),
    _unpool(3, (2, 2, 2, 1, 3), 2),
    _unpool(3, (2, 2, 2, 1, 3), (2, 1, 2), size=[4, 1, 7]),
]
