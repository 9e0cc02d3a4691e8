"""Routines: calls that the extension makes have the bits of those that Python makes."""

from __future__ import annotations

import gc
import threading
import warnings
import weakref
from typing import Any

import numpy as np
import pytest

from rushlight.compiled import native
from rushlight.plans.calls import Call, fill
from rushlight.plans.routine import _EXACT, _copied, _ready, routine

if native is None:
    pytest.skip("the compiled extension is absent or unwanted", allow_module_level=True)

from tests.kernels.test_native_bindings import calls

ODD = [np.nan, np.inf, -np.inf, 0.0, -0.0, 1e-45, 3e38, -1.0]
DTYPES = ["float32", "float64"]


def numbers(rng: Any, shape: tuple[int, ...], dtype: str) -> Any:
    """Random numbers of which some are odd."""
    if np.dtype(dtype).kind != "f":
        return rng.integers(0, 100, shape).astype(dtype)
    x = rng.standard_normal(shape).astype(dtype)
    where = rng.random(shape) < 0.3
    x[where] = rng.choice(np.array(ODD, dtype), shape)[where]
    return x


def of(function: Any, *args: Any, **options: Any) -> Call:
    return Call(function, args, options, (), ())


def is_prepared(call: Call) -> bool:
    return isinstance(_ready(*_copied(call)), native.Prepared)


def same(call: Call, out: Any, prepared: bool = True) -> None:
    """Make a call both ways on what lies in `out`, and compare all bytes."""
    assert is_prepared(call) is prepared
    before = out.copy()
    with np.errstate(all="ignore"):
        call.function(*call.args, **call.options)
        expected = out.tobytes()
        out[...] = before
        routine([call])()
    assert out.tobytes() == expected, call


def laid(rng: Any, shape: tuple[int, ...], dtype: str, way: str) -> Any:
    """An operand that is broadcast to a shape in some way, or lies in some order."""
    if way == "number":
        return numbers(rng, (), dtype)
    if way == "row":
        return numbers(rng, shape[-1:], dtype)
    if way == "column":
        return numbers(rng, (*shape[:-1], 1), dtype)
    if way == "turned":
        return numbers(rng, shape[::-1], dtype).T
    if way == "sliced":
        return numbers(rng, (*shape[:-1], 2 * shape[-1]), dtype)[..., ::2]
    if way == "backwards":
        return numbers(rng, shape, dtype)[::-1]
    return numbers(rng, shape, dtype)


WAYS = ["whole", "number", "row", "column", "turned", "sliced", "backwards"]
SHAPES = [(1,), (7,), (64, 2), (5, 33), (2, 100), (3, 4, 17), (2, 3, 5, 6), (300, 40)]


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("ufunc", sorted(_EXACT, key=lambda f: f.__name__))
def test_elementwise_functions(ufunc: Any, dtype: str) -> None:
    rng = np.random.default_rng(0)
    bits = ufunc.__name__.startswith(("bitwise", "invert"))
    result = np.dtype(dtype)
    if f"{result.char * ufunc.nin}->?" in ufunc.types:
        result = np.dtype(bool)
    for shape in SHAPES:
        for way in WAYS:
            for order in ("whole", "turned"):
                args = [laid(rng, shape, dtype, "whole"), laid(rng, shape, dtype, way)]
                args = args[::-1][: ufunc.nin] if rng.random() < 0.5 else args[-ufunc.nin :]
                if bits:
                    whole = "uint32" if dtype == "float32" else "uint64"
                    args = [np.asarray(a).view(whole) for a in args]
                    result = np.dtype(whole)
                out = laid(rng, shape, str(result), order)
                same(of(ufunc, *args, out=out), out)


