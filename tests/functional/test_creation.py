"""Making tensors, and the dtype rules, against torch."""

from __future__ import annotations

import operator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import rushlight as rl
from rushlight.errors import DeviceError, DtypeError, ShapeError
from rushlight.functional import creation

torch = pytest.importorskip("torch")  # before the helper, which needs it

from tests.functional.parity import both, both_raise, compare  # noqa: E402

DTYPES = ("bool", "uint8", "int8", "int16", "int32", "int64", "float16", "float32", "float64")


def dtype(lib: Any, name: str) -> Any:
    return getattr(lib, name)


SAME = [
    lambda t: t.arange(5),
    lambda t: t.arange(2, 9, 3),
    lambda t: t.arange(1.0, 2.0, 0.3),
    lambda t: t.arange(5, 0, -2),
    lambda t: t.arange(0, 1, 0.25, dtype=t.float64),
    lambda t: t.arange(3, dtype=t.float32),
    lambda t: t.arange(np.int64(3)),
    lambda t: t.arange(t.tensor(3)),
    lambda t: t.arange(0),
    lambda t: t.linspace(0, 1, 5),
    lambda t: t.linspace(-2, 3, 7, dtype=t.float64),
    lambda t: t.linspace(1, 2, 1),
    lambda t: t.logspace(0, 2, 3),
    lambda t: t.logspace(0, 3, 4, base=2.0, dtype=t.float64),
    lambda t: t.eye(3),
    lambda t: t.eye(2, 4, dtype=t.int64),
    lambda t: t.zeros(2, 3),
    lambda t: t.zeros((2, 3), dtype=t.int32),
    lambda t: t.zeros([]),
    lambda t: t.zeros(()),
    lambda t: t.ones(2, 0),
    lambda t: t.ones(2, dtype=t.bool),
    lambda t: t.full((2, 2), 3),
    lambda t: t.full((2,), 3.5),
    lambda t: t.full((2,), True),
    lambda t: t.full((), 1, dtype=t.float64),
    lambda t: t.full((2,), t.tensor(2)),
    lambda t: t.scalar_tensor(2),
    lambda t: t.tensor(1.5),
    lambda t: t.tensor(3),
    lambda t: t.tensor(True),
    lambda t: t.tensor([]),
    lambda t: t.tensor([[], []]),
    lambda t: t.tensor([1, 2.5]),
    lambda t: t.tensor([True, False]),
    lambda t: t.tensor([[1, 2], [3, 4]], dtype=t.float16),
    lambda t: t.tensor(np.arange(3.0)),
    lambda t: t.tensor(np.arange(3, dtype=np.int32)),
    lambda t: t.tensor([t.tensor(1.0), t.tensor(2.0)]),
    lambda t: t.tensor([[t.tensor(1), 2], [3, 4]]),
    lambda t: t.tensor((1, (2).__int__())),
    lambda t: t.tensor(range(4)),
    lambda t: t.tensor([np.float64(1.5)]),
    lambda t: t.as_tensor([1.0, 2.0]),
    lambda t: t.as_tensor(np.ones(2), dtype=t.float32),
    lambda t: t.from_numpy(np.ones((2, 2))),
    lambda t: t.zeros_like(t.ones(2, 3, dtype=t.int64)),
    lambda t: t.ones_like(t.zeros(2), dtype=t.float64),
    lambda t: t.full_like(t.ones(2, dtype=t.int64), 7),
    lambda t: t.empty_like(t.ones(2, 3)).shape == (2, 3),
    lambda t: (t.numel(t.ones(2, 3)), t.ones(2, 3).numel(), t.is_tensor(t.ones(1)), t.is_tensor(1)),
    lambda t: tuple(t.empty(2, 3).shape),
    lambda t: t.ones(2, requires_grad=True) * 2,
    lambda t: t.normal(0.0, 0.0, (2, 2)),
    lambda t: t.bernoulli(t.tensor([0.0, 1.0])),
    lambda t: t.multinomial(t.tensor([[0.0, 1.0], [2.0, 0.0]]), 2, replacement=True),
    lambda t: t.multinomial(t.tensor([0.0, 1.0]), 1),
]


