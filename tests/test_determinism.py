"""The deterministic mode: who says that it is on. What it does is tested where sums are made."""

from __future__ import annotations

import ast
import math
from pathlib import Path

import numpy as np
import pytest

import rushlight as rl
from rushlight import determinism
from rushlight.compiled import native
from rushlight.kernels import products as kernel_products
from rushlight.kernels.products import in_order, norm


@pytest.fixture(autouse=True)
def unsaid(monkeypatch):
    monkeypatch.setattr(determinism, "_mode", None)
    monkeypatch.delenv("RUSHLIGHT_DETERMINISTIC", raising=False)
    determinism._of_environment.cache_clear()  # it is asked once
    yield
    determinism._of_environment.cache_clear()


def test_the_environment_says_so_until_the_program_does(monkeypatch):
    assert not rl.are_deterministic_algorithms_enabled()
    monkeypatch.setenv("RUSHLIGHT_DETERMINISTIC", "1")
    determinism._of_environment.cache_clear()
    assert rl.are_deterministic_algorithms_enabled()
    rl.use_deterministic_algorithms(False)
    assert not rl.are_deterministic_algorithms_enabled()
    monkeypatch.setenv("RUSHLIGHT_DETERMINISTIC", "0")
    rl.use_deterministic_algorithms(True, warn_only=True)
    assert rl.are_deterministic_algorithms_enabled()


def test_a_block_puts_it_back():
    with determinism.deterministic_algorithms(True):
        assert rl.are_deterministic_algorithms_enabled()
        with determinism.deterministic_algorithms(None):
            assert rl.are_deterministic_algorithms_enabled()
        with pytest.raises(ZeroDivisionError), determinism.deterministic_algorithms(False):
            assert not rl.are_deterministic_algorithms_enabled()
            raise ZeroDivisionError
        assert rl.are_deterministic_algorithms_enabled()
    assert not rl.are_deterministic_algorithms_enabled()


def test_refusals(monkeypatch):
    with pytest.raises(TypeError, match=r"got int, expected True or False"):
        rl.use_deterministic_algorithms(1)
    monkeypatch.setenv("RUSHLIGHT_DETERMINISTIC", "yes")
    determinism._of_environment.cache_clear()
    with pytest.raises(ValueError, match=r"RUSHLIGHT_DETERMINISTIC: got 'yes', expected 0 or 1"):
        rl.are_deterministic_algorithms_enabled()


def products(seed: int = 0) -> list[np.ndarray]:
    """Products of many kinds, of operands that lie anywhere."""
    draw = np.random.default_rng(seed)

    def normal(*shape: int, by: int = 0) -> np.ndarray:
        room = np.empty(math.prod(shape) + by, np.float32)[by:].reshape(shape)
        room[...] = draw.standard_normal(shape)
        return room

    found = []
    for by in (0, 1, 3):
        draw = np.random.default_rng(seed)
        a, b, c = normal(67, 301, by=by), normal(301, 129, by=by), normal(5, 129, 31, by=by)
        wide = normal(700, 601, by=by)
        x, w = rl.tensor(normal(9, 7, 5, by=by)), [normal(44, 5), normal(44, 11), normal(44)]
        rnn = rl.nn.LSTM(5, 11)
        for parameter, value in zip(rnn.parameters(), [*w, w[2]], strict=True):
            parameter.data.copy_(rl.tensor(value))
        one = [a @ b for a, b in [(rl.tensor(a), rl.tensor(b)), (rl.tensor(b).T, rl.tensor(a).T)]]
        one += [rl.tensor(b) @ rl.tensor(c), rl.tensor(a[0]) @ rl.tensor(b), rnn(x)[0]]
        one += [rl.tensor(a[0]) @ rl.tensor(a[1]), rl.tensor(wide) @ rl.tensor(wide).T]
        one.append(rl.nn.functional.linear(rl.tensor(a), rl.tensor(b.T), rl.tensor(b[0])))
        one.append(rl.einsum("ik,kj->ij", rl.tensor(a), rl.tensor(b)))
        found.append([y.detach().numpy() for y in one])
    for other in found[1:]:
        for y, z in zip(found[0], other, strict=True):
            assert y.tobytes() == z.tobytes()
    return found[0]


@pytest.mark.skipif(native is None, reason="without the extension a large product takes long")
def test_products_are_the_same_bits_for_any_number_of_threads_and_wherever_operands_lie():
    pytest.importorskip("threadpoolctl")
    ordinary, before = products(), rl.get_num_threads()
    with determinism.deterministic_algorithms(True):
        try:
            found = []
            for threads in (1, 2, 3):
                rl.set_num_threads(threads)
                found.append(products())
        finally:
            rl.set_num_threads(before)
    for other in found[1:]:
        assert [y.tobytes() for y in found[0]] == [y.tobytes() for y in other]
    for y, z in zip(found[0], ordinary, strict=True):
        assert y.shape == z.shape
        np.testing.assert_allclose(y, z, rtol=1e-4, atol=1e-3)


