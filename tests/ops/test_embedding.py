"""Samples of rows of a table and of weighted sums of them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from tests.ops.sample import Error, Sample, integers, normal, uniform

from rushlight.errors import ShapeError
from rushlight.ops.embedding import first_largest, rows_of, sum_rows

TABLE = normal(6, 3)
NAMED = integers(8, high=6)
STARTS = np.array([0, 3, 3, 7, 8])  # the second bag is empty
WEIGHTS = normal(8, seed=1)


def rows(index: Any, table: Any = TABLE, **options: Any) -> Sample:
    def f(torch: Any, table: Any) -> Any:
        return torch.nn.functional.embedding(
            torch.tensor(index),
            table,
            padding_idx=options.get("padding"),
            scale_grad_by_freq=options.get("share", False),
        )

    linear = not options  # torch's second gradient knows nothing of the two options
    return Sample((table,), {"index": index, **options}, f, smooth=linear, gradient=linear)


def bags(torch: Any, index: Any, starts: Any, rows: int, weights: Any) -> Any:
    """(bags, rows): the matrix as torch can differentiate it."""
    bag = np.repeat(np.arange(starts.size - 1), np.diff(starts))
    named = torch.zeros(index.size, rows, dtype=torch.float64)
    named[np.arange(index.size), index] = 1.0
    onto = torch.zeros(starts.size - 1, index.size, dtype=torch.float64)
    onto[bag, np.arange(index.size)] = 1.0
    return onto @ (named if weights is None else named * weights[:, None])


def summed(weights: Any, index: Any = NAMED, starts: Any = STARTS, table: Any = TABLE) -> Sample:
    def f(torch: Any, table: Any, weights: Any) -> Any:
        return bags(torch, index, starts, table.shape[0], weights) @ table

    return Sample((table, weights), {"index": index, "starts": starts}, f)


def spread(weights: Any, g: Any, index: Any = NAMED, starts: Any = STARTS) -> Sample:
    def f(torch: Any, g: Any, weights: Any) -> Any:
        return bags(torch, index, starts, 6, weights).T @ g

    return Sample((g, weights), {"index": index, "starts": starts, "rows": 6}, f)


NONE = np.zeros(0, np.int64)
SAMPLES: dict[str, list[Sample]] = {
    "rows_of": [
        rows(NAMED),
        rows(NAMED.reshape(2, 4)),
        rows(NAMED.astype(np.int32)),
        rows(np.array(2)),
        rows(NONE),
        rows(NAMED, normal(6, 0)),
        rows(NAMED, padding=int(NAMED[0])),
        rows(NAMED, share=True),
        rows(NAMED.reshape(2, 4), padding=int(NAMED[0]), share=True),
        rows(integers(2, 3, high=6), integers(6, 2, high=9)),
    ],
    "sum_rows": [
        summed(None),
        summed(WEIGHTS),
        summed(WEIGHTS, NAMED.astype(np.int32), STARTS.astype(np.int32)),
        summed(None, NONE, np.array([0, 0, 0])),
        summed(None, NONE, np.array([0])),
        summed(WEIGHTS[:0], NONE, np.array([0, 0])),
        summed(WEIGHTS, table=normal(6, 0)),
    ],
    "spread_rows": [
        spread(None, normal(4, 3)),
        spread(WEIGHTS, normal(4, 3)),
        spread(None, normal(2, 3), NONE, np.array([0, 0, 0])),
    ],
}

ERRORS = {
    "rows_of": [
        Error((TABLE,), {"index": np.array([0, 6])}, IndexError, "got row 6, expected 0 to 5"),
        Error((TABLE,), {"index": np.array([0, -1])}, RuntimeError, "got row -1, expected 0 to 5"),
    ],
    "sum_rows": [
        Error((TABLE, None), {"index": NAMED + 1, "starts": STARTS}, IndexError, "expected 0 to 5"),
    ],
    "spread_rows": [
        Error(
            (normal(3, 3), None),
            {"index": NAMED, "starts": STARTS, "rows": 6},
            ShapeError,
            "expected 4 rows, one for each bag",
        ),
        Error(
            (normal(4, 3), None),
            {"index": NAMED, "starts": STARTS, "rows": 2},
            IndexError,
            "expected 0 to 1",
        ),
    ],
}


def test_shares_scale_the_gradient_of_the_table_alone() -> None:
    shares = uniform(8)
    _, saved = sum_rows.forward(TABLE, WEIGHTS, index=NAMED, starts=STARTS, shares=shares)
    _, plain = sum_rows.forward(TABLE, WEIGHTS, index=NAMED, starts=STARTS)
    _, scaled = sum_rows.forward(TABLE, WEIGHTS * shares, index=NAMED, starts=STARTS)
    g, both = (normal(4, 3),), (True, True)
    found, weights = sum_rows.backward(saved, g, both)
    assert np.allclose(found, sum_rows.backward(scaled, g, both)[0])
    assert np.allclose(weights, sum_rows.backward(plain, g, both)[1])


def test_infinities_stay_in_their_row() -> None:
    _, saved = rows_of.forward(TABLE, index=np.array([0, 1]))
    (g,) = rows_of.backward(saved, (np.array([[np.inf] * 3, [1.0] * 3]),), (True,))
    assert np.isinf(g[0]).all() and (g[1] == 1).all() and not g[2:].any()


def test_the_padding_takes_no_part_whatever_its_gradient() -> None:
    _, saved = rows_of.forward(TABLE, index=np.array([0, 1]), padding=0)
    (g,) = rows_of.backward(saved, (np.array([[np.nan] * 3, [1.0] * 3]),), (True,))
    assert not g[0].any() and (g[1] == 1).all()


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_each_dtype_is_kept(dtype: str) -> None:
    table = TABLE.astype(dtype)
    (y,), saved = sum_rows.forward(table, None, index=NAMED, starts=STARTS)
    (g, _) = sum_rows.backward(saved, (y,), (True, False))
    assert y.dtype == g.dtype == dtype
    assert np.allclose(y[0], TABLE[NAMED[:3]].sum(0), atol=5e-3)


def test_the_first_of_equal_rows_is_the_largest_and_an_empty_bag_has_row_0() -> None:
    table = np.array([[1.0, 5.0], [1.0, 7.0], [0.0, 7.0], [np.nan, 0.0]])
    index, starts = np.array([2, 1, 0, 0, 3]), np.array([0, 3, 3, 5])
    assert first_largest(table, index, starts).tolist() == [[1, 2], [0, 0], [3, 0]]
