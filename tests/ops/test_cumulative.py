"""Samples of running products and extremes, and of reductions into cells."""

from __future__ import annotations

from typing import Any

import numpy as np
from tests.ops.sample import Error, Sample, integers, normal

X = normal(3, 4)
HOLES = np.array([[1.0, 0.0, 2.0, 3.0], [0.0, 2.0, 0.0, 1.0], [2.0, 1.0, 3.0, 4.0]])
TIES = np.array([[1.0, 1.0, 0.5, 2.0, 2.0], [3.0, 1.0, np.nan, 4.0, 1.0]])


def along(name: str, dim: int) -> Any:
    return lambda torch, x: getattr(torch, name)(x, dim)


SAMPLES: dict[str, list[Sample]] = {
    name: [
        *[Sample((X,), {"dim": d}, along(name, d)) for d in (0, 1)],
        Sample((normal(2, 3, 2, 2),), {"dim": 2}, along(name, 2)),
        Sample((normal(5),), {"dim": 0}, along(name, 0)),
    ]
    for name in ("cumprod", "cummax", "cummin", "logcumsumexp")
}
for _name in ("cummax", "cummin"):
    SAMPLES[_name].append(Sample((TIES,), {"dim": 1}, along(_name, 1), gradient=False))
    SAMPLES[_name].append(Sample((integers(3, 4, high=3),), {"dim": 1}, along(_name, 1)))
SAMPLES["cumprod"] += [
    Sample((HOLES,), {"dim": 1}, along("cumprod", 1), smooth=False),
    Sample((HOLES,), {"dim": 0}, along("cumprod", 0), smooth=False),
    Sample((integers(3, 4, high=3),), {"dim": 1}, along("cumprod", 1)),
]
SAMPLES["logcumsumexp"].append(
    Sample((X * 500,), {"dim": 1}, along("logcumsumexp", 1), gradient=False)
)

INDEX = np.array([[0, 1, 1, 2], [2, 1, 0, 2]])


def reduced(how: str, dim: int, index: Any) -> Any:
    return lambda torch, x, src: x.scatter_reduce(dim, torch.tensor(index), src, how)


SAMPLES["scatter_reduce"] = [
    Sample(args, {"index": i, "dim": d, "how": how}, reduced(how, d, i), **traits)
    for how in ("prod", "amax", "amin")
    for args, i, d, traits in (
        ((X, normal(2, 4, seed=1)), INDEX, 0, {"smooth": how == "prod"}),
        ((X, normal(3, 2, seed=1)), np.array([[0, 0], [3, 1], [2, 2]]), 1, {}),
        ((HOLES, HOLES[1:]), INDEX, 0, {"gradient": False}),
        ((normal(3), normal(5)), np.array([2, 2, 2, 0, 2]), 0, {}),
        ((normal(3), normal(1)[:0]), np.zeros(0, np.int64), 0, {}),
    )
]

ERRORS: dict[str, list[Error]] = {}
