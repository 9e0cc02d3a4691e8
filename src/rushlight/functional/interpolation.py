"""Resizing of images, lines and volumes: which cells an output cell sees, with which weights."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from functools import lru_cache
from math import isfinite
from operator import index
from typing import TYPE_CHECKING, Any

import numpy as np

from rushlight.arrays import Array
from rushlight.errors import DtypeError, ShapeError, explain
from rushlight.functional import pooling
from rushlight.functional.dims import expect_tensors
from rushlight.ops.interpolate import Rule, Taps, resample
from rushlight.tape import apply

if TYPE_CHECKING:
    from rushlight.tensor.tensor import Tensor

__all__ = ["cubic_weights", "interpolate", "upsample", "upsample_bilinear", "upsample_nearest"]

_NEAREST = ("nearest", "nearest-exact", "area")  # without align_corners
_LINEAR = {"linear": 1, "bilinear": 2, "trilinear": 3}  # mode -> spatial dims it takes
_AREA = {
    1: pooling.adaptive_avg_pool1d,
    2: pooling.adaptive_avg_pool2d,
    3: pooling.adaptive_avg_pool3d,
}


def interpolate(
    input: Tensor,
    size: Any = None,
    scale_factor: Any = None,
    mode: str = "nearest",
    align_corners: bool | None = None,
    recompute_scale_factor: bool | None = None,
    antialias: bool = False,
) -> Tensor:
    """Resize (N, C, *S) to (N, C, *O), O = `size` or floor(S * scale_factor).

    Args:
        size: an int, or one for each spatial dim.
        scale_factor: a float, or one for each spatial dim; instead of `size`.
        mode: 'nearest' (the cell floor(o * S / O)), 'nearest-exact' (the cell whose centre is
            nearest), 'area' (mean of the cells), 'linear' (3 dims), 'bilinear' (4), 'trilinear'
            (5), 'bicubic' (4; may overshoot), 'lanczos' (4, with `antialias`).
        align_corners: let the centres of the corner cells coincide, not their outer edges; for the
            linear and cubic modes. Default None, which is False.
        recompute_scale_factor: go by O / S where O was rounded, not by `scale_factor`; default
            None, which is False.
        antialias: widen the filter when the image gets smaller, as Pillow does; 'bilinear',
            'bicubic' and 'lanczos'. Default False.

    Raises:
        ValueError: for arguments that do not go together.
        NotImplementedError: for an unknown mode, one that does not take so many dims, or uint8
            input of another mode than the nearest ones.
        ShapeError: if a size is not above 0.

    Example:
        >>> import rushlight as rl
        >>> x = rl.tensor([[[1.0, 2.0, 4.0]]])
        >>> rl.nn.functional.interpolate(x, scale_factor=2)
        tensor([[[1., 1., 2., 2., 4., 4.]]])
        >>> rl.nn.functional.interpolate(x, size=5, mode="linear", align_corners=True)
        tensor([[[1.0000, 1.5000, 2.0000, 3.0000, 4.0000]]])
    """
    expect_tensors("interpolate", input)
    shape = input._array.shape
    dims = len(shape) - 2
    if align_corners is not None and mode in _NEAREST:
        raise ValueError(
            explain(
                "interpolate",
                got=f"align_corners={align_corners} with mode={mode!r}",
                expected="it with 'linear', 'bilinear', 'trilinear' or 'bicubic'",
            )
        )
    sizes, scales = _target(shape[2:], size, scale_factor, mode == "area", recompute_scale_factor)
    _check_mode(mode, dims, shape, bool(align_corners), antialias)
    if mode == "area":
        return _AREA[dims](input, sizes)
    if 0 in shape[1:] or min(sizes) < 1:
        raise ShapeError(
            explain(
                "interpolate",
                got=f"input {shape} to sizes {sizes}",
                expected="no size 0 but that of the batch",
            )
        )
    dtype = _working(input._array.dtype, mode, dims)
    options = (bool(align_corners), antialias, dtype)
    factors = [
        _factor(mode, dims, antialias, n, o, scale)
        for n, o, scale in zip(shape[2:], sizes, scales, strict=True)
    ]
    maps = tuple(
        None if n == o and factor in (None, 1) else _taps(mode, n, o, factor, *options)
        for n, o, factor in zip(shape[2:], sizes, factors, strict=True)
    )
    return apply(resample, (input,), {"maps": maps})


# ---- arguments


def _target(
    shape: tuple[int, ...], size: Any, scale_factor: Any, area: bool, recompute: bool | None
) -> tuple[tuple[int, ...], tuple[float | None, ...]]:
    """Return the output sizes, and the factors that the maps go by (None: the ratio of sizes)."""
    if (size is None) == (scale_factor is None):
        got = "neither size nor scale_factor" if size is None else "size and scale_factor"
        raise ValueError(explain("interpolate", got=got, expected="one of them"))
    if size is not None:
        if recompute:
            raise ValueError(
                explain(
                    "interpolate",
                    got="recompute_scale_factor=True with a size",
                    expected="it with a scale_factor",
                )
            )
        return _sizes(shape, size), (None,) * len(shape)
    factors = _each("scale_factor", scale_factor, shape)
    if not all(isinstance(f, (int, float, np.number)) for f in factors):
        raise TypeError(
            explain("interpolate", got=f"scale_factor={scale_factor!r}", expected="numbers")
        )
    if not all(map(isfinite, factors)):
        got = f"scale_factor={scale_factor!r}"
        raise ValueError(explain("interpolate", got=got, expected="finite numbers"))
    sizes = tuple(int(n * f) for n, f in zip(shape, factors, strict=True))
    if area or recompute:
        return sizes, (None,) * len(shape)
    return sizes, tuple(float(f) if f > 0 else None for f in factors)


def _each(name: str, value: Any, shape: tuple[int, ...]) -> tuple[Any, ...]:
    if not isinstance(value, (tuple, list)):
        return (value,) * len(shape)
    if len(value) != len(shape):
        raise ValueError(
            explain(
                "interpolate",
                got=f"{name}={value!r} for spatial sizes {shape}",
                expected=f"one number, or {len(shape)}",
            )
        )
    return tuple(value)


def _factor(
    mode: str, dims: int, antialias: bool, n: int, out: int, scale: float | None
) -> float | None:
    """Return the factor that a map goes by; None where torch looks at the sizes instead.

    It leaves a dim of the same size as it is, and doubles images by their sizes.
    """
    flat = mode == "nearest" and dims == 2
    same = n == out and (antialias or mode in _LINEAR or flat)
    return None if same or (flat and out == 2 * n) else scale


def _sizes(shape: tuple[int, ...], size: Any) -> tuple[int, ...]:
    given = _each("size", size, shape)
    try:
        if any(isinstance(n, bool) for n in given):
            raise TypeError
        return tuple(index(n) for n in given)
    except TypeError:
        raise TypeError(explain("interpolate", got=f"size={size!r}", expected="ints")) from None


def _check_mode(
    mode: str, dims: int, shape: tuple[int, ...], align_corners: bool, antialias: bool
) -> None:
    if antialias and not (mode in ("bilinear", "bicubic", "lanczos") and dims == 2):
        raise ValueError(
            explain(
                "interpolate",
                got=f"antialias=True with mode={mode!r} for an input {shape}",
                expected="'bilinear', 'bicubic' or 'lanczos', and (N, C, H, W)",
            )
        )
    takes = {"bicubic": 2, "lanczos": 2, **_LINEAR}.get(mode, dims if mode in _NEAREST else 0)
    if dims not in (1, 2, 3) or takes != dims:
        known = (*_NEAREST, *_LINEAR, "bicubic", "lanczos")
        expected = f"3 to 5 dims and a mode of {known}"
        if dims in (1, 2, 3) and takes:
            expected = f"an input of {takes + 2} dims"
        raise NotImplementedError(
            explain("interpolate", got=f"input {shape} with mode={mode!r}", expected=expected)
        )
    if mode == "lanczos" and (align_corners or not antialias):
        got = f"mode='lanczos', align_corners={align_corners}, antialias={antialias}"
        expected = "align_corners=False and antialias=True"
        raise ValueError(explain("interpolate", got=got, expected=expected))


def _working(dtype: Any, mode: str, dims: int) -> Any:
    """Return the dtype that coordinates and weights are computed in, as in torch."""
    if dtype.kind == "f":
        wide = dtype == np.float64 and not (mode in _NEAREST and dims == 2)
        return np.dtype(np.float64 if wide else np.float32)
    if dtype != np.uint8:
        raise DtypeError(
            explain("interpolate", got=dtype.name, expected="a floating dtype", fix="use .float()")
        )
    if mode not in _NEAREST:
        raise NotImplementedError(
            f"interpolate: mode={mode!r} of uint8 is not supported; use .float() before it and "
            ".round().clamp(0, 255) behind it"
        )
    return np.dtype(np.float32)


# ---- the maps


@lru_cache(maxsize=256)
def _taps(
    mode: str, n: int, out: int, factor: float | None, align: bool, antialias: bool, dtype: Any
) -> Taps:
    """Return the map of one dim from n cells to `out`."""
    scale = _scale(n, out, factor, align, dtype)
    rule = Rule(mode, out, n, factor, align, antialias)
    if antialias:
        return _widened(rule, scale, dtype)
    cells = np.arange(out, dtype=dtype)
    rows = np.arange(out)
    half = dtype.type(0.5)
    if mode in _NEAREST:
        spot = cells * scale if mode == "nearest" else (cells + half) * scale
        cols = np.floor(spot.astype(np.float32)).astype(np.int64)  # rounds up what is nearly whole
        return Taps(rows, np.minimum(cols, n - 1), None, out, n, rule)
    spot = cells * scale if align else (cells + half) * scale - half
    if mode != "bicubic":
        spot = np.maximum(spot, 0)
    base = np.minimum(np.floor(spot).astype(np.int64), n - 1)
    t = np.clip(spot - base.astype(dtype), 0, 1)
    weights = cubic_weights(t) if mode == "bicubic" else [1 - t, t]
    first = -1 if mode == "bicubic" else 0
    cols = np.clip([base + first + k for k in range(len(weights))], 0, n - 1)
    rows = np.tile(rows, len(weights))
    return Taps(rows, cols.ravel(), np.concatenate(weights), out, n, rule)


def _scale(n: int, out: int, factor: float | None, align: bool, dtype: Any) -> Any:
    """Return how far neighbouring output cells lie apart in the input."""
    if align:
        return dtype.type(n - 1) / dtype.type(out - 1) if out > 1 else dtype.type(0)
    return dtype.type(n) / dtype.type(out) if factor is None else dtype.type(1.0 / factor)


def cubic_weights(t: Any) -> list[Any]:
    """Return the weights of the cells -1, 0, 1, 2 for a place t in [0, 1) behind cell 0.

    The cubic convolution of Keys (1981) with a = -0.75; for arrays and Tensors.
    """
    a = -0.75
    u = 1 - t
    outer = [((a * (s + 1) - 5 * a) * (s + 1) + 8 * a) * (s + 1) - 4 * a for s in (t, u)]
    inner = [((a + 2) * s - (a + 3)) * s * s + 1 for s in (t, u)]
    return [outer[0], inner[0], inner[1], outer[1]]


def _triangle(x: Array) -> Array:
    return np.maximum(1 - abs(x), 0)


def _keys(x: Array) -> Array:
    """Pillow's cubic: a = -0.5"""
    a, x = -0.5, abs(x)
    near = ((a + 2) * x - (a + 3)) * x * x + 1
    far = (((x - 5) * x + 8) * x - 4) * a
    return np.where(x < 1, near, np.where(x < 2, far, 0))