@pytest.mark.parametrize("dtype", DTYPES)
def test_in_place(dtype: str) -> None:
    rng = np.random.default_rng(1)
    for way in ("whole", "turned", "sliced", "backwards"):
        x = laid(rng, (9, 20), dtype, way)
        same(of(np.add, x, laid(rng, (9, 20), dtype, "row"), out=x), x)
        same(of(np.multiply, x, x, out=x), x)
        same(of(np.negative, x, out=x), x)
    line = numbers(rng, (50,), dtype)
    same(of(np.add, line[:-1], line[1:], out=line[1:]), line, prepared=False)
    square = numbers(rng, (6, 6), dtype)
    same(of(np.add, square.T, square, out=square), square, prepared=False)
    same(of(np.multiply, square, square[0], out=square), square, prepared=False)


def test_numbers() -> None:
    x, out, true = (
        np.linspace(-2, 2, 9, dtype=np.float32),
        np.zeros(9, np.float32),
        np.zeros(9, bool),
    )
    for number in (2, 0.1, np.float32(0.1), -0.0):
        same(of(np.multiply, x, number, out=out), out)
        same(of(np.greater, x, number, out=true), true)
    same(of(np.multiply, x, np.float64(0.1), out=out), out, prepared=False)
    same(of(np.greater, np.arange(9, dtype=np.int8), 300, out=true), true, prepared=False)
    counts = np.arange(4)
    same(of(np.add, counts, 1, out=counts), counts)


def test_a_number_that_overflows_warns_when_the_call_does() -> None:
    x = np.ones(3, np.float32)
    call = of(np.multiply, x, 1e39, out=x)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert is_prepared(call)
    same(call, x)


def test_a_number_that_is_no_element_stays_one() -> None:
    x, out = np.ones(3, np.float32), np.zeros(3, np.float32)
    same(of(np.ldexp, x, 2, out=out), out, prepared=False)


def test_what_is_left_to_python() -> None:
    x, y = np.ones(4, np.float32), np.ones(4, np.float64)
    swapped = x.astype(">f4")
    misaligned = np.zeros(17, np.uint8)[1:].view(np.float32)
    record = np.ones(4, [("a", np.float32), ("b", np.int16)])["a"]  # strides of 6 bytes
    windows = np.lib.stride_tricks.sliding_window_view(np.arange(4.0), 2, writeable=True)
    pairs = np.ones(4, np.complex64)
    for call, out in (
        (of(np.add, x, y, out=y), y),
        (of(np.add, x, x, out=y), y),
        (of(np.add, swapped, swapped, out=swapped), swapped),
        (of(np.add, misaligned, misaligned, out=misaligned), misaligned),
        (of(np.add, x, x, out=x, where=x > 2), x),
        (of(np.exp, x, out=x), x),
        (of(np.copyto, x, y, casting="unsafe"), x),
        (of(np.add, x[:0], x[:0], out=x[:0]), x),
        (of(np.add, record, x, out=record), record),
        (of(np.copyto, record, x), record),
        (of(np.square, pairs, out=pairs), pairs),
    ):
        same(call, out, prepared=False)
    # an operand that lies in itself, where the order of the elements matters
    assert not is_prepared(of(np.add, windows, np.ones((3, 2)), out=windows))
    assert not is_prepared(of(np.copyto, windows, np.ones((3, 2))))
    assert is_prepared(of(np.add, windows, np.ones((3, 2)), out=np.zeros((3, 2))))


@pytest.mark.parametrize("dtype", [*DTYPES, "bool", "int16", "uint64"])
def test_copies(dtype: str) -> None:
    rng = np.random.default_rng(2)
    for shape in SHAPES:
        for way in WAYS:
            for order in ("whole", "turned", "sliced"):
                out, value = laid(rng, shape, dtype, order), laid(rng, shape, dtype, way)
                same(of(np.copyto, out, value), out)


