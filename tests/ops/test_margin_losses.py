"""The multi-label margin loss: samples, errors, and the work in parts."""

from __future__ import annotations

import numpy as np
from tests.ops.sample import Error, Sample, normal

from rushlight.errors import DtypeError, ShapeError
from rushlight.ops import margin_losses


def _multilabel(x, target, reduction="mean", torch=True):
    target = np.array(target)

    def call(torch, x):
        t = torch.from_numpy(target)
        return torch.nn.functional.multilabel_margin_loss(x, t, reduction=reduction)

    return Sample((x,), {"target": target, "reduction": reduction}, call if torch else None)


ROWS = [[1, 3, -1, 0], [0, 1, 2, 3], [-1, 2, 1, 0], [2, 2, -1, -1], [3, -1, 3, 9 - 8]]

SAMPLES = {
    "multilabel_margin_loss": [
        *[_multilabel(normal(5, 4), ROWS, r) for r in ("mean", "sum", "none")],
        *[_multilabel(normal(4) * 3, ROWS[0], r) for r in ("mean", "none")],
        _multilabel(normal(3, 1), [[0], [-1], [0]]),
        _multilabel(normal(2, 3), [[-1] * 3] * 2, "none"),
        _multilabel(np.array(0.3), 0),
        _multilabel(np.array(0.3), [0], "none"),
        _multilabel(normal(0, 3), np.zeros((0, 3), np.int64), "none"),
        _multilabel(normal(0, 3), np.zeros((0, 3), np.int64), "sum", torch=False),  # not set there
    ]
}


def _error(error, match, x, target, reduction="mean"):
    return Error((x,), {"target": np.array(target), "reduction": reduction}, error, match)


ERRORS = {
    "multilabel_margin_loss": [
        _error(ShapeError, r"input \(2, 4\) and target \(4,\)", normal(2, 4), [1, 0, -1, -1]),
        _error(ShapeError, r"input \(4,\) and target \(1, 4\)", normal(4), [[1, 0, -1, -1]]),
        _error(ShapeError, r"target \(2, 2\).*-1", normal(2, 4), [[0, 1], [1, 0]]),
        _error(ShapeError, r"input \(1, 2, 2\)", normal(1, 2, 2), [[[0, 1], [1, 0]]]),
        _error(ShapeError, r"C > 0", normal(2, 0), np.zeros((2, 0), np.int64)),
        _error(DtypeError, r"float64.*\.long\(\)", normal(2), [0.0, 1.0]),
        _error(DtypeError, r"input int64", np.ones(2, np.int64), [0, 1]),
        _error(RuntimeError, r"classes from -2 to 0, expected 0 to 1", normal(2), [0, -2]),
        _error(RuntimeError, r"classes from 0 to 2", normal(2), [0, 2]),
        _error(ValueError, r"'avg'", normal(2), [0, 1], "avg"),
    ]
}


def test_parts_of_the_rows_give_what_all_rows_give(monkeypatch):
    options = {"target": np.array(ROWS), "reduction": "none"}
    whole, saved = margin_losses.multilabel_margin_loss.forward(normal(5, 4), **options)
    for cells in (1, 33):
        monkeypatch.setattr(margin_losses, "_CELLS", cells)
        parts, again = margin_losses.multilabel_margin_loss.forward(normal(5, 4), **options)
        assert (parts[0] == whole[0]).all()
        assert (again.constants[0] == saved.constants[0]).all()


def test_nan_is_not_lost():
    x = np.array([[np.nan, 1.0, 2.0]])
    for target in ([[0, -1, -1]], [[1, -1, -1]]):
        options = {"target": np.array(target), "reduction": "mean"}
        assert np.isnan(margin_losses.multilabel_margin_loss(x, **options))
