"""Samples of linear systems, determinants and factorizations."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from tests.ops.sample import Error, Sample, normal

import rushlight as rl
from rushlight.check import gradcheck, gradgradcheck
from rushlight.errors import LinAlgError, ShapeError

SQUARE = normal(4, 4) + 2 * np.eye(4)
BATCH = normal(2, 3, 3) + 2 * np.eye(3)
TALL = normal(2, 5, 3)


def symmetric(x: Any) -> Any:
    return x @ x.mT + np.eye(x.shape[-1])


def name(f: str, **options: Any) -> Any:
    return lambda torch, *x: getattr(torch.linalg, f)(*x, **options)


def square(f: str) -> list[Sample]:
    return [
        Sample((SQUARE,), {}, name(f)),
        Sample((BATCH,), {}, name(f)),
        Sample((normal(1, 1),), {}, name(f)),
        Sample((np.eye(3, dtype=np.float64),), {}, name(f)),
    ]


SAMPLES: dict[str, list[Sample]] = {
    "inv": square("inv"),
    "det": square("det"),
    "slogdet": square("slogdet"),
    "matrix_exp": [Sample((x,), {}, name("matrix_exp")) for x in (SQUARE, BATCH, normal(1, 1))],
    "solve": [
        Sample((SQUARE, normal(4, 2)), {}, name("solve")),
        Sample((BATCH, normal(2, 3, 1)), {}, name("solve")),
        Sample((BATCH[0], normal(2, 3, 2)), {}, name("solve")),
        Sample((BATCH, normal(1, 3, 2)), {}, name("solve")),
    ],
    # NumPy reads one triangle, torch's gradient is that of a symmetric matrix: so is ours
    "cholesky": [
        Sample((symmetric(x),), {}, name("cholesky"), gradient=False) for x in (SQUARE, BATCH)
    ],
    "eigh": [
        Sample((symmetric(SQUARE),), {"upper": upper}, gradient=False) for upper in (False, True)
    ],
    "qr": [Sample((x,), {}, gradient=False) for x in (SQUARE, TALL, TALL.mT)],
    "svd": [Sample((x,), {}, gradient=False) for x in (SQUARE, TALL, TALL.mT)],
}

ERRORS: dict[str, list[Error]] = {
    f: [Error((normal(2, 3),), {}, ShapeError, r"expected \(\*, n, n\)")]
    for f in ("inv", "det", "slogdet", "matrix_exp", "cholesky")
}
ERRORS["inv"].append(Error((np.zeros((2, 2)),), {}, LinAlgError, "Singular matrix"))
ERRORS["cholesky"].append(Error((-np.eye(2),), {}, LinAlgError, "not positive definite"))
ERRORS["solve"] = [
    Error((SQUARE, normal(3, 2)), {}, ShapeError, "solve: got"),
    Error((np.zeros((2, 2)), normal(2, 2)), {}, LinAlgError, "Singular matrix"),
]
ERRORS["eigh"] = [Error((normal(2, 3),), {"upper": False}, ShapeError, "eigh")]
ERRORS["qr"] = [Error((normal(3),), {}, ShapeError, r"expected \(\*, m, n\)")]
ERRORS["svd"] = [Error((normal(3),), {}, ShapeError, r"expected \(\*, m, n\)")]


def test_a_singular_matrix_has_a_gradient_of_its_determinant() -> None:
    x = rl.tensor(np.diag([1.0, 2.0, 0.0]), requires_grad=True)
    rl.linalg.det(x).backward()
    np.testing.assert_allclose(x.grad.numpy(), np.diag([0.0, 0.0, 2.0]), atol=1e-12)


@pytest.mark.parametrize("shape", [(4, 4), (5, 3), (2, 3, 5)])
def test_gradients_of_factors_that_are_unique_up_to_signs(shape: tuple[int, ...]) -> None:
    x = rl.tensor(normal(*shape), requires_grad=True)

    def svd(x: Any) -> Any:
        u, s, vt = rl.linalg.svd(x, full_matrices=False)
        return [(u.abs() * s.unsqueeze(-2)).sum(), (vt.abs() + s.unsqueeze(-1)).prod(-1)]

    def qr(x: Any) -> Any:
        q, r = rl.linalg.qr(x)
        return [q.abs(), r.abs()]

    for f in (svd, qr):
        assert gradcheck(f, (x,))
        assert gradgradcheck(f, (x,))


def test_gradients_of_symmetric_factors() -> None:
    x = rl.tensor(BATCH, requires_grad=True)
    for f in (
        lambda x: rl.linalg.cholesky(x @ x.mT),
        lambda x: rl.linalg.eigh(x + x.mT).eigenvalues,
        lambda x: rl.linalg.eigh(x + x.mT).eigenvectors.abs(),
    ):
        assert gradcheck(f, (x,))
        assert gradgradcheck(f, (x,))
