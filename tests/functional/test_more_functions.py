"""Functions that rearrange, scatter, count and search, against torch, as function and method."""

from __future__ import annotations

import importlib
from typing import Any

import numpy as np
import pytest
from tests.ops.sample import integers, normal, uniform

import rushlight as rl

torch = pytest.importorskip("torch")  # before the helper, which needs it

from tests.functional.parity import both, both_raise  # noqa: E402

MODULES = ("arranging", "cumulative", "scattering", "second_names", "statistics")

X, Y, V = normal(3, 4), normal(3, 4, seed=1), normal(4)
CUBE, P = normal(2, 3, 4), uniform(3, 4, low=0.2, high=0.9)
N, M = integers(3, 4, high=6), integers(3, 4, high=6, seed=1)
B = N > 2
HOLES = np.where(B, np.nan, X)
WILD = np.array([np.nan, np.inf, -np.inf, 0.0, -0.0, 1.5])
INDEX = np.array([[0, 1, 1, 2], [2, 1, 0, 2]])
ROWS = np.sort(normal(3, 6), 1)

CASES: dict[str, list[tuple[Any, ...]]] = {}


def case(name: str, f: Any, *arrays: Any) -> None:
    CASES.setdefault(name, []).append((f, *arrays))


def call(name: str, *arrays: Any, method: bool = True, **options: Any) -> None:
    """Add calls as a function and as a method."""
    case(name, lambda t, *a: getattr(t, name)(*a, **options), *arrays)
    if method:
        case(name, lambda t, a, *r: getattr(a, name)(*r, **options), *arrays)


# ---- second names

for _name in ("arccos", "arcsin", "arctanh", "arctan", "deg2rad", "fix", "rad2deg", "positive"):
    call(_name, P)
case("sgn", lambda t, x: t.sgn(x.detach()), WILD[1:])
case("sgn", lambda t, x: x.detach().sgn(), X)
for _name in ("arcsinh", "signbit", "isposinf", "isneginf", "isreal"):
    call(_name, X)
    call(_name, N)
for _name in ("signbit", "isposinf", "isneginf", "isreal"):
    call(_name, WILD)
call("arccosh", P + 1)
for _name in ("arctan2", "fmax", "fmin"):
    call(_name, X, Y)
    call(_name, X, Y[0])
case("copysign", lambda t, x, y: t.copysign(x, y.detach()), X, Y)
case("copysign", lambda t, x, y: x.copysign(y.detach()), WILD[3:], WILD[1:4])
call("copysign", N, M)
for _name in ("fmax", "fmin"):
    call(_name, WILD, WILD[::-1])
    call(_name, N, M)
case("copysign", lambda t, x: t.copysign(x, -2.0), X)
case("copysign", lambda t, x: t.copysign(x, -0.0), WILD[3:])
for _name in ("greater", "greater_equal", "less", "less_equal", "not_equal"):
    call(_name, X, Y)
    call(_name, N, M)
call("float_power", P, Y)
case("float_power", lambda t, x: t.float_power(x, 2), N)
case("float_power", lambda t, x: t.float_power(2.0, x), X)
case("heaviside", lambda t, x: t.heaviside(x.detach(), t.full_like(x, 0.5)), WILD)
case("heaviside", lambda t, x: x.detach().heaviside(t.full_like(x, 0.5)), X)
call("ldexp", X, N)
case("frexp", lambda t, x: [p.double() for p in t.frexp(x.detach())], X)
case("frexp", lambda t, x: x.detach().frexp()[0], X)
case("frexp", lambda t, x: t.frexp(x.detach() * 5e-309)[0], X)
case("frexp", lambda t, x: t.frexp(x)[0], X)
case("gradient", lambda t, x: t.gradient(x, spacing=None), X)
case("nextafter", lambda t, x, y: t.nextafter(x.detach(), y.detach()), X, Y)
case("nextafter", lambda t, x, y: x.detach().nextafter(y.detach()), X, Y)
for _name in ("gcd", "lcm", "bitwise_left_shift", "bitwise_right_shift"):
    call(_name, N, M)
