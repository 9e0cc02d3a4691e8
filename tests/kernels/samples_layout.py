"""Samples of memory orders: sizes around vectors, short axes, values that are none."""

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

# what is to be split, the parts, their order, the result: cells of channels become places and back
PARTS = [
    ((2, 12, 5, 3), (2, 3, 2, 2, 5, 3), (0, 1, 4, 2, 5, 3), (2, 3, 10, 6)),
    ((8, 12, 17, 9), (8, 3, 2, 2, 17, 9), (0, 1, 4, 2, 5, 3), (8, 3, 34, 18)),
    ((3, 2, 27, 18), (3, 2, 9, 3, 6, 3), (0, 1, 3, 5, 2, 4), (3, 18, 9, 6)),
    ((2, 75, 7, 6), (2, 3, 5, 5, 7, 6), (0, 1, 4, 2, 5, 3), (2, 3, 35, 30)),
    ((4, 1, 32, 24), (4, 1, 8, 4, 6, 4), (0, 1, 3, 5, 2, 4), (4, 16, 8, 6)),
    ((2, 24, 9, 11), (2, 4, 6, 9, 11), (0, 2, 1, 3, 4), (2, 24, 9, 11)),
    ((2, 24, 99), (2, 12, 2, 99), (0, 2, 1, 3), (2, 24, 99)),
    ((2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2), (2,) * 11, (*range(10, -1, -1),), (2,) * 11),
    ((0, 4, 3, 3), (0, 1, 2, 2, 3, 3), (0, 1, 4, 2, 5, 3), (0, 1, 6, 6)),
    ((1200,), (300, 4), (1, 0), (4, 300)),
    ((1200, 1), (4, 300, 1), (1, 0, 2), (1200, 1)),
]
SAMPLES.update(in_order=[], rearranged=[])
for _from, _apart, _order, _to in PARTS:
    _x = special(*_from)
    _y = _x.reshape(_apart).transpose(_order)
    SAMPLES["rearranged"].append(Sample((_x, _apart, _order, _to)))
    SAMPLES["in_order"].append(Sample((_y,)))
SAMPLES["rearranged"] += [
    Sample((channels_last(sample.args[0]), *sample.args[1:])) for sample in SAMPLES["rearranged"]
]
_x = special(16, 96, 40, 30)  # several tasks
_image = (_x, (16, 24, 2, 2, 40, 30), (0, 1, 4, 2, 5, 3), (16, 24, 80, 60))
SAMPLES["rearranged"].append(Sample(_image, large=True))
SAMPLES["in_order"].append(Sample((_x.reshape(-1, 4).T.reshape(4, -1, 3).T,), large=True))
