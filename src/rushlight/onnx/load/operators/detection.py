"""Regions and boxes: pools of regions of interest, and the choice among boxes that overlap.

The regions are constants for the gradients, as elsewhere: these flow to the images alone.
"""

from __future__ import annotations

from functools import reduce
from itertools import product
from typing import Any

import numpy as np

from rushlight import functional as F
from rushlight.arrays import Array
from rushlight.errors import ShapeError, explain
from rushlight.functional.grid import Side, blend
from rushlight.onnx.load.operators.sampling import between
from rushlight.onnx.load.table import Node, operator
from rushlight.onnx.load.values import as_array, scalar
from rushlight.tape import wrap
from rushlight.tensor import Tensor

__all__: list[str] = []


def _wrong(node: Node, got: object, expected: object) -> ShapeError:
    return ShapeError(explain(f"{node.op} ({node.name})", got=got, expected=expected))


# ---- means and maxima of samples


@operator("RoiAlign", since=10)
def _roi_align_old(node: Node, x: Tensor, rois: Any, images: Any) -> Tensor:
    return _aligned(node, x, as_array(rois), as_array(images), 0.0)


@operator("RoiAlign", since=16)
def _roi_align(node: Node, x: Tensor, rois: Any, images: Any) -> Tensor:
    mode = node.get("coordinate_transformation_mode", "half_pixel")
    if mode not in ("half_pixel", "output_half_pixel"):
        got = f"coordinate_transformation_mode={mode!r}"
        raise _wrong(node, got, "'half_pixel' or 'output_half_pixel'")
    return _aligned(node, x, as_array(rois), as_array(images), 0.5 * (mode == "half_pixel"))


def _aligned(node: Node, x: Tensor, rois: Array, images: Array, shift: float) -> Tensor:
    """(N, C, H, W), (R, 4) of x1, y1, x2, y2, (R) -> (R, C, H', W')"""
    if x.ndim != 4 or rois.ndim != 2 or rois.shape[1] != 4 or images.shape != rois.shape[:1]:
        got = f"input {x.shape}, rois {rois.shape}, batch_indices {images.shape}"
        raise _wrong(node, got, "(N, C, H, W), (R, 4), (R)")
    if len(images) and not (images.min() >= 0 and images.max() < len(x)):
        raise _wrong(node, f"batch_indices {images.min()} to {images.max()}", f"0 to {len(x) - 1}")
    out = int(node.get("output_height", 1)), int(node.get("output_width", 1))
    corners = rois.astype(np.float64) * float(node.get("spatial_scale", 1.0)) - shift
    start, extent = corners[:, 1::-1], corners[:, :1:-1] - corners[:, 1::-1]  # (R, 2): y, x
    if not shift:  # regions as small as a cell were widened before shifts came
        extent = np.maximum(extent, 1.0)
    ratio = int(node.get("sampling_ratio", 0))
    counts = np.full(extent.shape, ratio) if ratio > 0 else np.ceil(extent / out).astype(int)
    counts = np.maximum(counts, 1)
    found, order = [], []
    keys = np.column_stack([images, counts])
    for key in np.unique(keys, axis=0):  # regions of one image, with as many samples each
        chosen = np.flatnonzero((keys == key).all(1))
        image = x[int(key[0]) : int(key[0]) + 1]
        found.append(_pooled(node, image, start[chosen], extent[chosen], out, key[1:]))
        order.append(chosen)
    if not found:
        return F.zeros((0, x.shape[1], *out), dtype=x.dtype)
    return F.index_select(F.cat(found, 0), 0, wrap(np.argsort(np.concatenate(order))))


def _pooled(
    node: Node, image: Tensor, start: Array, extent: Array, out: tuple[int, int], counts: Array
) -> Tensor:
    """Pool regions of one image (1, C, H, W) -> (R, C, H', W'), `counts` samples per cell."""
    lines, within = [], []
    for i in range(2):
        bins = np.arange(out[i] * counts[i]).reshape(out[i], counts[i]) + 0.5
        line = start[:, i, None, None] + bins * (extent[:, i, None, None] / (out[i] * counts[i]))
        lines.append(line)
        within.append((line >= -1.0) & (line <= image.shape[2 + i]))
    shape = (len(start), out[0], counts[0], out[1], counts[1])  # (R, H', h, W', w)
    spread = [(..., None, None), (slice(None), None, None)]
    sides = []
    for i, at in enumerate(spread):
        place = np.clip(lines[i], 0.0, image.shape[2 + i] - 1.0)
        flat = np.broadcast_to(place[at], shape).reshape(1, -1).astype(image.dtype)
        sides.append(between(wrap(flat), image.shape[2 + i]))
    inside = (within[0][spread[0]] & within[1][spread[1]]).astype(image.dtype)
    if node.get("mode", "avg") == "max":
        # the maximum is taken of the weighted cells, four for each sample, as ONNX's tests have it
        parts = [
            blend(image, [_one(side, k) for side, k in zip(sides, corner, strict=True)], shape)
            for corner in product(range(2), repeat=2)
        ]
        pooled = F.amax(reduce(F.maximum, parts) * wrap(inside), (4, 6))
    else:
        pooled = F.mean(blend(image, sides, shape) * wrap(inside), (4, 6))
    return F.transpose(F.squeeze(pooled, 0), 0, 1)


