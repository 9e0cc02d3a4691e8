"""Samples of memory orders: sizes around vectors, values that are none."""

from __future__ import annotations

from tests.kernels.native import Sample, channels_last
from tests.kernels.samples_activation import special

SMALL = [
    *((1, 1, 1), (2, 1, 5), (3, 5, 1), (2, 3, 7), (2, 4, 4), (3, 17, 2, 9), (0, 3, 4), (2, 3, 0)),
    *((2, 16, 8, 8), (2, 31, 3, 11), (1, 33, 2, 3, 5), (3, 8, 49), (2, 2, 3, 2, 2, 3)),
]
LARGE = [(40, 37, 13, 11), (16, 64, 16, 16)]
SAMPLES: dict[str, list[Sample]] = {"to_channels_first": [], "to_channels_last": []}

for _large, _shapes in ((False, SMALL), (True, LARGE)):
    for _shape in _shapes:
        _x = special(*_shape)
        for _name, _samples in SAMPLES.items():
            _samples.append(Sample((_x,), large=_large))
            _samples.append(Sample((channels_last(_x),), large=_large))
