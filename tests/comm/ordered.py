"""What several processes check of sums in the order of the ranks: the deterministic mode."""

from __future__ import annotations

import time
from typing import Any

import numpy as np
import pytest
from tests.distributed.launch import collect, main

from rushlight.arrays import Array
from rushlight.comm import calls
from rushlight.determinism import deterministic_algorithms

SIZES = (0, 1, 3, 1000, 70_001)


def _of(rank: int, size: int, dtype: str) -> Array:
    """Return numbers of many magnitudes: sums in another order have other bits."""
    random = np.random.default_rng([rank, size])
    return (random.normal(size=size) * 10.0 ** random.integers(-3, 4, size)).astype(dtype)


def _sum(joined: Any, size: int, dtype: str) -> Array:
    total = _of(0, size, dtype)
    for rank in range(1, joined.size):
        total = total + _of(rank, size, dtype)
    return total


def check_the_order_matters(joined: Any) -> None:
    parts = [_of(rank, 70_001, "float64") for rank in range(joined.size)]
    forward, back = sum(parts[1:], parts[0]), sum(parts[-2::-1], parts[-1])
    assert joined.size == 2 or (forward != back).any()


def check_all_reduce(joined: Any) -> None:
    with deterministic_algorithms(True):
        for dtype in ("float64", "float32", "float16"):
            for size in SIZES:
                array = _of(joined.rank, size, dtype)
                assert joined.all_reduce(array) is array
                assert array.tobytes() == _sum(joined, size, dtype).tobytes(), (dtype, size)
        square = _of(joined.rank, 12, "float64").reshape(3, 4)
        assert np.array_equal(joined.all_reduce(square), _sum(joined, 12, "float64").reshape(3, 4))


def check_reduce_scatter(joined: Any) -> None:
    with deterministic_algorithms(True):
        for dtype in ("float64", "float32"):
            for size in SIZES:
                cuts = [0, *[size * (rank + 2) // (joined.size + 1) for rank in range(joined.size)]]
                array, before = (_of(joined.rank, size, dtype) for _ in range(2))
                own = slice(cuts[joined.rank], cuts[joined.rank + 1])
                found = joined.reduce_scatter(array, cuts)
                assert found.tobytes() == _sum(joined, size, dtype)[own].tobytes()
                array[own] = before[own]
                assert np.array_equal(array, before)  # what is not its own is left alone


def check_others_are_as_ever(joined: Any) -> None:
    with deterministic_algorithms(True):
        count = joined.all_reduce(np.array([joined.rank], np.int64))
        most = joined.all_reduce(np.array([float(joined.rank)]), "max")
    assert count[0] == joined.size * (joined.size - 1) // 2 and most[0] == joined.size - 1


def check_several_under_way(joined: Any) -> None:
    """Every rank asks for them in an order of its own, among calls of another kind."""
    with deterministic_algorithms(True):
        arrays = [_of(joined.rank, size, "float64") for size in SIZES]
        requests = [joined.start_all_reduce(array) for array in arrays]
        order = np.random.default_rng(joined.rank).permutation(len(SIZES)).tolist()
        if joined.rank % 2:
            requests[order[0]].wait()
        joined.barrier()  # while the other ranks wait for a sum, or have yet to
        most = np.array([float(joined.rank)])
        maximum = joined.start_all_reduce(most, "max")
        if joined.rank == 0:
            maximum.wait()
        for place in order:
            while not requests[place].test():
                pass
            requests[place].wait()  # of one that is done: nothing
        maximum.wait()
        assert joined.gather_objects(joined.rank) == list(range(joined.size))
    for array, size in zip(arrays, SIZES, strict=True):
        assert np.array_equal(array, _sum(joined, size, "float64"))
    assert most[0] == joined.size - 1


def check_polling(joined: Any) -> None:
    """A rank that asks for one call, again and again, holds up nobody who waits for another."""
    total, most = np.ones(5), np.array([float(joined.rank)])
    with deterministic_algorithms(True):
        sums = joined.start_all_reduce(total)
        if joined.rank:
            sums.wait()
        maximum = joined.start_all_reduce(most, "max")
        begun = time.monotonic()
        while not maximum.test():
            assert time.monotonic() < begun + 10
        sums.wait()
    assert total.tolist() == [joined.size] * 5 and most[0] == joined.size - 1


def check_exceptions_of_all(joined: Any) -> None:
    """Sums that not all ranks have begun are nobody's concern afterwards."""
    with deterministic_algorithms(True):
        for turn in range(3):
            with pytest.raises(ValueError, match="on all"), joined.together():
                for _ in range(min(turn, joined.rank)):
                    joined.start_all_reduce(np.ones(100_000))
                raise ValueError("on all")
            joined.barrier()
            assert joined.all_reduce(np.ones(3)).tolist() == [joined.size] * 3


def check_calls_are_noted(joined: Any) -> None:
    with deterministic_algorithms(True):
        joined.reduce_scatter(np.ones(joined.size), list(range(joined.size + 1)))
    assert calls.latest()[-1][1].startswith("reduce_scatter float64")


def check_other_mode_to_rounding(joined: Any) -> None:
    array = _of(joined.rank, 1000, "float64")
    np.testing.assert_allclose(joined.all_reduce(array), _sum(joined, 1000, "float64"), rtol=1e-9)


CHECKS = collect(globals())

if __name__ == "__main__":
    main(CHECKS)