def _one(side: Side, k: int) -> Side:
    return side[0][k : k + 1], side[1][k : k + 1]


# ---- maxima of cells


def _rounded(x: Array) -> Array:
    """Round halves away from 0."""
    return np.copysign(np.floor(abs(x) + 0.5), x).astype(np.int64)


@operator("MaxRoiPool")
def _max_roi_pool(node: Node, x: Tensor, rois: Any) -> Tensor:
    """(N, C, H, W), (R, 5) of image, x1, y1, x2, y2 -> (R, C, H', W'); 0 where there is no cell"""
    boxes = as_array(rois)
    if x.ndim != 4 or boxes.ndim != 2 or boxes.shape[1] != 5:
        raise _wrong(node, f"input {x.shape}, rois {boxes.shape}", "(N, C, H, W), (R, 5)")
    out, (height, width) = tuple(node["pooled_shape"]), x.shape[2:]
    scale = np.asarray(node.get("spatial_scale", 1.0), boxes.dtype)  # halves are of this dtype
    corners = _rounded(boxes[:, 1:] * scale)
    found = []
    for image, (left, top, right, bottom) in zip(
        boxes[:, 0].astype(np.int64).tolist(), corners.tolist(), strict=True
    ):
        if not 0 <= image < len(x):
            raise _wrong(node, f"a region of image {image}", f"0 to {len(x) - 1}")
        right, bottom = max(right, left), max(bottom, top)
        sides = (-left, right + 1 - width, -top, bottom + 1 - height)  # cut, or filled with -inf
        region = F.pad(x[image : image + 1], sides, value=float("-inf"))
        pooled = F.adaptive_max_pool2d(region, out)
        found.append(F.where(pooled == float("-inf"), 0.0, pooled))
    return F.cat(found, 0) if found else F.zeros((0, x.shape[1], *out), dtype=x.dtype)


# ---- boxes


@operator("NonMaxSuppression", since=10)
def _non_max_suppression(
    node: Node,
    boxes: Any,
    scores: Any,
    most: Any = None,
    iou_threshold: Any = None,
    score_threshold: Any = None,
) -> Tensor:
    """(N, S, 4), (N, C, S) -> (K, 3) of image, class and box: by score, those that stand alone"""
    b, s = as_array(boxes), as_array(scores)
    if b.ndim != 3 or s.ndim != 3 or b.shape[2] != 4 or (s.shape[0], s.shape[2]) != b.shape[:2]:
        raise _wrong(node, f"boxes {b.shape}, scores {s.shape}", "(N, S, 4), (N, C, S)")
    limit, overlap = int(scalar(most, 0)), float(scalar(iou_threshold, 0.0))
    found = []
    for image in range(s.shape[0]):
        corners = _corners(b[image], bool(node.get("center_point_box", 0)))
        for label in range(s.shape[1]):
            order = np.argsort(-s[image, label], kind="stable")
            if score_threshold is not None:
                order = order[s[image, label, order] >= scalar(score_threshold)]
            chosen = _standing(corners, order, overlap, limit)
            found += [(image, label, box) for box in chosen]
    return wrap(np.array(found, np.int64).reshape(-1, 3))


def _corners(boxes: Array, centred: bool) -> Array:
    """Return low and high corners: (S, 2, 2)."""
    if centred:
        half = boxes[:, 2:] / 2
        return np.stack([boxes[:, :2] - half, boxes[:, :2] + half], 1)
    return np.sort(boxes.reshape(-1, 2, 2), axis=1)


def _standing(corners: Array, order: Array, overlap: float, limit: int) -> list[int]:
    """Return the boxes, best first, that overlap no better one by more than `overlap`."""
    areas = (corners[:, 1] - corners[:, 0]).prod(1)
    chosen: list[int] = []
    while len(order) and len(chosen) < limit:
        best, order = order[0], order[1:]
        chosen.append(int(best))
        low = np.maximum(corners[best, 0], corners[order, 0])
        high = np.minimum(corners[best, 1], corners[order, 1])
        common = np.maximum(high - low, 0).prod(1)
        union = areas[best] + areas[order] - common
        order = order[~(common > overlap * union)]
    return chosen