case("ger", lambda t, x, y: t.ger(x, y), V, V[:2])
case("ger", lambda t, x, y: x.ger(y), V, V[:2])

# ---- running results

for _name in ("cumprod", "cummax", "cummin", "logcumsumexp"):
    for _dim in (0, -1):
        call(_name, CUBE, dim=_dim)
    call(_name, np.array(V[0]), dim=0)
call("cumprod", N, dim=1)
case("cumprod", lambda t, x: t.cumprod(x, 0, dtype=t.float32), N)
for _name in ("trapezoid", "cumulative_trapezoid", "trapz"):
    call(_name, CUBE, method=False)
    call(_name, CUBE, method=False, dim=1)
    call(_name, X, V, method=False)
    call(_name, CUBE, normal(3), method=False, dim=1)
for _name in ("trapezoid", "cumulative_trapezoid"):
    call(_name, CUBE, method=False, dx=0.5, dim=0)
call("gradient", CUBE, method=False, dim=(1, 2), spacing=0.5)
call("gradient", normal(3, 5), method=False, edge_order=2)
call("gradient", X, method=False, dim=0)
case("gradient", lambda t, x, h: t.gradient(x, dim=1, spacing=(h,)), X, np.cumsum(P[0]))
case(
    "gradient",
    lambda t, x, h: t.gradient(x, dim=1, spacing=(h,), edge_order=2),
    normal(2, 5),
    np.cumsum(uniform(5, low=0.5)),
)

# ---- scatter

for _how in ("sum", "prod", "mean", "amax", "amin"):
    for _own in (True, False):
        for _matrix, _source in ((X, Y), (N, M)):
            case(
                "scatter_reduce",
                lambda t, x, i, s, how=_how, own=_own: t.scatter_reduce(
                    x, 0, i, s, how, include_self=own
                ),
                _matrix,
                INDEX,
                _source[:2],
            )
        if _how != "sum":
            case(
                "index_reduce",
                lambda t, x, i, s, how=_how, own=_own: t.index_reduce(
                    x, 0, i, s, how, include_self=own
                ),
                X,
                np.array([0, 2, 2]),
                Y,
            )
case("scatter_reduce", lambda t, x, i, s: x.scatter_reduce(0, i, s, "prod"), X, INDEX, Y[:2])
case("index_reduce", lambda t, x, i, s: x.index_reduce(1, i, s, "amax"), X, INDEX[0, :2], Y[:, :2])
call("index_copy", X, 0, np.array([2, 0]), Y[:2])
call("index_copy", X, 1, np.array([3, 0]), Y[:, :2])
for _add in (False, True):
    case(
        "index_put",
        lambda t, x, i, v, a=_add: t.index_put(x, (i[0], i[1]), v, a),
        X,
        np.array([[0, 2, 1], [3, 0, 1]]),
        V[:3],
    )
    case(
        "index_put",
        lambda t, x, i, v, a=_add: x.index_put((i,), v, accumulate=a),
        X,
        np.array([0, 2]),
        V,
    )
case("index_put", lambda t, x, v: t.index_put(x, (t.tensor([0]), t.tensor([1])), v), X, V[:1])
call("put", X, np.array([[0, -1], [5, 2]]), V.reshape(2, 2))
case("put", lambda t, x, i, v: x.put(i, v, True), X, np.array([1, 1, 3, -11]), V)
call("masked_scatter", X, B, normal(3, 5))
call("masked_scatter", X, B[:, :1], normal(3, 5))
call("masked_scatter", X[:1], B, normal(3, 5))
call("select_scatter", CUBE, normal(2, 4), 1, 2)
call("select_scatter", CUBE, normal(2, 3), -1, -1)
call("slice_scatter", CUBE, normal(2, 2, 4), 1, 0, 3, 2)
call("slice_scatter", CUBE, normal(1, 3, 4), start=-1)
call("diagonal_scatter", X, V[:3])
call("diagonal_scatter", CUBE, normal(2, 3), offset=1, dim1=1, dim2=2)