@pytest.mark.parametrize("compiled", [True, False])
def test_products_in_order_are_those_of_numpy(compiled, monkeypatch):
    if not compiled:
        monkeypatch.setattr(kernel_products, "native", None)
    draw = np.random.default_rng(0)
    shapes = [((3,), (3,)), ((3,), (3, 4)), ((2, 3), (3,)), ((2, 3), (3, 4)), ((0, 3), (3, 4))]
    shapes += [((2, 0), (0, 4)), ((5, 2, 3), (3, 4)), ((5, 1, 2, 3), (7, 3, 4)), ((4,), (6, 4, 5))]
    shapes += [((6, 5, 4), (4,)), ((0, 2, 3), (3, 4)), ((1, 1009), (1009, 1)), ((17, 1), (1, 19))]
    for left, right in shapes:
        for kind in (np.float32, np.float64, np.float16, np.complex128, np.int64):
            a, b = (draw.integers(-9, 9, shape).astype(kind) for shape in (left, right))
            for x, y in ((a, b), (a[..., ::-1], b[..., ::-1]), (a, np.asfortranarray(b))):
                expected, found = np.matmul(x, y), in_order(x, y)
                assert (found.shape, found.dtype) == (expected.shape, expected.dtype)
                np.testing.assert_array_equal(found, expected)
                if expected.ndim:
                    for out in (np.empty_like(expected), np.empty_like(expected.T).T):
                        assert in_order(x, y, out) is out
                        np.testing.assert_array_equal(out, expected)
    with pytest.raises(ValueError, match="shapes"):
        in_order(np.ones((2, 3)), np.ones((2, 3)))
    for a, b in ((np.float64(2), np.ones(3)), (np.ones(3), np.array(2.0)), (np.array(2.0),) * 2):
        with pytest.raises(ValueError, match="matmul"):
            in_order(a, b)


@pytest.mark.parametrize("mode", [True, False])
def test_a_product_with_a_number_is_refused_alike(mode):
    with determinism.deterministic_algorithms(mode), pytest.raises(rl.errors.ShapeError):
        rl.ones(3) @ rl.tensor(1.0)


@pytest.mark.parametrize("kind", [np.float16, np.float32, np.float64, np.complex64, np.complex128])
def test_norms_are_those_of_numpy(kind):
    for x in (np.arange(12).reshape(3, 4).astype(kind), np.zeros((0, 3), kind)):
        for way in (x, x.T, x[:, ::-2]):
            for mode in (True, False):
                with determinism.deterministic_algorithms(mode):
                    assert norm(way) == pytest.approx(float(np.linalg.norm(way)), rel=1e-3)


@pytest.mark.skipif(native is None, reason="without the extension sums of np.einsum's are taken")
def test_clipped_gradients_are_the_same_bits_for_any_number_of_threads():
    pytest.importorskip("threadpoolctl")
    value, before = np.random.default_rng(0).standard_normal((5, 401, 601)), rl.get_num_threads()
    p, found = rl.nn.Parameter(rl.zeros(401, 601, dtype=rl.float64)), []
    with determinism.deterministic_algorithms(True):
        try:
            for threads in (1, 2, 3):
                rl.set_num_threads(threads)
                for x in value:
                    p.grad = rl.tensor(x)
                    total = rl.nn.utils.clip_grad_norm_([p], 1.0)
                    found.append(total.numpy().tobytes() + p.grad.numpy().tobytes())
        finally:
            rl.set_num_threads(before)
    assert found == found[:5] * 3


# Where products are not of dense arrays of floats, or a library's own in any mode.
ELSEWHERE = {
    "check",  # formulas that are shown, and what they are judged by
    "classic/modules.py",  # of Tensors
    "cli/recipes/autoencoder_data.py",  # beside LAPACK
    "cli/recipes/autoencoder_pictures.py",  # likewise
    "cli/recipes/standardized.py",  # of Tensors
    "kernels/products.py",
    "kernels/reference/conv.py",  # np.einsum's own loops
    "onnx/load/operators/matmul.py",  # of integers
    "ops/decompose.py",  # beside LAPACK
    "ops/embedding.py",  # of sparse matrices
    "ops/grid.py",  # likewise
    "ops/index.py",  # a view
    "serve/pieces/products.py",
    "train/diagnostics.py",  # reports
    "train/guard.py",  # whether a sum is finite
}
PRODUCTS = {"dot", "einsum", "inner", "matmul", "norm", "tensordot", "vdot"}


def test_all_products_of_the_package_go_through_one_place():
    root = Path(rl.__file__).parent
    found = set()
    for path in root.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            owner = ast.unparse(node.func.value) if is_method(node) else None
            matrices = isinstance(node, ast.BinOp) and isinstance(node.op, ast.MatMult)
            if matrices or (owner in ("np", "np.linalg") and node.func.attr in PRODUCTS):
                place = path.relative_to(root)
                found.add("check" if place.parts[0] == "check" else place.as_posix())
    assert found - {"nn/utils/clip_grad.py"} <= ELSEWHERE  # norms of other orders


def is_method(node: ast.AST) -> bool:
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)


def test_a_plan_is_of_the_mode_that_it_was_recorded_in():
    step = rl.compile(lambda a, b: (a @ b).sum())
    a, b = (rl.tensor(np.random.default_rng(i).random((97, 97), np.float32)) for i in range(2))
    for mode in (False, True, False, True):
        with determinism.deterministic_algorithms(mode):
            expected = (a @ b).sum()
            for _ in range(3):
                assert step(a, b).numpy().tobytes() == expected.numpy().tobytes()
    assert not step.reasons
    assert step.recordings == 2
