"""Windows and their sum: samples and errors for the contract test."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from tests.ops.sample import Error, Sample, integers, normal

from rushlight.errors import ShapeError
from rushlight.ops import fold as ops


def _options(dims: Any, size: Any, step: Any, dilation: Any) -> dict[str, Any]:
    return {"dims": dims, "size": size, "step": step, "dilation": dilation}


def _along(dim: int, size: int, step: int) -> dict[str, Any]:
    return _options((dim,), (size,), (step,), (1,))


IMAGE = normal(2, 3, 7, 6)
OVERLAPPING = _options((2, 3), (2, 3), (1, 2), (2, 1))
TILES = _options((2, 3), (2, 3), (3, 3), (1, 1))
MIXED = _options((2, 3), (3, 2), (2, 2), (1, 1))


def _blocks(options: dict[str, Any]) -> Any:
    return ops.windows(IMAGE, **options)


SAMPLES = {
    "windows": [
        Sample((normal(2, 7),), _along(1, 3, 2), lambda t, x: x.unfold(1, 3, 2)),
        Sample((normal(7, 2),), _along(0, 2, 3), lambda t, x: x.unfold(0, 2, 3)),
        Sample((normal(5),), _along(0, 5, 1), lambda t, x: x.unfold(0, 5, 1)),
        Sample((integers(4, 5, high=9),), _along(1, 2, 1), lambda t, x: x.unfold(1, 2, 1)),
        Sample((IMAGE,), MIXED, lambda t, x: x.unfold(2, 3, 2).unfold(3, 2, 2)),
        Sample((IMAGE,), TILES, lambda t, x: x.unfold(2, 2, 3).unfold(3, 3, 3)),
        Sample((IMAGE,), OVERLAPPING),
    ],
    "overlap_add": [
        Sample((normal(2, 3, 3),), {"shape": (2, 7), **_along(1, 3, 2)}),
        Sample((normal(2, 3, 2),), {"shape": (2, 9), **_along(1, 2, 3)}),
        *(
            Sample((normal(*_blocks(o).shape),), {"shape": IMAGE.shape, **o})
            for o in (OVERLAPPING, TILES, MIXED)
        ),
    ],
}

ERRORS = {
    "windows": [
        Error((normal(2, 4),), _along(1, 5, 1), ShapeError, r"got windows \(5,\).*fit"),
    ],
    "overlap_add": [
        Error((normal(2, 3, 3),), {"shape": (2, 9), **_along(1, 3, 2)}, ShapeError, r"\(2, 4, 3\)"),
    ],
}


@pytest.mark.parametrize("options", [OVERLAPPING, TILES, MIXED])
def test_the_sum_counts_how_many_windows_hold_a_cell(options: dict[str, Any]) -> None:
    counted = ops.overlap_add(np.ones_like(_blocks(options)), shape=IMAGE.shape, **options)
    cells = np.arange(IMAGE.size).reshape(IMAGE.shape)
    held = np.bincount(ops.windows(cells, **options).ravel(), minlength=IMAGE.size)
    np.testing.assert_array_equal(counted.ravel(), held)


def test_only_windows_that_share_no_cell_can_be_written_to() -> None:
    assert ops.windows(IMAGE.copy(), **TILES).flags.writeable
    assert not ops.windows(IMAGE.copy(), **OVERLAPPING).flags.writeable