# ---- arranging

for _cut in (1, 2, 3, 5, (1, 3), (0, 2, 2), (-1,), (2, 1)):
    call("tensor_split", CUBE, _cut, dim=-1)
case("tensor_split", lambda t, x: t.tensor_split(x, t.tensor([1, 2])), X)
call("hsplit", X, 2)
call("hsplit", V, (1, 2))
call("vsplit", X, 3)
call("dsplit", CUBE, (1, 3))
call("split_with_sizes", X, [1, 3], dim=1)
for _name in ("column_stack", "row_stack"):
    case(_name, lambda t, x, y, n=_name: getattr(t, n)([x, y]), V, V[::-1])
    case(_name, lambda t, x, y, n=_name: getattr(t, n)((x, y)), X, Y)
case("column_stack", lambda t, x, y: t.column_stack((x, y)), X, V[:3])
for _array in (V, X, CUBE, np.array(1.5)):
    call("atleast_3d", _array, method=False)
case("atleast_3d", lambda t, x, y: t.atleast_3d((x, y)), X, V)
case("atleast_3d", lambda t, x, y: t.atleast_3d(x, y), X, V)
call("block_diag", X, V, np.array(2.0), CUBE[0, :2, :1], method=False)
call("cartesian_prod", V[:2], V, V[:3], method=False)
call("cartesian_prod", V, method=False)
call("combinations", V, method=False)
call("combinations", V, method=False, r=3, with_replacement=True)
call("combinations", V[:1], method=False)
call("diagflat", X)
call("diagflat", V, offset=-1)
call("kron", X, V)
call("kron", CUBE, X)
call("kron", X, CUBE)
call("msort", X)
for _k in (-1, 0, 1, 2, 3, 5):
    call("rot90", CUBE, k=_k, dims=(0, 2))
call("rot90", X)
call("adjoint", CUBE)
case("unravel_index", lambda t, i: t.unravel_index(i, (3, 4)), np.array([[0, 11], [5, 7]]))

# ---- statistics

call("cov", X)
call("cov", V)
call("cov", X, correction=0)
case("cov", lambda t, x, w: t.cov(x, aweights=w), X, P[0])
case("cov", lambda t, x, f: t.cov(x, fweights=f), X, np.array([1, 2, 1, 3]))
case("cov", lambda t, x, f, w: t.cov(x, fweights=f, aweights=w), X, np.array([1, 2, 1, 3]), P[0])
call("corrcoef", X)
call("corrcoef", V)
case("histc", lambda t, x: t.histc(x.detach(), 5, -1, 1), X)
case("histc", lambda t, x: x.detach().histc(bins=4), X)
case("histogram", lambda t, x: t.histogram(x.detach(), 4), X)
case("histogram", lambda t, x: t.histogram(x.detach(), 4, range=(-1.0, 1.0), density=True), X)
case("histogram", lambda t, x, w: x.detach().histogram(3, weight=w.detach()), X, P)
case("histogram", lambda t, x: t.histogram(x.detach(), t.tensor([-1.0, 0.0, 2.0]).double()), X)
case("mode", lambda t, x: t.mode(x, 1)[0], N)
case("mode", lambda t, x: x.mode(0, keepdim=True)[0], N)
case("mode", lambda t, x: t.gather(x, 1, t.mode(x, 1, True)[1]), integers(4, 9, high=4))
call("nanmedian", HOLES)
call("nanmedian", HOLES, dim=1)
call("nanmedian", X, dim=0, keepdim=True)
call("nanmedian", V)
for _q in (0.3, 1.0):
    call("nanquantile", HOLES, _q)
    call("nanquantile", HOLES, _q, dim=0, keepdim=True)
