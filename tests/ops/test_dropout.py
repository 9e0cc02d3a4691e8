"""Dropout with a given mask."""

from __future__ import annotations

from typing import Any

import numpy as np
from tests.ops.sample import Error, Sample, normal, uniform

from rushlight.arrays import channels_last_empty, is_channels_last
from rushlight.ops.dropout import dropout, factor_of

X = normal(3, 4)
KEEP = uniform(3, 4, seed=1) < 0.6


def _factor(keep: Any, p: float) -> Any:
    words = np.where(keep, 0, 40_000).astype(np.uint16).ravel()
    return factor_of(words, 30_000, p, keep.shape, X.dtype)


def _torch(torch: Any, x: Any) -> Any:
    return x * torch.tensor(KEEP) / 0.6


SAMPLES = {
    "dropout": [
        Sample((X,), {"factor": _factor(KEEP, 0.4)}, _torch),
        Sample(
            (X,),
            {"factor": _factor(np.zeros((3, 4), bool), 1.0)},
            lambda torch, x: x * 0.0,
        ),
        Sample((X,), {"factor": _factor(np.ones((3, 4), bool), 0.0)}, lambda torch, x: x * 1.0),
        Sample(
            (normal(2, 3, 2, 2),),
            {"factor": _factor(np.array([[1, 0, 1], [0, 1, 1]], bool).reshape(2, 3, 1, 1), 0.5)},
            lambda torch, x: (
                x * torch.tensor([[2.0, 0, 2], [0, 2, 2]], dtype=x.dtype).reshape(2, 3, 1, 1)
            ),
        ),
        Sample(
            (normal(0, 4),),
            {"factor": _factor(np.ones((0, 4), bool), 0.5)},
            lambda torch, x: x * 2,
        ),
    ]
}

ERRORS = {
    "dropout": [
        Error((X.astype(int),), {"factor": _factor(KEEP, 0.4)}, TypeError, "got input int64"),
        Error((X,), {"factor": _factor(KEEP[:2], 0.4)}, ValueError, r"got mask \(2, 4\)"),
        Error((X,), {"factor": _factor(KEEP[0], 0.4)}, ValueError, r"expected \(3, 4\)"),
    ]
}


def test_the_memory_order_is_that_of_the_input() -> None:
    x = channels_last_empty((2, 3, 4, 5), X)
    x[:] = 1.0
    for keep in (np.ones((2, 3, 4, 5), bool), np.ones((2, 3, 1, 1), bool)):
        (y,), saved = dropout.forward(x, factor=_factor(keep, 0.5))
        assert y.strides == x.strides and is_channels_last(y)
        (g,) = dropout.backward(saved, (y,), (True,))
        assert g.strides == x.strides
        assert (y == 2.0).all() and (g == 4.0).all()
