"""Sampling and regions of ONNX beside onnxruntime's; gradients; errors."""

from itertools import product

import numpy as np
import pytest
from tests.onnx.load.cases import Case, agree, case, check_gradient, integers, normal, run

pytest.importorskip("onnx")

X, VOLUME = normal(2, 3, 5, 6), normal(1, 2, 3, 4, 5)
GRID = (np.random.default_rng(0).random((2, 4, 3, 2)) * 2.6 - 1.3).astype(np.float32)
PLACES = (np.random.default_rng(1).random((1, 2, 3, 2, 3)) * 2.6 - 1.3).astype(np.float32)
ROIS = np.array([[0, 0, 5, 4], [1.3, 0.7, 2.1, 3.9], [-1, 2, 9, 9], [2, 2, 2, 2]], np.float32)
IMAGES = integers(1, 0, 1, 0)
FIELDS = np.array([[0, 0, 0, 4, 3], [1, 2, 1, 5, 4], [1, 3, 3, 2, 2]], np.float32)

CASES = [
    *[
        case("GridSample", 16, X, GRID, mode=mode, padding_mode=padding, align_corners=align)
        for mode, padding, align in product(
            ("bilinear", "nearest", "bicubic"), ("zeros", "border", "reflection"), (0, 1)
        )
    ],
    *[
        case("GridSample", 20, VOLUME, PLACES, mode=mode, padding_mode=padding)
        for mode, padding in product(("linear", "nearest"), ("zeros", "border"))
    ],
    *[
        case("RoiAlign", version, X, ROIS, IMAGES, output_height=2, output_width=3, **more)
        for version, more in (
            (10, {}),
            (10, {"sampling_ratio": 2, "spatial_scale": 0.6}),
            (16, {"sampling_ratio": 3}),
            (16, {"coordinate_transformation_mode": "output_half_pixel"}),
            (16, {"mode": "max", "sampling_ratio": 2}),
        )
    ],
    *[case("MaxRoiPool", 1, X, FIELDS, pooled_shape=[2, 2], spatial_scale=s) for s in (1.0, 0.7)],
    *[
        case("DepthToSpace", 13, normal(2, 8, 3, 2), blocksize=2, mode=mode)
        for mode in ("DCR", "CRD")
    ],
    case("SpaceToDepth", 13, normal(2, 2, 4, 6), blocksize=2),
    *[
        case("AffineGrid", 20, normal(2, d, d + 1), integers(2, 1, *(3, 4, 5)[:d]), align_corners=a)
        for d, a in product((2, 3), (0, 1))
    ],
]


@pytest.mark.parametrize("node", CASES, ids=str)
def test_agrees_with_onnxruntime(node: Case) -> None:
    agree(node)


@pytest.mark.parametrize(
    "node, wanted",
    [
        (case("GridSample", 20, X[:1], GRID[:1], mode="linear"), (0, 1)),
        (case("RoiAlign", 16, X, ROIS, IMAGES, output_height=2, output_width=2), (0,)),
        (case("RoiAlign", 16, X, ROIS, IMAGES, output_height=2, mode="max"), (0,)),
        (case("MaxRoiPool", 1, X, FIELDS, pooled_shape=[2, 2]), (0,)),
    ],
    ids=str,
)
def test_gradients(node: Case, wanted: tuple[int, ...]) -> None:
    check_gradient(node, wanted)


def test_a_line_is_sampled_like_an_image_of_one_row() -> None:
    line, places = normal(2, 3, 7), GRID[..., 0].reshape(2, 12, 1).copy()
    rows = np.stack([places, np.zeros_like(places)], -1).reshape(2, 1, 12, 2)
    for mode in ("linear", "nearest", "cubic"):
        found = run(case("GridSample", 20, line, places, mode=mode))[0].numpy()
        wanted = run(case("GridSample", 20, line[:, :, None], rows, mode=mode))[0].numpy()
        np.testing.assert_allclose(found, wanted[:, :, 0], rtol=1e-6)


# ---- deformable convolution


OFFSET, FACTOR = normal(1, 2 * 2 * 6, 3, 5) * 0.7, abs(normal(1, 2 * 6, 3, 5))