case("nanquantile", lambda t, x: t.nanquantile(x, t.tensor([0.1, 0.7]).double(), 1), HOLES)
call("nanquantile", X, 0.4, dim=1)
for _right in (False, True):
    case("searchsorted", lambda t, s, v, r=_right: t.searchsorted(s, v, right=r), ROWS, X)
    case("searchsorted", lambda t, s, v, r=_right: t.searchsorted(s, v, right=r), ROWS, ROWS[:, 1:])
    case("searchsorted", lambda t, s, v, r=_right: t.searchsorted(s, v, right=r), ROWS[0], CUBE)
    case("bucketize", lambda t, v, s, r=_right: t.bucketize(v, s, right=r), ROWS, ROWS[0])
case("searchsorted", lambda t, s: t.searchsorted(s, 0.3, side="right", out_int32=True), ROWS[0])
case(
    "searchsorted",
    lambda t, s, v, i: t.searchsorted(s, v, sorter=i),
    X,
    Y,
    np.argsort(X, 1),
)
RUNS = np.array([[1, 1, 2, 2, 1], [1, 1, 2, 2, 1], [3, 3, 3, 3, 3]])
call("unique_consecutive", RUNS)
call("unique_consecutive", RUNS, return_inverse=True, return_counts=True)
call("unique_consecutive", RUNS, return_inverse=True, return_counts=True, dim=0)
call("unique_consecutive", RUNS, return_counts=True, dim=1)
for _p in (1, 2, 3.5):
    call("renorm", CUBE, p=_p, dim=1, maxnorm=1.5)


MODES = ("linear", "lower", "higher", "midpoint", "nearest")


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("name", ["quantile", "nanquantile"])
def test_quantiles_between_neighbours(name: str, mode: str) -> None:
    q = np.array([0.0, 0.25, 0.4, 0.5, 1.0])
    holes = X.copy()
    holes[1, 2] = np.nan
    for x in (X, holes):
        both(lambda t, x, q: getattr(t, name)(x, q.detach(), 1, interpolation=mode), x, q)
        both(lambda t, x: getattr(x, name)(0.3, keepdim=True, interpolation=mode), x)


def test_a_quantile_refuses_a_gradient_by_q() -> None:
    for f in (rl.quantile, rl.nanquantile):
        with pytest.raises(NotImplementedError, match="q that requires a gradient"):
            f(rl.tensor([1.0, rl.nan]), rl.tensor(0.5, requires_grad=True))


def test_quantile_beside_infinity() -> None:
    assert rl.quantile(rl.tensor([1.0, 2.0, rl.inf]), 0.5).item() == 2.0


def test_differences_of_what_is_joined() -> None:
    both(lambda t, x, y: t.diff(x, 2, 0, y, y), X, X[:1])
    both(lambda t, x, y: x.diff(dim=1, append=y), X, X[:, :2])


def test_spread_and_mean_take_the_older_arguments() -> None:
    both(lambda t, x: t.var_mean(x, 0, unbiased=False), X)
    both(lambda t, x: t.std_mean(x, False), X)
    both(lambda t, x: t.var_mean(x, 1, correction=None), X)
    both(lambda t, x: x.std(0, correction=None), X)


@pytest.mark.filterwarnings("ignore:index_reduce.. is in beta")
@pytest.mark.parametrize("name", CASES)
def test_equals_torch(name: str) -> None:
    for i, (f, *arrays) in enumerate(CASES[name]):
        try:
            both(f, *arrays)
        except BaseException as error:
            error.add_note(f"call {i} of {name}")
            raise


