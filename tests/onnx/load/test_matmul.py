"""Products of ONNX beside onnxruntime's; gradients."""

import numpy as np
import pytest
from tests.onnx.load.cases import Case, agree, case, check_gradient, normal, run

pytest.importorskip("onnx")

A, B, C = normal(3, 4), normal(4, 5), normal(5, seed=1)
BYTES = np.random.default_rng(0).integers(0, 255, (2, 3, 4)).astype(np.uint8)
# Seven bits: on processors without VNNI onnxruntime adds two products of bytes up in 16 bits.
SIGNED = np.random.default_rng(1).integers(-64, 64, (4, 5)).astype(np.int8)

CASES = [
    case("Gemm", 11, A, B, C, alpha=0.5, beta=2.0),
    case("Gemm", 11, A.T.copy(), B.T.copy(), normal(3, 1), transA=1, transB=1),
    case("Gemm", 11, A, B.T.copy(), C, transB=1),
    case("Gemm", 11, A, B, beta=0.0),
    case("Gemm", 7, A, B, np.array(2.0, np.float32)),
    case("MatMul", 13, normal(2, 1, 3, 4), normal(5, 4, 2)),
    case("MatMul", 9, normal(4), B),
    case("Einsum", 12, normal(2, 3, 4), normal(2, 4, 5), equation="bij, bjk -> bik"),
    case("Einsum", 12, normal(2, 3, 3), equation="...ii->...i"),
    case("Det", 11, normal(2, 3, 3)),
]


@pytest.mark.parametrize("node", CASES, ids=str)
def test_agrees_with_onnxruntime(node: Case) -> None:
    agree(node)


@pytest.mark.parametrize("node", CASES, ids=str)
def test_gradients(node: Case) -> None:
    check_gradient(node)


@pytest.mark.parametrize(
    "zeros",
    [
        (),
        (np.array(7, np.uint8),),
        (np.array(7, np.uint8), np.array([1, -2, 3, 0, 5], np.int8)),
    ],
)
def test_products_of_bytes(zeros: tuple[np.ndarray, ...]) -> None:
    agree(case("MatMulInteger", 10, BYTES, SIGNED, *zeros))


def test_a_zero_for_each_row() -> None:
    zero = np.array([1, 2, 3], np.uint8)
    found = run(case("MatMulInteger", 10, BYTES[0], SIGNED, zero))[0].numpy()
    wanted = (BYTES[0].astype(int) - zero[:, None]) @ SIGNED.astype(int)
    np.testing.assert_array_equal(found, wanted)


def test_integers_stay_integers() -> None:
    a, b, c = (
        np.arange(n).reshape(s).astype(np.int32) for n, s in ((6, (2, 3)), (6, (3, 2)), (2, 2))
    )
    y = run(case("Gemm", 11, a, b, c, transB=0, alpha=2.0))[0].numpy()
    assert y.dtype == np.int32
    np.testing.assert_array_equal(y, 2 * a @ b + c)