def test_a_convolution_that_is_not_moved_is_a_plain_one() -> None:
    x, w, b = normal(2, 4, 6, 7), normal(6, 2, 3, 2), normal(6)
    where = {"pads": [1, 0, 2, 1], "strides": [2, 1], "dilations": [1, 2], "group": 2}
    plain = run(case("Conv", 11, x, w, b, **where))[0].numpy()
    zeros = np.zeros((2, 2 * 2 * 6, *plain.shape[2:]), np.float32)
    halves = np.full((2, 2 * 6, *plain.shape[2:]), 0.5, np.float32)
    moved = run(case("DeformConv", 19, x, w, zeros, b, offset_group=2, **where))[0].numpy()
    np.testing.assert_allclose(moved, plain, rtol=1e-4, atol=1e-5)
    inputs = (x, w, zeros, None, halves)
    half = run(case("DeformConv", 22, *inputs, offset_group=2, **where))[0].numpy()
    np.testing.assert_allclose(half, (plain - b.reshape(-1, 1, 1)) / 2, rtol=1e-4, atol=1e-5)


def test_whole_steps_move_the_taps() -> None:
    x, w = normal(1, 2, 6, 6), normal(3, 2, 2, 2)
    offset = np.zeros((1, 8, 5, 5), np.float32)
    offset[:, 0::2] = 1.0  # every tap one row down
    found = run(case("DeformConv", 19, x, w, offset))[0].numpy()
    below = np.concatenate([x[:, :, 1:], np.zeros((1, 2, 1, 6), np.float32)], 2)
    np.testing.assert_allclose(
        found, run(case("Conv", 11, below, w))[0].numpy(), rtol=1e-4, atol=1e-5
    )


def test_gradients_of_moved_taps() -> None:
    x, w = normal(1, 4, 4, 6), normal(2, 2, 2, 3)
    more = {"group": 2, "offset_group": 2, "pads": [0, 0, 0, 1]}
    check_gradient(case("DeformConv", 19, x, w, OFFSET, normal(2), FACTOR, **more))


# ---- boxes


def test_boxes_beside_onnxruntimes() -> None:
    generator = np.random.default_rng(0)
    corners = generator.random((2, 30, 4)).astype(np.float32)
    scores = generator.random((2, 3, 30)).astype(np.float32)
    limits = integers(7), np.array([0.3], np.float32), np.array([0.2], np.float32)
    for centred in (0, 1):
        agree(case("NonMaxSuppression", 11, corners, scores, *limits, center_point_box=centred))
        agree(case("NonMaxSuppression", 10, corners, scores, limits[0], center_point_box=centred))
    nothing = run(case("NonMaxSuppression", 11, corners, scores))[0]
    assert nothing.shape == (0, 3) and nothing.dtype == np.int64


def test_no_regions_give_no_pools() -> None:
    none, of = np.zeros((0, 4), np.float32), np.zeros(0, np.int64)
    assert run(case("RoiAlign", 16, X, none, of, output_width=4))[0].shape == (0, 3, 1, 4)
    fields = np.zeros((0, 5), np.float32)
    assert run(case("MaxRoiPool", 1, X, fields, pooled_shape=[2, 3]))[0].shape == (0, 3, 2, 3)


@pytest.mark.parametrize(
    "node, message",
    [
        (case("GridSample", 20, X, GRID, mode="area"), "mode='area'"),
        (case("RoiAlign", 16, X, ROIS, integers(0, 1, 2, 0)), "batch_indices 0 to 2"),
        (case("RoiAlign", 16, X, ROIS, integers(0)), r"batch_indices \(1,\)"),
        (case("MaxRoiPool", 1, X, ROIS, pooled_shape=[1, 1]), r"rois \(4, 4\)"),
        (case("MaxRoiPool", 1, X, FIELDS + 5, pooled_shape=[1, 1]), "a region of image 5"),
        (case("NonMaxSuppression", 11, normal(1, 3, 4), normal(1, 1, 4)), r"scores \(1, 1, 4\)"),
        (
            case("DeformConv", 19, X, normal(2, 3, 2, 2), normal(2, 4, 4, 5)),
            r"offset \(2, 8, 4, 5\)",
        ),
        (
            case("DeformConv", 19, X, normal(2, 2, 2, 2), normal(2, 8, 4, 5)),
            "channels that group=1",
        ),
        (case("DepthToSpace", 13, X, blocksize=2), r"\(N, C \* 4, H, W\)"),
        (case("SpaceToDepth", 13, X, blocksize=2), "sizes that 2 divides"),
        (case("DepthToSpace", 13, X, blocksize=1, mode="ABC"), "mode='ABC'"),
    ],
    ids=str,
)
def test_what_does_not_fit_is_refused(node: Case, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        run(node)
