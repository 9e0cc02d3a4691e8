"""Products of matrices against torch, as function and as method."""

from __future__ import annotations

from typing import Any

import pytest
from tests.ops.sample import normal

pytest.importorskip("torch")  # before the helpers, which need it

from tests.functional.cases import CUBE, SQUARE, Cases, V, W, X, Y, each
from tests.functional.parity import both, both_raise

import rushlight as rl

CASES = Cases("products")
case = CASES.add

case("addr", lambda t, x, a, b: t.addr(x, a, b, beta=2, alpha=0.5), X, X[:, 0], V)
case("addr", lambda t, x, a, b: x.addr(a, b), X, X[:, 0], V)
case("addbmm", lambda t, x, a, b: t.addbmm(x, a, b, alpha=3), X.T @ X, CUBE.mT, CUBE)
case("addbmm", lambda t, x, a, b: x.addbmm(a, b, beta=0.5), X.T @ X, CUBE.mT, CUBE)
case("matmul", lambda t, x, y: (t.matmul(x, y.T), x.matmul(y[0]), x @ y.T, x[0] @ y[0]), X, Y)
case("mm", lambda t, x, y: (t.mm(x, y.t()), x.mm(y.T)), X, Y)
case("bmm", lambda t, x: (t.bmm(x, x.mT), x.bmm(x.transpose(1, 2))), CUBE)
case("mv", lambda t, x, v: (t.mv(x, v), x.mv(v)), X, V)
case("dot", lambda t, v, w: (t.dot(v, w), v.dot(w)), V, W)
case("vdot", lambda t, v, w: (t.vdot(v, w), v.vdot(w)), V, W)
case("inner", lambda t, x, y, v: (t.inner(x, y), x.inner(v), t.inner(x, v.sum())), X, Y, V)
case("outer", lambda t, v, w: (t.outer(v, w), v.outer(w)), V, W)
case(
    "addmm",
    lambda t, x, y: (t.addmm(x[0, :3], x, y.T, beta=2, alpha=0.5), x[:, :3].addmm(x, y.T)),
    X,
    Y,
)
case(
    "addmv", lambda t, x, v: (t.addmv(x[:, 0], x, v, beta=2, alpha=0.5), x[:, 1].addmv(x, v)), X, V
)
case(
    "baddbmm",
    lambda t, x: (t.baddbmm(x[:, :, :1], x, x.mT, beta=2, alpha=0.5), x[:, :, :3].baddbmm(x, x.mT)),
    CUBE,
)
case(
    "tensordot",
    lambda t, x, y: (t.tensordot(x, y, 1), t.tensordot(x, y, ([1, 2], [1, 0]))),
    CUBE,
    normal(4, 3),
)
case(
    "einsum",
    lambda t, x, y: (t.einsum("ij,kj->ik", x, y), t.einsum("ij,ij->", x, y), t.einsum("ij->ji", x)),
    X,
    Y,
)
case(
    "einsum",
    lambda t, x: (t.einsum("ii->i", x), t.einsum("ii", x), t.einsum("ij, jk", x, x)),
    SQUARE,
)
case(
    "einsum",
    lambda t, x, y: (
        t.einsum("...ij,jk->...ik", x, y),
        t.einsum("b...,b...->...", x, x),
        t.einsum("...", [x]),
    ),
    CUBE,
    normal(4, 2),
)


@pytest.mark.parametrize("call", each(CASES))
def test_equals_torch(call: tuple[Any, ...]) -> None:
    both(*call)


ERRORS: list[tuple[Any, ...]] = [
    (lambda t, x: x @ x, r"matmul: got shapes \(3, 4\) and \(3, 4\)", X),
    (lambda t, x: x @ x.float().T, "matmul: got dtypes", X),
    (lambda t, x: x.mm(x[0]), "2 and 2 dims", X),
    (lambda t, x: t.einsum("ij,jk", x, x), "einsum", X),
    (lambda t, x: t.einsum("ij", x, x), "einsum", X),
    (lambda t, x: t.tensordot(x, x, 1), "tensordot", X),
]


@pytest.mark.parametrize("call", ERRORS)
def test_errors(call: tuple[Any, ...]) -> None:
    both_raise(*call)


def test_linear_with_one_row_of_weights() -> None:
    both(lambda t, x, w: t.nn.functional.linear(x, w), X, V)


def test_every_function_is_exercised() -> None:
    CASES.check()


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_0_times_what_is_not_finite_is_nan(value: float) -> None:
    """Also of single numbers, which np.dot takes for factors of a vector."""
    for rows, columns in ((1, 1), (1, 3), (3, 1)):
        zeros, others = rl.zeros(rows, 1), rl.full((columns, 1), value)
        assert bool(rl.nn.functional.linear(zeros, others).isnan().all())
        assert bool(rl.nn.functional.linear(others, zeros).isnan().all())
        x = rl.zeros(columns, 1).requires_grad_()
        w = rl.zeros(rows, 1).requires_grad_()
        rl.nn.functional.linear(x, w).backward(rl.full((columns, rows), value))
        for leaf in (x, w):
            assert leaf.grad is not None
            assert bool(leaf.grad.isnan().all())
