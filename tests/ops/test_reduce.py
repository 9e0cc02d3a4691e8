"""Samples of the reductions: any dims, kept or not; ties, zeros, infinities."""

from __future__ import annotations

from typing import Any

import numpy as np
from tests.ops.sample import Error, Sample, normal, uniform

from rushlight.errors import ShapeError
from rushlight.ops import reduce

X = normal(3, 2, 4)
DIMS = ((0,), (1,), (2,), (0, 2), (0, 1, 2))


def over(f: Any, x: Any = X, dims: Any = DIMS, **traits: Any) -> list[Sample]:
    """Every choice of dims, kept or not; `f(torch, x, dim, keepdim)`."""

    def bind(dims: Any, keepdim: bool) -> Any:
        return lambda torch, x: f(torch, x, dims, keepdim)

    return [
        Sample((x,), {"dims": d, "keepdim": keepdim}, bind(d, keepdim), **traits)
        for d in dims
        for keepdim in (False, True)
    ]


def scalar(f: Any, value: Any = 0.7, **traits: Any) -> Sample:
    """A 0-d array, of which there are no dims to reduce."""
    return Sample(
        (np.asarray(value),),
        {"dims": (), "keepdim": False},
        lambda torch, x: f(torch, x, (), False),
        **traits,
    )


def prod(torch: Any, x: Any, dims: Any, keepdim: bool) -> Any:
    for d in sorted(dims, reverse=True):
        x = torch.prod(x, d, True)
    if keepdim:
        return x
    for d in sorted(dims, reverse=True):
        x = x.squeeze(d)
    return x


def moments(name: str) -> list[Sample]:
    found = []
    for correction in (1, 0, 2, 0.5):
        if correction == 0.5:
            options = {"correction": 0.5}
            found += [
                Sample((X,), {"dims": (1,), "keepdim": False, **options}),
                Sample((X,), {"dims": (0, 2), "keepdim": True, **options}),
            ]
            continue
        for d in DIMS:
            for keepdim in (False, True):
                if correction == 2 and d == (1,):
                    continue

                def f(torch: Any, x: Any, d: Any = d, k: Any = keepdim, c: Any = correction) -> Any:
                    return getattr(torch, name)(x, d, correction=c, keepdim=k)

                options = {"dims": d, "keepdim": keepdim, "correction": correction}
                found.append(Sample((X,), options, f))
    return found


def sums(torch: Any, x: Any, d: Any, k: bool) -> Any:
    return torch.sum(x, d, k)


def means(torch: Any, x: Any, d: Any, k: bool) -> Any:
    return torch.mean(x, d, k)


def amaxs(torch: Any, x: Any, d: Any, k: bool) -> Any:
    return torch.amax(x, d, k)


def amins(torch: Any, x: Any, d: Any, k: bool) -> Any:
    return torch.amin(x, d, k)


def logsumexps(torch: Any, x: Any, d: Any, k: bool) -> Any:
    return torch.logsumexp(x, d, k)


def norms(torch: Any, x: Any, d: Any, k: bool) -> Any:
    return torch.linalg.vector_norm(x, dim=d or None, keepdim=k)


TIES = np.array([[1.0, 3.0, 3.0], [2.0, 2.0, 2.0], [0.0, -1.0, -1.0]])
ZEROS = np.array([[0.0, 2.0, 3.0], [0.0, 0.0, 4.0], [1.0, 2.0, 5.0]])
INFINITE = np.array([[-np.inf, 1.0, 2.0], [np.inf, 1.0, 2.0], [1000.0, -1000.0, 1000.0]])
WHOLE = np.arange(6).reshape(2, 3)
BOOLS = WHOLE % 2 == 0
SPREAD = np.array([[1.0, 1.0, 1.0], [1.0, 2.0, 4.0]])


def medians(torch: Any, x: Any) -> Any:
    return torch.median(x)


