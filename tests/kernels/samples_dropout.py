"""Samples of dropout: both sizes of words, every kind of threshold."""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np
from tests.kernels.native import Sample

SAMPLES: dict[str, list[Sample]] = {"dropout_factor": []}
SHAPES: list[tuple[int, ...]] = [(), (0,), (1,), (7,), (33,), (3, 5, 67), (0, 4), (70_001,)]


def _samples(word: Any, shape: tuple[int, ...]) -> list[Sample]:
    top = int(np.iinfo(word).max) + 1
    n = prod(shape)
    words = np.random.default_rng(n).integers(0, top, n).astype(word)
    words[:2] = [0, top - 1][: min(n, 2)]
    return [
        Sample(
            (words, threshold, scale, shape, np.dtype(np.float64)), fixed=(0,), large=n > 1 << 16
        )
        for threshold, scale in ((0, 1.25), (1, 1.25), (top // 3, 3.0), (top - 1, 1.0), (top, 1.0))
    ]


for _word in (np.uint16, np.uint32):
    for _shape in SHAPES:
        SAMPLES["dropout_factor"] += _samples(_word, _shape)