@pytest.mark.parametrize("f", SAME)
def test_equals_torch(f: Any) -> None:
    both(f)


def test_random_numbers_have_their_distribution() -> None:
    rl.manual_seed(0)
    n = 20_000
    assert abs(float(rl.randn(n).mean())) < 0.03 and abs(float(rl.randn(n).std()) - 1) < 0.03
    u = rl.rand(n)
    assert float(u.min()) >= 0 and float(u.max()) < 1 and abs(float(u.mean()) - 0.5) < 0.02
    assert set(rl.randint(2, 5, (n,)).tolist()) == {2, 3, 4}
    assert set(rl.randint(3, (n,)).tolist()) == {0, 1, 2}
    assert sorted(rl.randperm(50).tolist()) == list(range(50))
    assert abs(float(rl.bernoulli(rl.full((n,), 0.3)).mean()) - 0.3) < 0.02
    assert abs(float(rl.normal(3.0, 2.0, (n,)).std()) - 2) < 0.1
    means = rl.normal(rl.tensor([0.0, 100.0]), rl.tensor([1.0, 1.0]))
    assert means.shape == (2,) and float(means[1]) > 50
    draws = rl.multinomial(rl.tensor([1.0, 0.0, 3.0]), n, replacement=True)
    assert abs(float((draws == 2).float().mean()) - 0.75) < 0.02
    firsts = [int(rl.multinomial(rl.tensor([1.0, 3.0]), 2)[0]) for _ in range(1000)]
    assert abs(np.mean(firsts) - 0.75) < 0.06
    like = rl.zeros(2, 3, dtype=rl.float64)
    for made in (rl.rand_like(like), rl.randn_like(like), rl.empty_like(like)):
        assert made.shape == (2, 3) and made.dtype == rl.float64
    assert rl.randn(2, dtype=rl.float16).dtype == rl.float16
    assert rl.randint(5, (2,), dtype=rl.int32).dtype == rl.int32
    g = rl.Generator(3)
    a, b = rl.rand(3, generator=g), rl.rand(3, generator=rl.Generator(3))
    assert rl.equal(a, b)


def test_memory() -> None:
    array = np.ones(3)
    shared, copied = rl.from_numpy(array), rl.tensor(array)
    array[0] = 5
    assert shared[0] == 5 and copied[0] == 1
    assert rl.as_tensor(array).numpy() is array and rl.as_tensor(shared) is shared
    assert rl.tensor(np.asfortranarray(np.arange(6.0).reshape(2, 3)))[1, 0] == 3
    big_endian = np.arange(3, dtype=">f4")
    assert rl.from_numpy(big_endian).tolist() == [0, 1, 2]


def test_errors() -> None:
    with pytest.raises(DeviceError, match="got 'cuda', expected 'cpu'"):
        rl.zeros(2, device="cuda")
    for make in (rl.eye, rl.zeros, rl.rand, rl.randn, rl.arange, rl.randperm):
        with pytest.raises(DeviceError):
            make(2, device="cuda:0")
        assert make(2, device="cpu").device == rl.device("cpu")
    with pytest.raises(DtypeError, match="complex"):
        rl.tensor(np.ones(2, complex))
    with pytest.raises(DtypeError, match="got 'nonsense', expected bool, uint8"):
        rl.zeros(2, dtype="nonsense")
    with pytest.raises(TypeError, match="expected a NumPy array"):
        rl.from_numpy([1, 2])  # type: ignore[arg-type]
    with pytest.raises(ShapeError, match="sizes >= 0"):
        rl.zeros(2, -1)
    both_raise(lambda t: t.rand(2, dtype=t.int64))
    both_raise(lambda t: t.bernoulli(t.tensor([2.0])))
    with pytest.raises(RuntimeError, match="too few weights > 0"):
        rl.multinomial(rl.tensor([1.0, 0.0]), 2)
    both_raise(lambda t: t.zeros(2.5))
    both_raise(lambda t: t.ones(2, dtype=t.int64, requires_grad=True))
    both_raise(lambda t: t.arange(0, 5, -1), "towards the end")
    both_raise(lambda t: t.zeros(-1))
    both_raise(lambda t: t.tensor([[1, 2], [3]]))
    both_raise(lambda t: t.tensor([1, 2], requires_grad=True), "floating")
    both_raise(lambda t: t.multinomial(t.tensor([-1.0, 1.0]), 2), "multinomial")