def test_what_copies_in_order() -> None:
    rng = np.random.default_rng(3)
    x = laid(rng, (2, 3, 5), "float32", "turned")
    row = np.zeros((1, 30), np.float32)
    same(of(fill, row, np.ndarray.reshape, (x, 1, -1), {}), row)
    same(of(fill, row[0], np.ndarray.ravel, (x,), {}), row)
    like = np.zeros((2, 3, 5), np.float32)
    same(of(fill, like, np.ascontiguousarray, (x,), {}), like)
    same(of(fill, row[0], np.ndarray.ravel, (x, "F"), {}), row, prepared=False)
    same(of(fill, like, np.ndarray.ravel, (x[0, 0],), {}), like, prepared=False)  # broadcast
    same(of(fill, row[0], np.ndarray.ravel, (x,), {"order": "F"}), row, prepared=False)
    same(of(np.ndarray.__setitem__, like, (slice(None), 1), x[:, 0]), like)
    same(of(np.ndarray.__setitem__, like, (..., slice(0, 4, 2)), x[:, :, :1]), like)
    same(of(np.ndarray.__setitem__, like, 1, 2.0), like, prepared=False)
    same(of(np.ndarray.__setitem__, like, ([0, 1], 2), x[:, 0]), like, prepared=False)
    routine([of(np.ndarray.__setitem__, like, slice(0, 0), x[:0])])()  # nothing to do


@pytest.mark.parametrize("function", [np.dot, np.matmul])
@pytest.mark.parametrize("dtype", DTYPES)
def test_products(function: Any, dtype: str) -> None:
    rng = np.random.default_rng(4)
    sizes = [1, 2, 3, 8, 17, 64, 130]
    for _ in range(150):
        m, k, n = rng.choice(sizes, 3)
        a = rng.standard_normal((k, m) if rng.random() < 0.5 else (m, k)).astype(dtype)
        b = rng.standard_normal((n, k) if rng.random() < 0.5 else (k, n)).astype(dtype)
        a, b = a if a.shape == (m, k) else a.T, b if b.shape == (k, n) else b.T
        out = np.full((m, n), np.nan, dtype)
        same(of(function, a, b, out=out), out, prepared=bool(k > 1))
        square = np.full((m, m), np.nan, dtype)
        same(of(function, a, a.T, out=square), square, prepared=bool(k > 1))
    x, y, out = numbers(rng, (99,), dtype), numbers(rng, (99,), dtype), np.zeros((), dtype)
    same(of(function, x, y, out=out), out)
    same(of(function, x[::3], y[::3], out=out), out, prepared=False)


def test_products_left_to_python() -> None:
    rng = np.random.default_rng(5)
    a, out = rng.standard_normal((6, 6)), np.zeros((6, 6))
    same(of(np.dot, rng.standard_normal((6, 12))[:, ::2], a, out=out), out, prepared=False)
    same(of(np.matmul, a, a, out=a), a, prepared=False)
    stack = rng.standard_normal((2, 6, 6))
    same(of(np.matmul, stack, stack, out=(more := np.zeros((2, 6, 6)))), more, prepared=False)
    counts = np.arange(36).reshape(6, 6)
    same(of(np.dot, counts, counts, out=(whole := np.zeros_like(counts))), whole, prepared=False)


@pytest.mark.parametrize("name", [*calls()])
def test_every_kernel_can_be_prepared(name: str) -> None:
    rng = np.random.default_rng(6)
    function, args = calls()[name]
    arrays = [a for a in args if isinstance(a, np.ndarray)]
    for a in arrays:
        if a.dtype == np.float32:
            a[...] = rng.random(a.shape)
    before = [a.copy() for a in arrays]
    prepared = native.prepare(function, tuple(args))
    assert [a.tobytes() for a in arrays] == [a.tobytes() for a in before], "it was called"
    function(*args)
    expected = [a.tobytes() for a in arrays]
    for a, b in zip(arrays, before, strict=True):
        a[...] = b
    native.Routine((prepared,))()
    assert [a.tobytes() for a in arrays] == expected


def test_a_kernel_with_options_is_left_to_python() -> None:
    x, y = np.ones(3, np.float32), np.zeros(3, np.float32)
    run = routine([of(native.relu, x, y, slope=2)])
    with pytest.raises(TypeError):
        run()


