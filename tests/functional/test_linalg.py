"""`rushlight.linalg`, and its names at the door and on tensors, against torch."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from tests.ops.sample import normal

import rushlight as rl

torch = pytest.importorskip("torch")  # before the helper, which needs it

from tests.functional.parity import both, both_raise  # noqa: E402

V, W, X = normal(4), normal(4, seed=1), normal(3, 4)
SQUARE = normal(4, 4)
GOOD = SQUARE @ SQUARE.T + 2 * np.eye(4)
BATCH = np.stack([GOOD, GOOD[::-1], SQUARE])
TALL = normal(2, 5, 3)

CALLS: list[tuple[Any, ...]] = []
EXERCISED: set[str] = set()


def case(f: Any, *arrays: Any) -> None:
    """Add a call of (lib, *arrays)."""
    CALLS.append((f, *arrays))


def linalg(name: str, *arrays: Any, then: Any = lambda y: y, **options: Any) -> None:
    """Add a call of a function of `linalg`."""
    EXERCISED.add(name)
    case(lambda t, *x: then(getattr(t.linalg, name)(*x, **options)), *arrays)


def part(i: int, *cut: Any) -> Any:
    """Return the sizes of a part of a factorization, whose signs are free."""
    return lambda y: y[i][(..., *cut)].abs()


for _name in ("det", "inverse", "logdet", "matrix_exp", "slogdet", "pinverse"):
    case(lambda t, x, n=_name: getattr(t, n)(x), GOOD)
    case(lambda t, x, n=_name: getattr(x, n)(), BATCH)
case(lambda t, x, y: x.cross(y, dim=-1), TALL, TALL[:, ::-1])
case(lambda t, x, y: t.cross(x, y, dim=1), TALL.mT, X.T[None, :3, :1])
case(lambda t, x: t.cholesky_inverse(t.linalg.cholesky(x)), GOOD)
case(lambda t, x: t.linalg.cholesky(x, upper=True).cholesky_inverse(upper=True), GOOD)
case(lambda t, x: x.matrix_power(3), GOOD)
case(lambda t, x: t.matrix_power(x, 3), GOOD)
for _power in (-2, 0, 1, 2, 5):
    linalg("matrix_power", BATCH, n=_power)
for _name in ("inv", "det", "pinv", "matrix_exp", "slogdet", "svdvals", "cond"):
    linalg(_name, BATCH)
for _name in ("pinv", "svdvals", "matrix_rank"):
    linalg(_name, TALL)
    linalg(_name, TALL.mT)
linalg("pinv", TALL, 0.3)
for _name in ("pinv", "matrix_rank"):
    case(  # of a symmetric matrix: torch's gradient of it need not be one
        lambda t, x, n=_name: getattr(t.linalg, n)((x + x.mT) / 2, hermitian=True), BATCH
    )
    case(
        lambda t, x, y, n=_name: getattr(t.linalg, n)(x.detach(), atol=y.detach()),
        TALL,
        np.array([0.1, 1.7]),
    )
    case(
        lambda t, x, y, n=_name: getattr(t.linalg, n)(x.detach(), rtol=y.detach()),
        TALL,
        np.array([0.1, 0.9]),
    )
    linalg(_name, TALL[:0])
    linalg(_name, TALL[:, :, :0])
linalg("matrix_rank", TALL, 1.5)
for _upper in (False, True):
    case(
        lambda t, x, y, u=_upper: y.cholesky_solve(t.linalg.cholesky(x, upper=u), upper=u),
        GOOD,
        X.T,
    )
linalg("vander", np.array(2.0), N=3)
linalg("pinv", TALL, rtol=0.3)
linalg("pinv", TALL, atol=0.5)
linalg("matrix_rank", TALL, rtol=0.3)
for _right in (normal(3, 4, 2), normal(4, 2), normal(3, 4)):
    linalg("solve", BATCH, _right)
linalg("solve", GOOD, normal(3, 4, 2))
linalg("solve", GOOD, V)
linalg("solve", GOOD, normal(2, 4), left=False)
for _upper in (False, True):
    linalg("solve_triangular", GOOD, normal(4, 2), upper=_upper)
    linalg("solve_triangular", GOOD, normal(2, 4), upper=_upper, left=False, unitriangular=True)
    case(lambda t, x, u=_upper: t.linalg.cholesky(x @ x.mT, upper=u), BATCH)
    linalg("eigvalsh", BATCH + BATCH.mT, UPLO="LU"[_upper])
for _part in (0, 1):
    linalg("eigh", GOOD, then=part(_part))
    linalg("qr", TALL, then=part(_part))
    linalg("qr", TALL.mT, then=part(_part))
for _part in (0, 1, 2):
    linalg("svd", TALL, full_matrices=False, then=part(_part))
    linalg("svd", TALL.mT, full_matrices=False, then=part(_part))
    linalg("svd", GOOD, then=part(_part))
    case(lambda t, x, i=_part: t.linalg.svd(x.detach())[i][..., :3].abs(), TALL[:, :, :2])
linalg("cholesky", GOOD)
linalg("lstsq", TALL, normal(2, 5, 2), then=lambda y: y[0])
for _driver in ("gels", "gelsy", "gelsd", "gelss"):
    for _matrix in (TALL, TALL[..., :2, :]):
        _right = normal(2, _matrix.shape[1], 2)
        linalg("lstsq", _matrix, _right, driver=_driver, then=lambda y: [x.detach() for x in y])
for _ord in ("fro", "nuc", 1, -1, 2, -2, np.inf, -np.inf):
    linalg("matrix_norm", TALL, ord=_ord)
    linalg("matrix_norm", TALL, ord=_ord, dim=(0, 2), keepdim=True)
    linalg("norm", SQUARE, ord=_ord)
    linalg("cond", GOOD, p=_ord, then=lambda y: y.detach())  # torch cannot differentiate all
for _ord in (0, 1, 2, 3.5, np.inf, -np.inf):
    linalg("vector_norm", TALL, ord=_ord)
    linalg("vector_norm", TALL, ord=_ord, dim=(0, 1), keepdim=True)
linalg("norm", TALL)
linalg("norm", TALL, dim=(0, 1))
linalg("norm", TALL, ord=3, dim=1)
linalg("vecdot", X, X[::-1])
linalg("vecdot", X, X[::-1], dim=0)
linalg("cross", TALL, TALL[:1])
linalg("vander", V)
linalg("vander", X, N=3)
linalg("diagonal", TALL)
linalg("diagonal", TALL, offset=1, dim1=0, dim2=2)
linalg("matmul", X, X.T)
linalg("tensorinv", normal(2, 3, 6), ind=2)
linalg("tensorsolve", normal(2, 3, 6), normal(2, 3, seed=1))
linalg("tensorsolve", normal(6, 2, 3), normal(2, 3, seed=1), dims=(0,))


def test_equals_torch() -> None:
    for i, (f, *arrays) in enumerate(CALLS):
        try:
            both(f, *arrays)
        except BaseException as error:
            error.add_note(f"call {i}")
            raise


def test_multi_dot_equals_torch() -> None:
    EXERCISED.add("multi_dot")
    both(lambda t, x, y, z: t.linalg.multi_dot([x, y, z]), X, X.T, X)
    both(lambda t, x, y: t.linalg.multi_dot([x, y, y @ y, y, x]), V, GOOD)
    both(lambda t, x, y, z: t.linalg.multi_dot([x, y, z]), V, X.T, X)
    both(lambda t, x, y: t.linalg.multi_dot([x, y]), V, W)


@pytest.mark.parametrize(
    "call",
    [
        (lambda t, x: t.linalg.inv(x), X),
        (lambda t, x: t.linalg.solve(x, x[:, :1]), X),
        (lambda t, x: t.linalg.det(x), np.ones((2, 2), int)),
        (lambda t, x: t.linalg.norm(x, "fro"), V),
        (lambda t, x: t.linalg.matrix_norm(x, 3), X),
        (lambda t, x: t.linalg.cross(x, x), X),
        (lambda t, x: t.linalg.eigh(x, "x"), GOOD),
        (lambda t, x: t.linalg.multi_dot([x]), X),
        (lambda t, x: t.linalg.lstsq(x, x), V),
        (lambda t, x: t.linalg.vander(x, N=0), V),
        (lambda t, x: t.linalg.matrix_power(x, 2), X),
    ],
)
def test_errors(call: tuple[Any, ...]) -> None:
    f, *arrays = call
    both_raise(f, "got", *arrays)


def test_a_matrix_without_the_result_is_named() -> None:
    for f, x in ((rl.linalg.inv, rl.zeros(2, 2)), (rl.linalg.cholesky, -rl.eye(2))):
        with pytest.raises(rl.linalg.LinAlgError, match=rf"{f.__name__}: got \(2, 2\): .*atrix"):
            f(x)


def test_every_function_is_exercised() -> None:
    assert set(rl.linalg.__all__) - EXERCISED - {"multi_dot", "LinAlgError"} == set()
    assert issubclass(rl.linalg.LinAlgError, RuntimeError)


def test_cross_without_a_dim_takes_the_first_of_size_3() -> None:  # torch warns, and does so
    x, y = rl.tensor(X), rl.tensor(X[::-1].copy())
    assert rl.equal(rl.cross(x, y), rl.linalg.cross(x, y, dim=0))


def test_the_gradient_of_a_cut_pseudo_inverse_is_exact() -> None:  # torch's is not
    x = rl.tensor(TALL[1], requires_grad=True)
    assert rl.linalg.matrix_rank(x, atol=1.7).item() < 3
    assert rl.check.gradcheck(lambda x: rl.linalg.pinv(x, atol=1.7), (x,))


def test_a_tolerance_gets_no_gradient() -> None:
    for t in (rl, torch):
        tol = t.tensor(0.5, requires_grad=True)
        with pytest.raises(RuntimeError, match=r"gradient|requires_grad"):
            t.linalg.pinv(t.ones(2, 3), atol=tol)
