"""Samples of indexing, gathering and ordering."""

from __future__ import annotations

from typing import Any

import numpy as np
from tests.ops.sample import Error, Sample, integers, normal

from rushlight.errors import ShapeError

X = normal(4, 3, 5)
ROWS = np.array([0, 2, 2, -1])
MASK = X > 0
WHOLE = np.arange(12).reshape(3, 4)


def theirs(torch: Any, index: Any) -> Any:
    """An index with torch's tensors for arrays."""
    if isinstance(index, tuple):
        return tuple(theirs(torch, part) for part in index)
    return torch.tensor(index) if isinstance(index, np.ndarray) else index


INDICES: list[Any] = [
    0,
    -1,
    slice(1, 3),
    slice(None, None, 2),
    (slice(None), 1),
    (1, 2, 3),
    (Ellipsis, 0),
    (None, slice(1, None), None, 2),
    (),
    Ellipsis,
    slice(2, 2),
    ROWS,
    ROWS.reshape(2, 2),
    (ROWS, np.array([0, 1, 1, 2])),
    (ROWS[:, None], np.array([0, 2])),
    (slice(None), np.array([2, 0])),
    (ROWS, slice(None), np.array([4, 0, 0, 1])),
    (slice(1, 2), slice(None), np.array([4, 0, 0])),
    (slice(1, None), np.array([0, 0]), slice(None, 3)),
    (Ellipsis, ROWS),
    MASK,
    MASK[:, :, 0],
    (MASK[:, 0, 0], 1),
    (slice(None), np.array([True, False, True])),
    np.zeros((4, 3, 5), bool),
    np.zeros(0, int),
    np.array(2),
]


def put_sample(index: Any, shape: tuple[int, ...]) -> Sample:
    values = normal(*np.zeros(shape)[index].shape, seed=5)

    def f(torch: Any, g: Any) -> Any:
        x = torch.zeros(shape, dtype=g.dtype, requires_grad=True)
        (out,) = torch.autograd.grad(x[theirs(torch, index)], x, g, create_graph=True)
        return out

    return Sample((values,), {"index": index, "shape": shape}, f)


WRONG_SHAPE = Error(
    (np.ones((3, 5)),),
    {"index": slice(2), "shape": (4, 5)},
    ShapeError,
    r"put: got values \(3, 5\)",
)
ERRORS = {
    "put": [WRONG_SHAPE],
    "max_dim": [
        Error((np.ones((2, 0)),), {"dim": 1, "keepdim": False}, ShapeError, "a size > 0 in dim 1")
    ],
}


def along(index: Any, dim: int, x: Any = X) -> Sample:
    return Sample(
        (x,),
        {"index": index, "dim": dim},
        lambda torch, x: torch.gather(x, dim, torch.tensor(index)),
    )


def scattered(g: Any, index: Any, dim: int, shape: tuple[int, ...]) -> Sample:
    def f(torch: Any, g: Any) -> Any:
        zeros = torch.zeros(shape, dtype=g.dtype)
        return zeros.scatter_add(dim, torch.tensor(index), g)

    return Sample((g,), {"index": index, "dim": dim, "shape": shape}, f)


def picked(name: str) -> list[Sample]:
    def f(dim: int, keepdim: bool) -> Any:
        return lambda torch, x: getattr(torch, name)(x, dim, keepdim)

    ties = np.array([[1.0, 3.0, 3.0], [2.0, 2.0, 2.0]])
    nans = np.array([[1.0, np.nan, 3.0], [np.inf, -np.inf, 2.0]])
    return [
        *[
            Sample((X,), {"dim": d, "keepdim": k}, f(d, k), smooth=False)
            for d in range(3)
            for k in (False, True)
        ],
        Sample((ties,), {"dim": 1, "keepdim": False}, f(1, False), gradient=False),
        Sample((nans,), {"dim": 1, "keepdim": True}, f(1, True), gradient=False),
        Sample((np.array(1.5),), {"dim": 0, "keepdim": False}, f(0, False)),
        Sample((WHOLE,), {"dim": 1, "keepdim": False}, f(1, False)),
    ]


def ordered(x: Any, dim: int, descending: bool, **traits: Any) -> Sample:
    return Sample(
        (x,),
        {"dim": dim, "descending": descending},
        lambda torch, x: torch.sort(x, dim=dim, descending=descending, stable=True),
        **traits,
    )


TIED = np.array([[2.0, 1.0, 2.0, 1.0], [np.nan, np.inf, -np.inf, 0.0]])
SAMPLES: dict[str, list[Sample]] = {
    "getitem": [
        *[
            Sample((X,), {"index": i}, lambda torch, x, i=i: x[theirs(torch, i)])  # type: ignore[misc]
            for i in INDICES
        ],
        Sample((X,), {"index": slice(None, None, -1)}, lambda torch, x: x.flip(0)),
        Sample((WHOLE,), {"index": (1, 2)}, lambda torch, x: x[1, 2]),
        Sample((normal(3),), {"index": 1}, lambda torch, x: x[1]),
        Sample((np.array(1.5),), {"index": ()}, lambda torch, x: x[()]),
        Sample((np.array(1.5),), {"index": None}, lambda torch, x: x[None]),
    ],
    "put": [put_sample(i, (4, 3, 5)) for i in INDICES],
    "gather": [
        along(integers(4, 3, 5, high=4), 0),
        along(integers(4, 7, 5, high=3), 1),
        along(integers(2, 2, 9, high=5), 2),
        along(integers(2, 3, 1, high=5), 2),
        along(np.zeros((0, 3, 5), int), 0),
        along(np.array(0), 0, np.array(1.5)),
        along(integers(3, 2, high=4), 1, WHOLE),
    ],
    "scatter_add": [
        scattered(normal(4, 3), integers(4, 3, high=2), 0, (2, 3)),
        scattered(normal(4, 3), integers(4, 3, high=6), 1, (4, 6)),
        scattered(normal(2, 2, 9), integers(2, 2, 9, high=5), 2, (4, 3, 5)),
        scattered(normal(0, 3), np.zeros((0, 3), int), 0, (2, 3)),
        scattered(np.array(1.5), np.array(0), 0, ()),
        scattered(np.arange(6).reshape(2, 3) + 2**53, integers(2, 3, high=2), 0, (2, 3)),
    ],
    "max_dim": picked("max"),
    "min_dim": picked("min"),
    "sort": [
        *[ordered(X, d, down, smooth=False) for d in range(3) for down in (False, True)],
        *[ordered(TIED, 1, down, gradient=False) for down in (False, True)],
        ordered(np.array(1.5), 0, False),
        ordered(WHOLE, 1, True),
        ordered(np.zeros((2, 0)), 1, True),
    ],
}

SAMPLES["diagonal"] = [
    Sample((x,), {}, lambda torch, x: torch.diagonal(x, 0, -2, -1))
    for x in (normal(3, 3), normal(2, 4, 3, 3), np.zeros((2, 0, 0)), np.arange(9).reshape(3, 3))
]
