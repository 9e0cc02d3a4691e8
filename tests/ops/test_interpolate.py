"""Resampling: samples and errors for the contract test, and that it is the matrix it stands for."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from tests.ops.sample import Error, Sample, normal

from rushlight.arrays import is_channels_last
from rushlight.errors import DtypeError, ShapeError
from rushlight.functional.interpolation import _taps
from rushlight.ops import interpolate as ops

DOUBLE = np.dtype(np.float64)


def _map(mode: str, n: int, out: int, align: bool = False, antialias: bool = False) -> ops.Taps:
    return _taps(mode, n, out, None, align, antialias, DOUBLE)


def _sample(shape: tuple[int, ...], out: tuple[int, ...], mode: str, **options: Any) -> Sample:
    align, widen = options.get("align_corners", False), options.get("antialias", False)
    maps = tuple(
        None if n == o and not align else _map(mode, n, o, align, widen)
        for n, o in zip(shape[2:], out, strict=True)
    )
    return Sample(
        (normal(*shape),),
        {"maps": maps},
        lambda t, x: t.nn.functional.interpolate(x, out, mode=mode, **options),
    )


SAMPLES = {
    "resample": [
        _sample((2, 3, 5), (10,), "nearest"),
        _sample((2, 3, 7), (4,), "nearest"),
        _sample((2, 3, 6), (11,), "nearest-exact"),
        _sample((2, 1, 4), (8,), "linear"),
        _sample((2, 3, 8), (4,), "linear"),
        _sample((2, 3, 4, 3), (8, 9), "nearest"),
        _sample((2, 3, 4, 3), (8, 6), "bilinear"),
        _sample((2, 3, 4, 3), (7, 5), "bilinear", align_corners=True),
        _sample((2, 2, 5, 6), (5, 3), "bilinear"),
        _sample((2, 2, 4, 3), (8, 5), "bicubic"),
        _sample((2, 2, 4, 3), (6, 1), "bicubic", align_corners=True),
        _sample((1, 2, 9, 8), (4, 11), "bilinear", antialias=True),
        _sample((1, 2, 8, 9), (4, 3), "bicubic", antialias=True),
        _sample((1, 2, 9, 8), (4, 11), "lanczos", antialias=True),
        _sample((2, 2, 2, 3, 4), (4, 2, 5), "trilinear"),
        _sample((2, 2, 3, 3), (3, 3), "bilinear"),
    ],
}

ERRORS = {
    "resample": [
        Error(
            (normal(2, 3, 5),), {"maps": (_map("nearest", 4, 8),)}, ShapeError, r"\(2, 3, 5\).*4"
        ),
        Error((normal(2, 5),), {"maps": (_map("nearest", 4, 8),)}, ShapeError, r"\(N, C, \*S\)"),
        Error(
            (np.ones((1, 1, 4), np.int64),), {"maps": (_map("linear", 4, 8),)}, DtypeError, "int64"
        ),
    ]
}


@pytest.mark.parametrize("n, out", [(1, 4), (4, 1), (3, 12), (12, 3), (5, 7), (7, 5), (6, 6)])
@pytest.mark.parametrize("mode", ["nearest", "linear", "bicubic"])
def test_a_map_is_its_matrix(mode: str, n: int, out: int) -> None:
    taps = _map(mode, n, out, mode == "linear")
    rows, cols, weights = taps.entries
    matrix = np.zeros((out, n))
    np.add.at(matrix, (rows, cols), 1.0 if weights is None else weights)
    x, g = normal(2, 3, n), normal(2, 3, out)
    np.testing.assert_allclose(ops.resample(x, maps=(taps,)), x @ matrix.T, 1e-12, 1e-14)
    np.testing.assert_allclose(ops.resample(g, maps=(taps.transposed,)), g @ matrix, 1e-12, 1e-14)


def test_whole_factors_need_no_index_arrays() -> None:
    for taps in (_map("nearest", 5, 15), _map("linear", 8, 16), _map("bicubic", 12, 4)):
        for term in (*taps.terms, *taps.transposed.terms):
            assert isinstance(term.rows, slice) and isinstance(term.cols, slice)


def test_images_stay_channels_last() -> None:
    x = np.moveaxis(normal(2, 5, 4, 3), -1, 1)
    assert is_channels_last(ops.resample(x, maps=(_map("linear", 5, 10), _map("linear", 4, 3))))


def test_infinity_reaches_only_cells_that_see_it() -> None:
    x = np.array([[[np.inf, 1.0, 2.0, 3.0]]])
    y = ops.resample(x, maps=(_map("linear", 4, 7, True),))
    assert np.isinf(y[0, 0, :2]).all() and np.isfinite(y[0, 0, 2:]).all()
