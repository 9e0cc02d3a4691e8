"""Resizing and sampling of images: Resize where that has the same weights, else one product for
each dim; GridSample."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from rushlight.functional.interpolation import cubic_weights
from rushlight.graph import Node
from rushlight.onnx.export.pieces import known
from rushlight.onnx.export.separable import mixed
from rushlight.onnx.export.table import Inexpressible, row
from rushlight.onnx.export.writer import Writer
from rushlight.ops.interpolate import Rule, Taps

__all__: list[str] = []


class _Resize(NamedTuple):
    """Resize's attributes for a mode."""

    mode: str
    coordinate_transformation_mode: str
    nearest_mode: str = "floor"
    cubic_coeff_a: float = -0.75

    def attributes(self) -> dict[str, Any]:
        """Return those that the mode takes."""
        found: dict[str, Any] = self._asdict()
        if self.mode != "nearest":
            del found["nearest_mode"]
        if self.mode != "cubic":
            del found["cubic_coeff_a"]
        return found


def _resizing(rules: list[Rule | None]) -> _Resize | None:
    """Return what resizes by all the rules; None where nothing does."""
    kinds = {None if r is None else (r.mode, r.align_corners, r.antialias) for r in rules}
    kind = kinds.pop()
    if kinds or kind is None or kind[2]:
        return None
    if kind[0] == "nearest":
        return _Resize("nearest", "asymmetric")
    if kind[0] == "nearest-exact":
        return _Resize("nearest", "half_pixel", "round_prefer_ceil")
    place = "align_corners" if kind[1] else "half_pixel"
    return _Resize("cubic" if kind[0] == "bicubic" else "linear", place)


@row("resample")
def resample(to: Writer, node: Node) -> str:
    """Maps of single dims, or where sizes may change, the rules that they are made of"""
    maps = {axis: m for axis, m in enumerate(node.options["maps"], 2) if m is not None}
    if not maps:
        return to.add("Identity", [to.read(node.inputs[0])])
    rules = [m if isinstance(m, Rule) else m.rule for m in maps.values()]
    how = _resizing(rules)
    factors = [None if r is None else r.factor for r in rules]
    by_factor = None not in factors
    if not any(isinstance(m, Rule) for m in maps.values()):
        given = factors if by_factor else [None] * len(maps)
        pairs = zip(maps.values(), given, strict=True)
        if how is None or not all(_same(taps, how, factor) for taps, factor in pairs):
            return _products(to, node, maps)
    elif how is None:
        raise Inexpressible("a filter with antialias of sizes that may change")
    elif not by_factor and any(f is not None and f != int(f) for f in factors):
        raise Inexpressible(f"factors {factors} and sizes that may change")
    assert how is not None
    attributes = {**how.attributes(), "axes": list(maps)}
    x = to.read(node.inputs[0])
    if by_factor:
        scales = to.constant(factors, np.float32)
        return to.add("Resize", [x, "", scales], **attributes)
    sizes = to.sizes([node.outputs[0].shape[axis] for axis in maps])
    return to.add("Resize", [x, "", "", sizes], **attributes)


# ---- the same as matrices


def _matrix(taps: Taps, dtype: Any) -> Any:
    """Return the map of a dim as a matrix (size_out, size_in)."""
    rows, cols, weights = taps.entries
    dense = np.zeros((taps.size_out, taps.size_in), dtype)
    np.add.at(dense, (rows, cols), 1 if weights is None else weights)
    return dense


def _same(taps: Taps, how: _Resize, factor: float | None) -> bool:
    """Tell whether Resize gives a map, computed in float32 as runtimes do."""
    n, out = taps.size_in, taps.size_out
    scale = np.float32(out / n if factor is None else factor)
    if factor is not None and int(np.float32(n) * scale) != out:
        return False
    return np.allclose(_resized(how, n, out, scale), _matrix(taps, np.float64), 0, 4e-6)


def _resized(how: _Resize, n: int, out: int, scale: Any) -> Any:
    """Return the matrix (out, n) that Resize stands for."""
    cells = np.arange(out, dtype=np.float32)
    if how.coordinate_transformation_mode == "asymmetric":
        spot = cells / scale
    elif how.coordinate_transformation_mode == "half_pixel":
        spot = (cells + np.float32(0.5)) / scale - np.float32(0.5)
    else:
        spot = cells * np.float32(n - 1) / np.float32(max(out - 1, 1))
    first, weights = 0, [np.ones(out)]
    base = np.floor(spot if how.nearest_mode == "floor" else spot + np.float32(0.5))
    if how.mode != "nearest":
        t = spot - base
        weights = cubic_weights(t) if how.mode == "cubic" else [1 - t, t]
        first = -1 if how.mode == "cubic" else 0
    dense = np.zeros((out, n))
    for k, weight in enumerate(weights, first):
        cols = np.clip(base + k, 0, n - 1).astype(np.int64)
        np.add.at(dense, (np.arange(out), cols), weight)
    return dense


def _products(to: Writer, node: Node, maps: dict[int, Taps]) -> str:
    """Each map as a Gather where an output cell is one of the input, else as a product."""
    x, matrices = to.read(node.inputs[0]), []
    for axis, taps in maps.items():
        rows, cols, weights = taps.entries
        if weights is None and np.array_equal(np.sort(rows), np.arange(taps.size_out)):
            x = to.add("Gather", [x, known(to, cols[np.argsort(rows)])], axis=axis)
        else:
            matrices.append((axis, _matrix(taps, node.inputs[0].dtype)))
    return mixed(to, x, matrices, len(node.inputs[0].shape))


# ---- grids


_MODES = {"bilinear": "linear", "nearest": "nearest", "bicubic": "cubic"}


@row("grid_sample")
def grid_sample(to: Writer, node: Node) -> str:
    x, grid = node.inputs
    return to.add(
        "GridSample",
        [to.read(x), to.read(grid)],
        mode=_MODES[node.options["mode"]],
        padding_mode=node.options["padding_mode"],
        align_corners=int(bool(node.options["align_corners"])),
    )