@pytest.mark.parametrize(
    "call",
    [
        (lambda t, x: t.tensor_split(x, 0), X),
        (lambda t, x: t.hsplit(x, 3), X),
        (lambda t, x: t.vsplit(x, 2), V),
        (lambda t, x: t.dsplit(x, 2), X),
        (lambda t, x: t.block_diag(x), CUBE),
        (lambda t, x: t.combinations(x), X),
        (lambda t, x: t.rot90(x, dims=(0, 0)), X),
        (lambda t, x: t.scatter_reduce(x, 0, t.tensor([[0]]), x, "median"), X),
        (lambda t, x: t.index_reduce(x, 0, t.tensor([0]), x[:1], "sum"), X),
        (lambda t, x: t.put(x, t.tensor([0]), t.tensor([1.0, 2.0]).double()), X),
        (lambda t, x: t.put(x, t.tensor([12]), t.tensor([1.0]).double()), X),
        (lambda t, x: t.masked_scatter(x, t.ones(3, 4).bool(), x[0]), X),
        (lambda t, x: t.select_scatter(x, x, 0, 0), X),
        (lambda t, x: t.histc(x, 0), X),
        (lambda t, x: t.searchsorted(x, x[:2]), ROWS),
        (lambda t, x: t.searchsorted(x, x, right=True, side="left"), ROWS),
        (lambda t, x: t.bucketize(x, x), X),
        (lambda t, x: t.renorm(x, -1, 0, 1), X),
        (lambda t, x: t.gcd(x, x), X),
        (lambda t, x: t.heaviside(x, x.float()), X),
        (lambda t, x: t.positive(x > 0), X),
        (lambda t, x: t.trapezoid(x, x[0, :2]), X),
        (lambda t, x: t.gradient(x, edge_order=3), X),
        (lambda t, x: t.poisson(-x.abs()), X),
        (lambda t, x: t.cov(x), CUBE),
        (lambda t, x: t.cov(x, fweights=x[0].abs()), X),
        (lambda t, x: t.cov(x, aweights=x[0, :2].abs()), X),
        (lambda t, x: t.cov(x, aweights=-x[0].abs()), X),
        (lambda t, x: t.gradient(x, dim=(1, 1)), X),
        (lambda t, x: t.hsplit(x, (1.5,)), X),
        (lambda t, x: t.fmax(x, 2), X),
        (lambda t, x: t.copysign(2, x), X),
        (lambda t, x: t.diff(x, -1), X),
        (lambda t, x: t.quantile(x, 0.5, interpolation="mean"), X),
        (lambda t, x: t.quantile(x, x[:2].abs() % 1), X),
    ],
)
def test_errors(call: tuple[Any, ...]) -> None:
    f, *arrays = call
    both_raise(f, "got", *arrays)


def test_products_do_not_see_the_input_for_beta_0() -> None:
    hole = np.full((2, 2), np.nan)
    a, b = normal(2, 3), normal(3, 2)
    both(lambda t, x, a, b: t.addmm(x, a, b, beta=0), hole, a, b, gradient=False)
    both(lambda t, x, a, b: t.addmv(x, a, b, beta=0), hole[0], a, b[:, 0], gradient=False)
    both(lambda t, x, a, b: t.addr(x, a, b, beta=0, alpha=2), hole, a[0, :2], b[0], gradient=False)
    both(lambda t, x, a, b: t.addr(x, a, b), a[:, :2], a[0, :2], b[0])
    both(lambda t, x, a, b: x.addbmm(a, b, beta=0.5), hole[0] * 0 + 1, a[None], b[None])
    both(
        lambda t, x, a, b: t.baddbmm(x, a, b, beta=0), hole[None], a[None], b[None], gradient=False
    )


def test_random_counts_have_their_distribution() -> None:
    rl.manual_seed(0)
    rates = rl.full((20000,), 3.5)
    drawn = rl.poisson(rates)
    assert drawn.dtype == rl.float32
    assert abs(float(drawn.mean()) - 3.5) < 0.1 and abs(float(drawn.var()) - 3.5) < 0.2
    drawn = rl.binomial(rl.full((20000,), 10.0), rl.tensor(0.3))
    assert abs(float(drawn.mean()) - 3) < 0.1 and abs(float(drawn.var()) - 2.1) < 0.2
    with pytest.raises(RuntimeError, match="0 <= p <= 1"):
        rl.binomial(rl.ones(2), rl.tensor(1.5))


def test_every_public_function_is_exercised() -> None:
    public: set[str] = set()
    for name in MODULES:
        public |= set(importlib.import_module(f"rushlight.functional.{name}").__all__)
    assert sorted(public - set(CASES) - {"poisson", "binomial"}) == []
