"""Sampling at cells: samples and errors for the contract test."""

from __future__ import annotations

import numpy as np
from tests.ops.sample import Error, Sample, integers, normal

from rushlight.errors import DtypeError, ShapeError
from rushlight.ops import grid as ops


def _cells(k: int, n: int, size: tuple[int, ...], out: tuple[int, ...]) -> ops.Cells:
    flat = integers(k, n, int(np.prod(out)), high=int(np.prod(size)) + 1) - 1
    return ops.Cells(flat, size, out)


FOUR = _cells(4, 2, (3, 4), (2, 3))
ONE = _cells(1, 2, (5,), (7,))
EIGHT = _cells(8, 1, (2, 2, 3), (2, 1, 2))

X = {FOUR: normal(2, 3, 3, 4), ONE: normal(2, 1, 5), EIGHT: normal(1, 2, 2, 2, 3)}
G = {FOUR: normal(2, 3, 2, 3), ONE: normal(2, 1, 7), EIGHT: normal(1, 2, 2, 1, 2)}
W = {cells: normal(*cells.shape, seed=1) for cells in X}

SLOPE = np.array([0.0, 1.0, -2.0])

SAMPLES = {
    "sample": [Sample((X[cells], W[cells]), {"cells": cells}) for cells in X],
    "spread": [Sample((G[cells], W[cells]), {"cells": cells}) for cells in X],
    "weigh": [Sample((X[cells], G[cells]), {"cells": cells}) for cells in X],
    # its values are given, so differences of them say nothing; grid_sample is gradchecked
    "piece": [
        Sample((SLOPE,), {"value": SLOPE + 1, "slope": SLOPE}, gradient=False),
        Sample((X[FOUR],), {"value": X[FOUR] ** 2, "slope": 2 * X[FOUR]}, gradient=False),
    ],
}

ERRORS = {
    "sample": [
        Error((X[ONE], W[FOUR]), {"cells": FOUR}, ShapeError, r"sample: got shapes .*\(2, C"),
        Error((X[FOUR], W[FOUR].astype("f4")), {"cells": FOUR}, DtypeError, "one dtype"),
    ],
    "spread": [Error((X[FOUR], W[FOUR]), {"cells": FOUR}, ShapeError, "spread: got shapes")],
    "weigh": [Error((X[FOUR], G[FOUR][:, :1]), {"cells": FOUR}, ShapeError, "weigh: got shapes")],
    "piece": [
        Error((SLOPE,), {"value": SLOPE[:2], "slope": SLOPE}, ShapeError, r"got \(2,\) and \(3,\)")
    ],
}


def test_sampling_is_the_weighted_sum_of_cells() -> None:
    for cells, x in X.items():
        k, n, p = cells.shape
        flat = np.where(cells.inside, cells.rows.reshape(k, n, p), 0)
        columns = np.moveaxis(x.reshape(*x.shape[:2], -1), 1, -1).reshape(-1, x.shape[1])
        y = np.einsum("knp,knpc->ncp", np.where(cells.inside, W[cells], 0), columns[flat])
        found = ops.sample(x, W[cells], cells=cells)
        np.testing.assert_allclose(found.reshape(y.shape), y, 1e-12, 1e-12)


def test_cells_outside_are_not_multiplied() -> None:
    x = np.full((2, 1, 5), np.inf)
    w = np.where(ONE.inside, 1.0, np.nan)
    y = ops.sample(x, w, cells=ONE)
    assert (y.ravel()[~ONE.inside.ravel()] == 0).all() and not np.isnan(y).any()


def test_a_piece_has_the_given_values_and_slopes() -> None:
    x, g = normal(3), normal(3, seed=1)
    (y,), saved = ops.piece.forward(x, value=SLOPE, slope=SLOPE)
    assert (y == SLOPE).all()
    np.testing.assert_array_equal(ops.piece.backward(saved, (g,), (True,))[0], g * SLOPE)
