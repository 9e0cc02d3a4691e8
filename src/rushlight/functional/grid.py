"""Sampling of images at the places of a grid, and grids of affine maps."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from itertools import product
from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np

from rushlight.arrays import Array
from rushlight.errors import DtypeError, ShapeError, explain
from rushlight.functional.dims import expect_tensors, one_int
from rushlight.functional.elementwise import where
from rushlight.functional.interpolation import cubic_weights
from rushlight.functional.products import matmul
from rushlight.functional.shaping import reshape, stack, transpose
from rushlight.ops import grid as ops
from rushlight.tape import apply, quietly, traced, wrap

if TYPE_CHECKING:
    from rushlight.tensor.tensor import Tensor

__all__ = ["affine_grid", "grid_sample"]

_MODES = ("bilinear", "nearest", "bicubic")
_PADDINGS = ("zeros", "border", "reflection")


@traced(2)
def grid_sample(
    input: Tensor,
    grid: Tensor,
    mode: str = "bilinear",
    padding_mode: str = "zeros",
    align_corners: bool | None = None,
) -> Tensor:
    """Return the values of images at places: (N, C, *S), (N, *O, d) -> (N, C, *O), d = 2 or 3.

    Args:
        grid: places in [-1, 1], the last dim in the order x, y(, z): x runs along the last dim of
            the input.
        mode: 'bilinear' (trilinear for d = 3), 'nearest' or 'bicubic' (d = 2); default 'bilinear'.
        padding_mode: what lies outside: 'zeros', 'border' (the nearest cell) or 'reflection'.
        align_corners: let -1 and 1 mean the centres of the corner cells, not their outer edges;
            default False, with a warning where it is not given.

    Raises:
        ValueError: for an unknown mode or padding_mode.
        ShapeError: for shapes that do not go together.
        RuntimeError: for 'bicubic' of volumes.

    Example:
        >>> import rushlight as rl
        >>> x = rl.tensor([[[[1.0, 2.0], [3.0, 4.0]]]])
        >>> places = rl.tensor([[[[-1.0, -1.0], [0.0, 0.0], [1.0, 0.0]]]])
        >>> rl.nn.functional.grid_sample(x, places, align_corners=True)
        tensor([[[[1.0000, 2.5000, 3.0000]]]])
    """
    for name, value, known in (("mode", mode, _MODES), ("padding_mode", padding_mode, _PADDINGS)):
        if value not in known:
            raise ValueError(explain("grid_sample", got=f"{name}={value!r}", expected=known))
    expect_tensors("grid_sample", input, grid)
    align = _aligned("grid_sample", align_corners)
    _check(input._array, grid._array, mode)
    y: Tensor = quietly(_sampled, input, grid, mode, padding_mode, align)
    finite: Array = np.asarray(np.isfinite(grid._array).all(-1))
    if mode == "nearest" or (mode == "bilinear" and padding_mode != "zeros") or finite.all():
        return y
    if input._array.ndim == 5:  # as in torch, volumes are 0 at such places and images are nan
        return y
    return where(wrap(finite[:, None]), y, float("nan"))


def _sampled(input: Tensor, grid: Tensor, mode: str, padding_mode: str, align: bool) -> Tensor:
    dims = input._array.ndim - 2
    n, *out = grid._array.shape[:-1]
    places = reshape(grid, (n, prod(out), dims))
    size = input._array.shape[2:]
    sides = [
        _side(places[:, :, dims - 1 - i], length, mode, padding_mode, align)
        for i, length in enumerate(size)
    ]
    flat, weights = [], []
    for picked in product(*[range(len(cells)) for cells, _ in sides]):
        flat.append(_flat([cells[k] for (cells, _), k in zip(sides, picked, strict=True)], size))
        weight = sides[0][1][picked[0]]
        for (_, factors), k in zip(sides[1:], picked[1:], strict=True):
            weight = weight * factors[k]
        weights.append(weight)
    cells = ops.Cells(np.stack(flat), size, tuple(out))
    return apply(ops.sample, (input, stack(weights)), {"cells": cells})


def _check(x: Array, grid: Array, mode: str) -> None:
    dims = x.ndim - 2
    if dims not in (2, 3) or grid.ndim != x.ndim or grid.shape[-1] != dims:
        raise ShapeError(
            explain(
                "grid_sample",
                got=f"input {x.shape} with grid {grid.shape}",
                expected="(N, C, H, W) with (N, H', W', 2), or (N, C, D, H, W) with "
                "(N, D', H', W', 3)",
            )
        )
    if x.shape[0] != grid.shape[0] or 0 in x.shape[2:]:
        raise ShapeError(
            explain(
                "grid_sample",
                got=f"input {x.shape} with grid {grid.shape}",
                expected="as many images as grids, and images that are not empty",
            )
        )
    if x.dtype != grid.dtype or x.dtype.kind != "f":
        raise DtypeError(
            explain(
                "grid_sample",
                got=f"input of {x.dtype.name} with grid of {grid.dtype.name}",
                expected="one floating dtype",
            )
        )
    if mode == "bicubic" and dims == 3:
        got = f"mode='bicubic' for input {x.shape}"
        raise RuntimeError(explain("grid_sample", got=got, expected="(N, C, H, W)"))


def _aligned(where: str, align_corners: bool | None) -> bool:
    if align_corners is None:
        message = f"{where}: align_corners is not given, so it is False; say which one is meant"
        warnings.warn(message, UserWarning, stacklevel=3)
    return bool(align_corners)


# ---- one dim: which cells a place meets, and with which weights


def _side(
    place: Tensor, size: int, mode: str, padding_mode: str, align: bool
) -> tuple[list[Array], list[Tensor]]:
    """Return the K cells of each place (N, P) along one dim, -1 outside, and the K weights."""
    c = place._array.astype(np.float32) if place._array.dtype == np.float16 else place._array
    spot = (c + 1) / 2 * (size - 1) if align else ((c + 1) * size - 1) / 2
    scale = (size - 1) / 2 if align else size / 2
    slope = np.ones_like(spot)
    if mode != "bicubic":
        spot, slope = _padded(spot, size, padding_mode, align)
    slope = slope * scale
    if mode == "nearest":
        one = _piece(place, np.ones_like(spot), np.zeros_like(spot))  # a gradient of zeros
        return [_inside(np.rint(spot), size)], [one]
    base = np.floor(spot)
    known = np.isfinite(spot)
    t = _piece(place, np.where(known, spot - base, 0), np.where(known, slope, 0))
    if mode == "bilinear":
        return [_inside(base, size), _inside(base + 1, size)], [1 - t, t]
    taps = [_padded(base + k, size, padding_mode, align)[0] for k in (-1, 0, 1, 2)]
    return [_inside(tap, size) for tap in taps], cubic_weights(t)


def _piece(place: Tensor, value: Array, slope: Array) -> Tensor:
    return apply(ops.piece, (place,), {"value": value, "slope": slope})


def _padded(spot: Array, size: int, padding_mode: str, align: bool) -> tuple[Array, Array]:
    """Return where a place lies after padding, and the slope of that."""
    slope = np.ones_like(spot)
    if padding_mode == "zeros":
        return spot, slope
    if padding_mode == "reflection":
        low, span = (0.0, size - 1) if align else (-0.5, size)
        if span == 0:
            return np.zeros_like(spot), np.zeros_like(spot)
        away = spot - low
        sign = np.where(away < 0, -1, 1).astype(spot.dtype)
        turns, rest = np.floor(abs(away) / span), np.fmod(abs(away), span)
        even = turns % 2 == 0
        spot = np.where(even, rest, span - rest) + low
        slope = np.where(even, sign, -sign)
    spot = np.where(np.isnan(spot), 0, spot)
    inner = (spot > 0) & (spot < size - 1)  # at the border the gradient is that of outside
    return np.clip(spot, 0, size - 1), np.where(inner, slope, 0)


def _inside(cell: Array, size: int) -> Array:
    """Return whole numbers as int64, -1 for those outside of the image."""
    within = (cell >= 0) & (cell < size)  # False for nan
    return np.where(within, cell, -1).astype(np.int64)


def _flat(cells: Sequence[Array], size: tuple[int, ...]) -> Array:
    """Return the number of the cell in the plane, -1 where any dim is outside."""
    flat = cells[0]
    for cell, n in zip(cells[1:], size[1:], strict=True):
        flat = np.where((flat < 0) | (cell < 0), -1, flat * n + cell)
    return flat


# ---- grids


def affine_grid(theta: Tensor, size: Sequence[int], align_corners: bool | None = None) -> Tensor:
    """Return the places that affine maps send the cells of images to, for `grid_sample`.

    Args:
        theta: (N, 2, 3) for images or (N, 3, 4) for volumes, rows in the order x, y(, z).
        size: of the output of `grid_sample`, (N, C, H, W) or (N, C, D, H, W).
        align_corners: as for `grid_sample`.

    Returns:
        (N, H, W, 2) or (N, D, H, W, 3)

    Raises:
        ValueError: for theta of another dtype or shape, or sizes that are not above 0.
        NotImplementedError: for another number of sizes.

    Example:
        >>> import rushlight as rl
        >>> theta = rl.tensor([[[1.0, 0.0, 0.5], [0.0, 1.0, 0.0]]])
        >>> rl.nn.functional.affine_grid(theta, (1, 1, 1, 2), align_corners=False)
        tensor([[[[0., 0.],
                  [1., 0.]]]])
    """
    expect_tensors("affine_grid", theta)
    if not isinstance(size, Sequence):
        raise TypeError(explain("affine_grid", got=f"size={size!r}", expected="4 or 5 ints"))
    size = tuple([one_int(n, "affine_grid", "size") for n in size])
    align = _aligned("affine_grid", align_corners)
    dims = len(size) - 2
    if theta._array.dtype.kind != "f":
        got = f"theta of {theta._array.dtype.name}"
        raise ValueError(explain("affine_grid", got=got, expected="a floating dtype"))
    if dims not in (2, 3):
        got = f"size {tuple(size)}"
        raise NotImplementedError(explain("affine_grid", got=got, expected="4 or 5 sizes"))
    if theta._array.shape[1:] != (dims, dims + 1):
        raise ValueError(
            explain(
                "affine_grid",
                got=f"theta {theta.shape} for size {tuple(size)}",
                expected=f"({size[0]}, {dims}, {dims + 1})",
            )
        )
    if theta._array.shape[0] != size[0]:
        got = f"theta {theta.shape} for size {tuple(size)}"
        raise ShapeError(explain("affine_grid", got=got, expected="one map for each image"))
    spatial = tuple(size[2:])
    if align and min(spatial) == 1:
        warnings.warn(
            f"affine_grid: of sizes {spatial} with align_corners=True, those of 1 lie at 0",
            UserWarning,
            stacklevel=2,
        )
    elif min(size) <= 0:
        got = f"size {tuple(size)}"
        raise ValueError(explain("affine_grid", got=got, expected="sizes above 0"))
    lines = [_line(n, align, theta._array.dtype) for n in spatial]
    axes = np.meshgrid(*lines, indexing="ij")[::-1]  # x comes first
    ones = np.ones(spatial, theta._array.dtype)
    base = np.stack([*axes, ones], -1).reshape(-1, dims + 1)  # (prod(O), d + 1)
    places = matmul(wrap(base), transpose(theta, 1, 2))
    return reshape(places, (size[0], *spatial, dims))


def _line(n: int, align: bool, dtype: Any) -> Array:
    """Return the places of the centres of n cells."""
    if n <= 1:
        return np.zeros(n, dtype)
    line = np.linspace(-1, 1, n)
    return (line if align else line * (n - 1) / n).astype(dtype)
