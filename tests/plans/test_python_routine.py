"""Routines without the extension: what NumPy is given has the bits of the recorded calls."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from rushlight.plans import routine as module
from rushlight.plans.calls import Call
from rushlight.plans.routine import _EXACT, _SPREAD, _spread, routine

ODD = [np.nan, np.inf, -np.inf, 0.0, -0.0, 1e-45, 3e38, -1.0]
SHAPES = [(1,), (7,), (1, 5), (64, 2), (5, 33), (6, 6), (3, 4, 17), (0, 3), (300, 60)]


@pytest.fixture(autouse=True)
def without_the_extension(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "native", None)


def numbers(rng: Any, shape: tuple[int, ...], dtype: str) -> Any:
    x = rng.standard_normal(shape).astype(dtype)
    where = rng.random(shape) < 0.3
    x[where] = rng.choice(np.array(ODD, dtype), shape)[where]
    return x


def of(function: Any, *args: Any, **options: Any) -> Call:
    return Call(function, args, options, (), ())


def same(call: Call, out: Any) -> None:
    """Make a call both ways on what lies in `out`, and compare all bytes."""
    before = out.copy()
    with np.errstate(all="ignore"):
        call.function(*call.args, **call.options)
        expected = out.tobytes()
        out[...] = before
        run = routine([call])
        for _ in range(2):  # what the first time leaves behind changes nothing
            out[...] = before
            run()
    assert out.tobytes() == expected, call


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", sorted(f.__name__ for f in _EXACT if f.nin == 2))
def test_rows_and_numbers_beside_arrays(name: str, dtype: str) -> None:
    rng, ufunc = np.random.default_rng(0), getattr(np, name)
    for shape in SHAPES:
        for part in (shape, shape[-1:], (*shape[:-1], 1), ()):
            args = [numbers(rng, shape, dtype), numbers(rng, part, dtype)]
            if name.startswith("bitwise"):
                args = [a.view("uint32" if dtype == "float32" else "uint64") for a in args]
            with np.errstate(all="ignore"):
                result = ufunc(*args).dtype
            for pair in (args, args[::-1]):
                same(of(ufunc, *pair, out=(out := np.zeros(shape, result))), out)
                same(of(ufunc, *pair, out=(turned := np.zeros(shape[::-1], result).T)), turned)
            if result == args[0].dtype:
                x = args[0].copy()
                same(of(ufunc, x, args[1], out=x), x)
                same(of(ufunc, args[1], x, out=x), x)


def test_a_row_of_the_result_itself() -> None:
    x = np.arange(36.0).reshape(6, 6)
    same(of(np.add, x, x[2], out=x), x)
    same(of(np.add, np.ones((6, 6)), x[2], out=x), x)


def test_which_rows_are_spread() -> None:
    x, row = np.ones((6, 4), np.float32), np.ones(4, np.float32)

    def parts(function: Any, *args: Any, out: Any = x) -> int:
        return len(_spread((function, args, {"out": out}), {}))

    assert parts(np.add, x, row) == parts(np.subtract, row, x) == 2
    assert parts(np.add, x, x) == parts(np.add, x, np.ones((6, 1), np.float32)) == 1
    assert parts(np.exp2, x) == parts(np.add, x, row.astype(float), out=x.astype(float)) - 1 == 1
    assert parts(np.arctan2, x, row) == 1  # not the same bits wherever an element lies
    large = np.ones((_SPREAD // 4 + 1, 4), np.float32)
    assert parts(np.add, large, row, out=large) == 1


@pytest.mark.parametrize("dtype", ["uint16", "int8", "int64"])
def test_integers_beside_arrays_that_are_compared(dtype: str) -> None:
    x, true = np.arange(9).astype(dtype), np.zeros(9, bool)
    for number in (0, 3, -1, 300, 65536, 2**70, True, 2.5):
        for function in (np.less, np.equal, np.not_equal, np.greater_equal):
            same(of(function, x, number, out=true), true)
            same(of(function, number, x, out=true), true)


@pytest.mark.parametrize("dtype", ["float32", "float64", "int64", "complex64"])
def test_products(dtype: str) -> None:
    rng = np.random.default_rng(1)
    a, b, v = (rng.integers(-9, 9, shape).astype(dtype) for shape in [(5, 7), (7, 3), (7,)])
    for x, y in ((a, b), (a, v), (v, b), (v, v), (b.T, a.T), (a[::2], b), (a, v[0])):
        out = np.zeros(np.dot(x, y).shape, dtype)
        same(of(np.dot, x, y, out=out), out)
