"""Reductions, sorting and counting against torch, as function and as method."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

pytest.importorskip("torch")  # before the helpers, which need it

from tests.functional.cases import CUBE, HOLES, B, Cases, N, P, V, X, Y, each
from tests.functional.parity import both, both_raise

import rushlight as rl

CASES = Cases("reduction")
case = CASES.add

DIMS: tuple[Any, ...] = (0, -1, (0, 2), None)
for _name in ("sum", "mean", "amax", "amin", "std", "var", "nansum", "nanmean"):
    for _dim in DIMS:
        for _keep in (False, True):
            if _dim is not None or _name not in ("amax", "amin"):
                case(
                    _name,
                    lambda t, x, n=_name, d=_dim, k=_keep: getattr(t, n)(x, d, keepdim=k),
                    CUBE,
                )
    case(_name, lambda t, x, n=_name: (getattr(x, n)(0), getattr(x, n)((0, 1))), CUBE)
for _name in (
    "sum",
    "mean",
    "std",
    "var",
    "amax",
    "amin",
    "nansum",
    "nanmean",
    "prod",
    "max",
    "min",
):
    case(_name, lambda t, x, n=_name: (getattr(t, n)(x), getattr(x, n)()), X)
for _name in ("nansum", "nanmean"):
    case(
        _name,
        lambda t, x, n=_name: (getattr(t, n)(x), getattr(t, n)(x, 0), getattr(x, n)(1)),
        HOLES,
    )
for _name in ("sum", "prod"):
    case(
        _name,
        lambda t, x, n=_name: (
            getattr(t, n)(x),
            getattr(x, n)(0),
            getattr(x, n)(1, dtype=t.float32),
        ),
        N,
    )
    case(_name, lambda t, x, n=_name: (getattr(t, n)(x), getattr(x, n)(0)), B)
case("mean", lambda t, x: t.mean(x, dtype=t.float64), N)
case("sum", lambda t, x: (x.sum(()), x.sum([]), x.sum(dim=[0, 1], keepdim=True)), X)
for _name in ("std", "var"):
    for _c in (0, 1, 2):
        case(_name, lambda t, x, n=_name, c=_c: getattr(t, n)(x, 1, correction=c), CUBE)
    case(
        _name, lambda t, x, n=_name: (getattr(x, n)(unbiased=False), getattr(x, n)(1, False)), CUBE
    )
case("var_mean", lambda t, x: (t.var_mean(x), t.var_mean(x, 0, correction=0, keepdim=True)), X)
case("std_mean", lambda t, x: (t.std_mean(x), t.std_mean(x, 0, correction=0, keepdim=True)), X)
for _name in ("max", "min"):
    for _x in (CUBE, N[None]):
        case(
            _name,
            lambda t, x, n=_name: (getattr(t, n)(x, 1), getattr(x, n)(dim=-1, keepdim=True)),
            _x,
        )
    case(
        _name,
        lambda t, x, y, n=_name: (getattr(t, n)(x, y), getattr(x, n)(y), getattr(t, n)(x, other=y)),
        X,
        Y,
    )
    case(_name, lambda t, x, n=_name: getattr(t, n)(x), np.array([1.0, 3.0, 3.0, 1.0]))
    case(
        _name,
        lambda t, x, n=_name: (getattr(x, n)(dim=1, keepdim=True).values, getattr(x, n)(1).indices),
        X,
    )
case("aminmax", lambda t, x: (t.aminmax(x), x.aminmax(dim=0, keepdim=True)), X)
for _name in ("argmax", "argmin"):
    case(
        _name,
        lambda t, x, n=_name: (getattr(t, n)(x), getattr(x, n)(1), getattr(t, n)(x, -2, True)),
        CUBE,
    )
    case(
        _name,
        lambda t, x, n=_name: (getattr(t, n)(x), getattr(x, n)(1), getattr(x, n)(keepdim=True)),
        N,
    )
case("prod", lambda t, x: (t.prod(x, 1), x.prod(0, keepdim=True)), CUBE)
case("cumsum", lambda t, x: (t.cumsum(x, 1), x.cumsum(-1)), CUBE)
case("cumsum", lambda t, x: (t.cumsum(x, 1), x.cumsum(0, dtype=t.float32)), N)
case("logsumexp", lambda t, x: (t.logsumexp(x, 1), x.logsumexp((0, 1), keepdim=True)), CUBE)
for _p in ("fro", 1, 2, 0, 3, 0.5, np.inf, -np.inf):
    case("norm", lambda t, x, p=_p: (t.norm(x, p), x.norm(p, dim=1), x.norm(p, (0, 1), True)), X)
case("dist", lambda t, x, y: (t.dist(x, y), x.dist(y, 1)), X, Y)
for _down in (False, True):
    case("sort", lambda t, x, d=_down: (t.sort(x, descending=d), x.sort(0, d)), X)
    case("sort", lambda t, x, d=_down: t.sort(x, stable=True, descending=d, dim=1), N)
    case("argsort", lambda t, x, d=_down: (t.argsort(x, descending=d), x.argsort(0, d)), X)
    case("topk", lambda t, x, d=_down: (t.topk(x, 2, largest=d), x.topk(1, 0, d)), X)
case("kthvalue", lambda t, x: (t.kthvalue(x, 2), x.kthvalue(1, 0, True)), X)
case("median", lambda t, x: (t.median(x), x.median(1), t.median(x, 0, keepdim=True)), X)
case("median", lambda t, x: t.median(x), V[:3])
case(
    "quantile",
    lambda t, x: (t.quantile(x, 0.3), x.quantile(0.5, dim=1), t.quantile(x, 1.0, 0, True)),
    X,
)
case(
    "quantile",
    lambda t, x, q: (t.quantile(x, q.detach()), x.quantile(q.detach(), dim=1, keepdim=True)),
    X,
    P[0],
)
for _name in ("all", "any"):
    for _x in (B, X > 9, N, np.zeros((0, 3)), N.astype(np.uint8)):
        case(
            _name,
            lambda t, x, n=_name: (getattr(t, n)(x), getattr(x, n)(1), getattr(t, n)(x, 0, True)),
            _x,
        )
case(
    "count_nonzero",
    lambda t, x: (t.count_nonzero(x), x.count_nonzero(1), t.count_nonzero(x, (0, 1))),
    N,
)
case(
    "unique",
    lambda t, x: (t.unique(x), x.unique(), t.unique(x, return_inverse=True, return_counts=True)),
    N,
)
case("unique", lambda t, x: t.unique(x, dim=0, return_inverse=True), N[[0, 1, 0]])
case("bincount", lambda t, x: (t.bincount(x.reshape(-1)), x[0].bincount(minlength=9)), N)
case("bincount", lambda t, x, w: t.bincount(x[0], w[0].detach()), N, P)
case("diff", lambda t, x: (t.diff(x), x.diff(2, 0), x.diff(dim=1)), CUBE)
GAPS = np.array([[1.0, np.nan, 3.0, np.nan], [4.0, 2.0, 9.0, 0.0]])
case("median", lambda t, x: (x.median(1), x[:, ::2].median(0, keepdim=True), x[1:].median()), GAPS)
case("median", lambda t, x: (x.median(), x[1, 1].median(0), x[0, :1].median(0)), GAPS)
case("quantile", lambda t, x: (x.quantile(0.3, 1), x.quantile(0.3)), GAPS)
case("unique", lambda t, x: t.unique(x.detach(), return_counts=True), GAPS)
case("amax", lambda t, x: (x.amax(0), x.amin(1)), GAPS)
case("cumsum", lambda t, n: (n[0, 0].cumsum(0), (n[0, 0] > 1).cumsum(0)), N)


@pytest.mark.parametrize("call", each(CASES))
def test_equals_torch(call: tuple[Any, ...]) -> None:
    both(*call)


ERRORS: list[tuple[Any, ...]] = [
    (lambda t, x: x.sum(2), r"sum: got dim 2, expected -2 to 1", X),
    (lambda t, x: x.sum((0, 0)), "each dim once", X),
    (lambda t, x: x.sum().sum(1), "dim 1", X),
    (lambda t, n: n.mean(), "mean: got int64, expected a floating dtype", N),
    (lambda t, n: n.std(), "floating", N),
    (lambda t, x: x.topk(9), "k=9", X),
    (lambda t, x: x[:0].max(), None, X),
    (lambda t, x: x[:0].max(0), None, X),
    (lambda t, x: x[:0].argmax(), None, X),
    (lambda t, x: x[:0].amax(0), None, X),
    (lambda t, x: x.norm("bad"), "'bad'", X),
    (lambda t, n: t.bincount(n - 9), "bincount", N),
    (lambda t, x: x.quantile(2.0), "quantile", X),
]


@pytest.mark.parametrize("call", ERRORS)
def test_errors(call: tuple[Any, ...]) -> None:
    both_raise(*call)


def test_every_function_is_exercised() -> None:
    CASES.check()


INTEGERS = ["uint8", "int8", "int16", "int32", "int64", "bool"]


@pytest.mark.parametrize("name", ["sum", "prod", "cumsum", "cumprod", "nansum"])
@pytest.mark.parametrize("given", [*INTEGERS, "float32"])
@pytest.mark.parametrize("wanted", INTEGERS)
def test_the_dtype_that_is_asked_for(name, given, wanted):
    torch = pytest.importorskip("torch")
    array = np.array([100, 2, 7, 0]).astype(given)
    args = (0,) if name.startswith("cum") else ()
    if args and wanted == "bool":
        pytest.skip("torch has none")
    expected = getattr(torch, name)(torch.tensor(array), *args, dtype=getattr(torch, wanted))
    found = getattr(rl, name)(rl.tensor(array), *args, dtype=getattr(rl, wanted))
    assert found.dtype == wanted
    np.testing.assert_array_equal(found.numpy(), expected.numpy())


def test_running_sums_of_a_scalar_have_the_dtype_too():
    assert rl.cumsum(rl.tensor(3), 0, dtype=rl.int32).dtype == np.int32
    assert rl.cumprod(rl.tensor(3), 0, dtype=rl.int32).dtype == np.int32