SAMPLES: dict[str, list[Sample]] = {
    "sum": [
        *over(sums),
        scalar(sums),
        *over(sums, WHOLE, ((0,), (0, 1))),
        *over(sums, BOOLS, ((1,),)),
        *over(sums, np.zeros((2, 0)), ((0,), (1,), (0, 1))),
    ],
    "mean": [
        *over(means),
        scalar(means),
        *over(means, np.zeros((0, 2)), ((0,), (1,), (0, 1)), gradient=False),
    ],
    "var": [
        *moments("var"),
        Sample(
            (SPREAD,),
            {"dims": (1,), "keepdim": False, "correction": 1},
            lambda torch, x: torch.var(x, 1),
        ),
    ],
    "std": [
        *moments("std"),
        Sample(
            (SPREAD,),
            {"dims": (1,), "keepdim": False, "correction": 1},
            lambda torch, x: torch.std(x, 1),
            gradient=False,
        ),
    ],
    "amax": [
        *over(amaxs, smooth=False),
        scalar(amaxs, smooth=False),
        *over(amaxs, TIES, ((0,), (1,), (0, 1)), gradient=False),
        *over(amaxs, WHOLE, ((1,),)),
        *over(amaxs, np.array([[1.0, np.nan], [2.0, 3.0]]), ((0,), (1,), (0, 1)), gradient=False),
    ],
    "amin": [
        *over(amins, smooth=False),
        scalar(amins, smooth=False),
        *over(amins, TIES, ((0,), (1,), (0, 1)), gradient=False),
        *over(amins, WHOLE, ((1,),)),
    ],
    **{
        name: [
            Sample((x,), {"dims": tuple(range(x.ndim)), "keepdim": False}, f, **traits)
            for x, traits in (
                (X, {"smooth": False}),
                (np.array(1.5), {"smooth": False}),
                (TIES, {"gradient": False}),
                (np.array([1.0, np.nan, 3.0, np.nan]), {"gradient": False}),
            )
        ]
        for name, f in (("max", lambda torch, x: x.max()), ("min", lambda torch, x: x.min()))
    },
    "median": [
        Sample((x,), {"dims": tuple(range(x.ndim)), "keepdim": False}, medians, **traits)
        for x, traits in (
            (X, {"smooth": False}),
            (np.array(1.5), {"smooth": False}),
            (WHOLE, {}),
            (TIES, {"gradient": False}),
            (np.array([1.0, np.nan, 3.0, np.nan]), {"gradient": False}),
        )
    ],
    "prod": [
        *over(prod),
        scalar(prod),
        scalar(prod, 0.0),
        *over(prod, ZEROS, ((0,), (1,), (0, 1))),
        *over(prod, WHOLE, ((0,), (1,))),
        *over(prod, ZEROS[None].repeat(2, 0), ((0, 1), (1, 2), (0, 2))),
    ],
    "cumsum": [
        *[
            Sample((X,), {"dim": d}, lambda torch, x, d=d: torch.cumsum(x, d))  # type: ignore[misc]
            for d in range(3)
        ],
        Sample((WHOLE,), {"dim": 1}, lambda torch, x: torch.cumsum(x, 1)),
        Sample((BOOLS,), {"dim": 0}, lambda torch, x: torch.cumsum(x, 0)),
        Sample((np.zeros((2, 0)),), {"dim": 1}, lambda torch, x: torch.cumsum(x, 1)),
    ],
    "logsumexp": [
        *over(logsumexps),
        scalar(logsumexps),
        *over(logsumexps, INFINITE, ((1,),), gradient=False),
        *over(logsumexps, X * 1000, ((0,), (1, 2)), gradient=False),
        *over(logsumexps, np.zeros((2, 0)), ((1,),), gradient=False),
    ],
    "norm": [
        *over(norms),
        scalar(norms),
        *over(norms, np.array([[0.0, 0.0], [3.0, 4.0]]), ((1,),), gradient=False),
        *over(norms, uniform(3, 4) * 1e3, ((0,),)),
    ],
}

ERRORS: dict[str, list[Error]] = {
    name: [Error((np.zeros((2, 0)),), {"dims": (1,), "keepdim": False}, ShapeError, "sizes > 0")]
    for name in ("amax", "amin", "max", "min")
}


def test_long_sums_of_float16() -> None:
    """They run in float32, whose range and precision only the result must do without."""
    ones = np.ones((4096, 4), np.float16)
    assert (reduce.sum(ones, dims=(0,), keepdim=False) == 4096).all()
    assert (reduce.cumsum(ones, dim=0)[-1] == 4096).all()
    assert (reduce.norm(ones * 300, dims=(0,), keepdim=False) == 19200).all()
    wide = np.resize(np.array([-3.0, 3.0], np.float16), 70000)
    for f, expected in ((reduce.var, 9), (reduce.std, 3)):
        found = f(wide, dims=(0,), keepdim=False, correction=0)
        assert found == expected and found.dtype == np.float16


# ---- p-norm: as torch's norm, but for the ties of the largest


def normed(x: Any, p: float, dims: tuple[int, ...], keepdim: bool = False, **traits: Any) -> Sample:
    return Sample(
        (x,),
        {"dims": dims, "keepdim": keepdim, "p": p},
        lambda torch, x: torch.linalg.vector_norm(x, p, dims, keepdim),
        **traits,
    )


HOLES = np.array([[0.0, 0.0, 0.0], [0.0, 3.0, -4.0], [1.0, np.inf, 0.0]])
SAMPLES["norm_p"] = [
    *[normed(normal(3, 4), p, (1,)) for p in (2.0, 3.0, 1.5, 0.5, -1.5)],
    *[normed(normal(3, 4), p, (0,), True, smooth=False) for p in (1.0, np.inf, -np.inf)],
    normed(normal(3, 4), 0.0, (1,), gradient=False),
    *[normed(normal(2, 3, 4, 2), p, (1, 3)) for p in (2.0, 2.5)],
    *[normed(normal(2, 3), p, (0, 1)) for p in (2.0, 2.5)],
    *[normed(HOLES[:2], p, (1,), gradient=False) for p in (0.5, 1.0, 1.5, 2.0, 3.0)],
    *[
        Sample((HOLES,), {"dims": (1,), "keepdim": False, "p": p}, None, gradient=False)
        for p in (1, 3)
    ],
    normed(normal(3, 0), 3.0, (1,)),
    normed(np.array(-1.5), 3.0, (), smooth=False),
]
