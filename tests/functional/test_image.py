"""Fold, resizing and sampling: errors, dtypes, second derivatives, deprecated names."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from tests.ops.sample import normal, uniform

import rushlight as rl
from rushlight.check import gradcheck, gradgradcheck
from rushlight.errors import DtypeError, ShapeError
from rushlight.nn import functional as F

X = rl.tensor(normal(1, 2, 4, 5))
LINE = rl.tensor(normal(1, 2, 4))
GRID = rl.tensor(uniform(1, 3, 3, 2, low=-0.9, high=0.9))

ERRORS: list[tuple[Any, type[Exception], str]] = [
    (lambda: F.unfold(X, (2,)), RuntimeError, r"kernel_size=\(2,\)"),
    (lambda: F.unfold(X, 0), RuntimeError, "kernel_size=0"),
    (lambda: F.unfold(X, 2, padding=-1), RuntimeError, "padding=-1"),
    (lambda: F.unfold(X, 2, stride=0), RuntimeError, "stride=0"),
    (lambda: F.unfold(X, 6), ShapeError, "a kernel no larger than the padded image"),
    (lambda: F.unfold(X[0, 0], 2), ShapeError, r"input \(4, 5\), expected \(N, C, H, W\)"),
    (lambda: F.unfold(X[:, :0], 2), ShapeError, "not empty"),
    (lambda: F.unfold(X.long(), 2), DtypeError, "unfold: got int64"),
    (lambda: F.fold(rl.zeros(1, 5, 4), 3, 2), ShapeError, "rows that 4 divides, and 4 columns"),
    (lambda: F.fold(rl.zeros(1, 8, 5), 3, 2), ShapeError, r"input \(1, 8, 5\)"),
    (lambda: F.fold(rl.zeros(8), 3, 2), ShapeError, r"\(N, C \* K, L\)"),
    (lambda: F.fold(rl.zeros(1, 8, 4).long(), 3, 2), DtypeError, "fold: got int64"),
    (lambda: F.fold(rl.zeros(1, 8, 4), (3, 3, 3), 2), RuntimeError, "output_size"),
    (lambda: X.unfold(2, 5, 1), RuntimeError, "a size of 0 to 4"),
    (lambda: X.unfold(2, 2, 0), RuntimeError, "step 0"),
    (lambda: X.unfold(4, 2, 1), IndexError, "dim 4"),
    (lambda: X.unfold(3, 2, 1).zero_(), RuntimeError, "clone"),
    (lambda: F.interpolate(X), ValueError, "neither size nor scale_factor"),
    (lambda: F.interpolate(X, 2, 2), ValueError, "size and scale_factor"),
    (lambda: F.interpolate(X, (2,)), ValueError, r"size=\(2,\) for spatial sizes \(4, 5\)"),
    (lambda: F.interpolate(X, scale_factor=(2.0,)), ValueError, "one number, or 2"),
    (lambda: F.interpolate(X, scale_factor="2"), TypeError, "scale_factor='2'"),
    (lambda: F.interpolate(X, 2.5), TypeError, "size=2.5"),
    (lambda: F.interpolate(X, True), TypeError, "size=True"),
    (lambda: F.interpolate(X, 0), ShapeError, r"sizes \(0, 0\)"),
    (lambda: F.interpolate(X, scale_factor=0.1), ShapeError, "no size 0"),
    (lambda: F.interpolate(X[:, :0], 2), ShapeError, "no size 0"),
    (lambda: F.interpolate(X, 2, recompute_scale_factor=True), ValueError, "with a size"),
    (lambda: F.interpolate(X, 2, align_corners=False), ValueError, "mode='nearest'"),
    (lambda: F.interpolate(X, 2, mode="linear"), NotImplementedError, "an input of 3 dims"),
    (lambda: F.interpolate(LINE, 2, mode="bicubic"), NotImplementedError, "an input of 4 dims"),
    (lambda: F.interpolate(LINE, 2, mode="cubic"), NotImplementedError, "mode='cubic'"),
    (lambda: F.interpolate(X[0, 0], 2), NotImplementedError, "3 to 5 dims"),
    (lambda: F.interpolate(X, 2, antialias=True), ValueError, "antialias=True"),
    (lambda: F.interpolate(X, 2, mode="lanczos"), ValueError, "antialias=False"),
    (lambda: F.interpolate(X.long(), 2), DtypeError, "int64"),
    (
        lambda: F.interpolate(X.to(rl.uint8), 2, mode="bilinear"),
        NotImplementedError,
        "mode='bilinear' of uint8",
    ),
    (lambda: F.grid_sample(X, GRID, "cubic"), ValueError, "mode='cubic'"),
    (lambda: F.grid_sample(X, GRID, padding_mode="wrap"), ValueError, "padding_mode='wrap'"),
    (lambda: F.grid_sample(X, GRID[..., :1], align_corners=True), ShapeError, r"\(N, H', W', 2\)"),
    (lambda: F.grid_sample(LINE, GRID, align_corners=True), ShapeError, r"input \(1, 2, 4\)"),
    (
        lambda: F.grid_sample(X, rl.cat([GRID, GRID]), align_corners=True),
        ShapeError,
        "as many images as grids",
    ),
    (lambda: F.grid_sample(X[:, :, :0], GRID, align_corners=True), ShapeError, "not empty"),
    (lambda: F.grid_sample(X, GRID.float(), align_corners=True), DtypeError, "float32"),
    (
        lambda: F.grid_sample(
            rl.zeros(1, 1, 2, 2, 2), rl.zeros(1, 1, 1, 1, 3), "bicubic", align_corners=True
        ),
        RuntimeError,
        "mode='bicubic' for input",
    ),
    (lambda: F.affine_grid(rl.zeros(1, 2, 3).long(), (1, 1, 2, 2), True), ValueError, "int64"),
    (lambda: F.affine_grid(rl.zeros(1, 2, 3), (1, 2, 2), True), NotImplementedError, "4 or 5"),
    (lambda: F.affine_grid(rl.zeros(1, 2, 4), (1, 1, 2, 2), True), ValueError, r"\(1, 2, 3\)"),
    (lambda: F.affine_grid(rl.zeros(2, 2, 3), (1, 1, 2, 2), True), ShapeError, "one map"),
    (lambda: F.affine_grid(rl.zeros(1, 2, 3), (1, 1, 0, 2), False), ValueError, "above 0"),
    (lambda: F.affine_grid(rl.zeros(1, 2, 3), (1, 1, 2.5, 2), False), TypeError, "size=2.5"),
    (lambda: F.affine_grid(rl.zeros(1, 2, 3), 4, False), TypeError, "size=4"),
    (lambda: F.affine_grid([[1.0]], (1, 1, 2, 2), False), TypeError, "of type list"),
    (lambda: F.grid_sample(X, GRID.numpy(), align_corners=True), TypeError, "of type ndarray"),
    (lambda: F.interpolate(X.numpy(), 2), TypeError, "interpolate: got an argument of type ndar"),
    (lambda: F.interpolate(X, scale_factor=float("nan")), ValueError, "scale_factor=nan"),
    (lambda: F.interpolate(X, scale_factor=(1, float("inf"))), ValueError, "finite"),
    (lambda: rl.nn.Upsample(scale_factor=[2, 3]), TypeError, r"Upsample: got scale_factor=\[2, 3"),
    (lambda: F.unfold(X.numpy(), 2), TypeError, "unfold: got an argument of type ndarray"),
    (lambda: F.fold(3, 2, 2), TypeError, "of type int"),
    (lambda: X.unfold(3, 2.5, 1), TypeError, "size=2.5"),
    (lambda: X.unfold(3, 2, "1"), TypeError, "step='1'"),
]


@pytest.mark.parametrize("call", ERRORS)
def test_errors(call: tuple[Any, type[Exception], str]) -> None:
    f, error, match = call
    with pytest.raises(error, match=match):
        f()


def test_half_precision_is_kept() -> None:
    x, grid = X.half(), GRID.half()
    for y, wide in (
        (F.unfold(x, 2), F.unfold(X, 2)),
        (F.fold(F.unfold(x, 2), (4, 5), 2), F.fold(F.unfold(X, 2), (4, 5), 2)),
        (F.interpolate(x, 7, mode="bilinear"), F.interpolate(X, 7, mode="bilinear")),
        (F.grid_sample(x, grid, align_corners=True), F.grid_sample(X, GRID, align_corners=True)),
    ):
        assert y.dtype == rl.float16
        np.testing.assert_allclose(y.double().numpy(), wide.numpy(), 0.01, 0.02)


def test_bytes_keep_their_dtype_in_nearest_modes() -> None:
    x = rl.tensor([[[[3, 250]]]], dtype=rl.uint8)
    for mode in ("nearest", "nearest-exact"):
        y = F.interpolate(x, scale_factor=2, mode=mode)
        assert y.dtype == rl.uint8 and y[0, 0, 0].tolist() == [3, 3, 250, 250]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("size", [(5, 4), (16, 4), (31, 3)])
@pytest.mark.parametrize(
    "scale", [(1.15, 1.15), (1.0, 1.2), (1.3, 1.0), (2.15, 1.3), (1.3, 2.2), (0.4, 1.1)]
)
def test_the_cells_met_by_scale_are_torchs(
    dtype: str, size: tuple[int, int], scale: tuple[float, float]
) -> None:
    """Where sizes stay or double torch looks at them, not at the scale, in some modes."""
    torch = pytest.importorskip("torch")
    image = normal(2, 3, *size).astype(dtype)
    cases = [("nearest", {}), ("nearest-exact", {}), ("bilinear", {}), ("bicubic", {})]
    cases += [(mode, {"antialias": True}) for mode in ("bilinear", "bicubic")]
    for mode, options in cases:
        y = F.interpolate(rl.tensor(image), scale_factor=scale, mode=mode, **options)
        expected = torch.nn.functional.interpolate(
            torch.from_numpy(image), scale_factor=scale, mode=mode, **options
        )
        tolerance = 1e-5 if dtype == "float32" else 1e-12
        np.testing.assert_allclose(y.numpy(), expected.numpy(), tolerance, tolerance, err_msg=mode)
    for x in (image[:, :, :, 0], image[:, :, None]):  # lines and volumes go by the scale alone
        factors = (scale[0],) if x.ndim == 3 else (1.0, *scale)
        for mode in ("nearest", "nearest-exact"):
            y = F.interpolate(rl.tensor(x), scale_factor=factors, mode=mode)
            expected = torch.nn.functional.interpolate(
                torch.tensor(x), scale_factor=factors, mode=mode
            )
            np.testing.assert_array_equal(y.numpy(), expected.numpy(), err_msg=mode)


def test_unfold_is_a_view() -> None:
    x = rl.zeros(6)
    x.unfold(0, 2, 2)[1] = 7.0
    assert x.tolist() == [0, 0, 7, 7, 0, 0]


@pytest.mark.parametrize("mode", ["bilinear", "bicubic", "nearest"])
@pytest.mark.parametrize("padding_mode", ["zeros", "border", "reflection"])
def test_derivatives_of_grid_sample(mode: str, padding_mode: str) -> None:
    def f(x: Any, grid: Any) -> Any:
        return F.grid_sample(x, grid, mode, padding_mode, align_corners=False)

    grid = rl.cat([1.3 * GRID, -1.3 * GRID, 3.7 * GRID], 1)  # beyond all sides, and far beyond
    inputs = [rl.tensor(normal(1, 2, 4, 5)).requires_grad_(), grid.requires_grad_()]
    assert gradcheck(f, inputs)
    assert gradgradcheck(f, inputs, directions=1)


def test_places_that_are_no_numbers_give_none() -> None:
    grid = GRID.clone()
    grid[0, 1, 1, 0] = float("nan")
    x = X.clone().requires_grad_()
    y = F.grid_sample(x, grid, align_corners=True)
    assert y.isnan().sum() == 2 and y[0, :, 1, 1].isnan().all()
    y.nan_to_num().sum().backward()
    assert x.grad.isfinite().all()
    assert not F.grid_sample(X, grid, padding_mode="border", align_corners=True).isnan().any()


@pytest.mark.parametrize("place", [float("nan"), float("inf"), -float("inf")])
def test_volumes_are_zero_at_places_that_are_no_numbers(place: float) -> None:
    x = rl.tensor(normal(1, 2, 3, 4, 5), requires_grad=True)
    grid = rl.zeros(1, 1, 1, 2, 3, dtype="float64")
    grid[0, 0, 0, 1, 2] = place
    y = F.grid_sample(x, grid, align_corners=False)
    y.sum().backward()
    assert (y[..., 0] != 0).all() and (y[..., 1] == 0).all() and x.grad.isfinite().all()


def test_a_guessed_alignment_warns() -> None:
    for f in (
        lambda: F.grid_sample(X, GRID),
        lambda: F.affine_grid(rl.zeros(1, 2, 3), (1, 1, 2, 2)),
        lambda: F.affine_grid(rl.zeros(1, 2, 3), (1, 1, 1, 2), True),
    ):
        with pytest.warns(UserWarning, match="align_corners"):
            f()


@pytest.mark.parametrize("name", ["upsample", "upsample_nearest", "upsample_bilinear"])
def test_deprecated_names(name: str) -> None:
    options = {"mode": "bilinear", "align_corners": True} if name == "upsample_bilinear" else {}
    with pytest.warns(UserWarning, match=f"{name} is deprecated"):
        y = getattr(F, name)(X, scale_factor=2)
    assert rl.equal(y, F.interpolate(X, scale_factor=2, **options))
    with pytest.warns(UserWarning):
        assert F.upsample(X, 3, mode="bicubic", align_corners=True).shape == (1, 2, 3, 3)
