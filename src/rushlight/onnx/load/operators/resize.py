"""Resizing: which cells of the input an output cell sees, with which weights, along each dim.

ONNX says it dim by dim: a rule from an output cell to a place in the input (`_place`), and a rule
from a place to cells and weights (`_nearest`, `_filtered`). The maps are applied by the op that
interpolation uses, too.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache
from math import floor
from typing import Any, NamedTuple

import numpy as np

from rushlight import functional as F
from rushlight.errors import ShapeError, explain
from rushlight.functional.interpolation import keys, triangle
from rushlight.onnx.load.table import Node, operator
from rushlight.onnx.load.values import as_array, ints
from rushlight.ops.interpolate import Taps, resample
from rushlight.tape import apply, wrap
from rushlight.tensor import Tensor

__all__: list[str] = []

_ROUNDED: dict[str, Callable[[Any], Any]] = {
    "round_prefer_floor": lambda x: np.ceil(x - np.float32(0.5)),
    "round_prefer_ceil": lambda x: np.floor(x + np.float32(0.5)),
    "floor": np.floor,
    "ceil": np.ceil,
}


class Rule(NamedTuple):
    """How output cells see input cells: the attributes of Resize, under its names."""

    mode: str
    place: str  # coordinate_transformation_mode
    nearest: str = "round_prefer_floor"
    cubic: float = -0.75
    exclude: bool = False
    antialias: bool = False


class Line(NamedTuple):
    """One dim: sizes in and out, the factor between them, and the part that is looked at."""

    size: int
    out: int
    scale: float
    start: float = 0.0
    end: float = 1.0


# ---- one dim


def _place(rule: Rule, line: Line, dtype: Any) -> Any:
    """Return the place in the input of each output cell."""
    cells, half = np.arange(line.out, dtype=dtype), dtype(0.5)
    n, out, scale = line.size, line.out, dtype(line.scale)
    mode = rule.place
    if mode == "half_pixel" or (mode == "pytorch_half_pixel" and out > 1):
        return (cells + half) / scale - half
    if mode == "pytorch_half_pixel":
        return np.zeros(out, dtype)
    if mode == "asymmetric":
        return cells / scale
    if mode == "tf_half_pixel_for_nn":
        return (cells + half) / scale
    if mode == "align_corners":
        return cells * dtype(n - 1) / dtype(max(out - 1, 1))
    if mode == "half_pixel_symmetric":
        offset = dtype(n / 2) * (1 - dtype(out) / (scale * dtype(n)))
        return offset + (cells + half) / scale - half
    if out == 1:  # tf_crop_and_resize
        return np.full(1, 0.5 * (line.start + line.end) * (n - 1), dtype)
    step = (line.end - line.start) * (n - 1) / (out - 1)
    return dtype(line.start * (n - 1)) + cells * dtype(step)


_FILTERS: dict[str, tuple[Callable[[Any, float], Any], int]] = {  # the filter and its reach
    "linear": (lambda x, a: triangle(x), 1),
    "cubic": (keys, 2),
}


@lru_cache(maxsize=256)
def _taps(rule: Rule, line: Line, dtype: Any) -> Taps:
    rows = np.arange(line.out)
    if rule.mode == "nearest":
        places = _ROUNDED[rule.nearest](_place(rule, line, np.float32))
        cols = np.clip(places, 0, line.size - 1).astype(np.int64)
        return Taps(rows, cols, None, line.out, line.size)
    weigh, reach = _FILTERS[rule.mode]
    places = _place(rule, line, np.float64)
    shrink = min(line.scale, 1.0) if rule.antialias else 1.0
    if not rule.antialias and rule.mode == "linear":
        places = np.clip(places, 0, line.size - 1)
    wide = int(np.ceil(reach / shrink))
    cols = np.floor(places).astype(np.int64) + np.arange(1 - wide, wide + 1)[:, None]  # (K, out)
    weights = weigh((cols - places) * shrink, rule.cubic)
    inner = np.clip(cols, 0, line.size - 1)
    if rule.exclude:
        weights = np.where(inner == cols, weights, 0.0)
    if rule.exclude or rule.antialias:
        weights = weights / weights.sum(0)
    rows = np.broadcast_to(rows, cols.shape).ravel()
    return Taps(rows, inner.ravel(), weights.ravel().astype(dtype), line.out, line.size)


def _beyond(line: Line) -> Any:
    """Tell which output cells of tf_crop_and_resize lie outside of the input."""
    places = _place(Rule("linear", "tf_crop_and_resize"), line, np.float64)
    return (places < 0) | (places > line.size - 1)


# ---- all dims


def _resized(node: Node, x: Tensor, rule: Rule, lines: Sequence[Line], outside: float) -> Tensor:
    """Resize a tensor whose dims are `lines`; `outside` fills what tf_crop_and_resize misses."""
    sizes = tuple(line.out for line in lines)
    if any(0 in (n, out) and n != out for n, out in zip(x.shape, sizes, strict=True)):
        got, expected = f"input {x.shape} to sizes {sizes}", "no size 0 but those that stay"
        raise ShapeError(explain(f"{node.op} ({node.name})", got=got, expected=expected))
    dtype = np.dtype(np.float64 if x.dtype == np.float64 else np.float32)
    crop = rule.place == "tf_crop_and_resize"
    same = [line == Line(line.size, line.size, 1.0) for line in lines]
    maps = tuple(
        None if kept else _taps(rule, line, dtype) for line, kept in zip(lines, same, strict=True)
    )
    weighed = rule.mode != "nearest" and x.dtype.kind != "f"
    image = x.to(np.float32) if weighed else x
    if x.ndim > 2 and maps[0] is None and maps[1] is None:
        y = apply(resample, (image,), {"maps": maps[2:]})
    else:
        y = apply(resample, (F.reshape(image, (1, 1, *x.shape)),), {"maps": maps})
        y = F.reshape(y, y.shape[2:])
    if crop:
        masks = [_beyond(line) for line in lines]
        missed: Any = np.zeros(y.shape, np.bool_)
        for axis, mask in enumerate(masks):
            missed |= mask.reshape(-1, *[1] * (y.ndim - axis - 1))
        y = F.where(wrap(missed), outside, y)
    return y.to(x.dtype)


def _given(value: Any) -> Any:
    """Return an input as an array; None for one that is left out or empty, as files have it."""
    if value is None:
        return None
    array = as_array(value)
    return array if array.size else None


def _length(size: int, scale: Any, part: float = 1.0) -> int:
    """In float32, as the shapes of files are worked out."""
    return floor(np.float32(size) * np.float32(part) * np.float32(scale))


def _wrong(node: Node, got: object, expected: object) -> ValueError:
    return ValueError(explain(f"{node.op} ({node.name})", got=got, expected=expected))


def _scaled(node: Node, x: Tensor, scales: Any) -> Tensor:
    """Upsample, and Resize of version 10: cell o sees the place o / scale."""
    mode = node.get("mode", "nearest")
    mode = "linear" if mode == "bilinear" else mode
    if mode not in ("nearest", "linear"):
        raise _wrong(node, f"mode={mode!r}", "'nearest' or 'linear'")
    scales = [float(s) for s in np.asarray(scales).reshape(-1)]
    if len(scales) != x.ndim or min(scales) <= 0:
        raise _wrong(node, f"scales {scales} for {x.ndim} dims", "a number > 0 for each dim")
    lines = [Line(n, _length(n, s), s) for n, s in zip(x.shape, scales, strict=True)]
    return _resized(node, x, Rule(mode, "asymmetric", "floor"), lines, 0.0)


@operator("Upsample")
def _upsample_images(node: Node, x: Tensor) -> Tensor:
    return _scaled(node, x, [1.0, 1.0, node["height_scale"], node["width_scale"]])


@operator("Upsample", since=7)
def _upsample_by_attribute(node: Node, x: Tensor) -> Tensor:
    return _scaled(node, x, node["scales"])


@operator("Upsample", since=9)
@operator("Resize", since=10)
def _upsample(node: Node, x: Tensor, scales: Any) -> Tensor:
    return _scaled(node, x, as_array(scales))


_PLACES = (
    "half_pixel",
    "pytorch_half_pixel",
    "align_corners",
    "asymmetric",
    "half_pixel_symmetric",
    "tf_half_pixel_for_nn",
    "tf_crop_and_resize",
)


def _rule(node: Node) -> Rule:
    rule = Rule(
        node.get("mode", "nearest"),
        node.get("coordinate_transformation_mode", "half_pixel"),
        node.get("nearest_mode", "round_prefer_floor"),
        float(node.get("cubic_coeff_a", -0.75)),
        bool(node.get("exclude_outside", 0)),
        bool(node.get("antialias", 0)) and node.get("mode", "nearest") != "nearest",
    )
    known = (
        ("mode", rule.mode, ("nearest", *_FILTERS)),
        ("coordinate_transformation_mode", rule.place, _PLACES),
        ("nearest_mode", rule.nearest, tuple(_ROUNDED)),
    )
    for name, value, values in known:
        if value not in values:
            raise _wrong(node, f"{name}={value!r}", values)
    return rule


@operator("Resize", since=11)
def _resize(
    node: Node, x: Tensor, roi: Any = None, scales: Any = None, sizes: Any = None
) -> Tensor:
    rule = _rule(node)
    axes = [a % x.ndim for a in node.get("axes") or range(x.ndim)]
    scales, sizes, part = _given(scales), _given(sizes), _given(roi)
    if (scales is None) == (sizes is None):
        raise _wrong(node, "both or none of scales and sizes", "one of them")
    crop = rule.place == "tf_crop_and_resize"
    if crop and (part is None or part.size != 2 * len(axes)):
        raise _wrong(
            node, "tf_crop_and_resize without its roi", f"a roi of {2 * len(axes)} numbers"
        )
    said = scales if sizes is None else sizes
    if len(said) != len(axes):
        name = "scales" if sizes is None else "sizes"
        raise _wrong(node, f"{len(said)} {name} for {len(axes)} dims", "one for each")
    starts, ends = part.reshape(2, -1).tolist() if crop else ([0.0] * len(axes), [1.0] * len(axes))
    parts = [e - s for s, e in zip(starts, ends, strict=True)]
    lines = [Line(n, n, 1.0) for n in x.shape]
    targets = _targets(node, x, axes, scales, sizes, parts)
    for axis, (out, scale), start, end in zip(axes, targets, starts, ends, strict=True):
        lines[axis] = Line(x.shape[axis], out, scale, start, end)
    return _resized(node, x, rule, lines, float(node.get("extrapolation_value", 0.0)))


def _targets(
    node: Node, x: Tensor, axes: Sequence[int], scales: Any, sizes: Any, parts: Sequence[float]
) -> list[tuple[int, float]]:
    """Return the size of the output and the factor of each of the axes."""
    given = [x.shape[a] for a in axes]
    if sizes is None:
        factors = [float(s) for s in scales]
        if min(factors) <= 0:
            raise _wrong(node, f"scales {factors}", "numbers > 0")
        return [(_length(*args), args[1]) for args in zip(given, factors, parts, strict=True)]
    wanted, policy = ints(sizes), node.get("keep_aspect_ratio_policy", "stretch")
    ratios = [out / max(n, 1) for out, n in zip(wanted, given, strict=True)]
    if policy == "stretch":
        return list(zip(wanted, ratios, strict=True))
    if policy not in ("not_larger", "not_smaller"):
        known = "'stretch', 'not_larger' or 'not_smaller'"
        raise _wrong(node, f"keep_aspect_ratio_policy={policy!r}", known)
    ratio = min(ratios) if policy == "not_larger" else max(ratios)
    return [(floor(ratio * n + 0.5), ratio) for n in given]