def _lanczos(x: Array) -> Array:
    return np.where(abs(x) < 3, np.sinc(x) * np.sinc(x / 3), 0).astype(x.dtype)


_FILTERS: dict[str, tuple[Callable[[Array], Array], int]] = {  # the filter and its width
    "bilinear": (_triangle, 2),
    "bicubic": (_keys, 4),
    "lanczos": (_lanczos, 6),
}


def _widened(rule: Rule, scale: Any, dtype: Any) -> Taps:
    """Return the map whose filter is as wide as an output cell where that is the larger."""
    weigh, width = _FILTERS[rule.mode]
    out, n = rule.size_out, rule.size_in
    half, one = dtype.type(0.5), dtype.type(1)
    wide = max(scale, one)
    support = dtype.type(width) * half * wide
    centre = scale * (np.arange(out, dtype=dtype) + half)
    first = np.maximum((centre - support + half).astype(np.int64), 0)
    count = np.minimum((centre + support + half).astype(np.int64), n) - first
    taps = np.arange(int(count.max()))[:, None]  # (K, out)
    cols = taps + first
    inside = taps < count
    weights = weigh((cols.astype(dtype) - centre + half) * (one / wide))
    weights = np.where(inside, weights, 0)
    weights = weights / weights.sum(0)
    rows = np.broadcast_to(np.arange(out), cols.shape)
    return Taps(rows[inside], cols[inside], weights[inside].astype(dtype), out, n, rule)


# ---- torch's deprecated names


def upsample(
    input: Tensor,
    size: Any = None,
    scale_factor: Any = None,
    mode: str = "nearest",
    align_corners: bool | None = None,
) -> Tensor:
    """Do what `interpolate` does; deprecated, as in torch."""
    _deprecated("upsample")
    return interpolate(input, size, scale_factor, mode, align_corners)


def upsample_nearest(input: Tensor, size: Any = None, scale_factor: Any = None) -> Tensor:
    """Do what `interpolate` does with mode 'nearest'; deprecated, as in torch."""
    _deprecated("upsample_nearest")
    return interpolate(input, size, scale_factor, "nearest")


def upsample_bilinear(input: Tensor, size: Any = None, scale_factor: Any = None) -> Tensor:
    """Do what `interpolate` does with mode 'bilinear' and aligned corners; deprecated."""
    _deprecated("upsample_bilinear")
    return interpolate(input, size, scale_factor, "bilinear", True)


def _deprecated(name: str) -> None:
    message = f"nn.functional.{name} is deprecated; use nn.functional.interpolate"
    warnings.warn(message, UserWarning, stacklevel=3)
