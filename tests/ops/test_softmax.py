"""Samples of softmax and log-softmax."""

from __future__ import annotations

from typing import Any

import numpy as np
from tests.ops.sample import Sample, normal


def along(name: str) -> list[Sample]:
    def f(dim: int) -> Any:
        return lambda torch, x: getattr(torch, name)(x, dim)

    hard = np.array([[1000.0, 1000.0, -1000.0], [-np.inf, 0.0, 1.0], [-1e30, 1e30, 0.0]])
    undefined = np.array([[-np.inf, -np.inf], [np.nan, 0.0], [np.inf, 1.0]])
    return [
        *[Sample((normal(3, 4, 2),), {"dim": d}, f(d)) for d in range(3)],
        Sample((normal(2, 3, 2, 2),), {"dim": 1}, f(1)),
        Sample((np.array(0.7),), {"dim": 0}, f(0)),
        Sample((normal(4, 1),), {"dim": 1}, f(1)),
        Sample((hard,), {"dim": 1}, f(1), gradient=False),
        Sample((undefined,), {"dim": 1}, f(1), gradient=False),
        Sample((np.zeros((2, 0)),), {"dim": 1}, f(1)),
        Sample((np.zeros((0, 2)),), {"dim": 1}, f(1)),
    ]


SAMPLES: dict[str, list[Sample]] = {
    "softmax": along("softmax"),
    "log_softmax": along("log_softmax"),
}