class Owner:
    """Calls a kernel where it ends, which may be while a call is made ready."""

    def __init__(self, x: Any, y: Any) -> None:
        self.me, self.x, self.y = self, x, y

    def __del__(self) -> None:
        native.relu(self.x, self.y)


def test_what_is_collected_meanwhile_makes_its_own_calls() -> None:
    x, total, ended = np.ones((4, 6), np.float32).T, np.zeros(4, np.float32), []
    before = gc.get_threshold()
    try:
        for _ in range(20):
            ended.append(np.zeros(2, np.float32))
            Owner(np.ones(2, np.float32), ended[-1])
            gc.set_threshold(1)
            native.prepare(native.column_sum, (x, total))
            gc.set_threshold(*before)
        assert gc.isenabled()
    finally:
        gc.set_threshold(*before)
    gc.collect()
    assert all(y.min() == 1 for y in ended)


def test_copies_that_nanobind_makes_are_not_kept() -> None:
    x, total = np.ones((4, 6), np.float32).T, np.zeros(4, np.float32)
    assert native.prepare(native.column_sum, (x, total)) is None
    assert native.prepare(native.column_sum, (x.copy(), total)) is not None


def test_what_is_prepared_lives_as_long_as_its_routine() -> None:
    x, y = np.full(1000, -1, np.float32), np.ones(1000, np.float32)
    run = routine([of(native.relu, x, y), of(np.add, y, np.ones(1000, np.float32), out=y)])
    held = weakref.ref(x)
    del x
    gc.collect()
    assert held() is not None
    run()
    assert y.min() == y.max() == 1
    del run
    assert held() is None


def test_order_and_errors() -> None:
    x, seen = np.zeros(3, np.float32), []
    add = of(np.add, x, np.ones(3, np.float32), out=x)

    def fail() -> None:
        raise KeyError("from a call")

    run = routine([add, of(lambda: seen.append(x[0])), add, add, of(fail), add])
    with pytest.raises(KeyError, match="from a call"):
        run()
    assert (seen, x[0]) == ([1], 3)
    wrong = of(native.relu, x, np.ones(3, np.float64))
    with pytest.raises(TypeError, match="expected arrays of one dtype"):
        routine([add, wrong])()
    routine([add])()  # Python's lock was taken back
    assert x[0] == 5


def test_a_routine_within_itself() -> None:
    x, depth = np.zeros(3, np.float32), 0
    add = of(np.add, x, np.ones(3, np.float32), out=x)

    def again() -> None:
        nonlocal depth
        depth += 1
        if depth > 3:
            raise KeyError("deep")
        run()

    run = routine([add, of(again), add])
    with pytest.raises(KeyError, match="deep"):
        run()
    assert x[0] == 4
    depth = -1000000
    with pytest.raises(RecursionError):
        run()
    held = [routine([of(lambda: held.clear()), add])]
    before = x[0]
    held[0]()  # it lets go of itself
    assert x[0] == before + 1


def test_what_cannot_be_made_ready_is_refused() -> None:
    with pytest.raises(TypeError, match="not callable"):
        native.Routine((None,))()
    with pytest.raises(TypeError, match="no kernel"):
        native.prepare(len, ((),))
    x = np.ones(3)
    assert native.prepare_copy(np.ones(3, bool), x) is None
    assert native.prepare_elementwise(np.add, 999, (x, x, x)) is None
    assert native.prepare_elementwise(np.divmod, 0, (x, x, x)) is None
    assert native.prepare_elementwise(np.add, 0, (None, None, None)) is None


def test_a_cycle_through_a_routine_is_collected() -> None:
    class Owner:
        run: Any

    owner = Owner()
    owner.run = routine([of(id, owner)])
    held = weakref.ref(owner)
    del owner
    gc.collect()
    assert held() is None


def test_other_threads_run_meanwhile() -> None:
    a = np.ones((400, 400))
    run = routine([of(np.dot, a, a, out=np.zeros((400, 400)))] * 20)
    threads = [threading.Thread(target=run) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
        assert not thread.is_alive()