def test_every_function_is_exercised() -> None:
    source = Path(__file__).read_text(encoding="utf-8")
    assert [name for name in creation.__all__ if f".{name}(" not in source] == []


# ---- promotion


OPERATORS = {
    "add": operator.add,
    "mul": operator.mul,
    "truediv": operator.truediv,
    "maximum": None,
    "where": None,
    "pow": operator.pow,
}
SCALARS = (True, 2, 2.5)


def outcome(lib: Any, name: str, a: Any, b: Any) -> str:
    """The dtype of the result, or "error"."""
    f = OPERATORS[name]
    try:
        if f is not None:
            found = f(a, b)
        elif name == "where":
            found = lib.where(lib.tensor([True, False]), a, b)
        else:
            found = lib.maximum(a, b)
    except (RuntimeError, TypeError):
        return "error"
    return str(found.dtype).removeprefix("torch.")


@pytest.mark.parametrize("name", OPERATORS)
def test_promotion_equals_torch(name: str) -> None:
    wrong = []
    for first in DTYPES:
        shapes: list[Any] = [(other, kind) for other in DTYPES for kind in ("dims", "0-d")]
        for other, kind in [*shapes, *[(s, "scalar") for s in SCALARS]]:
            if name == "maximum" and kind == "scalar":
                continue
            found = []
            for lib in (rl, torch):
                a = lib.ones(2, dtype=dtype(lib, first))
                if kind == "scalar":
                    b = other
                else:
                    b = lib.ones(2 if kind == "dims" else (), dtype=dtype(lib, other))
                found.append((outcome(lib, name, a, b), outcome(lib, name, b, a)))
            for ours, theirs in zip(*found, strict=True):
                if theirs != "error" and ours != theirs:
                    wrong.append((first, other, kind, ours, theirs))
    assert not wrong


def test_numpy_scalars_count_as_python_scalars() -> None:
    x = rl.ones(2)
    for scalar in (np.float64(2), np.float32(2), np.int64(2), np.sqrt(2.0)):
        for found in (x * scalar, scalar * x, x + scalar, x / scalar, x**scalar, scalar - x):
            assert isinstance(found, rl.Tensor) and found.dtype == rl.float32
    assert (rl.ones(2, dtype=rl.int64) * np.float32(2)).dtype == rl.float32
    assert (x == np.float64(1)).all() and (x * np.ones(2, np.int64)).dtype == rl.float32
    assert (x * np.ones(2)).dtype == rl.float64


def test_scalars_out_of_range_wrap() -> None:
    for f in (lambda t, x: x + 300, lambda t, x: x - 2, lambda t, x: x * 2, lambda t, x: x == 300):
        both(f, np.array([1, 200], np.uint8))


def test_default_dtype() -> None:
    try:
        rl.set_default_dtype(rl.float64)
        assert rl.tensor(1.5).dtype == rl.float64 and rl.zeros(1).dtype == rl.float64
        assert (rl.arange(3) / 2).dtype == rl.float64
    finally:
        rl.set_default_dtype(rl.float32)
    with pytest.raises(DtypeError, match="float16, float32 or float64"):
        rl.set_default_dtype(rl.int64)


@pytest.mark.parametrize("source", DTYPES)
def test_conversions_equal_torch(source: str) -> None:
    array = np.array([0, 1, 3]).astype(source)
    for target in DTYPES:
        compare(
            rl.tensor(array).to(dtype(rl, target)), torch.tensor(array).to(dtype(torch, target))
        )
    for name in ("half", "float", "double", "int", "long", "short", "byte", "char", "bool"):
        compare(getattr(rl.tensor(array), name)(), getattr(torch.tensor(array), name)())
